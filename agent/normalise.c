/* SPDX-License-Identifier: EUPL-1.2 */
/* vartio-agent normalise: what log lines become, without shipping them. Lines and Windows events
 * in, one ECS JSON object a line out, in order. */
#include "agent/agent.h"
#include "agent/evtx.h"
#include "agent/options.h"
#include "common/base/text.h"
#include "common/base/time.h"
#include "common/normalise/normalise.h"
#include "common/normalise/records.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES                                                                             \
	(1024u * 1024) /* longer lines and events are cut and flagged, as the inputs do */
#define READ_BYTES (64u * 1024)

static const char usage[] =
	"usage: vartio-agent normalise [--format NAME] [--zone +HH:MM] [--host NAME] [--original] "
	"[FILE...]\n"
	"       a FILE holds lines, or is a Windows event log (EVTX)\n"
	"       formats: auto (the default), syslog, journal, json, winxml, raw; without FILE, or "
	"for -, "
	"standard input";

struct work {
	struct normaliser *nz;
	enum norm_format format;
	struct norm_source src;
	struct arena mem;
	struct event ev;
	struct buf out;
	struct records records;
	uint64_t place; /* in the file, of what is looked at now */
	enum coding { CODING_ASK, UTF8, UTF16LE, UTF16BE } coding;
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

static int one(struct work *w, const struct record *rec, uint64_t offset)
{
	w->src.offset = offset;
	w->src.cut = rec->cut;
	w->src.received_ns = time_now_ns();
	if (!normalise_splice(w->nz, w->format, rec->text, &w->src, (struct slice){ 0 }, &w->out)) {
		normalise(w->nz, w->format, rec->text, &w->src, &w->mem, &w->ev);
		event_write_json(&w->ev, &w->out);
	}
	buf_chr(&w->out, '\n');
	arena_reset(&w->mem);
	return w->out.n > READ_BYTES || w->out.failed ? flush(w) : 0;
}

/* How many bytes of the file the first n of s were. */
static uint64_t file_bytes(const struct work *w, struct slice s, size_t n)
{
	return w->coding == UTF8 ? n : text_utf16_bytes((struct slice){ s.p, n });
}

/* All whole records of in. */
static int records(struct work *w, struct buf *in, bool end)
{
	struct slice rest = buf_view(in);
	struct record rec;
	size_t used;
	int r = 0;

	while (r == 0 && rest.n > 0 && (used = records_next(&w->records, rest, end, &rec)) > 0) {
		if (rec.have)
			r = one(w, &rec,
				w->place + file_bytes(w, rest, (size_t)(rec.text.p - rest.p)));
		w->place += file_bytes(w, rest, used);
		rest = slice_from(rest, used);
	}
	buf_eat(in, in->n - rest.n);
	return r;
}

/* Which UTF a file begins with: by its byte order mark, or by its first '<' or '{'. */
static enum coding coding_of(struct buf *raw)
{
	const unsigned char *p = (const unsigned char *)raw->p;

	if (raw->n >= 2 && p[0] == 0xff && p[1] == 0xfe)
		return UTF16LE;
	if (raw->n >= 2 && p[0] == 0xfe && p[1] == 0xff)
		return UTF16BE;
	if (raw->n >= 2 && p[0] == '<' && p[1] == 0)
		return UTF16LE;
	if (raw->n >= 2 && p[0] == 0 && p[1] == '<')
		return UTF16BE;
	return UTF8;
}

/* What has been read, as UTF-8, into in. */
static void decode(struct work *w, struct buf *raw, struct buf *in, bool end)
{
	static const struct slice marks[] = {
		[UTF8] = { "\xef\xbb\xbf", 3 },
		[UTF16LE] = { "\xff\xfe", 2 },
		[UTF16BE] = { "\xfe\xff", 2 },
	};

	if (w->coding == CODING_ASK) {
		if (raw->n < 4 && !end)
			return;
		w->coding = coding_of(raw);
		if (slice_starts(buf_view(raw), marks[w->coding])) {
			buf_eat(raw, marks[w->coding].n);
			w->place = marks[w->coding].n;
		}
	}
	if (w->coding == UTF8) {
		buf_slice(in, buf_view(raw));
		buf_reset(raw);
	} else {
		buf_eat(raw, text_put_utf16(in, buf_view(raw), w->coding == UTF16BE, end));
	}
}

static void begin_file(struct work *w, const char *path)
{
	w->src.path = path != NULL ? slice_str(path) : (struct slice){ NULL, 0 };
	w->place = 0;
	w->coding = CODING_ASK;
	w->records =
		(struct records){ .max = LINE_MAX_BYTES,
				  .winxml = w->format == NORM_AUTO || w->format == NORM_WINXML };
}

/* Reads and works on what fd gives. 1: more may come; 0: the end; -1: failed, errno tells; -2: told
 * already. */
static int step(struct work *w, int fd, struct buf *raw, struct buf *in)
{
	ssize_t n;

	if (buf_reserve(raw, READ_BYTES) < 0) {
		errno = ENOMEM;
		return -1;
	}
	n = read(fd, raw->p + raw->n, READ_BYTES);
	if (n < 0)
		return errno == EINTR ? 1 : -1;
	raw->n += (size_t)n;
	if (w->coding == CODING_ASK && slice_starts(buf_view(raw), SLICE("ElfFile"))) {
		fputs("vartio-agent normalise: a Windows event log (EVTX) is read from a file, not "
		      "from a pipe: name it\n",
		      stderr);
		return -2;
	}
	decode(w, raw, in, n == 0);
	if (in->failed) {
		errno = ENOMEM;
		return -1;
	}
	return records(w, in, n == 0) < 0 ? -2 : n > 0;
}

static int evtx_record(void *arg, const struct evtx_record *rec)
{
	struct work *w = arg;

	w->src.recovered = rec->recovered;
	return one(w, &(struct record){ .text = rec->xml, .have = true }, NORM_NO_OFFSET);
}

/* The records of a Windows event log. */
static int evtx(struct work *w, int fd, const char *path)
{
	enum norm_format format = w->format;
	struct err err = { 0 };
	int r;

	w->format = NORM_WINXML;
	r = evtx_read(fd, evtx_record, w, &err);
	w->format = format;
	w->src.recovered = false;
	if (r == -1)
		fprintf(stderr, "vartio-agent normalise: %s: %s\n", path, err.msg);
	return r < 0 ? -2 : 0;
}

static int file(struct work *w, const char *path)
{
	bool standard = strcmp(path, "-") == 0;
	int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC), r = -1;
	struct buf in = { 0 }, raw = { 0 };

	begin_file(w, standard ? NULL : path);
	if (fd >= 0 && evtx_is(fd))
		r = evtx(w, fd, path);
	else if (fd >= 0)
		do
			r = step(w, fd, &raw, &in);
		while (r > 0);
	if (r == -1)
		fprintf(stderr, "vartio-agent normalise: cannot read %s: %s%s\n", path,
			strerror(errno),
			errno == EACCES ? "; run as a user of the group that may read it (adm)"
					: "");
	buf_release(&in);
	buf_release(&raw);
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
	struct work w = {
		.src = { .input = "log", .local = true, .keep_original = original, .meaning = true }
	};
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
