/* SPDX-License-Identifier: EUPL-1.2 */
/* The text of a rules file, hostile or broken: it loads or is refused, and what loads can be run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collector/detect/detect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char event[] =
	"{\"@timestamp\":\"2026-11-23T08:00:00Z\",\"a\":[\"x\",\"Zm9vYmFy\",5,null,true,{}],"
	"\"b\":\"C:\\\\Windows\\\\cmd.exe -f ÄÖ\",\"source\":{\"ip\":\"192.0.2.7\"},\"n\":\"12\"}";
static const char windows[] = "{\"winlog\":{\"channel\":\"Security\",\"event_id\":4688,\"event_"
			      "data\":{\"NewProcessName\":"
			      "\"C:\\\\x\\\\cmd.exe\",\"CommandLine\":\"cmd /c whoami\"}}}";

static void on_match(void *arg, const struct rule *rule)
{
	if (rule->title == NULL || rule->id == NULL || rule->n_entity == 0)
		abort();
}

static void run(struct ruleset *rs, struct slice text)
{
	struct detector *dt = detector_new(rs);
	struct json_index ix = { 0 };
	struct err err;

	if (dt == NULL || json_index_read(&ix, text, &err) < 0)
		abort();
	for (int i = 0; i < 2; i++)
		detector_run(dt, &ix, on_match, NULL, &err);
	json_index_release(&ix);
	detector_free(dt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("rules", MFD_CLOEXEC);
	struct rules_report rep = { 0 };
	struct ruleset *rs = NULL;
	struct err err;
	char path[64];
	const char *paths[] = { path };

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd < 0 || (size > 0 && write(fd, data, size) != (ssize_t)size))
		abort();
	if (ruleset_load(paths, 1, &rep, &rs, &err) < 0)
		abort();
	if (rep.documents != rep.loaded + rep.rejected ||
	    rep.loaded != ruleset_count(rs) + rep.filters)
		abort();
	run(rs, SLICE(event));
	run(rs, SLICE(windows));
	ruleset_unref(rs);
	close(fd);
	return 0;
}
