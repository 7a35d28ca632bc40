/* SPDX-License-Identifier: EUPL-1.2 */
/* The syslog inputs on real sockets of the loopback. */
#include "tests/agent/inputs_world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "agent/inputs/syslog.h"

static int sender(struct world *w, int type)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(syslog_port(&w->in)),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, type, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void give(int fd, struct slice s)
{
	assert_int_equal(send(fd, s.p, s.n, MSG_NOSIGNAL), s.n);
}

static void test_udp(void **state)
{
	struct world *w = world_new();
	static char big[5000];
	int fd;

	world_open(w, &input_syslog_udp, "{listen: '127.0.0.1:0', max_message_bytes: 1000}");
	fd = sender(w, SOCK_DGRAM);
	give(fd, SLICE("<13>Nov 23 08:00:00 sw1 one\n"));
	give(fd, SLICE("<13>two\nlines are one message\0"));
	give(fd, SLICE("\n"));
	memset(big, 'x', sizeof(big));
	give(fd, (struct slice){ big, sizeof(big) });
	give(fd, SLICE("last \xff byte"));
	assert_true(world_wait(w, world_has, 4));
	assert_slice(w->rec[0].line, "<13>Nov 23 08:00:00 sw1 one");
	assert_slice(w->rec[1].line, "<13>two\nlines are one message");
	assert_int_equal(w->rec[2].line.n, 1000);
	assert_true(w->rec[2].cut);
	assert_slice(w->rec[3].line, "last \xff byte");
	assert_string_equal(w->rec[0].peer, "127.0.0.1");
	assert_false(w->rec[0].local);
	assert_false(w->rec[3].cut);
	assert_int_equal(metric_get(&w->in.stats.events), 4);
	assert_int_equal(metric_get(&w->in.stats.cut), 1);
	close(fd);
	world_free(w);
}

static void flood(int fd, size_t n)
{
	static char big[1000];

	memset(big, 'x', sizeof(big));
	for (size_t i = 0; i < n; i++)
		give(fd, (struct slice){ big, sizeof(big) });
}

static void read_up(struct world *w)
{
	for (int i = 0; i < 100; i++)
		uv_run(&w->loop, UV_RUN_NOWAIT);
}

/* While the input does not read, the kernel drops: what came and what was dropped is all. */
static void test_udp_counts_what_the_kernel_dropped(void **state)
{
	struct world *w = world_new();
	size_t sent = 2000;
	int fd;

	world_open(w, &input_syslog_udp, "{listen: '127.0.0.1:0', receive_buffer_bytes: 65536}");
	fd = sender(w, SOCK_DGRAM);
	flood(fd, sent);
	assert_true(world_wait(w, world_has, 10));
	read_up(w);                  /* all that was kept */
	give(fd, SLICE("<1>after")); /* brings the kernel's count of what went before it */
	assert_true(world_wait(w, world_has, w->n + 1));
	assert_slice(w->rec[w->n - 1].line, "<1>after");
	assert_true(metric_get(&w->in.stats.dropped) > 0);
	assert_int_equal(w->n - 1 + metric_get(&w->in.stats.dropped), sent);
	assert_int_equal(w->warns, 1); /* once, with what helps */
	assert_non_null(strstr(w->warning, "net.core.rmem_max"));
	close(fd);
	world_free(w);
}

/* And when nothing comes afterwards, asking tells the same; what comes later adds nothing, and
 * neither does what waited, which brings older counts (the kernel adds them from the first drop
 * on). */
static void test_udp_drops_are_known_at_once(void **state)
{
	struct world *w = world_new();
	size_t sent = 2000;
	int fd;

	world_open(w, &input_syslog_udp, "{listen: '127.0.0.1:0', receive_buffer_bytes: 65536}");
	fd = sender(w, SOCK_DGRAM);
	for (size_t round = 1; round <= 3; round++) {
		flood(fd, sent);
		input_syslog_udp.look(&w->in);
		assert_true(world_wait(w, world_has, w->n + 10));
		read_up(w);
		assert_true(w->n < round * sent);
		assert_int_equal(w->n + metric_get(&w->in.stats.dropped), round * sent);
	}
	give(fd, SLICE("<1>after"));
	assert_true(world_wait(w, world_has, w->n + 1));
	assert_int_equal(w->n - 1 + metric_get(&w->in.stats.dropped), 3 * sent);
	flood(fd, sent); /* these are told by the close */
	world_close(w);
	assert_int_equal(w->n - 1 + metric_get(&w->in.stats.dropped), 4 * sent);
	close(fd);
	world_free(w);
}

static void test_tcp_both_framings(void **state)
{
	struct world *w = world_new();
	int a, b;

	world_open(w, &input_syslog_tcp, "{listen: '127.0.0.1:0', max_message_bytes: 256}");
	a = sender(w, SOCK_STREAM);
	give(a, SLICE("<1>line\n8 <1>count"));
	assert_true(world_wait(w, world_has, 2));
	b = sender(w, SOCK_STREAM);
	give(b, SLICE("<2>other\r\n<2>no trail"));
	assert_true(world_wait(w, world_has, 3));
	give(a, SLICE("8 <1>par"));
	give(b, SLICE("er"));
	close(b);
	assert_true(world_wait(w, world_has, 4));
	give(a, SLICE("ts<1>end\n"));
	world_expect(
		w, 0,
		LINES("<1>line", "<1>count", "<2>other", "<2>no trailer", "<1>parts", "<1>end"));
	assert_string_equal(w->rec[5].peer, "127.0.0.1");
	close(a);
	world_free(w);
}

/* A full sink: nothing is lost or repeated, the sender comes to wait, and all goes on after. */
static void test_tcp_waits_when_full(void **state)
{
	struct world *w = world_new();
	char line[256];
	size_t sent = 0, i;
	int fd, small = 4096;

	world_open(w, &input_syslog_tcp, "{listen: '127.0.0.1:0'}");
	w->room = 7;
	fd = sender(w, SOCK_STREAM);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	for (; sent < 15000; sent++) { /* until the sender would wait, or far more than one read */
		int n = snprintf(line, sizeof(line), "<1>%zu %0180d\n", sent, 0);

		if (send(fd, line, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) != n)
			break; /* a message sent in part is cut; the end below shows it as such */
		uv_run(&w->loop, UV_RUN_NOWAIT);
	}
	assert_true(sent < 15000);
	assert_int_equal(w->n, 7);
	w->room = 100;
	input_syslog_tcp.resume(&w->in);
	assert_true(world_wait(w, world_has, 100));
	shutdown(fd, SHUT_WR);
	w->room = WORLD_MAX;
	input_syslog_tcp.resume(&w->in);
	assert_true(world_wait(w, world_has, sent));
	for (i = 0; i < sent; i++)
		assert_int_equal(strtoul(w->rec[i].line.p + 3, NULL, 10), i);
	close(fd);
	world_free(w);
}

static bool hung_up(struct world *w, size_t fd)
{
	char c;
	ssize_t n = recv((int)fd, &c, 1, MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno == ECONNRESET);
}

static void test_tcp_hangs_up(void **state)
{
	struct world *w = world_new();
	int a, b, c;

	world_open(w, &input_syslog_tcp,
		   "{listen: '127.0.0.1:0', max_connections: 2, idle_timeout: 1s}");
	a = sender(w, SOCK_STREAM);
	give(a, SLICE("<1>good\n99999999999 <1>bad"));
	assert_true(world_wait(w, hung_up, (size_t)a)); /* a length that cannot be */
	assert_non_null(strstr(w->warning, "127.0.0.1 sent a message length"));
	b = sender(w, SOCK_STREAM);
	give(b, SLICE("<1>b\n<1>rest"));
	assert_true(world_wait(w, world_has, 2));
	c = sender(w, SOCK_STREAM);
	give(c, SLICE("<1>c\n"));
	assert_true(world_wait(w, world_has, 3));
	close(a);
	a = sender(w, SOCK_STREAM);
	assert_true(world_wait(w, hung_up, (size_t)a)); /* the third of two */
	assert_true(metric_get(&w->in.stats.errors) >= 2);
	assert_true(world_wait(w, hung_up, (size_t)b)); /* silent for a second */
	world_expect(w, 0, LINES("<1>good", "<1>b", "<1>c", "<1>rest"));
	close(a);
	close(b);
	close(c);
	world_free(w);
}

static void test_unix(void **state)
{
	struct world *w = world_new();
	char dir[] = "/tmp/vartio-test-XXXXXX", yaml[160];
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct stat st;
	struct err err;
	int fd;

	assert_non_null(mkdtemp(dir));
	snprintf(to.sun_path, sizeof(to.sun_path), "%s/log", dir);
	snprintf(yaml, sizeof(yaml), "{path: %s, mode: '0620'}", to.sun_path);
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(world_try(w, &input_syslog_unix, yaml, &err), -1); /* taken */
	assert_int_equal(err.code, ERR_BUSY);
	close(fd); /* a socket that nobody listens on is left behind, and is replaced */
	world_open(w, &input_syslog_unix, yaml);
	assert_int_equal(stat(to.sun_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0620);
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	give(fd, SLICE("<13>Nov 23 08:00:00 app: one"));
	give(fd, SLICE("<13>two"));
	world_expect(w, 0, LINES("<13>Nov 23 08:00:00 app: one", "<13>two"));
	assert_true(w->rec[0].local);
	close(fd);
	world_close(w);
	assert_int_equal(access(to.sun_path, F_OK), -1);
	fd = creat(to.sun_path, 0600); /* a file of somebody's is not removed */
	close(fd);
	assert_int_equal(world_try(w, &input_syslog_unix, yaml, &err), -1);
	assert_int_equal(err.code, ERR_EXISTS);
	unlink(to.sun_path);
	rmdir(dir);
	world_free(w);
}

/* A stop or a reload: what the kernel had taken for us before it is not lost. */
static void test_what_has_arrived_is_taken_at_the_close(void **state)
{
	const struct input_class *const kinds[] = { &input_syslog_udp, &input_syslog_tcp };

	for (size_t k = 0; k < 2; k++) {
		struct world *w = world_new();
		char line[32];
		int fd;

		world_open(w, kinds[k], "{listen: '127.0.0.1:0'}");
		fd = sender(w, k == 0 ? SOCK_DGRAM : SOCK_STREAM);
		give(fd, SLICE("first\n"));
		assert_true(world_wait(w, world_has, 1));
		for (int i = 0; i < 1000; i++) { /* the loop does not run meanwhile */
			snprintf(line, sizeof(line), "%d\n", i);
			give(fd, slice_str(line));
		}
		give(fd, SLICE("")); /* no harm */
		world_close(w);
		assert_int_equal(w->n, 1001);
		assert_slice(w->rec[1000].line, "999");
		close(fd);
		world_free(w);
	}
}

static void test_addresses(void **state)
{
	static const struct {
		const char *text, *peer;
		unsigned port;
	} rows[] = {
		{ "0.0.0.0:514", "0.0.0.0", 514 },
		{ "[::1]:5514", "::1", 5514 },
		{ "[::ffff:192.0.2.1]:1", "192.0.2.1", 1 },
		{ "192.0.2.1", NULL, 0 },
		{ "192.0.2.1:", NULL, 0 },
		{ "192.0.2.1:65536", NULL, 0 },
		{ ":514", NULL, 0 },
		{ "switch:514", NULL, 0 },
	};
	char text[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sockaddr_storage at;
		socklen_t n;
		struct err err;
		int r = syslog_address(rows[i].text, &at, &n, &err);

		if ((r == 0) != (rows[i].peer != NULL))
			fail_msg("%s: %s", rows[i].text, r == 0 ? "accepted" : err.msg);
		if (r < 0)
			continue;
		assert_slice(syslog_peer(&at, text), rows[i].peer);
		assert_int_equal(ntohs(((struct sockaddr_in *)&at)->sin_port), rows[i].port);
	}
}

static void test_a_taken_port_is_told(void **state)
{
	struct world *w = world_new(), *w2 = world_new();
	char yaml[64];
	struct err err;

	world_open(w, &input_syslog_tcp, "{listen: '127.0.0.1:0'}");
	snprintf(yaml, sizeof(yaml), "{listen: '127.0.0.1:%u'}", syslog_port(&w->in));
	assert_int_equal(world_try(w2, &input_syslog_tcp, yaml, &err), -1);
	assert_int_equal(err.code, ERR_BUSY);
	world_free(w);
	world_free(w2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_udp),
		cmocka_unit_test(test_udp_counts_what_the_kernel_dropped),
		cmocka_unit_test(test_udp_drops_are_known_at_once),
		cmocka_unit_test(test_tcp_both_framings),
		cmocka_unit_test(test_tcp_waits_when_full),
		cmocka_unit_test(test_tcp_hangs_up),
		cmocka_unit_test(test_unix),
		cmocka_unit_test(test_what_has_arrived_is_taken_at_the_close),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_a_taken_port_is_told),
	};
	return RUN_TESTS(tests);
}
