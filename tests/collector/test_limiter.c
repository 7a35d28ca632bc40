/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/tenant/limiter: who waits, and how long. */
#include "tests/cmocka.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "collector/tenant/limiter.h"
#include "common/base/time.h"

static struct limiter limiter;

static const struct sockaddr *addr(const char *text)
{
	static union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} at;

	memset(&at, 0, sizeof(at));
	if (inet_pton(AF_INET, text, &at.in.sin_addr) == 1)
		at.in.sin_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &at.in6.sin6_addr) == 1)
		at.in6.sin6_family = AF_INET6;
	else
		fail_msg("%s", text);
	return &at.sa;
}

static const struct {
	int64_t at_s;
	const char *addr;
	unsigned wait_s; /* asked before the failure that follows */
} steps[] = {
	{ 0, "192.0.2.1", 0 },        { 1, "192.0.2.1", 0 },    { 2, "192.0.2.1", 0 },
	{ 3, "192.0.2.1", 58 },       { 3, "192.0.2.2", 0 },    { 3, "::ffff:192.0.2.1", 58 },
	{ 59, "192.0.2.1", 2 },       { 60, "192.0.2.1", 0 },   { 60, "2001:db8::1", 0 },
	{ 60, "2001:db8::2", 0 },     { 60, "2001:db8::3", 0 }, { 61, "2001:db8::4", 60 },
	{ 61, "2001:db8:0:1::4", 0 }, { 10, "2001:db8::4", 0 }, /* the clock was set back */
};

static void test_steps(void **state)
{
	limiter = (struct limiter){ .max = 3, .window_ns = 60 * NS_PER_SEC };
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int64_t now_ns = INT64_C(1000) * NS_PER_SEC + steps[i].at_s * NS_PER_SEC;
		unsigned wait_s = limiter_wait_s(&limiter, addr(steps[i].addr), now_ns);

		if (wait_s != steps[i].wait_s)
			fail_msg("row %zu: %u s", i, wait_s);
		limiter_failed(&limiter, addr(steps[i].addr), now_ns);
	}
}

/* More addresses than slots: the oldest window is forgotten, the newest ones are not. */
static void test_full(void **state)
{
	char text[32];

	limiter = (struct limiter){ .max = 1, .window_ns = 3600 * NS_PER_SEC };
	for (unsigned i = 0; i <= LIMITER_SLOTS; i++) {
		snprintf(text, sizeof(text), "10.0.%u.%u", i / 256, i % 256);
		limiter_failed(&limiter, addr(text), (int64_t)(i + 1) * NS_PER_SEC);
	}
	assert_int_equal(limiter_wait_s(&limiter, addr("10.0.0.0"), 1030 * NS_PER_SEC), 0);
	assert_int_not_equal(limiter_wait_s(&limiter, addr("10.0.0.1"), 1030 * NS_PER_SEC), 0);
	assert_int_not_equal(limiter_wait_s(&limiter, addr("10.0.4.0"), 1030 * NS_PER_SEC), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_full),
	};

	return RUN_TESTS(tests);
}
