/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/net/identity.h"

#include <gnutls/gnutls.h>
#include <stdio.h>

#define URI_PREFIX "urn:vartio:"
#define NAMES_MAX  64u /* subject alternative names looked at */
#define OID_MAX    64u
#define SERIAL_RAW 64u

static bool id_ok(struct slice s, size_t max, bool digit_first)
{
	if (s.n == 0 || s.n > max)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool letter = c >= 'a' && c <= 'z', digit = c >= '0' && c <= '9';

		if (!letter && !(digit && (i > 0 || digit_first)) && !(c == '-' && i > 0))
			return false;
	}
	return true;
}

bool identity_parse(struct slice uri, struct identity *ret)
{
	struct slice rest, tenant, agent;
	ssize_t colon;

	if (!slice_starts(uri, SLICE(URI_PREFIX)))
		return false;
	rest = slice_from(uri, sizeof(URI_PREFIX) - 1);
	colon = slice_chr(rest, ':');
	if (colon < 0)
		return false;
	tenant = (struct slice){ rest.p, (size_t)colon };
	agent = slice_from(rest, (size_t)colon + 1);
	if (!id_ok(tenant, IDENTITY_TENANT_MAX, false) || !id_ok(agent, IDENTITY_AGENT_MAX, true))
		return false;
	memcpy(ret->tenant, tenant.p, tenant.n);
	ret->tenant[tenant.n] = '\0';
	memcpy(ret->agent, agent.p, agent.n);
	ret->agent[agent.n] = '\0';
	return true;
}

int identity_serial(gnutls_x509_crt_t crt, char ret[IDENTITY_SERIAL_MAX + 1], struct err *err)
{
	unsigned char raw[SERIAL_RAW];
	size_t n = sizeof(raw), from = 0;

	if (gnutls_x509_crt_get_serial(crt, raw, &n) < 0)
		return err_set(err, ERR_SYNTAX, "the certificate's serial number cannot be read");
	while (from + 1 < n && raw[from] == 0) /* DER puts a zero before a set sign bit */
		from++;
	if (n == 0 || (n - from) * 2 > IDENTITY_SERIAL_MAX)
		return err_set(err, ERR_SYNTAX, "the certificate's serial number is too long");
	for (size_t i = from; i < n; i++)
		snprintf(ret + 2 * (i - from), 3, "%02x", raw[i]);
	return 0;
}

/* The certificate's extended key usages: is `wanted` among them, and is there anything else? */
static void uses(gnutls_x509_crt_t crt, const char *wanted, bool *ret_has, bool *ret_others)
{
	char oid[OID_MAX];
	size_t n;
	int r;

	*ret_has = *ret_others = false;
	for (unsigned i = 0; i < NAMES_MAX; i++) {
		n = sizeof(oid);
		r = gnutls_x509_crt_get_key_purpose_oid(crt, i, oid, &n, NULL);
		if (r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			return;
		if (r >= 0 && strcmp(oid, wanted) == 0)
			*ret_has = true;
		else
			*ret_others = true; /* also one too long to be read */
	}
	*ret_others = true;
}

bool identity_may_be_client(gnutls_x509_crt_t crt)
{
	bool has, others;

	uses(crt, GNUTLS_KP_TLS_WWW_CLIENT, &has, &others);
	return has;
}

int identity_agent(gnutls_x509_crt_t crt, struct identity *ret, struct err *err)
{
	struct identity id = { 0 }, found;
	char name[sizeof(URI_PREFIX) + IDENTITY_TENANT_MAX + IDENTITY_AGENT_MAX + 2];
	unsigned hits = 0, type;
	bool has, others;
	size_t n;
	int r;

	uses(crt, GNUTLS_KP_TLS_WWW_CLIENT, &has, &others);
	if (!has || others)
		return err_set(err, ERR_DENIED,
			       "the certificate is not made for an agent (clientAuth only)");
	for (unsigned i = 0; i < NAMES_MAX; i++) {
		n = sizeof(name);
		r = gnutls_x509_crt_get_subject_alt_name2(crt, i, name, &n, &type, NULL);
		if (r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			break;
		if (r < 0 || type != GNUTLS_SAN_URI)
			continue;
		if (identity_parse((struct slice){ name, n }, &found)) {
			id = found;
			hits++;
		}
	}
	if (hits != 1)
		return err_set(err, ERR_DENIED,
			       hits == 0 ? "the certificate names no tenant and agent (SAN "
					   "urn:vartio:TENANT:AGENT)"
					 : "the certificate names several agents");
	if (identity_serial(crt, id.serial, err) < 0)
		return -1;
	id.expires_s = (int64_t)gnutls_x509_crt_get_expiration_time(crt);
	*ret = id;
	return 0;
}

/* The first DNS name or the common name, for the message; control characters shown as '?'. */
static void shown_name(gnutls_x509_crt_t crt, char *out, size_t cap)
{
	unsigned type;
	size_t n = cap;

	if (gnutls_x509_crt_get_subject_alt_name2(crt, 0, out, &n, &type, NULL) < 0 ||
	    type != GNUTLS_SAN_DNSNAME) {
		n = cap;
		if (gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, out, &n) <
		    0)
			strcpy(out, "unnamed");
	}
	out[cap - 1] = '\0';
	for (char *p = out; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
}

int identity_collector(gnutls_x509_crt_t crt, const char *host, struct err *err)
{
	char name[128] = "";
	bool has, others;

	uses(crt, GNUTLS_KP_TLS_WWW_SERVER, &has, &others);
	if (!has)
		return err_set(err, ERR_DENIED,
			       "the certificate is not made for a collector (serverAuth)");
	if (gnutls_x509_crt_check_hostname2(crt, host, GNUTLS_VERIFY_DO_NOT_ALLOW_WILDCARDS) == 0) {
		shown_name(crt, name, sizeof(name));
		return err_set(err, ERR_DENIED, "the certificate is for another name (%s)", name);
	}
	return 0;
}
