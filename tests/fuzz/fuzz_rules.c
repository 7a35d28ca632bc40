/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/fuzz/fuzz_rules.c: the Sigma engine against the slow evaluator of oracle.h, on a folder of
 * real rules and on recorded events that are made to fit, or nearly fit, one of them: values that a
 * rule asks for are put into the event, padded, in other case, or with a byte wrong. Every rule is
 * asked of every event. tests/conformance/mutated.py brings rules and events. Usage: fuzz_rules
 * LOGSOURCES FIELDMAP RULES EVENTS [--seeds FROM N]; a seed is one event. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#include "collector/detect/detect.h"
#include "common/base/file.h"
#include "tests/fuzz/engine_gen.h"
#include "tests/fuzz/oracle.h"

#define FILE_MAX_BYTES (256u << 20)
#define TRIES          40u

static struct oracle *oracle;
static struct ruleset *rs;
static struct detector *dt;
static struct json_index ix;
static struct buf *texts; /* of the rules, by number; empty: not one that detects */
static size_t *at;        /* their numbers at the oracle */
static bool *matches;
static unsigned long total_matches, total_asked, total_unsure;

/* -- rules ---------------------------------------------------------------------------------- */

static void read_or_end(const char *path, struct buf *ret)
{
	struct err err;

	if (file_read(path, FILE_MAX_BYTES, ret, &err) == 0)
		return;
	fprintf(stderr, "%s: %s\n", path, err.msg);
	exit(1);
}

static void load(const char *folder)
{
	struct err err;
	size_t n;

	if (ruleset_load(&folder, 1, NULL, &rs, &err) < 0) {
		fprintf(stderr, "%s\n", err.msg);
		exit(1);
	}
	n = ruleset_count(rs);
	dt = need(detector_new(rs));
	texts = need(calloc(n + 1, sizeof(*texts)));
	at = need(calloc(n + 1, sizeof(*at)));
	matches = need(calloc(n + 1, sizeof(*matches)));
	for (size_t i = 0, all = 0; i < n; i++) {
		const struct rule *r = ruleset_rule(rs, i);

		if (r->kind != RULE_DETECTION)
			continue;
		read_or_end(r->path, &texts[i]);
		at[i] = all;
		all = oracle_add(oracle, buf_view(&texts[i]));
		if (all != at[i] + 1)
			abort(); /* a file holds one rule */
	}
}

/* -- events --------------------------------------------------------------------------------- */

/* What an item asks for, written out: wildcards filled, and padded as its modifiers allow. */
static void put_wanted(struct gen *g, struct buf *out, const char *key, struct slice value)
{
	static const char *const fill[] = { "", "", "x", " ", "C:\\a\\", "-b ", "ä" };
	bool contains = strstr(key, "|contains") != NULL, re = strstr(key, "|re") != NULL;

	if (contains || strstr(key, "|endswith") != NULL)
		buf_str(out, GEN_PICK(g, fill));
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];

		if (c == '\\' && i + 1 < value.n && strchr("*?\\", value.p[i + 1]) != NULL)
			buf_chr(out, value.p[++i]);
		else if (re && strchr("\\^$()|[]{}+", c) != NULL)
			continue;
		else if (c == '*')
			buf_str(out, GEN_PICK(g, fill));
		else
			buf_chr(out, c == '?' ? 'q' : c);
	}
	if (contains || strstr(key, "|startswith") != NULL)
		buf_str(out, GEN_PICK(g, fill));
}

static void disturb(struct gen *g, struct buf *text)
{
	if (gen_chance(g, 30)) {
		for (size_t i = 0; i < text->n; i++)
			if (((text->p[i] | 0x20) >= 'a' && (text->p[i] | 0x20) <= 'z') &&
			    gen_chance(g, 50))
				text->p[i] = (char)(text->p[i] ^ 0x20);
	}
	if (text->n > 0 && gen_chance(g, 8)) {
		size_t k = gen_below(g, (uint32_t)text->n);

		if ((text->p[k] & 0x80) == 0)
			text->p[k] = 'z';
	}
}

struct making {
	struct gen *g;
	yaml_document_t doc;
	struct buf members;  /* "Field":"value", */
	struct buf event_id; /* which is no member of the data */
};

static void put_member(struct making *m, const char *key, struct slice value)
{
	struct buf text = { 0 };
	size_t name = strcspn(key, "|");

	put_wanted(m->g, &text, key, value);
	if (name == 7 && strncmp(key, "EventID", 7) == 0) {
		buf_release(&m->event_id);
		m->event_id = text;
		return;
	}
	disturb(m->g, &text);
	json_put_string(&m->members,
			(struct slice){ name > 0 ? key : "CommandLine", name > 0 ? name : 11 });
	buf_chr(&m->members, ':');
	json_put_string(&m->members, text.n > 0 ? buf_view(&text) : (struct slice){ "", 0 });
	buf_chr(&m->members, ',');
	buf_release(&text);
}

/* Each item of a search identifier gets one of its values; with `all`, all of them. */
static void walk(struct making *m, const char *key, yaml_node_t *n)
{
	if (n->type == YAML_SCALAR_NODE) {
		put_member(m, key,
			   (struct slice){ (const char *)n->data.scalar.value,
					   n->data.scalar.length });
	} else if (n->type == YAML_SEQUENCE_NODE) {
		yaml_node_item_t *v = n->data.sequence.items.start;
		size_t count = (size_t)(n->data.sequence.items.top - v);
		bool all = strstr(key, "|all") != NULL;

		for (size_t i = 0; i < count; i++)
			if (all || i == 0)
				walk(m, key,
				     yaml_document_get_node(
					     &m->doc,
					     v[all ? i : gen_below(m->g, (uint32_t)count)]));
	} else {
		for (yaml_node_pair_t *p = n->data.mapping.pairs.start;
		     p < n->data.mapping.pairs.top; p++) {
			yaml_node_t *k = yaml_document_get_node(&m->doc, p->key);

			if (!gen_chance(m->g, 4))
				walk(m, (const char *)k->data.scalar.value,
				     yaml_document_get_node(&m->doc, p->value));
		}
	}
}

/* Members that make an event fit the rule, or nearly. */
static void fit_rule(struct making *m, const struct buf *rule)
{
	yaml_parser_t ps;
	yaml_node_t *root, *k;

	yaml_parser_initialize(&ps);
	yaml_parser_set_input_string(&ps, (const unsigned char *)rule->p, rule->n);
	if (yaml_parser_load(&ps, &m->doc) == 0)
		abort();
	root = need(yaml_document_get_root_node(&m->doc));
	for (yaml_node_pair_t *p = root->data.mapping.pairs.start; p < root->data.mapping.pairs.top;
	     p++) {
		yaml_node_t *det = yaml_document_get_node(&m->doc, p->value);

		k = yaml_document_get_node(&m->doc, p->key);
		if (strcmp((const char *)k->data.scalar.value, "detection") != 0)
			continue;
		for (yaml_node_pair_t *d = det->data.mapping.pairs.start;
		     d < det->data.mapping.pairs.top; d++) {
			k = yaml_document_get_node(&m->doc, d->key);
			if (strcmp((const char *)k->data.scalar.value, "condition") == 0 ||
			    (strncmp((const char *)k->data.scalar.value, "filter", 6) == 0 &&
			     !gen_chance(m->g, 10)))
				continue;
			walk(m, "", yaml_document_get_node(&m->doc, d->value));
		}
	}
	yaml_document_delete(&m->doc);
	yaml_parser_delete(&ps);
}

/* All before the event's own data, with that event id. */
static void put_head(struct buf *out, struct slice head, const struct buf *event_id)
{
	ssize_t place = event_id->n > 0 ? slice_find(head, SLICE("\"event_id\":")) : -1;
	struct slice rest;

	if (place < 0) {
		buf_slice(out, head);
		return;
	}
	buf_put(out, head.p, (size_t)place + 11);
	json_put_string(out, buf_view(event_id));
	rest = slice_from(head, (size_t)place + 11);
	buf_slice(out, slice_from(rest, (size_t)slice_chr(rest, ',')));
}

/* The length of "Name": at rest, where a name can be; 0: none. */
static size_t member_name(const struct buf *before, struct slice rest)
{
	ssize_t end = rest.p[0] == '"' ? slice_chr(slice_from(rest, 1), '"') : -1;

	return end > 0 && (size_t)end + 2 < rest.n && rest.p[end + 2] == ':' &&
			       strchr("{,", before->p[before->n - 1]) != NULL
		       ? (size_t)end + 3
		       : 0;
}

/* The recorded event with the members before its own data, of which those of the same names are
 * mostly out of the way. */
static void make_event(struct gen *g, struct slice recorded, const struct buf *rule,
		       struct buf *out)
{
	static const char mark[] = "\"event_data\":{";
	struct making m = { .g = g };
	ssize_t place = slice_find(recorded, SLICE(mark));
	struct slice rest;

	buf_reset(out);
	if (place < 0 || rule == NULL) {
		buf_slice(out, recorded);
		return;
	}
	fit_rule(&m, rule);
	put_head(out, (struct slice){ recorded.p, (size_t)place + sizeof(mark) - 1 }, &m.event_id);
	buf_slice(out, buf_view(&m.members));
	rest = slice_from(recorded, (size_t)place + sizeof(mark) - 1);
	if (rest.p[0] == '}')
		out->n -= m.members.n > 0 ? 1 : 0; /* the comma */
	for (bool hide = gen_chance(g, 80); rest.n > 0; rest = slice_from(rest, 1)) {
		size_t name = hide ? member_name(out, rest) : 0;

		if (name > 0 &&
		    slice_find(buf_view(&m.members), (struct slice){ rest.p, name }) >= 0)
			buf_str(out, "\"was_");
		else
			buf_chr(out, rest.p[0]);
	}
	buf_release(&m.members);
	buf_release(&m.event_id);
}

/* -- comparing ------------------------------------------------------------------------------ */

static void on_match(void *arg, const struct rule *rule)
{
	if (matches[rule->number])
		abort();
	matches[rule->number] = true;
}

static bool compare(uint64_t seed, const struct buf *event)
{
	struct leaves leaves;
	struct err err;
	bool same = true;

	memset(matches, 0, ruleset_count(rs) * sizeof(*matches));
	if (json_index_read(&ix, buf_view(event), &err) < 0) {
		printf("# seed %llu: column %u: %s: %.*s\n", (unsigned long long)seed, err.col,
		       err.msg, SLICE_FMT(*event));
		return false;
	}
	if (detector_run(dt, &ix, on_match, NULL, &err) < 0)
		abort();
	leaves_read(&leaves, buf_view(event));
	for (size_t i = 0; i < ruleset_count(rs); i++) {
		enum verdict v = texts[i].n > 0 ? oracle_ask(oracle, at[i], &leaves) : NO;

		total_asked++;
		total_matches += matches[i] ? 1 : 0;
		total_unsure += v == UNSURE ? 1 : 0;
		if (v == UNSURE || (v == YES) == matches[i])
			continue;
		same = false;
		printf("# seed %llu: %s: the engine says %s\n", (unsigned long long)seed,
		       ruleset_rule(rs, i)->path, matches[i] ? "yes" : "no");
	}
	if (!same)
		printf("%.*s\n", SLICE_FMT(*event));
	leaves_release(&leaves);
	return same;
}

/* A rule of the event's log source; NULL: none was met. */
static const struct buf *pick_rule(struct gen *g, struct slice recorded)
{
	const struct buf *found = NULL;
	struct leaves leaves;

	leaves_read(&leaves, recorded);
	for (unsigned k = 0; k < TRIES && found == NULL; k++) {
		size_t i = gen_below(g, (uint32_t)ruleset_count(rs));

		if (texts[i].n > 0 && oracle_applies(oracle, at[i], &leaves))
			found = &texts[i];
	}
	leaves_release(&leaves);
	return found;
}

int main(int argc, char **argv)
{
	unsigned long long from = 0, n = 300, faults = 0;
	struct buf events = { 0 }, event = { 0 };
	struct slice *lines = NULL;
	size_t n_lines = 0;

	if (argc != 5 && (argc != 8 || strcmp(argv[5], "--seeds") != 0)) {
		fprintf(stderr,
			"usage: fuzz_rules LOGSOURCES FIELDMAP RULES EVENTS [--seeds FROM N]\n");
		return 2;
	}
	if (argc == 8) {
		from = strtoull(argv[6], NULL, 10);
		n = strtoull(argv[7], NULL, 10);
	}
	setvbuf(stdout, NULL, _IOLBF, 0); /* what was found is told, even if this ends early */
	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
		abort();
	oracle = oracle_new(argv[1], argv[2]);
	load(argv[3]);
	read_or_end(argv[4], &events);
	for (struct slice rest = buf_view(&events); rest.n > 0;) {
		ssize_t eol = slice_chr(rest, '\n');

		lines = need(realloc(lines, (n_lines + 1) * sizeof(*lines)));
		lines[n_lines++] = (struct slice){ rest.p, eol >= 0 ? (size_t)eol : rest.n };
		rest = slice_from(rest, eol >= 0 ? (size_t)eol + 1 : rest.n);
	}
	if (n_lines == 0 || ruleset_count(rs) == 0)
		abort();
	for (unsigned long long seed = from; seed < from + n && faults < 10; seed++) {
		struct gen g = { .state = seed * UINT64_C(0xd1342543de82ef95) + 1 };
		struct slice line = lines[gen_below(&g, (uint32_t)n_lines)];

		make_event(&g, line, gen_chance(&g, 95) ? pick_rule(&g, line) : NULL, &event);
		faults += compare(seed, &event) ? 0 : 1;
	}
	printf("%s - %zu rules agree with the slow evaluator on %llu events made to fit them: %lu "
	       "matches, "
	       "%lu of %lu left open\n",
	       faults == 0 && total_matches * 4 > n ? "ok" : "not ok", ruleset_count(rs), n,
	       total_matches, total_unsure, total_asked);
	for (size_t i = 0; i < ruleset_count(rs); i++)
		buf_release(&texts[i]);
	free(texts);
	free(at);
	free(matches);
	free(lines);
	buf_release(&events);
	buf_release(&event);
	json_index_release(&ix);
	detector_free(dt);
	ruleset_unref(rs);
	oracle_free(oracle);
	return 0;
}
