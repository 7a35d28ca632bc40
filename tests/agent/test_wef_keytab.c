/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/wef/keytab: what a keytab holds, by the "Keytab file format" of MIT's documentation.
 */
#include "tests/cmocka.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/inputs/wef/keytab.h"

/* HTTP/wec@LAN, type 1, written at 0, kvno 5, AES256 with a key of 4 bytes. */
#define HEAD "\x05\x02"
#define NAME "\0\2\0\3LAN\0\4HTTP\0\3wec\0\0\0\1\0\0\0\0"
#define KEY(kvno)                                                                                  \
	kvno "\0\x12\0\4"                                                                          \
	     "abcd"
#define ENTRY "\0\0\0\x23" NAME KEY("\5")
#define LONG  "\0\0\0\x27" NAME KEY("\5") "\0\0\1\x2c"
#define ZERO  "\0\0\0\x27" NAME KEY("\5") "\0\0\0\0"
#define HOLE                                                                                       \
	"\xff\xff\xff\xfd"                                                                         \
	"xyz"

static const struct {
	const char *name, *bytes;
	size_t n;
	int entries; /* -1: refused */
	unsigned kvno;
} files[] = {
#define ROW(name, bytes, entries, kvno)                                                            \
	{                                                                                          \
		name, bytes, sizeof(bytes) - 1, entries, kvno                                      \
	}
	ROW("one key", HEAD ENTRY, 1, 5),
	ROW("a version above 255", HEAD LONG, 1, 300),
	ROW("32 bits of nothing are no version", HEAD ZERO, 1, 5),
	ROW("a hole between two", HEAD ENTRY HOLE ENTRY, 2, 5),
	ROW("room behind the last", HEAD ENTRY "\0\0\0\0\0\0\0\0", 1, 5),
	ROW("no key at all", HEAD, 0, 0),
	ROW("another format", "\x05\x01" ENTRY, -1, 0),
	ROW("text", "-----BEGIN CERTIFICATE-----", -1, 0),
	ROW("nothing", "", -1, 0),
	ROW("a hole longer than the file",
	    HEAD "\x80\0\0\0"
		 "x",
	    -1, 0),
	ROW("an entry longer than the file",
	    HEAD "\x7f\xff\xff\xff"
		 "x",
	    -1, 0),
	ROW("more parts than bytes", HEAD "\0\0\0\4\xff\xff\0\0", -1, 0),
#undef ROW
};

static void keytab_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		/* Each also at every shorter length, its last byte the last of its memory. */
		for (size_t n = files[i].n + 1; n-- > 0;) {
			char *exact = malloc(n > 0 ? n : 1);
			struct arena mem = { 0 };
			struct keytab kt = { 0 };
			struct err err = { 0 };
			int r;

			assert_non_null(exact);
			memcpy(exact, files[i].bytes, n);
			r = keytab_parse((struct slice){ exact, n }, &mem, &kt, &err);
			free(exact); /* nothing points into it */
			if (n == files[i].n) {
				printf("# %s: %s\n", files[i].name, r < 0 ? err.msg : "read");
				assert_int_equal(r < 0 ? -1 : (int)kt.n, files[i].entries);
			}
			for (size_t k = 0; r == 0 && k < kt.n; k++) {
				assert_string_equal(kt.v[k].name, "HTTP/wec");
				assert_string_equal(kt.v[k].realm, "LAN");
				assert_int_equal(kt.v[k].enctype, KEYTAB_AES256);
				if (n == files[i].n)
					assert_int_equal(kt.v[k].kvno, files[i].kvno);
			}
			arena_release(&mem);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(keytab_rows) };

	return RUN_TESTS(tests);
}
