/* SPDX-License-Identifier: EUPL-1.2 */
/* ECMA-321 copies from absolute places of a ring of 1,024 bytes. Every byte of output enters the
 * ring, so the place `from` holds the byte that was put out (index - from) mod 1,024 bytes ago: a
 * copy is one from the output itself, and the ring need not be kept. Only what a reset leaves in
 * it must be: a reset moves the index, and the bytes stay until they are written over. */
#include "agent/inputs/wef/sldc.h"

#include <endian.h>

#include "common/store/le.h"

#define RING        1024u
#define CONTROL     0x1ffu /* nine 1-bits begin a control symbol of 13 */
#define COPY_MAX    271u
#define CHUNK       16u        /* copied at once, where the bytes behind it are ours */
#define MOST        23u        /* bits of the longest symbol */
#define ROOM        (8 * RING) /* got at once, so that the hot loop asks seldom */
#define LENGTH_TAIL 4u

enum scheme { SCHEME_NONE, SCHEME_COPIES, SCHEME_LITERALS };
enum symbol { /* ECMA-321, 7.4: the last four of a control symbol's bits */
	      SYM_FLUSH,
	      SYM_SCHEME_1,
	      SYM_SCHEME_2,
	      SYM_FILE_MARK,
	      SYM_END_OF_RECORD,
	      SYM_RESET_1,
	      SYM_RESET_2,
	      SYM_END_MARKER = 15,
};

struct bits {
	struct slice in;
	size_t at;     /* the next byte that bits do not hold */
	uint64_t held; /* the bits read and not used, at the top */
	unsigned n;    /* how many */
};
struct reader {
	struct bits b;
	struct buf *out;
	size_t start, max; /* out->n at the start, and how far it may go */
	size_t reset;      /* out->n at the last reset: the ring's index 0 */
	enum scheme scheme;
	char old[RING]; /* the ring as it was at the last reset */
};

/* At least 57 bits, or all there are. */
static void fill(struct bits *b)
{
	uint64_t word;

	if (b->n > 56)
		return;
	if (b->in.n - b->at >= 8) {
		unsigned bytes = (64 - b->n) / 8;

		memcpy(&word, b->in.p + b->at, 8);
		b->held |= be64toh(word) >> b->n;
		b->at += bytes;
		b->n += bytes * 8;
		if (b->n < 64) /* what did not fit as a whole byte comes again */
			b->held &= ~UINT64_C(0) << (64 - b->n);
		return;
	}
	while (b->n <= 56 && b->at < b->in.n) {
		b->held |= (uint64_t)(unsigned char)b->in.p[b->at++] << (56 - b->n);
		b->n += 8;
	}
}

static unsigned peek(const struct bits *b, unsigned n) /* 1 to 32; zeros past the end */
{
	return (unsigned)(b->held >> (64 - n));
}

static void skip(struct bits *b, unsigned n) /* n <= b->n */
{
	b->held <<= n;
	b->n -= n;
}

/* Room for one step past out->n. */
static int make_room(struct reader *r, size_t more, struct err *err)
{
	if (r->out->n - r->start + more > r->max)
		return err_set(err, ERR_FULL, "SLDC: more than %zu bytes come of it", r->max);
	if (r->out->cap - r->out->n < more && buf_reserve(r->out, more + ROOM) < 0)
		return err_nomem(err);
	return 0;
}

static int cut_short(struct err *err)
{
	return err_set(err, ERR_SYNTAX, "SLDC: it ends before its end of record");
}

static int literal(struct reader *r, unsigned bits, struct err *err)
{
	if (r->b.n < bits)
		return cut_short(err);
	if (make_room(r, 1, err) < 0)
		return -1;
	r->out->p[r->out->n++] = (char)peek(&r->b, bits);
	skip(&r->b, bits);
	return 0;
}

/* ECMA-321, 7.3.2: how many bytes a copy has, by the 1-bits that its count begins with. */
static const struct count {
	unsigned prefix, bits, base;
} counts[] = {
	{ 1, 1, 2 }, { 2, 2, 4 }, { 3, 3, 8 }, { 4, 4, 16 }, { 4, 8, 32 },
};

/* How many bytes ago the place `from` of the ring was written; more than n: not since the reset. */
static size_t ago(size_t n, size_t from)
{
	size_t back = (n - from) & (RING - 1);

	return back == 0 ? RING : back; /* the next place to be written has the oldest byte */
}

/* Scheme 1 while neither end is near and all that is copied was written since the reset: nearly
 * always. No question is asked twice, and what is read stays in registers. It stops in front of
 * what it leaves to step(). */
static void run(struct reader *r)
{
	const struct bits *b = &r->b;
	size_t max = r->start + r->max, cap = r->out->cap, end = max < cap ? max : cap,
	       n = r->out->n;
	uint64_t held = b->held, word;
	size_t at = b->at;
	unsigned have = b->n;

	while (end - n >= COPY_MAX + CHUNK && b->in.n - at >= 8) {
		const struct count *c;
		unsigned ones, len;
		size_t back;
		uint64_t v;

		memcpy(&word, b->in.p + at, 8);
		held |= be64toh(word) >> have; /* bits past have are those that come again */
		at += (63 - have) >> 3;
		have |= 56;
		while (have >= 9 && held >> 63 == 0) {
			r->out->p[n++] = (char)(held >> 55);
			held <<= 9;
			have -= 9;
		}
		if (have < MOST)
			continue;
		if (held >> 55 == CONTROL)
			break;
		ones = (unsigned)__builtin_clzll(~(held << 1));
		c = &counts[ones < 4 ? ones : 4];
		v = held << (1 + c->prefix);
		len = c->base + (unsigned)(v >> (64 - c->bits));
		v <<= c->bits;
		back = ((n - r->reset - (size_t)(v >> 54) - 1) & (RING - 1)) + 1;
		if (back > n - r->reset)
			break;
		held = v << 10;
		have -= 1 + c->prefix + c->bits + 10;
		if (back >= CHUNK)
			for (unsigned i = 0; i < len; i += CHUNK) /* it may write behind its end */
				memcpy(r->out->p + n + i, r->out->p + n + i - back, CHUNK);
		else
			for (unsigned i = 0; i < len;
			     i++) /* it may read what it has just written */
				r->out->p[n + i] = r->out->p[n + i - back];
		n += len;
	}
	r->out->n = n;
	r->b.at = at;
	r->b.n = have;
	r->b.held = have < 64 ? held & ~(~UINT64_C(0) >> have) : held;
}

static void reset(struct reader *r, enum scheme scheme)
{
	size_t n = r->out->n - r->reset;
	const char *end = r->out->p + r->out->n;

	for (size_t i = 0; i < RING && n > 0; i++)
		if (ago(n, i) <= n)
			r->old[i] = end[-(ptrdiff_t)ago(n, i)];
	r->reset = r->out->n;
	r->scheme = scheme;
}

static int copy(struct reader *r, struct err *err)
{
	unsigned ones = 0, len, from, used;
	const struct count *c;
	size_t n, back;
	char *to;

	while (ones < 4 && (r->b.held >> (62 - ones) & 1) != 0) /* behind the 1 that says "copy" */
		ones++;
	c = &counts[ones];
	used = 1 + c->prefix + c->bits + 10;
	if (r->b.n < used)
		return cut_short(err);
	skip(&r->b, 1 + c->prefix);
	len = c->base + peek(&r->b, c->bits);
	skip(&r->b, c->bits);
	from = peek(&r->b, 10);
	skip(&r->b, 10);
	if (make_room(r, len, err) < 0)
		return -1;
	to = r->out->p + r->out->n;
	n = r->out->n - r->reset;
	back = ago(n, from);
	for (unsigned i = 0; i < len; i++) /* it may read what it has just written */
		to[i] = back <= n + i ? to[(ptrdiff_t)i - (ptrdiff_t)back]
				      : r->old[(from + i) & (RING - 1)];
	r->out->n += len;
	return 0;
}

/* 1: the record has ended; 0: go on; -1. */
static int control(struct reader *r, struct err *err)
{
	unsigned sym = peek(&r->b, 13) & 15;

	if (r->b.n < 13)
		return cut_short(err);
	skip(&r->b, 13);
	switch ((enum symbol)sym) {
	case SYM_FLUSH: /* Windows pads nothing behind it */
	case SYM_FILE_MARK:
		return 0;
	case SYM_SCHEME_1:
		r->scheme = SCHEME_COPIES;
		return 0;
	case SYM_SCHEME_2:
		r->scheme = SCHEME_LITERALS;
		return 0;
	case SYM_RESET_1:
		reset(r, SCHEME_COPIES);
		return 0;
	case SYM_RESET_2:
		reset(r, SCHEME_LITERALS);
		return 0;
	case SYM_END_OF_RECORD:
	case SYM_END_MARKER:
		return 1;
	}
	return err_set(err, ERR_SYNTAX, "SLDC: the control symbol 1FF%X is not known", sym);
}

static int step(struct reader *r, struct err *err)
{
	if (peek(&r->b, 9) == CONTROL)
		return control(r, err);
	switch (r->scheme) {
	case SCHEME_COPIES:
		if (r->b.held >> 63 != 0)
			return copy(r, err);
		return literal(r, 9, err); /* its first bit is 0 */
	case SCHEME_LITERALS:
		if (peek(&r->b, 8) != 0xff)
			return literal(r, 8, err);
		if (literal(r, 8, err) < 0)
			return -1;
		if (r->b.n < 1)
			return cut_short(err);
		skip(&r->b, 1); /* the 0 that tells FF from a control symbol */
		return 0;
	case SCHEME_NONE:
		break;
	}
	return err_set(err, ERR_SYNTAX, "SLDC: it begins with no scheme");
}

/* Behind the record: zero bits up to a byte, then the length, where it is given. A second record
 * would be events that nobody reads, so it is refused. */
static int check_length(struct reader *r, struct err *err)
{
	struct slice rest = slice_from(r->b.in, r->b.at - r->b.n / 8);
	size_t n = r->out->n - r->start;
	uint32_t said;

	if (rest.n == 0)
		return 0;
	if (rest.n != LENGTH_TAIL)
		return err_set(err, ERR_SYNTAX, "SLDC: %zu bytes follow its end of record", rest.n);
	said = le32_get(rest.p);
	if (said != n)
		return err_set(err, ERR_SYNTAX, "SLDC: %zu bytes came of it, and it says %u", n,
			       said);
	return 0;
}

int sldc_read(struct slice in, size_t max, struct buf *out, struct err *err)
{
	struct reader r = {
		.b = { .in = in }, .out = out, .start = out->n, .max = max, .reset = out->n
	};
	int done = 0;

	if (out->failed)
		return err_nomem(err);
	while (done == 0) {
		if (r.scheme == SCHEME_COPIES)
			run(&r);
		fill(&r.b);
		done = step(&r, err);
	}
	return done < 0 ? -1 : check_length(&r, err);
}
