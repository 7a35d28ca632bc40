/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/fuzz/engine_gen_event.c: one random event: Windows' of several channels, Linux's, anything.
 */
#include <stdio.h>

#include "tests/fuzz/engine_gen.h"
#include "tests/fuzz/oracle.h"

/* -- texts ---------------------------------------------------------------------------------- */

static void put_unit(struct buf *out, uint32_t u)
{
	buf_printf(out, u % 2 == 0 ? "\\u%04x" : "\\u%04X", u);
}

static void put_escaped(struct buf *out, uint32_t c)
{
	if (c < 0x10000) {
		put_unit(out, c);
		return;
	}
	put_unit(out, 0xd800 + ((c - 0x10000) >> 10));
	put_unit(out, 0xdc00 + ((c - 0x10000) & 0x3ff));
}

/* A JSON string, with as many needless escapes as `percent` says. */
static void put_string(struct gen *g, struct buf *out, struct slice text, unsigned percent)
{
	static const char from[] = "\b\f\n\r\t\"\\/", to[] = "bfnrt\"\\/";
	struct chars s = chars_of(text);

	buf_chr(out, '"');
	for (size_t i = 0; i < s.n; i++) {
		uint32_t c = s.c[i];
		const char *short_form = c < 0x80 && c > 0 ? strchr(from, (int)c) : NULL;
		bool must = c < 0x20 || c == '"' || c == '\\';

		if (short_form != NULL && (must ? !gen_chance(g, percent) : gen_chance(g, percent)))
			buf_printf(out, "\\%c", to[short_form - from]);
		else if (must || gen_chance(g, percent))
			put_escaped(out, c);
		else
			chars_put(out, (struct chars){ &s.c[i], 1 });
	}
	if (percent > 0 && gen_chance(g, 3)) /* half a pair, alone */
		buf_str(out, gen_chance(g, 50) ? "\\ud83d" : "\\udc00\\ud800x");
	buf_chr(out, '"');
	chars_release(&s);
}

static void put_padding(struct gen *g, struct buf *out)
{
	static const char *const bits[] = { "x", " ", "a", "\\", "Ab", "cmd", "0", "-", "ä", "\n" };

	for (unsigned n = gen_below(g, 6); n > 0; n--)
		buf_str(out, GEN_PICK(g, bits));
}

/* Long ones, past the sizes at which scanners change their ways. */
static void put_filler(struct gen *g, struct buf *out)
{
	static const unsigned sizes[] = { 30, 60, 64, 250, 256, 1000, 4090, 5000 };
	unsigned n = sizes[gen_below(g, gen_chance(g, 85) ? 5 : 8)] + gen_below(g, 9);
	bool spread = gen_chance(g, 50);

	for (unsigned i = 0; i < n; i++)
		buf_chr(out, spread ? "abcdefgh ikS.-\\01"[gen_below(g, 17)] : 'a');
}

/* What the encoding modifiers look for. */
static void put_encoded(struct gen *g, struct buf *out)
{
	static const char *const hows[] = { "base64", "base64offset", "utf16le", "utf16be",
					    "utf16" };
	const char *how = GEN_PICK(g, hows), *text = gen_encodable(g);
	struct buf plain = { 0 };
	struct chars s, coded, both;

	for (unsigned n = gen_below(g, 3); n > 0; n--)
		buf_chr(&plain, 'x');
	for (; *text != '\0'; text++) {
		if (*text != '*' && *text != '?')
			buf_chr(&plain, *text);
	}
	if (plain.n < 2)
		buf_str(&plain, "cmd");
	s = chars_of(buf_view(&plain));
	coded = chars_encode(s, how, 0);
	both = chars_encode(coded, "base64", 0);
	if (strncmp(how, "utf16", 5) != 0)
		chars_put(out, coded);
	else if (g->ascii && strcmp(how, "utf16le") == 0 && gen_chance(g, 50))
		chars_put(out, coded); /* ASCII in UTF-16 is text as well: half of it NUL */
	else
		chars_put(out, both);
	buf_release(&plain);
	chars_release(&s);
	chars_release(&coded);
	chars_release(&both);
}

static void put_dashed(struct gen *g, struct buf *out)
{
	static const char *const all[] = { "/enc", "–c",  " —c ", "―x",        "cmd /c /k",
					   "-X",   "a/b", "-E–s", "CMD –c —K", "a -/x",
					   "–enc", "_/e", "/_e",  "–É" };

	buf_str(out, GEN_PICK(g, all));
}

/* A text of the pool of which one byte is another. */
static void put_near(struct gen *g, struct buf *out)
{
	const char *s = gen_pool(g);
	size_t n = strlen(s), at = n > 0 ? gen_below(g, (uint32_t)n) : 0, from = out->n;

	buf_str(out, s);
	if (n > 0 && (s[at] & 0x80) == 0)
		out->p[from + at] = "x.\\A\n"[gen_below(g, 5)];
}

/* The first half now, the second as the next value: nothing may match across the two. */
static void put_half(struct gen *g, struct buf *out)
{
	const char *s = gen_pool(g);
	size_t cut = strlen(s) / 2;

	while (cut > 0 && (s[cut] & 0xc0) == 0x80)
		cut--;
	buf_put(out, s, cut);
	g->rest = s + cut;
}

/* The case of put_text that this seed's rules look for most. */
static unsigned focused(struct gen *g)
{
	static const unsigned of[GEN_KINDS] = { 21, 0, 3, 21, 1, 2, 1, 21, 21 };

	return of[g->focus];
}

static void put_text(struct gen *g, struct buf *out)
{
	if (g->rest != NULL) {
		buf_str(out, g->rest);
		g->rest = NULL;
		return;
	}
	switch (gen_chance(g, 30) ? focused(g) : gen_below(g, 22)) {
	case 0:
		put_encoded(g, out);
		break;
	case 1:
		buf_str(out, gen_chance(g, 50) ? gen_address(g) : gen_time(g));
		break;
	case 2:
		buf_str(out, gen_number(g));
		break;
	case 3:
		put_dashed(g, out);
		break;
	case 4:
		if (gen_chance(g, 50))
			break; /* '' */
		put_filler(g, out);
		buf_str(out, gen_pool(g));
		if (gen_chance(g, 50))
			put_filler(g, out);
		break;
	case 5:
	case 6:
	case 7:
	case 8:
		put_padding(g, out);
		buf_str(out, gen_pool(g));
		put_padding(g, out);
		break;
	case 9:
	case 10:
		buf_str(out, gen_pool(g));
		buf_str(out, gen_pool(g));
		break;
	case 11:
		put_near(g, out);
		break;
	case 12:
		put_half(g, out);
		break;
	default:
		buf_str(out, gen_pool(g));
	}
	if (gen_chance(g, 2))
		buf_chr(out, '\0');
}

static void put_flipped(struct gen *g, struct buf *out, size_t from)
{
	for (size_t i = from; i < out->n; i++) {
		char c = (char)(out->p[i] | 0x20);

		if (c >= 'a' && c <= 'z' && gen_chance(g, 40))
			out->p[i] = (char)(out->p[i] ^ 0x20);
	}
}

static void put_value(struct gen *g, struct buf *out, unsigned percent, unsigned depth)
{
	struct buf text = { 0 };
	unsigned kind = gen_below(g, 100);

	if (kind < 6) {
		buf_str(out, gen_number(g));
	} else if (kind < 9) {
		buf_str(out, "null");
	} else if (kind < 12) {
		buf_str(out, gen_chance(g, 50) ? "true" : "false");
	} else if (kind < 13 || (kind < 24 && depth == 0)) {
		buf_str(out, gen_chance(g, 50) ? "{}" : "[]");
	} else if (kind < 22) {
		buf_chr(out, '[');
		for (unsigned n = gen_chance(g, 5) ? 70 : gen_below(g, 4), i = 0; i < n; i++) {
			buf_str(out, i > 0 ? ", " : "");
			put_value(g, out, percent, depth - 1);
		}
		buf_chr(out, ']');
	} else if (kind < 24) {
		buf_str(out, gen_chance(g, 50) ? "{\"b\" : " : "{\"x\":1,\"Image\":");
		put_value(g, out, percent, depth - 1);
		buf_chr(out, '}');
	} else {
		put_text(g, &text);
		if (gen_chance(g, 30))
			put_flipped(g, &text, 0);
		put_string(g, out, buf_view(&text), percent);
	}
	buf_release(&text);
}

/* -- the event ------------------------------------------------------------------------------ */

/* Some of the names of a list, which ends in NULL. */
static void put_members(struct gen *g, struct buf *out, const char *const *list, unsigned chance,
			unsigned percent)
{
	for (; *list != NULL; list++) {
		/* Now and then the same name again. */
		for (unsigned times = 0; times < 2 && gen_chance(g, times == 0 ? chance : 4);
		     times++) {
			buf_printf(out, "%s\"%s\":", out->p[out->n - 1] == '{' ? "" : ",", *list);
			put_value(g, out, percent, 2);
		}
	}
}

static const struct {
	const char *channel, *id, *provider;
	const char *types[3];
} kinds[] = {
	{ "Microsoft-Windows-Sysmon/Operational", "1", "Microsoft-Windows-Sysmon", { "", "", "" } },
	{ "Microsoft-Windows-Sysmon/Operational",
	  "12",
	  "Microsoft-Windows-Sysmon",
	  { "CreateKey", "DeleteKey", "DeleteValue" } },
	{ "Microsoft-Windows-Sysmon/Operational",
	  "13",
	  "Microsoft-Windows-Sysmon",
	  { "SetValue", "SetValue", "" } },
	{ "Security", "4688", "Microsoft-Windows-Security-Auditing", { "", "", "" } },
	{ "Microsoft-Windows-PowerShell/Operational",
	  "4104",
	  "Microsoft-Windows-PowerShell",
	  { "", "", "" } },
	{ "Application", "7", "cmd", { "", "", "CreateKey" } },
};
#define KINDS_N (sizeof(kinds) / sizeof(kinds[0]))

static void put_channel(struct gen *g, struct buf *out, const char *channel)
{
	size_t from = out->n;

	if (gen_chance(g, 3)) {
		buf_str(out, gen_chance(g, 50) ? "null" : "[\"Security\",\"Application\"]");
		return;
	}
	buf_printf(out, "\"%s\"", channel);
	if (gen_chance(g, 15))
		put_flipped(g, out, from);
}

static void put_windows(struct gen *g, struct buf *out, unsigned percent)
{
	static const char *const data[] = { "Image",
					    "x y",
					    "xy",
					    " x  y ",
					    "CommandLine",
					    "ParentImage",
					    "NewProcessName",
					    "ParentProcessName",
					    "Details",
					    "TargetObject",
					    "User",
					    "x",
					    "y",
					    "Größe",
					    NULL };
	static const char *const traps[] = { "EventID", "Channel", NULL };
	static const char *const less[] = { "x", "Image", "x y", NULL };
	unsigned k = gen_below(g, KINDS_N);
	const char *type = kinds[k].types[gen_below(g, 3)], *id = kinds[k].id;

	if (gen_chance(g, 5))
		id = kinds[gen_below(g, KINDS_N)].id;
	buf_str(out, "\"winlog\":{\"channel\":");
	put_channel(g, out, kinds[k].channel);
	buf_printf(out,
		   gen_chance(g, 3)    ? ",\"event_id\":[%s,4688]"
		   : gen_chance(g, 50) ? ",\"event_id\":%s"
				       : ",\"event_id\":\"%s\"",
		   id);
	if (gen_chance(g, 70))
		buf_printf(out, ",\"provider_name\":\"%s\"", kinds[k].provider);
	buf_str(out, ",\"event_data\":{");
	put_members(g, out, data, g->narrow ? 80 : 55, percent);
	if (gen_chance(g, 6))
		put_members(g, out, traps, 55, percent);
	if (type[0] != '\0' && !gen_chance(g, 10))
		buf_printf(out, "%s\"EventType\":\"%s\"", out->p[out->n - 1] == '{' ? "" : ",",
			   type);
	buf_chr(out, '}');
	if (gen_chance(g, 15)) {
		buf_str(out, ",\"user_data\":{");
		put_members(g, out, less, 50, percent);
		buf_chr(out, '}');
	}
	buf_chr(out, '}');
	if (gen_chance(g, 30))
		buf_printf(out, ",\"event\":{\"code\":\"%s\"}", id);
}

static void put_linux(struct gen *g, struct buf *out)
{
	static const char *const programs[] = { "sshd", "sudo", "cron", "sshd-session" };
	static const char *const sets[] = { "system.auth", "cisco.ios", "system.syslog",
					    "auditd.log" };

	buf_printf(out,
		   "\"process\":{\"name\":\"%s\"},\"event\":{\"category\":[\"process\"],\"type\":"
		   "\"%s\",\"dataset\":\"%s\"}",
		   GEN_PICK(g, programs), gen_chance(g, 70) ? "start" : "end", GEN_PICK(g, sets));
	if (gen_chance(g, 50))
		buf_printf(out, ",\"host\":{\"os\":{\"type\":\"%s\"}}",
			   gen_chance(g, 70) ? "linux" : "windows");
}

/* Values that cidr, the times' modifiers and comparisons can do something with. */
static void put_typed(struct gen *g, struct buf *out)
{
	if (gen_chance(g, 50))
		buf_printf(out, ",\"source\":{\"ip\":\"%s\"}", gen_address(g));
	if (gen_chance(g, 50))
		buf_printf(out, gen_chance(g, 50) ? ",\"n\":%s" : ",\"n\":\"%s\"", gen_number(g));
}

void gen_event(struct gen *g, struct buf *out)
{
	static const char *const top[] = { "x",
					   "y",
					   "a.b",
					   "Image",
					   "User",
					   "a",
					   "process.executable",
					   "Details",
					   "CommandLine",
					   "source.ip",
					   "n",
					   "url.full",
					   "url.original",
					   "Größe",
					   NULL };
	static const char *const nested[] = { "executable", "command_line", "x", NULL };
	unsigned percent;

	g->rest = NULL;
	percent = gen_chance(g, 60) ? 0 : gen_chance(g, 80) ? 10 : 100;

	buf_printf(out, "{\"@timestamp\":\"%s\",", gen_time(g));
	if (gen_chance(g, 82))
		put_windows(g, out, percent);
	else
		put_linux(g, out);
	put_typed(g, out);
	put_members(g, out, top, 12, percent);
	if (gen_chance(g, 15)) {
		buf_str(out, ", \"process\" : {");
		put_members(g, out, nested, 60, percent);
		buf_str(out, "} ");
	}
	if (gen_chance(g, 2))
		buf_printf(out, ",\"EventID\":%s", gen_number(g));
	buf_chr(out, '}');
}
