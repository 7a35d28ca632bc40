/* SPDX-License-Identifier: EUPL-1.2 */
/* vartio-agent normalise: what log lines become, without shipping them. Lines in, one ECS JSON
 * object a line out, in order. */
#include "agent/agent.h"
#include "agent/options.h"
#include "common/base/time.h"
#include "common/normalise/normalise.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES (1024u * 1024) /* longer lines are cut and flagged, as the inputs do */
#define READ_BYTES     (64u * 1024)

static const char usage[] =
	"usage: vartio-agent normalise [--format NAME] [--zone +HH:MM] [--host NAME] [--original] "
	"[FILE...]\n"
	"       formats: auto (the default), syslog, journal, json, raw; without FILE, or for -, "
	"standard input";

struct work {
	struct normaliser *nz;
	enum norm_format format;
	struct norm_source src;
	struct arena mem;
	struct event ev;
	struct buf out;
	bool skipping; /* the rest of a line that was cut */
};

static int flush(struct work *w)
{
	size_t n = w->out.n;

	if (w->out.failed) {
		fputs("vartio-agent normalise: out of memory\n", stderr);
		return -1;
	}
	buf_reset(&w->out);
	if (n > 0 && fwrite(w->out.p, 1, n, stdout) != n) {
		fprintf(stderr, "vartio-agent normalise: cannot write the output: %s\n",
			strerror(errno));
		return -1;
	}
	return 0;
}

static int one(struct work *w, struct slice line, uint64_t offset, bool cut)
{
	if (slice_trim(line).n == 0)
		return 0; /* an empty line is no event */
	w->src.offset = offset;
	w->src.cut = cut;
	w->src.received_ns = time_now_ns();
	normalise(w->nz, w->format, line, &w->src, &w->mem, &w->ev);
	event_write_json(&w->ev, &w->out);
	buf_chr(&w->out, '\n');
	arena_reset(&w->mem);
	return w->out.n > READ_BYTES || w->out.failed ? flush(w) : 0;
}

/* All whole lines of in; *offset is where in begins in the file. */
static int lines(struct work *w, struct buf *in, uint64_t *offset, bool end)
{
	size_t done = 0;
	int r = 0;

	while (r == 0 && done < in->n) {
		struct slice rest = slice_from(buf_view(in), done), line = rest;
		ssize_t eol = slice_chr(rest, '\n');
		bool cut = eol < 0 ? rest.n >= LINE_MAX_BYTES : (size_t)eol > LINE_MAX_BYTES;
		size_t used = eol >= 0 ? (size_t)eol + 1 : rest.n;

		if (eol < 0 && !end && !cut && !w->skipping)
			break;
		line.n = eol >= 0 ? (size_t)eol : rest.n;
		if (line.n > LINE_MAX_BYTES)
			line.n = LINE_MAX_BYTES;
		if (!w->skipping)
			r = one(w, line, *offset + done, cut);
		w->skipping = eol < 0 && (cut || w->skipping);
		done += used;
	}
	*offset += done;
	buf_eat(in, done);
	return r;
}

static int file(struct work *w, const char *path)
{
	bool standard = strcmp(path, "-") == 0;
	int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC), r = -1;
	struct buf in = { 0 };
	uint64_t offset = 0;
	ssize_t n = -1;

	w->src.path = standard ? (struct slice){ NULL, 0 } : slice_str(path);
	w->skipping = false;
	while (fd >= 0) {
		if (buf_reserve(&in, READ_BYTES) < 0) {
			errno = ENOMEM;
			n = -1;
			break;
		}
		n = read(fd, in.p + in.n, READ_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		in.n += (size_t)n;
		if (lines(w, &in, &offset, false) < 0)
			goto out;
	}
	if (n < 0) {
		fprintf(stderr, "vartio-agent normalise: cannot read %s: %s%s\n", path,
			strerror(errno),
			errno == EACCES ? "; run as a user of the group that may read it (adm)"
					: "");
		goto out;
	}
	r = lines(w, &in, &offset, true);
out:
	buf_release(&in);
	if (fd >= 0 && !standard)
		close(fd);
	return r;
}

/* "+02:00", "-0330", "UTC"; NULL: this machine's. */
static bool zone_by_name(const char *text, int32_t *ret)
{
	time_t now = time(NULL);
	int64_t stamp;
	struct tm tm;
	char full[32];

	if (text == NULL) {
		localtime_r(&now, &tm);
		*ret = (int32_t)tm.tm_gmtoff;
		return true;
	}
	if (strcmp(text, "UTC") == 0)
		text = "Z";
	snprintf(full, sizeof(full), "2000-01-01T00:00:00%s", text);
	if (strlen(text) > 6 || !time_parse(slice_str(full), &stamp))
		return false;
	*ret = (int32_t)((time_days(2000, 1, 1) * 86400 * NS_PER_SEC - stamp) / NS_PER_SEC);
	return true;
}

static int wrong(const char *reason)
{
	fprintf(stderr, "vartio-agent normalise: %s\n%s\n", reason, usage);
	return 2;
}

int agent_normalise(int argc, char **argv)
{
	const char *format = options_value(&argc, argv, "--format");
	const char *zone = options_value(&argc, argv, "--zone");
	const char *host = options_value(&argc, argv, "--host");
	bool original = options_flag(&argc, argv, "--original");
	struct work w = { .src = { .input = "log", .local = true, .keep_original = original } };
	char own_host[256] = "";
	struct err err = { 0 };
	int code = 0;

	if (options_flag(&argc, argv, "--self-test")) {
		fputs("vartio-agent normalise: the parsers of this version carry no samples of "
		      "their own; run them on a log file instead\n",
		      stderr);
		return 1;
	}
	for (int i = 1; i < argc; i++)
		if (argv[i][0] == '-' && argv[i][1] != '\0')
			return wrong("no such option");
	if (format != NULL && norm_format_by_name(format, &w.format, &err) < 0)
		return wrong(err.msg);
	if (!zone_by_name(zone, &w.src.zone_s))
		return wrong("--zone takes +HH:MM or UTC");
	if (host == NULL && gethostname(own_host, sizeof(own_host) - 1) == 0)
		host = own_host;
	w.src.host = slice_str(host);
	w.nz = normaliser_new();
	if (w.nz == NULL) {
		fputs("vartio-agent normalise: out of memory\n", stderr);
		return 1;
	}
	if (argc < 2 && file(&w, "-") < 0)
		code = 1;
	for (int i = 1; i < argc; i++)
		if (file(&w, argv[i]) < 0)
			code = 1; /* the other files are still read */
	if (flush(&w) < 0 || fflush(stdout) != 0)
		code = 1;
	normaliser_free(w.nz);
	arena_release(&w.mem);
	buf_release(&w.out);
	return code;
}
