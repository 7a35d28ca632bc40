/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/wef/http.h: the requests that a Windows event forwarder sends, and no others: POST,
 * Content-Length, keep-alive. Everything a client could want besides is refused, so that there is
 * nothing to be smuggled in.
 * Standards: RFC 9110 (semantics), RFC 9112 (HTTP/1.1): 3 request line, 5 fields, 6.3 length.
 * Pure: no copying; slices point into the bytes given. */
#ifndef VARTIO_WEF_HTTP_H
#define VARTIO_WEF_HTTP_H

#include "common/base/buf.h"

#define HTTP_HEAD_MAX 65536u /* a Kerberos ticket with a large PAC takes more than 12 KiB of it */

enum http_encoding { HTTP_PLAIN, HTTP_SLDC };

struct http_head {
	struct slice path;          /* the request's target */
	struct slice content_type;  /* trimmed; empty: none */
	struct slice authorization; /* trimmed; empty: none */
	struct slice host;          /* the Host field */
	enum http_encoding encoding;
	size_t length;    /* of the body */
	bool close;       /* "Connection: close" */
	bool expects;     /* "Expect: 100-continue" */
	unsigned refused; /* 0, or the status that answers this request; the connection then ends */
	const char *why;  /* refused: in plain words */
};

/* The head of the request that in begins with. Bytes of it, blank line included; 0: wait for more
 * (never beyond HTTP_HEAD_MAX). A request that is refused has its head taken as all there is. */
size_t http_head(struct slice in, size_t max_body, struct http_head *ret);

/* Appends an answer without a body, or the head of one with `length` bytes of content_type.
 * challenge: whole WWW-Authenticate fields, each ended by CR LF; empty: none. */
struct http_answer {
	unsigned status;
	const char *content_type; /* NULL: none */
	struct slice challenge;
	size_t length;
	bool close;
};
void http_answer(struct buf *out, const struct http_answer *a);

#endif
