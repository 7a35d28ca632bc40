/* SPDX-License-Identifier: EUPL-1.2 */
/* Answers: plain, as SOAP, and as refusals that end the connection. */
#include "agent/inputs/wef/session.h"
#include "agent/inputs/wef/text.h"

#define SOAP_TYPE "application/soap+xml;charset=UTF-16"

void answer_with(struct session *s, const struct http_answer *a, struct slice body)
{
	struct buf *out = &s->wef->out;
	struct err err = { 0 };

	buf_reset(out);
	http_answer(out, a);
	buf_slice(out, body);
	s->since_ms = 0;
	if (out->failed || wire_write(s->wire, buf_view(out), &err) < 0) {
		err_nomem(&err);
		s->state = CLOSING;
		wire_close(s->wire, &err);
		return;
	}
	if (a->close) {
		s->state = CLOSING;
		wire_close(s->wire, NULL);
	}
}

void answer_status(struct session *s, unsigned status)
{
	/* RFC 4559 and Windows: both schemes, each in a field of its own. */
	const struct slice both = SLICE("WWW-Authenticate: Kerberos\r\n"
					"WWW-Authenticate: Negotiate\r\n");
	bool asks = status == 401 && !s->door->https;
	struct http_answer a = { .status = status,
				 .challenge = asks ? both : (struct slice){ NULL, 0 },
				 .close = s->head.close || status == 401 };

	answer_with(s, &a, (struct slice){ NULL, 0 });
}

void answer_refuse(struct session *s, unsigned status, const struct err *why)
{
	session_warn(s, why);
	s->head.close = true;
	answer_status(s, status);
}

/* The SOAP text as the client must get it: UTF-16, and encrypted when it is not inside TLS. */
static void send_soap(struct session *s, struct slice text)
{
	struct wef *w = s->wef;
	struct http_answer a = { .status = 200, .content_type = SOAP_TYPE, .close = s->head.close };
	struct buf *body = &w->clear;
	struct err err = { 0 };

	buf_reset(&w->clear);
	wef_text_write(text, &w->clear);
	if (s->cx != NULL) {
		body = &w->text;
		buf_reset(body);
		if (krb_wrap(s->cx, s->scheme, buf_view(&w->clear), body, &err) < 0) {
			answer_refuse(s, 500, &err);
			return;
		}
		a.content_type = mime_content_type(s->scheme);
	}
	a.length = body->n;
	answer_with(s, &a, buf_view(body));
}

void answer_soap(struct session *s, unsigned status, struct slice text)
{
	if (status == 200 && text.n > 0)
		send_soap(s, text);
	else
		answer_status(s, status);
}
