/* SPDX-License-Identifier: EUPL-1.2 */
/* The requests that are taken, and those that are not (RFC 9112). Each row also arrives at every
 * shorter length, where it must wait. */
#include "tests/cmocka.h"

#include "agent/inputs/wef/http.h"

#define MAX 1000
#define P   "POST /wsman HTTP/1.1\r\n"
#define L   "Content-Length: 5\r\n"

static const struct {
	const char *name, *in;
	unsigned refused;
	size_t length;
} rows[] = {
	{ "plain", P L "\r\n", 0, 5 },
	{ "names in any case", P "content-LENGTH:5\r\n\r\n", 0, 5 },
	{ "an empty body", P "Content-Length: 0\r\n\r\n", 0, 0 },
	{ "SLDC", P L "Content-Encoding: sldc\r\n\r\n", 0, 5 },
	{ "GET", "GET / HTTP/1.1\r\n\r\n", 405, 0 },
	{ "HTTP/1.0", "POST / HTTP/1.0\r\n" L "\r\n", 505, 5 },
	{ "HTTP/2", "POST / HTTP/2\r\n" L "\r\n", 505, 5 },
	{ "no length", P "\r\n", 411, 0 },
	{ "chunked", P "Transfer-Encoding: chunked\r\n\r\n", 411, 0 },
	{ "chunked and a length", P L "Transfer-Encoding: chunked\r\n\r\n", 411, 5 },
	{ "two lengths", P L L "\r\n", 400, 5 },
	{ "a length that is no number", P "Content-Length: +5\r\n\r\n", 400, 0 },
	{ "a list of lengths", P "Content-Length: 5, 5\r\n\r\n", 400, 0 },
	{ "a length that wraps", P "Content-Length: 18446744073709551621\r\n\r\n", 400, 0 },
	{ "too long", P "Content-Length: 1001\r\n\r\n", 413, 1001 },
	{ "exactly the limit", P "Content-Length: 1000\r\n\r\n", 0, 1000 },
	{ "gzip", P L "Content-Encoding: gzip\r\n\r\n", 415, 5 },
	{ "a folded line", P "X: a\r\n b\r\n" L "\r\n", 400, 5 },
	{ "a space before the colon", P "Content-Length : 5\r\n\r\n", 400, 0 },
	{ "no name", P ": 5\r\n" L "\r\n", 400, 5 },
	{ "a bare LF", "POST /wsman HTTP/1.1\n" L "\r\n", 400, 0 },
	{ "a bare LF in a field", P "X: a\nContent-Length: 3\r\n" L "\r\n", 400, 5 },
	{ "no target", "POST HTTP/1.1\r\n" L "\r\n", 400, 5 },
	{ "a whole address as target", "POST http://x/ HTTP/1.1\r\n" L "\r\n", 400, 5 },
	{ "two authorizations", P L "Authorization: a\r\nAuthorization: b\r\n\r\n", 400, 5 },
	{ "expects more", P L "Expect: 100-continue\r\n\r\n", 0, 5 },
	{ "expects the unknown", P L "Expect: gold\r\n\r\n", 417, 5 },
};

static void test_rows(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct slice in = slice_str(rows[i].in);
		struct http_head h;
		size_t n = http_head(in, MAX, &h);

		if (n != in.n || h.refused != rows[i].refused || h.length != rows[i].length)
			fail_msg("%s: %zu bytes, %u, length %zu", rows[i].name, n, h.refused,
				 h.length);
		assert_true((h.refused == 0) == (h.why == NULL));
		for (size_t k = 0; k < in.n; k++)
			assert_int_equal(http_head((struct slice){ in.p, k }, MAX, &h), 0);
	}
}

static void test_fields_are_trimmed(void **state)
{
	struct http_head h;
	struct slice in =
		SLICE("POST /wsman/SubscriptionManager/WEC HTTP/1.1\r\n"
		      "Authorization:  Kerberos YII= \r\nContent-Type:\tx/y\r\n"
		      "Host: wec:5985\r\nConnection: Close\r\nContent-Length: 0\r\n\r\nrest");

	assert_int_equal(http_head(in, MAX, &h), in.n - 4);
	assert_true(slice_is(h.path, "/wsman/SubscriptionManager/WEC"));
	assert_true(slice_is(h.authorization, "Kerberos YII="));
	assert_true(slice_is(h.content_type, "x/y"));
	assert_true(slice_is(h.host, "wec:5985"));
	assert_true(h.close);
}

/* 64 KiB of header is the bound: a ticket with a large PAC is below it. */
static void test_large_heads(void **state)
{
	struct buf b = { 0 };
	struct http_head h;

	buf_str(&b, P L "Authorization: Kerberos ");
	for (int i = 0; i < 3000; i++)
		buf_str(&b, "AAAAAAAAAAAAAAAA");
	buf_str(&b, "\r\n\r\n");
	assert_int_equal(http_head(buf_view(&b), MAX, &h), b.n);
	assert_int_equal(h.refused, 0);
	buf_reset(&b);
	buf_str(&b, P "X: ");
	while (b.n < HTTP_HEAD_MAX - 1)
		buf_chr(&b, 'a');
	assert_int_equal(http_head(buf_view(&b), MAX, &h), 0);
	buf_chr(&b, 'a');
	assert_int_equal(http_head(buf_view(&b), MAX, &h), b.n);
	assert_int_equal(h.refused, 431);
	buf_reset(&b);
	buf_str(&b, P L);
	for (int i = 0; i < 200; i++)
		buf_str(&b, "a: b\r\n");
	buf_str(&b, "\r\n");
	http_head(buf_view(&b), MAX, &h);
	assert_int_equal(h.refused, 431);
	buf_release(&b);
}

static void test_answers(void **state)
{
	static const struct {
		struct http_answer a;
		const char *text;
	} answers[] = {
		{ { .status = 200, .content_type = "a/b", .length = 7 },
		  "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 7\r\n\r\n" },
		{ { .status = 204 }, "HTTP/1.1 204 No Content\r\n\r\n" },
		{ { .status = 401,
		    .challenge = { "WWW-Authenticate: Kerberos\r\n", 28 },
		    .close = true },
		  "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Kerberos\r\nContent-Length: 0\r\n"
		  "Connection: close\r\n\r\n" },
		{ { .status = 405 },
		  "HTTP/1.1 405 Method Not Allowed\r\nAllow: POST\r\nContent-Length: 0\r\n\r\n" },
	};

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct buf out = { 0 };

		http_answer(&out, &answers[i].a);
		assert_string_equal(buf_cstr(&out), answers[i].text);
		buf_release(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_fields_are_trimmed),
		cmocka_unit_test(test_large_heads),
		cmocka_unit_test(test_answers),
	};
	return RUN_TESTS(tests);
}
