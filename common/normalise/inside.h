/* SPDX-License-Identifier: EUPL-1.2 */
/* common/normalise/inside.h: what the formats share inside normalise(). One file a format. */
#ifndef VARTIO_NORMALISE_INSIDE_H
#define VARTIO_NORMALISE_INSIDE_H

#include "common/event/json.h"
#include "common/normalise/match.h"
#include "common/normalise/normalise.h"
#include "common/normalise/snare.h"
#include "common/normalise/syslog.h"
#include "common/normalise/winecs.h"
#include "common/normalise/winxml.h"

#define SHAPES 64u
/* By this an object of the journal's is told from other JSON. */
#define NORM_JOURNAL_MARK "\"__REALTIME_TIMESTAMP\""

/* What NORM_JSON learned of the names in json.names, for as long as their epoch lasts. */
struct json_known {
	uint64_t epoch;
	uint16_t *id; /* by name: 1 + enum ecs; 0: not asked yet */
	uint32_t n_id;
	/* Events of the same kind have the same fields one after another, so they are put in order
	 * once: names as they came, then their places in order. */
	struct shape {
		uint32_t n;
		uint32_t *names;
	} shapes[SHAPES];
};

/* What normalise_splice() learned of the keys in json.names. */
struct splice_known {
	uint64_t epoch;
	struct splice_key {
		uint64_t event; /* the last event that had it */
		uint8_t what, ours;
	} * v;
	uint32_t n;
};

struct normaliser {
	struct matcher *matcher;
	struct json_index json; /* NORM_JOURNAL, NORM_JSON; reused */
	struct json_known known;
	struct splice_known spliced;
	struct winxml *winxml; /* made by the first Windows event */
	struct buf scratch;    /* winecs_map's */
};

/* normalise_syslog.c. Sets fields from the header and, by program, from the message. false, ev
 * untouched: it does not look like syslog, and nobody (sure) said that it is. */
bool format_syslog(struct normaliser *nz, struct slice line, const struct norm_source *src,
		   bool sure, struct event *ev);
/* The message of a program: message, and what the parsers know of it. */
void program_message(struct normaliser *nz, struct slice program, struct slice msg,
		     struct event *ev);
void syslog_pri_fields(unsigned pri, struct event *ev);
/* event.timezone: the zone that was assumed, "+02:00". */
void syslog_zone_field(int32_t zone_s, struct event *ev);

/* normalise_journal.c, normalise_json.c. false, ev untouched: not what the format says; *err tells.
 */
bool format_journal(struct normaliser *nz, struct slice line, const struct norm_source *src,
		    struct event *ev, struct err *err);
bool format_json(struct normaliser *nz, struct slice line, const struct norm_source *src,
		 struct event *ev, struct err *err);

void json_known_release(struct json_known *k);

/* nxlog.c. Is what nz->json holds a Windows event of NXLog's? Sets its fields. */
bool nxlog_is(const struct json_index *ix);
void nxlog_fields(struct normaliser *nz, const struct norm_source *src, struct event *ev);

/* snare.c */
void snare_fields(struct normaliser *nz, const struct snare *sn, const struct norm_source *src,
		  struct event *ev);

/* splice.c. text: without blanks around it. Else as normalise_splice(). */
bool splice_document(struct normaliser *nz, struct slice text, const struct norm_source *src,
		     struct slice own, struct buf *out);
void splice_known_release(struct splice_known *k);

/* forwarded.c: who sent a Windows event. false: the event says that it is another computer's, which
 * the client may not say. */
#define FORWARDED_MISMATCH "computer_mismatch" /* in log.flags */
bool forwarded(const struct norm_forwarder *from, struct event *ev);
void forwarded_fields(const struct norm_forwarder *from, struct event *ev);

/* normalise.c */
void normaliser_release(struct normaliser *nz); /* what it holds */
void related_fields(struct event *ev);          /* related.* of what is set */
/* message is all that is known; kind: pipeline_error where why is given. */
void format_raw(struct slice line, const char *why, struct event *ev);

#endif
