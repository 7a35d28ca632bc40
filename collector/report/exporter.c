/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/report/exporter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>

#define CONNECTIONS_MAX 16u
#define TIMEOUT_S       10u

struct exporter {
	struct MHD_Daemon *daemon;
	void (*render)(void *arg, struct buf *out);
	void *arg;
};

static enum MHD_Result reply(struct MHD_Connection *cn, unsigned status, const char *type,
			     struct buf *body)
{
	struct MHD_Response *rs =
		MHD_create_response_from_buffer(body->n, body->p, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result r = MHD_NO;

	if (rs == NULL) {
		buf_release(body);
		return MHD_NO;
	}
	if (MHD_add_response_header(rs, MHD_HTTP_HEADER_CONTENT_TYPE, type) == MHD_YES)
		r = MHD_queue_response(cn, status, rs);
	MHD_destroy_response(rs); /* frees the body with its last use */
	return r;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *cn, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **state)
{
	struct exporter *ex = arg;
	struct buf body = { 0 };

	if (strcmp(method, "GET") != 0)
		return MHD_NO;
	if (strcmp(url, "/metrics") == 0) {
		ex->render(ex->arg, &body);
		return reply(cn, body.failed ? 500 : 200,
			     "application/openmetrics-text; version=1.0.0; charset=utf-8", &body);
	}
	buf_str(&body, strcmp(url, "/health") == 0 ? "good\n" : "not found; try /metrics\n");
	return reply(cn, strcmp(url, "/health") == 0 ? 200 : 404, "text/plain; charset=utf-8",
		     &body);
}

int exporter_start(const char *addr, uint16_t port, void (*render)(void *arg, struct buf *out),
		   void *arg, struct exporter **ret, uint16_t *ret_port, struct err *err)
{
	struct exporter *ex = calloc(1, sizeof(*ex));
	const union MHD_DaemonInfo *info;
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port) };

	if (ex == NULL)
		return err_nomem(err);
	ex->render = render;
	ex->arg = arg;
	if (inet_pton(AF_INET, addr, &sa.sin_addr) != 1) {
		free(ex);
		return err_set(err, ERR_USAGE, "metrics.listen: %s is not an IPv4 address", addr);
	}
	ex->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO, port, NULL,
				      NULL, on_request, ex, MHD_OPTION_SOCK_ADDR, &sa,
				      MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
				      MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S, MHD_OPTION_END);
	if (ex->daemon == NULL) {
		free(ex);
		return err_set(
			err, ERR_IO,
			"cannot listen for metrics at %s:%u: %s; set metrics.port, 0 turns it off",
			addr, port, strerror(errno));
	}
	info = MHD_get_daemon_info(ex->daemon, MHD_DAEMON_INFO_BIND_PORT);
	if (ret_port != NULL)
		*ret_port = info != NULL ? info->port : port;
	*ret = ex;
	return 0;
}

void exporter_stop(struct exporter *ex)
{
	if (ex == NULL)
		return;
	MHD_stop_daemon(ex->daemon);
	free(ex);
}
