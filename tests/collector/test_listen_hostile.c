/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/collector/test_listen_hostile.c: one sender, or strangers, against all others: what one
 * certificate can hold, how slow it may be, what it can write into the log, and who gets in while
 * strangers hold all places. */
#include "tests/collector/listen_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#define HALF 700000u /* bytes of a frame that never becomes whole */

static struct tls_creds *bad, *good;

/* --- what is logged --- */

static int log_fd = -1, old_fd = -1;

static void log_catch(void)
{
	log_fd = memfd_create("log", MFD_CLOEXEC);
	old_fd = dup(STDERR_FILENO);
	assert_true(log_fd >= 0 && old_fd >= 0 && dup2(log_fd, STDERR_FILENO) >= 0);
}

static unsigned log_count(const char *what)
{
	static char text[1 << 20];
	ssize_t n = pread(log_fd, text, sizeof(text) - 1, 0);
	unsigned ret = 0;

	assert_true(n >= 0);
	text[n] = '\0';
	for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
		ret++;
	return ret;
}

static void log_end(void)
{
	if (log_fd < 0)
		return;
	dup2(old_fd, STDERR_FILENO);
	close(old_fd);
	close(log_fd);
	log_fd = old_fd = -1;
}

/* --- senders --- */

static void try_send(struct sender *sd, const void *p, size_t n)
{
	struct err err;

	if (sd->cn != NULL) /* one that is just being closed takes nothing: that is seen soon */
		(void)tls_write(sd->cn, (struct slice){ p, n }, &err);
}

/* Announces a frame of 2 MiB and sends a part of it. */
static void send_half(struct sender *sd)
{
	static char bytes[HALF];
	struct buf out = { 0 };

	lj_put_window(&out, 1);
	buf_put(&out, "2C\0\x1f\0\0", 6);
	buf_put(&out, bytes, sizeof(bytes));
	try_send(sd, out.p, out.n);
	buf_release(&out);
}

/* An agent's block that comes in several TLS records: its text does not compress. */
static void large_block(struct buf *out, uint64_t number)
{
	const struct batch_meta m = {
		.epoch = 0xbeef, .block = number, .first_seq = 1, .floor = 1
	};
	struct buf json = { 0 }, frames = { 0 };
	struct err err;

	buf_str(&json, "{\"message\":\"");
	while (json.n < 90000) {
		uint64_t r;

		random_bytes(&r, sizeof(r));
		buf_printf(&json, "%016llx", (unsigned long long)r);
	}
	buf_str(&json, "\"}");
	{
		struct buf event = { 0 };

		assert_int_equal(batch_meta_put(&event, &m, buf_view(&json), &err), 0);
		lj_put_json(&frames, 1, buf_view(&event));
		buf_release(&event);
	}
	lj_put_window(out, 1);
	assert_int_equal(lj_compress(out, buf_view(&frames), 6, &err), 0);
	assert_true(out->n > 2 * 16384);
	buf_release(&json);
	buf_release(&frames);
}

static void leave(struct sender *sd)
{
	if (sd->cn != NULL)
		tls_close(sd->cn, NULL);
	UNTIL(sd->closed);
}

/* --- memory --- */

/* One certificate begins frames on all its connections and keeps each alive with a byte now and
 * then: it holds its share, and a block of another, in pieces, gets through. */
static void test_one_holds_its_share(void **state)
{
	const uint64_t max = 4u << 20;
	static struct sender many[12];
	struct buf block = { 0 };
	const struct listen_stats *st;
	int64_t dripped = 0;

	queue.at_once = true;
	start((struct listen_opts){
		.max_held_bytes = max, .frame_ms = 600000, .stall_ms = 600000 });
	st = listen_stats(listener);
	for (unsigned i = 0; i < 12; i++) {
		join(&many[i], bad);
		assert_true(many[i].open);
		send_half(&many[i]); /* 8 MB in all */
	}
	UNTIL(metric_get(&st->share_full) > 0);
	turn();
	join(&sender, good);
	large_block(&block, 1);
	try_send(&sender, block.p, block.n / 2);
	turn();
	try_send(&sender, block.p + block.n / 2, block.n - block.n / 2);
	for (int64_t until = time_mono_ns() + GUARD_MS * NS_PER_MS;
	     sender.n_acks == 0 && time_mono_ns() < until;) {
		if (time_mono_ns() - dripped > 100 * NS_PER_MS) {
			dripped = time_mono_ns();
			for (unsigned i = 0; i < 12; i++)
				try_send(&many[i], "x", 1);
		}
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(500);
	}
	assert_int_equal(sender.n_acks, 1);
	/* Its share, the frame of the one that goes on, and a read of each other. */
	assert_true(metric_get(&st->held_bytes) <= max / 8 + (1u << 20) + 12 * 65536);
	assert_int_equal(metric_get(&st->pool_full), 0);
	buf_release(&block);
	for (unsigned i = 0; i < 12; i++)
		leave(&many[i]);
}

/* Many senders hold much together: those who hold little go on, and it is told who holds most. */
#define CROWD 8u

static void test_short_of_memory(void **state)
{
	const uint64_t max = 8u << 20;
	static struct sender crowd[CROWD];
	struct tls_creds *cr[CROWD];
	struct buf block = { 0 };
	const struct listen_stats *st;

	queue.at_once = true;
	log_catch();
	start((struct listen_opts){
		.max_held_bytes = max, .frame_ms = 600000, .stall_ms = 600000 });
	st = listen_stats(listener);
	for (unsigned i = 0; i < CROWD; i++) {
		char name[16];

		snprintf(name, sizeof(name), "crowd-%u", i);
		cr[i] = pki_creds(pki, name, pki);
		join(&crowd[i], cr[i]);
		send_half(&crowd[i]);
	}
	UNTIL(metric_get(&st->pool_full) > 0);
	turn();
	join(&sender, good);
	large_block(&block, 1);
	for (size_t at = 0; at < block.n; at += 30000) {
		try_send(&sender, block.p + at, block.n - at < 30000 ? block.n - at : 30000);
		turn();
	}
	UNTIL(sender.n_acks == 1);
	assert_int_equal(metric_get(&st->rejected), 0);
	assert_int_equal(log_count("memory for what senders have begun is short"), 1);
	assert_int_equal(log_count("tenant=mallila agent=crowd-"), 1);
	buf_release(&block);
	for (unsigned i = 0; i < CROWD; i++) {
		leave(&crowd[i]);
		tls_creds_unref(cr[i]);
	}
}

/* --- time --- */

static void test_dripping_ends(void **state)
{
	const struct listen_stats *st;
	int64_t dripped = 0, until = time_mono_ns() + GUARD_MS * NS_PER_MS;

	start((struct listen_opts){ .frame_ms = 400 });
	st = listen_stats(listener);
	join(&sender, bad);
	send_half(&sender);
	while (!sender.closed && time_mono_ns() < until) {
		if (time_mono_ns() - dripped > 50 * NS_PER_MS) {
			dripped = time_mono_ns();
			try_send(&sender, "x", 1);
		}
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(500);
	}
	assert_true(sender.closed);
	assert_int_equal(metric_get(&st->too_slow), 1);
	assert_int_equal(metric_get(&st->rejected), 1);
	UNTIL(metric_get(&st->held_bytes) == 0);
}

/* It is we who keep it waiting: its time stands still. */
static void test_waiting_is_not_slow(void **state)
{
	struct buf out = { 0 };

	start((struct listen_opts){ .frame_ms = 100, .max_windows = 1 });
	join(&sender, good);
	own_window(&out, 1, 2);
	own_window(&out, 2, 3);
	try_send(&sender, out.p, out.n);
	buf_release(&out);
	UNTIL(n_puts() == 1 && metric_get(&listen_stats(listener)->held_bytes) > 0);
	for (unsigned i = 0; i < 8; i++)
		turn();
	assert_false(sender.closed);
	set_full(true);
	answer(0, QUEUE_STORED);
	UNTIL(n_refused() > 0);
	for (unsigned i = 0; i < 8; i++)
		turn();
	assert_false(sender.closed);
	set_full(false);
	UNTIL(n_puts() == 2);
	answer(1, QUEUE_STORED);
	UNTIL(sender.n_acks == 2);
	assert_int_equal(metric_get(&listen_stats(listener)->too_slow), 0);
}

/* --- numbers --- */

static void test_connections_of_one_certificate(void **state)
{
	struct sender first, second, third, other;
	const struct listen_stats *st;

	queue.at_once = true;
	start((struct listen_opts){ .max_each = 2 });
	st = listen_stats(listener);
	join(&first, bad);
	join(&second, bad);
	join(&other, good);
	send_own(&first, 1, 1);
	UNTIL(first.n_acks == 1); /* so `second` is the one that was silent longest */
	join(&third, bad);
	UNTIL(second.closed);
	assert_int_equal(metric_get(&st->replaced), 1);
	send_own(&first, 2, 1);
	send_own(&third, 3, 1);
	send_own(&other, 4, 1);
	UNTIL(first.n_acks == 2 && third.n_acks == 1 && other.n_acks == 1);
	leave(&first);
	leave(&third);
	leave(&other);
}

static void test_log_is_not_filled(void **state)
{
	const struct listen_stats *st;

	log_catch();
	start((struct listen_opts){ 0 });
	st = listen_stats(listener);
	for (unsigned i = 1; i <= 20; i++) { /* each on a connection of its own */
		join(&sender, bad);
		try_send(&sender, "2Q", 2);
		UNTIL(sender.closed);
		UNTIL(metric_get(&st->rejected) == i);
	}
	assert_int_equal(log_count("connection closed for what it sent"), 3);
	join(&sender, good); /* another's first is told all the same */
	try_send(&sender, "2Q", 2);
	UNTIL(sender.closed);
	assert_int_equal(log_count("connection closed for what it sent"), 4);
	assert_int_equal(metric_get(&st->rejected), 21);
}

/* --- strangers --- */

/* Strangers who say nothing hold all places: an agent gets in long before their time is over. */
static void test_strangers_make_room(void **state)
{
	struct sockaddr_in addr;
	int fd[4];

	start((struct listen_opts){ .max_handshakes = 4, .handshake_ms = 600000 });
	uv_ip4_addr("127.0.0.1", listen_port(listener), &addr);
	for (unsigned i = 0; i < 4; i++) {
		fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(fd[i], (struct sockaddr *)&addr, sizeof(addr)), 0);
	}
	UNTIL(metric_get(&listen_stats(listener)->connections) == 4);
	join(&sender, good);
	assert_true(sender.open);
	for (unsigned i = 0; i < 4; i++)
		close(fd[i]);
}

static ssize_t keep_hello(gnutls_transport_ptr_t arg, const void *p, size_t n)
{
	buf_put(arg, p, n);
	return (ssize_t)n;
}

static ssize_t no_answer(gnutls_transport_ptr_t arg, void *p, size_t n)
{
	errno = EAGAIN;
	return -1;
}

/* What a TLS client says first, and as good as any. */
static void hello_make(struct buf *out)
{
	gnutls_certificate_credentials_t none;
	gnutls_session_t s;

	assert_int_equal(gnutls_certificate_allocate_credentials(&none), 0);
	assert_int_equal(gnutls_init(&s, GNUTLS_CLIENT | GNUTLS_NONBLOCK), 0);
	assert_int_equal(gnutls_set_default_priority(s), 0);
	assert_int_equal(gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, none), 0);
	gnutls_transport_set_ptr(s, out);
	gnutls_transport_set_push_function(s, keep_hello);
	gnutls_transport_set_pull_function(s, no_answer);
	assert_int_equal(gnutls_handshake(s), GNUTLS_E_AGAIN);
	assert_true(out->n > 100);
	gnutls_deinit(s);
	gnutls_certificate_free_credentials(none);
}

#define GOOD_HELLOS 12u

static void hellos(int fd[GOOD_HELLOS])
{
	struct buf hello = { 0 };
	struct sockaddr_in addr;

	hello_make(&hello);
	uv_ip4_addr("127.0.0.1", listen_port(listener), &addr);
	for (unsigned i = 0; i < GOOD_HELLOS; i++) {
		fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(fd[i], (struct sockaddr *)&addr, sizeof(addr)), 0);
		assert_int_equal(send(fd[i], hello.p, hello.n, MSG_NOSIGNAL), hello.n);
	}
	buf_release(&hello);
}

/* A good hello and then nothing: the collector has answered, and it is they who are waited for.
 * They are never more than the bound, and give way by turns; an agent behind all of them gets in.
 */
static void test_strangers_with_a_good_hello(void **state)
{
	const struct listen_stats *st;
	int fd[GOOD_HELLOS];

	start((struct listen_opts){ .max_handshakes = 4, .handshake_ms = 600000, .grace_ms = 100 });
	st = listen_stats(listener);
	hellos(fd);
	UNTIL(metric_get(&st->handshakes) == 4);
	join(&sender, good);
	assert_true(sender.open);
	assert_true(metric_get(&st->handshakes) <= 4);
	assert_true(metric_get(&st->made_room) >= GOOD_HELLOS - 4);
	for (unsigned i = 0; i < GOOD_HELLOS; i++)
		close(fd[i]);
}

/* And while nobody waits for their places, their time is over all the same. */
static void test_a_good_hello_has_a_deadline(void **state)
{
	const struct listen_stats *st;
	int fd[GOOD_HELLOS];

	start((struct listen_opts){ .max_handshakes = 64, .handshake_ms = 3000 });
	st = listen_stats(listener);
	hellos(fd);
	UNTIL(metric_get(&st->handshakes) == GOOD_HELLOS);
	UNTIL(metric_get(&st->handshakes) == 0);
	assert_int_equal(metric_get(&st->made_room), 0);
	for (unsigned i = 0; i < GOOD_HELLOS; i++)
		close(fd[i]);
}

#define SILENT 300u

static int knock(const struct sockaddr_in *to, bool says)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0 &&
	    errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	if (fd >= 0 && says) /* the beginning of a record that never comes */
		(void)!send(fd, "\x16\x03\x01\x02\x00", 5, MSG_NOSIGNAL);
	return fd;
}

/* Opens again what was closed. */
static void knock_again(int *fd, const struct sockaddr_in *to)
{
	const char *from = source_addr;
	char c;

	source_addr = NULL;
	for (unsigned i = 0; i < SILENT; i++) {
		if (fd[i] >= 0 &&
		    (recv(fd[i], &c, 1, MSG_DONTWAIT) > 0 || errno == EAGAIN || errno == ENOTCONN))
			continue;
		if (fd[i] >= 0)
			close(fd[i]);
		errno = 0;
		fd[i] = knock(to, i % 2 != 0);
	}
	source_addr = from;
}

/* Strangers hold all places and come back when they are closed: an agent is in all the same, from
 * an address of its own or from theirs, before its own patience (10 s) ends. */
static void flood(const char *from)
{
	static int fd[SILENT];
	struct sockaddr_in to;
	struct tls_opts o = { .loop = &loop,
			      .creds = good,
			      .handler = &handler,
			      .arg = &sender,
			      .server_name = "siem" };
	const struct listen_stats *st;
	int64_t until = time_mono_ns() + GUARD_MS * NS_PER_MS;
	struct err err;

	start((struct listen_opts){ .max_handshakes = 16, .handshake_ms = 600000 });
	st = listen_stats(listener);
	uv_ip4_addr("127.0.0.1", listen_port(listener), &to);
	for (unsigned i = 0; i < SILENT; i++)
		fd[i] = -1;
	knock_again(fd, &to);
	UNTIL(metric_get(&st->handshakes) == 16);
	source_addr = from;
	assert_int_equal(tls_connect(&o, (struct sockaddr *)&to, &sender.cn, &err), 0);
	while (!sender.open && !sender.closed && time_mono_ns() < until) {
		knock_again(fd, &to);
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(500);
		assert_true(metric_get(&st->handshakes) <= 16);
	}
	assert_true(sender.open);
	assert_true(metric_get(&st->made_room) >= SILENT - 16);
	for (unsigned i = 0; i < SILENT; i++)
		if (fd[i] >= 0)
			close(fd[i]);
}

static void test_flood_from_elsewhere(void **state)
{
	flood("127.0.0.2");
}

static void test_flood_from_here(void **state)
{
	flood("127.0.0.1");
}

/* --- */

static int hostile_setup(void **state)
{
	setup(state);
	bad = pki_creds(pki, "bad", pki);
	good = pki_creds(pki, "good", pki);
	return 0;
}

static int hostile_teardown(void **state)
{
	log_end();
	tls_creds_unref(bad);
	tls_creds_unref(good);
	return teardown(state);
}

static int group_setup(void **state)
{
	pki_begin();
	pki_sender("bad", "mallila:bad");
	pki_sender("good", "mallila:good");
	pki_senders("crowd", CROWD);
	return 0;
}

#define HOSTILE_TEST(f) cmocka_unit_test_setup_teardown(f, hostile_setup, hostile_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOSTILE_TEST(test_one_holds_its_share),
		HOSTILE_TEST(test_short_of_memory),
		HOSTILE_TEST(test_dripping_ends),
		HOSTILE_TEST(test_waiting_is_not_slow),
		HOSTILE_TEST(test_connections_of_one_certificate),
		HOSTILE_TEST(test_log_is_not_filled),
		HOSTILE_TEST(test_strangers_make_room),
		HOSTILE_TEST(test_strangers_with_a_good_hello),
		HOSTILE_TEST(test_a_good_hello_has_a_deadline),
		HOSTILE_TEST(test_flood_from_elsewhere),
		HOSTILE_TEST(test_flood_from_here),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
