/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/values.h: what a site's placeholders stand for (the modifier `expand`), for all
 * tenants and for single ones. One file of YAML: a map of placeholders to a value or a list, and
 * below `tenants` the same by tenant, where a name replaces the list that all have. One file and
 * not a folder, so that one look shows who has what, and one rename changes it. */
#ifndef VARTIO_DETECT_VALUES_H
#define VARTIO_DETECT_VALUES_H

#include "common/base/arena.h"
#include "common/base/err.h"

struct value_list {
	struct slice *v; /* as the file writes them: * and ? are wildcards, \ escapes them */
	unsigned n;      /* 0: no value fits, which is something else than no list */
};
struct tenant_list {
	struct slice tenant;
	struct value_list list;
};
struct placeholder {
	struct slice name; /* without its percent signs */
	const struct value_list *all;
	struct tenant_list *tenants; /* in the file's order */
	unsigned n_tenants, cap;
	bool used; /* by the rule that is being compiled */
};
struct values {
	struct arena mem;
	struct placeholder *v;
	unsigned n, cap;
};

/* Reads path into a zeroed struct. Errors begin "PATH:LINE:COL: " where they have a place;
 * *ret is to be released all the same. At most 16 MiB and 400,000 values. */
int values_load(const char *path, struct values *ret, struct err *err);
struct placeholder *values_find(struct values *vs, struct slice name); /* NULL: none */
bool values_name_char(char c); /* what a placeholder's name is made of */
void values_release(struct values *vs);

#endif
