/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/base/arena.h"

#include <stdlib.h>

#define CHUNK_MIN 4096u
#define CHUNK_MAX                                                                                  \
	(256u * 1024) /* growth stops doubling here; larger wishes get a chunk of their own */

struct arena_chunk {
	struct arena_chunk *next;
	size_t n, cap;
	_Alignas(16) char bytes[];
};

void *arena_alloc(struct arena *a, size_t n)
{
	struct arena_chunk *c = a->head;
	size_t cap;
	char *p;

	if (n > SIZE_MAX / 2)
		return NULL;
	n = (n + 15) & ~(size_t)15;
	if (c == NULL || c->cap - c->n < n) {
		cap = c == NULL ? CHUNK_MIN : c->cap * 2;
		if (cap > CHUNK_MAX)
			cap = CHUNK_MAX;
		if (cap < n)
			cap = n;
		c = malloc(sizeof(*c) + cap);
		if (c == NULL)
			return NULL;
		*c = (struct arena_chunk){ .next = a->head, .cap = cap };
		a->head = c;
	}
	p = c->bytes + c->n;
	c->n += n;
	a->used += n;
	return p;
}

struct slice arena_copy(struct arena *a, struct slice s)
{
	char *p = arena_alloc(a, s.n + 1);

	if (p == NULL)
		return (struct slice){ NULL, 0 };
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return (struct slice){ p, s.n };
}

void arena_reset(struct arena *a)
{
	struct arena_chunk *c = a->head, *next;

	a->used = 0;
	if (c == NULL)
		return;
	for (next = c->next; next != NULL; next = c->next) {
		c->next = next->next;
		free(next);
	}
	c->n = 0;
	if (c->cap > CHUNK_MAX) { /* one huge event must not hold its memory for ever */
		free(c);
		a->head = NULL;
	}
}

void arena_release(struct arena *a)
{
	struct arena_chunk *c, *next;

	for (c = a->head; c != NULL; c = next) {
		next = c->next;
		free(c);
	}
	*a = (struct arena){ 0 };
}
