/* SPDX-License-Identifier: EUPL-1.2 */
/* One record: find the event in it, clean it, read it. */
#include "common/normalise/winxml.h"

#include <stdlib.h>

#include "common/normalise/winxml_inside.h"
#include "common/normalise/winxml_split.h"

#define KEEP_BYTES (256u * 1024)

struct winxml {
	struct expat *expat;
	struct reading rd;
	bool slow;
};

struct winxml *winxml_new(void)
{
	struct winxml *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return NULL;
	x->expat = expat_new();
	if (x->expat == NULL) {
		winxml_free(x);
		return NULL;
	}
	return x;
}

void winxml_free(struct winxml *x)
{
	if (x == NULL)
		return;
	expat_free(x->expat);
	buf_release(&x->rd.joined);
	free(x);
}

void winxml_slow(struct winxml *x, bool slow)
{
	x->slow = slow;
}

static struct slice without_mark(struct slice in)
{
	const struct slice mark = SLICE("\xef\xbb\xbf");

	in = slice_trim(in);
	return slice_starts(in, mark) ? slice_trim(slice_from(in, mark.n)) : in;
}

/* The event among a declaration, comments and a root's tags. false: *err tells, and *ret is what
 * may be read of it, or empty. */
static bool find_event(struct slice in, struct slice *ret, struct err *err)
{
	struct winxml_split sp = { .max = SIZE_MAX };
	struct winxml_piece piece;
	bool doctype = false;
	unsigned found = 0;
	ssize_t used;

	in = without_mark(in);
	*ret = in;
	if (winxml_event_tag(in) == 6 && slice_ends(in, SLICE("</Event>")))
		return true; /* as nearly all are; the readers would tell of a second one */
	for (; in.n > 0; in = slice_trim(slice_from(in, (size_t)used))) {
		used = winxml_split_next(&sp, in, SIZE_MAX, true, &piece);
		if (used < 0)
			break;
		doctype = doctype || piece.doctype;
		if (piece.have && found++ == 0)
			*ret = piece.text;
	}
	if (doctype || found == 0)
		ret->n = 0;
	if (doctype)
		err_set(err, ERR_SYNTAX, "Windows event XML: a document type is refused");
	else if (found == 0)
		err_set(err, ERR_SYNTAX, "Windows event XML: there is no Event element");
	else if (found > 1)
		err_set(err, ERR_SYNTAX, "Windows event XML: %s", MORE_THAN_ONE);
	else if (in.n > 0)
		err_set(err, ERR_SYNTAX, "Windows event XML: something else stands behind it");
	return err->code == ERR_NONE;
}

static bool parse(struct winxml *x, struct slice in, struct event *ev, struct err *err)
{
	struct event_mark mark = event_mark(ev);
	bool good;

	reading_begin(&x->rd, ev);
	good = !x->slow && winxml_quick(&x->rd, in);
	if (!good) {
		event_return(ev, &mark);
		reading_begin(&x->rd, ev);
		good = expat_read(x->expat, &x->rd, in, err);
	}
	if (x->rd.joined.cap > KEEP_BYTES)
		buf_release(&x->rd.joined);
	return good;
}

bool winxml_read(struct winxml *x, struct slice in, struct event *ev, struct err *err)
{
	struct slice text;
	ssize_t replaced;
	bool good;

	if (in.n > WINXML_BYTES_MAX) {
		err_set(err, ERR_FULL, "Windows event XML: longer than %u bytes", WINXML_BYTES_MAX);
		return false;
	}
	good = find_event(in, &text, err);
	if (text.n == 0)
		return false;
	replaced = winxml_clean(ev->mem, text, &text);
	if (replaced < 0) {
		err_nomem(err);
		return false;
	}
	good = parse(x, text, ev, good ? err : &(struct err){ 0 }) && good;
	winxml_names(ev);
	if (replaced > 0)
		event_add(ev, ECS_LOG_FLAGS, SLICE("invalid_characters"));
	if (replaced > 0 || ev->truncated > 0)
		event_str(ev, ECS_EVENT_ORIGINAL, in);
	return good;
}

bool winxml_begins(struct slice in)
{
	const struct slice doctype = SLICE("<!DOCTYPE");

	in = without_mark(in);
	if (winxml_event_tag(in) > 0 || slice_starts(in, doctype) ||
	    slice_starts(in, SLICE("<Events")))
		return true;
	if (!slice_starts(in, SLICE("<?xml")))
		return false;
	in.n = in.n < WINXML_LOOK_MAX ? in.n : WINXML_LOOK_MAX;
	return slice_find(in, SLICE("Event")) > 0 || slice_find(in, doctype) > 0;
}
