/* SPDX-License-Identifier: EUPL-1.2 */
/* common/event/ecs.h: the fields we write, by their Elastic Common Schema 8 names, sorted bytewise
 * by dotted name, so that objects nest in one pass; written in that order, but for some
 * objects (event_json.c). A new field is one line here. docs/fields.md is checked against this
 * list. */
#ifndef VARTIO_EVENT_ECS_H
#define VARTIO_EVENT_ECS_H

#include "common/base/slice.h"

#define ECS_VERSION "8.11.0" /* ecs.version of what we write */

/* clang-format off */
#define ECS_FIELDS(X) \
	X(ECS_AGENT_ID, "agent.id") \
	X(ECS_AGENT_NAME, "agent.name") \
	X(ECS_AGENT_TYPE, "agent.type") \
	X(ECS_AGENT_VERSION, "agent.version") \
	X(ECS_DESTINATION_ADDRESS, "destination.address") \
	X(ECS_DESTINATION_DOMAIN, "destination.domain") \
	X(ECS_DESTINATION_IP, "destination.ip") \
	X(ECS_DESTINATION_MAC, "destination.mac") \
	X(ECS_DESTINATION_PORT, "destination.port") \
	X(ECS_ECS_VERSION, "ecs.version") \
	X(ECS_ERROR_CODE, "error.code") \
	X(ECS_ERROR_MESSAGE, "error.message") \
	X(ECS_EVENT_ACTION, "event.action") \
	X(ECS_EVENT_CATEGORY, "event.category") \
	X(ECS_EVENT_CODE, "event.code") \
	X(ECS_EVENT_CREATED, "event.created") \
	X(ECS_EVENT_DATASET, "event.dataset") \
	X(ECS_EVENT_HASH, "event.hash") \
	X(ECS_EVENT_KIND, "event.kind") \
	X(ECS_EVENT_MODULE, "event.module") \
	X(ECS_EVENT_ORIGINAL, "event.original") \
	X(ECS_EVENT_OUTCOME, "event.outcome") \
	X(ECS_EVENT_PROVIDER, "event.provider") \
	X(ECS_EVENT_REASON, "event.reason") \
	X(ECS_EVENT_TIMEZONE, "event.timezone") \
	X(ECS_EVENT_TYPE, "event.type") \
	X(ECS_FILE_PATH, "file.path") \
	X(ECS_GROUP_ID, "group.id") \
	X(ECS_GROUP_NAME, "group.name") \
	X(ECS_HOST_HOSTNAME, "host.hostname") \
	X(ECS_HOST_NAME, "host.name") \
	X(ECS_INPUT_TYPE, "input.type") \
	X(ECS_JOURNALD_TRANSPORT, "journald.transport") \
	X(ECS_LOG_FILE_PATH, "log.file.path") \
	X(ECS_LOG_FLAGS, "log.flags") \
	X(ECS_LOG_LEVEL, "log.level") \
	X(ECS_LOG_OFFSET, "log.offset") \
	X(ECS_LOG_SOURCE_ADDRESS, "log.source.address") \
	X(ECS_LOG_SYSLOG_APPNAME, "log.syslog.appname") \
	X(ECS_LOG_SYSLOG_FACILITY_CODE, "log.syslog.facility.code") \
	X(ECS_LOG_SYSLOG_FACILITY_NAME, "log.syslog.facility.name") \
	X(ECS_LOG_SYSLOG_HOSTNAME, "log.syslog.hostname") \
	X(ECS_LOG_SYSLOG_MSGID, "log.syslog.msgid") \
	X(ECS_LOG_SYSLOG_PRIORITY, "log.syslog.priority") \
	X(ECS_LOG_SYSLOG_PROCID, "log.syslog.procid") \
	X(ECS_LOG_SYSLOG_SEVERITY_CODE, "log.syslog.severity.code") \
	X(ECS_LOG_SYSLOG_SEVERITY_NAME, "log.syslog.severity.name") \
	X(ECS_LOG_SYSLOG_VERSION, "log.syslog.version") \
	X(ECS_MESSAGE, "message") \
	X(ECS_NETWORK_PROTOCOL, "network.protocol") \
	X(ECS_NETWORK_TRANSPORT, "network.transport") \
	X(ECS_NETWORK_TYPE, "network.type") \
	X(ECS_OBSERVER_EGRESS_INTERFACE_NAME, "observer.egress.interface.name") \
	X(ECS_OBSERVER_INGRESS_INTERFACE_NAME, "observer.ingress.interface.name") \
	X(ECS_PROCESS_COMMAND_LINE, "process.command_line") \
	X(ECS_PROCESS_EXECUTABLE, "process.executable") \
	X(ECS_PROCESS_NAME, "process.name") \
	X(ECS_PROCESS_PID, "process.pid") \
	X(ECS_PROCESS_WORKING_DIRECTORY, "process.working_directory") \
	X(ECS_RELATED_HOSTS, "related.hosts") \
	X(ECS_RELATED_IP, "related.ip") \
	X(ECS_RELATED_USER, "related.user") \
	X(ECS_RULE_NAME, "rule.name") \
	X(ECS_SERVICE_NAME, "service.name") \
	X(ECS_SERVICE_STATE, "service.state") \
	X(ECS_SOURCE_ADDRESS, "source.address") \
	X(ECS_SOURCE_DOMAIN, "source.domain") \
	X(ECS_SOURCE_IP, "source.ip") \
	X(ECS_SOURCE_MAC, "source.mac") \
	X(ECS_SOURCE_PORT, "source.port") \
	X(ECS_SYSTEM_AUTH_PAM_SERVICE, "system.auth.pam.service") \
	X(ECS_SYSTEM_AUTH_SESSION, "system.auth.session") \
	X(ECS_SYSTEM_AUTH_SSH_EVENT, "system.auth.ssh.event") \
	X(ECS_SYSTEM_AUTH_SSH_METHOD, "system.auth.ssh.method") \
	X(ECS_SYSTEM_AUTH_SSH_SIGNATURE, "system.auth.ssh.signature") \
	X(ECS_SYSTEM_AUTH_SUDO_COMMAND, "system.auth.sudo.command") \
	X(ECS_SYSTEM_AUTH_SUDO_ERROR, "system.auth.sudo.error") \
	X(ECS_SYSTEM_AUTH_SUDO_PWD, "system.auth.sudo.pwd") \
	X(ECS_SYSTEM_AUTH_SUDO_TTY, "system.auth.sudo.tty") \
	X(ECS_SYSTEM_AUTH_SUDO_USER, "system.auth.sudo.user") \
	X(ECS_SYSTEM_AUTH_TTY, "system.auth.tty") \
	X(ECS_SYSTEM_AUTH_USERADD_HOME, "system.auth.useradd.home") \
	X(ECS_SYSTEM_AUTH_USERADD_SHELL, "system.auth.useradd.shell") \
	X(ECS_SYSTEMD_UNIT, "systemd.unit") \
	X(ECS_USER_EFFECTIVE_NAME, "user.effective.name") \
	X(ECS_USER_ID, "user.id") \
	X(ECS_USER_NAME, "user.name") \
	X(ECS_USER_TARGET_NAME, "user.target.name") \
	X(ECS_VARTIO_REPEATED, "vartio.repeated") \
	X(ECS_VARTIO_WEF_CLIENT, "vartio.wef.client") \
	X(ECS_VARTIO_WEF_SUBSCRIPTION, "vartio.wef.subscription") \
	X(ECS_VARTIO_WINLOG_EVENT_SOURCE_NAME, "vartio.winlog.event_source_name") \
	X(ECS_VARTIO_WINLOG_KEYWORDS, "vartio.winlog.keywords") \
	X(ECS_VARTIO_WINLOG_LEVEL, "vartio.winlog.level") \
	X(ECS_VARTIO_WINLOG_OPCODE, "vartio.winlog.opcode") \
	X(ECS_VARTIO_WINLOG_QUALIFIERS, "vartio.winlog.qualifiers") \
	X(ECS_VARTIO_WINLOG_TASK, "vartio.winlog.task") \
	X(ECS_WINLOG_ACTIVITY_ID, "winlog.activity_id") \
	X(ECS_WINLOG_CHANNEL, "winlog.channel") \
	X(ECS_WINLOG_COMPUTER_NAME, "winlog.computer_name") \
	X(ECS_WINLOG_EVENT_ID, "winlog.event_id") \
	X(ECS_WINLOG_KERNEL_TIME, "winlog.kernel_time") \
	X(ECS_WINLOG_KEYWORDS, "winlog.keywords") \
	X(ECS_WINLOG_OPCODE, "winlog.opcode") \
	X(ECS_WINLOG_PROCESS_PID, "winlog.process.pid") \
	X(ECS_WINLOG_PROCESS_THREAD_ID, "winlog.process.thread.id") \
	X(ECS_WINLOG_PROCESSOR_ID, "winlog.processor_id") \
	X(ECS_WINLOG_PROCESSOR_TIME, "winlog.processor_time") \
	X(ECS_WINLOG_PROVIDER_GUID, "winlog.provider_guid") \
	X(ECS_WINLOG_PROVIDER_NAME, "winlog.provider_name") \
	X(ECS_WINLOG_RECORD_ID, "winlog.record_id") \
	X(ECS_WINLOG_RELATED_ACTIVITY_ID, "winlog.related_activity_id") \
	X(ECS_WINLOG_SESSION_ID, "winlog.session_id") \
	X(ECS_WINLOG_TASK, "winlog.task") \
	X(ECS_WINLOG_USER_IDENTIFIER, "winlog.user.identifier") \
	X(ECS_WINLOG_USER_DATA_XML_NAME, "winlog.user_data.xml_name") \
	X(ECS_WINLOG_USER_TIME, "winlog.user_time") \
	X(ECS_WINLOG_VERSION, "winlog.version")
/* clang-format on */

enum ecs {
	ECS_DYNAMIC, /* not in the list: the field carries its own name */
#define ECS_ID(id, name) id,
	ECS_FIELDS(ECS_ID)
#undef ECS_ID
		ECS_COUNT
};

struct slice ecs_name(enum ecs id);             /* the dotted name; empty for ECS_DYNAMIC */
enum ecs ecs_by_name(struct slice dotted_name); /* ECS_DYNAMIC: not in the list */
bool ecs_is_object(struct slice dotted_name);   /* some field of the list lies in it */

/* What the writer needs of each field, made once: the parents' object numbers, one a byte from the
 * outermost on (two fields share as many parents as low bytes), and the JSON of key and parents. */
#define ECS_PARENTS_MAX 4u

struct ecs_path {
	uint32_t objects;
	uint8_t parents;                      /* how many */
	uint8_t open_at[ECS_PARENTS_MAX + 1]; /* in json: where parent k opens; last: the key */
	uint8_t n;                            /* bytes of json */
	char json[117]; /* "log":{"syslog":{"appname": and room to copy 32 bytes */
};
_Static_assert(sizeof(struct ecs_path) == 128, "a place in the table is one shift away");
extern const struct ecs_path *const ecs_paths; /* by enum ecs; ready before main */

static inline const struct ecs_path *ecs_path(enum ecs id)
{
	return &ecs_paths[id];
}

#endif
