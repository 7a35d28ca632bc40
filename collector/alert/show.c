/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/alert/show.h"

#include <stdio.h>

#include "collector/alert/fields.h"
#include "common/base/fill.h"
#include "common/base/text.h"
#include "common/base/zone.h"

#define LABEL_WIDTH 14
#define IN_TEXT     3u /* values of a field in a sentence */
#define INDENT      "  "

const char *const alert_level_names[] = {
	"informational", "low", "medium", "high", "critical", NULL
};

/* The placeholders of rule texts that an event's field fills. */
static const struct {
	const char *name, *field;
} placeholders[] = {
#define FILL_FIELD(id, name, field) { name, field },
	FILL_FIELDS(FILL_FIELD)
#undef FILL_FIELD
};
#define N_FIELD_FILLS (sizeof(placeholders) / sizeof(placeholders[0]))

enum {
	OWN_MUNICIPALITY,
	OWN_REGION,
	OWN_PHONE,
	OWN_CODE,
	OWN_TITLE,
	OWN_COUNT,
	OWN_FIRST,
	OWN_LAST,
	OWN_FILLS
};

void alert_show_time(struct buf *out, int64_t t_ns)
{
	char utc[TIME_TEXT_MAX];
	struct tm tm;
	long off;

	zone_parts(t_ns, &tm);
	time_format(t_ns, utc);
	off = tm.tm_gmtoff < 0 ? -tm.tm_gmtoff : tm.tm_gmtoff;
	buf_printf(out, "%04d-%02d-%02d %02d:%02d:%02d %c%02ld%02ld (%.8sZ)", tm.tm_year + 1900,
		   tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		   tm.tm_gmtoff < 0 ? '-' : '+', off / 3600, off / 60 % 60, utc + 11);
}

static void put_safe(struct buf *out, const char *text)
{
	text_put_safe(out, slice_str(text));
}

static void label(struct buf *out, const char *name)
{
	buf_printf(out, "%-*s", LABEL_WIDTH, name);
}

static void row(struct buf *out, const char *name, const char *text)
{
	if (text == NULL || *text == '\0')
		return;
	label(out, name);
	put_safe(out, text);
	buf_chr(out, '\n');
}

static void row_time(struct buf *out, const char *name, int64_t t_ns)
{
	label(out, name);
	alert_show_time(out, t_ns);
	buf_chr(out, '\n');
}

/* "high, notified", "high, acknowledged by Aino 2026-...". */
static void put_state(struct buf *out, const struct alert *al)
{
	buf_str(out, alert_state_names[al->state]);
	if (al->state == ALERT_CLOSED) {
		buf_printf(out, " (%s) by ", verdict_names[al->verdict]);
		put_safe(out, al->closed_by);
		buf_chr(out, ' ');
		alert_show_time(out, al->closed_ns);
	} else if (*al->acknowledged_by != '\0') {
		buf_str(out, " by ");
		put_safe(out, al->acknowledged_by);
		buf_chr(out, ' ');
		alert_show_time(out, al->acknowledged_ns);
	}
}

struct filler {
	struct fill fills[N_FIELD_FILLS + OWN_FILLS];
	struct buf held[N_FIELD_FILLS + OWN_FILLS];
};

static void fill_from_values(struct filler *fl, const struct alert *al, size_t i)
{
	struct buf *b = &fl->held[i];

	fl->fills[i] = (struct fill){ placeholders[i].name, "(not known)", false };
	for (size_t k = 0; k < al->n_values; k++) {
		const struct alert_values *vs = &al->values[k];

		if (strcmp(vs->field, placeholders[i].field) != 0)
			continue;
		for (size_t v = 0; v < vs->n && v < IN_TEXT; v++)
			buf_printf(b, "%s%s", v > 0 ? ", " : "", vs->v[v].value);
		if (vs->n + vs->n_more > IN_TEXT)
			buf_str(b, ", ...");
		if (b->n >
		    0) /* fill_text shows what is hidden in it; a terminal clicks on nothing */
			fl->fills[i].text = buf_cstr(b);
	}
}

static void filler_begin(struct filler *fl, const struct alert *al, const struct show *sh)
{
	const char *own[OWN_FILLS][2] = {
		[OWN_MUNICIPALITY] = { "municipality",
				       sh->tenant_name != NULL ? sh->tenant_name : al->tenant },
		[OWN_REGION] = { "region_name", sh->notify->region_name },
		[OWN_PHONE] = { "region_phone", sh->notify->region_phone },
		[OWN_CODE] = { "code", al->code },
		[OWN_TITLE] = { "title", al->title },
		[OWN_COUNT] = { "count", NULL },
		[OWN_FIRST] = { "first", NULL },
		[OWN_LAST] = { "last", NULL },
	};
	struct buf *b = fl->held + N_FIELD_FILLS;

	buf_u64(&b[OWN_COUNT], al->events);
	alert_show_time(&b[OWN_FIRST], al->first_ns);
	alert_show_time(&b[OWN_LAST], al->last_ns);
	for (size_t i = 0; i < N_FIELD_FILLS; i++)
		fill_from_values(fl, al, i);
	for (size_t i = 0; i < OWN_FILLS; i++) {
		const char *text = b[i].n > 0 ? buf_cstr(&b[i]) : own[i][1];

		fl->fills[N_FIELD_FILLS + i] = (struct fill){ own[i][0], text, false };
	}
}

static void filler_end(struct filler *fl)
{
	for (size_t i = 0; i < N_FIELD_FILLS + OWN_FILLS; i++)
		buf_release(&fl->held[i]);
}

/* A text of the rule: its own line ends stay, each line is moved in. */
static void put_section(struct buf *out, const char *heading, const char *text,
			const struct filler *fl)
{
	struct buf b = { 0 };
	struct slice rest, line;
	ssize_t end;

	if (text == NULL)
		return;
	fill_text(&b, text, fl->fills, N_FIELD_FILLS + OWN_FILLS);
	buf_printf(out, "\n%s\n", heading);
	for (rest = slice_trim(buf_view(&b)); rest.n > 0;
	     rest = slice_from(rest, end < 0 ? rest.n : (size_t)end + 1)) {
		end = slice_chr(rest, '\n');
		line = (struct slice){ rest.p, end < 0 ? rest.n : (size_t)end };
		buf_str(out, line.n > 0 ? INDENT : "");
		text_put_safe(out, line);
		buf_chr(out, '\n');
	}
	out->failed = out->failed || b.failed;
	buf_release(&b);
}

static void put_texts(struct buf *out, const struct alert *al, const struct show *sh)
{
	const enum lang order[] = { sh->notify->region_lang, LANG_EN, LANG_FI, LANG_SV };
	const struct rule_texts *t = NULL;
	struct filler fl = { 0 };

	for (size_t i = 0; i < 4 && t == NULL; i++)
		if (al->texts[order[i]].what != NULL)
			t = &al->texts[order[i]];
	if (t == NULL)
		return;
	filler_begin(&fl, al, sh);
	put_section(out, "What happened", t->what, &fl);
	put_section(out, "Why it matters", t->why, &fl);
	put_section(out, "What to do now", t->action, &fl);
	put_section(out, "Whom to call", t->call, &fl);
	filler_end(&fl);
}

static void put_values(struct buf *out, const struct alert *al)
{
	for (size_t i = 0; i < al->n_values; i++) {
		const struct alert_values *vs = &al->values[i];

		buf_chr(out, '\n');
		put_safe(out, vs->field);
		buf_chr(out, '\n');
		for (size_t k = 0; k < vs->n; k++) {
			buf_printf(out, "%10llu  ", (unsigned long long)vs->v[k].count);
			put_safe(out, vs->v[k].value);
			buf_chr(out, '\n');
		}
		if (vs->n_more > 0)
			buf_printf(out, "            and %llu more\n",
				   (unsigned long long)vs->n_more);
	}
}

void alert_show(struct buf *out, const struct alert *al, const struct show *sh)
{
	buf_printf(out, "%s  %s, ", al->code, alert_level_names[al->level]);
	put_state(out, al);
	buf_chr(out, '\n');
	put_safe(out, al->title);
	buf_str(out, "\n\n");
	label(out, "Municipality");
	if (sh->tenant_name != NULL) {
		put_safe(out, sh->tenant_name);
		buf_printf(out, " (%s)\n", al->tenant);
	} else {
		buf_printf(out, "%s\n", al->tenant);
	}
	row(out, "Concerns", al->entity);
	label(out, "Events");
	buf_printf(out, "%llu\n", (unsigned long long)al->events);
	row_time(out, "First", al->first_ns);
	row_time(out, "Latest", al->last_ns);
	put_texts(out, al, sh);
	put_values(out, al);
	buf_str(out, "\nRule\n");
	row(out, "  name", al->rule_name);
	row(out, "  id", al->rule_id);
	row(out, "  author", al->author);
	row(out, "  link", al->link);
	if (al->n_tags > 0) {
		label(out, "  tags");
		for (size_t i = 0; i < al->n_tags; i++) {
			buf_str(out, i > 0 ? " " : "");
			put_safe(out, al->tags[i]);
		}
		buf_chr(out, '\n');
	}
	row(out, "  alert", al->id);
}

void alert_show_step(struct buf *out, int64_t at_ns, const char *kind, const char *detail)
{
	json_t *d = json_loads(detail, 0, NULL), *v;
	const char *key;

	buf_str(out, INDENT);
	alert_show_time(out, at_ns);
	buf_printf(out, "  %-13s", kind);
	json_object_foreach(d, key, v)
	{
		buf_chr(out, ' ');
		put_safe(out, key);
		buf_chr(out, '=');
		if (json_is_string(v))
			text_put_safe(
				out, (struct slice){ json_string_value(v), json_string_length(v) });
		else if (json_is_integer(v))
			buf_i64(out, json_integer_value(v));
		else if (json_is_boolean(v))
			buf_str(out, json_is_true(v) ? "yes" : "no");
	}
	buf_chr(out, '\n');
	json_decref(d);
}

void alert_show_line(struct buf *out, const struct alert *al)
{
	buf_printf(out, "%s\t%s\t%s\t%s\t%llu\t", al->code, al->tenant,
		   alert_level_names[al->level], alert_state_names[al->state],
		   (unsigned long long)al->events);
	alert_show_time(out, al->last_ns);
	buf_chr(out, '\t');
	put_safe(out, al->entity);
	buf_chr(out, '\t');
	put_safe(out, al->title);
	buf_chr(out, '\n');
}
