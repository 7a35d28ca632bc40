/* SPDX-License-Identifier: EUPL-1.2 */
/* The JSON reader against Jansson: the same texts are accepted, and the leaves are the same. Where
 * Jansson has bounds that RFC 8259 does not ask for (numbers past a double, half surrogate pairs,
 * NUL in names), or we have (fields, depth), only our own answer is checked for sanity. */
#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/event/json.h"
#include "common/event/json_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct json_index ix;
static unsigned at;
static char path[1 << 16];

static void differ(const char *what)
{
	fprintf(stderr, "differs from Jansson: %s\n%.*s\n", what, SLICE_FMT(ix.text));
	abort();
}

static const struct json_field *next(size_t path_n, enum js_type type)
{
	const struct json_field *f;

	if (at == ix.n)
		differ("a leaf is missing");
	f = &ix.f[at++];
	if (f->type != type || !slice_eq(f->path, (struct slice){ path, path_n }))
		differ("path or type of a leaf");
	return f;
}

static void check(const json_t *v, size_t path_n, unsigned depth)
{
	const struct json_field *f;
	struct slice s;
	char num[512];
	size_t n = path_n, i;
	const char *key;
	json_t *child;

	switch (json_typeof(v)) {
	case JSON_OBJECT:
		if (json_object_size(v) == 0 && depth > 0)
			next(path_n, JS_OBJECT);
		for (void *it = json_object_iter((json_t *)(uintptr_t)v); it != NULL;
		     it = json_object_iter_next((json_t *)(uintptr_t)v, it)) {
			key = json_object_iter_key(it);
			n = path_n;
			if (depth > 0)
				path[n++] = '.';
			memcpy(path + n, key, strlen(key));
			check(json_object_iter_value(it), n + strlen(key), depth + 1);
		}
		break;
	case JSON_ARRAY:
		if (json_array_size(v) == 0)
			next(path_n, JS_ARRAY);
		json_array_foreach(v, i, child) check(child, path_n, depth + 1);
		break;
	case JSON_STRING:
		f = next(path_n, JS_STRING);
		s = json_field_text(&ix, f);
		if (!slice_eq(s, (struct slice){ json_string_value(v), json_string_length(v) }))
			differ("a string");
		break;
	case JSON_REAL:
		f = next(path_n, JS_NUMBER);
		if (f->value.n >= sizeof(num))
			break;
		memcpy(num, f->value.p, f->value.n);
		num[f->value.n] = '\0';
		if (fabs(strtod(num, NULL) - json_real_value(v)) > 0)
			differ("a number");
		break;
	case JSON_TRUE:
		next(path_n, JS_TRUE);
		break;
	case JSON_FALSE:
		next(path_n, JS_FALSE);
		break;
	default:
		next(path_n, JS_NULL);
	}
}

/* "\ud800" alone: a string that RFC 8259 section 8.2 allows and Jansson does not. */
static bool has_surrogate_escape(struct slice s)
{
	for (size_t i = 0; i + 3 < s.n; i++) {
		if (s.p[i] == '\\' && s.p[i + 1] == 'u' && (s.p[i + 2] | 0x20) == 'd' &&
		    strchr("89abcdefABCDEF", s.p[i + 3]) != NULL)
			return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = { (const char *)data, size };
	struct err err = { 0 };
	int ours = json_index_read(&ix, text, &err);
	json_error_t jerr;
	json_t *root = json_loadb(text.p, size,
				  JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL | JSON_REJECT_DUPLICATES,
				  &jerr);
	enum json_error_code code = root == NULL ? json_error_code(&jerr) : json_error_unknown;

	for (unsigned i = 0; ours == 0 && i < ix.n; i++) {
		const struct json_field *f = json_index_get(&ix, ix.f[i].path);

		if (f == NULL || f > &ix.f[i] || !slice_eq(f->path, ix.f[i].path))
			differ("a leaf that get does not find");
		json_field_text(&ix, &ix.f[i]);
	}
	if (ours < 0 && json_check(text) && strstr(err.msg, "collide") == NULL)
		differ("the quick check says yes");
	if (ours < 0 && (err.code == ERR_FULL || strstr(err.msg, "64 levels") != NULL))
		goto out; /* our bounds */
	if (root == NULL) {
		if (ours == 0 && code != json_error_numeric_overflow &&
		    code != json_error_duplicate_key && code != json_error_null_byte_in_key &&
		    !has_surrogate_escape(text))
			differ(jerr.text);
		goto out;
	}
	if (json_is_object(root) != (ours == 0))
		differ(ours == 0 ? "accepted" : err.msg);
	if (ours == 0) {
		at = 0;
		check(root, 0, 0);
		if (at != ix.n)
			differ("a leaf too many");
		json_index_set(&ix, SLICE("a"), SLICE("v"));
		if (!slice_is(json_index_get(&ix, SLICE("a"))->value, "v"))
			differ("a leaf that was set");
	}
out:
	json_decref(root);
	json_index_release(&ix);
	return 0;
}
