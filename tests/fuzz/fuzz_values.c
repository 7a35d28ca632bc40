/* SPDX-License-Identifier: EUPL-1.2 */
/* The text of a file of values, hostile or broken, under rules with placeholders of each kind: it
 * is refused as a whole, or rules load or are refused by it, and what loads can be run. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collector/detect/detect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char rules[] =
	"title: a\nlogsource: {product: linux}\ndetection: {s: {a|expand: '%x%'}, condition: "
	"s}\n---\n"
	"title: b\nlogsource: {product: linux}\n"
	"detection: {s: {a|expand|contains: '-%x%%y%\\\\%x%*'}, condition: not s}\n---\n"
	"title: c\nlogsource: {product: linux}\ndetection: {s: {a|re|expand: '^%x%$'}, condition: "
	"s}\n---\n"
	"title: d\nlogsource: {product: linux}\ndetection: {s: {a|cidr|expand: '%y%'}, condition: "
	"s}\n---\n"
	"title: e\nlogsource: {product: linux}\n"
	"detection: {s: {a|expand|windash|wide|base64offset: '-%x%'}, condition: s}\n---\n"
	"title: f\nlogsource: {product: linux}\nfilter: {rules: any, s: {b|expand: '%y%'}, "
	"condition: "
	"not s}\n";
static const char *const events[] = {
	"{\"a\":\"root\",\"b\":\"192.0.2.7\"}",
	"{\"a\":[\"x\",\"192.0.2.7\"],\"organization\":{\"id\":\"mallila\"}}",
	"{\"organization\":{\"id\":\"t\"}}",
};

static int memory_file(const void *p, size_t n, char *path)
{
	int fd = memfd_create("f", MFD_CLOEXEC);

	if (fd < 0 || (n > 0 && write(fd, p, n) != (ssize_t)n))
		abort();
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

static void on_match(void *arg, const struct rule *rule)
{
	if (rule->title == NULL)
		abort();
}

static void run(struct ruleset *rs)
{
	struct detector *dt = detector_new(rs);
	struct json_index ix = { 0 };
	struct err err;

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (dt == NULL || json_index_read(&ix, slice_str(events[i]), &err) < 0)
			abort();
		detector_run(dt, &ix, on_match, NULL, &err);
	}
	json_index_release(&ix);
	detector_free(dt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char rules_path[64], values_path[64];
	const char *paths[] = { rules_path };
	int rules_fd = memory_file(rules, sizeof(rules) - 1, rules_path);
	int values_fd = memory_file(data, size, values_path);
	struct rules_report rep = { 0 };
	struct ruleset *rs = NULL;
	struct err err;

	if (ruleset_load_from(&(struct rules_source){ paths, 1, values_path }, &rep, &rs, &err) ==
	    0) {
		if (rep.documents != 6 || rep.loaded + rep.rejected != 6)
			abort();
		run(rs);
	} else if (err.msg[0] == '\0') {
		abort();
	}
	ruleset_unref(rs);
	close(rules_fd);
	close(values_fd);
	return 0;
}
