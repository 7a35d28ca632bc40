/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/queue/keys.h"

#include <stdlib.h>

#include "common/base/time.h"
#include "common/store/le.h"

#define HASH_NONFATAL_OOM        1
#define uthash_nonfatal_oom(elt) (oom = true)
#include <uthash.h>

/* The most by which the memory grows older from one block to the next. */
#define STEP_NS (10 * 60 * NS_PER_SEC)

#define NAME_MAX_BYTES (TENANT_MAX + SENDER_MAX + 2)

struct range {
	uint64_t from, to; /* both held */
};
struct epoch_keys {
	struct epoch_keys *next; /* of the same sender, the longer unused behind */
	uint64_t epoch;
	uint64_t upto;       /* it and all below are held, or were dropped by the sender */
	struct range *range; /* sorted, apart by at least one, above upto + 1 */
	unsigned n, cap;
	unsigned reserved; /* blocks on their way to disk: each may become a range */
	int64_t used_ns;   /* by the wall clock */
	int64_t age_ns;    /* by the clock of struct keys */
	struct {
		uint64_t number;
		uint32_t crc;
	} recent[KEYS_RECENT];
	unsigned at; /* of recent: the next to go */
};
struct sender_keys {
	char name[NAME_MAX_BYTES]; /* "tenant/sender" */
	struct epoch_keys *first;
	unsigned n;
	UT_hash_handle hh;
};
struct keys {
	struct sender_keys *senders;
	/* What is forgotten goes by a clock of our own, since the wall clock may be set, and what
	 * an agent still holds must be known when it comes again: never back, and from one block to
	 * the next on by what the wall clock says, but STEP_NS at most. */
	int64_t clock_ns, wall_ns;
};

struct keys *keys_new(void)
{
	return calloc(1, sizeof(struct keys));
}

static void epoch_free(struct epoch_keys *e)
{
	free(e->range);
	free(e);
}

static void sender_drop(struct keys *k, struct sender_keys *s)
{
	HASH_DEL(k->senders, s);
	while (s->first != NULL) {
		struct epoch_keys *e = s->first;

		s->first = e->next;
		epoch_free(e);
	}
	free(s);
}

void keys_free(struct keys *k)
{
	struct sender_keys *s, *next;

	if (k == NULL)
		return;
	HASH_ITER (hh, k->senders, s, next)
		sender_drop(k, s);
	free(k);
}

static size_t name_make(char *out, const char *tenant, const char *sender)
{
	size_t t = strnlen(tenant, TENANT_MAX), n = strnlen(sender, SENDER_MAX);

	memcpy(out, tenant, t);
	out[t] = '/';
	memcpy(out + t + 1, sender, n);
	out[t + 1 + n] = '\0';
	return t + 1 + n;
}

static struct sender_keys *sender_find(const struct keys *k, const char *tenant, const char *sender)
{
	char name[NAME_MAX_BYTES];
	size_t n = name_make(name, tenant, sender);
	struct sender_keys *s;

	HASH_FIND(hh, k->senders, name, n, s);
	return s;
}

static struct epoch_keys *epoch_find(const struct sender_keys *s, uint64_t epoch)
{
	struct epoch_keys *e = s != NULL ? s->first : NULL;

	while (e != NULL && e->epoch != epoch)
		e = e->next;
	return e;
}

/* The first range that ends at or above n. */
static unsigned range_at(const struct epoch_keys *e, uint64_t n)
{
	unsigned lo = 0, hi = e->n;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (e->range[mid].to < n)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool held(const struct epoch_keys *e, uint64_t n)
{
	unsigned i = range_at(e, n);

	return n <= e->upto || (i < e->n && e->range[i].from <= n);
}

enum keys_answer keys_ask(const struct keys *k, const struct queue_block *b)
{
	const struct epoch_keys *e = epoch_find(sender_find(k, b->tenant, b->sender), b->epoch);
	uint64_t upto;
	unsigned i;

	if (e == NULL)
		return KEYS_NEW;
	if (held(e, b->number)) {
		for (i = 0; i < KEYS_RECENT; i++)
			if (e->recent[i].number == b->number)
				return e->recent[i].crc == b->crc ? KEYS_HELD : KEYS_CONFLICT;
		return e->recent[KEYS_RECENT - 1].number != 0 ? KEYS_OLD : KEYS_HELD;
	}
	/* Would it stand alone above everything, with no place for one more range? Its floor makes
	 * place for itself, but not for others that are under way. */
	upto = b->floor > 0 && b->floor - 1 > e->upto ? b->floor - 1 : e->upto;
	if (e->n + e->reserved < KEYS_RANGES || b->number == upto + 1 ||
	    (e->reserved == 0 && e->range[0].from <= upto + 1))
		return KEYS_NEW;
	i = range_at(e, b->number);
	if ((i < e->n && e->range[i].from == b->number + 1) ||
	    (i > 0 && e->range[i - 1].to + 1 == b->number))
		return KEYS_NEW;
	return KEYS_CROWDED;
}

/* The one longest unused of which nothing is under way; NULL: there is none. */
static struct epoch_keys **epoch_idle(struct sender_keys *s)
{
	struct epoch_keys **idle = NULL;

	for (struct epoch_keys **at = &s->first; *at != NULL; at = &(*at)->next)
		if ((*at)->reserved == 0)
			idle = at;
	return idle;
}

/* It makes place. */
static void epoch_evict(struct sender_keys *s)
{
	struct epoch_keys **at = epoch_idle(s), *e;

	if (at == NULL)
		return;
	e = *at;
	*at = e->next;
	epoch_free(e);
	s->n--;
}

static void clock_set(struct keys *k, int64_t to_ns)
{
	if (to_ns > k->clock_ns)
		k->clock_ns = to_ns;
}

static void clock_tick(struct keys *k, int64_t now_ns)
{
	bool on = now_ns > k->wall_ns, first = k->wall_ns == 0;
	uint64_t by = on ? (uint64_t)now_ns - (uint64_t)k->wall_ns
			 : (uint64_t)k->wall_ns - (uint64_t)now_ns;

	if (on && !first && k->clock_ns < INT64_MAX - STEP_NS)
		k->clock_ns += by < STEP_NS ? (int64_t)by : STEP_NS;
	/* Blocks overtake one another by less: going back and on again would count twice. */
	if (on || by > STEP_NS)
		k->wall_ns = now_ns;
	if (first && k->clock_ns == 0 && now_ns > 0)
		k->clock_ns = now_ns;
}

/* The epoch's memory, made where it is missing, first in its sender's list. NULL: no memory. */
static struct epoch_keys *epoch_get(struct keys *k, const char *tenant, const char *sender,
				    uint64_t epoch, int64_t now_ns, int64_t age_ns)
{
	struct sender_keys *s = sender_find(k, tenant, sender);
	struct epoch_keys *e, **at;
	bool oom = false;

	if (s == NULL) {
		size_t n;

		s = calloc(1, sizeof(*s));
		if (s == NULL)
			return NULL;
		n = name_make(s->name, tenant, sender);
		HASH_ADD_KEYPTR(hh, k->senders, s->name, n, s);
		if (oom) {
			free(s);
			return NULL;
		}
	}
	for (at = &s->first; *at != NULL && (*at)->epoch != epoch;)
		at = &(*at)->next;
	e = *at;
	if (e != NULL) {
		*at = e->next;
	} else {
		e = calloc(1, sizeof(*e));
		if (e == NULL)
			return NULL;
		if (s->n >= KEYS_EPOCHS)
			epoch_evict(s);
		e->epoch = epoch;
		s->n++;
	}
	e->next = s->first;
	s->first = e;
	if (now_ns > e->used_ns)
		e->used_ns = now_ns;
	if (age_ns > e->age_ns)
		e->age_ns = age_ns;
	return e;
}

/* Room for one more than what is there and what is under way. */
static int range_room(struct epoch_keys *e)
{
	unsigned cap = e->cap > 0 ? e->cap * 2 : 4;
	struct range *p;

	if (e->n + e->reserved < e->cap)
		return 0;
	p = realloc(e->range, cap * sizeof(*p));
	if (p == NULL)
		return -1;
	e->range = p;
	e->cap = cap;
	return 0;
}

int keys_reserve(struct keys *k, const struct queue_block *b, int64_t now_ns, struct err *err)
{
	struct sender_keys *s = sender_find(k, b->tenant, b->sender);
	struct epoch_keys *e;

	if (s != NULL && s->n >= KEYS_EPOCHS && epoch_find(s, b->epoch) == NULL &&
	    epoch_idle(s) == NULL)
		return err_set(err, ERR_FULL, "sender %s of %s sends %u epochs at once", b->sender,
			       b->tenant, KEYS_EPOCHS);
	clock_tick(k, now_ns);
	e = epoch_get(k, b->tenant, b->sender, b->epoch, now_ns, k->clock_ns);
	if (e == NULL || range_room(e) < 0)
		return err_nomem(err);
	e->reserved++;
	return 0;
}

static void release(struct epoch_keys *e)
{
	if (e != NULL && e->reserved > 0)
		e->reserved--;
}

void keys_release(struct keys *k, const struct queue_block *b)
{
	release(epoch_find(sender_find(k, b->tenant, b->sender), b->epoch));
}

static void range_cut(struct epoch_keys *e, unsigned from, unsigned n)
{
	if (n == 0)
		return;
	memmove(e->range + from, e->range + from + n, (e->n - from - n) * sizeof(*e->range));
	e->n -= n;
}

/* All up to n are held: ranges that touch join. */
static void raise(struct epoch_keys *e, uint64_t n)
{
	unsigned i = 0;

	if (n > e->upto)
		e->upto = n;
	for (; i < e->n && e->range[i].from - 1 <= e->upto; i++)
		if (e->range[i].to > e->upto)
			e->upto = e->range[i].to;
	range_cut(e, 0, i);
}

/* There is room for one more. */
static void range_add(struct epoch_keys *e, uint64_t n)
{
	unsigned i = range_at(e, n);
	bool below = i > 0 && e->range[i - 1].to + 1 == n;
	bool above = i < e->n && e->range[i].from == n + 1;

	if (below && above) {
		e->range[i - 1].to = e->range[i].to;
		range_cut(e, i, 1);
	} else if (below) {
		e->range[i - 1].to = n;
	} else if (above) {
		e->range[i].from = n;
	} else {
		memmove(e->range + i + 1, e->range + i, (e->n - i) * sizeof(*e->range));
		e->range[i] = (struct range){ n, n };
		e->n++;
	}
}

static void mark(struct epoch_keys *e, uint64_t number, uint64_t floor)
{
	if (floor > 0)
		raise(e, floor - 1);
	if (number == e->upto + 1)
		raise(e, number);
	else if (!held(e, number))
		range_add(e, number);
}

void keys_mark(struct keys *k, const struct queue_block *b, int64_t now_ns)
{
	struct epoch_keys *e = epoch_get(k, b->tenant, b->sender, b->epoch, now_ns, k->clock_ns);
	unsigned i = 0;

	if (e == NULL) /* keys_reserve made it */
		return;
	release(e);
	mark(e, b->number, b->floor);
	while (i < KEYS_RECENT && e->recent[i].number != b->number)
		i++;
	if (i == KEYS_RECENT) {
		i = e->at;
		e->at = (e->at + 1) % KEYS_RECENT;
	}
	e->recent[i].number = b->number;
	e->recent[i].crc = b->crc;
}

uint64_t keys_high_water(const struct keys *k, const char *tenant, const char *sender,
			 uint64_t epoch)
{
	const struct epoch_keys *e = epoch_find(sender_find(k, tenant, sender), epoch);

	return e != NULL ? e->upto : 0;
}

bool keys_before(const struct keys *k, const char *tenant, const char *sender, uint64_t epoch,
		 int64_t before_ns)
{
	const struct sender_keys *s = sender_find(k, tenant, sender);

	for (const struct epoch_keys *e = s != NULL ? s->first : NULL; e != NULL; e = e->next)
		if (e->epoch != epoch && e->used_ns < before_ns)
			return true;
	return false;
}

bool keys_forked(const struct keys *k, const struct queue_block *b)
{
	const struct sender_keys *s = sender_find(k, b->tenant, b->sender);
	bool same_start = false;

	if (b->kind != QUEUE_OWN || b->epoch >> 40 == 0) /* it does not count */
		return false;
	for (const struct epoch_keys *e = s != NULL ? s->first : NULL; e != NULL; e = e->next) {
		if (e->epoch == b->epoch)
			return false;
		same_start = same_start || e->epoch >> 40 == b->epoch >> 40;
	}
	return same_start;
}

void keys_forget(struct keys *k, int64_t unused_ns)
{
	struct sender_keys *s, *next;

	HASH_ITER (hh, k->senders, s, next) {
		for (struct epoch_keys **at = &s->first; *at != NULL;) {
			struct epoch_keys *e = *at;

			if (e->age_ns >= k->clock_ns - unused_ns || e->reserved > 0) {
				at = &e->next;
				continue;
			}
			*at = e->next;
			s->n--;
			epoch_free(e);
		}
		if (s->first == NULL)
			sender_drop(k, s);
	}
}

static void epoch_encode(const struct epoch_keys *e, struct buf *out)
{
	if (e == NULL)
		return;
	epoch_encode(e->next, out); /* the longest unused first, so that reading keeps the order */
	le64_put(out, e->epoch);
	le64_put(out, e->upto);
	le64_put(out, (uint64_t)e->age_ns);
	le32_put(out, e->n);
	for (unsigned i = 0; i < e->n; i++) {
		le64_put(out, e->range[i].from);
		le64_put(out, e->range[i].to);
	}
}

void keys_encode(const struct keys *k, struct buf *out)
{
	struct sender_keys *s, *next;

	HASH_ITER (hh, k->senders, s, next) {
		const char *slash = strchr(s->name, '/');
		size_t n = strlen(s->name);

		buf_chr(out, (char)(slash - s->name));
		buf_chr(out, (char)(n - 1 - (size_t)(slash - s->name)));
		le32_put(out, s->n);
		buf_put(out, s->name, (size_t)(slash - s->name));
		buf_str(out, slash + 1);
		epoch_encode(s->first, out);
	}
}

/* One epoch. What is known already (from older records) and what is read join. */
static int epoch_decode(struct keys *k, struct le_cursor *c, const char *tenant, const char *sender,
			struct err *err)
{
	uint64_t epoch = le_u64(c), upto = le_u64(c), used = le_u64(c);
	uint32_t n = le_u32(c);
	struct epoch_keys *e;

	if (c->bad || n > c->in.n / 16) /* earlier versions let KEYS_RANGES be passed a little */
		return err_set(err, ERR_SYNTAX, "the queue's memory of blocks is cut short");
	clock_set(k, (int64_t)used);
	e = epoch_get(k, tenant, sender, epoch, (int64_t)used, (int64_t)used);
	if (e == NULL)
		return err_nomem(err);
	raise(e, upto);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t from = le_u64(c), to = le_u64(c);

		if (c->bad || from == 0 || to < from || to - from > UINT32_MAX)
			return err_set(err, ERR_SYNTAX, "the queue's memory of blocks is damaged");
		for (uint64_t b = from; b <= to; b++) {
			if (range_room(e) < 0)
				return err_nomem(err);
			mark(e, b, 0);
		}
	}
	return 0;
}

int keys_decode(struct keys *k, struct slice in, struct err *err)
{
	struct le_cursor c = { .in = in };

	while (c.in.n > 0) {
		char tenant[TENANT_MAX + 1] = "", sender[SENDER_MAX + 1] = "";
		uint8_t t = le_u8(&c), s = le_u8(&c);
		uint32_t n = le_u32(&c);
		struct slice name;

		if (c.bad || t == 0 || t > TENANT_MAX || s == 0 || s > SENDER_MAX)
			return err_set(err, ERR_SYNTAX, "the queue's memory of senders is damaged");
		name = le_take(&c, t);
		memcpy(tenant, name.p != NULL ? name.p : "", name.n);
		name = le_take(&c, s);
		memcpy(sender, name.p != NULL ? name.p : "", name.n);
		for (uint32_t i = 0; i < n; i++)
			if (epoch_decode(k, &c, tenant, sender, err) < 0)
				return -1;
	}
	return 0;
}
