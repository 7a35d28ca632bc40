/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/normalise/addr.h"

#include <arpa/inet.h>

static bool is_v4(struct slice s)
{
	unsigned parts = 0, v = 0, digits = 0;

	if (s.n < 7 || s.n > 15)
		return false;
	for (size_t i = 0; i <= s.n; i++) {
		if (i < s.n && s.p[i] >= '0' && s.p[i] <= '9') {
			if (digits > 0 && v == 0)
				return false; /* some read a leading zero as octal */
			v = v * 10 + (unsigned)(s.p[i] - '0');
			if (++digits > 3 || v > 255)
				return false;
		} else if ((i == s.n || s.p[i] == '.') && digits > 0) {
			parts++;
			v = digits = 0;
		} else {
			return false;
		}
	}
	return parts == 4;
}

bool addr_is_v6(struct slice normalised)
{
	return slice_chr(normalised, ':') >= 0;
}

bool addr_parse(struct slice s, struct arena *mem, struct slice *ret)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr a;
	struct slice copy;
	ssize_t zone;

	if (is_v4(s)) {
		*ret = s;
		return true;
	}
	if (s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
		s = (struct slice){ s.p + 1, s.n - 2 };
	zone = slice_chr(s, '%');
	if (zone >= 0)
		s.n = (size_t)zone;
	if (s.n < 2 || s.n >= sizeof(text) || slice_chr(s, ':') < 0 || slice_chr(s, '\0') >= 0)
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	if (inet_pton(AF_INET6, text, &a) != 1)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&a))
		inet_ntop(AF_INET, &a.s6_addr[12], text, sizeof(text));
	else
		inet_ntop(AF_INET6, &a, text, sizeof(text));
	copy = arena_copy(mem, slice_str(text));
	if (copy.p == NULL)
		return false;
	*ret = copy;
	return true;
}
