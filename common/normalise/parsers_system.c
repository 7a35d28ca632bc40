/* SPDX-License-Identifier: EUPL-1.2 */
/* systemd, logind, and the programs that write logs, about themselves. */
#include "common/normalise/parsers.h"

#define UNIT(verb, dots, act, typ, state)                                                          \
	{ .pattern = verb " %{service.name:word} - %{_}" dots,                                     \
	  .action = act,                                                                           \
	  .outcome = "success",                                                                    \
	  .category = "process",                                                                   \
	  .type = typ,                                                                             \
	  .set = state },                                                                          \
	{                                                                                          \
		.pattern = verb " %{service.name}" dots, .action = act, .outcome = "success",      \
		.category = "process", .type = typ, .set = state                                   \
	}
#define UNIT_FAILED(pat)                                                                           \
	{                                                                                          \
		.pattern = pat, .action = "unit-failed", .outcome = "failure",                     \
		.category = "process", .type = "info", .set = "service.state=failed"               \
	}
#define SHUTDOWN(pat)                                                                              \
	{                                                                                          \
		.pattern = pat, .action = "system-shutdown", .outcome = "success",                 \
		.category = "host", .type = "end"                                                  \
	}

static const struct match_rule systemd_rules[] = {
	UNIT_FAILED("Failed to start %{service.name:word} - %{_}."),
	UNIT_FAILED("Failed to start %{service.name}."),
	UNIT_FAILED("%{service.name:word}: Failed with result '%{event.reason}'."),
	UNIT_FAILED("%{service.name:word}: Main process exited, code=%{event.reason}"),
	UNIT("Stopped target", ".", "unit-stopped", "end", "service.state=stopped"),
	UNIT("Started", ".", "unit-started", "start", "service.state=started"),
	UNIT("Stopped", ".", "unit-stopped", "end", "service.state=stopped"),
	UNIT("Starting", "...", "unit-starting", "start", NULL),
	UNIT("Stopping", "...", "unit-stopping", "end", NULL),
	UNIT("Reloaded", ".", "unit-reloaded", "change", NULL),
	SHUTDOWN("Shutting down."),
	SHUTDOWN("Powering off."),
	SHUTDOWN("Rebooting."),
	{ NULL },
};

const struct match_table parsers_systemd = {
	.name = "systemd",
	.programs = "systemd init",
	.module = "system",
	.dataset = "system.syslog",
	.rules = systemd_rules,
};

static const struct match_rule logind_rules[] = {
	{ .pattern = "New session %{system.auth.session:word} of user %{user.name}.",
	  .action = "logind-session-started",
	  .outcome = "success",
	  .category = "session",
	  .type = "start" },
	{ .pattern = "Removed session %{system.auth.session:word}.",
	  .action = "logind-session-ended",
	  .outcome = "success",
	  .category = "session",
	  .type = "end" },
	{ .pattern = "Session %{system.auth.session:word} logged out. %{_}" },
	SHUTDOWN("System is powering down<<.>>"),
	SHUTDOWN("System is rebooting<<.>>"),
	SHUTDOWN("The system will %{event.reason} now!"),
	{ NULL },
};

const struct match_table parsers_logind = {
	.name = "logind",
	.programs = "systemd-logind",
	.module = "system",
	.dataset = "system.auth",
	.rules = logind_rules,
};

#define LOG_STARTED(pat)                                                                           \
	{                                                                                          \
		.pattern = pat, .action = "logging-started", .outcome = "success",                 \
		.category = "process", .type = "start"                                             \
	}
#define LOG_STOPPED(pat)                                                                           \
	{                                                                                          \
		.pattern = pat, .action = "logging-stopped", .outcome = "success",                 \
		.category = "process", .type = "end"                                               \
	}
#define LOG_RELOADED(pat)                                                                          \
	{                                                                                          \
		.pattern = pat, .action = "logging-reloaded", .outcome = "success",                \
		.category = "process", .type = "change"                                            \
	}
#define LOG_LOST(pat)                                                                              \
	{                                                                                          \
		.pattern = pat, .action = "logging-lost", .outcome = "failure",                    \
		.category = "process", .type = "info"                                              \
	}

static const struct match_rule logging_rules[] = {
	LOG_STARTED("[origin %{_}] start"),
	LOG_STOPPED("[origin %{_}] exiting on signal %{_:int}."),
	LOG_RELOADED("[origin %{_}] rsyslogd was HUPed%{_}"),
	LOG_LOST("<<imjournal: >>%{vartio.repeated:int} messages lost due to rate-limiting%{_}"),
	LOG_LOST(
		"imuxsock<<[pid %{_:int}]>> lost %{vartio.repeated:int} messages from pid %{_:int} "
		"due to rate-limiting"),
	LOG_STOPPED("exiting on signal %{_:int}"),
	LOG_STARTED("Journal started"),
	LOG_STOPPED("Journal stopped"),
	LOG_LOST("Suppressed %{vartio.repeated:int} messages from %{service.name}"),
	LOG_LOST("Forwarding to syslog missed %{vartio.repeated:int} messages."),
	LOG_STARTED("Init complete, auditd %{_} listening for events%{_}"),
	LOG_STOPPED("The audit daemon is exiting."),
	LOG_LOST("Audit daemon is suspending logging%{_}"),
	LOG_LOST("dispatch err (%{event.reason}) event lost"),
	LOG_STARTED("syslog-ng starting up; %{_}"),
	LOG_STOPPED("syslog-ng shutting down; %{_}"),
	LOG_RELOADED("Configuration reload request received, reloading configuration;%{_}"),
	{ NULL },
};

const struct match_table parsers_logging = {
	.name = "logging",
	.programs = "rsyslogd rsyslog rsyslogd-* liblogging-stdlog syslogd syslog-ng "
		    "systemd-journald systemd-journal auditd",
	.module = "system",
	.dataset = "system.syslog",
	.rules = logging_rules,
};
