/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/control.h: commands that reach a running daemon, and the lock that keeps writers apart.
 * STATE/lock:         held by the daemon while it runs, else by a command while it works.
 * STATE/control.sock: mode 0600; who asks is known by SO_PEERCRED and logged.
 * Protocol: a length (4 bytes, big-endian, at most CONTROL_MAX) and JSON, both ways:
 *           {"argv": [...], "file": {"option": ..., "content": ...}} and {"exit", "out", "err"}. */
#ifndef VARTIO_COLLECTOR_CONTROL_H
#define VARTIO_COLLECTOR_CONTROL_H

#include "collector/command.h"

#define CONTROL_MAX       (1u << 20)  /* bytes of a request */
#define CONTROL_REPLY_MAX (64u << 20) /* bytes of an answer */

/* Takes STATE/lock, waiting at most wait_ms for another process. A process that holds it already
 * counts. ERR_BUSY: held by another. */
int state_lock(const char *state_dir, uint32_t wait_ms, struct err *err);
void state_unlock(void);

struct control;
/* Answers on a thread of its own, one command at a time. Takes the lock too, unless this process
 * has it. after (may be NULL) is called on that thread when a command has run. conf is borrowed. */
int control_start(const struct config *conf, void (*after)(void *arg), void *arg,
		  struct control **ret, struct err *err);
void control_stop(struct control *ct); /* joins and frees; NULL is fine */

/* Asks the daemon. 1: answered, *ret_exit, out and err are its; 0: no daemon; -1 *why. */
int control_ask(const char *state_dir, int argc, char **argv, const struct cmd_file *file,
		int *ret_exit, struct buf *out, struct buf *err, struct err *why);

#endif
