/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/wef/soap.h: a message of a Windows event forwarder, read.
 * Elements are known by namespace and name, never by prefix; text is trimmed. A document type is
 * refused, so there are no entities but XML's own; depth, elements and bytes are bounded; expat
 * does not recurse.
 * Standards: SOAP 1.2, DSP0226 5 (addressing), 8 (enumeration), 10 (eventing), MS-WSMV 2.2.4. */
#ifndef VARTIO_WEF_SOAP_H
#define VARTIO_WEF_SOAP_H

#include "common/base/buf.h"

#define SOAP_DEPTH_MAX    64u
#define SOAP_ELEMENTS_MAX 65536u /* a batch of the largest envelope has some 2,000 */

enum soap_action {
	SOAP_UNKNOWN,
	SOAP_ENUMERATE,
	SOAP_EVENTS,
	SOAP_DROPPED, /* w:DroppedEvents as a message of its own (DSP0226 10.2.7) */
	SOAP_HEARTBEAT,
	SOAP_SUBSCRIPTION_END,
	SOAP_END
};

/* What was read; slices live until the next soap_read. Absent: empty. */
struct soap_msg {
	enum soap_action action;
	struct slice action_uri;
	struct slice message_id; /* as it stands, untrimmed: RelatesTo says it byte for byte */
	struct slice to, reply_to;
	struct slice machine_id;     /* the client's DNS name, as it says itself */
	struct slice identifier;     /* of the subscription: the reference block that we gave */
	struct slice version;        /* of the subscription, as the client runs it */
	struct slice bookmark;       /* the XML of w:Bookmark's first child, verbatim */
	struct slice dropped;        /* how many events, of SOAP_DROPPED */
	struct slice status, reason; /* of SubscriptionEnd */
	struct slice max_envelope;   /* w:MaxEnvelopeSize */
	bool ack_requested;
	const struct slice *events; /* each the XML of one event */
	size_t n_events;
};

struct soap;
struct soap *soap_new(void); /* NULL: out of memory */
void soap_free(struct soap *sp);
/* xml: UTF-8, as wef_text_read gives it; borrowed until the next call. ERR_SYNTAX: not well-formed,
 * no SOAP 1.2 envelope, no Action, a document type; ERR_FULL: a bound; ERR_NOMEM. */
int soap_read(struct soap *sp, struct slice xml, struct soap_msg *ret, struct err *err);

#endif
