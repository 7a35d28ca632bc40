/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/queue/keys: what of an agent's blocks is forgotten, and that no clock set wrong does
 * it. */
#include "tests/cmocka.h"

#include <stdio.h>

#include "collector/queue/keys.h"
#include "common/base/time.h"

#define T0     INT64_C(1795000000000000000)
#define MINUTE (60 * NS_PER_SEC)
#define DAY    (24 * 60 * MINUTE)
#define YEAR   (365 * DAY)

static void put(struct keys *k, const char *sender, uint64_t number, int64_t now_ns)
{
	struct queue_block b = { .tenant = "mallila", .epoch = 7, .number = number, .floor = 1 };
	struct err err;

	snprintf(b.sender, sizeof(b.sender), "%s", sender);
	if (keys_reserve(k, &b, now_ns, &err) < 0)
		fail_msg("%s", err.msg);
	keys_mark(k, &b, now_ns);
}

static bool known(const struct keys *k)
{
	return keys_high_water(k, "mallila", "a", 7) == 1;
}

/* As at the end of the process: only what is written lasts. */
static struct keys *restart(struct keys *k)
{
	struct keys *fresh = keys_new();
	struct buf out = { 0 };
	struct err err;

	keys_encode(k, &out);
	keys_free(k);
	assert_int_equal(keys_decode(fresh, buf_view(&out), &err), 0);
	buf_release(&out);
	return fresh;
}

/* Each row: "a" sent a block at T0; then the wall clock is at these times, and "b" sends. */
static const struct {
	const char *name;
	int64_t at_ns[6]; /* from T0 on; 0: the end */
	bool known;
} jumps[] = {
	{ "three years ahead", { MINUTE, 3 * YEAR, 3 * YEAR + MINUTE }, true },
	{ "three years ahead and back",
	  { MINUTE, 3 * YEAR, 3 * YEAR + MINUTE, 2 * MINUTE, 3 * MINUTE },
	  true },
	{ "three years behind and back",
	  { MINUTE, -3 * YEAR, MINUTE - 3 * YEAR, 2 * MINUTE },
	  true },
	{ "ahead, again and again",
	  { 3 * YEAR, MINUTE, 3 * YEAR + MINUTE, 2 * MINUTE, 6 * YEAR, 3 * MINUTE },
	  true },
	{ "a quiet month", { 32 * DAY, 32 * DAY + MINUTE }, true },
};

static void test_jumps(void **state)
{
	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++)
		for (int restarts = 0; restarts < 2; restarts++) {
			struct keys *k = keys_new();

			put(k, "a", 1, T0);
			for (size_t n = 0; n < 6 && jumps[i].at_ns[n] != 0; n++) {
				if (restarts > 0)
					k = restart(k);
				put(k, "b", n + 1, T0 + jumps[i].at_ns[n]);
				keys_forget(k, 30 * DAY);
			}
			if (known(k) != jumps[i].known)
				fail_msg("%s, restarts %d", jumps[i].name, restarts);
			keys_free(k);
		}
}

/* Days that pass in truth are counted, from the last use on; overtaking adds nothing to them. */
static void test_days_pass(void **state)
{
	struct keys *k = keys_new();
	int64_t now = T0;
	uint64_t n = 0;

	put(k, "a", 1, T0);
	for (; now < T0 + 29 * DAY; now += 5 * MINUTE) {
		put(k, "b", ++n, now);
		put(k, "b", ++n, now - MINUTE);
		keys_forget(k, 30 * DAY);
	}
	assert_true(known(k));
	put(k, "a", 1, now);
	for (; now < T0 + 58 * DAY; now += 5 * MINUTE)
		put(k, "b", ++n, now);
	keys_forget(k, 30 * DAY);
	assert_true(known(k));
	k = restart(k);
	for (; now < T0 + 60 * DAY; now += 5 * MINUTE)
		put(k, "b", ++n, now);
	keys_forget(k, 30 * DAY);
	assert_false(known(k));
	assert_int_equal(keys_high_water(k, "mallila", "b", 7), n);
	keys_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_jumps),
		cmocka_unit_test(test_days_pass),
	};

	return RUN_TESTS(tests);
}
