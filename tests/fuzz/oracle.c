/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/fuzz/oracle.c: rules, as libyaml's documents, asked of one event. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <yaml.h>

#include "common/base/file.h"
#include "tests/fuzz/oracle.h"

#define RULES_MAX   8192
#define ENTRIES_MAX 512
#define PATHS_MAX   64
#define FIELDS_MAX  8192

enum { PRODUCT, SERVICE, CATEGORY, KEYS };
static const char *const key_names[KEYS] = { "product", "service", "category" };

struct field { /* the paths of a name, in the order in which they are looked up */
	char name[128];
	yaml_node_t *aliases;
	char path[PATHS_MAX][128];
	unsigned n;
};
struct rule {
	yaml_document_t doc;
	bool known;                           /* its log source is */
	yaml_node_t *when[KEYS][ENTRIES_MAX]; /* each key that is named wants one of these */
	unsigned n_when[KEYS];
	yaml_node_t *aliases; /* the log source's own names of fields */
};
struct oracle {
	yaml_document_t sources, fieldmap;
	struct rule *rules[RULES_MAX];
	size_t n;
	struct field *fields[FIELDS_MAX];
	unsigned n_fields;
	/* Of the question being answered: */
	yaml_document_t *doc;
	yaml_node_t *aliases;
	const struct leaves *event;
	bool unsure;
};

/* -- YAML ----------------------------------------------------------------------------------- */

static void load_doc(yaml_document_t *ret, const char *path)
{
	yaml_parser_t ps;
	struct buf text = { 0 };
	struct err err;

	if (file_read(path, 1 << 20, &text, &err) < 0) {
		fprintf(stderr, "%s\n", err.msg);
		abort();
	}
	yaml_parser_initialize(&ps);
	yaml_parser_set_input_string(&ps, (const unsigned char *)text.p, text.n);
	if (yaml_parser_load(&ps, ret) == 0)
		abort();
	yaml_parser_delete(&ps);
	buf_release(&text);
}

static struct slice text_of(const yaml_node_t *n)
{
	return (struct slice){ (const char *)n->data.scalar.value, n->data.scalar.length };
}

static yaml_node_t *get(yaml_document_t *doc, const yaml_node_t *map, const char *key)
{
	if (map == NULL || map->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
	     p++) {
		if (slice_is(text_of(yaml_document_get_node(doc, p->key)), key))
			return yaml_document_get_node(doc, p->value);
	}
	return NULL;
}

/* A list's items, or the one value as a list of one. */
static size_t list_n(const yaml_node_t *n)
{
	return n->type == YAML_SEQUENCE_NODE
		       ? (size_t)(n->data.sequence.items.top - n->data.sequence.items.start)
		       : 1;
}

static yaml_node_t *list_at(yaml_document_t *doc, yaml_node_t *n, size_t i)
{
	return n->type == YAML_SEQUENCE_NODE
		       ? yaml_document_get_node(doc, n->data.sequence.items.start[i])
		       : n;
}

static bool plain_is(const yaml_node_t *n, const char *word)
{
	return n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && slice_is(text_of(n), word);
}

static bool is_null(const yaml_node_t *n)
{
	return plain_is(n, "") || plain_is(n, "~") || plain_is(n, "null");
}

/* -- fields --------------------------------------------------------------------------------- */

static void add_path(struct field *f, const char *prefix, struct slice name)
{
	if (f->n == PATHS_MAX)
		abort();
	snprintf(f->path[f->n], sizeof(f->path[0]), "%s%.*s", prefix, SLICE_FMT(name));
	without_blanks(f->path[f->n++]);
}

static void add_mapped(struct field *f, yaml_document_t *doc, yaml_node_t *n, const char *begin)
{
	for (size_t i = 0; n != NULL && i < list_n(n); i++) {
		struct slice path = text_of(list_at(doc, n, i));

		if (slice_starts(path, slice_str(begin)))
			add_path(f, "", path);
	}
}

static const struct field *field_of(struct oracle *o, const char *name)
{
	yaml_node_t *map, *own = get(&o->sources, o->aliases, name);
	struct field *f;

	for (unsigned i = 0; i < o->n_fields; i++) {
		if (o->fields[i]->aliases == o->aliases && strcmp(o->fields[i]->name, name) == 0)
			return o->fields[i];
	}
	if (o->n_fields == FIELDS_MAX)
		abort();
	f = o->fields[o->n_fields++] = need(calloc(1, sizeof(*f)));
	snprintf(f->name, sizeof(f->name), "%s", name);
	f->aliases = o->aliases;
	map = get(&o->fieldmap, yaml_document_get_root_node(&o->fieldmap), name);
	add_path(f, "", slice_str(name));
	add_mapped(f, &o->fieldmap, map, "vartio.winlog.");
	add_mapped(f, &o->fieldmap, map, "winlog.");
	if (strchr(name, '.') == NULL) {
		add_path(f, "winlog.event_data.", slice_str(name));
		add_path(f, "winlog.user_data.", slice_str(name));
	}
	add_mapped(f, &o->sources, own, "");
	add_mapped(f, &o->fieldmap, map, "");
	return f;
}

/* The values of a field, by their places in the event: all that stand at the first path that has
 * any; of keywords, all there are. */
static size_t values_of(struct oracle *o, const char *name, const struct leaf **ret)
{
	const struct field *f = name[0] != '\0' ? field_of(o, name) : NULL;
	size_t n = 0;

	for (unsigned i = 0; i < (f != NULL ? f->n : 1) && n == 0; i++) {
		for (size_t k = 0; k < o->event->n; k++) {
			if (o->event->v[k].nothing)
				continue;
			if (f == NULL || strcmp(o->event->v[k].path, f->path[i]) == 0)
				ret[n++] = &o->event->v[k];
		}
	}
	return n;
}

/* At any of its paths stands something, be it nothing, or an object. */
static bool is_there(struct oracle *o, const char *name)
{
	const struct field *f = field_of(o, name);

	for (unsigned i = 0; i < f->n; i++) {
		size_t len = strlen(f->path[i]);

		for (size_t k = 0; k < o->event->n; k++) {
			const char *path = o->event->v[k].path;

			if (strncmp(path, f->path[i], len) == 0 &&
			    (path[len] == '\0' || path[len] == '.'))
				return true;
		}
	}
	return false;
}

/* -- search identifiers --------------------------------------------------------------------- */

static bool any_fits(struct oracle *o, const struct item *it, struct slice wanted,
		     const struct leaf **v, size_t n)
{
	const struct leaf **others = need(malloc((o->event->n + 1) * sizeof(*others)));
	size_t n_others = item_has(it, "fieldref") ? values_of(o, wanted.p, others) : 0;
	bool yes = false;

	for (size_t i = 0; i < n; i++) {
		struct slice found = { v[i]->p, v[i]->n };
		enum verdict fits = NO;

		if (!item_has(it, "fieldref"))
			fits = value_fits(it, wanted, found);
		for (size_t k = 0; k < n_others; k++) {
			if (reference_fits(it, (struct slice){ others[k]->p, others[k]->n }, found))
				fits = YES;
		}
		yes = yes || fits == YES;
		o->unsure = o->unsure || fits == UNSURE;
	}
	free(others);
	return yes;
}

static bool value_holds(struct oracle *o, const struct item *it, yaml_node_t *value)
{
	const struct leaf **v = need(malloc((o->event->n + 1) * sizeof(*v)));
	size_t n = values_of(o, it->name, v);
	bool yes;

	if (item_has(it, "exists"))
		yes = is_there(o, it->name) == slice_is(text_of(value), "true");
	else if (is_null(value))
		yes = n == 0;
	else
		yes = any_fits(o, it, text_of(value), v, n);
	free(v);
	return yes;
}

static void read_item(struct item *it, const char *key)
{
	const char *p = key + strcspn(key, "|");

	*it = (struct item){ 0 };
	snprintf(it->name, sizeof(it->name), "%.*s", (int)(p - key), key);
	while (*p == '|' && it->n_mods < MODS_MAX) {
		size_t n = strcspn(++p, "|");

		snprintf(it->mods[it->n_mods++], sizeof(it->mods[0]), "%.*s", (int)n, p);
		p += n;
	}
}

static bool item_holds(struct oracle *o, const char *key, yaml_node_t *values)
{
	size_t n = list_n(values), held = 0;
	struct item it;
	bool yes;

	read_item(&it, key);
	for (size_t i = 0; i < n; i++)
		held += value_holds(o, &it, list_at(o->doc, values, i)) ? 1 : 0;
	yes = item_has(&it, "all") ? held == n : held > 0;
	return item_has(&it, "neq") ? !yes : yes;
}

static bool identifier_holds(struct oracle *o, yaml_node_t *n)
{
	bool yes = n->type == YAML_MAPPING_NODE;

	if (n->type == YAML_SCALAR_NODE)
		return item_holds(o, "", n);
	if (n->type == YAML_SEQUENCE_NODE) {
		for (size_t i = 0; i < list_n(n); i++)
			yes = identifier_holds(o, list_at(o->doc, n, i)) || yes;
		return yes;
	}
	for (yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top;
	     p++) {
		const char *key = text_of(yaml_document_get_node(o->doc, p->key)).p;

		yes = item_holds(o, key, yaml_document_get_node(o->doc, p->value)) && yes;
	}
	return yes;
}

/* -- conditions ----------------------------------------------------------------------------- */

struct cond {
	struct oracle *o;
	yaml_node_t *detection;
	const char *p; /* what is left of it */
};

static const char *peek(struct cond *c, char word[128])
{
	size_t n;

	c->p += strspn(c->p, " \t\n");
	n = *c->p == '(' || *c->p == ')' ? 1 : strcspn(c->p, " \t\n()");
	snprintf(word, 128, "%.*s", (int)n, c->p);
	return c->p + n;
}

static bool take(struct cond *c, const char *want)
{
	char word[128];
	const char *behind = peek(c, word);

	if (strcasecmp(word, want) != 0)
		return false;
	c->p = behind;
	return true;
}

static bool name_fits(const char *pattern, const char *name)
{
	if (*pattern == '*')
		return name_fits(pattern + 1, name) ||
		       (*name != '\0' && name_fits(pattern, name + 1));
	return *pattern == *name && (*name == '\0' || name_fits(pattern + 1, name + 1));
}

static bool of_holds(struct cond *c, const char *how, const char *which)
{
	yaml_node_t *det = c->detection;
	long fit = 0, held = 0;

	for (yaml_node_pair_t *p = det->data.mapping.pairs.start; p < det->data.mapping.pairs.top;
	     p++) {
		const char *name = text_of(yaml_document_get_node(c->o->doc, p->key)).p;

		if (strcmp(name, "condition") == 0 || (name[0] == '_' && which[0] != '_') ||
		    !(strcasecmp(which, "them") == 0 || name_fits(which, name)))
			continue;
		fit++;
		held += identifier_holds(c->o, yaml_document_get_node(c->o->doc, p->value)) ? 1 : 0;
	}
	if (fit == 0)
		abort();
	if (strcasecmp(how, "all") == 0)
		return held == fit;
	return held >= (strcasecmp(how, "any") == 0 ? 1 : strtol(how, NULL, 10));
}

static bool or_holds(struct cond *c);

static bool not_holds(struct cond *c)
{
	char word[128], which[128];
	yaml_node_t *n;
	bool yes;

	if (take(c, "not"))
		return !not_holds(c);
	if (take(c, "(")) {
		yes = or_holds(c);
		if (!take(c, ")"))
			abort();
		return yes;
	}
	c->p = peek(c, word);
	if (take(c, "of")) {
		c->p = peek(c, which);
		return of_holds(c, word, which);
	}
	n = need(get(c->o->doc, c->detection, word));
	return identifier_holds(c->o, n);
}

static bool and_holds(struct cond *c)
{
	bool yes = not_holds(c);

	while (take(c, "and"))
		yes = not_holds(c) && yes;
	return yes;
}

static bool or_holds(struct cond *c)
{
	bool yes = and_holds(c);

	while (take(c, "or"))
		yes = and_holds(c) || yes;
	return yes;
}

static bool detection_holds(struct oracle *o)
{
	yaml_node_t *det = need(get(o->doc, yaml_document_get_root_node(o->doc), "detection"));
	yaml_node_t *list = need(get(o->doc, det, "condition"));
	bool yes = false;

	for (size_t i = 0; i < list_n(list); i++) {
		struct cond c = { o, det, text_of(list_at(o->doc, list, i)).p };

		yes = or_holds(&c) || yes;
	}
	return yes;
}

/* -- log sources ---------------------------------------------------------------------------- */

static struct slice source_key(yaml_document_t *doc, yaml_node_t *n, int key)
{
	yaml_node_t *v = get(doc, n, key_names[key]);

	return v != NULL && !is_null(v) ? text_of(v) : (struct slice){ "", 0 };
}

/* Whether that entry of logsources.yml is one for that key of a rule's log source. */
static bool is_entry(yaml_document_t *doc, yaml_node_t *n, int key, const struct slice *want)
{
	struct slice product = source_key(doc, n, PRODUCT);

	if (!slice_eq(source_key(doc, n, key), want[key]))
		return false;
	if (key == PRODUCT)
		return source_key(doc, n, SERVICE).n == 0 && source_key(doc, n, CATEGORY).n == 0;
	return product.n == 0 || want[PRODUCT].n == 0 || slice_eq(product, want[PRODUCT]);
}

static void find_source(struct oracle *o, struct rule *r)
{
	yaml_node_t *ls = need(get(&r->doc, yaml_document_get_root_node(&r->doc), "logsource"));
	yaml_node_t *all = yaml_document_get_root_node(&o->sources), *n, *fields;
	struct slice want[KEYS];
	bool product_known = false;

	for (int k = 0; k < KEYS; k++)
		want[k] = source_key(&r->doc, ls, k);
	r->known = false;
	for (int k = 0; k < KEYS; k++) {
		for (size_t i = 0; want[k].n > 0 && i < list_n(all); i++) {
			n = list_at(&o->sources, all, i);
			if (k == PRODUCT && slice_eq(source_key(&o->sources, n, k), want[k]))
				product_known = true;
			if (!is_entry(&o->sources, n, k, want))
				continue;
			r->when[k][r->n_when[k]++] = need(get(&o->sources, n, "when"));
			fields = get(&o->sources, n, "fields");
			r->aliases = fields != NULL ? fields : r->aliases;
			r->known = true;
		}
	}
	for (int k = 0; k < KEYS; k++) {
		if (want[k].n > 0 && r->n_when[k] == 0 && !(k == PRODUCT && product_known))
			r->known = false;
	}
}

static bool source_holds(struct oracle *o, const struct rule *r)
{
	bool all = r->known;

	o->doc = &o->sources;
	o->aliases = NULL;
	for (int k = 0; k < KEYS; k++) {
		bool any = r->n_when[k] == 0;

		for (unsigned i = 0; i < r->n_when[k]; i++)
			any = identifier_holds(o, r->when[k][i]) || any;
		all = all && any;
	}
	return all;
}

/* -- the whole ------------------------------------------------------------------------------ */

struct oracle *oracle_new(const char *logsources_path, const char *fieldmap_path)
{
	struct oracle *o = need(calloc(1, sizeof(*o)));

	load_doc(&o->sources, logsources_path);
	load_doc(&o->fieldmap, fieldmap_path);
	return o;
}

static void forget_rules(struct oracle *o)
{
	while (o->n > 0) {
		yaml_document_delete(&o->rules[--o->n]->doc);
		free(o->rules[o->n]);
	}
}

void oracle_free(struct oracle *o)
{
	if (o == NULL)
		return;
	forget_rules(o);
	while (o->n_fields > 0)
		free(o->fields[--o->n_fields]);
	yaml_document_delete(&o->sources);
	yaml_document_delete(&o->fieldmap);
	free(o);
}

size_t oracle_load(struct oracle *o, struct slice yaml)
{
	forget_rules(o);
	return oracle_add(o, yaml);
}

size_t oracle_add(struct oracle *o, struct slice yaml)
{
	yaml_parser_t ps;
	struct rule *r;

	yaml_parser_initialize(&ps);
	yaml_parser_set_input_string(&ps, (const unsigned char *)yaml.p, yaml.n);
	for (;;) {
		r = need(calloc(1, sizeof(*r)));
		if (o->n == RULES_MAX || yaml_parser_load(&ps, &r->doc) == 0)
			abort();
		if (yaml_document_get_root_node(&r->doc) == NULL)
			break;
		o->rules[o->n++] = r;
		find_source(o, r);
	}
	yaml_document_delete(&r->doc);
	free(r);
	yaml_parser_delete(&ps);
	return o->n;
}

bool oracle_applies(struct oracle *o, size_t rule, const struct leaves *event)
{
	o->event = event;
	return source_holds(o, o->rules[rule]);
}

enum verdict oracle_ask(struct oracle *o, size_t rule, const struct leaves *event)
{
	struct rule *r = o->rules[rule];
	bool yes;

	o->event = event;
	o->unsure = false;
	if (!source_holds(o, r))
		return NO;
	o->doc = &r->doc;
	o->aliases = r->aliases;
	yes = detection_holds(o);
	return o->unsure ? UNSURE : yes ? YES : NO;
}
