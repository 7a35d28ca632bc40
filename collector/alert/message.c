/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert/message.c: what the contact reads. The order is the reader's: what happened, why
 * it matters, what to do now, whom to call; the technical details come last. */
#include "collector/alert/notify.h"

#include <stdio.h>

#include "collector/alert/fields.h"
#include "collector/alert/mime.h"
#include "collector/alert/page.h"
#include "common/base/fill.h"
#include "common/base/hash.h"
#include "common/base/i18n.h"
#include "common/base/zone.h"

#define SUBJECT_MAX_CHARS 70u
#define VALUES_SHOWN      10u /* of a field, in the details */
#define VALUES_IN_TEXT    3u  /* of a field, in a sentence */

static const char *const severities[] = { N_("For information"), N_("For information"),
					  N_("Notice"), N_("Serious"), N_("Urgent") };

enum {
	FILL_MUNICIPALITY,
	FILL_REGION_NAME,
	FILL_REGION_PHONE,
	FILL_CODE,
	FILL_COUNT,
	FILL_FIRST,
	FILL_LAST,
	FILL_TITLE,
	FILL_HOST,
	FILL_USER,
	FILL_SOURCE_IP,
	FILL_COMMAND,
	FILL_TARGET_USER,
	FILL_GROUP,
	FILL_SERVICE,
	FILLS
};
/* The placeholders that texts may use, all of them, and the fields that some are taken from.
 * rules/README.md lists them for authors. */
static const struct {
	const char *name, *field;
} placeholders[FILLS] = { [FILL_MUNICIPALITY] = { "municipality", NULL },
			  [FILL_REGION_NAME] = { "region_name", NULL },
			  [FILL_REGION_PHONE] = { "region_phone", NULL },
			  [FILL_CODE] = { "code", NULL },
			  [FILL_COUNT] = { "count", NULL },
			  [FILL_FIRST] = { "first", NULL },
			  [FILL_LAST] = { "last", NULL },
			  [FILL_TITLE] = { "title", NULL },
#define FILL_FIELD(id, name, field) [FILL_##id] = { name, field },
			  FILL_FIELDS(FILL_FIELD)
#undef FILL_FIELD
};

static const struct {
	const char *field, *label;
} field_labels[] = {
	{ "host.name", N_("Computer") },   { "source.ip", N_("Addresses it came from") },
	{ "user.name", N_("User names") }, { "user.target.name", N_("Account concerned") },
	{ "group.name", N_("Group") },     { "process.command_line", N_("Command") },
	{ "service.name", N_("Service") },
};

struct composer { /* one message being written */
	const struct notify_conf *nc;
	const struct contact *to;
	const struct alert *al;
	enum lang lang;      /* the reader's */
	enum lang rule_lang; /* of the rule's texts, where the reader's is missing */
	const struct rule_texts *texts;
	struct fill fills[FILLS];
	struct buf held[FILLS]; /* what fills point to, where it was made here */
	struct buf tmp, tmp2;
	struct page page;
};

static const char *municipality(const struct contact *to)
{
	return to->tenant_name != NULL ? to->tenant_name : to->tenant != NULL ? to->tenant : "";
}

/* The reader's clock first; UTC beside it, as logs and other countries write it. */
static void put_time(struct buf *out, enum lang lang, int64_t t_ns)
{
	char day[12], month[12], year[12], clock[40], utc[40];
	struct tm tm;
	const struct fill fills[] = { { "day", day, false },
				      { "month", month, false },
				      { "year", year, false },
				      { "clock", clock, false },
				      { "utc", utc, false } };
	int64_t s = t_ns / NS_PER_SEC % 86400;

	zone_parts(t_ns, &tm);
	s += s < 0 ? 86400 : 0;
	snprintf(day, sizeof(day), "%d", tm.tm_mday);
	snprintf(month, sizeof(month), "%d", tm.tm_mon + 1);
	snprintf(year, sizeof(year), "%d", (tm.tm_year + 1900));
	snprintf(clock, sizeof(clock), "%02d:%02d:%02d", tm.tm_hour, tm.tm_min, tm.tm_sec);
	snprintf(utc, sizeof(utc), "%02d:%02d:%02d", (int)(s / 3600), (int)(s / 60 % 60),
		 (int)(s % 60));
	fill_text(out, tr(lang, "{day}.{month}.{year} at {clock} ({utc} UTC)"), fills,
		  sizeof(fills) / sizeof(fills[0]));
}

static const struct alert_values *values_of(const struct alert *al, const char *field)
{
	for (size_t i = 0; i < al->n_values; i++)
		if (strcmp(al->values[i].field, field) == 0)
			return &al->values[i];
	return NULL;
}

/* "a, b, c and 5 more". Raw: whoever fills it in makes it safe. */
static void put_values(struct buf *out, enum lang lang, const struct alert_values *av, size_t max,
		       bool counts, bool safe)
{
	uint64_t more = av->n_more + (av->n > max ? av->n - max : 0);
	char text[24];
	const struct fill fill = { "count", text, false };

	for (size_t i = 0; i < av->n && i < max; i++) {
		if (i > 0)
			buf_str(out, ", ");
		if (safe)
			fill_value(out, slice_str(av->v[i].value), true);
		else
			buf_str(out, av->v[i].value);
		if (counts && av->n + av->n_more > 1)
			buf_printf(out, " (%llu)", (unsigned long long)av->v[i].count);
	}
	if (more == 0)
		return;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)more);
	buf_chr(out, ' ');
	fill_text(out, tr(lang, "and {count} more"), &fill, 1);
}

static void set_fill(struct composer *c, unsigned i, const char *text, bool outside)
{
	c->fills[i] = (struct fill){ placeholders[i].name, text, outside };
}

static void fills_from_alert(struct composer *c)
{
	const struct alert *al = c->al;

	buf_u64(&c->held[FILL_COUNT], al->events);
	put_time(&c->held[FILL_FIRST], c->lang, al->first_ns);
	put_time(&c->held[FILL_LAST], c->lang, al->last_ns);
	set_fill(c, FILL_CODE, al->code, false);
	set_fill(c, FILL_TITLE, al->title, false);
	for (unsigned i = 0; i < FILLS; i++) {
		const struct alert_values *av =
			placeholders[i].field != NULL ? values_of(al, placeholders[i].field) : NULL;

		if (av != NULL && av->n > 0) {
			put_values(&c->held[i], c->lang, av, VALUES_IN_TEXT, false, false);
			set_fill(c, i, buf_cstr(&c->held[i]), true);
		} else if (placeholders[i].field != NULL) {
			set_fill(c, i, tr(c->lang, "(not known)"), false);
		} else if (c->held[i].n > 0) {
			set_fill(c, i, buf_cstr(&c->held[i]), false);
		}
	}
}

static bool has(const char *text)
{
	return text != NULL && *text != '\0';
}

/* The rule's texts in the reader's language, else in one that it has; NULL: it has none. */
static void choose_texts(struct composer *c)
{
	const enum lang order[] = { c->lang, LANG_EN, LANG_FI, LANG_SV };

	c->rule_lang = LANG_EN; /* of titles without translation */
	for (size_t i = 0; c->al != NULL && c->texts == NULL && i < 4; i++)
		if (has(c->al->texts[order[i]].what)) {
			c->texts = &c->al->texts[order[i]];
			c->rule_lang = order[i];
		}
}

static void compose_begin(struct composer *c)
{
	for (unsigned i = 0; i < FILLS; i++)
		set_fill(c, i, NULL, false);
	set_fill(c, FILL_MUNICIPALITY, municipality(c->to), false);
	set_fill(c, FILL_REGION_NAME, c->nc->region_name, false);
	set_fill(c, FILL_REGION_PHONE, c->nc->region_phone, false);
	choose_texts(c);
	if (c->al != NULL)
		fills_from_alert(c);
}

static bool compose_release(struct composer *c)
{
	bool failed = c->tmp.failed || c->tmp2.failed || c->page.text.failed || c->page.html.failed;

	for (unsigned i = 0; i < FILLS; i++) {
		failed = failed || c->held[i].failed;
		buf_release(&c->held[i]);
	}
	buf_release(&c->tmp);
	buf_release(&c->tmp2);
	page_release(&c->page);
	return !failed;
}

static const char *filled(struct composer *c, const char *template)
{
	buf_reset(&c->tmp);
	fill_text(&c->tmp, template, c->fills, FILLS);
	return buf_cstr(&c->tmp);
}

static const char *title_of(const struct composer *c)
{
	if (c->al == NULL)
		return tr(c->lang, "Test message");
	return c->texts != NULL && has(c->texts->title) ? c->texts->title : c->al->title;
}

static enum lang title_lang(const struct composer *c)
{
	return c->al == NULL ? c->lang : c->rule_lang;
}

static const char *severity_of(const struct composer *c)
{
	return tr(c->lang, severities[c->al != NULL ? c->al->level : LEVEL_INFORMATIONAL]);
}

/* A section in the rule's words, or else in ours. */
static void section(struct composer *c, const char *heading, const char *rules_own,
		    const char *ours)
{
	page_heading(&c->page, tr(c->lang, heading));
	if (has(rules_own))
		page_para(&c->page, filled(c, rules_own), c->rule_lang);
	else
		page_para(&c->page, filled(c, tr(c->lang, ours)), c->lang);
}

static void put_call(struct composer *c, const char *rules_own)
{
	section(c, N_("Whom to call"), rules_own,
		N_("Call {region_name}, telephone {region_phone}."));
	if (c->al == NULL)
		return;
	page_strong(&c->page, filled(c, tr(c->lang, "Say this code on the phone: {code}")));
	page_para(&c->page, tr(c->lang, "With the code your answer is recorded for this alert."),
		  c->lang);
}

static void put_test(struct composer *c)
{
	section(c, N_("What happened"), NULL,
		N_("Nothing. {region_name} is checking that alerts of {municipality} reach you."));
	section(c, N_("Why it matters"), NULL,
		N_("When something does happen, a message like this one tells you what it is, "
		   "what to do and whom to call."));
	section(c, N_("What to do now"), NULL,
		N_("If this message was in the junk mail, mark its sender as safe. Save the "
		   "telephone number below where you find it when e-mail does not work."));
	put_call(c, NULL);
}

static void put_alert(struct composer *c, unsigned update)
{
	const struct rule_texts *t = c->texts;

	if (update > 0) {
		page_heading(&c->page, tr(c->lang, "This continues our earlier message"));
		page_para(&c->page,
			  filled(c,
				 tr(c->lang, "It has gone on: by now {count} events, the latest on "
					     "{last}. If you have called already, you need not "
					     "call again.")),
			  c->lang);
	}
	section(c, N_("What happened"), t != NULL ? t->what : NULL,
		N_("The rule \"{title}\" matched on the computer {host}: {count} events."));
	section(c, N_("Why it matters"), t != NULL ? t->why : NULL,
		N_("This rule has no explanation of its own. Somebody who knows the computer "
		   "should look at the details below."));
	section(c, N_("What to do now"), t != NULL ? t->action : NULL,
		N_("Look at the details, find out whether this was ordinary work, and record the "
		   "answer for the code {code}."));
	put_call(c, t != NULL ? t->call : NULL);
}

static void put_row(struct composer *c, const char *label, const char *value, bool outside)
{
	if (value == NULL || *value == '\0')
		return;
	buf_reset(&c->tmp2);
	fill_value(&c->tmp2, slice_str(value), outside);
	page_row(&c->page, label, buf_cstr(&c->tmp2));
}

/* "T1110, T1110.001, credential-access": what the reader finds at attack.mitre.org. */
static void put_attack(struct composer *c)
{
	struct buf all = { 0 };

	for (size_t i = 0; i < c->al->n_tags; i++) {
		struct slice tag = slice_str(c->al->tags[i]);

		if (!slice_starts(tag, SLICE("attack.")))
			continue;
		tag = slice_from(tag, strlen("attack."));
		buf_str(&all, all.n > 0 ? ", " : "");
		for (size_t k = 0; k < tag.n; k++) /* a technique's letter is a capital */
			buf_chr(&all, k == 0 && tag.n > 1 && tag.p[1] >= '0' && tag.p[1] <= '9'
					      ? (char)(tag.p[k] & ~0x20)
					      : tag.p[k]);
	}
	put_row(c, "MITRE ATT&CK", buf_cstr(&all), false);
	buf_release(&all);
}

static void put_details(struct composer *c)
{
	const struct alert *al = c->al;
	enum lang lang = c->lang;

	page_heading(&c->page, tr(lang, "Details for whoever looks into it"));
	page_table_begin(&c->page);
	put_row(c, tr(lang, "Code"), al->code, false);
	put_row(c, tr(lang, "Municipality"), municipality(c->to), false);
	put_row(c, tr(lang, "Severity"), severity_of(c), false);
	put_row(c, tr(lang, "Number of events"), c->fills[FILL_COUNT].text, false);
	put_row(c, tr(lang, "First"), c->fills[FILL_FIRST].text, false);
	put_row(c, tr(lang, "Latest"), c->fills[FILL_LAST].text, false);
	for (size_t i = 0; i < al->n_values; i++) {
		const struct alert_values *av = &al->values[i];
		const char *label = av->field;

		for (size_t k = 0; k < sizeof(field_labels) / sizeof(field_labels[0]); k++)
			if (strcmp(av->field, field_labels[k].field) == 0)
				label = tr(lang, field_labels[k].label);
		buf_reset(&c->tmp2);
		put_values(&c->tmp2, lang, av, VALUES_SHOWN, true, true);
		if (c->tmp2.n > 0)
			page_row(&c->page, label, buf_cstr(&c->tmp2));
	}
	put_row(c, tr(lang, "Rule"), al->title, false);
	put_row(c, tr(lang, "Rule's id"), al->rule_id, false);
	put_attack(c);
	put_row(c, tr(lang, "Rule's author"), al->author, false);
	put_row(c, tr(lang, "More about the rule"), al->link, true);
	page_table_end(&c->page);
}

static void put_body(struct composer *c, const char *subject, unsigned update)
{
	page_begin(&c->page, c->lang, subject);
	buf_reset(&c->tmp);
	text_put_safe(&c->tmp, text_cut(slice_str(title_of(c)), FILL_VALUE_CHARS));
	page_banner(&c->page, c->al != NULL ? c->al->level : LEVEL_INFORMATIONAL, severity_of(c),
		    buf_cstr(&c->tmp), title_lang(c));
	if (c->al != NULL) {
		put_alert(c, update);
		put_details(c);
	} else {
		put_test(c);
	}
	page_end(&c->page,
		 filled(c, tr(c->lang, "This message was sent by the log monitoring of "
				       "{region_name}. We never ask for your password, and "
				       "our messages have no links to click.")));
}

/* Municipality, severity, title: at most SUBJECT_MAX_CHARS with the "Re: " of updates, so that the
 * first message and its updates differ in nothing else (mail programs thread by that too). */
static void put_subject(struct composer *c, struct buf *out)
{
	struct buf all = { 0 };
	struct slice text;

	text_put_safe(&all, slice_str(municipality(c->to)));
	buf_str(&all, all.n > 0 ? ": " : "");
	buf_str(&all, severity_of(c));
	buf_str(&all, ": ");
	text_put_safe(&all, slice_str(title_of(c)));
	text = buf_view(&all);
	if (text_chars(text) <= SUBJECT_MAX_CHARS - 4) {
		buf_slice(out, text);
	} else {
		buf_slice(out, slice_trim(text_cut(text, SUBJECT_MAX_CHARS - 5)));
		buf_str(out, "\u2026");
	}
	if (all.failed)
		out->failed = true;
	buf_release(&all);
}

/* "<ALERT.UPDATE.cCONTACT@DOMAIN>" */
static void put_message_id(struct buf *out, const struct composer *c, unsigned update,
			   int64_t now_ns)
{
	if (c->al != NULL)
		buf_printf(out, "<%s.%u.c%lld@", c->al->id, update, (long long)c->to->id);
	else
		buf_printf(out, "<test.%lld.c%lld@", (long long)now_ns, (long long)c->to->id);
	buf_str(out, mime_domain(c->nc->from));
	buf_chr(out, '>');
}

static int put_list_id(struct buf *out, const struct composer *c, struct err *err)
{
	struct buf id = { 0 };
	int r;

	/* A tenant's id is [a-z0-9-], as a label of the list's name must be (RFC 2919 2). */
	buf_printf(&id, "<%s.alerts.%s>", c->to->tenant != NULL ? c->to->tenant : "region",
		   mime_domain(c->nc->from));
	r = mime_header(out, "List-Id", buf_cstr(&id), "the tenant's id", err);
	buf_release(&id);
	return r;
}

static int put_headers(struct composer *c, const char *subject, unsigned update, int64_t now_ns,
		       struct buf *out, struct err *err)
{
	struct buf line = { 0 };
	int r = -1;

	if (mime_mailbox(out, "From", c->nc->region_name, c->nc->from, err) < 0 ||
	    mime_mailbox(out, "To", c->to->name != NULL ? c->to->name : "", c->to->email, err) < 0)
		goto out;
	if (c->nc->region_email != NULL &&
	    mime_mailbox(out, "Reply-To", c->nc->region_name, c->nc->region_email, err) < 0)
		goto out;
	buf_printf(&line, "%s%s", update > 0 ? "Re: " : "", subject);
	if (mime_header(out, "Subject", buf_cstr(&line), "the subject", err) < 0)
		goto out;
	mime_date(out, now_ns);
	buf_str(out, "Message-ID: ");
	put_message_id(out, c, update, now_ns);
	buf_str(out, "\r\n");
	if (update > 0) {
		buf_str(out, "In-Reply-To: ");
		put_message_id(out, c, 0, now_ns);
		buf_str(out, "\r\nReferences: ");
		put_message_id(out, c, 0, now_ns);
		buf_str(out, "\r\n");
	}
	if (put_list_id(out, c, err) < 0)
		goto out;
	buf_printf(out,
		   "Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: All\r\n"
		   "Content-Language: %s\r\nMIME-Version: 1.0\r\n",
		   lang_names[c->lang]);
	r = 0;
out:
	buf_release(&line);
	return r;
}

/* "=_" can't occur in quoted-printable text, so the boundary can't occur in a part
 * (RFC 2045 6.7 recommends it). */
#define BOUNDARY "=_vartio"

static void put_part(struct buf *out, const char *type, struct slice text)
{
	buf_printf(out,
		   "--" BOUNDARY "\r\nContent-Type: %s; charset=utf-8\r\n"
		   "Content-Transfer-Encoding: quoted-printable\r\n\r\n",
		   type);
	mime_quoted(out, text);
}

int message_render(const struct notify_conf *nc, const struct contact *to, const struct alert *al,
		   unsigned update, int64_t now_ns, struct buf *out, struct err *err)
{
	struct composer c = { .nc = nc, .to = to, .al = al, .lang = to->lang };
	struct buf subject = { 0 }, message = { 0 };
	int r = -1;

	for (const char *p = municipality(to); *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return err_set(
				err, ERR_USAGE,
				"the municipality's name holds a line end or another control "
				"character; correct it in the configuration");
	compose_begin(&c);
	put_subject(&c, &subject);
	if (put_headers(&c, buf_cstr(&subject), update, now_ns, &message, err) < 0)
		goto out;
	put_body(&c, buf_cstr(&subject), update);
	buf_str(&message, "Content-Type: multipart/alternative; boundary=\"" BOUNDARY "\"\r\n\r\n");
	put_part(&message, "text/plain", buf_view(&c.page.text));
	put_part(&message, "text/html", buf_view(&c.page.html));
	buf_str(&message, "--" BOUNDARY "--\r\n");
	buf_slice(out, buf_view(&message));
	r = message.failed || subject.failed || out->failed ? err_nomem(err) : 0;
out:
	if (!compose_release(&c) && r == 0)
		r = err_nomem(err);
	buf_release(&subject);
	buf_release(&message);
	return r;
}
