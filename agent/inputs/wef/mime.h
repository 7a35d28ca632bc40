/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/wef/mime.h: the multipart/encrypted body around a message that Kerberos protects.
 * It is not quite MIME: no blank line stands after a part's fields, and lengths are binary.
 * Standards: MS-WSMV 2.2.9.1. Pure: no copying. */
#ifndef VARTIO_WEF_MIME_H
#define VARTIO_WEF_MIME_H

#include "common/base/buf.h"

enum mime_scheme { MIME_KERBEROS, MIME_SPNEGO, MIME_SCHEMES };

struct mime {
	enum mime_scheme scheme;
	size_t length;       /* of the clear text, as the sender says it: OriginalContent */
	struct slice header; /* the GSS header token; points into the body */
	struct slice data;   /* the cipher text behind it; points into the body */
};

/* Whether a Content-Type is multipart/encrypted at all. */
bool mime_is(struct slice content_type);
/* The parts of body. ERR_SYNTAX tells which is missing or wrong. */
int mime_read(struct slice content_type, struct slice body, struct mime *ret, struct err *err);
/* Appends what stands before and behind the header token's length field and the token itself. */
void mime_begin(struct buf *out, enum mime_scheme scheme, size_t clear_bytes);
void mime_end(struct buf *out);
const char *mime_content_type(enum mime_scheme scheme); /* of a body of ours */

#endif
