/* SPDX-License-Identifier: EUPL-1.2 */
/* The enrolment door and the agent that knocks: both real, over loopback. */
#include "tests/collector/tenant_kit.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/stat.h>

#include "agent/enrol/client.h"
#include "agent/enrol/enrol.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/net/identity.h"

#define HOUR (3600 * NS_PER_SEC)

static struct kit kit;
static struct enrol_server *server;
static uint16_t port;
static char agent_dir[80], config[128];

static int set_up(void **state)
{
	struct err err = { 0 };

	kit_open_at(&kit, time_now_ns());
	snprintf(agent_dir, sizeof(agent_dir), "%s/agent", kit.dir);
	snprintf(config, sizeof(config), "%s/etc/agent.yml", kit.dir);
	if (enrol_server_start(kit.ca, kit.db, "0.0.0.0", 0, "siem.example:5044", &server, &port,
			       &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(port > 0);
	return 0;
}

static int tear_down(void **state)
{
	enrol_server_stop(server);
	kit_close(&kit);
	return 0;
}

static void make_token(const char *host, int64_t made_ns, struct token *ret)
{
	struct buf text = { 0 };
	struct err err = { 0 };
	char address[300];

	snprintf(address, sizeof(address), "%s:%u", host, port);
	if (token_create(kit.rg, kit.ca, "mallila", address, 24, "test", made_ns, &text, &err) < 0)
		fail_msg("%s", err.msg);
	buf_chr(&text, '\n'); /* as it comes from a file */
	if (token_parse(buf_view(&text), ret, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(ret->address, address);
	buf_release(&text);
}

static int try_enrol(const struct token *tk, struct buf *report, struct err *err)
{
	buf_reset(report);
	*err = (struct err){ 0 };
	return enrol(tk, config, agent_dir, "vpn1.mallila.example", report, err);
}

static void slurp(const char *dir, const char *name, struct buf *out)
{
	struct err err = { 0 };
	char path[256];

	buf_reset(out);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (file_read(path, 65536, out, &err) < 0)
		fail_msg("%s", err.msg);
	buf_cstr(out);
}

static bool absent(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", agent_dir, name);
	return access(path, F_OK) < 0;
}

struct expect {
	char agent[SENDER_MAX + 1];
	int rows;
};

static int see_row(void *arg, const struct agent_row *row)
{
	struct expect *ex = arg;

	assert_string_equal(row->tenant, "mallila");
	assert_string_equal(row->host, "vpn1.mallila.example");
	assert_string_equal(row->version, VARTIO_VERSION);
	snprintf(ex->agent, sizeof(ex->agent), "%s", row->agent);
	ex->rows++;
	return 0;
}

static void test_right_token(void **state)
{
	struct buf report = { 0 }, text = { 0 };
	struct expect ex = { 0 };
	struct identity id;
	struct token tk;
	struct stat st;
	struct err err;
	char path[256];
	gnutls_x509_crt_t crt;

	make_token("127.0.0.1", time_now_ns(), &tk);
	if (try_enrol(&tk, &report, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(agent_list(kit.rg, see_row, &ex, &err), 0);
	assert_int_equal(ex.rows, 1);
	slurp(agent_dir, "agent.crt", &text);
	crt = kit_cert(buf_view(&text));
	assert_int_equal(identity_agent(crt, &id, &err), 0);
	assert_string_equal(id.agent, ex.agent);
	gnutls_x509_crt_deinit(crt);
	snprintf(path, sizeof(path), "%s/agent.key", agent_dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	slurp(agent_dir, "enrolment.json", &text);
	assert_non_null(strstr(text.p, "\"collector\": \"siem.example:5044\""));
	slurp(kit.dir, "etc/agent.yml", &text);
	assert_non_null(strstr(text.p, "addresses:\n    - 'siem.example:5044'"));
	assert_non_null(strstr(buf_cstr(&report), ex.agent));
	assert_true(absent("agent.key.new"));
	/* A name instead of an address, settings that are kept, and a second certificate. */
	make_token("localhost", time_now_ns(), &tk);
	assert_int_equal(file_write(config, SLICE("# mine\n"), 0644, &err), 0);
	if (try_enrol(&tk, &report, &err) < 0)
		fail_msg("%s", err.msg);
	slurp(kit.dir, "etc/agent.yml", &text);
	assert_string_equal(text.p, "# mine\n");
	assert_non_null(strstr(buf_cstr(&report), "left as it is"));
	buf_release(&report);
	buf_release(&text);
}

static void test_refused(void **state)
{
	struct buf report = { 0 };
	struct token good, tk;
	struct err err;

	make_token("127.0.0.1", time_now_ns(), &good);
	tk = good;
	tk.secret[3] ^= 0x10;
	assert_int_equal(try_enrol(&tk, &report, &err), -1);
	assert_int_equal(err.code, ERR_DENIED);
	assert_non_null(strstr(err.msg, "did not make this token"));
	make_token("127.0.0.1", time_now_ns() - 25 * HOUR, &tk);
	assert_int_equal(try_enrol(&tk, &report, &err), -1);
	assert_int_equal(err.code, ERR_DENIED);
	assert_non_null(strstr(err.msg, "expired at "));
	/* Another authority: refused by us, before the secret leaves. */
	tk = good;
	tk.ca_key[0] ^= 1;
	assert_int_equal(try_enrol(&tk, &report, &err), -1);
	assert_int_equal(err.code, ERR_PEER);
	assert_non_null(strstr(err.msg, "another authority"));
	/* The right authority under a name that is not the collector's. */
	tk = good;
	snprintf(tk.address, sizeof(tk.address), "127.0.0.2:%u", port);
	assert_int_equal(try_enrol(&tk, &report, &err), -1);
	assert_int_equal(err.code, ERR_PEER);
	assert_non_null(strstr(err.msg, "is for another name"));
	/* None of this made files, and the token is still good. */
	assert_true(absent("agent.crt") && absent("agent.key") && absent("enrolment.json"));
	if (try_enrol(&good, &report, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(try_enrol(&good, &report, &err), -1);
	assert_int_equal(err.code, ERR_DENIED);
	assert_non_null(strstr(err.msg, "was used at "));
	assert_non_null(strstr(err.msg, "by host vpn1.mallila.example"));
	assert_false(absent("agent.crt")); /* the first enrolment holds */
	buf_release(&report);
}

static void test_lost_reply(void **state)
{
	struct buf report = { 0 }, first = { 0 }, second = { 0 }, key = { 0 };
	struct expect ex = { 0 };
	struct token tk;
	struct err err;
	char path[256];

	make_token("127.0.0.1", time_now_ns(), &tk);
	assert_int_equal(try_enrol(&tk, &report, &err), 0);
	slurp(agent_dir, "agent.crt", &first);
	/* As if the reply had never come: the new key still waits. */
	slurp(agent_dir, "agent.key", &key);
	snprintf(path, sizeof(path), "%s/agent.key.new", agent_dir);
	assert_int_equal(file_write(path, buf_view(&key), 0600, &err), 0);
	if (try_enrol(&tk, &report, &err) < 0)
		fail_msg("%s", err.msg);
	slurp(agent_dir, "agent.crt", &second);
	assert_true(slice_eq(buf_view(&first), buf_view(&second)));
	assert_int_equal(agent_list(kit.rg, see_row, &ex, &err), 0);
	assert_int_equal(ex.rows, 1);
	buf_release(&report);
	buf_release(&first);
	buf_release(&second);
	buf_release(&key);
}

static void test_server_down(void **state)
{
	struct buf report = { 0 };
	struct token tk;
	struct err err;

	make_token("127.0.0.1", time_now_ns(), &tk);
	enrol_server_stop(server);
	server = NULL;
	assert_int_equal(try_enrol(&tk, &report, &err), -1);
	assert_int_equal(err.code, ERR_PEER);
	assert_non_null(strstr(err.msg, tk.address));
	assert_non_null(strstr(err.msg, "is the collector running"));
	snprintf(tk.address, sizeof(tk.address), "no-such-host.invalid:1");
	assert_int_equal(try_enrol(&tk, &report, &err), -1);
	assert_non_null(strstr(err.msg, "cannot find the collector no-such-host.invalid"));
	buf_release(&report);
}

static void test_door(void **state)
{
	static char large[70000];
	static const struct {
		const char *body;
		unsigned status;
		const char *error;
	} asks[] = {
		{ "", 400, "not JSON" },
		{ "[]", 400, "not JSON" },
		{ "{\"secret\":\"a\",\"csr\":\"b\"}", 400, "not JSON with secret, csr and host" },
		{ "{\"secret\":\"AAAA\",\"csr\":\"b\",\"host\":\"c\"}", 400, "not a token's" },
		{ "{\"secret\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"csr\":\"b\",\"host\":\"c\"}", 400,
		  "not a certificate request" },
		{ "{\"secret\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"csr\":\"b\",\"host\":\"c\\u000a\"}",
		  400, "not one line" },
		{ large, 413, "64 KiB" },
	};
	struct buf body = { 0 };
	struct err err = { 0 };
	struct token tk;
	unsigned status = 0;

	memset(large, 'x', sizeof(large) - 1);
	make_token("127.0.0.1", time_now_ns(), &tk);
	for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
		buf_reset(&body);
		if (client_post(tk.address, tk.ca_key, slice_str(asks[i].body), &status, &body,
				&err) < 0)
			fail_msg("row %zu: %s", i, err.msg);
		assert_int_equal(status, asks[i].status);
		if (strstr(buf_cstr(&body), asks[i].error) == NULL)
			fail_msg("row %zu: %s", i, buf_cstr(&body));
	}
	/* Seven failures so far; from the tenth on this address waits, whatever it asks. */
	for (int i = 7; i < 12; i++) {
		buf_reset(&body);
		assert_int_equal(
			client_post(tk.address, tk.ca_key, SLICE("{}"), &status, &body, &err), 0);
		assert_int_equal(status, i < 10 ? 400 : 429);
	}
	assert_int_equal(try_enrol(&tk, &body, &err), -1);
	assert_int_equal(err.code, ERR_DENIED);
	assert_non_null(strstr(err.msg, "too many failed tries"));
	buf_release(&body);
}

/* A door of ours by certificate, whose owner has lost their mind: says `text` to whoever comes. */
struct fake {
	int fd;
	bool tls;
	const char *text;
	pthread_t thread;
};

static void *fake_main(void *arg)
{
	struct fake *fk = arg;
	gnutls_certificate_credentials_t creds;
	gnutls_session_t tls;
	char sink[65536];
	int fd = accept(fk->fd, NULL, NULL);

	if (fd < 0)
		return NULL;
	if (!fk->tls) {
		if (write(fd, fk->text, strlen(fk->text)) < 0)
			perror("write");
		close(fd);
		return NULL;
	}
	gnutls_certificate_allocate_credentials(&creds);
	gnutls_certificate_set_x509_key_file(creds, ca_server_cert_path(kit.ca),
					     ca_server_key_path(kit.ca), GNUTLS_X509_FMT_PEM);
	gnutls_init(&tls, GNUTLS_SERVER);
	gnutls_set_default_priority(tls);
	gnutls_credentials_set(tls, GNUTLS_CRD_CERTIFICATE, creds);
	gnutls_transport_set_int(tls, fd);
	if (gnutls_handshake(tls) == 0 && gnutls_record_recv(tls, sink, sizeof(sink)) > 0)
		gnutls_record_send(tls, fk->text, strlen(fk->text));
	gnutls_bye(tls, GNUTLS_SHUT_WR);
	gnutls_deinit(tls);
	gnutls_certificate_free_credentials(creds);
	close(fd);
	return NULL;
}

static uint16_t fake_start(struct fake *fk)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);

	fk->fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(fk->fd >= 0);
	assert_int_equal(bind(fk->fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fk->fd, 1), 0);
	assert_int_equal(getsockname(fk->fd, (struct sockaddr *)&at, &n), 0);
	assert_int_equal(pthread_create(&fk->thread, NULL, fake_main, fk), 0);
	return ntohs(at.sin_port);
}

#define REPLY(n, json) "HTTP/1.1 200 OK\r\nContent-Length: " #n "\r\n\r\n" json

static const struct {
	bool tls;
	const char *text, *message;
} garbage[] = {
	{ false, "220 mail.example ESMTP\r\n", "does not answer as a Vartio collector" },
	{ true, "220 mail.example ESMTP\r\n", "no Vartio collector's enrolment door" },
	{ true, "HTTP/1.1 200 OK\r\n", "hung up before it answered" },
	{ true, "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "no Vartio collector's" },
	{ true, REPLY(2, "{}"), "answer has no certificate" },
	{ true, REPLY(3, "{}x"), "answer has no certificate" },
	{ true,
	  "HTTP/1.1 403 Forbidden\r\ncontent-length: "
	  "31\r\n\r\n{\"error\":\"\\u001b[2J\\u202egone\"}",
	  "the collector refused: \\u{1b}[2J\\u{202e}gone" },
	{ true,
	  REPLY(69, "{\"certificate\":\"a\",\"ca\":\"b\",\"agent\":\"c\",\"tenant\":\"d\","
		    "\"collector\":\"e\"}"),
	  "its certificates cannot be read" },
};

static void test_garbage(void **state)
{
	struct buf report = { 0 };
	struct token tk;

	for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		struct fake fk = { .tls = garbage[i].tls, .text = garbage[i].text };
		struct err err;

		make_token("127.0.0.1", time_now_ns(), &tk);
		snprintf(tk.address, sizeof(tk.address), "127.0.0.1:%u", fake_start(&fk));
		assert_int_equal(try_enrol(&tk, &report, &err), -1);
		pthread_join(fk.thread, NULL);
		close(fk.fd);
		if (strstr(err.msg, garbage[i].message) == NULL)
			fail_msg("row %zu: %s", i, err.msg);
		assert_true(absent("agent.crt"));
	}
	buf_release(&report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_right_token, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lost_reply, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_server_down, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_door, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_garbage, set_up, tear_down),
	};

	log_init("test_enrol", LOG_LEVEL_ERROR); /* refusals are what this tests */
	return RUN_TESTS(tests);
}
