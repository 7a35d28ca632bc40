/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/collector/test_window.c: which bytes are a window, and what becomes of a foreign one.
 * A row spells its frames: W3 a window of 3; J a bare event; C(...) a compressed frame of what is
 * inside; B1 the first event of an agent's block; numbers of J and B count from 1 in each row. */
#include "tests/cmocka.h"

#include <stdio.h>

#include "collector/listen/impl.h"
#include "common/net/lumberjack.h"

static const struct batch_meta meta = {
	.epoch = 0x0123456789abcdef, .block = 5, .first_seq = 41, .floor = 3
};

static void put_event(struct buf *out, char kind, uint32_t number)
{
	struct buf json = { 0 };
	struct err err;
	char text[64];

	snprintf(text, sizeof(text), "{\"message\":\"event %u\"}", number);
	if (kind == 'B')
		assert_int_equal(batch_meta_put(&json, &meta, slice_str(text), &err), 0);
	else
		buf_str(&json, text);
	lj_put_json(out, number, buf_view(&json));
	buf_release(&json);
}

/* Spells a row's frames; returns where it stopped (at ')' or the end). */
static const char *spell(const char *s, struct buf *out, uint32_t *number)
{
	struct buf inner = { 0 };
	struct err err;

	for (; *s != '\0' && *s != ')'; s++) {
		switch (*s) {
		case 'W':
			lj_put_window(out, (uint32_t)(s[1] - '0'));
			s++;
			break;
		case 'A':
			lj_put_ack(out, 1);
			break;
		case 'J':
		case 'B':
			put_event(out, *s, ++*number);
			break;
		case 'X': /* an event whose number is wrong */
			put_event(out, 'J', *number + 7);
			break;
		case 'T': /* a torn event: its frame ends too early */
			buf_put(out, "2J\0\0\0\1\0\0\0\x09{\"a\"", 14);
			break;
		case 'M': /* one mebibyte and a little of blanks in an event */
			buf_put(out, "2J\0\0\0\1\0\x10\x10\x00", 10);
			for (unsigned i = 0; i < 0x101000; i++)
				buf_chr(out, ' ');
			break;
		case 'H': /* most of a mebibyte */
			buf_put(out, "2J\0\0\0", 5);
			buf_chr(out, (char)++*number);
			buf_put(out, "\0\x0f\x00\x00", 4);
			for (unsigned i = 0; i < 0xf0000; i++)
				buf_chr(out, ' ');
			break;
		case 'C':
			buf_reset(&inner);
			s = spell(s + 2, &inner, number);
			assert_int_equal(lj_compress(out, buf_view(&inner), 6, &err), 0);
			break;
		case 'Z': /* a compressed frame that is not zlib */
			lj_put_compressed(out, SLICE("certainly not zlib"));
			break;
		case 'V': /* version 1 */
			buf_put(out, "1J\0\0\0\1", 6);
			break;
		default:
			fail_msg("row: %c", *s);
		}
	}
	buf_release(&inner);
	return s;
}

static const struct {
	const char *frames;
	enum window_kind kind; /* WINDOW_NONE: refused */
	uint32_t events;
	const char *says;
} rows[] = {
	{ "W1C(B)", WINDOW_OWN, 1, NULL },
	{ "W3C(BJJ)", WINDOW_OWN, 3, NULL },
	{ "W2C(BJ)W1", WINDOW_OWN, 2, NULL }, /* the next window may follow at once */
	{ "W1J", WINDOW_FOREIGN, 1, NULL },
	{ "W3JJJ", WINDOW_FOREIGN, 3, NULL },
	{ "W3C(JJJ)", WINDOW_FRAME, 3, NULL },
	{ "W3C(JJ)C(J)", WINDOW_FOREIGN, 3, NULL },
	{ "W3JC(J)J", WINDOW_FOREIGN, 3, NULL },
	{ "W2C(JX)", WINDOW_FOREIGN, 2, NULL }, /* foreign numbers are not looked at */
	{ "W0W1J", WINDOW_FOREIGN, 1, NULL },
	{ "W8C(HHHHHHHH)", WINDOW_FOREIGN, 8, NULL }, /* 7.5 MiB */
	{ "J", WINDOW_NONE, 0, "before their window" },
	{ "C(B)", WINDOW_NONE, 0, "before their window" },
	{ "W2W2", WINDOW_NONE, 0, "ended after 0" },
	{ "W2JW2", WINDOW_NONE, 0, "ended after 1" },
	{ "W3C(BJ)", WINDOW_NONE, 0, "a window of 3 events holds 2" },
	{ "W1C(BJ)", WINDOW_NONE, 0, "a window of 1 events holds 2" },
	{ "W2C(BX)", WINDOW_NONE, 0, "event 2 of a block has the number 8" },
	{ "W2C(BB)", WINDOW_NONE, 0, "begins another block" },
	{ "W2C(JB)", WINDOW_NONE, 0, "not in one compressed frame" },
	{ "W1B", WINDOW_NONE, 0, "not in one compressed frame" },
	{ "W2JC(BJ)", WINDOW_NONE, 0, "not in one compressed frame" },
	{ "W1C(JJ)", WINDOW_NONE, 0, "holds more" },
	{ "W1C(W1J)", WINDOW_NONE, 0, "holds a frame 'W'" },
	{ "W1C(C(J))", WINDOW_NONE, 0, "holds a frame 'C'" },
	{ "W1C(T)", WINDOW_NONE, 0, "in the middle of an event" },
	{ "W2C(BT)", WINDOW_NONE, 0, "in the middle of an event" },
	{ "W1Z", WINDOW_NONE, 0, "not whole zlib" },
	{ "A", WINDOW_NONE, 0, "acknowledgement" },
	{ "W1C(M)", WINDOW_NONE, 0, "at most" },
	{ "W2C(BH)", WINDOW_OWN, 2, NULL },
	{ "W3C(BHH)", WINDOW_NONE, 0, "at most" },
	{ "W9C(HHHHHHHHH)", WINDOW_NONE, 0, "holds more than" },
	{ "W9C(HHHHH)C(HHHH)", WINDOW_NONE, 0, "holds more than" },
	{ "W1V", WINDOW_NONE, 0, "not Lumberjack version 2" },
};

/* usual: what the sender's frames held before; it must make no difference. */
static void run_row(size_t i, size_t usual, struct buf *in)
{
	struct window w = { .usual = usual };
	struct window_whole whole = { 0 };
	struct buf scratch = { 0 };
	struct err err = { 0 };
	size_t used = 0;
	ssize_t n = 1;

	while (used < in->n && whole.kind == WINDOW_NONE &&
	       (n = window_feed(&w, slice_from(buf_view(in), used), &scratch, &whole, &err)) > 0)
		used += (size_t)n;
	if (rows[i].kind == WINDOW_NONE) {
		if (whole.kind == WINDOW_FRAME)
			n = window_unframe(&w, &whole, &err);
		whole.kind = WINDOW_NONE;
		if (n != -1 || strstr(err.msg, rows[i].says) == NULL)
			fail_msg("%s: %zd, \"%s\"", rows[i].frames, n, err.msg);
	} else {
		if (n <= 0)
			fail_msg("%s: %zd, \"%s\"", rows[i].frames, n, err.msg);
		assert_int_equal(whole.kind, rows[i].kind);
		assert_int_equal(whole.events, rows[i].events);
	}
	if (whole.kind == WINDOW_FRAME) {
		assert_ptr_equal(whole.payload.p + whole.payload.n, in->p + used);
		assert_ptr_equal(whole.frames.p, scratch.p);
		assert_int_equal(whole.frames.n, scratch.n);
		assert_int_equal(window_unframe(&w, &whole, &err), 0);
		assert_int_equal(whole.kind, WINDOW_FOREIGN);
		assert_int_equal(w.frames.n, scratch.n); /* numbered alike */
		assert_int_equal(w.announced, 0);
	}
	if (whole.kind == WINDOW_OWN) {
		assert_memory_equal(&whole.meta, &meta, sizeof(meta));
		assert_ptr_equal(whole.payload.p + whole.payload.n, in->p + used); /* as it came */
	}
	window_reset(&w);
	buf_release(&scratch);
}

static void test_rows(void **state)
{
	static const size_t usual[] = { 0, 40, 200, 1u << 20, 9u << 20 };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf in = { 0 };
		uint32_t number = 0;

		spell(rows[i].frames, &in, &number);
		for (size_t k = 0; k < sizeof(usual) / sizeof(usual[0]); k++)
			run_row(i, usual[k], &in);
		buf_release(&in);
	}
}

/* A frame cut anywhere is waited for; the bytes stand against the end of their memory. */
static void test_every_cut(void **state)
{
	static const char *const good[] = { "W3C(BJJ)", "W3JC(J)J" };

	for (size_t i = 0; i < 2; i++) {
		struct buf in = { 0 };
		uint32_t number = 0;

		spell(good[i], &in, &number);
		for (size_t cut = 0; cut < in.n; cut++) {
			struct window w = { 0 };
			struct window_whole whole = { 0 };
			struct buf scratch = { 0 };
			struct err err;
			char *copy = malloc(cut > 0 ? cut : 1);
			size_t used = 0;
			ssize_t n = 0;

			memcpy(copy, in.p, cut);
			while (used < cut &&
			       (n = window_feed(&w, (struct slice){ copy + used, cut - used },
						&scratch, &whole, &err)) > 0)
				used += (size_t)n;
			assert_true(n >= 0);
			assert_int_equal(whole.kind, WINDOW_NONE);
			free(copy);
			window_reset(&w);
			buf_release(&scratch);
		}
		buf_release(&in);
	}
}

/* --- splitting --- */

struct taken {
	uint32_t events[16];
	size_t bytes[16];
	unsigned n;
	struct buf all;
};

static int same_ecs(void *arg, struct slice json, struct buf *out, struct err *err)
{
	buf_slice(out, json);
	return 0;
}

static int take_block(void *arg, uint32_t events, struct slice frames, struct slice payload,
		      struct err *err)
{
	struct taken *t = arg;
	struct buf plain = { 0 };
	struct slice in;
	struct lj_frame f;
	ssize_t n;

	assert_int_equal(lj_inflate(payload, 4u << 20, &plain, err), 0);
	in = buf_view(&plain);
	assert_int_equal(frames.n, in.n);
	assert_memory_equal(frames.p, in.p, in.n);
	for (uint32_t i = 1; i <= events; i++) {
		n = lj_next(in, WINDOW_EVENT_MAX, &f, err);
		assert_true(n > 0);
		assert_int_equal(f.number, i); /* the queue's reader counts from 1 */
		buf_slice(&t->all, f.payload);
		in = slice_from(in, (size_t)n);
	}
	assert_int_equal(in.n, 0);
	t->events[t->n] = events;
	t->bytes[t->n++] = plain.n;
	buf_release(&plain);
	return 0;
}

static void test_split(void **state)
{
	static const struct {
		uint32_t events;
		size_t pad;
		unsigned blocks;
	} splits[] = { { 1, 0, 1 }, { 2048, 0, 1 }, { 2049, 0, 2 }, { 100, 10000, 4 } };

	for (size_t i = 0; i < sizeof(splits) / sizeof(splits[0]); i++) {
		struct taken t = { 0 };
		struct window w = { 0 };
		struct buf json = { 0 }, all = { 0 };
		const struct window_split sp = { same_ecs, take_block, &t, 1 };
		struct err err;
		uint32_t sum = 0;

		for (uint32_t k = 0; k < splits[i].events; k++) {
			buf_reset(&json);
			buf_printf(&json, "{\"n\":%u,\"pad\":\"", k);
			for (size_t p = 0; p < splits[i].pad; p++)
				buf_chr(&json, 'x');
			buf_str(&json, "\"}");
			lj_put_json(&w.frames, k + 100, buf_view(&json));
			buf_slice(&all, buf_view(&json));
		}
		assert_int_equal(window_split(&w, &sp, &err), 0);
		assert_int_equal(t.n, splits[i].blocks);
		for (unsigned k = 0; k < t.n; k++) {
			sum += t.events[k];
			assert_in_range(t.bytes[k], 1, WINDOW_BLOCK_BYTES + splits[i].pad + 100);
		}
		assert_int_equal(sum, splits[i].events);
		assert_int_equal(t.all.n, all.n); /* nothing lost, nothing moved */
		assert_memory_equal(t.all.p, all.p, all.n);
		buf_release(&json);
		buf_release(&all);
		buf_release(&t.all);
		window_reset(&w);
	}
}

/* --- foreign events --- */

static void test_foreign_ecs(void **state)
{
	static const struct {
		const char *in, *out; /* of a Beat: bytes as they came, but for "@metadata" */
	} events[] = {
		{ "{\"@timestamp\":\"t\",\"ecs\":{\"version\":\"8.0.0\"},\"message\":\"a\"}",
		  "{\"@timestamp\":\"t\",\"ecs\":{\"version\":\"8.0.0\"},\"message\":\"a\"}" },
		{ "{\"@metadata\":{\"beat\":\"filebeat\",\"x\":[1,{\"y\":\"}]\"}]},\"@timestamp\":"
		  "\"t\",\"ecs.version\":\"1\"}",
		  "{\"@timestamp\":\"t\",\"ecs.version\":\"1\"}" },
		{ " { \"@timestamp\" : \"t\" , \"@metadata\" : null , \"ecs.version\" : "
		  "\"\\\"@metadata\" } ",
		  "{\"@timestamp\" : \"t\" ,\"ecs.version\" : \"\\\"@metadata\" }" },
		{ "{\"@timestamp\":\"t\",\"ecs\":{\"version\":\"8\"},\"a\":{\"@metadata\":1}}",
		  "{\"@timestamp\":\"t\",\"ecs\":{\"version\":\"8\"},\"a\":{\"@metadata\":1}}" },
	};
	static const struct {
		const char *in, *field, *value; /* of others: by the normaliser */
	} others[] = {
		{ "{\"a\":1}", "a", "1" },
		{ "{\"a\":1}", "@timestamp", "1970-01-01T00:00:01.000Z" },
		{ "{\"@timestamp\":\"2026-01-01T00:00:00Z\",\"m\":{\"n\":\"x\"}}", "@timestamp",
		  "2026-01-01T00:00:00.000Z" },
		{ "{\"@metadata\":{},\"m\":{\"n\":\"x\"}}", "m.n", "x" },
		{ "{\"@metadata\":{\"b\":1},\"a\":1}", "@metadata.b", NULL },
		{ "{}", "@timestamp", "1970-01-01T00:00:01.000Z" },
	};
	static const char *const broken[] = { "", "[1]", "{\"a\":}", "no \"json\"", "{" };
	struct foreign *fn = foreign_new();
	struct json_index ix = { 0 };
	struct buf out = { 0 };
	struct err err;

	assert_non_null(fn);
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		buf_reset(&out);
		assert_int_equal(foreign_ecs(fn, slice_str(events[i].in), "192.0.2.7:1", 1000000000,
					     &out, &err),
				 0);
		assert_string_equal(buf_cstr(&out), events[i].out);
		assert_int_equal(json_index_read(&ix, buf_view(&out), &err), 0);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		const struct json_field *f;

		buf_reset(&out);
		assert_int_equal(foreign_ecs(fn, slice_str(others[i].in), "192.0.2.7:1", 1000000000,
					     &out, &err),
				 0);
		assert_int_equal(json_index_read(&ix, buf_view(&out), &err), 0);
		f = json_index_get(&ix, slice_str(others[i].field));
		if (others[i].value == NULL) {
			assert_null(f);
			continue;
		}
		assert_non_null(f);
		assert_slice(f->value, others[i].value);
	}
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		const struct json_field *f;

		buf_reset(&out);
		assert_int_equal(foreign_ecs(fn, slice_str(broken[i]), "192.0.2.7:1", 1000000000,
					     &out, &err),
				 0);
		assert_int_equal(json_index_read(&ix, buf_view(&out), &err), 0);
		assert_slice(json_index_get(&ix, SLICE("event.kind"))->value, "pipeline_error");
		f = json_index_get(&ix, SLICE("message"));
		assert_true(f != NULL || broken[i][0] == '\0');
		if (f != NULL)
			assert_slice(json_field_text(&ix, f), broken[i]);
		assert_true(json_index_get(&ix, SLICE("error.message"))->value.n > 0);
	}
	json_index_release(&ix);
	foreign_free(fn);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_foreign_ecs),
	};

	return RUN_TESTS(tests);
}
