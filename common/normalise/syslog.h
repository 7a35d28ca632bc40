/* SPDX-License-Identifier: EUPL-1.2 */
/* common/normalise/syslog.h: the header of a syslog line, and its structured data.
 * Standards: RFC 5424 section 6, RFC 3164 section 4 and what is really sent in its name: no PRI (a
 * file), ISO dates, a year, fractions, no host, "program[pid]" with or without a colon.
 * Pure; slices point into the line. */
#ifndef VARTIO_NORMALISE_SYSLOG_H
#define VARTIO_NORMALISE_SYSLOG_H

#include "common/event/event.h"

struct syslog_clock { /* what a line's time may leave unsaid */
	int64_t received_ns;
	int32_t zone_s; /* east of UTC */
};

struct syslog {
	int pri;          /* 0..191; -1: none */
	unsigned version; /* RFC 5424's VERSION; 0: not that format */
	bool has_time;
	bool zone_assumed; /* the line named no zone */
	bool year_beyond;  /* its year is past what our times hold: read, but no time; !has_time */
	int64_t time_ns;
	struct slice host, app, procid, msgid; /* empty: absent, or "-" */
	struct slice sd;                       /* STRUCTURED-DATA as it stands, without "-" */
	struct slice msg;
	const char *problem; /* why it is no RFC 5424 line though it begins as one; NULL */
	size_t problem_at;   /* byte of the line, from 1 */
};

/* Fills *ret from a line of either format. Never fails: what is not there stays empty, and all that
 * is not header is msg. has_time and pri tell whether it looked like syslog at all. */
void syslog_parse(struct slice line, const struct syslog_clock *clock, struct syslog *ret);
/* RFC 5424 alone: false, with problem and problem_at set, where the line is not exactly that. */
bool syslog_parse_5424(struct slice line, struct syslog *ret);
/* Adds log.syslog.structured_data.<id>.<name>. sd is valid, as syslog_parse gave it. */
void syslog_sd_fields(struct slice sd, struct event *ev);
/* s is a whole time of RFC 3339 but for its year, which our times do not hold. */
bool syslog_year_beyond(struct slice s);
/* A time at the beginning of s, in any form we know. Bytes used; 0: none. With year_beyond set it
 * was read, and gives no time. */
size_t syslog_time(struct slice s, const struct syslog_clock *clock, struct syslog *ret);

struct slice syslog_facility_name(unsigned code); /* "auth"; empty past 23 */
struct slice syslog_severity_name(unsigned code); /* "Error", as Beats write it; empty past 7 */

#endif
