/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/enrol/reply.h"

#include <jansson.h>
#include <strings.h>

#include "common/base/text.h"

static int not_http(struct err *err)
{
	return err_set(
		err, ERR_PEER,
		"what answered is no Vartio collector's enrolment door; is the address right?");
}

/* "HTTP/1.1 200 OK" */
static bool status_line(struct slice line, unsigned *ret)
{
	uint64_t v = 0;

	if (!slice_starts(line, SLICE("HTTP/1.")) || line.n < 12 || line.p[8] != ' ' ||
	    (line.n > 12 && line.p[12] != ' ') ||
	    !slice_uint((struct slice){ line.p + 9, 3 }, 999, &v))
		return false;
	*ret = (unsigned)v;
	return v >= 100;
}

static bool name_is(struct slice name, const char *want)
{
	return name.n == strlen(want) && strncasecmp(name.p, want, name.n) == 0;
}

/* Reads the header lines. *ret_length is the body's; false where we could not tell its end. */
static bool headers(struct slice head, size_t *ret_length)
{
	bool seen = false;
	uint64_t v = 0;

	while (head.n > 0) {
		ssize_t end = slice_find(head, SLICE("\r\n"));
		struct slice line = { head.p, end < 0 ? head.n : (size_t)end };
		ssize_t colon = slice_chr(line, ':');
		struct slice name, value;

		head = slice_from(head, end < 0 ? head.n : (size_t)end + 2);
		if (colon <= 0)
			return false;
		name = (struct slice){ line.p, (size_t)colon };
		value = slice_trim(slice_from(line, (size_t)colon + 1));
		if (name_is(name, "transfer-encoding"))
			return false;
		if (!name_is(name, "content-length"))
			continue;
		if (seen || !slice_uint(value, REPLY_BODY_MAX, &v))
			return false;
		seen = true;
	}
	*ret_length = (size_t)v;
	return seen;
}

int reply_parse(struct slice in, unsigned *ret_status, struct slice *ret_body, struct err *err)
{
	ssize_t head = slice_find(in, SLICE("\r\n\r\n")), line = slice_find(in, SLICE("\r\n"));
	size_t length = 0, body;
	unsigned status;

	if (in.n >= 7 && !slice_starts(in, SLICE("HTTP/1.")))
		return not_http(err);
	if (head < 0)
		return in.n > REPLY_HEAD_MAX ? not_http(err) : 0;
	if (head > (ssize_t)REPLY_HEAD_MAX ||
	    !status_line((struct slice){ in.p, (size_t)line }, &status))
		return not_http(err);
	/* A head of the status line alone has no header lines, and so no length. */
	if (line == head ||
	    !headers((struct slice){ in.p + line + 2, (size_t)(head - line) - 2 }, &length))
		return not_http(err);
	body = (size_t)head + 4;
	if (in.n - body < length)
		return 0;
	*ret_status = status;
	*ret_body = (struct slice){ in.p + body, length };
	return 1;
}

static int refused(unsigned status, json_t *root, struct err *err)
{
	const char *message = json_string_value(json_object_get(root, "error"));
	struct buf safe = { 0 };

	if (message == NULL)
		return err_set(err, ERR_PEER, "the collector answered %u and no reason", status);
	text_put_safe(&safe, slice_str(message));
	err_set(err, ERR_DENIED, "the collector refused: %s", buf_cstr(&safe));
	buf_release(&safe);
	return -1;
}

int reply_read(unsigned status, struct slice body, struct arena *mem, struct reply *ret,
	       struct err *err)
{
	static const char *const names[] = { "certificate", "ca", "agent", "tenant", "collector" };
	const char *texts[sizeof(names) / sizeof(names[0])];
	json_t *root = json_loadb(body.n > 0 ? body.p : "", body.n, JSON_REJECT_DUPLICATES, NULL);
	int r = -1;

	if (status != 200) {
		refused(status, root, err);
		goto out;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *text = json_string_value(json_object_get(root, names[i]));

		if (text == NULL || *text == '\0') {
			err_set(err, ERR_PEER, "the collector's answer has no %s", names[i]);
			goto out;
		}
		texts[i] = arena_copy(mem, slice_str(text)).p;
		if (texts[i] == NULL) {
			err_nomem(err);
			goto out;
		}
	}
	*ret = (struct reply){ texts[0], texts[1], texts[2], texts[3], texts[4] };
	r = 0;
out:
	json_decref(root);
	return r;
}
