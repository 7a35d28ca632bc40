/* SPDX-License-Identifier: EUPL-1.2 */
/* common/normalise/inside.h: what the formats share inside normalise(). One file a format. */
#ifndef VARTIO_NORMALISE_INSIDE_H
#define VARTIO_NORMALISE_INSIDE_H

#include "common/event/json.h"
#include "common/normalise/match.h"
#include "common/normalise/normalise.h"
#include "common/normalise/syslog.h"
#include "common/normalise/winxml.h"

struct normaliser {
	struct matcher *matcher;
	struct json_index json; /* NORM_JOURNAL, NORM_JSON; reused */
	struct winxml *winxml;  /* made by the first Windows event */
};

/* normalise_syslog.c. Sets fields from the header and, by program, from the message. */
void format_syslog(struct normaliser *nz, struct slice line, const struct norm_source *src,
		   struct event *ev);
bool looks_like_syslog(struct slice line);
/* Writes what a header told. */
void syslog_fields(struct normaliser *nz, const struct syslog *h, const struct norm_source *src,
		   struct event *ev);
/* The message of a program: message, and what the parsers know of it. */
void program_message(struct normaliser *nz, struct slice program, struct slice msg,
		     struct event *ev);
void syslog_pri_fields(unsigned pri, struct event *ev);

/* normalise_journal.c, normalise_json.c. false, ev untouched: not what the format says; *err tells.
 */
bool format_journal(struct normaliser *nz, struct slice line, const struct norm_source *src,
		    struct event *ev, struct err *err);
bool format_json(struct normaliser *nz, struct slice line, const struct norm_source *src,
		 struct event *ev, struct err *err);

/* message is all that is known; kind: pipeline_error where why is given. */
void format_raw(struct slice line, const char *why, struct event *ev);

#endif
