/* SPDX-License-Identifier: EUPL-1.2 */
/* Connecting and authenticating blocks; after that nothing does. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "agent/inputs/wef/mime.h"
#include "common/base/file.h"
#include "common/base/hash.h"
#include "common/base/text.h"
#include "common/store/le.h"
#include "tests/peers/forwarders.h"

#define WAIT_MS    60000
#define ANSWER_MAX (1u << 20)
#define SOAP_TYPE  "application/soap+xml;charset=UTF-16"
#define CERT_DAY_S 86400
#define GSS_WANTED                                                                                 \
	(GSS_C_MUTUAL_FLAG | GSS_C_INTEG_FLAG | GSS_C_CONF_FLAG | GSS_C_REPLAY_FLAG |              \
	 GSS_C_SEQUENCE_FLAG)

struct line {
	int fd;
	const char *host;
	gnutls_session_t tls; /* or */
	gnutls_certificate_credentials_t creds;
	gss_ctx_id_t gss;
	struct buf in;
};

static void must(int rc, const char *what)
{
	if (rc < 0)
		fail("%s: %s", what, gnutls_strerror(rc));
}

static void must_gss(OM_uint32 major, OM_uint32 minor, const char *what)
{
	gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
	OM_uint32 ignored, more = 0;

	if (!GSS_ERROR(major))
		return;
	gss_display_status(&ignored, minor, GSS_C_MECH_CODE, GSS_C_NO_OID, &more, &text);
	fail("%s: %.*s", what, (int)text.length, (const char *)text.value);
}

/* --- bytes --- */

void line_wait(struct line *l, bool writing)
{
	struct pollfd p = { .fd = l->fd, .events = writing ? POLLOUT : POLLIN };

	if (!writing && l->tls != NULL && gnutls_record_check_pending(l->tls) > 0)
		return;
	if (poll(&p, 1, WAIT_MS) <= 0)
		fail("the receiver does not answer");
}

size_t line_send(struct line *l, struct slice bytes)
{
	ssize_t n;

	if (l->tls != NULL) {
		n = gnutls_record_send(l->tls, bytes.p, bytes.n);
		if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
			return 0;
		must((int)n, "sending");
		return (size_t)n;
	}
	n = write(l->fd, bytes.p, bytes.n);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		fail("sending: %s", strerror(errno));
	return n < 0 ? 0 : (size_t)n;
}

/* false: nothing to be read now. */
static bool receive(struct line *l)
{
	char chunk[65536];
	ssize_t n;

	if (l->tls != NULL) {
		n = gnutls_record_recv(l->tls, chunk, sizeof(chunk));
		if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
			return false;
		must((int)n, "receiving");
	} else {
		n = read(l->fd, chunk, sizeof(chunk));
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return false;
		if (n < 0)
			fail("receiving: %s", strerror(errno));
	}
	if (n == 0)
		fail("the receiver has closed a connection");
	buf_put(&l->in, chunk, (size_t)n);
	return true;
}

/* The answer that l->in begins with: its bytes; 0: not whole. *ret_head: its first line and fields.
 */
static size_t whole(struct line *l, unsigned *ret_status, struct slice *ret_head)
{
	struct slice in = buf_view(&l->in);
	ssize_t end = slice_find(in, SLICE("\r\n\r\n")), at;
	uint64_t length = 0, status;

	if (end < 0)
		return 0;
	*ret_head = (struct slice){ in.p, (size_t)end + 2 };
	at = slice_find(*ret_head, SLICE("Content-Length: "));
	if (at >= 0) {
		struct slice v = slice_from(*ret_head, (size_t)at + 16);

		v.n = (size_t)slice_find(v, SLICE("\r\n"));
		if (!slice_uint(v, ANSWER_MAX, &length))
			fail("an answer of %.*s bytes", SLICE_FMT(v));
	}
	if (in.n < 12 || !slice_uint((struct slice){ in.p + 9, 3 }, 999, &status))
		fail("an answer without a status");
	*ret_status = (unsigned)status;
	return in.n < (size_t)end + 4 + length ? 0 : (size_t)end + 4 + (size_t)length;
}

unsigned line_answer(struct line *l)
{
	struct slice head;
	unsigned status;
	size_t n;

	while ((n = whole(l, &status, &head)) == 0)
		if (!receive(l))
			return 0;
	buf_eat(&l->in, n);
	if (l->in.n == 0)
		buf_release(&l->in);
	return status;
}

int line_fd(const struct line *l)
{
	return l->fd;
}

/* --- Kerberos --- */

static void token_request(struct line *l, const gss_buffer_desc *token)
{
	struct buf out = { 0 };

	buf_printf(&out,
		   "POST /wsman/SubscriptionManager/WEC HTTP/1.1\r\nHost: %s\r\nAuthorization: "
		   "Kerberos ",
		   l->host);
	base64_put(&out, token->value, token->length);
	buf_str(&out, "\r\nContent-Length: 0\r\n\r\n");
	for (size_t at = 0, n; at < out.n; at += n) {
		line_wait(l, true);
		n = line_send(l, slice_from(buf_view(&out), at));
	}
	buf_release(&out);
}

/* The receiver's token of its answer. */
static void token_answer(struct line *l, struct buf *ret)
{
	const struct slice field = SLICE("WWW-Authenticate: Kerberos ");
	struct slice head, v;
	unsigned status;
	size_t n;
	ssize_t at;

	while ((n = whole(l, &status, &head)) == 0) {
		line_wait(l, false);
		receive(l);
	}
	at = slice_find(head, field);
	if (status != 200 || at < 0)
		fail("was not let in: %u", status);
	v = slice_from(head, (size_t)at + field.n);
	v.n = (size_t)slice_find(v, SLICE("\r\n"));
	if (!base64_parse(v, ret))
		fail("a token that is no base64");
	buf_eat(&l->in, n);
}

static gss_name_t import(const char *text, gss_OID type)
{
	gss_buffer_desc b = { strlen(text), (void *)(uintptr_t)text };
	OM_uint32 major, minor;
	gss_name_t name;

	major = gss_import_name(&minor, &b, type, &name);
	must_gss(major, minor, text);
	return name;
}

static void authenticate(struct line *l, const char *name, const char *realm)
{
	gss_buffer_desc password = { strlen(name), (void *)(uintptr_t)name },
			out = GSS_C_EMPTY_BUFFER;
	gss_OID_set_desc mechs = { 1, (gss_OID)(uintptr_t)gss_mech_krb5 };
	gss_cred_id_t cred;
	gss_name_t user, service;
	OM_uint32 major, minor;
	struct buf text = { 0 }, answer = { 0 };
	gss_buffer_desc in;

	buf_printf(&text, "%s$@%s", name, realm);
	user = import(buf_cstr(&text), (gss_OID)(uintptr_t)GSS_KRB5_NT_PRINCIPAL_NAME);
	buf_reset(&text);
	buf_printf(&text, "HTTP@%s", l->host);
	service = import(buf_cstr(&text), GSS_C_NT_HOSTBASED_SERVICE);
	major = gss_acquire_cred_with_password(&minor, user, &password, GSS_C_INDEFINITE, &mechs,
					       GSS_C_INITIATE, &cred, NULL, NULL);
	must_gss(major, minor, name);
	major = gss_init_sec_context(&minor, cred, &l->gss, service, mechs.elements, GSS_WANTED, 0,
				     GSS_C_NO_CHANNEL_BINDINGS, GSS_C_NO_BUFFER, NULL, &out, NULL,
				     NULL);
	must_gss(major, minor, "asking for a ticket");
	token_request(l, &out);
	gss_release_buffer(&minor, &out);
	token_answer(l, &answer);
	in = (gss_buffer_desc){ answer.n, answer.p };
	major = gss_init_sec_context(&minor, cred, &l->gss, service, mechs.elements, GSS_WANTED, 0,
				     GSS_C_NO_CHANNEL_BINDINGS, &in, NULL, &out, NULL, NULL);
	must_gss(major, minor, "the receiver's token");
	gss_release_cred(&minor, &cred);
	gss_release_name(&minor, &user);
	gss_release_name(&minor, &service);
	buf_release(&answer);
	buf_release(&text);
}

static void protect(struct line *l, struct slice clear, struct buf *out)
{
	gss_iov_buffer_desc iov[3] = {
		{ .type = GSS_IOV_BUFFER_TYPE_HEADER | GSS_IOV_BUFFER_FLAG_ALLOCATE },
		{ .type = GSS_IOV_BUFFER_TYPE_DATA },
		{ .type = GSS_IOV_BUFFER_TYPE_PADDING | GSS_IOV_BUFFER_FLAG_ALLOCATE },
	};
	OM_uint32 major, minor;
	struct buf data = { 0 };

	buf_slice(&data, clear);
	iov[1].buffer = (gss_buffer_desc){ data.n, data.p };
	major = gss_wrap_iov(&minor, l->gss, 1, GSS_C_QOP_DEFAULT, NULL, iov, 3);
	must_gss(major, minor, "encrypting");
	mime_begin(out, MIME_KERBEROS, clear.n);
	le32_put(out, (uint32_t)iov[0].buffer.length);
	for (size_t i = 0; i < 3; i++)
		buf_put(out, iov[i].buffer.value, iov[i].buffer.length);
	mime_end(out);
	gss_release_iov_buffer(&minor, iov, 3);
	buf_release(&data);
}

/* --- TLS --- */

static gnutls_x509_privkey_t own_key(void) /* one for all: only the name tells them apart */
{
	static gnutls_x509_privkey_t key;

	if (key == NULL) {
		must(gnutls_x509_privkey_init(&key), "key");
		must(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
						  GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1),
						  0),
		     "key");
	}
	return key;
}

static gnutls_datum_t load(const char *path, struct buf *text)
{
	struct err err;

	if (file_read(path, ANSWER_MAX, text, &err) < 0)
		fail("%s", err.msg);
	return (gnutls_datum_t){ (unsigned char *)text->p, (unsigned)text->n };
}

struct authority {
	gnutls_x509_crt_t crt;
	gnutls_x509_privkey_t key;
};

static const struct authority *authority(const struct line_opts *opts)
{
	static struct authority a;
	struct buf text = { 0 };
	gnutls_datum_t pem;

	if (a.crt != NULL)
		return &a;
	must(gnutls_x509_crt_init(&a.crt), "authority");
	must(gnutls_x509_privkey_init(&a.key), "authority");
	pem = load(opts->ca, &text);
	must(gnutls_x509_crt_import(a.crt, &pem, GNUTLS_X509_FMT_PEM), opts->ca);
	buf_reset(&text);
	pem = load(opts->ca_key, &text);
	must(gnutls_x509_privkey_import2(a.key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0), opts->ca_key);
	buf_release(&text);
	return &a;
}

static gnutls_x509_crt_t certify(const struct authority *a, const char *name)
{
	static uint32_t number;
	unsigned char serial[5] = { 1 };
	gnutls_x509_crt_t crt;

	number++;
	memcpy(serial + 1, &number, sizeof(number));
	must(gnutls_x509_crt_init(&crt), "certificate");
	must(gnutls_x509_crt_set_version(crt, 3), "version");
	must(gnutls_x509_crt_set_serial(crt, serial, sizeof(serial)), "serial");
	must(gnutls_x509_crt_set_activation_time(crt, time(NULL) - CERT_DAY_S), "from");
	must(gnutls_x509_crt_set_expiration_time(crt, time(NULL) + CERT_DAY_S), "to");
	must(gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, name,
					   (unsigned)strlen(name)),
	     name);
	must(gnutls_x509_crt_set_key(crt, own_key()), "key");
	must(gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE), "usage");
	must(gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_CLIENT, 0), "use");
	must(gnutls_x509_crt_sign2(crt, a->crt, a->key, GNUTLS_DIG_SHA256, 0), "signing");
	return crt;
}

static void shake_hands(struct line *l, const struct line_opts *opts, const char *name)
{
	gnutls_x509_crt_t crt = certify(authority(opts), name);
	int rc;

	must(gnutls_certificate_allocate_credentials(&l->creds), "credentials");
	must(gnutls_certificate_set_x509_trust_file(l->creds, opts->ca, GNUTLS_X509_FMT_PEM),
	     opts->ca);
	must(gnutls_certificate_set_x509_key(l->creds, &crt, 1, own_key()), "credentials");
	gnutls_x509_crt_deinit(crt);
	must(gnutls_init(&l->tls, GNUTLS_CLIENT | GNUTLS_NONBLOCK), "session");
	must(gnutls_set_default_priority(l->tls), "priority");
	must(gnutls_credentials_set(l->tls, GNUTLS_CRD_CERTIFICATE, l->creds), "credentials");
	must(gnutls_server_name_set(l->tls, GNUTLS_NAME_DNS, l->host, strlen(l->host)), "name");
	gnutls_session_set_verify_cert(l->tls, l->host, 0);
	gnutls_transport_set_int(l->tls, l->fd);
	while ((rc = gnutls_handshake(l->tls)) == GNUTLS_E_AGAIN || rc == GNUTLS_E_INTERRUPTED)
		line_wait(l, gnutls_record_get_direction(l->tls) == 1);
	must(rc, "handshake");
}

/* --- life --- */

static int connected(const char *address)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	char host[64];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	uint16_t port;

	if (!text_host_port(slice_str(address), 1, host, &port) ||
	    inet_pton(AF_INET, host, &to.sin_addr) != 1)
		fail("no address: %s", address);
	to.sin_port = htons(port);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		fail("%s: %s", address, strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return fd;
}

struct line *line_open(const struct line_opts *opts, const char *name)
{
	struct line *l = calloc(1, sizeof(*l));

	if (l == NULL)
		fail("no memory");
	l->host = opts->host;
	l->fd = connected(opts->address);
	if (opts->realm != NULL)
		authenticate(l, name, opts->realm);
	else
		shake_hands(l, opts, name);
	return l;
}

void line_close(struct line *l)
{
	OM_uint32 minor;

	if (l == NULL)
		return;
	if (l->tls != NULL) {
		gnutls_deinit(l->tls);
		gnutls_certificate_free_credentials(l->creds);
	} else {
		gss_delete_sec_context(&minor, &l->gss, GSS_C_NO_BUFFER);
	}
	close(l->fd);
	buf_release(&l->in);
	free(l);
}

void line_request(struct line *l, const char *path, struct slice body, bool sldc, struct buf *out)
{
	struct buf safe = { 0 };

	if (l->tls == NULL) {
		protect(l, body, &safe);
		body = buf_view(&safe);
	}
	buf_printf(
		out,
		"POST %s HTTP/1.1\r\nConnection: Keep-Alive\r\nContent-Type: %s\r\n"
		"User-Agent: Microsoft WinRM Client\r\nHost: %s\r\n%sContent-Length: %zu\r\n\r\n",
		path, l->tls == NULL ? mime_content_type(MIME_KERBEROS) : SOAP_TYPE, l->host,
		sldc ? "Content-Encoding: SLDC\r\n" : "", body.n);
	buf_slice(out, body);
	buf_release(&safe);
	buf_fit(out);
}
