/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert/notify.h: messages to people. The outbox is a table beside the alerts: a message
 * is queued in the alert's own transaction, sent by the notify thread with retries and back-off,
 * and every attempt is a row of the alert log.
 * Channels are classes in one list (notify_channels): "smtp" and "maildir". */
#ifndef VARTIO_ALERT_NOTIFY_H
#define VARTIO_ALERT_NOTIFY_H

#include "collector/alert/alert.h"

struct contact { /* of the registry; texts lent */
	int64_t id;
	const char *tenant, *name, *email, *phone, *role;
	const char *tenant_name; /* the municipality's, "Mallilan kunta"; NULL: tenant is shown */
	enum lang lang;
	int64_t order;
};

struct notify_conf {
	const char *region_name;   /* "Seutu-IT Oy": who sends and whom to call */
	const char *region_phone;
	const char *region_email;  /* where alerts that no contact gets are sent; may be NULL */
	enum lang region_lang;
	const char *from;          /* "vartio@region.example" */
	const char *smtp_url;      /* "smtp://mail.example:587"; NULL: no SMTP */
	bool smtp_starttls;        /* required; true by default */
	const char *smtp_user;     /* NULL: no authentication */
	const char *smtp_password_file;
	const char *smtp_ca_file;  /* NULL: the system's */
	const char *maildir;       /* the Maildir folder; used when smtp_url is NULL */
	const char *zone;          /* "Europe/Helsinki": how times are shown */
	int64_t additions_ms;      /* how long additions to an alert wait for company (5 min) */
	int64_t max_age_ms;        /* a message older than this unsent is logged as failed, and kept trying */
};

/* Queues the messages that a new or extended alert asks for, inside the caller's transaction
 * (alert_begin). To the tenant's contacts when alert.to_contact and level is high or critical, in
 * order; else, or when there is none, to the region. */
int notify_alert(struct alert_store *as, const struct notify_conf *nc, const char *alert_id,
		 bool is_new, int64_t now_ns, struct err *err);
/* Queues a test message to one contact. */
int notify_test(struct alert_store *as, const struct notify_conf *nc, int64_t contact_id,
		int64_t now_ns, struct err *err);
struct notify_stats {
	metric queued, sent, failed_attempts, pending;
	metric oldest_ns; /* when the oldest unsent message was queued; 0: none */
};
/* The notify thread: sends what is due until notify_stop. */
struct notifier;
int notifier_start(const char *db_path, const struct notify_conf *nc, struct notifier **ret,
		   struct err *err);
void notifier_wake(struct notifier *nt); /* something was queued; any thread */
const struct notify_stats *notifier_stats(const struct notifier *nt);
void notifier_stop(struct notifier *nt); /* joins and frees */

/* Renders the message of an alert (or a test when al is NULL): a whole RFC 5322 message,
 * multipart/alternative, text first, CRLF line ends. Pure, but for the process's zone
 * (common/base/zone.h). update 0 is the first message; its Message-ID is <ALERT.0.cCONTACT@DOMAIN>,
 * ALERT being the alert's id, and updates refer to it. Each contact's message has an id of its own,
 * since its language and text are its own (RFC 5322 3.6.4).
 * ERR_USAGE: a name or address of the configuration can't stand in a header. */
int message_render(const struct notify_conf *nc, const struct contact *to, const struct alert *al,
		   unsigned update, int64_t now_ns, struct buf *out, struct err *err);

#endif
