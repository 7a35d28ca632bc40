/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/fuzz/fuzz_engine.c: the Sigma engine against the slow evaluator of oracle.h, on random rule
 * sets and random events: of every event the same rules must match. One seed is one set of 1 to 60
 * rules and 30 events, run by two detectors in two threads; a seed gives the same on every machine.
 * Usage: fuzz_engine LOGSOURCES FIELDMAP [--seeds FROM N]. A difference is printed with its seed,
 * cut down to the rules and events that it needs; "--seeds SEED 1" brings it back. */
#include <locale.h>
#include <pthread.h>
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

struct side { /* one detector, in a thread of its own: programs for events are made by either */
	const struct trial *t;
	struct detector *dt;
	bool backwards;
	struct answers first[EVENTS_N], again[EVENTS_N]; /* asked twice, one after the other */
};

static void ask_event(struct side *sd, struct json_index *ix, unsigned e)
{
	const struct buf *event = &sd->t->events[e];
	/* Of exactly its size, so that a read past its end is seen. */
	char *copy = need(malloc(event->n));
	struct err err;

	memcpy(copy, event->p, event->n);
	if (json_index_read(ix, (struct slice){ copy, event->n }, &err) < 0)
		abort();
	run(sd->dt, ix, &sd->first[e]);
	run(sd->dt, ix, &sd->again[e]);
	free(copy);
}

static void *ask_all(void *arg)
{
	struct side *sd = arg;
	struct json_index ix = { 0 };
	unsigned from = sd->t->first_event, n = sd->t->n_events;

	for (unsigned i = from; i < n; i++)
		ask_event(sd, &ix, sd->backwards ? from + n - 1 - i : i);
	json_index_release(&ix);
	return NULL;
}

static void ask_both(struct side *sd)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, ask_all, &sd[1]) != 0)
		abort();
	ask_all(&sd[0]);
	pthread_join(thread, NULL);
}

/* at: the place of rule i among those not left out. Where the oracle is unsure it follows the
 * engine.
 */
static void expect(const struct trial *t, const unsigned *at, unsigned e,
		   const struct answers *engine, struct answers *ret)
{
	struct leaves leaves;

	*ret = (struct answers){ 0 };
	leaves_read(&leaves, buf_view(&t->events[e]));
	for (unsigned i = 0; i < t->n_rules; i++) {
		enum verdict v = t->without[i] ? NO : oracle_ask(oracle, at[i], &leaves);

		ret->match[i] = v == UNSURE ? engine->match[i] : v == YES;
		total.pairs++;
		total.matches += ret->match[i] ? 1 : 0;
		total.unsure += v == UNSURE ? 1 : 0;
	}
	leaves_release(&leaves);
}

static bool agree(const struct trial *t, const unsigned *at, const struct side *sd, unsigned e,
		  bool tell)
{
	const struct answers *a[] = { &sd[0].first[e], &sd[0].again[e], &sd[1].first[e],
				      &sd[1].again[e] };
	static const char *const names[] = { "engine", "asked again", "other detector",
					     "and again" };
	struct answers want;
	bool yes = true;

	expect(t, at, e, a[0], &want);
	for (int k = 0; k < 4; k++)
		yes = yes && same(a[k], &want);
	if (yes || !tell)
		return yes;
	for (int k = 0; k < 4; k++)
		say(t, names[k], a[k]);
	say(t, "expected", &want);
	return false;
}

/* Whether both sides agree on all events of the trial; else the first event of which they don't. */
static bool trial_run(const struct trial *t, unsigned *ret_event, bool tell)
{
	struct side *sd = need(calloc(2, sizeof(*sd)));
	struct buf yaml = { 0 };
	struct ruleset *rs;
	unsigned at[RULES_MAX], n = 0;
	bool yes;

	for (unsigned i = 0; i < t->n_rules; i++) {
		if (t->without[i])
			continue;
		buf_str(&yaml, n > 0 ? "---\n" : "");
		buf_slice(&yaml, buf_view(&t->rules[i]));
		at[i] = n++;
	}
	rs = load(&yaml);
	yes = rs != NULL && oracle_load(oracle, buf_view(&yaml)) == n;
	*ret_event = t->first_event;
	for (unsigned k = 0; k < 2 && yes; k++) {
		sd[k].t = t;
		sd[k].dt = need(detector_new(rs));
		sd[k].backwards = k == 1;
	}
	if (yes)
		ask_both(sd);
	for (unsigned e = t->first_event; e < t->n_events && yes; e++) {
		yes = agree(t, at, sd, e, tell);
		*ret_event = e;
	}
	for (unsigned k = 0; k < 2; k++)
		detector_free(sd[k].dt);
	free(sd);
	ruleset_unref(rs);
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
	setvbuf(stdout, NULL, _IOLBF, 0); /* what was found is told, even if this ends early */
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
