/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/control_wire.h: the control socket's frames: both ends use these, nobody else. */
#ifndef VARTIO_COLLECTOR_CONTROL_WIRE_H
#define VARTIO_COLLECTOR_CONTROL_WIRE_H

#include <jansson.h>

#include "collector/control.h"

struct sockaddr_un;

/* The socket's address; a long state folder is reached through an open descriptor (*ret_dir_fd, to
 * be closed after bind or connect; -1: none needed). */
int wire_address(const char *state_dir, struct sockaddr_un *ret, int *ret_dir_fd, struct err *err);
/* One frame. wait_ms: for each piece of silence. stop_fd: readable ends the wait (-1: none).
 * ERR_PEER: hung up, silent or no frame; ERR_FULL: longer than max. */
int wire_send(int fd, struct slice json, uint32_t wait_ms, int stop_fd, struct err *err);
int wire_receive(int fd, size_t max, uint32_t wait_ms, int stop_fd, struct buf *out,
		 struct err *err);

struct wire_request { /* borrows from root */
	json_t *root;
	int argc;
	char **argv; /* NULL-terminated; of root's texts, not to be written to */
	bool has_file;
	struct cmd_file file;
};
/* Pure. ERR_SYNTAX. wire_request_release in any case. */
int wire_request_read(struct slice json, struct wire_request *ret, struct err *err);
void wire_request_release(struct wire_request *rq);

#endif
