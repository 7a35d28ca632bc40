/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/journal.h: the journal input's own insides. */
#ifndef VARTIO_INPUTS_JOURNAL_H
#define VARTIO_INPUTS_JOURNAL_H

#include "agent/inputs/input.h"

extern const struct input_class input_journal;

/* libsystemd, loaded when the first journal input opens: 0.9 MB that others do not pay for. Only
 * the names below are used; struct sd_journal stays its own. */
struct sd_journal;
struct journal_lib {
	int (*open)(struct sd_journal **ret, int flags);
	int (*open_directory)(struct sd_journal **ret, const char *path, int flags);
	void (*close)(struct sd_journal *j);
	int (*next)(struct sd_journal *j);
	int (*previous)(struct sd_journal *j);
	int (*seek_head)(struct sd_journal *j);
	int (*seek_tail)(struct sd_journal *j);
	int (*seek_cursor)(struct sd_journal *j, const char *cursor);
	int (*test_cursor)(struct sd_journal *j, const char *cursor);
	int (*get_cursor)(struct sd_journal *j, char **ret);
	int (*get_realtime_usec)(struct sd_journal *j, uint64_t *ret);
	int (*get_monotonic_usec)(struct sd_journal *j, uint64_t *ret, void *ret_boot_id);
	void (*restart_data)(struct sd_journal *j);
	int (*enumerate_data)(struct sd_journal *j, const void **ret, size_t *ret_n);
	int (*set_data_threshold)(struct sd_journal *j, size_t n);
	int (*add_match)(struct sd_journal *j, const void *data, size_t n);
	int (*add_disjunction)(struct sd_journal *j);
	int (*add_conjunction)(struct sd_journal *j);
	int (*get_fd)(struct sd_journal *j);
	int (*process)(struct sd_journal *j);
	int (*reliable_fd)(struct sd_journal *j);
};
/* ERR_ABSENT with the package to install. Lent, for good: never unloaded. */
int journal_lib_load(const struct journal_lib **ret, struct err *err);

/* The entry under j's cursor as one JSON object, as journalctl -o json writes it: values that are
 * not UTF-8 as arrays of numbers, a field that comes several times as an array of its values.
 * (journalctl makes arrays of values with control characters too; here they are escaped in the
 * string, so that one such byte does not hide a message from the rules.)
 * mem holds the fields meanwhile and is reset. ret_cursor is lent from mem. ERR_SYNTAX: the entry
 * is damaged; ERR_NOMEM. */
int journal_entry_json(const struct journal_lib *lib, struct sd_journal *j, struct arena *mem,
		       struct buf *out, struct slice *ret_cursor, struct err *err);

#endif
