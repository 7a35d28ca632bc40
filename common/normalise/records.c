/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/normalise/records.h"

static size_t line(struct records *rc, struct slice in, bool end, struct record *ret)
{
	ssize_t eol = slice_chr(in, '\n');
	size_t n = eol >= 0 ? (size_t)eol : in.n;
	bool cut = n > rc->max, skipping = rc->skipping;

	if (eol < 0 && !end && !cut && !skipping)
		return 0;
	rc->skipping = eol < 0 && (cut || skipping);
	ret->text = (struct slice){ in.p, cut ? rc->max : n };
	ret->cut = cut;
	ret->have = !skipping && winxml_skip_blanks(ret->text).n > 0;
	rc->split.begun = rc->split.begun || ret->have;
	return eol >= 0 ? n + 1 : n;
}

/* A Windows event, or what stands around it. -1: in does not begin with one. */
static ssize_t event(struct records *rc, struct slice in, bool end, struct record *ret)
{
	bool going_on = rc->split.inside || rc->split.skipping;
	struct slice at = going_on ? in : winxml_skip_blanks(in), blanks = { in.p, in.n - at.n };
	ssize_t eol = slice_rchr(blanks, '\n'), used;
	struct winxml_piece piece;
	size_t column = rc->mid_line ? SIZE_MAX : blanks.n;

	if (eol >= 0)
		column = blanks.n - (size_t)eol - 1;
	if (!winxml_split_wants(&rc->split, at))
		return -1;
	rc->split.max = rc->max;
	used = winxml_split_next(&rc->split, at, column, end, &piece);
	if (used < 0 || (used == 0 && !rc->split.inside))
		return used;
	*ret = (struct record){ piece.text, piece.have, piece.cut };
	return used + (ssize_t)blanks.n;
}

size_t records_next(struct records *rc, struct slice in, bool end, struct record *ret)
{
	ssize_t used = -1;

	*ret = (struct record){ .have = false };
	if (rc->winxml && !rc->skipping)
		used = event(rc, in, end, ret);
	if (used < 0)
		used = (ssize_t)line(rc, in, end, ret);
	if (used > 0)
		rc->mid_line = in.p[used - 1] != '\n';
	return (size_t)used;
}
