/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/config: defaults, a whole file, and a table of faults with the place of each. */
#include "tests/cmocka.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/config.h"
#include "common/base/file.h"

static char dir[64], path[96], secret[96];

static int set_up(void **state)
{
	strcpy(dir, "/tmp/vartio-config-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/c.yml", dir);
	snprintf(secret, sizeof(secret), "%s/password", dir);
	return 0;
}

static int tear_down(void **state)
{
	unlink(path);
	unlink(secret);
	return rmdir(dir);
}

static void put(const char *name, const char *text, unsigned mode)
{
	struct err err;

	assert_int_equal(file_write(name, slice_str(text), mode, &err), 0);
}

static void test_defaults(void **state)
{
	struct config cf;
	struct err err = { 0 };

	put(path, "agents: {address: siem.example}\n", 0644);
	assert_int_equal(config_load(path, &cf, &err), 0);
	assert_string_equal(cf.path, path);
	assert_string_equal(cf.state_dir, "/var/lib/vartio-collector");
	assert_string_equal(cf.agents.address, "siem.example");
	assert_string_equal(cf.agents.listen, "0.0.0.0");
	assert_int_equal(cf.agents.port, 5044);
	assert_int_equal(cf.agents.enrol_port, 5043);
	assert_int_equal(cf.queue.commit_ms, 50);
	assert_int_equal(cf.queue.commit_bytes, 128 << 10);
	assert_int_equal(cf.alert.session_ms, 3600000);
	assert_string_equal(cf.metrics.listen, "127.0.0.1");
	assert_int_equal(cf.metrics.port, 9600);
	assert_int_equal(cf.log_level, 2);
	assert_in_range(cf.rules.threads, 1, 64);
	assert_null(cf.notify.smtp_url);
	assert_true(cf.notify.smtp_starttls);
	assert_string_equal(cf.notify.maildir, "/var/lib/vartio-collector/maildir");
	assert_string_equal(cf.notify.zone, "Europe/Helsinki");
	assert_int_equal(cf.notify.additions_ms, 300000);
	config_release(&cf);
	assert_int_equal(config_defaults(&cf, &err), 0);
	assert_null(cf.agents.address);
	assert_int_equal(cf.rules.paths.n, 1);
	config_release(&cf);
}

static void test_whole(void **state)
{
	struct config cf;
	struct err err = { 0 };
	char text[1024];

	put(secret, "correct horse\n", 0600);
	snprintf(text, sizeof(text),
		 "state_dir: %s\nlog_level: debug\n"
		 "agents: {address: 192.0.2.1, names: [siem.example, '2001:db8::1'], port: 0}\n"
		 "queue: {max_bytes: 64MiB, commit: 5ms, retain_bytes: 0}\n"
		 "rules: {paths: [/etc/vartio/rules, /usr/share/vartio/rules], threads: 3}\n"
		 "alert: {session: 30min}\n"
		 "notify:\n"
		 "  region: {name: Seutu-IT Oy, phone: +358 9 123, email: soc@seutu.example, "
		 "language: sv}\n"
		 "  mail:\n"
		 "    from: vartio@seutu.example\n"
		 "    smtp: {url: 'smtp://mail.example:587', starttls: no, user: vartio,\n"
		 "           password_file: %s}\n"
		 "  zone: Europe/Stockholm\n"
		 "metrics: {port: 0}\n",
		 dir, secret);
	put(path, text, 0644);
	if (config_load(path, &cf, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(cf.state_dir, dir);
	assert_int_equal(cf.log_level, 3);
	assert_int_equal(cf.agents.names.n, 2);
	assert_string_equal(cf.agents.names.v[1], "2001:db8::1");
	assert_int_equal(cf.agents.port, 0);
	assert_int_equal(cf.queue.max_bytes, 64 << 20);
	assert_int_equal(cf.rules.threads, 3);
	assert_string_equal(cf.notify.region_name, "Seutu-IT Oy");
	assert_int_equal(cf.notify.region_lang, LANG_SV);
	assert_string_equal(cf.notify.smtp_url, "smtp://mail.example:587");
	assert_false(cf.notify.smtp_starttls);
	assert_null(cf.notify.maildir);
	assert_string_equal(cf.notify.smtp_password_file, secret);
	assert_int_equal(cf.metrics.port, 0);
	config_release(&cf);
}

/* text goes behind "agents: {address: a}\n", so its first line is line 2. @ stands for the secret.
 */
static const struct {
	const char *name, *text, *message;
	unsigned mode; /* of the password file; 0: none */
} faults[] = {
	{ "unknown setting", "agnets: 1\n", ":2:9: unknown setting agnets; known here:", 0 },
	{ "wrong type", "queue: {commit: soon}\n", ":2:17: commit: expected a duration", 0 },
	{ "out of bounds", "queue:\n  max_bytes: 1MiB\n", ":3:14: max_bytes: 1MiB is outside", 0 },
	{ "port", "metrics: {port: 70000}\n", ":2:17: port: 70000 is outside", 0 },
	{ "language", "notify: {region: {language: de}}\n",
	  ":2:29: language: expected one of fi, sv, en", 0 },
	{ "a header in a name", "notify:\n  region:\n    name: \"a\\r\\nBcc: x\"\n",
	  ":4:11: notify.region.name: expected a name on one line", 0 },
	{ "no address", "notify: {mail: {from: nobody}}\n",
	  ":2:23: notify.mail.from: expected an e-mail address", 0 },
	{ "not SMTP", "notify: {mail: {from: a@b, smtp: {url: 'http://x'}}}\n",
	  ":2:40: notify.mail.smtp.url: expected smtp://", 0 },
	{ "server without sender", "notify: {mail: {smtp: {url: 'smtp://x'}}}\n",
	  "notify.mail.from", 0 },
	{ "user without password",
	  "notify: {mail: {from: a@b, smtp: {url: 'smtp://x', user: u}}}\n",
	  "smtp.password_file beside it", 0 },
	{ "password file missing", "notify: {mail: {smtp: {password_file: @}}}\n",
	  ":2:39: notify.mail.smtp.password_file: cannot find ", 0 },
	{ "password file for all to read", "notify: {mail: {smtp: {password_file: @}}}\n",
	  "run: chmod 0600 ", 0644 },
	{ "zone", "notify: {zone: ../../etc/passwd}\n", ":2:16: notify.zone: expected", 0 },
	{ "retain more than all", "queue: {max_bytes: 64MiB, retain_bytes: 65MiB}\n",
	  ":2:41: queue.retain_bytes: expected no more", 0 },
	{ "name with port", "agents.x: 1\n", "unknown setting", 0 },
	{ "twice", "agents: {address: b}\n", ":2:1: agents is set twice", 0 },
	{ "not YAML", "queue: {\n", ":3:1: not YAML", 0 },
};

static void test_faults(void **state)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		const char *at = strchr(faults[i].text, '@');
		bool file = at != NULL && strstr(faults[i].text, ": @}") != NULL;
		struct config cf;
		struct err err = { 0 };
		char text[512];

		if (file)
			snprintf(text, sizeof(text), "agents: {address: a}\n%.*s%s%s",
				 (int)(at - faults[i].text), faults[i].text, secret, at + 1);
		else
			snprintf(text, sizeof(text), "agents: {address: a}\n%s", faults[i].text);
		put(path, text, 0644);
		unlink(secret);
		if (faults[i].mode != 0)
			put(secret, "x\n", faults[i].mode);
		if (config_load(path, &cf, &err) == 0)
			fail_msg("%s: accepted", faults[i].name);
		if (strstr(err.msg, faults[i].message) == NULL ||
		    strncmp(err.msg, path, strlen(path)) != 0)
			fail_msg("%s: says %s", faults[i].name, err.msg);
	}
}

static const struct {
	const char *text, *message;
} addresses[] = {
	{ "", "1:1: agents.address is missing" },
	{ "agents: {port: 1}\n", "1:9: agents.address is missing" },
	{ "agents: {address: 'a:5044'}\n", "1:19: agents.address: expected a host name" },
	{ "agents: {address: 'a b'}\n", "1:19: agents.address: expected a host name" },
	{ "agents: {address: a, names: [b, '-x']}\n", "agents.names: expected host names" },
};

static void test_addresses(void **state)
{
	struct config cf;
	struct err err = { 0 };

	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		put(path, addresses[i].text, 0644);
		assert_int_equal(config_load(path, &cf, &err), -1);
		if (strstr(err.msg, addresses[i].message) == NULL)
			fail_msg("%s: says %s", addresses[i].text, err.msg);
	}
	unlink(path);
	assert_int_equal(config_load(path, &cf, &err), -1);
	assert_int_equal(err.code, ERR_ABSENT);
	assert_non_null(strstr(err.msg, "--config"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_defaults, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_whole, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_faults, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_addresses, set_up, tear_down),
	};

	return RUN_TESTS(tests);
}
