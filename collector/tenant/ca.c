/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/tenant/ca.c: the authority's files: its key and certificate, and the server's. */
#include "collector/tenant/ca_impl.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "collector/config.h"
#include "common/base/file.h"
#include "common/base/time.h"
#include "common/net/identity.h"

#define PEM_MAX   65536u
#define P256_BITS GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1)
#define DAY_S     86400
/* Agents' clocks may be behind ours by this. Servers of small municipalities are often off by
 * hours, and a new certificate must not be one that is not valid there yet. */
#define EARLY_S   DAY_S
#define NAMES_MAX 64u

int tls_fail(int rc, const char *what, struct err *err)
{
	return err_set(err, rc == GNUTLS_E_MEMORY_ERROR ? ERR_NOMEM : ERR_SYNTAX, "%s: %s", what,
		       gnutls_strerror(rc));
}

int pubkey_hash(gnutls_pubkey_t key, uint8_t ret[SHA256_LEN], struct err *err)
{
	gnutls_datum_t der = { 0 };
	int rc = gnutls_pubkey_export2(key, GNUTLS_X509_FMT_DER, &der);

	if (rc < 0)
		return tls_fail(rc, "cannot read a public key", err);
	sha256((struct slice){ (const char *)der.data, der.size }, ret);
	gnutls_free(der.data);
	return 0;
}

int crt_begin(gnutls_x509_crt_t crt, gnutls_pubkey_t key, int64_t now_ns, int days, struct err *err)
{
	time_t now = (time_t)(now_ns / NS_PER_SEC);
	uint8_t serial[SERIAL_LEN];
	int rc;

	/* RFC 5280 4.1.2.2: positive, at most 20 bytes. A first byte that is never 0 keeps the hex
	 * form the same wherever it is printed. */
	random_bytes(serial, sizeof(serial));
	serial[0] = (uint8_t)((serial[0] & 0x3f) | 0x40);
	if ((rc = gnutls_x509_crt_set_version(crt, 3)) < 0 ||
	    (rc = gnutls_x509_crt_set_serial(crt, serial, sizeof(serial))) < 0 ||
	    (rc = gnutls_x509_crt_set_activation_time(crt, now - EARLY_S)) < 0 ||
	    (rc = gnutls_x509_crt_set_expiration_time(crt, now + (time_t)days * DAY_S)) < 0 ||
	    (rc = gnutls_x509_crt_set_pubkey(crt, key)) < 0)
		return tls_fail(rc, "cannot make a certificate", err);
	return 0;
}

int crt_sign(const struct ca *ca, gnutls_x509_crt_t crt, struct err *err)
{
	unsigned char id[64];
	size_t n = sizeof(id);
	int rc;

	if ((rc = gnutls_x509_crt_get_key_id(crt, 0, id, &n)) < 0 ||
	    (rc = gnutls_x509_crt_set_subject_key_id(crt, id, n)) < 0)
		return tls_fail(rc, "cannot make a certificate", err);
	n = sizeof(id);
	if (ca->cert != crt &&
	    ((rc = gnutls_x509_crt_get_subject_key_id(ca->cert, id, &n, NULL)) < 0 ||
	     (rc = gnutls_x509_crt_set_authority_key_id(crt, id, n)) < 0))
		return tls_fail(rc, "cannot make a certificate", err);
	rc = gnutls_x509_crt_sign2(crt, ca->cert, ca->key, GNUTLS_DIG_SHA256, 0);
	return rc < 0 ? tls_fail(rc, "cannot sign a certificate", err) : 0;
}

int crt_pem(gnutls_x509_crt_t crt, struct buf *out, struct err *err)
{
	gnutls_datum_t pem = { 0 };
	int rc = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem);

	if (rc < 0)
		return tls_fail(rc, "cannot write a certificate", err);
	buf_put(out, pem.data, pem.size);
	gnutls_free(pem.data);
	return out->failed ? err_nomem(err) : 0;
}

static gnutls_datum_t datum(const struct buf *b)
{
	return (gnutls_datum_t){ (unsigned char *)b->p, (unsigned)b->n };
}

/* 1: read, 0: there is no such file, -1. */
static int read_pem(const char *path, struct buf *out, struct err *err)
{
	struct err why = { 0 };

	if (file_read(path, PEM_MAX, out, &why) == 0)
		return 1;
	if (why.code == ERR_ABSENT)
		return 0;
	if (err != NULL)
		*err = why;
	return -1;
}

static int load_key(const char *path, gnutls_x509_privkey_t *ret, struct err *err)
{
	gnutls_x509_privkey_t key = NULL;
	struct buf pem = { 0 };
	struct stat st;
	gnutls_datum_t d;
	int rc, r;

	r = read_pem(path, &pem, err);
	if (r <= 0)
		goto out;
	r = -1;
	if (stat(path, &st) == 0 && (st.st_mode & 0077) != 0) {
		err_set(err, ERR_DENIED,
			"the key %s can be read by others than its owner; run: chmod 0600 %s", path,
			path);
		goto out;
	}
	d = datum(&pem);
	if ((rc = gnutls_x509_privkey_init(&key)) < 0 ||
	    (rc = gnutls_x509_privkey_import(key, &d, GNUTLS_X509_FMT_PEM)) < 0) {
		tls_fail(rc, path, err);
		gnutls_x509_privkey_deinit(key);
		goto out;
	}
	*ret = key;
	r = 1;
out:
	if (pem.p != NULL)
		gnutls_memset(pem.p, 0, pem.cap);
	buf_release(&pem);
	return r;
}

static int load_cert(const char *path, gnutls_x509_crt_t *ret, struct err *err)
{
	gnutls_x509_crt_t crt = NULL;
	struct buf pem = { 0 };
	gnutls_datum_t d;
	int rc, r;

	r = read_pem(path, &pem, err);
	if (r <= 0)
		goto out;
	r = -1;
	d = datum(&pem);
	if ((rc = gnutls_x509_crt_init(&crt)) < 0 ||
	    (rc = gnutls_x509_crt_import(crt, &d, GNUTLS_X509_FMT_PEM)) < 0) {
		tls_fail(rc, path, err);
		gnutls_x509_crt_deinit(crt);
		goto out;
	}
	*ret = crt;
	r = 1;
out:
	buf_release(&pem);
	return r;
}

static int make_key(const char *path, gnutls_x509_privkey_t *ret, struct err *err)
{
	gnutls_x509_privkey_t key = NULL;
	gnutls_datum_t pem = { 0 };
	int rc, r = -1;

	if ((rc = gnutls_x509_privkey_init(&key)) < 0 ||
	    (rc = gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, P256_BITS, 0)) < 0 ||
	    (rc = gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL,
						    GNUTLS_PKCS_PLAIN, &pem)) < 0) {
		tls_fail(rc, "cannot make a key", err);
		goto out;
	}
	if (file_write(path, (struct slice){ (const char *)pem.data, pem.size }, 0600, err) < 0)
		goto out;
	*ret = key;
	key = NULL;
	r = 0;
out:
	if (pem.data != NULL) {
		gnutls_memset(pem.data, 0, pem.size);
		gnutls_free(pem.data);
	}
	gnutls_x509_privkey_deinit(key);
	return r;
}

static int pubkey_of(gnutls_x509_privkey_t key, gnutls_pubkey_t *ret, struct err *err)
{
	gnutls_privkey_t any = NULL;
	gnutls_pubkey_t pub = NULL;
	int rc;

	if ((rc = gnutls_privkey_init(&any)) < 0 || (rc = gnutls_pubkey_init(&pub)) < 0 ||
	    (rc = gnutls_privkey_import_x509(any, key, 0)) < 0 ||
	    (rc = gnutls_pubkey_import_privkey(pub, any, 0, 0)) < 0) {
		tls_fail(rc, "cannot read a key", err);
		gnutls_pubkey_deinit(pub);
		pub = NULL;
	}
	gnutls_privkey_deinit(any);
	*ret = pub;
	return pub != NULL ? 0 : -1;
}

static int write_cert(const char *path, gnutls_x509_crt_t crt, const char *behind, struct err *err)
{
	struct buf pem = { 0 };
	int r = crt_pem(crt, &pem, err);

	buf_str(&pem, behind);
	if (r == 0)
		r = pem.failed ? err_nomem(err) : file_write(path, buf_view(&pem), 0644, err);
	buf_release(&pem);
	return r;
}

/* The authority's own certificate. Its name tells two authorities of one region apart. */
static int make_ca_cert(struct ca *ca, gnutls_pubkey_t pub, struct err *err)
{
	char cn[64];
	int rc;

	snprintf(cn, sizeof(cn), "Vartio authority %02x%02x%02x%02x", ca->key_hash[0],
		 ca->key_hash[1], ca->key_hash[2], ca->key_hash[3]);
	if ((rc = gnutls_x509_crt_init(&ca->cert)) < 0)
		return tls_fail(rc, "cannot make a certificate", err);
	if (crt_begin(ca->cert, pub, ca->now_ns, CA_DAYS, err) < 0)
		return -1;
	if ((rc = gnutls_x509_crt_set_dn_by_oid(ca->cert, GNUTLS_OID_X520_COMMON_NAME, 0, cn,
						(unsigned)strlen(cn))) < 0 ||
	    (rc = gnutls_x509_crt_set_basic_constraints(ca->cert, 1, 0)) < 0 ||
	    (rc = gnutls_x509_crt_set_key_usage(ca->cert, GNUTLS_KEY_KEY_CERT_SIGN |
								  GNUTLS_KEY_CRL_SIGN)) < 0)
		return tls_fail(rc, "cannot make a certificate", err);
	if (crt_sign(ca, ca->cert, err) < 0)
		return -1;
	return write_cert(ca->cert_path, ca->cert, "", err);
}

static bool same_key(gnutls_x509_crt_t crt, const uint8_t hash[SHA256_LEN])
{
	gnutls_pubkey_t pub = NULL;
	uint8_t theirs[SHA256_LEN];
	bool same = gnutls_pubkey_init(&pub) >= 0 && gnutls_pubkey_import_x509(pub, crt, 0) >= 0 &&
		    pubkey_hash(pub, theirs, NULL) == 0 && memcmp(theirs, hash, SHA256_LEN) == 0;

	gnutls_pubkey_deinit(pub);
	return same;
}

static int open_authority(struct ca *ca, struct err *err)
{
	gnutls_pubkey_t pub = NULL;
	struct buf pem = { 0 };
	int key = load_key(ca->key_path, &ca->key, err), cert = 0, r = -1;

	if (key >= 0)
		cert = load_cert(ca->cert_path, &ca->cert, err);
	if (key < 0 || cert < 0)
		goto out;
	if (key == 0 && cert == 1) {
		err_set(err, ERR_ABSENT,
			"%s is missing beside %s; restore it from a backup (a new authority would "
			"lock out "
			"every agent)",
			ca->key_path, ca->cert_path);
		goto out;
	}
	if (key == 0 && make_key(ca->key_path, &ca->key, err) < 0)
		goto out;
	if (pubkey_of(ca->key, &pub, err) < 0 || pubkey_hash(pub, ca->key_hash, err) < 0)
		goto out;
	if (cert == 0 && make_ca_cert(ca, pub, err) < 0)
		goto out;
	if (!same_key(ca->cert, ca->key_hash)) {
		err_set(err, ERR_SYNTAX,
			"%s and %s do not belong together; restore both from one backup",
			ca->key_path, ca->cert_path);
		goto out;
	}
	if (gnutls_x509_crt_get_expiration_time(ca->cert) < (time_t)(ca->now_ns / NS_PER_SEC)) {
		err_set(err, ERR_DENIED,
			"the authority's certificate %s has expired; move the folder aside, start "
			"again, "
			"and enrol the agents anew",
			ca->cert_path);
		goto out;
	}
	if (crt_pem(ca->cert, &pem, err) < 0)
		goto out;
	buf_cstr(&pem);
	ca->cert_pem = pem.p;
	pem = (struct buf){ 0 };
	r = 0;
out:
	gnutls_pubkey_deinit(pub);
	buf_release(&pem);
	return r;
}

/* A name as it stands in a subjectAltName: 4 or 16 bytes of an address, else the DNS name. */
static gnutls_x509_subject_alt_name_t san_of(const char *name, unsigned char raw[256],
					     unsigned *ret_n)
{
	if (inet_pton(AF_INET, name, raw) == 1) {
		*ret_n = 4;
		return GNUTLS_SAN_IPADDRESS;
	}
	if (inet_pton(AF_INET6, name, raw) == 1) {
		*ret_n = 16;
		return GNUTLS_SAN_IPADDRESS;
	}
	*ret_n = (unsigned)strnlen(name, 255);
	memcpy(raw, name, *ret_n);
	return GNUTLS_SAN_DNSNAME;
}

static bool names_match(gnutls_x509_crt_t crt, const char *const *names, size_t n)
{
	unsigned char want[256], have[256];
	unsigned want_n;
	size_t have_n;

	for (unsigned i = 0; i <= n; i++) {
		int type;

		have_n = sizeof(have);
		type = gnutls_x509_crt_get_subject_alt_name(crt, i, have, &have_n, NULL);
		if (i == n)
			return type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
		if (type < 0 || type != (int)san_of(names[i], want, &want_n) || have_n != want_n ||
		    memcmp(have, want, have_n) != 0)
			return false;
	}
	return false;
}

static bool server_cert_good(const struct ca *ca, gnutls_x509_crt_t crt, gnutls_pubkey_t pub,
			     const char *const *names, size_t n)
{
	time_t now = (time_t)(ca->now_ns / NS_PER_SEC);
	uint8_t hash[SHA256_LEN];

	return pubkey_hash(pub, hash, NULL) == 0 && same_key(crt, hash) &&
	       gnutls_x509_crt_check_issuer(crt, ca->cert) == 1 &&
	       gnutls_x509_crt_get_activation_time(crt) <= now &&
	       gnutls_x509_crt_get_expiration_time(crt) >= now + (time_t)(CA_RENEW_MS / 1000) &&
	       names_match(crt, names, n);
}

static int make_server_cert(struct ca *ca, gnutls_pubkey_t pub, const char *const *names, size_t n,
			    struct err *err)
{
	gnutls_x509_crt_t crt = NULL;
	int rc = gnutls_x509_crt_init(&crt), r = -1;

	if (rc < 0)
		return tls_fail(rc, "cannot make a certificate", err);
	if (crt_begin(crt, pub, ca->now_ns, CA_CERT_DAYS, err) < 0)
		goto out;
	for (size_t i = 0; i < n && rc >= 0; i++) {
		unsigned char raw[256];
		unsigned len;
		gnutls_x509_subject_alt_name_t type = san_of(names[i], raw, &len);

		rc = gnutls_x509_crt_set_subject_alt_name(crt, type, raw, len, GNUTLS_FSAN_APPEND);
	}
	if (rc < 0 ||
	    (rc = gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0,
						"Vartio collector", 16)) < 0 ||
	    (rc = gnutls_x509_crt_set_basic_constraints(crt, 0, -1)) < 0 ||
	    (rc = gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE)) < 0 ||
	    (rc = gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0)) < 0) {
		tls_fail(rc, "cannot make the collector's certificate", err);
		goto out;
	}
	if (crt_sign(ca, crt, err) == 0)
		r = write_cert(ca->server_cert_path, crt, ca->cert_pem, err);
out:
	gnutls_x509_crt_deinit(crt);
	return r;
}

/* Key and certificate are two files: a crash between them is met here by a new certificate. */
static int open_server(struct ca *ca, const char *const *names, size_t n, struct err *err)
{
	gnutls_x509_privkey_t key = NULL;
	gnutls_x509_crt_t crt = NULL;
	gnutls_pubkey_t pub = NULL;
	int have = load_key(ca->server_key_path, &key, err), r = -1;

	if (have < 0 || (have == 0 && make_key(ca->server_key_path, &key, err) < 0) ||
	    pubkey_of(key, &pub, err) < 0)
		goto out;
	have = load_cert(ca->server_cert_path, &crt, err);
	if (have < 0)
		goto out;
	r = have == 1 && server_cert_good(ca, crt, pub, names, n)
		    ? 0
		    : make_server_cert(ca, pub, names, n, err);
out:
	gnutls_pubkey_deinit(pub);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
	return r;
}

static char *join(const char *dir, const char *name)
{
	char *path = NULL;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

int ca_open(const char *state_dir, const char *const *names, size_t n, int64_t now_ns,
	    struct ca **ret, struct err *err)
{
	struct ca *ca = calloc(1, sizeof(*ca));

	if (ca == NULL)
		return err_nomem(err);
	ca->now_ns = now_ns;
	ca->dir = join(state_dir, "ca");
	if (ca->dir != NULL) {
		ca->key_path = join(ca->dir, "ca.key");
		ca->cert_path = join(ca->dir, "ca.crt");
		ca->server_key_path = join(ca->dir, "server.key");
		ca->server_cert_path = join(ca->dir, "server.crt");
	}
	if (ca->dir == NULL || ca->key_path == NULL || ca->cert_path == NULL ||
	    ca->server_key_path == NULL || ca->server_cert_path == NULL) {
		err_nomem(err);
		goto fail;
	}
	if (n == 0 || n > NAMES_MAX) {
		err_set(err, ERR_USAGE, "the collector's certificate needs 1 to %u names",
			NAMES_MAX);
		goto fail;
	}
	if (dir_make(ca->dir, 0700, err) < 0 || open_authority(ca, err) < 0 ||
	    open_server(ca, names, n, err) < 0)
		goto fail;
	*ret = ca;
	return 0;
fail:
	ca_close(ca);
	return -1;
}

int ca_open_config(const struct config *conf, int64_t now_ns, struct ca **ret, struct err *err)
{
	const char *names[NAMES_MAX];
	size_t n = 0;

	if (conf->agents.address == NULL)
		return err_set(
			err, ERR_USAGE,
			"agents.address is missing in the settings: the name or address by which "
			"agents reach this collector");
	if (conf->agents.names.n + 1 > NAMES_MAX)
		return err_set(err, ERR_USAGE, "agents.names: at most %u names", NAMES_MAX - 1);
	names[n++] = conf->agents.address;
	for (size_t i = 0; i < conf->agents.names.n; i++)
		names[n++] = conf->agents.names.v[i];
	return ca_open(conf->state_dir, names, n, now_ns, ret, err);
}

void ca_close(struct ca *ca)
{
	if (ca == NULL)
		return;
	gnutls_x509_privkey_deinit(ca->key);
	gnutls_x509_crt_deinit(ca->cert);
	free(ca->cert_pem);
	free(ca->dir);
	free(ca->key_path);
	free(ca->cert_path);
	free(ca->server_key_path);
	free(ca->server_cert_path);
	free(ca);
}

const char *ca_cert_path(const struct ca *ca)
{
	return ca->cert_path;
}

const char *ca_server_cert_path(const struct ca *ca)
{
	return ca->server_cert_path;
}

const char *ca_server_key_path(const struct ca *ca)
{
	return ca->server_key_path;
}

const uint8_t *ca_key_hash(const struct ca *ca)
{
	return ca->key_hash;
}
