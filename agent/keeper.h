/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/keeper.h: keeps the configured inputs open. One that fails is closed and opened again with
 * back-off (1 s doubling to 60 s); one that could not give its record away is resumed when there is
 * room. It never takes the agent down. Thread: the loop thread. */
#ifndef VARTIO_AGENT_KEEPER_H
#define VARTIO_AGENT_KEEPER_H

#include "agent/config.h"

struct keeper;
struct tally;
struct keeper_opts {
	uv_loop_t *loop;
	const struct config *conf; /* borrowed for keeper's life */
	struct sink *sink;
	struct slice host;   /* borrowed */
	struct tally *tally; /* borrowed: counters over a reload; NULL: none are kept */
};
/* Opens all inputs; those that fail are logged and tried again. -1: out of memory. */
int keeper_open(const struct keeper_opts *opts, struct keeper **ret, struct err *err);
void keeper_blocked(struct keeper *kp, struct input *in); /* the spool took nothing: it waits */
void keeper_failed(struct keeper *kp, struct input *in, const struct err *err);
void keeper_resume(struct keeper *kp);                  /* there is room again */
void keeper_durable(struct keeper *kp, enum lane lane); /* more of the lane is on disk */
/* Before keeper_each: what only the kernel has counted so far is counted then. */
void keeper_look(struct keeper *kp);
/* For status: problem is "" while the input is open. */
void keeper_each(const struct keeper *kp,
		 void (*each)(void *arg, const struct input *in, bool waiting, const char *problem),
		 void *arg);
void keeper_close(struct keeper *kp, void (*closed)(void *arg), void *arg); /* later; frees */

#endif
