/* SPDX-License-Identifier: EUPL-1.2 */
/* common/normalise/normalise.h: one raw record in, one ECS event out. Never refuses: a record that
 * cannot be parsed comes out raw with event.kind: pipeline_error and error.message.
 * Pure: no clock, no files, no locale; what is not in the record comes through norm_source.
 * Thread: one normaliser a thread. */
#ifndef VARTIO_NORMALISE_NORMALISE_H
#define VARTIO_NORMALISE_NORMALISE_H

#include "common/event/event.h"

enum norm_format {
	NORM_AUTO,    /* recognised from the bytes */
	NORM_SYSLOG,  /* RFC 5424, RFC 3164 and its bends */
	NORM_RAW,     /* only message and what norm_source says */
	NORM_JOURNAL, /* one journal entry as the JSON object of journalctl -o json */
	NORM_JSON,    /* one JSON object, taken over by field name */
	NORM_WINXML,  /* one Windows event as XML */
	NORM_FORMATS
};

/* A Windows event came by a forwarder that has authenticated. What the event says of its computer
 * is believed only of that computer's own client, or of a relay. */
struct norm_forwarder {
	struct slice client;       /* its principal or its certificate's name */
	struct slice subscription; /* by which it sent */
	bool relay;                /* may forward other computers' events */
};

/* Whether computer, as an event names it, is the client's own. */
bool norm_is_own(struct slice computer, struct slice client);

#define NORM_NO_OFFSET UINT64_MAX
struct norm_source { /* what the record itself does not say; slices borrowed for the call's event */
	const char *input;   /* input.type as Filebeat names it: "log", "udp", "tcp", "unix",
				"journald" */
	struct slice path;   /* log.file.path; empty: none */
	uint64_t offset;     /* log.offset, bytes; with path; NORM_NO_OFFSET: not known */
	struct slice peer;   /* the sender's address, as text: log.source.address */
	int64_t received_ns; /* event.created, and @timestamp where the record has no time */
	int32_t zone_s;      /* seconds east of UTC for times that name no zone */
	struct slice host;   /* host.name where the record names none */
	bool local;          /* the record is this machine's own (file, journal, unix socket) */
	bool cut;            /* the record was cut at the input's limit: flagged in log.flags */
	bool recovered;      /* of a damaged part of its file: flagged in log.flags */
	bool keep_original;  /* write event.original */
	bool meaning;        /* also for a Winlogbeat document that has none: see winjson.h */
	const struct norm_forwarder *forwarder; /* NULL: none */
};

struct normaliser;
/* NULL: out of memory. */
struct normaliser *normaliser_new(void);
void normaliser_free(struct normaliser *nz);
/* Fills ev (event_init is done here, with mem). line is borrowed as long as ev lives; what ev
 * points to besides may be nz's own, and ends with the next call. */
void normalise(struct normaliser *nz, enum norm_format format, struct slice line,
	       const struct norm_source *src, struct arena *mem, struct event *ev);
/* The same for the JSON document that is mostly an event of ours already, without an event in
 * between: appends to out what event_write_json would write after normalise(), but for the order of
 * members and how strings are escaped. own: members of "agent" that replace agent.type and
 * agent.version, as JSON without braces; empty: none. false: out is as it was, and the line is for
 * normalise(). */
bool normalise_splice(struct normaliser *nz, enum norm_format format, struct slice line,
		      const struct norm_source *src, struct slice own, struct buf *out);
const char *norm_format_name(enum norm_format f); /* "auto", "syslog", ... */
int norm_format_by_name(const char *name, enum norm_format *ret, struct err *err); /* ERR_USAGE */

#endif
