/* SPDX-License-Identifier: EUPL-1.2 */
/* common/normalise/snare.h: a Windows event as Snare and what imitates it send it by syslog: fields
 * between tabs behind the word MSWinEventLog, the last of them the event's message as Windows
 * rendered it. Tabs may have become "#011", or blanks. The message is text of the machine's
 * language; what its lines "Name: value" say is read where they are English, and is worth what text
 * is worth: a name that an attacker chose may look like another line.
 * Split in two: snare.c finds the fields, snare_text.c reads the message. */
#ifndef VARTIO_NORMALISE_SNARE_H
#define VARTIO_NORMALISE_SNARE_H

#include "common/event/event.h"

#define SNARE_MARK  "MSWinEventLog"
#define SNARE_PARTS 10u /* of a record, before the message */

struct snare { /* empty: absent, or "N/A" */
	struct slice relay, criticality, log, counter, date, id, source, user, sid_type, type;
	struct slice computer, category, message, log_counter;
	struct slice text; /* of message, what is to be read */
};

/* The record in a syslog message. marked: the mark stood in the header. false, *ret untouched:
 * there is none. */
bool snare_parse(struct slice msg, bool marked, struct arena *mem, struct snare *ret);

/* snare_text.c: winlog.event_data.* of what the message says. */
void snare_text(const struct snare *sn, struct event *ev);

#endif
