/* SPDX-License-Identifier: EUPL-1.2 */
#include "tests/helpers/pki.h"

#include <arpa/inet.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "common/base/file.h"

#define ISSUED_MAX 32u

struct pki {
	char dir[64];
	char ca_path[PKI_PATH_MAX];
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;
	char issued[ISSUED_MAX][64];
	unsigned n_issued;
};

static void must(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "pki: %s: %s\n", what, gnutls_strerror(r));
	exit(99);
}

static void write_pem(const char *path, const gnutls_datum_t *pem, unsigned mode)
{
	struct err err;

	if (file_write(path, (struct slice){ (char *)pem->data, pem->size }, mode, &err) == 0)
		return;
	fprintf(stderr, "pki: %s\n", err.msg);
	exit(99);
}

static gnutls_x509_privkey_t new_key(void)
{
	gnutls_x509_privkey_t key;

	must(gnutls_x509_privkey_init(&key), "key");
	must(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
					  GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
	     "key");
	return key;
}

static gnutls_x509_crt_t new_crt(gnutls_x509_privkey_t key, const char *cn, long from_s, long to_s)
{
	unsigned char serial[16];
	gnutls_x509_crt_t crt;
	time_t now = time(NULL);

	must(gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial)), "serial");
	serial[0] &= 0x7f;
	serial[0] |= 0x01;
	must(gnutls_x509_crt_init(&crt), "certificate");
	must(gnutls_x509_crt_set_version(crt, 3), "version");
	must(gnutls_x509_crt_set_serial(crt, serial, sizeof(serial)), "serial");
	must(gnutls_x509_crt_set_activation_time(crt, now + from_s), "from");
	must(gnutls_x509_crt_set_expiration_time(crt, now + to_s), "to");
	must(gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, cn,
					   (unsigned)strlen(cn)),
	     "name");
	must(gnutls_x509_crt_set_key(crt, key), "key");
	return crt;
}

struct pki *pki_new(const char *name)
{
	struct pki *pki = calloc(1, sizeof(*pki));
	gnutls_datum_t pem;

	if (pki == NULL)
		exit(99);
	strcpy(pki->dir, "/tmp/vartio-pki-XXXXXX");
	if (mkdtemp(pki->dir) == NULL)
		exit(99);
	pki->key = new_key();
	pki->crt = new_crt(pki->key, name, -3600, 86400);
	must(gnutls_x509_crt_set_basic_constraints(pki->crt, 1, 0), "constraints");
	must(gnutls_x509_crt_set_key_usage(pki->crt, GNUTLS_KEY_KEY_CERT_SIGN), "usage");
	must(gnutls_x509_crt_sign2(pki->crt, pki->crt, pki->key, GNUTLS_DIG_SHA256, 0), "sign");
	snprintf(pki->ca_path, sizeof(pki->ca_path), "%s/ca.crt", pki->dir);
	must(gnutls_x509_crt_export2(pki->crt, GNUTLS_X509_FMT_PEM, &pem), "export");
	write_pem(pki->ca_path, &pem, 0644);
	gnutls_free(pem.data);
	return pki;
}

const char *pki_ca_path(const struct pki *pki)
{
	return pki->ca_path;
}

void pki_paths(const struct pki *pki, const char *name, char cert[PKI_PATH_MAX],
	       char key[PKI_PATH_MAX])
{
	snprintf(cert, PKI_PATH_MAX, "%s/%s.crt", pki->dir, name);
	snprintf(key, PKI_PATH_MAX, "%s/%s.key", pki->dir, name);
}

static void add_names(gnutls_x509_crt_t crt, const struct pki_spec *spec)
{
	unsigned char ip[16];

	if (spec->dns != NULL)
		must(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, spec->dns,
							  (unsigned)strlen(spec->dns),
							  GNUTLS_FSAN_APPEND),
		     "dns");
	if (spec->ip != NULL && inet_pton(AF_INET, spec->ip, ip) == 1)
		must(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, ip, 4,
							  GNUTLS_FSAN_APPEND),
		     "ip");
	if (spec->uri != NULL)
		must(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_URI, spec->uri,
							  (unsigned)strlen(spec->uri),
							  GNUTLS_FSAN_APPEND),
		     "uri");
	if (spec->uri2 != NULL)
		must(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_URI, spec->uri2,
							  (unsigned)strlen(spec->uri2),
							  GNUTLS_FSAN_APPEND),
		     "uri");
}

void pki_issue(struct pki *pki, const char *name, const struct pki_spec *spec)
{
	bool day = spec->from_s == 0 && spec->to_s == 0;
	gnutls_x509_privkey_t key = new_key();
	gnutls_x509_crt_t crt =
		new_crt(key, name, day ? -3600 : spec->from_s, day ? 86400 : spec->to_s);
	char cert_path[PKI_PATH_MAX], key_path[PKI_PATH_MAX];
	gnutls_datum_t pem;

	add_names(crt, spec);
	must(gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE), "usage");
	if (strcmp(spec->use, "client") == 0 || strcmp(spec->use, "both") == 0)
		must(gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_CLIENT, 0), "use");
	if (strcmp(spec->use, "server") == 0 || strcmp(spec->use, "both") == 0)
		must(gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0), "use");
	must(gnutls_x509_crt_sign2(crt, pki->crt, pki->key, GNUTLS_DIG_SHA256, 0), "sign");
	pki_paths(pki, name, cert_path, key_path);
	must(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem), "export");
	write_pem(cert_path, &pem, 0644);
	gnutls_free(pem.data);
	must(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem), "export");
	write_pem(key_path, &pem, 0600);
	gnutls_free(pem.data);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
	if (pki->n_issued < ISSUED_MAX)
		snprintf(pki->issued[pki->n_issued++], sizeof(pki->issued[0]), "%s", name);
}

struct tls_creds *pki_creds(const struct pki *pki, const char *name, const struct pki *trust)
{
	char cert[PKI_PATH_MAX], key[PKI_PATH_MAX];
	struct tls_creds *cr = NULL;
	struct err err;

	if (name != NULL)
		pki_paths(pki, name, cert, key);
	if (tls_creds_load(trust != NULL ? trust->ca_path : NULL, name != NULL ? cert : NULL,
			   name != NULL ? key : NULL, &cr, &err) < 0) {
		fprintf(stderr, "pki: %s\n", err.msg);
		exit(99);
	}
	return cr;
}

void pki_keep(struct pki *pki)
{
	gnutls_x509_crt_deinit(pki->crt);
	gnutls_x509_privkey_deinit(pki->key);
	free(pki);
}

void pki_free(struct pki *pki)
{
	char cert[PKI_PATH_MAX], key[PKI_PATH_MAX];

	if (pki == NULL)
		return;
	for (unsigned i = 0; i < pki->n_issued; i++) {
		pki_paths(pki, pki->issued[i], cert, key);
		unlink(cert);
		unlink(key);
	}
	unlink(pki->ca_path);
	rmdir(pki->dir);
	pki_keep(pki);
}
