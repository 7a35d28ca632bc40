/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/inputs/wef/mime.h"

#include <strings.h>

#include "common/store/le.h"

#define BOUNDARY     "Encrypted Boundary"
#define BOUNDARY_MAX 70u /* RFC 2046 5.1.1 */
#define TYPE_LEAD    "application/HTTP-"
#define TYPE_TAIL    "-session-encrypted"
#define CLEAR_TYPE   "application/soap+xml;charset=UTF-16"
#define FIELD_MAX    512u /* bytes of a line of a part's fields */
#define LENGTH_FIELD 4u

static const char *const scheme_names[MIME_SCHEMES] = { "Kerberos", "SPNEGO" };

static bool starts_any_case(struct slice s, const char *word)
{
	return s.n >= strlen(word) && strncasecmp(s.p, word, strlen(word)) == 0;
}

bool mime_is(struct slice content_type)
{
	return starts_any_case(slice_trim(content_type), "multipart/encrypted");
}

/* The value of NAME=value or NAME="value" among parameters that ';' sets apart. */
static bool parameter(struct slice s, const char *name, struct slice *ret)
{
	size_t len = strlen(name);
	ssize_t end;

	while ((end = slice_chr(s, ';')) >= 0 || s.n > 0) {
		struct slice one = slice_trim((struct slice){ s.p, end < 0 ? s.n : (size_t)end });

		s = slice_from(s, end < 0 ? s.n : (size_t)end + 1);
		if (!starts_any_case(one, name) || one.n <= len || one.p[len] != '=')
			continue;
		one = slice_trim(slice_from(one, len + 1));
		if (one.n >= 2 && one.p[0] == '"' && one.p[one.n - 1] == '"')
			one = (struct slice){ one.p + 1, one.n - 2 };
		*ret = one;
		return true;
	}
	return false;
}

static bool scheme_of(struct slice type, enum mime_scheme *ret)
{
	for (unsigned i = 0; i < MIME_SCHEMES; i++) {
		size_t lead = sizeof(TYPE_LEAD) - 1, name = strlen(scheme_names[i]);

		if (starts_any_case(type, TYPE_LEAD) &&
		    starts_any_case(slice_from(type, lead), scheme_names[i]) &&
		    starts_any_case(slice_from(type, lead + name), TYPE_TAIL) &&
		    type.n == lead + name + sizeof(TYPE_TAIL) - 1) {
			*ret = (enum mime_scheme)i;
			return true;
		}
	}
	return false;
}

/* Takes "--BOUNDARY CR LF" off the front. */
static bool take_boundary(struct slice *s, struct slice boundary)
{
	if (!slice_starts(*s, SLICE("--")) || !slice_starts(slice_from(*s, 2), boundary))
		return false;
	*s = slice_from(*s, 2 + boundary.n);
	if (!slice_starts(*s, SLICE("\r\n")))
		return false;
	*s = slice_from(*s, 2);
	return true;
}

/* A field of a part: "  Name: value CR LF" off the front; the value of the one named. */
static bool take_field(struct slice *s, const char *name, struct slice *ret)
{
	struct slice look = { s->p, s->n < FIELD_MAX ? s->n : FIELD_MAX };
	ssize_t end = slice_find(look, SLICE("\r\n"));
	struct slice line = slice_trim((struct slice){ s->p, end < 0 ? 0 : (size_t)end });

	if (!starts_any_case(line, name) || line.n <= strlen(name) || line.p[strlen(name)] != ':')
		return false;
	*ret = slice_trim(slice_from(line, strlen(name) + 1));
	*s = slice_from(*s, (size_t)end + 2);
	return true;
}

/* The closing boundary is found from the end, since the cipher text may hold anything. */
static bool cut_closing(struct slice *s, struct slice boundary)
{
	struct slice t = *s;

	while (slice_ends(t, SLICE("\r\n")))
		t.n -= 2;
	if (!slice_ends(t, SLICE("--")))
		return false;
	t.n -= 2;
	if (!slice_ends(t, boundary))
		return false;
	t.n -= boundary.n;
	if (!slice_ends(t, SLICE("--")))
		return false;
	t.n -= 2;
	*s = t;
	return true;
}

static int read_token(struct slice rest, struct mime *ret, struct err *err)
{
	uint32_t n;

	if (rest.n < LENGTH_FIELD)
		return err_set(err, ERR_SYNTAX, "encrypted body: its second part is empty");
	n = le32_get(rest.p);
	rest = slice_from(rest, LENGTH_FIELD);
	if (n == 0 || n > rest.n)
		return err_set(err, ERR_SYNTAX,
			       "encrypted body: a header token of %u bytes, and %zu are there", n,
			       rest.n);
	ret->header = (struct slice){ rest.p, n };
	ret->data = slice_from(rest, n);
	return 0;
}

int mime_read(struct slice content_type, struct slice body, struct mime *ret, struct err *err)
{
	struct slice boundary, protocol, type, original, length, octets;
	struct mime m = { 0 };
	uint64_t n;

	if (!mime_is(content_type) || !parameter(content_type, "boundary", &boundary) ||
	    boundary.n == 0 || boundary.n > BOUNDARY_MAX ||
	    !parameter(content_type, "protocol", &protocol) || !scheme_of(protocol, &m.scheme))
		return err_set(err, ERR_SYNTAX,
			       "encrypted body: the Content-Type names no boundary or protocol");
	if (!cut_closing(&body, boundary))
		return err_set(err, ERR_SYNTAX, "encrypted body: its end is missing");
	if (!take_boundary(&body, boundary) || !take_field(&body, "Content-Type", &type) ||
	    !take_field(&body, "OriginalContent", &original) ||
	    !parameter(original, "Length", &length) || !slice_uint(length, UINT32_MAX, &n))
		return err_set(err, ERR_SYNTAX,
			       "encrypted body: its first part is not as it should be");
	if (!take_boundary(&body, boundary) || !take_field(&body, "Content-Type", &octets))
		return err_set(err, ERR_SYNTAX,
			       "encrypted body: its second part is not as it should be");
	m.length = (size_t)n;
	if (read_token(body, &m, err) < 0)
		return -1;
	*ret = m;
	return 0;
}

const char *mime_content_type(enum mime_scheme scheme)
{
	static const char *const types[MIME_SCHEMES] = {
		"multipart/encrypted;protocol=\"" TYPE_LEAD "Kerberos" TYPE_TAIL
		"\";boundary=\"" BOUNDARY "\"",
		"multipart/encrypted;protocol=\"" TYPE_LEAD "SPNEGO" TYPE_TAIL
		"\";boundary=\"" BOUNDARY "\"",
	};

	return types[scheme];
}

void mime_begin(struct buf *out, enum mime_scheme scheme, size_t clear_bytes)
{
	buf_str(out, "--" BOUNDARY "\r\nContent-Type: " TYPE_LEAD);
	buf_str(out, scheme_names[scheme]);
	buf_str(out, TYPE_TAIL "\r\nOriginalContent: type=" CLEAR_TYPE ";Length=");
	buf_u64(out, clear_bytes);
	buf_str(out, "\r\n--" BOUNDARY "\r\nContent-Type: application/octet-stream\r\n");
}

void mime_end(struct buf *out)
{
	buf_str(out, "--" BOUNDARY "--\r\n");
}
