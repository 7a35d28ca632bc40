/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/listen/share.c: what one sender (tenant and agent) has of a thread, over all its
 * connections and certificates. A share stays when its connections go, so that who comes again and
 * again is one and the same; the registry bounds how many there are.
 * Thread:  the listen thread; each has its own. */
#include "collector/listen/impl.h"

#include <stdlib.h>

#include "common/base/time.h"

#define LOG_SPAN_NS (60 * NS_PER_SEC)
#define LOG_IN_SPAN 3u

static struct share *find(struct listen_thread *th, const struct identity *id)
{
	char key[sizeof(((struct share *)0)->key)] = "";
	struct share *sh;

	stpcpy(stpcpy(stpcpy(key, id->tenant), ":"), id->agent);
	HASH_FIND_STR(th->shares, key, sh);
	if (sh != NULL)
		return sh;
	sh = calloc(1, sizeof(*sh));
	if (sh == NULL)
		return NULL;
	strcpy(sh->key, key);
	HASH_ADD_STR(th->shares, key, sh);
	if (sh->hh.tbl == NULL) { /* uthash found no memory */
		free(sh);
		return NULL;
	}
	return sh;
}

int share_join(struct conn *cn)
{
	struct share *sh = find(cn->th, &cn->id);

	if (sh == NULL)
		return -1;
	cn->share = sh;
	cn->share_next = sh->conns;
	if (sh->conns != NULL)
		sh->conns->share_prev = cn;
	sh->conns = cn;
	return 0;
}

void share_leave(struct conn *cn)
{
	struct share *sh = cn->share;

	if (sh == NULL)
		return;
	if (cn->share_prev != NULL)
		cn->share_prev->share_next = cn->share_next;
	else
		sh->conns = cn->share_next;
	if (cn->share_next != NULL)
		cn->share_next->share_prev = cn->share_prev;
	if (sh->first == cn)
		sh->first = NULL;
	cn->share = NULL;
}

void shares_free(struct listen_thread *th)
{
	struct share *sh, *tmp;

	HASH_ITER (hh, th->shares, sh, tmp) {
		HASH_DEL(th->shares, sh);
		free(sh);
	}
}

bool share_may_log(struct share *sh, unsigned *ret_left)
{
	int64_t now = time_mono_ns();

	*ret_left = 0;
	if (sh->log_from_ns == 0 || now - sh->log_from_ns >= LOG_SPAN_NS) {
		*ret_left = sh->logged > LOG_IN_SPAN ? sh->logged - LOG_IN_SPAN : 0;
		sh->log_from_ns = now;
		sh->logged = 0;
	}
	return sh->logged++ < LOG_IN_SPAN;
}
