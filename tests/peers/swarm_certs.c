/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/peers/swarm_certs.c: keys and certificates of many agents at once, by the collector's own
 * authority and registry, while no collector runs on them.
 * Usage: swarm_certs STATE-DIR TENANT AGENTS FOLDER   (FOLDER/N.crt and N.key, N from 0) */
#include <gnutls/x509.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "collector/tenant/ca.h"
#include "common/base/time.h"

static void fail(const char *what)
{
	fprintf(stderr, "swarm_certs: %s\n", what);
	exit(1);
}

static void must(int rc)
{
	if (rc < 0)
		fail(gnutls_strerror(rc));
}

static void write_file(const char *folder, unsigned n, const char *ending, struct slice text)
{
	char path[512];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%u.%s", folder, n, ending);
	out = fopen(path, "w");
	if (out == NULL || fchmod(fileno(out), 0600) != 0 ||
	    fwrite(text.p, 1, text.n, out) != text.n || fclose(out) != 0)
		fail(path);
}

/* A fresh key is written, and its request given back. */
static void new_key(const char *folder, unsigned n, struct buf *ret_csr)
{
	gnutls_x509_privkey_t key;
	gnutls_x509_crq_t crq;
	gnutls_datum_t pem;

	must(gnutls_x509_privkey_init(&key));
	must(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
					  GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
	must(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem));
	write_file(folder, n, "key", (struct slice){ (const char *)pem.data, pem.size });
	gnutls_free(pem.data);
	must(gnutls_x509_crq_init(&crq));
	must(gnutls_x509_crq_set_version(crq, 1));
	must(gnutls_x509_crq_set_key(crq, key));
	must(gnutls_x509_crq_sign2(crq, key, GNUTLS_DIG_SHA256, 0));
	must(gnutls_x509_crq_export2(crq, GNUTLS_X509_FMT_PEM, &pem));
	buf_put(ret_csr, pem.data, pem.size);
	gnutls_free(pem.data);
	gnutls_x509_crq_deinit(crq);
	gnutls_x509_privkey_deinit(key);
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "localhost", "127.0.0.1" };
	struct registry *rg;
	struct ca *ca;
	struct buf path = { 0 };
	struct err err;

	if (argc != 5) {
		fprintf(stderr, "usage: swarm_certs STATE-DIR TENANT AGENTS FOLDER\n");
		return 2;
	}
	buf_printf(&path, "%s/collector.db", argv[1]);
	if (registry_open(buf_cstr(&path), &rg, &err) < 0 ||
	    ca_open(argv[1], names, 2, time_now_ns(), &ca, &err) < 0)
		fail(err.msg);
	/* A test's registry may be lost with the machine. */
	sqlite3_exec(registry_db(rg), "PRAGMA synchronous=OFF", NULL, NULL, NULL);
	for (unsigned n = 0; n < (unsigned)atoi(argv[3]); n++) {
		struct buf csr = { 0 }, chain = { 0 }, agent = { 0 };
		char host[32];

		snprintf(host, sizeof(host), "palvelin%u", n);
		new_key(argv[4], n, &csr);
		if (ca_certify(ca, rg, argv[2], buf_view(&csr), host, "swarm", time_now_ns(),
			       &chain, &agent, &err) < 0)
			fail(err.msg);
		write_file(argv[4], n, "crt", buf_view(&chain));
		buf_release(&csr);
		buf_release(&chain);
		buf_release(&agent);
	}
	ca_close(ca);
	registry_close(rg);
	buf_release(&path);
	return 0;
}
