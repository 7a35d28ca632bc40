/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/listen/places.c: notices when one certificate sends from two addresses at the same
 * time: its key was copied, or a machine was cloned with it.
 * An agent that moves (a new lease, another line) leaves its old connection silent and opens a new
 * one, and never again sends on one that was open before it sent from elsewhere. Only who does that
 * is in two places. */
#include "collector/listen/impl.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/time.h"

#define TELL_EVERY_NS (INT64_C(3600) * NS_PER_SEC) /* a certificate */

struct cert { /* there as long as a connection shows it */
	char serial[IDENTITY_SERIAL_MAX + 1];
	unsigned conns;
	char addr[INET6_ADDRSTRLEN + 1]; /* where the last window came from */
	int64_t since_ns;                /* windows come from there without a break */
	int64_t told_ns;
	UT_hash_handle hh;
};

/* "[2001:db8::7]:40022" without the port: a new connection has another one. */
static void address_of(const struct conn *cn, char *out, size_t n)
{
	const char *peer = tls_peer(cn->tls), *colon = strrchr(peer, ':');

	snprintf(out, n, "%.*s", (int)(colon != NULL ? colon - peer : (ptrdiff_t)strlen(peer)),
		 peer);
}

unsigned places_open(struct conn *cn)
{
	struct listen *ls = cn->th->ls;
	struct cert *ct;
	unsigned n;

	cn->opened_ns = time_mono_ns();
	pthread_mutex_lock(&ls->lock);
	HASH_FIND_STR(ls->certs, cn->id.serial, ct);
	if (ct == NULL && (ct = calloc(1, sizeof(*ct))) != NULL) {
		strcpy(ct->serial, cn->id.serial);
		HASH_ADD_STR(ls->certs, serial, ct);
		if (ct->hh.tbl == NULL) { /* uthash found no memory */
			free(ct);
			ct = NULL;
		}
	}
	n = ct != NULL ? ++ct->conns : 1;
	cn->cert = ct;
	pthread_mutex_unlock(&ls->lock);
	return n;
}

void places_closed(struct conn *cn)
{
	struct listen *ls = cn->th->ls;

	if (cn->cert == NULL)
		return;
	pthread_mutex_lock(&ls->lock);
	if (--cn->cert->conns == 0) {
		HASH_DEL(ls->certs, cn->cert);
		free(cn->cert);
	}
	pthread_mutex_unlock(&ls->lock);
	cn->cert = NULL;
}

void places_sent(struct conn *cn)
{
	struct listen *ls = cn->th->ls;
	const struct notice_hook *hook = &ls->opts.notice;
	struct cert *ct = cn->cert;
	char here[sizeof(ct->addr)], there[sizeof(ct->addr)], text[200];
	int64_t now = time_mono_ns();
	bool two = false, tell = false;

	if (ct == NULL)
		return;
	address_of(cn, here, sizeof(here));
	pthread_mutex_lock(&ls->lock);
	if (strcmp(ct->addr, here) != 0) {
		two = ct->addr[0] != '\0' && cn->opened_ns < ct->since_ns;
		tell = two && (ct->told_ns == 0 || now - ct->told_ns >= TELL_EVERY_NS);
		if (tell)
			ct->told_ns = now;
		strcpy(there, ct->addr);
		strcpy(ct->addr, here);
		ct->since_ns = now;
	}
	pthread_mutex_unlock(&ls->lock);
	metric_add(&ls->stats.two_places, two);
	if (!tell || hook->tell == NULL)
		return;
	snprintf(text, sizeof(text),
		 "its certificate sends from %s and from %s at the same time: was its key copied?",
		 there, here);
	hook->tell(hook->arg, NOTICE_TWO_PLACES, cn->id.tenant, cn->id.agent, text);
}

void certs_free(struct listen *ls)
{
	struct cert *ct, *tmp;

	HASH_ITER (hh, ls->certs, ct, tmp) {
		HASH_DEL(ls->certs, ct);
		free(ct);
	}
}
