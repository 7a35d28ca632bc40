/* SPDX-License-Identifier: EUPL-1.2 */
/* The expression is read as a sequence of items; those that are plain characters, side by side,
 * make a run. Groups, classes and everything optional only end a run, so that what is not
 * understood in full never makes a literal. */
#include "collector/detect/regex_literal.h"

#include "collector/detect/literal_odds.h"
#include "collector/detect/signature.h"

#define RUN_MAX 64u
#define RUN_MIN 3u

struct reader {
	struct slice s;
	size_t i;
	char run[RUN_MAX];
	size_t n;
	char best[RUN_MAX];
	size_t best_n;
	double best_odds;
	struct regex_parts *parts;
	bool is_line; /* so far nothing but characters, `.`, `.*` and `.+` */
};

static void end_run(struct reader *rd)
{
	struct slice run = { rd->run, rd->n };
	double odds;

	if (run.n == 0)
		return;
	pairs_add(&rd->parts->need, run);
	buf_slice(&rd->parts->skeleton, run);
	buf_chr(&rd->parts->skeleton, WILD_MANY);
	odds = literal_odds(run, SHAPE_CONTAINS);
	if (run.n >= RUN_MIN && (rd->best_n == 0 || odds < rd->best_odds)) {
		memcpy(rd->best, rd->run, rd->n);
		rd->best_n = rd->n;
		rd->best_odds = odds;
	}
	rd->n = 0;
}

static void add(struct reader *rd, char c)
{
	if (rd->n == RUN_MAX)
		end_run(rd);
	rd->run[rd->n++] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* "{2}", "{2,}", "{,3}" or "{2,3}" at the reader's place: its length; 0: a brace that is none. */
static size_t braces(struct slice s, size_t i)
{
	size_t at = i + 1, digits = 0;
	bool comma = false;

	for (; at < s.n && s.p[at] != '}'; at++) {
		if (s.p[at] == ',' && !comma)
			comma = true;
		else if (s.p[at] >= '0' && s.p[at] <= '9')
			digits++;
		else
			return 0;
	}
	return at < s.n && digits > 0 ? at + 1 - i : 0;
}

/* "[...]" at i: its end, or s.n when there is none. */
static size_t class_end(struct slice s, size_t i)
{
	i++;
	if (i < s.n && s.p[i] == '^')
		i++;
	if (i < s.n && s.p[i] == ']') /* the first one is a member */
		i++;
	for (; i < s.n && s.p[i] != ']'; i++)
		i += s.p[i] == '\\';
	return i < s.n ? i + 1 : s.n;
}

/* "(...)" at i, with what is inside it. */
static size_t group_end(struct slice s, size_t i)
{
	unsigned depth = 0;

	while (i < s.n) {
		if (s.p[i] == '\\') {
			i += 2;
		} else if (s.p[i] == '[') {
			i = class_end(s, i);
		} else {
			depth += s.p[i] == '(';
			depth -= s.p[i] == ')';
			i++;
			if (depth == 0)
				return i;
		}
	}
	return s.n;
}

/* What this reader does not follow: verbs, comments, literal mode, settings other than i, m and s
 * (x would make spaces mean nothing), escapes that name or take something, POSIX classes. */
static bool is_plain(struct slice s)
{
	for (size_t i = 0; i + 1 < s.n; i++) {
		char next = s.p[i + 1];

		if (s.p[i] == '\\') {
			if ((next >= '0' && next <= '9') || strchr("xouNpPkgcQEC", next) != NULL)
				return false;
			i++;
		} else if ((s.p[i] == '(' && next == '*') ||
			   (s.p[i] == '[' && (next == ':' || next == '.' || next == '='))) {
			return false;
		} else if (s.p[i] == '(' && next == '?') {
			size_t k = i + 2;

			while (k < s.n && strchr("ims-", s.p[k]) != NULL && s.p[k] != '\0')
				k++;
			if (k == s.n || strchr(":=!<>)", s.p[k]) == NULL || s.p[k] == '\0')
				return false;
		}
	}
	return true;
}

/* What stands behind an item: false when the item may be left out. */
static bool quantifier(struct reader *rd, bool *ret_repeats)
{
	char c = rd->i < rd->s.n ? rd->s.p[rd->i] : '\0';
	size_t n = c == '{' ? braces(rd->s, rd->i) : 0;

	*ret_repeats = c == '*' || c == '+' || c == '?' || n > 0;
	if (!*ret_repeats)
		return true;
	rd->i += n > 0 ? n : 1;
	if (rd->i < rd->s.n && (rd->s.p[rd->i] == '?' || rd->s.p[rd->i] == '+'))
		rd->i++; /* lazy, or possessive */
	return c == '+';
}

/* A plain character at the reader's place, perhaps escaped; '\0': something else, passed over. */
static char item(struct reader *rd)
{
	char c = rd->s.p[rd->i];

	if (c == '[') {
		rd->i = class_end(rd->s, rd->i);
		return '\0';
	}
	if (c == '(') {
		rd->i = group_end(rd->s, rd->i);
		return '\0';
	}
	rd->i++;
	if (c == '\\') {
		if (rd->i == rd->s.n)
			return '\0';
		c = rd->s.p[rd->i++];
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80) != 0)
			return '\0';
		return c;
	}
	return (c & 0x80) != 0 || c < 0x20 || strchr(".^$){}]", c) != NULL ? '\0' : c;
}

/* The item at `from`, and what stands behind it, as a part of parts->line. c: as item says. */
static void put_line(struct reader *rd, size_t from, char c)
{
	struct buf *line = &rd->parts->line;
	char next = rd->i < rd->s.n ? rd->s.p[rd->i] : '\0';
	char behind = rd->i + 1 < rd->s.n ? rd->s.p[rd->i + 1] : '\0';
	bool dot = c == '\0' && rd->s.p[from] == '.';

	if (c == '\0' && !dot) {
		rd->is_line = false;
	} else if (next == '{' || next == '?' || (!dot && (next == '*' || next == '+'))) {
		rd->is_line = false; /* a brace may be a plain one: no matter */
	} else if ((next == '*' || next == '+') && behind == '+') {
		rd->is_line = false; /* possessive: it gives nothing back */
	} else if (!dot) {
		buf_chr(line, c);
	} else {
		if (next != '*')
			buf_chr(line, WILD_ONE);
		if (next == '*' || next == '+')
			buf_chr(line, WILD_MANY);
	}
}

/* All items. false: either side of a | will do, so nothing must be there. */
static bool read_items(struct reader *rd)
{
	bool repeats;

	while (rd->i < rd->s.n) {
		size_t from = rd->i;
		char c;

		if (rd->s.p[from] == '|')
			return false;
		c = item(rd);
		put_line(rd, from, c);
		if (!quantifier(rd, &repeats) || c == '\0') {
			end_run(rd);
			continue;
		}
		add(rd, c);
		if (repeats)
			end_run(rd);
	}
	end_run(rd);
	return true;
}

void regex_parts_release(struct regex_parts *parts)
{
	buf_release(&parts->literal);
	buf_release(&parts->skeleton);
	buf_release(&parts->line);
}

void regex_read_parts(struct slice regex, struct regex_parts *ret)
{
	struct regex_parts parts = { 0 };
	struct reader rd = { .s = regex, .parts = &parts, .is_line = true };

	if (!is_plain(regex))
		return;
	buf_chr(&parts.skeleton, WILD_MANY);
	buf_chr(&parts.line, WILD_MANY);
	if (!read_items(&rd)) {
		regex_parts_release(&parts);
		return;
	}
	buf_chr(&parts.line, WILD_MANY);
	if (!rd.is_line)
		buf_release(&parts.line);
	buf_put(&parts.literal, rd.best, rd.best_n);
	*ret = parts;
}
