/* SPDX-License-Identifier: EUPL-1.2 */
/* What becomes of one value of a Windows event's data. */
#include "common/normalise/winecs_inside.h"

#include <strings.h>

#include "common/base/buf.h"
#include "common/base/digits.h"
#include "common/event/json.h"
#include "common/event/json_text.h"
#include "common/normalise/addr.h"

#define ARGS_MAX 256u /* more are counted, not listed */

static const struct slice data = { "winlog.event_data.", 18 }, user = { "winlog.user_data.", 17 };

static bool is_named(const struct event_value *v, struct slice name)
{
	struct slice at = v->name;

	if (at.n == data.n + name.n)
		return memcmp(at.p + data.n, name.p, name.n) == 0 && slice_starts(at, data);
	return at.n == user.n + name.n && memcmp(at.p + user.n, name.p, name.n) == 0 &&
	       slice_starts(at, user);
}

/* The tables name fields in the order in which Windows writes them. */
static const struct event_value *find(struct winecs *w, struct slice name)
{
	const struct event *ev = w->ev;
	unsigned i = w->at < ev->n_dynamic ? w->at : 0;

	for (unsigned k = 0; k < ev->n_dynamic; k++) {
		const struct event_value *v = &ev->v[ev->dynamic[i]];

		if (++i == ev->n_dynamic)
			i = 0;
		if (is_named(v, name)) {
			w->at = i;
			return v;
		}
	}
	return NULL;
}

static struct slice text(struct winecs *w, const struct event_value *v)
{
	struct slice s = v->str;
	char *p;

	if (v->type != EVENT_JSON || s.n < 2 || s.p[0] != '"')
		return s;
	s = (struct slice){ s.p + 1, s.n - 2 };
	if (slice_chr(s, '\\') < 0)
		return s;
	p = arena_alloc(w->ev->mem, s.n);
	return p != NULL ? (struct slice){ p, json_unescape(s, p) } : (struct slice){ NULL, 0 };
}

struct slice winecs_value(struct winecs *w, struct slice name)
{
	const struct event_value *v;
	unsigned at = 0;

	if (name.n == 6 && name.p[4] == '#') { /* one of a list: "Data#1" */
		at = (unsigned)(name.p[5] - '0');
		name.n = 4;
	}
	v = find(w, name);
	for (; v != NULL && at > 0; at--)
		v = v->next != 0 ? &w->ev->v[v->next - 1] : NULL;
	return v != NULL ? text(w, v) : (struct slice){ NULL, 0 };
}

void winecs_describe(struct winecs *w, struct slice name, struct slice description)
{
	const struct slice suffix = SLICE("Description");
	char *p = arena_alloc(w->ev->mem, data.n + name.n + suffix.n);

	if (p == NULL)
		return;
	memcpy(p, data.p, data.n);
	memcpy(p + data.n, name.p, name.n);
	memcpy(p + data.n + name.n, suffix.p, suffix.n);
	event_push(w->ev, (struct slice){ p, data.n + name.n + suffix.n }, description);
}

static void set(struct winecs *w, unsigned id, struct slice v)
{
	if (id != ECS_DYNAMIC && v.n > 0 && event_get(w->ev, (enum ecs)id) == NULL)
		event_str(w->ev, (enum ecs)id, v);
}

static void set_number(struct winecs *w, unsigned id, struct slice v, uint64_t least)
{
	uint64_t n;

	if (slice_number(slice_trim(v), &n) && n >= least && n <= INT64_MAX &&
	    event_get(w->ev, (enum ecs)id) == NULL)
		event_int(w->ev, (enum ecs)id, (int64_t)n);
}

static struct slice lower(struct winecs *w, struct slice s)
{
	char *p = arena_alloc(w->ev->mem, s.n);

	if (p == NULL)
		return (struct slice){ NULL, 0 };
	for (size_t i = 0; i < s.n; i++)
		p[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] | 0x20 : s.p[i]);
	return (struct slice){ p, s.n };
}

static bool next_of(struct slice *rest, char end, struct slice *ret)
{
	ssize_t at = slice_chr(*rest, end);

	if (rest->n == 0)
		return false;
	*ret = at >= 0 ? (struct slice){ rest->p, (size_t)at } : *rest;
	*rest = at >= 0 ? slice_from(*rest, (size_t)at + 1) : (struct slice){ NULL, 0 };
	return true;
}

static void put_ip(struct winecs *w, const struct winecs_field *f, struct slice v)
{
	struct slice ip;

	if (addr_parse(v, w->ev->mem, &ip))
		set(w, f->to, ip);
	else
		set(w, f->also, v);
}

static void put_ip_port(struct winecs *w, const struct winecs_field *f, struct slice v)
{
	ssize_t colon = slice_rchr(v, ':');
	struct slice ip;

	if (colon > 0 && addr_parse((struct slice){ v.p, (size_t)colon }, w->ev->mem, &ip)) {
		set(w, f->to, ip);
		set_number(w, f->also, slice_from(v, (size_t)colon + 1), 1);
	} else if (addr_parse(v, w->ev->mem, &ip)) {
		set(w, f->to, ip);
	}
}

/* Where the last part of a path begins. */
static size_t last_part(struct slice path)
{
	size_t at = path.n;

	while (at > 0 && path.p[at - 1] != '\\' && path.p[at - 1] != '/')
		at--;
	return at;
}

static void put_path(struct winecs *w, const struct winecs_field *f, struct slice v)
{
	size_t at = last_part(v);
	struct slice name = slice_from(v, at);
	ssize_t dot = slice_rchr(name, '.');

	set(w, f->to, v);
	set(w, f->also, name);
	if (f->kind != W_FILE || f->to != ECS_FILE_PATH)
		return;
	if (at > 1)
		set(w, ECS_FILE_DIRECTORY, (struct slice){ v.p, at - 1 });
	if (dot > 0)
		set(w, ECS_FILE_EXTENSION, slice_from(name, (size_t)dot + 1));
}

/* The first file of a list of kinds and names. */
static void put_threat_file(struct winecs *w, const struct winecs_field *f, struct slice v)
{
	static const struct winecs_field file = W_FIELD("", W_FILE, ECS_FILE_PATH, ECS_FILE_NAME);
	struct slice part;

	while (next_of(&v, ';', &part)) {
		part = slice_trim(part);
		if (!slice_starts(part, SLICE("file:_")) &&
		    !slice_starts(part, SLICE("containerfile:_")))
			continue;
		put_path(w, &file, slice_from(part, (size_t)slice_find(part, SLICE(":_")) + 2));
		return;
	}
}

static void put_account(struct winecs *w, const struct winecs_field *f, struct slice v)
{
	ssize_t at = slice_chr(v, '\\');

	if (at >= 0) {
		set(w, f->also, (struct slice){ v.p, (size_t)at });
		v = slice_from(v, (size_t)at + 1);
	} else if (f->kind == W_PRINCIPAL && (at = slice_chr(v, '@')) > 0) {
		v.n = (size_t)at;
	}
	set(w, f->to, v);
}

/* "CN=Maija M,OU=..": the commas of a name are escaped. */
static void put_member(struct winecs *w, const struct winecs_field *f, struct slice v)
{
	size_t n = 3;

	if (v.n < 4 || strncasecmp(v.p, "CN=", 3) != 0) {
		put_account(w, f, v);
		return;
	}
	while (n < v.n && (v.p[n] != ',' || v.p[n - 1] == '\\'))
		n++;
	set(w, f->to, (struct slice){ v.p + 3, n - 3 });
}

static void put_hashes(struct winecs *w, const struct winecs_field *f, struct slice v)
{
	static const char *const names[] = { "MD5", "SHA1", "SHA256", "IMPHASH" };
	struct slice part;

	_Static_assert(ECS_PROCESS_HASH_SHA1 == ECS_PROCESS_HASH_MD5 + 1 &&
			       ECS_PROCESS_HASH_SHA256 == ECS_PROCESS_HASH_MD5 + 2,
		       "hashes stand beside each other in the list");
	while (next_of(&v, ',', &part)) {
		ssize_t eq = slice_chr(part, '=');
		struct slice hash;
		size_t zeros = 0;

		if (eq < 0)
			continue;
		hash = lower(w, slice_from(part, (size_t)eq + 1));
		while (zeros < hash.n && hash.p[zeros] == '0')
			zeros++;
		for (unsigned i = 0; i < 4 && zeros < hash.n; i++) {
			if (!slice_is((struct slice){ part.p, (size_t)eq }, names[i]))
				continue;
			set(w, i < 3 ? f->to + i : f->also, hash);
			event_add(w->ev, ECS_RELATED_HASH, hash);
		}
	}
}

/* The next argument, as CommandLineToArgvW takes it: quotes hold blanks; a backslash is one, but
 * before a quote, where each pair stands for one and an odd one keeps the quote. */
static bool next_arg(struct slice *rest, char *out, size_t *ret_n)
{
	bool quoted = false;
	size_t i = 0, n = 0;

	*rest = slice_trim(*rest);
	if (rest->n == 0)
		return false;
	for (; i < rest->n && (quoted || (rest->p[i] != ' ' && rest->p[i] != '\t')); i++) {
		size_t slashes = 0;

		while (i < rest->n && rest->p[i] == '\\') {
			slashes++;
			i++;
		}
		if (i == rest->n || rest->p[i] != '"') {
			memset(out + n, '\\', slashes);
			n += slashes;
			if (slashes > 0) {
				i--; /* what stands behind them is looked at again */
				continue;
			}
			out[n++] = rest->p[i];
			continue;
		}
		memset(out + n, '\\', slashes / 2);
		n += slashes / 2;
		if (slashes % 2 != 0) {
			out[n++] = '"';
		} else if (quoted && i + 1 < rest->n && rest->p[i + 1] == '"') {
			out[n++] = '"';
			i++;
		} else {
			quoted = !quoted;
		}
	}
	*rest = slice_from(*rest, i);
	*ret_n = n;
	return true;
}

static void put_command(struct winecs *w, const struct winecs_field *f, struct slice v)
{
	struct buf *list = w->scratch;
	struct slice rest = v;
	unsigned count = 0;
	struct slice whole;
	char *out;
	size_t n;

	_Static_assert(ECS_PROCESS_ARGS_COUNT == ECS_PROCESS_ARGS + 1 &&
			       ECS_PROCESS_PARENT_ARGS_COUNT == ECS_PROCESS_PARENT_ARGS + 1,
		       "the count stands beside the arguments in the list");
	set(w, f->to, v);
	if (event_get(w->ev, (enum ecs)f->also) != NULL ||
	    (out = arena_alloc(w->ev->mem, v.n + 1)) == NULL)
		return;
	buf_reset(list);
	while (next_arg(&rest, out, &n)) {
		if (count++ >= ARGS_MAX)
			continue;
		buf_chr(list, count == 1 ? '[' : ',');
		json_put_string(list, (struct slice){ out, n });
	}
	buf_chr(list, ']');
	whole = arena_copy(w->ev->mem, buf_view(list));
	if (count == 0 || list->failed || whole.p == NULL)
		return;
	event_json(w->ev, (enum ecs)f->also, whole);
	event_int(w->ev, (enum ecs)(f->also + 1), count);
}

static void put_registry(struct winecs *w, const struct winecs_field *f, struct slice v)
{
	ssize_t at = slice_chr(v, '\\');

	set(w, ECS_REGISTRY_PATH, v);
	if (at > 0) {
		set(w, ECS_REGISTRY_HIVE, (struct slice){ v.p, (size_t)at });
		set(w, ECS_REGISTRY_KEY, slice_from(v, (size_t)at + 1));
	}
	if (f->kind == W_REGISTRY_VALUE)
		set(w, ECS_REGISTRY_VALUE, slice_from(v, last_part(v)));
}

/* Sysmon writes "DWORD (0x00000001)", "QWORD (0x..-0x..)", "Binary Data", or the text. */
static void put_details(struct winecs *w, const struct winecs_field *f, struct slice v)
{
	struct slice hex = { v.p + 7, v.n > 8 ? v.n - 8 : 0 };
	uint64_t n;
	char digits[DIGITS_MAX];

	if (slice_is(v, "Binary Data")) {
		set(w, ECS_REGISTRY_DATA_TYPE, SLICE("REG_BINARY"));
		return;
	}
	if (slice_starts(v, SLICE("DWORD (")) && slice_number(hex, &n)) {
		set(w, ECS_REGISTRY_DATA_TYPE, SLICE("SZ_DWORD"));
		v = arena_copy(w->ev->mem, (struct slice){ digits, digits_put(digits, n) });
	} else if (slice_starts(v, SLICE("QWORD ("))) {
		set(w, ECS_REGISTRY_DATA_TYPE, SLICE("SZ_QWORD"));
	}
	event_add(w->ev, ECS_REGISTRY_DATA_STRINGS, v);
}

/* "type:  5 name;::ffff:192.0.2.1;": names are told too, but only addresses are listed. */
static void put_answers(struct winecs *w, const struct winecs_field *f, struct slice v)
{
	struct slice part, ip;

	for (unsigned n = 0; n < 16 && next_of(&v, ';', &part);)
		if (addr_parse(part, w->ev->mem, &ip)) {
			event_add(w->ev, ECS_DNS_RESOLVED_IP, ip);
			event_add(w->ev, ECS_RELATED_IP, ip);
			n++;
		}
}

static void put_list(struct winecs *w, const struct winecs_field *f, struct slice v)
{
	for (unsigned n = 0; n < 40; n++) {
		size_t len = 0;

		v = slice_trim(v);
		while (len < v.n && !char_is_blank(v.p[len]))
			len++;
		if (len == 0)
			return;
		winecs_describe(w, f->from, (struct slice){ v.p, len });
		v = slice_from(v, len);
	}
}

static struct slice joined(struct winecs *w, struct slice a, struct slice b)
{
	char *p = arena_alloc(w->ev->mem, a.n + 1 + b.n);

	if (p == NULL)
		return (struct slice){ NULL, 0 };
	memcpy(p, a.p, a.n);
	p[a.n] = '\\';
	memcpy(p + a.n + 1, b.p, b.n);
	return (struct slice){ p, a.n + 1 + b.n };
}

/* A file of a share: how the client and how the server call it. */
static void put_share(struct winecs *w, const struct winecs_field *f, struct slice share)
{
	static const struct winecs_field file = W_FIELD("", W_FILE, ECS_FILE_PATH, ECS_FILE_NAME);
	struct slice local = winecs_value(w, SLICE("ShareLocalPath"));
	struct slice relative = winecs_value(w, SLICE("RelativeTargetName"));

	if (slice_starts(local, SLICE("\\??\\")))
		local = slice_from(local, 4);
	while (local.n > 0 && local.p[local.n - 1] == '\\')
		local.n--;
	if (winecs_blank(relative) || relative.p[0] == '\\') { /* of the share itself */
		if (!winecs_blank(local))
			set(w, ECS_FILE_DIRECTORY, local);
		return;
	}
	set(w, ECS_FILE_TARGET_PATH, joined(w, share, relative));
	put_path(w, &file, winecs_blank(local) ? relative : joined(w, local, relative));
}

static void put_context(struct winecs *w, const struct winecs_field *f, struct slice v)
{
	struct slice line;

	for (unsigned lines = 0; lines < 64 && next_of(&v, '\n', &line); lines++) {
		ssize_t eq = slice_chr(line, '=');
		char name[32];
		size_t n = 0;

		for (ssize_t i = 0; i < eq && n < sizeof(name); i++)
			if (line.p[i] != ' ' && line.p[i] != '\t')
				name[n++] = (char)(line.p[i] | 0x20);
		line = slice_trim(slice_from(line, (size_t)(eq + 1)));
		for (const struct winecs_field *c = winecs_context;
		     n > 0 && line.n > 0 && c->kind != W_END; c++)
			if (slice_eq(c->from, (struct slice){ name, n }))
				winecs_put(w, c, line);
	}
}

static void put_name(struct winecs *w, const struct winecs_field *f, struct slice v)
{
	const char *name = NULL;
	uint64_t n;

	if (slice_starts(v, SLICE("%%")))
		name = slice_uint(slice_from(v, 2), UINT32_MAX, &n) ? winecs_name(NAMES_MESSAGE, n)
								    : NULL;
	else if (slice_number(v, &n))
		name = winecs_name((enum winecs_names)f->also, n);
	if (name == NULL)
		return;
	if (f->to != ECS_DYNAMIC)
		set(w, f->to, slice_str(name));
	else
		winecs_describe(w, f->from, slice_str(name));
}

static void put_bits(struct winecs *w, const struct winecs_field *f, struct slice v)
{
	const struct winecs_name *bit = winecs_bits((enum winecs_bits)f->also);
	uint64_t n;

	if (!slice_number(v, &n))
		return;
	for (; bit->name != NULL; bit++)
		if ((n & bit->number) == bit->number)
			winecs_describe(w, f->from, slice_str(bit->name));
}

static void put_text(struct winecs *w, const struct winecs_field *f, struct slice v)
{
	set(w, f->to, v);
}

static void put_lower(struct winecs *w, const struct winecs_field *f, struct slice v)
{
	set(w, f->to, lower(w, v));
}

static void put_add(struct winecs *w, const struct winecs_field *f, struct slice v)
{
	event_add(w->ev, (enum ecs)f->to, v);
}

static void put_number(struct winecs *w, const struct winecs_field *f, struct slice v)
{
	set_number(w, f->to, v, 0);
}

static void put_port(struct winecs *w, const struct winecs_field *f, struct slice v)
{
	set_number(w, f->to, v, 1);
}

static void put_direction(struct winecs *w, const struct winecs_field *f, struct slice v)
{
	set(w, f->to, slice_is(v, "true") ? SLICE("egress") : SLICE("ingress"));
}

static void put_family(struct winecs *w, const struct winecs_field *f, struct slice v)
{
	set(w, f->to, slice_is(v, "true") ? SLICE("ipv6") : SLICE("ipv4"));
}

void winecs_put(struct winecs *w, const struct winecs_field *f, struct slice v)
{
	static void (*const puts[])(struct winecs * w, const struct winecs_field *f,
				    struct slice v) = {
		[W_TEXT] = put_text,
		[W_SYSTEM_USER] = put_text,
		[W_LOWER] = put_lower,
		[W_ADD] = put_add,
		[W_NUMBER] = put_number,
		[W_PID] = put_number,
		[W_PORT] = put_port,
		[W_IP] = put_ip,
		[W_IP_PORT] = put_ip_port,
		[W_PROGRAM] = put_path,
		[W_FILE] = put_path,
		[W_THREAT_FILE] = put_threat_file,
		[W_ACCOUNT] = put_account,
		[W_PRINCIPAL] = put_account,
		[W_MEMBER] = put_member,
		[W_HASHES] = put_hashes,
		[W_COMMAND] = put_command,
		[W_REGISTRY] = put_registry,
		[W_REGISTRY_VALUE] = put_registry,
		[W_DETAILS] = put_details,
		[W_ANSWERS] = put_answers,
		[W_DIRECTION] = put_direction,
		[W_FAMILY] = put_family,
		[W_LIST] = put_list,
		[W_SHARE] = put_share,
		[W_CONTEXT] = put_context,
		[W_NAME] = put_name,
		[W_BITS] = put_bits,
	};

	_Static_assert(sizeof(puts) / sizeof(puts[0]) == W_KINDS, "each kind has its function");
	puts[f->kind](w, f, v);
}
