/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/listen/foreign.c: an event of Filebeat, Winlogbeat or Logstash into one of ours.
 * Beats write ECS already, so their JSON is kept byte for byte but for "@metadata", which speaks of
 * the transport. What has no time gets the time of arrival; what is no JSON object is kept whole as
 * the message of a pipeline_error. */
#include "collector/listen/impl.h"

#include <stdlib.h>

#include "common/base/time.h"
#include "common/event/json.h"

#define METADATA SLICE("\"@metadata\"")

struct foreign {
	struct json_index ix;
};

struct foreign *foreign_new(void)
{
	return calloc(1, sizeof(struct foreign));
}

void foreign_free(struct foreign *fn)
{
	if (fn == NULL)
		return;
	json_index_release(&fn->ix);
	free(fn);
}

/* The end of the string or the nested value that begins at i, of JSON known to be good. */
static size_t value_end(struct slice s, size_t i)
{
	unsigned depth = 0;

	for (; i < s.n; i++) {
		switch (s.p[i]) {
		case '"':
			for (i++; s.p[i] != '"'; i++)
				i += s.p[i] == '\\';
			break;
		case '{':
		case '[':
			depth++;
			break;
		case '}':
		case ']':
			if (depth == 0)
				return i;
			depth--;
			break;
		case ',':
			if (depth == 0)
				return i;
			break;
		}
	}
	return i;
}

static size_t skip_space(struct slice s, size_t i)
{
	while (i < s.n && memchr(" \t\r\n", s.p[i], 4) != NULL)
		i++;
	return i;
}

/* Appends the members of a good object without "@metadata", and without its braces. */
static void put_members(struct slice s, struct buf *out)
{
	size_t i = skip_space(s, 0) + 1, end;
	bool first = true;

	for (;;) {
		i = skip_space(s, i);
		if (s.p[i] == '}')
			return;
		end = value_end(s, i); /* over key and value alike */
		if (!slice_starts((struct slice){ s.p + i, end - i }, METADATA)) {
			if (!first)
				buf_chr(out, ',');
			buf_put(out, s.p + i, end - i);
			first = false;
		}
		if (s.p[end] == '}')
			return;
		i = end + 1;
	}
}

static void put_error(struct slice raw, const char *why, const char *peer, int64_t now_ns,
		      struct buf *out)
{
	char now[TIME_TEXT_MAX];

	time_format(now_ns, now);
	buf_printf(out,
		   "{\"@timestamp\":\"%s\",\"ecs\":{\"version\":\"8.11.0\"},\"error\":{"
		   "\"message\":",
		   now);
	json_put_string(out, slice_str(why));
	buf_printf(out,
		   "},\"event\":{\"created\":\"%s\",\"kind\":\"pipeline_error\"},\"log\":{"
		   "\"source\":{\"address\":\"%s\"}},\"message\":",
		   now, peer);
	json_put_string(out, raw);
	buf_chr(out, '}');
}

int foreign_ecs(struct foreign *fn, struct slice json, const char *peer, int64_t now_ns,
		struct buf *out, struct err *err)
{
	char now[TIME_TEXT_MAX];
	struct err why;
	size_t at;

	if (json_index_read(&fn->ix, json, &why) < 0) {
		if (why.code == ERR_NOMEM)
			return err_nomem(err);
		put_error(json, why.msg, peer, now_ns, out);
		return out->failed ? err_nomem(err) : 0;
	}
	buf_chr(out, '{');
	at = out->n;
	put_members(json, out);
	if (json_index_get(&fn->ix, SLICE("@timestamp")) == NULL) {
		time_format(now_ns, now);
		buf_printf(out, "%s\"@timestamp\":\"%s\"", out->n > at ? "," : "", now);
	}
	buf_chr(out, '}');
	return out->failed ? err_nomem(err) : 0;
}
