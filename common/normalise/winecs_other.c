/* SPDX-License-Identifier: EUPL-1.2 */
/* All other providers, a section each. */
#include "common/normalise/winecs_inside.h"

/* clang-format off */
#define N(a) (sizeof(a) / sizeof((a)[0]))
#define PROVIDER(var, name, module, events)                                                       \
	static const struct winecs_provider var = {                                                \
		{ name, sizeof(name) - 1 }, module, false, events, N(events)                       \
	};
#define PROCESS { "process" }
#define CONF    { "configuration" }
#define HOST    { "host" }
#define AUTH    { "authentication" }
#define MALWARE { "malware" }
#define PACKAGE { "package" }
#define NONE    { NULL }

/* PowerShell: its operational channel, and the older one of lines in unnamed values. */
static const struct winecs_field context[] = {
	W_FIELD("ContextInfo", W_CONTEXT, 0, 0),
	W_FIELD("", W_SYSTEM_USER, ECS_USER_ID, 0),
	W_LAST,
};
static const struct winecs_field script[] = {
	W_FIELD("MessageNumber", W_NUMBER, ECS_POWERSHELL_SEQUENCE, 0),
	W_FIELD("MessageTotal", W_NUMBER, ECS_POWERSHELL_TOTAL, 0),
	W_FIELD("ScriptBlockText", W_TEXT, ECS_POWERSHELL_FILE_SCRIPT_BLOCK_TEXT, 0),
	W_FIELD("ScriptBlockId", W_TEXT, ECS_POWERSHELL_FILE_SCRIPT_BLOCK_ID, 0),
	W_FIELD("Path", W_FILE, ECS_FILE_PATH, ECS_FILE_NAME),
	W_FIELD("RunspaceId", W_TEXT, ECS_POWERSHELL_RUNSPACE_ID, 0),
	W_FIELD("", W_SYSTEM_USER, ECS_USER_ID, 0),
	W_LAST,
};
static const struct winecs_field second[] = {
	W_FIELD("Data#1", W_CONTEXT, 0, 0),
	W_FIELD("param2", W_CONTEXT, 0, 0),
	W_LAST,
};
static const struct winecs_field third[] = {
	W_FIELD("Data#2", W_CONTEXT, 0, 0),
	W_FIELD("param3", W_CONTEXT, 0, 0),
	W_LAST,
};
const struct winecs_field winecs_context[] = {
	W_FIELD("commandline", W_TEXT, ECS_POWERSHELL_COMMAND_VALUE, 0),
	W_FIELD("commandname", W_TEXT, ECS_POWERSHELL_COMMAND_NAME, 0),
	W_FIELD("commandpath", W_TEXT, ECS_POWERSHELL_COMMAND_PATH, 0),
	W_FIELD("commandtype", W_TEXT, ECS_POWERSHELL_COMMAND_TYPE, 0),
	W_FIELD("connecteduser", W_ACCOUNT, ECS_POWERSHELL_CONNECTED_USER_NAME, ECS_POWERSHELL_CONNECTED_USER_DOMAIN),
	W_FIELD("detailsequence", W_NUMBER, ECS_POWERSHELL_SEQUENCE, 0),
	W_FIELD("detailtotal", W_NUMBER, ECS_POWERSHELL_TOTAL, 0),
	W_FIELD("engineversion", W_TEXT, ECS_POWERSHELL_ENGINE_VERSION, 0),
	W_FIELD("hostapplication", W_COMMAND, ECS_PROCESS_COMMAND_LINE, ECS_PROCESS_ARGS),
	W_FIELD("hostid", W_TEXT, ECS_PROCESS_ENTITY_ID, 0),
	W_FIELD("hostversion", W_TEXT, ECS_POWERSHELL_PROCESS_EXECUTABLE_VERSION, 0),
	W_FIELD("newenginestate", W_TEXT, ECS_POWERSHELL_ENGINE_NEW_STATE, 0),
	W_FIELD("newproviderstate", W_TEXT, ECS_POWERSHELL_PROVIDER_NEW_STATE, 0),
	W_FIELD("pipelineid", W_TEXT, ECS_POWERSHELL_PIPELINE_ID, 0),
	W_FIELD("previousenginestate", W_TEXT, ECS_POWERSHELL_ENGINE_PREVIOUS_STATE, 0),
	W_FIELD("providername", W_TEXT, ECS_POWERSHELL_PROVIDER_NAME, 0),
	W_FIELD("runspaceid", W_TEXT, ECS_POWERSHELL_RUNSPACE_ID, 0),
	W_FIELD("scriptname", W_FILE, ECS_FILE_PATH, ECS_FILE_NAME),
	W_FIELD("sequencenumber", W_NUMBER, ECS_EVENT_SEQUENCE, 0),
	W_FIELD("shellid", W_TEXT, ECS_POWERSHELL_ID, 0),
	W_FIELD("user", W_ACCOUNT, ECS_USER_NAME, ECS_USER_DOMAIN),
	W_FIELD("userid", W_ACCOUNT, ECS_USER_NAME, ECS_USER_DOMAIN),
	W_LAST,
};
static const struct winecs_event powershell_events[] = {
	{ 4103, "Executing Pipeline", PROCESS, { "info" }, NULL, { context } },
	{ 4104, "Execute a Remote Command", PROCESS, { "info" }, NULL, { script } },
	{ 4105, "Starting Command", PROCESS, { "start" }, NULL, { script } },
	{ 4106, "Stopping Command", PROCESS, { "end" }, NULL, { script } },
};
static const struct winecs_event older_events[] = {
	{ 400, "Engine Lifecycle", PROCESS, { "start" }, NULL, { third } },
	{ 403, "Engine Lifecycle", PROCESS, { "end" }, NULL, { third } },
	{ 600, "Provider Lifecycle", PROCESS, { "info" }, NULL, { third } },
	{ 800, "Pipeline Execution Details", PROCESS, { "info" }, NULL, { second } },
};
PROVIDER(powershell, "Microsoft-Windows-PowerShell", "powershell", powershell_events)
PROVIDER(older_powershell, "PowerShell", "powershell", older_events)

/* System: services, start and stop. */
static const struct winecs_field service[] = {
	W_FIELD("ServiceName", W_TEXT, ECS_SERVICE_NAME, 0),
	W_FIELD("AccountName", W_ACCOUNT, ECS_USER_TARGET_NAME, ECS_USER_TARGET_DOMAIN),
	W_LAST,
};
static const struct winecs_field service_first[] = {
	W_FIELD("param1", W_TEXT, ECS_SERVICE_NAME, 0),
	W_LAST,
};
static const struct winecs_field service_second[] = {
	W_FIELD("param2", W_TEXT, ECS_SERVICE_NAME, 0),
	W_LAST,
};
static const struct winecs_field service_state[] = {
	W_FIELD("param1", W_TEXT, ECS_SERVICE_NAME, 0),
	W_FIELD("param2", W_TEXT, ECS_SERVICE_STATE, 0),
	W_LAST,
};
static const struct winecs_field shutdown[] = {
	W_FIELD("param1", W_PROGRAM, ECS_PROCESS_EXECUTABLE, ECS_PROCESS_NAME),
	W_FIELD("param3", W_TEXT, ECS_EVENT_REASON, 0),
	W_FIELD("param7", W_ACCOUNT, ECS_USER_NAME, ECS_USER_DOMAIN),
	W_LAST,
};
static const struct winecs_event service_events[] = {
	{ 7000, "service-start-failed", PROCESS, { "start" }, "failure", { service_first } },
	{ 7009, "service-start-timed-out", PROCESS, { "start" }, "failure", { service_second } },
	{ 7022, "service-start-failed", PROCESS, { "start" }, "failure", { service_first } },
	{ 7023, "service-failed", PROCESS, { "end" }, "failure", { service_first } },
	{ 7024, "service-failed", PROCESS, { "end" }, "failure", { service_first } },
	{ 7031, "service-failed", PROCESS, { "end" }, "failure", { service_first } },
	{ 7034, "service-failed", PROCESS, { "end" }, "failure", { service_first } },
	{ 7036, "service-state-changed", PROCESS, { "info" }, NULL, { service_state } },
	{ 7040, "service-start-type-changed", CONF, { "change" }, NULL, { service_first } },
	{ 7045, "service-installed", { "iam", "configuration" }, { "admin", "change" }, NULL, { service } },
};
static const struct winecs_event log_events[] = {
	{ 6005, "event-log-started", HOST, { "start" }, NULL, NONE },
	{ 6006, "event-log-stopped", HOST, { "end" }, NULL, NONE },
	{ 6008, "unexpected-shutdown", HOST, { "end" }, "failure", NONE },
};
static const struct winecs_event user_events[] = {
	{ 1074, "shutdown-initiated", HOST, { "end" }, NULL, { shutdown } },
};
static const struct winecs_event kernel_events[] = {
	{ 1, "system-time-changed", CONF, { "change" }, NULL, NONE },
	{ 12, "windows-started", HOST, { "start" }, NULL, NONE },
	{ 13, "windows-stopped", HOST, { "end" }, NULL, NONE },
};
static const struct winecs_event power_events[] = {
	{ 41, "unexpected-shutdown", HOST, { "end" }, "failure", NONE },
};
PROVIDER(services, "Service Control Manager", "system", service_events)
PROVIDER(event_log, "EventLog", "system", log_events)
PROVIDER(user32, "User32", "system", user_events)
PROVIDER(kernel, "Microsoft-Windows-Kernel-General", "system", kernel_events)
PROVIDER(power, "Microsoft-Windows-Kernel-Power", "system", power_events)

/* TaskScheduler. */
static const struct winecs_field task[] = {
	W_FIELD("UserContext", W_ACCOUNT, ECS_USER_NAME, ECS_USER_DOMAIN),
	W_FIELD("UserName", W_ACCOUNT, ECS_USER_NAME, ECS_USER_DOMAIN),
	W_LAST,
};
static const struct winecs_field task_process[] = {
	W_FIELD("Path", W_PROGRAM, ECS_PROCESS_EXECUTABLE, ECS_PROCESS_NAME),
	W_FIELD("ProcessID", W_PID, ECS_PROCESS_PID, 0),
	W_LAST,
};
static const struct winecs_field task_action[] = {
	W_FIELD("ActionName", W_PROGRAM, ECS_PROCESS_EXECUTABLE, ECS_PROCESS_NAME),
	W_LAST,
};
static const struct winecs_event task_events[] = {
	{ 106, "scheduled-task-created", CONF, { "creation" }, NULL, { task } },
	{ 129, "scheduled-task-process-created", PROCESS, { "start" }, NULL, { task_process } },
	{ 140, "scheduled-task-updated", CONF, { "change" }, NULL, { task } },
	{ 141, "scheduled-task-deleted", CONF, { "deletion" }, NULL, { task } },
	{ 142, "scheduled-task-disabled", CONF, { "change" }, NULL, { task } },
	{ 200, "scheduled-task-action-started", PROCESS, { "start" }, NULL, { task_action } },
	{ 201, "scheduled-task-action-completed", PROCESS, { "end" }, NULL, { task_action } },
};
PROVIDER(tasks, "Microsoft-Windows-TaskScheduler", "windows", task_events)

/* Defender. Winlogbeat keeps the spaces of its names. */
static const struct winecs_field threat[] = {
	W_FIELD("ThreatName", W_TEXT, ECS_RULE_NAME, 0),
	W_FIELD("Threat Name", W_TEXT, ECS_RULE_NAME, 0),
	W_FIELD("ProcessName", W_PROGRAM, ECS_PROCESS_EXECUTABLE, ECS_PROCESS_NAME),
	W_FIELD("Process Name", W_PROGRAM, ECS_PROCESS_EXECUTABLE, ECS_PROCESS_NAME),
	W_FIELD("DetectionUser", W_ACCOUNT, ECS_USER_NAME, ECS_USER_DOMAIN),
	W_FIELD("Detection User", W_ACCOUNT, ECS_USER_NAME, ECS_USER_DOMAIN),
	W_FIELD("User", W_ACCOUNT, ECS_USER_NAME, ECS_USER_DOMAIN),
	W_FIELD("Path", W_THREAT_FILE, ECS_FILE_PATH, ECS_FILE_NAME),
	W_FIELD("ErrorCode", W_TEXT, ECS_ERROR_CODE, 0),
	W_FIELD("Error Code", W_TEXT, ECS_ERROR_CODE, 0),
	W_LAST,
};
static const struct winecs_event defender_events[] = {
	{ 1006, "malware-detected", MALWARE, { "info" }, NULL, { threat } },
	{ 1007, "malware-action-taken", MALWARE, { "info" }, NULL, { threat } },
	{ 1008, "malware-action-failed", MALWARE, { "info" }, "failure", { threat } },
	{ 1013, "malware-history-deleted", CONF, { "deletion" }, NULL, { threat } },
	{ 1015, "suspicious-behaviour-detected", MALWARE, { "info" }, NULL, { threat } },
	{ 1116, "malware-detected", MALWARE, { "info" }, NULL, { threat } },
	{ 1117, "malware-action-taken", MALWARE, { "info" }, NULL, { threat } },
	{ 1118, "malware-action-failed", MALWARE, { "info" }, "failure", { threat } },
	{ 1119, "malware-action-failed", MALWARE, { "info" }, "failure", { threat } },
	{ 2001, "malware-definitions-update-failed", CONF, { "change" }, "failure", NONE },
	{ 3002, "real-time-protection-failed", CONF, { "change" }, "failure", NONE },
	{ 5001, "real-time-protection-disabled", CONF, { "change" }, NULL, NONE },
	{ 5004, "real-time-protection-changed", CONF, { "change" }, NULL, NONE },
	{ 5007, "malware-protection-setting-changed", CONF, { "change" }, NULL, NONE },
	{ 5010, "spyware-scanning-disabled", CONF, { "change" }, NULL, NONE },
	{ 5012, "virus-scanning-disabled", CONF, { "change" }, NULL, NONE },
};
PROVIDER(defender, "Microsoft-Windows-Windows Defender", "windows", defender_events)

/* TerminalServices. */
static const struct winecs_field session[] = {
	W_FIELD("User", W_ACCOUNT, ECS_USER_NAME, ECS_USER_DOMAIN),
	W_FIELD("Address", W_IP, ECS_SOURCE_IP, 0), /* "LOCAL" is none */
	W_LAST,
};
static const struct winecs_field remote[] = {
	W_FIELD("Param1", W_ACCOUNT, ECS_USER_NAME, ECS_USER_DOMAIN),
	W_FIELD("Param2", W_TEXT, ECS_USER_DOMAIN, 0),
	W_FIELD("Param3", W_IP, ECS_SOURCE_IP, ECS_SOURCE_ADDRESS),
	W_LAST,
};
static const struct winecs_field connection[] = {
	W_FIELD("ConnType", W_LOWER, ECS_NETWORK_TRANSPORT, 0),
	W_FIELD("ClientIP", W_IP_PORT, ECS_SOURCE_IP, ECS_SOURCE_PORT),
	W_LAST,
};
static const struct winecs_field gateway[] = {
	W_FIELD("Username", W_ACCOUNT, ECS_USER_NAME, ECS_USER_DOMAIN),
	W_FIELD("IpAddress", W_IP, ECS_SOURCE_IP, ECS_SOURCE_ADDRESS),
	W_FIELD("Resource", W_TEXT, ECS_DESTINATION_ADDRESS, 0),
	W_FIELD("ErrorCode", W_TEXT, ECS_ERROR_CODE, 0),
	W_LAST,
};
#define SESSION { "authentication", "session" }
static const struct winecs_event session_events[] = {
	{ 21, "session-logged-in", SESSION, { "start" }, "success", { session } },
	{ 22, "session-shell-started", { "session" }, { "start" }, NULL, { session } },
	{ 23, "session-logged-out", SESSION, { "end" }, NULL, { session } },
	{ 24, "session-disconnected", SESSION, { "end" }, NULL, { session } },
	{ 25, "session-reconnected", SESSION, { "start" }, "success", { session } },
};
static const struct winecs_event remote_events[] = {
	/* The network's part of the log-on has passed; with older clients nothing has yet. */
	{ 1149, "remote-desktop-authenticated", AUTH, { "start" }, NULL, { remote } },
};
static const struct winecs_event rdp_events[] = {
	{ 131, "remote-desktop-connection", { "network" }, { "connection", "start" }, NULL, { connection } },
};
static const struct winecs_event gateway_events[] = {
	{ 200, "gateway-authorised", AUTH, { "start" }, "success", { gateway } },
	{ 201, "gateway-not-authorised", AUTH, { "start" }, "failure", { gateway } },
	{ 300, "gateway-resource-authorised", AUTH, { "info" }, "success", { gateway } },
	{ 301, "gateway-resource-not-authorised", AUTH, { "info" }, "failure", { gateway } },
	{ 302, "gateway-connected", { "network", "session" }, { "start" }, NULL, { gateway } },
	{ 303, "gateway-disconnected", { "network", "session" }, { "end" }, NULL, { gateway } },
};
PROVIDER(sessions, "Microsoft-Windows-TerminalServices-LocalSessionManager", "windows", session_events)
PROVIDER(remotes, "Microsoft-Windows-TerminalServices-RemoteConnectionManager", "windows", remote_events)
PROVIDER(rdp, "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS", "windows", rdp_events)
PROVIDER(gateways, "Microsoft-Windows-TerminalServices-Gateway", "windows", gateway_events)

/* AppLocker. */
static const struct winecs_field locked[] = {
	W_FIELD("RuleName", W_TEXT, ECS_RULE_NAME, 0),
	W_FIELD("TargetUser", W_TEXT, ECS_USER_ID, 0),
	W_FIELD("TargetProcessId", W_PID, ECS_PROCESS_PID, 0),
	W_FIELD("FullFilePath", W_FILE, ECS_FILE_PATH, ECS_FILE_NAME),
	W_FIELD("FilePath", W_FILE, ECS_FILE_PATH, ECS_FILE_NAME),
	W_LAST,
};
static const struct winecs_event locker_events[] = {
	{ 8002, "execution-allowed", PROCESS, { "start" }, "success", { locked } },
	{ 8003, "execution-would-be-blocked", PROCESS, { "start" }, "success", { locked } },
	{ 8004, "execution-blocked", PROCESS, { "start" }, "failure", { locked } },
	{ 8005, "execution-allowed", PROCESS, { "start" }, "success", { locked } },
	{ 8006, "execution-would-be-blocked", PROCESS, { "start" }, "success", { locked } },
	{ 8007, "execution-blocked", PROCESS, { "start" }, "failure", { locked } },
	{ 8020, "package-execution-allowed", PACKAGE, { "start" }, "success", { locked } },
	{ 8021, "package-execution-would-be-blocked", PACKAGE, { "start" }, "success", { locked } },
	{ 8022, "package-execution-blocked", PACKAGE, { "start" }, "failure", { locked } },
	{ 8023, "package-installation-allowed", PACKAGE, { "installation" }, "success", { locked } },
	{ 8024, "package-installation-would-be-blocked", PACKAGE, { "installation" }, "success", { locked } },
	{ 8025, "package-installation-blocked", PACKAGE, { "installation" }, "failure", { locked } },
};
PROVIDER(locker, "Microsoft-Windows-AppLocker", "windows", locker_events)

/* Directory Service: values without names, or as Winlogbeat calls those. */
static const struct winecs_field bind[] = {
	W_FIELD("Data#0", W_IP_PORT, ECS_SOURCE_IP, ECS_SOURCE_PORT),
	W_FIELD("Data#1", W_ACCOUNT, ECS_USER_NAME, ECS_USER_DOMAIN),
	W_FIELD("param1", W_IP_PORT, ECS_SOURCE_IP, ECS_SOURCE_PORT),
	W_FIELD("param2", W_ACCOUNT, ECS_USER_NAME, ECS_USER_DOMAIN),
	W_LAST,
};
static const struct winecs_event directory_events[] = {
	{ 1644, "ldap-search", { "database" }, { "access" }, NULL, NONE },
	{ 2889, "ldap-unsigned-bind", AUTH, { "start" }, NULL, { bind } },
	{ 3039, "ldap-bind-without-channel-binding", AUTH, { "start" }, NULL, { bind } },
	{ 3040, "ldap-binds-without-channel-binding", AUTH, { "info" }, NULL, NONE },
	{ 3041, "ldap-channel-binding-not-required", CONF, { "info" }, NULL, NONE },
};
PROVIDER(directory, "Microsoft-Windows-ActiveDirectory_DomainService", "windows", directory_events)

/* WMI. */
static const struct winecs_field wmi[] = {
	W_FIELD("ClientMachine", W_TEXT, ECS_SOURCE_DOMAIN, 0),
	W_FIELD("User", W_ACCOUNT, ECS_USER_NAME, ECS_USER_DOMAIN),
	W_FIELD("ClientProcessId", W_PID, ECS_PROCESS_PID, 0),
	W_FIELD("ResultCode", W_TEXT, ECS_ERROR_CODE, 0),
	W_LAST,
};
static const struct winecs_field wmi_provider[] = {
	W_FIELD("HostProcess", W_PROGRAM, ECS_PROCESS_EXECUTABLE, ECS_PROCESS_NAME),
	W_FIELD("ProcessID", W_PID, ECS_PROCESS_PID, 0),
	W_FIELD("ProviderPath", W_FILE, ECS_FILE_PATH, ECS_FILE_NAME),
	W_LAST,
};
static const struct winecs_event wmi_events[] = {
	{ 5857, "wmi-provider-started", PROCESS, { "info" }, NULL, { wmi_provider } },
	{ 5858, "wmi-operation-failed", PROCESS, { "info" }, "failure", { wmi } },
	{ 5859, "wmi-filter-registered", CONF, { "creation" }, NULL, { wmi } },
	{ 5860, "wmi-temporary-subscription-created", CONF, { "creation" }, NULL, { wmi } },
	{ 5861, "wmi-subscription-created", CONF, { "creation" }, NULL, { wmi } },
};
PROVIDER(wmis, "Microsoft-Windows-WMI-Activity", "windows", wmi_events)

/* Firewall. */
static const struct winecs_field firewall[] = {
	W_FIELD("RuleName", W_TEXT, ECS_RULE_NAME, 0),
	W_FIELD("ModifyingUser", W_TEXT, ECS_USER_ID, 0),
	W_FIELD("ModifyingApplication", W_PROGRAM, ECS_PROCESS_EXECUTABLE, ECS_PROCESS_NAME),
	W_LAST,
};
static const struct winecs_event firewall_events[] = {
	{ 2002, "windows-firewall-setting-changed", CONF, { "change" }, NULL, { firewall } },
	{ 2003, "windows-firewall-setting-changed", CONF, { "change" }, NULL, { firewall } },
	{ 2004, "windows-firewall-rule-added", CONF, { "creation" }, NULL, { firewall } },
	{ 2005, "windows-firewall-rule-changed", CONF, { "change" }, NULL, { firewall } },
	{ 2006, "windows-firewall-rule-deleted", CONF, { "deletion" }, NULL, { firewall } },
	{ 2033, "windows-firewall-rules-deleted", CONF, { "deletion" }, NULL, { firewall } },
	{ 2052, "windows-firewall-rule-deleted", CONF, { "deletion" }, NULL, { firewall } },
	{ 2059, "windows-firewall-rules-deleted", CONF, { "deletion" }, NULL, { firewall } },
	{ 2071, "windows-firewall-rule-added", CONF, { "creation" }, NULL, { firewall } },
	{ 2073, "windows-firewall-rule-changed", CONF, { "change" }, NULL, { firewall } },
	{ 2097, "windows-firewall-rule-added", CONF, { "creation" }, NULL, { firewall } },
};
PROVIDER(firewalls, "Microsoft-Windows-Windows Firewall With Advanced Security", "windows", firewall_events)

/* DNS Server. */
static const struct winecs_field plugin[] = {
	W_FIELD("param1", W_FILE, ECS_FILE_PATH, ECS_FILE_NAME),
	W_LAST,
};
static const struct winecs_event dns_events[] = {
	{ 150, "dns-plugin-failed", { "library" }, { "start" }, "failure", { plugin } },
	{ 770, "dns-plugin-loaded", { "library" }, { "start" }, NULL, { plugin } },
	{ 771, "dns-plugin-unloaded", { "library" }, { "start" }, NULL, NONE },
	{ 6004, "dns-zone-transfer-refused", { "network" }, { "denied" }, "failure", NONE },
};
static const struct winecs_event dns_audit_events[] = {
	{ 515, "dns-record-created", CONF, { "creation" }, NULL, NONE },
	{ 516, "dns-record-deleted", CONF, { "deletion" }, NULL, NONE },
	{ 541, "dns-setting-changed", CONF, { "change" }, NULL, NONE },
};
PROVIDER(dns, "Microsoft-Windows-DNS-Server-Service", "windows", dns_events)
PROVIDER(dns_audit, "Microsoft-Windows-DNSServer", "windows", dns_audit_events)

/* Print. */
static const struct winecs_field printed[] = {
	W_FIELD("Param2", W_TEXT, ECS_FILE_NAME, 0),
	W_FIELD("Param3", W_ACCOUNT, ECS_USER_NAME, ECS_USER_DOMAIN),
	W_FIELD("Param4", W_TEXT, ECS_SOURCE_DOMAIN, 0),
	W_LAST,
};
static const struct winecs_field print_plugin[] = {
	W_FIELD("PluginDllName", W_PROGRAM, ECS_DLL_PATH, ECS_DLL_NAME),
	W_FIELD("ErrorCode", W_TEXT, ECS_ERROR_CODE, 0),
	W_LAST,
};
static const struct winecs_event print_events[] = {
	{ 300, "printer-created", CONF, { "creation" }, NULL, NONE },
	{ 301, "printer-deleted", CONF, { "deletion" }, NULL, NONE },
	{ 307, "document-printed", { "file" }, { "access" }, NULL, { printed } },
	{ 316, "printer-driver-added", { "driver" }, { "change" }, NULL, NONE },
	{ 808, "print-plugin-failed", { "library" }, { "start" }, "failure", { print_plugin } },
	{ 848, "printer-shared", CONF, { "change" }, NULL, NONE },
	{ 849, "printer-unshared", CONF, { "change" }, NULL, NONE },
};
PROVIDER(prints, "Microsoft-Windows-PrintService", "windows", print_events)

/* What else the recommended subscription brings. */
static const struct winecs_field transfer[] = {
	W_FIELD("url", W_TEXT, ECS_URL_ORIGINAL, 0),
	W_LAST,
};
static const struct winecs_field transfer_job[] = {
	W_FIELD("jobOwner", W_ACCOUNT, ECS_USER_NAME, ECS_USER_DOMAIN),
	W_FIELD("processPath", W_PROGRAM, ECS_PROCESS_EXECUTABLE, ECS_PROCESS_NAME),
	W_FIELD("processId", W_PID, ECS_PROCESS_PID, 0),
	W_LAST,
};
static const struct winecs_field remoting[] = {
	W_FIELD("username", W_ACCOUNT, ECS_USER_NAME, ECS_USER_DOMAIN),
	W_LAST,
};
static const struct winecs_event transfer_events[] = {
	{ 3, "transfer-job-created", { "network" }, { "info" }, NULL, { transfer_job } },
	{ 59, "transfer-started", { "network" }, { "start" }, NULL, { transfer } },
	{ 60, "transfer-stopped", { "network" }, { "end" }, NULL, { transfer } },
};
static const struct winecs_event remoting_events[] = {
	{ 6, "remote-shell-session-created", { "session" }, { "start" }, NULL, NONE },
	{ 91, "remote-shell-created", { "session" }, { "start" }, NULL, NONE },
	{ 169, "remote-shell-authenticated", AUTH, { "start" }, "success", { remoting } },
};
static const struct winecs_event installer_events[] = {
	{ 1033, "package-installed", PACKAGE, { "installation" }, NULL, NONE },
	{ 1034, "package-removed", PACKAGE, { "deletion" }, NULL, NONE },
};
PROVIDER(transfers, "Microsoft-Windows-Bits-Client", "windows", transfer_events)
PROVIDER(remotings, "Microsoft-Windows-WinRM", "windows", remoting_events)
PROVIDER(installer, "MsiInstaller", "windows", installer_events)

/* The most frequent first. */
const struct winecs_provider *const winecs_others[] = {
	&powershell, &services, &older_powershell, &tasks, &defender, &sessions, &remotes, &rdp,
	&gateways, &locker, &directory, &wmis, &firewalls, &dns, &dns_audit, &prints, &event_log,
	&user32, &kernel, &power, &transfers, &remotings, &installer, NULL,
};
/* clang-format on */
