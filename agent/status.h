/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/status.h: what the running agent says of itself, at RUN_DIR/status.sock (mode 0600): one
 * JSON object to everybody who connects. `vartio-agent status` prints it for a person, as JSON or
 * as OpenMetrics. Thread: the loop thread. */
#ifndef VARTIO_AGENT_STATUS_H
#define VARTIO_AGENT_STATUS_H

#include <jansson.h>
#include <uv.h>

#include "common/base/err.h"

struct status_server;
/* describe gives a new reference, or NULL when memory is out; called for each question. */
int status_open(uv_loop_t *loop, const char *dir, json_t *(*describe)(void *arg), void *arg,
		struct status_server **ret, struct err *err);
void status_close(struct status_server *ss, void (*closed)(void *arg),
		  void *arg); /* later; frees */

#endif
