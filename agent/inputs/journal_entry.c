/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/journal_entry.c: libsystemd loaded by name, and one entry as JSON. */
#include "agent/inputs/journal.h"

#include <dlfcn.h>
#include <stdlib.h>

#include "common/event/json.h"
#include "common/event/utf8.h"

#define FIELDS_MAX 1024u /* of an entry; journald writes some tens */

int journal_lib_load(const struct journal_lib **ret, struct err *err)
{
	static struct journal_lib lib;
	static bool loaded;
	const struct {
		const char *name;
		void *at;
	} names[] = {
		{ "sd_journal_open", &lib.open },
		{ "sd_journal_open_directory", &lib.open_directory },
		{ "sd_journal_close", &lib.close },
		{ "sd_journal_next", &lib.next },
		{ "sd_journal_previous", &lib.previous },
		{ "sd_journal_seek_head", &lib.seek_head },
		{ "sd_journal_seek_tail", &lib.seek_tail },
		{ "sd_journal_seek_cursor", &lib.seek_cursor },
		{ "sd_journal_test_cursor", &lib.test_cursor },
		{ "sd_journal_get_cursor", &lib.get_cursor },
		{ "sd_journal_get_realtime_usec", &lib.get_realtime_usec },
		{ "sd_journal_get_monotonic_usec", &lib.get_monotonic_usec },
		{ "sd_journal_restart_data", &lib.restart_data },
		{ "sd_journal_enumerate_available_data", &lib.enumerate_data },
		{ "sd_journal_set_data_threshold", &lib.set_data_threshold },
		{ "sd_journal_add_match", &lib.add_match },
		{ "sd_journal_add_disjunction", &lib.add_disjunction },
		{ "sd_journal_add_conjunction", &lib.add_conjunction },
		{ "sd_journal_get_fd", &lib.get_fd },
		{ "sd_journal_process", &lib.process },
		{ "sd_journal_reliable_fd", &lib.reliable_fd },
	};
	void *h = loaded ? NULL : dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);

	if (!loaded && h == NULL)
		return err_set(err, ERR_ABSENT,
			       "the journal needs libsystemd, which is not here (%s): apt install "
			       "libsystemd0",
			       dlerror());
	for (size_t i = 0; !loaded && i < sizeof(names) / sizeof(names[0]); i++) {
		void *f = dlsym(h, names[i].name);

		if (f == NULL) {
			dlclose(h);
			return err_set(err, ERR_ABSENT,
				       "libsystemd has no %s; version 246 or later is needed",
				       names[i].name);
		}
		memcpy(names[i].at, &f, sizeof(f)); /* ISO C has no cast for this; POSIX has */
	}
	loaded = true;
	*ret = &lib;
	return 0;
}

struct field {
	struct slice name, value;
	bool written;
};

static void put_value(struct buf *out, struct slice v)
{
	size_t i = 0, n = 1;

	for (; i < v.n && n > 0; i += n)
		n = utf8_length(v.p + i, v.n - i);
	if (n > 0) {
		json_put_string(out, v);
		return;
	}
	buf_chr(out, '[');
	for (i = 0; i < v.n; i++) {
		if (i > 0)
			buf_chr(out, ',');
		buf_u64(out, (unsigned char)v.p[i]);
	}
	buf_chr(out, ']');
}

static void put_field(struct buf *out, struct field *f, size_t n, size_t i)
{
	size_t same = 0;

	for (size_t k = i; k < n; k++)
		same += slice_eq(f[k].name, f[i].name) ? 1 : 0;
	buf_chr(out, ',');
	json_put_string(out, f[i].name);
	buf_str(out, same > 1 ? ":[" : ":");
	for (size_t k = i, put = 0; put < same; k++) {
		if (!slice_eq(f[k].name, f[i].name))
			continue;
		if (put++ > 0)
			buf_chr(out, ',');
		put_value(out, f[k].value);
		f[k].written = true;
	}
	if (same > 1)
		buf_chr(out, ']');
}

/* Copies the fields: libsystemd lends each until the next one. -1 with errno-like in *code. */
static ssize_t collect(const struct journal_lib *lib, struct sd_journal *j, struct arena *mem,
		       struct field *f, int *code)
{
	const void *p;
	size_t n, count = 0;
	int r = 0;

	lib->restart_data(j);
	while (count < FIELDS_MAX && (r = lib->enumerate_data(j, &p, &n)) > 0) {
		struct slice all = arena_copy(mem, (struct slice){ p, n });
		ssize_t eq = all.p != NULL ? slice_chr(all, '=') : -1;

		if (all.p == NULL) {
			*code = 0;
			return -1;
		}
		if (eq > 0)
			f[count++] = (struct field){ .name = { all.p, (size_t)eq },
						     .value = slice_from(all, (size_t)eq + 1) };
	}
	*code = r;
	return r < 0 ? -1 : (ssize_t)count;
}

int journal_entry_json(const struct journal_lib *lib, struct sd_journal *j, struct arena *mem,
		       struct buf *out, struct slice *ret_cursor, struct err *err)
{
	uint64_t real_us = 0, mono_us = 0;
	uint8_t boot[16]; /* sd_id128_t */
	char *cursor = NULL;
	struct field *f;
	ssize_t n;
	int r;

	arena_reset(mem);
	buf_reset(out);
	f = arena_alloc(mem, FIELDS_MAX * sizeof(*f));
	if (f == NULL)
		return err_nomem(err);
	r = lib->get_cursor(j, &cursor);
	if (r < 0)
		return err_set(err, ERR_SYNTAX, "an entry has no cursor: %s", strerror(-r));
	*ret_cursor = arena_copy(mem, slice_str(cursor));
	free(cursor);
	if (ret_cursor->p == NULL)
		return err_nomem(err);
	n = collect(lib, j, mem, f, &r);
	if (n < 0 && r == 0)
		return err_nomem(err);
	if (n < 0)
		return err_set(err, ERR_SYNTAX, "entry %s cannot be read: %s", ret_cursor->p,
			       strerror(-r));
	buf_str(out, "{\"__CURSOR\":");
	json_put_string(out, *ret_cursor);
	if (lib->get_realtime_usec(j, &real_us) >= 0)
		buf_printf(out, ",\"__REALTIME_TIMESTAMP\":\"%llu\"", (unsigned long long)real_us);
	if (lib->get_monotonic_usec(j, &mono_us, boot) >= 0)
		buf_printf(out, ",\"__MONOTONIC_TIMESTAMP\":\"%llu\"", (unsigned long long)mono_us);
	for (size_t i = 0; i < (size_t)n; i++)
		if (!f[i].written)
			put_field(out, f, (size_t)n, i);
	buf_chr(out, '}');
	return out->failed ? err_nomem(err) : 0;
}
