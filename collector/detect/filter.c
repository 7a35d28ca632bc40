/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/filter.c: filter documents: a condition in one place for many rules. A rule then
 * matches where its own condition and those of all its filters hold, so a filter that is to leave
 * events out says `condition: not selection`. Standard: Sigma filters specification 2.1.0, and
 * pySigma where it is silent: `any` and `all` name every rule of the filter's log source; filters
 * are for detection rules. They apply whatever the order of documents and files. */
#include <stdlib.h>

#include "collector/detect/engine.h"

#define FORMS_MAX                                                                                  \
	4u /* log sources with names of their own for fields; further ones compile anew            \
	    */

struct form { /* the condition, over a log source's names of fields */
	const struct ynode *aliases;
	struct expr *expr;
};
struct filter {
	const char *path, *id;
	const struct ynode *logsource, *filter, *rules;
	bool any;
	struct form form[FORMS_MAX];
	unsigned n_forms;
};

struct apply {
	struct ruleset *rs;
	struct filter *f;
	void (*fault)(void *arg, const char *path, const struct err *err);
	void (*warning)(void *arg, const char *path, const struct err *err);
	void *arg;
	struct err *err;
};

static int refuse(struct err *err, const struct ynode *at, const char *what)
{
	return err_at(err, at->line, at->col, ERR_SYNTAX, "%s", what);
}

/* -- reading -------------------------------------------------------------------------------- */

static bool names_all(const struct ynode *rules)
{
	return rules->kind == Y_SCALAR &&
	       (strcasecmp(rules->text.p, "any") == 0 || strcasecmp(rules->text.p, "all") == 0);
}

static int check_shape(const struct ynode *doc, struct err *err)
{
	const struct ynode *filter = ynode_get(doc, "filter");
	const struct ynode *source = ynode_get(doc, "logsource");
	const struct ynode *rules = ynode_get(filter, "rules"), *cond;
	const struct ynode *it = ynode_get(doc, "detection");

	if (it == NULL)
		it = ynode_get(doc, "correlation");
	if (it != NULL)
		return refuse(err, it->key, "a document is a rule or a filter, not both");
	if (filter->kind != Y_MAP)
		return refuse(err, filter, "filter: a map is expected here");
	if (source == NULL || source->kind != Y_MAP)
		return refuse(err, source != NULL ? source : doc,
			      "a filter wants the logsource of its rules");
	if (rules == NULL)
		return refuse(err, filter,
			      "filter: rules is missing: ids or names of rules, or any");
	cond = ynode_get(filter, "condition");
	if (cond != NULL && cond->kind != Y_SCALAR)
		return refuse(err, cond, "filter: one condition is expected here");
	if (rules->kind == Y_MAP || (rules->kind == Y_LIST && rules->n == 0) ||
	    ynode_is_null(rules))
		return refuse(err, rules, "filter: ids or names of rules, or any, are expected");
	for (it = rules->first; it != NULL; it = it->next) {
		if (it->kind != Y_SCALAR)
			return refuse(err, it, "filter: the id or name of a rule is expected");
	}
	return 0;
}

static bool names_a_source(const struct ynode *source)
{
	return ynode_get(source, "product") != NULL || ynode_get(source, "category") != NULL ||
	       ynode_get(source, "service") != NULL;
}

static int check_id(const struct filters *fs, const char *id, const struct ynode *at,
		    struct err *err)
{
	for (unsigned i = 0; i < fs->n; i++) {
		if (id_is_same(fs->v[i].id, id))
			return err_at(err, at->line, at->col, ERR_EXISTS,
				      "id: \"%.100s\" is already that of the filter in %.200s", id,
				      fs->v[i].path);
	}
	return 0;
}

int filter_parse(struct ruleset *rs, struct filters *fs, const char *path, const struct ynode *doc,
		 struct err *err)
{
	const struct ynode *id = ynode_get(doc, "id"), *kept;
	struct rule identity = { 0 };
	struct filter f = { .path = path };
	struct expr *ex;

	if (rule_identity(rs, doc, &identity, err) < 0 || check_shape(doc, err) < 0 ||
	    check_id(fs, identity.id, id != NULL ? id : doc, err) < 0)
		return -1;
	if (!names_a_source(ynode_get(doc, "logsource")))
		return refuse(err, ynode_get(doc, "logsource"),
			      "logsource: a product, service or category is missing");
	kept = ynode_copy(doc, &fs->mem);
	if (kept == NULL || array_room(&fs->v, fs->n, &fs->cap, sizeof(*fs->v)) < 0)
		return err_nomem(err);
	f.id = identity.id;
	f.logsource = ynode_get(kept, "logsource");
	f.filter = ynode_get(kept, "filter");
	f.rules = ynode_get(f.filter, "rules");
	f.any = names_all(f.rules);
	if (search_compile(rs, f.filter, "rules", NULL, &ex, err) < 0)
		return -1;
	f.form[f.n_forms++] = (struct form){ NULL, ex };
	fs->v[fs->n++] = f;
	return 0;
}

void filters_release(struct filters *fs)
{
	free(fs->v);
	arena_release(&fs->mem);
	*fs = (struct filters){ 0 };
}

/* -- applying ------------------------------------------------------------------------------- */

static struct expr *form_for(struct apply *ap, const struct ynode *aliases)
{
	struct filter *f = ap->f;
	struct expr *ex;

	for (unsigned i = 0; i < f->n_forms; i++) {
		if (f->form[i].aliases == aliases)
			return f->form[i].expr;
	}
	if (search_compile(ap->rs, f->filter, "rules", aliases, &ex, ap->err) < 0)
		return NULL; /* it has compiled with other names, so a bound is reached */
	if (f->n_forms < FORMS_MAX)
		f->form[f->n_forms++] = (struct form){ aliases, ex };
	return ex;
}

static int add_to(struct apply *ap, struct rule *r)
{
	struct compiled *co = r->compiled;
	struct expr *own = form_for(ap, ap->rs->classes[co->class].aliases);
	struct expr *both;

	if (own == NULL)
		return -1;
	both = expr_new(ap->rs, EX_AND, 2, ap->err);
	if (both == NULL)
		return -1;
	both->kid[0] = co->expr;
	both->kid[1] = own;
	expr_settle(both);
	co->expr = both;
	return 0;
}

static int add_to_all(struct apply *ap)
{
	for (unsigned i = 0; i < ap->rs->n; i++) {
		struct rule *r = ap->rs->rules[i];
		const struct compiled *co = r->compiled;

		if (r->kind == RULE_DETECTION &&
		    class_is_within(ap->rs, co->class, ap->f->logsource) && add_to(ap, r) < 0)
			return -1;
	}
	return 0;
}

static const struct rule *named_rule(struct apply *ap, const struct ynode *ref)
{
	return ruleset_find(ap->rs, ref->text.p);
}

/* All names are looked at first, so that a filter applies as it stands or not at all. */
static bool names_are_good(struct apply *ap)
{
	const struct ynode *rules = ap->f->rules;
	struct err why;

	for (const struct ynode *it = rules->kind == Y_LIST ? rules->first : rules; it != NULL;
	     it = it == rules ? NULL : it->next) {
		const struct rule *r = named_rule(ap, it);

		if (r != NULL && r->kind == RULE_DETECTION)
			continue;
		err_at(&why, it->line, it->col, r == NULL ? ERR_ABSENT : ERR_SYNTAX,
		       r == NULL ? "filter: no rule that loads has the id or name \"%.100s\""
				 : "filter: \"%.100s\" is a correlation; filters are for the rules "
				   "that it counts",
		       it->text.p);
		ap->fault(ap->arg, ap->f->path, &why);
		return false;
	}
	return true;
}

static int add_to_named(struct apply *ap)
{
	const struct ynode *rules = ap->f->rules;

	for (const struct ynode *it = rules->kind == Y_LIST ? rules->first : rules; it != NULL;
	     it = it == rules ? NULL : it->next) {
		const struct rule *r = named_rule(ap, it);
		const struct compiled *co = r->compiled;
		struct err why;

		if (class_is_within(ap->rs, co->class, ap->f->logsource)) {
			if (add_to(ap, ap->rs->rules[r->number]) < 0)
				return -1;
			continue;
		}
		err_at(&why, it->line, it->col, ERR_ABSENT,
		       "filter: does not apply to \"%.100s\": that rule is of another log source",
		       it->text.p);
		ap->warning(ap->arg, ap->f->path, &why);
	}
	return 0;
}

/* The specification's own example lacks the `not` that it means. */
static void warn_of_missing_not(struct apply *ap)
{
	const struct ynode *cond = ynode_get(ap->f->filter, "condition");
	struct slice s = cond->text;
	struct err why;

	for (size_t i = 0; i + 3 <= s.n; i++) {
		if (strncasecmp(s.p + i, "not", 3) == 0)
			return;
	}
	err_at(&why, cond->line, cond->col, ERR_SYNTAX,
	       "filter: its rules match only where this holds; to leave such events out write: "
	       "not ...");
	ap->warning(ap->arg, ap->f->path, &why);
}

int filters_apply(struct ruleset *rs, struct filters *fs,
		  void (*fault)(void *arg, const char *path, const struct err *err),
		  void (*warning)(void *arg, const char *path, const struct err *err), void *arg,
		  struct err *err)
{
	for (unsigned i = 0; i < fs->n; i++) {
		struct apply ap = { rs, &fs->v[i], fault, warning, arg, err };

		if (!ap.f->any && !names_are_good(&ap))
			continue;
		if ((ap.f->any ? add_to_all(&ap) : add_to_named(&ap)) == 0) {
			warn_of_missing_not(&ap);
			continue;
		}
		if (err->code == ERR_NOMEM)
			return -1;
		err->line = ap.f->filter->line; /* more filters than we take */
		err->col = ap.f->filter->col;
		fault(arg, ap.f->path, err);
	}
	return 0;
}
