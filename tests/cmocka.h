/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/cmocka.h: cmocka with the headers it expects, and the output that tests/run counts. */
#ifndef VARTIO_TESTS_CMOCKA_H
#define VARTIO_TESTS_CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/slice.h"

static inline int run_tests_tap(const char *name, const struct CMUnitTest *tests, size_t n)
{
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return _cmocka_run_group_tests(name, tests, n, NULL, NULL);
}
#define RUN_TESTS(tests) run_tests_tap(#tests, tests, sizeof(tests) / sizeof((tests)[0]))

#define assert_slice(s, text)                                                                      \
	do {                                                                                       \
		struct slice s_ = (s);                                                             \
		const char *t_ = (text);                                                           \
		assert_int_equal(s_.n, strlen(t_));                                                \
		assert_memory_equal(s_.p, t_, s_.n);                                               \
	} while (0)

#endif
