/* SPDX-License-Identifier: EUPL-1.2 */
/* common/net/identity.h: who a certificate of our authority names. The chain is checked before, by
 * tls.c. An agent's certificate may only be a client, a collector's only counts as a server, so
 * that no agent can play the collector.
 * Standards: RFC 5280 4.2.1.6 (subjectAltName) and 4.2.1.12 (extended key usage), RFC 6125. */
#ifndef VARTIO_NET_IDENTITY_H
#define VARTIO_NET_IDENTITY_H

#include <gnutls/x509.h>

#include "common/base/err.h"
#include "common/base/slice.h"

#define IDENTITY_TENANT_MAX 32u /* [a-z][a-z0-9-]{0,31} */
#define IDENTITY_AGENT_MAX  64u /* [a-z0-9][a-z0-9-]{0,63} */
#define IDENTITY_SERIAL_MAX 40u /* 20 bytes in hex: RFC 5280 4.1.2.2 */

struct identity {
	char tenant[IDENTITY_TENANT_MAX + 1];
	char agent[IDENTITY_AGENT_MAX + 1];
	char serial[IDENTITY_SERIAL_MAX + 1]; /* lower-case hex, no leading zero bytes */
	int64_t expires_s;                    /* UTC, since 1970 */
};

/* "urn:vartio:TENANT:AGENT"; false, *ret untouched, when it is anything else. Any bytes. */
bool identity_parse(struct slice uri, struct identity *ret);
/* ERR_DENIED: no such SAN or more than one, or a use other than clientAuth. The message says which.
 */
int identity_agent(gnutls_x509_crt_t crt, struct identity *ret, struct err *err);
/* Lower-case hex without leading zero bytes. ERR_SYNTAX: longer than RFC 5280 allows. */
int identity_serial(gnutls_x509_crt_t crt, char ret[IDENTITY_SERIAL_MAX + 1], struct err *err);
/* Whether clientAuth is among its uses; others may be, as in a machine certificate of a domain. */
bool identity_may_be_client(gnutls_x509_crt_t crt);
/* The collector's side: serverAuth, and host (a DNS name or an address) among its names.
 * ERR_DENIED: "the certificate is for another name (siem.example)". */
int identity_collector(gnutls_x509_crt_t crt, const char *host, struct err *err);

#endif
