/* SPDX-License-Identifier: EUPL-1.2 */
/* A value of an event in every place of a message: the headers must stay those of a harmless value,
 * the form that of RFC 5322, and the HTML without a tag of the value's. */
#include <stdio.h>
#include <stdlib.h>

#include "collector/alert/notify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "fuzz_message: %s\n", what);
	abort();
}

static void render(const char *value, struct buf *out)
{
	static const struct notify_conf conf = { .region_name = "Seutu-IT Oy",
						 .region_phone = "+358 9 123 4567",
						 .from = "vartio@region.example" };
	static const struct contact to = { .id = 7,
					   .tenant = "mallila",
					   .name = "Maija",
					   .email = "maija@mallila.example",
					   .lang = LANG_FI };
	struct alert_values values[] = { { .field = "host.name", .v = { { value, 1 } }, .n = 1 },
					 { .field = "user.name", .v = { { value, 2 } }, .n = 1 },
					 { .field = "source.ip", .v = { { value, 3 } }, .n = 1 } };
	struct alert al = { .id = "0123456789abcdef0123456789abcdef",
			    .code = "VA-7K3M9Q2H",
			    .tenant = "mallila",
			    .rule_id = "rule",
			    .title = "Title",
			    .level = LEVEL_HIGH,
			    .events = 10,
			    .values = values,
			    .n_values = 3 };
	struct err err;

	al.texts[LANG_FI] = (struct rule_texts){ .title = "Otsikko",
						 .what = "{host} {user} {source_ip}",
						 .action = "{user}{user}" };
	must(message_render(&conf, &to, &al, 1, 0, out, &err) == 0, "not rendered");
}

static void check_form(struct slice m)
{
	size_t col = 0;

	for (size_t i = 0; i < m.n; i++) {
		unsigned char c = (unsigned char)m.p[i];

		must(c == '\r' || c == '\n' || (c >= 0x20 && c < 0x7f), "a byte that is not ASCII");
		if (c == '\n') {
			must(i > 0 && m.p[i - 1] == '\r', "a bare LF");
			col = 0;
		} else if (c == '\r') {
			must(i + 1 < m.n && m.p[i + 1] == '\n', "a bare CR");
		} else {
			must(++col <= 78, "a line longer than 78");
		}
	}
	must(slice_ends(m, SLICE("--=_vartio--\r\n")), "no end");
}

static size_t count(struct slice s, struct slice needle)
{
	size_t n = 0;

	for (ssize_t at; (at = slice_find(s, needle)) >= 0; n++)
		s = slice_from(s, (size_t)at + needle.n);
	return n;
}

static struct slice html_of(const struct buf *message)
{
	ssize_t at = slice_find(buf_view(message), SLICE("text/html"));

	must(at > 0, "no HTML part");
	return slice_from(buf_view(message), (size_t)at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf message = { 0 }, clean = { 0 };
	char *value = malloc(size + 1);
	ssize_t head;

	must(value != NULL, "out of memory");
	if (size > 0)
		memcpy(value, data, size);
	value[size] = '\0';
	render(value, &message);
	render(value[0] != '\0' ? "a" : "", &clean); /* an empty value has no row in the table */
	check_form(buf_view(&message));
	head = slice_find(buf_view(&message), SLICE("\r\n\r\n"));
	must(head == slice_find(buf_view(&clean), SLICE("\r\n\r\n")) &&
		     memcmp(message.p, clean.p, (size_t)head) == 0,
	     "the headers changed");
	must(count(buf_view(&message), SLICE("\r\n--=_vartio")) ==
		     count(buf_view(&clean), SLICE("\r\n--=_vartio")),
	     "the parts changed");
	/* Quoted-printable may cut a "<" from what follows it, never the "<" itself. */
	must(count(html_of(&message), SLICE("<")) == count(html_of(&clean), SLICE("<")),
	     "the tags changed");
	free(value);
	buf_release(&message);
	buf_release(&clean);
	return 0;
}
