/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/inputs/wef/http.h"

#include <strings.h>

#define FIELDS_MAX 100u

/* What is asked of a request line or a field; the first answer that is not 0 stands. */
static void refuse(struct http_head *h, unsigned status, const char *why)
{
	if (h->refused != 0)
		return;
	h->refused = status;
	h->why = why;
	h->close = true;
}

static bool is_word(struct slice s, const char *word) /* in any case */
{
	return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

/* RFC 9110 5.6.2. */
static bool is_token(struct slice s)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i], low = (char)(c | 0x20);

		if (!(low >= 'a' && low <= 'z') && !char_is_digit(c) &&
		    (c == '\0' || strchr(others, c) == NULL))
			return false;
	}
	return s.n > 0;
}

/* No control character but the tab. */
static bool is_value(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (((unsigned char)s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7f)
			return false;
	return true;
}

/* RFC 9112 3: POST SP request-target SP HTTP/1.1. */
static void request_line(struct http_head *h, struct slice line)
{
	ssize_t a = slice_chr(line, ' '), b = slice_rchr(line, ' ');
	struct slice method, version;

	if (a <= 0 || b <= a + 1 || !is_value(line)) {
		refuse(h, 400, "the first line is no request");
		return;
	}
	method = (struct slice){ line.p, (size_t)a };
	version = slice_from(line, (size_t)b + 1);
	h->path = (struct slice){ line.p + a + 1, (size_t)(b - a) - 1 };
	if (slice_chr(h->path, ' ') >= 0 || h->path.p[0] != '/' || !is_token(method))
		refuse(h, 400, "the first line is no request");
	else if (!slice_is(version, "HTTP/1.1"))
		refuse(h, 505, "only HTTP/1.1 is spoken here");
	else if (!slice_is(method, "POST"))
		refuse(h, 405, "only POST is taken here");
}

static void on_length(struct http_head *h, struct slice v)
{
	uint64_t n;

	if (h->length != SIZE_MAX)
		refuse(h, 400, "Content-Length comes twice");
	else if (!slice_uint(v, SIZE_MAX / 2, &n))
		refuse(h, 400, "Content-Length is no number");
	else
		h->length = (size_t)n;
}

static void on_transfer(struct http_head *h, struct slice v)
{
	refuse(h, 411, "Transfer-Encoding is not taken here: a Content-Length is needed");
}

static void on_encoding(struct http_head *h, struct slice v)
{
	if (is_word(v, "SLDC"))
		h->encoding = HTTP_SLDC;
	else if (v.n > 0 && !is_word(v, "identity"))
		refuse(h, 415, "the only Content-Encoding known is SLDC");
}

static void on_type(struct http_head *h, struct slice v)
{
	h->content_type = v;
}

static void on_authorization(struct http_head *h, struct slice v)
{
	if (h->authorization.n > 0)
		refuse(h, 400, "Authorization comes twice");
	h->authorization = v;
}

static void on_host(struct http_head *h, struct slice v)
{
	h->host = v;
}

static void on_connection(struct http_head *h, struct slice v)
{
	h->close = h->close || is_word(v, "close");
}

static void on_expect(struct http_head *h, struct slice v)
{
	if (is_word(v, "100-continue"))
		h->expects = true;
	else
		refuse(h, 417, "the only expectation known is 100-continue");
}

static const struct {
	const char *name;
	void (*take)(struct http_head *h, struct slice v);
} fields[] = {
	{ "Content-Length", on_length },       { "Transfer-Encoding", on_transfer },
	{ "Content-Encoding", on_encoding },   { "Content-Type", on_type },
	{ "Authorization", on_authorization }, { "Host", on_host },
	{ "Connection", on_connection },       { "Expect", on_expect },
};

/* RFC 9112 5: field-name ":" OWS field-value OWS. Folded lines (5.2) are refused. */
static void field(struct http_head *h, struct slice line)
{
	ssize_t colon = slice_chr(line, ':');
	struct slice name, v;

	if (colon <= 0) {
		refuse(h, 400, "a header field has no name");
		return;
	}
	name = (struct slice){ line.p, (size_t)colon };
	v = slice_trim(slice_from(line, (size_t)colon + 1));
	if (!is_token(name) || !is_value(v)) {
		refuse(h, 400, "a header field holds what it may not");
		return;
	}
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (is_word(name, fields[i].name))
			fields[i].take(h, v);
}

/* Bytes up to and with the blank line; 0: it is not there yet. */
static size_t head_end(struct slice in)
{
	ssize_t at = slice_find(in, SLICE("\r\n\r\n"));

	return at < 0 ? 0 : (size_t)at + 4;
}

/* head ends with the blank line, so each line in it has its end. */
static void read_head(struct slice head, struct http_head *h)
{
	struct slice rest = { head.p, head.n - 2 };
	ssize_t end;

	for (size_t n = 0; (end = slice_find(rest, SLICE("\r\n"))) >= 0; n++) {
		struct slice line = { rest.p, (size_t)end };

		rest = slice_from(rest, (size_t)end + 2);
		if (n == 0)
			request_line(h, line);
		else
			field(h, line);
		if (n > FIELDS_MAX)
			refuse(h, 431, "there are too many header fields");
	}
}

size_t http_head(struct slice in, size_t max_body, struct http_head *ret)
{
	struct slice look = { in.p, in.n < HTTP_HEAD_MAX ? in.n : HTTP_HEAD_MAX };
	size_t end = head_end(look);

	*ret = (struct http_head){ .length = SIZE_MAX };
	if (end == 0 && in.n < HTTP_HEAD_MAX)
		return 0;
	if (end == 0) {
		refuse(ret, 431, "the header is longer than 64 KiB");
		end = in.n;
	} else {
		read_head((struct slice){ in.p, end }, ret);
	}
	if (ret->length == SIZE_MAX) {
		refuse(ret, 411, "a Content-Length is needed");
		ret->length = 0;
	}
	if (ret->length > max_body)
		refuse(ret, 413, "the body is longer than is taken here");
	return end;
}

static const char *reason(unsigned status) /* RFC 9110 15 */
{
	static const struct {
		unsigned status;
		const char *text;
	} reasons[] = {
		{ 100, "Continue" },
		{ 200, "OK" },
		{ 204, "No Content" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 411, "Length Required" },
		{ 413, "Content Too Large" },
		{ 415, "Unsupported Media Type" },
		{ 417, "Expectation Failed" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Error";
}

void http_answer(struct buf *out, const struct http_answer *a)
{
	buf_str(out, "HTTP/1.1 ");
	buf_u64(out, a->status);
	buf_chr(out, ' ');
	buf_str(out, reason(a->status));
	buf_str(out, "\r\n");
	if (a->status == 405)
		buf_str(out, "Allow: POST\r\n");
	buf_slice(out, a->challenge);
	if (a->content_type != NULL) {
		buf_str(out, "Content-Type: ");
		buf_str(out, a->content_type);
		buf_str(out, "\r\n");
	}
	if (a->status != 204 && a->status != 100) { /* RFC 9110 8.6 */
		buf_str(out, "Content-Length: ");
		buf_u64(out, a->length);
		buf_str(out, "\r\n");
	}
	if (a->close)
		buf_str(out, "Connection: close\r\n");
	buf_str(out, "\r\n");
}
