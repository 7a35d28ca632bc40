/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/doubles.h"

#include <stdlib.h>
#include <sys/stat.h>

struct named {
	dev_t dev;
	ino_t ino;
	size_t input, nth; /* places in the settings, and in what they name */
	const char *setting;
	char *path;
};

struct doubles {
	struct named *v;
	size_t n, cap, input;
	bool failed;
};

static void add(void *arg, const char *setting, const char *path, const struct stat *st)
{
	struct doubles *ds = arg;
	struct named one = { st->st_dev, st->st_ino, ds->input, ds->n, setting, strdup(path) };

	if (ds->n == ds->cap && one.path != NULL) {
		size_t cap = ds->cap > 0 ? 2 * ds->cap : 64;
		struct named *more = realloc(ds->v, cap * sizeof(*more));

		ds->v = more != NULL ? more : ds->v;
		ds->cap = more != NULL ? cap : ds->cap;
	}
	if (one.path == NULL || ds->n == ds->cap) {
		free(one.path);
		ds->failed = true;
		return;
	}
	ds->v[ds->n++] = one;
}

static int sign(bool less)
{
	return less ? -1 : 1;
}

/* Those of one file side by side, in the order of the settings. */
static int by_file(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int r = strcmp(x->path, y->path);

	if (x->dev != y->dev)
		return sign(x->dev < y->dev);
	if (x->ino != y->ino)
		return sign(x->ino < y->ino);
	if (x->input != y->input)
		return sign(x->input < y->input);
	return r != 0 ? r : sign(x->nth < y->nth);
}

/* A link and what it leads to may both match: only the same path is a mistake within one input. */
static bool doubled(const struct named *a, const struct named *b, enum doubles_of which)
{
	if (a->dev != b->dev || a->ino != b->ino)
		return false;
	if (a->input != b->input)
		return true;
	return which == DOUBLES_ALL && a->setting != b->setting && strcmp(a->path, b->path) == 0;
}

/* Pairs of settings stand one behind the other. */
static bool told(const struct named *pairs, size_t n, const struct named *a, const struct named *b)
{
	for (size_t i = 0; i < n; i += 2)
		if (pairs[i].setting == a->setting && pairs[i + 1].setting == b->setting)
			return true;
	return false;
}

static void say(const struct config *cf, const struct named *a, const struct named *b,
		void (*tell)(void *arg, const char *id, const struct err *err), void *arg)
{
	const char *id = cf->inputs[b->input].id;
	struct err err;

	if (a->input != b->input)
		err_set(&err, ERR_USAGE,
			"%.110s is read by the input %.40s as well, so each line is sent twice: "
			"take it out of paths, or add it to exclude",
			b->path, cf->inputs[a->input].id);
	else if (strcmp(a->setting, b->setting) == 0)
		err_set(&err, ERR_USAGE, "paths: %.150s stands there twice: take one out",
			a->setting);
	else
		err_set(&err, ERR_USAGE,
			"paths: %.90s is named by %.60s and by %.60s: take one of the two out",
			b->path, a->setting, b->setting);
	tell(arg, id, &err);
}

int doubles_find(const struct config *cf, enum doubles_of which,
		 void (*tell)(void *arg, const char *id, const struct err *err), void *arg,
		 struct err *err)
{
	struct doubles ds = { 0 };
	struct named *pairs = NULL;
	size_t n = 0;
	int r = -1;

	for (ds.input = 0; ds.input < cf->n_inputs; ds.input++)
		if (cf->inputs[ds.input].cls->names != NULL)
			cf->inputs[ds.input].cls->names(cf->inputs[ds.input].conf, add, &ds);
	pairs = calloc(2 * ds.n + 1, sizeof(*pairs));
	if (ds.failed || pairs == NULL) {
		err_nomem(err);
		goto out;
	}
	if (ds.n > 0)
		qsort(ds.v, ds.n, sizeof(*ds.v), by_file);
	for (size_t i = 1; i < ds.n; i++) {
		const struct named *a = &ds.v[i - 1], *b = &ds.v[i];

		if (!doubled(a, b, which) || told(pairs, n, a, b))
			continue;
		pairs[n++] = *a;
		pairs[n++] = *b;
		say(cf, a, b, tell, arg);
	}
	r = 0;
out:
	for (size_t i = 0; i < ds.n; i++)
		free(ds.v[i].path);
	free(ds.v);
	free(pairs);
	return r;
}
