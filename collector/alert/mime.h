/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert/mime.h: the parts of an Internet message. Appends to a buffer; lines end in CRLF.
 * Standards: RFC 5322 (headers), RFC 2047 (encoded words), RFC 2045 6.7 (quoted-printable). */
#ifndef VARTIO_ALERT_MIME_H
#define VARTIO_ALERT_MIME_H

#include "common/base/buf.h"

/* "Name: value". what names the value in an error. ERR_USAGE: the value holds a control character,
 * a line end above all: it would begin a header of its own. Non-ASCII becomes encoded words. */
int mime_header(struct buf *out, const char *name, const char *value, const char *what,
		struct err *err);
/* "Name: display <address>". */
int mime_mailbox(struct buf *out, const char *name, const char *display, const char *address,
		 struct err *err);
/* RFC 5322 3.3, in the process's zone (common/base/zone.h). */
void mime_date(struct buf *out, int64_t t_ns);
/* A plain mailbox, m@host.example: what every server takes. ERR_USAGE says what is wrong. */
int mime_address_check(const char *address, struct err *err);
const char *mime_domain(const char *address); /* what follows the @; "localhost" without one */
/* Text with LF line ends as quoted-printable, lines of at most 76 characters. */
void mime_quoted(struct buf *out, struct slice text);

#endif
