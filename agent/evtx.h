/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/evtx.h: the records of an EVTX file (a Windows event log), each as XML, for
 * `vartio-agent normalise`. libevtx reads it, and a log from an incident may be made to harm its
 * reader: so it does that in a child process that holds the file in memory, has given up all system
 * calls but those for memory and its pipe, and is ended when a record takes two minutes.
 * evtx.c is the parent's side, evtx_child.c the child's.
 * Format: Windows's own; libevtx's documentation describes it. */
#ifndef VARTIO_AGENT_EVTX_H
#define VARTIO_AGENT_EVTX_H

#include "common/base/buf.h"

#define EVTX_RECORD_MAX                                                                            \
	(4u * 1024 * 1024) /* bytes of XML; Windows's own limit is 64 KiB of binary */

struct evtx_record {
	struct slice xml; /* lent for the call */
	bool recovered;   /* found in a damaged part */
};
/* Whether fd's file begins as one does. Moves nothing; false for what cannot be read at a place. */
bool evtx_is(int fd);
/* Gives every record that can be read, in the file's order, those of damaged parts last.
 * each: -1 ends it. 0: all records. -1: *err tells what is wrong with the file or the reading of
 * it; what was given stands. ERR_ABSENT: no library; ERR_SYNTAX: damaged; ERR_IO; ERR_NOMEM. -2:
 * each ended it. */
int evtx_read(int fd, int (*each)(void *arg, const struct evtx_record *rec), void *arg,
	      struct err *err);

/* evtx_child.c. What the child writes, then bytes of text: */
struct evtx_frame {
	uint64_t number; /* the record's EventRecordID, as its head says */
	uint32_t bytes;
	uint32_t kind;
};
enum evtx_kind {
	EVTX_WHOLE,
	EVTX_RECOVERED,
	EVTX_UNREADABLE, /* a record; its text says why */
	EVTX_FAILED,     /* the file; its text says why; nothing follows */
	EVTX_DAMAGED,    /* the end: something in it is damaged */
	EVTX_GOOD,       /* the end: all is whole */
};
/* evtx_text.c: a record's XML as Windows writes it. old: of libevtx 20181227. */
void evtx_mend(struct buf *xml, bool old);
/* Loads the library. Before the fork: the message is the parent's. */
int evtx_load(struct err *err);
/* Reads the file and writes frames to out; never returns. */
_Noreturn void evtx_child(int fd, int out);

#endif
