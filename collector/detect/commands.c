/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/commands.c: `rules check` and `detect`. */
#include "collector/detect/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/text.h"
#include "common/base/time.h"

#define LINE_MAX_BYTES (8u << 20)
#define READ_BYTES     (256u << 10)
#define FLUSH_BYTES    (64u << 10)

static int usage(struct cmd *c, const struct command *cmd)
{
	buf_printf(&c->err, "usage: vartio-collector %s %s\n", cmd->words, cmd->usage);
	return 2;
}

/* -- loading -------------------------------------------------------------------------------- */

struct telling {
	struct buf *faults, *warnings;
};

static void put_place(struct buf *out, const char *path, const struct err *why, const char *kind)
{
	struct buf line = { 0 };

	buf_str(&line, path);
	if (why->line > 0)
		buf_printf(&line, ":%u:%u", why->line, why->col);
	buf_printf(&line, ": %s%s", kind, why->msg);
	text_put_safe(out, buf_view(&line));
	buf_chr(out, '\n');
	buf_release(&line);
}

static void on_fault(void *arg, const char *path, const struct err *why)
{
	struct telling *t = arg;

	if (t->faults != NULL)
		put_place(t->faults, path, why, "");
}

static void on_warning(void *arg, const char *path, const struct err *why)
{
	struct telling *t = arg;

	if (t->warnings != NULL)
		put_place(t->warnings, path, why, "warning: ");
}

static void on_passed(void *arg, const char *path, const char *why)
{
	struct telling *t = arg;
	struct err said = { 0 };

	err_set(&said, ERR_NONE, "%s", why);
	if (t->faults != NULL && t->warnings != NULL) /* who wants to know all */
		put_place(t->faults, path, &said, "passed over: ");
}

struct ruleset *rules_for_command(struct cmd *c, const struct rules_source *src, struct buf *faults,
				  struct buf *warnings, struct rules_report *rep)
{
	struct telling t = { faults, warnings };
	struct ruleset *rs;
	struct err err;

	*rep = (struct rules_report){
		.fault = on_fault, .warning = on_warning, .passed = on_passed, .arg = &t
	};
	if (ruleset_load_from(src, rep, &rs, &err) == 0)
		return rs;
	buf_str(&c->err, "vartio-collector: ");
	text_put_safe(&c->err, slice_str(err.msg));
	buf_chr(&c->err, '\n');
	return NULL;
}

static bool is_option(const char *arg)
{
	return arg[0] == '-' && arg[1] != '\0';
}

bool rules_source_of(struct cmd *c, struct rules_source *ret)
{
	*ret = (struct rules_source){ .paths = (const char *const *)c->argv };
	for (int i = 0; i < c->argc; i++) {
		char *arg = c->argv[i];

		if (strncmp(arg, "--values=", 9) == 0)
			ret->values = arg + 9;
		else if (strcmp(arg, "--values") == 0 && i + 1 < c->argc)
			ret->values = c->argv[++i];
		else if (is_option(arg))
			return false;
		else
			c->argv[ret->n++] = arg; /* the paths move to the front */
	}
	return ret->n > 0;
}

static int run_check(struct cmd *c)
{
	struct rules_source src;
	struct rules_report rep;
	struct ruleset *rs;

	if (!rules_source_of(c, &src))
		return usage(c, &command_rules_check);
	rs = rules_for_command(c, &src, &c->out, &c->err, &rep);
	if (rs == NULL)
		return 1;
	ruleset_unref(rs);
	if (rep.filters > 0)
		buf_printf(&c->out, "%zu of those that load are filters\n", rep.filters);
	buf_printf(&c->out, "%zu rules loaded, %zu rejected\n", rep.loaded, rep.rejected);
	return rep.rejected > 0 ? 1 : 0;
}

const struct command command_rules_check = {
	.words = "rules check",
	.usage = "[--values FILE] PATH...",
	.help = "reads rules and names each that can't be used: path:line:col: reason",
	.where = CMD_LOCAL,
	.run = run_check,
};

/* -- detect --------------------------------------------------------------------------------- */

struct run {
	struct cmd *c;
	struct detector *dt;
	struct json_index index;
	struct buf *said; /* by rule: put_rule's */
	struct buf in;
	uint64_t line;    /* of the file being read, from 1 */
	const char *path; /* that file, as messages say it */
	struct buf file;  /* the same as a match says it; empty: there is only one */
	uint64_t events, bytes, matches;
	bool bad, stop; /* a line that is not an event; output or memory is gone */
	bool skipping;  /* inside a line that is too long */
};

static void put_pair(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, ",\"%s\":", name);
	if (value != NULL)
		json_put_string(out, slice_str(value));
	else
		buf_str(out, "null");
}

/* What a match says of its rule, the same each time. */
static void put_rule(struct buf *out, const struct rule *rule)
{
	static const char *const levels[] = { "informational", "low", "medium", "high",
					      "critical" };

	put_pair(out, "rule", rule->id);
	put_pair(out, "title", rule->title);
	put_pair(out, "level", levels[rule->level]);
	buf_str(out, ",\"tags\":[");
	for (size_t i = 0; i < rule->n_tags; i++) {
		buf_str(out, i > 0 ? "," : "");
		json_put_string(out, slice_str(rule->tags[i]));
	}
	buf_chr(out, ']');
	put_pair(out, "author", rule->author);
	put_pair(out, "link", rule->link);
	buf_str(out, "}\n");
}

static void on_match(void *arg, const struct rule *rule)
{
	struct run *r = arg;
	struct buf *out = &r->c->out, *said = &r->said[rule->number];

	r->matches++;
	if (said->n == 0)
		put_rule(said, rule);
	buf_str(out, "{\"line\":");
	buf_u64(out, r->line);
	buf_slice(out, buf_view(&r->file));
	buf_slice(out, buf_view(said));
	out->failed = out->failed || said->failed || r->file.failed;
}

static void complain(struct run *r, const char *what)
{
	fprintf(stderr, "vartio-collector: %s, line %llu: %s\n", r->path,
		(unsigned long long)r->line, what);
	r->bad = true;
}

static void unwritten(struct run *r)
{
	fprintf(stderr, "vartio-collector: cannot write the matches: %s\n", strerror(errno));
	r->bad = r->stop = true;
}

static void flush_out(struct run *r, size_t above)
{
	struct buf *out = &r->c->out;

	if (out->failed) {
		complain(r, "out of memory");
		r->stop = true;
	} else if (out->n > above && fwrite(out->p, 1, out->n, stdout) != out->n) {
		unwritten(r);
	}
	if (out->n > above || out->failed)
		buf_reset(out);
}

static void one_line(struct run *r, struct slice line)
{
	struct slice field, regex;
	struct err err;
	char why[600];

	r->line++;
	r->bytes += line.n + 1;
	if (slice_trim(line).n == 0)
		return; /* empty lines between events are no fault */
	if (json_index_read(&r->index, line, &err) < 0) {
		snprintf(why, sizeof(why), "not an event: %s (byte %u)", err.msg, err.col);
		complain(r, why);
		return;
	}
	r->events++;
	if (detector_run(r->dt, &r->index, on_match, r, &err) < 0) {
		complain(r, err.msg);
		r->stop = true;
	}
	while (detector_gave_up_on(r->dt, &field, &regex)) {
		snprintf(why, sizeof(why),
			 "%.*s is too long for a regular expression, which was taken for not "
			 "matching: %.*s",
			 (int)(field.n < 100 ? field.n : 100), field.p,
			 (int)(regex.n < 300 ? regex.n : 300), regex.p);
		fprintf(stderr, "vartio-collector: %s, line %llu: %s\n", r->path,
			(unsigned long long)r->line, why);
	}
	flush_out(r, FLUSH_BYTES);
}

/* All whole lines of r->in. */
static void lines(struct run *r, bool end)
{
	size_t done = 0;

	while (!r->stop && done < r->in.n) {
		struct slice rest = slice_from(buf_view(&r->in), done);
		ssize_t eol = slice_chr(rest, '\n');

		if (eol < 0 && !end)
			break;
		rest.n = eol >= 0 ? (size_t)eol : rest.n;
		if (!r->skipping)
			one_line(r, rest);
		r->skipping = false;
		done += rest.n + (eol >= 0 ? 1 : 0);
	}
	buf_eat(&r->in, done);
	if (r->in.n < LINE_MAX_BYTES)
		return;
	if (!r->skipping) {
		r->line++;
		complain(r, "not an event: longer than 8 MiB");
	}
	r->skipping = true;
	buf_reset(&r->in);
}

static void read_file(struct run *r, const char *path, bool only)
{
	bool standard = strcmp(path, "-") == 0;
	int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	r->path = standard ? "standard input" : path;
	r->line = 0;
	r->skipping = false;
	buf_reset(&r->file);
	if (!only)
		put_pair(&r->file, "file", path);
	buf_reset(&r->in);
	while (fd >= 0 && !r->stop) {
		if (buf_reserve(&r->in, READ_BYTES) < 0) {
			errno = ENOMEM;
			n = -1;
			break;
		}
		n = read(fd, r->in.p + r->in.n, READ_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		r->in.n += (size_t)n;
		lines(r, false);
	}
	if (n < 0) {
		fprintf(stderr, "vartio-collector: cannot read %s: %s\n", path, strerror(errno));
		r->bad = true;
	} else if (!r->stop) {
		lines(r, true);
	}
	if (fd >= 0 && !standard)
		close(fd);
}

static double cpu_s(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
	       (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
}

struct words { /* the command line, sorted out */
	const char **rules, **files, *values;
	size_t n_rules, n_files;
	bool stats;
};

/* "--rules PATH..." takes what follows as long as it is a folder or a file of YAML; the rest are
 * files of events. */
static bool is_rules_path(const char *arg)
{
	struct slice s = slice_str(arg);
	struct stat st;

	return slice_ends(s, SLICE(".yml")) || slice_ends(s, SLICE(".yaml")) ||
	       (stat(arg, &st) == 0 && S_ISDIR(st.st_mode));
}

static bool sort_words(struct cmd *c, struct words *w)
{
	bool more = false;

	for (int i = 0; i < c->argc; i++) {
		const char *arg = c->argv[i];

		if (strcmp(arg, "--stats") == 0) {
			w->stats = true;
			more = false;
		} else if (strncmp(arg, "--values=", 9) == 0) {
			w->values = arg + 9;
			more = false;
		} else if (strcmp(arg, "--values") == 0 && i + 1 < c->argc) {
			w->values = c->argv[++i];
			more = false;
		} else if (strncmp(arg, "--rules=", 8) == 0) {
			w->rules[w->n_rules++] = arg + 8;
			more = true;
		} else if (strcmp(arg, "--rules") == 0 && i + 1 < c->argc) {
			w->rules[w->n_rules++] = c->argv[++i];
			more = true;
		} else if (is_option(arg)) {
			return false;
		} else if (more && is_rules_path(arg)) {
			w->rules[w->n_rules++] = arg;
		} else {
			w->files[w->n_files++] = arg;
			more = false;
		}
	}
	if (w->n_files == 0)
		w->files[w->n_files++] = "-";
	return w->n_rules > 0;
}

static void print_stats(const struct run *r, double cpu, double wall)
{
	fprintf(stderr,
		"%llu events, %llu bytes, %llu matches, %.3f seconds, %.3f CPU seconds, %.0f "
		"events/s\n",
		(unsigned long long)r->events, (unsigned long long)r->bytes,
		(unsigned long long)r->matches, wall, cpu, cpu > 0 ? (double)r->events / cpu : 0.0);
}

static int run_files(struct cmd *c, const struct words *w, struct ruleset *rs)
{
	size_t n_rules = ruleset_count(rs);
	struct run r = { .c = c, .dt = detector_new(rs) };
	int64_t from_ns = time_mono_ns();
	double from_cpu = cpu_s();

	r.said = calloc(n_rules + 1, sizeof(*r.said));
	if (r.dt == NULL || r.said == NULL) {
		buf_str(&c->err, "vartio-collector: out of memory\n");
		r.bad = true;
		goto out;
	}
	for (size_t i = 0; i < w->n_files && !r.stop; i++)
		read_file(&r, w->files[i], w->n_files == 1);
	if (!r.stop)
		flush_out(&r, 0);
	if (!r.stop && fflush(stdout) != 0)
		unwritten(&r);
	if (w->stats)
		print_stats(&r, cpu_s() - from_cpu, (double)(time_mono_ns() - from_ns) / 1e9);
out:
	for (size_t i = 0; r.said != NULL && i < n_rules; i++)
		buf_release(&r.said[i]);
	free(r.said);
	detector_free(r.dt);
	json_index_release(&r.index);
	buf_release(&r.in);
	buf_release(&r.file);
	return r.bad ? 1 : 0;
}

static int run_detect(struct cmd *c)
{
	size_t n = (size_t)c->argc + 1;
	struct words w = { .rules = calloc(n, sizeof(char *)), .files = calloc(n, sizeof(char *)) };
	struct rules_report rep;
	struct ruleset *rs = NULL;
	int code = 1;

	if (w.rules == NULL || w.files == NULL) {
		buf_str(&c->err, "vartio-collector: out of memory\n");
		goto out;
	}
	if (!sort_words(c, &w)) {
		code = usage(c, &command_detect);
		goto out;
	}
	/* Rules that do not load are `rules check`'s to explain; here a count says that they are.
	 */
	rs = rules_for_command(c, &(struct rules_source){ w.rules, w.n_rules, w.values }, NULL,
			       NULL, &rep);
	if (rs == NULL)
		goto out;
	if (rep.rejected > 0)
		fprintf(stderr, "vartio-collector: %zu rules do not load; `rules check` says why\n",
			rep.rejected);
	if (ruleset_count(rs) > 0)
		code = run_files(c, &w, rs);
	else
		buf_str(&c->err, "vartio-collector: not one rule loads: nothing to detect with\n");
out:
	ruleset_unref(rs);
	free(w.rules);
	free(w.files);
	return code;
}

const struct command command_detect = {
	.words = "detect",
	.usage = "--rules PATH... [--values FILE] [--stats] [FILE...]",
	.help = "events as lines of JSON in, one line of JSON for each rule that matches out",
	.where = CMD_LOCAL,
	.run = run_detect,
};
