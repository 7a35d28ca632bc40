/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/ship/link.c: keeps one connection to one of the collectors.
 * May touch:  the resolver, its connection, its timers.
 * Never:      looks into blocks.
 * States:     waiting (retry timer) -> resolving -> connecting -> open -> waiting ...
 * Order:      a round tries each address once, the first one first, without a pause; after a round
 *             without success comes the back-off (pace.h). */
#include "agent/ship/impl.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/hash.h"
#include "common/base/time.h"
#include "common/net/identity.h"

#define DEFAULT_PORT  "5044"
#define SETTLE_MS     500u   /* TLS 1.3 tells a refused client only after its handshake */
#define WORKED_MS     10000u /* a connection that held so long was a good one */
#define ACK_BYTES_MAX 4096u

static void attempt(struct ship *sh);

static uint32_t chance(uint32_t below)
{
	uint32_t v;

	random_bytes(&v, sizeof(v));
	return below > 0 ? v % below : 0;
}

/* "host:port", "[address]:port", or without a port. */
static int split(const char *address, char host[HOST_MAX], char port[8], struct err *err)
{
	const char *colon = strrchr(address, ':'), *end = colon, *from = address;
	uint64_t number;

	if (address[0] == '[') {
		end = strchr(address, ']');
		from++;
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			goto bad;
		colon = end[1] == ':' ? end + 1 : NULL;
	} else if (colon == NULL || strchr(address, ':') != colon) { /* none, or bare IPv6 */
		colon = NULL;
		end = address + strlen(address);
	}
	if (end == from || (size_t)(end - from) >= HOST_MAX)
		goto bad;
	if (colon != NULL && (!slice_uint(slice_str(colon + 1), 65535, &number) || number == 0))
		goto bad;
	snprintf(port, 8, "%s", colon != NULL ? colon + 1 : DEFAULT_PORT);
	memcpy(host, from, (size_t)(end - from));
	host[end - from] = '\0';
	return 0;
bad:
	return err_set(
		err, ERR_USAGE,
		"collector address \"%s\": expected host:port, for example siem.example:5044",
		address);
}

static void tell(struct ship *sh, const struct err *err)
{
	const char *address = sh->opts.addresses[sh->index];
	bool changed = err == NULL || strcmp(sh->problem.msg, err->msg) != 0;

	if (err != NULL)
		sh->problem = *err;
	else
		sh->problem.msg[0] = '\0';
	if (changed && sh->opts.state != NULL)
		sh->opts.state(sh->opts.arg, address, err);
}

static void forget_found(struct ship *sh)
{
	if (sh->found != NULL)
		uv_freeaddrinfo(sh->found);
	sh->found = sh->next = NULL;
}

static void on_retry(uv_timer_t *t)
{
	struct ship *sh = t->data;

	if (sh->open) {
		sh->settled = true;
		metric_set(&sh->stats.connected, 1);
		tell(sh, NULL);
		return;
	}
	sh->waiting = false;
	attempt(sh);
}

static void wait_ms(struct ship *sh, uint32_t ms)
{
	sh->waiting = true;
	uv_timer_start(&sh->retry, on_retry, ms, 0);
}

/* The address in use did not do; `worked`: it did, until now. */
static void next_attempt(struct ship *sh)
{
	if (sh->worked) {
		sh->worked = false;
		sh->index = sh->tried = 0;
		wait_ms(sh, backoff_broke(&sh->backoff));
		return;
	}
	sh->index = (sh->index + 1) % sh->opts.n_addresses;
	if (++sh->tried < sh->opts.n_addresses) {
		wait_ms(sh, 0);
		return;
	}
	sh->tried = sh->index = 0;
	wait_ms(sh, backoff_failed(&sh->backoff));
}

static void failed(struct ship *sh, const struct err *cause)
{
	struct err err;

	metric_add(&sh->stats.failures, 1);
	err_set(&err, cause->code, "collector %s", cause->msg);
	tell(sh, &err);
	next_attempt(sh);
}

/* --- the connection --- */

static int on_verify(struct tls_conn *cn, gnutls_x509_crt_t peer, struct err *err)
{
	struct ship *sh = tls_arg(cn);

	return identity_collector(peer, sh->host, err);
}

static void on_open(struct tls_conn *cn)
{
	struct ship *sh = tls_arg(cn);

	sh->open = true;
	sh->settled = false;
	sh->opened_ms = uv_now(sh->opts.loop);
	metric_add(&sh->stats.connects, 1);
	uv_timer_start(&sh->retry, on_retry, SETTLE_MS, 0);
	ship_opened(sh);
}

static ssize_t on_data(struct tls_conn *cn, struct slice in)
{
	return ship_data(tls_arg(cn), in);
}

static void on_drained(struct tls_conn *cn)
{
	struct ship *sh = tls_arg(cn);

	sh->moved_ms = uv_now(sh->opts.loop);
	ship_pump(sh);
}

static int connect_next(struct ship *sh, struct err *err);

static void on_closed(struct tls_conn *cn, const struct err *cause)
{
	struct ship *sh = tls_arg(cn);
	bool was_open = sh->opened_ms > 0;
	uint64_t held_ms = uv_now(sh->opts.loop) - sh->opened_ms;
	struct err err;

	sh->cn = NULL;
	sh->opened_ms = 0;
	uv_timer_stop(&sh->retry);
	if (was_open && held_ms >= WORKED_MS)
		sh->worked = true;
	sh->open = false;
	metric_set(&sh->stats.connected, 0);
	ship_lost(sh);
	if (sh->closing) {
		link_close(sh);
		return;
	}
	if (!was_open && sh->next != NULL && connect_next(sh, &err) == 0)
		return; /* the name has another address */
	forget_found(sh);
	if (cause == NULL) {
		err_set(&err, ERR_PEER, "%s: closed the connection", sh->host);
		cause = &err;
	}
	failed(sh, cause);
}

static const struct tls_handler handler = { on_verify, on_open, on_data, on_drained, on_closed };

static int connect_to(struct ship *sh, const struct sockaddr *addr, struct err *err)
{
	const struct tls_opts o = {
		.loop = sh->opts.loop,
		.creds = sh->opts.creds,
		.handler = &handler,
		.arg = sh,
		.server_name = sh->host,
		.max_in = ACK_BYTES_MAX,
	};

	return tls_connect(&o, addr, &sh->cn, err);
}

/* 0: one of the remaining answers is being tried. */
static int connect_next(struct ship *sh, struct err *err)
{
	const struct addrinfo *ai;
	int r = err_set(err, ERR_ABSENT, "%s: the name has no address", sh->host);

	while (r < 0 && (ai = sh->next) != NULL) {
		sh->next = ai->ai_next;
		r = connect_to(sh, ai->ai_addr, err);
	}
	return r;
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *res)
{
	struct ship *sh = req->data;
	struct err err;

	sh->resolving = false;
	sh->found = sh->next = res;
	if (sh->closing) {
		link_close(sh);
		return;
	}
	if (status < 0)
		err_set(&err, ERR_ABSENT, "%s: the name cannot be resolved: %s", sh->host,
			uv_strerror(status));
	else if (connect_next(sh, &err) == 0)
		return;
	forget_found(sh);
	failed(sh, &err);
}

static void attempt(struct ship *sh)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} addr;
	struct err err;
	int n;

	split(sh->opts.addresses[sh->index], sh->host, sh->port, &err); /* checked when opened */
	if (uv_ip4_addr(sh->host, atoi(sh->port), &addr.v4) == 0 ||
	    uv_ip6_addr(sh->host, atoi(sh->port), &addr.v6) == 0) {
		if (connect_to(sh, &addr.any, &err) < 0)
			failed(sh, &err);
		return;
	}
	sh->resolve.data = sh;
	n = uv_getaddrinfo(sh->opts.loop, &sh->resolve, on_resolved, sh->host, sh->port, &hints);
	if (n < 0) {
		err_set(&err, ERR_NOMEM, "%s: %s", sh->host, uv_strerror(n));
		failed(sh, &err);
		return;
	}
	sh->resolving = true;
}

int link_open(struct ship *sh, struct err *err)
{
	for (size_t i = 0; i < sh->opts.n_addresses; i++)
		if (split(sh->opts.addresses[i], sh->host, sh->port, err) < 0)
			return -1;
	sh->backoff = (struct backoff){ .first_ms = sh->opts.retry_ms, .chance = chance };
	backoff_reset(&sh->backoff);
	err_set(&sh->problem, ERR_NONE, "not tried yet");
	wait_ms(sh, 0);
	return 0;
}

void link_fail(struct ship *sh, const struct err *why)
{
	struct err err;

	if (sh->cn == NULL)
		return;
	err_set(&err, why->code, "%s:%s: %s", sh->host, sh->port, why->msg);
	sh->open = false;
	tls_close(sh->cn, &err);
}

void link_worked(struct ship *sh)
{
	sh->worked = true;
	sh->tried = 0;
	backoff_reset(&sh->backoff);
	if (!sh->settled && sh->open) {
		uv_timer_stop(&sh->retry);
		on_retry(&sh->retry);
	}
}

static void on_timer_closed(uv_handle_t *h)
{
	struct ship *sh = h->data;

	if (--sh->handles > 0)
		return;
	tls_creds_unref(sh->opts.creds);
	if (sh->closed != NULL)
		sh->closed(sh->closed_arg);
	free(sh);
}

/* Called again by whatever was still under way, until nothing is. */
void link_close(struct ship *sh)
{
	if (sh->resolving) {
		uv_cancel((uv_req_t *)&sh->resolve);
		return;
	}
	if (sh->cn != NULL) {
		tls_close(sh->cn, NULL);
		return;
	}
	forget_found(sh);
	uv_close((uv_handle_t *)&sh->retry, on_timer_closed);
	uv_close((uv_handle_t *)&sh->rate, on_timer_closed);
	uv_close((uv_handle_t *)&sh->watch, on_timer_closed);
	uv_close((uv_handle_t *)&sh->again, on_timer_closed);
}
