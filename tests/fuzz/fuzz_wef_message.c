/* SPDX-License-Identifier: EUPL-1.2 */
/* A message's bytes, as they stand behind TLS or Kerberos: SLDC or not (the first byte chooses),
 * UTF-16 or UTF-8, SOAP, and the System part of each event. Everything stays within its bounds, and
 * what was read is inside what was given. */
#include <stdlib.h>

#include "agent/inputs/wef/head.h"
#include "agent/inputs/wef/sldc.h"
#include "agent/inputs/wef/soap.h"
#include "agent/inputs/wef/subscription.h"
#include "agent/inputs/wef/text.h"
#include "common/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX 65536u

static bool within(struct slice s, struct slice in)
{
	return s.n == 0 || (s.p >= in.p && s.p + s.n <= in.p + in.n);
}

static void one_event(struct slice event)
{
	struct wef_head h = wef_head_read(event);

	wef_head_dropped(event);
	if (!within(h.provider, event) || !within(h.channel, event) || !within(h.computer, event) ||
	    !within(h.time, event) || !within(wef_head_cleared(&h, event), event))
		abort();
}

/* All of it is characters that XML allows. */
static void check_text(struct slice s)
{
	size_t at = 0;

	while (at < s.n) {
		int32_t c = text_next(s, &at);

		if (c < 0 || (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0xfffe ||
		    c == 0xffff)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct soap *sp;
	struct slice in = { (const char *)data + 1, size - 1 };
	struct buf clear = { 0 }, text = { 0 };
	struct soap_msg msg;
	struct err err;

	if (size < 2)
		return 0;
	if (sp == NULL && (sp = soap_new()) == NULL)
		return 0;
	if (data[0] == 's') {
		bool good = sldc_read(in, MAX, &clear, &err) == 0;

		if (clear.n > MAX)
			abort();
		in = good ? buf_view(&clear) : (struct slice){ NULL, 0 };
	}
	wef_text_read(in, &text);
	check_text(buf_view(&text));
	if (soap_read(sp, buf_view(&text), &msg, &err) == 0)
		for (size_t i = 0; i < msg.n_events; i++)
			one_event(msg.events[i]);
	wef_query_check(buf_view(&text), NULL, NULL, &err);
	buf_release(&clear);
	buf_release(&text);
	return 0;
}
