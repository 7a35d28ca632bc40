/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/common/test_tls.c: both ends of a TLS connection on one loop, and who is let in. */
#include "tests/cmocka.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "common/base/file.h"
#include "common/base/hash.h"
#include "common/net/identity.h"
#include "common/net/tls.h"
#include "tests/helpers/pki.h"

#define GUARD_MS 20000 /* a test that hangs fails after this; none waits for it */

struct end {
	struct tls_conn *cn;
	struct buf got;
	const char *host; /* client: verify for this collector; NULL: server, verify an agent */
	struct identity id;
	size_t use;      /* most bytes that data() takes at once; 0: all */
	size_t pause_at; /* pause once this many came; 0: never */
	unsigned opens, closes, drains;
	bool hold; /* data() uses nothing */
	bool no_verify;
	bool close_on_data;
	enum tls_failure failure;
	struct err err;   /* code ERR_NONE: ended in good order */
	struct slice say; /* written as soon as it opens */
};

static struct pki *pki, *stranger;
static uv_loop_t loop;
static uv_tcp_t listener;
static uv_timer_t guard;
static struct sockaddr_in addr;
static struct end server, client;
static struct tls_creds *server_creds, *client_creds;
static struct tls_opts server_opts;
static bool guard_fired;

static int on_verify(struct tls_conn *cn, gnutls_x509_crt_t crt, struct err *err)
{
	struct end *e = tls_arg(cn);

	if (e->no_verify)
		return 0;
	return e->host != NULL ? identity_collector(crt, e->host, err)
			       : identity_agent(crt, &e->id, err);
}

static void on_open(struct tls_conn *cn)
{
	struct end *e = tls_arg(cn);
	struct err err;

	e->opens++;
	if (e->say.n > 0)
		assert_int_equal(tls_write(cn, e->say, &err), 0);
}

static ssize_t on_data(struct tls_conn *cn, struct slice in)
{
	struct end *e = tls_arg(cn);
	size_t n = e->use > 0 && e->use < in.n ? e->use : in.n;

	if (e->hold)
		return 0;
	buf_put(&e->got, in.p, n);
	if (e->pause_at > 0 && e->got.n >= e->pause_at)
		tls_pause(cn);
	if (e->close_on_data)
		tls_close(cn, NULL);
	return (ssize_t)n;
}

static void on_drained(struct tls_conn *cn)
{
	((struct end *)tls_arg(cn))->drains++;
}

static void on_closed(struct tls_conn *cn, const struct err *err)
{
	struct end *e = tls_arg(cn);

	e->closes++;
	e->failure = tls_failure(cn);
	if (err != NULL)
		e->err = *err;
	e->cn = NULL;
}

static const struct tls_handler handler = { on_verify, on_open, on_data, on_drained, on_closed };

static void on_connection(uv_stream_t *st, int status)
{
	struct err err;

	assert_int_equal(status, 0);
	assert_int_equal(tls_accept(&server_opts, st, &server.cn, &err), 0);
}

static void on_guard(uv_timer_t *t)
{
	guard_fired = true;
	uv_stop(t->loop);
}

static int setup(void **state)
{
	int len = sizeof(addr);

	memset(&server, 0, sizeof(server));
	memset(&client, 0, sizeof(client));
	guard_fired = false;
	uv_loop_init(&loop);
	uv_ip4_addr("127.0.0.1", 0, &addr);
	uv_tcp_init(&loop, &listener);
	assert_int_equal(uv_tcp_bind(&listener, (struct sockaddr *)&addr, 0), 0);
	assert_int_equal(uv_listen((uv_stream_t *)&listener, 8, on_connection), 0);
	uv_tcp_getsockname(&listener, (struct sockaddr *)&addr, &len);
	uv_timer_init(&loop, &guard);
	uv_timer_start(&guard, on_guard, GUARD_MS, 0);
	client.host = "siem.example";
	server_creds = pki_creds(pki, "siem", pki);
	client_creds = pki_creds(pki, "agent", pki);
	server_opts = (struct tls_opts){
		.loop = &loop, .creds = server_creds, .handler = &handler, .arg = &server
	};
	return 0;
}

static int teardown(void **state)
{
	if (server.cn != NULL)
		tls_close(server.cn, NULL);
	if (client.cn != NULL)
		tls_close(client.cn, NULL);
	uv_close((uv_handle_t *)&listener, NULL);
	uv_close((uv_handle_t *)&guard, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	buf_release(&server.got);
	buf_release(&client.got);
	tls_creds_unref(server_creds);
	tls_creds_unref(client_creds);
	return 0;
}

static void join(void)
{
	struct tls_opts o = { .loop = &loop,
			      .creds = client_creds,
			      .handler = &handler,
			      .arg = &client,
			      .server_name = "siem.example" };
	struct err err;

	assert_int_equal(tls_connect(&o, (struct sockaddr *)&addr, &client.cn, &err), 0);
}

/* Turns the loop until cond, or the guard says that it never will be. */
#define UNTIL(cond)                                                                                \
	do {                                                                                       \
		while (!(cond) && !guard_fired)                                                    \
			uv_run(&loop, UV_RUN_ONCE);                                                \
		assert_false(guard_fired);                                                         \
		assert_true(cond);                                                                 \
	} while (0)

static void assert_says(const struct err *err, const char *text)
{
	if (strstr(err->msg, text) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err->msg, text);
}

/* Who is let in. Each row: what the two ends show, and what each end's person reads. */
static const struct door {
	const char *name, *server, *client;  /* certificates; client "-": none */
	bool server_strange, client_strange; /* signed by another authority */
	const char *host;
	enum tls_failure failure;              /* as the server counts it */
	const char *client_says, *server_says; /* NULL: it opened */
} doors[] = {
	{ "both good", "siem", "agent", 0, 0, "siem.example", TLS_FAIL_NONE, NULL, NULL },
	{ "by address", "siem", "agent", 0, 0, "127.0.0.1", TLS_FAIL_NONE, NULL, NULL },
	{ "collector of another name", "siem", "agent", 0, 0, "other.example", TLS_FAIL_PROTOCOL,
	  "siem.example:%u: the certificate is for another name (siem.example)",
	  "refuses our certificate" },
	{ "an agent plays collector", "agent", "agent", 0, 0, "siem.example", TLS_FAIL_PROTOCOL,
	  "not made for a collector", "refuses our certificate" },
	{ "collector expired", "siem-old", "agent", 0, 0, "siem.example", TLS_FAIL_PROTOCOL,
	  "the certificate expired on 20", "has expired" },
	{ "collector of a stranger", "siem", "agent", 1, 0, "siem.example", TLS_FAIL_PROTOCOL,
	  "not signed by our authority", "not signed by" },
	{ "agent expired", "siem", "agent-old", 0, 0, "siem.example", TLS_FAIL_EXPIRED,
	  "our certificate has expired", "the certificate expired on 20" },
	{ "agent not yet valid", "siem", "agent-new", 0, 0, "siem.example", TLS_FAIL_EXPIRED,
	  "refuses our certificate", "not valid yet by this machine's clock" },
	{ "agent of a stranger", "siem", "agent", 0, 1, "siem.example", TLS_FAIL_CHAIN,
	  "not signed by the other end's authority", "not signed by our authority" },
	{ "agent with serverAuth too", "siem", "agent-both", 0, 0, "siem.example", TLS_FAIL_REFUSED,
	  "refuses our certificate", "clientAuth only" },
	{ "agent without a use", "siem", "agent-none", 0, 0, "siem.example", TLS_FAIL_REFUSED,
	  "refuses our certificate", "clientAuth only" },
	{ "agent without an identity", "siem", "agent-noname", 0, 0, "siem.example",
	  TLS_FAIL_REFUSED, "ask for a new token and enrol again", "names no tenant" },
	{ "agent with two identities", "siem", "agent-two", 0, 0, "siem.example", TLS_FAIL_REFUSED,
	  "refuses our certificate", "several agents" },
	{ "no certificate", "siem", "-", 0, 0, "siem.example", TLS_FAIL_NO_CERT,
	  "wants a certificate", "showed no certificate" },
};

static void test_doors(void **state)
{
	for (size_t i = 0; i < sizeof(doors) / sizeof(doors[0]); i++) {
		const struct door *d = &doors[i];
		char want[128];

		print_message("# %s\n", d->name);
		tls_creds_unref(server_creds);
		tls_creds_unref(client_creds);
		server_creds = pki_creds(d->server_strange ? stranger : pki, d->server, pki);
		client_creds = pki_creds(d->client_strange ? stranger : pki,
					 strcmp(d->client, "-") == 0 ? NULL : d->client, pki);
		server_opts.creds = server_creds;
		memset(&server, 0, sizeof(server));
		memset(&client, 0, sizeof(client));
		client.host = d->host;
		join();
		if (d->client_says == NULL) {
			UNTIL(server.opens == 1 && client.opens == 1);
			assert_string_equal(server.id.tenant, "mallila");
			assert_string_equal(server.id.agent, "agent-1");
			assert_true(strlen(server.id.serial) == 32);
			tls_close(client.cn, NULL);
		}
		UNTIL(server.closes == 1 && client.closes == 1);
		assert_int_equal(server.failure, d->failure);
		if (d->client_says == NULL) {
			assert_int_equal(server.err.code, ERR_NONE);
			assert_int_equal(client.err.code, ERR_NONE);
			continue;
		}
		snprintf(want, sizeof(want), "%s", d->client_says);
		if (strstr(want, "%u") != NULL)
			snprintf(want, sizeof(want),
				 "siem.example:%u: the certificate is for "
				 "another name (siem.example)",
				 ntohs(addr.sin_port));
		assert_says(&client.err, want);
		assert_says(&server.err, d->server_says);
		assert_int_equal(server.opens, 0);
	}
}

/* Eight MiB against an end that stops reading: nothing is lost, and the memory is the writer's. */
static void test_backpressure(void **state)
{
	struct buf big = { 0 };
	struct err err;
	size_t n = 8u << 20;

	for (uint32_t i = 0; big.n < n; i++)
		buf_put(&big, &i, sizeof(i));
	server.pause_at = 100000;
	server.use = 5000;
	client.say = buf_view(&big);
	join();
	UNTIL(client.opens == 1);
	UNTIL(server.got.n >= server.pause_at);
	for (int i = 0; i < 50; i++) /* the loop turns, but nothing more may arrive */
		uv_run(&loop, UV_RUN_NOWAIT);
	assert_true(server.got.n < server.pause_at + 5000);
	assert_true(tls_pending(client.cn) > (1u << 20));
	assert_int_equal(client.drains, 0);
	server.pause_at = 0;
	tls_resume(server.cn);
	UNTIL(client.drains == 1);
	assert_int_equal(tls_pending(client.cn), 0);
	server.use = 0; /* what data() left is offered again with what follows */
	assert_int_equal(tls_write(client.cn, SLICE("end"), &err), 0);
	UNTIL(server.got.n == n + 3);
	assert_memory_equal(server.got.p, big.p, n);
	assert_memory_equal(server.got.p + n, "end", 3);
	buf_release(&big);
}

static void test_close_sends_all(void **state)
{
	struct buf big = { 0 };

	for (uint32_t i = 0; i < 100000; i++)
		buf_put(&big, &i, sizeof(i));
	client.say = buf_view(&big);
	join();
	UNTIL(client.opens == 1);
	tls_close(client.cn, NULL); /* with bytes still to be written */
	tls_close(client.cn, NULL); /* again is harmless */
	UNTIL(server.closes == 1 && client.closes == 1);
	assert_int_equal(server.err.code, ERR_NONE);
	assert_int_equal(server.got.n, big.n);
	assert_memory_equal(server.got.p, big.p, big.n);
	buf_release(&big);
}

static void test_close_within_data(void **state)
{
	client.say = SLICE("hello");
	server.close_on_data = true;
	join();
	UNTIL(server.closes == 1 && client.closes == 1);
	assert_slice(buf_view(&server.got), "hello");
	assert_int_equal(client.err.code, ERR_NONE);
}

/* Nothing whole within max_in: the peer is not let to fill our memory. */
static void test_max_in(void **state)
{
	struct buf big = { 0 };

	while (big.n < 300000)
		buf_str(&big, "0123456789");
	server_opts.max_in = 100000;
	server.hold = true;
	client.say = buf_view(&big);
	join();
	UNTIL(server.closes == 1);
	assert_says(&server.err, "make nothing whole");
	UNTIL(client.closes == 1);
	buf_release(&big);
}

static void test_handshake_timeout(void **state)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char byte;

	server_opts.handshake_ms = 50;
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	UNTIL(server.closes == 1); /* the peer says nothing at all */
	assert_int_equal(server.failure, TLS_FAIL_TIMEOUT);
	assert_says(&server.err, "handshake did not end within 50 ms");
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	close(fd);
}

static void test_not_tls(void **state)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(send(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27, 0), 27);
	UNTIL(server.cn != NULL);
	shutdown(fd, SHUT_WR);
	UNTIL(server.closes == 1);
	assert_int_equal(server.failure, TLS_FAIL_PROTOCOL);
	assert_says(&server.err, "127.0.0.1:");
	close(fd);
}

static void test_cut_in_handshake(void **state)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(fd);
	UNTIL(server.closes == 1);
	assert_int_equal(server.failure, TLS_FAIL_PROTOCOL);
	assert_says(&server.err, "in the middle of the TLS handshake");
}

static void test_idle(void **state)
{
	server_opts.idle_ms = 100;
	client.say = SLICE("x");
	join();
	UNTIL(server.closes == 1 && client.closes == 1);
	assert_int_equal(server.got.n, 1);
	assert_says(&server.err, "silent for");
	assert_int_equal(client.err.code, ERR_NONE); /* it was told in good order */
}

static void test_refused(void **state)
{
	struct sockaddr_in gone;
	static uv_tcp_t t; /* outlives this function: closed by the teardown's loop */
	int len = sizeof(gone);

	uv_ip4_addr("127.0.0.1", 0, &gone);
	uv_tcp_init(&loop, &t);
	uv_tcp_bind(&t, (struct sockaddr *)&gone, 0);
	uv_tcp_getsockname(&t, (struct sockaddr *)&gone, &len);
	addr = gone; /* bound, but nobody listens */
	join();
	UNTIL(client.closes == 1);
	assert_int_equal(client.failure, TLS_FAIL_CONNECT);
	assert_says(&client.err, "siem.example:");
	assert_says(&client.err, "connection refused");
	uv_close((uv_handle_t *)&t, NULL);
}

/* Certificates may be replaced while connections live. */
static void test_creds_outlived(void **state)
{
	struct err err;

	join();
	UNTIL(server.opens == 1 && client.opens == 1);
	tls_creds_unref(server_creds);
	tls_creds_unref(client_creds);
	server_creds = client_creds = NULL;
	assert_int_equal(tls_write(server.cn, SLICE("still here"), &err), 0);
	UNTIL(client.got.n == 10);
	assert_non_null(tls_peer_cert(server.cn));
}

static void test_creds_errors(void **state)
{
	char cert[PKI_PATH_MAX], key[PKI_PATH_MAX], siem[PKI_PATH_MAX], siem_key[PKI_PATH_MAX],
		torn[PKI_PATH_MAX], no_key[PKI_PATH_MAX];
	const struct {
		const char *ca, *cert, *key;
		enum err_code code;
		const char *says;
	} rows[] = {
		{ "/nonexistent/ca.crt", NULL, NULL, ERR_ABSENT, "/nonexistent/ca.crt" },
		{ siem_key, NULL, NULL, ERR_SYNTAX, "holds no certificate" },
		{ NULL, cert, siem_key, ERR_DENIED, "does not belong to the certificate" },
		{ NULL, key, key, ERR_SYNTAX, "cannot use the certificate" },
		{ NULL, torn, key, ERR_SYNTAX, "cannot use the certificate" },
		{ NULL, cert, cert, ERR_DENIED, "run: chmod 0600 " },
	};
	struct tls_creds *cr = NULL;
	struct buf pem = { 0 };
	struct err err;

	pki_paths(pki, "agent", cert, key);
	pki_paths(pki, "siem", siem, siem_key);
	pki_paths(pki, "torn", torn, no_key);
	assert_int_equal(file_read(cert, 4096, &pem, &err), 0);
	assert_int_equal(file_write(torn, (struct slice){ pem.p, 100 }, 0644, &err), 0);
	buf_release(&pem);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(tls_creds_load(rows[i].ca, rows[i].cert, rows[i].key, &cr, &err),
				 -1);
		assert_null(cr);
		assert_int_equal(err.code, rows[i].code);
		assert_says(&err, rows[i].says);
	}
}

static void test_identity_parse(void **state)
{
	static const struct {
		const char *uri;
		bool ok;
	} rows[] = {
		{ "urn:vartio:mallila:agent-1", true },
		{ "urn:vartio:m:1", true },
		{ "urn:vartio:mallila:", false },
		{ "urn:vartio::agent", false },
		{ "urn:vartio:mallila", false },
		{ "urn:vartio:Mallila:agent", false },
		{ "urn:vartio:1mallila:agent", false },
		{ "urn:vartio:mallila:a:b", false },
		{ "urn:vartio:mallila:-a", false },
		{ "urn:vartio:mallila:a/../b", false },
		{ "urn:vartio:a23456789012345678901234567890123:x", false },
		{ "URN:vartio:mallila:agent", false },
		{ "", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct identity id = { .tenant = "untouched" };

		if (identity_parse(slice_str(rows[i].uri), &id) != rows[i].ok)
			fail_msg("%s", rows[i].uri);
		if (!rows[i].ok)
			assert_string_equal(id.tenant, "untouched");
	}
}

static int group_setup(void **state)
{
	pki = pki_new("Vartio test authority");
	stranger = pki_new("Stranger");
	for (int i = 0; i < 2; i++) {
		struct pki *p = i == 0 ? pki : stranger;

		pki_issue(p, "siem",
			  &(struct pki_spec){
				  .dns = "siem.example", .ip = "127.0.0.1", .use = "server" });
		pki_issue(
			p, "agent",
			&(struct pki_spec){ .uri = "urn:vartio:mallila:agent-1", .use = "client" });
	}
	pki_issue(pki, "siem-old",
		  &(struct pki_spec){
			  .dns = "siem.example", .use = "server", .from_s = -7200, .to_s = -60 });
	pki_issue(pki, "agent-old",
		  &(struct pki_spec){ .uri = "urn:vartio:mallila:agent-1",
				      .use = "client",
				      .from_s = -7200,
				      .to_s = -60 });
	pki_issue(pki, "agent-new",
		  &(struct pki_spec){ .uri = "urn:vartio:mallila:agent-1",
				      .use = "client",
				      .from_s = 3600,
				      .to_s = 7200 });
	pki_issue(pki, "agent-both",
		  &(struct pki_spec){ .uri = "urn:vartio:mallila:agent-1", .use = "both" });
	pki_issue(pki, "agent-none",
		  &(struct pki_spec){ .uri = "urn:vartio:mallila:agent-1", .use = "none" });
	pki_issue(pki, "agent-noname", &(struct pki_spec){ .dns = "x.example", .use = "client" });
	pki_issue(pki, "agent-two",
		  &(struct pki_spec){ .uri = "urn:vartio:mallila:agent-1",
				      .uri2 = "urn:vartio:toinen:agent-1",
				      .use = "client" });
	return 0;
}

static int group_teardown(void **state)
{
	pki_free(pki);
	pki_free(stranger);
	return 0;
}

#define NET_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NET_TEST(test_doors),
		NET_TEST(test_backpressure),
		NET_TEST(test_close_sends_all),
		NET_TEST(test_close_within_data),
		NET_TEST(test_max_in),
		NET_TEST(test_handshake_timeout),
		NET_TEST(test_not_tls),
		NET_TEST(test_cut_in_handshake),
		NET_TEST(test_idle),
		NET_TEST(test_refused),
		NET_TEST(test_creds_outlived),
		cmocka_unit_test(test_creds_errors),
		cmocka_unit_test(test_identity_parse),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
