/* SPDX-License-Identifier: EUPL-1.2 */
/* normalise_splice: most members of a Winlogbeat or Filebeat document go on as they came, so their
 * text is checked once and copied in runs; what has to go is left out, what is ours is put where
 * its object closes. Anything that needs a thought (a name twice or with a dot, an address, users
 * to be told as related) is left to normalise(), whose result this is, but for the order of
 * members. */
#include "common/base/time.h"
#include "common/event/json_lex.h"
#include "common/normalise/inside.h"

#include <stdlib.h>

#define DEPTH_MAX    8u   /* of objects: far from the writer's bound, where dots stay in names */
#define LEAVES_MAX   200u /* with ours, and an array's more, still fewer than an event may have */
#define ELEMENTS_MAX 24u  /* of an array */

/* What a key is, asked once a key: its path is fixed by its object and its text. */
enum what {
	ASK, /* not asked yet */
	NEVER,
	PLAIN,
	LEAF,   /* a field of the schema: never an object */
	OBJECT, /* of the schema: never a value */
	STAMP,  /* @timestamp */
	HOST,   /* host.name */
	OWN,    /* agent.type, agent.version: ours stand instead */
};

/* What we add where the document has it not. */
enum ours {
	NONE,
	EVENT,
	EVENT_CREATED_,
	EVENT_KIND_,
	LOG,
	LOG_OFFSET_,
	ECS,
	ECS_VERSION_,
	INPUT,
	INPUT_TYPE_,
	AGENT,
};
#define HAS(set, x) (((set) >> (x)&1u) != 0)

static const struct special {
	struct slice path;
	enum what what;
	enum ours ours;
} specials[] = {
	{ { "@timestamp", 10 }, STAMP, NONE },
	{ { "host.name", 9 }, HOST, NONE },
	{ { "event", 5 }, OBJECT, EVENT },
	{ { "event.created", 13 }, LEAF, EVENT_CREATED_ },
	{ { "event.kind", 10 }, LEAF, EVENT_KIND_ },
	{ { "log", 3 }, OBJECT, LOG },
	{ { "log.offset", 10 }, LEAF, LOG_OFFSET_ },
	{ { "ecs", 3 }, OBJECT, ECS },
	{ { "ecs.version", 11 }, LEAF, ECS_VERSION_ },
	{ { "input", 5 }, OBJECT, INPUT },
	{ { "input.type", 10 }, LEAF, INPUT_TYPE_ },
	{ { "agent", 5 }, OBJECT, AGENT },
	{ { "agent.type", 10 }, OWN, NONE },
	{ { "agent.version", 13 }, OWN, NONE },
	/* What normalise() looks at, or would merge. */
	{ { "related", 7 }, NEVER, NONE },
	{ { "log.file", 8 }, NEVER, NONE },
	{ { "process.name", 12 }, NEVER, NONE },
	{ { "source.ip", 9 }, NEVER, NONE },
	{ { "source.domain", 13 }, NEVER, NONE },
	{ { "destination.ip", 14 }, NEVER, NONE },
	{ { "destination.domain", 18 }, NEVER, NONE },
	{ { "user.name", 9 }, NEVER, NONE },
	{ { "user.effective.name", 19 }, NEVER, NONE },
	{ { "user.target.name", 16 }, NEVER, NONE },
	{ { "user.changes.name", 17 }, NEVER, NONE },
};

struct splice {
	struct normaliser *nz;
	const struct norm_source *src;
	struct slice own;
	struct buf *out;
	const char *text, *p, *end;
	const char *from; /* what lies between from and p goes on, but is not copied yet */
	uint32_t key;     /* the last one, as in json.c */
	unsigned depth, leaves;
	uint32_t has;      /* 1 << enum ours */
	struct slice host; /* host.name, with its quotes */
};

static const struct slice mark = { NORM_JOURNAL_MARK, sizeof(NORM_JOURNAL_MARK) - 1 };

void splice_known_release(struct splice_known *k)
{
	free(k->v);
	*k = (struct splice_known){ 0 };
}

static bool odd_text(struct slice key)
{
	for (size_t i = 0; i < key.n; i++)
		if (key.p[i] == '.' || key.p[i] == ' ' || key.p[i] == '\\')
			return true;
	return key.n == 0;
}

static void learn(const struct json_names *nm, uint32_t at, struct splice_key *k)
{
	struct slice path = nm->v[nm->keys[at].name].path;

	k->ours = NONE;
	if (odd_text(nm->keys[at].text) ||
	    slice_eq(nm->keys[at].text, (struct slice){ mark.p + 1, mark.n - 2 })) {
		k->what = NEVER;
		return;
	}
	k->what = ecs_by_name(path) != ECS_DYNAMIC ? LEAF : ecs_is_object(path) ? OBJECT : PLAIN;
	for (size_t i = 0; i < sizeof(specials) / sizeof(specials[0]); i++)
		if (slice_eq(specials[i].path, path)) {
			k->what = (uint8_t)specials[i].what;
			k->ours = (uint8_t)specials[i].ours;
		}
}

/* What is known of key `at`; NULL: no memory. */
static struct splice_key *known(struct splice *s, uint32_t at)
{
	struct splice_known *k = &s->nz->spliced;
	const struct json_names *nm = &s->nz->json.names;

	if (at >= k->n) {
		struct splice_key *v = realloc(k->v, nm->cap_keys * sizeof(*v));

		if (v == NULL)
			return NULL;
		memset(v + k->n, 0, (nm->cap_keys - k->n) * sizeof(*v));
		k->v = v;
		k->n = nm->cap_keys;
	}
	if (k->v[at].what == ASK)
		learn(nm, at, &k->v[at]);
	return &k->v[at];
}

/* Would a document with this string in it, which ends at p, be taken for the journal's? */
static inline bool of_journal(const struct splice *s, const char *p)
{
	return p[-2] == mark.p[mark.n - 2] && (size_t)(p - s->text) >= mark.n &&
	       memcmp(p - mark.n, mark.p, mark.n) == 0;
}

/* A string, a number, true, false or null. *ret_empty: normalise() leaves such a value out. */
static inline bool scalar(struct splice *s, bool *ret_empty)
{
	const char *from = s->p;

	*ret_empty = *from == 'n' || (*from == '"' && s->end - from > 1 && from[1] == '"');
	if (!json_scalar(&s->p, s->end, false)) /* surrogates are for normalise() */
		return false;
	return *from != '"' || !of_journal(s, s->p);
}

/* A key that was not foreseen: looked up, or learned. */
static uint32_t other_key(struct splice *s, uint32_t parent)
{
	struct json_names *nm = &s->nz->json.names;
	size_t above = parent != JSON_NAME_ROOT ? nm->v[parent].path.n : 0;
	const char *from = s->p;
	struct slice text;
	uint32_t at;
	bool full;

	if (s->p == s->end || *s->p++ != '"' || !json_string(&s->p, s->end, false))
		return JSON_NAME_NONE;
	text = (struct slice){ from + 1, (size_t)(s->p - from) - 2 };
	if (s->p == s->end || *s->p++ != ':' || text.n + 1 > JSON_PATH_MAX - above)
		return JSON_NAME_NONE;
	at = json_names_key(nm, parent, text, &full);
	if (at == JSON_NAME_NONE)
		return at;
	*(s->key != JSON_NAME_NONE ? &nm->keys[s->key].next : &nm->start) = at;
	s->key = at;
	return at;
}

/* The key at s->p, and to behind its colon. JSON_NAME_NONE: not a key, or for normalise(). */
static inline uint32_t key(struct splice *s, uint32_t parent)
{
	const struct json_names *nm = &s->nz->json.names;
	uint32_t at = s->key != JSON_NAME_NONE ? nm->keys[s->key].next : nm->start;
	struct slice member;

	if (at < nm->n_keys && nm->keys[at].parent == parent) {
		member = json_key_member(&nm->keys[at]);
		if ((size_t)(s->end - s->p) >= member.n && memcmp(s->p, member.p, member.n) == 0) {
			s->p += member.n;
			s->key = at;
			return at;
		}
	}
	return other_key(s, parent);
}

static void flush(struct splice *s, const char *to)
{
	buf_put(s->out, s->from, (size_t)(to - s->from));
	s->from = to;
}

/* Leaves out the member that began at from and ended at s->p. first: none before it was kept. */
static void drop(struct splice *s, const char *from, bool first)
{
	flush(s, first ? from : from - 1); /* with the comma in front, else with the one behind */
	s->from = s->p + (first && s->p < s->end && *s->p == ',');
}

static void put_time(struct buf *out, int64_t t_ns)
{
	char text[TIME_TEXT_MAX + 2] = "\"";
	size_t n = time_format(t_ns, text + 1) + 1;

	text[n++] = '"';
	buf_put(out, text, n);
}

static bool own_member(struct splice *s, enum ours what)
{
	struct buf *out = s->out;

	if (HAS(s->has, what))
		return false;
	buf_chr(out, ',');
	switch (what) {
	case EVENT_CREATED_:
		buf_str(out, "\"created\":");
		put_time(out, s->src->received_ns);
		return true;
	case EVENT_KIND_:
		buf_str(out, "\"kind\":\"event\"");
		return true;
	case ECS_VERSION_:
		buf_str(out, "\"version\":\"" ECS_VERSION "\"");
		return true;
	case INPUT_TYPE_:
		buf_str(out, "\"type\":");
		json_put_string(out, slice_str(s->src->input));
		return true;
	default:
		buf_str(out, "\"offset\":");
		buf_u64(out, s->src->offset);
		return true;
	}
}

/* Our members of one of the document's objects. */
static bool own_members(struct splice *s, enum ours object)
{
	switch (object) {
	case EVENT:
		own_member(s, EVENT_KIND_);
		own_member(s, EVENT_CREATED_);
		break;
	case ECS:
		own_member(s, ECS_VERSION_);
		break;
	case INPUT:
		own_member(s, INPUT_TYPE_);
		break;
	case LOG:
		if (s->src->path.n == 0)
			break;
		buf_str(s->out, ",\"file\":{\"path\":");
		if (json_put_string(s->out, s->src->path) > 0)
			return false; /* its bytes are to be kept as well */
		buf_chr(s->out, '}');
		own_member(s, LOG_OFFSET_);
		break;
	default:
		if (s->own.n > 0) {
			buf_chr(s->out, ',');
			buf_slice(s->out, s->own);
		}
	}
	return true;
}

/* Ours at the end of an object; first: it has kept no member, so ours need no comma in front.
 * -1: not for us; else whether the object has members. */
static int close_object(struct splice *s, enum ours object, bool first)
{
	size_t at;

	if (object == NONE)
		return !first;
	flush(s, s->p);
	at = s->out->n;
	if (!own_members(s, object) || s->out->failed)
		return -1;
	if (first && s->out->n > at) {
		memmove(s->out->p + at, s->out->p + at + 1, s->out->n - at - 1);
		s->out->n--;
		return 1;
	}
	return !first;
}

static int object(struct splice *s, uint32_t name, enum ours ours);

/* Does normalise() write an element of several as it came? It undoes escapes and writes its own. */
static bool element_stays(struct slice e)
{
	for (size_t i = 0; i < e.n; i++)
		if (e.p[i] == '\\' && memchr("\"\\nrt", e.p[++i], 5) == NULL)
			return false;
	return true;
}

static bool among(const struct slice *had, unsigned n, struct slice e)
{
	while (n > 0)
		if (slice_eq(had[--n], e))
			return true;
	return false;
}

/* An array: none, or values that are kept, each once. */
static bool array(struct splice *s)
{
	struct slice had[ELEMENTS_MAX];
	unsigned n = 0;
	bool empty, last;

	if (s->end - ++s->p > 0 && *s->p == ']') {
		s->p++;
		return true;
	}
	do {
		const char *from = s->p;

		if (s->p == s->end || n == ELEMENTS_MAX || !scalar(s, &empty) || empty ||
		    s->p == s->end)
			return false;
		had[n] = (struct slice){ from, (size_t)(s->p - from) };
		last = *s->p == ']';
		if (!last && *s->p != ',')
			return false;
		if ((n > 0 || !last) && (!element_stays(had[n]) || among(had, n, had[n])))
			return false;
		s->p++;
		n++;
	} while (!last);
	s->leaves += n - 1;
	return true;
}

/* The value at s->p. 1: kept, 0: to be left out, -1: not for us. */
static inline int value(struct splice *s, uint32_t at, const struct splice_key *k)
{
	const char *from = s->p;
	enum what what = k->what;
	bool empty;

	if (from == s->end)
		return -1;
	if (*from == '{') {
		if (what != OBJECT && what != PLAIN)
			return -1;
		s->p++;
		if (s->p == s->end)
			return -1;
		if (*s->p != '}') {
			enum ours ours = k->ours; /* k may move as more keys are learned */

			s->has |= 1u << ours;
			return object(s, s->nz->json.names.keys[at].name, ours);
		}
		s->p++;
		return what == PLAIN ? 1 : -1;
	}
	if (++s->leaves > LEAVES_MAX)
		return -1;
	if (*from == '[') {
		if ((what != LEAF && what != PLAIN) || !array(s))
			return -1;
		s->has |= 1u << k->ours;
		return 1;
	}
	if (!scalar(s, &empty))
		return -1;
	if (empty)
		return 0;
	if (what == OBJECT || (what == HOST && *from != '"'))
		return -1;
	if (what == HOST)
		s->host = (struct slice){ from, (size_t)(s->p - from) };
	s->has |= 1u << k->ours;
	return what != OWN || s->own.n == 0;
}

/* Is a good time's text what time_format() makes of it? Beats write milliseconds; a second 60 is
 * another one's. */
static bool as_written(const char *p, size_t n)
{
	return n == 24 && p[10] == 'T' && p[17] != '6' && p[19] == '.' && p[23] == 'Z';
}

/* @timestamp, which is the first member, or the event is for normalise(). */
static bool stamp(struct splice *s)
{
	const char *from = s->p;
	int64_t t_ns = s->src->received_ns;
	bool empty;

	if (from == s->end || *from != '"' || !scalar(s, &empty))
		return false;
	buf_str(s->out, "{\"@timestamp\":");
	if (time_parse((struct slice){ from + 1, (size_t)(s->p - from) - 2 }, &t_ns) &&
	    as_written(from + 1, (size_t)(s->p - from) - 2))
		buf_put(s->out, from, (size_t)(s->p - from));
	else
		put_time(s->out, t_ns);
	s->from = s->p;
	return true;
}

/* The members behind the brace, of which there is one at least, to behind the closing brace.
 * 1: some were kept, 0: none, -1: not for us. */
static int object(struct splice *s, uint32_t name, enum ours ours)
{
	const uint64_t event = s->nz->json.names.event;
	bool first = true;
	int r;

	if (++s->depth > DEPTH_MAX)
		return -1;
	for (;; s->p++) {
		const char *from = s->p;
		/* Where the output stands when what was kept before this member is copied. */
		size_t begin = s->out->n + (size_t)(from - s->from) - !first;
		uint32_t at = key(s, name);
		struct splice_key *k = at != JSON_NAME_NONE ? known(s, at) : NULL;

		if (k == NULL || k->what == NEVER || k->event == event)
			return -1;
		k->event = event;
		if ((k->what == STAMP) != (from == s->text + 1))
			return -1;
		r = k->what == STAMP ? (stamp(s) ? 1 : -1) : value(s, at, k);
		if (r < 0 || s->p == s->end)
			return -1;
		if (r > 0) {
			first = false;
		} else if (s->out->n > begin) { /* an object, partly copied */
			s->out->n = begin;
			s->from = s->p + (first && *s->p == ',');
		} else {
			drop(s, from, first);
		}
		if (*s->p != ',')
			break;
	}
	if (*s->p != '}')
		return -1;
	r = close_object(s, ours, first);
	s->p++;
	s->depth--;
	return r;
}

static const struct {
	enum ours object;
	const char *open;
} objects[] = {
	{ AGENT, ",\"agent\":{" }, { ECS, ",\"ecs\":{" },     { INPUT, ",\"input\":{" },
	{ LOG, ",\"log\":{" },     { EVENT, ",\"event\":{" },
};

/* The objects of ours that the document had not, and what is made of the host's name. */
static bool finish(struct splice *s)
{
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		size_t at = s->out->n;
		int r;

		if (HAS(s->has, objects[i].object))
			continue;
		buf_str(s->out, objects[i].open);
		s->from = s->p;
		r = close_object(s, objects[i].object, true);
		if (r < 0)
			return false;
		if (r == 0)
			s->out->n = at;
		else
			buf_chr(s->out, '}');
	}
	buf_str(s->out, ",\"related\":{\"hosts\":[");
	buf_slice(s->out, s->host);
	buf_str(s->out, "]}}");
	return !s->out->failed;
}

bool splice_document(struct normaliser *nz, struct slice text, const struct norm_source *src,
		     struct slice own, struct buf *out)
{
	struct json_names *nm = &nz->json.names;
	struct splice s = { .nz = nz, .src = src, .own = own, .out = out, .text = text.p };
	const size_t start = out->n;

	json_names_begin(nm);
	if (nz->spliced.epoch != nm->epoch) {
		splice_known_release(&nz->spliced);
		nz->spliced.epoch = nm->epoch;
	}
	s.p = s.from = text.p + 1;
	s.end = text.p + text.n;
	s.key = JSON_NAME_NONE;
	if (buf_reserve(out, text.n + 512) == 0 && object(&s, JSON_NAME_ROOT, NONE) > 0 &&
	    s.p == s.end && s.host.n > 0) {
		s.p--;
		flush(&s, s.p);
		if (finish(&s))
			return true;
	}
	out->n = start;
	out->failed = false;
	return false;
}
