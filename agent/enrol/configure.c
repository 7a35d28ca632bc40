/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/enrol/configure.h"

#include <stdio.h>
#include <sys/stat.h>

#include "common/base/text.h"

/* Debian's and Red Hat's names; the first that exists of each row is followed. */
static const char *const files[][2] = {
	{ "/var/log/auth.log", "/var/log/secure" },
	{ "/var/log/syslog", "/var/log/messages" },
};
static const char *const journals[] = { "/run/log/journal", "/var/log/journal" };

static bool there(const char *root, const char *path)
{
	char full[4096];
	struct stat st;

	return snprintf(full, sizeof(full), "%s%s", root, path) < (int)sizeof(full) &&
	       stat(full, &st) == 0;
}

/* A YAML text between single quotes (YAML 1.2 section 7.3.2). */
static void put_quoted(struct buf *out, const char *text)
{
	buf_chr(out, '\'');
	for (; *text != '\0'; text++)
		buf_str(out, *text == '\'' ? "''" : (const char[]){ *text, '\0' });
	buf_chr(out, '\'');
}

static bool has_journal(const char *root)
{
	for (size_t i = 0; i < sizeof(journals) / sizeof(journals[0]); i++)
		if (there(root, journals[i]))
			return true;
	return false;
}

static void put_files(const char *root, struct buf *out, struct buf *report)
{
	bool any = false;

	buf_str(out, "  - type: file\n    paths:\n");
	buf_str(report, "It follows ");
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		for (size_t k = 0; k < 2; k++) {
			if (!there(root, files[i][k]))
				continue;
			buf_printf(out, "      - %s\n", files[i][k]);
			buf_printf(report, "%s%s", any ? " and " : "", files[i][k]);
			any = true;
			break;
		}
	if (!any) { /* neither is there yet; they are followed from when they appear */
		buf_printf(out, "      - %s\n      - %s\n", files[0][0], files[1][0]);
		buf_printf(report, "%s and %s once they exist; this machine has no journal",
			   files[0][0], files[1][0]);
	}
	buf_str(report, ".\n");
}

int configure_text(const char *root, const char *state_dir, const char *collector, struct buf *out,
		   struct buf *report, struct err *err)
{
	if (!text_is_name(slice_str(state_dir), 4000))
		return err_set(err, ERR_USAGE, "the state folder's path is not one line of text");
	buf_str(out,
		"# The settings of this machine's Vartio agent. `vartio-agent check` checks them.\n"
		"state_dir: ");
	put_quoted(out, state_dir);
	buf_str(out, "\ncollector:\n  addresses:\n    - ");
	put_quoted(out, collector);
	buf_str(out, "\ninputs:\n");
	if (has_journal(root)) {
		buf_str(out, "  - type: journal\n");
		buf_str(report, "It follows the journal.\n");
	} else {
		put_files(root, out, report);
	}
	return out->failed || report->failed ? err_nomem(err) : 0;
}
