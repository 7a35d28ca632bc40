/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/alert/code.h"

#include <strings.h>

static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

bool alert_hash(struct slice tenant, struct slice rule_id, struct slice group_key,
		struct slice event_id, uint8_t ret[SHA256_LEN])
{
	const struct slice parts[] = { tenant, rule_id, group_key, event_id };
	struct buf b = { 0 };
	bool ok;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		buf_u64(&b, parts[i].n);
		buf_chr(&b, ':');
		buf_slice(&b, parts[i]);
		buf_chr(&b, ',');
	}
	ok = !b.failed;
	if (ok)
		sha256(buf_view(&b), ret);
	buf_release(&b);
	return ok;
}

void alert_code(const uint8_t hash[SHA256_LEN], unsigned attempt, char ret[12])
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < 5; i++)
		bits = bits << 8 | hash[attempt + i];
	memcpy(ret, "VA-", 3);
	for (unsigned i = 0; i < ALERT_CODE_CHARS; i++)
		ret[3 + i] = crockford[bits >> (35 - 5 * i) & 31];
	ret[3 + ALERT_CODE_CHARS] = '\0';
}

size_t alert_code_parse(const char *typed, char ret[ALERT_CODE_CHARS + 1])
{
	size_t n = 0;

	if (strncasecmp(typed, "VA-", 3) == 0)
		typed += 3;
	for (; *typed != '\0'; typed++) {
		char c = *typed >= 'a' && *typed <= 'z' ? (char)(*typed - 'a' + 'A') : *typed;

		if (c == '-' || c == ' ')
			continue;
		if (c == 'O')
			c = '0';
		if (c == 'I' || c == 'L')
			c = '1';
		if (n == ALERT_CODE_CHARS || strchr(crockford, c) == NULL)
			return 0;
		ret[n++] = c;
	}
	ret[n] = '\0';
	return n;
}
