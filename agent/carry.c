/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/carry.h"

#include <stdio.h>
#include <stdlib.h>

#define ID_MAX 64u

/* A checkpoint's key is KIND:ID, or KIND:ID:REST. */
struct place {
	const struct input_class *cls;
	char id[ID_MAX + 1];
	struct slice rest, key, value;
};

struct move { /* of a place, to an input that reads what it is of */
	char *bytes;
	struct place of; /* its slices are in bytes */
	const struct config_input *to;
	bool done; /* to has a place of its own */
};

struct carrying {
	const struct config *cf;
	struct move *v;
	size_t n, cap;
	bool failed;
};

static bool place_parse(struct slice key, struct slice value, struct place *ret)
{
	ssize_t colon = slice_chr(key, ':'), n;
	struct slice id;

	if (colon < 0)
		return false;
	*ret = (struct place){ .key = key, .value = value };
	for (size_t i = 0; input_classes[i] != NULL && ret->cls == NULL; i++)
		if (slice_is((struct slice){ key.p, (size_t)colon }, input_classes[i]->name))
			ret->cls = input_classes[i];
	id = slice_from(key, (size_t)colon + 1);
	n = slice_chr(id, ':');
	ret->rest = slice_from(id, n < 0 ? id.n : (size_t)n + 1);
	id.n = n < 0 ? id.n : (size_t)n;
	if (ret->cls == NULL || ret->cls->reads == NULL || id.n > ID_MAX)
		return false;
	memcpy(ret->id, id.p, id.n);
	ret->id[id.n] = '\0';
	return true;
}

static const struct config_input *input_of(const struct config *cf, const struct place *pl)
{
	for (size_t i = 0; i < cf->n_inputs; i++)
		if (cf->inputs[i].cls == pl->cls && strcmp(cf->inputs[i].id, pl->id) == 0)
			return &cf->inputs[i];
	return NULL;
}

static bool reads(const struct config_input *in, const struct place *pl)
{
	return in->cls == pl->cls && in->cls->reads(in->conf, pl->rest, pl->value);
}

static void move_add(struct carrying *ca, const struct place *pl, const struct config_input *to)
{
	size_t n = pl->key.n + pl->value.n;
	struct move *mv;
	char *bytes;

	if (ca->n == ca->cap) {
		size_t cap = ca->cap > 0 ? 2 * ca->cap : 16;
		struct move *more = realloc(ca->v, cap * sizeof(*more));

		ca->v = more != NULL ? more : ca->v;
		ca->cap = more != NULL ? cap : ca->cap;
	}
	bytes = malloc(n > 0 ? n : 1);
	if (bytes == NULL || ca->n == ca->cap) {
		free(bytes);
		ca->failed = true;
		return;
	}
	memcpy(bytes, pl->key.p, pl->key.n);
	memcpy(bytes + pl->key.n, pl->value.p, pl->value.n);
	mv = &ca->v[ca->n++];
	*mv = (struct move){ .bytes = bytes, .of = *pl, .to = to };
	mv->of.key.p = bytes;
	mv->of.rest.p = bytes + (pl->key.n - pl->rest.n);
	mv->of.value.p = bytes + pl->key.n;
}

static void strayed(void *arg, struct slice key, struct slice value)
{
	const struct config_input *own;
	struct carrying *ca = arg;
	struct place pl;

	if (!place_parse(key, value, &pl))
		return;
	own = input_of(ca->cf, &pl);
	if (own != NULL && reads(own, &pl))
		return;
	for (size_t i = 0; i < ca->cf->n_inputs; i++)
		if (&ca->cf->inputs[i] != own && reads(&ca->cf->inputs[i], &pl))
			move_add(ca, &pl, &ca->cf->inputs[i]);
}

/* Who has read a thing goes on at its own place in it. */
static void owned(void *arg, struct slice key, struct slice value)
{
	struct carrying *ca = arg;
	struct place pl;

	if (!place_parse(key, value, &pl))
		return;
	for (size_t i = 0; i < ca->n; i++) {
		struct move *mv = &ca->v[i];

		if (mv->to->cls == pl.cls && strcmp(mv->to->id, pl.id) == 0 &&
		    pl.cls->same(mv->of.value, value))
			mv->done = true;
	}
}

static int put(struct spool *sp, const struct move *mv, struct slice rest, struct slice value,
	       struct err *err)
{
	struct buf key = { 0 };
	int r;

	buf_printf(&key, "%s:%s%s", mv->to->cls->name, mv->to->id, rest.n > 0 ? ":" : "");
	buf_slice(&key, rest);
	r = key.failed ? err_nomem(err)
		       : spool_mark(sp, mv->to->cls->lane, buf_view(&key), value, err);
	buf_release(&key);
	return r;
}

/* All of them, then the old keys: one place may go to several inputs. One that went nowhere stays:
 * its input may be there again later, and then goes on at it. All is in one record of the spool,
 * for the loop does not run in between: an end comes before it or after. */
static int move_all(struct carrying *ca, struct spool *sp, struct err *err)
{
	for (size_t i = 0; i < ca->n; i++) {
		const struct move *mv = &ca->v[i];
		const struct slice mark = slice_str(mv->to->cls->begun);

		if (mv->done)
			continue;
		if (put(sp, mv, mv->of.rest, mv->of.value, err) < 0)
			return -1;
		/* It does not begin now: what has come meanwhile is to be read, too. */
		if (mark.n > 0 && put(sp, mv, mark, SLICE("1"), err) < 0)
			return -1;
	}
	for (size_t i = 0; i < ca->n; i++) {
		const struct place *of = &ca->v[i].of;

		if (!ca->v[i].done && spool_mark(sp, of->cls->lane, of->key, SLICE(""), err) < 0)
			return -1;
	}
	return 0;
}

static void tell_all(struct carrying *ca, void (*tell)(void *arg, const char *id, const char *text),
		     void *arg)
{
	char text[200];

	for (size_t i = 0; i < ca->n; i++) {
		const struct move *mv = &ca->v[i];
		size_t n = 0;

		for (size_t k = i; k < ca->n && !mv->done; k++) {
			struct move *other = &ca->v[k];

			if (other->done || other->to != mv->to ||
			    strcmp(other->of.id, mv->of.id) != 0)
				continue;
			n++;
			other->done = k > i;
		}
		if (n == 0)
			continue;
		snprintf(text, sizeof(text),
			 "it goes on where the input %s had read, at %zu place%s; nothing of that "
			 "is sent again",
			 mv->of.id, n, n > 1 ? "s" : "");
		tell(arg, mv->to->id, text);
	}
}

int carry_places(const struct config *cf, struct spool *sp,
		 void (*tell)(void *arg, const char *id, const char *text), void *arg,
		 struct err *err)
{
	struct carrying ca = { .cf = cf };
	int r = 0;

	spool_checkpoints(sp, strayed, &ca);
	if (ca.n > 0)
		spool_checkpoints(sp, owned, &ca);
	if (ca.failed)
		r = err_nomem(err);
	else if (ca.n > 0)
		r = move_all(&ca, sp, err);
	if (r == 0)
		tell_all(&ca, tell, arg);
	for (size_t i = 0; i < ca.n; i++)
		free(ca.v[i].bytes);
	free(ca.v);
	return r;
}
