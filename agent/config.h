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
	const char *state_dir;     /* /var/lib/vartio-agent */
	const char *run_dir;       /* status socket; default: state_dir */
	const char *host_name;     /* default: the machine's */
	struct {
		struct conf_strs addresses; /* "host:port" of collectors, in order of preference */
		int64_t max_rate_bps;       /* 0: no limit */
	} collector;
	struct {
		uint64_t max_bytes;
		int64_t level;
		int64_t close_ms;
	} spool;
	bool keep_original;
	int64_t status_every_ms;   /* the status event; 5 min */
	int log_level;
	struct config_input inputs[CONFIG_INPUTS_MAX];
	size_t n_inputs;
	struct arena mem;
};

int config_load(const char *path, struct config *ret, struct err *err);
void config_release(struct config *cf);
/* Key, certificate and CA written by `enrol`, below state_dir. Lent. */
const char *config_key_path(struct config *cf);
const char *config_cert_path(struct config *cf);
const char *config_ca_path(struct config *cf);

#endif
