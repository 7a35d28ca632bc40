/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/walk.h: which files of folders are rules, in a fixed order: what a load reads,
 * and what is looked at to see whether anything changed. Blocking; any thread. */
#ifndef VARTIO_DETECT_WALK_H
#define VARTIO_DETECT_WALK_H

#include <sys/stat.h>

#include "collector/detect/detect.h"
#include "common/base/buf.h"

enum walk_kind {
	WALK_RULES,  /* a file of rules */
	WALK_PASSED, /* no file of rules: why says so */
	WALK_LOST,   /* a folder or file that can't be read or looked at: why says so */
};
struct walk_entry { /* lent for the call */
	enum walk_kind kind;
	const char *path, *why;
	const struct stat *st; /* NULL where there is none */
};
/* Calls entry for each path and, in folders, for all below: *.yml and *.yaml are rules, names with
 * a dot before them and logsources.yml and fieldmap.yml are not. Folders behind symbolic links are
 * passed over, as they could lead in a circle; linked files are read. entry returns 0, or -1 to
 * stop. ERR_ABSENT, ERR_DENIED, ERR_IO: one of paths itself. */
int rules_walk(const char *const *paths, size_t n,
	       int (*entry)(void *arg, const struct walk_entry *e), void *arg, struct err *err);
/* What changes when any of the files of rules and values does: their names, sizes, times and
 * inodes. */
uint64_t rules_fingerprint(const struct rules_source *src);
/* Appends a file of rules or values: at most max bytes (ERR_FULL), and nothing but a regular file,
 * for others could be endless or silent. */
int rule_file_read(const char *path, size_t max, struct buf *out, struct err *err);

#endif
