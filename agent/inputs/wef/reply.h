/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/wef/reply.h: what is said to a Windows event forwarder, as SOAP text in UTF-8
 * (wef_text_write makes UTF-16 of it). p:OperationID is not given back, since that would offer
 * robust connections, which are not kept here.
 * Standards: DSP0226 5, 8, 10; MS-WSMV 3.1.4.1.30, 3.1.4.8. */
#ifndef VARTIO_WEF_REPLY_H
#define VARTIO_WEF_REPLY_H

#include "agent/inputs/wef/soap.h"
#include "agent/inputs/wef/subscription.h"

#define WEF_ENVELOPE_BYTES 512000u /* what clients take at most; UTF-16 */
#define WEF_EARLIEST       "http://schemas.dmtf.org/wbem/wsman/1/wsman/bookmark/earliest"

struct wef_address { /* how a client reaches us */
	bool https;
	struct slice host;
	uint16_t port;
	char issuer[WEF_THUMBPRINT_LEN + 1]; /* https: SHA-1 of the authority that signed its
						certificate, upper-case hex */
};
struct wef_offer {
	const struct wef_subscription *sub;
	struct slice bookmark; /* the XML that the client sent last; empty: none */
};

void wef_reply_ack(struct buf *out, const struct soap_msg *to);
/* EnumerateResponse with n offers (0: none is allowed) and EndOfSequence. */
void wef_reply_enumerate(struct buf *out, const struct soap_msg *to, const struct wef_address *at,
			 const struct wef_offer *offers, size_t n);

#endif
