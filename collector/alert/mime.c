/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/alert/mime.h"

#include "common/base/hash.h"
#include "common/base/text.h"
#include "common/base/zone.h"

#define LINE_MAX_CHARS 76u /* RFC 2045 6.7 (5), RFC 2047 2 */
#define ENCODED_EXTRA  12u /* =?utf-8?B? and ?= */

static int refuse_controls(const char *value, const char *what, struct err *err)
{
	for (const char *p = value; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return err_set(
				err, ERR_USAGE,
				"%s holds a line end or another control character; a message "
				"header can't carry it, correct it in the configuration",
				what);
	return 0;
}

static bool is_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s >= 0x80)
			return false;
	return true;
}

/* Encoded words of at most 75 characters, cut between characters, one a line (RFC 2047 2). */
static void put_encoded(struct buf *out, size_t col, struct slice s)
{
	while (s.n > 0) {
		size_t room = (LINE_MAX_CHARS - col - ENCODED_EXTRA) / 4 * 3, n = 0;

		for (size_t at = 0; at < s.n && at <= room;) {
			text_next(s, &at);
			if (at <= room)
				n = at;
		}
		buf_str(out, "=?utf-8?B?");
		base64_put(out, s.p, n);
		buf_str(out, "?=");
		s = slice_from(s, n);
		if (s.n > 0)
			buf_str(out, "\r\n ");
		col = 1;
	}
}

/* Something that looks like an encoded word would be decoded by the reader's program. */
static bool fits_plain(size_t col, const char *value)
{
	return is_ascii(value) && col + strlen(value) <= LINE_MAX_CHARS &&
	       strstr(value, "=?") == NULL;
}

int mime_header(struct buf *out, const char *name, const char *value, const char *what,
		struct err *err)
{
	size_t col = strlen(name) + 2;

	if (refuse_controls(value, what, err) < 0)
		return -1;
	buf_str(out, name);
	buf_str(out, ": ");
	if (fits_plain(col, value))
		buf_str(out, value);
	else
		put_encoded(out, col, slice_str(value));
	buf_str(out, "\r\n");
	return 0;
}

/* RFC 5322 3.2.3 atext and spaces: needs no quotes as a phrase. */
static bool is_phrase(const char *s)
{
	static const char more[] = " !#$%&'*+-/=?^_`{|}~";

	for (; *s != '\0'; s++)
		if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
		      (*s >= '0' && *s <= '9') || strchr(more, *s) != NULL))
			return false;
	return true;
}

int mime_mailbox(struct buf *out, const char *name, const char *display, const char *address,
		 struct err *err)
{
	size_t col = strlen(name) + 2;

	if (mime_address_check(address, err) < 0 || refuse_controls(display, "the name", err) < 0)
		return -1;
	buf_str(out, name);
	buf_str(out, ": ");
	if (*display != '\0') {
		if (fits_plain(col, display) && is_phrase(display))
			buf_str(out, display);
		else
			put_encoded(out, col, slice_str(display));
		buf_str(out, "\r\n <");
	} else {
		buf_str(out, "<");
	}
	buf_str(out, address);
	buf_str(out, ">\r\n");
	return 0;
}

void mime_date(struct buf *out, int64_t t_ns)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm tm;
	long off;

	zone_parts(t_ns, &tm);
	off = tm.tm_gmtoff / 60;
	buf_printf(out, "Date: %.3s, %d %.3s %d %02d:%02d:%02d %c%02ld%02ld\r\n",
		   days + (size_t)tm.tm_wday * 3, tm.tm_mday, months + (size_t)tm.tm_mon * 3,
		   tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec, off < 0 ? '-' : '+',
		   (off < 0 ? -off : off) / 60, (off < 0 ? -off : off) % 60);
}

int mime_address_check(const char *address, struct err *err)
{
	struct buf shown = { 0 };
	int r;

	if (text_is_email(slice_str(address)))
		return 0;
	text_put_safe(&shown, text_cut(slice_str(address), 80));
	r = err_set(err, ERR_USAGE,
		    "\"%s\" is not a mail address; it should look like "
		    "maija.meikalainen@kunta.example",
		    buf_cstr(&shown));
	buf_release(&shown);
	return r;
}

const char *mime_domain(const char *address)
{
	const char *at = strchr(address, '@');

	return at != NULL && at[1] != '\0' ? at + 1 : "localhost";
}

void mime_quoted(struct buf *out, struct slice text)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t col = 0;

	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		bool last = i + 1 == text.n || text.p[i + 1] == '\n';
		bool plain =
			(c > ' ' && c < 0x7f && c != '=') || ((c == ' ' || c == '\t') && !last);
		size_t width = plain ? 1 : 3;

		if (c == '\n') {
			buf_str(out, "\r\n");
			col = 0;
			continue;
		}
		/* One column stays free for the "=" of a soft line end. */
		if (col + width > LINE_MAX_CHARS - 1) {
			buf_str(out, "=\r\n");
			col = 0;
		}
		if (plain) {
			buf_chr(out, (char)c);
		} else {
			buf_chr(out, '=');
			buf_chr(out, hex[c >> 4]);
			buf_chr(out, hex[c & 15]);
		}
		col += width;
	}
	if (col > 0)
		buf_str(out, "\r\n");
}
