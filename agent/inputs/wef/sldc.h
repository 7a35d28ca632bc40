/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/wef/sldc.h: SLDC, the compression that Windows uses for forwarded events.
 * Standards: ECMA-321 (Streaming Lossless Data Compression); what Windows appends to it, the
 * uncompressed length as 4 bytes little-endian, is told nowhere but seen in its messages.
 * Pure: bytes in, bytes out. Thread: any. */
#ifndef VARTIO_WEF_SLDC_H
#define VARTIO_WEF_SLDC_H

#include "common/base/buf.h"

/* Appends the record in `in` to out, at most max bytes of it. 23 bits can yield 271 bytes, so max
 * is what bounds the memory: it grows as bytes come, never by the length that a peer claims.
 * ERR_SYNTAX: a symbol that is not one, no end of record, or a length behind it that is another;
 * ERR_FULL: more than max; ERR_NOMEM. out then holds what was read up to there. */
int sldc_read(struct slice in, size_t max, struct buf *out, struct err *err);

#endif
