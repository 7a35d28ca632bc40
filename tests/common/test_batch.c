/* SPDX-License-Identifier: EUPL-1.2 */
/* common/net/batch: the member of a block's first event that says which block it is. */
#include "tests/cmocka.h"

#include <stdlib.h>

#include "common/net/batch.h"

#define HEAD                                                                                       \
	"{\"@metadata\":{\"vartio\":{\"epoch\":\"00000000000000ff\",\"block\":12,\"first_seq\":"   \
	"345,\"floor\":6}}"

static const struct {
	const char *event, *with, *back;
} wholes[] = {
	{ "{\"a\":1}", HEAD ",\"a\":1}" },
	{ "{}", HEAD "}" },
	{ "{ \n}", HEAD "}", "{}" },
	{ "{ \"a\":{}}", HEAD ",\"a\":{}}", "{\"a\":{}}" },
	{ "{\"@metadata\":{\"beat\":\"filebeat\"}}",
	  HEAD ",\"@metadata\":{\"beat\":\"filebeat\"}}" },
};

static void test_put_and_take(void **state)
{
	const struct batch_meta m = { 255, 12, 345, 6 };

	for (size_t i = 0; i < sizeof(wholes) / sizeof(wholes[0]); i++) {
		struct batch_meta back = { 0 };
		struct buf b = { 0 };
		struct slice ev = { 0 };
		struct err err;

		assert_int_equal(batch_meta_put(&b, &m, slice_str(wholes[i].event), &err), 0);
		assert_slice(buf_view(&b), wholes[i].with);
		assert_true(batch_meta_take(b.p, b.n, &back, &ev, &err) > 0);
		assert_slice(ev, wholes[i].back != NULL ? wholes[i].back : wholes[i].event);
		assert_memory_equal(&back, &m, sizeof(m));
		buf_release(&b);
	}
}

static const struct {
	const char *in;
	int sign; /* of batch_meta_read */
} reads[] = {
	{ HEAD "}", 1 },
	{ HEAD ",\"a\":1}", 1 },
	{ "", 0 },
	{ "{}", 0 },
	{ "{\"a\":1}", 0 },
	{ "{\"@metadata\":{\"beat\":\"filebeat\"}}", 0 },
	{ " " HEAD "}", 0 },
	{ HEAD, -1 },
	{ HEAD "]", -1 },
#define META(e, b, s, f)                                                                           \
	"{\"@metadata\":{\"vartio\":{\"epoch\":\"" e "\",\"block\":" b ",\"first_seq\":" s         \
	",\"floor\":" f "}}}"
	{ META("ffffffffffffffff", "18446744073709551615", "18446744073709551615", "1"), 1 },
	{ META("ffffffffffffffff", "18446744073709551616", "1", "1"), -1 },
	{ META("ffffffffffffffff", "999999999999999999999999", "1", "1"), -1 },
	{ META("ffffffffffffffff", "1", "1", "2"), -1 },
	{ META("ffffffffffffffff", "0", "1", "1"), -1 },
	{ META("ffffffffffffffff", "1", "0", "1"), -1 },
	{ META("ffffffffffffffff", "1", "1", "0"), -1 },
	{ META("ffffffffffffffff", "01", "1", "1"), -1 },
	{ META("ffffffffffffffff", "-1", "1", "1"), -1 },
	{ META("ffffffffffffffff", "1", "", "1"), -1 },
	{ META("FFffffffffffffff", "1", "1", "1"), -1 },
	{ META("fffffffffffffff", "1", "1", "1"), -1 },
	{ META("fffffffffffffffg", "1", "1", "1"), -1 },
};

static void test_read(void **state)
{
	for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
		size_t n = strlen(reads[i].in);

		for (size_t cut = 0; cut <= n; cut++) { /* each row at every shorter length too */
			char *copy = malloc(n - cut + 1);
			struct batch_meta m;
			struct err err = { 0 };
			ssize_t r;

			memcpy(copy, reads[i].in, n - cut);
			r = batch_meta_read((struct slice){ copy, n - cut }, &m, &err);
			free(copy);
			if (cut == 0 && (r > 0) - (r < 0) != reads[i].sign)
				fail_msg("row %zu: %zd", i, r);
			if (cut == 0 && r < 0)
				assert_int_equal(err.code, ERR_SYNTAX);
			if (r > (ssize_t)(n - cut))
				fail_msg("row %zu cut by %zu: used %zd", i, cut, r);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_and_take),
		cmocka_unit_test(test_read),
	};

	return RUN_TESTS(tests);
}
