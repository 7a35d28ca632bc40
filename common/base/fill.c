/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/base/fill.h"

#include <strings.h>

/* Letters, digits, and every byte past ASCII: names may be written in any script. */
static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (unsigned char)c >= 0x80;
}

static bool in_name(char c)
{
	return is_word(c) || c == '.' || c == '-' || c == '_';
}

/* A run of name bytes is taken for a host name when a dot stands between words and what follows the
 * last such dot does not begin with a digit: so 192.0.2.7 and 1.2.3 stay, srv.example does not. */
static bool looks_like_host(struct slice run)
{
	while (run.n > 0 && !is_word(run.p[run.n - 1]))
		run.n--;
	for (size_t i = run.n; i > 1; i--)
		if (run.p[i - 1] == '.')
			return i < run.n && !(run.p[i] >= '0' && run.p[i] <= '9');
	return false;
}

static void put_name(struct buf *out, struct slice run, bool in_path)
{
	bool host = !in_path && looks_like_host(run);

	if (run.n == 4 && strncasecmp(run.p, "http", 4) == 0)
		buf_str(out, "hxxp");
	else if (run.n == 5 && strncasecmp(run.p, "https", 5) == 0)
		buf_str(out, "hxxps");
	else
		for (size_t i = 0; i < run.n; i++)
			if (host && run.p[i] == '.' && i > 0 && i + 1 < run.n)
				buf_str(out, "[.]");
			else
				buf_chr(out, run.p[i]);
}

void fill_defang(struct buf *out, struct slice s)
{
	bool in_path = false; /* inside a word that began with a single slash */

	for (size_t i = 0; i < s.n;) {
		struct slice rest = slice_from(s, i);
		size_t n = 0;

		while (n < rest.n && in_name(rest.p[n]))
			n++;
		if (n > 0) {
			put_name(out, (struct slice){ rest.p, n }, in_path);
		} else if (slice_starts(rest, SLICE("://"))) {
			buf_str(out, "[:]//");
			in_path = false;
			n = 3;
		} else if (slice_starts(rest, SLICE("\\\\"))) {
			buf_str(out, "[\\\\]");
			n = 2;
		} else if (rest.p[0] == '/' && !slice_starts(rest, SLICE("//"))) {
			/* A path goes on over its slashes; a slash behind a name ends nothing. */
			in_path = in_path || i == 0 || strchr(" \t\"'=:(,", s.p[i - 1]) != NULL;
			buf_chr(out, '/');
			n = 1;
		} else {
			in_path = in_path && strchr(" \t\"',;|&<>()@:", rest.p[0]) == NULL;
			buf_chr(out, rest.p[0]);
			n = 1;
		}
		i += n;
	}
}

void fill_value(struct buf *out, struct slice value, bool outside)
{
	struct buf safe = { 0 };

	text_put_safe(&safe, text_cut(value, FILL_VALUE_CHARS));
	if (text_chars(value) > FILL_VALUE_CHARS)
		buf_str(&safe, "\u2026");
	if (outside)
		fill_defang(out, buf_view(&safe));
	else
		buf_slice(out, buf_view(&safe));
	if (safe.failed)
		out->failed = true;
	buf_release(&safe);
}

static const struct fill *find(struct slice name, const struct fill *fills, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slice_is(name, fills[i].name))
			return fills[i].text != NULL ? &fills[i] : NULL;
	return NULL;
}

/* The template's own text: its line ends are its layout, other controls are shown. */
static void put_own(struct buf *out, struct slice s)
{
	while (s.n > 0) {
		ssize_t nl = slice_chr(s, '\n');
		size_t line = nl < 0 ? s.n : (size_t)nl;

		text_put_safe(out, (struct slice){ s.p, line });
		if (nl >= 0)
			buf_chr(out, '\n');
		s = slice_from(s, line + (nl >= 0));
	}
}

void fill_text(struct buf *out, const char *template, const struct fill *fills, size_t n)
{
	struct slice rest = slice_str(template);

	while (rest.n > 0) {
		ssize_t open = slice_chr(rest, '{'), close;
		const struct fill *f = NULL;

		if (open < 0)
			break;
		put_own(out, (struct slice){ rest.p, (size_t)open });
		rest = slice_from(rest, (size_t)open);
		close = slice_chr(rest, '}');
		if (close > 0)
			f = find((struct slice){ rest.p + 1, (size_t)close - 1 }, fills, n);
		if (f != NULL) {
			fill_value(out, slice_str(f->text), f->outside);
			rest = slice_from(rest, (size_t)close + 1);
		} else {
			buf_chr(out, '{');
			rest = slice_from(rest, 1);
		}
	}
	put_own(out, rest);
}
