/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/detect/values.h"

#include <stdlib.h>

#include "collector/detect/engine.h"
#include "collector/detect/walk.h"
#include "collector/tenant/registry.h"

/* Three hundred municipalities with ten names in each of a hundred lists. */
#define FILE_MAX  (16u << 20)
#define NODES_MAX 400000u

struct reading {
	struct values *vs;
	struct err *err;
	unsigned documents;
};

bool values_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || (c & 0x80) != 0;
}

struct placeholder *values_find(struct values *vs, struct slice name)
{
	for (unsigned i = 0; vs != NULL && i < vs->n; i++) {
		if (slice_eq(vs->v[i].name, name))
			return &vs->v[i];
	}
	return NULL;
}

static struct placeholder *claim(struct reading *rd, const struct ynode *key)
{
	struct placeholder *ph = values_find(rd->vs, key->text);

	if (ph != NULL)
		return ph;
	for (size_t i = 0; i < key->text.n; i++) {
		if (!values_name_char(key->text.p[i])) {
			err_at(rd->err, key->line, key->col, ERR_SYNTAX,
			       "a placeholder's name has letters, digits, hyphens and underscores, "
			       "and no percent signs here");
			return NULL;
		}
	}
	if (array_room(&rd->vs->v, rd->vs->n, &rd->vs->cap, sizeof(*rd->vs->v)) < 0) {
		err_nomem(rd->err);
		return NULL;
	}
	ph = &rd->vs->v[rd->vs->n++];
	*ph = (struct placeholder){ .name = key->text };
	return ph;
}

static int read_list(struct reading *rd, const struct ynode *n, struct value_list *ret)
{
	const struct ynode *it = n->kind == Y_LIST ? n->first : n;
	unsigned count = n->kind == Y_LIST ? n->n : 1;

	*ret = (struct value_list){ .v = arena_alloc(&rd->vs->mem, count * sizeof(struct slice)) };
	if (ret->v == NULL)
		return err_nomem(rd->err);
	for (; ret->n < count; it = it->next) {
		if (it->kind != Y_SCALAR || ynode_is_null(it))
			return err_at(rd->err, it->line, it->col, ERR_SYNTAX,
				      "a value or a list of values is expected here");
		ret->v[ret->n++] = it->text;
	}
	return 0;
}

static int read_tenant(struct reading *rd, const struct ynode *tenant)
{
	if (!tenant_id_ok(tenant->key->text.p))
		return err_at(rd->err, tenant->key->line, tenant->key->col, ERR_SYNTAX,
			      "tenants: \"%.60s\" is not the id of a tenant", tenant->key->text.p);
	if (tenant->kind != Y_MAP)
		return err_at(rd->err, tenant->line, tenant->col, ERR_SYNTAX,
			      "tenants: a map of placeholders is expected here");
	for (const struct ynode *n = tenant->first; n != NULL; n = n->next) {
		struct placeholder *ph = claim(rd, n->key);
		struct tenant_list own = { .tenant = tenant->key->text };

		if (ph == NULL || read_list(rd, n, &own.list) < 0)
			return -1;
		if (array_room(&ph->tenants, ph->n_tenants, &ph->cap, sizeof(*ph->tenants)) < 0)
			return err_nomem(rd->err);
		ph->tenants[ph->n_tenants++] = own;
	}
	return 0;
}

static int read_tenants(struct reading *rd, const struct ynode *tenants)
{
	if (tenants->kind != Y_MAP)
		return err_at(rd->err, tenants->line, tenants->col, ERR_SYNTAX,
			      "tenants: a map of tenants is expected here");
	for (const struct ynode *n = tenants->first; n != NULL; n = n->next) {
		if (read_tenant(rd, n) < 0)
			return -1;
	}
	return 0;
}

static int document(void *arg, struct ynode *root)
{
	struct reading *rd = arg;
	const struct ynode *tenants = ynode_get(root, "tenants");

	if (root->kind != Y_MAP || rd->documents++ > 0)
		return err_at(rd->err, root->line, root->col, ERR_SYNTAX,
			      "one map of placeholders is expected here");
	for (const struct ynode *n = root->first; n != NULL; n = n->next) {
		struct value_list *all;
		struct placeholder *ph;

		if (n == tenants)
			continue;
		ph = claim(rd, n->key);
		all = arena_alloc(&rd->vs->mem, sizeof(*all));
		if (ph == NULL)
			return -1;
		if (all == NULL)
			return err_nomem(rd->err);
		if (read_list(rd, n, all) < 0)
			return -1;
		ph->all = all;
	}
	return tenants != NULL && !ynode_is_null(tenants) ? read_tenants(rd, tenants) : 0;
}

int values_load(const char *path, struct values *ret, struct err *err)
{
	struct err inner = { 0 }, own = { 0 };
	struct reading rd = { .vs = ret, .err = &own };
	struct yaml_place pl = { .line = 1, .max_nodes = NODES_MAX };
	struct buf text = { 0 };
	int r = -1;

	if (rule_file_read(path, FILE_MAX, &text, &inner) < 0) {
		err_set(err, inner.code, "rules.values: %s", inner.msg);
		goto out;
	}
	if (yaml_read_from(buf_view(&text), &pl, &ret->mem, document, &rd, &inner) < 0) {
		if (own.code != ERR_NONE)
			inner = own;
		err_set(err, inner.code, "%s:%u:%u: %s", path, inner.line, inner.col, inner.msg);
		goto out;
	}
	r = 0;
out:
	buf_release(&text);
	return r;
}

void values_release(struct values *vs)
{
	for (unsigned i = 0; i < vs->n; i++)
		free(vs->v[i].tenants);
	free(vs->v);
	arena_release(&vs->mem);
	*vs = (struct values){ 0 };
}
