/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/fields.c: where a field is that a rule names: at the path of that name (ECS
 * names are written so), in the System part of a Windows event (an event about a cleared log has a
 * Channel of its own, and it is not the one that is meant), among that event's own data, at the log
 * source's own name for it, or where rules/fieldmap.yml says. The first of these that has a value
 * counts. */
#include "collector/detect/engine.h"

#include "common/base/hash.h"

static int use_path(struct ruleset *rs, const struct sfield *f, struct slice path, struct err *err)
{
	struct path_use *use = arena_alloc(&rs->mem, sizeof(*use));
	uint32_t no;
	bool is_new;

	if (use == NULL ||
	    array_room(&rs->path_uses, rs->path_keys.n, &rs->path_uses_cap,
		       sizeof(struct path_use *)) < 0 ||
	    intern_add(&rs->path_keys, &rs->mem, path, &no, &is_new) < 0)
		return err_nomem(err);
	*use = (struct path_use){ .next = is_new ? NULL : rs->path_uses[no],
				  .field = (uint32_t)(f - rs->fields),
				  .rank = f->n_paths };
	rs->path_uses[no] = use;
	return 0;
}

static int add_path(struct ruleset *rs, struct sfield *f, const char *prefix, struct slice name,
		    struct err *err)
{
	struct buf b = { 0 };
	struct slice own = { NULL, 0 };

	buf_str(&b, prefix);
	buf_slice(&b, name);
	if (b.n > 0)
		b.n = json_path_plain(b.p, b.n);
	if (!b.failed)
		own = arena_copy(&rs->mem, buf_view(&b));
	buf_release(&b);
	if (own.p == NULL)
		return err_nomem(err);
	for (unsigned i = 0; i < f->n_paths; i++) {
		if (slice_eq(f->paths[i].name, own))
			return 0;
	}
	if (f->n_paths == FIELD_PATHS_MAX)
		return 0;
	if (use_path(rs, f, own, err) < 0)
		return -1;
	f->paths[f->n_paths++] = (struct path){ own, hash64(own, 0) };
	return 0;
}

/* A value of a map of names: one path or a list of them; of these, those that begin so. */
static int add_mapped(struct ruleset *rs, struct sfield *f, const struct ynode *n,
		      struct slice begin, struct err *err)
{
	const struct ynode *p = n != NULL && n->kind == Y_LIST ? n->first : n;

	while (p != NULL) {
		if (p->kind == Y_SCALAR && slice_starts(p->text, begin) &&
		    add_path(rs, f, "", p->text, err) < 0)
			return -1;
		p = p == n ? NULL : p->next; /* next of a lone value is another name's */
	}
	return 0;
}

int field_intern(struct ruleset *rs, struct slice name, const struct ynode *aliases, uint32_t *ret,
		 struct err *err)
{
	struct slice key;
	struct ynode *alias, *map;
	struct sfield *f;
	struct buf b = { 0 };
	bool is_new;
	int r = -1;

	key = arena_copy(&rs->mem, name);
	if (key.p == NULL)
		return err_nomem(err);
	alias = ynode_get(aliases, key.p);
	buf_slice(&b, name);
	if (alias != NULL) /* the same name, found in another place in this log source */
		buf_printf(&b, "|%u:%u", alias->line, alias->col);
	if (b.failed ||
	    array_room(&rs->fields, rs->field_keys.n, &rs->fields_cap, sizeof(*rs->fields)) < 0 ||
	    intern_add(&rs->field_keys, &rs->mem, buf_view(&b), ret, &is_new) < 0) {
		err_nomem(err);
		goto out;
	}
	r = 0;
	if (!is_new)
		goto out;
	f = &rs->fields[*ret];
	*f = (struct sfield){ .paths = arena_alloc(&rs->mem,
						   FIELD_PATHS_MAX * sizeof(struct path)) };
	if (f->paths == NULL) {
		r = err_nomem(err);
		goto out;
	}
	if (name.n == 0) /* keywords */
		goto out;
	map = ynode_get(rs->fieldmap, key.p);
	r = add_path(rs, f, "", name, err);
	r = r < 0 ? r : add_mapped(rs, f, map, SLICE("vartio.winlog."), err);
	r = r < 0 ? r : add_mapped(rs, f, map, SLICE("winlog."), err);
	if (r == 0 && slice_chr(name, '.') < 0) {
		r = add_path(rs, f, "winlog.event_data.", name, err);
		r = r < 0 ? r : add_path(rs, f, "winlog.user_data.", name, err);
	}
	r = r < 0 ? r : add_mapped(rs, f, alias, SLICE(""), err);
	r = r < 0 ? r : add_mapped(rs, f, map, SLICE(""), err);
out:
	buf_release(&b);
	return r;
}
