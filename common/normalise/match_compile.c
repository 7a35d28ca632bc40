/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/normalise/match_compile.h"

static const char *const how_names[] = { "str", "trim", "first", "lower", "word",
					 "int", "addr", "mac",   NULL };

static int how_by_name(struct slice name, enum how *ret)
{
	for (unsigned i = 0; how_names[i] != NULL; i++) {
		if (slice_is(name, how_names[i])) {
			*ret = (enum how)i;
			return 0;
		}
	}
	return -1;
}

/* "field" or "field:how" */
static int target_compile(struct slice text, struct target *ret, struct err *err)
{
	ssize_t colon = slice_chr(text, ':');
	struct target t = { .how = HOW_STR, .name = text };

	if (colon >= 0) {
		t.name = (struct slice){ text.p, (size_t)colon };
		if (how_by_name(slice_from(text, (size_t)colon + 1), &t.how) < 0)
			return err_set(err, ERR_SYNTAX, "no such way to take a value: %.*s",
				       SLICE_FMT(text));
	}
	if (t.how == HOW_ADDR) {
		if (slice_is(t.name, "source"))
			t.id = ECS_SOURCE_IP;
		else if (slice_is(t.name, "destination"))
			t.id = ECS_DESTINATION_IP;
		else
			return err_set(err, ERR_SYNTAX, "addr goes to source or destination: %.*s",
				       SLICE_FMT(text));
	} else {
		t.id = ecs_by_name(t.name);
	}
	*ret = t;
	return 0;
}

/* The next part of *rest up to sep, which is eaten. */
static struct slice part(struct slice *rest, char sep)
{
	ssize_t at = slice_chr(*rest, sep);
	struct slice p = *rest;

	if (at < 0) {
		*rest = (struct slice){ rest->p + rest->n, 0 };
		return p;
	}
	p.n = (size_t)at;
	*rest = slice_from(*rest, (size_t)at + 1);
	return p;
}

/* What stands between %{ and }. */
static int place_compile(struct slice text, struct place *ret, struct err *err)
{
	struct place p = { .how = HOW_STR };

	if (text.n > 0 && text.p[0] == '>') {
		p.greedy = true;
		text = slice_from(text, 1);
	}
	if (slice_is(text, "kv")) {
		p.kv = true;
		*ret = p;
		return 0;
	}
	while (text.n > 0) {
		struct target t;

		if (target_compile(part(&text, ','), &t, err) < 0)
			return -1;
		if (p.how == HOW_STR)
			p.how = t.how;
		if (slice_is(t.name, "_"))
			continue;
		if (p.n == MATCH_TARGETS_MAX)
			return err_set(err, ERR_SYNTAX, "more than %u fields in one place",
				       MATCH_TARGETS_MAX);
		p.to[p.n++] = t;
	}
	if (p.how == HOW_TRIM || p.how == HOW_FIRST || p.how == HOW_LOWER || p.how == HOW_MAC)
		p.how = HOW_STR; /* these say how to keep it, not what may stand there */
	*ret = p;
	return 0;
}

int pattern_compile(struct slice text, struct arena *mem, struct pattern *ret, struct err *err)
{
	struct step steps[MATCH_PLACES_MAX + 1], *kept; /* most patterns have a quarter of them */
	unsigned n = 0;

	for (;; n++) {
		ssize_t open = slice_find(text, SLICE("%{")), close;

		if (n == MATCH_PLACES_MAX)
			return err_set(err, ERR_SYNTAX, "more than %u places", MATCH_PLACES_MAX);
		steps[n] = (struct step){ .literal = text };
		if (open < 0) {
			n++;
			break;
		}
		if (n > 0 && open == 0)
			return err_set(err, ERR_SYNTAX, "two places without text between them");
		steps[n].literal.n = (size_t)open;
		steps[n].has_place = true;
		text = slice_from(text, (size_t)open + 2);
		close = slice_chr(text, '}');
		if (close < 0)
			return err_set(err, ERR_SYNTAX, "%%{ without }");
		if (place_compile((struct slice){ text.p, (size_t)close }, &steps[n].place, err) <
		    0)
			return -1;
		text = slice_from(text, (size_t)close + 1);
		if (steps[n].place.kv && text.n > 0)
			return err_set(err, ERR_SYNTAX, "%%{kv} must be the last");
	}
	kept = arena_alloc(mem, n * sizeof(*kept));
	if (kept == NULL)
		return err_nomem(err);
	memcpy(kept, steps, n * sizeof(*kept));
	*ret = (struct pattern){ .step = kept, .n = n };
	return 0;
}

static int words(const char *text, struct slice *out, unsigned *ret_n, struct err *err)
{
	struct slice rest = slice_str(text);

	for (*ret_n = 0; rest.n > 0; ++*ret_n) {
		if (*ret_n == MATCH_WORDS_MAX)
			return err_set(err, ERR_SYNTAX, "more than %u values: %s", MATCH_WORDS_MAX,
				       text);
		out[*ret_n] = part(&rest, ' ');
	}
	return 0;
}

static int set_compile(const char *text, struct meaning *m, struct err *err)
{
	struct slice rest = slice_str(text);

	for (; rest.n > 0; m->n_set++) {
		struct slice pair = part(&rest, '|'), field = part(&pair, '=');

		if (m->n_set == MATCH_WORDS_MAX || pair.n == 0)
			return err_set(err, ERR_SYNTAX, "bad constants: %s", text);
		if (target_compile(field, &m->set_to[m->n_set], err) < 0)
			return -1;
		m->set_value[m->n_set] = pair;
	}
	return 0;
}

static int kv_compile(const char *text, struct arena *mem, const struct kv **ret, struct err *err)
{
	struct kv *kv = arena_alloc(mem, sizeof(*kv));
	struct slice rest = slice_str(text);

	if (kv == NULL)
		return err_nomem(err);
	*kv = (struct kv){ .separator = part(&rest, '|') };
	for (; rest.n > 0; kv->n++) {
		struct slice pair = part(&rest, '|');
		ssize_t eq = slice_chr(pair, '=');
		struct kv_key *k;

		if (kv->n == MATCH_KEYS_MAX || eq <= 0)
			return err_set(err, ERR_SYNTAX, "bad kv: %s", text);
		k = &kv->key[kv->n];
		k->takes_rest = pair.p[0] == '*';
		k->key = (struct slice){ pair.p, (size_t)eq + 1 };
		if (k->takes_rest)
			k->key = slice_from(k->key, 1);
		if (place_compile(slice_from(pair, (size_t)eq + 1), &k->place, err) < 0)
			return -1;
	}
	*ret = kv;
	return 0;
}

int meaning_compile(const struct match_table *t, const struct match_rule *r, struct arena *mem,
		    struct meaning **ret, struct err *err)
{
	struct meaning *m = arena_alloc(mem, sizeof(*m));

	if (m == NULL)
		return err_nomem(err);
	*m = (struct meaning){
		.action = slice_str(r->action),
		.outcome = slice_str(r->outcome),
		.module = slice_str(t->module),
		.dataset = slice_str(t->dataset),
		.after = r->after,
	};
	if (words(r->category, m->category, &m->n_category, err) < 0 ||
	    words(r->type, m->type, &m->n_type, err) < 0 || set_compile(r->set, m, err) < 0 ||
	    (r->kv != NULL && kv_compile(r->kv, mem, &m->kv, err) < 0))
		return -1;
	*ret = m;
	return 0;
}
