/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/fuzz/engine_gen_value.c: the values of a rule, of each kind, as YAML scalars. */
#include <stdio.h>

#include "tests/fuzz/engine_gen.h"

/* As a YAML scalar that is a text: in single quotes, or in double ones where it must. */
void gen_put_quoted(struct gen *g, struct buf *out, struct slice s)
{
	bool plain = !gen_chance(g, 10);

	for (size_t i = 0; i < s.n; i++)
		plain = plain && (unsigned char)s.p[i] >= 0x20 && s.p[i] != 0x7f;
	buf_chr(out, plain ? '\'' : '"');
	for (size_t i = 0; i < s.n; i++) {
		if (plain && s.p[i] == '\'')
			buf_str(out, "''");
		else if (!plain && (s.p[i] == '"' || s.p[i] == '\\'))
			buf_printf(out, "\\%c", s.p[i]);
		else if (!plain && ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f))
			buf_printf(out, "\\x%02x", s.p[i]);
		else
			buf_chr(out, s.p[i]);
	}
	buf_chr(out, plain ? '\'' : '"');
}

/* A text of the pool as Sigma writes it, with wildcards here and there, or just as it is. */
void gen_put_text(struct gen *g, struct buf *out, const char *s, bool wild)
{
	bool raw = wild && gen_chance(g, 15);

	if (wild && gen_chance(g, 6))
		buf_chr(out, '*');
	for (; *s != '\0'; s++) {
		if (!raw && (*s == '*' || *s == '?')) {
			buf_printf(out, "\\%c", *s);
		} else if (!raw && *s == '\\' && gen_chance(g, 30)) {
			buf_str(out, "\\\\");
		} else if (!raw && *s == '\\' && (s[1] == '*' || s[1] == '?' || s[1] == '\\')) {
			buf_str(out, "\\\\");
		} else if (wild && (*s & 0x80) == 0 && gen_chance(g, 3)) {
			buf_str(out, *s == '\\' ? "\\\\" : "");
			buf_chr(out, gen_chance(g, 50) ? '*' : '?');
		} else {
			buf_chr(out, *s);
		}
	}
	if (wild && gen_chance(g, 6))
		buf_chr(out, '*');
}

/* -- values --------------------------------------------------------------------------------- */

/* Few and fitting dashes (each is tried in five ways), and none beside a character of which it is
 * open whether it is part of a word. */
void gen_put_dashed(struct gen *g, struct buf *out)
{
	static const char *const all[] = { "-enc", " -c ", "cmd /c -k", "/x",    "a-b",
					   " /c-", "-",    "-e-s",      "a --x", "ä -ä" };
	struct buf b = { 0 };

	buf_str(&b, GEN_PICK(g, all));
	if (gen_chance(g, 20))
		buf_chr(&b, '*');
	buf_slice(out, buf_view(&b));
	buf_release(&b);
}

void gen_put_encodable(struct gen *g, struct buf *out, bool ascii)
{
	const char *s;
	size_t from = out->n;

	for (s = gen_encodable(g); *s != '\0'; s++) {
		if (*s != '*' && *s != '?' && !(ascii && (*s & 0x80) != 0))
			buf_chr(out, *s);
	}
	if (out->n - from < 2)
		buf_str(out, "cmd");
}

/* One character of s, escaped where it must be; returns what is behind it. */
static const char *put_char(struct buf *out, const char *s)
{
	if (strchr("\\.*?+()[]{}|^$#/-&", *s) != NULL)
		buf_chr(out, '\\');
	buf_chr(out, *s++);
	while ((*s & 0xc0) == 0x80)
		buf_chr(out, *s++);
	return s;
}

static void put_literal(struct gen *g, struct buf *out)
{
	const char *s = gen_pool(g);

	for (unsigned n = 1 + gen_below(g, 8); *s != '\0' && n > 0; n--)
		s = put_char(out, s);
}

/* A text of the pool with some of its characters written in other ways, so that it often matches,
 * and often nearly does. */
static void put_likely_regex(struct gen *g, struct buf *out)
{
	static const char *const repeats[] = { "?",    "*",     "+",    "{1,2}", "{1}",
					       "{2,}", "{0,2}", "{,2}", "??",    "*?",
					       "+?",   "++",    "*+",   "?+",    "{1,}+" };
	static const char *const empty[] = { "\\b",    "(?=.)", "(?:)",  "()",   "(?!q)", "\\B",
					     "(?<!q)", "(?i)",  "(?-i)", "(?s)", "(?#x)", "(?m)" };
	static const char *const runs[] = { ".*",     ".*",     ".*",   ".*?",     ".+",
					    ".+?",    ".*+",    ".++",  "[^\\n]*", "[]x]?.*",
					    "[^]x]*", "[\\]]*", "\\w*", "\\S+",    "\\h*" };
	const char *s = gen_pool(g);
	bool starred = false;

	for (unsigned n = 0; *s != '\0' && n < 24; n++) {
		unsigned kind = gen_below(g, 100);

		if (kind < 5) {
			buf_chr(out, '.');
			for (s++; (*s & 0xc0) == 0x80;)
				s++;
		} else if (kind < 9 && (*s & 0x80) == 0) {
			buf_printf(out, "[x%s%c]", strchr("]\\^-[", *s) != NULL ? "\\" : "", *s);
			s++;
		} else if (kind < 13) {
			s = put_char(out, s);
			buf_str(out, GEN_PICK(g, repeats));
		} else if (kind < 16) {
			buf_chr(out, '(');
			s = put_char(out, s);
			buf_str(out, gen_chance(g, 50) ? "|[b)]|cmd)" : ")");
		} else if (kind < 19) {
			buf_str(out, GEN_PICK(g, empty));
		} else if (kind < 26 && !starred) {
			starred = true;
			buf_str(out, GEN_PICK(g, runs));
			for (unsigned skip = gen_below(g, 4); skip > 0 && *s != '\0'; skip--)
				for (s++; (*s & 0xc0) == 0x80;)
					s++;
		} else {
			s = put_char(out, s);
		}
	}
}

/* Nothing but characters and dots, which an engine may take for a wildcard. */
static void put_dotted_regex(struct gen *g, struct buf *out)
{
	static const char *const dots[] = {
		".", ".*", ".*", ".+", ".*?", ".+?", ".*+", ".++", ".?"
	};
	const char *s = gen_pool(g);
	unsigned stars = 0;

	for (unsigned n = 0; *s != '\0' && n < 12; n++) {
		const char *dot = GEN_PICK(g, dots);

		if (!gen_chance(g, 20) || (dot[1] != '\0' && ++stars > 2)) {
			s = put_char(out, s);
			continue;
		}
		buf_str(out, dot);
		for (unsigned skip = gen_below(g, 3); skip > 0 && *s != '\0'; skip--)
			for (s++; (*s & 0xc0) == 0x80;)
				s++;
	}
}

static void put_new_regex(struct gen *g, struct buf *out)
{
	static const char *const bits[] = {
		".",       ".{0,3}",      "[a-k]",    "[^\\\\]", "\\d+",     "\\w",     "\\s*",
		"(?:)",    "(?:a|)",      "[Kk]",     "k",       "s",        "\\x41",   "\\\\",
		"\\.",     "x?",          "a{0}",     "(?=.)",   "b{2}",     "\\b",     "(?#cmd)",
		"(?!exe)", "[.]exe",      "(?i:CMD)", "(?s).",   "\\Qa.\\E", "\\x{e4}", "(?i)a",
		"(?<!q)",  "[[:alpha:]]", "(?>a|ab)",
	};
	bool starred = false;

	if (gen_chance(g, 60)) {
		if (gen_chance(g, 70))
			put_likely_regex(g, out);
		else
			put_dotted_regex(g, out);
		return;
	}
	buf_str(out, gen_chance(g, 12) ? "^" : "");
	for (unsigned n = 1 + gen_below(g, 4); n > 0; n--) {
		switch (gen_below(g, 9)) {
		case 0:
			buf_str(out, GEN_PICK(g, bits));
			break;
		case 1:
			buf_str(out, starred ? "." : ".*");
			starred = true;
			break;
		case 2:
			buf_str(out, gen_chance(g, 50) ? "(?:" : "(");
			put_literal(g, out);
			buf_chr(out, '|');
			put_literal(g, out);
			buf_str(out, gen_chance(g, 30) ? ")?" : ")");
			break;
		case 3:
			buf_str(out, "(?:");
			put_literal(g, out);
			buf_str(out, gen_chance(g, 50)   ? ")?"
				     : gen_chance(g, 50) ? "){0,2}"
							 : "){1,2}");
			break;
		case 4:
			buf_str(out, gen_chance(g, 50) ? "(?!" : "(?=");
			put_literal(g, out);
			buf_chr(out, ')');
			break;
		default:
			put_literal(g, out);
		}
	}
	buf_str(out, gen_chance(g, 6) ? "|" : "");
	if (gen_chance(g, 6))
		put_literal(g, out);
	buf_str(out, gen_chance(g, 12) ? "$" : "");
}

void gen_put_regex(struct gen *g, struct buf *out)
{
	char *kept = g->regex[gen_below(g, REGEX_N)];
	size_t from = out->n;

	if (kept[0] != '\0' && gen_chance(g, 40)) {
		buf_str(out, kept);
		return;
	}
	put_new_regex(g, out);
	snprintf(kept, REGEX_TEXT, "%.*s", (int)(out->n - from), out->p + from);
	if (strlen(kept) < out->n - from)
		kept[0] = '\0';
}

void gen_put_network(struct gen *g, struct buf *out)
{
	static const char *const all[] = { "10.0.0.0/8",    "10.0.0.0/31",   "192.168.0.0/16",
					   "0.0.0.0/0",     "10.0.0.1/32",   "172.16.0.0/12",
					   "2001:db8::/32", "2001:db8::/63", "::/0",
					   "::1/128",       "fe80::/10",     "::ffff:0:0/96" };

	buf_str(out, GEN_PICK(g, all));
}
