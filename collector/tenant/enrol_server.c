/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/tenant/enrol_server.c: the door where agents enrol: HTTPS by libmicrohttpd.
 * May touch:  the registry (a handle of its own), the authority's key for signing.
 * Never:      parses events; serves anything but POST /v1/enrol; logs a secret.
 * Thread:     libmicrohttpd's own; nothing else runs there.
 * Protocol:   docs/formats.md, "enrolment". */
#include "collector/tenant/ca.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <microhttpd.h>
#include <stdlib.h>

#include "collector/tenant/limiter.h"
#include "common/base/file.h"
#include "common/base/hash.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/base/time.h"

#define BODY_MAX        65536u
#define PEM_MAX         262144u
#define CONNECTIONS_MAX 64u
#define PER_ADDRESS_MAX 16u
#define TIMEOUT_S       15u
#define FAILURES_MAX    10u
#define FAILURES_NS     (600 * NS_PER_SEC)
#define SECRET_LEN      16u

struct enrol_server {
	struct MHD_Daemon *http;
	struct ca *ca;
	struct registry *rg;
	char *collector;
	struct buf key, cert; /* libmicrohttpd reads them once, but does not say so */
	struct limiter limiter;
};

struct request {
	struct buf body;
	bool too_large;
};

struct ask { /* the JSON of a request; texts belong to root */
	json_t *root;
	const char *secret, *csr, *host, *version;
};

static void text_of_addr(const struct sockaddr *sa, char out[INET6_ADDRSTRLEN])
{
	const void *raw =
		sa->sa_family == AF_INET6
			? (const void *)&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr
			: (const void *)&((const struct sockaddr_in *)(const void *)sa)->sin_addr;

	if (inet_ntop(sa->sa_family, raw, out, INET6_ADDRSTRLEN) == NULL)
		strcpy(out, "?");
}

/* Queues body, which is consumed, with status. */
static enum MHD_Result reply(struct MHD_Connection *cn, unsigned status, json_t *body,
			     unsigned retry_s)
{
	char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
	struct MHD_Response *rs;
	char retry[16];
	enum MHD_Result r;

	json_decref(body);
	if (text == NULL)
		return MHD_NO; /* no memory: hang up */
	rs = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_COPY);
	free(text);
	if (rs == NULL)
		return MHD_NO;
	snprintf(retry, sizeof(retry), "%u", retry_s);
	MHD_add_response_header(rs, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	MHD_add_response_header(rs, MHD_HTTP_HEADER_CONNECTION, "close");
	if (retry_s > 0)
		MHD_add_response_header(rs, MHD_HTTP_HEADER_RETRY_AFTER, retry);
	r = MHD_queue_response(cn, status, rs);
	MHD_destroy_response(rs);
	return r;
}

static enum MHD_Result refuse(struct MHD_Connection *cn, unsigned status, const char *message,
			      unsigned retry_s)
{
	return reply(cn, status, json_pack("{s:s}", "error", message), retry_s);
}

static int read_ask(struct slice body, struct ask *ret, struct buf *ret_secret, struct err *err)
{
	ret->root = json_loadb(body.p != NULL ? body.p : "", body.n, JSON_REJECT_DUPLICATES, NULL);
	if (json_unpack(ret->root, "{s:s, s:s, s:s, s?s}", "secret", &ret->secret, "csr", &ret->csr,
			"host", &ret->host, "version", &ret->version) < 0)
		return err_set(
			err, ERR_SYNTAX,
			"the request is not JSON with secret, csr and host; is the agent's version "
			"the collector's (" VARTIO_VERSION ")?");
	if (!base64url_parse(slice_str(ret->secret), ret_secret) || ret_secret->n != SECRET_LEN)
		return err_set(err, ERR_SYNTAX,
			       "the secret is not a token's; was it cut short when copied?");
	return 0;
}

static json_t *certificate_reply(struct enrol_server *es, struct buf *pem, struct buf *agent,
				 struct buf *ca_pem, const char *tenant)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "certificate", buf_cstr(pem), "ca",
			 buf_cstr(ca_pem), "agent", buf_cstr(agent), "tenant", tenant, "collector",
			 es->collector);
}

/* What the token and the request are worth. *ret_reply is a new reference. */
static int enrol_one(struct enrol_server *es, struct slice body, const char *addr,
		     json_t **ret_reply, struct err *err)
{
	struct ask ask = { 0 };
	struct buf secret = { 0 }, pem = { 0 }, agent = { 0 }, ca_pem = { 0 };
	char tenant[TENANT_MAX + 1];
	int r = -1;

	if (read_ask(body, &ask, &secret, err) < 0 ||
	    ca_enrol(es->ca, es->rg, buf_view(&secret), slice_str(ask.csr), ask.host, time_now_ns(),
		     &pem, &agent, err) < 0 ||
	    agent_tenant(es->rg, buf_cstr(&agent), tenant, err) < 0 ||
	    file_read(ca_cert_path(es->ca), PEM_MAX, &ca_pem, err) < 0)
		goto out;
	if (ask.version != NULL)
		agent_told(es->rg, buf_cstr(&agent), ask.version, 0, NULL); /* the list's nicety */
	*ret_reply = certificate_reply(es, &pem, &agent, &ca_pem, tenant);
	if (*ret_reply == NULL) {
		err_nomem(err);
		goto out;
	}
	log_line(LOG_LEVEL_INFO, "agent enrolled", "tenant", tenant, "agent", buf_cstr(&agent),
		 "host", ask.host, "addr", addr, NULL);
	r = 0;
out:
	json_decref(ask.root);
	if (secret.p != NULL)
		gnutls_memset(secret.p, 0, secret.cap);
	buf_release(&secret);
	buf_release(&pem);
	buf_release(&agent);
	buf_release(&ca_pem);
	return r;
}

static unsigned status_of(enum err_code code)
{
	switch (code) {
	case ERR_DENIED:
		return MHD_HTTP_FORBIDDEN;
	case ERR_SYNTAX:
		return MHD_HTTP_BAD_REQUEST;
	default:
		return MHD_HTTP_SERVICE_UNAVAILABLE;
	}
}

static enum MHD_Result answer(struct enrol_server *es, struct MHD_Connection *cn,
			      struct request *rq)
{
	const struct sockaddr *sa =
		MHD_get_connection_info(cn, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
	char addr[INET6_ADDRSTRLEN];
	int64_t now_ns = time_now_ns();
	unsigned status, wait_s = limiter_wait_s(&es->limiter, sa, now_ns);
	json_t *body = NULL;
	struct err err = { 0 };

	text_of_addr(sa, addr);
	if (wait_s > 0) {
		snprintf(err.msg, sizeof(err.msg),
			 "too many failed tries from this address; try again in %u s", wait_s);
		return refuse(cn, MHD_HTTP_TOO_MANY_REQUESTS, err.msg, wait_s);
	}
	if (rq->too_large) {
		limiter_failed(&es->limiter, sa, now_ns);
		return refuse(cn, MHD_HTTP_CONTENT_TOO_LARGE, "the request is larger than 64 KiB",
			      0);
	}
	if (enrol_one(es, buf_view(&rq->body), addr, &body, &err) == 0)
		return reply(cn, MHD_HTTP_OK, body, 0);
	status = status_of(err.code);
	log_line(LOG_LEVEL_WARN, "enrolment refused", "addr", addr, "reason", err.msg, NULL);
	if (status != MHD_HTTP_SERVICE_UNAVAILABLE) {
		limiter_failed(&es->limiter, sa, now_ns);
		return refuse(cn, status, err.msg, 0);
	}
	/* Our own trouble: the log has the reason, strangers need not. */
	return refuse(cn, status, "the collector cannot enrol now; its log says why", 10);
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *cn, const char *url,
			      const char *method, const char *version, const char *data,
			      size_t *data_n, void **state)
{
	struct request *rq = *state;

	if (rq == NULL) {
		if (strcmp(url, "/v1/enrol") != 0)
			return refuse(cn, MHD_HTTP_NOT_FOUND, "there is nothing here", 0);
		if (strcmp(method, MHD_HTTP_METHOD_POST) != 0)
			return refuse(cn, MHD_HTTP_METHOD_NOT_ALLOWED, "only POST", 0);
		*state = calloc(1, sizeof(struct request));
		return *state != NULL ? MHD_YES : MHD_NO;
	}
	if (*data_n == 0)
		return answer(cls, cn, rq);
	if (rq->body.n + *data_n > BODY_MAX)
		rq->too_large =
			true; /* the rest is read and forgotten, so that the reply is read */
	else
		buf_put(&rq->body, data, *data_n);
	*data_n = 0;
	return rq->body.failed ? MHD_NO : MHD_YES;
}

static void completed(void *cls, struct MHD_Connection *cn, void **state,
		      enum MHD_RequestTerminationCode why)
{
	struct request *rq = *state;

	if (rq == NULL)
		return;
	if (rq->body.p != NULL) /* it held a secret */
		gnutls_memset(rq->body.p, 0, rq->body.cap);
	buf_release(&rq->body);
	free(rq);
	*state = NULL;
}

/* TLS failures of strangers are no faults of ours; libmicrohttpd would print each. */
static void quiet(void *cls, const char *fmt, va_list ap)
{
}

union any_addr {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static int parse_addr(const char *addr, uint16_t port, union any_addr *ret, struct err *err)
{
	*ret = (union any_addr){ 0 };
	if (inet_pton(AF_INET, addr, &ret->in.sin_addr) == 1) {
		ret->in.sin_family = AF_INET;
		ret->in.sin_port = htons(port);
		return 0;
	}
	if (inet_pton(AF_INET6, addr, &ret->in6.sin6_addr) == 1) {
		ret->in6.sin6_family = AF_INET6;
		ret->in6.sin6_port = htons(port);
		return 0;
	}
	return err_set(err, ERR_USAGE, "agents.listen: %s is no address (such as 0.0.0.0 or ::)",
		       addr);
}

static int start_http(struct enrol_server *es, const char *addr, uint16_t port, struct err *err)
{
	unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_TLS | MHD_USE_ERROR_LOG;
	union any_addr at;

	if (parse_addr(addr, port, &at, err) < 0)
		return -1;
	if (at.sa.sa_family == AF_INET6)
		flags |= strcmp(addr, "::") == 0 ? MHD_USE_DUAL_STACK : MHD_USE_IPv6;
	es->http = MHD_start_daemon(
		flags, port, NULL, NULL, handle, es, MHD_OPTION_EXTERNAL_LOGGER, quiet, NULL,
		MHD_OPTION_SOCK_ADDR, &at.sa, MHD_OPTION_HTTPS_MEM_KEY, buf_cstr(&es->key),
		MHD_OPTION_HTTPS_MEM_CERT, buf_cstr(&es->cert), MHD_OPTION_HTTPS_PRIORITIES,
		"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2", MHD_OPTION_NOTIFY_COMPLETED,
		completed, es, MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S,
		MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
		PER_ADDRESS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)32768, MHD_OPTION_END);
	if (es->http == NULL)
		return err_set(
			err, ERR_BUSY,
			"cannot listen for enrolments on %s port %u; does another program hold "
			"agents.enrol_port?",
			addr, port);
	return 0;
}

int enrol_server_start(struct ca *ca, const char *db_path, const char *addr, uint16_t port,
		       const char *collector, struct enrol_server **ret, uint16_t *ret_port,
		       struct err *err)
{
	struct enrol_server *es = calloc(1, sizeof(*es));

	if (es == NULL)
		return err_nomem(err);
	es->ca = ca;
	es->limiter.max = FAILURES_MAX;
	es->limiter.window_ns = FAILURES_NS;
	es->collector = strdup(collector);
	if (es->collector == NULL) {
		err_nomem(err);
		goto fail;
	}
	if (file_read(ca_server_key_path(ca), PEM_MAX, &es->key, err) < 0 ||
	    file_read(ca_server_cert_path(ca), PEM_MAX, &es->cert, err) < 0 ||
	    registry_open(db_path, &es->rg, err) < 0 || start_http(es, addr, port, err) < 0)
		goto fail;
	if (ret_port != NULL)
		*ret_port = MHD_get_daemon_info(es->http, MHD_DAEMON_INFO_BIND_PORT)->port;
	*ret = es;
	return 0;
fail:
	enrol_server_stop(es);
	return -1;
}

void enrol_server_stop(struct enrol_server *es)
{
	if (es == NULL)
		return;
	if (es->http != NULL)
		MHD_stop_daemon(es->http);
	registry_close(es->rg);
	if (es->key.p != NULL)
		gnutls_memset(es->key.p, 0, es->key.cap);
	buf_release(&es->key);
	buf_release(&es->cert);
	free(es->collector);
	free(es);
}
