/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/peers/forwarders.h: the insides of `forwarders`, many Windows event forwarders in one cheap
 * process. Its files: forwarders.c (commands, sending), forwarders_line.c (one connection: Kerberos
 * or TLS), forwarders_sldc.c. Any failure ends the program. */
#ifndef VARTIO_TESTS_FORWARDERS_H
#define VARTIO_TESTS_FORWARDERS_H

#include "common/base/buf.h"

_Noreturn void fail(const char *fmt, ...) PRINTF(1, 2);

/* forwarders_line.c. A line has connected and authenticated. */
struct line;
struct line_opts {
	const char *address;     /* HOST:PORT, numeric */
	const char *host;        /* the receiver's name */
	const char *realm;       /* Kerberos, password = name; NULL: TLS */
	const char *ca, *ca_key; /* TLS: the certificate is made and signed here */
};
struct line *line_open(const struct line_opts *opts, const char *name);
void line_close(struct line *l);
int line_fd(const struct line *l);
/* Appends a request's head and body; body is protected as the line does it. Requests of a Kerberos
 * line must be sent in the order in which they were made. */
void line_request(struct line *l, const char *path, struct slice body, bool sldc, struct buf *out);
/* Bytes gone; 0: not now. */
size_t line_send(struct line *l, struct slice bytes);
/* The status of the next answer, once it is whole; 0: not yet. Bodies are read and not looked at.
 */
unsigned line_answer(struct line *l);
void line_wait(struct line *l, bool writing); /* until it can be read, or written */

/* forwarders_sldc.c: ECMA-321, scheme 1, with the length behind it as Windows writes it. */
void sldc_write(struct slice in, struct buf *out);

#endif
