/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/enrol/reply.h: the collector's answer to an enrolment: one HTTP/1.1 reply with a JSON body.
 * Pure: bytes in, texts out. Fuzzed as fuzz_enrol_reply.
 * Standards: RFC 9112 (what we accept is one reply with Content-Length), RFC 8259. */
#ifndef VARTIO_ENROL_REPLY_H
#define VARTIO_ENROL_REPLY_H

#include "common/base/arena.h"
#include "common/base/err.h"

#define REPLY_HEAD_MAX 8192u
#define REPLY_BODY_MAX 65536u

/* 1: whole, *ret_status and *ret_body (points into in); 0: wait for more; -1: not such a reply. */
int reply_parse(struct slice in, unsigned *ret_status, struct slice *ret_body, struct err *err);

struct reply { /* texts live in the arena; NUL-terminated */
	const char *certificate, *ca, *agent, *tenant, *collector;
};
/* A whole reply's meaning. ERR_DENIED: refused, and the message is the collector's own, made safe
 * for a terminal; ERR_PEER: it makes no sense. */
int reply_read(unsigned status, struct slice body, struct arena *mem, struct reply *ret,
	       struct err *err);

#endif
