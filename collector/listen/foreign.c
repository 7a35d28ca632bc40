/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/listen/foreign.c: an event of Filebeat, Winlogbeat or Logstash into one of ours.
 * Beats write ECS already, so their JSON is kept byte for byte but for "@metadata", which speaks of
 * the transport. All else goes through the normaliser, which also keeps what is no JSON object, as
 * a pipeline_error. */
#include "collector/listen/impl.h"

#include <stdlib.h>

#include "collector/queue/beat.h"
#include "common/event/json.h"
#include "common/event/json_check.h"
#include "common/net/lumberjack.h"
#include "common/normalise/normalise.h"

#define METADATA SLICE("\"@metadata\"")
/* As Beats spell it; inside a string its quotes would be escaped. */
#define BEATS_ECS "\"ecs\":{\"version\":\""

struct foreign {
	struct json_index ix;
	struct normaliser *nz;
	struct arena mem;
	struct buf object; /* an event without its "@metadata" */
	struct event ev;
};

struct foreign *foreign_new(void)
{
	struct foreign *fn = calloc(1, sizeof(*fn));

	if (fn == NULL)
		return NULL;
	fn->nz = normaliser_new();
	if (fn->nz == NULL) {
		free(fn);
		return NULL;
	}
	return fn;
}

void foreign_free(struct foreign *fn)
{
	if (fn == NULL)
		return;
	json_index_release(&fn->ix);
	normaliser_free(fn->nz);
	arena_release(&fn->mem);
	buf_release(&fn->object);
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

/* Written by a Beat: it says which ECS it speaks, and when the event was. */
static bool is_ecs(struct json_index *ix)
{
	const struct json_field *t = json_index_get(ix, SLICE("@timestamp"));
	const struct json_field *v = json_index_get(ix, SLICE("ecs.version"));

	return t != NULL && t->type == JS_STRING && v != NULL && v->type == JS_STRING;
}

bool foreign_beats(char *frames, size_t n)
{
	struct slice in = { frames, n };
	struct lj_frame f;
	struct err err;

	while (in.n > 0) {
		ssize_t used = lj_next(in, n, &f, &err);

		if (used <= 0 || !json_check(f.payload) ||
		    memmem(f.payload.p, f.payload.n, BEATS_ECS, sizeof(BEATS_ECS) - 1) == NULL ||
		    !beat_blank(frames + (f.payload.p - frames), f.payload.n))
			return false;
		in = slice_from(in, (size_t)used);
	}
	return true;
}

int foreign_ecs(struct foreign *fn, struct slice json, const char *peer, int64_t now_ns,
		struct buf *out, struct err *err)
{
	const struct norm_source src = { .input = "lumberjack",
					 .peer = slice_str(peer),
					 .received_ns = now_ns };
	struct slice record = json;
	struct err why;

	buf_reset(&fn->object);
	if (json_index_read(&fn->ix, json, &why) == 0) {
		buf_chr(&fn->object, '{');
		put_members(json, &fn->object);
		buf_chr(&fn->object, '}');
		if (fn->object.failed)
			return err_nomem(err);
		record = buf_view(&fn->object);
		if (is_ecs(&fn->ix)) {
			buf_slice(out, record);
			return out->failed ? err_nomem(err) : 0;
		}
	} else if (why.code == ERR_NOMEM) {
		return err_nomem(err);
	}
	arena_reset(&fn->mem);
	normalise(fn->nz, NORM_JSON, record, &src, &fn->mem, &fn->ev);
	event_write_json(&fn->ev, out);
	return out->failed ? err_nomem(err) : 0;
}
