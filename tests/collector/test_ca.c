/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/tenant/ca: the authority's files, what certificates say, tokens used and refused. */
#include "tests/collector/tenant_kit.h"

#include <arpa/inet.h>
#include <sys/stat.h>

#include "common/base/file.h"
#include "common/net/identity.h"

#define MINUTE (60 * NS_PER_SEC)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static struct kit kit;

static int set_up(void **state)
{
	kit_open_at(&kit, T0);
	return 0;
}

static int tear_down(void **state)
{
	kit_close(&kit);
	return 0;
}

static void reopen(const char *const *names, size_t n, int64_t now_ns)
{
	struct err err = { 0 };

	ca_close(kit.ca);
	kit.ca = NULL;
	if (ca_open(kit.dir, names, n, now_ns, &kit.ca, &err) < 0)
		fail_msg("%s", err.msg);
}

static void slurp(const char *path, struct buf *out)
{
	struct err err = { 0 };

	buf_reset(out);
	if (file_read(path, 65536, out, &err) < 0)
		fail_msg("%s", err.msg);
}

static void test_files(void **state)
{
	static const char *const names[] = { "localhost", "127.0.0.1" }, *const more[] = {
		"siem.example", "::1"
	};
	struct buf ca = { 0 }, server = { 0 }, again = { 0 };
	struct stat st;
	char path[128];
	gnutls_x509_crt_t crt;
	struct err err = { 0 };

	slurp(ca_cert_path(kit.ca), &ca);
	slurp(ca_server_cert_path(kit.ca), &server);
	assert_int_equal(stat(ca_server_key_path(kit.ca), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	snprintf(path, sizeof(path), "%s/ca/ca.key", kit.dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* Nothing changes while nothing has changed. */
	reopen(names, 2, T0 + DAY);
	slurp(ca_cert_path(kit.ca), &again);
	assert_true(slice_eq(buf_view(&again), buf_view(&ca)));
	slurp(ca_server_cert_path(kit.ca), &again);
	assert_true(slice_eq(buf_view(&again), buf_view(&server)));
	/* Other names, and nearing its end: a new server certificate of the same authority. */
	reopen(more, 2, T0 + DAY);
	slurp(ca_server_cert_path(kit.ca), &again);
	assert_false(slice_eq(buf_view(&again), buf_view(&server)));
	crt = kit_cert(buf_view(&again));
	assert_int_equal(identity_collector(crt, "siem.example", &err), 0);
	assert_int_equal(identity_collector(crt, "::1", &err), 0);
	assert_int_equal(identity_collector(crt, "localhost", &err), -1);
	gnutls_x509_crt_deinit(crt);
	slurp(ca_server_cert_path(kit.ca), &server);
	reopen(more, 2, T0 + DAY + (CA_CERT_DAYS - 31) * DAY);
	slurp(ca_server_cert_path(kit.ca), &again);
	assert_true(slice_eq(buf_view(&again), buf_view(&server)));
	reopen(more, 2, T0 + DAY + (CA_CERT_DAYS - 29) * DAY);
	slurp(ca_server_cert_path(kit.ca), &again);
	assert_false(slice_eq(buf_view(&again), buf_view(&server)));
	slurp(ca_cert_path(kit.ca), &again);
	assert_true(slice_eq(buf_view(&again), buf_view(&ca)));
	buf_release(&ca);
	buf_release(&server);
	buf_release(&again);
}

static void test_lost_files(void **state)
{
	static const char *const names[] = { "localhost" };
	char key[128];
	struct buf old = { 0 };
	struct ca *ca = NULL;
	struct err err = { 0 };

	snprintf(key, sizeof(key), "%s/ca/ca.key", kit.dir);
	slurp(key, &old);
	assert_int_equal(chmod(key, 0644), 0);
	assert_int_equal(ca_open(kit.dir, names, 1, T0, &ca, &err), -1);
	assert_int_equal(err.code, ERR_DENIED);
	assert_non_null(strstr(err.msg, "chmod 0600"));
	assert_int_equal(unlink(key), 0);
	assert_int_equal(ca_open(kit.dir, names, 1, T0, &ca, &err), -1);
	assert_int_equal(err.code, ERR_ABSENT);
	assert_non_null(strstr(err.msg, "ca.key"));
	assert_int_equal(file_write(key, SLICE("garbage"), 0600, &err), 0);
	assert_int_equal(ca_open(kit.dir, names, 1, T0, &ca, &err), -1);
	assert_int_equal(err.code, ERR_SYNTAX);
	assert_int_equal(file_write(key, buf_view(&old), 0600, &err), 0);
	assert_int_equal(ca_open(kit.dir, names, 1, T0 + (CA_DAYS + 1) * DAY, &ca, &err), -1);
	assert_int_equal(err.code, ERR_DENIED);
	/* A server key that does not fit its certificate (a crash between the two files). */
	assert_int_equal(unlink(ca_server_key_path(kit.ca)), 0);
	assert_int_equal(ca_open(kit.dir, names, 1, T0, &ca, &err), 0);
	ca_close(ca);
	buf_release(&old);
}

/* The secret as the registry sees it: what base64url carries at the token's end. */
static void make_token(const char *tenant, int64_t now_ns, char secret[16])
{
	struct buf token = { 0 }, raw = { 0 };
	struct err err = { 0 };

	if (token_create(kit.rg, kit.ca, tenant, "127.0.0.1:5043", 24, "test", now_ns, &token,
			 &err) < 0)
		fail_msg("%s", err.msg);
	assert_memory_equal(token.p, "vt1_", 4);
	assert_true(base64url_parse(slice_from(buf_view(&token), 4), &raw));
	assert_int_equal(raw.n, 15 + 32 + 16);
	assert_string_equal(raw.p, "127.0.0.1:5043");
	assert_memory_equal(raw.p + 15, ca_key_hash(kit.ca), 32);
	memcpy(secret, raw.p + 15 + 32, 16);
	buf_release(&token);
	buf_release(&raw);
}

static int enrol(const char secret[16], const struct buf *csr, int64_t now_ns, struct buf *pem,
		 struct buf *agent, struct err *err)
{
	buf_reset(pem);
	buf_reset(agent);
	return ca_enrol(kit.ca, kit.rg, (struct slice){ secret, 16 }, buf_view(csr), "vpn1.mallila",
			now_ns, pem, agent, err);
}

static void test_certificate(void **state)
{
	struct buf csr = { 0 }, pem = { 0 }, agent = { 0 }, ca_text = { 0 };
	char secret[16], tenant[TENANT_MAX + 1], name[SENDER_MAX + 1], serial[65];
	gnutls_x509_crt_t crt, ca;
	unsigned status = 1, usage = 0;
	struct err err = { 0 };

	make_token("mallila", T0, secret);
	kit_request(GNUTLS_PK_ECDSA, P256, &csr);
	if (enrol(secret, &csr, T0 + HOUR, &pem, &agent, &err) < 0)
		fail_msg("%s", err.msg);
	crt = kit_cert(buf_view(&pem));
	slurp(ca_cert_path(kit.ca), &ca_text);
	ca = kit_cert(buf_view(&ca_text));
	assert_true(slice_ends(buf_view(&pem), buf_view(&ca_text)));
	assert_int_equal(
		gnutls_x509_crt_verify(crt, &ca, 1, GNUTLS_VERIFY_DISABLE_TIME_CHECKS, &status), 0);
	assert_int_equal(status, 0);
	/* The names that the request asked for (urn:vartio:other:root) are nowhere. */
	if (ca_peer_identity(crt, tenant, name, serial, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(tenant, "mallila");
	assert_string_equal(name, buf_cstr(&agent));
	assert_memory_equal(name, "vpn1-", 5);
	assert_int_equal(agent_admit(kit.rg, serial, tenant, name, &err), 0);
	assert_int_equal(gnutls_x509_crt_get_expiration_time(crt),
			 (T0 + HOUR + CA_CERT_DAYS * DAY) / NS_PER_SEC);
	assert_int_equal(gnutls_x509_crt_get_key_usage(crt, &usage, NULL), 0);
	assert_int_equal(usage, GNUTLS_KEY_DIGITAL_SIGNATURE);
	assert_int_equal(gnutls_x509_crt_get_ca_status(crt, NULL), 0);
	assert_int_equal(gnutls_x509_crt_get_ca_status(ca, NULL), 1);
	/* An agent cannot play the collector. */
	assert_int_equal(identity_collector(crt, "localhost", &err), -1);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_crt_deinit(ca);
	buf_release(&csr);
	buf_release(&pem);
	buf_release(&agent);
	buf_release(&ca_text);
}

static const struct {
	const char *name;
	int64_t after;      /* since the token was made */
	bool other_key;     /* than the one of the first try, which came after an hour */
	bool first;         /* whether there was a first try */
	const char *reason; /* NULL: a certificate */
} tries[] = {
	{ "unused", HOUR, false, false, NULL },
	{ "in its last second", 24 * HOUR - 1, false, false, NULL },
	{ "expired", 24 * HOUR, false, false, "expired at 2026-11-24T08:00:00.000Z" },
	{ "the same key again", HOUR + 10 * MINUTE, false, true, NULL },
	{ "the same key too late", HOUR + 10 * MINUTE + 1, false, true,
	  "used at 2026-11-23T09:00:00.000Z by host vpn1.mallila" },
	{ "another key", HOUR + 1, true, true,
	  "used at 2026-11-23T09:00:00.000Z by host vpn1.mallila" },
};

static void test_tokens(void **state)
{
	struct buf csr = { 0 }, other = { 0 }, pem = { 0 }, first = { 0 }, agent = { 0 };

	kit_request(GNUTLS_PK_ECDSA, P256, &csr);
	kit_request(GNUTLS_PK_ECDSA, P256, &other);
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		char secret[16];
		struct err err = { 0 };
		int r;

		make_token("mallila", T0, secret);
		buf_reset(&first);
		if (tries[i].first && enrol(secret, &csr, T0 + HOUR, &first, &agent, &err) < 0)
			fail_msg("%s: %s", tries[i].name, err.msg);
		r = enrol(secret, tries[i].other_key ? &other : &csr, T0 + tries[i].after, &pem,
			  &agent, &err);
		if ((r == 0) != (tries[i].reason == NULL))
			fail_msg("%s: %d %s", tries[i].name, r, err.msg);
		if (r < 0 && (err.code != ERR_DENIED || strstr(err.msg, tries[i].reason) == NULL))
			fail_msg("%s: %s", tries[i].name, err.msg);
		if (r == 0 && tries[i].first) /* no second certificate was made */
			assert_true(slice_eq(buf_view(&pem), buf_view(&first)));
	}
	buf_release(&csr);
	buf_release(&other);
	buf_release(&pem);
	buf_release(&first);
	buf_release(&agent);
}

static int count_row(void *arg, const struct agent_row *row)
{
	++*(int *)arg;
	return 0;
}

static void test_refused_tokens(void **state)
{
	struct buf csr = { 0 }, pem = { 0 }, agent = { 0 };
	char secret[16], wrong[16];
	struct err err = { 0 };
	int rows = 0;

	kit_request(GNUTLS_PK_ECDSA, P256, &csr);
	make_token("mallila", T0, secret);
	memcpy(wrong, secret, 16);
	wrong[15] ^= 1;
	assert_int_equal(enrol(wrong, &csr, T0, &pem, &agent, &err), -1);
	assert_int_equal(err.code, ERR_DENIED);
	assert_non_null(strstr(err.msg, "did not make this token"));
	assert_int_equal(pem.n, 0);
	assert_int_equal(sqlite3_exec(registry_db(kit.rg), "DELETE FROM tenant", NULL, NULL, NULL),
			 SQLITE_OK);
	assert_int_equal(enrol(secret, &csr, T0, &pem, &agent, &err), -1);
	assert_int_equal(err.code, ERR_DENIED);
	assert_non_null(strstr(err.msg, "tenant mallila that this token was made for is gone"));
	/* A refusal leaves nothing behind: no row, and no transaction. */
	assert_int_equal(agent_list(kit.rg, count_row, &rows, &err), 0);
	assert_int_equal(rows, 0);
	assert_int_equal(tenant_add(kit.rg, "mallila", "M", "t", T0, &err), 0);
	assert_int_equal(enrol(secret, &csr, T0, &pem, &agent, &err), 0);
	assert_int_equal(token_create(kit.rg, kit.ca, "nobody", "a:1", 24, "t", T0, &pem, &err),
			 -1);
	assert_int_equal(err.code, ERR_ABSENT);
	assert_int_equal(token_create(kit.rg, kit.ca, "mallila", "a:1", 0, "t", T0, &pem, &err),
			 -1);
	assert_int_equal(err.code, ERR_USAGE);
	buf_release(&csr);
	buf_release(&pem);
	buf_release(&agent);
}

static void test_requests(void **state)
{
	struct buf csr = { 0 }, pem = { 0 }, agent = { 0 };
	const char *broken =
		"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n";
	struct err err = { 0 };
	char *spot;

	kit_request(GNUTLS_PK_RSA, 2048, &csr);
	assert_int_equal(ca_certify(kit.ca, kit.rg, "mallila", buf_view(&csr), "filebeat", "maija",
				    T0, &pem, &agent, &err),
			 0);
	assert_memory_equal(agent.p, "filebeat-", 9);
	buf_reset(&csr);
	kit_request(GNUTLS_PK_RSA, 1024, &csr);
	assert_int_equal(ca_certify(kit.ca, kit.rg, "mallila", buf_view(&csr), "f", "m", T0, &pem,
				    &agent, &err),
			 -1);
	assert_non_null(strstr(err.msg, "1024 bits"));
	buf_reset(&csr);
	kit_request(GNUTLS_PK_ECDSA, P256, &csr);
	assert_int_equal(ca_certify(kit.ca, kit.rg, "nobody", buf_view(&csr), "f", "m", T0, &pem,
				    &agent, &err),
			 -1);
	assert_int_equal(err.code, ERR_ABSENT);
	/* One changed letter inside the names breaks the request's own signature. */
	spot = csr.p + slice_find(buf_view(&csr), SLICE("REQUEST-----\n")) + 13 + 24;
	*spot = *spot == 'A' ? 'B' : 'A';
	assert_int_equal(ca_certify(kit.ca, kit.rg, "mallila", buf_view(&csr), "f", "m", T0, &pem,
				    &agent, &err),
			 -1);
	assert_int_equal(err.code, ERR_SYNTAX);
	assert_int_equal(ca_certify(kit.ca, kit.rg, "mallila", slice_str(broken), "f", "m", T0,
				    &pem, &agent, &err),
			 -1);
	assert_int_equal(err.code, ERR_SYNTAX);
	assert_int_equal(
		ca_certify(kit.ca, kit.rg, "mallila", SLICE(""), "f", "m", T0, &pem, &agent, &err),
		-1);
	assert_int_equal(err.code, ERR_SYNTAX);
	buf_release(&csr);
	buf_release(&pem);
	buf_release(&agent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lost_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_certificate, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_tokens, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused_tokens, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_requests, set_up, tear_down),
	};

	return RUN_TESTS(tests);
}
