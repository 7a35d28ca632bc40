/* SPDX-License-Identifier: EUPL-1.2 */
/* Where lines and events begin and end: each row is a stream, and what must come out of it, "|"
 * between the records; "^" before one that was cut. */
#include "tests/cmocka.h"

#include "common/base/buf.h"
#include "common/normalise/records.h"

#define E1 "<Event a='1'>x</Event>"
#define E2 "<Event>y</Event>"
#define NS "<Event xmlns='z'>"

static const struct {
	const char *name, *in, *out;
} rows[] = {
	{ "one a line", E1 "\n" E2 "\n", E1 "|" E2 },
	{ "no line end at the end", E1 "\n" E2, E1 "|" E2 },
	{ "on one line", E1 E2 "  " E1, E1 "|" E2 "|" E1 },
	{ "a root", "<Events>" E1 E2 "</Events>\n", E1 "|" E2 },
	{ "a root of any name",
	  "<?xml version='1.0'?>\n<!-- c -->\n<r a='<'>\n" E1 "\n" E2 "\n</r>\n" E1,
	  E1 "|" E2 "|" E1 },
	{ "comments between", "<Events>" E1 "<!-- <Event>no</Event> -->" E2 "</Events>",
	  E1 "|" E2 },
	{ "a root without events", "<?xml version='1.0'?><Events></Events>\n" E1, E1 },
	{ "pretty-printed",
	  "<Event>\n  <System>\n    <A b='</Event>'/>\n  </System>\n</Event>\n" E2,
	  "<Event>\n  <System>\n    <A b='</Event>'/>\n  </System>\n</Event>|" E2 },
	{ "an Event in an Event", "<Event><U><Event>i</Event></U></Event>\n" E1,
	  "<Event><U><Event>i</Event></U></Event>|" E1 },
	{ "an Event in an Event, further in",
	  "<Event>\n <U>\n  <Event>\n i</Event>\n </U>\n</Event>\n" E1,
	  "<Event>\n <U>\n  <Event>\n i</Event>\n </U>\n</Event>|" E1 },
	{ "CDATA", "<Event><![CDATA[</Event>]]></Event>\n" E1,
	  "<Event><![CDATA[</Event>]]></Event>|" E1 },
	{ "an event in CDATA", "<Event><![CDATA[\n<Event>]]></Event>\n" E1,
	  "<Event><![CDATA[\n<Event>]]></Event>|" E1 },
	{ "empty", "<Event/>\n<Event />" E1, "<Event/>|<Event />|" E1 },
	{ "a prefix", "<e:Event xmlns:e='x'>x</e:Event>\n" E1,
	  "<e:Event xmlns:e='x'>x</e:Event>|" E1 },
	{ "cut in text", "<Event><A>x\n" E1, "<Event><A>x\n|" E1 },
	{ "cut in a tag", "<Event><A b\n" E1, "<Event><A b\n|" E1 },
	{ "cut in a value", "<Event><A b='x\n" E1, "<Event><A b='x\n|" E1 },
	{ "cut in a comment", "<Event><!-- x\n" NS "</Event>", "<Event><!-- x\n|" NS "</Event>" },
	{ "cut in CDATA", "<Event><![CDATA[ x\n" NS "</Event>",
	  "<Event><![CDATA[ x\n|" NS "</Event>" },
	{ "cut at its end", "<Event><A>x</A></Eve\n" E1, "<Event><A>x</A></Eve\n|" E1 },
	{ "cut in its name", "<Event\n" E1, "<Event\n|" E1 },
	{ "cut at the very end", E1 "\n<Event><A>x", E1 "|<Event><A>x" },
	{ "cut, further in", "<Events>\n  <Event><A>x\n  " E1 "\n</Events>",
	  "<Event><A>x\n  |" E1 },
	{ "other formats between", "plain\n" E1 "\n{\"a\":1}\n<34>Oct 1 x\n" E2 "\nend",
	  "plain|" E1 "|{\"a\":1}|<34>Oct 1 x|" E2 "|end" },
	{ "a tag between events is no root", E1 "\n<html>\n" E2 "\n<Events>" E1 "</Events>",
	  E1 "|<html>|" E2 "|" E1 },
	{ "other XML", "<html>\n<a/>\n</html>\n" E1, "<html>|<a/>|</html>|" E1 },
	{ "a document type", "<!DOCTYPE a [<!ENTITY b '>'>]>\n" E1 "\n" E2,
	  "<!DOCTYPE a [<!ENTITY b '>'>]>\n" E1 "|" E2 },
	{ "a document type, a root", "<?x?>\n<!DOCTYPE a>\n<Events>" E1 E2 "</Events>",
	  "<!DOCTYPE a>\n<Events>" E1 "|" E2 },
	{ "a byte order mark between files", E1 "\n\xef\xbb\xbf" E2 "\n\xef\xbb\xbf\n<Events>" E1,
	  E1 "|" E2 "|" E1 },
	{ "comments of another format", "a\n<!-- b -->\n<!-- c\n" E1, "a|<!-- b -->|<!-- c|" E1 },
	{ "a bomb", "<!DOCTYPE l [\n<!ENTITY a 'b'>\n]>\n<l>&a;</l>\n" E1,
	  "<!DOCTYPE l [\n<!ENTITY a 'b'>\n]>\n<l>&a;</l>|" E1 },
	{ "an open document type", "<!DOCTYPE l [\n<!ENTITY", "<!DOCTYPE l [\n<!ENTITY" },
	{ "EventData is no Event", "<EventData>x\n" E1, "<EventData>x|" E1 },
	{ "a long line",
	  "0123456789012345678901234567890123456789012345678901234567890123456789\n\n \nx\r\n",
	  "^0123456789012345678901234567890123456789012345678901234567890123|x\r" },
	{ "too long",
	  "<Event><A>0123456789012345678901234567890123456789012345678901234567890123456789"
	  "</A></Event>\n" E1,
	  "^<Event><A>012345678901234567890123456789012345678901234567890123|" E1 },
	{ "too long, without an end",
	  "<Event>01234567890123456789012345678901234567890123456789012345"
	  "67890123456789\n" E1,
	  "^<Event>012345678901234567890123456789012345678901234567890123456|" E1 },
	{ "too long, at a line end",
	  "<Event>01234567890123456789012345678901234567890123456789012345"
	  "\n" E1,
	  "<Event>01234567890123456789012345678901234567890123456789012345\n|" E1 },
};

#define MAX 64

static void put(struct buf *out, const char *mark, struct slice s)
{
	if (out->n > 0)
		buf_chr(out, '|');
	buf_str(out, mark);
	buf_slice(out, s);
}

/* With a buffer that grows by `step` bytes. */
static void split(struct slice in, size_t step, struct buf *out)
{
	struct records rc = { .max = MAX, .winxml = true };
	size_t from = 0, to = 0, used;
	struct record rec;

	while (from < in.n) {
		struct slice have = { in.p + from, to - from };

		used = have.n > 0 ? records_next(&rc, have, to == in.n, &rec) : 0;
		assert_true(used <= have.n);
		if (used == 0) {
			if (to == in.n)
				fail_msg("no progress at byte %zu", from);
			to = to + step < in.n ? to + step : in.n;
			continue;
		}
		if (rec.have)
			put(out, rec.cut ? "^" : "", rec.text);
		from += used;
	}
}

static void streams(void **state)
{
	static const size_t steps[] = { 1, 2, 7, 33, 4096 };
	struct buf out = { 0 };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
			buf_reset(&out);
			split(slice_str(rows[i].in), steps[k], &out);
			if (!slice_is(buf_view(&out), rows[i].out))
				fail_msg("%s, by %zu bytes: %s", rows[i].name, steps[k],
					 buf_cstr(&out));
		}
	}
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(streams) };

	return RUN_TESTS(tests);
}
