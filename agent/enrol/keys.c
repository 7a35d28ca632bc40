/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/enrol/keys.h"

#include <gnutls/abstract.h>

#include "common/base/file.h"
#include "common/base/hash.h"
#include "common/net/identity.h"

#define PEM_MAX 65536u

static int fail(int rc, const char *what, struct err *err)
{
	return err_set(err, rc == GNUTLS_E_MEMORY_ERROR ? ERR_NOMEM : ERR_SYNTAX, "%s: %s", what,
		       gnutls_strerror(rc));
}

static int hash_pubkey(gnutls_pubkey_t pub, uint8_t ret[32], struct err *err)
{
	gnutls_datum_t der = { 0 };
	int rc = gnutls_pubkey_export2(pub, GNUTLS_X509_FMT_DER, &der);

	if (rc < 0)
		return fail(rc, "cannot read a public key", err);
	sha256((struct slice){ (const char *)der.data, der.size }, ret);
	gnutls_free(der.data);
	return 0;
}

int keys_cert_hash(gnutls_x509_crt_t crt, uint8_t ret[32], struct err *err)
{
	gnutls_pubkey_t pub = NULL;
	int rc = gnutls_pubkey_init(&pub), r;

	if (rc >= 0)
		rc = gnutls_pubkey_import_x509(pub, crt, 0);
	r = rc < 0 ? fail(rc, "cannot read a certificate's key", err) : hash_pubkey(pub, ret, err);
	gnutls_pubkey_deinit(pub);
	return r;
}

static int key_hash(gnutls_x509_privkey_t key, uint8_t ret[32], struct err *err)
{
	gnutls_privkey_t any = NULL;
	gnutls_pubkey_t pub = NULL;
	int rc, r;

	if ((rc = gnutls_privkey_init(&any)) >= 0 && (rc = gnutls_pubkey_init(&pub)) >= 0 &&
	    (rc = gnutls_privkey_import_x509(any, key, 0)) >= 0)
		rc = gnutls_pubkey_import_privkey(pub, any, 0, 0);
	r = rc < 0 ? fail(rc, "cannot read the key", err) : hash_pubkey(pub, ret, err);
	gnutls_pubkey_deinit(pub);
	gnutls_privkey_deinit(any);
	return r;
}

static int write_new(const char *path, gnutls_x509_privkey_t key, struct err *err)
{
	gnutls_datum_t pem = { 0 };
	int rc, r;

	if ((rc = gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
					       GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1),
					       0)) < 0 ||
	    (rc = gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL,
						    GNUTLS_PKCS_PLAIN, &pem)) < 0)
		return fail(rc, "cannot make a key", err);
	r = file_write(path, (struct slice){ (const char *)pem.data, pem.size }, 0600, err);
	gnutls_memset(pem.data, 0, pem.size);
	gnutls_free(pem.data);
	return r;
}

int keys_open(const char *path, gnutls_x509_privkey_t *ret, struct err *err)
{
	gnutls_x509_privkey_t key = NULL;
	struct buf pem = { 0 };
	struct err why = { 0 };
	int rc = gnutls_x509_privkey_init(&key), r = -1;

	if (rc < 0)
		return fail(rc, "cannot make a key", err);
	if (file_read(path, PEM_MAX, &pem, &why) == 0) {
		const gnutls_datum_t d = { (unsigned char *)pem.p, (unsigned)pem.n };

		rc = gnutls_x509_privkey_import(key, &d, GNUTLS_X509_FMT_PEM);
		r = rc < 0 ? err_set(err, ERR_SYNTAX, "%s is no key (%s); remove it and try again",
				     path, gnutls_strerror(rc))
			   : 0;
	} else if (why.code == ERR_ABSENT) {
		r = write_new(path, key, err);
	} else {
		err_set(err, why.code, "%s", why.msg);
	}
	if (r == 0) {
		*ret = key;
		key = NULL;
	}
	gnutls_x509_privkey_deinit(key);
	if (pem.p != NULL)
		gnutls_memset(pem.p, 0, pem.cap);
	buf_release(&pem);
	return r;
}

int keys_request(gnutls_x509_privkey_t key, const char *host, struct buf *ret_pem, struct err *err)
{
	gnutls_x509_crq_t crq = NULL;
	gnutls_datum_t pem = { 0 };
	size_t n = strnlen(host, 64); /* RFC 5280: ub-common-name */
	int rc;

	if ((rc = gnutls_x509_crq_init(&crq)) >= 0 &&
	    (rc = gnutls_x509_crq_set_version(crq, 1)) >= 0 &&
	    (rc = gnutls_x509_crq_set_dn_by_oid(crq, GNUTLS_OID_X520_COMMON_NAME, 0, host,
						(unsigned)n)) >= 0 &&
	    (rc = gnutls_x509_crq_set_key(crq, key)) >= 0 &&
	    (rc = gnutls_x509_crq_sign2(crq, key, GNUTLS_DIG_SHA256, 0)) >= 0)
		rc = gnutls_x509_crq_export2(crq, GNUTLS_X509_FMT_PEM, &pem);
	gnutls_x509_crq_deinit(crq);
	if (rc < 0)
		return fail(rc, "cannot make a certificate request", err);
	buf_put(ret_pem, pem.data, pem.size);
	gnutls_free(pem.data);
	return ret_pem->failed ? err_nomem(err) : 0;
}

static int wrong(const char *what, struct err *err)
{
	return err_set(err, ERR_PEER, "the collector's answer cannot be used: %s", what);
}

static int import(const char *pem, gnutls_x509_crt_t *ret)
{
	const gnutls_datum_t d = { (unsigned char *)(uintptr_t)pem, (unsigned)strlen(pem) };
	int rc = gnutls_x509_crt_init(ret);

	return rc < 0 ? rc : gnutls_x509_crt_import(*ret, &d, GNUTLS_X509_FMT_PEM);
}

int keys_check(gnutls_x509_privkey_t key, const char *chain_pem, const char *ca_pem,
	       const uint8_t ca_key[32], const char *tenant, const char *agent, struct err *err)
{
	gnutls_x509_crt_t leaf = NULL, ca = NULL;
	uint8_t ours[SHA256_LEN], theirs[SHA256_LEN];
	struct identity id;
	unsigned status = 0;
	int r = -1;

	if (import(chain_pem, &leaf) < 0 || import(ca_pem, &ca) < 0)
		wrong("its certificates cannot be read", err);
	else if (keys_cert_hash(ca, theirs, err) < 0)
		goto out;
	else if (!secret_eq(theirs, ca_key, SHA256_LEN))
		wrong("its authority is not the token's", err);
	else if (key_hash(key, ours, err) < 0 || keys_cert_hash(leaf, theirs, err) < 0)
		goto out;
	else if (memcmp(ours, theirs, SHA256_LEN) != 0)
		wrong("the certificate is for another key", err);
	else if (gnutls_x509_crt_verify(leaf, &ca, 1, GNUTLS_VERIFY_DISABLE_TIME_CHECKS, &status) <
			 0 ||
		 status != 0)
		wrong("the certificate is not signed by its authority", err);
	else if (identity_agent(leaf, &id, err) == 0) {
		if (strcmp(id.tenant, tenant) != 0 || strcmp(id.agent, agent) != 0)
			wrong("the certificate names another agent", err);
		else
			r = 0;
	}
out:
	gnutls_x509_crt_deinit(leaf);
	gnutls_x509_crt_deinit(ca);
	return r;
}
