/* SPDX-License-Identifier: EUPL-1.2 */
/* common/net/tls_watch.h: certificate, key and authority as they stand in their files now. Files
 * that change are loaded within seconds, so that a renewal needs no restart and cuts no connection;
 * files that do not load (half of them written, say) leave the old ones in use, and are tried
 * again. May touch:  the three files, by reading; a timer of the loop. Never:      logs, or says
 * who is trusted. Thread:     the loop thread; all callbacks are called from it. */
#ifndef VARTIO_NET_TLS_WATCH_H
#define VARTIO_NET_TLS_WATCH_H

#include "common/net/tls.h"

struct tls_watch;
struct tls_watch_opts {
	uv_loop_t *loop;
	const char *ca_path, *cert_path, *key_path; /* borrowed as long as the watch lives */
	uint32_t every_ms;                          /* between two looks (0: 10,000) */
	/* Before a look: makes new files where it is time for them. May be NULL. */
	void (*prepare)(void *arg, int64_t now_ns);
	void (*changed)(void *arg, struct tls_creds *creds); /* lent: take a reference */
	/* The files as they are now cannot be used; said once for each state of theirs. */
	void (*failed)(void *arg, const struct err *err);
	/* The certificate in use ends within TLS_WATCH_EARLY_S, or has ended (left_s below 0): said
	 * at the first look and once a day, once an hour when it has. */
	void (*ends)(void *arg, int64_t left_s);
	void *arg;
};
#define TLS_WATCH_EARLY_S (INT64_C(30) * 86400)

/* creds: what was loaded from the files before. The first look follows at once, in the loop. */
int tls_watch_start(const struct tls_watch_opts *opts, const struct tls_creds *creds,
		    struct tls_watch **ret, struct err *err);
void tls_watch_look(struct tls_watch *tw);            /* now; what was refused is told again */
int64_t tls_watch_ends_s(const struct tls_watch *tw); /* of the certificate in use */
void tls_watch_close(struct tls_watch *tw); /* freed in the loop's next turn; NULL is fine */

#endif
