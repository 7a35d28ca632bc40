/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/fuzz/oracle_value.c: one value of a rule against one value of an event. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <arpa/inet.h>
#include <pcre2.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/fuzz/oracle.h"

#define STEPS_MAX 20000u /* of a regular expression; the engine's limit is ten times that */

bool item_has(const struct item *it, const char *mod)
{
	for (unsigned i = 0; i < it->n_mods; i++) {
		if (strcmp(it->mods[i], mod) == 0)
			return true;
	}
	return false;
}

/* -- strings -------------------------------------------------------------------------------- */

/* "contains" and its like are stars around what is written; a keyword may stand anywhere. */
static bool shaped_fits(const struct item *it, struct chars want, struct slice found)
{
	bool anywhere = item_has(it, "contains");
	bool starts = item_has(it, "startswith"), ends = item_has(it, "endswith");
	struct chars text = chars_of(found);
	struct chars p = { need(malloc((want.n + 2) * sizeof(uint32_t))), 0 };
	bool yes;

	if (it->name[0] == '\0' && !starts && !ends)
		anywhere = true;
	if (anywhere || ends)
		p.c[p.n++] = ANY_RUN;
	memcpy(p.c + p.n, want.c, want.n * sizeof(uint32_t));
	p.n += want.n;
	if (anywhere || starts)
		p.c[p.n++] = ANY_RUN;
	yes = chars_fit(p, text, item_has(it, "cased"));
	chars_release(&p);
	chars_release(&text);
	return yes;
}

static bool forms_fit(const struct item *it, unsigned mod, struct chars want, struct slice found);

static const uint32_t all_dashes[] = { '-', '/', 0x2013, 0x2014, 0x2015 };

static bool is_dash(uint32_t c)
{
	for (int i = 0; i < 5; i++) {
		if (c == all_dashes[i])
			return true;
	}
	return false;
}

/* All ways to write the dashes that begin an option: those behind no word and before one. */
static bool dashes_fit(const struct item *it, unsigned mod, struct chars want, const bool *dash,
		       size_t at, struct slice found)
{
	while (at < want.n && !dash[at])
		at++;
	if (at == want.n)
		return forms_fit(it, mod + 1, want, found);
	for (int i = 0; i < 5; i++) {
		want.c[at] = all_dashes[i];
		if (dashes_fit(it, mod, want, dash, at + 1, found))
			return true;
	}
	return false;
}

static bool windash_fits(const struct item *it, unsigned mod, struct chars want, struct slice found)
{
	bool *dash = need(calloc(want.n + 1, 1)), yes;

	for (size_t i = 0; i < want.n; i++)
		dash[i] = is_dash(want.c[i]) && (i == 0 || !is_word(want.c[i - 1])) &&
			  i + 1 < want.n && is_word(want.c[i + 1]);
	yes = dashes_fit(it, mod, want, dash, 0, found);
	free(dash);
	return yes;
}

/* Whether any form fits that the modifiers from number `mod` on make of the value. */
static bool forms_fit(const struct item *it, unsigned mod, struct chars want, struct slice found)
{
	const char *how = it->mods[mod];
	unsigned variants = strcmp(how, "base64offset") == 0 ? 3 : 1;
	bool yes = false;

	if (mod == it->n_mods)
		return shaped_fits(it, want, found);
	if (strcmp(how, "windash") == 0)
		return windash_fits(it, mod, want, found);
	if (strncmp(how, "base64", 6) != 0 && strncmp(how, "utf16", 5) != 0 &&
	    strcmp(how, "wide") != 0)
		return forms_fit(it, mod + 1, want, found);
	for (unsigned i = 0; i < variants && !yes; i++) {
		struct chars next = chars_encode(want, how, i);

		yes = forms_fit(it, mod + 1, next, found);
		chars_release(&next);
	}
	return yes;
}

bool reference_fits(const struct item *it, struct slice other, struct slice found)
{
	struct chars want = chars_of(other);
	bool yes = shaped_fits(it, want, found);

	chars_release(&want);
	return yes;
}

/* -- the other kinds ------------------------------------------------------------------------ */

static enum verdict regex_fits(const struct item *it, struct slice wanted, struct slice found)
{
	uint32_t opts = PCRE2_UTF | (item_has(it, "i") ? PCRE2_CASELESS : 0) |
			(item_has(it, "m") ? PCRE2_MULTILINE : 0) |
			(item_has(it, "s") ? PCRE2_DOTALL : 0);
	pcre2_match_context *limits = need(pcre2_match_context_create(NULL));
	pcre2_match_data *md;
	pcre2_code *re;
	PCRE2_SIZE at;
	int code;

	re = need(pcre2_compile((PCRE2_SPTR)wanted.p, wanted.n, opts, &code, &at, NULL));
	md = need(pcre2_match_data_create_from_pattern(re, NULL));
	pcre2_set_match_limit(limits, STEPS_MAX);
	code = pcre2_match(re, (PCRE2_SPTR)found.p, found.n, 0, PCRE2_NO_JIT, md, limits);
	pcre2_match_data_free(md);
	pcre2_match_context_free(limits);
	pcre2_code_free(re);
	return code >= 0 ? YES : code == PCRE2_ERROR_NOMATCH ? NO : UNSURE;
}

static bool cidr_fits(struct slice wanted, struct slice found)
{
	char net[64], z[64];
	uint8_t a[16], b[16];
	unsigned bits = 0;
	int family, parts = sscanf(wanted.p, "%63[^/]/%u", net, &bits);

	if (parts < 1)
		abort();
	if (found.n >= sizeof(z) || memchr(found.p, '\0', found.n) != NULL)
		return false;
	memcpy(z, found.p, found.n);
	z[found.n] = '\0';
	family = strchr(net, ':') != NULL ? AF_INET6 : AF_INET;
	if (parts == 1) /* one address */
		bits = family == AF_INET6 ? 128 : 32;
	if (inet_pton(family, net, a) != 1)
		abort();
	if (inet_pton(family, z, b) != 1)
		return false;
	for (unsigned i = 0; i < bits; i++) {
		if (((a[i / 8] ^ b[i / 8]) >> (7 - i % 8) & 1) != 0)
			return false;
	}
	return true;
}

/* Decimal, as JSON or a person writes it; not the hexadecimal and "inf" that strtod also reads. */
static bool number(struct slice s, double *ret)
{
	char z[64], *end;

	if (s.n == 0 || s.n >= sizeof(z))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\0' || strchr("0123456789+-.eE", s.p[i]) == NULL)
			return false;
	}
	memcpy(z, s.p, s.n);
	z[s.n] = '\0';
	*ret = strtod(z, &end);
	return *end == '\0';
}

#define PARTS_N 6u
static const char *const parts[PARTS_N] = { "minute", "hour", "day", "week", "month", "year" };

/* What is written, whatever zone it names: the date, and the time of day where there is one. */
#define WRITTEN                                                                                    \
	"^[0-9]{4}-[0-9]{2}-[0-9]{2}"                                                              \
	"([Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)([.,][0-9]+)?"                         \
	"([Zz]|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])?)?$"

static bool looks_written(const char *z)
{
	regex_t re;
	bool yes;

	if (regcomp(&re, WRITTEN, REG_EXTENDED | REG_NOSUB) != 0)
		abort();
	yes = regexec(&re, z, 0, NULL, 0) == 0;
	regfree(&re);
	return yes;
}

static bool time_part(struct slice s, unsigned part, double *ret)
{
	struct tm tm = { 0 }, day;
	char z[128], all[64], *p = all;
	time_t t;

	if (s.n >= sizeof(z) || memchr(s.p, '\0', s.n) != NULL)
		return false;
	memcpy(z, s.p, s.n);
	z[s.n] = '\0';
	if (!looks_written(z) || (part < 2 && s.n == 10)) /* a date has neither minute nor hour */
		return false;
	sscanf(z, "%4d-%2d-%2d%*c%2d:%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
	       &tm.tm_min);
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	day = tm;
	t = timegm(&tm);
	gmtime_r(&t, &tm);
	if (tm.tm_mon != day.tm_mon || tm.tm_mday != day.tm_mday) /* no such day */
		return false;
	strftime(all, sizeof(all), "%M %H %d %V %m %Y", &tm);
	for (unsigned i = 0; i <= part; i++)
		*ret = (double)strtol(p, &p, 10);
	return true;
}

/* part: a place in `parts`; past its end: the value is a number. */
static bool number_fits(const struct item *it, unsigned part, struct slice wanted,
			struct slice found)
{
	double want = strtod(wanted.p, NULL), have = 0;

	if (!(part < PARTS_N ? time_part(found, part, &have) : number(found, &have)))
		return false;
	if (item_has(it, "lt"))
		return have < want;
	if (item_has(it, "lte"))
		return have <= want;
	if (item_has(it, "gt"))
		return have > want;
	if (item_has(it, "gte"))
		return have >= want;
	return !(have < want) && !(have > want);
}

enum verdict value_fits(const struct item *it, struct slice wanted, struct slice found)
{
	static const char *const compare[] = { "lt", "lte", "gt", "gte" };
	struct chars want;
	bool yes;

	if (item_has(it, "re"))
		return regex_fits(it, wanted, found);
	if (item_has(it, "cidr"))
		return cidr_fits(wanted, found) ? YES : NO;
	for (unsigned i = 0; i < PARTS_N; i++) {
		if (item_has(it, parts[i]))
			return number_fits(it, i, wanted, found) ? YES : NO;
	}
	for (int i = 0; i < 4; i++) {
		if (item_has(it, compare[i]))
			return number_fits(it, PARTS_N, wanted, found) ? YES : NO;
	}
	want = chars_of_value(wanted);
	yes = forms_fit(it, 0, want, found);
	chars_release(&want);
	return yes ? YES : NO;
}
