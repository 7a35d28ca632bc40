/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/queue/beat.h"

#include "common/net/lumberjack.h"

#define TIME_MAX 40u /* bytes of a timestamp; Beats write 24 */

static const char head[] = "{\"@timestamp\":\"";
static const char meta[] = "\"@metadata\":";

static bool begins(const char *p, const char *end, const char *text, size_t n)
{
	return (size_t)(end - p) >= n && memcmp(p, text, n) == 0;
}

/* Behind the object that begins at p. end: it does not end. */
static char *object_end(char *p, char *end)
{
	unsigned depth = 0;

	for (; p < end; p++) {
		if (*p == '"') {
			for (p++; p < end && *p != '"'; p++)
				p += *p == '\\';
		} else if (*p == '{') {
			depth++;
		} else if (*p == '}' && --depth == 0) {
			return p + 1;
		}
	}
	return end;
}

bool beat_blank(char *json, size_t n)
{
	char *end = json + n, *p = json + sizeof(head) - 1, *from;
	size_t room;

	if (!begins(json, end, head, sizeof(head) - 1))
		return false;
	room = (size_t)(end - p) < TIME_MAX ? (size_t)(end - p) : TIME_MAX;
	p = memchr(p, '"', room);
	if (p == NULL || p[-1] == '\\' || !begins(++p, end, ",", 1))
		return false;
	from = ++p;
	if (!begins(p, end, meta, sizeof(meta) - 1))
		return memmem(p, (size_t)(end - p), meta, sizeof(meta) - 1) == NULL;
	p += sizeof(meta) - 1;
	if (!begins(p, end, "{", 1))
		return false;
	p = object_end(p, end);
	if (!begins(p, end, ",", 1))
		return false; /* the last member: no Beat writes such an event */
	memset(from, ' ', (size_t)(p + 1 - from));
	return true;
}

void beat_blank_frames(char *frames, size_t n)
{
	struct slice in = { frames, n };
	struct lj_frame f;
	struct err err;
	ssize_t used;

	while ((used = lj_next(in, n, &f, &err)) > 0) {
		(void)beat_blank(frames + (f.payload.p - frames), f.payload.n);
		in = slice_from(in, (size_t)used);
	}
}
