/* SPDX-License-Identifier: EUPL-1.2 */
#include "common/net/batch.h"

#include <inttypes.h>

#include "common/base/hash.h"

static const char opening[] = "{\"@metadata\":{\"vartio\":{";

static size_t spaces(struct slice s) /* RFC 8259 section 2 */
{
	size_t i = 0;

	while (i < s.n && memchr(" \t\r\n", s.p[i], 4) != NULL)
		i++;
	return i;
}

void batch_meta_head(struct buf *out, const struct batch_meta *m, bool empty)
{
	buf_printf(out,
		   "%s\"epoch\":\"%016" PRIx64 "\",\"block\":%" PRIu64 ",\"first_seq\":%" PRIu64
		   ",\"floor\":%" PRIu64 "}}%s",
		   opening, m->epoch, m->block, m->first_seq, m->floor, empty ? "" : ",");
}

int batch_meta_put(struct buf *out, const struct batch_meta *m, struct slice event, struct err *err)
{
	struct slice rest, first;

	if (event.n < 2 || event.p[0] != '{')
		return err_set(err, ERR_SYNTAX, "an event is not a JSON object");
	rest = slice_from(event, 1);
	first = slice_from(rest, spaces(rest));
	batch_meta_head(out, m, first.n > 0 && first.p[0] == '}');
	buf_slice(out, first);
	return 0;
}

static bool eat(struct slice *in, struct slice text)
{
	if (!slice_starts(*in, text))
		return false;
	*in = slice_from(*in, text.n);
	return true;
}

/* `text`, then a number without sign, fraction or leading zero, of at least 1. */
static bool eat_number(struct slice *in, struct slice text, uint64_t *ret)
{
	size_t n = 0;

	if (!eat(in, text) || in->n == 0 || in->p[0] == '0')
		return false;
	while (n < in->n && n <= 20 && in->p[n] >= '0' && in->p[n] <= '9')
		n++;
	if (!slice_uint((struct slice){ in->p, n }, UINT64_MAX, ret))
		return false;
	*in = slice_from(*in, n);
	return true;
}

static bool eat_epoch(struct slice *in, uint64_t *ret)
{
	uint8_t raw[8];
	uint64_t v = 0;

	if (!eat(in, SLICE("\"epoch\":\"")) || in->n < 16 ||
	    !hex_parse((struct slice){ in->p, 16 }, raw, sizeof(raw)))
		return false;
	for (size_t i = 0; i < 16; i++)
		if (in->p[i] >= 'A' && in->p[i] <= 'F')
			return false; /* one spelling only */
	for (size_t i = 0; i < sizeof(raw); i++)
		v = v << 8 | raw[i];
	*ret = v;
	*in = slice_from(*in, 16);
	return eat(in, SLICE("\","));
}

ssize_t batch_meta_read(struct slice event, struct batch_meta *ret, struct err *err)
{
	struct slice in = event;
	struct batch_meta m = { 0 };

	if (!eat(&in, slice_str(opening)))
		return 0;
	if (!eat_epoch(&in, &m.epoch) || !eat_number(&in, SLICE("\"block\":"), &m.block) ||
	    !eat_number(&in, SLICE(",\"first_seq\":"), &m.first_seq) ||
	    !eat_number(&in, SLICE(",\"floor\":"), &m.floor) || !eat(&in, SLICE("}}")) ||
	    in.n == 0 || (in.p[0] != ',' && in.p[0] != '}'))
		return err_set(err, ERR_SYNTAX,
			       "a block's @metadata.vartio is not epoch, block, first_seq, floor");
	if (m.floor > m.block)
		return err_set(err, ERR_SYNTAX,
			       "a block's @metadata.vartio has floor %" PRIu64
			       " above its block %" PRIu64,
			       m.floor, m.block);
	*ret = m;
	return (ssize_t)(event.n - in.n) + (in.p[0] == ',');
}

ssize_t batch_meta_take(char *p, size_t n, struct batch_meta *ret, struct slice *ret_event,
			struct err *err)
{
	ssize_t used = batch_meta_read((struct slice){ p, n }, ret, err);
	char *at;

	if (used <= 0)
		return used;
	at = p + used - 1; /* the comma, or the brace that closes "@metadata" */
	*at = '{';
	*ret_event = (struct slice){ at, n - (size_t)(at - p) };
	return used;
}
