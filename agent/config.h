/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/config.h: agent.yml as a struct. */
#ifndef VARTIO_AGENT_CONFIG_H
#define VARTIO_AGENT_CONFIG_H

#include "agent/inputs/input.h"
#include "common/base/conf.h"

#define CONFIG_INPUTS_MAX 64u

struct config_input {
	const struct input_class *cls;
	const char *id;
	void *conf; /* filled by cls->conf */
	unsigned line;
};
struct config {
	const char *path;
	const char *state_dir;      /* /var/lib/vartio-agent */
	const char *run_dir;        /* status socket; default: state_dir */
	const char *host_name;      /* default: the machine's */
	const char *agent, *tenant; /* as enrolment gave them; NULL: not enrolled yet */
	struct {
		/* "host:port" of collectors, in order of preference. Those of the settings, else
		 * the one that enrolment stored; none: not enrolled yet. */
		struct conf_strs addresses;
		int64_t max_rate_bps; /* 0: no limit */
		int64_t retry_ms;     /* the first wait before connecting again */
		int64_t backlog_percent;
	} collector;
	struct {
		uint64_t max_bytes;
		int64_t level;
		int64_t close_ms;
	} spool;
	bool keep_original;
	int64_t status_every_ms; /* the status event; 5 min */
	int log_level;
	struct config_input inputs[CONFIG_INPUTS_MAX];
	size_t n_inputs;
	const char *key_path, *cert_path, *ca_path;
	struct arena mem;
};

/* Reads path (NULL: /etc/vartio/agent.yml) and STATE/enrolment.json. Errors name file, line, column
 * and what was expected. */
int config_load(const char *path, struct config *ret, struct err *err);
/* The same with other kinds of input than input_classes. */
int config_load_with(const char *path, const struct input_class *const *classes, struct config *ret,
		     struct err *err);
void config_release(struct config *cf);
/* Appends the names of the settings that differ and wait for a restart: all but `inputs` and
 * `keep_original`, which a reload takes. */
void config_waiting(const struct config *running, const struct config *fresh, struct buf *out);
/* Key, certificate and CA written by `enrol`, below state_dir. Lent. */
const char *config_key_path(const struct config *cf);
const char *config_cert_path(const struct config *cf);
const char *config_ca_path(const struct config *cf);
extern const struct conf_item config_items[]; /* the settings, for the manual */

#endif
