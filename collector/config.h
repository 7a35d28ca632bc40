/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/config.h: collector.yml as a struct. Defaults and help are in config.c's tables. */
#ifndef VARTIO_COLLECTOR_CONFIG_H
#define VARTIO_COLLECTOR_CONFIG_H

#include "collector/alert/notify.h"
#include "common/base/conf.h"

struct config {
	const char *path;      /* the file it was read from */
	const char *state_dir; /* /var/lib/vartio-collector */
	struct {
		const char *address; /* where agents reach us: the token's and certificate's name */
		struct conf_strs names; /* further DNS names and addresses of the certificate */
		const char *listen;     /* "0.0.0.0" */
		int64_t port;           /* Lumberjack, 5044 */
		int64_t enrol_port;     /* 5043 */
		int64_t max_connections, max_connections_each;
	} agents;
	struct {
		uint64_t max_bytes, commit_bytes, retain_bytes;
		int64_t commit_ms;
	} queue;
	struct {
		struct conf_strs paths; /* rule files and folders */
		const char *values;     /* the file of placeholders; NULL: none */
		const char *link;       /* to a public rule: rules_source.link */
		int64_t reload_ms;      /* between two looks at the files; 0: none */
		int64_t threads;        /* detect workers */
	} rules;
	struct {
		int64_t session_ms; /* quiet that ends an alert's session (1 h) */
		uint64_t correlate_max_bytes;
	} alert;
	struct notify_conf notify;
	struct {
		const char *listen; /* 127.0.0.1 */
		int64_t port;       /* 9600; 0: off */
	} metrics;
	int log_level;    /* index into error, warn, info, debug */
	struct arena mem; /* holds all of the above */
};

/* Reads path (NULL: /etc/vartio/collector.yml). Errors name file, line, column and what was
 * expected. */
int config_load(const char *path, struct config *ret, struct err *err);
/* The defaults, for a command that needs no file of settings; agents.address is NULL. */
int config_defaults(struct config *ret, struct err *err);
void config_release(struct config *cf);
/* "STATE/name"; lives as long as cf. NULL: out of memory. */
const char *config_path(struct config *cf, const char *name);
extern const struct conf_item config_items[]; /* the settings, for the manual */

#endif
