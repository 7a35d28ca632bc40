/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/tenant/ca.h: the collector's own small certificate authority, its enrolment tokens and
 * the door where agents enrol (port 5043).
 * Files:   STATE/ca/{ca.key,ca.crt,server.key,server.crt}, keys mode 0600.
 * Profile: P-256 keys; agents: clientAuth only, SAN URI urn:vartio:TENANT:AGENT; collectors:
 *          serverAuth and DNS name / IP address. From a request only the public key is taken. */
#ifndef VARTIO_TENANT_CA_H
#define VARTIO_TENANT_CA_H

#include <gnutls/x509.h>

#include "collector/tenant/registry.h"

#define CA_DAYS      3650                     /* the authority's own certificate */
#define CA_CERT_DAYS 365                      /* what it issues */
#define CA_RENEW_MS  (INT64_C(30) * 86400000) /* our own server's is made anew this long before */
#define CA_AGAIN_MS  (INT64_C(10) * 60000)    /* the same key may ask again for this long */

struct config;
struct ca;
/* Opens the authority, making its key and certificate, and the server's for `names` (DNS names or
 * addresses), when they are not there or about to expire or names changed. */
int ca_open(const char *state_dir, const char *const *names, size_t n, int64_t now_ns,
	    struct ca **ret, struct err *err);
/* The same with the names of the settings: agents.address and agents.names. */
int ca_open_config(const struct config *conf, int64_t now_ns, struct ca **ret, struct err *err);
void ca_close(struct ca *ca);                  /* NULL is fine */
const char *ca_cert_path(const struct ca *ca); /* PEM files for tls_creds_load */
const char *ca_server_cert_path(const struct ca *ca);
const char *ca_server_key_path(const struct ca *ca);

/* SHA-256 of the authority's SubjectPublicKeyInfo: what tokens carry. 32 bytes, lent. */
const uint8_t *ca_key_hash(const struct ca *ca);

/* Token text: vt1_ + base64url(address NUL sha256-of-CA-public-key secret). Stored hashed. */
int token_create(struct registry *rg, const struct ca *ca, const char *tenant, const char *address,
		 int64_t hours, const char *by, int64_t now_ns, struct buf *ret_token,
		 struct err *err);
/* Uses up the token in the transaction that records the certificate; the same key asking again
 * within 10 minutes gets the same certificate. ERR_DENIED: wrong, expired, used: the message says
 * which and what helps. csr is PEM; host what the agent calls itself. Appends PEM certificates
 * (leaf, then CA) to ret_pem, the agent's id to ret_agent. */
int ca_enrol(struct ca *ca, struct registry *rg, struct slice secret, struct slice csr_pem,
	     const char *host, int64_t now_ns, struct buf *ret_pem, struct buf *ret_agent,
	     struct err *err);
/* The operator's own door for foreign senders: `agent certify`. host: what lists show it as. */
int ca_certify(struct ca *ca, struct registry *rg, const char *tenant, struct slice csr_pem,
	       const char *host, const char *by, int64_t now_ns, struct buf *ret_pem,
	       struct buf *ret_agent, struct err *err);
/* Tenant and agent of a peer certificate's SAN (urn:vartio:TENANT:AGENT), and its serial in hex.
 * ERR_DENIED: no such SAN, or not clientAuth. */
int ca_peer_identity(gnutls_x509_crt_t crt, char tenant[TENANT_MAX + 1], char agent[SENDER_MAX + 1],
		     char serial[65], struct err *err);

struct enrol_server; /* HTTPS by libmicrohttpd in a thread of its own; POST /v1/enrol, nothing else
		      */
/* collector: "host:port" of the Lumberjack listener, which the reply names. port 0: any free one.
 * ca is borrowed until enrol_server_stop; the server has a database handle of its own. */
int enrol_server_start(struct ca *ca, const char *db_path, const char *addr, uint16_t port,
		       const char *collector, struct enrol_server **ret, uint16_t *ret_port,
		       struct err *err);
void enrol_server_stop(struct enrol_server *es); /* joins and frees; NULL is fine */

#endif
