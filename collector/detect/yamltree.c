/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/detect/yamltree.h"

#include <yaml.h>

struct anchor {
	struct slice name;
	const struct ynode *node;
	struct anchor *next;
};
struct reader {
	yaml_parser_t parser;
	struct arena *mem;
	struct err *err;
	struct yaml_place *pl;
	struct anchor *anchors; /* of this document, the last first */
	unsigned n_anchors;
	unsigned nodes; /* of this document */
};

static int fault(struct reader *rd, const yaml_mark_t *at, const char *what)
{
	return err_at(rd->err, (unsigned)at->line + rd->pl->line, (unsigned)at->column + 1,
		      ERR_SYNTAX, "%s", what);
}

static int next_event(struct reader *rd, yaml_event_t *ev)
{
	const yaml_parser_t *p = &rd->parser;

	if (yaml_parser_parse(&rd->parser, ev) != 0)
		return 0;
	if (p->error == YAML_MEMORY_ERROR)
		return err_nomem(rd->err);
	/* A reader error (bytes that are not UTF-8) has an offset and no mark. */
	return err_at(rd->err, (unsigned)p->problem_mark.line + rd->pl->line,
		      (unsigned)p->problem_mark.column + 1, ERR_SYNTAX, "not YAML: %s%s%s",
		      p->problem != NULL ? p->problem : "unreadable",
		      p->context != NULL ? ", " : "", p->context != NULL ? p->context : "");
}

static unsigned max_nodes(const struct reader *rd)
{
	return rd->pl->max_nodes > 0 ? rd->pl->max_nodes : YAML_NODES_MAX;
}

static struct ynode *make(struct reader *rd, enum ynode_kind kind, const yaml_mark_t *at)
{
	struct ynode *n;

	if (++rd->nodes > max_nodes(rd)) {
		err_at(rd->err, (unsigned)at->line + rd->pl->line, (unsigned)at->column + 1,
		       ERR_FULL, "more than %u values in one document", max_nodes(rd));
		return NULL;
	}
	n = arena_alloc(rd->mem, sizeof(*n));
	if (n == NULL) {
		err_nomem(rd->err);
		return NULL;
	}
	*n = (struct ynode){ .kind = kind,
			     .line = (unsigned)at->line + rd->pl->line,
			     .col = (unsigned)at->column + 1 };
	return n;
}

static struct ynode *scalar(struct reader *rd, const yaml_event_t *ev)
{
	struct ynode *n = make(rd, Y_SCALAR, &ev->start_mark);
	struct slice s = { (const char *)ev->data.scalar.value, ev->data.scalar.length };

	if (n == NULL)
		return NULL;
	if (slice_chr(s, '\0') >= 0) {
		fault(rd, &ev->start_mark, "a NUL character in a value");
		return NULL;
	}
	n->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	n->text = arena_copy(rd->mem, s);
	if (n->text.p == NULL) {
		err_nomem(rd->err);
		return NULL;
	}
	return n;
}

/* -- anchors and aliases -------------------------------------------------------------------- */

/* What a name stands for is known when it is whole, so nothing can hold itself. */
static int remember(struct reader *rd, const yaml_event_t *ev, const yaml_char_t *name,
		    const struct ynode *n)
{
	struct anchor *an;

	if (name == NULL)
		return 0;
	if (++rd->n_anchors > YAML_NAMES_MAX)
		return fault(rd, &ev->start_mark, "more than 1000 anchors in one document");
	an = arena_alloc(rd->mem, sizeof(*an));
	if (an == NULL)
		return err_nomem(rd->err);
	*an = (struct anchor){ arena_copy(rd->mem, slice_str((const char *)name)), n, rd->anchors };
	rd->anchors = an;
	return an->name.p != NULL ? 0 : err_nomem(rd->err);
}

static unsigned height(const struct ynode *n)
{
	unsigned most = 0;

	for (const struct ynode *it = n->first; it != NULL; it = it->next) {
		unsigned h = height(it) + 1;

		most = h > most ? h : most;
	}
	return most;
}

/* A copy, since a node has one parent. It keeps the places of what was written once; what is wrong
 * in it is to be mended there. */
static struct ynode *copy(struct reader *rd, const struct ynode *n, const yaml_mark_t *at)
{
	struct ynode *own, **tail;

	if (rd->pl->copies >= max_nodes(rd)) {
		err_at(rd->err, (unsigned)at->line + rd->pl->line, (unsigned)at->column + 1,
		       ERR_FULL, "aliases (*name) that stand for more than %u values in one file",
		       max_nodes(rd));
		return NULL;
	}
	rd->pl->copies++;
	own = make(rd, n->kind, at);
	if (own == NULL)
		return NULL;
	*own = *n;
	own->key = own->first = own->next = NULL;
	if (n->key != NULL && (own->key = copy(rd, n->key, at)) == NULL)
		return NULL;
	tail = &own->first;
	for (const struct ynode *it = n->first; it != NULL; it = it->next) {
		*tail = copy(rd, it, at);
		if (*tail == NULL)
			return NULL;
		tail = &(*tail)->next;
	}
	return own;
}

static struct ynode *alias(struct reader *rd, const yaml_event_t *ev, unsigned depth)
{
	struct slice name = slice_str((const char *)ev->data.alias.anchor);
	struct ynode bare;

	for (const struct anchor *an = rd->anchors; an != NULL; an = an->next) {
		if (!slice_eq(an->name, name))
			continue;
		if (depth + height(an->node) >= YAML_DEPTH_MAX) {
			fault(rd, &ev->start_mark, "nested deeper than 32 levels");
			return NULL;
		}
		bare = *an->node;
		bare.key = NULL; /* that of where it was written */
		return copy(rd, &bare, &ev->start_mark);
	}
	fault(rd, &ev->start_mark, "an alias (*name) of nothing that stands before it");
	return NULL;
}

/* -- nodes ---------------------------------------------------------------------------------- */

static struct ynode *node(struct reader *rd, const yaml_event_t *ev, unsigned depth);

static int list(struct reader *rd, struct ynode *into, unsigned depth)
{
	struct ynode **tail = &into->first;
	yaml_event_t ev;
	bool end;

	for (;;) {
		if (next_event(rd, &ev) < 0)
			return -1;
		end = ev.type == YAML_SEQUENCE_END_EVENT;
		*tail = end ? NULL : node(rd, &ev, depth);
		yaml_event_delete(&ev);
		if (end)
			return 0;
		if (*tail == NULL)
			return -1;
		tail = &(*tail)->next;
		into->n++;
	}
}

static int map_key(struct reader *rd, struct ynode *into, const yaml_event_t *ev,
		   struct ynode **ret)
{
	struct ynode *key;

	if (ev->type != YAML_SCALAR_EVENT && ev->type != YAML_ALIAS_EVENT)
		return fault(rd, &ev->start_mark, "a name is expected here");
	key = node(rd, ev, 0);
	if (key == NULL)
		return -1;
	if (key->kind != Y_SCALAR)
		return fault(rd, &ev->start_mark, "a name is expected here");
	if (into->n >= YAML_KEYS_MAX)
		return fault(rd, &ev->start_mark, "more than 1000 names in one map");
	if (key->plain && slice_is(key->text, "<<"))
		return fault(rd, &ev->start_mark, "merging maps by << is not part of Sigma");
	for (const struct ynode *n = into->first; n != NULL; n = n->next) {
		if (slice_eq(n->key->text, key->text))
			return fault(rd, &ev->start_mark, "this name stands twice in one map");
	}
	*ret = key;
	return 0;
}

static int map(struct reader *rd, struct ynode *into, unsigned depth)
{
	struct ynode **tail = &into->first, *key = NULL, *value;
	yaml_event_t ev;
	bool end;
	int r;

	for (;;) {
		if (next_event(rd, &ev) < 0)
			return -1;
		end = ev.type == YAML_MAPPING_END_EVENT;
		r = end ? 0 : map_key(rd, into, &ev, &key);
		yaml_event_delete(&ev);
		if (end || r < 0)
			return r;
		if (next_event(rd, &ev) < 0)
			return -1;
		value = node(rd, &ev, depth);
		yaml_event_delete(&ev);
		if (value == NULL)
			return -1;
		value->key = key;
		*tail = value;
		tail = &value->next;
		into->n++;
	}
}

static struct ynode *node(struct reader *rd, const yaml_event_t *ev, unsigned depth)
{
	struct ynode *n;

	if (depth >= YAML_DEPTH_MAX) {
		fault(rd, &ev->start_mark, "nested deeper than 32 levels");
		return NULL;
	}
	switch (ev->type) {
	case YAML_SCALAR_EVENT:
		n = scalar(rd, ev);
		return n != NULL && remember(rd, ev, ev->data.scalar.anchor, n) == 0 ? n : NULL;
	case YAML_SEQUENCE_START_EVENT:
		n = make(rd, Y_LIST, &ev->start_mark);
		return n != NULL && list(rd, n, depth + 1) == 0 &&
				       remember(rd, ev, ev->data.sequence_start.anchor, n) == 0
			       ? n
			       : NULL;
	case YAML_MAPPING_START_EVENT:
		n = make(rd, Y_MAP, &ev->start_mark);
		return n != NULL && map(rd, n, depth + 1) == 0 &&
				       remember(rd, ev, ev->data.mapping_start.anchor, n) == 0
			       ? n
			       : NULL;
	case YAML_ALIAS_EVENT:
		return alias(rd, ev, depth);
	default:
		fault(rd, &ev->start_mark, "a value is expected here");
		return NULL;
	}
}

int yaml_read(struct slice text, struct arena *mem, int (*doc)(void *arg, struct ynode *root),
	      void *arg, struct err *err)
{
	return yaml_read_from(text, &(struct yaml_place){ .line = 1 }, mem, doc, arg, err);
}

int yaml_read_from(struct slice text, struct yaml_place *pl, struct arena *mem,
		   int (*doc)(void *arg, struct ynode *root), void *arg, struct err *err)
{
	struct reader rd = { .mem = mem, .err = err, .pl = pl };
	struct ynode *root;
	yaml_event_t ev;
	bool end = false;
	int r = -1;

	if (slice_starts(text, SLICE("\xef\xbb\xbf"))) /* libyaml skips it only where it guesses */
		text = slice_from(text, 3);
	if (yaml_parser_initialize(&rd.parser) == 0)
		return err_nomem(err);
	yaml_parser_set_encoding(&rd.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&rd.parser, (const unsigned char *)text.p, text.n);
	while (!end) {
		if (next_event(&rd, &ev) < 0)
			goto out;
		root = NULL;
		end = ev.type == YAML_STREAM_END_EVENT;
		if (ev.type == YAML_STREAM_START_EVENT || ev.type == YAML_DOCUMENT_START_EVENT ||
		    ev.type == YAML_DOCUMENT_END_EVENT || end) {
			yaml_event_delete(&ev);
			continue;
		}
		rd.anchors = NULL;
		rd.n_anchors = 0;
		rd.nodes = 0;
		root = node(&rd, &ev, 0);
		yaml_event_delete(&ev);
		if (root == NULL)
			goto out;
		if (!ynode_is_null(root) && doc(arg, root) < 0)
			goto out;
	}
	r = 0;
out:
	yaml_parser_delete(&rd.parser);
	return r;
}

struct ynode *ynode_copy(const struct ynode *n, struct arena *mem)
{
	struct ynode *copy = arena_alloc(mem, sizeof(*copy)), **tail;

	if (copy == NULL)
		return NULL;
	*copy = *n;
	copy->first = copy->next = NULL;
	tail = &copy->first;
	copy->text = n->kind == Y_SCALAR ? arena_copy(mem, n->text) : n->text;
	if (n->kind == Y_SCALAR && copy->text.p == NULL)
		return NULL;
	if (n->key != NULL && (copy->key = ynode_copy(n->key, mem)) == NULL)
		return NULL;
	for (const struct ynode *it = n->first; it != NULL; it = it->next) {
		*tail = ynode_copy(it, mem);
		if (*tail == NULL)
			return NULL;
		tail = &(*tail)->next;
	}
	return copy;
}

struct ynode *ynode_get(const struct ynode *m, const char *key)
{
	if (m == NULL || m->kind != Y_MAP)
		return NULL;
	for (struct ynode *n = m->first; n != NULL; n = n->next) {
		if (slice_is(n->key->text, key))
			return n;
	}
	return NULL;
}

static bool plain_is(const struct ynode *n, const char *const *words)
{
	if (n->kind != Y_SCALAR || !n->plain)
		return false;
	for (; *words != NULL; words++) {
		if (slice_is(n->text, *words))
			return true;
	}
	return false;
}

bool ynode_is_null(const struct ynode *n)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL", NULL };

	return plain_is(n, words);
}

bool ynode_is_bool(const struct ynode *n, bool *ret)
{
	static const char *const yes[] = { "true", "True", "TRUE", NULL };
	static const char *const no[] = { "false", "False", "FALSE", NULL };

	*ret = plain_is(n, yes);
	return *ret || plain_is(n, no);
}

bool ynode_is_number(const struct ynode *n)
{
	const char *p = n->text.p;
	size_t digits = 0;

	if (n->kind != Y_SCALAR || !n->plain)
		return false;
	if (*p == '-' || *p == '+')
		p++;
	for (; (*p >= '0' && *p <= '9') || *p == '.'; p++) {
		if (*p != '.')
			digits++;
		else if (memchr(p + 1, '.', strspn(p + 1, "0123456789.")) != NULL)
			return false;
	}
	if (digits > 0 && (*p == 'e' || *p == 'E')) {
		p++;
		if (*p == '-' || *p == '+')
			p++;
		if (*p == '\0')
			return false;
		p += strspn(p, "0123456789");
	}
	return digits > 0 && *p == '\0';
}

bool ynode_is_json_number(const struct ynode *n)
{
	const char *p = n->text.p;

	if (!ynode_is_number(n) || *p == '+')
		return false;
	p += *p == '-' ? 1 : 0;
	if (*p == '.' || (*p == '0' && p[1] >= '0' && p[1] <= '9'))
		return false;
	p = strchr(p, '.');
	return p == NULL || (p[1] >= '0' && p[1] <= '9');
}
