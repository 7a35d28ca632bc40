/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/bench/correlate_bench.c: correlate under signals of about 1 KB, as tests/bench/correlate
 * asks for them. Each part counts at its end that what was found is what must be found, and prints
 * its figures as key=value; CPU-seconds are those of taking signals, without making them up. mixed
 * N         small groups, with 1 in 50 signals part of an attack groups N        N groups with a
 * signal each: memory hot KIND N      N signals of one group write DIR N     a signals log of 24
 * hours, all dealt with rebuild DIR N   the alert thread's start over it */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "collector/alert/alert.h"
#include "collector/alert/desk.h"
#include "collector/correlate/correlate.h"
#include "common/base/time.h"

#define CHUNK 20000u /* signals made at a time */
#define DAY   (24 * 3600 * NS_PER_SEC)

static void die(const char *what, const struct err *err)
{
	fprintf(stderr, "%s: %s\n", what, err != NULL ? err->msg : "");
	exit(1);
}

/* -- rules ---------------------------------------------------------------------------------- */

#define RULE(name)                                                                                 \
	"---\ntitle: " name "\nid: " name "\nname: " name "\nlevel: low\n"                         \
	"logsource: {product: linux}\ndetection: {s: {event.action: " name "}, condition: s}\n"
#define CORR(name, type, rules, by, span, more)                                                    \
	"---\ntitle: " name "\nid: " name "\nname: " name "\nlevel: high\nvartio: {entity: "       \
	"source.ip}\ncorrelation: {type: " type ", rules: [" rules "], group-by: [" by             \
	"], timespan: " span more "}\n"
#define COND(c) ", condition: {" c "}"

static const char base[] = RULE("failed") RULE("success") RULE("blocked") RULE("request");
static const char mixed_rules[] =
	CORR("guessing", "event_count", "failed", "host.name, source.ip", "10m", COND("gte: 20"))
		CORR("spraying", "value_count", "failed", "source.ip", "1h",
		     COND("field: user.name, gte: 10")) CORR("succeeded", "temporal_ordered",
							     "guessing, success", "source.ip", "1h",
							     ", generate: true")
			CORR("both", "temporal", "failed, success, blocked", "source.ip", "1h",
			     "") CORR("scan", "value_count", "blocked", "source.ip", "10m",
				      COND("field: destination.port, gte: 50"))
				CORR("volume", "value_sum", "request", "source.ip", "1h",
				     COND("field: http.response.bytes, gt: 1000000000"))
					CORR("slow", "value_avg", "request", "source.ip", "1h",
					     COND("field: event.duration, gt: 1000000"));
static const char groups_rules[] =
	CORR("guessing", "event_count", "failed", "host.name, source.ip", "24h", COND("gte: 20"));
static const struct {
	const char *kind, *rules;
	uint64_t below; /* signals before the first finding */
} hot_kinds[] = {
	{ "event_count", CORR("hot", "event_count", "failed", "host.name", "24h", COND("gte: 20")),
	  19 },
	{ "event_count_100k",
	  CORR("hot", "event_count", "failed", "host.name", "24h", COND("gte: 100000")), 99999 },
	{ "value_count",
	  CORR("hot", "value_count", "failed", "host.name", "24h",
	       COND("field: user.name, gte: 500")),
	  499 },
	{ "value_sum",
	  CORR("hot", "value_sum", "failed", "host.name", "24h",
	       COND("field: http.response.bytes, gte: 100000")),
	  99 },
	{ "value_avg",
	  CORR("hot", "value_avg", "failed", "host.name", "24h",
	       COND("field: http.response.bytes, gte: 1000")),
	  0 },
	{ "value_percentile",
	  CORR("hot", "value_percentile", "failed", "host.name", "24h",
	       COND("field: http.response.bytes, percentile: 95, gte: 1000")),
	  0 },
	{ "value_share",
	  CORR("hot", "value_percentile", "failed", "host.name", "24h",
	       COND("field: user.name, gte: 0")),
	  0 },
	{ "temporal", CORR("hot", "temporal", "failed, success", "host.name", "24h", ""), 0 },
	{ "temporal_ordered",
	  CORR("hot", "temporal_ordered", "failed, success", "host.name", "24h", ""), 0 },
};

static struct ruleset *rules_of(const char *more)
{
	struct rules_report rep = { 0 };
	struct ruleset *rs = NULL;
	char path[64];
	const char *paths[] = { path };
	struct err err = { 0 };
	int fd = memfd_create("rules", MFD_CLOEXEC);

	if (fd < 0 || dprintf(fd, "%s%s", base, more) < 0)
		die("the rules", NULL);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (ruleset_load(paths, 1, &rep, &rs, &err) < 0 || rep.rejected > 0)
		die("the rules do not load", &err);
	close(fd);
	return rs;
}

/* -- signals -------------------------------------------------------------------------------- */

struct one { /* what differs from signal to signal */
	const char *rule;
	uint64_t number;
	int64_t time_ns;
	unsigned host, ip, user, port, bytes;
};

/* As signal_write writes them: an event of an agent on Debian, about 1 KB. */
static void signal_text(struct buf *b, const struct one *o)
{
	char at[TIME_TEXT_MAX];
	unsigned a = o->ip >> 16 & 255, c = o->ip >> 8 & 255, d = o->ip & 255;

	time_format(o->time_ns, at);
	buf_printf(b,
		   "{\"tenant\":\"mallila\",\"rule\":\"%s\",\"event_id\":\"srv%u-%016x-%llu\","
		   "\"time\":%lld,"
		   "\"ingested\":%lld,\"event\":{\"@timestamp\":\"%s\",\"agent\":{\"id\":\"srv%u\","
		   "\"type\":\"vartio\",\"version\":\"0.1.0\",\"ephemeral_id\":"
		   "\"6f1ed002ab559585\"},\"ecs\":{"
		   "\"version\":\"8.11.0\"},\"event\":{\"action\":\"%s\",\"category\":["
		   "\"authentication\",\"session\"],"
		   "\"created\":\"%s\",\"dataset\":\"linux.auth\",\"duration\":%u,\"id\":\"srv%u-%"
		   "llu\",\"kind\":\"event\","
		   "\"module\":\"sshd\",\"original\":\"<38>Nov 23 10:00:01 srv%u sshd[4711]: "
		   "Failed password for "
		   "user%u from 10.%u.%u.%u port %u "
		   "ssh2\",\"outcome\":\"failure\",\"type\":[\"start\",\"info\"]},",
		   o->rule, o->host, 7u, (unsigned long long)o->number, (long long)o->time_ns,
		   (long long)o->time_ns, at, o->host, o->rule, at, o->bytes, o->host,
		   (unsigned long long)o->number, o->host, o->user, a, c, d, o->port);
	buf_printf(b,
		   "\"host\":{\"hostname\":\"srv%u\",\"name\":\"srv%u\",\"os\":{\"family\":"
		   "\"debian\",\"kernel\":"
		   "\"6.1.0-18-amd64\",\"name\":\"Debian "
		   "GNU/Linux\",\"version\":\"12\"}},\"http\":{\"response\":{"
		   "\"bytes\":%u}},\"destination\":{\"port\":%u},\"log\":{\"file\":{\"path\":\"/"
		   "var/log/auth.log\"},"
		   "\"offset\":%llu,\"syslog\":{\"facility\":{\"code\":4},\"severity\":{\"code\":6}"
		   "}},\"message\":"
		   "\"Failed password for user%u from 10.%u.%u.%u port %u "
		   "ssh2\",\"organization\":{\"id\":"
		   "\"mallila\"},\"process\":{\"name\":\"sshd\",\"pid\":4711},\"related\":{\"ip\":["
		   "\"10.%u.%u.%u\"],"
		   "\"user\":[\"user%u\"]},\"source\":{\"ip\":\"10.%u.%u.%u\",\"port\":%u},"
		   "\"user\":{\"name\":"
		   "\"user%u\"}}}",
		   o->host, o->host, o->bytes, o->port, (unsigned long long)o->number * 120,
		   o->user, a, c, d, o->port, a, c, d, o->user, a, c, d, o->port, o->user);
}

struct run {
	struct ruleset *rs;
	struct correlate *co;
	struct correlate_stats stats;
	struct signal_in sg;
	struct buf chunk;
	size_t ends[CHUNK];
	unsigned n;
	uint64_t signals, bytes, found, told; /* found: the condition true */
	uint64_t of[16];                      /* found, by the rule's number */
	double cpu;
};

static double cpu_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double wall_now(void)
{
	return (double)time_mono_ns() / 1e9;
}

static size_t rss_kib(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[128];
	size_t kib = 0;

	if (f == NULL)
		die("/proc/self/status", NULL);
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "VmRSS:", 6) == 0)
			kib = strtoul(line + 6, NULL, 10);
	fclose(f);
	return kib;
}

static void on_found(void *arg, const struct finding *f)
{
	struct run *r = arg;

	r->found += f->holds;
	if (f->rule->number < 16)
		r->of[f->rule->number] += f->holds;
	r->told += f->more;
	for (size_t i = 0; i < f->n_signals; i++)
		r->told += f->signals[i].count;
}

static struct run *run_open(const char *rules)
{
	struct run *r = calloc(1, sizeof(*r));
	struct correlate_opts o = { .max_bytes = (size_t)512 << 20, .found = on_found };
	struct err err = { 0 };

	if (r == NULL)
		die("memory", NULL);
	o.rules = r->rs = rules_of(rules);
	o.stats = &r->stats;
	o.arg = r;
	if (correlate_new(&o, &r->co, &err) < 0)
		die("correlate", &err);
	return r;
}

static void run_flush(struct run *r)
{
	size_t from = 0;
	struct err err = { 0 };
	double start = cpu_now();

	for (unsigned i = 0; i < r->n; from = r->ends[i++]) {
		struct slice text = { r->chunk.p + from, r->ends[i] - from };

		if (signal_read(text, &r->sg, &err) < 0 ||
		    correlate_signal(r->co, &r->sg, r->sg.ingested_ns, false, &err) < 0)
			die("a signal", &err);
	}
	r->cpu += cpu_now() - start;
	r->signals += r->n;
	r->bytes += r->chunk.n;
	r->n = 0;
	buf_reset(&r->chunk);
}

static void run_put(struct run *r, const struct one *o)
{
	signal_text(&r->chunk, o);
	r->ends[r->n++] = r->chunk.n;
	if (r->n == CHUNK)
		run_flush(r);
}

static void must(const char *what, uint64_t is, uint64_t should)
{
	if (is == should)
		return;
	fprintf(stderr, "%s: %llu, must be %llu\n", what, (unsigned long long)is,
		(unsigned long long)should);
	exit(1);
}

static uint64_t found_of(const struct run *r, const char *name)
{
	return r->of[ruleset_find(r->rs, name)->number];
}

/* -- the parts ------------------------------------------------------------------------------ */

#define T0     INT64_C(1795420800000000000)
#define ATTACK 52u /* signals: 30 failed by 12 users, a success, a block, 20 requests */

/* Signal i of an attack from ip. */
static struct one attack(unsigned i, unsigned ip)
{
	struct one o = { .rule = i < 30    ? "failed"
				 : i == 30 ? "success"
				 : i == 31 ? "blocked"
					   : "request",
			 .host = 7,
			 .ip = 0xff0000 | ip,
			 .user = i % 12,
			 .port = i,
			 .bytes = 100000000 };
	return o;
}

static void mixed(uint64_t n)
{
	static const char *const rules[] = { "failed", "failed", "blocked", "request" };
	struct run *r = run_open(mixed_rules);
	uint64_t step = 0, attacks = 0;

	for (uint64_t i = 0; i < n; i++) {
		struct one o = { .rule = rules[i % 4],
				 .host = (unsigned)(i * 7919 % 3000),
				 .ip = (unsigned)(i * 2654435761u % 120000),
				 .user = (unsigned)(i % 500),
				 .port = (unsigned)(i % 40),
				 .bytes = (unsigned)(i % 900000) };

		if (i % 50 == 49) {
			o = attack((unsigned)(step % ATTACK), (unsigned)(step / ATTACK));
			attacks += step % ATTACK == ATTACK - 1;
			step++;
		}
		o.number = i;
		o.time_ns = T0 + (int64_t)i * NS_PER_MS / 10;
		run_put(r, &o);
	}
	run_flush(r);
	attacks = step / ATTACK;
	must("attacks left over", step % ATTACK, 0);
	must("guessing", found_of(r, "guessing"), attacks * 11);
	must("spraying", found_of(r, "spraying"), attacks * 21);
	must("succeeded", found_of(r, "succeeded"), attacks);
	must("both", found_of(r, "both"), attacks);
	must("scan", found_of(r, "scan"), 0);
	must("volume", found_of(r, "volume"), attacks * 10);
	must("slow", found_of(r, "slow"), attacks * 20);
	printf("signals_per_s=%.0f us_per_signal=%.3f bytes_per_signal=%llu groups=%llu\n",
	       (double)n / r->cpu, r->cpu / (double)n * 1e6, (unsigned long long)(r->bytes / n),
	       (unsigned long long)metric_get(&r->stats.groups));
}

static void groups(uint64_t n)
{
	struct run *r = run_open(groups_rules);
	size_t before, after;
	struct one o = { .rule = "failed" };

	signal_text(&r->chunk, &o); /* the chunk's memory is there before */
	buf_reserve(&r->chunk, CHUNK * 1400);
	memset(r->chunk.p, 1, CHUNK * 1400);
	buf_reset(&r->chunk);
	before = rss_kib();
	for (uint64_t i = 0; i < n; i++) {
		o.number = i;
		o.time_ns = T0 + (int64_t)i * NS_PER_MS;
		o.host = (unsigned)(i % 3000);
		o.ip = (unsigned)i;
		o.user = (unsigned)(i % 500);
		run_put(r, &o);
	}
	run_flush(r);
	after = rss_kib();
	must("groups", metric_get(&r->stats.groups), n);
	must("evicted", metric_get(&r->stats.evicted), 0);
	printf("groups=%llu rss_mib=%.1f bytes_per_group=%.0f counted_per_group=%.0f "
	       "groups_signals_per_s=%.0f\n",
	       (unsigned long long)n, (double)(after - before) / 1024,
	       (double)(after - before) * 1024 / (double)n,
	       (double)metric_get(&r->stats.bytes) / (double)n, (double)n / r->cpu);
	/* Each group is what it was: nineteen more and it is found. */
	for (uint64_t i = 0; i < 19 * 100; i++) {
		uint64_t g = i % 100 * (n / 100);

		o.number = n + i;
		o.time_ns = T0 + (int64_t)n * NS_PER_MS;
		o.host = (unsigned)(g % 3000);
		o.ip = (unsigned)g;
		run_put(r, &o);
	}
	run_flush(r);
	must("found", r->found, 100);
	must("told", r->told, 2000);
}

static void hot(const char *kind, uint64_t n)
{
	size_t k = 0;
	struct run *r;

	while (k < sizeof(hot_kinds) / sizeof(hot_kinds[0]) && strcmp(hot_kinds[k].kind, kind) != 0)
		k++;
	if (k == sizeof(hot_kinds) / sizeof(hot_kinds[0]))
		die(kind, NULL);
	r = run_open(hot_kinds[k].rules);
	for (uint64_t i = 0; i < n; i++) {
		bool two = strncmp(kind, "temporal", 8) == 0;
		struct one o = { .rule = two && i % 2 == 1 ? "success" : "failed",
				 .number = i,
				 .time_ns = T0 + (int64_t)i * NS_PER_MS,
				 .host = 1,
				 .ip = (unsigned)(i % 250),
				 .user = (unsigned)(i % 1000),
				 .bytes = 1000 };

		run_put(r, &o);
	}
	run_flush(r);
	if (strcmp(kind, "temporal") == 0)
		must("found", r->found, n - 1);
	else if (strcmp(kind, "temporal_ordered") == 0)
		must("found", r->found, n / 2);
	else
		must("found", r->found, n - hot_kinds[k].below);
	must("told", r->told, n);
	printf("hot_%s=%.0f\n", kind, (double)n / r->cpu);
}

/* -- the rebuild ---------------------------------------------------------------------------- */

static const struct notify_conf region = { .region_name = "Seutu-IT Oy",
					   .region_phone = "+358 9 1234",
					   .region_email = "soc@seutu.example",
					   .from = "vartio@seutu.example",
					   .zone = "Europe/Helsinki" };

static struct seglog *log_open(const char *dir)
{
	char path[256];
	struct seglog_opts so = { .dir = path,
				  .magic = "VTSIGNAL",
				  .segment_bytes = (uint64_t)64 << 20 };
	struct seglog *lg = NULL;
	struct err err = { 0 };

	snprintf(path, sizeof(path), "%s/signals", dir);
	if (seglog_open(&so, NULL, &lg, &err) < 0)
		die("the signals log", &err);
	return lg;
}

static void log_put(struct seglog *lg, struct buf *b, const struct one *o)
{
	struct slice part;
	struct err err = { 0 };

	buf_reset(b);
	signal_text(b, o);
	part = buf_view(b);
	if (seglog_append(lg, 1, &part, 1, NULL, &err) < 0)
		die("the signals log", &err);
}

/* Five signals a group, spread over the day. */
static struct one day_signal(uint64_t i, uint64_t n, int64_t start_ns)
{
	uint64_t g = i % (n / 5);
	struct one o = { .rule = "failed",
			 .number = i,
			 .time_ns = start_ns + (int64_t)((double)i / (double)n * (double)DAY),
			 .host = (unsigned)(g % 3000),
			 .ip = (unsigned)g,
			 .user = (unsigned)(i % 500) };
	return o;
}

static void db_path(char path[256], const char *dir)
{
	snprintf(path, 256, "%s/collector.db", dir);
}

static void write_log(const char *dir, uint64_t n)
{
	struct seglog *lg = log_open(dir);
	struct alert_store *as = NULL;
	struct buf b = { 0 };
	struct err err = { 0 };
	int64_t start_ns = time_now_ns() - DAY + 600 * NS_PER_SEC;
	char path[256];

	for (uint64_t i = 0; i < n; i++) {
		struct one o = day_signal(i, n, start_ns);

		log_put(lg, &b, &o);
	}
	db_path(path, dir);
	if (seglog_sync(lg, &err) < 0 || alert_store_open(path, &as, &err) < 0 ||
	    alert_begin(as, &err) < 0 ||
	    alert_position_set(as, "correlate", seglog_end(lg), &err) < 0 ||
	    alert_commit(as, &err) < 0)
		die("the position", &err);
	printf("log_mib=%.0f\n", (double)seglog_bytes(lg) / 1048576);
	alert_store_close(as);
	seglog_close(lg);
	buf_release(&b);
}

static void on_queued(void *arg)
{
}

static void wait_for(const metric *m, uint64_t n, double seconds)
{
	double end = wall_now() + seconds;

	while (metric_get(m) < n && wall_now() < end)
		usleep(2000);
	must("signals", metric_get(m), n);
}

static void rebuild(const char *dir, uint64_t n)
{
	double wall = wall_now(), cpu = cpu_now(), open_s; /* from the opening of the log on */
	struct seglog *lg = log_open(dir);
	struct desk *dk = NULL;
	struct buf b = { 0 };
	struct err err = { 0 };
	char path[256];
	struct desk_opts o = { .signals = lg,
			       .rules = rules_of(groups_rules),
			       .db_path = path,
			       .notify = &region,
			       .session_ns = 3600 * NS_PER_SEC,
			       .correlate_max_bytes = (size_t)512 << 20,
			       .queued = on_queued };

	db_path(path, dir);
	open_s = cpu_now() - cpu;
	if (desk_start(&o, &dk, &err) < 0)
		die("the alert thread", &err);
	wait_for(&desk_stats(dk)->replayed, n, 300);
	wall = wall_now() - wall;
	cpu = cpu_now() - cpu;
	must("raised by the replay", metric_get(&desk_stats(dk)->alerts_new), 0);
	/* The groups are there: fifteen more signals, and each of ten raises its alert. */
	for (uint64_t i = 0; i < 15 * 10; i++) {
		struct one s = day_signal(i % 10 * (n / 50), n, 0);

		s.number = n + i;
		s.time_ns = time_now_ns();
		log_put(lg, &b, &s);
	}
	if (seglog_sync(lg, &err) < 0)
		die("the signals log", &err);
	desk_wake(dk);
	wait_for(&desk_stats(dk)->signals, 150, 60);
	wait_for(&desk_stats(dk)->alerts_new, 10, 60);
	printf("rebuild_s=%.2f rebuild_cpu_s=%.2f rebuild_open_cpu_s=%.2f rebuild_signals=%llu "
	       "rebuild_rss_mib=%.0f\n",
	       wall, cpu, open_s, (unsigned long long)n, (double)rss_kib() / 1024);
	desk_stop(dk);
	seglog_close(lg);
	buf_release(&b);
}

int main(int argc, char **argv)
{
	uint64_t n = argc > 2 ? strtoull(argv[argc - 1], NULL, 10) : 0;

	if (argc == 3 && n > 0 && strcmp(argv[1], "mixed") == 0)
		mixed(n);
	else if (argc == 3 && n > 0 && strcmp(argv[1], "groups") == 0)
		groups(n);
	else if (argc == 4 && n > 0 && strcmp(argv[1], "hot") == 0)
		hot(argv[2], n);
	else if (argc == 4 && n > 0 && strcmp(argv[1], "write") == 0)
		write_log(argv[2], n);
	else if (argc == 4 && n > 0 && strcmp(argv[1], "rebuild") == 0)
		rebuild(argv[2], n);
	else
		die("mixed N | groups N | hot KIND N | write DIR N | rebuild DIR N", NULL);
	return 0;
}
