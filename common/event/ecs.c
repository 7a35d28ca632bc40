/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/event/ecs.h"

#include <assert.h>

static const struct slice names[ECS_COUNT] = {
#define ECS_NAME(id, name) [id] = { name, sizeof(name) - 1 },
	ECS_FIELDS(ECS_NAME)
#undef ECS_NAME
};

static struct ecs_path paths[ECS_COUNT];
const struct ecs_path *const ecs_paths = paths;

struct slice ecs_name(enum ecs id)
{
	return id < ECS_COUNT ? names[id] : (struct slice){ NULL, 0 };
}

/* Where the list has an object, by the length of its name and some of its bytes: nearly every name
 * that is none is told from these at once. */
#define OBJECT_LENGTHS 64u
static uint32_t objects_like[OBJECT_LENGTHS];

static unsigned likeness(struct slice name) /* of at least one byte */
{
	unsigned char last = (unsigned char)name.p[name.n - 1],
		      mid = (unsigned char)name.p[name.n / 2];

	return (last + 5u * mid + 11u * (unsigned char)name.p[0]) & 31;
}

static int compare(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n > 0 ? memcmp(a.p, b.p, n) : 0;

	return c != 0 ? c : (a.n > b.n) - (a.n < b.n);
}

/* The first field of the list that is not before name. */
static unsigned lower_bound(struct slice name)
{
	unsigned lo = 1, hi = ECS_COUNT;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (compare(names[mid], name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

enum ecs ecs_by_name(struct slice dotted_name)
{
	unsigned i = lower_bound(dotted_name);

	return i < ECS_COUNT && slice_eq(names[i], dotted_name) ? (enum ecs)i : ECS_DYNAMIC;
}

bool ecs_is_object(struct slice dotted_name)
{
	if (dotted_name.n == 0 || dotted_name.n >= OBJECT_LENGTHS ||
	    (objects_like[dotted_name.n] >> likeness(dotted_name) & 1) == 0)
		return false;
	/* Names that sort between "a" and "a." ("a-b") are few, so walking past them is short. */
	for (unsigned i = lower_bound(dotted_name); i < ECS_COUNT; i++) {
		if (!slice_starts(names[i], dotted_name))
			return false;
		if (names[i].n > dotted_name.n && names[i].p[dotted_name.n] == '.')
			return true;
	}
	return false;
}

/* An object gets the number of the first field of the list that lies in it, so equal prefixes give
 * equal numbers; 0 stays free for "no parent". */
static uint8_t object_number(struct slice prefix)
{
	for (unsigned i = 1; i < ECS_COUNT; i++)
		if (slice_starts(names[i], prefix))
			return (uint8_t)i;
	return 0;
}

static void put(struct ecs_path *p, const char *s, size_t n)
{
	assert(p->n + n + 32 <= sizeof(p->json));
	memcpy(p->json + p->n, s, n);
	p->n = (uint8_t)(p->n + n);
}

static void path_make(struct ecs_path *p, struct slice name)
{
	size_t start = 0;

	for (size_t i = 0; i <= name.n; i++) {
		if (i < name.n && name.p[i] != '.')
			continue;
		p->open_at[p->parents] = p->n;
		put(p, "\"", 1);
		put(p, name.p + start, i - start);
		if (i == name.n) {
			put(p, "\":", 2);
			break;
		}
		put(p, "\":{", 3);
		assert(i < OBJECT_LENGTHS);
		objects_like[i] |= UINT32_C(1) << likeness((struct slice){ name.p, i });
		p->objects |= (uint32_t)object_number((struct slice){ name.p, i + 1 })
			      << (8 * p->parents);
		p->parents++;
		assert(p->parents <= ECS_PARENTS_MAX);
		start = i + 1;
	}
}

_Static_assert(ECS_COUNT < 256, "object numbers are one byte");

__attribute__((constructor)) static void paths_init(void)
{
	for (unsigned i = 1; i < ECS_COUNT; i++)
		path_make(&paths[i], names[i]);
	for (unsigned i = 1; i < ECS_COUNT; i++)
		assert(!ecs_is_object(names[i])); /* the writer relies on it */
}
