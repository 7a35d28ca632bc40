/* SPDX-License-Identifier: EUPL-1.2 */
/* syslog_time: the times that syslog lines begin with. */
#include "common/base/time.h"
#include "common/normalise/syslog.h"

#define YEAR_MAX  2260 /* nanoseconds since 1970 end in 2262 */
#define LEAP_YEAR 2000 /* stands for a year that we cannot hold, while the rest is looked at */
#define SKEW_NS   (24 * 3600 * NS_PER_SEC) /* a clock that runs ahead by less is believed */

static bool digit(struct slice s, size_t i)
{
	return i < s.n && s.p[i] >= '0' && s.p[i] <= '9';
}

/* n digits at i as a number, or -1. */
static int digits(struct slice s, size_t i, unsigned n)
{
	int v = 0;

	for (; n > 0; n--, i++) {
		if (!digit(s, i))
			return -1;
		v = v * 10 + (s.p[i] - '0');
	}
	return v;
}

/* 1..12 of the three letters at i, in any case; 0: no month. */
static unsigned month_at(struct slice s, size_t i)
{
	static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";

	if (i + 3 > s.n)
		return 0;
	for (unsigned m = 0; m < 12; m++)
		if ((s.p[i] | 0x20) == names[3 * m] && (s.p[i + 1] | 0x20) == names[3 * m + 1] &&
		    (s.p[i + 2] | 0x20) == names[3 * m + 2])
			return m + 1;
	return 0;
}

static bool day_exists(int64_t year, unsigned month, unsigned day)
{
	static const unsigned char len[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return day >= 1 && day <= len[month - 1] + (month == 2 && leap ? 1u : 0u);
}

/* "hh:mm:ss" at *i as seconds of the day, with a fraction after '.' or ','. */
static bool clock_at(struct slice s, size_t *i, int64_t *ret_ns)
{
	int h = digits(s, *i, 2), m, sec;
	int64_t frac = 0, scale = NS_PER_SEC / 10;

	if (*i + 8 > s.n || s.p[*i + 2] != ':' || s.p[*i + 5] != ':')
		return false;
	m = digits(s, *i + 3, 2);
	sec = digits(s, *i + 6, 2);
	if (h < 0 || h > 23 || m < 0 || m > 59 || sec < 0 || sec > 60)
		return false;
	*i += 8;
	if (*i < s.n && (s.p[*i] == '.' || s.p[*i] == ',')) {
		for (++*i; digit(s, *i); ++*i) {
			frac += (s.p[*i] - '0') * scale;
			scale /= 10;
		}
	}
	*ret_ns = ((int64_t)h * 3600 + m * 60 + sec) * NS_PER_SEC + frac;
	return true;
}

/* The year of the received time, where the line was written. */
static int64_t year_of(int64_t t_ns)
{
	int64_t days = t_ns / (86400 * NS_PER_SEC), year = 1970 + days / 366;

	while (time_days(year + 1, 1, 1) <= days)
		year++;
	return year;
}

/* A date without a year: the latest that is not in the future. Around New Year that is last year's
 * December, or already next year's January on a host whose clock runs ahead. */
static bool year_guess(unsigned month, unsigned day, int64_t of_day_ns,
		       const struct syslog_clock *clock, int64_t *ret_ns)
{
	int64_t local = clock->received_ns + clock->zone_s * NS_PER_SEC;
	int64_t year = year_of(local) + 1;

	for (int64_t back = 0; back < 9; back++, year--) { /* a leap day may be 8 years ago */
		int64_t t;

		if (!day_exists(year, month, day))
			continue;
		t = time_days(year, month, day) * 86400 * NS_PER_SEC + of_day_ns;
		if (t <= local + SKEW_NS) {
			*ret_ns = t - clock->zone_s * NS_PER_SEC;
			return true;
		}
	}
	return false;
}

/* RFC 3164 and its kin: "Mmm dd hh:mm:ss", "Mmm d ...", "Mmm dd yyyy hh:mm:ss", with a fraction,
 * with "Z" or " UTC" after it (network devices). */
static size_t time_bsd(struct slice s, const struct syslog_clock *clock, struct syslog *ret)
{
	unsigned month = month_at(s, 0), day;
	int64_t of_day, year = 0;
	bool utc = false, beyond = false;
	size_t i = 3;

	if (month == 0 || i >= s.n || s.p[i] != ' ')
		return 0;
	while (i < s.n && s.p[i] == ' ' && i < 6)
		i++;
	if (!digit(s, i))
		return 0;
	day = (unsigned)(s.p[i++] - '0');
	if (digit(s, i))
		day = day * 10 + (unsigned)(s.p[i++] - '0');
	if (i >= s.n || s.p[i++] != ' ')
		return 0;
	if (digits(s, i, 4) >= 0 && i + 4 < s.n && s.p[i + 4] == ' ') {
		year = digits(s, i, 4);
		beyond = year < 1970 || year > YEAR_MAX;
		i += 5;
	}
	if (!clock_at(s, &i, &of_day))
		return 0;
	if (slice_starts(slice_from(s, i), SLICE("Z"))) {
		utc = true;
		i++;
	} else if (slice_starts(slice_from(s, i), SLICE(" UTC")) &&
		   (i + 4 == s.n || s.p[i + 4] == ' ' || s.p[i + 4] == ':')) {
		utc = true;
		i += 4;
	}
	if (beyond) {
		if (!day_exists(LEAP_YEAR, month, day))
			return 0;
		ret->year_beyond = true;
		return i;
	}
	if (year == 0) {
		struct syslog_clock at = { clock->received_ns, utc ? 0 : clock->zone_s };

		if (!year_guess(month, day, of_day, &at, &ret->time_ns))
			return 0;
	} else {
		if (!day_exists(year, month, day))
			return 0;
		ret->time_ns = time_days(year, month, day) * 86400 * NS_PER_SEC + of_day -
			       (utc ? 0 : clock->zone_s * NS_PER_SEC);
	}
	ret->zone_assumed = !utc;
	return i;
}

bool syslog_year_beyond(struct slice s)
{
	char text[64];
	int64_t t;

	if (s.n < 20 || s.n > sizeof(text) || digits(s, 0, 4) < 0 || time_parse(s, &t))
		return false;
	memcpy(text, s.p, s.n);
	memcpy(text, "2000", 4);
	return time_parse((struct slice){ text, s.n }, &t);
}

/* A whole time of RFC 3339, as nearly all lines have it. 0: it is none, or past YEAR_MAX. */
static size_t time_whole(struct slice s, struct syslog *ret)
{
	const char *space = s.n > 20 ? memchr(s.p + 20, ' ', s.n - 20) : NULL;
	size_t end = space != NULL ? (size_t)(space - s.p) : s.n;

	if (s.n < 20 || digits(s, 0, 4) > YEAR_MAX ||
	    !time_parse((struct slice){ s.p, end }, &ret->time_ns))
		return 0;
	ret->zone_assumed = false;
	return end;
}

/* RFC 3339, and ISO 8601 without a zone or with a space before the clock. */
static size_t time_iso(struct slice s, const struct syslog_clock *clock, struct syslog *ret)
{
	int y = digits(s, 0, 4), known = y >= 1678 && y <= YEAR_MAX ? y : LEAP_YEAR,
	    mo = digits(s, 5, 2), d = digits(s, 8, 2);
	int64_t of_day;
	size_t i = 11, end;

	if (y < 0 || mo < 1 || mo > 12 || d < 0 || s.n < 19 || s.p[4] != '-' || s.p[7] != '-' ||
	    (s.p[10] != 'T' && s.p[10] != ' ' && s.p[10] != 't') ||
	    !day_exists(known, (unsigned)mo, (unsigned)d) || !clock_at(s, &i, &of_day))
		return 0;
	for (end = i; end < s.n && s.p[end] != ' '; end++)
		if (end - i > 6)
			return 0;
	if (known != y && (end == i || syslog_year_beyond((struct slice){ s.p, end }))) {
		ret->year_beyond = true;
		return end;
	}
	if (end > i && time_parse((struct slice){ s.p, end }, &ret->time_ns)) {
		ret->zone_assumed = false;
		return end;
	}
	if (known != y || (end > i && !(end == i + 1 && s.p[i] == ':')))
		return 0;
	ret->time_ns = time_days(y, (unsigned)mo, (unsigned)d) * 86400 * NS_PER_SEC + of_day -
		       clock->zone_s * NS_PER_SEC;
	ret->zone_assumed = true;
	return i;
}

size_t syslog_time(struct slice s, const struct syslog_clock *clock, struct syslog *ret)
{
	size_t used;

	if (s.n < 14)
		return 0;
	if (s.p[0] < '0' || s.p[0] > '9')
		return time_bsd(s, clock, ret);
	used = time_whole(s, ret);
	return used > 0 ? used : time_iso(s, clock, ret);
}
