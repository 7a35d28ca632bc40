/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/collector/tenant_kit.h: a state folder with a registry and an authority, and certificate
 * requests, for the tests of collector/tenant. */
#ifndef VARTIO_TESTS_TENANT_KIT_H
#define VARTIO_TESTS_TENANT_KIT_H

#include "tests/cmocka.h"

#include <ftw.h>
#include <gnutls/abstract.h>
#include <stdio.h>
#include <unistd.h>

#include "collector/tenant/ca.h"
#include "common/base/hash.h"
#include "common/base/time.h"

#define T0 INT64_C(1795420800000000000) /* 2026-11-23T08:00:00Z */

struct kit {
	char dir[64], db[96];
	struct registry *rg;
	struct ca *ca;
};

static inline int kit_remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	return remove(path);
}

static inline void kit_remove(const char *dir)
{
	nftw(dir, kit_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void kit_open_at(struct kit *k, int64_t now_ns)
{
	static const char *const names[] = { "localhost", "127.0.0.1" };
	struct err err = { 0 };

	strcpy(k->dir, "/tmp/vartio-kit-XXXXXX");
	assert_non_null(mkdtemp(k->dir));
	snprintf(k->db, sizeof(k->db), "%s/collector.db", k->dir);
	if (registry_open(k->db, &k->rg, &err) < 0 ||
	    ca_open(k->dir, names, 2, now_ns, &k->ca, &err) < 0 ||
	    tenant_add(k->rg, "mallila", "Mallilan kunta", "test", now_ns, &err) < 0)
		fail_msg("%s", err.msg);
}

static inline void kit_close(struct kit *k)
{
	ca_close(k->ca);
	registry_close(k->rg);
	kit_remove(k->dir);
}

/* A request by a fresh key, naming itself whatever it likes. */
static inline void kit_request(gnutls_pk_algorithm_t alg, unsigned bits, struct buf *ret_pem)
{
	gnutls_x509_privkey_t key;
	gnutls_x509_crq_t crq;
	gnutls_datum_t pem;

	assert_int_equal(gnutls_x509_privkey_init(&key), 0);
	assert_int_equal(gnutls_x509_privkey_generate(key, alg, bits, 0), 0);
	assert_int_equal(gnutls_x509_crq_init(&crq), 0);
	assert_int_equal(gnutls_x509_crq_set_version(crq, 3), 0);
	assert_int_equal(gnutls_x509_crq_set_dn(crq, "CN=root,O=other", NULL), 0);
	assert_int_equal(gnutls_x509_crq_set_subject_alt_name(crq, GNUTLS_SAN_URI,
							      "urn:vartio:other:root", 21, 0),
			 0);
	assert_int_equal(gnutls_x509_crq_set_key(crq, key), 0);
	assert_int_equal(gnutls_x509_crq_sign2(crq, key, GNUTLS_DIG_SHA256, 0), 0);
	assert_int_equal(gnutls_x509_crq_export2(crq, GNUTLS_X509_FMT_PEM, &pem), 0);
	buf_put(ret_pem, pem.data, pem.size);
	gnutls_free(pem.data);
	gnutls_x509_crq_deinit(crq);
	gnutls_x509_privkey_deinit(key);
}

#define P256 GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1)

static inline gnutls_x509_crt_t kit_cert(struct slice pem)
{
	const gnutls_datum_t d = { (unsigned char *)(uintptr_t)pem.p, (unsigned)pem.n };
	gnutls_x509_crt_t crt;

	assert_int_equal(gnutls_x509_crt_init(&crt), 0);
	assert_int_equal(gnutls_x509_crt_import(crt, &d, GNUTLS_X509_FMT_PEM), 0);
	return crt;
}

#endif
