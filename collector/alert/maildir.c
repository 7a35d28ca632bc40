/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert/maildir.c: messages as files in a Maildir folder
 * (https://cr.yp.to/proto/maildir.html), which any mail program opens. A message's file name is its
 * own at every attempt, so that a repeat after a crash replaces itself. */
#include "collector/alert/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/file.h"

static bool usable(const struct notify_conf *nc)
{
	return nc->maildir != NULL;
}

static const char *server(const struct notify_conf *nc)
{
	return nc->maildir;
}

static int join(char out[PATH_MAX], const char *dir, const char *sub, const char *name)
{
	return snprintf(out, PATH_MAX, "%s/%s%s%s", dir, sub, *name != '\0' ? "/" : "", name) <
			       PATH_MAX
		       ? 0
		       : -1;
}

static int make_folders(const char *dir, struct err *err)
{
	static const char *const subs[] = { "tmp", "cur", "new" };
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(subs) / sizeof(subs[0]); i++)
		if (join(path, dir, subs[i], "") < 0)
			return err_set(err, ERR_IO, "the path %s is too long", dir);
		else if (dir_make(path, 0700, err) < 0)
			return -1;
	return 0;
}

static int write_file(const char *path, struct slice text, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = 0;

	if (fd < 0)
		return err_set(err, ERR_IO, "cannot make %s: %s", path, strerror(errno));
	if (pwrite_all(fd, text.p, text.n, 0) < 0 || fsync(fd) < 0)
		r = err_set(err, ERR_IO, "cannot write %s: %s", path, strerror(errno));
	if (close(fd) < 0 && r == 0)
		r = err_set(err, ERR_IO, "cannot write %s: %s", path, strerror(errno));
	if (r < 0)
		unlink(path);
	return r;
}

static enum channel_result send_file(struct channel_job *job)
{
	const char *dir = job->conf->maildir;
	char tmp[PATH_MAX], to[PATH_MAX], folder[PATH_MAX];
	struct err err = { 0 };

	if (make_folders(dir, &err) < 0)
		goto held;
	if (join(tmp, dir, "tmp", job->name) < 0 || join(to, dir, "new", job->name) < 0 ||
	    join(folder, dir, "new", "") < 0) {
		err_set(&err, ERR_IO, "the path %s is too long", dir);
		goto held;
	}
	if (write_file(tmp, job->message, &err) < 0)
		goto held;
	if (rename(tmp, to) < 0) {
		err_set(&err, ERR_IO, "cannot move %s to %s: %s", tmp, to, strerror(errno));
		unlink(tmp);
		goto held;
	}
	if (dir_sync(folder, &err) < 0)
		goto held;
	snprintf(job->reply, sizeof(job->reply), "new/%s", job->name);
	return CHANNEL_SENT;
held:
	snprintf(job->reason, sizeof(job->reason), "%s", err.msg);
	return CHANNEL_HELD;
}

const struct channel_class channel_maildir = { "maildir", usable, server, send_file };
