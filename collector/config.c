/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/config.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/detect/detect.h"
#include "common/base/text.h"

#define DEFAULT_PATH "/etc/vartio/collector.yml"
#define ZONES        "/usr/share/zoneinfo"
#define KIB          INT64_C(1024)
#define MIB          (1024 * KIB)
#define GIB          (1024 * MIB)
#define TIB          (1024 * GIB)
#define MINUTE_MS    INT64_C(60000)
#define DAY_MS       (24 * 60 * MINUTE_MS)

/* Sub-tables keep offsets of the whole struct, so their own offset is 0. */
#define AT(member) offsetof(struct config, member)

_Static_assert(sizeof(enum lang) == sizeof(int), "CONF_ENUM writes an int");

static const char *const level_names[] = { "error", "warn", "info", "debug", NULL };

static const struct conf_item agents_items[] = {
	{ "address", CONF_STR, AT(agents.address),
	  .help = "name or address by which agents reach this collector" },
	{ "names", CONF_STRS, AT(agents.names),
	  .help = "further names and addresses of this collector, for its certificate" },
	{ "listen", CONF_STR, AT(agents.listen), .fallback = "0.0.0.0",
	  .help = "local address that agents connect to" },
	{ "port", CONF_INT, AT(agents.port), 0, 65535, "5044", "events, Lumberjack over TLS" },
	{ "enrol_port", CONF_INT, AT(agents.enrol_port), 0, 65535, "5043",
	  "enrolment, HTTPS by our own authority" },
	{ "max_connections", CONF_INT, AT(agents.max_connections), 1, 100000, "10000",
	  "agents connected at once" },
	{ "max_connections_each", CONF_INT, AT(agents.max_connections_each), 1, 10000, "16",
	  "connections of one certificate; for one more the one that was silent longest is "
	  "closed. A Beat or Logstash needs one a worker" },
	{ NULL },
};
static const struct conf_item queue_items[] = {
	{ "max_bytes", CONF_BYTES, AT(queue.max_bytes), 16 * MIB, 1024 * TIB, "8GiB",
	  "disk that queued events may take; past it agents wait" },
	{ "commit_bytes", CONF_BYTES, AT(queue.commit_bytes), 64 * KIB, GIB, "128KiB",
	  "bytes that are written to disk together" },
	{ "commit", CONF_DURATION, AT(queue.commit_ms), 1, 10000, "50ms",
	  "time between two writes to disk, while events come" },
	{ "retain_bytes", CONF_BYTES, AT(queue.retain_bytes), 0, 1024 * TIB, "1GiB",
	  "events kept for looking back after all have read them" },
	{ NULL },
};
static const struct conf_item rules_items[] = {
	{ "paths", CONF_STRS, AT(rules.paths), .fallback = "/usr/share/vartio/rules",
	  .help = "Sigma rule files, and folders of them" },
	{ "values", CONF_STR, AT(rules.values),
	  .help = "file of what rules' placeholders stand for here; absent: rules with "
		  "placeholders do not load" },
	{ "link", CONF_STR, AT(rules.link), .fallback = RULES_LINK,
	  .help = "where a reader finds a rule that names no source of its own, %{id} being its "
		  "id; "
		  "empty: its first reference" },
	{ "reload", CONF_DURATION, AT(rules.reload_ms), 0, DAY_MS, "10s",
	  "how often is looked whether rules have changed; 0s: only when told (SIGHUP)" },
	{ "threads", CONF_INT, AT(rules.threads), 0, 64, "0",
	  "detection workers; 0: by the number of processors" },
	{ NULL },
};
static const struct conf_item alert_items[] = {
	{ "session", CONF_DURATION, AT(alert.session_ms), MINUTE_MS, 7 * DAY_MS, "1h",
	  "quiet time that ends an attack; what comes later is a new alert" },
	{ "correlate_max_bytes", CONF_BYTES, AT(alert.correlate_max_bytes), MIB, TIB, "256MiB",
	  "memory for the windows of correlation rules" },
	{ NULL },
};
static const struct conf_item region_items[] = {
	{ "name", CONF_STR, AT(notify.region_name), .fallback = "Vartio",
	  .help = "who sends the messages and answers the phone" },
	{ "phone", CONF_STR, AT(notify.region_phone), .fallback = "",
	  .help = "the number that a contact calls" },
	{ "email", CONF_STR, AT(notify.region_email),
	  .help = "where alerts go that are not for a contact" },
	{ "language", CONF_ENUM, AT(notify.region_lang), .fallback = "fi", .names = lang_names,
	  .help = "language of the region's own messages" },
	{ NULL },
};
static const struct conf_item smtp_items[] = {
	{ "url", CONF_STR, AT(notify.smtp_url), .help = "smtp://mail.example:587 or smtps://..." },
	{ "starttls", CONF_BOOL, AT(notify.smtp_starttls), .fallback = "true",
	  .help = "refuse to send without encryption" },
	{ "user", CONF_STR, AT(notify.smtp_user), .help = "log-in name, where the server asks" },
	{ "password_file", CONF_STR, AT(notify.smtp_password_file),
	  .help = "file that holds the password on one line; mode 0600" },
	{ "ca_file", CONF_STR, AT(notify.smtp_ca_file),
	  .help = "authority of the server's certificate; absent: the system's" },
	{ NULL },
};
static const struct conf_item mail_items[] = {
	{ "from", CONF_STR, AT(notify.from), .help = "sender address of the messages" },
	{ "smtp", CONF_SUB, .sub = smtp_items, .help = "the mail server" },
	{ "maildir", CONF_STR, AT(notify.maildir),
	  .help = "folder for messages where no server is set; absent: STATE/maildir" },
	{ NULL },
};
static const struct conf_item notify_items[] = {
	{ "region", CONF_SUB, .sub = region_items, .help = "the company that runs this collector" },
	{ "mail", CONF_SUB, .sub = mail_items, .help = "how messages leave" },
	{ "zone", CONF_STR, AT(notify.zone), .fallback = "Europe/Helsinki",
	  .help = "time zone of the times in messages" },
	{ "additions", CONF_DURATION, AT(notify.additions_ms), 1000, DAY_MS, "5min",
	  "how long news of a known alert wait for company" },
	{ "max_age", CONF_DURATION, AT(notify.max_age_ms), MINUTE_MS, 30 * DAY_MS, "24h",
	  "a message that could not be sent for this long is reported as failed" },
	{ NULL },
};
static const struct conf_item metrics_items[] = {
	{ "listen", CONF_STR, AT(metrics.listen), .fallback = "127.0.0.1",
	  .help = "local address of the metrics page" },
	{ "port", CONF_INT, AT(metrics.port), 0, 65535, "9600", "0: no metrics page" },
	{ NULL },
};
const struct conf_item config_items[] = {
	{ "state_dir", CONF_STR, AT(state_dir), .fallback = "/var/lib/vartio-collector",
	  .help = "folder of the queue, the database and the keys" },
	{ "log_level", CONF_ENUM, AT(log_level), .fallback = "info", .names = level_names,
	  .help = "what is logged" },
	{ "agents", CONF_SUB, .sub = agents_items, .help = "the door for agents" },
	{ "queue", CONF_SUB, .sub = queue_items, .help = "the queue of events on disk" },
	{ "rules", CONF_SUB, .sub = rules_items, .help = "detection" },
	{ "alert", CONF_SUB, .sub = alert_items, .help = "alerts" },
	{ "notify", CONF_SUB, .sub = notify_items, .help = "messages to people" },
	{ "metrics", CONF_SUB, .sub = metrics_items, .help = "OpenMetrics over HTTP" },
	{ NULL },
};

static int bad(const struct conf_node *root, const char *key, const char *expected, struct err *err)
{
	const struct conf_node *nd = conf_find(root, key);

	return err_at(err, nd != NULL ? nd->line : 1, nd != NULL ? nd->col : 1, ERR_SYNTAX,
		      "%s: expected %s", key, expected);
}

/* What the tables cannot say: texts that end up in certificates, headers and on terminals. */
static int check_texts(const struct config *cf, const struct conf_node *root, struct err *err)
{
	const struct notify_conf *nc = &cf->notify;
	const struct {
		const char *key, *value;
		bool ok;
		const char *expected;
	} rows[] = {
		{ "agents.address", cf->agents.address, text_is_host(slice_str(cf->agents.address)),
		  "a host name or an address, without a port (that is agents.port)" },
		{ "agents.listen", cf->agents.listen, text_is_host(slice_str(cf->agents.listen)),
		  "a local address such as 0.0.0.0 or ::" },
		{ "metrics.listen", cf->metrics.listen, text_is_host(slice_str(cf->metrics.listen)),
		  "a local address such as 127.0.0.1" },
		{ "state_dir", cf->state_dir, cf->state_dir[0] != '\0', "the path of a folder" },
		{ "notify.region.name", nc->region_name,
		  text_is_name(slice_str(nc->region_name), 100),
		  "a name on one line, at most 100 bytes" },
		{ "notify.region.phone", *nc->region_phone != '\0' ? nc->region_phone : NULL,
		  text_is_name(slice_str(nc->region_phone), 40), "a telephone number" },
		{ "notify.region.email", nc->region_email,
		  text_is_email(slice_str(nc->region_email)),
		  "an e-mail address such as soc@region.example" },
		{ "notify.mail.from", nc->from, text_is_email(slice_str(nc->from)),
		  "an e-mail address such as vartio@region.example" },
		{ "notify.mail.smtp.url", nc->smtp_url,
		  slice_starts(slice_str(nc->smtp_url), SLICE("smtp://")) ||
			  slice_starts(slice_str(nc->smtp_url), SLICE("smtps://")),
		  "smtp://HOST:PORT or smtps://HOST:PORT" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].value != NULL && !rows[i].ok)
			return bad(root, rows[i].key, rows[i].expected, err);
	for (size_t i = 0; i < cf->agents.names.n; i++)
		if (!text_is_host(slice_str(cf->agents.names.v[i])))
			return bad(root, "agents.names", "host names or addresses, without ports",
				   err);
	return 0;
}

static int check_zone(const struct config *cf, const struct conf_node *root, struct err *err)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789/_+-";
	const char *zone = cf->notify.zone;
	char path[256];
	struct stat st;

	if (*zone == '\0' || *zone == '/' || strlen(zone) > 100 ||
	    zone[strspn(zone, allowed)] != '\0')
		return bad(root, "notify.zone", "a time zone such as Europe/Helsinki", err);
	snprintf(path, sizeof(path), ZONES "/%s", zone);
	/* A machine without tzdata has no zone at all; that is not this setting's fault. */
	if (stat(ZONES, &st) == 0 && (stat(path, &st) < 0 || !S_ISREG(st.st_mode)))
		return bad(root, "notify.zone",
			   "a time zone such as Europe/Helsinki (no such zone in " ZONES ")", err);
	return 0;
}

/* Only the mode is looked at: the daemon's user reads the file, others need not. */
static int check_secret(const char *path, const char *key, const struct conf_node *root,
			struct err *err)
{
	const struct conf_node *nd = conf_find(root, key);
	struct stat st;

	if (path == NULL)
		return 0;
	if (stat(path, &st) < 0 && errno == EACCES)
		return 0;
	if (stat(path, &st) < 0)
		return err_at(err, nd->line, nd->col, ERR_ABSENT, "%s: cannot find %s: %s", key,
			      path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_at(err, nd->line, nd->col, ERR_SYNTAX, "%s: %s is not a file", key,
			      path);
	if ((st.st_mode & 0007) != 0)
		return err_at(err, nd->line, nd->col, ERR_DENIED,
			      "%s: every user of this machine may read %s; run: chmod 0600 %s", key,
			      path, path);
	return 0;
}

static int check_mail(const struct config *cf, const struct conf_node *root, struct err *err)
{
	const struct notify_conf *nc = &cf->notify;

	if (nc->smtp_url != NULL && nc->from == NULL)
		return bad(root, "notify.mail.smtp.url",
			   "notify.mail.from beside it: the address that messages come from", err);
	if (nc->smtp_user != NULL && nc->smtp_password_file == NULL)
		return bad(root, "notify.mail.smtp.user", "smtp.password_file beside it", err);
	return check_secret(nc->smtp_password_file, "notify.mail.smtp.password_file", root, err);
}

/* Defaults that depend on other settings or on the machine. */
static int derive(struct config *cf, struct err *err)
{
	if (cf->notify.from == NULL)
		cf->notify.from = "vartio@localhost";
	if (cf->notify.smtp_url == NULL && cf->notify.maildir == NULL) {
		cf->notify.maildir = config_path(cf, "maildir");
		if (cf->notify.maildir == NULL)
			return err_nomem(err);
	}
	if (cf->rules.threads == 0) {
		long n = sysconf(_SC_NPROCESSORS_ONLN);

		cf->rules.threads = n > 9 ? 8 : n > 2 ? n - 1 : 1; /* one is left for listening */
	}
	return 0;
}

static int bind(const struct conf_node *root, struct config *cf, struct err *err)
{
	if (conf_bind(root, config_items, cf, &cf->mem, err) < 0 || check_texts(cf, root, err) < 0)
		return -1;
	if (root == NULL)
		return derive(cf, err);
	if (cf->agents.address == NULL) {
		const struct conf_node *nd = conf_find(root, "agents");

		return err_at(
			err, nd->line, nd->col, ERR_SYNTAX,
			"agents.address is missing: the name or address by which agents reach "
			"this collector");
	}
	if (check_zone(cf, root, err) < 0 || check_mail(cf, root, err) < 0)
		return -1;
	if (cf->queue.retain_bytes > cf->queue.max_bytes)
		return bad(root, "queue.retain_bytes", "no more than queue.max_bytes", err);
	return derive(cf, err);
}

int config_load(const char *path, struct config *ret, struct err *err)
{
	struct config cf = { 0 };
	struct conf_node *root = NULL;
	struct slice name = arena_copy(&cf.mem, slice_str(path != NULL ? path : DEFAULT_PATH));

	cf.path = name.p;
	if (cf.path == NULL) {
		err_nomem(err);
		goto fail;
	}
	if (conf_load(cf.path, &cf.mem, &root, err) < 0) {
		if (err != NULL &&
		    err->code == ERR_ABSENT) /* the path is part of the message, and shorter */
			err_set(err, ERR_ABSENT,
				"there are no settings at %.300s; name the file with --config",
				cf.path);
		goto fail;
	}
	if (bind(root, &cf, err) < 0) {
		conf_err_in(err, cf.path);
		goto fail;
	}
	*ret = cf;
	return 0;
fail:
	config_release(&cf);
	return -1;
}

int config_defaults(struct config *ret, struct err *err)
{
	struct config cf = { 0 };

	if (bind(NULL, &cf, err) < 0) {
		config_release(&cf);
		return -1;
	}
	*ret = cf;
	return 0;
}

const char *config_path(struct config *cf, const char *name)
{
	size_t n = strlen(cf->state_dir) + strlen(name) + 2;
	char *path = arena_alloc(&cf->mem, n);

	if (path != NULL)
		snprintf(path, n, "%s/%s", cf->state_dir, name);
	return path;
}

void config_release(struct config *cf)
{
	arena_release(&cf->mem);
	*cf = (struct config){ 0 };
}
