/* SPDX-License-Identifier: EUPL-1.2 */
/* Any bytes as any format: the event must come out as JSON that Jansson and our own reader take,
 * with addresses in address fields. The first byte chooses the format and the source. */
#include <arpa/inet.h>
#include <jansson.h>
#include <stdlib.h>

#include "common/event/json.h"
#include "tests/fuzz/splice_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_address(struct json_index *ix, const char *path)
{
	const struct json_field *f = json_index_get(ix, slice_str(path));
	unsigned char bin[16];
	char text[64] = "";

	if (f == NULL)
		return;
	if (f->type != JS_STRING || f->value.n >= sizeof(text))
		abort();
	memcpy(text, f->value.p, f->value.n);
	if (inet_pton(AF_INET, text, bin) != 1 && inet_pton(AF_INET6, text, bin) != 1)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct normaliser *nz;
	static struct arena mem;
	static struct event ev;
	static struct buf out;
	static struct json_index ix;
	struct norm_source src = { .input = "log", .received_ns = INT64_C(1795420800000000000) };
	struct slice line;
	struct err err;
	json_t *j;

	if (nz == NULL && (nz = normaliser_new()) == NULL)
		abort();
	if (size == 0)
		return 0;
	src.keep_original = (data[0] & 0x80) != 0;
	src.zone_s = (data[0] & 0x40) != 0 ? -12600 : 7200;
	line = (struct slice){ (const char *)data + 1, size - 1 };
	splice_check(nz, (enum norm_format)(data[0] % NORM_FORMATS), line, &src);
	arena_reset(&mem);
	buf_reset(&out);
	normalise(nz, (enum norm_format)(data[0] % NORM_FORMATS), line, &src, &mem, &ev);
	event_write_json(&ev, &out);
	if (out.failed)
		return 0;
	j = json_loadb(out.p, out.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	if (j == NULL || json_index_read(&ix, buf_view(&out), &err) < 0)
		abort();
	json_decref(j);
	check_address(&ix, "source.ip");
	check_address(&ix, "destination.ip");
	if (json_index_get(&ix, SLICE("event.kind")) == NULL ||
	    json_index_get(&ix, SLICE("ecs.version")) == NULL)
		abort();
	return 0;
}
