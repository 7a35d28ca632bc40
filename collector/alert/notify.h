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
	const char *region_name; /* "Seutu-IT Oy": who sends and whom to call */
	const char *region_phone;
	const char *region_email; /* where alerts that no contact gets are sent; may be NULL */
	enum lang region_lang;
	const char *from;      /* "vartio@region.example" */
	const char *smtp_url;  /* "smtp://mail.example:587"; NULL: no SMTP */
	bool smtp_starttls;    /* required; true by default */
	const char *smtp_user; /* NULL: no authentication */
	const char *smtp_password_file;
	const char *smtp_ca_file; /* NULL: the system's */
	const char *maildir;      /* the Maildir folder; used when smtp_url is NULL */
	const char *zone;         /* "Europe/Helsinki": how times are shown */
	int64_t additions_ms;     /* how long additions to an alert wait for company (5 min) */
	int64_t max_age_ms;       /* unsent for longer: logged as failed, and kept trying */
	int64_t retry_min_ms;     /* the first wait after a failure, doubled each time; 0: 30 s */
	int64_t retry_max_ms;     /* the longest; 0: 1 h */
};

/* Queues the messages that a new or extended alert asks for, inside the caller's transaction
 * (alert_begin). To all of the tenant's contacts, in order, when alert.to_contact, its level is
 * high or critical and its rule has texts; else, or when there is none, to the region.
 * A message is written when it is sent, so it tells the counts of that moment. Additions to a sent
 * message make an update, additions_ms later, only when the events have doubled since the first
 * message or grown tenfold since the last update, at most NOTIFY_UPDATES_MAX times, and none once a
 * person has acknowledged. Asking again for the same changes nothing. */
#define NOTIFY_UPDATES_MAX 3u
int notify_alert(struct alert_store *as, const struct notify_conf *nc, const char *alert_id,
		 bool is_new, int64_t now_ns, struct err *err);
/* Queues a test message to one contact. ERR_ABSENT: no such contact. */
int notify_test(struct alert_store *as, const struct notify_conf *nc, int64_t contact_id,
		int64_t now_ns, struct err *err);
struct notify_stats {
	metric queued, sent, failed_attempts, refused, pending;
	metric late;      /* waiting longer than max_age_ms */
	metric oldest_ns; /* when the oldest unsent message was due first; 0: none */
};
/* The notify thread: sends what is due until notify_stop. Every attempt is a row of the alert log:
 * "sent" with the server and its reply, "failed" with the reason. A server that can't be reached,
 * refuses our password or offers no encryption holds all messages; a refused recipient (5xx) fails
 * this message for good, and the region is told instead. The region's own messages never fail for
 * good. After a crash between the server's reply and its row, the message goes out once more with
 * the same Message-ID: this is the one hop of Vartio that is at least once (Maildir: once).
 * nc is borrowed for the notifier's life. */
struct notifier;
int notifier_start(const char *db_path, const struct notify_conf *nc, struct notifier **ret,
		   struct err *err);
void notifier_wake(struct notifier *nt); /* something was queued; any thread */
const struct notify_stats *notifier_stats(const struct notifier *nt);
void notifier_stop(struct notifier *nt); /* joins and frees; NULL is fine */

/* Renders the message of an alert (or a test when al is NULL): a whole RFC 5322 message,
 * multipart/alternative, text first, CRLF line ends. Pure, but for the process's zone
 * (common/base/zone.h). update 0 is the first message; its Message-ID is <ALERT.0.cCONTACT@DOMAIN>,
 * ALERT being the alert's id, and updates refer to it. Each contact's message has an id of its own,
 * since its language and text are its own (RFC 5322 3.6.4).
 * ERR_USAGE: a name or address of the configuration can't stand in a header. */
int message_render(const struct notify_conf *nc, const struct contact *to, const struct alert *al,
		   unsigned update, int64_t now_ns, struct buf *out, struct err *err);

#endif
