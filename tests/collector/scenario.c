/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/collector/scenario.c: plays scenarios, texts that a non-programmer can review, through the
 * real path under a fake clock: normalise, detect with the rules given, signals, correlate, alerts.
 * Usage: scenario RULES SCENARIOS: two folders. Prints TAP, one line a scenario file. The language
 * is in tests/scenarios/README.md. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/alert/alert.h"
#include "collector/alert/show.h"
#include "common/base/file.h"
#include "common/base/time.h"
#include "common/normalise/normalise.h"

#define DAY         INT64_C(1795392000000000000) /* 2026-11-23T00:00:00Z */
#define SESSION     (3600 * NS_PER_SEC)
#define MATCHES_MAX 64u
#define TIMES_MAX   100000u
#define FILES_MAX   256u

struct player {
	struct ruleset *rules;
	struct detector *detector;
	struct normaliser *normaliser;
	struct correlate *correlate;
	struct alert_store *store;
	struct signal_in signal;
	struct json_index index;
	struct buf event, text, line;
	struct arena mem;
	const struct rule *matches[MATCHES_MAX];
	size_t n_matches;
	uint64_t seq;
	int64_t now_ns;
	char tenant[TENANT_MAX + 1];
	unsigned line_no;
	struct err err;
};

struct words { /* what is left of a line */
	const char *p;
};

static int wrong(struct player *pl, const char *what)
{
	return err_at(&pl->err, pl->line_no, 0, ERR_SYNTAX, "%s", what);
}

/* Takes the word if it comes next. */
static bool word(struct words *w, const char *text)
{
	size_t n = strlen(text);

	if (strncmp(w->p, text, n) != 0 || (w->p[n] != ' ' && w->p[n] != ',' && w->p[n] != '\0'))
		return false;
	w->p += n;
	w->p += strspn(w->p, " ,");
	return true;
}

static bool any_word(struct words *w, char *ret, size_t max)
{
	size_t n = strcspn(w->p, " ,");

	if (n == 0 || n >= max)
		return false;
	memcpy(ret, w->p, n);
	ret[n] = '\0';
	w->p += n;
	w->p += strspn(w->p, " ,");
	return true;
}

/* "20 times", "3 events": a number and then that word. */
static bool number(struct words *w, const char *unit, unsigned long *ret)
{
	struct words at = *w;
	char text[16];
	uint64_t v;

	if (!any_word(&at, text, sizeof(text)) || !slice_uint(slice_str(text), TIMES_MAX, &v) ||
	    !word(&at, unit))
		return false;
	*ret = (unsigned long)v;
	*w = at;
	return true;
}

static void on_match(void *arg, const struct rule *rule)
{
	struct player *pl = arg;

	if (pl->n_matches < MATCHES_MAX)
		pl->matches[pl->n_matches++] = rule;
}

static void on_found(void *arg, const struct finding *f)
{
	struct player *pl = arg;
	char id[33];
	bool is_new;

	if (pl->err.code == ERR_NONE)
		alert_apply(pl->store, f, pl->now_ns, SESSION, &is_new, id, &pl->err);
}

static int feed_event(struct player *pl, const struct event *ev)
{
	struct queue_event qe = { .tenant = pl->tenant,
				  .sender = "agent1",
				  .epoch = 1,
				  .seq = ++pl->seq,
				  .ingested_ns = pl->now_ns };

	snprintf(qe.id, sizeof(qe.id), "agent1-%016x-%llu", 1u, (unsigned long long)pl->seq);
	buf_reset(&pl->event);
	event_write_json(ev, &pl->event);
	qe.json = buf_view(&pl->event);
	pl->n_matches = 0;
	if (queue_event_index(&qe, &pl->index, &pl->err) < 0 ||
	    detector_run(pl->detector, &pl->index, on_match, pl, &pl->err) < 0)
		return -1;
	for (size_t i = 0; i < pl->n_matches; i++) {
		buf_reset(&pl->text);
		if (signal_write(&pl->text, pl->matches[i], &qe, ev->time_ns, &pl->err) < 0 ||
		    signal_read(buf_view(&pl->text), &pl->signal, &pl->err) < 0 ||
		    correlate_signal(pl->correlate, &pl->signal, pl->now_ns, false, &pl->err) < 0)
			return -1;
	}
	return pl->err.code == ERR_NONE ? 0 : -1;
}

static int feed_line(struct player *pl, struct slice text, unsigned n)
{
	struct norm_source src = { .input = "udp", .received_ns = pl->now_ns };
	static struct event ev;
	struct slice rest = text;
	ssize_t at;

	buf_reset(&pl->line);
	while ((at = slice_find(rest, SLICE("{n}"))) >= 0) {
		buf_put(&pl->line, rest.p, (size_t)at);
		buf_u64(&pl->line, n);
		rest = slice_from(rest, (size_t)at + 3);
	}
	buf_slice(&pl->line, rest);
	arena_reset(&pl->mem);
	normalise(pl->normaliser, NORM_SYSLOG, buf_view(&pl->line), &src, &pl->mem, &ev);
	return feed_event(pl, &ev);
}

/* tenant T feed syslog [N times] [every Ns] "LINE" */
static int feed(struct player *pl, struct words *w)
{
	unsigned long times = 1;
	int64_t every_ns = 10 * NS_PER_MS;
	char text[16];
	uint64_t v;
	const char *end;
	int r = 0;

	if (!any_word(w, pl->tenant, sizeof(pl->tenant)) || !word(w, "feed") || !word(w, "syslog"))
		return wrong(pl, "expected: tenant ID feed syslog \"LINE\"");
	if (!number(w, "times", &times) && !number(w, "time", &times))
		times = 1;
	if (word(w, "every")) {
		if (!any_word(w, text, sizeof(text)) || text[strlen(text) - 1] != 's' ||
		    !slice_uint((struct slice){ text, strlen(text) - 1 }, 86400, &v))
			return wrong(pl, "expected seconds behind every, such as 2s");
		every_ns = (int64_t)v * NS_PER_SEC;
	}
	end = strrchr(w->p, '"');
	if (*w->p != '"' || end == w->p)
		return wrong(pl, "expected a log line in quotes");
	if (alert_begin(pl->store, &pl->err) < 0)
		return -1;
	for (unsigned n = 1; n <= times && r == 0; n++) {
		r = feed_line(pl, (struct slice){ w->p + 1, (size_t)(end - w->p) - 1 }, n);
		pl->now_ns += n < times ? every_ns : 0;
	}
	if (r < 0) {
		alert_rollback(pl->store);
		return -1;
	}
	return alert_commit(pl->store, &pl->err);
}

struct expected {
	struct player *pl;
	char name[128], level[32];
	bool contact, region;
	unsigned long events, addresses, times;
	unsigned found;
	bool bad;
	struct buf others;
};

static uint64_t addresses_of(const struct alert *al)
{
	for (size_t i = 0; i < al->n_values; i++)
		if (strcmp(al->values[i].field, "source.ip") == 0)
			return al->values[i].n + al->values[i].n_more;
	return 0;
}

/* The newest alert comes first. */
static int each_alert(void *arg, const struct alert *al)
{
	struct expected *ex = arg;
	bool told = al->to_contact && al->level >= LEVEL_HIGH;
	uint64_t addresses = addresses_of(al);

	buf_printf(&ex->others, "\n#   %s (level %s, %s told, %llu events, %llu addresses)",
		   al->rule_name, alert_level_names[al->level], told ? "contact" : "region",
		   (unsigned long long)al->events, (unsigned long long)addresses);
	if (ex->name[0] != '\0' && strcmp(al->rule_name, ex->name) != 0)
		return 0;
	if (ex->found++ > 0)
		return 0;
	ex->bad = (ex->level[0] != '\0' && strcmp(alert_level_names[al->level], ex->level) != 0) ||
		  (ex->contact && !told) || (ex->region && told) ||
		  (ex->events > 0 && al->events != ex->events) ||
		  (ex->addresses > 0 && addresses != ex->addresses);
	return 0;
}

static int expect(struct player *pl, struct words *w)
{
	struct expected ex = { .pl = pl };
	bool no = word(w, "no");
	int r;

	if (!word(w, "alert") || (!any_word(w, ex.name, sizeof(ex.name)) && !no))
		return wrong(pl, "expected: alert NAME, or no alert");
	while (*w->p != '\0') {
		if (word(w, "level") && any_word(w, ex.level, sizeof(ex.level)))
			continue;
		if (word(w, "contact"))
			ex.contact = word(w, "told");
		else if (word(w, "region"))
			ex.region = word(w, "told");
		else if (word(w, "once"))
			ex.times = 1;
		else if (!number(w, "events", &ex.events) && !number(w, "event", &ex.events) &&
			 !number(w, "addresses", &ex.addresses) && !number(w, "times", &ex.times))
			return wrong(pl, "expected level L, contact told, region told, N events, "
					 "N addresses, once or N times");
	}
	r = alert_list(pl->store, pl->tenant, true, each_alert, &ex, &pl->err);
	if (r == 0 &&
	    (no ? ex.found > 0 : ex.found == 0 || ex.bad || (ex.times > 0 && ex.found != ex.times)))
		r = err_at(&pl->err, pl->line_no, 0, ERR_ABSENT,
			   "not as expected; the alerts of %s are:%s", pl->tenant,
			   ex.others.n > 0 ? buf_cstr(&ex.others) : " none");
	buf_release(&ex.others);
	return r;
}

static int play_line(struct player *pl, const char *line)
{
	struct words w = { line + strspn(line, " \t") };
	unsigned h, m, s;
	int n = 0;

	if (*w.p == '\0' || *w.p == '#')
		return 0;
	if (sscanf(w.p, "at %2u:%2u:%2u %n", &h, &m, &s, &n) != 3 || n == 0 || h > 23 || m > 59 ||
	    s > 59)
		return wrong(pl, "expected: at HH:MM:SS");
	w.p += n;
	if (DAY + (int64_t)(h * 3600 + m * 60 + s) * NS_PER_SEC < pl->now_ns)
		return wrong(pl, "time goes back");
	pl->now_ns = DAY + (int64_t)(h * 3600 + m * 60 + s) * NS_PER_SEC;
	if (word(&w, "tenant"))
		return feed(pl, &w);
	if (word(&w, "expect"))
		return expect(pl, &w);
	return wrong(pl, "expected tenant or expect behind the time");
}

static int play_text(struct player *pl, struct buf *text)
{
	char *p = (char *)(uintptr_t)buf_cstr(text);
	unsigned expects = 0;

	pl->line_no = 0;
	for (char *next; p != NULL; p = next) {
		next = strchr(p, '\n');
		if (next != NULL)
			*next++ = '\0';
		pl->line_no++;
		expects += strstr(p, " expect ") != NULL;
		if (play_line(pl, p) < 0)
			return -1;
	}
	return expects > 0 ? 0 : wrong(pl, "a scenario that expects nothing");
}

static int play(struct ruleset *rules, const char *path, struct err *err)
{
	struct player *pl = calloc(1, sizeof(*pl));
	struct correlate_opts opts = { .rules = rules, .found = on_found, .arg = pl };
	char dir[] = "/tmp/vartio-scenario-XXXXXX", db[64], file[80];
	static const char *const ends[] = { "", "-wal", "-shm" };
	struct buf text = { 0 };
	int r = -1;

	if (pl == NULL || mkdtemp(dir) == NULL)
		abort();
	snprintf(db, sizeof(db), "%s/collector.db", dir);
	pl->rules = rules;
	pl->detector = detector_new(rules);
	pl->normaliser = normaliser_new();
	if (pl->detector == NULL || pl->normaliser == NULL)
		abort();
	if (file_read(path, 1 << 20, &text, &pl->err) == 0 &&
	    alert_store_open(db, &pl->store, &pl->err) == 0 &&
	    correlate_new(&opts, &pl->correlate, &pl->err) == 0)
		r = play_text(pl, &text);
	*err = pl->err;
	correlate_free(pl->correlate);
	alert_store_close(pl->store);
	detector_free(pl->detector);
	normaliser_free(pl->normaliser);
	signal_release(&pl->signal);
	json_index_release(&pl->index);
	buf_release(&pl->event);
	buf_release(&pl->text);
	buf_release(&pl->line);
	buf_release(&text);
	arena_release(&pl->mem);
	free(pl);
	for (size_t i = 0; i < 3; i++) {
		snprintf(file, sizeof(file), "%s%s", db, ends[i]);
		unlink(file);
	}
	rmdir(dir);
	return r;
}

static void on_fault(void *arg, const char *path, const struct err *err)
{
	printf("# %s:%u:%u: %s\n", path, err->line, err->col, err->msg);
}

static int is_scenario(const struct dirent *e)
{
	return slice_ends(slice_str(e->d_name), SLICE(".txt"));
}

int main(int argc, char **argv)
{
	struct rules_report rep = { .fault = on_fault };
	struct ruleset *rules = NULL;
	struct dirent **names;
	struct err err = { 0 };
	const char *paths[1];
	int n, failed = 0;

	if (argc != 3) {
		fputs("usage: scenario RULES SCENARIOS\n", stderr);
		return 2;
	}
	paths[0] = argv[1];
	n = scandir(argv[2], &names, is_scenario, alphasort);
	if (n <= 0) {
		printf("1..1\nnot ok 1 - %s holds no scenarios\n", argv[2]);
		return 1;
	}
	printf("1..%d\n", n);
	if (ruleset_load(paths, 1, &rep, &rules, &err) < 0 || rep.rejected > 0) {
		printf("not ok 1 - rules: %s\n", err.msg);
		return 1;
	}
	for (int i = 0; i < n; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", argv[2], names[i]->d_name);
		if (play(rules, path, &err) < 0) {
			printf("not ok %d - %s line %u: %s\n", i + 1, names[i]->d_name, err.line,
			       err.msg);
			failed++;
		} else {
			printf("ok %d - %s\n", i + 1, names[i]->d_name);
		}
		free(names[i]);
	}
	free(names);
	ruleset_unref(rules);
	return failed > 0;
}
