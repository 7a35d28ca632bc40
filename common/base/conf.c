/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/base/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#include "common/base/file.h"

#define CONF_MAX_BYTES (1u << 20)
#define CONF_MAX_NODES 20000u
#define CONF_MAX_DEPTH 16u

struct reader {
	yaml_parser_t yaml;
	struct arena *mem;
	struct err *err;
	unsigned nodes;
};

static int next_event(struct reader *rd, yaml_event_t *ev)
{
	if (yaml_parser_parse(&rd->yaml, ev) == 1)
		return 0;
	if (rd->yaml.error == YAML_MEMORY_ERROR)
		return err_nomem(rd->err);
	return err_at(rd->err, (unsigned)rd->yaml.problem_mark.line + 1,
		      (unsigned)rd->yaml.problem_mark.column + 1, ERR_SYNTAX, "not YAML: %s",
		      rd->yaml.problem != NULL ? rd->yaml.problem : "unreadable");
}

static struct conf_node *node_new(struct reader *rd, const yaml_event_t *ev)
{
	struct conf_node *nd;

	if (++rd->nodes > CONF_MAX_NODES) {
		err_set(rd->err, ERR_FULL, "more than %u values in one file", CONF_MAX_NODES);
		return NULL;
	}
	nd = arena_alloc(rd->mem, sizeof(*nd));
	if (nd == NULL) {
		err_nomem(rd->err);
		return NULL;
	}
	*nd = (struct conf_node){ .line = (unsigned)ev->start_mark.line + 1,
				  .col = (unsigned)ev->start_mark.column + 1 };
	return nd;
}

static int read_children(struct reader *rd, struct conf_node *nd, unsigned depth);

/* The node that begins with ev; ev stays the caller's to delete. */
static struct conf_node *read_node(struct reader *rd, const yaml_event_t *ev, unsigned depth)
{
	struct conf_node *nd;

	if (ev->type == YAML_ALIAS_EVENT) {
		err_at(rd->err, (unsigned)ev->start_mark.line + 1,
		       (unsigned)ev->start_mark.column + 1, ERR_SYNTAX,
		       "an alias (*name) is not allowed here; write the value out");
		return NULL;
	}
	nd = node_new(rd, ev);
	if (nd == NULL)
		return NULL;
	if (ev->type == YAML_SCALAR_EVENT) {
		nd->kind = CONF_SCALAR;
		nd->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
		nd->text = arena_copy(rd->mem, (struct slice){ (const char *)ev->data.scalar.value,
							       ev->data.scalar.length });
		if (nd->text.p != NULL)
			return nd;
		err_nomem(rd->err);
		return NULL;
	}
	nd->kind = ev->type == YAML_SEQUENCE_START_EVENT ? CONF_LIST : CONF_MAP;
	return read_children(rd, nd, depth + 1) == 0 ? nd : NULL;
}

static int set_key(struct reader *rd, const struct conf_node *nd, const yaml_event_t *ev,
		   struct slice *ret)
{
	unsigned line = (unsigned)ev->start_mark.line + 1,
		 col = (unsigned)ev->start_mark.column + 1;

	if (ev->type != YAML_SCALAR_EVENT)
		return err_at(rd->err, line, col, ERR_SYNTAX, "expected a name before the colon");
	*ret = arena_copy(rd->mem, (struct slice){ (const char *)ev->data.scalar.value,
						   ev->data.scalar.length });
	if (ret->p == NULL)
		return err_nomem(rd->err);
	if (conf_get(nd, ret->p) != NULL)
		return err_at(rd->err, line, col, ERR_SYNTAX, "%s is set twice", ret->p);
	return 0;
}

static int read_children(struct reader *rd, struct conf_node *nd, unsigned depth)
{
	struct conf_node **tail = &nd->first, *child;
	struct slice key = { 0 };
	yaml_event_t ev;
	bool end;

	if (depth > CONF_MAX_DEPTH)
		return err_at(rd->err, nd->line, nd->col, ERR_SYNTAX, "nested more than %u deep",
			      CONF_MAX_DEPTH);
	for (;;) {
		if (next_event(rd, &ev) < 0)
			return -1;
		end = ev.type == YAML_MAPPING_END_EVENT || ev.type == YAML_SEQUENCE_END_EVENT;
		if (!end && nd->kind == CONF_MAP) {
			int r = set_key(rd, nd, &ev, &key);

			yaml_event_delete(&ev);
			if (r < 0 || next_event(rd, &ev) < 0)
				return -1;
		}
		child = end ? NULL : read_node(rd, &ev, depth);
		yaml_event_delete(&ev);
		if (end)
			return 0;
		if (child == NULL)
			return -1;
		child->key = key;
		*tail = child;
		tail = &child->next;
	}
}

int conf_parse(struct slice text, struct arena *mem, struct conf_node **ret, struct err *err)
{
	struct reader rd = { .mem = mem, .err = err };
	struct conf_node *root = NULL;
	yaml_event_t ev;
	int r = -1;

	if (yaml_parser_initialize(&rd.yaml) == 0)
		return err_nomem(err);
	yaml_parser_set_input_string(&rd.yaml, (const unsigned char *)text.p, text.n);
	for (;;) {
		yaml_event_type_t type;

		if (next_event(&rd, &ev) < 0)
			goto out;
		type = ev.type;
		if (type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_END_EVENT) {
			yaml_event_delete(&ev);
			continue;
		}
		if (type == YAML_DOCUMENT_START_EVENT && root != NULL) {
			err_at(err, (unsigned)ev.start_mark.line + 1, 1, ERR_SYNTAX,
			       "a second document (---); one file holds one");
			yaml_event_delete(&ev);
			goto out;
		}
		if (type == YAML_STREAM_END_EVENT) {
			yaml_event_delete(&ev);
			break;
		}
		if (type != YAML_DOCUMENT_START_EVENT)
			root = read_node(&rd, &ev, 0);
		yaml_event_delete(&ev);
		if (type != YAML_DOCUMENT_START_EVENT && root == NULL)
			goto out;
	}
	if (root == NULL || (root->kind == CONF_SCALAR && root->text.n == 0)) {
		root = arena_alloc(mem, sizeof(*root));
		if (root == NULL) {
			err_nomem(err);
			goto out;
		}
		*root = (struct conf_node){ .kind = CONF_MAP, .line = 1, .col = 1 };
	}
	*ret = root;
	r = 0;
out:
	yaml_parser_delete(&rd.yaml);
	return r;
}

int conf_err_in(struct err *err, const char *path)
{
	char msg[sizeof(err->msg)];

	if (err == NULL)
		return -1;
	memcpy(msg, err->msg, sizeof(msg));
	if (err->line > 0)
		return err_set(err, err->code, "%s:%u:%u: %s", path, err->line, err->col, msg);
	return err_set(err, err->code, "%s: %s", path, msg);
}

int conf_load(const char *path, struct arena *mem, struct conf_node **ret, struct err *err)
{
	struct buf text = { 0 };
	int r = file_read(path, CONF_MAX_BYTES, &text, err);

	if (r == 0 && conf_parse(buf_view(&text), mem, ret, err) < 0)
		r = conf_err_in(err, path);
	buf_release(&text);
	return r;
}

const struct conf_node *conf_get(const struct conf_node *map, const char *key)
{
	const struct conf_node *nd = map != NULL && map->kind == CONF_MAP ? map->first : NULL;

	while (nd != NULL && !slice_is(nd->key, key))
		nd = nd->next;
	return nd;
}

const struct conf_node *conf_find(const struct conf_node *root, const char *dotted)
{
	while (root != NULL && *dotted != '\0') {
		size_t n = strcspn(dotted, ".");
		const struct conf_node *nd = root->kind == CONF_MAP ? root->first : NULL;

		while (nd != NULL && !slice_eq(nd->key, (struct slice){ dotted, n }))
			nd = nd->next;
		if (nd == NULL)
			break;
		root = nd;
		dotted += n + (dotted[n] == '.');
	}
	return root;
}

/* A number and its unit, multiplied out. false: no number, unknown unit or past int64. */
static bool with_unit(struct slice s, const char *const *units, const int64_t *scale, int64_t *ret)
{
	uint64_t v = 0;
	size_t i = 0, k;

	while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
		i++;
	if (!slice_uint((struct slice){ s.p, i }, INT64_MAX, &v))
		return false;
	while (i < s.n && s.p[i] == ' ')
		i++;
	for (k = 0; units[k] != NULL; k++)
		if (slice_is(slice_from(s, i), units[k]))
			break;
	if (units[k] == NULL || v > (uint64_t)(INT64_MAX / scale[k]))
		return false;
	*ret = (int64_t)v * scale[k];
	return true;
}

static bool parse_bytes(struct slice s, int64_t *ret)
{
	static const char *const units[] = { "",   "B",  "KiB", "MiB", "GiB", "TiB",
					     "kB", "MB", "GB",  "TB",  NULL };
	static const int64_t scale[] = { 1,          1,
					 1 << 10,    1 << 20,
					 1 << 30,    INT64_C(1) << 40,
					 1000,       1000000,
					 1000000000, INT64_C(1000000000000) };

	return with_unit(s, units, scale, ret);
}

static bool parse_duration(struct slice s, int64_t *ret)
{
	static const char *const units[] = { "ms", "s", "min", "h", "d", NULL };
	static const int64_t scale[] = { 1, 1000, 60000, 3600000, 86400000 };

	return with_unit(s, units, scale, ret);
}

static bool parse_bool(struct slice s, bool *ret)
{
	*ret = slice_is(s, "true") || slice_is(s, "yes") || slice_is(s, "on");
	return *ret || slice_is(s, "false") || slice_is(s, "no") || slice_is(s, "off");
}

static bool parse_int(struct slice s, int64_t *ret)
{
	bool neg = s.n > 0 && s.p[0] == '-';
	uint64_t v;

	if (!slice_uint(slice_from(s, neg ? 1 : 0), INT64_MAX, &v))
		return false;
	*ret = neg ? -(int64_t)v : (int64_t)v;
	return true;
}

static const char *expected(enum conf_type type)
{
	switch (type) {
	case CONF_BOOL:
		return "true or false";
	case CONF_INT:
		return "a whole number";
	case CONF_BYTES:
		return "a size such as 512MiB or 2GiB";
	case CONF_DURATION:
		return "a duration such as 200ms, 5s, 10min, 24h or 7d";
	case CONF_STRS:
		return "a list of texts";
	case CONF_SUB:
		return "a group of settings below it";
	default:
		return "a text";
	}
}

static int wrong(const struct conf_node *nd, const struct conf_item *it, struct err *err)
{
	struct buf names = { 0 };

	if (it->type != CONF_ENUM)
		return err_at(err, nd->line, nd->col, ERR_SYNTAX, "%s: expected %s", it->name,
			      expected(it->type));
	for (const char *const *n = it->names; *n != NULL; n++)
		buf_printf(&names, "%s%s", n == it->names ? "" : ", ", *n);
	err_at(err, nd->line, nd->col, ERR_SYNTAX, "%s: expected one of %s", it->name,
	       buf_cstr(&names));
	buf_release(&names);
	return -1;
}

static int bind_strs(const struct conf_node *nd, const struct conf_item *it, void *at,
		     struct arena *mem, struct err *err)
{
	struct conf_strs out = { 0 };
	const struct conf_node *c = nd->kind == CONF_LIST ? nd->first : nd;
	size_t n = 0;

	if (nd->kind == CONF_MAP)
		return wrong(nd, it, err);
	for (const struct conf_node *k = c; k != NULL; k = nd->kind == CONF_LIST ? k->next : NULL) {
		if (k->kind != CONF_SCALAR)
			return wrong(k, it, err);
		n++;
	}
	if (n == 0 && it->required)
		return err_at(err, nd->line, nd->col, ERR_SYNTAX, "%s: expected at least one: %s",
			      it->name, it->help != NULL ? it->help : expected(it->type));
	out.v = arena_alloc(mem, (n + 1) * sizeof(*out.v));
	if (out.v == NULL)
		return err_nomem(err);
	for (; c != NULL; c = nd->kind == CONF_LIST ? c->next : NULL)
		out.v[out.n++] = c->text.p;
	memcpy(at, &out, sizeof(out));
	return 0;
}

static int bind_number(const struct conf_node *nd, const struct conf_item *it, void *at,
		       struct err *err)
{
	int64_t v = 0;
	bool ok = it->type == CONF_INT     ? parse_int(nd->text, &v)
		  : it->type == CONF_BYTES ? parse_bytes(nd->text, &v)
					   : parse_duration(nd->text, &v);

	if (!ok)
		return wrong(nd, it, err);
	if ((it->min != 0 || it->max != 0) && (v < it->min || v > it->max))
		return err_at(err, nd->line, nd->col, ERR_SYNTAX,
			      "%s: %s is outside %lld to %lld%s", it->name, nd->text.p,
			      (long long)it->min, (long long)it->max,
			      it->type == CONF_BYTES      ? " bytes"
			      : it->type == CONF_DURATION ? " milliseconds"
							  : "");
	memcpy(at, &v, sizeof(v)); /* uint64_t and int64_t alike: v is not negative for bytes */
	return 0;
}

static int bind_one(const struct conf_node *nd, const struct conf_item *it, void *target,
		    struct arena *mem, struct err *err)
{
	char *at = (char *)target + it->offset;

	if (it->type == CONF_RAW) {
		memcpy(at, &nd, sizeof(nd));
		return 0;
	}
	if (it->type == CONF_SUB)
		return nd->kind == CONF_MAP ? conf_bind(nd, it->sub, at, mem, err)
					    : wrong(nd, it, err);
	if (it->type == CONF_STRS)
		return bind_strs(nd, it, at, mem, err);
	if (nd->kind != CONF_SCALAR)
		return wrong(nd, it, err);
	if (it->type == CONF_STR) {
		memcpy(at, &nd->text.p, sizeof(nd->text.p));
		return 0;
	}
	if (it->type == CONF_BOOL) {
		bool v;

		if (!parse_bool(nd->text, &v))
			return wrong(nd, it, err);
		memcpy(at, &v, sizeof(v));
		return 0;
	}
	if (it->type == CONF_ENUM) {
		for (int i = 0; it->names[i] != NULL; i++)
			if (slice_is(nd->text, it->names[i])) {
				memcpy(at, &i, sizeof(i));
				return 0;
			}
		return wrong(nd, it, err);
	}
	return bind_number(nd, it, at, err);
}

static int check_names(const struct conf_node *map, const struct conf_item *items, struct err *err)
{
	for (const struct conf_node *nd = map->first; nd != NULL; nd = nd->next) {
		const struct conf_item *it = items;
		struct buf names = { 0 };

		while (it->name != NULL && !slice_is(nd->key, it->name))
			it++;
		if (it->name != NULL)
			continue;
		for (it = items; it->name != NULL; it++)
			buf_printf(&names, "%s%s", it == items ? "" : ", ", it->name);
		err_at(err, nd->line, nd->col, ERR_SYNTAX, "unknown setting %s; known here: %s",
		       nd->key.p, buf_cstr(&names));
		buf_release(&names);
		return -1;
	}
	return 0;
}

int conf_bind(const struct conf_node *map, const struct conf_item *items, void *target,
	      struct arena *mem, struct err *err)
{
	if (map != NULL && map->kind != CONF_MAP)
		return err_at(err, map->line, map->col, ERR_SYNTAX,
			      "expected settings (name: value)");
	if (map != NULL && check_names(map, items, err) < 0)
		return -1;
	for (const struct conf_item *it = items; it->name != NULL; it++) {
		const struct conf_node *nd = conf_get(map, it->name);
		struct conf_node fallback = { .kind = CONF_SCALAR };

		if (nd == NULL && it->required)
			return err_at(err, map != NULL ? map->line : 1, map != NULL ? map->col : 1,
				      ERR_SYNTAX, "%s is missing: %s", it->name,
				      it->help != NULL ? it->help : expected(it->type));
		if (nd == NULL && it->type == CONF_SUB) {
			if (conf_bind(NULL, it->sub, (char *)target + it->offset, mem, err) < 0)
				return -1;
			continue;
		}
		if (nd == NULL && it->fallback == NULL)
			continue;
		if (nd == NULL) {
			fallback.text = slice_str(it->fallback);
			nd = &fallback;
		}
		if (bind_one(nd, it, target, mem, err) < 0)
			return -1;
	}
	return 0;
}
