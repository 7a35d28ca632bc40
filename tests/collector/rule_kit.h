/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/collector/rule_kit.h: rules from text, events from text. */
#ifndef VARTIO_TESTS_RULE_KIT_H
#define VARTIO_TESTS_RULE_KIT_H

#include "tests/cmocka.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collector/detect/detect.h"

struct heard {                     /* what a load told */
	struct err fault, warning; /* the last of each */
	unsigned faults, warnings;
};

static inline void hear_fault(void *arg, const char *path, const struct err *err)
{
	struct heard *h = arg;

	h->fault = *err;
	h->faults++;
}

static inline void hear_warning(void *arg, const char *path, const struct err *err)
{
	struct heard *h = arg;

	h->warning = *err;
	h->warnings++;
}

/* A file with that content; its path is written to path[64]. The descriptor keeps it. */
static inline int file_from(struct slice text, char *path)
{
	int fd = memfd_create("rules", MFD_CLOEXEC);

	if (fd < 0 || write(fd, text.p, text.n) != (ssize_t)text.n)
		abort();
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

/* The rules of one file with that content, for a site with those values (p NULL: none). NULL: *err
 * says why. The caller's: ruleset_unref. */
static inline struct ruleset *rules_try(struct slice text, struct slice values,
					struct rules_report *rep, struct heard *heard,
					struct err *err)
{
	char path[64], values_path[64];
	const char *paths[] = { path };
	int fd = file_from(text, path);
	int values_fd = values.p != NULL ? file_from(values, values_path) : -1;
	struct rules_source src = { paths, 1, values.p != NULL ? values_path : NULL };
	struct ruleset *rs = NULL;

	*heard = (struct heard){ 0 };
	*rep = (struct rules_report){ .fault = hear_fault, .warning = hear_warning, .arg = heard };
	if (ruleset_load_from(&src, rep, &rs, err) < 0)
		rs = NULL;
	close(fd);
	if (values_fd >= 0)
		close(values_fd);
	return rs;
}

/* The same for what must load. */
static inline struct ruleset *rules_from(struct slice text, struct rules_report *rep,
					 struct heard *heard)
{
	struct err err;
	struct ruleset *rs = rules_try(text, (struct slice){ NULL, 0 }, rep, heard, &err);

	if (rs == NULL) {
		fprintf(stderr, "%s\n", err.msg);
		abort();
	}
	return rs;
}

static inline void count_match(void *arg, const struct rule *rule)
{
	++*(unsigned *)arg;
}

/* How many rules of the set match the event. */
static inline unsigned matches(struct ruleset *rs, struct slice event)
{
	struct detector *dt = detector_new(rs);
	struct json_index ix = { 0 };
	struct err err;
	unsigned n = 0;

	if (dt == NULL || json_index_read(&ix, event, &err) < 0 ||
	    detector_run(dt, &ix, count_match, &n, &err) < 0)
		abort();
	json_index_release(&ix);
	detector_free(dt);
	return n;
}

#endif
