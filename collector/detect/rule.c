/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/rule.c: one YAML document as a rule: what it says of itself, our `vartio:`
 * extension, and its detection. */
#include <stdio.h>

#include "collector/detect/engine.h"
#include "common/base/hash.h"
#include "common/base/text.h"

struct parse {
	struct ruleset *rs;
	const struct ynode *doc;
	struct rule *rule;
	struct err *err;
};

static int refuse(struct parse *ps, const struct ynode *at, const char *what)
{
	return err_at(ps->err, at->line, at->col, ERR_SYNTAX, "%s", what);
}

/* The text under key, or NULL; -1 when it is not a text. */
static int text_of(struct parse *ps, const struct ynode *map, const char *key, const char **ret)
{
	const struct ynode *n = ynode_get(map, key);

	if (n == NULL || ynode_is_null(n))
		return 0;
	if (n->kind != Y_SCALAR)
		return err_at(ps->err, n->line, n->col, ERR_SYNTAX, "%s: a text is expected here",
			      key);
	*ret = keep(ps->rs, n->text);
	return *ret != NULL ? 0 : err_nomem(ps->err);
}

int text_list(struct ruleset *rs, const struct ynode *n, const char *what, const char ***ret,
	      size_t *ret_n, struct err *err)
{
	const struct ynode *it = n;
	const char **v;
	size_t count, i = 0;

	if (n == NULL || ynode_is_null(n))
		return 0;
	if (n->kind == Y_MAP)
		goto bad;
	count = n->kind == Y_LIST ? n->n : 1;
	v = arena_alloc(&rs->mem, (count + 1) * sizeof(*v));
	if (v == NULL)
		return err_nomem(err);
	for (it = n->kind == Y_LIST ? n->first : n; i < count; it = it->next, i++) {
		if (it->kind != Y_SCALAR)
			goto bad;
		v[i] = keep(rs, it->text);
		if (v[i] == NULL)
			return err_nomem(err);
	}
	v[count] = NULL;
	*ret = v;
	*ret_n = count;
	return 0;
bad:
	return err_at(err, it->line, it->col, ERR_SYNTAX, "%s: texts are expected here", what);
}

bool id_is_uuid(struct slice s)
{
	if (s.n != 36)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s.p[i] != '-' : strchr("0123456789abcdefABCDEF", s.p[i]) == NULL)
			return false;
	}
	return true;
}

static bool is_slug(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      (i > 0 && c != '\0' && strchr("._-", c) != NULL)))
			return false;
	}
	return s.n > 0 && s.n <= 128;
}

/* A rule without an id gets one that stays the same as long as its title does. */
static int derive_id(struct parse *ps)
{
	uint8_t sum[SHA256_LEN];
	struct buf b = { 0 }, id = { 0 };

	buf_str(&b, "vartio rule title\n");
	buf_str(&b, ps->rule->title);
	sha256(buf_view(&b), sum);
	sum[6] = (uint8_t)((sum[6] & 0x0f) | 0x80); /* RFC 9562 section 5.8: version 8, our own */
	sum[8] = (uint8_t)((sum[8] & 0x3f) | 0x80);
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			buf_chr(&id, '-');
		hex_put(&id, sum + i, 1);
	}
	ps->rule->id = b.failed || id.failed ? NULL : keep(ps->rs, buf_view(&id));
	buf_release(&b);
	buf_release(&id);
	return ps->rule->id != NULL ? 0 : err_nomem(ps->err);
}

static int read_level(struct parse *ps)
{
	static const char *const names[] = { "informational", "low", "medium", "high", "critical" };
	const struct ynode *n = ynode_get(ps->doc, "level");

	ps->rule->level = LEVEL_MEDIUM;
	if (n == NULL || ynode_is_null(n))
		return 0;
	for (int i = 0; i < 5; i++) {
		if (n->kind == Y_SCALAR && slice_is(n->text, names[i])) {
			ps->rule->level = (enum sigma_level)i;
			return 0;
		}
	}
	return refuse(ps, n, "level: informational, low, medium, high or critical is expected");
}

/* Whose names the rule uses; what we cannot translate would silently match nothing. */
static int check_taxonomy(struct parse *ps)
{
	const struct ynode *n = ynode_get(ps->doc, "taxonomy");

	if (n == NULL || ynode_is_null(n) ||
	    (n->kind == Y_SCALAR && (slice_is(n->text, "sigma") || slice_is(n->text, "ecs"))))
		return 0;
	return refuse(ps, n, "taxonomy: sigma (the default) or ecs is expected");
}

static int read_identity(struct parse *ps)
{
	struct rule *r = ps->rule;
	const struct ynode *id = ynode_get(ps->doc, "id"), *name = ynode_get(ps->doc, "name");

	if (check_taxonomy(ps) < 0 || text_of(ps, ps->doc, "title", &r->title) < 0 ||
	    text_of(ps, ps->doc, "id", &r->id) < 0 || text_of(ps, ps->doc, "name", &r->name) < 0)
		return -1;
	if (r->title == NULL || r->title[0] == '\0')
		return refuse(ps, ps->doc, "a rule wants a title");
	if (text_chars(slice_str(r->title)) > 256)
		return refuse(ps, ynode_get(ps->doc, "title"), "title: more than 256 characters");
	if (r->id != NULL && !id_is_uuid(slice_str(r->id)) && !is_slug(slice_str(r->id)))
		return refuse(ps, id, "id: a UUID is expected");
	if (r->name != NULL && !is_slug(slice_str(r->name)))
		return refuse(ps, name,
			      "name: only letters, digits, dots, hyphens and underscores");
	return r->id != NULL ? 0 : derive_id(ps);
}

/* Whether the rule may be of the public collection: nothing in it says otherwise. SigmaHQ's own
 * rules say nothing of their licence, the Detection Rule License. */
static bool may_be_public(const struct parse *ps, const struct ynode *ext)
{
	const struct ynode *license = ynode_get(ps->doc, "license");

	if (license != NULL && !ynode_is_null(license) &&
	    (license->kind != Y_SCALAR || strncasecmp(license->text.p, "DRL", 3) != 0))
		return false;
	return ext == NULL && ynode_get(ps->doc, "id") != NULL &&
	       id_is_uuid(slice_str(ps->rule->id));
}

/* The link to a public rule: %{id} stands for its id. */
static int put_link(struct parse *ps)
{
	static const char mark[] = "%{id}";
	const char *at, *from = ps->rs->link;
	struct buf b = { 0 };

	for (; (at = strstr(from, mark)) != NULL; from = at + sizeof(mark) - 1) {
		buf_put(&b, from, (size_t)(at - from));
		buf_str(&b, ps->rule->id);
	}
	buf_str(&b, from);
	ps->rule->link = b.failed ? NULL : keep(ps->rs, buf_view(&b));
	buf_release(&b);
	return ps->rule->link != NULL ? 0 : err_nomem(ps->err);
}

/* Where the reader finds the rule: its own link, else the public collection by the rule's number,
 * as the Detection Rule License 1.1 asks, else its first reference. */
static int read_link(struct parse *ps, const struct ynode *ext)
{
	const struct ynode *refs = ynode_get(ps->doc, "references");

	if (text_of(ps, ext, "link", &ps->rule->link) < 0)
		return -1;
	if (ps->rule->link != NULL)
		return 0;
	if (ps->rs->link[0] != '\0' && may_be_public(ps, ext))
		return put_link(ps);
	if (refs != NULL && refs->kind == Y_LIST && refs->first != NULL)
		refs = refs->first;
	if (refs != NULL && refs->kind == Y_SCALAR && refs->text.n > 0) {
		ps->rule->link = keep(ps->rs, refs->text);
		return ps->rule->link != NULL ? 0 : err_nomem(ps->err);
	}
	return 0;
}

static int read_author(struct parse *ps)
{
	const struct ynode *n = ynode_get(ps->doc, "author");
	struct buf b = { 0 };

	if (n == NULL || n->kind == Y_SCALAR)
		return text_of(ps, ps->doc, "author", &ps->rule->author);
	for (const struct ynode *it = n->first; it != NULL; it = it->next) {
		if (it->kind != Y_SCALAR) {
			buf_release(&b);
			return refuse(ps, it, "author: names are expected here");
		}
		buf_str(&b, b.n > 0 ? ", " : "");
		buf_slice(&b, it->text);
	}
	ps->rule->author = b.failed ? NULL : keep(ps->rs, buf_view(&b));
	buf_release(&b);
	return ps->rule->author != NULL ? 0 : err_nomem(ps->err);
}

static int read_texts(struct parse *ps, const struct ynode *texts)
{
	for (const struct ynode *l = texts != NULL ? texts->first : NULL; l != NULL; l = l->next) {
		struct rule_texts *t = NULL;

		for (int i = 0; i < LANGS; i++) {
			if (l->key != NULL && slice_is(l->key->text, lang_names[i]))
				t = &ps->rule->texts[i];
		}
		if (t == NULL || l->kind != Y_MAP)
			return refuse(ps, l, "texts: fi, sv and en, each a map, are expected here");
		if (text_of(ps, l, "title", &t->title) < 0 ||
		    text_of(ps, l, "what", &t->what) < 0 || text_of(ps, l, "why", &t->why) < 0 ||
		    text_of(ps, l, "do", &t->action) < 0 || text_of(ps, l, "call", &t->call) < 0)
			return -1;
	}
	return 0;
}

static bool has_all_texts(const struct rule *r)
{
	for (int i = 0; i < LANGS; i++) {
		const struct rule_texts *t = &r->texts[i];

		if (t->title == NULL || t->what == NULL || t->why == NULL || t->action == NULL ||
		    t->call == NULL)
			return false;
	}
	return true;
}

/* Who is told: the contact for what is high or critical and can be said in plain words. */
static int read_audience(struct parse *ps, const struct ynode *ext)
{
	const struct ynode *n = ynode_get(ext, "audience");

	ps->rule->to_contact = ps->rule->level >= LEVEL_HIGH && has_all_texts(ps->rule);
	if (n == NULL || ynode_is_null(n))
		return 0;
	if (n->kind == Y_SCALAR && slice_is(n->text, "region")) {
		ps->rule->to_contact = false;
		return 0;
	}
	if (n->kind != Y_SCALAR || !slice_is(n->text, "contact"))
		return refuse(ps, n, "audience: contact or region is expected");
	if (!has_all_texts(ps->rule))
		return refuse(ps, n,
			      "audience: contact wants title, what, why, do and call in fi, "
			      "sv and en");
	ps->rule->to_contact = true;
	return 0;
}

static int read_extension(struct parse *ps, const struct ynode *ext)
{
	static const char *const known[] = {
		"entity", "audience", "texts", "examples", "link", NULL
	};
	struct rule *r = ps->rule;
	const char **entity;

	if (ext != NULL && ext->kind != Y_MAP)
		return refuse(ps, ext, "vartio: a map is expected here");
	for (const struct ynode *n = ext != NULL ? ext->first : NULL; n != NULL; n = n->next) {
		int i = 0;

		while (known[i] != NULL && !slice_is(n->key->text, known[i]))
			i++;
		if (known[i] == NULL)
			return refuse(
				ps, n->key,
				"vartio: entity, audience, texts, examples or link is expected");
	}
	if (read_texts(ps, ynode_get(ext, "texts")) < 0 || read_audience(ps, ext) < 0 ||
	    text_list(ps->rs, ynode_get(ext, "entity"), "entity", &r->entity, &r->n_entity,
		      ps->err) < 0 ||
	    examples_parse(ps->rs, ynode_get(ext, "examples"), r, ps->err) < 0)
		return -1;
	if (r->n_entity > 0)
		return 0;
	entity = arena_alloc(&ps->rs->mem, 2 * sizeof(*entity));
	if (entity == NULL)
		return err_nomem(ps->err);
	entity[0] = "host.name";
	entity[1] = NULL;
	r->entity = entity;
	r->n_entity = 1;
	return 0;
}

static int read_detection(struct parse *ps, bool *ret_known)
{
	const struct ynode *source = ynode_get(ps->doc, "logsource"), *aliases;
	const struct ynode *det = ynode_get(ps->doc, "detection");
	struct compiled *co = ps->rule->compiled;
	struct expr *ex;

	if (det == NULL)
		return refuse(ps, ps->doc, "a rule wants a detection (or a correlation)");
	if (source == NULL)
		return refuse(ps, ps->doc, "a rule wants a logsource");
	if (det->kind != Y_MAP)
		return refuse(ps, det, "detection: a map is expected here");
	if (class_intern(ps->rs, source, &co->class, ret_known, &aliases, ps->err) < 0 ||
	    search_compile(ps->rs, det, NULL, aliases, &ex, ps->err) < 0)
		return -1;
	co->expr = ex;
	return 0;
}

int rule_identity(struct ruleset *rs, const struct ynode *doc, struct rule *r, struct err *err)
{
	struct parse ps = { .rs = rs, .doc = doc, .rule = r, .err = err };

	return read_identity(&ps);
}

int rule_parse(struct ruleset *rs, const char *path, const struct ynode *doc, struct rule **ret,
	       bool *ret_known, struct err *err)
{
	struct rule *r = arena_alloc(&rs->mem, sizeof(*r));
	struct compiled *co = arena_alloc(&rs->mem, sizeof(*co));
	struct parse ps = { .rs = rs, .doc = doc, .rule = r, .err = err };
	const struct ynode *ext = ynode_get(doc, "vartio"), *n;

	if (r == NULL || co == NULL)
		return err_nomem(err);
	*r = (struct rule){ .path = path, .line = doc->line, .compiled = co };
	*co = (struct compiled){ 0 };
	*ret_known = true;
	if (doc->kind != Y_MAP)
		return refuse(&ps, doc, "a rule is a map of names and values");
	n = ynode_get(doc, "action");
	if (n != NULL)
		return refuse(&ps, n->key,
			      "action: collections (global, reset, repeat) are no longer "
			      "Sigma: write each rule out");
	if (read_identity(&ps) < 0 || read_level(&ps) < 0 || read_author(&ps) < 0 ||
	    read_link(&ps, ext) < 0 ||
	    text_list(rs, ynode_get(doc, "tags"), "tags", &r->tags, &r->n_tags, err) < 0 ||
	    text_list(rs, ynode_get(doc, "fields"), "fields", &r->fields, &r->n_fields, err) < 0)
		return -1;
	r->kind = ynode_get(doc, "correlation") != NULL ? RULE_CORRELATION : RULE_DETECTION;
	if (read_extension(&ps, ext) < 0)
		return -1;
	if ((r->kind == RULE_CORRELATION ? correlation_parse(rs, r, doc, err)
					 : read_detection(&ps, ret_known)) < 0)
		return -1;
	*ret = r;
	return 0;
}
