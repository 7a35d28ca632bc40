/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert/notify.c: who is told of an alert, and when it is worth another message. */
#include "collector/alert/notify.h"

#include "collector/alert/notifier.h"
#include "collector/alert/outbox.h"
#include "collector/alert/store.h"
#include "collector/tenant/registry.h"
#include "common/base/time.h"

#define GROWTH_FIRST 2u  /* the first message tells the first seconds of an attack only */
#define GROWTH_LATER 10u /* what goes on all night is one message a power of ten */

struct telling { /* one notify_alert */
	struct alert_store *as;
	const char *alert_id, *tenant;
	unsigned update;
	uint64_t events;
	int64_t now_ns, due_ns;
	unsigned told;
	struct err *err;
};

static int tell(void *arg, const struct contact *c)
{
	struct telling *t = arg;
	bool added = false;

	t->told++;
	if (outbox_add(alert_store_db(t->as), t->alert_id, c, t->update, t->events, t->due_ns,
		       &added, t->err) < 0)
		return -1;
	if (!added)
		return 0;
	return alert_log(t->as, t->alert_id, t->tenant, "queued",
			 json_pack("{s:s, s:s, s:s, s:i}", "to", c->email, "name", c->name, "lang",
				   lang_names[c->lang], "update", (int)t->update),
			 t->now_ns, t->err);
}

/* contact_list stops quietly when tell fails; that must not be taken for success. */
static int tell_contacts(struct telling *t)
{
	struct err seen = { 0 }, *real = t->err;
	int r;

	t->err = &seen;
	r = contact_list_db(alert_store_db(t->as), t->tenant, tell, t, &seen);
	t->err = real;
	if (r == 0 && seen.code == ERR_NONE)
		return 0;
	if (real != NULL)
		*real = seen;
	return -1;
}

/* The region's own desk; where no address is set, the sender's: it is the region's too. */
static struct contact region_contact(const struct notify_conf *nc, const char *tenant,
				     const char *tenant_name)
{
	return (struct contact){
		.id = REGION_CONTACT_ID,
		.tenant = tenant,
		.tenant_name = tenant_name,
		.name = nc->region_name,
		.email = nc->region_email != NULL ? nc->region_email : nc->from,
		.lang = nc->region_lang,
	};
}

static int tell_region(struct telling *t, const struct notify_conf *nc)
{
	sqlite3_stmt *st = NULL;
	int r = db_query(alert_store_db(t->as), &st, t->err, "SELECT name FROM tenant WHERE id = ?",
			 "t", t->tenant);

	if (r == 0)
		r = db_next(alert_store_db(t->as), st, t->err);
	if (r >= 0) {
		struct contact c =
			region_contact(nc, t->tenant, r == 1 ? db_text(st, 0) : t->tenant);

		r = tell(t, &c);
	}
	sqlite3_finalize(st);
	return r;
}

static bool has_texts(const struct alert *al)
{
	for (int l = 0; l < LANGS; l++)
		if (al->texts[l].what != NULL && *al->texts[l].what != '\0')
			return true;
	return false;
}

static int first_messages(struct telling *t, const struct notify_conf *nc)
{
	struct arena mem = { 0 };
	struct alert al;
	int r = -1;

	if (alert_get(t->as, t->alert_id, &mem, &al, t->err) < 0)
		goto out;
	t->tenant = al.tenant;
	t->events = al.events;
	t->due_ns = t->now_ns;
	if (al.state == ALERT_CLOSED) {
		r = 0;
		goto out;
	}
	if (al.to_contact && al.level >= LEVEL_HIGH && has_texts(&al) && tell_contacts(t) < 0)
		goto out;
	r = t->told > 0 ? 0 : tell_region(t, nc);
out:
	arena_release(&mem);
	return r;
}

/* 1: an update is worth it; tenant in mem. */
static int worth_update(struct telling *t, const struct outbox_last *last, struct arena *mem)
{
	unsigned growth = last->update == 0 ? GROWTH_FIRST : GROWTH_LATER;
	sqlite3_stmt *st = NULL;
	int r = db_query(alert_store_db(t->as), &st, t->err,
			 "SELECT tenant, events FROM alert WHERE id = ? AND state IN ('new', "
			 "'notified')",
			 "t", t->alert_id);

	if (r == 0)
		r = db_next(alert_store_db(t->as), st, t->err);
	if (r == 1) {
		t->events = (uint64_t)sqlite3_column_int64(st, 1);
		t->tenant = arena_copy(mem, slice_str(db_text(st, 0))).p;
		if (t->tenant == NULL)
			r = err_nomem(t->err);
		else if (t->events / growth < last->events || t->events == last->events)
			r = 0;
	}
	sqlite3_finalize(st);
	return r;
}

int notify_alert(struct alert_store *as, const struct notify_conf *nc, const char *alert_id,
		 bool is_new, int64_t now_ns, struct err *err)
{
	struct telling t = { .as = as, .alert_id = alert_id, .now_ns = now_ns, .err = err };
	struct arena mem = { 0 };
	struct outbox_last last;
	sqlite3_stmt *st = alert_stmt(as, ST_TOLD, err);
	int r;

	if (st == NULL || outbox_last(alert_store_db(as), st, alert_id, &last, err) < 0)
		return -1;
	if (!last.any)
		return first_messages(&t, nc);
	/* What still waits will tell the counts of the moment when it goes. */
	if (is_new || last.waiting || last.update >= NOTIFY_UPDATES_MAX)
		return 0;
	r = worth_update(&t, &last, &mem);
	if (r == 1) {
		t.update = last.update + 1;
		t.due_ns = now_ns + nc->additions_ms * NS_PER_MS;
		r = outbox_recipients(alert_store_db(as), alert_id, tell, &t, err);
	}
	arena_release(&mem);
	return r < 0 ? -1 : 0;
}

int notify_region_instead(struct alert_store *as, const struct notify_conf *nc,
			  const char *alert_id, const char *tenant, int64_t now_ns, struct err *err)
{
	struct telling t = { .as = as,
			     .alert_id = alert_id,
			     .tenant = tenant,
			     .now_ns = now_ns,
			     .due_ns = now_ns,
			     .err = err };

	return tell_region(&t, nc);
}

struct finding_contact {
	struct alert_store *as;
	int64_t id, now_ns;
	bool found;
	int result;
	struct err *err;
};

static int if_the_one(void *arg, const struct contact *c)
{
	struct finding_contact *f = arg;
	struct telling t = { .as = f->as,
			     .alert_id = "",
			     .tenant = c->tenant,
			     .now_ns = f->now_ns,
			     .due_ns = f->now_ns,
			     .err = f->err };

	if (c->id != f->id)
		return 0;
	f->found = true;
	f->result = tell(&t, c);
	return 1;
}

int notify_test(struct alert_store *as, const struct notify_conf *nc, int64_t contact_id,
		int64_t now_ns, struct err *err)
{
	struct finding_contact f = { .as = as, .id = contact_id, .now_ns = now_ns, .err = err };

	(void)nc;
	if (contact_list_db(alert_store_db(as), NULL, if_the_one, &f, err) < 0)
		return -1;
	if (!f.found)
		return err_set(err, ERR_ABSENT,
			       "there is no contact %lld; `vartio-collector contact list` shows "
			       "their numbers",
			       (long long)contact_id);
	return f.result;
}
