/* SPDX-License-Identifier: EUPL-1.2 */
/* The Security log: what its event ids mean, by its two providers. */
#include "common/normalise/winecs_inside.h"

/* clang-format off */
static const struct winecs_field subject[] = {
	W_FIELD("SubjectUserSid", W_TEXT, ECS_USER_ID, 0),
	W_FIELD("SubjectUserName", W_ACCOUNT, ECS_USER_NAME, ECS_USER_DOMAIN),
	W_FIELD("SubjectDomainName", W_TEXT, ECS_USER_DOMAIN, 0),
	W_FIELD("SubjectLogonId", W_TEXT, ECS_WINLOG_LOGON_ID, 0),
	W_LAST,
};
/* Without the log-on: rules that ask for a process's own LogonId, which only Sysmon tells, would
 * take the creator's for it. */
static const struct winecs_field creator[] = {
	W_FIELD("SubjectUserSid", W_TEXT, ECS_USER_ID, 0),
	W_FIELD("SubjectUserName", W_ACCOUNT, ECS_USER_NAME, ECS_USER_DOMAIN),
	W_FIELD("SubjectDomainName", W_TEXT, ECS_USER_DOMAIN, 0),
	W_LAST,
};
/* Log-ons are about their target. */
static const struct winecs_field target_user[] = {
	W_FIELD("SubjectUserName", W_ADD, ECS_RELATED_USER, 0),
	W_FIELD("TargetUserSid", W_TEXT, ECS_USER_ID, 0),
	W_FIELD("TargetUserName", W_ACCOUNT, ECS_USER_NAME, ECS_USER_DOMAIN),
	W_FIELD("TargetDomainName", W_TEXT, ECS_USER_DOMAIN, 0),
	W_FIELD("TargetLogonId", W_TEXT, ECS_WINLOG_LOGON_ID, 0),
	W_LAST,
};
static const struct winecs_field target_effective[] = {
	W_FIELD("TargetUserSid", W_TEXT, ECS_USER_EFFECTIVE_ID, 0),
	W_FIELD("TargetUserName", W_PRINCIPAL, ECS_USER_EFFECTIVE_NAME, ECS_USER_EFFECTIVE_DOMAIN),
	W_FIELD("TargetDomainName", W_TEXT, ECS_USER_EFFECTIVE_DOMAIN, 0),
	W_LAST,
};
static const struct winecs_field target_account[] = {
	W_FIELD("TargetUserName", W_ACCOUNT, ECS_USER_TARGET_NAME, ECS_USER_TARGET_DOMAIN),
	W_FIELD("TargetDomainName", W_TEXT, ECS_USER_TARGET_DOMAIN, 0),
	W_FIELD("TargetSid", W_TEXT, ECS_USER_TARGET_ID, 0),
	W_FIELD("NewUacValue", W_BITS, 0, BITS_ACCOUNT),
	W_LAST,
};
static const struct winecs_field locked_account[] = { /* TargetDomainName is where it was tried */
	W_FIELD("TargetUserName", W_ACCOUNT, ECS_USER_TARGET_NAME, ECS_USER_TARGET_DOMAIN),
	W_FIELD("TargetDomainName", W_TEXT, ECS_SOURCE_DOMAIN, 0),
	W_FIELD("TargetSid", W_TEXT, ECS_USER_TARGET_ID, 0),
	W_LAST,
};
static const struct winecs_field renamed_account[] = {
	W_FIELD("OldTargetUserName", W_TEXT, ECS_USER_TARGET_NAME, 0),
	W_FIELD("NewTargetUserName", W_TEXT, ECS_USER_CHANGES_NAME, 0),
	W_FIELD("TargetDomainName", W_TEXT, ECS_USER_TARGET_DOMAIN, 0),
	W_FIELD("TargetSid", W_TEXT, ECS_USER_TARGET_ID, 0),
	W_LAST,
};
static const struct winecs_field target_sid[] = {
	W_FIELD("TargetSid", W_TEXT, ECS_USER_TARGET_ID, 0),
	W_FIELD("PrivilegeList", W_LIST, 0, 0),
	W_LAST,
};
static const struct winecs_field group[] = {
	W_FIELD("TargetUserName", W_TEXT, ECS_GROUP_NAME, 0),
	W_FIELD("TargetDomainName", W_TEXT, ECS_GROUP_DOMAIN, 0),
	W_FIELD("TargetSid", W_TEXT, ECS_GROUP_ID, 0),
	W_LAST,
};
static const struct winecs_field member[] = {
	W_FIELD("MemberName", W_MEMBER, ECS_USER_TARGET_NAME, ECS_USER_TARGET_DOMAIN),
	W_FIELD("MemberSid", W_TEXT, ECS_USER_TARGET_ID, 0),
	W_FIELD("TargetUserName", W_TEXT, ECS_GROUP_NAME, 0),
	W_FIELD("TargetDomainName", W_TEXT, ECS_GROUP_DOMAIN, 0),
	W_FIELD("TargetSid", W_TEXT, ECS_GROUP_ID, 0),
	W_FIELD("TargetUserName", W_TEXT, ECS_USER_TARGET_GROUP_NAME, 0),
	W_FIELD("TargetDomainName", W_TEXT, ECS_USER_TARGET_GROUP_DOMAIN, 0),
	W_FIELD("TargetSid", W_TEXT, ECS_USER_TARGET_GROUP_ID, 0),
	W_LAST,
};
static const struct winecs_field logon[] = {
	W_FIELD("LogonType", W_NAME, ECS_WINLOG_LOGON_TYPE, NAMES_LOGON_TYPE),
	W_FIELD("WorkstationName", W_TEXT, ECS_SOURCE_DOMAIN, 0),
	W_LAST,
};
static const struct winecs_field failure[] = {
	W_FIELD("Status", W_NAME, ECS_WINLOG_LOGON_FAILURE_STATUS, NAMES_STATUS),
	W_FIELD("FailureReason", W_NAME, ECS_WINLOG_LOGON_FAILURE_REASON, NAMES_MESSAGE),
	W_FIELD("SubStatus", W_NAME, ECS_WINLOG_LOGON_FAILURE_SUB_STATUS, NAMES_STATUS),
	W_FIELD("LogonType", W_NAME, ECS_WINLOG_LOGON_TYPE, NAMES_LOGON_TYPE),
	W_FIELD("WorkstationName", W_TEXT, ECS_SOURCE_DOMAIN, 0),
	W_LAST,
};
static const struct winecs_field from[] = {
	W_FIELD("ProcessId", W_PID, ECS_PROCESS_PID, 0),
	W_FIELD("ProcessName", W_PROGRAM, ECS_PROCESS_EXECUTABLE, ECS_PROCESS_NAME),
	W_FIELD("IpAddress", W_IP, ECS_SOURCE_IP, ECS_SOURCE_ADDRESS),
	W_FIELD("IpPort", W_PORT, ECS_SOURCE_PORT, 0),
	W_LAST,
};
static const struct winecs_field process[] = {
	W_FIELD("ProcessId", W_PID, ECS_PROCESS_PID, 0),
	W_FIELD("ProcessName", W_PROGRAM, ECS_PROCESS_EXECUTABLE, ECS_PROCESS_NAME),
	W_LAST,
};
static const struct winecs_field caller[] = {
	W_FIELD("CallerProcessId", W_PID, ECS_PROCESS_PID, 0),
	W_FIELD("CallerProcessName", W_PROGRAM, ECS_PROCESS_EXECUTABLE, ECS_PROCESS_NAME),
	W_LAST,
};
static const struct winecs_field new_process[] = {
	W_FIELD("NewProcessId", W_PID, ECS_PROCESS_PID, 0),
	W_FIELD("NewProcessName", W_PROGRAM, ECS_PROCESS_EXECUTABLE, ECS_PROCESS_NAME),
	W_FIELD("ProcessId", W_PID, ECS_PROCESS_PARENT_PID, 0),
	W_FIELD("CommandLine", W_COMMAND, ECS_PROCESS_COMMAND_LINE, ECS_PROCESS_ARGS),
	W_FIELD("ParentProcessName", W_PROGRAM, ECS_PROCESS_PARENT_EXECUTABLE, ECS_PROCESS_PARENT_NAME),
	W_LAST,
};
static const struct winecs_field privileges[] = {
	W_FIELD("PrivilegeList", W_LIST, 0, 0),
	W_LAST,
};
static const struct winecs_field object[] = {
	W_FIELD("ObjectName", W_FILE, ECS_FILE_PATH, ECS_FILE_NAME),
	W_LAST,
};
static const struct winecs_field key_value[] = {
	W_FIELD("ObjectName", W_REGISTRY, 0, 0),
	W_FIELD("ObjectValueName", W_TEXT, ECS_REGISTRY_VALUE, 0),
	W_FIELD("NewValue", W_DETAILS, 0, 0),
	W_LAST,
};
static const struct winecs_field link_made[] = {
	W_FIELD("FileName", W_FILE, ECS_FILE_PATH, ECS_FILE_NAME),
	W_FIELD("LinkName", W_TEXT, ECS_FILE_TARGET_PATH, 0),
	W_LAST,
};
static const struct winecs_field mask[] = {
	W_FIELD("AccessMask", W_BITS, 0, BITS_ACCESS),
	W_LAST,
};
static const struct winecs_field directory_mask[] = {
	W_FIELD("AccessMask", W_BITS, 0, BITS_DIRECTORY),
	W_LAST,
};
static const struct winecs_field service[] = {
	W_FIELD("ServiceName", W_TEXT, ECS_SERVICE_NAME, 0),
	W_FIELD("ServiceType", W_NAME, ECS_SERVICE_TYPE, NAMES_SERVICE_TYPE),
	W_LAST,
};
static const struct winecs_field ticket[] = {
	W_FIELD("TargetUserName", W_PRINCIPAL, ECS_USER_NAME, ECS_USER_DOMAIN),
	W_FIELD("TargetDomainName", W_TEXT, ECS_USER_DOMAIN, 0),
	W_FIELD("TargetSid", W_TEXT, ECS_USER_ID, 0),
	W_FIELD("ServiceName", W_TEXT, ECS_SERVICE_NAME, 0),
	W_FIELD("TicketOptions", W_BITS, 0, BITS_TICKET),
	W_FIELD("Status", W_NAME, 0, NAMES_KERBEROS),
	W_FIELD("TicketEncryptionType", W_NAME, 0, NAMES_ENCRYPTION),
	W_FIELD("IpAddress", W_IP, ECS_SOURCE_IP, ECS_SOURCE_ADDRESS),
	W_FIELD("IpPort", W_PORT, ECS_SOURCE_PORT, 0),
	W_LAST,
};
static const struct winecs_field ntlm[] = {
	W_FIELD("TargetUserName", W_ACCOUNT, ECS_USER_NAME, ECS_USER_DOMAIN),
	W_FIELD("Workstation", W_TEXT, ECS_SOURCE_DOMAIN, 0),
	W_FIELD("Status", W_NAME, ECS_WINLOG_LOGON_FAILURE_STATUS, NAMES_STATUS),
	W_LAST,
};
static const struct winecs_field session[] = {
	W_FIELD("AccountName", W_ACCOUNT, ECS_USER_NAME, ECS_USER_DOMAIN),
	W_FIELD("AccountDomain", W_TEXT, ECS_USER_DOMAIN, 0),
	W_FIELD("LogonID", W_TEXT, ECS_WINLOG_LOGON_ID, 0),
	W_FIELD("ClientName", W_TEXT, ECS_SOURCE_DOMAIN, 0),
	W_FIELD("ClientAddress", W_IP, ECS_SOURCE_IP, ECS_SOURCE_ADDRESS),
	W_LAST,
};
static const struct winecs_field share[] = {
	W_FIELD("IpAddress", W_IP, ECS_SOURCE_IP, ECS_SOURCE_ADDRESS),
	W_FIELD("IpPort", W_PORT, ECS_SOURCE_PORT, 0),
	W_FIELD("ShareName", W_SHARE, 0, 0),
	W_LAST,
};
static const struct winecs_field share_itself[] = {
	W_FIELD("ShareName", W_TEXT, ECS_FILE_NAME, 0),
	W_FIELD("ShareLocalPath", W_TEXT, ECS_FILE_DIRECTORY, 0),
	W_LAST,
};
static const struct winecs_field packet[] = {
	W_FIELD("ProcessID", W_PID, ECS_PROCESS_PID, 0),
	W_FIELD("ProcessId", W_PID, ECS_PROCESS_PID, 0),
	W_FIELD("Application", W_PROGRAM, ECS_PROCESS_EXECUTABLE, ECS_PROCESS_NAME),
	W_FIELD("SourceAddress", W_IP, ECS_SOURCE_IP, ECS_SOURCE_ADDRESS),
	W_FIELD("SourcePort", W_PORT, ECS_SOURCE_PORT, 0),
	W_FIELD("DestAddress", W_IP, ECS_DESTINATION_IP, ECS_DESTINATION_ADDRESS),
	W_FIELD("DestPort", W_PORT, ECS_DESTINATION_PORT, 0),
	W_FIELD("Protocol", W_NAME, ECS_NETWORK_TRANSPORT, NAMES_PROTOCOL),
	W_LAST,
};
static const struct winecs_field rule[] = {
	W_FIELD("RuleName", W_TEXT, ECS_RULE_NAME, 0),
	W_LAST,
};

#define IAM     { "iam" }
#define CONF    { "configuration" }
#define BOTH    { "iam", "configuration" }
#define AUTH    { "authentication" }
#define NETWORK { "network" }
#define HOST    { "host" }
#define USERS(...)   { target_account, subject, ##__VA_ARGS__ }
static const struct winecs_event events[] = {
	{ 4608, "windows-started", HOST, { "start" }, NULL, { NULL } },
	{ 4610, "authentication-package-loaded", CONF, { "access" }, NULL, { NULL } },
	{ 4611, "trusted-logon-process-registered", CONF, { "change" }, NULL, { subject } },
	{ 4614, "notification-package-loaded", CONF, { "access" }, NULL, { NULL } },
	{ 4616, "system-time-changed", CONF, { "change" }, NULL, { subject, process } },
	{ 4622, "security-package-loaded", CONF, { "access" }, NULL, { NULL } },
	{ 4624, "logged-in", AUTH, { "start" }, "success", { target_user, logon, from } },
	{ 4625, "logon-failed", AUTH, { "start" }, "failure", { target_user, failure, from } },
	{ 4627, "group-membership-information", IAM, { "info", "user" }, NULL, { target_user, logon } },
	{ 4634, "logged-out", AUTH, { "end" }, NULL, { target_user, logon } },
	{ 4647, "logged-out", AUTH, { "end" }, NULL, { target_user } },
	{ 4648, "logged-in-explicit", AUTH, { "start" }, NULL, { subject, target_effective, from } },
	{ 4649, "replay-attack-detected", AUTH, { "info" }, "failure", { subject, target_effective, process } },
	{ 4656, "object-handle-requested", { "file" }, { "access" }, NULL, { subject, object, process } },
	{ 4657, "registry-value-modified", { "registry", "configuration" }, { "change" }, NULL, { subject, key_value, process } },
	{ 4660, "object-deleted", { "file" }, { "deletion" }, NULL, { subject, process } },
	{ 4661, "account-database-accessed", IAM, { "info" }, NULL, { subject, process } },
	{ 4662, "directory-object-accessed", IAM, { "info" }, NULL, { subject, directory_mask } },
	{ 4663, "object-accessed", { "file" }, { "access" }, NULL, { subject, object, process } },
	{ 4664, "hard-link-created", { "file" }, { "creation" }, NULL, { subject, link_made } },
	{ 4670, "permissions-changed", BOTH, { "admin", "change" }, NULL, { subject, object, process } },
	{ 4672, "logged-in-special", IAM, { "admin" }, NULL, { subject, privileges } },
	{ 4673, "privileged-service-called", IAM, { "admin" }, NULL, { subject, privileges, process } },
	{ 4674, "privileged-operation", IAM, { "admin" }, NULL, { subject, mask, privileges, process } },
	{ 4688, "created-process", { "process" }, { "start" }, NULL, { creator, new_process, target_effective } },
	{ 4689, "exited-process", { "process" }, { "end" }, NULL, { subject, process } },
	{ 4697, "service-installed", BOTH, { "admin", "change" }, NULL, { subject, service } },
	{ 4698, "scheduled-task-created", BOTH, { "creation", "admin" }, NULL, { subject } },
	{ 4699, "scheduled-task-deleted", BOTH, { "deletion", "admin" }, NULL, { subject } },
	{ 4700, "scheduled-task-enabled", BOTH, { "change", "admin" }, NULL, { subject } },
	{ 4701, "scheduled-task-disabled", BOTH, { "change", "admin" }, NULL, { subject } },
	{ 4702, "scheduled-task-updated", BOTH, { "change", "admin" }, NULL, { subject } },
	{ 4703, "token-rights-adjusted", IAM, { "user", "change" }, NULL, { subject, target_effective, process } },
	{ 4704, "user-right-assigned", BOTH, { "admin", "change" }, NULL, { subject, target_sid } },
	{ 4705, "user-right-removed", BOTH, { "admin", "change" }, NULL, { subject, target_sid } },
	{ 4706, "domain-trust-added", CONF, { "creation" }, NULL, { subject } },
	{ 4707, "domain-trust-removed", CONF, { "deletion" }, NULL, { subject } },
	{ 4713, "kerberos-policy-changed", CONF, { "change" }, NULL, { subject } },
	{ 4714, "encrypted-data-recovery-policy-changed", CONF, { "change" }, NULL, { subject } },
	{ 4715, "object-audit-policy-changed", CONF, { "change" }, NULL, { subject } },
	{ 4716, "trusted-domain-information-changed", CONF, { "change" }, NULL, { subject } },
	{ 4717, "system-security-access-granted", BOTH, { "admin", "change" }, NULL, { subject, target_sid } },
	{ 4718, "system-security-access-removed", BOTH, { "admin", "deletion" }, NULL, { subject, target_sid } },
	{ 4719, "changed-audit-config", BOTH, { "admin", "change" }, NULL, { subject } },
	{ 4720, "added-user-account", IAM, { "user", "creation" }, NULL, USERS() },
	{ 4722, "enabled-user-account", IAM, { "user", "change" }, NULL, USERS() },
	{ 4723, "changed-password", IAM, { "user", "change" }, NULL, USERS() },
	{ 4724, "reset-password", IAM, { "user", "change" }, NULL, USERS() },
	{ 4725, "disabled-user-account", IAM, { "user", "deletion" }, NULL, USERS() },
	{ 4726, "deleted-user-account", IAM, { "user", "deletion" }, NULL, USERS() },
	{ 4727, "added-group-account", IAM, { "group", "creation" }, NULL, { group, subject } },
	{ 4728, "added-member-to-group", IAM, { "group", "change" }, NULL, { member, subject } },
	{ 4729, "removed-member-from-group", IAM, { "group", "change" }, NULL, { member, subject } },
	{ 4730, "deleted-group-account", IAM, { "group", "deletion" }, NULL, { group, subject } },
	{ 4731, "added-group-account", IAM, { "group", "creation" }, NULL, { group, subject } },
	{ 4732, "added-member-to-group", IAM, { "group", "change" }, NULL, { member, subject } },
	{ 4733, "removed-member-from-group", IAM, { "group", "change" }, NULL, { member, subject } },
	{ 4734, "deleted-group-account", IAM, { "group", "deletion" }, NULL, { group, subject } },
	{ 4735, "modified-group-account", IAM, { "group", "change" }, NULL, { group, subject } },
	{ 4737, "modified-group-account", IAM, { "group", "change" }, NULL, { group, subject } },
	{ 4738, "modified-user-account", IAM, { "user", "change" }, NULL, USERS() },
	{ 4739, "domain-policy-changed", CONF, { "change" }, NULL, { subject } },
	{ 4740, "locked-out-user-account", IAM, { "user", "change" }, NULL, { locked_account, subject } },
	{ 4741, "added-computer-account", IAM, { "creation", "admin" }, NULL, USERS() },
	{ 4742, "changed-computer-account", IAM, { "change", "admin" }, NULL, USERS() },
	{ 4743, "deleted-computer-account", IAM, { "deletion", "admin" }, NULL, USERS() },
	{ 4744, "added-distribution-group-account", IAM, { "group", "creation" }, NULL, { group, subject } },
	{ 4745, "changed-distribution-group-account", IAM, { "group", "change" }, NULL, { group, subject } },
	{ 4746, "added-member-to-distribution-group", IAM, { "group", "change" }, NULL, { member, subject } },
	{ 4747, "removed-member-from-distribution-group", IAM, { "group", "change" }, NULL, { member, subject } },
	{ 4748, "deleted-distribution-group-account", IAM, { "group", "deletion" }, NULL, { group, subject } },
	{ 4749, "added-distribution-group-account", IAM, { "group", "creation" }, NULL, { group, subject } },
	{ 4750, "changed-distribution-group-account", IAM, { "group", "change" }, NULL, { group, subject } },
	{ 4751, "added-member-to-distribution-group", IAM, { "group", "change" }, NULL, { member, subject } },
	{ 4752, "removed-member-from-distribution-group", IAM, { "group", "change" }, NULL, { member, subject } },
	{ 4753, "deleted-distribution-group-account", IAM, { "group", "deletion" }, NULL, { group, subject } },
	{ 4754, "added-group-account", IAM, { "group", "creation" }, NULL, { group, subject } },
	{ 4755, "modified-group-account", IAM, { "group", "change" }, NULL, { group, subject } },
	{ 4756, "added-member-to-group", IAM, { "group", "change" }, NULL, { member, subject } },
	{ 4757, "removed-member-from-group", IAM, { "group", "change" }, NULL, { member, subject } },
	{ 4758, "deleted-group-account", IAM, { "group", "deletion" }, NULL, { group, subject } },
	{ 4759, "added-distribution-group-account", IAM, { "group", "creation" }, NULL, { group, subject } },
	{ 4760, "changed-distribution-group-account", IAM, { "group", "change" }, NULL, { group, subject } },
	{ 4761, "added-member-to-distribution-group", IAM, { "group", "change" }, NULL, { member, subject } },
	{ 4762, "removed-member-from-distribution-group", IAM, { "group", "change" }, NULL, { member, subject } },
	{ 4763, "deleted-distribution-group-account", IAM, { "group", "deletion" }, NULL, { group, subject } },
	{ 4764, "type-changed-group-account", IAM, { "group", "change" }, NULL, { group, subject } },
	{ 4765, "sid-history-added", IAM, { "user", "change" }, NULL, USERS() },
	{ 4766, "sid-history-added", IAM, { "user", "change" }, "failure", USERS() },
	{ 4767, "unlocked-user-account", IAM, { "user", "change" }, NULL, USERS() },
	{ 4768, "kerberos-authentication-ticket-requested", AUTH, { "start" }, NULL, { ticket } },
	{ 4769, "kerberos-service-ticket-requested", AUTH, { "start" }, NULL, { ticket } },
	{ 4770, "kerberos-service-ticket-renewed", AUTH, { "start" }, NULL, { ticket } },
	{ 4771, "kerberos-preauth-failed", AUTH, { "start" }, "failure", { ticket } },
	{ 4776, "credential-validated", AUTH, { "start" }, NULL, { ntlm } },
	{ 4778, "session-reconnected", { "authentication", "session" }, { "start" }, NULL, { session } },
	{ 4779, "session-disconnected", { "authentication", "session" }, { "end" }, NULL, { session } },
	{ 4780, "administrators-acl-set", IAM, { "user", "change" }, NULL, USERS() },
	{ 4781, "renamed-user-account", IAM, { "user", "change" }, NULL, { renamed_account, subject } },
	{ 4782, "password-hash-accessed", IAM, { "user", "info" }, NULL, USERS() },
	{ 4794, "restore-mode-password-set", IAM, { "user", "change" }, NULL, { subject } },
	{ 4798, "group-membership-enumerated", IAM, { "user", "info" }, NULL, USERS(caller) },
	{ 4799, "user-member-enumerated", IAM, { "group", "info" }, NULL, { group, subject, caller } },
	{ 4800, "workstation-locked", { "session" }, { "info" }, NULL, { target_user } },
	{ 4801, "workstation-unlocked", { "session" }, { "info" }, NULL, { target_user } },
	{ 4817, "object-audit-changed", BOTH, { "admin", "change" }, NULL, { subject } },
	{ 4825, "remote-desktop-denied", AUTH, { "start" }, "failure", { session } },
	{ 4826, "boot-configuration-loaded", CONF, { "info" }, NULL, { subject } },
	{ 4886, "certificate-requested", IAM, { "info" }, NULL, { subject } },
	{ 4887, "certificate-issued", IAM, { "creation" }, NULL, { subject } },
	{ 4888, "certificate-denied", IAM, { "info" }, "failure", { subject } },
	{ 4902, "user-audit-policy-created", BOTH, { "admin", "creation" }, NULL, { subject } },
	{ 4904, "security-event-source-added", BOTH, { "admin", "change" }, NULL, { subject, process } },
	{ 4905, "security-event-source-removed", BOTH, { "admin", "deletion" }, NULL, { subject, process } },
	{ 4906, "crash-on-audit-changed", BOTH, { "admin", "change" }, NULL, { subject } },
	{ 4907, "audit-setting-changed", BOTH, { "admin", "change" }, NULL, { subject, process } },
	{ 4908, "special-group-table-changed", BOTH, { "admin", "change" }, NULL, { subject } },
	{ 4912, "per-user-audit-policy-changed", BOTH, { "admin", "change" }, NULL, { subject } },
	{ 4946, "windows-firewall-rule-added", CONF, { "creation" }, NULL, { rule } },
	{ 4947, "windows-firewall-rule-changed", CONF, { "change" }, NULL, { rule } },
	{ 4948, "windows-firewall-rule-deleted", CONF, { "deletion" }, NULL, { rule } },
	{ 4950, "windows-firewall-setting-changed", CONF, { "change" }, NULL, { NULL } },
	{ 4954, "windows-firewall-group-policy-changed", CONF, { "change" }, NULL, { NULL } },
	{ 4964, "logged-in-special", IAM, { "admin", "group" }, NULL, { target_user } },
	{ 5024, "windows-firewall-service-started", { "process" }, { "start" }, NULL, { NULL } },
	{ 5025, "windows-firewall-service-stopped", { "process" }, { "end" }, NULL, { NULL } },
	{ 5033, "windows-firewall-driver-started", { "driver" }, { "start" }, NULL, { NULL } },
	{ 5034, "windows-firewall-driver-stopped", { "driver" }, { "end" }, NULL, { NULL } },
	{ 5037, "windows-firewall-driver-error", { "driver" }, { "end" }, NULL, { NULL } },
	{ 5136, "directory-object-modified", IAM, { "change" }, NULL, { subject } },
	{ 5137, "directory-object-created", IAM, { "creation" }, NULL, { subject } },
	{ 5138, "directory-object-undeleted", IAM, { "creation" }, NULL, { subject } },
	{ 5139, "directory-object-moved", IAM, { "change" }, NULL, { subject } },
	{ 5140, "network-share-object-accessed", { "network", "file" }, { "info", "access" }, NULL, { subject, share } },
	{ 5141, "directory-object-deleted", IAM, { "deletion" }, NULL, { subject } },
	{ 5142, "network-share-added", CONF, { "creation" }, NULL, { subject, share_itself } },
	{ 5143, "network-share-modified", CONF, { "change" }, NULL, { subject, share_itself } },
	{ 5144, "network-share-deleted", CONF, { "deletion" }, NULL, { subject, share_itself } },
	{ 5145, "network-share-object-access-checked", { "network", "file" }, { "info", "access" }, NULL, { subject, share } },
	{ 5152, "packet-blocked", NETWORK, { "denied" }, NULL, { packet } },
	{ 5156, "connection-permitted", NETWORK, { "connection", "allowed" }, NULL, { packet } },
	{ 5157, "connection-blocked", NETWORK, { "connection", "denied" }, NULL, { packet } },
	{ 5158, "port-bind-permitted", NETWORK, { "start", "allowed" }, NULL, { packet } },
	{ 5159, "port-bind-blocked", NETWORK, { "start", "denied" }, NULL, { packet } },
	{ 6416, "external-device-recognised", HOST, { "change" }, NULL, { subject } },
};
const struct winecs_provider winecs_security = {
	{ "Microsoft-Windows-Security-Auditing", 35 }, "security", true, events, sizeof(events) / sizeof(events[0])
};

static const struct winecs_event log_events[] = {
	{ 104, "audit-log-cleared", IAM, { "admin", "change" }, NULL, { subject } },
	{ 1100, "logging-service-shutdown", { "process" }, { "end" }, NULL, { NULL } },
	{ 1102, "audit-log-cleared", IAM, { "admin", "change" }, NULL, { subject } },
	{ 1104, "logging-full", IAM, { "admin" }, NULL, { NULL } },
	{ 1105, "auditlog-archieved", IAM, { "admin" }, NULL, { NULL } }, /* as Winlogbeat spells it */
	{ 1108, "logging-processing-error", IAM, { "admin" }, NULL, { NULL } },
};
const struct winecs_provider winecs_eventlog = {
	{ "Microsoft-Windows-Eventlog", 26 }, "security", false, log_events, sizeof(log_events) / sizeof(log_events[0])
};
/* clang-format on */
