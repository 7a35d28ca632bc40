/* SPDX-License-Identifier: EUPL-1.2 */
/* common/base/fill.h: a text of ours with its {placeholders} filled, in one pass: what a value
 * holds is never looked at for placeholders again.
 * What comes out is plain text without controls but for the template's own line ends; whoever puts
 * it into HTML or a header still escapes it for that place. */
#ifndef VARTIO_BASE_FILL_H
#define VARTIO_BASE_FILL_H

#include "common/base/text.h"

#define FILL_VALUE_CHARS 200u /* of one value; the rest is cut, which an ellipsis shows */

struct fill {
	const char *name; /* as it stands between the braces */
	const char *text; /* any bytes; NULL: the placeholder stays as it is written */
	bool outside;     /* came from an event, so it is defanged */
};

/* Appends the template. {words} that fills does not list are left as they are. */
void fill_text(struct buf *out, const char *template, const struct fill *fills, size_t n);
/* Appends a value as fill_text does: cut, hidden characters shown, defanged when from outside. */
void fill_value(struct buf *out, struct slice value, bool outside);
/* Makes addresses and links in s impossible to click, also where a mail program makes links by
 * itself: http://a.example/x as hxxp[:]//a[.]example/x, m@a.example as m@a[.]example, \\a as [\\]a.
 * IP addresses and absolute paths stay as they are: they are read aloud on the phone, and mail
 * programs make no links of them. */
void fill_defang(struct buf *out, struct slice s);

#endif
