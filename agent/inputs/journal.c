/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/journal.c: the systemd journal, through sd-journal. The cursor is the checkpoint
 * "journal:ID". Entries are read in bounded turns; between them the journal's inotify descriptor
 * is waited for, and nothing else where it is reliable. */
#include "agent/inputs/journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/time.h"

#define ENTRIES_PER_TURN 256u
#define POLL_MS          2000u /* where changes are not told of (network file systems) */
#define SD_LOCAL_ONLY    1     /* SD_JOURNAL_LOCAL_ONLY */

enum from { FROM_END, FROM_BEGINNING };

struct journal_conf {
	const char *directory; /* NULL: this machine's journal */
	struct conf_strs units, identifiers;
	int from;
	uint64_t max_field_bytes;
};

struct journal {
	struct input *in;
	const struct journal_conf *conf;
	const struct journal_lib *lib;
	struct sd_journal *j;
	uv_poll_t changed;
	uv_timer_t poll;
	uv_idle_t turn;
	unsigned handles;
	bool paused, closing;
	bool held; /* the entry under the cursor was not taken yet */
	bool warned;
	struct arena mem;
	struct buf json, key;
	void (*closed)(struct input *in);
};

static struct slice key_of(struct journal *jn)
{
	buf_reset(&jn->key);
	buf_str(&jn->key, "journal:");
	buf_str(&jn->key, jn->in->id);
	return buf_view(&jn->key);
}

static int match(struct journal *jn, const char *field, const char *value)
{
	char text[1024];
	int n = snprintf(text, sizeof(text), "%s=%s", field, value);

	return n < (int)sizeof(text) ? jn->lib->add_match(jn->j, text, (size_t)n) : -ENAMETOOLONG;
}

/* What journalctl -u UNIT shows: what the unit says, and what the manager says of it. */
static int match_unit(struct journal *jn, const char *unit)
{
	char full[512];
	int r;

	snprintf(full, sizeof(full), "%s%s", unit, strchr(unit, '.') == NULL ? ".service" : "");
	r = match(jn, "_SYSTEMD_UNIT", full);
	if (r >= 0)
		r = jn->lib->add_disjunction(jn->j);
	if (r >= 0)
		r = match(jn, "UNIT", full);
	if (r >= 0)
		r = match(jn, "_PID", "1");
	if (r >= 0)
		r = jn->lib->add_disjunction(jn->j);
	return r;
}

static int add_filters(struct journal *jn)
{
	int r = 0;

	for (size_t i = 0; i < jn->conf->units.n && r >= 0; i++)
		r = match_unit(jn, jn->conf->units.v[i]);
	if (jn->conf->units.n > 0 && jn->conf->identifiers.n > 0 && r >= 0)
		r = jn->lib->add_conjunction(jn->j);
	for (size_t i = 0; i < jn->conf->identifiers.n && r >= 0; i++)
		r = match(jn, "SYSLOG_IDENTIFIER", jn->conf->identifiers.v[i]);
	return r;
}

/* Nothing is there yet, so the end is the beginning; from the tail, next() would never move. */
static int start_of_empty(struct journal *jn)
{
	struct err err;

	jn->in->sink->checkpoint(jn->in->sink, jn->in, key_of(jn), SLICE("-"), &err);
	return jn->lib->seek_head(jn->j);
}

/* Stands before the first entry to read. Where the cursor's entry is gone, the journal was rotated
 * past it: sd-journal goes to the nearest one after it. */
static int seek(struct journal *jn)
{
	struct slice at = jn->in->sink->checkpoint_get(jn->in->sink, key_of(jn));
	char cursor[1024];
	int r;

	if (at.n == 0 || at.n >= sizeof(cursor)) {
		if (jn->conf->from == FROM_BEGINNING)
			return jn->lib->seek_head(jn->j);
		r = jn->lib->seek_tail(jn->j);
		if (r >= 0)
			r = jn->lib->previous(jn->j); /* next() is then what comes */
		return r != 0 ? r : start_of_empty(jn);
	}
	if (slice_is(at, "-"))
		return jn->lib->seek_head(jn->j);
	memcpy(cursor, at.p, at.n);
	cursor[at.n] = '\0';
	r = jn->lib->seek_cursor(jn->j, cursor);
	if (r >= 0)
		r = jn->lib->next(jn->j);
	if (r > 0)
		jn->held = jn->lib->test_cursor(jn->j, cursor) <= 0; /* another one: it is new */
	return r;
}

/* At the first start from the end the place is kept at once, so that a restart before the first
 * entry misses nothing. */
static void keep_place(struct journal *jn)
{
	struct sink *sk = jn->in->sink;
	char *cursor = NULL;
	struct err err;

	if (sk->checkpoint_get(sk, key_of(jn)).n > 0 || jn->lib->get_cursor(jn->j, &cursor) < 0)
		return;
	sk->checkpoint(sk, jn->in, key_of(jn), slice_str(cursor), &err);
	free(cursor);
}

/* 1 taken, 0 not (paused). A damaged entry is passed over, and told of once. */
static int take(struct journal *jn)
{
	struct norm_source src = input_source(jn->in, "journald", time_now_ns());
	struct slice cursor;
	struct err err;

	src.local = true;
	if (journal_entry_json(jn->lib, jn->j, &jn->mem, &jn->json, &cursor, &err) < 0) {
		if (err.code == ERR_NOMEM)
			goto fail;
		if (jn->warned)
			metric_add(&jn->in->stats.errors, 1);
		else
			jn->in->sink->warn(jn->in->sink, jn->in, &err);
		jn->warned = true;
		return 1;
	}
	if (input_record(jn->in, NORM_JOURNAL, buf_view(&jn->json), &src, key_of(jn), cursor,
			 &err) == 0)
		return 1;
	if (err.code == ERR_FULL) {
		jn->paused = true;
		return 0;
	}
fail:
	jn->paused = true;
	jn->in->sink->failed(jn->in->sink, jn->in, &err);
	return 0;
}

static void on_turn(uv_idle_t *h)
{
	struct journal *jn = h->data;
	int r = 1;

	for (unsigned i = 0; i < ENTRIES_PER_TURN && !jn->paused; i++) {
		if (!jn->held) {
			r = jn->lib->next(jn->j);
			if (r <= 0)
				break;
			jn->held = true;
		}
		jn->held = take(jn) == 0;
	}
	if (jn->closing)
		return;
	if (jn->paused || r <= 0)
		uv_idle_stop(&jn->turn);
	if (r < 0) {
		struct err err;

		err_set(&err, ERR_IO, "cannot read the journal: %s", strerror(-r));
		jn->paused = true;
		jn->in->sink->failed(jn->in->sink, jn->in, &err);
	}
}

static void look(struct journal *jn)
{
	jn->lib->process(jn->j); /* reads the descriptor and meets new files */
	if (!jn->paused && !jn->closing)
		uv_idle_start(&jn->turn, on_turn);
}

static void on_changed(uv_poll_t *h, int status, int events)
{
	look(h->data);
}

static void on_poll(uv_timer_t *h)
{
	look(h->data);
}

static void journal_free(struct journal *jn)
{
	if (jn->j != NULL)
		jn->lib->close(jn->j);
	arena_release(&jn->mem);
	buf_release(&jn->json);
	buf_release(&jn->key);
	free(jn);
}

static int refused(const struct journal_conf *cf, int error, struct err *err)
{
	if (cf->directory != NULL)
		return input_unreadable(cf->directory, error, err);
	if (error == EACCES || error == EPERM)
		return err_set(err, ERR_DENIED,
			       "cannot read the journal: add the agent's user to group "
			       "systemd-journal: usermod -aG systemd-journal vartio-agent");
	return err_set(err, ERR_IO, "cannot open the journal: %s", strerror(error));
}

static int open_journal(struct journal *jn, struct err *err)
{
	const struct journal_conf *cf = jn->conf;
	int r;

	r = cf->directory != NULL ? jn->lib->open_directory(&jn->j, cf->directory, 0)
				  : jn->lib->open(&jn->j, SD_LOCAL_ONLY);
	if (r < 0) {
		jn->j = NULL;
		return refused(cf, -r, err);
	}
	jn->lib->set_data_threshold(jn->j, (size_t)cf->max_field_bytes);
	r = add_filters(jn);
	if (r >= 0)
		r = jn->lib->get_fd(jn->j); /* before the first look, so that no change is missed */
	if (r >= 0)
		r = seek(jn);
	return r < 0 ? refused(cf, -r, err) : 0;
}

static int journal_open(struct input *in, struct err *err)
{
	struct journal *jn = calloc(1, sizeof(*jn));
	int r;

	if (jn == NULL)
		return err_nomem(err);
	jn->in = in;
	jn->conf = in->conf;
	in->data = jn; /* a full sink may pause us from within */
	if (journal_lib_load(&jn->lib, err) < 0 || open_journal(jn, err) < 0) {
		journal_free(jn);
		in->data = NULL;
		return -1;
	}
	r = uv_poll_init(in->loop, &jn->changed, jn->lib->get_fd(jn->j));
	if (r < 0) {
		journal_free(jn);
		in->data = NULL;
		return err_set(err, ERR_IO, "cannot watch the journal: %s", uv_strerror(r));
	}
	uv_timer_init(in->loop, &jn->poll);
	uv_idle_init(in->loop, &jn->turn);
	jn->changed.data = jn->poll.data = jn->turn.data = jn;
	jn->handles = 3;
	if (!jn->held)
		keep_place(jn);
	uv_poll_start(&jn->changed, UV_READABLE, on_changed);
	if (jn->lib->reliable_fd(jn->j) <= 0)
		uv_timer_start(&jn->poll, on_poll, POLL_MS, POLL_MS);
	uv_idle_start(&jn->turn, on_turn);
	return 0;
}

static void journal_pause(struct input *in)
{
	((struct journal *)in->data)->paused = true;
}

static void journal_resume(struct input *in)
{
	struct journal *jn = in->data;

	jn->paused = false;
	if (!jn->closing)
		uv_idle_start(&jn->turn, on_turn);
}

static void on_handle_closed(uv_handle_t *h)
{
	struct journal *jn = h->data;
	struct input *in = jn->in;
	void (*closed)(struct input *) = jn->closed;

	if (--jn->handles > 0)
		return;
	journal_free(jn);
	in->data = NULL;
	closed(in);
}

static void journal_close(struct input *in, void (*closed)(struct input *in))
{
	struct journal *jn = in->data;

	jn->closing = jn->paused = true;
	jn->closed = closed;
	uv_close((uv_handle_t *)&jn->changed, on_handle_closed);
	uv_close((uv_handle_t *)&jn->poll, on_handle_closed);
	uv_close((uv_handle_t *)&jn->turn, on_handle_closed);
}

static int journal_check(const void *conf, void (*fault)(void *arg, const struct err *err),
			 void *arg)
{
	static const char *const places[] = { "/var/log/journal", "/run/log/journal", NULL };
	const struct journal_conf *cf = conf;
	const struct journal_lib *lib;
	struct err err;
	bool there = false;

	if (journal_lib_load(&lib, &err) < 0)
		goto bad;
	if (cf->directory != NULL) {
		if (access(cf->directory, R_OK | X_OK) == 0)
			return 0;
		refused(cf, errno, &err);
		goto bad;
	}
	for (size_t i = 0; places[i] != NULL; i++) {
		if (access(places[i], F_OK) != 0)
			continue;
		there = true;
		if (access(places[i], R_OK | X_OK) != 0) {
			refused(cf, errno, &err);
			goto bad;
		}
	}
	if (there)
		return 0;
	err_set(&err, ERR_ABSENT,
		"this machine keeps no journal (neither /var/log/journal nor /run/log/journal is "
		"there); take this input out, or start systemd-journald");
bad:
	fault(arg, &err);
	return -1;
}

/* A cursor does not say which journal it is of: there is one, but for `directory`. */
static bool journal_reads(const void *conf, struct slice rest, struct slice value)
{
	return rest.n == 0;
}

static bool journal_same(struct slice a, struct slice b)
{
	return true;
}

#define FIELD(m) offsetof(struct journal_conf, m)

static const char *const from_names[] = { "end", "beginning", NULL };

static const struct conf_item journal_items[] = {
	{ "units", CONF_STRS, FIELD(units), 0, 0, NULL, "only these units, as journalctl -u" },
	{ "identifiers", CONF_STRS, FIELD(identifiers), 0, 0, NULL,
	  "only these programs, as journalctl -t" },
	{ "from", CONF_ENUM, FIELD(from), 0, 0, "end", "where the first start ever begins",
	  from_names },
	{ "directory", CONF_STR, FIELD(directory), 0, 0, NULL,
	  "a folder of journal files instead of this machine's journal" },
	{ "max_field_bytes", CONF_BYTES, FIELD(max_field_bytes), 1024, 1 << 20, "64KiB",
	  "a field's value is read up to here" },
	{ NULL },
};

const struct input_class input_journal = {
	.name = "journal",
	.lane = LANE_KEEP,
	.conf = journal_items,
	.conf_size = sizeof(struct journal_conf),
	.check = journal_check,
	.reads = journal_reads,
	.same = journal_same,
	.open = journal_open,
	.pause = journal_pause,
	.resume = journal_resume,
	.close = journal_close,
};
