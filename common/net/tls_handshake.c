/* SPDX-License-Identifier: EUPL-1.2 */
/* common/net/tls_handshake.c: a session's set-up, its handshake, whom it trusts, and how the peer
 * is told when TLS fails. */
#include "common/net/tls_impl.h"

/* TLS itself failed, in the handshake or after. The peer is told by an alert where it can be. */
void tls_failed(struct tls_conn *cn, int code)
{
	char text[256];
	struct err err;

	if (code == GNUTLS_E_PREMATURE_TERMINATION || code == GNUTLS_E_PULL_ERROR ||
	    code == GNUTLS_E_FATAL_ALERT_RECEIVED)
		cn->eof = true; /* nothing to be said any more */
	if (cn->why == NULL) {
		tls_gnutls_text(code, gnutls_alert_get(cn->session), text, sizeof(text));
		err_set(&err, ERR_PEER, "%s: %s%s", tls_label(cn), text,
			cn->state == TLS_HANDSHAKE && cn->eof &&
					code == GNUTLS_E_PREMATURE_TERMINATION
				? " in the middle of the TLS handshake"
				: "");
		tls_set_why(cn, &err);
	}
	if (cn->state == TLS_HANDSHAKE && cn->failure == TLS_FAIL_NONE)
		cn->failure = tls_gnutls_failure(code);
	if (cn->eof) {
		tls_leave(cn);
		return;
	}
	cn->state = TLS_ENDING;
	if (cn->alert != 0)
		gnutls_alert_send(cn->session, GNUTLS_AL_FATAL, cn->alert);
	else
		gnutls_alert_send_appropriate(cn->session, code);
	cn->drain = true;
	tls_limit(cn, TLS_LINGER_MS);
	tls_flush(cn);
	if (cn->state == TLS_ENDING && !cn->writing && cn->out.n == 0)
		tls_flushed(cn);
}

static int refuse(struct tls_conn *cn, enum tls_failure failure, gnutls_alert_description_t alert,
		  const char *text)
{
	struct err err;

	err_set(&err, ERR_DENIED, "%s: %s", tls_label(cn), text);
	tls_set_why(cn, &err);
	cn->failure = failure;
	cn->alert = alert;
	return GNUTLS_E_CERTIFICATE_ERROR;
}

gnutls_x509_crt_t tls_peer_cert(struct tls_conn *cn)
{
	const gnutls_datum_t *list;
	unsigned n = 0;

	if (cn->crt != NULL)
		return cn->crt;
	list = gnutls_certificate_get_peers(cn->session, &n);
	if (list == NULL || n == 0 || gnutls_x509_crt_init(&cn->crt) < 0)
		return NULL;
	if (gnutls_x509_crt_import(cn->crt, &list[0], GNUTLS_X509_FMT_DER) < 0) {
		gnutls_x509_crt_deinit(cn->crt);
		cn->crt = NULL;
	}
	return cn->crt;
}

/* The authority is behind the peer's certificate in its chain, or among those we trust. */
int tls_peer_issuer(struct tls_conn *cn, uint8_t ret_sha1[20])
{
	gnutls_x509_crt_t crt = tls_peer_cert(cn), issuer = NULL;
	const gnutls_datum_t *chain;
	unsigned n = 0;
	size_t len = 20;
	int r;

	chain = gnutls_certificate_get_peers(cn->session, &n);
	if (crt == NULL || chain == NULL)
		return -1;
	if (n > 1 && gnutls_x509_crt_init(&issuer) == 0 &&
	    gnutls_x509_crt_import(issuer, &chain[1], GNUTLS_X509_FMT_DER) < 0) {
		gnutls_x509_crt_deinit(issuer);
		issuer = NULL;
	}
	if (issuer != NULL && gnutls_x509_crt_check_issuer(crt, issuer) == 0) {
		gnutls_x509_crt_deinit(issuer);
		issuer = NULL;
	}
	if (issuer == NULL &&
	    gnutls_certificate_get_issuer(cn->creds->cred, crt, &issuer, GNUTLS_TL_GET_COPY) < 0)
		return -1;
	r = gnutls_x509_crt_get_fingerprint(issuer, GNUTLS_DIG_SHA1, ret_sha1, &len);
	gnutls_x509_crt_deinit(issuer);
	return r < 0 ? -1 : 0;
}

/* Called by GnuTLS within the handshake, before the peer's Finished is answered. */
static int on_verify(gnutls_session_t session)
{
	struct tls_conn *cn = gnutls_session_get_ptr(session);
	gnutls_x509_crt_t crt = tls_peer_cert(cn);
	gnutls_alert_description_t alert;
	enum tls_failure failure;
	unsigned status = 0;
	struct err err;
	char text[256];
	int n;

	if (crt == NULL)
		return refuse(cn, TLS_FAIL_NO_CERT, GNUTLS_A_BAD_CERTIFICATE,
			      "showed no certificate that can be read");
	if (cn->creds->checks_chain) {
		n = gnutls_certificate_verify_peers2(session, &status);
		if (n < 0)
			return refuse(cn, TLS_FAIL_CHAIN, GNUTLS_A_BAD_CERTIFICATE,
				      gnutls_strerror(n));
		if (status != 0) {
			failure = tls_chain_text(status, crt, text, sizeof(text), &alert);
			return refuse(cn, failure, alert, text);
		}
	}
	if (cn->handler->verify != NULL && cn->handler->verify(cn, crt, &err) < 0)
		return refuse(cn, TLS_FAIL_REFUSED,
			      cn->server ? GNUTLS_A_ACCESS_DENIED : GNUTLS_A_BAD_CERTIFICATE,
			      err.msg);
	return 0;
}

void tls_handshake(struct tls_conn *cn)
{
	int n;

	do
		n = gnutls_handshake(cn->session);
	while (n == GNUTLS_E_INTERRUPTED || n == GNUTLS_E_WARNING_ALERT_RECEIVED ||
	       n == GNUTLS_E_GOT_APPLICATION_DATA);
	if (n == GNUTLS_E_AGAIN)
		return;
	if (n < 0) {
		tls_failed(cn, n);
		return;
	}
	cn->state = TLS_OPEN;
	tls_touch(cn);
	tls_arm(cn);
	tls_flush(cn); /* our Finished, so that tls_pending counts only what the handler writes */
	if (cn->state == TLS_OPEN && cn->handler->open != NULL)
		cn->handler->open(cn);
	if (cn->crt != NULL) { /* 3 KB that an idle connection need not keep */
		gnutls_x509_crt_deinit(cn->crt);
		cn->crt = NULL;
	}
}

int tls_session_init(struct tls_conn *cn, const char *name, struct err *err)
{
	unsigned flags = GNUTLS_NONBLOCK | GNUTLS_NO_TICKETS;
	unsigned char ip[16];
	int n;

	/* The client sends its only certificate whatever authorities the server names, so that the
	 * server can say what is wrong with it. */
	flags |= cn->server ? GNUTLS_SERVER : GNUTLS_CLIENT | GNUTLS_FORCE_CLIENT_CERT;
	n = gnutls_init(&cn->session, flags);
	if (n < 0)
		goto fail;
	gnutls_session_set_ptr(cn->session, cn);
	gnutls_transport_set_ptr(cn->session, cn);
	gnutls_transport_set_pull_function(cn->session, tls_pull);
	gnutls_transport_set_pull_timeout_function(cn->session, tls_pull_timeout);
	gnutls_transport_set_push_function(cn->session, tls_push);
	gnutls_session_set_verify_function(cn->session, on_verify);
	if (cn->server && cn->creds->checks_chain)
		gnutls_certificate_server_set_request(cn->session, GNUTLS_CERT_REQUIRE);
	n = gnutls_priority_set(cn->session, cn->creds->priority);
	if (n < 0)
		goto fail;
	n = gnutls_credentials_set(cn->session, GNUTLS_CRD_CERTIFICATE, cn->creds->cred);
	if (n < 0)
		goto fail;
	if (!cn->server && name != NULL && uv_inet_pton(AF_INET, name, ip) < 0 &&
	    uv_inet_pton(AF_INET6, name, ip) < 0)
		n = gnutls_server_name_set(cn->session, GNUTLS_NAME_DNS, name, strlen(name));
	if (n >= 0)
		return 0;
fail:
	return err_set(err, ERR_NOMEM, "cannot begin TLS: %s", gnutls_strerror(n));
}
