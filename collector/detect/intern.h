/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/intern.h: byte strings as small dense numbers, so that equal things of all rules
 * become one thing. Used while loading only. */
#ifndef VARTIO_DETECT_INTERN_H
#define VARTIO_DETECT_INTERN_H

#include "common/base/arena.h"

struct intern { /* zeroed: empty */
	struct slice *keys;
	uint64_t *hashes;
	uint32_t *slot;
	unsigned n, cap, slots;
};

#define INTERN_NONE UINT32_MAX
uint32_t intern_find(const struct intern *in, struct slice key); /* INTERN_NONE: not there */
/* The number of key; it is copied to mem when it is new. -1: no memory. */
int intern_add(struct intern *in, struct arena *mem, struct slice key, uint32_t *ret,
	       bool *ret_new);
void intern_release(struct intern *in);

#endif
