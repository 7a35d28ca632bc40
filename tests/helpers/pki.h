/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/helpers/pki.h: a certificate authority made at test time, in a temporary folder.
 * P-256 keys, as the collector's own authority makes them. Any failure ends the test program. */
#ifndef VARTIO_TESTS_PKI_H
#define VARTIO_TESTS_PKI_H

#include "common/net/tls.h"

#define PKI_PATH_MAX 256

struct pki_spec {
	const char *dns;   /* SAN DNS name, or NULL */
	const char *ip;    /* SAN address, or NULL */
	const char *uri;   /* SAN URI, or NULL */
	const char *uri2;  /* a second one */
	const char *use;   /* "server", "client", "both", "none" */
	long from_s, to_s; /* validity, seconds from now; both 0: from an hour ago for a day */
};
struct pki; /* one authority */
struct pki *pki_new(const char *name);
void pki_free(struct pki *pki); /* removes its folder */
void pki_keep(struct pki *pki); /* frees, but leaves the folder */
const char *pki_ca_path(const struct pki *pki);
/* Writes NAME.crt and NAME.key below the folder, signed by this authority. */
void pki_issue(struct pki *pki, const char *name, const struct pki_spec *spec);
void pki_paths(const struct pki *pki, const char *name, char cert[PKI_PATH_MAX],
	       char key[PKI_PATH_MAX]);
/* Credentials of NAME that trust the authority `trust` (NULL: none). */
struct tls_creds *pki_creds(const struct pki *pki, const char *name, const struct pki *trust);

#endif
