/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/inputs/framing.h"

static bool is_filler(char c)
{
	return c == ' ' || c == '\r' || c == '\n' || c == '\0';
}

static void take(struct slice msg, bool cut, struct frame *ret)
{
	while (msg.n > 0 && is_filler(msg.p[msg.n - 1]) && msg.p[msg.n - 1] != ' ')
		msg.n--;
	*ret = (struct frame){ .msg = msg, .have = msg.n > 0, .cut = cut };
}

/* Offset of the first LF or NUL, or n. */
static size_t trailer(struct slice in)
{
	ssize_t lf = slice_chr(in, '\n');
	size_t n = lf >= 0 ? (size_t)lf : in.n;
	ssize_t nul = slice_chr((struct slice){ in.p, n }, '\0');

	return nul >= 0 ? (size_t)nul : n;
}

static ssize_t next_line(struct framing *fr, struct slice in, bool end, struct frame *ret)
{
	size_t n = trailer(in);

	if (n <= fr->max) {
		if (n == in.n && !end)
			return 0;
		take((struct slice){ in.p, n }, false, ret);
		return (ssize_t)(n < in.n ? n + 1 : n);
	}
	take((struct slice){ in.p, fr->max }, true, ret);
	fr->skip_line = true;
	return (ssize_t)fr->max;
}

/* in stands at the message, len bytes long; head bytes stood before it. */
static ssize_t next_counted(struct framing *fr, struct slice in, size_t head, size_t len, bool end,
			    struct frame *ret)
{
	size_t n = len < fr->max ? len : fr->max;

	if (in.n < n && !end)
		return 0;
	if (in.n < n) { /* the sender went away inside its message: keep what came */
		take(in, true, ret);
		return (ssize_t)(head + in.n);
	}
	take((struct slice){ in.p, n }, n < len, ret);
	fr->skip = len - n;
	return (ssize_t)(head + n);
}

static ssize_t skip_some(struct framing *fr, struct slice in, struct frame *ret)
{
	size_t n = in.n;

	*ret = (struct frame){ 0 };
	if (fr->skip > 0) {
		n = fr->skip < in.n ? fr->skip : in.n;
		fr->skip -= n;
	} else if (fr->skip_line) {
		n = trailer(in);
		fr->skip_line = n == in.n;
		n += n < in.n ? 1 : 0;
	} else {
		for (n = 0; n < in.n && is_filler(in.p[n]);)
			n++;
	}
	return (ssize_t)n;
}

ssize_t framing_next(struct framing *fr, struct slice in, bool end, struct frame *ret)
{
	size_t len = 0, i = 0;

	if (in.n == 0)
		return 0;
	if (fr->skip > 0 || fr->skip_line || is_filler(in.p[0]))
		return skip_some(fr, in, ret);
	if (in.p[0] == '0' || !char_is_digit(in.p[0]))
		return next_line(fr, in, end, ret);
	for (; i < in.n && char_is_digit(in.p[i]) && i < FRAMING_HEAD_MAX - 1; i++)
		if (len <= FRAMING_LEN_MAX) /* asked at every digit, so len cannot wrap */
			len = len * 10 + (size_t)(in.p[i] - '0');
	if (i == in.n && !end)
		return 0;
	if (i == in.n || in.p[i] != ' ')
		return next_line(fr, in, end, ret);
	if (len > FRAMING_LEN_MAX)
		return -1;
	return next_counted(fr, slice_from(in, i + 1), i + 1, len, end, ret);
}
