/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert/code.h: what people call an alert by: its id, and the short code for the phone.
 */
#ifndef VARTIO_ALERT_CODE_H
#define VARTIO_ALERT_CODE_H

#include "common/base/hash.h"

#define ALERT_CODE_CHARS 8u
/* How many different codes one hash offers: 40 bits from each byte on. */
#define ALERT_CODE_TRIES (SHA256_LEN - 4u)

/* The hash of what an alert is about. Each part stands behind its length, so that no two lists of
 * parts give the same bytes: "7:mallila,6:rule-1,...". The id is its first 16 bytes in hex. false:
 * no memory. */
bool alert_hash(struct slice tenant, struct slice rule_id, struct slice group_key,
		struct slice event_id, uint8_t ret[SHA256_LEN]);
/* "VA-" and 40 bits of the hash, from byte `attempt` on, in Crockford's base 32: no I, L, O, U. */
void alert_code(const uint8_t hash[SHA256_LEN], unsigned attempt, char ret[12]);
/* What a person typed as a code: any case, with or without "VA-", spaces and hyphens anywhere, O
 * for 0, I and L for 1. The digits, NUL-terminated, in ret; their number, or 0: not a code. */
size_t alert_code_parse(const char *typed, char ret[ALERT_CODE_CHARS + 1]);

#endif
