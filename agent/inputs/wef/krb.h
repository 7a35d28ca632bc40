/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/wef/krb.h: Kerberos for one connection of a Windows event forwarder: it is accepted
 * once, then every body is protected by it.
 * MIT's library is loaded when the first listener for Kerberos opens, for good: 2 MB that others do
 * not pay for. Its file system and network use is none: keys come from the keytab given.
 * Standards: RFC 4120, RFC 4121 (tokens), RFC 4178 (SPNEGO), RFC 4559 (HTTP schemes),
 * MS-WSMV 2.2.9. Thread: the loop thread; accepting takes 0.1 ms. */
#ifndef VARTIO_WEF_KRB_H
#define VARTIO_WEF_KRB_H

#include "agent/inputs/wef/mime.h"

#define KRB_NAME_MAX 256u

struct krb; /* the acceptor: a keytab's keys */
/* ERR_ABSENT the library, or the keytab, is not there, with what to install or write; ERR_DENIED
 * rights; ERR_SYNTAX no keytab. replay: keep a replay cache file, as the library chooses it. */
int krb_open(const char *keytab, bool replay, struct krb **ret, struct err *err);
void krb_close(struct krb *g); /* after all its contexts; NULL is fine */

struct krb_context;
struct krb_context *krb_context_new(struct krb *g); /* NULL: out of memory */
void krb_context_free(struct krb_context *cx);
/* One step with the client's token. Appends the token to answer with. 1: done, the name is known;
 * 0: a further step of the client is needed (SPNEGO); -1: refused. ERR_DENIED with why: clock,
 * key, ticket. */
int krb_accept(struct krb_context *cx, struct slice token, struct buf *answer, struct err *err);
/* The initiator's principal, "HOST$@REALM"; "" before krb_accept was done. */
const char *krb_name(const struct krb_context *cx);
bool krb_expired(const struct krb_context *cx); /* the ticket's life is over */
/* Decrypts m's bytes in place, which m points to; *ret_clear is inside them. ERR_DENIED: not
 * protected by this context, not encrypted, or out of order; ERR_SYNTAX: another length than said.
 */
int krb_unwrap(struct krb_context *cx, const struct mime *m, struct slice *ret_clear,
	       struct err *err);
/* Appends a whole multipart/encrypted body with `clear` in it. */
int krb_wrap(struct krb_context *cx, enum mime_scheme scheme, struct slice clear, struct buf *out,
	     struct err *err);

#endif
