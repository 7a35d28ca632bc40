/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/net/tls_watch.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "common/base/time.h"

#define EVERY_MS    10000u
#define SAY_S       INT64_C(86400)
#define SAY_ENDED_S INT64_C(3600)

struct stamp { /* what tells that a file was changed or replaced */
	ino_t inode;
	off_t size;
	struct timespec changed;
};
struct stamps {
	struct stamp of[3];
};

struct tls_watch {
	struct tls_watch_opts opts;
	uv_timer_t timer;
	struct stamps used, refused; /* of the files in use, and of those last found unusable */
	int64_t ends_s;
	int64_t said_s; /* when the end was told last; 0: not of this certificate */
};

static struct stamps look_at(const struct tls_watch_opts *o)
{
	const char *const paths[] = { o->ca_path, o->cert_path, o->key_path };
	struct stamps s;

	memset(&s, 0, sizeof(s)); /* with what lies between the members: they are compared */
	for (size_t i = 0; i < 3; i++) {
		struct stat st;

		if (stat(paths[i], &st) < 0)
			continue;
		s.of[i].inode = st.st_ino;
		s.of[i].size = st.st_size;
		s.of[i].changed = st.st_ctim;
	}
	return s;
}

static bool same(const struct stamps *a, const struct stamps *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static void load(struct tls_watch *tw, const struct stamps *now)
{
	const struct tls_watch_opts *o = &tw->opts;
	struct tls_creds *creds = NULL;
	struct err err;

	if (tls_creds_load(o->ca_path, o->cert_path, o->key_path, &creds, &err) < 0) {
		if (!same(now, &tw->refused))
			o->failed(o->arg, &err);
		tw->refused = *now;
		return;
	}
	tw->used = *now;
	tw->ends_s = tls_creds_ends_s(creds);
	tw->said_s = 0;
	o->changed(o->arg, creds);
	tls_creds_unref(creds);
}

static void tell_end(struct tls_watch *tw, int64_t now_s)
{
	const int64_t left_s = tw->ends_s - now_s, again_s = left_s < 0 ? SAY_ENDED_S : SAY_S;
	const bool news =
		tw->said_s == 0 || now_s < tw->said_s || (left_s < 0 && tw->said_s < tw->ends_s);

	if (tw->ends_s == 0 || left_s > TLS_WATCH_EARLY_S ||
	    (!news && now_s - tw->said_s < again_s))
		return;
	tw->said_s = now_s;
	tw->opts.ends(tw->opts.arg, left_s);
}

static void look(struct tls_watch *tw)
{
	int64_t now_ns = time_now_ns();
	struct stamps now;

	if (tw->opts.prepare != NULL)
		tw->opts.prepare(tw->opts.arg, now_ns);
	now = look_at(&tw->opts); /* before the reading: what changes meanwhile is seen next time */
	if (!same(&now, &tw->used))
		load(tw, &now);
	tell_end(tw, now_ns / NS_PER_SEC);
}

static void on_timer(uv_timer_t *t)
{
	look(t->data);
}

int tls_watch_start(const struct tls_watch_opts *opts, const struct tls_creds *creds,
		    struct tls_watch **ret, struct err *err)
{
	struct tls_watch *tw = calloc(1, sizeof(*tw));
	uint32_t every = opts->every_ms > 0 ? opts->every_ms : EVERY_MS;

	if (tw == NULL)
		return err_nomem(err);
	tw->opts = *opts;
	tw->used = look_at(opts);
	tw->ends_s = tls_creds_ends_s(creds);
	uv_timer_init(opts->loop, &tw->timer);
	tw->timer.data = tw;
	uv_timer_start(&tw->timer, on_timer, 0, every);
	*ret = tw;
	return 0;
}

void tls_watch_look(struct tls_watch *tw)
{
	tw->refused = (struct stamps){ 0 }; /* who asks wants to hear what is wrong */
	look(tw);
}

int64_t tls_watch_ends_s(const struct tls_watch *tw)
{
	return tw->ends_s;
}

static void on_closed(uv_handle_t *h)
{
	free(h->data);
}

void tls_watch_close(struct tls_watch *tw)
{
	if (tw != NULL)
		uv_close((uv_handle_t *)&tw->timer, on_closed);
}
