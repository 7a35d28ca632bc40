/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/base/slice.h"

bool slice_uint(struct slice a, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (a.n == 0)
		return false;
	for (size_t i = 0; i < a.n; i++) {
		unsigned d = (unsigned)(unsigned char)a.p[i] - '0';

		if (d > 9)
			return false;
		if (i >= 19 && v > (UINT64_MAX - d) / 10) /* 19 digits cannot wrap */
			return false;
		v = v * 10 + d;
	}
	if (v > max)
		return false;
	*ret = v;
	return true;
}

bool slice_number(struct slice s, uint64_t *ret)
{
	uint64_t v = 0;

	if (!slice_starts(s, SLICE("0x")) && !slice_starts(s, SLICE("0X")))
		return slice_uint(s, UINT64_MAX, ret);
	if (s.n < 3 || s.n > 18)
		return false;
	for (size_t i = 2; i < s.n; i++) {
		char low = (char)(s.p[i] | 0x20);

		if (char_is_digit(s.p[i]))
			v = v << 4 | (uint64_t)(s.p[i] - '0');
		else if (low >= 'a' && low <= 'f')
			v = v << 4 | (uint64_t)(low - 'a' + 10);
		else
			return false;
	}
	*ret = v;
	return true;
}
