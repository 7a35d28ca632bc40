/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/correlate/signal.c: the reader; signal_write.c is the writer. */
#include "collector/correlate/signal.h"

#define ID_MAX   1024u /* bytes of an id that is read the quick way */
#define HEAD_MAX 8192u /* bytes before the event; a rule's id is the longest of it */

static bool head_int(struct json_index *ix, unsigned i, int64_t *ret)
{
	struct slice text = ix->f[i].value;
	bool minus = text.n > 0 && text.p[0] == '-';
	uint64_t v;

	if (ix->f[i].type != JS_NUMBER || !slice_uint(slice_from(text, minus), INT64_MAX, &v))
		return false;
	*ret = minus ? -(int64_t)v : (int64_t)v;
	return true;
}

static bool head_text(struct json_index *ix, unsigned i, size_t max, struct slice *ret)
{
	if (ix->f[i].type != JS_STRING)
		return false;
	*ret = json_field_text(ix, &ix->f[i]);
	return ret->n > 0 && ret->n <= max;
}

static bool head_read(struct signal_in *sg)
{
	static const char *const keys[] = { "tenant", "rule", "event_id", "time", "ingested" };
	struct json_index *ix = &sg->head;

	if (ix->n != 5)
		return false;
	for (unsigned i = 0; i < 5; i++)
		if (!slice_is(ix->f[i].path, keys[i]))
			return false;
	return head_text(ix, 0, TENANT_MAX, &sg->tenant) &&
	       head_text(ix, 1, HEAD_MAX, &sg->rule_id) &&
	       head_text(ix, 2, HEAD_MAX, &sg->event_id) && head_int(ix, 3, &sg->time_ns) &&
	       head_int(ix, 4, &sg->ingested_ns);
}

/* -- as signal_write writes it, when no text of it is escaped ------------------------------- */

static bool skip(struct slice *in, struct slice what)
{
	if (!slice_starts(*in, what))
		return false;
	*in = slice_from(*in, what.n);
	return true;
}

static bool skip_text(struct slice *in, size_t max, struct slice *ret)
{
	size_t n = 0;

	while (n < in->n && n <= max && in->p[n] >= 0x20 && in->p[n] < 0x7f && in->p[n] != '"' &&
	       in->p[n] != '\\')
		n++;
	if (n == 0 || n > max || n == in->n || in->p[n] != '"')
		return false;
	*ret = (struct slice){ in->p, n };
	*in = slice_from(*in, n + 1);
	return true;
}

static bool skip_int(struct slice *in, int64_t *ret)
{
	bool minus = in->n > 0 && in->p[0] == '-';
	struct slice digits = slice_from(*in, minus);
	size_t n = 0;
	uint64_t v;

	while (n < digits.n && digits.p[n] >= '0' && digits.p[n] <= '9')
		n++;
	if ((n > 1 && digits.p[0] == '0') ||
	    !slice_uint((struct slice){ digits.p, n }, INT64_MAX, &v))
		return false;
	*ret = minus ? -(int64_t)v : (int64_t)v;
	*in = slice_from(digits, n);
	return true;
}

/* The head of nearly all signals, without a JSON reader. false: that one must look. */
static bool quick_head(struct slice text, struct signal_in *ret, struct slice *ret_event)
{
	struct slice in = text;

	if (!skip(&in, SLICE("{\"tenant\":\"")) || !skip_text(&in, TENANT_MAX, &ret->tenant) ||
	    !skip(&in, SLICE(",\"rule\":\"")) || !skip_text(&in, ID_MAX, &ret->rule_id) ||
	    !skip(&in, SLICE(",\"event_id\":\"")) || !skip_text(&in, ID_MAX, &ret->event_id) ||
	    !skip(&in, SLICE(",\"time\":")) || !skip_int(&in, &ret->time_ns) ||
	    !skip(&in, SLICE(",\"ingested\":")) || !skip_int(&in, &ret->ingested_ns) ||
	    !skip(&in, SLICE(",\"event\":")) || in.n == 0 || in.p[in.n - 1] != '}')
		return false;
	*ret_event = (struct slice){ in.p, in.n - 1 };
	return true;
}

/* -- all others ----------------------------------------------------------------------------- */

static int slow_head(struct slice text, struct signal_in *ret, struct slice *ret_event,
		     struct err *err)
{
	/* Inside a JSON string a quote stands behind a backslash, so the first of these is the key.
	 */
	static const char key[] = ",\"event\":";
	struct slice start = { text.p, text.n < HEAD_MAX ? text.n : HEAD_MAX };
	ssize_t at = slice_find(start, SLICE(key));

	if (at < 0 || text.p[text.n - 1] != '}')
		return err_set(err, ERR_SYNTAX, "a signal has no event");
	buf_reset(&ret->head_text);
	buf_put(&ret->head_text, text.p, (size_t)at);
	buf_chr(&ret->head_text, '}');
	if (ret->head_text.failed)
		return err_nomem(err);
	if (json_index_read(&ret->head, buf_view(&ret->head_text), err) < 0)
		return -1;
	if (!head_read(ret))
		return err_set(
			err, ERR_SYNTAX,
			"a signal does not begin with tenant, rule, event_id, time, ingested");
	*ret_event = slice_from(text, (size_t)at + sizeof(key) - 1);
	ret_event->n--;
	return 0;
}

int signal_head(struct slice text, struct signal_in *ret, struct slice *ret_event, struct err *err)
{
	if (text.n > SIGNAL_MAX)
		return err_set(err, ERR_SYNTAX, "a signal of %zu bytes is longer than %u", text.n,
			       SIGNAL_MAX);
	return quick_head(text, ret, ret_event) ? 0 : slow_head(text, ret, ret_event, err);
}

int signal_read(struct slice text, struct signal_in *ret, struct err *err)
{
	struct slice event;

	if (signal_head(text, ret, &event, err) < 0)
		return -1;
	return json_index_read(&ret->event, event, err);
}

void signal_release(struct signal_in *sg)
{
	json_index_release(&sg->event);
	json_index_release(&sg->head);
	buf_release(&sg->head_text);
	buf_release(&sg->part);
	*sg = (struct signal_in){ 0 };
}
