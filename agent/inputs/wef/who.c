/* SPDX-License-Identifier: EUPL-1.2 */
/* Who the client is, the certificate or the ticket says, never a header. Kerberos: the context
 * belongs to the connection; the first request has the ticket and no body. */
#include <ctype.h>
#include <strings.h>

#include "agent/inputs/wef/session.h"
#include "agent/inputs/wef/text.h"
#include "common/base/hash.h"
#include "common/net/identity.h"

static int set_client(struct session *s, const char *name, struct err *err)
{
	size_t n = 0;

	if (strchr(name, ':') != NULL) /* in a checkpoint's key it ends a client's name */
		return err_set(err, ERR_DENIED, "%s: its name holds a colon", wire_peer(s->wire));
	for (; name[n] != '\0' && n + 1 < sizeof(s->client); n++)
		s->client[n] = (char)tolower((unsigned char)name[n]);
	s->client[n] = '\0';
	return 0;
}

/* "Kerberos BASE64" or "Negotiate BASE64". */
static bool scheme_of(struct slice *v, enum mime_scheme *ret, const char **ret_name)
{
	static const struct {
		const char *name;
		enum mime_scheme scheme;
	} schemes[] = { { "Kerberos", MIME_KERBEROS }, { "Negotiate", MIME_SPNEGO } };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t n = strlen(schemes[i].name);

		if (v->n > n && strncasecmp(v->p, schemes[i].name, n) == 0 && v->p[n] == ' ') {
			*v = slice_trim(slice_from(*v, n));
			*ret = schemes[i].scheme;
			*ret_name = schemes[i].name;
			return true;
		}
	}
	return false;
}

void session_authenticate(struct session *s)
{
	struct wef *w = s->wef;
	struct slice token = s->head.authorization;
	struct buf *in = &w->clear, *answer = &w->text, *field = &w->reply;
	struct http_answer a = { .status = 200, .close = s->head.close };
	const char *name;
	struct err err = { 0 };
	int r;

	buf_reset(in);
	buf_reset(answer);
	buf_reset(field);
	if (!scheme_of(&token, &s->scheme, &name) || !base64_parse(token, in)) {
		err_set(&err, ERR_DENIED, "its Authorization is no Kerberos and no Negotiate");
		answer_refuse(s, 401, &err);
		return;
	}
	if (s->cx == NULL)
		s->cx = krb_context_new(w->krb);
	if (s->cx == NULL) {
		answer_status(s, 503);
		return;
	}
	r = krb_accept(s->cx, buf_view(in), answer, &err);
	if (r < 0 || (r > 0 && set_client(s, krb_name(s->cx), &err) < 0)) {
		answer_refuse(s, 401, &err);
		return;
	}
	buf_printf(field, "WWW-Authenticate: %s ", name);
	base64_put(field, answer->p, answer->n);
	buf_str(field, "\r\n");
	if (r == 0)
		a.status = 401; /* SPNEGO goes on: RFC 4559 5 */
	a.challenge = buf_view(field);
	answer_with(s, &a, (struct slice){ NULL, 0 });
}

int session_verify(struct wire *l, gnutls_x509_crt_t peer, struct err *err)
{
	struct session *s = wire_arg(l);
	char name[WEF_CLIENT_MAX];
	size_t n = sizeof(name);
	uint8_t sha1[20];

	if (!identity_may_be_client(peer))
		return err_set(err, ERR_DENIED, "%s: its certificate is not for clients",
			       wire_peer(l));
	if (gnutls_x509_crt_get_dn_by_oid(peer, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &n) < 0 ||
	    n == 0 || strlen(name) != n)
		return err_set(err, ERR_DENIED, "%s: its certificate names no machine (CN)",
			       wire_peer(l));
	if (tls_peer_issuer(wire_tls(l), sha1) < 0)
		return err_set(err, ERR_DENIED, "%s: the authority that signed it is not known",
			       wire_peer(l));
	wef_thumbprint(sha1, s->issuer);
	return set_client(s, name, err);
}
