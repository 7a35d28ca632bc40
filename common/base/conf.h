/* SPDX-License-Identifier: EUPL-1.2 */
/* common/base/conf.h: YAML settings, read into structs by tables.
 * An error names file, line, column and what was expected, and changes nothing. Aliases and tags
 * are refused; depth, nodes and bytes are bounded (a settings file is small). */
#ifndef VARTIO_BASE_CONF_H
#define VARTIO_BASE_CONF_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"

enum conf_kind { CONF_SCALAR, CONF_LIST, CONF_MAP };

struct conf_node { /* everything it points to lives in the arena that conf_parse was given */
	enum conf_kind kind;
	unsigned line, col;      /* from 1 */
	struct slice key;        /* inside a map; NUL-terminated */
	struct slice text;       /* CONF_SCALAR; NUL-terminated */
	bool quoted;             /* a quoted scalar: "5" is text */
	struct conf_node *first; /* CONF_LIST, CONF_MAP: children, in order */
	struct conf_node *next;  /* the next sibling */
};

/* Parses one YAML document. An empty one gives an empty map. ERR_SYNTAX with line and col. */
int conf_parse(struct slice text, struct arena *mem, struct conf_node **ret, struct err *err);
/* Reads and parses path; messages begin "PATH:LINE:COL: ". */
int conf_load(const char *path, struct arena *mem, struct conf_node **ret, struct err *err);
/* A map's child, or NULL. */
const struct conf_node *conf_get(const struct conf_node *map, const char *key);
/* The node at "agents.names"; a key that is absent gives the map it should stand in. */
const struct conf_node *conf_find(const struct conf_node *root, const char *dotted);

enum conf_type {
	CONF_STR,      /* const char *; in the arena */
	CONF_BOOL,     /* bool; true/false/yes/no */
	CONF_INT,      /* int64_t, within min..max */
	CONF_BYTES,    /* uint64_t; "2GiB", "64 KiB", "100MB", plain bytes; within min..max */
	CONF_DURATION, /* int64_t milliseconds; "200ms", "5s", "10min", "24h", "7d"; min..max in ms
			*/
	CONF_ENUM,     /* int: the index in names */
	CONF_STRS,     /* struct conf_strs; a list of texts, or one text */
	CONF_SUB,      /* a nested struct at the offset, by the table in `sub` */
	CONF_RAW,      /* const struct conf_node *; for the owner to read */
};

struct conf_strs {
	const char **v; /* in the arena */
	size_t n;
};

struct conf_item { /* a table ends with a NULL name; manual pages are written from it */
	const char *name;
	enum conf_type type;
	size_t offset;               /* in the target struct */
	int64_t min, max;            /* both 0: no bounds */
	const char *fallback;        /* used when the key is absent; NULL: left as it was */
	const char *help;            /* one line for the manual */
	const char *const *names;    /* CONF_ENUM: NULL-terminated */
	const struct conf_item *sub; /* CONF_SUB */
	bool required;               /* of CONF_STRS: at least one */
};

/* Fills *target from map by items. Unknown key, wrong type, out of bounds, missing: ERR_SYNTAX with
 * the place and what was expected; *target is then partly written, so bind into a fresh struct.
 * map may be NULL: all fallbacks. */
int conf_bind(const struct conf_node *map, const struct conf_item *items, void *target,
	      struct arena *mem, struct err *err);
/* Appends the names ("spool.level"), comma-separated, of the settings that are not the same in two
 * structs that conf_bind filled by items; of CONF_RAW nothing is known. Tables nest once. */
void conf_differ(const struct conf_item *items, const void *a, const void *b, struct buf *out);
/* Puts "path:line:col: " before an error that has a place, and clears the place. Returns -1. */
int conf_err_in(struct err *err, const char *path);

#endif
