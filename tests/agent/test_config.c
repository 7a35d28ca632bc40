/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/config: defaults, inputs by class, what enrolment stored, and a table of faults. */
#include "tests/cmocka.h"

#include <stdio.h>
#include <unistd.h>

#include "agent/config.h"
#include "common/base/file.h"

struct leaf_conf {
	const char *path;
	int64_t cut;
};
static const struct conf_item leaf_items[] = {
	{ "path", CONF_STR, offsetof(struct leaf_conf, path), .required = true, .help = "a file" },
	{ "cut", CONF_INT, offsetof(struct leaf_conf, cut), 1, 100, "7", "a number" },
	{ NULL },
};
static const struct input_class leaf = { .name = "leaf",
					 .conf = leaf_items,
					 .conf_size = sizeof(struct leaf_conf) };
static const struct input_class bare = { .name = "bare" };
static const struct input_class *const classes[] = { &leaf, &bare, NULL };

static char dir[64], path[96], enrolment[96];

static int set_up(void **state)
{
	strcpy(dir, "/tmp/vartio-config-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a.yml", dir);
	snprintf(enrolment, sizeof(enrolment), "%s/enrolment.json", dir);
	return 0;
}

static int tear_down(void **state)
{
	unlink(path);
	unlink(enrolment);
	return rmdir(dir);
}

static void put(const char *name, const char *text)
{
	struct err err;

	assert_int_equal(file_write(name, slice_str(text), 0644, &err), 0);
}

static int load(const char *text, struct config *ret, struct err *err)
{
	char whole[1024];

	snprintf(whole, sizeof(whole), "state_dir: %s\n%s", dir, text);
	put(path, whole);
	return config_load_with(path, classes, ret, err);
}

static void test_inputs(void **state)
{
	const struct leaf_conf *lc;
	struct config cf;
	struct err err = { 0 };

	if (load("inputs:\n"
		 "  - type: leaf\n    path: /a\n"
		 "  - {type: bare, id: mine}\n"
		 "  - {type: leaf, path: /b, cut: 9}\n",
		 &cf, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(cf.n_inputs, 3);
	assert_ptr_equal(cf.inputs[0].cls, &leaf);
	assert_string_equal(cf.inputs[0].id, "leaf");
	assert_int_equal(cf.inputs[0].line, 3);
	lc = cf.inputs[0].conf;
	assert_string_equal(lc->path, "/a");
	assert_int_equal(lc->cut, 7);
	assert_string_equal(cf.inputs[1].id, "mine");
	assert_string_equal(cf.inputs[2].id, "leaf-2");
	lc = cf.inputs[2].conf;
	assert_string_equal(lc->path, "/b");
	assert_int_equal(lc->cut, 9);
	config_release(&cf);
}

static void test_defaults(void **state)
{
	char host[256] = "", key[128];
	struct config cf;
	struct err err = { 0 };

	assert_int_equal(load("inputs: [{type: bare}]\n", &cf, &err), 0);
	gethostname(host, sizeof(host) - 1);
	assert_string_equal(cf.host_name, host);
	assert_string_equal(cf.run_dir, dir);
	snprintf(key, sizeof(key), "%s/agent.key", dir);
	assert_string_equal(config_key_path(&cf), key);
	assert_int_equal(cf.spool.max_bytes, UINT64_C(2) << 30);
	assert_int_equal(cf.spool.close_ms, 200);
	assert_int_equal(cf.status_every_ms, 300000);
	assert_int_equal(cf.collector.addresses.n, 0);
	assert_null(cf.agent);
	assert_false(cf.keep_original);
	config_release(&cf);
}

static void test_addresses(void **state)
{
	struct config cf;
	struct err err = { 0 };

	put(enrolment,
	    "{\"agent\": \"a1\", \"tenant\": \"mallila\", \"collector\": \"siem.example:6000\"}");
	assert_int_equal(load("inputs: [{type: bare}]\n", &cf, &err), 0);
	assert_int_equal(cf.collector.addresses.n, 1);
	assert_string_equal(cf.collector.addresses.v[0], "siem.example:6000");
	assert_string_equal(cf.agent, "a1");
	assert_string_equal(cf.tenant, "mallila");
	config_release(&cf);
	assert_int_equal(load("collector: {addresses: [b, '[::1]:7', '2001:db8::2']}\n"
			      "inputs: [{type: bare}]\n",
			      &cf, &err),
			 0);
	assert_int_equal(cf.collector.addresses.n, 3);
	assert_string_equal(cf.collector.addresses.v[0], "b:5044");
	assert_string_equal(cf.collector.addresses.v[1], "[::1]:7");
	assert_string_equal(cf.collector.addresses.v[2], "[2001:db8::2]:5044");
	config_release(&cf);
	put(enrolment, "{\"agent\": 1}");
	assert_int_equal(load("inputs: [{type: bare}]\n", &cf, &err), -1);
	assert_non_null(strstr(err.msg, "enrolment.json is damaged"));
}

static const struct { /* the text begins on line 2 */
	const char *name, *text, *message;
} faults[] = {
	{ "no inputs", "", "inputs is missing" },
	{ "empty list", "inputs: []\n", ":2:9: inputs: expected a list" },
	{ "a rate that delivers nothing",
	  "collector: {max_rate_bps: 2399}\ninputs: [{type: bare}]\n",
	  ":2:27: collector.max_rate_bps: expected bits a second, at least 2400, or 0" },
	{ "not a list", "inputs: leaf\n", ":2:9: inputs: expected a list" },
	{ "a text in the list", "inputs: [leaf]\n", ":2:10: inputs: expected settings" },
	{ "no type", "inputs: [{path: /a}]\n", ":2:10: inputs: expected a type" },
	{ "unknown type", "inputs:\n- type: leef\n",
	  ":3:9: inputs: type leef is unknown; expected one of leaf, bare" },
	{ "missing setting", "inputs:\n- type: leaf\n", ":3:3: path is missing" },
	{ "unknown setting", "inputs:\n- {type: leaf, path: /a, ctu: 1}\n",
	  ":3:31: unknown setting ctu; known here: path, cut" },
	{ "out of bounds", "inputs:\n- {type: leaf, path: /a, cut: 101}\n",
	  ":3:31: cut: 101 is outside 1 to 100" },
	{ "setting of a kind that has none", "inputs: [{type: bare, path: /a}]\n",
	  ":2:29: inputs: type bare has no settings" },
	{ "the same id", "inputs: [{type: bare, id: x}, {type: bare, id: x}]\n",
	  ":2:48: inputs: the id x is used twice" },
	{ "a default id taken", "inputs: [{type: bare}, {type: leaf, path: /a, id: bare}]\n",
	  "the id bare is used twice" },
	{ "id with a slash", "inputs: [{type: bare, id: a/b}]\n", ":2:27: inputs: id: expected" },
	{ "address", "collector: {addresses: [a, 'b:0']}\ninputs: [{type: bare}]\n",
	  ":2:28: collector.addresses: expected HOST" },
	{ "address with a scheme", "collector: {addresses: 'https://b'}\ninputs: [{type: bare}]\n",
	  ":2:24: collector.addresses: expected HOST" },
	{ "host name", "host_name: \"a\\nb\"\ninputs: [{type: bare}]\n",
	  ":2:12: host_name: expected a name" },
	{ "level", "log_level: loud\ninputs: [{type: bare}]\n",
	  ":2:12: log_level: expected one of error, warn, info, debug" },
};

static const struct {
	const char *text, *waiting;
} changes[] = {
	{ "inputs: [{type: bare}]\n", "" },
	{ "inputs: [{type: bare}, {type: bare}]\nkeep_original: true\n", "" },
	{ "inputs: [{type: bare}]\nspool: {level: 9}\n", "spool.level" },
	{ "inputs: [{type: bare}]\nlog_level: debug\nspool: {max_bytes: 3GiB}\n"
	  "collector: {addresses: [a, b], max_rate_bps: 9600}\n",
	  "log_level, collector.addresses, collector.max_rate_bps, spool.max_bytes" },
	{ "inputs: [{type: bare}]\ncollector: {addresses: [c]}\n", "collector.addresses" },
	{ "inputs: [{type: bare}]\nhost_name: other\n", "host_name" },
};

static void test_what_waits_for_a_restart(void **state)
{
	const char *base = "inputs: [{type: bare}]\ncollector: {addresses: [a]}\nhost_name: h\n";

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct config running, fresh;
		struct buf text = { 0 }, names = { 0 };
		struct err err = { 0 };

		/* What a row does not say is as it was. */
		buf_str(&text, changes[i].text);
		if (strstr(changes[i].text, "addresses") == NULL)
			buf_str(&text, "collector: {addresses: [a]}\n");
		if (strstr(changes[i].text, "host_name") == NULL)
			buf_str(&text, "host_name: h\n");
		assert_int_equal(load(base, &running, &err), 0);
		if (load(buf_cstr(&text), &fresh, &err) < 0)
			fail_msg("%s: %s", changes[i].text, err.msg);
		config_waiting(&running, &fresh, &names);
		assert_string_equal(buf_cstr(&names), changes[i].waiting);
		buf_release(&names);
		buf_release(&text);
		config_release(&fresh);
		config_release(&running);
	}
}

static void test_faults(void **state)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct config cf;
		struct err err = { 0 };

		if (load(faults[i].text, &cf, &err) == 0)
			fail_msg("%s: accepted", faults[i].name);
		if (strstr(err.msg, faults[i].message) == NULL ||
		    strncmp(err.msg, path, strlen(path)) != 0)
			fail_msg("%s: says %s", faults[i].name, err.msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_inputs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_defaults, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_addresses, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_faults, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_waits_for_a_restart, set_up, tear_down),
	};

	return RUN_TESTS(tests);
}
