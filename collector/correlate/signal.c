/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/correlate/signal.c: the reader; signal_write.c is the writer. */
#include "collector/correlate/signal.h"

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

int signal_read(struct slice text, struct signal_in *ret, struct err *err)
{
	/* Inside a JSON string a quote stands behind a backslash, so the first of these is the key.
	 */
	static const char key[] = ",\"event\":";
	struct slice start = { text.p, text.n < HEAD_MAX ? text.n : HEAD_MAX };
	ssize_t at = slice_find(start, SLICE(key));
	struct slice event;

	if (text.n > SIGNAL_MAX)
		return err_set(err, ERR_SYNTAX, "a signal of %zu bytes is longer than %u", text.n,
			       SIGNAL_MAX);
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
	event = slice_from(text, (size_t)at + sizeof(key) - 1);
	event.n--;
	return json_index_read(&ret->event, event, err);
}

void signal_release(struct signal_in *sg)
{
	json_index_release(&sg->event);
	json_index_release(&sg->head);
	buf_release(&sg->head_text);
	*sg = (struct signal_in){ 0 };
}
