/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/base/time.h"

#include <time.h>

#include "common/base/digits.h"

int64_t time_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return time_ns_of(&ts);
}

int64_t time_mono_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return time_ns_of(&ts);
}

int64_t time_days(int64_t year, unsigned month, unsigned day)
{
	/* Count from March, so that the leap day is the year's last; 400 years are 146,097 days. */
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

struct date {
	int64_t year;
	unsigned month, day;
};

/* time_days the other way. gmtime_r does more, takes a lock, and is called twice an event. */
static struct date date_of(int64_t days)
{
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	unsigned month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);

	return (struct date){ .year = yoe + era * 400 + (month <= 2),
			      .month = month,
			      .day = (unsigned)(doy - (153 * mp + 2) / 5 + 1) };
}

#define SECONDS_TEXT 20u /* "2026-11-23T08:00:00." */

static void seconds_format(int64_t sec, char out[SECONDS_TEXT])
{
	unsigned of_day = (unsigned)((sec % 86400 + 86400) % 86400);
	struct date d = date_of((sec - of_day) / 86400);

	digits_two(out, (unsigned)(d.year / 100 % 100));
	digits_two(out + 2, (unsigned)(d.year % 100));
	out[4] = '-';
	digits_two(out + 5, d.month);
	out[7] = '-';
	digits_two(out + 8, d.day);
	out[10] = 'T';
	digits_two(out + 11, of_day / 3600);
	out[13] = ':';
	digits_two(out + 14, of_day / 60 % 60);
	out[16] = ':';
	digits_two(out + 17, of_day % 60);
	out[19] = '.';
}

size_t time_format(int64_t t_ns, char out[TIME_TEXT_MAX])
{
	/* Events come in order of time, so most have a second of the one before; but each has the
	 * time when it was read as well, which in a backlog is far from its own. */
	static _Thread_local struct second {
		int64_t sec;
		char text[SECONDS_TEXT];
	} kept[8];
	int64_t sec = t_ns / NS_PER_SEC, frac = t_ns % NS_PER_SEC;
	struct second *k;
	unsigned digits = 3, ns;

	if (frac < 0) {
		frac += NS_PER_SEC;
		sec--;
	}
	k = &kept[sec & 7];
	if (sec != k->sec || k->text[0] == '\0') {
		seconds_format(sec, k->text);
		k->sec = sec;
	}
	memcpy(out, k->text, sizeof(k->text));
	ns = (unsigned)frac;
	/* All nine, and then as many of them as are told. */
	out[20] = (char)('0' + ns / 100000000);
	digits_two(out + 21, ns / 1000000 % 100);
	digits_two(out + 23, ns / 10000 % 100);
	digits_two(out + 25, ns / 100 % 100);
	digits_two(out + 27, ns % 100);
	if (ns % 1000 != 0)
		digits = 9;
	else if (ns % NS_PER_MS != 0)
		digits = 6;
	out[20 + digits] = 'Z';
	out[21 + digits] = '\0';
	return 21 + digits;
}

/* Two digits at p, or -1. */
static inline int two_at(const char *p)
{
	unsigned high = (unsigned)(unsigned char)p[0] - '0',
		 low = (unsigned)(unsigned char)p[1] - '0';

	return high > 9 || low > 9 ? -1 : (int)(high * 10 + low);
}

static inline int four_at(const char *p)
{
	int high = two_at(p), low = two_at(p + 2);

	return high < 0 || low < 0 ? -1 : high * 100 + low;
}

static bool date_ok(int y, int mo, int d)
{
	static const unsigned char len[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

	return y >= 0 && mo >= 1 && mo <= 12 && d >= 1 &&
	       d <= len[mo - 1] + (mo == 2 && leap ? 1 : 0);
}

/* The zone at s: "Z", "+02:00", "+0200". Seconds east of UTC in *ret. */
static bool zone_parse(struct slice s, int64_t *ret)
{
	int h, m;

	if (s.n == 1 && (s.p[0] == 'Z' || s.p[0] == 'z')) {
		*ret = 0;
		return true;
	}
	if ((s.n != 6 && s.n != 5) || (s.p[0] != '+' && s.p[0] != '-') ||
	    (s.n == 6 && s.p[3] != ':'))
		return false;
	h = two_at(s.p + 1);
	m = two_at(s.p + s.n - 2);
	if (h < 0 || h > 23 || m < 0 || m > 59)
		return false;
	*ret = (s.p[0] == '-' ? -1 : 1) * (h * 3600 + m * 60);
	return true;
}

/* A date, alone or with a time; what is behind the seconds goes to *ret_rest. */
static bool written(struct slice s, struct time_written *ret, struct slice *ret_rest)
{
	struct time_written w = { .hour = -1, .minute = -1, .second = -1 };

	if (s.n < 10 || s.p[4] != '-' || s.p[7] != '-')
		return false;
	w.year = four_at(s.p);
	w.month = two_at(s.p + 5);
	w.day = two_at(s.p + 8);
	if (!date_ok(w.year, w.month, w.day))
		return false;
	*ret_rest = (struct slice){ "", 0 };
	if (s.n > 10) {
		if (s.n < 19 || (s.p[10] != 'T' && s.p[10] != 't' && s.p[10] != ' ') ||
		    s.p[13] != ':' || s.p[16] != ':')
			return false;
		w.hour = two_at(s.p + 11);
		w.minute = two_at(s.p + 14);
		w.second = two_at(s.p + 17);
		if (w.hour < 0 || w.hour > 23 || w.minute < 0 || w.minute > 59 || w.second < 0 ||
		    w.second > 60)
			return false;
		*ret_rest = slice_from(s, 19);
	}
	*ret = w;
	return true;
}

/* The fraction at *s, in nanoseconds, if there is one; *s moves behind it. */
static bool fraction(struct slice *s, int64_t *ret)
{
	static const int64_t scale[] = { 1000000000, 100000000, 10000000, 1000000, 100000,
					 10000,      1000,      100,      10,      1 };
	int64_t v = 0;
	size_t i = 1, kept;

	*ret = 0;
	if (s->n == 0 || (s->p[0] != '.' && s->p[0] != ','))
		return true;
	for (; i < s->n && i < 10 && s->p[i] >= '0' && s->p[i] <= '9'; i++)
		v = v * 10 + (s->p[i] - '0');
	kept = i - 1;
	while (i < s->n && s->p[i] >= '0' &&
	       s->p[i] <= '9') /* past nanoseconds they weigh nothing */
		i++;
	*ret = v * scale[kept];
	*s = slice_from(*s, i);
	return kept > 0;
}

bool time_read_written(struct slice s, struct time_written *ret)
{
	struct time_written w;
	struct slice rest;
	int64_t unused;

	if (!written(s, &w, &rest) || !fraction(&rest, &unused) ||
	    (rest.n > 0 && !zone_parse(rest, &unused)))
		return false;
	*ret = w;
	return true;
}

bool time_parse(struct slice s, int64_t *ret_ns)
{
	struct time_written w;
	int64_t frac, zone;

	if (!written(s, &w, &s) || w.hour < 0 || w.year < 1678 || w.year > 2261 ||
	    !fraction(&s, &frac) || !zone_parse(s, &zone))
		return false;
	*ret_ns = ((time_days(w.year, (unsigned)w.month, (unsigned)w.day) * 24 + w.hour) * 3600 +
		   w.minute * 60 + w.second - zone) *
			  NS_PER_SEC +
		  frac;
	return true;
}
