/* SPDX-License-Identifier: EUPL-1.2 */
/* Matches are found by a hash of three bytes and the chain of earlier ones in the window. */
#include <stdlib.h>

#include "common/store/le.h"
#include "tests/peers/forwarders.h"

#define RING      1024u
#define COPY_MAX  271u
#define WINDOW    (RING - COPY_MAX) /* what is copied is not written over meanwhile */
#define HASH_BITS 13
#define TRIES     8

struct writer {
	struct slice in;
	struct buf *out;
	uint64_t bits;
	unsigned n;
	uint32_t *head, *prev; /* places + 1 */
};

static void put(struct writer *w, uint32_t value, unsigned width)
{
	w->bits = w->bits << width | value;
	for (w->n += width; w->n >= 8; w->n -= 8)
		buf_chr(w->out, (char)(w->bits >> (w->n - 8)));
}

static void put_count(struct writer *w, unsigned len)
{
	static const struct {
		unsigned prefix, prefix_bits, base, bits;
	} rows[] = {
		{ 0, 1, 2, 1 }, { 2, 2, 4, 2 }, { 6, 3, 8, 3 }, { 14, 4, 16, 4 }, { 15, 4, 32, 8 }
	};
	unsigned i = 0;

	while (i < 4 && len >= rows[i].base + (1u << rows[i].bits))
		i++;
	put(w, rows[i].prefix, rows[i].prefix_bits);
	put(w, len - rows[i].base, rows[i].bits);
}

static uint32_t hash(const char *p)
{
	uint32_t v = (uint32_t)(unsigned char)p[0] | (uint32_t)(unsigned char)p[1] << 8 |
		     (uint32_t)(unsigned char)p[2] << 16;

	return v * 2654435761u >> (32 - HASH_BITS);
}

static void enter(struct writer *w, size_t at)
{
	uint32_t h;

	if (at + 3 > w->in.n)
		return;
	h = hash(w->in.p + at);
	w->prev[at % RING] = w->head[h];
	w->head[h] = (uint32_t)at + 1;
}

static unsigned longest(const struct writer *w, size_t at, size_t *ret_from)
{
	size_t most = w->in.n - at < COPY_MAX ? w->in.n - at : COPY_MAX;
	unsigned best = 0;
	uint32_t c = most < 3 ? 0 : w->head[hash(w->in.p + at)];

	for (unsigned i = 0; i < TRIES && c > 0 && at - (c - 1) <= WINDOW;
	     i++, c = w->prev[(c - 1) % RING]) {
		unsigned n = 0;

		while (n < most && w->in.p[c - 1 + n] == w->in.p[at + n])
			n++;
		if (n > best) {
			best = n;
			*ret_from = c - 1;
		}
	}
	return best;
}

void sldc_write(struct slice in, struct buf *out)
{
	struct writer w = { .in = in, .out = out };

	w.head = calloc(1u << HASH_BITS, sizeof(*w.head));
	w.prev = calloc(RING, sizeof(*w.prev));
	if (w.head == NULL || w.prev == NULL)
		fail("no memory");
	put(&w, 0x1ff5, 13);
	for (size_t at = 0, from = 0, n; at < in.n;) {
		n = longest(&w, at, &from);
		if (n >= 3) {
			put(&w, 1, 1);
			put_count(&w, (unsigned)n);
			put(&w, (uint32_t)(from % RING), 10);
		} else {
			n = 1;
			put(&w, (unsigned char)in.p[at], 9);
		}
		for (; n > 0; n--)
			enter(&w, at++);
	}
	put(&w, 0x1ff4, 13);
	if (w.n > 0)
		put(&w, 0, 8 - w.n);
	le32_put(out, (uint32_t)in.n);
	free(w.head);
	free(w.prev);
}
