/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/fuzz/engine_gen_rule.c: one random rule, in all that the language allows of one. */
#include <stdio.h>

#include "tests/fuzz/engine_gen.h"
#include "tests/fuzz/oracle.h"

#define INDENT "    "

/* -- items: "field|modifiers: value" -------------------------------------------------------- */

static const char *const fields[] = {
	"Image",
	"Image",
	"CommandLine",
	"CommandLine",
	"ParentImage",
	"Details",
	"TargetObject",
	"User",
	"x",
	"y",
	"a.b",
	"process.executable",
	"winlog.event_data.x",
	"process.command_line",
	"c-uri",
	"Größe",
	"winlog.event_data.Image",
	"xy",
	"x y",
	"winlog.event_data.x y",
};

/* The fields that hold such values more often than others do. */
static const char *pick_field(struct gen *g, enum gen_kind kind)
{
	bool own = gen_chance(g, 60);

	return own && kind == GEN_CIDR      ? "SourceIp"
	       : own && kind == GEN_TIME    ? "@timestamp"
	       : own && kind == GEN_COMPARE ? "n"
	       : g->narrow                  ? fields[gen_below(g, 4)]
					    : GEN_PICK(g, fields);
}

static enum gen_kind pick_kind(struct gen *g, bool keyword)
{
	static const enum gen_kind all[] = { GEN_TEXT,    GEN_TEXT,    GEN_TEXT,    GEN_TEXT,
					     GEN_TEXT,    GEN_TEXT,    GEN_TEXT,    GEN_TEXT,
					     GEN_TEXT,    GEN_TEXT,    GEN_TEXT,    GEN_TEXT,
					     GEN_TEXT,    GEN_TEXT,    GEN_REGEX,   GEN_REGEX,
					     GEN_REGEX,   GEN_ENCODED, GEN_WINDASH, GEN_CIDR,
					     GEN_COMPARE, GEN_TIME,    GEN_EXISTS,  GEN_FIELDREF };
	enum gen_kind k = g->focus != GEN_TEXT && gen_chance(g, 40) ? g->focus : GEN_PICK(g, all);

	return keyword && (k == GEN_EXISTS || k == GEN_FIELDREF || k == GEN_TIME) ? GEN_TEXT : k;
}

struct item_plan {
	enum gen_kind kind;
	const char *shape; /* "" or "|contains" ... */
	char codec[64];
	bool all, neq, ascii, encoded;
};

static void plan_item(struct gen *g, struct item_plan *p, bool keyword)
{
	static const char *const shapes[] = { "",          "",          "|contains",
					      "|contains", "|contains", "|startswith",
					      "|endswith", "|endswith" };
	static const char *const codecs[] = { "|base64",
					      "|base64offset",
					      "|base64offset|contains",
					      "|utf16le|base64offset",
					      "|wide|base64offset|contains",
					      "|utf16be|base64",
					      "|utf16|base64offset",
					      "|wide",
					      "|base64|contains",
					      "|contains|base64offset" };
	static const char *const compare[] = { "|lt", "|lte", "|gt", "|gte" };
	static const char *const parts[] = {
		"|minute", "|hour", "|day", "|week", "|month", "|year"
	};

	*p = (struct item_plan){ .kind = pick_kind(g, keyword), .shape = "" };
	p->all = p->kind != GEN_EXISTS && gen_chance(g, 15);
	p->neq = p->kind != GEN_EXISTS && gen_chance(g, 8);
	switch (p->kind) {
	case GEN_TEXT:
	case GEN_WINDASH:
	case GEN_FIELDREF:
		p->shape = GEN_PICK(g, shapes);
		snprintf(p->codec, sizeof(p->codec), "%s%s",
			 p->kind == GEN_WINDASH    ? "|windash"
			 : p->kind == GEN_FIELDREF ? "|fieldref"
						   : "",
			 gen_chance(g, 15) ? "|cased" : "");
		break;
	case GEN_ENCODED:
		snprintf(p->codec, sizeof(p->codec), "%s", GEN_PICK(g, codecs));
		p->ascii = strcmp(p->codec, "|wide") == 0;
		break;
	case GEN_REGEX:
		snprintf(p->codec, sizeof(p->codec), "|re%s%s%s", gen_chance(g, 40) ? "|i" : "",
			 gen_chance(g, 10) ? "|m" : "", gen_chance(g, 10) ? "|s" : "");
		break;
	case GEN_CIDR:
		snprintf(p->codec, sizeof(p->codec), "|cidr");
		break;
	case GEN_COMPARE:
		snprintf(p->codec, sizeof(p->codec), "%s", GEN_PICK(g, compare));
		break;
	case GEN_TIME:
		snprintf(p->codec, sizeof(p->codec), "%s%s", GEN_PICK(g, parts),
			 gen_chance(g, 60) ? GEN_PICK(g, compare) : "");
		break;
	default:
		snprintf(p->codec, sizeof(p->codec), "|exists");
	}
}

static void put_modifiers(struct gen *g, struct buf *out, const struct item_plan *p)
{
	bool first = gen_chance(g, 50);

	buf_str(out, first ? p->shape : "");
	buf_str(out, p->all && first ? "|all" : "");
	buf_str(out, p->codec);
	buf_str(out, first ? "" : p->shape);
	buf_str(out, p->all && !first ? "|all" : "");
	buf_str(out, p->neq ? "|neq" : "");
}

static void put_text_value(struct gen *g, struct buf *out, const struct item_plan *p, bool keyword)
{
	struct buf b = { 0 };

	if (p->kind == GEN_TEXT && p->shape[0] == '\0' && !keyword && gen_chance(g, 6)) {
		buf_str(out, gen_chance(g, 50) ? "null" : "");
		buf_str(out, out->p[out->n - 1] == ' ' ? "~" : "");
		goto done;
	}
	if (p->kind == GEN_TEXT && gen_chance(g, 8)) {
		buf_str(out, gen_chance(g, 70)   ? gen_number(g)
			     : gen_chance(g, 50) ? "true"
						 : "False");
		goto done;
	}
	if (p->kind == GEN_TEXT && gen_chance(g, keyword ? 1 : 4))
		;
	else if (p->kind == GEN_TEXT && gen_chance(g, 2))
		buf_str(&b, gen_chance(g, 50) ? "*" : gen_chance(g, 50) ? "?" : "**?*");
	else if (p->kind == GEN_TEXT)
		gen_put_text(g, &b, gen_pool(g), true);
	else if (p->kind == GEN_WINDASH)
		gen_put_dashed(g, &b);
	else if (p->kind == GEN_ENCODED)
		gen_put_encodable(g, &b, p->ascii);
	else
		gen_put_regex(g, &b);
	gen_put_quoted(g, out, b.n > 0 ? buf_view(&b) : (struct slice){ "", 0 });
done:
	buf_release(&b);
}

static void put_value(struct gen *g, struct buf *out, const struct item_plan *p, bool keyword)
{
	switch (p->kind) {
	case GEN_CIDR:
		gen_put_network(g, out);
		break;
	case GEN_COMPARE:
	case GEN_TIME:
		if (p->kind == GEN_TIME && gen_chance(g, 70))
			buf_u64(out,
				gen_chance(g, 20) ? 1995 + gen_below(g, 35) : gen_below(g, 60));
		else
			buf_str(out, gen_number(g));
		break;
	case GEN_EXISTS:
		buf_str(out, gen_chance(g, 50) ? "true" : "false");
		break;
	case GEN_FIELDREF:
		buf_str(out, GEN_PICK(g, fields));
		break;
	default:
		put_text_value(g, out, p, keyword);
	}
}

static void put_values(struct gen *g, struct buf *out, const struct item_plan *p, bool keyword)
{
	unsigned n = p->kind == GEN_EXISTS ? 1 : gen_chance(g, 55) ? 1 : 2 + gen_below(g, 6);

	if (gen_chance(g, 1) && p->kind == GEN_TEXT)
		n = 60;
	if (p->all && n == 1)
		n = 2;
	if (n == 1 && !gen_chance(g, 10)) {
		put_value(g, out, p, keyword);
		buf_chr(out, '\n');
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		buf_str(out, "\n" INDENT INDENT INDENT INDENT "- ");
		put_value(g, out, p, keyword);
	}
	buf_chr(out, '\n');
}

/* What the log source's classes are made of: compilers like to settle these early. */
static void put_class_item(struct gen *g, struct buf *out)
{
	static const char *const all[] = {
		"EventID: 1",
		"EventID: '4688'",
		"EventID: [1, 12, 13]",
		"EventID|contains: 1",
		"EventID|re: ^1",
		"EventID|gt: 11",
		"EventID|neq: 13",
		"EventID|endswith: ['8', '3']",
		"EventID: null",
		"Channel: security",
		"Channel|contains: sysmon",
		"Channel|startswith: ['Micro', 'Sec']",
		"Channel|cased: Security",
		"winlog.channel: Security",
		"winlog.event_id: 12",
		"EventType: CreateKey",
		"EventType: [DeleteKey, SetValue]",
		"EventType|startswith: delete",
		"Provider_Name: Microsoft-Windows-Sysmon",
		"Provider_Name|endswith: Auditing",
		"event.code: 4688",
		"EventID|exists: true",
		"EventType|exists: false",
	};
	buf_printf(out, "%s\n", GEN_PICK(g, all));
}

/* A map of one to three names, each once: a name that came already is left out. */
static void put_map(struct gen *g, struct buf *out, const char *indent, const char *first)
{
	struct buf keys = { 0 }, line = { 0 };
	unsigned put = 0;

	for (unsigned n = 1 + gen_below(g, 3), tries = 0; put < n && tries < 12; tries++) {
		struct item_plan p;
		ssize_t colon;
		struct slice key;

		buf_reset(&line);
		if (gen_chance(g, 18)) {
			put_class_item(g, &line);
		} else {
			bool keyword = gen_chance(g, 3);

			plan_item(g, &p, keyword);
			if (keyword && p.shape[0] == '\0' && p.codec[0] == '\0' && !p.all && !p.neq)
				p.shape = "|contains";
			buf_printf(&line, "\"%s", keyword ? "" : pick_field(g, p.kind));
			put_modifiers(g, &line, &p);
			buf_str(&line, "\": ");
			put_values(g, &line, &p, keyword);
		}
		colon = slice_chr(buf_view(&line), ':');
		key = (struct slice){ line.p, (size_t)colon + 1 };
		if (slice_find(buf_view(&keys), key) >= 0)
			continue;
		buf_slice(&keys, key);
		buf_str(out, put == 0 ? first : indent);
		buf_slice(out, buf_view(&line));
		put++;
	}
	buf_release(&keys);
	buf_release(&line);
}

static void put_identifier(struct gen *g, struct buf *out)
{
	struct item_plan p = { .kind = GEN_TEXT, .shape = "" };
	unsigned n = 1 + gen_below(g, 3);

	switch (gen_below(g, 12)) {
	case 0: /* keywords */
		for (; n > 0; n--) {
			buf_str(out, INDENT INDENT "- ");
			put_value(g, out, &p, true);
			buf_chr(out, '\n');
		}
		break;
	case 1: /* one keyword */
		out->n--;
		buf_chr(out, ' ');
		put_value(g, out, &p, true);
		buf_chr(out, '\n');
		break;
	case 2: /* maps, any of them */
	case 3:
		for (; n > 0; n--)
			put_map(g, out, INDENT INDENT "  ", INDENT INDENT "- ");
		break;
	default:
		put_map(g, out, INDENT INDENT, INDENT INDENT);
	}
}

/* -- conditions ----------------------------------------------------------------------------- */

#define NAMES_MAX 6
static const char *const names[NAMES_MAX] = { "selection",   "selection_a", "selection_b",
					      "filter_main", "_hidden",     "keywords" };

static bool has(unsigned ids, unsigned no)
{
	return (ids >> no & 1) != 0;
}

/* "N of pattern", asking for no more than there are. */
static void put_of(struct gen *g, struct buf *out, unsigned ids)
{
	static const char *const patterns[] = { "them", "sel*", "selection*", "selection_*",
						"*_a",  "*",    "s*n",        "_h*" };
	static const unsigned fit[] = { 0x2f, 0x07, 0x07, 0x06, 0x02, 0x2f, 0x01, 0x10 };
	unsigned k = gen_below(g, 8), n = 0;

	if ((fit[k] & ids) == 0)
		k = 0;
	for (unsigned i = 0; i < NAMES_MAX; i++)
		n += has(fit[k] & ids, i) ? 1 : 0;
	if (gen_chance(g, 40))
		buf_str(out, "1");
	else if (gen_chance(g, 50))
		buf_str(out, gen_chance(g, 80) ? "all" : "any");
	else
		buf_u64(out, 1 + gen_below(g, n));
	buf_printf(out, " of %s", patterns[k]);
}

static void put_condition(struct gen *g, struct buf *out, unsigned ids, unsigned depth)
{
	unsigned no;

	if (depth == 0 || gen_chance(g, 35)) {
		if (gen_chance(g, 25)) {
			put_of(g, out, ids);
			return;
		}
		do
			no = gen_below(g, NAMES_MAX);
		while (!has(ids, no));
		buf_str(out, names[no]);
		return;
	}
	switch (gen_below(g, 6)) {
	case 0:
		buf_str(out, gen_chance(g, 80) ? "not " : "NOT ");
		put_condition(g, out, ids, 0);
		return;
	case 1:
		buf_str(out, gen_chance(g, 30) ? "not (" : "(");
		put_condition(g, out, ids, depth - 1);
		buf_str(out, ")");
		return;
	default:
		put_condition(g, out, ids, depth - 1);
		buf_str(out, gen_chance(g, 50)   ? " and "
			     : gen_chance(g, 40) ? " and not "
			     : gen_chance(g, 85) ? " or "
						 : " OR ");
		put_condition(g, out, ids, depth - 1);
	}
}

void gen_rule(struct gen *g, unsigned number, struct buf *out)
{
	static const char *const sources[] = {
		"product: windows, category: process_creation",
		"product: windows, category: process_creation",
		"product: windows, category: process_creation",
		"product: windows, category: registry_event",
		"product: windows, category: registry_set",
		"product: windows, category: registry_add",
		"product: windows, category: registry_delete",
		"product: windows, service: security",
		"product: windows, service: sysmon",
		"product: windows, category: ps_script",
		"product: windows",
		"product: linux",
		"product: linux, service: sshd",
		"product: linux, category: process_creation",
		"category: process_creation",
		"service: sysmon",
		"product: cisco, service: syslog",
		"product: linux, service: syslog",
	};
	unsigned ids = 1;

	for (unsigned i = 1; i < NAMES_MAX; i++)
		ids |= gen_chance(g, 25) ? 1u << i : 0;
	buf_printf(out, "title: r%u\nlogsource: {%s}\ndetection:\n", number, GEN_PICK(g, sources));
	for (unsigned i = 0; i < NAMES_MAX; i++) {
		if (!has(ids, i))
			continue;
		buf_printf(out, INDENT "%s:\n", names[i]);
		put_identifier(g, out);
	}
	buf_str(out, INDENT "condition:");
	for (unsigned n = gen_chance(g, 6) ? 2 : 1, i = 0; i < n; i++) {
		buf_str(out, n > 1 ? "\n" INDENT INDENT "- " : " ");
		put_condition(g, out, ids, gen_below(g, 4));
	}
	buf_chr(out, '\n');
}
