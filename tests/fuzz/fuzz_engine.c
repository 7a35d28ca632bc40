/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/fuzz/fuzz_engine.c: the Sigma engine against the slow evaluator of oracle.h, on random rule
 * sets and random events: of every event the same rules must match. One seed is one set of 1 to 60
 * rules and 30 events, run by two detectors of the set; a seed gives the same on every machine.
 * Usage: fuzz_engine LOGSOURCES FIELDMAP [--seeds FROM N]. A difference is printed with its seed,
 * cut down to the rules and events that it needs; "--seeds SEED 1" brings it back. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collector/detect/detect.h"
#include "tests/fuzz/engine_gen.h"
#include "tests/fuzz/oracle.h"

#define RULES_MAX   60u
#define EVENTS_N    30u
#define SEEDS_N     450u /* of the normal run */
#define SECONDS_MAX 60   /* for one seed, sanitizers included */

struct trial {
	struct buf rules[RULES_MAX], events[EVENTS_N];
	bool without[RULES_MAX]; /* left out while cutting down */
	unsigned n_rules, first_event, n_events;
};
struct answers {
	bool match[RULES_MAX];
	unsigned times;
};
static struct oracle *oracle;
static struct {
	unsigned long rules, events, pairs, matches, unsure;
} total;

/* -- both sides ----------------------------------------------------------------------------- */

static void on_fault(void *arg, const char *path, const struct err *err)
{
	printf("# refused: line %u, column %u: %s\n", err->line, err->col, err->msg);
}

static struct ruleset *load(const struct buf *yaml)
{
	int fd = memfd_create("rules", MFD_CLOEXEC);
	struct rules_report rep = { .fault = on_fault };
	struct ruleset *rs = NULL;
	struct err err;
	char path[64];
	const char *paths[] = { path };

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd < 0 || write(fd, yaml->p, yaml->n) != (ssize_t)yaml->n ||
	    ruleset_load(paths, 1, &rep, &rs, &err) < 0)
		abort();
	close(fd);
	if (rep.rejected > 0) {
		ruleset_unref(rs);
		return NULL;
	}
	return rs;
}

static void on_match(void *arg, const struct rule *rule)
{
	struct answers *a = arg;
	unsigned long no = strtoul(rule->title + 1, NULL, 10);

	if (no >= RULES_MAX || a->match[no])
		abort(); /* a rule matches an event once */
	a->match[no] = true;
	a->times++;
}

static void run(struct detector *dt, struct json_index *ix, struct answers *ret)
{
	struct err err;

	*ret = (struct answers){ 0 };
	if (detector_run(dt, ix, on_match, ret, &err) < 0)
		abort();
}

static bool same(const struct answers *a, const struct answers *b)
{
	return memcmp(a->match, b->match, sizeof(a->match)) == 0;
}

static void say(const struct trial *t, const char *what, const struct answers *a)
{
	printf("# %s:", what);
	for (unsigned i = 0; i < t->n_rules; i++)
		printf(a->match[i] ? " r%u" : "", i);
	printf("\n");
}

/* -- one trial ------------------------------------------------------------------------------ */

struct bench { /* what one trial runs on */
	struct ruleset *rs;
	struct detector *dt[2];
	struct json_index ix;
	unsigned at[RULES_MAX]; /* the place of rule i among those not left out */
};

/* Asks both sides; where the oracle is unsure it follows the engine. */
static bool agree(const struct trial *t, struct bench *b, struct slice event, bool tell)
{
	struct answers first, again, want = { 0 };
	struct leaves leaves;
	struct err err;
	bool yes = true;

	if (json_index_read(&b->ix, event, &err) < 0) {
		printf("# the event is refused: column %u: %s\n", err.col, err.msg);
		return false;
	}
	run(b->dt[0], &b->ix, &first);
	leaves_read(&leaves, event);
	for (unsigned i = 0; i < t->n_rules; i++) {
		enum verdict v = t->without[i] ? NO : oracle_ask(oracle, b->at[i], &leaves);

		want.match[i] = v == UNSURE ? first.match[i] : v == YES;
		total.pairs++;
		total.matches += want.match[i] ? 1 : 0;
		total.unsure += v == UNSURE ? 1 : 0;
	}
	leaves_release(&leaves);
	for (unsigned k = 0; k < 2 && yes;
	     k++) { /* the same event again, and by another detector */
		run(b->dt[k], &b->ix, &again);
		yes = same(&first, &again);
		if (!yes && tell)
			say(t, k == 0 ? "asked again" : "the other detector", &again);
	}
	if (!same(&first, &want) || !yes) {
		yes = false;
		if (tell) {
			say(t, "engine", &first);
			say(t, "expected", &want);
		}
	}
	return yes;
}

/* Whether both sides agree on all events of the trial; else the first event of which they don't. */
static bool trial_run(const struct trial *t, unsigned *ret_event, bool tell)
{
	struct bench b = { 0 };
	struct buf yaml = { 0 };
	unsigned n = 0;
	bool yes;

	for (unsigned i = 0; i < t->n_rules; i++) {
		if (t->without[i])
			continue;
		buf_str(&yaml, n > 0 ? "---\n" : "");
		buf_slice(&yaml, buf_view(&t->rules[i]));
		b.at[i] = n++;
	}
	b.rs = load(&yaml);
	yes = b.rs != NULL && oracle_load(oracle, buf_view(&yaml)) == n;
	*ret_event = 0;
	for (unsigned k = 0; k < 2 && b.rs != NULL; k++)
		b.dt[k] = need(detector_new(b.rs));
	for (unsigned e = t->first_event; e < t->n_events && yes; e++) {
		/* Of exactly its size, so that a read past its end is seen. */
		char *copy = need(malloc(t->events[e].n));

		memcpy(copy, t->events[e].p, t->events[e].n);
		yes = agree(t, &b, (struct slice){ copy, t->events[e].n }, tell);
		*ret_event = e;
		free(copy);
	}
	json_index_release(&b.ix);
	for (unsigned k = 0; k < 2; k++)
		detector_free(b.dt[k]);
	ruleset_unref(b.rs);
	buf_release(&yaml);
	return yes;
}

static void trial_release(struct trial *t)
{
	for (unsigned i = 0; i < RULES_MAX; i++)
		buf_release(&t->rules[i]);
	for (unsigned i = 0; i < EVENTS_N; i++)
		buf_release(&t->events[i]);
}

static void trial_make(struct trial *t, uint64_t seed)
{
	struct gen g;

	*t = (struct trial){ .n_events = EVENTS_N };
	gen_init(&g, seed);
	t->n_rules = 1 + gen_below(&g, gen_chance(&g, 50) ? RULES_MAX : 12);
	for (unsigned i = 0; i < t->n_rules; i++)
		gen_rule(&g, i, &t->rules[i]);
	for (unsigned i = 0; i < EVENTS_N; i++)
		gen_event(&g, &t->events[i]);
	total.rules += t->n_rules;
	total.events += t->n_events;
}

/* Events before the one, and rules one by one, go where the difference stays without them. */
static void cut_down(struct trial *t, unsigned event)
{
	unsigned at;

	t->n_events = event + 1;
	t->first_event = event;
	if (trial_run(t, &at, false))
		t->first_event = 0;
	for (unsigned i = 0; i < t->n_rules; i++) {
		t->without[i] = true;
		if (trial_run(t, &at, false))
			t->without[i] = false;
	}
}

static void show(const struct trial *t)
{
	unsigned at;

	for (unsigned i = 0; i < t->n_rules; i++) {
		if (!t->without[i])
			printf("%.*s---\n", SLICE_FMT(t->rules[i]));
	}
	for (unsigned e = t->first_event; e < t->n_events; e++)
		printf("%.*s\n", SLICE_FMT(t->events[e]));
	trial_run(t, &at, true);
}

static bool seed_run(uint64_t seed)
{
	struct trial t;
	unsigned event;
	bool yes;

	alarm(SECONDS_MAX);
	trial_make(&t, seed);
	yes = trial_run(&t, &event, false);
	if (!yes) {
		printf("# seed %llu differs\n", (unsigned long long)seed);
		cut_down(&t, event);
		show(&t);
	}
	trial_release(&t);
	alarm(0);
	return yes;
}

int main(int argc, char **argv)
{
	unsigned long long from = 0, n = SEEDS_N;
	unsigned faults = 0;

	if (argc != 3 && (argc != 6 || strcmp(argv[3], "--seeds") != 0)) {
		fprintf(stderr, "usage: fuzz_engine LOGSOURCES FIELDMAP [--seeds FROM N]\n");
		return 2;
	}
	if (argc == 6) {
		from = strtoull(argv[4], NULL, 10);
		n = strtoull(argv[5], NULL, 10);
	}
	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL) { /* the oracle's lower case */
		printf("1..0 # skip no locale C.UTF-8\n");
		return 0;
	}
	oracle = oracle_new(argv[1], argv[2]);
	printf("1..2\n");
	for (unsigned long long s = from; s < from + n && faults < 5; s++)
		faults += seed_run(s) ? 0 : 1;
	printf("%s 1 - seeds %llu to %llu: %lu rules, %lu events, the same matches\n",
	       faults == 0 ? "ok" : "not ok", from, from + n - 1, total.rules, total.events);
	/* Random rules that never match, or always, would show nothing. */
	printf("%s 2 - %lu of %lu pairs match, %lu left open\n",
	       total.matches * 50 > total.pairs && total.matches * 3 < total.pairs &&
			       total.unsure * 1000 < total.pairs
		       ? "ok"
		       : "not ok",
	       total.matches, total.pairs, total.unsure);
	oracle_free(oracle);
	return 0;
}
