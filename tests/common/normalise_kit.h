/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/common/normalise_kit.h: rows of a record and the fields that it must have. "a=b" has the
 * value b (elements of an array joined by commas), "a=" is empty text, "a" is there, "!a" is
 * absent. */
#ifndef VARTIO_TESTS_NORMALISE_KIT_H
#define VARTIO_TESTS_NORMALISE_KIT_H

#include "tests/cmocka.h"

#include <stdio.h>

#include "common/base/time.h"
#include "common/event/json.h"
#include "common/normalise/normalise.h"

#define WANTED_MAX 16

struct row {
	const char *line;
	const char *wanted[WANTED_MAX];
};

static struct normaliser *nz;
static struct arena mem;
static struct event ev;
static struct buf out, got;
static struct json_index ix;
static int32_t zone_s; /* of times that name none */

static struct norm_source source(void)
{
	struct norm_source src = { .input = "log",
				   .path = SLICE("/var/log/auth.log"),
				   .offset = 42,
				   .host = SLICE("ownhost"),
				   .zone_s = zone_s,
				   .local = true };

	assert_true(time_parse(SLICE("2026-11-23T08:00:00Z"), &src.received_ns));
	return src;
}

static void run(enum norm_format format, struct slice line, const struct norm_source *src)
{
	struct err err;

	arena_reset(&mem);
	buf_reset(&out);
	normalise(nz, format, line, src, &mem, &ev);
	event_write_json(&ev, &out);
	assert_false(out.failed);
	if (json_index_read(&ix, buf_view(&out), &err) < 0)
		fail_msg("%s: %s", err.msg, buf_cstr(&out));
}

/* The field's text; elements of an array joined by commas. false: absent. */
static bool field(struct slice path, struct buf *ret)
{
	bool any = false;

	buf_reset(ret);
	for (unsigned i = 0; i < ix.n; i++) {
		if (!slice_eq(ix.f[i].path, path))
			continue;
		if (any)
			buf_chr(ret, ',');
		buf_slice(ret, json_field_text(&ix, &ix.f[i]));
		any = true;
	}
	return any;
}

static void check(const struct row *row)
{
	for (unsigned i = 0; i < WANTED_MAX && row->wanted[i] != NULL; i++) {
		const char *w = row->wanted[i], *eq = strchr(w, '=');
		bool absent = w[0] == '!';
		struct slice path = absent       ? slice_str(w + 1)
				    : eq == NULL ? slice_str(w)
						 : (struct slice){ w, (size_t)(eq - w) };

		if (field(path, &got) == absent)
			fail_msg("%s\nwanted %s in\n%s", row->line, w, buf_cstr(&out));
		if (!absent && eq != NULL && !slice_is(buf_view(&got), eq + 1))
			fail_msg("%s\nwanted %s, got %s in\n%s", row->line, w, buf_cstr(&got),
				 buf_cstr(&out));
	}
}

static inline void rows_pass(enum norm_format format, const struct row *rows, size_t n)
{
	struct norm_source src = source();

	for (size_t i = 0; i < n; i++) {
		run(format, slice_str(rows[i].line), &src);
		check(&rows[i]);
	}
}
#define ROWS_PASS(format, rows) rows_pass(format, rows, sizeof(rows) / sizeof((rows)[0]))

/* Runs tests with the world above. */
static int kit_run(int (*tests)(void))
{
	int r;

	nz = normaliser_new();
	if (nz == NULL)
		return 1;
	r = tests();
	normaliser_free(nz);
	arena_release(&mem);
	json_index_release(&ix);
	buf_release(&out);
	buf_release(&got);
	return r;
}

#endif
