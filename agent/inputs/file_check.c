/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/file_check.c: which paths the settings name, and which of them are no log files.
 * A folder among what a pattern matches is nobody's mistake (a pattern like that of all of /var/log
 * matches some); one that is named as such is. */
#include "agent/inputs/file.h"

#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <unistd.h>

static bool excluded(const struct file_conf *cf, const char *path)
{
	for (size_t i = 0; i < cf->exclude.n; i++) {
		const char *pattern = cf->exclude.v[i];
		const char *name = strchr(pattern, '/') != NULL ? path : file_base(path);

		if (fnmatch(pattern, name, 0) == 0)
			return true;
	}
	return false;
}

static bool is_pattern(const char *path)
{
	return strpbrk(path, "*?[") != NULL;
}

bool file_matches(const struct file_conf *cf, const char *pattern,
		  void (*each)(void *arg, const char *path, bool named), void *arg)
{
	glob_t g;

	if (glob(pattern, 0, NULL, &g) != 0)
		return false;
	for (size_t i = 0; i < g.gl_pathc; i++)
		if (!excluded(cf, g.gl_pathv[i]) && !file_compressed(g.gl_pathv[i]))
			each(arg, g.gl_pathv[i], !is_pattern(pattern));
	globfree(&g);
	return true;
}

bool file_named(const struct file_conf *cf, const char *path)
{
	if (excluded(cf, path) || file_compressed(path))
		return false;
	for (size_t i = 0; i < cf->paths.n; i++)
		if (fnmatch(cf->paths.v[i], path, FNM_PATHNAME | FNM_PERIOD) == 0)
			return true;
	return false;
}

bool file_is_odd(const char *path, const struct stat *st, bool named, struct err *err)
{
	static const struct {
		mode_t type;
		const char *what, *helps;
	} odd[] = {
		{ S_IFDIR, "a folder", "name the files in it: *.log behind it, for example" },
		{ S_IFIFO, "a pipe (FIFO)",
		  "what was read from it could not be read again; let its writer write into a "
		  "file" },
		{ S_IFSOCK, "a socket", "an input of type syslog-unix reads syslog's sockets" },
		{ S_IFCHR, "a device", "name a file" },
		{ S_IFBLK, "a device", "name a file" },
	};

	if (S_ISDIR(st->st_mode) && !named)
		return false;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		if ((st->st_mode & S_IFMT) == odd[i].type) {
			err_set(err, ERR_USAGE, "%.120s is %s and is not read: %s%s", path,
				odd[i].what, odd[i].helps, named ? "" : ", or add it to exclude");
			return true;
		}
	return false;
}

struct checking {
	void (*fault)(void *arg, const struct err *err);
	void *arg;
	int r;
};

static void tell(struct checking *ck, const struct err *err)
{
	ck->fault(ck->arg, err);
	ck->r = -1;
}

static void check_one(void *arg, const char *path, bool named)
{
	struct checking *ck = arg;
	struct stat st;
	struct err err;

	if (stat(path, &st) == 0) {
		if (file_is_odd(path, &st, named, &err))
			tell(ck, &err);
		if (!S_ISREG(st.st_mode) || access(path, R_OK) == 0)
			return;
	}
	input_unreadable(path, errno, &err);
	tell(ck, &err);
}

int file_check(const void *conf, void (*fault)(void *arg, const struct err *err), void *arg)
{
	const struct file_conf *cf = conf;
	struct checking ck = { fault, arg, 0 };

	if (cf->rotated_to.n >= FILE_DIRS_MAX) {
		struct err err;

		err_set(&err, ERR_USAGE, "rotated_to: more than %u folders", FILE_DIRS_MAX - 1);
		tell(&ck, &err);
	}
	for (size_t i = 0; i < cf->paths.n; i++) {
		const char *path = cf->paths.v[i];
		struct err err;

		if (path[0] != '/') {
			err_set(&err, ERR_USAGE, "paths: %s does not begin with /", path);
			tell(&ck, &err);
		} else if (file_compressed(path) && !is_pattern(path)) {
			err_set(&err, ERR_USAGE,
				"%.150s is compressed and is not read: only the rest of a log that "
				"was rotated is; name the log",
				path);
			tell(&ck, &err);
		} else if (!file_matches(cf, path, check_one, &ck) && !is_pattern(path)) {
			check_one(&ck, path, true); /* a pattern may well match nothing yet */
		}
	}
	return ck.r;
}

struct naming {
	void (*each)(void *arg, const char *pattern, const char *path, const struct stat *st);
	void *arg;
	const char *pattern;
};

static void name_one(void *arg, const char *path, bool named)
{
	struct naming *nm = arg;
	struct stat st;

	if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
		nm->each(nm->arg, nm->pattern, path, &st);
}

void file_names(const void *conf,
		void (*each)(void *arg, const char *pattern, const char *path,
			     const struct stat *st),
		void *arg)
{
	const struct file_conf *cf = conf;
	struct naming nm = { each, arg, NULL };

	for (size_t i = 0; i < cf->paths.n; i++) {
		nm.pattern = cf->paths.v[i];
		file_matches(cf, nm.pattern, name_one, &nm);
	}
}
