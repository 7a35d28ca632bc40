/* SPDX-License-Identifier: EUPL-1.2 */
/* common/base/arena.h: memory that ends all at once. A batch of events is one arena. */
#ifndef VARTIO_BASE_ARENA_H
#define VARTIO_BASE_ARENA_H

#include "common/base/slice.h"

struct arena_chunk;
struct arena {
	struct arena_chunk *head; /* the chunk being filled; older ones hang behind it */
	size_t used;              /* bytes handed out since the last reset */
};

/* A zeroed struct is an empty arena. Memory is aligned to 16 bytes and not zeroed. NULL: none left.
 */
void *arena_alloc(struct arena *a, size_t n);
/* A copy of s followed by a NUL that the slice does not count. p is NULL when memory is out. */
struct slice arena_copy(struct arena *a, struct slice s);
void arena_reset(struct arena *a);   /* forgets everything, keeps one chunk */
void arena_release(struct arena *a); /* frees everything */

#endif
