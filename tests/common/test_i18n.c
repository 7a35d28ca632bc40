/* SPDX-License-Identifier: EUPL-1.2 */
/* common/base/i18n: three languages at once from one table; common/base/zone: clocks of people. */
#include "tests/cmocka.h"

#include "common/base/i18n.h"
#include "common/base/zone.h"

static void test_table_is_sorted_and_whole(void **state)
{
	assert_true(i18n_n_rows > 10);
	for (size_t i = 0; i < i18n_n_rows; i++) {
		if (i > 0)
			assert_true(strcmp(i18n_rows[i - 1].msgid, i18n_rows[i].msgid) < 0);
		for (int l = 0; l < LANGS; l++) {
			assert_non_null(i18n_rows[i].text[l]);
			assert_ptr_equal(tr((enum lang)l, i18n_rows[i].msgid),
					 i18n_rows[i].text[l]);
		}
		assert_string_equal(i18n_rows[i].text[LANG_EN], i18n_rows[i].msgid);
	}
}

static void test_languages(void **state)
{
	assert_string_equal(tr(LANG_FI, "What happened"), "Mitä tapahtui");
	assert_string_equal(tr(LANG_SV, "What happened"), "Vad har hänt");
	assert_string_equal(tr(LANG_EN, "What happened"), "What happened");
	assert_string_equal(tr(LANG_FI, "no such text"), "no such text");
	assert_string_equal(tr(LANG_SV, ""), "");
}

static void test_zone(void **state)
{
	struct err err;
	struct tm tm;

	assert_int_equal(zone_use("Europe/Nowhere", &err), -1);
	assert_int_equal(err.code, ERR_ABSENT);
	assert_non_null(strstr(err.msg, "Europe/Nowhere"));
	assert_int_equal(zone_use("../../../etc/passwd", &err), -1);
	assert_int_equal(zone_use("", &err), -1);
	assert_int_equal(zone_use("Europe/Helsinki", &err), 0);
	zone_parts(INT64_C(1795420800) * NS_PER_SEC, &tm); /* 2026-11-23T08:00:00Z: winter time */
	assert_int_equal(tm.tm_hour, 10);
	assert_int_equal(tm.tm_gmtoff, 7200);
	zone_parts(INT64_C(1782892800) * NS_PER_SEC, &tm); /* 2026-07-01T08:00:00Z: summer time */
	assert_int_equal(tm.tm_hour, 11);
	assert_int_equal(tm.tm_mday, 1);
	zone_parts(-1, &tm); /* a nanosecond before 1970 */
	assert_int_equal(tm.tm_year, 70);
	assert_int_equal(tm.tm_hour, 1);
	assert_int_equal(tm.tm_sec, 59);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_is_sorted_and_whole),
		cmocka_unit_test(test_languages),
		cmocka_unit_test(test_zone),
	};

	return RUN_TESTS(tests);
}
