/* SPDX-License-Identifier: EUPL-1.2 */
/* Syslog headers: RFC 5424, RFC 3164, and what is sent in their names. Lines are read as received
 * on 2026-11-23 at 08:00 UTC, by a machine two hours east, unless a row says otherwise. */
#include "tests/cmocka.h"

#include <stdio.h>

#include "common/base/time.h"
#include "common/normalise/syslog.h"

#define NOW "2026-11-23T08:00:00Z"

static const struct {
	const char *line;
	int pri;
	const char *time; /* NULL: none in the line */
	const char *host, *app, *procid, *msgid, *sd, *msg;
} lines[] = {
	/* RFC 5424 */
	{ "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - 'su root' failed", 34,
	  "2003-10-11T22:14:15.003Z", "mymachine.example.com", "su", "", "ID47", "",
	  "'su root' failed" },
	{ "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time", 165,
	  "2003-08-24T12:14:15.000003Z", "192.0.2.1", "myproc", "8710", "", "", "%% It's time" },
	{ "<0>1 - - - - - -", 0, NULL, "", "", "", "", "", "" },
	{ "<1>999 - - - - - - ", 1, NULL, "", "", "", "", "", "" },
	{ "<13>1 2026-11-23T07:59:59Z h a - - [x@1 k=\"v\"][y] \xef\xbb\xbfmoi", 13,
	  "2026-11-23T07:59:59.000Z", "h", "a", "", "", "[x@1 k=\"v\"][y]", "moi" },
	{ "<13>1 - h a - - [x k=\"a\\]b\\\"c\\\\\"] m", 13, NULL, "h", "a", "", "",
	  "[x k=\"a\\]b\\\"c\\\\\"]", "m" },
	{ "<13>1 - h a - - [x k=\"open[ed]\"] m", 13, NULL, "h", "a", "", "", "[x k=\"open[ed]\"]",
	  "m" },
	/* RFC 3164, with and without PRI */
	{ "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8", 34,
	  "2026-10-11T20:14:15.000Z", "mymachine", "su", "", "", "",
	  "'su root' failed for lonvick on /dev/pts/8" },
	{ "Nov  3 00:00:01 www sshd[123]: hello", -1, "2026-11-02T22:00:01.000Z", "www", "sshd",
	  "123", "", "", "hello" },
	{ "Nov 3 00:00:01 www sshd[123]: hello", -1, "2026-11-02T22:00:01.000Z", "www", "sshd",
	  "123", "", "", "hello" },
	{ "<13>Nov 23 10:00:00 app[7]: no host", 13, "2026-11-23T08:00:00.000Z", "", "app", "7", "",
	  "", "no host" },
	{ "Nov 23 10:00:00  sshd[8317]: last message repeated 2 times", -1,
	  "2026-11-23T08:00:00.000Z", "", "sshd", "8317", "", "", "last message repeated 2 times" },
	{ "Nov 23 10:00:00 last message repeated 2 times", -1, "2026-11-23T08:00:00.000Z", "", "",
	  "", "", "", "last message repeated 2 times" },
	{ "<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!", 13, "2026-02-05T15:32:18.000Z", "10.0.0.99",
	  "", "", "", "", "Use the BFG!" },
	{ "Nov 23 10:00:00.25 www app: x", -1, "2026-11-23T08:00:00.250Z", "www", "app", "", "", "",
	  "x" },
	{ "2026-11-23T10:00:00.123456+02:00 www app[1]: x", -1, "2026-11-23T08:00:00.123456Z",
	  "www", "app", "1", "", "", "x" },
	{ "<30>2026-11-23T10:00:00+0200 www app: x", 30, "2026-11-23T08:00:00.000Z", "www", "app",
	  "", "", "", "x" },
	{ "2026-11-23T10:00:00 www app: x", -1, "2026-11-23T08:00:00.000Z", "www", "app", "", "",
	  "", "x" },
	{ "2026-11-23 10:00:00,5 www app: x", -1, "2026-11-23T08:00:00.500Z", "www", "app", "", "",
	  "", "x" },
	{ "<190>Apr 15 2007 21:28:13: %PIX-6-302014: Teardown", 190, "2007-04-15T19:28:13.000Z", "",
	  "%PIX-6-302014", "", "", "", "Teardown" },
	/* A year that our times do not hold */
	{ "<190>Apr 15 6007 21:28:13: %PIX-6-302014: Teardown", 190, NULL, "", "%PIX-6-302014", "",
	  "", "", "Teardown" },
	{ "<190>Apr 31 6007 21:28:13: x", 190, NULL, "", "", "", "", "",
	  "Apr 31 6007 21:28:13: x" },
	{ "<13>Feb 29 0001 21:28:13 www app[1]: x", 13, NULL, "www", "app", "1", "", "", "x" },
	{ "9999-12-31T23:59:59Z www app[1]: x", -1, NULL, "www", "app", "1", "", "", "x" },
	{ "0001-01-01 00:00:00 www app[1]: x", -1, NULL, "www", "app", "1", "", "", "x" },
	{ "<13>1 9999-12-31T23:59:59.5+02:00 h a p i - m", 13, NULL, "h", "a", "p", "i", "", "m" },
	{ "<13>1 0001-01-01T00:00:00Z h a - - - m", 13, NULL, "h", "a", "", "", "", "m" },
	{ "<13>9999-13-31T23:59:59Z x", 13, NULL, "", "", "", "", "", "9999-13-31T23:59:59Z x" },
	{ "<13>Nov 23 08:00:00 UTC www app: x", 13, "2026-11-23T08:00:00.000Z", "www", "app", "",
	  "", "", "x" },
	{ "<13>NOV 23 10:00:00 www app: x", 13, "2026-11-23T08:00:00.000Z", "www", "app", "", "",
	  "", "x" },
	{ "Nov 23 10:00:00 [sshd] User root", -1, "2026-11-23T08:00:00.000Z", "", "sshd", "", "",
	  "", "User root" },
	{ "Nov 23 10:00:00 <auth.info> www sshd[1]: x", -1, "2026-11-23T08:00:00.000Z", "www",
	  "sshd", "1", "", "", "x" },
	{ "Nov 23 10:00:00 www sshd[1]: [ID 800047 auth.info] x", -1, "2026-11-23T08:00:00.000Z",
	  "www", "sshd", "1", "", "", "x" },
	{ "Nov 23 10:00:00 Message forwarded from aix1: sshd[1]: x", -1, "2026-11-23T08:00:00.000Z",
	  "aix1", "sshd", "1", "", "", "x" },
	{ "Nov 23 10:00:00 www postfix/smtpd[12]: x", -1, "2026-11-23T08:00:00.000Z", "www",
	  "postfix/smtpd", "12", "", "", "x" },
	{ "Nov 23 10:00:00 mac Google Chrome[85]: x", -1, "2026-11-23T08:00:00.000Z", "mac",
	  "Google Chrome", "85", "", "", "x" },
	{ "Nov 23 10:00:00 www tag:text", -1, "2026-11-23T08:00:00.000Z", "www", "tag", "", "", "",
	  "text" },
	{ "<13>app: text", 13, NULL, "", "app", "", "", "", "text" },
	{ "<13>some text", 13, NULL, "", "", "", "", "", "some text" },
	/* Not syslog: all is message. */
	{ "some text", -1, NULL, "", "", "", "", "", "some text" },
	{ "<192>text", -1, NULL, "", "", "", "", "", "<192>text" },
	{ "<01>text", -1, NULL, "", "", "", "", "", "<01>text" },
	{ "Nov 31 10:00:00 www app: x", -1, NULL, "", "", "", "", "",
	  "Nov 31 10:00:00 www app: x" },
	{ "Nov 23 24:00:00 www app: x", -1, NULL, "", "", "", "", "",
	  "Nov 23 24:00:00 www app: x" },
	{ "", -1, NULL, "", "", "", "", "", "" },
	{ "<", -1, NULL, "", "", "", "", "", "<" },
	{ "<1>", 1, NULL, "", "", "", "", "", "" },
};

static int64_t at(const char *text)
{
	int64_t t;

	assert_true(time_parse(slice_str(text), &t));
	return t;
}

static void headers(void **state)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const struct syslog_clock clock = { at(NOW), 7200 };
		struct slice line = slice_str(lines[i].line);
		char text[TIME_TEXT_MAX] = "";
		struct syslog h;

		syslog_parse(line, &clock, &h);
		assert_int_equal(h.pri, lines[i].pri);
		assert_int_equal(h.has_time, lines[i].time != NULL);
		if (h.has_time) {
			time_format(h.time_ns, text);
			assert_string_equal(text, lines[i].time);
		}
		assert_slice(h.host, lines[i].host);
		assert_slice(h.app, lines[i].app);
		assert_slice(h.procid, lines[i].procid);
		assert_slice(h.msgid, lines[i].msgid);
		assert_slice(h.sd, lines[i].sd);
		assert_slice(h.msg, lines[i].msg);
		assert_null(h.problem);
	}
}

/* Every line at every shorter length, where one byte more would be another allocation. */
static void cut_lines(void **state)
{
	const struct syslog_clock clock = { at(NOW), 7200 };

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		for (size_t n = 0; n < strlen(lines[i].line); n++) {
			char *copy = malloc(n > 0 ? n : 1);
			struct syslog h;

			assert_non_null(copy);
			memcpy(copy, lines[i].line, n);
			syslog_parse((struct slice){ copy, n }, &clock, &h);
			if (h.msg.n > 0)
				assert_true(h.msg.p >= copy && h.msg.p + h.msg.n <= copy + n);
			free(copy);
		}
	}
}

static const struct {
	const char *line, *problem;
	size_t at;
} broken[] = {
	{ "<34>1 yesterday h a - - - m", "bad timestamp", 17 },
	{ "<34>1 2003-10-11T22:14:15Z h a - - [x k=v] m", "bad structured data", 40 },
	{ "<34>1 - h a - - [x k=\"v\" m", "bad structured data", 27 },
	{ "<34>1 - h a - - [ x k=\"v\"] m", "bad structured data", 18 },
	{ "<34>1 - h a - - m", "structured data is missing", 17 },
	{ "<34>1 - h a - - -m", "no space before the message", 18 },
	{ "<34>1 - h a", "bad app-name", 12 },
	{ "<34>1 ", "bad timestamp", 7 },
};

static void broken_5424(void **state)
{
	const struct syslog_clock clock = { at(NOW), 0 };

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct syslog h;

		syslog_parse(slice_str(broken[i].line), &clock, &h);
		assert_non_null(h.problem);
		assert_string_equal(h.problem, broken[i].problem);
		assert_int_equal(h.problem_at, broken[i].at);
		assert_int_equal(h.pri, 34);
		assert_true(h.msg.n > 0); /* kept */
	}
}

/* A date without a year is the latest that is not in the future, give or take a day of skew. */
static const struct {
	const char *received;
	int32_t zone_s;
	const char *line, *time;
} years[] = {
	{ "2027-01-01T00:00:05Z", 0, "Dec 31 23:59:59 h a: x", "2026-12-31T23:59:59.000Z" },
	{ "2026-12-31T23:59:55Z", 0, "Jan  1 00:00:03 h a: x", "2027-01-01T00:00:03.000Z" },
	{ "2026-12-31T22:30:00Z", 7200, "Jan  1 00:30:00 h a: x", "2026-12-31T22:30:00.000Z" },
	{ "2027-01-01T01:00:00Z", -18000, "Dec 31 20:00:00 h a: x", "2027-01-01T01:00:00.000Z" },
	{ "2026-06-15T12:00:00Z", 0, "Jun 17 12:00:00 h a: x", "2025-06-17T12:00:00.000Z" },
	{ "2026-06-15T12:00:00Z", 0, "Jun 16 11:00:00 h a: x", "2026-06-16T11:00:00.000Z" },
	{ "2026-06-15T12:00:00Z", 0, "Feb 29 12:00:00 h a: x", "2024-02-29T12:00:00.000Z" },
	{ "2024-03-01T00:00:00Z", 0, "Feb 29 12:00:00 h a: x", "2024-02-29T12:00:00.000Z" },
};

static void year_less(void **state)
{
	for (size_t i = 0; i < sizeof(years) / sizeof(years[0]); i++) {
		const struct syslog_clock clock = { at(years[i].received), years[i].zone_s };
		char text[TIME_TEXT_MAX];
		struct syslog h;

		syslog_parse(slice_str(years[i].line), &clock, &h);
		assert_true(h.has_time && h.zone_assumed);
		time_format(h.time_ns, text);
		assert_string_equal(text, years[i].time);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers),
		cmocka_unit_test(cut_lines),
		cmocka_unit_test(broken_5424),
		cmocka_unit_test(year_less),
	};

	return RUN_TESTS(tests);
}
