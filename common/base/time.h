/* SPDX-License-Identifier: EUPL-1.2 */
/* common/base/time.h: times are int64_t nanoseconds since 1970 UTC, named *_ns.
 * Code that decides by time takes now_ns as an argument, so that tests own the clock. */
#ifndef VARTIO_BASE_TIME_H
#define VARTIO_BASE_TIME_H

#include <time.h>

#include "common/base/slice.h"

#define NS_PER_MS     INT64_C(1000000)
#define NS_PER_SEC    INT64_C(1000000000)
#define TIME_TEXT_MAX 40 /* room for any text that time_format writes, with its NUL */

/* A time of the system as one of ours; one before 1678 or after 2261 wraps. */
static inline int64_t time_ns_of(const struct timespec *ts)
{
	return (int64_t)((uint64_t)ts->tv_sec * NS_PER_SEC + (uint64_t)ts->tv_nsec);
}
int64_t time_now_ns(void);  /* the wall clock */
int64_t time_mono_ns(void); /* for durations only */

/* RFC 3339, UTC, always nine-digit-free: "2026-11-23T08:00:00.123Z" (milliseconds), or with
 * microseconds/nanoseconds where the value has them. Returns the length. */
size_t time_format(int64_t t_ns, char out[TIME_TEXT_MAX]);
/* RFC 3339 section 5.6 (also a space for T, lower-case t and z, offsets +0200, fractions by comma;
 * a leap second counts as the next second). Whole slice or false. Years 1678 to 2261. */
bool time_parse(struct slice s, int64_t *ret_ns);
/* What is written, whatever zone it is of: a date, alone or with a time as time_parse takes it, but
 * with or without a zone. Years 0 to 9999. */
struct time_written {
	int year, month, day;
	int hour, minute, second; /* -1: only a date */
};
bool time_read_written(struct slice s, struct time_written *ret);
/* Days since 1970-01-01 of a proleptic Gregorian date; month from 1. */
int64_t time_days(int64_t year, unsigned month, unsigned day);

#endif
