/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/listen/waiting.c: whose handshake makes room when all places are taken and others wait.
 * Anybody can open connections and say nothing, so places are shared by address: the one with most
 * handshakes under way gives, its oldest first, but only while it is the peer who is waited for,
 * and after a grace. Who is one of many (more than a part in FAIR of the places) and has not said
 * hello has a tenth of the grace, as an agent's hello comes with its connection: so a backlog of
 * silent ones is through within seconds. Who is one of few and has said hello has it twice. */
#include "collector/listen/impl.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "common/base/time.h"

#define AT_ONCE 16u /* of silent ones, a look */
#define FAIR    16u /* of so many parts of the places an address may hold one */
#define HASTE   10u /* a part of the grace */

/* "192.0.2.7:40022" or "[2001:db8::7]:40022" */
uint64_t waiting_group(const char *peer)
{
	char text[INET6_ADDRSTRLEN + 1] = "";
	const char *from = peer + (peer[0] == '['), *end = strrchr(peer, ':');
	struct in6_addr v6;
	struct in_addr v4;
	uint64_t net;
	size_t n;

	if (end == NULL)
		return 0;
	n = (size_t)(end - from) - (peer[0] == '[');
	if (n >= sizeof(text))
		return 0;
	memcpy(text, from, n);
	if (inet_pton(AF_INET, text, &v4) == 1)
		return UINT64_C(1) << 32 | v4.s_addr; /* no IPv6 network of ours looks so */
	if (inet_pton(AF_INET6, text, &v6) != 1)
		return 0;
	if (IN6_IS_ADDR_V4MAPPED(&v6)) {
		memcpy(&v4, &v6.s6_addr[12], sizeof(v4));
		return UINT64_C(1) << 32 | v4.s_addr;
	}
	memcpy(&net, &v6, sizeof(net));
	return net;
}

struct waiting {
	struct conn *cn;  /* NULL: it goes */
	unsigned company; /* of its address, itself too */
	bool dawdles;     /* it is the peer who is waited for, and no longer only just */
};

/* Those whose handshake is under way. They are the newest, so they stand in front. */
static unsigned gather(const struct listen_thread *th, struct waiting *all)
{
	const int64_t before = time_mono_ns() - th->ls->opts.grace_ms * NS_PER_MS / HASTE;
	unsigned n = 0, seen = 0;

	for (struct conn *cn = th->conns; cn != NULL && seen < th->handshaking; cn = cn->next) {
		if (cn->open || cn->tls == NULL)
			continue;
		seen++;
		if (!cn->revoked)
			all[n++] = (struct waiting){
				.cn = cn,
				.dawdles = cn->opened_ns <= before && tls_peers_turn(cn->tls),
			};
	}
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = i; k < n; k++)
			if (all[i].cn->group == all[k].cn->group) {
				all[i].company++;
				all[k].company += k != i;
			}
	return n;
}

/* *ret_idle: it is one of many and has not even said hello. */
static bool has_had_its_time(const struct listen_thread *th, const struct waiting *w,
			     bool *ret_idle)
{
	const struct listen_opts *o = &th->ls->opts;
	const int64_t age = time_mono_ns() - w->cn->opened_ns, grace = o->grace_ms * NS_PER_MS;
	const bool many = w->company > 1 && w->company > o->max_handshakes / FAIR;
	const bool answered = tls_answered(w->cn->tls);

	*ret_idle = many && !answered;
	if (*ret_idle)
		return age >= grace / HASTE;
	return age >= (many || !answered ? grace : 2 * grace);
}

/* false: nobody, or one who shall be the only one. */
static bool end_one(struct listen_thread *th, struct waiting *all, unsigned n)
{
	struct waiting *best = NULL;
	bool idle, best_idle = false;
	struct err err;
	uint64_t group;

	for (unsigned i = 0; i < n; i++) {
		if (all[i].cn == NULL || !all[i].dawdles || !has_had_its_time(th, &all[i], &idle))
			continue;
		if (best == NULL || all[i].company > best->company ||
		    (all[i].company == best->company &&
		     (idle > best_idle ||
		      (idle == best_idle && all[i].cn->opened_ns < best->cn->opened_ns)))) {
			best = &all[i];
			best_idle = idle;
		}
	}
	if (best == NULL)
		return false;
	metric_add(&th->ls->stats.made_room, 1);
	err_set(&err, ERR_PEER, "%s: the TLS handshake took long while others waited",
		tls_peer(best->cn->tls));
	group = best->cn->group;
	best->cn->revoked = true; /* once */
	tls_close(best->cn->tls, &err);
	best->cn = NULL;
	for (unsigned i = 0; i < n; i++)
		all[i].company -= all[i].cn != NULL && all[i].cn->group == group;
	return best_idle;
}

void waiting_make_room(struct listen_thread *th)
{
	struct waiting *all = malloc(th->handshaking * sizeof(*all));
	unsigned n;

	if (all == NULL)
		return;
	n = gather(th, all);
	for (unsigned i = 0; i < AT_ONCE && end_one(th, all, n); i++)
		;
	free(all);
}
