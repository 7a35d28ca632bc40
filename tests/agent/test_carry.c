/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/carry: which places go where when the settings change, row by row; also in a spool that is
 * full, and when the power goes meanwhile. That nothing is sent again is tests/e2e/settings.py's.
 */
#include "tests/agent/spool_kit.h"

#include "agent/carry.h"

#define PLACE(path) "1 1 2 0 10 5 0011223344556677 - 8 " path " " path /* a path of 8 bytes */
#define MARKS_MAX   4

struct mark {
	const char *key, *value;
};
static const struct row {
	const char *name, *inputs;
	struct mark before[MARKS_MAX], after[MARKS_MAX + 1]; /* an empty value: it is not there */
	const char *told;
} rows[] = {
	{ "nothing changed",
	  "{type: file, paths: [/l/a.log]}",
	  { { "file:file:0000000000000001", PLACE("/l/a.log") }, { "file:file:started", "1" } },
	  { { "file:file:0000000000000001", PLACE("/l/a.log") } },
	  "" },
	{ "another id",
	  "{type: file, id: app, paths: [/l/*.log]}",
	  { { "file:file:0000000000000001", PLACE("/l/a.log") },
	    { "file:file:0000000000000002", PLACE("/l/b.log") },
	    { "file:file:started", "1" } },
	  { { "file:file:0000000000000001", "" },
	    { "file:app:0000000000000001", PLACE("/l/a.log") },
	    { "file:app:0000000000000002", PLACE("/l/b.log") },
	    { "file:app:started", "1" } },
	  "app: file 2; " },
	{ "nobody reads it any more",
	  "{type: file, id: app, paths: [/l/*.log], exclude: [a.log]}",
	  { { "file:file:0000000000000001", PLACE("/l/a.log") } },
	  { { "file:file:0000000000000001", PLACE("/l/a.log") }, { "file:app:started", "" } },
	  "" },
	{ "its own input reads other things now",
	  "{type: file, paths: [/l/b.log]}, {type: file, id: app, paths: [/l/a.log]}",
	  { { "file:file:0000000000000001", PLACE("/l/a.log") } },
	  { { "file:file:0000000000000001", "" },
	    { "file:app:0000000000000001", PLACE("/l/a.log") } },
	  "app: file 1; " },
	{ "one that has read it goes on at its own place",
	  "{type: file, id: app, paths: [/l/a.log]}",
	  { { "file:file:0000000000000001", PLACE("/l/a.log") },
	    { "file:app:0000000000000007", PLACE("/l/a.log") } },
	  { { "file:file:0000000000000001", PLACE("/l/a.log") }, /* were it added again */
	    { "file:app:0000000000000001", "" },
	    { "file:app:0000000000000007", PLACE("/l/a.log") } },
	  "" },
	{ "a journal of another id, also to two of them",
	  "{type: journal, id: x}, {type: journal, id: y, units: [a]}",
	  { { "journal:journal", "s=1" } },
	  { { "journal:journal", "" }, { "journal:x", "s=1" }, { "journal:y", "s=1" } },
	  "x: journal 1; y: journal 1; " },
	{ "of two that read one journal, one is removed: it may be added again",
	  "{type: journal}",
	  { { "journal:journal", "s=1" }, { "journal:y", "s=2" } },
	  { { "journal:journal", "s=1" }, { "journal:y", "s=2" } },
	  "" },
	{ "a journal's place stays with who has it",
	  "{type: journal}, {type: journal, id: y}",
	  { { "journal:journal", "s=1" } },
	  { { "journal:journal", "s=1" }, { "journal:y", "" } },
	  "" },
	{ "an input of another kind, and keys of nobody's",
	  "{type: journal, id: file}",
	  { { "file:file:0000000000000001", PLACE("/l/a.log") },
	    { "wef:b:x", "1" },
	    { "odd", "1" } },
	  { { "file:file:0000000000000001", PLACE("/l/a.log") }, { "odd", "1" } },
	  "" },
};

static struct buf said;

static void tell(void *arg, const char *id, const char *text)
{
	char from[40];
	unsigned n;

	assert_int_equal(
		sscanf(text, "it goes on where the input %39[^ ] had read, at %u", from, &n), 2);
	buf_printf(&said, "%s: %s %u; ", id, from, n);
}

static struct config settings(const char *inputs)
{
	struct buf text = { 0 }, path = { 0 };
	struct config cf = { 0 };
	struct err err;

	buf_printf(&text, "{state_dir: %s, inputs: [%s]}\n", dir, inputs);
	buf_printf(&path, "%s/agent.yml", dir);
	if (file_write(buf_cstr(&path), buf_view(&text), 0600, &err) < 0 ||
	    config_load_with(buf_cstr(&path), input_classes, &cf, &err) < 0)
		fail_msg("%s: %s", inputs, err.msg);
	assert_int_equal(unlink(buf_cstr(&path)), 0);
	buf_release(&text);
	buf_release(&path);
	return cf;
}

static void has(struct spool *sp, const struct row *row)
{
	for (size_t i = 0; i <= MARKS_MAX && row->after[i].key != NULL; i++) {
		const struct mark *mk = &row->after[i];
		struct slice v = spool_checkpoint(sp, slice_str(mk->key));

		if (!slice_is(v, mk->value))
			fail_msg("%s: %s is %.*s", row->name, mk->key, (int)v.n, v.p);
	}
}

static void one(const struct row *row, bool full)
{
	struct spool_opts o = opts();
	struct config cf = settings(row->inputs);
	unsigned seed = 1;
	struct spool *sp;
	struct err err;
	char event[4096];

	o.max_bytes = 4 << 20;
	o.block_events = 16;
	sp = open_spool(&o);
	for (size_t i = 0; i < MARKS_MAX && row->before[i].key != NULL; i++)
		add(sp, LANE_KEEP, "", row->before[i].key, row->before[i].value);
	settle(sp);
	for (int n = 0; full; n++) {
		noise(event, sizeof(event), &seed);
		event[sizeof(event) - 1] = '\0';
		if (spool_add(sp, LANE_KEEP, slice_str(event), SLICE(""), SLICE(""), &err) < 0) {
			settle(sp);
			if (spool_add(sp, LANE_KEEP, slice_str(event), SLICE(""), SLICE(""), &err) <
			    0)
				break;
		}
		assert_true(n < 10000);
	}
	buf_reset(&said);
	assert_int_equal(carry_places(&cf, sp, tell, NULL, &err), 0);
	assert_string_equal(buf_cstr(&said), row->told);
	has(sp, row);
	sp = reopen(sp, &o);
	has(sp, row);
	buf_reset(&said); /* all is in order now */
	assert_int_equal(carry_places(&cf, sp, tell, NULL, &err), 0);
	assert_string_equal(buf_cstr(&said), "");
	has(sp, row);
	close_spool(sp);
	config_release(&cf);
	buf_release(&said);
}

/* The file of the keep lane that is being written; to: its bytes come from there, else go there. */
static void keep_file(struct buf *bytes, bool to)
{
	struct buf path = { 0 };
	struct err err;
	int r;

	buf_printf(&path, "%s/keep/0000000000000001.seg", dir);
	if (to)
		r = file_write(buf_cstr(&path), buf_view(bytes), 0600, &err);
	else
		r = file_read(buf_cstr(&path), 1 << 24, bytes, &err);
	if (r < 0)
		fail_msg("%s", err.msg);
	buf_release(&path);
}

/* From here on the two files differ. */
static size_t first_difference(const struct buf *a, const struct buf *b)
{
	size_t i = 0;

	while (i < a->n && i < b->n && a->p[i] == b->p[i])
		i++;
	return i;
}

/* The power goes while a log and what rotation made of it are carried, with any number of bytes of
 * it on disk: all places are carried or none is, and the next start carries them. */
static void test_cut_anywhere(void **state)
{
	static const char *const from[] = { "file:file:0000000000000001",
					    "file:file:0000000000000002",
					    "file:file:0000000000000003" };
	static const char *const to[] = { "file:app:0000000000000001", "file:app:0000000000000002",
					  "file:app:0000000000000003" };
	struct config cf = settings("{type: file, id: app, paths: [/l/a.log]}");
	struct buf before = { 0 }, after = { 0 }, cut = { 0 };
	unsigned none = 0, all = 0;
	struct spool_opts o = opts();
	struct spool *sp;
	struct err err;
	size_t at, end;

	o.max_bytes = 1 << 20; /* a small file to copy */
	sp = open_spool(&o);
	for (size_t i = 0; i < 3; i++)
		add(sp, LANE_KEEP, "", from[i], PLACE("/l/a.log"));
	settle(sp);
	keep_file(&before, false);
	assert_int_equal(carry_places(&cf, sp, tell, NULL, &err), 0);
	settle(sp);
	keep_file(&after, false);
	close_spool(sp);
	at = first_difference(&before, &after);
	for (end = after.n; end > at && after.p[end - 1] == '\0'; end--)
		;
	assert_true(end > at);
	for (size_t k = 0; at + 7 * k < end + 7; k++) {
		size_t held = 0, n = at + 7 * k < end ? at + 7 * k : end;

		buf_reset(&cut);
		buf_slice(&cut, (struct slice){ after.p, n });
		buf_slice(&cut, slice_from(buf_view(&before), n)); /* not written yet */
		keep_file(&cut, true);
		sp = open_spool(&o);
		for (size_t i = 0; i < 3; i++) {
			held += spool_checkpoint(sp, slice_str(to[i])).n > 0;
			assert_int_equal(spool_checkpoint(sp, slice_str(from[i])).n > 0, held == 0);
		}
		if (held > 0 && held < 3)
			fail_msg("%zu places of 3 are carried, cut at %zu", held, n);
		none += held == 0;
		all += held == 3;
		assert_int_equal(carry_places(&cf, sp, tell, NULL, &err), 0);
		sp = reopen(sp, &o);
		for (size_t i = 0; i < 3; i++) {
			assert_slice(spool_checkpoint(sp, slice_str(to[i])), PLACE("/l/a.log"));
			assert_int_equal(spool_checkpoint(sp, slice_str(from[i])).n, 0);
		}
		close_spool(sp);
	}
	assert_true(none > 10 && all > 0);
	config_release(&cf);
	buf_release(&said);
	buf_release(&before);
	buf_release(&after);
	buf_release(&cut);
}

static void each_row(bool full)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(make_dir(NULL), 0);
		one(&rows[i], full);
		assert_int_equal(remove_dir(NULL), 0);
	}
}

static void test_rows(void **state)
{
	each_row(false);
}

static void test_rows_in_a_full_spool(void **state)
{
	each_row(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_rows_in_a_full_spool),
		cmocka_unit_test_setup_teardown(test_cut_anywhere, make_dir, remove_dir),
	};

	return RUN_TESTS(tests);
}
