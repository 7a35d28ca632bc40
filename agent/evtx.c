/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/evtx.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 120000

bool evtx_is(int fd)
{
	char head[8];

	return pread(fd, head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
	       memcmp(head, "ElfFile\0", sizeof(head)) == 0;
}

struct reading {
	int in;
	bool late; /* the child said nothing for too long */
	struct buf text;
	uint64_t given, lost;
	uint64_t lost_number; /* the first one's */
	char why[96];         /* the same one's */
};

/* All n bytes. false: the child has ended, or is late. */
static bool take(struct reading *rd, void *to, size_t n)
{
	struct pollfd pfd = { .fd = rd->in, .events = POLLIN };
	char *p = to;

	while (n > 0) {
		int ready = poll(&pfd, 1, PATIENCE_MS);
		ssize_t got;

		rd->late = ready == 0;
		if (ready <= 0 && !(ready < 0 && errno == EINTR))
			return false;
		got = ready > 0 ? read(rd->in, p, n) : -1;
		if (got == 0 || (got < 0 && errno != EINTR))
			return false;
		p += got > 0 ? got : 0;
		n -= got > 0 ? (size_t)got : 0;
	}
	return true;
}

/* One frame, its text in rd->text. What it says of its size is a child's word that may be in other
 * hands by now. */
static bool frame(struct reading *rd, struct evtx_frame *ret)
{
	buf_reset(&rd->text);
	if (!take(rd, ret, sizeof(*ret)) || ret->bytes > EVTX_RECORD_MAX ||
	    buf_reserve(&rd->text, ret->bytes) < 0 || !take(rd, rd->text.p, ret->bytes))
		return false;
	rd->text.n = ret->bytes;
	return true;
}

static void unreadable(struct reading *rd, const struct evtx_frame *fr)
{
	size_t n = rd->text.n < sizeof(rd->why) - 1 ? rd->text.n : sizeof(rd->why) - 1;

	if (rd->lost++ > 0)
		return;
	rd->lost_number = fr->number;
	memcpy(rd->why, rd->text.p, n);
	rd->why[n] = '\0';
}

static int damaged(const struct reading *rd, struct err *err)
{
	if (rd->lost > 0)
		return err_set(err, ERR_SYNTAX,
			       "the log is damaged: %llu records were read, %llu could not be, the "
			       "first is number %llu (%s)",
			       (unsigned long long)rd->given, (unsigned long long)rd->lost,
			       (unsigned long long)rd->lost_number, rd->why);
	return err_set(err, ERR_SYNTAX,
		       "the log is damaged: %llu records were read, others may be missing",
		       (unsigned long long)rd->given);
}

static int frames(struct reading *rd, int (*each)(void *arg, const struct evtx_record *rec),
		  void *arg, struct err *err)
{
	struct evtx_frame fr;

	while (frame(rd, &fr)) {
		struct evtx_record rec = { buf_view(&rd->text), fr.kind == EVTX_RECOVERED };

		switch (fr.kind) {
		case EVTX_WHOLE:
		case EVTX_RECOVERED:
			rd->given++;
			if (each(arg, &rec) < 0)
				return -2;
			break;
		case EVTX_UNREADABLE:
			unreadable(rd, &fr);
			break;
		case EVTX_FAILED:
			return err_set(err, ERR_SYNTAX, "%.*s", SLICE_FMT(rec.xml));
		case EVTX_DAMAGED:
			return damaged(rd, err);
		default:
			return rd->lost > 0 ? damaged(rd, err) : 0;
		}
	}
	if (rd->text.failed)
		return err_nomem(err);
	return err_set(err, ERR_SYNTAX, "the log %s: %llu records were read",
		       rd->late ? "has a record that takes two minutes" : "breaks its reader",
		       (unsigned long long)rd->given);
}

int evtx_read(int fd, int (*each)(void *arg, const struct evtx_record *rec), void *arg,
	      struct err *err)
{
	struct reading rd = { 0 };
	int ends[2], r, status;
	pid_t child;

	if (evtx_load(err) < 0)
		return -1;
	if (pipe(ends) < 0)
		return err_set(err, ERR_IO, "cannot make a pipe: %s", strerror(errno));
	child = fork();
	if (child == 0) {
		close(ends[0]);
		evtx_child(fd, ends[1]);
	}
	close(ends[1]);
	rd.in = ends[0];
	if (child > 0)
		r = frames(&rd, each, arg, err);
	else
		r = err_set(err, ERR_IO, "cannot start a process: %s", strerror(errno));
	close(ends[0]);
	if (child > 0) {
		kill(child, SIGKILL); /* it has said all, or will not */
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
	}
	buf_release(&rd.text);
	return r;
}
