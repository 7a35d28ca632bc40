/* SPDX-License-Identifier: EUPL-1.2 */
/* common/base/err.h: the one error type, whose message is written for the operator.
 * Libraries return errors; only a daemon's top level logs them: one fault, one line. */
#ifndef VARTIO_BASE_ERR_H
#define VARTIO_BASE_ERR_H

#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

enum err_code {
	ERR_NONE = 0,
	ERR_NOMEM,  /* out of memory */
	ERR_IO,     /* the disk or a socket: errno was part of the message */
	ERR_SYNTAX, /* bytes that are not what their format says */
	ERR_FULL,   /* a bound of ours is reached; try again later */
	ERR_DENIED, /* rights, certificate, token, tenant */
	ERR_ABSENT, /* the named thing does not exist */
	ERR_EXISTS, /* the named thing exists already */
	ERR_USAGE,  /* a person called us wrongly */
	ERR_PEER,   /* the other end misbehaved or went away */
	ERR_BUSY,   /* somebody else holds it */
	ERR_NEWER,  /* written by a newer version of Vartio */
};

struct err {
	enum err_code code; /* what the program branches on; few, stable */
	unsigned line, col; /* place in a configuration or rule file, from 1; 0: no place */
	char msg[512];      /* what the operator reads: which thing, what happened, what helps */
};

/* Sets all but the place. Long messages are cut at a UTF-8 boundary. err may be NULL. Always -1. */
int err_set(struct err *err, enum err_code code, const char *fmt, ...) PRINTF(3, 4);
/* The same with a place in a file. Always -1. */
int err_at(struct err *err, unsigned line, unsigned col, enum err_code code, const char *fmt, ...)
	PRINTF(5, 6);
int err_nomem(struct err *err); /* "out of memory". Always -1. */

#endif
