/* SPDX-License-Identifier: EUPL-1.2 */
/* common/base/hash.h: checksums and hashes, random bytes, hex and base64url. */
#ifndef VARTIO_BASE_HASH_H
#define VARTIO_BASE_HASH_H

#include "common/base/buf.h"

#define SHA256_LEN 32

/* CRC-32C (Castagnoli, RFC 3720 appendix B.4). Chain by passing the last result as crc; begin with
 * 0. */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);
/* SHA-256 (FIPS 180-4) by GnuTLS. */
void sha256(struct slice in, uint8_t out[SHA256_LEN]);
/* A fast hash for tables; never for anything an attacker may aim at or that is stored. */
uint64_t hash64(struct slice in, uint64_t seed);

/* n bytes from the kernel's generator; n <= 256. Cannot fail once the system has booted. */
void random_bytes(void *out, size_t n);
/* Compares n bytes in time that does not depend on them. */
bool secret_eq(const void *a, const void *b, size_t n);

void hex_put(struct buf *out, const void *p, size_t n); /* lower case */
char *hex_write(char *to, const void *p, size_t n);     /* the same; returns its end, `to` + 2n */
/* Exactly 2 * n hex digits of either case. false: *out undefined. */
bool hex_parse(struct slice in, void *out, size_t n);
void base64url_put(struct buf *out, const void *p, size_t n); /* RFC 4648 section 5, no padding */
bool base64url_parse(struct slice in, struct buf *out); /* appends; refuses padding and rest bits */
bool base64_parse(struct slice in, struct buf *out);    /* section 4: padded, nothing between */
void base64_put(struct buf *out, const void *p,
		size_t n); /* RFC 4648 section 4, padded, one line */

#endif
