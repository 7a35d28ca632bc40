/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/wef/inspect_tls.c: the receiver's certificate as a Windows client will see it, and
 * the authorities of the clients' certificates. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "agent/inputs/wef/inspect.h"
#include "common/base/file.h"
#include "common/base/hash.h"
#include "common/base/text.h"

#define PEM_MAX   (256u * 1024)
#define CERTS_MAX 64u
#define SOON_S    (7 * 86400)

struct certs {
	gnutls_x509_crt_t *v;
	unsigned n;
};

static void certs_release(struct certs *cs)
{
	for (unsigned i = 0; i < cs->n; i++)
		gnutls_x509_crt_deinit(cs->v[i]);
	gnutls_free(cs->v);
}

static int certs_read(const char *path, struct certs *ret, struct err *err)
{
	struct certs cs = { 0 };
	struct buf pem = { 0 };
	gnutls_datum_t d;
	int r;

	if (file_read(path, PEM_MAX, &pem, err) < 0) {
		buf_release(&pem);
		return -1;
	}
	d = (gnutls_datum_t){ (unsigned char *)pem.p, (unsigned)pem.n };
	r = gnutls_x509_crt_list_import2(&cs.v, &cs.n, &d, GNUTLS_X509_FMT_PEM, 0);
	buf_release(&pem);
	if (r < 0)
		return err_set(err, ERR_SYNTAX, "%s holds no certificate: %s", path,
			       gnutls_strerror(r));
	if (cs.n == 0 || cs.n > CERTS_MAX) {
		certs_release(&cs);
		return err_set(err, ERR_SYNTAX, "%s holds no certificate, or more than %u", path,
			       CERTS_MAX);
	}
	*ret = cs;
	return 0;
}

/* A distinguished name as people read it, made safe for the terminal by whoever prints it. */
static void dn_text(gnutls_x509_crt_t crt, bool issuer, char ret[256])
{
	size_t n = 256;
	int r = issuer ? gnutls_x509_crt_get_issuer_dn(crt, ret, &n)
		       : gnutls_x509_crt_get_dn(crt, ret, &n);

	if (r < 0)
		snprintf(ret, 256, "?");
}

static void day_text(int64_t at_s, char ret[16])
{
	time_t t = (time_t)at_s;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL || strftime(ret, 16, "%Y-%m-%d", &tm) == 0)
		snprintf(ret, 16, "?");
}

int wef_cas_read(const char *path, struct arena *mem, struct wef_cas *ret, struct err *err)
{
	struct wef_cas cas = { 0 };
	struct certs cs;
	int r = -1;

	if (certs_read(path, &cs, err) < 0)
		return -1;
	cas.v = arena_alloc(mem, cs.n * sizeof(*cas.v));
	for (unsigned i = 0; cas.v != NULL && i < cs.n; i++) {
		struct wef_ca *ca = &cas.v[cas.n];
		uint8_t sha1[20];
		size_t n = sizeof(sha1);
		char subject[256];

		*ca = (struct wef_ca){ 0 };
		dn_text(cs.v[i], false, subject);
		ca->subject = arena_copy(mem, slice_str(subject)).p;
		gnutls_x509_crt_get_fingerprint(cs.v[i], GNUTLS_DIG_SHA1, sha1, &n);
		wef_thumbprint(sha1, ca->thumbprint);
		ca->authority = gnutls_x509_crt_get_ca_status(cs.v[i], NULL) > 0;
		ca->ends_s = (int64_t)gnutls_x509_crt_get_expiration_time(cs.v[i]);
		if (ca->subject == NULL)
			break;
		cas.n++;
	}
	if (cas.n == cs.n) {
		*ret = cas;
		r = 0;
	} else {
		err_nomem(err);
	}
	certs_release(&cs);
	return r;
}

static void inspect_cas(const struct wef_conf *cf, struct wef_report *rp)
{
	int64_t now = (int64_t)time(NULL);
	struct arena mem = { 0 };
	struct wef_cas cas;
	struct err err;

	if (wef_cas_read(cf->ca, &mem, &cas, &err) < 0) {
		wef_wrong(rp, N_("authority: {why}"), "why", err.msg, NULL);
		arena_release(&mem);
		return;
	}
	for (size_t i = 0; i < cas.n; i++) {
		const struct wef_ca *ca = &cas.v[i];
		char day[16];

		day_text(ca->ends_s, day);
		if (!ca->authority)
			wef_wrong(rp,
				  N_("authority: {subject} in {path} is not the certificate of an "
				     "authority; put "
				     "there the one that issued the computers' certificates"),
				  "subject", ca->subject, "path", cf->ca, NULL);
		else if (ca->ends_s <= now)
			wef_wrong(rp,
				  N_("authority: {subject} ended on {day}; put the new one into "
				     "{path}"),
				  "subject", ca->subject, "day", day, "path", cf->ca, NULL);
		else
			wef_good(rp, N_("authority: {subject}, ends {day}, IssuerCA={thumbprint}"),
				 "subject", ca->subject, "day", day, "thumbprint", ca->thumbprint,
				 NULL);
	}
	arena_release(&mem);
}

/* The DNS names that a certificate has, for a message; its CN where it has none. */
static void names_text(gnutls_x509_crt_t crt, struct buf *out)
{
	char name[256];
	size_t n;
	int r;

	for (unsigned i = 0; i < 32; i++) {
		n = sizeof(name);
		r = gnutls_x509_crt_get_subject_alt_name(crt, i, name, &n, NULL);
		if (r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			break;
		if (r == GNUTLS_SAN_DNSNAME)
			buf_printf(out, "%s%.*s", out->n > 0 ? " " : "", (int)n, name);
	}
	if (out->n == 0) {
		dn_text(crt, false, name);
		buf_str(out, name);
	}
}

static bool inspect_dates(gnutls_x509_crt_t crt, const char *path, struct wef_report *rp)
{
	int64_t now = (int64_t)time(NULL);
	int64_t begins = (int64_t)gnutls_x509_crt_get_activation_time(crt);
	int64_t ends = (int64_t)gnutls_x509_crt_get_expiration_time(crt);
	char day[16];

	day_text(begins > now ? begins : ends, day);
	if (begins > now)
		wef_wrong(rp,
			  N_("certificate {path}: holds from {day} on; is this machine's clock "
			     "right?"),
			  "path", path, "day", day, NULL);
	else if (ends <= now)
		wef_wrong(rp, N_("certificate {path}: ended on {day}; have a new one issued"),
			  "path", path, "day", day, NULL);
	else if (ends - now < SOON_S)
		wef_wrong(rp, N_("certificate {path}: ends soon, on {day}; have a new one issued"),
			  "path", path, "day", day, NULL);
	else
		return true;
	return false;
}

/* Each certificate behind the first must have signed the one before it. */
static bool inspect_chain(const struct certs *cs, const char *path, struct wef_report *rp)
{
	char subject[256];

	for (unsigned i = 1; i < cs->n; i++) {
		unsigned status = 0;

		if (gnutls_x509_crt_check_issuer(cs->v[i - 1], cs->v[i]) == 1 &&
		    gnutls_x509_crt_verify(cs->v[i - 1], &cs->v[i], 1,
					   GNUTLS_VERIFY_DISABLE_TIME_CHECKS |
						   GNUTLS_VERIFY_ALLOW_ANY_X509_V1_CA_CRT,
					   &status) >= 0 &&
		    (status & GNUTLS_CERT_INVALID) == 0)
			continue;
		dn_text(cs->v[i], false, subject);
		wef_wrong(rp,
			  N_("certificate {path}: {subject} did not issue the one before it; the "
			     "file holds the "
			     "machine's certificate, then its issuer's, and so on"),
			  "path", path, "subject", subject, NULL);
		return false;
	}
	return true;
}

static void inspect_own(const struct wef_conf *cf, const char *host, struct wef_report *rp)
{
	const char *path = cf->certificate;
	struct buf names = { 0 };
	char issuer[256], day[16];
	struct certs cs;
	struct err err;
	bool good = true;

	if (certs_read(path, &cs, &err) < 0)
		return; /* told when the pair was loaded */
	names_text(cs.v[0], &names);
	dn_text(cs.v[0], true, issuer);
	day_text((int64_t)gnutls_x509_crt_get_expiration_time(cs.v[0]), day);
	if (host != NULL && !gnutls_x509_crt_check_hostname(cs.v[0], host)) {
		good = false;
		wef_wrong(rp,
			  N_("certificate {path}: is for {names}, not for {host}; have one issued "
			     "with the DNS "
			     "name {host}"),
			  "path", path, "names", buf_cstr(&names), "host", host, NULL);
	}
	if (!gnutls_x509_crt_check_key_purpose(cs.v[0], GNUTLS_KP_TLS_WWW_SERVER, 0)) {
		good = false;
		wef_wrong(rp,
			  N_("certificate {path}: is not for servers; have one issued for server "
			     "authentication"),
			  "path", path, NULL);
	}
	good = inspect_dates(cs.v[0], path, rp) && good;
	good = inspect_chain(&cs, path, rp) && good;
	if (good)
		wef_good(rp,
			 N_("certificate: {names}, ends {day}, issued by {issuer}, whom the "
			    "computers must trust"),
			 "names", buf_cstr(&names), "day", day, "issuer", issuer, NULL);
	buf_release(&names);
	certs_release(&cs);
}

void wef_inspect_tls(const struct wef_conf *cf, const char *host, struct wef_report *rp)
{
	struct tls_creds *creds = NULL;
	struct err err;

	if (tls_creds_load(cf->ca, cf->certificate, cf->key, &creds, &err) < 0)
		wef_wrong(rp, N_("certificate: {why}"), "why", err.msg, NULL);
	tls_creds_unref(creds);
	inspect_own(cf, host, rp);
	inspect_cas(cf, rp);
}
