/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/tenant/issue.c: certificates for agents and foreign senders, against a token or by the
 * operator. From a request only the public key is taken: names in it never count. */
#include "collector/tenant/ca_impl.h"
#include "collector/tenant/registry_impl.h"

#include "common/base/text.h"
#include "common/base/time.h"
#include "common/net/identity.h"

#define RSA_BITS_MIN 2048u
#define RSA_BITS_MAX 8192u
#define EC_BITS_MIN  256u
#define HOUR_NS      (3600 * NS_PER_SEC)
#define TOKEN_HELP   "make a new one with `vartio-collector token create --tenant ID`"

int token_create(struct registry *rg, const struct ca *ca, const char *tenant, const char *address,
		 int64_t hours, const char *by, int64_t now_ns, struct buf *ret_token,
		 struct err *err)
{
	uint8_t secret[16], hash[SHA256_LEN];
	struct buf raw = { 0 };
	int r = -1;

	if (hours < 1 || hours > 24 * 90)
		return err_set(err, ERR_USAGE, "a token lasts 1 to %d hours", 24 * 90);
	if (tenant_exists(rg, tenant, err) < 0)
		return -1;
	random_bytes(secret, sizeof(secret));
	sha256((struct slice){ (const char *)secret, sizeof(secret) }, hash);
	buf_str(&raw, address);
	buf_chr(&raw, '\0');
	buf_put(&raw, ca->key_hash, SHA256_LEN);
	buf_put(&raw, secret, sizeof(secret));
	if (!raw.failed && ret_token != NULL) {
		buf_str(ret_token, "vt1_");
		base64url_put(ret_token, raw.p, raw.n);
	}
	if (raw.failed || ret_token->failed)
		err_nomem(err);
	else
		r = db_run(rg->db, err,
			   "INSERT INTO token(hash, tenant, created_ns, created_by, expires_ns)"
			   " VALUES (?, ?, ?, ?, ?)",
			   "btiti", (struct slice){ (const char *)hash, sizeof(hash) }, tenant,
			   now_ns, by, now_ns + hours * HOUR_NS);
	gnutls_memset(secret, 0, sizeof(secret));
	buf_release(&raw);
	return r;
}

/* The request's public key, if it is strong enough and the request was signed by its owner. */
static int read_request(struct slice pem, gnutls_pubkey_t *ret, struct err *err)
{
	const gnutls_datum_t d = { (unsigned char *)(uintptr_t)pem.p, (unsigned)pem.n };
	gnutls_x509_crq_t crq = NULL;
	gnutls_pubkey_t key = NULL;
	unsigned bits = 0;
	int alg, rc, r = -1;

	if ((rc = gnutls_x509_crq_init(&crq)) < 0 || (rc = gnutls_pubkey_init(&key)) < 0) {
		tls_fail(rc, "cannot read the request", err);
		goto out;
	}
	if (pem.n == 0 || pem.n > 65536 ||
	    (rc = gnutls_x509_crq_import(crq, &d, GNUTLS_X509_FMT_PEM)) < 0) {
		err_set(err, ERR_SYNTAX,
			"not a certificate request in PEM (BEGIN CERTIFICATE REQUEST)");
		goto out;
	}
	if ((rc = gnutls_pubkey_import_x509_crq(key, crq, 0)) < 0) {
		tls_fail(rc, "the request's key cannot be used", err);
		goto out;
	}
	alg = gnutls_pubkey_get_pk_algorithm(key, &bits);
	if ((alg != GNUTLS_PK_RSA || bits < RSA_BITS_MIN || bits > RSA_BITS_MAX) &&
	    (alg != GNUTLS_PK_ECDSA || bits < EC_BITS_MIN)) {
		err_set(err, ERR_SYNTAX,
			"the request's key is %s of %u bits; make one with ECDSA P-256 or RSA of "
			"%u bits",
			gnutls_pk_get_name((gnutls_pk_algorithm_t)alg), bits, RSA_BITS_MIN);
		goto out;
	}
	if ((rc = gnutls_x509_crq_verify(crq, 0)) < 0) {
		err_set(err, ERR_SYNTAX, "the request is not signed by its own key");
		goto out;
	}
	*ret = key;
	key = NULL;
	r = 0;
out:
	gnutls_pubkey_deinit(key);
	gnutls_x509_crq_deinit(crq);
	return r;
}

struct issue { /* one certificate being made */
	const char *tenant, *kind, *host, *by;
	int64_t now_ns;
	gnutls_pubkey_t key;
	uint8_t key_hash[SHA256_LEN];
	char agent[SENDER_MAX + 1];
	char serial[IDENTITY_SERIAL_MAX + 1];
	struct buf pem;
};

static int make_agent_cert(const struct ca *ca, struct issue *is, struct err *err)
{
	char uri[32 + TENANT_MAX + SENDER_MAX];
	gnutls_x509_crt_t crt = NULL;
	int rc = gnutls_x509_crt_init(&crt), r = -1;

	if (rc < 0)
		return tls_fail(rc, "cannot make a certificate", err);
	snprintf(uri, sizeof(uri), "urn:vartio:%s:%s", is->tenant, is->agent);
	if (crt_begin(crt, is->key, is->now_ns, CA_CERT_DAYS, err) < 0)
		goto out;
	if ((rc = gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_ORGANIZATION_NAME, 0,
						is->tenant, (unsigned)strlen(is->tenant))) < 0 ||
	    (rc = gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, is->agent,
						(unsigned)strlen(is->agent))) < 0 ||
	    (rc = gnutls_x509_crt_set_subject_alt_name(
		     crt, GNUTLS_SAN_URI, uri, (unsigned)strlen(uri), GNUTLS_FSAN_SET)) < 0 ||
	    (rc = gnutls_x509_crt_set_basic_constraints(crt, 0, -1)) < 0 ||
	    (rc = gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE)) < 0 ||
	    (rc = gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_CLIENT, 0)) < 0) {
		tls_fail(rc, "cannot make a certificate", err);
		goto out;
	}
	if (crt_sign(ca, crt, err) < 0 || identity_serial(crt, is->serial, err) < 0 ||
	    crt_pem(crt, &is->pem, err) < 0)
		goto out;
	buf_str(&is->pem, ca->cert_pem);
	r = is->pem.failed ? err_nomem(err) : 0;
out:
	gnutls_x509_crt_deinit(crt);
	return r;
}

/* Inside the caller's transaction. */
static int issue(const struct ca *ca, struct registry *rg, struct issue *is, struct err *err)
{
	if (agent_new_id(rg, is->host, is->agent, err) < 0 || make_agent_cert(ca, is, err) < 0)
		return -1;
	return agent_add(rg,
			 &(struct agent_cert){
				 .tenant = is->tenant,
				 .agent = is->agent,
				 .kind = is->kind,
				 .host = is->host,
				 .by = is->by,
				 .serial = is->serial,
				 .issued_ns = is->now_ns,
				 .expires_ns = is->now_ns + CA_CERT_DAYS * 24 * HOUR_NS,
				 .key_hash = { (const char *)is->key_hash, SHA256_LEN },
				 .pem = buf_view(&is->pem),
			 },
			 err);
}

/* A used token: the same key within ten minutes gets what it got (its reply was lost on the way);
 * anybody else learns when and by which host it was used. */
static int token_used(struct registry *rg, sqlite3_stmt *token, struct issue *is, struct err *err)
{
	int64_t used_ns = sqlite3_column_int64(token, 2);
	const struct slice key = { (const char *)is->key_hash, SHA256_LEN };
	sqlite3_stmt *st = NULL;
	char at[TIME_TEXT_MAX];
	int r = 0;

	if (is->now_ns >= used_ns && is->now_ns - used_ns <= CA_AGAIN_MS * NS_PER_MS) {
		r = db_query(rg->db, &st, err,
			     "SELECT agent, pem FROM certificate"
			     " WHERE serial = ? AND key_hash = ? AND revoked_ns = 0",
			     "tb", db_text(token, 4), key);
		if (r == 0)
			r = db_next(rg->db, st, err);
	}
	if (r == 1) {
		snprintf(is->agent, sizeof(is->agent), "%s", db_text(st, 0));
		buf_str(&is->pem, db_text(st, 1));
	}
	sqlite3_finalize(st);
	if (r != 0)
		return r;
	time_text(used_ns, at);
	return err_set(err, ERR_DENIED,
		       "this token was used at %s by host %s; a token works once, " TOKEN_HELP, at,
		       db_text(token, 3));
}

/* 1: is->pem is what was issued before; 0: the token is good and unused, *ret_tenant copied. */
static int token_check(struct registry *rg, struct slice hash, struct issue *is,
		       char ret_tenant[TENANT_MAX + 1], struct err *err)
{
	sqlite3_stmt *st = NULL;
	struct err why;
	char at[TIME_TEXT_MAX];
	int r = db_query(rg->db, &st, err,
			 "SELECT tenant, expires_ns, used_ns, used_host, used_serial FROM token"
			 " WHERE hash = ?",
			 "b", hash);

	if (r == 0)
		r = db_next(rg->db, st, err);
	if (r < 0)
		goto out;
	if (r == 0) {
		r = err_set(err, ERR_DENIED,
			    "this collector did not make this token; was it cut short when it was "
			    "copied? "
			    "Else " TOKEN_HELP);
		goto out;
	}
	snprintf(ret_tenant, TENANT_MAX + 1, "%s", db_text(st, 0));
	if (tenant_exists(rg, ret_tenant, &why) < 0) {
		r = why.code != ERR_ABSENT ? err_set(err, why.code, "%s", why.msg)
					   : err_set(err, ERR_DENIED,
						     "the tenant %s that this token was made for "
						     "is gone; " TOKEN_HELP,
						     ret_tenant);
		goto out;
	}
	if (sqlite3_column_int64(st, 2) != 0) {
		r = token_used(rg, st, is, err);
		goto out;
	}
	r = 0;
	if (is->now_ns >= sqlite3_column_int64(st, 1)) {
		time_text(sqlite3_column_int64(st, 1), at);
		r = err_set(err, ERR_DENIED, "this token expired at %s; " TOKEN_HELP, at);
	}
out:
	sqlite3_finalize(st);
	return r;
}

int ca_enrol(struct ca *ca, struct registry *rg, struct slice secret, struct slice csr_pem,
	     const char *host, int64_t now_ns, struct buf *ret_pem, struct buf *ret_agent,
	     struct err *err)
{
	struct issue is = { .kind = "agent", .host = host, .now_ns = now_ns };
	struct slice hash_slice;
	uint8_t hash[SHA256_LEN];
	char tenant[TENANT_MAX + 1];
	int r = -1, known;

	sha256(secret, hash);
	hash_slice = (struct slice){ (const char *)hash, sizeof(hash) };
	if (!text_is_name(slice_str(host), 255))
		return err_set(err, ERR_SYNTAX, "the host's name is not one line of text");
	if (read_request(csr_pem, &is.key, err) < 0)
		return -1;
	if (pubkey_hash(is.key, is.key_hash, err) < 0 || db_begin(rg->db, err) < 0)
		goto out;
	known = token_check(rg, hash_slice, &is, tenant, err);
	if (known < 0)
		goto out;
	if (known == 0) {
		is.tenant = tenant;
		is.by = "token";
		if (issue(ca, rg, &is, err) < 0 ||
		    db_run(rg->db, err,
			   "UPDATE token SET used_ns = ?, used_host = ?, used_serial = ? WHERE "
			   "hash = ?",
			   "ittb", now_ns, host, is.serial, hash_slice) < 0)
			goto out;
	}
	if (db_commit(rg->db, err) < 0)
		goto out;
	buf_slice(ret_pem, buf_view(&is.pem));
	buf_str(ret_agent, is.agent);
	r = is.pem.failed || ret_pem->failed || ret_agent->failed ? err_nomem(err) : 0;
out:
	db_rollback(rg->db);
	buf_release(&is.pem);
	gnutls_pubkey_deinit(is.key);
	return r;
}

int ca_certify(struct ca *ca, struct registry *rg, const char *tenant, struct slice csr_pem,
	       const char *host, const char *by, int64_t now_ns, struct buf *ret_pem,
	       struct buf *ret_agent, struct err *err)
{
	struct issue is = {
		.tenant = tenant, .kind = "foreign", .host = host, .by = by, .now_ns = now_ns
	};
	int r = -1;

	if (!text_is_name(slice_str(host), 255))
		return err_set(err, ERR_SYNTAX, "the sender's name is not one line of text");
	if (tenant_exists(rg, tenant, err) < 0 || read_request(csr_pem, &is.key, err) < 0)
		return -1;
	if (pubkey_hash(is.key, is.key_hash, err) < 0 || db_begin(rg->db, err) < 0)
		goto out;
	if (issue(ca, rg, &is, err) < 0 || db_commit(rg->db, err) < 0)
		goto out;
	buf_slice(ret_pem, buf_view(&is.pem));
	buf_str(ret_agent, is.agent);
	r = ret_pem->failed || ret_agent->failed ? err_nomem(err) : 0;
out:
	db_rollback(rg->db);
	buf_release(&is.pem);
	gnutls_pubkey_deinit(is.key);
	return r;
}

int ca_peer_identity(gnutls_x509_crt_t crt, char tenant[TENANT_MAX + 1], char agent[SENDER_MAX + 1],
		     char serial[65], struct err *err)
{
	struct identity id;

	_Static_assert(IDENTITY_TENANT_MAX == TENANT_MAX && IDENTITY_AGENT_MAX == SENDER_MAX &&
			       IDENTITY_SERIAL_MAX < 65,
		       "the certificate's bounds are the queue's");
	if (identity_agent(crt, &id, err) < 0)
		return -1;
	memcpy(tenant, id.tenant, sizeof(id.tenant));
	memcpy(agent, id.agent, sizeof(id.agent));
	memcpy(serial, id.serial, sizeof(id.serial));
	return 0;
}
