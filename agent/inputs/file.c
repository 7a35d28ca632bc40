/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/file.c: the file input: settings, life cycle, and whose turn it is to read.
 * A turn of the loop reads at most TURN_BYTES over all files, so that other inputs and the network
 * run; rotated files come first, so that lines keep their order over a rotation. */
#include "agent/inputs/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/hash.h"

#define TURN_BYTES (256u * 1024)
#define READ_BYTES 65536u
#define FILES_MAX  10000u
#define SETTLE_MS  10u /* writes that come in a row are read together */

void files_warn(struct files *fs, const struct err *err)
{
	fs->in->sink->warn(fs->in->sink, fs->in, err);
}

struct slice files_key(struct files *fs, const char *no)
{
	buf_reset(&fs->key);
	buf_str(&fs->key, "file:");
	buf_str(&fs->key, fs->in->id);
	buf_chr(&fs->key, ':');
	buf_str(&fs->key, no);
	return buf_view(&fs->key);
}

static void too_many(struct files *fs)
{
	struct err err;

	if (fs->many_warned)
		return;
	fs->many_warned = true;
	err_set(&err, ERR_FULL, "more than %u files match; name fewer in paths, or use exclude",
		FILES_MAX);
	files_warn(fs, &err);
}

struct tail *tail_new(struct files *fs)
{
	struct tail *t;
	uint8_t raw[8];
	struct buf hex = { 0 };

	if (fs->n_tails >= FILES_MAX) {
		too_many(fs);
		return NULL;
	}
	if (fs->n_tails == fs->cap_tails) {
		size_t cap = fs->cap_tails > 0 ? 2 * fs->cap_tails : 16;
		struct tail **more = realloc(fs->tails, cap * sizeof(*more));

		if (more == NULL)
			return NULL;
		fs->tails = more;
		fs->cap_tails = cap;
	}
	random_bytes(raw, sizeof(raw));
	hex_put(&hex, raw, sizeof(raw));
	t = hex.failed ? NULL : calloc(1, sizeof(*t));
	if (t != NULL) {
		memcpy(t->no, hex.p, sizeof(t->no) - 1);
		t->fs = fs;
		t->fd = -1;
		fs->tails[fs->n_tails++] = t;
	}
	buf_release(&hex);
	return t;
}

bool tail_set_path(struct tail *t, const char *path)
{
	char *copy = strdup(path), *real = realpath(path, NULL);

	if (real == NULL && copy != NULL)
		real = strdup(path);
	if (copy == NULL || real == NULL) {
		free(copy);
		free(real);
		return false;
	}
	free(t->path);
	free(t->real);
	t->path = copy;
	t->real = real;
	return true;
}

static void tail_free(struct tail *t)
{
	tail_close(t);
	free(t->path);
	free(t->real);
	free(t);
}

/* A checkpoint that could not be stored or removed now does no harm: the place before it, or a
 * place that leads nowhere, is what a restart finds. */
void tail_store(struct tail *t)
{
	struct files *fs = t->fs;
	struct slice place = tail_place(t, t->offset, t->skip, t->mid, &fs->place);
	struct err err;

	if (!fs->place.text.failed &&
	    fs->in->sink->checkpoint(fs->in->sink, fs->in, files_key(fs, t->no), place, &err) == 0)
		t->stored = true;
}

void tail_forget(struct tail *t)
{
	struct files *fs = t->fs;
	struct err err;

	if (t->stored)
		fs->in->sink->checkpoint(fs->in->sink, fs->in, files_key(fs, t->no), SLICE(""),
					 &err);
	t->stored = false;
	t->dirty = t->held = false;
	t->dead = true;
}

void files_wake_held(struct files *fs)
{
	for (size_t i = 0; i < fs->n_tails; i++)
		if (fs->tails[i]->held && !fs->tails[i]->dead)
			fs->tails[i]->dirty = true;
	files_wake(fs);
}

static void bury(struct files *fs)
{
	size_t n = 0;

	for (size_t i = 0; i < fs->n_tails; i++)
		if (fs->tails[i]->dead)
			tail_free(fs->tails[i]);
		else
			fs->tails[n++] = fs->tails[i];
	fs->n_tails = n;
}

/* One round over the dirty ones, each getting what is left of the budget. Rotated ones come in the
 * order in which they were met, which is that of their lines; the others take turns. */
static void round_of(struct files *fs, bool rotated, size_t *budget)
{
	size_t n = fs->n_tails, first = rotated ? 0 : fs->next;

	for (size_t k = 0; k<n && * budget> 0 && !fs->paused; k++) {
		struct tail *t = fs->tails[(first + k) % n];

		if (t->dirty && !t->dead && (t->state == TAIL_ROTATED) == rotated &&
		    t->state != TAIL_LOST && t->state != TAIL_PARKED)
			tail_turn(t, budget);
	}
}

static bool any_dirty(const struct files *fs)
{
	for (size_t i = 0; i < fs->n_tails; i++)
		if (fs->tails[i]->dirty && !fs->tails[i]->dead)
			return true;
	return false;
}

/* The agent may close the input from within: nothing of ours is touched after the call. */
static void tell_failure(struct files *fs)
{
	fs->failing = false;
	fs->in->sink->failed(fs->in->sink, fs->in, &fs->failure);
}

static void on_turn(uv_idle_t *h)
{
	struct files *fs = h->data;
	size_t budget = TURN_BYTES;

	fs->busy = true;
	round_of(fs, true, &budget);
	round_of(fs, false, &budget);
	fs->next++;
	bury(fs);
	fs->busy = false;
	if (fs->paused || !any_dirty(fs))
		uv_idle_stop(h);
	if (fs->scan_wanted)
		files_wake(fs);
	if (fs->failing)
		tell_failure(fs);
}

static void on_settled(uv_timer_t *timer)
{
	struct files *fs = timer->data;

	if (fs->scan_wanted) {
		files_scan(fs);
		bury(fs);
	}
	if (!fs->paused && any_dirty(fs))
		uv_idle_start(&fs->turn, on_turn);
	if (fs->failing)
		tell_failure(fs);
}

static void on_poll(uv_timer_t *timer)
{
	struct files *fs = timer->data;

	fs->scan_wanted = true;
	uv_timer_stop(&fs->settle);
	on_settled(&fs->settle);
}

void files_wake(struct files *fs)
{
	if (!fs->closing && !fs->busy && !uv_is_active((uv_handle_t *)&fs->settle) &&
	    !uv_is_active((uv_handle_t *)&fs->turn))
		uv_timer_start(&fs->settle, on_settled, SETTLE_MS, 0);
}

static void load_one(void *arg, struct slice key, struct slice value)
{
	struct files *fs = arg;
	struct slice prefix = files_key(fs, ""), no = slice_from(key, prefix.n);
	struct tail *t;
	uint8_t raw[8];

	if (!slice_starts(key, prefix) || no.n != 16 || !hex_parse(no, raw, sizeof(raw)))
		return;
	t = tail_new(fs);
	if (t == NULL)
		return;
	memcpy(t->no, no.p, no.n);
	t->state = TAIL_PARKED;
	t->stored = true;
	t->dead = !tail_place_read(t, value); /* one we cannot read is left alone */
}

/* The mark of the first start: `from` holds for the files that are there then, and only then. */
static void load_places(struct files *fs)
{
	struct sink *sk = fs->in->sink;
	struct err err;

	fs->first = sk->checkpoint_get(sk, files_key(fs, FILE_STARTED)).n == 0;
	if (fs->first)
		sk->checkpoint(sk, fs->in, files_key(fs, FILE_STARTED), SLICE("1"), &err);
	sk->checkpoint_each(sk, load_one, fs);
}

static void files_free(struct files *fs)
{
	for (size_t i = 0; i < fs->n_tails; i++)
		tail_free(fs->tails[i]);
	free(fs->tails);
	free(fs->buf);
	buf_release(&fs->key);
	place_text_release(&fs->place);
	free(fs);
}

static int file_open(struct input *in, struct err *err)
{
	const struct file_conf *cf = in->conf;
	struct files *fs;

	for (size_t i = 0; i < cf->paths.n; i++)
		if (cf->paths.v[i][0] != '/')
			return err_set(err, ERR_USAGE, "paths: %s does not begin with /",
				       cf->paths.v[i]);
	if (cf->rotated_to.n >= FILE_DIRS_MAX)
		return err_set(err, ERR_USAGE, "rotated_to: more than %u folders",
			       FILE_DIRS_MAX - 1);
	fs = calloc(1, sizeof(*fs));
	if (fs == NULL)
		return err_nomem(err);
	fs->in = in;
	fs->conf = cf;
	fs->buf_n = (size_t)cf->max_line_bytes + READ_BYTES;
	fs->buf = malloc(fs->buf_n);
	if (fs->buf == NULL) {
		free(fs);
		return err_nomem(err);
	}
	uv_timer_init(in->loop, &fs->poll);
	uv_timer_init(in->loop, &fs->settle);
	uv_idle_init(in->loop, &fs->turn);
	fs->poll.data = fs->settle.data = fs->turn.data = fs;
	fs->handles = 3;
	in->data = fs;
	load_places(fs);
	fs->scan_wanted = true;
	uv_timer_start(&fs->settle, on_settled, 0, 0);
	uv_timer_start(&fs->poll, on_poll, (uint64_t)cf->poll_ms, (uint64_t)cf->poll_ms);
	return 0;
}

static void file_pause(struct input *in)
{
	struct files *fs = in->data;

	fs->paused = true;
}

static void file_resume(struct input *in)
{
	struct files *fs = in->data;

	fs->paused = false;
	fs->scan_wanted = true; /* a rotated file may wait for its last line to be taken */
	if (!fs->closing &&
	    any_dirty(fs)) /* what is there need not settle: the spool is free now */
		uv_idle_start(&fs->turn, on_turn);
	else
		files_wake(fs);
}

void files_handle_gone(struct files *fs)
{
	struct input *in = fs->in;
	void (*closed)(struct input *) = fs->closed;

	if (--fs->handles > 0)
		return;
	files_free(fs);
	in->data = NULL;
	closed(in);
}

static void on_handle_closed(uv_handle_t *h)
{
	files_handle_gone(h->data);
}

static void file_close(struct input *in, void (*closed)(struct input *in))
{
	struct files *fs = in->data;

	fs->closing = true;
	fs->closed = closed;
	files_unwatch(fs);
	uv_close((uv_handle_t *)&fs->poll, on_handle_closed);
	uv_close((uv_handle_t *)&fs->settle, on_handle_closed);
	uv_close((uv_handle_t *)&fs->turn, on_handle_closed);
}

#define FIELD(m) offsetof(struct file_conf, m)

static const char *const from_names[] = { "beginning", "end", NULL };
static const struct conf_item file_items[] = {
	{ "paths", CONF_STRS, FIELD(paths), 0, 0, NULL,
	  "files to follow: whole paths, * ? [] allowed", .required = true },
	{ "exclude", CONF_STRS, FIELD(exclude), 0, 0, NULL,
	  "of these, not: patterns of names, or of whole paths" },
	{ "rotated_to", CONF_STRS, FIELD(rotated_to), 0, 0, NULL,
	  "folders to which rotation moves logs (logrotate's olddir), beside their own: 3 at most, "
	  "whole paths or below the log's folder" },
	{ "format", CONF_ENUM, FIELD(format), 0, 0, "auto", "what the lines are", input_formats },
	{ "from", CONF_ENUM, FIELD(from), 0, 0, "beginning",
	  "where the first start ever begins in files that are there; later files: beginning",
	  from_names },
	{ "max_line_bytes", CONF_BYTES, FIELD(max_line_bytes), 256, 1 << 20, "64KiB",
	  "longer lines are cut here, flagged and counted" },
	{ "ignore_older", CONF_DURATION, FIELD(ignore_older), 0, INT64_C(315360000000), "0s",
	  "of files unchanged for longer only what is added is read; 0s: all are read" },
	{ "close_rotated", CONF_DURATION, FIELD(close_rotated), 0, 86400000, "1min",
	  "how long a renamed file must be quiet before it is closed" },
	{ "poll_ms", CONF_DURATION, FIELD(poll_ms), 1000, 3600000, "5s",
	  "how often folders are looked through, beside being told of changes" },
	{ "compressed", CONF_BOOL, FIELD(compressed), 0, 0, "true",
	  "read the rest of a rotated file from its .gz where it was compressed first" },
	{ NULL },
};

const struct input_class input_file = {
	.name = "file",
	.lane = LANE_KEEP,
	.conf = file_items,
	.conf_size = sizeof(struct file_conf),
	.check = file_check,
	.names = file_names,
	.reads = file_reads,
	.same = file_same,
	.begun = FILE_STARTED,
	.open = file_open,
	.pause = file_pause,
	.resume = file_resume,
	.close = file_close,
};
