/* SPDX-License-Identifier: EUPL-1.2 */
/* common/net/tls_text.c: what went wrong, in words for the person who has to repair it. */
#include "common/net/tls_impl.h"

#include <netinet/in.h>
#include <stdio.h>
#include <time.h>

void tls_addr_text(const struct sockaddr *sa, char out[TLS_PEER_MAX])
{
	const struct sockaddr_in *v4 = (const void *)sa;
	const struct sockaddr_in6 *v6 = (const void *)sa;
	char ip[INET6_ADDRSTRLEN] = "?";

	if (sa->sa_family == AF_INET6) {
		bool mapped = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);

		uv_ip6_name(v6, ip, sizeof(ip));
		if (mapped) /* an IPv4 peer on a dual-stack socket is shown as what it is */
			snprintf(out, TLS_PEER_MAX, "%s:%u", ip + strlen("::ffff:"),
				 ntohs(v6->sin6_port));
		else
			snprintf(out, TLS_PEER_MAX, "[%s]:%u", ip, ntohs(v6->sin6_port));
	} else {
		uv_ip4_name(v4, ip, sizeof(ip));
		snprintf(out, TLS_PEER_MAX, "%s:%u", ip, ntohs(v4->sin_port));
	}
}

const char *tls_socket_text(int uv_status)
{
	static const struct {
		int status;
		const char *text;
	} texts[] = {
		{ UV_ECONNREFUSED,
		  "connection refused: nothing listens there, or a firewall says no" },
		{ UV_ETIMEDOUT, "no answer: a firewall may drop the connection" },
		{ UV_EHOSTUNREACH, "the machine cannot be reached from here" },
		{ UV_ENETUNREACH, "its network cannot be reached from here" },
		{ UV_ECONNRESET, "the connection was cut by the other end" },
		{ UV_EPIPE, "the connection was cut by the other end" },
		{ UV_EMFILE, "we have too many files open: raise LimitNOFILE" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].status == uv_status)
			return texts[i].text;
	return uv_strerror(uv_status);
}

static const char *alert_text(gnutls_alert_description_t alert)
{
	static const struct {
		gnutls_alert_description_t alert;
		const char *text;
	} texts[] = {
		{ GNUTLS_A_CERTIFICATE_EXPIRED, "our certificate has expired, says the other end" },
		{ GNUTLS_A_CERTIFICATE_REVOKED, "our certificate is revoked, says the other end" },
		{ GNUTLS_A_UNKNOWN_CA,
		  "our certificate is not signed by the other end's authority" },
		{ GNUTLS_A_CERTIFICATE_REQUIRED, "the other end wants a certificate of us" },
		/* Only a collector answers so, to a name that it does not let in. */
		{ GNUTLS_A_ACCESS_DENIED,
		  "the other end refuses our certificate: revoked or unknown at the region; ask "
		  "for a new token and enrol again" },
		{ GNUTLS_A_BAD_CERTIFICATE, "the other end refuses our certificate" },
		{ GNUTLS_A_CERTIFICATE_UNKNOWN, "the other end refuses our certificate" },
		{ GNUTLS_A_UNSUPPORTED_CERTIFICATE,
		  "our certificate is not made for this use, says the other end" },
		{ GNUTLS_A_PROTOCOL_VERSION, "the other end speaks no TLS 1.2 or 1.3" },
		{ GNUTLS_A_HANDSHAKE_FAILURE, "the other end shares no cipher with us" },
		{ GNUTLS_A_INSUFFICIENT_SECURITY, "the other end shares no cipher with us" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].alert == alert)
			return texts[i].text;
	return NULL;
}

void tls_gnutls_text(int code, gnutls_alert_description_t alert, char *out, size_t n)
{
	const char *text;

	switch (code) {
	case GNUTLS_E_FATAL_ALERT_RECEIVED:
		text = alert_text(alert);
		if (text != NULL)
			snprintf(out, n, "%s", text);
		else
			snprintf(out, n, "the other end ended TLS: %s",
				 gnutls_alert_get_name(alert) != NULL ? gnutls_alert_get_name(alert)
								      : "unknown alert");
		return;
	case GNUTLS_E_NO_CERTIFICATE_FOUND:
	case GNUTLS_E_CERTIFICATE_REQUIRED:
		snprintf(out, n, "showed no certificate");
		return;
	case GNUTLS_E_PREMATURE_TERMINATION:
		snprintf(out, n, "the connection was cut: the other end left without a farewell");
		return;
	case GNUTLS_E_UNEXPECTED_PACKET_LENGTH:
	case GNUTLS_E_UNSUPPORTED_VERSION_PACKET:
	case GNUTLS_E_RECORD_OVERFLOW:
	case GNUTLS_E_UNEXPECTED_PACKET:
		snprintf(out, n, "what came is not TLS 1.2 or 1.3 (%s)", gnutls_strerror(code));
		return;
	case GNUTLS_E_NO_CIPHER_SUITES:
		snprintf(out, n, "shares no cipher with us");
		return;
	default:
		snprintf(out, n, "TLS failed: %s", gnutls_strerror(code));
	}
}

enum tls_failure tls_gnutls_failure(int code)
{
	return code == GNUTLS_E_NO_CERTIFICATE_FOUND || code == GNUTLS_E_CERTIFICATE_REQUIRED
		       ? TLS_FAIL_NO_CERT
		       : TLS_FAIL_PROTOCOL;
}

static void day_text(time_t t, char out[32])
{
	struct tm tm;

	if (t == (time_t)-1 || gmtime_r(&t, &tm) == NULL ||
	    strftime(out, 32, "%Y-%m-%d %H:%M UTC", &tm) == 0)
		strcpy(out, "an unknown day");
}

enum tls_failure tls_chain_text(unsigned status, gnutls_x509_crt_t crt, char *out, size_t n,
				gnutls_alert_description_t *ret_alert)
{
	char day[32];

	if ((status & GNUTLS_CERT_EXPIRED) != 0) {
		day_text(gnutls_x509_crt_get_expiration_time(crt), day);
		snprintf(out, n, "the certificate expired on %s", day);
		*ret_alert = GNUTLS_A_CERTIFICATE_EXPIRED;
		return TLS_FAIL_EXPIRED;
	}
	if ((status & GNUTLS_CERT_NOT_ACTIVATED) != 0) {
		day_text(gnutls_x509_crt_get_activation_time(crt), day);
		snprintf(out, n,
			 "the certificate is not valid yet by this machine's clock, but from %s "
			 "on: check its time",
			 day);
		*ret_alert = GNUTLS_A_BAD_CERTIFICATE;
		return TLS_FAIL_EXPIRED;
	}
	if ((status & (GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA)) != 0) {
		snprintf(out, n, "the certificate is not signed by our authority");
		*ret_alert = GNUTLS_A_UNKNOWN_CA;
	} else if ((status & GNUTLS_CERT_SIGNATURE_FAILURE) != 0) {
		snprintf(out, n, "the certificate's signature is false");
		*ret_alert = GNUTLS_A_BAD_CERTIFICATE;
	} else {
		snprintf(out, n, "the certificate is not good (status %#x)", status);
		*ret_alert = GNUTLS_A_BAD_CERTIFICATE;
	}
	return TLS_FAIL_CHAIN;
}

const char *tls_failure_name(enum tls_failure f)
{
	static const char *const names[TLS_FAILURES] = {
		[TLS_FAIL_NONE] = "none",       [TLS_FAIL_CONNECT] = "connect",
		[TLS_FAIL_TIMEOUT] = "timeout", [TLS_FAIL_PROTOCOL] = "protocol",
		[TLS_FAIL_NO_CERT] = "no_cert", [TLS_FAIL_CHAIN] = "chain",
		[TLS_FAIL_EXPIRED] = "expired", [TLS_FAIL_REFUSED] = "refused",
	};

	return f < TLS_FAILURES ? names[f] : "none";
}
