/* SPDX-License-Identifier: EUPL-1.2 */
/* The meaning of documents that are JSON already, as Winlogbeat 8 writes them. */
#include "tests/common/normalise_kit.h"

#include "common/normalise/winjson.h"

#define DOC(provider, id, data, rest)                                                              \
	"{\"@timestamp\":\"2026-11-23T07:00:00.123Z\",\"agent\":{\"type\":\"winlogbeat\",\"id\":"  \
	"\"x-1\"},"                                                                                \
	"\"host\":{\"name\":\"dc1\"},\"event\":{\"code\":\"" id                                    \
	"\",\"kind\":\"event\",\"action\":"                                                        \
	"\"Logon\",\"id\":\"x-1-2\"" rest "},\"winlog\":{\"event_id\":\"" id                       \
	"\",\"provider_name\":\"" provider                                                         \
	"\",\"channel\":\"Security\",\"record_id\":7,\"event_data\":{" data "}}}"
#define AUDIT          "Microsoft-Windows-Security-Auditing"
#define D(name, value) "\"" name "\":\"" value "\""

static const struct row mapped[] = {
	{ DOC(AUDIT, "4625",
	      D("TargetUserName", "pekka") "," D("TargetDomainName", "MALLILA") "," D(
		      "IpAddress",
		      "::ffff:192.0.2.7") "," D("IpPort",
						"50123") "," D("SubStatus",
							       "0xc0000064") "," D("LogonType",
										   "3") "," D("Kep"
											      "t",
											      "a\\u"
											      "00e4"
											      "\\\""
											      "b"),
	      ",\"outcome\":\"failure\""),
	  { "@timestamp=2026-11-23T07:00:00.123Z", "event.action=logon-failed",
	    "event.category=authentication", "event.type=start", "event.outcome=failure",
	    "user.name=pekka", "user.domain=MALLILA", "source.ip=192.0.2.7", "source.port=50123",
	    "winlog.logon.type=Network", "related.user=pekka", "related.ip=192.0.2.7",
	    "related.hosts=dc1", "event.id=x-1-2", "winlog.event_data.Kept=a\xc3\xa4\"b",
	    "agent.type=winlogbeat" } },
	{ DOC("Microsoft-Windows-Sysmon", "1",
	      D("Image", "C:\\\\W\\\\a.exe") "," D("CommandLine", "a.exe \\\"b c\\\"") "," D(
		      "User", "MALLILA\\\\maija"),
	      ""),
	  { "event.module=sysmon", "process.name=a.exe", "process.executable=C:\\W\\a.exe",
	    "process.args=a.exe,b c", "user.name=maija", "winlog.record_id=7", "!event.created",
	    "!input" } },
	/* The number as a number; without the names of values, as Winlogbeat calls those. */
	{ "{\"winlog\":{\"event_id\":2889,\"provider_name\":\"Microsoft-Windows-ActiveDirectory_"
	  "DomainService\",\"event_data\":{\"param1\":\"192.0.2.7:5000\",\"param2\":\"A\\\\b\"}}}",
	  { "source.ip=192.0.2.7", "source.port=5000", "user.name=b",
	    "event.action=ldap-unsigned-bind" } },
	/* What is there stays. */
	{ "{\"user\":{\"name\":\"own\"},\"winlog\":{\"event_id\":\"4634\",\"provider_name\":"
	  "\"" AUDIT
	  "\",\"user\":{\"identifier\":\"S-1-5-18\"},\"keywords\":[\"Audit Success\",\"x\"],"
	  "\"event_data\":{\"TargetUserName\":\"pekka\"}}}",
	  { "user.name=own", "event.category=authentication", "winlog.user.name=SYSTEM",
	    "winlog.keywords=Audit Success,x" } },
};

static const char *const left[] = {
	"{\"winlog\":{\"event_id\":\"4634\",\"provider_name\":\"" AUDIT
	"\"},\"event\":{\"category\":[\"x\"]}}",
	"{\"winlog\":{\"event_id\":\"4634\"}}",
	"{\"event\":{\"code\":\"4634\"}}",
	"{\"message\":\"winlog.event_id\"}",
};
static const char *const unknown[] = {
	"{\"winlog\":{\"event_id\":\"3\",\"provider_name\":\"Own\"}}",
	"{\"winlog\":{\"event_id\":\"9999\",\"provider_name\":\"" AUDIT "\"}}",
	"{\"winlog\":{\"event_id\":{},\"provider_name\":[]}}",
	"no JSON",
};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool wanted(const char *json)
{
	struct err err;

	assert_int_equal(json_index_read(&ix, slice_str(json), &err), 0);
	return winjson_wanted(&ix);
}

static void test_mapped(void **state)
{
	struct winjson *wj = winjson_new();
	struct err err;

	for (size_t i = 0; i < COUNT(mapped); i++) {
		assert_true(wanted(mapped[i].line));
		buf_reset(&out);
		assert_true(winjson_map(wj, slice_str(mapped[i].line), &out));
		assert_int_equal(json_index_read(&ix, buf_view(&out), &err), 0);
		check(&mapped[i]);
		assert_false(winjson_wanted(&ix));
	}
	winjson_free(wj);
}

static void test_left(void **state)
{
	struct winjson *wj = winjson_new();

	for (size_t i = 0; i < COUNT(left); i++)
		assert_false(wanted(left[i]));
	buf_reset(&out);
	buf_str(&out, "x");
	for (size_t i = 0; i < COUNT(unknown); i++)
		assert_false(winjson_map(wj, slice_str(unknown[i]), &out));
	assert_string_equal(buf_cstr(&out), "x");
	winjson_free(wj);
	winjson_free(NULL);
}

/* About as many fields as an event holds: with its meaning, or as it was, but nothing of it is
 * lost. */
static void test_many(void **state)
{
	struct winjson *wj = winjson_new();
	struct buf b = { 0 };
	unsigned mapped_ones = 0;
	struct err err;

	for (unsigned n = 230; n < 270; n++) {
		buf_reset(&b);
		buf_str(&b, "{\"winlog\":{\"event_id\":\"4634\",\"provider_name\":\"" AUDIT "\"}");
		for (unsigned i = 0; i < n; i++)
			buf_printf(&b, ",\"f%u\":%u", i, i);
		buf_chr(&b, '}');
		buf_reset(&out);
		if (!winjson_map(wj, buf_view(&b), &out)) {
			assert_int_equal(out.n, 0);
			continue;
		}
		assert_int_equal(json_index_read(&ix, buf_view(&out), &err), 0);
		assert_true(field(SLICE("event.action"), &got));
		assert_false(field(SLICE("vartio.fields_dropped"), &got));
		mapped_ones++;
	}
	assert_true(mapped_ones > 0 && mapped_ones < 40);
	buf_release(&b);
	winjson_free(wj);
}

/* What `vartio-agent normalise` shows; an agent that ships leaves such a document as it is. */
static void as_shown(void **state)
{
	struct norm_source src = source();

	for (int meaning = 0; meaning < 2; meaning++) {
		src.meaning = meaning != 0;
		buf_reset(&got);
		assert_int_equal(normalise_splice(nz, NORM_AUTO, slice_str(mapped[1].line), &src,
						  SLICE(""), &got),
				 !src.meaning);
		run(NORM_AUTO, slice_str(mapped[0].line), &src);
		assert_int_equal(field(SLICE("event.category"), &got), src.meaning);
	}
	assert_true(field(SLICE("related.user"), &got));
}

static int tests_of_documents(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mapped),
		cmocka_unit_test(test_left),
		cmocka_unit_test(test_many),
		cmocka_unit_test(as_shown),
	};

	return RUN_TESTS(tests);
}

int main(void)
{
	return kit_run(tests_of_documents);
}
