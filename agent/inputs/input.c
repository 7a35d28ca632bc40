/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/input.c: what all kinds of input share. */
#include "agent/inputs/input.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const input_formats[] = { "auto", "syslog", "raw", "json", NULL };

enum norm_format input_format(int index)
{
	static const enum norm_format formats[] = { NORM_AUTO, NORM_SYSLOG, NORM_RAW, NORM_JSON };

	return formats[index];
}

int input_record(struct input *in, enum norm_format format, struct slice line,
		 const struct norm_source *src, struct slice key, struct slice checkpoint,
		 struct err *err)
{
	if (in->sink->record(in->sink, in, format, line, src, key, checkpoint, err) < 0)
		return -1;
	metric_add(&in->stats.events, 1);
	metric_add(&in->stats.bytes, line.n);
	metric_set(&in->stats.last_ns, (uint64_t)src->received_ns);
	if (src->cut)
		metric_add(&in->stats.cut, 1);
	return 0;
}

struct norm_source input_source(const struct input *in, const char *type, int64_t received_ns)
{
	return (struct norm_source){ .input = type,
				     .received_ns = received_ns,
				     .zone_s = in->zone_s,
				     .host = in->host,
				     .keep_original = in->keep_original };
}

static const char *user_name(void)
{
	const struct passwd *pw = getpwuid(geteuid());

	return pw != NULL ? pw->pw_name : "vartio-agent";
}

int input_unreadable(const char *path, int error, struct err *err)
{
	const struct group *gr;
	struct stat st;

	if (error == ENOENT)
		return err_set(err, ERR_ABSENT, "%s does not exist", path);
	if (error != EACCES && error != EPERM)
		return err_set(err, ERR_IO, "cannot read %s: %s", path, strerror(error));
	if (stat(path, &st) < 0)
		return err_set(err, ERR_DENIED,
			       "cannot look into the folder of %s: let the agent's user in: "
			       "setfacl -m u:%s:rx \"$(dirname '%s')\"",
			       path, user_name(), path);
	gr = (st.st_mode & S_IRGRP) != 0 ? getgrgid(st.st_gid) : NULL;
	if (gr != NULL && st.st_gid != 0)
		return err_set(
			err, ERR_DENIED,
			"cannot read %s: add the agent's user to group %s: usermod -aG %s %s", path,
			gr->gr_name, gr->gr_name, user_name());
	return err_set(err, ERR_DENIED,
		       "cannot read %s: let the agent's user read it: setfacl -m u:%s:r '%s'", path,
		       user_name(), path);
}
