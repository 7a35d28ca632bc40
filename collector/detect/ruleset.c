/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/ruleset.c: files and folders into one immutable set. */
#include <stdlib.h>

#include "collector/detect/engine.h"
#include "collector/detect/program.h"
#include "collector/detect/values.h"
#include "collector/detect/walk.h"
#include "common/base/hash.h"

#define FILE_MAX       (1u << 20)
#define REGEX_NEST_MAX 100u
#define TOLD_MAX       1000u /* faults of one file that are told one by one */

struct load {
	struct ruleset *rs;
	struct rules_report *rep;
	struct err *err;
	const char *path;    /* of the file being read; lives in the set */
	size_t told, untold; /* of its documents that do not load */
	struct arena tree;   /* its documents */
	struct filters filters;
	struct buf text;
};

static void tell(struct load *ld, const char *path, const struct err *why, size_t documents)
{
	ld->rep->documents += documents;
	ld->rep->rejected += documents;
	if (ld->told == TOLD_MAX) {
		ld->untold += documents;
		return;
	}
	ld->told++;
	if (ld->rep->fault != NULL)
		ld->rep->fault(ld->rep->arg, path, why);
}

static void tell_rest(struct load *ld)
{
	struct err why = { 0 };

	err_set(&why, ERR_FULL, "%zu more documents of this file do not load", ld->untold);
	if (ld->untold > 0 && ld->rep->fault != NULL)
		ld->rep->fault(ld->rep->arg, ld->path, &why);
}

/* One document. A bound of the whole file has no place of its own. */
static int refused(struct load *ld, const struct ynode *doc, struct err *why)
{
	if (why->code == ERR_NOMEM)
		return err_nomem(ld->err);
	if (why->line == 0) {
		why->line = doc->line;
		why->col = doc->col;
	}
	tell(ld, ld->path, why, 1);
	return 0;
}

/* -- names ---------------------------------------------------------------------------------- */

#define UUID_CHARS 36u

/* What an id or name is looked up by: UUIDs have no case (RFC 9562, section 4). */
static struct slice name_key(const char *name, char room[UUID_CHARS])
{
	struct slice s = slice_str(name);

	if (!id_is_uuid(s))
		return s;
	return (struct slice){ room, lower_ascii(s.p, s.n, room) };
}

bool id_is_same(const char *a, const char *b)
{
	char x[UUID_CHARS], y[UUID_CHARS];

	return slice_eq(name_key(a, x), name_key(b, y));
}

static int claim(struct ruleset *rs, struct rule *r, const char *what, const char *name,
		 const struct ynode *at, struct err *err)
{
	unsigned cap = rs->by_name_cap;
	char room[UUID_CHARS];
	const struct rule *other;
	uint32_t no;
	bool is_new;

	if (array_room(&rs->by_name, rs->names.n, &cap, sizeof(*rs->by_name)) < 0)
		return err_nomem(err);
	rs->by_name_cap = cap;
	if (intern_add(&rs->names, &rs->mem, name_key(name, room), &no, &is_new) < 0)
		return err_nomem(err);
	other = is_new ? NULL : rs->by_name[no];
	if (other != NULL && other != r)
		return err_at(err, at->line, at->col, ERR_EXISTS,
			      "%s: \"%.100s\" is already that of the rule at %.200s:%u", what, name,
			      other->path, other->line);
	rs->by_name[no] = r;
	return 0;
}

void ruleset_forget(struct ruleset *rs, const struct rule *r)
{
	for (unsigned i = 0; i < rs->names.n; i++) {
		if (rs->by_name[i] == r)
			rs->by_name[i] = NULL;
	}
}

const struct rule *ruleset_find(const struct ruleset *rs, const char *id_or_name)
{
	char room[UUID_CHARS];
	uint32_t no = intern_find(&rs->names, name_key(id_or_name, room));

	return no != INTERN_NONE ? rs->by_name[no] : NULL;
}

/* -- documents, files, folders -------------------------------------------------------------- */

static int add_rule(struct load *ld, struct rule *r, const struct ynode *doc, struct err *err)
{
	struct ruleset *rs = ld->rs;
	const struct ynode *id = ynode_get(doc, "id"), *name = ynode_get(doc, "name");

	if (array_room(&rs->rules, rs->n, &rs->cap, sizeof(*rs->rules)) < 0)
		return err_nomem(err);
	if (claim(rs, r, "id", r->id, id != NULL ? id : doc, err) < 0)
		return -1;
	if (r->name != NULL && claim(rs, r, "name", r->name, name, err) < 0) {
		ruleset_forget(rs, r);
		return -1;
	}
	rs->rules[rs->n++] = r;
	return 0;
}

static void warn_notice(struct load *ld)
{
	if (ld->rs->notice.code != ERR_NONE && ld->rep->warning != NULL)
		ld->rep->warning(ld->rep->arg, ld->path, &ld->rs->notice);
}

static int filter(struct load *ld, const struct ynode *doc)
{
	struct err why = { 0 };

	if (filter_parse(ld->rs, &ld->filters, ld->path, doc, &why) < 0)
		return refused(ld, doc, &why);
	ld->rep->documents++;
	ld->rep->loaded++;
	ld->rep->filters++;
	warn_notice(ld);
	return 0;
}

static int document(void *arg, struct ynode *doc)
{
	struct load *ld = arg;
	struct err why = { 0 };
	struct rule *r;
	bool known;

	ld->rs->notice.code = ERR_NONE;
	if (ynode_get(doc, "filter") != NULL)
		return filter(ld, doc);
	if (rule_parse(ld->rs, ld->path, doc, &r, &known, &why) < 0 ||
	    add_rule(ld, r, doc, &why) < 0)
		return refused(ld, doc, &why);
	ld->rep->documents++;
	ld->rep->loaded++;
	warn_notice(ld);
	if (!known && ld->rep->warning != NULL) {
		const struct ynode *ls = ynode_get(doc, "logsource");

		err_at(&why, ls->line, ls->col, ERR_ABSENT,
		       "never applies: log source unknown: rules/logsources.yml does not say which "
		       "events it has");
		ld->rep->warning(ld->rep->arg, ld->path, &why);
	}
	return 0;
}

static void broken(void *arg, const struct err *why, size_t documents)
{
	struct load *ld = arg;

	tell(ld, ld->path, why, documents);
}

static int load_file(struct load *ld, const char *path)
{
	struct err why = { 0 };
	size_t before = ld->rep->documents;

	ld->path = keep(ld->rs, slice_str(path));
	if (ld->path == NULL)
		return err_nomem(ld->err);
	ld->rs->budget = (struct budget){ 0 };
	ld->told = ld->untold = 0;
	buf_reset(&ld->text);
	arena_reset(&ld->tree);
	if (rule_file_read(path, FILE_MAX, &ld->text, &why) < 0) {
		if (why.code == ERR_NOMEM)
			return err_nomem(ld->err);
		if (why.code == ERR_FULL)
			err_set(&why, ERR_FULL, "more than 1 MiB, which no file of rules is");
		tell(ld, ld->path, &why, 1);
		return 0;
	}
	if (yaml_each(buf_view(&ld->text), &ld->tree, document, broken, ld, ld->err) < 0)
		return -1;
	if (ld->rep->documents == before) {
		err_at(&why, 1, 1, ERR_SYNTAX, "the file holds no rule");
		tell(ld, ld->path, &why, 1);
	}
	tell_rest(ld);
	return 0;
}

static int load_entry(void *arg, const struct walk_entry *e)
{
	struct load *ld = arg;
	struct err why;

	switch (e->kind) {
	case WALK_RULES:
		return load_file(ld, e->path);
	case WALK_PASSED:
		if (ld->rep->passed != NULL)
			ld->rep->passed(ld->rep->arg, e->path, e->why);
		return 0;
	default:
		err_set(&why, ERR_IO, "cannot be read: %s", e->why);
		why.line = why.col = 0;
		ld->told = 0;
		tell(ld, e->path, &why, 1);
		return 0;
	}
}

/* -- the set -------------------------------------------------------------------------------- */

static struct ruleset *ruleset_new(struct err *err)
{
	struct ruleset *rs = calloc(1, sizeof(*rs));
	uint32_t any;

	if (rs == NULL) {
		err_nomem(err);
		return NULL;
	}
	atomic_init(&rs->refs, 1);
	rs->regex_ctx = pcre2_compile_context_create(NULL);
	if (rs->regex_ctx == NULL) {
		err_nomem(err);
		goto fail;
	}
	pcre2_set_parens_nest_limit(rs->regex_ctx, REGEX_NEST_MAX);
	pcre2_set_newline(rs->regex_ctx, PCRE2_NEWLINE_LF); /* whatever it was built for */
	/* The first field is that of keywords: FIELD_ANY. */
	if (field_intern(rs, (struct slice){ "", 0 }, NULL, &any, err) < 0 ||
	    maps_load(rs, err) < 0)
		goto fail;
	return rs;
fail:
	ruleset_unref(rs);
	return NULL;
}

static void unresolved(void *arg, const struct rule *r, const struct err *why)
{
	struct load *ld = arg;

	ld->rep->loaded--;
	ld->rep->rejected++;
	if (ld->rep->fault != NULL)
		ld->rep->fault(ld->rep->arg, r->path, why);
}

static void filter_fault(void *arg, const char *path, const struct err *why)
{
	struct load *ld = arg;

	ld->rep->loaded--;
	ld->rep->filters--;
	ld->rep->rejected++;
	if (ld->rep->fault != NULL)
		ld->rep->fault(ld->rep->arg, path, why);
}

static void filter_warning(void *arg, const char *path, const struct err *why)
{
	struct load *ld = arg;

	if (ld->rep->warning != NULL)
		ld->rep->warning(ld->rep->arg, path, why);
}

/* Each class gets its rules. */
static int fill_classes(struct ruleset *rs, struct err *err)
{
	for (unsigned i = 0; i < rs->n; i++) {
		const struct compiled *co = rs->rules[i]->compiled;
		struct class *cl;

		if (rs->rules[i]->kind != RULE_DETECTION)
			continue;
		cl = &rs->classes[co->class];
		if (array_room(&cl->rules, cl->n, &cl->cap, sizeof(*cl->rules)) < 0)
			return err_nomem(err);
		cl->rules[cl->n++] = rs->rules[i];
	}
	return 0;
}

int ruleset_load_from(const struct rules_source *src, struct rules_report *rep,
		      struct ruleset **ret, struct err *err)
{
	struct rules_report quiet = { 0 };
	struct load ld = { .rep = rep != NULL ? rep : &quiet, .err = err };
	struct values values = { 0 };
	int r = -1;

	*err = (struct err){ 0 };
	if (src->values != NULL && values_load(src->values, &values, err) < 0)
		goto out;
	ld.rs = ruleset_new(err);
	if (ld.rs == NULL)
		goto out;
	ld.rs->values = &values;
	ld.rs->link = src->link != NULL ? src->link : RULES_LINK;
	if (rules_walk(src->paths, src->n, load_entry, &ld, err) < 0)
		goto out;
	ld.rs->budget = (struct budget){ 0 };
	if (correlations_resolve(ld.rs, unresolved, &ld, err) < 0 ||
	    filters_apply(ld.rs, &ld.filters, filter_fault, filter_warning, &ld, err) < 0 ||
	    fill_classes(ld.rs, err) < 0 || programs_init(ld.rs, err) < 0)
		goto out;
	ld.rs->values = NULL;
	ld.rs->link = NULL;
	*ret = ld.rs;
	ld.rs = NULL;
	r = 0;
out:
	ruleset_unref(ld.rs);
	filters_release(&ld.filters);
	values_release(&values);
	arena_release(&ld.tree);
	buf_release(&ld.text);
	return r;
}

int ruleset_load(const char *const *paths, size_t n, struct rules_report *rep, struct ruleset **ret,
		 struct err *err)
{
	return ruleset_load_from(&(struct rules_source){ paths, n, NULL }, rep, ret, err);
}

struct ruleset *ruleset_ref(struct ruleset *rs)
{
	atomic_fetch_add_explicit(&rs->refs, 1, memory_order_relaxed);
	return rs;
}

void ruleset_unref(struct ruleset *rs)
{
	if (rs == NULL || atomic_fetch_sub_explicit(&rs->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (unsigned i = 0; i < rs->pred_keys.n; i++) {
		if (rs->preds[i].kind == PRED_REGEX)
			pcre2_code_free(rs->preds[i].regex);
	}
	for (unsigned i = 0; i < rs->class_keys.n; i++)
		free(rs->classes[i].rules);
	programs_release(rs);
	sources_release(rs);
	intern_release(&rs->path_keys);
	free(rs->path_uses);
	intern_release(&rs->names);
	intern_release(&rs->field_keys);
	intern_release(&rs->pred_keys);
	intern_release(&rs->class_keys);
	free(rs->rules);
	free(rs->by_name);
	free(rs->fields);
	free(rs->preds);
	free(rs->classes);
	pcre2_compile_context_free(rs->regex_ctx);
	arena_release(&rs->mem);
	arena_release(&rs->maps);
	free(rs);
}

size_t ruleset_count(const struct ruleset *rs)
{
	return rs->n;
}

const struct rule *ruleset_rule(const struct ruleset *rs, size_t number)
{
	return number < rs->n ? rs->rules[number] : NULL;
}

const struct json_field *sfield_find(const struct sfield *f, const struct json_index *event)
{
	for (unsigned i = 0; i < f->n_paths; i++) {
		const struct json_field *leaf =
			json_index_find(event, f->paths[i].name, f->paths[i].hash);

		for (; leaf != NULL; leaf = json_field_next(event, leaf)) {
			if (leaf->type < JS_OBJECT && leaf->type != JS_NULL)
				return leaf;
		}
	}
	return NULL;
}

const struct json_field *ruleset_field(const struct ruleset *rs, const struct json_index *event,
				       const char *name)
{
	struct slice path = slice_str(name);
	uint32_t no = intern_find(&rs->field_keys, path);

	if (no != INTERN_NONE && no != FIELD_ANY)
		return sfield_find(&rs->fields[no], event);
	return sfield_find(
		&(struct sfield){ .paths = &(struct path){ path, hash64(path, 0) }, .n_paths = 1 },
		event);
}

_Static_assert(FIELD_LOOK_MAX >= FIELD_PATHS_MAX, "a field has more paths than are looked at");

size_t ruleset_field_looks(const struct ruleset *rs, const char *name,
			   struct field_look ret[FIELD_LOOK_MAX])
{
	struct slice path = slice_str(name);
	uint32_t no = intern_find(&rs->field_keys, path);
	const struct sfield *f;

	if (no == INTERN_NONE || no == FIELD_ANY) {
		ret[0] = (struct field_look){ path, hash64(path, 0) };
		return 1;
	}
	f = &rs->fields[no];
	for (unsigned i = 0; i < f->n_paths; i++)
		ret[i] = (struct field_look){ f->paths[i].name, f->paths[i].hash };
	return f->n_paths;
}
