/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/spool: what was lent has been synced with its checkpoints; nothing is lost but what the
 * lossy lane gives up, which is counted. */
#include "tests/agent/spool_kit.h"

static void test_round_trip(void **state)
{
	struct spool_opts o = opts();
	struct spool *sp = open_spool(&o);
	const struct spool_stats *st = spool_stats(sp);
	struct buf epochs = { 0 };
	char epoch[17];

	assert_string_equal(lend_all(sp, false), "");
	add(sp, LANE_KEEP, "{\"a\":1}", "file:x", "100");
	add(sp, LANE_KEEP, "{\"a\":2}", "file:x", "200");
	add(sp, LANE_KEEP, "{}", "file:y", "7");
	assert_slice(spool_checkpoint(sp, SLICE("file:x")), "200");
	assert_string_equal(lend_all(sp, false), ""); /* not durable yet */
	settle(sp); /* by its timer or the flush: either closes it */
	assert_int_equal(told.ready, 1);
	assert_int_equal(metric_get(&st->blocks), 1);
	assert_int_equal(metric_get(&st->events), 3);
	assert_int_equal(metric_get(&st->syncs), 1);
	assert_true(metric_get(&st->oldest_ns) > 0);
	snprintf(epoch, sizeof(epoch), "%016lx", (unsigned long)spool_epoch(sp));
	spool_epochs(sp, &epochs);
	assert_slice(buf_view(&epochs), epoch);
	assert_string_equal(lend_all(sp, true), "1[1,1]{\"a\":1}{\"a\":2}{} ");
	add(sp, LANE_KEEP, "{}", "", "");
	settle(sp);
	assert_string_equal(lend_all(sp, true), "2[4,2]{} ");
	assert_int_equal(metric_get(&st->blocks), 0);
	assert_int_equal(metric_get(&st->events), 0);
	assert_int_equal(metric_get(&st->bytes), 0);
	assert_int_equal(metric_get(&st->oldest_ns), 0);
	assert_int_equal(metric_get(&st->events_in), 4);
	close_spool(sp);
	buf_release(&epochs);
}

static void test_closing(void **state)
{
	struct spool_opts o = opts();
	struct spool *sp;
	char event[3000];

	o.block_events = 3;
	o.block_bytes = 5000;
	o.close_ms = 3600 * 1000;
	sp = open_spool(&o);
	for (int i = 0; i < 4; i++)
		add(sp, LANE_KEEP, "{}", "", "");
	uv_run(&loop, UV_RUN_ONCE);                               /* the write */
	assert_string_equal(lend_all(sp, true), "1[1,1]{}{}{} "); /* by count */
	snprintf(event, sizeof(event), "{\"a\":\"%2980s\"}", "");
	for (int i = 0; i < 3; i++)
		while (add(sp, LANE_KEEP, event, "", "") < 0)
			uv_run(&loop, UV_RUN_ONCE); /* the disk is busy: drained comes */
	spool_flush(sp);                            /* the last one waits for its turn */
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_in_range(told.ready, 2, 4);
	/* by bytes: {} and one, one, one */
	assert_int_equal(metric_get(&spool_stats(sp)->blocks), 3);
	assert_int_equal(metric_get(&spool_stats(sp)->events), 4);
	add(sp, LANE_KEEP, "{}", "", "");
	sp = reopen(sp, &o); /* closing writes what is open */
	assert_int_equal(metric_get(&spool_stats(sp)->events), 5);
	close_spool(sp);
}

static void count_key(void *arg, struct slice key, struct slice value)
{
	buf_printf(arg, "%.*s=%.*s ", SLICE_FMT(key), SLICE_FMT(value));
}

static void test_checkpoints(void **state)
{
	struct spool_opts o = opts();
	struct spool *sp = open_spool(&o);
	struct buf all = { 0 };

	add(sp, LANE_KEEP, "{}", "a", "1");
	settle(sp);
	add(sp, LANE_KEEP, "", "b", "22"); /* with no event */
	settle(sp);
	add(sp, LANE_KEEP, "{}", "a", "333333333333333333333333333333333333");
	sp = reopen(sp, &o);
	assert_slice(spool_checkpoint(sp, SLICE("a")), "333333333333333333333333333333333333");
	assert_slice(spool_checkpoint(sp, SLICE("b")), "22");
	assert_slice(spool_checkpoint(sp, SLICE("c")), "");
	assert_string_equal(lend_all(sp, true),
			    "1[1,1]{} 2[2,1]{} "); /* a checkpoint alone is no block */
	add(sp, LANE_KEEP, "", "a", "");
	assert_slice(spool_checkpoint(sp, SLICE("a")), "");
	spool_checkpoints(sp, count_key, &all);
	assert_slice(buf_view(&all), "b=22 ");
	sp = reopen(sp, &o);
	assert_slice(spool_checkpoint(sp, SLICE("a")), "");
	buf_reset(&all);
	spool_checkpoints(sp, count_key, &all);
	assert_slice(buf_view(&all), "b=22 ");
	close_spool(sp);
	buf_release(&all);
}

/* A checkpoint outlives the file of its record. */
static void test_checkpoint_outlives_file(void **state)
{
	struct spool_opts o = opts();
	struct spool *sp;
	struct spool_block b;
	struct err err;
	char event[4096], path[128];
	unsigned seed = 4;

	o.max_bytes = 1 << 20;
	sp = open_spool(&o);
	add(sp, LANE_KEEP, "{}", "old", "place");
	for (int i = 0; i < 40; i++) {
		noise(event, sizeof(event), &seed);
		add(sp, LANE_KEEP, event, "new", "x");
		settle(sp);
		while (spool_next(sp, &b, &err) == 1)
			spool_ack(sp, b.epoch, b.number, &err);
	}
	settle(sp);
	snprintf(path, sizeof(path), "%s/keep/0000000000000001.seg", dir);
	assert_int_equal(access(path, F_OK), -1);
	sp = reopen(sp, &o);
	assert_slice(spool_checkpoint(sp, SLICE("old")), "place");
	assert_string_equal(lend_all(sp, false), "");
	close_spool(sp);
}

/* Acknowledged blocks do not come again, others do: same bytes, same epoch. */
static void test_restart(void **state)
{
	struct spool_opts o = opts();
	struct spool *sp = open_spool(&o);
	uint64_t epoch = spool_epoch(sp);
	struct spool_block b;
	struct buf frame = { 0 }, epochs = { 0 };
	struct err err;

	for (int i = 0; i < 4; i++) {
		char event[16];

		snprintf(event, sizeof(event), "{\"n\":%d}", i);
		add(sp, LANE_KEEP, event, "", "");
		settle(sp);
	}
	assert_int_equal(spool_next(sp, &b, &err), 1);
	assert_int_equal(spool_next(sp, &b, &err), 1);
	buf_slice(&frame, b.frame);
	assert_int_equal(spool_next(sp, &b, &err), 1);
	spool_ack(sp, epoch, 1, &err);
	spool_ack(sp, epoch, 3, &err); /* out of order */
	spool_ack(sp, epoch, 3, &err); /* twice is harmless */
	spool_ack(sp, epoch, 77, &err);
	spool_ack(sp, epoch + 1, 2, &err);
	sp = reopen(sp, &o);
	assert_true(spool_epoch(sp) != epoch);
	assert_int_equal(metric_get(&spool_stats(sp)->blocks), 2);
	assert_int_equal(metric_get(&spool_stats(sp)->events), 2);
	assert_int_equal(spool_next(sp, &b, &err), 1);
	assert_int_equal(b.epoch, epoch);
	assert_int_equal(b.number, 2);
	assert_int_equal(b.frame.n, frame.n);
	assert_memory_equal(b.frame.p, frame.p, frame.n);
	spool_rewind(sp);
	assert_string_equal(lend_all(sp, false), "2[2,1]{\"n\":1} 4[4,1]{\"n\":3} ");
	assert_string_equal(lend_all(sp, false), ""); /* lent is lent */
	spool_rewind(sp);
	add(sp, LANE_KEEP, "{\"new\":1}", "", "");
	settle(sp);
	spool_epochs(sp, &epochs);
	assert_int_equal(epochs.n, 33);
	assert_string_equal(lend_all(sp, true),
			    "1[1,1]{\"new\":1} 2[2,1]{\"n\":1} 4[4,1]{\"n\":3} ");
	sp = reopen(sp, &o);
	assert_string_equal(lend_all(sp, false), "");
	close_spool(sp);
	buf_release(&frame);
	buf_release(&epochs);
}

static void test_lanes(void **state)
{
	struct spool_opts o = opts();
	struct spool *sp = open_spool(&o);
	struct err err;

	add(sp, LANE_KEEP, "{\"k\":1}", "", "");
	settle(sp);
	add(sp, LANE_LOSSY, "{\"l\":2}", "", "");
	settle(sp);
	add(sp, LANE_KEEP, "{\"k\":3}", "", "");
	settle(sp);
	assert_string_equal(lend_all(sp, false),
			    "1[1,1]{\"k\":1} 2[2,1]{\"l\":2} 3[3,1]{\"k\":3} ");
	spool_ack(sp, spool_epoch(sp), 1, &err);
	spool_ack(sp, spool_epoch(sp), 3, &err);
	add(sp, LANE_KEEP, "{\"k\":4}", "", "");
	settle(sp);
	assert_string_equal(lend_all(sp, false), "4[4,2]{\"k\":4} "); /* block 2 is still held */
	spool_ack(sp, spool_epoch(sp), 2, &err);
	add(sp, LANE_LOSSY, "{\"l\":5}", "", "");
	settle(sp);
	assert_string_equal(lend_all(sp, false), "5[5,4]{\"l\":5} ");
	sp = reopen(sp, &o);
	assert_string_equal(lend_all(sp, false), "4[4,2]{\"k\":4} 5[5,4]{\"l\":5} ");
	close_spool(sp);
}

static void test_full_and_drained(void **state)
{
	struct spool_opts o = opts();
	struct spool *sp;
	struct spool_block b;
	struct err err = { 0 };
	char event[4096];
	unsigned seed = 1;
	uint64_t in = 0, out = 0;

	o.max_bytes = 1 << 20;
	o.block_bytes = 16384;
	sp = open_spool(&o);
	for (int i = 0; i < 1000; i++) {
		noise(event, sizeof(event), &seed);
		if (add(sp, LANE_KEEP, event, "place", "x") < 0) {
			uv_run(&loop, UV_RUN_DEFAULT); /* the disk may only have been slow */
			if (add(sp, LANE_KEEP, event, "place", "x") < 0)
				break;
		}
		in++;
	}
	assert_in_range(in, 150, 400);
	assert_int_equal(spool_add(sp, LANE_KEEP, slice_str(event), SLICE(""), SLICE(""), &err),
			 -1);
	assert_int_equal(err.code, ERR_FULL);
	assert_non_null(strstr(err.msg, "spool.max_bytes"));
	told.drained = 0;
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(told.drained, 0);
	assert_int_equal(add(sp, LANE_LOSSY, event, "", ""), 0); /* it has its share */
	settle(sp);
	while (told.drained == 0 && spool_next(sp, &b, &err) == 1) {
		out += b.events;
		spool_ack(sp, b.epoch, b.number, &err);
		uv_run(&loop, UV_RUN_DEFAULT);
	}
	assert_int_equal(told.drained, 1);
	assert_true(out < in);
	assert_int_equal(add(sp, LANE_KEEP, event, "", ""), 0);
	settle(sp);
	while (spool_next(sp, &b, &err) == 1)
		out += b.events;
	assert_int_equal(out, in + 2); /* none lost, none twice */
	assert_int_equal(metric_get(&spool_stats(sp)->events_dropped), 0);
	close_spool(sp);
}

static void test_lossy_drops_oldest(void **state)
{
	struct spool_opts o = opts();
	struct spool *sp;
	struct spool_block b;
	struct err err = { 0 };
	const struct spool_stats *st;
	char event[4096];
	unsigned seed = 2;
	uint64_t held = 0, first = 0, last = 0, dropped;

	o.max_bytes = 1 << 20;
	o.block_bytes = 16384;
	sp = open_spool(&o);
	st = spool_stats(sp);
	assert_int_equal(add(sp, LANE_LOSSY, "{}", "", ""), 0);
	settle(sp);
	assert_int_equal(spool_next(sp, &b, &err),
			 1); /* block 1 is with ship while it is dropped */
	for (int i = 0; i < 800; i++) {
		noise(event, sizeof(event), &seed);
		assert_int_equal(add(sp, LANE_LOSSY, event, "", ""), 0); /* never refused */
		if (i % 4 == 3)
			settle(sp);
	}
	settle(sp);
	dropped = metric_get(&st->events_dropped);
	assert_true(dropped > 200);
	assert_true(metric_get(&st->blocks_dropped) >= dropped / 4);
	assert_int_equal(b.events, 1);
	assert_true(b.frame.n > 0 && b.frame.p[0] == '2'); /* lent memory stays until the ack */
	spool_ack(sp, b.epoch, b.number, &err);
	while (spool_next(sp, &b, &err) == 1) {
		struct batch_meta m;

		events_of(&b, &m);
		if (first == 0)
			first = m.first_seq;
		last = m.first_seq + b.events - 1;
		held += b.events;
	}
	assert_int_equal(last, 801);              /* the newest are there, */
	assert_int_equal(last - first + 1, held); /* without a hole, */
	assert_int_equal(held + dropped, 801);    /* and the rest was counted */
	assert_int_equal(metric_get(&st->events), held);
	sp = reopen(sp, &o);
	assert_int_equal(metric_get(&spool_stats(sp)->events), held);
	close_spool(sp);
}

/* What cannot wait comes in bursts: while the disk is busy with one block, sixteen have a place. */
static void test_lossy_burst(void **state)
{
	struct spool_opts o = opts();
	struct spool *sp;
	char event[32];
	int i = 0;

	o.block_events = 2;
	sp = open_spool(&o);
	for (; i < 36; i++) { /* the loop does not turn, so the first block stays with the worker */
		snprintf(event, sizeof(event), "{\"n\":%d}", i);
		assert_int_equal(add(sp, LANE_LOSSY, event, "udp", event), 0);
	}
	assert_int_equal(metric_get(&spool_stats(sp)->events_dropped), 0);
	assert_int_equal(spool_unsynced(sp), 36);
	assert_slice(spool_checkpoint(sp, SLICE("udp")), "{\"n\":35}");
	assert_int_equal(add(sp, LANE_LOSSY, "{}", "other", "1"), 0);
	assert_int_equal(metric_get(&spool_stats(sp)->events_dropped), 2);
	assert_int_equal(metric_get(&spool_stats(sp)->blocks_dropped), 1);
	assert_slice(spool_checkpoint(sp, SLICE("udp")), "{\"n\":35}");
	sp = reopen(sp, &o);
	assert_int_equal(metric_get(&spool_stats(sp)->events), 35);
	assert_slice(spool_checkpoint(sp, SLICE("udp")), "{\"n\":35}");
	assert_slice(spool_checkpoint(sp, SLICE("other")), "1");
	close_spool(sp);
}

/* The disk refuses: told once, nothing is lost, and inputs are held back. */
static void test_disk_refuses(void **state)
{
	struct spool_opts o = opts();
	struct spool *sp;
	struct rlimit was, small;
	int taken = 2;

	o.block_events = 2;
	o.close_ms = 3600 * 1000;
	sp = open_spool(&o);
	add(sp, LANE_KEEP, "{\"n\":0}", "", "");
	spool_flush(sp);
	while (told.ready == 0)
		uv_run(&loop, UV_RUN_ONCE);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	small = was;
	small.rlim_cur = 64;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	add(sp, LANE_KEEP, "{\"n\":1}", "k", "1");
	spool_flush(sp);
	while (told.failed == 0)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(told.err.code, ERR_FULL);
	assert_non_null(strstr(told.err.msg, "keep/"));
	for (int i = 0; i < 100; i++) {
		char event[16];

		snprintf(event, sizeof(event), "{\"n\":%d}", taken);
		if (add(sp, LANE_KEEP, event, "k", event) < 0)
			break;
		taken++;
	}
	assert_int_equal(taken, 10); /* bounded: one block written, three wait, one is open */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	while (told.drained == 0)
		uv_run(&loop, UV_RUN_ONCE); /* the retry timer */
	assert_int_equal(told.failed, 1);
	sp = reopen(sp, &o);
	assert_int_equal(metric_get(&spool_stats(sp)->events), taken);
	assert_string_equal(lend_all(sp, false),
			    "1[1,1]{\"n\":0} 2[2,1]{\"n\":1} 3[3,1]{\"n\":2}{\"n\":3} "
			    "4[5,1]{\"n\":4}{\"n\":5} 5[7,1]{\"n\":6}{\"n\":7} "
			    "6[9,1]{\"n\":8}{\"n\":9} ");
	close_spool(sp);
}

static void test_torn_tail(void **state)
{
	struct spool_opts o = opts();
	struct spool *sp = open_spool(&o);
	struct buf whole = { 0 };
	char path[128];
	struct err err;
	size_t end;

	add(sp, LANE_KEEP, "{\"n\":1}", "k", "1");
	settle(sp);
	add(sp, LANE_KEEP, "{\"n\":2}", "k", "2");
	sp = reopen(sp, &o);
	assert_int_equal(metric_get(&spool_stats(sp)->blocks), 2);
	close_spool(sp);
	snprintf(path, sizeof(path), "%s/keep/0000000000000001.seg", dir);
	assert_int_equal(file_read(path, 8 << 20, &whole, &err), 0);
	for (end = whole.n; whole.p[end - 1] == '\0'; end--)
		;
	assert_int_equal(truncate(path, (off_t)end - 3), 0);
	sp = open_spool(&o);
	assert_int_equal(metric_get(&spool_stats(sp)->blocks), 1);
	assert_true(metric_get(&spool_stats(sp)->torn_bytes) > 0);
	assert_slice(spool_checkpoint(sp, SLICE("k")), "1"); /* so that event 2 is read again */
	assert_string_equal(lend_all(sp, true), "1[1,1]{\"n\":1} ");
	close_spool(sp);
	buf_release(&whole);
}

/* The child of test_kill: numbers from its checkpoint on, acknowledged now and then, each number
 * that was acknowledged told to the parent. */
static void feed(int fd, unsigned seed)
{
	struct spool_opts o = opts();
	struct spool *sp;
	struct spool_block b;
	struct err err;
	struct slice at;
	uint64_t n = 0;

	o.block_events = 7;
	o.close_ms = 1;
	o.max_bytes = 1 << 20; /* 64 KiB files: many are begun and dropped */
	sp = open_spool(&o);
	at = spool_checkpoint(sp, SLICE("n"));
	if (at.n > 0)
		assert_true(slice_uint(at, UINT64_MAX, &n));
	for (;;) {
		char event[64], value[32];
		struct batch_meta m;

		for (unsigned k = rand_r(&seed) % 20; k > 0; k--) {
			snprintf(event, sizeof(event), "{\"n\":%lu,\"pad\":%u}",
				 (unsigned long)n + 1, rand_r(&seed));
			snprintf(value, sizeof(value), "%lu", (unsigned long)n + 1);
			if (add(sp, LANE_KEEP, event, "n", value) < 0)
				break;
			n++;
		}
		uv_run(&loop, UV_RUN_NOWAIT);
		while (rand_r(&seed) % 4 != 0 && spool_next(sp, &b, &err) == 1) {
			const char *events = events_of(&b, &m);
			size_t len = strlen(events) + 1;

			/* The collector has it: epoch, block, events. */
			if (write(fd, &b.epoch, 8) != 8 || write(fd, &b.number, 8) != 8 ||
			    write(fd, &len, sizeof(len)) != sizeof(len) ||
			    write(fd, events, len) != (ssize_t)len)
				_exit(1);
			if (rand_r(&seed) % 3 != 0)
				spool_ack(sp, b.epoch, b.number, &err);
		}
		if (rand_r(&seed) % 10 == 0)
			spool_rewind(sp);
	}
}

#define NUMBERS_MAX 200000
#define KEYS_MAX    100000
static uint8_t got[NUMBERS_MAX];
static struct {
	uint64_t epoch, number;
} keys[KEYS_MAX];
static size_t n_keys;

static bool key_new(uint64_t epoch, uint64_t number)
{
	for (size_t i = n_keys; i > 0; i--)
		if (keys[i - 1].epoch == epoch && keys[i - 1].number == number)
			return false;
	assert_true(n_keys < KEYS_MAX);
	keys[n_keys].epoch = epoch;
	keys[n_keys++].number = number;
	return true;
}

/* What a collector with its memory of keys would have: each number once. Returns the highest. */
static uint64_t receive(const char *events, uint64_t highest)
{
	for (const char *p = events; (p = strstr(p, "{\"n\":")) != NULL; p++) {
		uint64_t n = strtoull(p + 5, NULL, 10);

		assert_in_range(n, 1, NUMBERS_MAX - 1);
		if (got[n]++ != 0)
			fail_msg("number %lu came in two blocks", (unsigned long)n);
		highest = n > highest ? n : highest;
	}
	return highest;
}

static bool read_n(int fd, void *p, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t k = read(fd, (char *)p + at, n - at);

		if (k <= 0)
			return false;
		at += (size_t)k;
	}
	return true;
}

static void test_kill(void **state)
{
	static char events[1 << 20];
	struct spool_opts o = opts();
	struct spool *sp;
	struct spool_block b;
	struct batch_meta m;
	struct err err;
	unsigned seed = 20261123;
	uint64_t highest = 0;

	memset(got, 0, sizeof(got));
	for (int round = 0; round < 12; round++) {
		int fds[2], blocks = rand_r(&seed) % 60;
		uint64_t key[2];
		size_t len;
		pid_t pid;

		assert_int_equal(pipe(fds), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nothing running */
			close(fds[0]);
			feed(fds[1], seed);
		}
		close(fds[1]);
		for (int i = 0;; i++) {
			if (i == blocks)
				kill(pid, SIGKILL);
			if (!read_n(fds[0], key, 16) || !read_n(fds[0], &len, sizeof(len)))
				break;
			assert_true(len <= sizeof(events));
			if (!read_n(fds[0], events, len))
				break;
			if (key_new(key[0], key[1]))
				highest = receive(events, highest);
		}
		close(fds[0]);
		waitpid(pid, NULL, 0);
	}
	sp = open_spool(&o);
	while (spool_next(sp, &b, &err) == 1) {
		const char *text = events_of(&b, &m);

		if (key_new(b.epoch, b.number))
			highest = receive(text, highest);
	}
	for (uint64_t n = 1; n <= highest; n++)
		if (got[n] != 1)
			fail_msg("number %lu came %u times", (unsigned long)n, got[n]);
	assert_true(highest > 200);
	snprintf(events, sizeof(events), "%lu", (unsigned long)highest);
	assert_slice(spool_checkpoint(sp, SLICE("n")), events); /* exactly what blocks hold */
	close_spool(sp);
}

static void test_refusals(void **state)
{
	struct spool_opts o = opts();
	struct spool *sp = open_spool(&o), *other = NULL;
	struct err err = { 0 };
	static char big[SPOOL_EVENT_MAX + 2];

	assert_int_equal(spool_open(&loop, &o, &other, &err), -1);
	assert_int_equal(err.code, ERR_BUSY);
	assert_null(other);
	assert_int_equal(spool_add(sp, LANE_KEEP, SLICE("[1]"), SLICE(""), SLICE(""), &err), -1);
	assert_int_equal(err.code, ERR_SYNTAX);
	memset(big, ' ', sizeof(big) - 1);
	big[0] = '{';
	big[sizeof(big) - 2] = '}';
	assert_int_equal(spool_add(sp, LANE_KEEP, slice_str(big), SLICE(""), SLICE(""), &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	settle(sp);
	assert_string_equal(lend_all(sp, false), "");
	close_spool(sp);
}

/* An epoch's upper bits count the starts, also where all blocks have gone with their files.
 */
static void test_starts(void **state)
{
	struct spool_opts o = opts();
	struct spool_block b;
	unsigned seed = 5;
	struct spool *sp;
	struct err err;

	o.max_bytes = 1 << 20; /* files of 64 KiB */
	sp = open_spool(&o);
	assert_true(spool_was_empty(sp));
	assert_int_equal(spool_epoch(sp) >> 40, 1);
	sp = reopen(sp, &o);
	assert_int_equal(spool_epoch(sp) >> 40, 1); /* nothing was written */
	for (uint64_t start = 1; start < 6; start++) {
		char text[3000];

		assert_int_equal(spool_epoch(sp) >> 40, start);
		for (int i = 0; i < 100; i++) {
			noise(text, sizeof(text), &seed);
			assert_int_equal(add(sp, LANE_KEEP, text, "k", "v"), 0);
			settle(sp);
			while (spool_next(sp, &b, &err) == 1)
				spool_ack(sp, b.epoch, b.number, &err);
		}
		settle(sp);
		sp = reopen(sp, &o);
		assert_false(spool_was_empty(sp));
	}
	assert_slice(spool_checkpoint(sp, SLICE("k")), "v");
	assert_int_equal(spool_checkpoint(sp, SLICE("spool:start")).n, 0);
	close_spool(sp);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
	/* test_kill forks, so it comes before libuv has threads. */
	const struct CMUnitTest tests[] = {
		T(test_kill),
		T(test_round_trip),
		T(test_closing),
		T(test_checkpoints),
		T(test_checkpoint_outlives_file),
		T(test_restart),
		T(test_starts),
		T(test_lanes),
		T(test_full_and_drained),
		T(test_lossy_drops_oldest),
		T(test_lossy_burst),
		T(test_disk_refuses),
		T(test_torn_tail),
		T(test_refusals),
	};

	return RUN_TESTS(tests);
}
