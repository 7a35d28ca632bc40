/* SPDX-License-Identifier: EUPL-1.2 */
/* Sysmon. */
#include "common/normalise/winecs_inside.h"

/* clang-format off */
static const struct winecs_field process[] = {
	W_FIELD("RuleName", W_TEXT, ECS_RULE_NAME, 0),
	W_FIELD("ProcessGuid", W_TEXT, ECS_PROCESS_ENTITY_ID, 0),
	W_FIELD("ProcessId", W_PID, ECS_PROCESS_PID, 0),
	W_FIELD("Image", W_PROGRAM, ECS_PROCESS_EXECUTABLE, ECS_PROCESS_NAME),
	W_FIELD("User", W_ACCOUNT, ECS_USER_NAME, ECS_USER_DOMAIN),
	W_LAST,
};
static const struct winecs_field created[] = {
	W_FIELD("RuleName", W_TEXT, ECS_RULE_NAME, 0),
	W_FIELD("ProcessGuid", W_TEXT, ECS_PROCESS_ENTITY_ID, 0),
	W_FIELD("ProcessId", W_PID, ECS_PROCESS_PID, 0),
	W_FIELD("Image", W_PROGRAM, ECS_PROCESS_EXECUTABLE, ECS_PROCESS_NAME),
	W_FIELD("FileVersion", W_TEXT, ECS_PROCESS_PE_FILE_VERSION, 0),
	W_FIELD("Description", W_TEXT, ECS_PROCESS_PE_DESCRIPTION, 0),
	W_FIELD("Product", W_TEXT, ECS_PROCESS_PE_PRODUCT, 0),
	W_FIELD("Company", W_TEXT, ECS_PROCESS_PE_COMPANY, 0),
	W_FIELD("OriginalFileName", W_TEXT, ECS_PROCESS_PE_ORIGINAL_FILE_NAME, 0),
	W_FIELD("CommandLine", W_COMMAND, ECS_PROCESS_COMMAND_LINE, ECS_PROCESS_ARGS),
	W_FIELD("CurrentDirectory", W_TEXT, ECS_PROCESS_WORKING_DIRECTORY, 0),
	W_FIELD("User", W_ACCOUNT, ECS_USER_NAME, ECS_USER_DOMAIN),
	W_FIELD("LogonId", W_TEXT, ECS_WINLOG_LOGON_ID, 0),
	W_FIELD("Hashes", W_HASHES, ECS_PROCESS_HASH_MD5, ECS_PROCESS_PE_IMPHASH),
	W_FIELD("ParentProcessGuid", W_TEXT, ECS_PROCESS_PARENT_ENTITY_ID, 0),
	W_FIELD("ParentProcessId", W_PID, ECS_PROCESS_PARENT_PID, 0),
	W_FIELD("ParentImage", W_PROGRAM, ECS_PROCESS_PARENT_EXECUTABLE, ECS_PROCESS_PARENT_NAME),
	W_FIELD("ParentCommandLine", W_COMMAND, ECS_PROCESS_PARENT_COMMAND_LINE, ECS_PROCESS_PARENT_ARGS),
	W_FIELD("ParentUser", W_ACCOUNT, ECS_PROCESS_PARENT_USER_NAME, ECS_PROCESS_PARENT_USER_DOMAIN),
	W_LAST,
};
static const struct winecs_field source_process[] = {
	W_FIELD("RuleName", W_TEXT, ECS_RULE_NAME, 0),
	W_FIELD("SourceProcessGuid", W_TEXT, ECS_PROCESS_ENTITY_ID, 0),
	W_FIELD("SourceProcessGUID", W_TEXT, ECS_PROCESS_ENTITY_ID, 0),
	W_FIELD("SourceProcessId", W_PID, ECS_PROCESS_PID, 0),
	W_FIELD("SourceImage", W_PROGRAM, ECS_PROCESS_EXECUTABLE, ECS_PROCESS_NAME),
	W_FIELD("GrantedAccess", W_BITS, 0, BITS_PROCESS),
	W_FIELD("SourceUser", W_ACCOUNT, ECS_USER_NAME, ECS_USER_DOMAIN),
	W_LAST,
};
static const struct winecs_field network[] = {
	W_FIELD("Protocol", W_TEXT, ECS_NETWORK_TRANSPORT, 0),
	W_FIELD("Initiated", W_DIRECTION, ECS_NETWORK_DIRECTION, 0),
	W_FIELD("SourceIsIpv6", W_FAMILY, ECS_NETWORK_TYPE, 0),
	W_FIELD("SourceIp", W_IP, ECS_SOURCE_IP, ECS_SOURCE_ADDRESS),
	W_FIELD("SourceHostname", W_TEXT, ECS_SOURCE_DOMAIN, 0),
	W_FIELD("SourcePort", W_PORT, ECS_SOURCE_PORT, 0),
	W_FIELD("DestinationIp", W_IP, ECS_DESTINATION_IP, ECS_DESTINATION_ADDRESS),
	W_FIELD("DestinationHostname", W_TEXT, ECS_DESTINATION_DOMAIN, 0),
	W_FIELD("DestinationPort", W_PORT, ECS_DESTINATION_PORT, 0),
	W_FIELD("DestinationPortName", W_TEXT, ECS_NETWORK_PROTOCOL, 0),
	W_LAST,
};
static const struct winecs_field signature[] = {
	W_FIELD("Signed", W_TEXT, ECS_FILE_CODE_SIGNATURE_EXISTS, 0),
	W_FIELD("Signature", W_TEXT, ECS_FILE_CODE_SIGNATURE_SUBJECT_NAME, 0),
	W_FIELD("SignatureStatus", W_TEXT, ECS_FILE_CODE_SIGNATURE_STATUS, 0),
	W_LAST,
};
static const struct winecs_field driver[] = {
	W_FIELD("RuleName", W_TEXT, ECS_RULE_NAME, 0),
	W_FIELD("ImageLoaded", W_FILE, ECS_FILE_PATH, ECS_FILE_NAME),
	W_FIELD("Hashes", W_HASHES, ECS_FILE_HASH_MD5, ECS_FILE_PE_IMPHASH),
	W_LAST,
};
static const struct winecs_field library[] = {
	W_FIELD("ImageLoaded", W_PROGRAM, ECS_DLL_PATH, ECS_DLL_NAME),
	W_FIELD("FileVersion", W_TEXT, ECS_DLL_PE_FILE_VERSION, 0),
	W_FIELD("Description", W_TEXT, ECS_DLL_PE_DESCRIPTION, 0),
	W_FIELD("Product", W_TEXT, ECS_DLL_PE_PRODUCT, 0),
	W_FIELD("Company", W_TEXT, ECS_DLL_PE_COMPANY, 0),
	W_FIELD("OriginalFileName", W_TEXT, ECS_DLL_PE_ORIGINAL_FILE_NAME, 0),
	W_FIELD("Hashes", W_HASHES, ECS_DLL_HASH_MD5, ECS_DLL_PE_IMPHASH),
	W_FIELD("Signed", W_TEXT, ECS_DLL_CODE_SIGNATURE_EXISTS, 0),
	W_FIELD("Signature", W_TEXT, ECS_DLL_CODE_SIGNATURE_SUBJECT_NAME, 0),
	W_FIELD("SignatureStatus", W_TEXT, ECS_DLL_CODE_SIGNATURE_STATUS, 0),
	W_LAST,
};
static const struct winecs_field file[] = {
	W_FIELD("TargetFilename", W_FILE, ECS_FILE_PATH, ECS_FILE_NAME),
	W_FIELD("Hashes", W_HASHES, ECS_FILE_HASH_MD5, ECS_FILE_PE_IMPHASH),
	W_FIELD("Hash", W_HASHES, ECS_FILE_HASH_MD5, ECS_FILE_PE_IMPHASH),
	W_LAST,
};
static const struct winecs_field device[] = {
	W_FIELD("Device", W_TEXT, ECS_FILE_PATH, 0),
	W_LAST,
};
static const struct winecs_field pipe_[] = {
	W_FIELD("PipeName", W_TEXT, ECS_FILE_NAME, 0),
	W_LAST,
};
static const struct winecs_field key[] = {
	W_FIELD("TargetObject", W_REGISTRY, 0, 0),
	W_LAST,
};
static const struct winecs_field value[] = {
	W_FIELD("TargetObject", W_REGISTRY_VALUE, 0, 0),
	W_FIELD("Details", W_DETAILS, 0, 0),
	W_LAST,
};
static const struct winecs_field query[] = {
	W_FIELD("QueryName", W_TEXT, ECS_DNS_QUESTION_NAME, 0),
	W_FIELD("QueryStatus", W_NAME, ECS_SYSMON_DNS_STATUS, NAMES_DNS_STATUS),
	W_FIELD("QueryResults", W_ANSWERS, 0, 0),
	W_LAST,
};
static const struct winecs_field by_user[] = {
	W_FIELD("RuleName", W_TEXT, ECS_RULE_NAME, 0),
	W_FIELD("User", W_ACCOUNT, ECS_USER_NAME, ECS_USER_DOMAIN),
	W_LAST,
};
static const struct winecs_field error[] = {
	W_FIELD("ID", W_TEXT, ECS_ERROR_CODE, 0),
	W_LAST,
};

#define PROCESS  { "process" }
#define FILES    { "file" }
#define REGISTRY { "configuration", "registry" }
static const struct winecs_event events[] = {
	{ 1, "Process creation", PROCESS, { "start" }, NULL, { created } },
	{ 2, "A process changed a file creation time", FILES, { "change" }, NULL, { process, file } },
	{ 3, "Network connection", { "network" }, { "start", "connection", "protocol" }, NULL, { process, network } },
	{ 4, "Sysmon service state changed", PROCESS, { "change" }, NULL, { NULL } },
	{ 5, "Process terminated", PROCESS, { "end" }, NULL, { process } },
	{ 6, "Driver loaded", { "driver" }, { "start" }, NULL, { driver, signature } },
	{ 7, "Image loaded", PROCESS, { "change" }, NULL, { process, library } },
	{ 8, "CreateRemoteThread", PROCESS, { "change" }, NULL, { source_process } },
	{ 9, "RawAccessRead", PROCESS, { "access" }, NULL, { process, device } },
	{ 10, "ProcessAccess", PROCESS, { "access" }, NULL, { source_process } },
	{ 11, "FileCreate", FILES, { "creation" }, NULL, { process, file } },
	{ 12, "RegistryEvent (Object create and delete)", REGISTRY, { "change" }, NULL, { process, key } },
	{ 13, "RegistryEvent (Value Set)", REGISTRY, { "change" }, NULL, { process, value } },
	{ 14, "RegistryEvent (Key and Value Rename)", REGISTRY, { "change" }, NULL, { process, value } },
	{ 15, "FileCreateStreamHash", FILES, { "access" }, NULL, { process, file } },
	{ 16, "ServiceConfigurationChange", { "configuration" }, { "change" }, NULL, { NULL } },
	{ 17, "PipeEvent (Pipe Created)", FILES, { "creation" }, NULL, { process, pipe_ } },
	{ 18, "PipeEvent (Pipe Connected)", FILES, { "access" }, NULL, { process, pipe_ } },
	{ 19, "WmiEvent (WmiEventFilter activity detected)", PROCESS, { "info" }, NULL, { by_user } },
	{ 20, "WmiEvent (WmiEventConsumer activity detected)", PROCESS, { "change" }, NULL, { by_user } },
	{ 21, "WmiEvent (WmiEventConsumerToFilter activity detected)", PROCESS, { "access" }, NULL, { by_user } },
	{ 22, "DNSEvent (DNS query)", { "network" }, { "connection", "protocol", "info" }, NULL, { process, query } },
	{ 23, "FileDelete (File Delete archived)", FILES, { "deletion" }, NULL, { process, file } },
	{ 24, "ClipboardChange (New content in the clipboard)", PROCESS, { "change" }, NULL, { process } },
	{ 25, "ProcessTampering (Process image change)", PROCESS, { "change" }, NULL, { process } },
	{ 26, "FileDeleteDetected (File Delete logged)", FILES, { "deletion" }, NULL, { process, file } },
	{ 27, "FileBlockExecutable", FILES, { "creation" }, "failure", { process, file } },
	{ 28, "FileBlockShredding", FILES, { "deletion" }, "failure", { process, file } },
	{ 29, "FileExecutableDetected", FILES, { "creation" }, NULL, { process, file } },
	{ 255, "Error", PROCESS, { "info" }, "failure", { error } },
};
const struct winecs_provider winecs_sysmon = {
	{ "Microsoft-Windows-Sysmon", 24 }, "sysmon", false, events, sizeof(events) / sizeof(events[0])
};
/* clang-format on */
