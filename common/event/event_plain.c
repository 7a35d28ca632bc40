/* SPDX-License-Identifier: EUPL-1.2 */
/* The fields of the list as JSON: the text of a key and the objects around it is at hand (ecs.h),
 * and room for key and value is asked for once, so that a field costs little more than its bytes.
 */
#include "common/base/digits.h"
#include "common/base/time.h"
#include "common/event/event_write.h"
#include "common/event/json_copy.h"

#define KEY_ROOM   (ECS_PARENTS_MAX + 1 + sizeof(((struct ecs_path *)NULL)->json))
#define VALUE_ROOM 64u /* of a number, a time, or what stands around a string */

_Static_assert(VALUE_ROOM > TIME_TEXT_MAX + 2 && VALUE_ROOM > DIGITS_MAX + 1, "a value fits");

static char *time_put(char *to, int64_t t_ns)
{
	size_t n = time_format(t_ns, to + 1) + 1;

	to[0] = to[n] = '"';
	return to + n + 1;
}

void event_put_time(struct buf *out, int64_t t_ns)
{
	if ((!out->failed && out->cap - out->n >= VALUE_ROOM) || buf_reserve(out, VALUE_ROOM) == 0)
		out->n = (size_t)(time_put(out->p + out->n, t_ns) - out->p);
}

/* The key of a field behind another of the list. Returns where the value goes. */
static inline char *key_put(char *to, const struct ecs_path *last, const struct ecs_path *p)
{
	uint32_t differ = last->objects ^ p->objects;
	/* Where one has fewer parents its next number is 0, and the other's is not. */
	unsigned shared = differ == 0 ? p->parents : (unsigned)__builtin_ctz(differ) / 8;
	const char *from = p->json + p->open_at[shared];
	size_t n = (size_t)p->n - p->open_at[shared];

	memcpy(to, "}}}}", ECS_PARENTS_MAX);
	to += last->parents - shared;
	*to++ = ','; /* always: each object is opened together with its first key, after another */
	memcpy(to, from, 32); /* of a constant size, which is one move or two; json has the room */
	if (n > 32)
		memcpy(to + 32, from + 32, n - 32);
	return to + n;
}

/* A string without escapes, alone or as the only element of an array. NULL: it is none. */
static inline __attribute__((always_inline)) char *string_put(char *to, const struct event_value *v)
{
	const size_t n = v->str.n;

	*to = '['; /* written over where there is no array */
	to += v->array;
	if (v->next != 0 || !json_copy_plain(to + 1, v->str.p, n))
		return NULL;
	to[0] = to[n + 1] = '"';
	to[n + 2] = ']';
	return to + n + 2 + v->array;
}

/* A value that is simple to write. NULL: it is not. */
static inline __attribute__((always_inline)) char *value_put(char *to, const struct event_value *v)
{
	if (v->type == EVENT_STR)
		return string_put(to, v);
	if (v->array)
		return NULL;
	switch ((enum event_type)v->type) {
	case EVENT_INT:
		*to = '-';
		to += v->num < 0;
		return to + digits_put(to, v->num < 0 ? 0 - (uint64_t)v->num : (uint64_t)v->num);
	case EVENT_TIME:
		return time_put(to, v->num);
	default:
		return NULL;
	}
}

/* One field. Returns the end of what is written; NULL: out of memory. */
static inline __attribute__((always_inline)) char *listed_put(struct writer *w,
							      const struct event *ev,
							      const struct event_value *v,
							      const struct ecs_path *last, char *to)
{
	const struct ecs_path *p = ecs_path((enum ecs)v->id);
	const size_t room = KEY_ROOM + VALUE_ROOM + v->str.n;
	struct buf *out = w->out;
	char *end;

	if ((size_t)(out->p + out->cap - to) < room) {
		out->n = (size_t)(to - out->p);
		if (buf_reserve(out, room) < 0)
			return NULL;
		to = out->p + out->n;
	}
	to = key_put(to, last, p);
	end = value_put(to, v);
	if (end != NULL)
		return end;
	out->n = (size_t)(to - out->p);
	event_put_value(w, ev, v);
	return out->failed ? NULL : out->p + out->n;
}

void event_put_listed(struct writer *w, const struct event *ev, const struct event_value *v)
{
	char *to = w->out->failed ? NULL : listed_put(w, ev, v, w->path, w->out->p + w->out->n);

	if (to != NULL)
		w->out->n = (size_t)(to - w->out->p);
	w->last = v;
	w->path = ecs_path((enum ecs)v->id);
	w->depth = w->path->parents;
}

/* Objects that are written after all others where no field has a name of its own: what differs from
 * line to line then stands together, up to the next event's number and time, and breaks the
 * compressor's matches less often. A line of an auth log is a tenth smaller for it. */
#define UP_TO(n, word)                                                                             \
	((n) <= 64 * (word)         ? UINT64_C(0)                                                  \
	 : (n) >= 64 * ((word) + 1) ? UINT64_MAX                                                   \
				    : (UINT64_C(1) << ((n)&63)) - 1)
#define BITS(first, last, word) (UP_TO((last) + 1, word) & ~UP_TO(first, word))
#define LATE(X)                                                                                    \
	X(ECS_MESSAGE, ECS_MESSAGE)                                                                \
	X(ECS_RELATED_HASH, ECS_RELATED_USER)                                                      \
	X(ECS_SOURCE_ADDRESS, ECS_SOURCE_PORT)                                                     \
	X(ECS_USER_CHANGES_NAME, ECS_USER_TARGET_NAME)                                             \
	X(ECS_PROCESS_ARGS, ECS_PROCESS_WORKING_DIRECTORY)                                         \
	X(ECS_LOG_FILE_PATH, ECS_LOG_SYSLOG_VERSION) /* with its offset */
#define LATE_0(first, last) | BITS(first, last, 0)
#define LATE_1(first, last) | BITS(first, last, 1)
#define LATE_2(first, last) | BITS(first, last, 2)
#define LATE_3(first, last) | BITS(first, last, 3)
/* An object's fields lie in one word of the set, or in two that follow. */
#define LATE_WORDS(first, last)                                                                    \
	{ (first) / 64, BITS(first, last, (first) / 64) },                                         \
		{ (last) / 64, (first) / 64 == (last) / 64 ? 0 : BITS(first, last, (last) / 64) },
#define LATE_FITS(first, last)                                                                     \
	_Static_assert((last) / 64 - (first) / 64 <= 1, "an object's fields lie in two words");
LATE(LATE_FITS)
static const struct {
	unsigned word;
	uint64_t bits;
} order[] = { { 0, ~(UINT64_C(0) LATE(LATE_0)) },
	      { 1, ~(UINT64_C(0) LATE(LATE_1)) },
	      { 2, ~(UINT64_C(0) LATE(LATE_2)) },
	      { 3, ~(UINT64_C(0) LATE(LATE_3)) },
	      LATE(LATE_WORDS) };
_Static_assert(EVENT_WORDS == 4, "order is written for four words of fields");

void event_write_plain(struct writer *w, const struct event *ev)
{
	const struct ecs_path *last = w->path;
	char *to = w->out->failed ? NULL : w->out->p + w->out->n;

	for (unsigned k = 0; k < sizeof(order) / sizeof(order[0]) && to != NULL; k++) {
		const uint16_t *at = ev->at + (size_t)64 * order[k].word;

		for (uint64_t bits = ev->present[order[k].word] & order[k].bits;
		     bits != 0 && to != NULL; bits &= bits - 1) {
			const struct event_value *v = &ev->v[at[__builtin_ctzll(bits)]];

			to = listed_put(w, ev, v, last, to);
			last = ecs_path((enum ecs)v->id);
		}
	}
	if (to != NULL)
		w->out->n = (size_t)(to - w->out->p);
	w->path = last;
	w->depth = last->parents;
}
