/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/logsource.c: which events a rule's `logsource` means, by rules/logsources.yml
 * (its format is described at its top). Of product, service and category, each that a rule names
 * must hold; each holds when any of its entries does. */
#include <stdlib.h>

#include "collector/detect/data.h"
#include "collector/detect/engine.h"

enum { PRODUCT, SERVICE, CATEGORY, KEYS };
static const char *const key_names[KEYS] = { "product", "service", "category" };

struct source {
	struct slice key[KEYS]; /* empty: not named */
	struct expr *when;
	const struct ynode *fields; /* names of fields that are other here */
};
struct logsources {
	struct source *v;
	unsigned n, cap;
};

static int take_tree(void *arg, struct ynode *root)
{
	*(struct ynode **)arg = root;
	return 0;
}

static int scalar_of(const struct ynode *map, const char *key, struct slice *ret, struct err *err)
{
	const struct ynode *n = ynode_get(map, key);

	*ret = (struct slice){ "", 0 };
	if (n == NULL || ynode_is_null(n))
		return 0;
	if (n->kind != Y_SCALAR)
		return err_at(err, n->line, n->col, ERR_SYNTAX, "%s: a text is expected here", key);
	*ret = n->text;
	return 0;
}

static int read_source(struct ruleset *rs, const struct ynode *n, struct err *err)
{
	struct logsources *ls = rs->sources;
	const struct ynode *when = ynode_get(n, "when");
	struct source *s;

	if (when == NULL)
		return err_at(err, n->line, n->col, ERR_SYNTAX, "an entry without `when`");
	if (array_room(&ls->v, ls->n, &ls->cap, sizeof(*ls->v)) < 0)
		return err_nomem(err);
	s = &ls->v[ls->n];
	*s = (struct source){ .fields = ynode_get(n, "fields") };
	for (int k = 0; k < KEYS; k++) {
		if (scalar_of(n, key_names[k], &s->key[k], err) < 0)
			return -1;
	}
	if (detection_compile(rs, when, NULL, &s->when, err) < 0)
		return -1;
	ls->n++;
	return 0;
}

int maps_load(struct ruleset *rs, struct err *err)
{
	struct ynode *root = NULL;
	struct err inner = { 0 };

	rs->sources = arena_alloc(&rs->maps, sizeof(*rs->sources));
	if (rs->sources == NULL)
		return err_nomem(err);
	*rs->sources = (struct logsources){ 0 };
	if (yaml_read((struct slice){ data_fieldmap, data_fieldmap_n }, &rs->maps, take_tree,
		      &rs->fieldmap, &inner) < 0)
		return err_set(err, inner.code, "fieldmap.yml:%u:%u: %s", inner.line, inner.col,
			       inner.msg);
	if (yaml_read((struct slice){ data_logsources, data_logsources_n }, &rs->maps, take_tree,
		      &root, &inner) < 0)
		goto bad;
	for (const struct ynode *n = root != NULL ? root->first : NULL; n != NULL; n = n->next) {
		if (read_source(rs, n, &inner) < 0)
			goto bad;
	}
	return 0;
bad:
	return err_set(err, inner.code, "logsources.yml:%u:%u: %s", inner.line, inner.col,
		       inner.msg);
}

void sources_release(struct ruleset *rs)
{
	if (rs->sources != NULL)
		free(rs->sources->v);
}

/* The entries for one key of the rule's log source, joined; *ret NULL: none. `of_product` is the
 * product that the rule names, or empty: then an entry of any product will do. */
static int entries(struct ruleset *rs, int key, struct slice value, struct slice of_product,
		   struct expr **ret, const struct ynode **fields, struct err *err)
{
	struct logsources *ls = rs->sources;
	struct expr *ex = expr_new(rs, EX_OR, ls->n, err);

	if (ex == NULL)
		return -1;
	ex->n = 0;
	for (unsigned i = 0; i < ls->n; i++) {
		struct source *s = &ls->v[i];

		if (!slice_eq(s->key[key], value))
			continue;
		if (key == PRODUCT ? s->key[SERVICE].n + s->key[CATEGORY].n > 0
				   : s->key[PRODUCT].n > 0 && of_product.n > 0 &&
					     !slice_eq(s->key[PRODUCT], of_product))
			continue;
		ex->kid[ex->n++] = s->when;
		if (s->fields != NULL)
			*fields = s->fields;
	}
	*ret = NULL;
	if (ex->n == 0)
		return 0;
	expr_settle(ex);
	*ret = ex;
	return 0;
}

static bool product_is_known(const struct logsources *ls, struct slice product)
{
	for (unsigned i = 0; i < ls->n; i++) {
		if (slice_eq(ls->v[i].key[PRODUCT], product))
			return true;
	}
	return false;
}

static int make_class(struct ruleset *rs, const struct slice *want, struct class *cl, bool *known,
		      struct err *err)
{
	struct expr *all = expr_new(rs, EX_AND, KEYS, err), *ex;
	const struct ynode *fields = NULL;

	if (all == NULL)
		return -1;
	all->n = 0;
	*known = true;
	for (int k = 0; k < KEYS; k++) {
		if (want[k].n == 0)
			continue;
		if (entries(rs, k, want[k], want[PRODUCT], &ex, &fields, err) < 0)
			return -1;
		if (ex != NULL)
			all->kid[all->n++] = ex;
		else if (k != PRODUCT || !product_is_known(rs->sources, want[k]))
			*known = false;
	}
	if (!*known || all->n == 0) {
		all->op = EX_NEVER;
		all->n = 0;
		*known = false;
	}
	expr_settle(all);
	*cl = (struct class){ .when = all, .aliases = fields };
	return 0;
}

int class_intern(struct ruleset *rs, const struct ynode *logsource, uint32_t *ret, bool *ret_known,
		 const struct ynode **ret_aliases, struct err *err)
{
	struct slice want[KEYS];
	struct buf key = { 0 };
	bool is_new;
	int r = -1;

	if (logsource->kind != Y_MAP)
		return err_at(err, logsource->line, logsource->col, ERR_SYNTAX,
			      "logsource: a map is expected here");
	for (int k = 0; k < KEYS; k++) {
		if (scalar_of(logsource, key_names[k], &want[k], err) < 0)
			goto out;
		buf_slice(&key, want[k]);
		buf_chr(&key, '\n');
	}
	if (want[PRODUCT].n + want[SERVICE].n + want[CATEGORY].n == 0) {
		err_at(err, logsource->line, logsource->col, ERR_SYNTAX,
		       "logsource: a product, service or category is missing");
		goto out;
	}
	if (key.failed ||
	    array_room(&rs->classes, rs->class_keys.n, &rs->classes_cap, sizeof(*rs->classes)) <
		    0 ||
	    intern_add(&rs->class_keys, &rs->mem, buf_view(&key), ret, &is_new) < 0) {
		err_nomem(err);
		goto out;
	}
	if (is_new && make_class(rs, want, &rs->classes[*ret], ret_known, err) < 0)
		goto out;
	*ret_known = rs->classes[*ret].when->op != EX_NEVER;
	*ret_aliases = rs->classes[*ret].aliases;
	r = 0;
out:
	buf_release(&key);
	return r;
}

bool class_is_within(const struct ruleset *rs, uint32_t class, const struct ynode *logsource)
{
	struct slice key = rs->class_keys.keys[class]; /* as class_intern puts it together */

	for (int k = 0; k < KEYS; k++) {
		struct slice own = { key.p, (size_t)slice_chr(key, '\n') }, want;

		if (scalar_of(logsource, key_names[k], &want, NULL) < 0 ||
		    (want.n > 0 && !slice_eq(want, own)))
			return false;
		key = slice_from(key, own.n + 1);
	}
	return true;
}
