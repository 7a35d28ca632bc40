/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/enrol/client.h: one POST over the agent's own TLS connection, to a collector known only by
 * its authority's key.
 * Promise: not a byte of the request leaves before the server has shown a chain that ends in that
 *          key, is made for a collector, and names the host we asked for.
 * Blocking; every wait is bounded. */
#ifndef VARTIO_ENROL_CLIENT_H
#define VARTIO_ENROL_CLIENT_H

#include "agent/enrol/reply.h"
#include "common/base/buf.h"

/* address: "host:port". *ret_status and the body appended to ret_body. ERR_PEER: nobody there, or
 * nobody we trust; the message names the address and what helps. */
int client_post(const char *address, const uint8_t ca_key[32], struct slice body,
		unsigned *ret_status, struct buf *ret_body, struct err *err);

#endif
