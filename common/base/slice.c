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
