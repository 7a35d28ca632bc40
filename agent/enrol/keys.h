/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/enrol/keys.h: the agent's key, its certificate request, and what a certificate must be to
 * be kept. */
#ifndef VARTIO_ENROL_KEYS_H
#define VARTIO_ENROL_KEYS_H

#include <gnutls/x509.h>

#include "common/base/buf.h"

/* SHA-256 of the certificate's SubjectPublicKeyInfo. */
int keys_cert_hash(gnutls_x509_crt_t crt, uint8_t ret[32], struct err *err);
/* The P-256 key at path, made there with mode 0600 when there is none. *ret:
 * gnutls_x509_privkey_deinit. */
int keys_open(const char *path, gnutls_x509_privkey_t *ret, struct err *err);
/* A request signed by the key (PKCS #10, PEM) that names host, for people to read. */
int keys_request(gnutls_x509_privkey_t key, const char *host, struct buf *ret_pem, struct err *err);
/* Whether chain_pem begins with a certificate for this key, tenant and agent, under ca_pem, whose
 * key has the hash ca_key. ERR_PEER says what is wrong. */
int keys_check(gnutls_x509_privkey_t key, const char *chain_pem, const char *ca_pem,
	       const uint8_t ca_key[32], const char *tenant, const char *agent, struct err *err);

#endif
