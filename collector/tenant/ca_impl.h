/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/tenant/ca_impl.h: the authority's insides, for the files of this room alone. Signing
 * only reads the key and the certificate, so threads may share a struct ca. */
#ifndef VARTIO_TENANT_CA_IMPL_H
#define VARTIO_TENANT_CA_IMPL_H

#include <gnutls/abstract.h>

#include "collector/tenant/ca.h"
#include "common/base/hash.h"

#define SERIAL_LEN 16u

struct ca {
	char *dir, *key_path, *cert_path, *server_key_path, *server_cert_path;
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t cert;
	char *cert_pem;
	uint8_t key_hash[SHA256_LEN];
	int64_t now_ns; /* when it was opened: dates of the certificates made then */
};

int tls_fail(int rc, const char *what, struct err *err); /* a GnuTLS error as ours; -1 */
/* SHA-256 over a public key's SubjectPublicKeyInfo (DER, RFC 5280 4.1). */
int pubkey_hash(gnutls_pubkey_t key, uint8_t ret[SHA256_LEN], struct err *err);
/* What all certificates share: version 3, a random serial, dates from now to days ahead, key. */
int crt_begin(gnutls_x509_crt_t crt, gnutls_pubkey_t key, int64_t now_ns, int days,
	      struct err *err);
/* Subject key id, then the signature by the authority. */
int crt_sign(const struct ca *ca, gnutls_x509_crt_t crt, struct err *err);
int crt_pem(gnutls_x509_crt_t crt, struct buf *out, struct err *err); /* appends */

#endif
