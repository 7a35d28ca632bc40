/* SPDX-License-Identifier: EUPL-1.2 */
/* Any bytes as a stream of Windows events. The records must not depend on how the bytes come in;
 * each gives one event, whose JSON Jansson and our own reader take, of a bounded size, whole or
 * with a reason; and a good event after it is read as ever. The first byte chooses step and format.
 */
#include <jansson.h>
#include <stdlib.h>

#include "common/event/json.h"
#include "common/normalise/records.h"
#include "common/normalise/inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RECORD_MAX  4096u
#define RECORDS_MAX 4096u
/* A byte is at most six in JSON, and stands in the message, in event.original and in a value, the
 * second also as base64; 200 values have names of at most 600 bytes. */
#define JSON_MAX(n) (24 * (n) + 200 * 700 + 4096)

static struct normaliser *nz, *slow; /* slow: expat reads all */
static struct arena mem;
static struct event ev;
static struct buf out, other;
static struct json_index ix;

static void check(enum norm_format format, struct slice text, bool cut)
{
	struct norm_source src = { .input = "log",
				   .received_ns = INT64_C(1795420800000000000),
				   .cut = cut };
	const struct json_field *kind;
	struct err err;
	json_t *j;

	arena_reset(&mem);
	buf_reset(&out);
	normalise(nz, format, text, &src, &mem, &ev);
	event_write_json(&ev, &out);
	arena_reset(&mem);
	buf_reset(&other);
	normalise(slow, format, text, &src, &mem, &ev);
	event_write_json(&ev, &other);
	if (out.failed || other.failed || !slice_eq(buf_view(&out), buf_view(&other)))
		abort();
	if (out.n > JSON_MAX(text.n) || memchr(out.p, '\n', out.n) != NULL)
		abort();
	j = json_loadb(out.p, out.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	if (j == NULL || json_index_read(&ix, buf_view(&out), &err) < 0)
		abort();
	json_decref(j);
	kind = json_index_get(&ix, SLICE("event.kind"));
	if (kind == NULL)
		abort();
	/* A reason where it is not whole; where it is, an Event with its namespace's System or not.
	 */
	if (slice_is(kind->value, "pipeline_error") !=
		    (json_index_get(&ix, SLICE("error.message")) != NULL) &&
	    format == NORM_WINXML)
		abort();
}

struct found {
	size_t from, n;
	bool cut;
};

/* The records of in, with a buffer that grows by step. Returns how many. */
static size_t split(struct slice in, size_t step, struct found *ret)
{
	struct records rc = { .max = RECORD_MAX, .winxml = true };
	size_t from = 0, to = 0, used, n = 0;
	struct record rec;

	while (from < in.n) {
		struct slice have = { in.p + from, to - from };

		used = have.n > 0 ? records_next(&rc, have, to == in.n, &rec) : 0;
		if (used > have.n || (used == 0 && to == in.n))
			abort();
		if (have.n > RECORD_MAX + RECORDS_MORE + step)
			abort();
		if (used == 0) {
			to = in.n - to > step ? to + step : in.n;
			continue;
		}
		if (rec.have && n < RECORDS_MAX)
			ret[n++] =
				(struct found){ (size_t)(rec.text.p - in.p), rec.text.n, rec.cut };
		from += used;
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char good[] = "<Event><System><EventID>7</EventID></System></Event>";
	static struct found once[RECORDS_MAX], stepped[RECORDS_MAX];
	enum norm_format format;
	struct slice in;
	size_t n;

	if (nz == NULL) {
		nz = normaliser_new();
		slow = normaliser_new();
		if (nz == NULL || slow == NULL || (slow->winxml = winxml_new()) == NULL)
			abort();
		winxml_slow(slow->winxml, true);
	}
	if (size == 0)
		return 0;
	format = (data[0] & 0x80) != 0 ? NORM_AUTO : NORM_WINXML;
	in = (struct slice){ (const char *)data + 1, size - 1 };
	n = split(in, SIZE_MAX / 2, once);
	if (split(in, 1 + (data[0] & 0x7f), stepped) != n)
		abort();
	for (size_t i = 0; i < n; i++) {
		if (once[i].from != stepped[i].from || once[i].n != stepped[i].n ||
		    once[i].cut != stepped[i].cut)
			abort();
		check(format, (struct slice){ in.p + once[i].from, once[i].n }, once[i].cut);
	}
	check(NORM_WINXML, SLICE(good), false);
	if (json_index_get(&ix, SLICE("winlog.event_id")) == NULL ||
	    json_index_get(&ix, SLICE("error.message")) != NULL)
		abort();
	return 0;
}
