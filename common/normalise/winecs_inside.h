/* SPDX-License-Identifier: EUPL-1.2 */
/* common/normalise/winecs_inside.h: the tables of winecs.c. A new event id is a row of one of
 * winecs_security.c, winecs_sysmon.c, winecs_other.c; a new number's name is one of winecs_names.c.
 */
#ifndef VARTIO_NORMALISE_WINECS_INSIDE_H
#define VARTIO_NORMALISE_WINECS_INSIDE_H

#include "common/normalise/winecs.h"

enum winecs_kind {
	W_END,
	W_TEXT,
	W_LOWER,
	W_ADD, /* one more value of a list */
	W_NUMBER,
	W_IP,             /* also: where what is not an address goes; 0: nowhere */
	W_IP_PORT,        /* "192.0.2.1:5000"; also: the port */
	W_PORT,           /* 0 means none */
	W_PID,            /* decimal or 0x */
	W_PROGRAM,        /* a path; also: its last part */
	W_FILE,           /* the same, and file.directory and file.extension of file.path */
	W_THREAT_FILE,    /* Defender's "file:_C:\\a.exe; webfile:_.." */
	W_ACCOUNT,        /* "DOMAIN\name"; also: the domain */
	W_PRINCIPAL,      /* the same, or "name@REALM", whose realm goes */
	W_MEMBER,         /* a distinguished name's first part */
	W_HASHES,         /* "MD5=..,SHA256=.."; also: imphash */
	W_COMMAND,        /* a command line; also: its arguments, and behind that how many */
	W_REGISTRY,       /* a path in the registry */
	W_REGISTRY_VALUE, /* the same with a value's name at its end */
	W_DETAILS,        /* what was written there */
	W_ANSWERS,        /* of the DNS: its addresses */
	W_DIRECTION,      /* "true": this host began */
	W_FAMILY,         /* "true": IPv6 */
	W_LIST,           /* words; beside it as NAMEDescription */
	W_SHARE,          /* a share's own path; the rest of the event tells the file */
	W_CONTEXT,        /* lines of "name = value" (PowerShell) */
	W_SYSTEM_USER,    /* not of the data: winlog.user.identifier */
	W_NAME,           /* also: enum winecs_names; to is 0: beside it as NAMEDescription */
	W_BITS,           /* the same, a name for each bit */
	W_KINDS,
};

struct winecs_field {
	struct slice from; /* below winlog.event_data or winlog.user_data */
	uint8_t kind;
	uint16_t to, also; /* enum ecs */
};
/* clang-format off */
#define W_FIELD(from, kind, to, also) { { from, sizeof(from) - 1 }, kind, to, also }
#define W_LAST                        { { NULL, 0 }, W_END, 0, 0 }
/* clang-format on */

enum winecs_names {
	NAMES_LOGON_TYPE,
	NAMES_STATUS,
	NAMES_KERBEROS,
	NAMES_ENCRYPTION,
	NAMES_SERVICE_TYPE,
	NAMES_DNS_STATUS,
	NAMES_PROTOCOL,
	NAMES_MESSAGE, /* %%1833 */
	NAMES_COUNT,
};
enum winecs_bits {
	BITS_ACCESS, /* of files and shares, and what all objects have */
	BITS_DIRECTORY,
	BITS_PROCESS,
	BITS_TICKET,
	BITS_ACCOUNT,
	BITS_COUNT,
};
struct winecs_name {
	uint32_t number;
	const char *name;
};
const char *winecs_name(enum winecs_names which, uint64_t number); /* NULL: it has none */
/* Ends with a NULL name. */
const struct winecs_name *winecs_bits(enum winecs_bits which);
struct winecs_sid {
	const char *sid, *domain, *name, *type;
};
const struct winecs_sid *winecs_sid(struct slice sid); /* NULL: of a domain, or unknown */
const char *winecs_rid(struct slice sid); /* the name that each domain gives such a SID, or NULL */

#define WINECS_LISTS 4
struct winecs_event {
	uint16_t id;
	const char *action;
	const char *category[2], *type[3];
	const char *outcome; /* where the event's keywords do not tell */
	const struct winecs_field *fields[WINECS_LISTS];
};
struct winecs_provider {
	struct slice name;
	const char *module;
	bool codes;                        /* its data holds message codes */
	const struct winecs_event *events; /* by id */
	unsigned n;
};
extern const struct winecs_provider winecs_security, winecs_eventlog, winecs_sysmon;
extern const struct winecs_provider *const winecs_others[]; /* NULL at the end */
extern const struct winecs_field winecs_context[];          /* of PowerShell, names in lower case */

/* winecs_put.c */
struct winecs {
	struct event *ev;
	struct buf *scratch;
	unsigned at; /* in ev->dynamic: where the next field is likely */
};
/* The text of winlog.event_data.NAME or winlog.user_data.NAME; empty: none. */
struct slice winecs_value(struct winecs *w, struct slice name);
void winecs_put(struct winecs *w, const struct winecs_field *f, struct slice v);
/* Beside a value, as winlog.event_data.NAMEDescription. */
void winecs_describe(struct winecs *w, struct slice name, struct slice description);
/* Is it what Windows writes where it has nothing to say? */
static inline bool winecs_blank(struct slice v)
{
	return v.n == 0 || (v.n == 1 && v.p[0] == '-');
}

#endif
