/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/yamltree.h: YAML documents as trees that know their places. By libyaml.
 * Bounds: depth, nodes and names of a map; an alias counts as all that it stands for, so that a few
 * lines of them come to no more than plain text does. Merged and doubled keys are refused. What is
 * read lives in the arena; texts end in NUL and hold none. */
#ifndef VARTIO_DETECT_YAMLTREE_H
#define VARTIO_DETECT_YAMLTREE_H

#include "common/base/arena.h"
#include "common/base/err.h"

#define YAML_DEPTH_MAX 32u
#define YAML_NODES_MAX 50000u /* of one document; and what aliases add to one file */
#define YAML_KEYS_MAX  1000u  /* of one map */
#define YAML_NAMES_MAX 1000u  /* anchors of one document */

enum ynode_kind { Y_SCALAR, Y_LIST, Y_MAP };
struct ynode {
	enum ynode_kind kind;
	unsigned line, col; /* from 1 */
	bool plain;         /* a scalar without quotes: may be null, a number, true, false */
	struct slice text;  /* Y_SCALAR */
	struct ynode *key;  /* inside a map: the name */
	struct ynode *first, *next;
	unsigned n; /* children */
};

/* Calls doc for each document that is not empty; doc returns 0, or -1 to stop. ERR_SYNTAX with line
 * and col (documents before the fault have been given). Returns -1 for an error or when doc stopped
 * it. */
int yaml_read(struct slice text, struct arena *mem, int (*doc)(void *arg, struct ynode *root),
	      void *arg, struct err *err);
/* The same for a text that begins further down in its file: *pl says where, and what aliases have
 * added so far. ERR_FULL: the document, or what aliases add, comes to more than max_nodes. */
struct yaml_place {
	unsigned line; /* of the text's first line, from 1 */
	unsigned copies;
	unsigned max_nodes; /* 0: YAML_NODES_MAX */
};
int yaml_read_from(struct slice text, struct yaml_place *pl, struct arena *mem,
		   int (*doc)(void *arg, struct ynode *root), void *arg, struct err *err);
/* yamldocs.c: all documents of a file's text; bad is told of each that is broken or too large, at
 * its place in the text. Past a hundred of them the rest is not read: then n, else 1, says how many
 * documents that are. -1: doc stopped it (err is untouched), or ERR_NOMEM. */
int yaml_each(struct slice text, struct arena *mem, int (*doc)(void *arg, struct ynode *root),
	      void (*bad)(void *arg, const struct err *why, size_t n), void *arg, struct err *err);
/* A copy that lives in mem. NULL: no memory. */
struct ynode *ynode_copy(const struct ynode *n, struct arena *mem);
struct ynode *ynode_get(const struct ynode *map, const char *key); /* NULL: absent or not a map */
bool ynode_is_null(const struct ynode *n);
bool ynode_is_bool(const struct ynode *n, bool *ret);
/* "1", "-2.5", "1e3": YAML 1.2 core without hexadecimal and octal, which stay text. */
bool ynode_is_number(const struct ynode *n);
bool ynode_is_json_number(const struct ynode *n); /* one that RFC 8259 writes the same */

#endif
