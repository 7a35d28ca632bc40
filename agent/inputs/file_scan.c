/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/file_scan.c: which files there are. A scan globs, meets known files again by their
 * inode, and sees to those that were not met. It runs at start, at each poll, and when a watched
 * folder tells of a new name. inotify only makes it quick: a poll alone finds everything. */
#include "agent/inputs/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/time.h"

#define OPEN_MAX_TAILS   256u /* quiet files beyond it are closed, and opened when they grow */
#define WATCHES_MAX      256u
#define REMOVED_QUIET_MS 1000u    /* a removed file is closed when it was quiet for this long */
#define LOST_KEEP_MS     3600000u /* how long the rest of a file is looked for */
#define LOST_TOLD_MAX    16u      /* the others are counted only */

struct watch {
	uv_fs_event_t h;
	struct files *fs;
	char *dir;
	dev_t dev;
	ino_t ino;
	unsigned seen;
	bool stale; /* the folder itself was moved or removed */
};

static void on_watch_closed(uv_handle_t *h)
{
	struct watch *w = h->data;
	struct files *fs = w->fs;

	free(w->dir);
	free(w);
	files_handle_gone(fs);
}

static bool in_dir(const char *path, const char *dir, const char *name)
{
	size_t n = file_dir(path);

	return strncmp(path, dir, n) == 0 && dir[n] == '\0' && strcmp(file_base(path), name) == 0;
}

static void on_event(uv_fs_event_t *h, const char *name, int events, int status)
{
	struct watch *w = h->data;
	struct files *fs = w->fs;
	bool dirty = false;

	if (name == NULL || status < 0 || (events & UV_RENAME) != 0)
		fs->scan_wanted = true;
	if (name != NULL && strcmp(name, file_base(w->dir)) == 0)
		w->stale = true; /* libuv names the folder itself so */
	for (size_t i = 0; name != NULL && i < fs->n_tails; i++) {
		struct tail *t = fs->tails[i];

		/* What was rotated may be written to all the same. */
		if (t->state == TAIL_PARKED && t->done && in_dir(t->real, w->dir, name))
			fs->scan_wanted = true;
		if (t->dead || t->state == TAIL_PARKED || t->state == TAIL_LOST)
			continue;
		if (t->state == TAIL_ROTATED || in_dir(t->path, w->dir, name) ||
		    in_dir(t->real, w->dir, name))
			dirty = t->dirty = true;
	}
	if (dirty || fs->scan_wanted)
		files_wake(fs);
}

static void watch_warn(struct files *fs, const char *dir, int r)
{
	struct err err;

	if (fs->watch_warned)
		return;
	fs->watch_warned = true;
	err_set(&err, ERR_IO,
		"cannot watch %s (%s), so it is polled every %lld ms; if the kernel's watches are "
		"used up: sysctl -w fs.inotify.max_user_watches=65536",
		dir, uv_strerror(r), (long long)fs->conf->poll_ms);
	files_warn(fs, &err);
}

static void watch_drop(struct files *fs, size_t i)
{
	struct watch *w = fs->watches[i];

	fs->watches[i] = fs->watches[--fs->n_watches];
	uv_close((uv_handle_t *)&w->h, on_watch_closed);
}

static void watch_add(struct files *fs, const char *dir, const struct stat *st)
{
	struct watch **more, *w;
	int r;

	if (fs->n_watches >= WATCHES_MAX)
		return;
	more = realloc(fs->watches, (fs->n_watches + 1) * sizeof(*more));
	if (more == NULL)
		return;
	fs->watches = more;
	w = calloc(1, sizeof(*w));
	if (w == NULL || (w->dir = strdup(dir)) == NULL) {
		free(w);
		return;
	}
	w->fs = fs;
	w->dev = st->st_dev;
	w->ino = st->st_ino;
	w->seen = fs->scan;
	uv_fs_event_init(fs->in->loop, &w->h);
	w->h.data = w;
	fs->handles++;
	fs->watches[fs->n_watches++] = w;
	r = uv_fs_event_start(&w->h, on_event, dir, 0);
	if (r < 0)
		watch_warn(fs, dir, r);
}

/* Watches the folder part of path; a folder made anew under its old name is watched anew. */
static void watch(struct files *fs, const char *path)
{
	char dir[4096];
	struct stat st;
	size_t n = file_dir(path);

	if (n == 0 || n >= sizeof(dir))
		return;
	memcpy(dir, path, n);
	dir[n] = '\0';
	for (size_t i = 0; i < fs->n_watches; i++) {
		struct watch *w = fs->watches[i];

		if (strcmp(w->dir, dir) != 0)
			continue;
		if (w->seen == fs->scan)
			return; /* asked in this scan already */
		if (!w->stale && stat(dir, &st) == 0 && st.st_dev == w->dev &&
		    st.st_ino == w->ino) {
			w->seen = fs->scan;
			return;
		}
		watch_drop(fs, i);
		break;
	}
	if (stat(dir, &st) == 0 && S_ISDIR(st.st_mode))
		watch_add(fs, dir, &st);
}

void files_unwatch(struct files *fs)
{
	while (fs->n_watches > 0)
		watch_drop(fs, fs->n_watches - 1);
	free(fs->watches);
	fs->watches = NULL;
}

static struct tail *by_inode(struct files *fs, const struct stat *st)
{
	for (size_t k = 0; k < fs->n_tails; k++) {
		size_t i = (fs->found_hint + k) % fs->n_tails; /* scans meet files in one order */
		struct tail *t = fs->tails[i];

		if (t->ino == st->st_ino && t->dev == st->st_dev && !t->dead) {
			fs->found_hint = i + 1;
			return t;
		}
	}
	return NULL;
}

static bool too_old(const struct files *fs, const struct stat *st)
{
	int64_t age = time_now_ns() - (int64_t)st->st_mtim.tv_sec * NS_PER_SEC;

	return fs->conf->ignore_older > 0 && age > fs->conf->ignore_older * NS_PER_MS;
}

/* t was renamed between its stat and its opening, with nothing of it read. Where we have the one
 * before it, t is among what came after that one; else its inode is all that tells. */
static void vanished(struct tail *t)
{
	bool before = false;

	for (size_t i = 0; i < t->fs->n_tails; i++) {
		struct tail *o = t->fs->tails[i];

		if (o == t || o->dead || strcmp(o->path, t->path) != 0)
			continue;
		before = before || o->state != TAIL_PARKED || !o->done || o->pending;
		o->pending = o->pending || o->state == TAIL_ROTATED;
	}
	t->fs->scan_wanted = true;
	if (before || t->from_end)
		t->dead = true;
	else
		rest_lost(t);
}

static void found_new(struct files *fs, const char *path, const struct stat *st)
{
	struct tail *t = tail_new(fs);

	if (t == NULL || !tail_set_path(t, path)) {
		if (t != NULL)
			t->dead = true;
		return;
	}
	t->state = TAIL_LIVE;
	t->seen = fs->scan;
	t->dev = st->st_dev;
	t->ino = st->st_ino;
	t->size = (uint64_t)st->st_size;
	t->dirty = st->st_size > 0;
	t->from_end =
		st->st_size > 0 && ((fs->first && fs->conf->from == FROM_END) || too_old(fs, st));
	/* Now, so that it is followed should it be rotated before its turn. */
	if (tail_open(t) == TAIL_UNREADABLE && !t->warned)
		vanished(t);
}

/* Another one of its path, of which something was read, and from which a later start looks for what
 * came after it. One of which nothing was read is about to be searched from: t's place is not to be
 * before that one's. Those met in this scan have other paths, and there may be thousands. */
static bool covered(struct tail *t)
{
	for (size_t i = 0; i < t->fs->n_tails; i++) {
		const struct tail *o = t->fs->tails[i];
		bool left = o->state == TAIL_PARKED || o->state == TAIL_LOST;

		if (o == t || o->dead || (o->state == TAIL_LIVE && o->seen == o->fs->scan) ||
		    (o->state == TAIL_PARKED && o->done && !o->pending) ||
		    strcmp(o->path, t->path) != 0)
			continue;
		if (!left || o->print.n > 0)
			return true;
		if (time_later(&o->after, &t->after))
			t->after = o->after;
	}
	return false;
}

static void place_unread(struct tail *t)
{
	if (!t->stored && t->print.n == 0 && t->offset == 0 && !t->from_end && t->fd >= 0 &&
	    t->state == TAIL_LIVE && (t->fs->first || !covered(t)))
		tail_store_unread(t);
}

/* A log that waits to be read may be copied and truncated meanwhile. */
static void see_unread(struct tail *t, uint64_t size)
{
	if (t->print.n > 0 || t->offset > 0 || t->from_end)
		return;
	if (size < t->size && t->stored)
		rest_truncated(t);
	t->size = size;
}

static bool changed(const struct tail *t, const struct stat *st)
{
	return (uint64_t)st->st_size != t->size || !time_same(&st->st_mtim, &t->mtime);
}

/* The tail of the inode. After a restart several places may name it (a file truncated just before,
 * an inode used again): the one whose bytes are there is it, the others are lost. So is one of
 * which nothing was read: the file may be another one, and what was written before it is looked
 * for; unless it is empty still, and unchanged. */
static struct tail *meet(struct files *fs, const char *path, const struct stat *st)
{
	struct tail *t = by_inode(fs, st);

	for (; t != NULL && t->state == TAIL_PARKED; t = by_inode(fs, st)) {
		if (t->print.n > 0 && tail_open_at(t, path) != TAIL_OTHER)
			return t;
		if (t->print.n == 0 && st->st_size == 0 && !tail_changed_after(t, st))
			return t;
		if (t->done && t->print.n > 0) { /* all of it was read: only its inode is gone */
			tail_close(t);
			t->ino = 0;
		} else {
			rest_lost(t);
		}
	}
	return t;
}

/* A pipe, a device, a folder: told once. */
static void found_odd(struct files *fs, const char *path, const struct stat *st, bool named)
{
	struct err err;

	for (size_t i = 0; i < fs->n_odd; i++)
		if (fs->odd[i].dev == st->st_dev && fs->odd[i].ino == st->st_ino)
			return;
	if (fs->n_odd == FILE_ODD_MAX || !file_is_odd(path, st, named, &err))
		return;
	fs->odd[fs->n_odd].dev = st->st_dev;
	fs->odd[fs->n_odd++].ino = st->st_ino;
	files_warn(fs, &err);
}

static void found(void *arg, const char *path, bool named)
{
	struct files *fs = arg;
	struct stat st;
	struct tail *t;

	if (stat(path, &st) < 0)
		return;
	if (!S_ISREG(st.st_mode)) {
		found_odd(fs, path, &st, named);
		return;
	}
	t = meet(fs, path, &st);
	if (t == NULL) {
		found_new(fs, path, &st);
		t = fs->n_tails > 0 ? fs->tails[fs->n_tails - 1] : NULL;
		t = t != NULL && t->dead ? NULL : t;
	} else if (t->seen != fs->scan) {
		t->seen = fs->scan;
		if (strcmp(t->path, path) != 0)
			tail_set_path(t, path);
		if (t->state == TAIL_PARKED) /* after a restart, or back again */
			t->begun = t->print.n > 0;
		t->dirty = t->dirty || t->held || t->warned || t->state != TAIL_LIVE ||
			   changed(t, &st);
		t->state = TAIL_LIVE;
		t->done = t->pending = false;
		see_unread(t, (uint64_t)st.st_size);
	}
	if (t != NULL)
		place_unread(t);
	watch(fs, path);
	if (t != NULL && t->ino == st.st_ino && strcmp(t->path, t->real) != 0)
		watch(fs, t->real);
}

static void scan_glob(struct files *fs, const char *pattern)
{
	size_t n = file_dir(pattern);

	file_matches(fs->conf, pattern, found, fs);
	if (strcspn(pattern, "*?[") >= n) /* a folder that has nothing for us yet */
		watch(fs, pattern);
}

static bool is_of(const struct stat *st, const struct tail *t)
{
	return st->st_dev == t->dev && st->st_ino == t->ino;
}

static bool leads_to(const char *path, const struct tail *t)
{
	struct stat st;

	return stat(path, &st) == 0 && is_of(&st, t);
}

/* Its bytes are under t->real, and it is followed there until it has been quiet. */
static bool followed_as_rotated(struct tail *t)
{
	if (tail_open_at(t, t->real) != TAIL_OPEN)
		return false;
	t->state = TAIL_ROTATED;
	t->begun = t->print.n > 0;
	t->dirty = true;
	t->done = false;
	t->since_ms = uv_now(t->fs->in->loop);
	return true;
}

/* Rotated away and read to its end: its program may still write to it. Of one that was empty the
 * inode alone is known, and the time. */
static bool grown(const struct tail *t)
{
	struct stat st;

	return stat(t->real, &st) == 0 && is_of(&st, t) && (uint64_t)st.st_size > t->offset &&
	       (t->print.n > 0 || tail_changed_after(t, &st));
}

/* Rotated away or removed, and read to its end before. */
static void done_unseen(struct tail *t)
{
	struct stat st;
	bool moved = stat(t->real, &st) == 0 ? !is_of(&st, t) : errno == ENOENT;

	if (t->pending) {
		rest_missed(t);
		if (!t->pending)
			tail_store(t);
	}
	if (moved)
		rest_renamed(t);
	if (grown(t)) {
		if (!followed_as_rotated(t) && t->fd >= 0) {
			tail_close(t); /* those are other bytes */
			t->ino = 0;
		}
		return;
	}
	if (moved && !t->pending && !tail_wanted(t))
		tail_forget(t);
}

/* A place whose file no path of ours leads to. */
static void parked_unseen(struct tail *t)
{
	if (t->done) {
		done_unseen(t);
		return;
	}
	if (leads_to(t->path, t))
		return; /* the settings do not name it any more: only its place is kept */
	if (leads_to(t->real, t) && followed_as_rotated(t)) {
		rest_missed(t); /* a symbolic link that points elsewhere now */
		return;
	}
	rest_lost(t);
	if (!t->dead)
		rest_search(t);
}

static void live_unseen(struct tail *t)
{
	if (t->fd < 0) {
		rest_lost(t);
		if (!t->dead)
			rest_search(t);
		return;
	}
	t->state = TAIL_ROTATED;
	t->since_ms = uv_now(t->fs->in->loop);
	t->dirty = true;
	rest_missed(t);
}

static void rotated_quiet(struct tail *t)
{
	uint64_t wait = (uint64_t)t->fs->conf->close_rotated;
	struct stat st;

	if (t->pending)
		rest_missed(t);
	if (t->dirty || t->gz != NULL || fstat(t->fd, &st) < 0)
		return;
	if ((uint64_t)st.st_size != t->size) {
		t->dirty = true;
		return;
	}
	if (st.st_nlink == 0 && wait > REMOVED_QUIET_MS)
		wait = REMOVED_QUIET_MS;
	if (uv_now(t->fs->in->loop) - t->since_ms >= wait && !t->fs->paused)
		tail_finish(t);
}

/* It went while the agent was stopped, so nobody knows how much of it was not read. */
static void lost_unseen(struct tail *t)
{
	struct err err;

	if (t->fs->n_lost++ >= LOST_TOLD_MAX) {
		metric_add(&t->fs->in->stats.errors, 1);
		return;
	}
	err_set(&err, ERR_ABSENT,
		"%.130s went away while the agent was stopped: what was last written to it is not "
		"known; if rotation moves it to another folder, name that in rotated_to",
		t->path);
	files_warn(t->fs, &err);
}

static void lost_again(struct tail *t)
{
	struct err err;

	rest_search(t);
	if (t->state != TAIL_LOST || uv_now(t->fs->in->loop) - t->lost_ms < LOST_KEEP_MS)
		return;
	if (t->size > t->offset) {
		err_set(&err, ERR_ABSENT, "%s: %llu bytes were cut off before they could be read",
			t->path, (unsigned long long)(t->size - t->offset));
		files_warn(t->fs, &err);
	} else if (t->size == 0 && t->offset > 0 && !t->packed) {
		lost_unseen(t);
	}
	tail_forget(t);
}

static void see_to_the_rest(struct files *fs)
{
	for (size_t i = 0, n = fs->n_tails; i < n; i++) {
		struct tail *t = fs->tails[i];

		if (t->dead || t->seen == fs->scan)
			continue;
		switch (t->state) {
		case TAIL_LIVE:
			live_unseen(t);
			break;
		case TAIL_PARKED:
			parked_unseen(t);
			break;
		case TAIL_ROTATED:
			rotated_quiet(t);
			break;
		case TAIL_LOST:
			lost_again(t);
			break;
		}
	}
}

/* Closes the files that were quiet the longest, when too many are open. */
static void close_quiet(struct files *fs)
{
	for (;;) {
		struct tail *oldest = NULL;
		size_t open = 0;

		for (size_t i = 0; i < fs->n_tails; i++) {
			struct tail *t = fs->tails[i];

			open += t->fd >= 0 ? 1 : 0;
			if (t->fd >= 0 && t->state == TAIL_LIVE && !t->dirty && !t->held &&
			    (oldest == NULL || t->read_ms < oldest->read_ms))
				oldest = t;
		}
		if (open <= OPEN_MAX_TAILS || oldest == NULL)
			return;
		tail_close(oldest);
	}
}

void files_scan(struct files *fs)
{
	fs->scan_wanted = false;
	fs->scan++;
	for (size_t i = 0; i < fs->conf->paths.n; i++)
		scan_glob(fs, fs->conf->paths.v[i]);
	see_to_the_rest(fs);
	for (size_t i = fs->n_watches; i > 0; i--)
		if (fs->watches[i - 1]->seen != fs->scan)
			watch_drop(fs, i - 1);
	close_quiet(fs);
	fs->first = false;
	files_wake(fs);
}
