/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/enrol: tokens, the reply's parser at every length, and the first settings of a machine. */
#include "tests/cmocka.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/enrol/configure.h"
#include "agent/enrol/enrol.h"
#include "agent/enrol/reply.h"
#include "common/base/hash.h"

static void put_token(const char *address, size_t n_rest, struct buf *out)
{
	struct buf raw = { 0 };

	buf_put(&raw, address, strlen(address) + 1);
	for (size_t i = 0; i < n_rest; i++)
		buf_chr(&raw, (char)i);
	buf_str(out, "vt1_");
	base64url_put(out, raw.p, raw.n);
	buf_release(&raw);
}

static const struct {
	const char *address;
	size_t rest;
	bool ok;
} tokens[] = {
	{ "siem.example:5043", 48, true },
	{ "[2001:db8::1]:5043", 48, true },
	{ "siem.example:5043", 47, false },
	{ "siem.example:5043", 49, false },
	{ "siem.example", 48, false },
	{ "siem example:5043", 48, false },
	{ "siem.example:0", 48, false },
	{ "a\r\nHost: b:5043", 48, false },
	{ "", 48, false },
};

static void test_tokens(void **state)
{
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		struct buf b = { 0 };
		struct token tk = { 0 };
		struct err err = { 0 };
		int r;

		put_token(tokens[i].address, tokens[i].rest, &b);
		r = token_parse(buf_view(&b), &tk, &err);
		if ((r == 0) != tokens[i].ok)
			fail_msg("row %zu: %s", i, r == 0 ? "accepted" : err.msg);
		if (r == 0) {
			assert_string_equal(tk.address, tokens[i].address);
			assert_int_equal(tk.ca_key[31], 31);
			assert_int_equal(tk.secret[15], 47);
		}
		/* Cut short anywhere, it is refused, and told so. */
		for (size_t n = 0; r == 0 && n < b.n; n++)
			if (token_parse((struct slice){ b.p, n }, &tk, &err) == 0)
				fail_msg("row %zu: accepted at %zu bytes", i, n);
		buf_release(&b);
	}
}

#define HEAD "HTTP/1.1 200 OK\r\n"

static const struct {
	const char *in;
	int r;
	unsigned status;
	const char *body;
} replies[] = {
	{ HEAD "Content-Length: 2\r\n\r\n{}", 1, 200, "{}" },
	{ HEAD "Date: x\r\ncontent-length:2\r\nX: y\r\n\r\n{}trailing", 1, 200, "{}" },
	{ "HTTP/1.0 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n", 1, 429, "" },
	{ HEAD "Content-Length: 3\r\n\r\n{}", 0, 0, NULL },
	{ HEAD "\r\n", -1, 0, NULL },
	{ HEAD "Date: x\r\n\r\n", -1, 0, NULL },
	{ HEAD "Content-Length: 65537\r\n\r\n", -1, 0, NULL },
	{ HEAD "Content-Length: -1\r\n\r\n", -1, 0, NULL },
	{ HEAD "Content-Length: 18446744073709551617\r\n\r\n", -1, 0, NULL },
	{ HEAD "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", -1, 0, NULL },
	{ HEAD "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}", -1, 0, NULL },
	{ HEAD "no colon\r\nContent-Length: 2\r\n\r\n{}", -1, 0, NULL },
	{ "HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\n{}", -1, 0, NULL },
	{ "HTTP/1.1 2000\r\nContent-Length: 2\r\n\r\n{}", -1, 0, NULL },
	{ "HTTP/2 200\r\nContent-Length: 2\r\n\r\n{}", -1, 0, NULL },
	{ "SSH-2.0-OpenSSH\r\n", -1, 0, NULL },
};

static void test_replies(void **state)
{
	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		struct slice in = slice_str(replies[i].in), body = { 0 };
		struct err err = { 0 };
		unsigned status = 0;
		int r = reply_parse(in, &status, &body, &err);

		if (r != replies[i].r)
			fail_msg("row %zu: %d", i, r);
		if (r == 1) {
			assert_int_equal(status, replies[i].status);
			assert_slice(body, replies[i].body);
			in.n = (size_t)(body.p - in.p) + body.n; /* without what trails */
			for (size_t n = 0; n < in.n; n++)
				if (reply_parse((struct slice){ in.p, n }, &status, &body, &err) !=
				    0)
					fail_msg("row %zu does not wait at %zu bytes", i, n);
		}
	}
}

static void test_endless_head(void **state)
{
	struct buf b = { 0 };
	struct slice body;
	struct err err;
	unsigned status;

	buf_str(&b, HEAD);
	while (b.n <= REPLY_HEAD_MAX)
		buf_str(&b, "X: y\r\n");
	assert_int_equal(reply_parse(buf_view(&b), &status, &body, &err), -1);
	buf_release(&b);
}

static const struct {
	const char *dirs[3], *files[3];
	const char *inputs, *report;
} machines[] = {
	{ { "/run", "/run/log", "/run/log/journal" },
	  { "/var/log/syslog" },
	  "  - type: journal\n",
	  "It follows the journal.\n" },
	{ { NULL },
	  { "/var/log/auth.log", "/var/log/syslog" },
	  "  - type: file\n    paths:\n      - /var/log/auth.log\n      - /var/log/syslog\n",
	  "It follows /var/log/auth.log and /var/log/syslog.\n" },
	{ { NULL },
	  { "/var/log/secure" },
	  "  - type: file\n    paths:\n      - /var/log/secure\n",
	  "It follows /var/log/secure.\n" },
	{ { NULL },
	  { NULL },
	  "  - type: file\n    paths:\n      - /var/log/auth.log\n      - /var/log/syslog\n",
	  "once they exist; this machine has no journal.\n" },
};

static void in_root(const char *root, const char *path, char out[256])
{
	snprintf(out, 256, "%s%s", root, path);
}

static void test_configure(void **state)
{
	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
		char root[64] = "/tmp/vartio-root-XXXXXX", path[256];
		struct buf text = { 0 }, report = { 0 };
		struct err err = { 0 };
		FILE *f;

		assert_non_null(mkdtemp(root));
		in_root(root, "/var", path);
		mkdir(path, 0700);
		in_root(root, "/var/log", path);
		mkdir(path, 0700);
		for (size_t k = 0; k < 3 && machines[i].dirs[k] != NULL; k++) {
			in_root(root, machines[i].dirs[k], path);
			mkdir(path, 0700);
		}
		for (size_t k = 0; k < 3 && machines[i].files[k] != NULL; k++) {
			in_root(root, machines[i].files[k], path);
			f = fopen(path, "w");
			assert_non_null(f);
			fclose(f);
		}
		assert_int_equal(
			configure_text(root, "/var/lib/it's", "[::1]:5044", &text, &report, &err),
			0);
		assert_non_null(strstr(buf_cstr(&text), "state_dir: '/var/lib/it''s'\n"));
		assert_non_null(strstr(text.p, "    - '[::1]:5044'\n"));
		if (!slice_ends(buf_view(&text), slice_str(machines[i].inputs)))
			fail_msg("row %zu: %s", i, text.p);
		if (!slice_ends(buf_view(&report), slice_str(machines[i].report)))
			fail_msg("row %zu: %s", i, buf_cstr(&report));
		for (size_t k = 3; k-- > 0;)
			if (machines[i].files[k] != NULL) {
				in_root(root, machines[i].files[k], path);
				unlink(path);
			}
		for (size_t k = 3; k-- > 0;)
			if (machines[i].dirs[k] != NULL) {
				in_root(root, machines[i].dirs[k], path);
				rmdir(path);
			}
		in_root(root, "/var/log", path);
		rmdir(path);
		in_root(root, "/var", path);
		rmdir(path);
		assert_int_equal(rmdir(root), 0);
		buf_release(&text);
		buf_release(&report);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_endless_head),
		cmocka_unit_test(test_configure),
	};

	return RUN_TESTS(tests);
}
