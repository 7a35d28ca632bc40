/* SPDX-License-Identifier: EUPL-1.2 */
/* common/net/tls_creds.c: certificate, key and trusted authority, loaded once and shared by count.
 * Only the authority that is named here is trusted: the system's bundle would cost 3.7 MB and let
 * strangers in. The count is atomic: several loops may share one set of credentials. */
#include "common/net/tls_impl.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"

/* TLS 1.2 with forward secrecy and AEAD ciphers, and TLS 1.3: what RFC 7525 leaves, and what every
 * Beat and Logstash of the last years speaks. */
#define PRIORITY                                                                                   \
	"SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-DHE-RSA:-AES-128-CBC:-AES-256-CBC:"   \
	"%SERVER_PRECEDENCE"
#define PEM_MAX_BYTES (256u * 1024u)

static int read_pem(const char *path, const char *what, struct buf *out, struct err *err)
{
	struct err cause;

	if (file_read(path, PEM_MAX_BYTES, out, &cause) < 0)
		return err_set(err, cause.code, "cannot read the %s: %s", what, cause.msg);
	return 0;
}

static gnutls_datum_t datum(const struct buf *b)
{
	return (gnutls_datum_t){ (unsigned char *)b->p, (unsigned)b->n };
}

static int load_trust(struct tls_creds *cr, const char *ca_path, struct err *err)
{
	struct buf pem = { 0 };
	gnutls_datum_t d;
	int n, r = -1;

	if (read_pem(ca_path, "authority's certificate", &pem, err) < 0)
		goto out;
	d = datum(&pem);
	n = gnutls_certificate_set_x509_trust_mem(cr->cred, &d, GNUTLS_X509_FMT_PEM);
	if (n <= 0) {
		err_set(err, ERR_SYNTAX, "%s holds no certificate of an authority: %s", ca_path,
			n < 0 ? gnutls_strerror(n) : "empty");
		goto out;
	}
	cr->checks_chain = true;
	r = 0;
out:
	buf_release(&pem);
	return r;
}

/* The library's code. Not gnutls_certificate_set_x509_key_mem2: that of 3.7 loses the memory of a
 * certificate that is cut short, each time that such a file is looked at. */
static int set_pair(struct tls_creds *cr, const gnutls_datum_t *cert, const gnutls_datum_t *pem_key)
{
	gnutls_x509_crt_t *chain = NULL;
	gnutls_x509_privkey_t key = NULL;
	unsigned count = 0;
	int n = gnutls_x509_crt_list_import2(&chain, &count, cert, GNUTLS_X509_FMT_PEM,
					     GNUTLS_X509_CRT_LIST_SORT);

	if (n >= 0)
		n = gnutls_x509_privkey_init(&key);
	if (n >= 0)
		n = gnutls_x509_privkey_import2(key, pem_key, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (n >= 0)
		n = gnutls_certificate_set_x509_key(cr->cred, chain, (int)count, key);
	if (n >= 0)
		cr->ends_s = (int64_t)gnutls_x509_crt_get_expiration_time(chain[0]);
	for (unsigned i = 0; i < count; i++)
		gnutls_x509_crt_deinit(chain[i]);
	gnutls_free(chain);
	gnutls_x509_privkey_deinit(key);
	return n;
}

static int load_pair(struct tls_creds *cr, const char *cert_path, const char *key_path,
		     struct err *err)
{
	struct buf cert = { 0 }, key = { 0 };
	gnutls_datum_t dc, dk;
	struct stat st;
	int n, r = -1;

	if (read_pem(cert_path, "certificate", &cert, err) < 0 ||
	    read_pem(key_path, "key", &key, err) < 0)
		goto out;
	if (stat(key_path, &st) == 0 && (st.st_mode & 0077) != 0) {
		err_set(err, ERR_DENIED,
			"the key %s can be read by others than its owner; run: chmod 0600 %s",
			key_path, key_path);
		goto out;
	}
	dc = datum(&cert);
	dk = datum(&key);
	n = set_pair(cr, &dc, &dk);
	if (n == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
		err_set(err, ERR_DENIED, "the key %s does not belong to the certificate %s",
			key_path, cert_path);
	else if (n < 0)
		err_set(err, ERR_SYNTAX, "cannot use the certificate %s with the key %s: %s",
			cert_path, key_path, gnutls_strerror(n));
	else
		r = 0;
out:
	if (key.p != NULL)
		gnutls_memset(key.p, 0, key.cap);
	buf_release(&key);
	buf_release(&cert);
	return r;
}

int tls_creds_load(const char *ca_path, const char *cert_path, const char *key_path,
		   struct tls_creds **ret, struct err *err)
{
	struct tls_creds *cr = calloc(1, sizeof(*cr));
	int n, r = -1;

	if (cr == NULL)
		return err_nomem(err);
	atomic_init(&cr->refs, 1);
	if (gnutls_certificate_allocate_credentials(&cr->cred) < 0) {
		err_nomem(err);
		goto out;
	}
	n = gnutls_priority_init(&cr->priority, PRIORITY, NULL);
	if (n < 0) {
		err_set(err, ERR_DENIED, "the TLS library refuses our choice of ciphers: %s",
			gnutls_strerror(n));
		goto out;
	}
	gnutls_certificate_set_flags(cr->cred, GNUTLS_CERTIFICATE_SKIP_OCSP_RESPONSE_CHECK);
	if (ca_path != NULL && load_trust(cr, ca_path, err) < 0)
		goto out;
	if (cert_path != NULL && load_pair(cr, cert_path, key_path, err) < 0)
		goto out;
	*ret = cr;
	cr = NULL;
	r = 0;
out:
	tls_creds_unref(cr);
	return r;
}

int64_t tls_creds_ends_s(const struct tls_creds *cr)
{
	return cr->ends_s;
}

struct tls_creds *tls_creds_ref(struct tls_creds *cr)
{
	atomic_fetch_add(&cr->refs, 1);
	return cr;
}

void tls_creds_unref(struct tls_creds *cr)
{
	if (cr == NULL || atomic_fetch_sub(&cr->refs, 1) > 1)
		return;
	if (cr->cred != NULL)
		gnutls_certificate_free_credentials(cr->cred);
	if (cr->priority != NULL)
		gnutls_priority_deinit(cr->priority);
	free(cr);
}
