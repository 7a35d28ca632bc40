/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/enrol/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/enrol/keys.h"
#include "common/base/hash.h"
#include "common/base/text.h"
#include "common/base/time.h"
#include "common/net/identity.h"

#define CONNECT_MS   10000
#define HANDSHAKE_MS 15000
#define RECORD_MS    15000
#define TOTAL_NS     (60 * NS_PER_SEC) /* a peer that drips bytes is no collector of ours */
#define CHAIN_MAX    8u

struct client {
	const char *address;
	char host[256];
	uint16_t port;
	const uint8_t *ca_key;
	int fd;
	gnutls_session_t tls;
	gnutls_certificate_credentials_t creds;
	int64_t until_ns;  /* by the monotonic clock */
	struct err verify; /* why the chain was refused; code ERR_NONE: it was not */
};

static int connect_one(struct client *cl, const struct addrinfo *ai)
{
	struct pollfd pfd = { .events = POLLOUT };
	int e = 0;
	socklen_t n = sizeof(e);

	cl->fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (cl->fd < 0)
		return errno;
	if (connect(cl->fd, ai->ai_addr, ai->ai_addrlen) == 0)
		return 0;
	if (errno != EINPROGRESS) {
		e = errno;
	} else {
		int r;

		pfd.fd = cl->fd;
		do
			r = poll(&pfd, 1, CONNECT_MS);
		while (r < 0 && errno == EINTR);
		if (r == 0)
			e = ETIMEDOUT;
		else if (r < 0 || getsockopt(cl->fd, SOL_SOCKET, SO_ERROR, &e, &n) < 0)
			e = errno;
	}
	if (e != 0) {
		close(cl->fd);
		cl->fd = -1;
	}
	return e;
}

static int connect_any(struct client *cl, struct err *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV },
			*list = NULL;
	char port[8];
	int rc, e = 0;

	snprintf(port, sizeof(port), "%u", cl->port);
	rc = getaddrinfo(cl->host, port, &hints, &list);
	if (rc != 0)
		return err_set(err, ERR_PEER,
			       "cannot find the collector %s: %s; does this machine's name service "
			       "know it?",
			       cl->host, gai_strerror(rc));
	for (const struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next) {
		e = connect_one(cl, ai);
		if (e == 0)
			break;
	}
	freeaddrinfo(list);
	if (e == ECONNREFUSED)
		return err_set(err, ERR_PEER,
			       "nothing listens at %s; is the collector running, and is this its "
			       "enrolment "
			       "port (agents.enrol_port)?",
			       cl->address);
	if (e != 0)
		return err_set(
			err, ERR_PEER,
			"cannot reach the collector at %s: %s; does a firewall between allow it?",
			cl->address, strerror(e));
	return 0;
}

/* The certificate of the chain whose key the token names. Not trusted for being in the chain: for
 * being that key. */
static int find_authority(struct client *cl, gnutls_x509_crt_t *chain, size_t n,
			  gnutls_x509_crt_t *ret)
{
	uint8_t hash[SHA256_LEN];

	for (size_t i = 0; i < n; i++)
		if (keys_cert_hash(chain[i], hash, NULL) == 0 &&
		    secret_eq(hash, cl->ca_key, sizeof(hash))) {
			*ret = chain[i];
			return 0;
		}
	return err_set(
		&cl->verify, ERR_PEER,
		"the collector at %s is not the one that made this token (another authority); "
		"somebody may stand between, or the token is of another collector",
		cl->address);
}

static int check_chain(struct client *cl, gnutls_x509_crt_t *chain, size_t n)
{
	gnutls_x509_trust_list_t trust = NULL;
	gnutls_x509_crt_t authority = NULL;
	gnutls_datum_t text = { 0 };
	struct err why;
	unsigned status = 0;
	int rc;

	if (find_authority(cl, chain, n, &authority) < 0)
		return -1;
	if ((rc = gnutls_x509_trust_list_init(&trust, 0)) >= 0 &&
	    (rc = gnutls_x509_trust_list_add_cas(trust, &authority, 1, 0)) >= 0)
		rc = gnutls_x509_trust_list_verify_crt(trust, chain, (unsigned)n, 0, &status, NULL);
	if (trust != NULL)
		gnutls_x509_trust_list_deinit(trust, 0);
	if (rc < 0)
		return err_set(&cl->verify, ERR_PEER, "the certificate of %s cannot be checked: %s",
			       cl->address, gnutls_strerror(rc));
	if (status != 0) {
		gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0);
		err_set(&cl->verify, ERR_PEER,
			"the certificate of %s is not good: %s Are the clocks of both machines "
			"right?",
			cl->address, text.data != NULL ? (const char *)text.data : "");
		gnutls_free(text.data);
		return -1;
	}
	if (identity_collector(chain[0], cl->host, &why) < 0)
		return err_set(&cl->verify, ERR_PEER,
			       "%s: %s; add the name to agents.names at the collector", cl->address,
			       why.msg);
	return 0;
}

/* Called inside the handshake; what is refused here never gets a byte of ours. */
static int verify(gnutls_session_t tls)
{
	struct client *cl = gnutls_session_get_ptr(tls);
	gnutls_x509_crt_t chain[CHAIN_MAX];
	const gnutls_datum_t *raw;
	unsigned count = 0, n = 0;
	int r = -1;

	raw = gnutls_certificate_get_peers(tls, &count);
	if (raw == NULL || count == 0 || count > CHAIN_MAX) {
		err_set(&cl->verify, ERR_PEER, "%s shows no usable certificate", cl->address);
		return -1;
	}
	for (; n < count; n++) {
		if (gnutls_x509_crt_init(&chain[n]) < 0)
			goto out;
		if (gnutls_x509_crt_import(chain[n], &raw[n], GNUTLS_X509_FMT_DER) < 0) {
			n++;
			goto out;
		}
	}
	r = check_chain(cl, chain, n);
out:
	for (unsigned i = 0; i < n; i++)
		gnutls_x509_crt_deinit(chain[i]);
	if (r < 0 && cl->verify.code == ERR_NONE)
		err_set(&cl->verify, ERR_PEER, "%s shows a damaged certificate", cl->address);
	return r;
}

static int handshake(struct client *cl, struct err *err)
{
	unsigned char raw[16];
	bool literal;
	int rc;

	literal = inet_pton(AF_INET, cl->host, raw) == 1 || inet_pton(AF_INET6, cl->host, raw) == 1;
	if ((rc = gnutls_certificate_allocate_credentials(&cl->creds)) < 0 ||
	    (rc = gnutls_init(&cl->tls, GNUTLS_CLIENT)) < 0 ||
	    (rc = gnutls_priority_set_direct(cl->tls, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2",
					     NULL)) < 0 ||
	    (rc = gnutls_credentials_set(cl->tls, GNUTLS_CRD_CERTIFICATE, cl->creds)) < 0)
		return err_set(err, ERR_NOMEM, "cannot prepare TLS: %s", gnutls_strerror(rc));
	gnutls_session_set_ptr(cl->tls, cl);
	gnutls_session_set_verify_function(cl->tls, verify);
	if (!literal) /* RFC 6066 section 3: an address is no server name */
		gnutls_server_name_set(cl->tls, GNUTLS_NAME_DNS, cl->host, strlen(cl->host));
	gnutls_transport_set_int(cl->tls, cl->fd);
	gnutls_handshake_set_timeout(cl->tls, HANDSHAKE_MS);
	gnutls_record_set_timeout(cl->tls, RECORD_MS);
	do
		rc = gnutls_handshake(cl->tls);
	while (rc < 0 && gnutls_error_is_fatal(rc) == 0 && time_mono_ns() < cl->until_ns);
	if (rc == 0)
		return 0;
	if (cl->verify.code != ERR_NONE)
		return err_set(err, cl->verify.code, "%s", cl->verify.msg);
	return err_set(err, ERR_PEER,
		       "%s does not answer as a Vartio collector (%s); is the port right?",
		       cl->address, gnutls_strerror(rc));
}

static int send_all(struct client *cl, struct slice s, struct err *err)
{
	while (s.n > 0) {
		ssize_t n = gnutls_record_send(cl->tls, s.p, s.n);

		if (n < 0 && gnutls_error_is_fatal((int)n) == 0 && time_mono_ns() < cl->until_ns)
			continue;
		if (n <= 0)
			return err_set(err, ERR_PEER,
				       "the connection to %s broke while sending: %s", cl->address,
				       gnutls_strerror((int)n));
		s = slice_from(s, (size_t)n);
	}
	return 0;
}

static int receive(struct client *cl, unsigned *ret_status, struct buf *ret_body, struct err *err)
{
	struct buf in = { 0 };
	struct slice body;
	int r;

	while ((r = reply_parse(buf_view(&in), ret_status, &body, err)) == 0) {
		ssize_t n;

		if (time_mono_ns() >= cl->until_ns || buf_reserve(&in, 4096) < 0) {
			r = err_set(err, ERR_PEER, "the collector at %s is too slow; try again",
				    cl->address);
			break;
		}
		n = gnutls_record_recv(cl->tls, in.p + in.n, 4096);
		if (n > 0)
			in.n += (size_t)n;
		else if (n == 0 || gnutls_error_is_fatal((int)n) != 0 || n == GNUTLS_E_TIMEDOUT) {
			r = err_set(err, ERR_PEER,
				    "the collector at %s hung up before it answered (%s)",
				    cl->address,
				    n == 0 ? "end of connection" : gnutls_strerror((int)n));
			break;
		}
	}
	if (r == 1) {
		buf_slice(ret_body, body);
		r = ret_body->failed ? err_nomem(err) : 0;
	}
	buf_release(&in);
	return r;
}

/* The socket is not blocking, so that connect could be timed; GnuTLS waits by poll from here on. */
static int make_blocking(int fd)
{
	const struct timeval tv = { .tv_sec = RECORD_MS / 1000 };
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
		return -1;
	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) < 0 ||
			       setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) < 0
		       ? -1
		       : 0;
}

int client_post(const char *address, const uint8_t ca_key[32], struct slice body,
		unsigned *ret_status, struct buf *ret_body, struct err *err)
{
	struct client cl = { .address = address, .ca_key = ca_key, .fd = -1 };
	struct buf head = { 0 };
	int r = -1;

	cl.until_ns = time_mono_ns() + TOTAL_NS;
	if (!text_host_port(slice_str(address), 0, cl.host, &cl.port) || cl.port == 0) {
		err_set(err, ERR_SYNTAX, "expected HOST:PORT, not an address such as this one");
		goto out;
	}
	buf_printf(&head,
		   "POST /v1/enrol HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
		   "Content-Length: %zu\r\nConnection: close\r\n\r\n",
		   address, body.n);
	if (head.failed) {
		err_nomem(err);
		goto out;
	}
	if (connect_any(&cl, err) < 0)
		goto out;
	if (make_blocking(cl.fd) < 0) {
		err_set(err, ERR_IO, "cannot set up the connection: %s", strerror(errno));
		goto out;
	}
	if (handshake(&cl, err) < 0 || send_all(&cl, buf_view(&head), err) < 0 ||
	    send_all(&cl, body, err) < 0)
		goto out;
	r = receive(&cl, ret_status, ret_body, err);
	if (r == 0)
		gnutls_bye(cl.tls, GNUTLS_SHUT_WR);
out:
	if (cl.tls != NULL)
		gnutls_deinit(cl.tls);
	if (cl.creds != NULL)
		gnutls_certificate_free_credentials(cl.creds);
	if (cl.fd >= 0)
		close(cl.fd);
	buf_release(&head);
	return r;
}
