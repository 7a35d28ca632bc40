/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/fuzz/fuzz_event.c: event_write_json against a plain writer of the same contract, on events
 * with random fields of the list and random values, whose text ends at an unreadable page so that a
 * read past its end is seen. Usage: fuzz_event [--seeds FROM N] */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "common/event/event.h"

#define TEXT_MAX 90u

static uint64_t state;

static uint32_t below(uint32_t n)
{
	uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ z >> 31) >> 32) % n;
}

/* --- the plain writer --- */

static void ref_string(struct buf *out, struct slice s)
{
	static const char *const named[][2] = { { "\"", "\\\"" }, { "\\", "\\\\" }, { "\b", "\\b" },
						{ "\t", "\\t" },  { "\n", "\\n" },  { "\f", "\\f" },
						{ "\r", "\\r" } };

	buf_chr(out, '"');
	for (size_t i = 0; i < s.n; i++) {
		const char *as = NULL;

		for (size_t k = 0; k < sizeof(named) / sizeof(named[0]); k++)
			if (s.p[i] == named[k][0][0])
				as = named[k][1];
		if (as != NULL)
			buf_str(out, as);
		else if ((unsigned char)s.p[i] < 0x20)
			buf_printf(out, "\\u%04x", (unsigned)s.p[i]);
		else
			buf_chr(out, s.p[i]);
	}
	buf_chr(out, '"');
}

static void ref_time(struct buf *out, int64_t t_ns)
{
	time_t sec = (time_t)(t_ns / 1000000000);
	long ns = (long)(t_ns % 1000000000);
	struct tm tm;

	gmtime_r(&sec, &tm);
	buf_printf(out, "\"%04d-%02d-%02dT%02d:%02d:%02d.", tm.tm_year + 1900, tm.tm_mon + 1,
		   tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	if (ns % 1000 != 0)
		buf_printf(out, "%09ldZ\"", ns);
	else if (ns % 1000000 != 0)
		buf_printf(out, "%06ldZ\"", ns / 1000);
	else
		buf_printf(out, "%03ldZ\"", ns / 1000000);
}

static void ref_scalar(struct buf *out, const struct event_value *v)
{
	switch ((enum event_type)v->type) {
	case EVENT_STR:
		ref_string(out, v->str);
		break;
	case EVENT_INT:
		buf_printf(out, "%" PRIi64, v->num);
		break;
	case EVENT_BOOL:
		buf_str(out, v->num != 0 ? "true" : "false");
		break;
	case EVENT_TIME:
		ref_time(out, v->num);
		break;
	case EVENT_JSON:
		buf_slice(out, v->str);
		break;
	}
}

static void ref_value(struct buf *out, const struct event *ev, const struct event_value *v)
{
	if (v->array)
		buf_chr(out, '[');
	for (const struct event_value *e = v;; e = &ev->v[e->next - 1]) {
		ref_scalar(out, e);
		if (e->next == 0)
			break;
		buf_chr(out, ',');
	}
	if (v->array)
		buf_chr(out, ']');
}

/* The objects that come last, in this order. */
static unsigned rank(struct slice name)
{
	static const char *const late[] = { "message", "related.", "source.",
					    "user.",   "process.", "log." };

	for (unsigned i = 0; i < sizeof(late) / sizeof(late[0]); i++)
		if (slice_starts(name, slice_str(late[i])))
			return i + 1;
	return 0;
}

/* Part k of a dotted name; its n is 0 past the last. */
static struct slice part(struct slice name, unsigned k)
{
	ssize_t dot;

	for (; k > 0; k--) {
		dot = slice_chr(name, '.');
		name = dot < 0 ? (struct slice){ "", 0 } : slice_from(name, (size_t)dot + 1);
	}
	dot = slice_chr(name, '.');
	return dot < 0 ? name : (struct slice){ name.p, (size_t)dot };
}

static bool has_more(struct slice name, unsigned k)
{
	return part(name, k + 1).n > 0;
}

/* Opens and closes objects between two names: closes all, where nothing is shared. */
static void ref_key(struct buf *out, struct slice last, struct slice name)
{
	unsigned shared = 0;

	while (has_more(name, shared) && has_more(last, shared) &&
	       slice_eq(part(name, shared), part(last, shared)))
		shared++;
	for (unsigned k = shared; has_more(last, k); k++)
		buf_chr(out, '}');
	buf_chr(out, ',');
	for (unsigned k = shared; has_more(name, k); k++) {
		ref_string(out, part(name, k));
		buf_str(out, ":{");
		shared = k + 1;
	}
	ref_string(out, part(name, shared));
	buf_chr(out, ':');
}

static void ref_write(struct buf *out, const struct event *ev)
{
	struct slice last = SLICE("@timestamp");

	buf_str(out, "{\"@timestamp\":");
	ref_time(out, ev->time_ns);
	for (unsigned r = 0; r < 7; r++)
		for (unsigned id = 1; id < ECS_COUNT; id++) {
			const struct event_value *v = event_get(ev, (enum ecs)id);
			struct slice name = ecs_name((enum ecs)id);

			if (v == NULL || rank(name) != r)
				continue;
			ref_key(out, last, name);
			ref_value(out, ev, v);
			last = name;
		}
	for (unsigned k = 0; has_more(last, k); k++)
		buf_chr(out, '}');
	buf_chr(out, '}');
}

/* --- random events --- */

static char *text_end; /* an unreadable page begins here */

/* Mostly plain text; the texts of an event lie one before another up to the page. */
static struct slice text(char **top)
{
	static const char *const odd[] = { "\"", "\\", "\n", "\x01", "\x1f", "ä",
					   "€",  "😀",  "/",  "\x7f", " ",    "\t" };
	size_t n = below(TEXT_MAX), len;
	unsigned spoil = below(3) == 0 ? 1 + below(12) : 0;
	char *p = *top -= n;

	for (size_t i = 0; i < n; i++)
		p[i] = (char)(' ' + 3 + below(56));
	for (; spoil > 0 && n > 4; spoil--) {
		const char *o = odd[below(sizeof(odd) / sizeof(odd[0]))];

		len = strlen(o);
		memcpy(p + below((uint32_t)(n - len + 1)), o, len);
	}
	for (size_t i = 0; i < n; i++) /* one character may have cut another */
		if ((unsigned char)p[i] >= 0x80) {
			static const unsigned char least[] = { 0xc2, 0xe0, 0xf0 };
			size_t more = (unsigned char)p[i] >= least[2]   ? 3
				      : (unsigned char)p[i] >= least[1] ? 2
				      : (unsigned char)p[i] >= least[0] ? 1
									: 0;
			bool whole = more > 0 && i + more < n;

			for (size_t k = 1; whole && k <= more; k++)
				whole = ((unsigned char)p[i + k] & 0xc0) == 0x80;
			if (whole)
				i += more;
			else
				p[i] = '?';
		}
	return (struct slice){ p, n };
}

static int64_t number(void)
{
	int64_t v = (int64_t)((uint64_t)below(UINT32_MAX) << 32 | below(UINT32_MAX));

	return below(8) == 0 ? INT64_MIN : v >> below(64);
}

static int64_t moment(void)
{
	static const int64_t scale[] = { 1, 1000, 1000000, 1000000000 };
	int64_t s = scale[below(4)];

	return (int64_t)(((uint64_t)below(UINT32_MAX) << 30 | below(1u << 30)) %
			 (UINT64_C(4) << 60)) /
	       s * s;
}

static void set(struct event *ev, char **top)
{
	static const char *const json[] = { "{}", "[]", "-1.5e3", "null", "\"x\"" };
	enum ecs id = (enum ecs)(1 + below(ECS_COUNT - 1));

	switch (below(12)) {
	case 0:
		event_int(ev, id, number());
		break;
	case 1:
		event_time(ev, id, moment());
		break;
	case 2:
		event_bool(ev, id, below(2) == 0);
		break;
	case 3:
		event_json(ev, id, slice_str(json[below(5)]));
		break;
	case 4:
	case 5:
		for (unsigned n = 1 + below(3); n > 0; n--)
			event_add(ev, id, text(top));
		break;
	default:
		event_str(ev, id, text(top));
	}
}

static bool once(uint64_t seed)
{
	static struct arena mem;
	static struct event ev;
	static struct buf got, want;
	char *top = text_end;

	state = seed * UINT64_C(0xd1342543de82ef95) + 1;
	event_init(&ev, &mem);
	ev.time_ns = moment();
	for (unsigned n = below(40); n > 0; n--)
		set(&ev, &top);
	buf_reset(&want);
	ref_write(&want, &ev);
	if (below(4) == 0)
		buf_release(&got); /* it has to grow */
	buf_reset(&got);
	event_write_json(&ev, &got);
	if (!got.failed && slice_eq(buf_view(&got), buf_view(&want)))
		return true;
	printf("not ok 1 - seed %" PRIu64 "\n# %.*s\n# %.*s\n", seed, SLICE_FMT(buf_view(&got)),
	       SLICE_FMT(buf_view(&want)));
	return false;
}

int main(int argc, char **argv)
{
	const size_t room = 4096 * 8;
	uint64_t from = 1, n = 20000;
	char *page =
		mmap(NULL, room + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED || mprotect(page + room, 4096, PROT_NONE) != 0)
		return 1;
	text_end = page + room;
	if (argc == 4 && strcmp(argv[1], "--seeds") == 0) {
		from = strtoull(argv[2], NULL, 10);
		n = strtoull(argv[3], NULL, 10);
	}
	printf("1..1\n");
	for (uint64_t seed = from; seed < from + n; seed++)
		if (!once(seed))
			return 1;
	printf("ok 1 - %" PRIu64 " events, from seed %" PRIu64 "\n", n, from);
	return 0;
}
