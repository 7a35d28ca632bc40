/* SPDX-License-Identifier: EUPL-1.2 */
/* The encrypted body: as Windows writes it, as other clients bend it, and broken. */
#include "tests/cmocka.h"

#include "agent/inputs/wef/mime.h"

#define TYPE(protocol, boundary)                                                                   \
	"multipart/encrypted;protocol=\"application/HTTP-" protocol                                \
	"-session-encrypted\";boundary=\"" boundary "\""
#define KERBEROS TYPE("Kerberos", "Encrypted Boundary")
#define BOUNDARY "--Encrypted Boundary\r\n"
#define FIRST(len)                                                                                 \
	BOUNDARY "Content-Type: application/HTTP-Kerberos-session-encrypted\r\n"                   \
		 "OriginalContent: type=application/soap+xml;charset=UTF-16;Length=" len "\r\n"
#define SECOND BOUNDARY "Content-Type: application/octet-stream\r\n"
#define CLOSE  "--Encrypted Boundary--\r\n"
#define TOKEN  "\x03\0\0\0abc"
#define WHOLE  FIRST("5") SECOND TOKEN "12345" CLOSE

#define TEXT(literal)                                                                              \
	{                                                                                          \
		literal, sizeof(literal) - 1                                                       \
	} /* constant, as SLICE is not */

struct row {
	const char *name, *type;
	struct slice body;
	const char *data; /* NULL: refused */
	size_t length;
	enum mime_scheme scheme;
};

static const struct row rows[] = {
	{ "as Windows writes it", KERBEROS, TEXT(WHOLE), "12345", 5, MIME_KERBEROS },
	{ "SPNEGO", TYPE("SPNEGO", "Encrypted Boundary"),
	  TEXT(BOUNDARY "Content-Type: application/HTTP-SPNEGO-session-encrypted\r\n"
			"OriginalContent: type=x;Length=9\r\n" SECOND TOKEN "12345" CLOSE),
	  "12345", 9, MIME_SPNEGO },
	{ "white space before the names", KERBEROS,
	  TEXT(BOUNDARY "  Content-Type: x\r\n\tOriginalContent: type=x;Length=5\r\n" BOUNDARY
			"\tContent-Type: application/octet-stream\r\n" TOKEN "12345" CLOSE),
	  "12345", 5, MIME_KERBEROS },
	{ "another boundary, unquoted",
	  "Multipart/Encrypted; boundary=b1; protocol=application/http-kerberos-session-encrypted",
	  TEXT("--b1\r\nContent-Type: x\r\nOriginalContent: Length=5\r\n"
	       "--b1\r\nContent-Type: y\r\n" TOKEN "12345--b1--"),
	  "12345", 5, MIME_KERBEROS },
	{ "the boundary inside the cipher text", KERBEROS,
	  TEXT(FIRST("5") SECOND TOKEN CLOSE "x" CLOSE), CLOSE "x", 5, MIME_KERBEROS },
	{ "nothing behind the token", KERBEROS, TEXT(FIRST("0") SECOND TOKEN CLOSE), "", 0,
	  MIME_KERBEROS },
	{ "no boundary named",
	  "multipart/encrypted;protocol=\"application/HTTP-Kerberos-session-encrypted\"",
	  TEXT(WHOLE), NULL, 0, 0 },
	{ "an empty boundary", TYPE("Kerberos", ""), TEXT(WHOLE), NULL, 0, 0 },
	{ "no protocol", "multipart/encrypted;boundary=\"Encrypted Boundary\"", TEXT(WHOLE), NULL,
	  0, 0 },
	{ "CredSSP", TYPE("CredSSP", "Encrypted Boundary"), TEXT(WHOLE), NULL, 0, 0 },
	{ "not encrypted", "application/soap+xml;charset=UTF-16", TEXT(WHOLE), NULL, 0, 0 },
	{ "empty", KERBEROS, TEXT(""), NULL, 0, 0 },
	{ "no closing boundary", KERBEROS, TEXT(FIRST("5") SECOND TOKEN "12345"), NULL, 0, 0 },
	{ "only a closing boundary", KERBEROS, TEXT(CLOSE), NULL, 0, 0 },
	{ "one part", KERBEROS, TEXT(FIRST("5") CLOSE), NULL, 0, 0 },
	{ "no length", KERBEROS,
	  TEXT(BOUNDARY "Content-Type: x\r\nOriginalContent: type=x\r\n" SECOND TOKEN CLOSE), NULL,
	  0, 0 },
	{ "a length that is none", KERBEROS, TEXT(FIRST("5x") SECOND TOKEN CLOSE), NULL, 0, 0 },
	{ "a length past 32 bits", KERBEROS, TEXT(FIRST("4294967296") SECOND TOKEN CLOSE), NULL, 0,
	  0 },
	{ "no OriginalContent", KERBEROS, TEXT(BOUNDARY "Content-Type: x\r\n" SECOND TOKEN CLOSE),
	  NULL, 0, 0 },
	{ "a token of no bytes", KERBEROS,
	  TEXT(FIRST("5") SECOND "\0\0\0\0"
				 "12345" CLOSE),
	  NULL, 0, 0 },
	{ "a token longer than the body", KERBEROS,
	  TEXT(FIRST("5") SECOND "\xff\xff\xff\xff"
				 "12345" CLOSE),
	  NULL, 0, 0 },
	{ "a token of one byte more", KERBEROS,
	  TEXT(FIRST("5") SECOND "\x06\0\0\0"
				 "12345" CLOSE),
	  NULL, 0, 0 },
	{ "half a token length", KERBEROS, TEXT(FIRST("5") SECOND "\x06\0" CLOSE), NULL, 0, 0 },
};

static void test_read(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *w = &rows[i];
		struct mime m;
		struct err err = { 0 };
		int r = mime_read(slice_str(w->type), w->body, &m, &err);

		if (w->data == NULL) {
			if (r == 0 || err.code != ERR_SYNTAX || err.msg[0] == '\0')
				fail_msg("%s: %d %s", w->name, r, err.msg);
			continue;
		}
		if (r < 0 || !slice_is(m.data, w->data) || !slice_is(m.header, "abc") ||
		    m.length != w->length || m.scheme != w->scheme)
			fail_msg("%s: %s", w->name, err.msg);
	}
}

/* Every shorter piece is refused, in memory that ends there. */
static void test_cut(void **state)
{
	struct slice whole = SLICE(WHOLE);

	for (size_t n = 0; n + 2 < whole.n; n++) { /* the last CR LF need not be there */
		char *copy = malloc(n + 1);
		struct mime m;
		struct err err;

		assert_non_null(copy);
		memcpy(copy, whole.p, n);
		if (mime_read(slice_str(KERBEROS), (struct slice){ copy, n }, &m, &err) == 0)
			fail_msg("%zu of %zu bytes were taken", n, whole.n);
		free(copy);
	}
}

static void test_there_and_back(void **state)
{
	for (unsigned s = 0; s < MIME_SCHEMES; s++) {
		struct buf b = { 0 };
		struct mime m;
		struct err err;

		mime_begin(&b, (enum mime_scheme)s, 1234);
		buf_put(&b, TOKEN "x", sizeof(TOKEN));
		mime_end(&b);
		assert_true(mime_is(slice_str(mime_content_type((enum mime_scheme)s))));
		assert_int_equal(mime_read(slice_str(mime_content_type((enum mime_scheme)s)),
					   buf_view(&b), &m, &err),
				 0);
		assert_int_equal(m.scheme, s);
		assert_int_equal(m.length, 1234);
		assert_true(slice_is(m.data, "x"));
		buf_release(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_there_and_back),
	};
	return RUN_TESTS(tests);
}
