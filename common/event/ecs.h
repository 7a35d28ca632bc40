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
	X(ECS_DLL_CODE_SIGNATURE_EXISTS, "dll.code_signature.exists") \
	X(ECS_DLL_CODE_SIGNATURE_STATUS, "dll.code_signature.status") \
	X(ECS_DLL_CODE_SIGNATURE_SUBJECT_NAME, "dll.code_signature.subject_name") \
	X(ECS_DLL_HASH_MD5, "dll.hash.md5") \
	X(ECS_DLL_HASH_SHA1, "dll.hash.sha1") \
	X(ECS_DLL_HASH_SHA256, "dll.hash.sha256") \
	X(ECS_DLL_NAME, "dll.name") \
	X(ECS_DLL_PATH, "dll.path") \
	X(ECS_DLL_PE_COMPANY, "dll.pe.company") \
	X(ECS_DLL_PE_DESCRIPTION, "dll.pe.description") \
	X(ECS_DLL_PE_FILE_VERSION, "dll.pe.file_version") \
	X(ECS_DLL_PE_IMPHASH, "dll.pe.imphash") \
	X(ECS_DLL_PE_ORIGINAL_FILE_NAME, "dll.pe.original_file_name") \
	X(ECS_DLL_PE_PRODUCT, "dll.pe.product") \
	X(ECS_DNS_QUESTION_NAME, "dns.question.name") \
	X(ECS_DNS_RESOLVED_IP, "dns.resolved_ip") \
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
	X(ECS_EVENT_SEQUENCE, "event.sequence") \
	X(ECS_EVENT_TIMEZONE, "event.timezone") \
	X(ECS_EVENT_TYPE, "event.type") \
	X(ECS_FILE_CODE_SIGNATURE_EXISTS, "file.code_signature.exists") \
	X(ECS_FILE_CODE_SIGNATURE_STATUS, "file.code_signature.status") \
	X(ECS_FILE_CODE_SIGNATURE_SUBJECT_NAME, "file.code_signature.subject_name") \
	X(ECS_FILE_DIRECTORY, "file.directory") \
	X(ECS_FILE_EXTENSION, "file.extension") \
	X(ECS_FILE_HASH_MD5, "file.hash.md5") \
	X(ECS_FILE_HASH_SHA1, "file.hash.sha1") \
	X(ECS_FILE_HASH_SHA256, "file.hash.sha256") \
	X(ECS_FILE_NAME, "file.name") \
	X(ECS_FILE_PATH, "file.path") \
	X(ECS_FILE_PE_IMPHASH, "file.pe.imphash") \
	X(ECS_FILE_TARGET_PATH, "file.target_path") \
	X(ECS_GROUP_DOMAIN, "group.domain") \
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
	X(ECS_NETWORK_DIRECTION, "network.direction") \
	X(ECS_NETWORK_PROTOCOL, "network.protocol") \
	X(ECS_NETWORK_TRANSPORT, "network.transport") \
	X(ECS_NETWORK_TYPE, "network.type") \
	X(ECS_OBSERVER_EGRESS_INTERFACE_NAME, "observer.egress.interface.name") \
	X(ECS_OBSERVER_INGRESS_INTERFACE_NAME, "observer.ingress.interface.name") \
	X(ECS_POWERSHELL_COMMAND_NAME, "powershell.command.name") \
	X(ECS_POWERSHELL_COMMAND_PATH, "powershell.command.path") \
	X(ECS_POWERSHELL_COMMAND_TYPE, "powershell.command.type") \
	X(ECS_POWERSHELL_COMMAND_VALUE, "powershell.command.value") \
	X(ECS_POWERSHELL_CONNECTED_USER_DOMAIN, "powershell.connected_user.domain") \
	X(ECS_POWERSHELL_CONNECTED_USER_NAME, "powershell.connected_user.name") \
	X(ECS_POWERSHELL_ENGINE_NEW_STATE, "powershell.engine.new_state") \
	X(ECS_POWERSHELL_ENGINE_PREVIOUS_STATE, "powershell.engine.previous_state") \
	X(ECS_POWERSHELL_ENGINE_VERSION, "powershell.engine.version") \
	X(ECS_POWERSHELL_FILE_SCRIPT_BLOCK_ID, "powershell.file.script_block_id") \
	X(ECS_POWERSHELL_FILE_SCRIPT_BLOCK_TEXT, "powershell.file.script_block_text") \
	X(ECS_POWERSHELL_ID, "powershell.id") \
	X(ECS_POWERSHELL_PIPELINE_ID, "powershell.pipeline_id") \
	X(ECS_POWERSHELL_PROCESS_EXECUTABLE_VERSION, "powershell.process.executable_version") \
	X(ECS_POWERSHELL_PROVIDER_NAME, "powershell.provider.name") \
	X(ECS_POWERSHELL_PROVIDER_NEW_STATE, "powershell.provider.new_state") \
	X(ECS_POWERSHELL_RUNSPACE_ID, "powershell.runspace_id") \
	X(ECS_POWERSHELL_SEQUENCE, "powershell.sequence") \
	X(ECS_POWERSHELL_TOTAL, "powershell.total") \
	X(ECS_PROCESS_ARGS, "process.args") \
	X(ECS_PROCESS_ARGS_COUNT, "process.args_count") \
	X(ECS_PROCESS_COMMAND_LINE, "process.command_line") \
	X(ECS_PROCESS_ENTITY_ID, "process.entity_id") \
	X(ECS_PROCESS_EXECUTABLE, "process.executable") \
	X(ECS_PROCESS_HASH_MD5, "process.hash.md5") \
	X(ECS_PROCESS_HASH_SHA1, "process.hash.sha1") \
	X(ECS_PROCESS_HASH_SHA256, "process.hash.sha256") \
	X(ECS_PROCESS_NAME, "process.name") \
	X(ECS_PROCESS_PARENT_ARGS, "process.parent.args") \
	X(ECS_PROCESS_PARENT_ARGS_COUNT, "process.parent.args_count") \
	X(ECS_PROCESS_PARENT_COMMAND_LINE, "process.parent.command_line") \
	X(ECS_PROCESS_PARENT_ENTITY_ID, "process.parent.entity_id") \
	X(ECS_PROCESS_PARENT_EXECUTABLE, "process.parent.executable") \
	X(ECS_PROCESS_PARENT_NAME, "process.parent.name") \
	X(ECS_PROCESS_PARENT_PID, "process.parent.pid") \
	X(ECS_PROCESS_PARENT_USER_DOMAIN, "process.parent.user.domain") \
	X(ECS_PROCESS_PARENT_USER_NAME, "process.parent.user.name") \
	X(ECS_PROCESS_PE_COMPANY, "process.pe.company") \
	X(ECS_PROCESS_PE_DESCRIPTION, "process.pe.description") \
	X(ECS_PROCESS_PE_FILE_VERSION, "process.pe.file_version") \
	X(ECS_PROCESS_PE_IMPHASH, "process.pe.imphash") \
	X(ECS_PROCESS_PE_ORIGINAL_FILE_NAME, "process.pe.original_file_name") \
	X(ECS_PROCESS_PE_PRODUCT, "process.pe.product") \
	X(ECS_PROCESS_PID, "process.pid") \
	X(ECS_PROCESS_WORKING_DIRECTORY, "process.working_directory") \
	X(ECS_REGISTRY_DATA_STRINGS, "registry.data.strings") \
	X(ECS_REGISTRY_DATA_TYPE, "registry.data.type") \
	X(ECS_REGISTRY_HIVE, "registry.hive") \
	X(ECS_REGISTRY_KEY, "registry.key") \
	X(ECS_REGISTRY_PATH, "registry.path") \
	X(ECS_REGISTRY_VALUE, "registry.value") \
	X(ECS_RELATED_HASH, "related.hash") \
	X(ECS_RELATED_HOSTS, "related.hosts") \
	X(ECS_RELATED_IP, "related.ip") \
	X(ECS_RELATED_USER, "related.user") \
	X(ECS_RULE_NAME, "rule.name") \
	X(ECS_SERVICE_NAME, "service.name") \
	X(ECS_SERVICE_STATE, "service.state") \
	X(ECS_SERVICE_TYPE, "service.type") \
	X(ECS_SOURCE_ADDRESS, "source.address") \
	X(ECS_SOURCE_DOMAIN, "source.domain") \
	X(ECS_SOURCE_IP, "source.ip") \
	X(ECS_SOURCE_MAC, "source.mac") \
	X(ECS_SOURCE_PORT, "source.port") \
	X(ECS_SYSMON_DNS_STATUS, "sysmon.dns.status") \
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
	X(ECS_URL_ORIGINAL, "url.original") \
	X(ECS_USER_CHANGES_NAME, "user.changes.name") \
	X(ECS_USER_DOMAIN, "user.domain") \
	X(ECS_USER_EFFECTIVE_DOMAIN, "user.effective.domain") \
	X(ECS_USER_EFFECTIVE_ID, "user.effective.id") \
	X(ECS_USER_EFFECTIVE_NAME, "user.effective.name") \
	X(ECS_USER_ID, "user.id") \
	X(ECS_USER_NAME, "user.name") \
	X(ECS_USER_TARGET_DOMAIN, "user.target.domain") \
	X(ECS_USER_TARGET_GROUP_DOMAIN, "user.target.group.domain") \
	X(ECS_USER_TARGET_GROUP_ID, "user.target.group.id") \
	X(ECS_USER_TARGET_GROUP_NAME, "user.target.group.name") \
	X(ECS_USER_TARGET_ID, "user.target.id") \
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
	X(ECS_WINLOG_LOGON_FAILURE_REASON, "winlog.logon.failure.reason") \
	X(ECS_WINLOG_LOGON_FAILURE_STATUS, "winlog.logon.failure.status") \
	X(ECS_WINLOG_LOGON_FAILURE_SUB_STATUS, "winlog.logon.failure.sub_status") \
	X(ECS_WINLOG_LOGON_ID, "winlog.logon.id") \
	X(ECS_WINLOG_LOGON_TYPE, "winlog.logon.type") \
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
	X(ECS_WINLOG_USER_DOMAIN, "winlog.user.domain") \
	X(ECS_WINLOG_USER_IDENTIFIER, "winlog.user.identifier") \
	X(ECS_WINLOG_USER_NAME, "winlog.user.name") \
	X(ECS_WINLOG_USER_TYPE, "winlog.user.type") \
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
