/* SPDX-License-Identifier: EUPL-1.2 */
/* common/net/tls_impl.h: what tls.c, tls_creds.c and tls_text.c share. Nobody else includes it. */
#ifndef VARTIO_NET_TLS_IMPL_H
#define VARTIO_NET_TLS_IMPL_H

#include <stdatomic.h>

#include "common/net/tls.h"

struct tls_creds {
	_Atomic unsigned refs;
	gnutls_certificate_credentials_t cred;
	gnutls_priority_t priority;
	bool checks_chain; /* an authority was given */
};

/* "192.0.2.7:40022", "[2001:db8::7]:40022" */
#define TLS_PEER_MAX 64
void tls_addr_text(const struct sockaddr *sa, char out[TLS_PEER_MAX]);
/* What a person can do something with, for errors of libuv (negative errno). */
const char *tls_socket_text(int uv_status);
/* The same for what GnuTLS says; `alert` is the peer's last alert. */
void tls_gnutls_text(int code, gnutls_alert_description_t alert, char *out, size_t n);
enum tls_failure tls_gnutls_failure(int code);
/* Why a chain is not good, from the bits of gnutls_certificate_verify_peers2; *ret_alert is what
 * the peer is told. */
enum tls_failure tls_chain_text(unsigned status, gnutls_x509_crt_t crt, char *out, size_t n,
				gnutls_alert_description_t *ret_alert);

#endif
