/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/helpers/postman.c: the notify thread alone, for tests/e2e/mail.py.
 * Usage: postman DB CONF.json. Makes the tenant and its contacts, raises the alerts that CONF asks
 * for, prints "ready", and sends until SIGTERM. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "collector/alert/notify.h"
#include "collector/tenant/registry.h"
#include "common/base/i18n.h"
#include "common/base/log.h"
#include "common/base/time.h"
#include "common/base/zone.h"

static const char *text(const json_t *conf, const char *key) /* lent by conf */
{
	return json_string_value(json_object_get(conf, key));
}

static int64_t number(const json_t *conf, const char *key, int64_t fallback)
{
	const json_t *v = json_object_get(conf, key);

	return v != NULL ? (int64_t)json_integer_value(v) : fallback;
}

static const struct rule guessing = {
	.kind = RULE_DETECTION,
	.id = "11111111-0000-4000-8000-000000000002",
	.name = "ssh-guessing",
	.title = "SSH: password guessing",
	.author = "Vartio",
	.link = "https://vartio.example/rules/ssh-guessing",
	.level = LEVEL_HIGH,
	.to_contact = true,
	.alerts = true,
	.texts = { [LANG_FI] = { .title = "Salasanoja arvataan",
				 .what = "Koneella {host} arvataan käyttäjää {user} osoitteesta "
					 "{source_ip}.",
				 .why = "Ulkopuolinen voi päästä sisään.",
				 .action = "1. Soita.\n2. Odota.",
				 .call = "{region_name}, {region_phone}" },
		   [LANG_SV] = { .title = "Lösenord gissas", .what = "Någon gissar." },
		   [LANG_EN] = { .title = "Passwords are guessed", .what = "Somebody guesses." } },
};

static int raise_alert(struct alert_store *as, const struct notify_conf *nc, const char *value,
		       unsigned n, struct err *err)
{
	char host[32], id[33], event[64];
	struct finding_value v[] = { { "host.name", { 0 } },
				     { "source.ip", SLICE("192.0.2.7") },
				     { "user.name", slice_str(value) } };
	int64_t now = time_now_ns();
	struct finding_signal sg = { &guessing, { 0 }, now, now, 1, v, 3 };
	struct finding f = { .rule = &guessing,
			     .tenant = SLICE("mallila"),
			     .signals = &sg,
			     .n_signals = 1,
			     .sample = SLICE("{}"),
			     .holds = true };
	bool is_new = false;

	snprintf(host, sizeof(host), "srv%u", n);
	snprintf(event, sizeof(event), "agent1-00000000000000aa-%u", n);
	v[0].value = f.entity = f.group_key = slice_str(host);
	sg.event_id = slice_str(event);
	if (alert_begin(as, err) < 0)
		return -1;
	if (alert_apply(as, &f, now, 3600 * NS_PER_SEC, &is_new, id, err) < 0 ||
	    notify_alert(as, nc, id, is_new, now, err) < 0) {
		alert_rollback(as);
		return -1;
	}
	return alert_commit(as, err);
}

static int add_people(const char *db, const json_t *conf, struct err *err)
{
	struct registry *rg = NULL;
	const json_t *who;
	size_t i;
	int r = registry_open(db, &rg, err);

	if (r == 0 && tenant_exists(rg, "mallila", err) < 0) {
		r = tenant_add(rg, "mallila", "Mallilan kunta", "test", time_now_ns(), err);
		json_array_foreach(json_object_get(conf, "contacts"), i, who)
		{
			struct contact c = { .tenant = "mallila",
					     .name = text(who, "name"),
					     .email = text(who, "email"),
					     .order = (int64_t)i };
			int64_t id;

			while (strcmp(lang_names[c.lang], text(who, "lang")) != 0)
				c.lang++;
			if (r == 0)
				r = contact_add(rg, &c, &id, err);
		}
	}
	registry_close(rg);
	return r;
}

static int run(const char *db, const struct notify_conf *nc, const json_t *conf, struct err *err)
{
	struct alert_store *as = NULL;
	struct notifier *nt = NULL;
	sigset_t set;
	int r, number_got;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	r = alert_store_open(db, &as, err);
	for (int64_t i = 0; r == 0 && i < number(conf, "alerts", 0); i++)
		r = raise_alert(as, nc, text(conf, "value"), (unsigned)i, err);
	alert_store_close(as);
	if (r < 0 || notifier_start(db, nc, &nt, err) < 0)
		return -1;
	puts("ready");
	fflush(stdout);
	sigwait(&set, &number_got);
	notifier_stop(nt);
	puts("stopped");
	return 0;
}

int main(int argc, char **argv)
{
	json_t *conf = argc == 3 ? json_load_file(argv[2], 0, NULL) : NULL;
	struct notify_conf nc = { .region_name = "Seutu-IT Oy",
				  .region_phone = "+358 9 123 4567",
				  .region_email = "valvomo@seutu.example",
				  .region_lang = LANG_FI,
				  .from = "vartio@seutu.example" };
	struct err err = { 0 };
	int r;

	if (conf == NULL) {
		fprintf(stderr, "usage: postman DB CONF.json\n");
		return 2;
	}
	log_init("postman", LOG_LEVEL_INFO);
	nc.smtp_url = text(conf, "url");
	nc.smtp_starttls = !json_is_false(json_object_get(conf, "starttls"));
	nc.smtp_user = text(conf, "user");
	nc.smtp_password_file = text(conf, "password_file");
	nc.smtp_ca_file = text(conf, "ca_file");
	nc.maildir = text(conf, "maildir");
	nc.retry_min_ms = number(conf, "retry_min_ms", 200);
	nc.retry_max_ms = number(conf, "retry_max_ms", 400);
	nc.additions_ms = 1000;
	nc.max_age_ms = number(conf, "max_age_ms", 3600000);
	r = zone_use("Europe/Helsinki", &err);
	if (r == 0)
		r = add_people(argv[1], conf, &err);
	if (r == 0)
		r = run(argv[1], &nc, conf, &err);
	if (r < 0)
		fprintf(stderr, "postman: %s\n", err.msg);
	json_decref(conf);
	return r < 0;
}
