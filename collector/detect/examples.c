/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/examples.c: vartio.examples: events that must, and must not, fire the rule.
 *   match:                        no_match: the same
 *     - line: '...'               one raw log line, as the agent's normaliser takes it
 *     - lines: ['...', '...']     several; with repeat: N and every: 1s all of them again, N times
 *     - event: {user.name: x}     one event, nested or dotted; or the map itself without `event` */
#include <stdlib.h>

#include "collector/detect/engine.h"
#include "common/base/time.h"

#define REPEAT_MAX 100000u

static int put_json(struct buf *out, const struct ynode *n)
{
	bool yes;

	switch (n->kind) {
	case Y_MAP:
		buf_chr(out, '{');
		for (const struct ynode *c = n->first; c != NULL; c = c->next) {
			json_put_string(out, c->key->text);
			buf_chr(out, ':');
			put_json(out, c);
			buf_str(out, c->next != NULL ? "," : "");
		}
		buf_chr(out, '}');
		break;
	case Y_LIST:
		buf_chr(out, '[');
		for (const struct ynode *c = n->first; c != NULL; c = c->next) {
			put_json(out, c);
			buf_str(out, c->next != NULL ? "," : "");
		}
		buf_chr(out, ']');
		break;
	default:
		if (ynode_is_null(n))
			buf_str(out, "null");
		else if (ynode_is_bool(n, &yes))
			buf_str(out, yes ? "true" : "false");
		else if (ynode_is_json_number(n))
			buf_slice(out, n->text);
		else
			json_put_string(out, n->text);
	}
	return out->failed ? -1 : 0;
}

static int read_event(struct ruleset *rs, const struct ynode *n, struct example *ex,
		      struct err *err)
{
	struct buf b = { 0 };
	int r = -1;

	if (n->kind != Y_MAP)
		return err_at(err, n->line, n->col, ERR_SYNTAX,
			      "examples: a map of fields is expected here");
	ex->text = arena_alloc(&rs->mem, sizeof(*ex->text));
	if (ex->text != NULL && put_json(&b, n) == 0) {
		ex->text[0] = arena_copy(&rs->mem, buf_view(&b));
		ex->n = 1;
		r = ex->text[0].p != NULL ? 0 : -1;
	}
	buf_release(&b);
	return r == 0 ? 0 : err_nomem(err);
}

static int read_lines(struct ruleset *rs, const struct ynode *n, struct example *ex,
		      struct err *err)
{
	const char **lines = NULL;

	if (text_list(rs, n, "examples", &lines, &ex->n, err) < 0)
		return -1;
	if (ex->n == 0)
		return err_at(err, n->line, n->col, ERR_SYNTAX, "examples: no line");
	ex->raw = true;
	ex->text = arena_alloc(&rs->mem, ex->n * sizeof(*ex->text));
	if (ex->text == NULL)
		return err_nomem(err);
	for (size_t i = 0; i < ex->n; i++)
		ex->text[i] = slice_str(lines[i]);
	return 0;
}

static int read_repeat(const struct ynode *map, struct example *ex, struct err *err)
{
	const struct ynode *repeat = ynode_get(map, "repeat"), *every = ynode_get(map, "every");
	struct slice s;
	uint64_t v;

	ex->repeat = 1;
	if (repeat != NULL) {
		if (repeat->kind != Y_SCALAR || !slice_uint(repeat->text, REPEAT_MAX, &v) || v == 0)
			return err_at(err, repeat->line, repeat->col, ERR_SYNTAX,
				      "examples: repeat: a number from 1 to 100000 is expected");
		ex->repeat = (uint32_t)v;
	}
	if (every == NULL)
		return 0;
	s = every->kind == Y_SCALAR ? every->text : (struct slice){ "", 0 };
	if (s.n < 2 || strchr("smh", s.p[s.n - 1]) == NULL ||
	    !slice_uint((struct slice){ s.p, s.n - 1 }, 86400, &v))
		return err_at(err, every->line, every->col, ERR_SYNTAX,
			      "examples: every: a time such as 1s, 5m or 1h is expected");
	ex->every_ns = (int64_t)v * NS_PER_SEC *
		       (s.p[s.n - 1] == 's'   ? 1
			: s.p[s.n - 1] == 'm' ? 60
					      : 3600);
	return 0;
}

static int read_example(struct ruleset *rs, const struct ynode *n, const struct rule *rule,
			struct example *ex, struct err *err)
{
	const struct ynode *line = ynode_get(n, "line"), *lines = ynode_get(n, "lines");
	const struct ynode *event = ynode_get(n, "event");

	if (n->kind != Y_MAP)
		return err_at(err, n->line, n->col, ERR_SYNTAX,
			      "examples: line, lines, event or a map of fields is expected");
	ex->line = n->line;
	if (read_repeat(lines != NULL ? n : NULL, ex, err) < 0)
		return -1;
	if (lines != NULL || line != NULL)
		return read_lines(rs, lines != NULL ? lines : line, ex, err);
	if (rule->kind == RULE_CORRELATION)
		return err_at(err, n->line, n->col, ERR_SYNTAX,
			      "examples: those of a correlation are log lines");
	return read_event(rs, event != NULL && event->kind == Y_MAP ? event : n, ex, err);
}

int examples_parse(struct ruleset *rs, const struct ynode *n, struct rule *rule, struct err *err)
{
	static const char *const kinds[] = { "match", "no_match" };
	struct compiled *co = rule->compiled;
	size_t total = 0;

	if (n == NULL || ynode_is_null(n))
		return 0;
	for (const struct ynode *k = n->first; k != NULL; k = k->next) {
		if (k->key == NULL || k->kind != Y_LIST ||
		    !(slice_is(k->key->text, kinds[0]) || slice_is(k->key->text, kinds[1])))
			return err_at(err, k->line, k->col, ERR_SYNTAX,
				      "examples: match and no_match, each a list, are expected");
		total += k->n;
	}
	co->examples = arena_alloc(&rs->mem, (total + 1) * sizeof(*co->examples));
	if (co->examples == NULL)
		return err_nomem(err);
	for (const struct ynode *k = n->first; k != NULL; k = k->next) {
		for (const struct ynode *e = k->first; e != NULL; e = e->next) {
			struct example *ex = &co->examples[co->n_examples++];

			*ex = (struct example){ .match = slice_is(k->key->text, kinds[0]) };
			if (read_example(rs, e, rule, ex, err) < 0)
				return -1;
		}
	}
	return 0;
}

const struct example *rule_examples(const struct rule *rule, size_t *ret_n)
{
	const struct compiled *co = rule->compiled;

	*ret_n = co->n_examples;
	return co->examples;
}
