/* SPDX-License-Identifier: EUPL-1.2 */
/* What Windows calls its numbers, in English: Microsoft's documentation of the audit events,
 * ntstatus.h, winnt.h, RFC 4120, and the message table of the audit events (msobjs.dll). */
#include "common/normalise/winecs_inside.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* clang-format off */
static const struct winecs_name logon_type[] = {
	{ 0, "System" }, { 2, "Interactive" }, { 3, "Network" }, { 4, "Batch" }, { 5, "Service" },
	{ 7, "Unlock" }, { 8, "NetworkCleartext" }, { 9, "NewCredentials" },
	{ 10, "RemoteInteractive" }, { 11, "CachedInteractive" },
	{ 12, "CachedRemoteInteractive" }, { 13, "CachedUnlock" },
};
static const struct winecs_name status[] = {
	{ 0x00000000, "Status OK." },
	{ 0xc000005e, "There are currently no logon servers available to service the logon request." },
	{ 0xc0000064, "User logon with misspelled or bad user account" },
	{ 0xc000006a, "User logon with misspelled or bad password" },
	{ 0xc000006c, "The password does not meet the password policy" },
	{ 0xc000006d, "This is either due to a bad username or authentication information" },
	{ 0xc000006e, "Unknown user name or bad password." },
	{ 0xc000006f, "User logon outside authorized hours" },
	{ 0xc0000070, "User logon from unauthorized workstation" },
	{ 0xc0000071, "User logon with expired password" },
	{ 0xc0000072, "User logon to account disabled by administrator" },
	{ 0xc00000dc, "Indicates the Sam Server was in the wrong state to perform the desired operation." },
	{ 0xc0000133, "Clocks between DC and other computer too far out of sync" },
	{ 0xc000015b, "The user has not been granted the requested logon type (aka logon right) at this machine" },
	{ 0xc000018c, "The logon request failed because the trust relationship between the primary domain and the trusted domain failed." },
	{ 0xc0000192, "An attempt was made to logon, but the Netlogon service was not started." },
	{ 0xc0000193, "User logon with expired account" },
	{ 0xc0000199, "The account is a computer account and cannot log on so" },
	{ 0xc0000224, "User is required to change password at next logon" },
	{ 0xc0000225, "Evidently a bug in Windows and not a risk" },
	{ 0xc0000234, "User logon with account locked" },
	{ 0xc0000250, "The logon type is not allowed by policy" },
	{ 0xc00002ee, "Failure Reason: An Error occurred during Logon" },
	{ 0xc0000371, "The local account store does not contain secret material for the specified account" },
	{ 0xc0000388, "A downgrade of the authentication was refused" },
	{ 0xc0000413, "Logon Failure: The machine you are logging onto is protected by an authentication firewall. The specified account is not allowed to authenticate to the machine." },
};
static const struct winecs_name kerberos[] = {
	{ 0x00, "KDC_ERR_NONE" }, { 0x01, "KDC_ERR_NAME_EXP" }, { 0x02, "KDC_ERR_SERVICE_EXP" },
	{ 0x03, "KDC_ERR_BAD_PVNO" }, { 0x04, "KDC_ERR_C_OLD_MAST_KVNO" },
	{ 0x05, "KDC_ERR_S_OLD_MAST_KVNO" }, { 0x06, "KDC_ERR_C_PRINCIPAL_UNKNOWN" },
	{ 0x07, "KDC_ERR_S_PRINCIPAL_UNKNOWN" }, { 0x08, "KDC_ERR_PRINCIPAL_NOT_UNIQUE" },
	{ 0x09, "KDC_ERR_NULL_KEY" }, { 0x0a, "KDC_ERR_CANNOT_POSTDATE" },
	{ 0x0b, "KDC_ERR_NEVER_VALID" }, { 0x0c, "KDC_ERR_POLICY" }, { 0x0d, "KDC_ERR_BADOPTION" },
	{ 0x0e, "KDC_ERR_ETYPE_NOTSUPP" }, { 0x0f, "KDC_ERR_SUMTYPE_NOSUPP" },
	{ 0x10, "KDC_ERR_PADATA_TYPE_NOSUPP" }, { 0x11, "KDC_ERR_TRTYPE_NO_SUPP" },
	{ 0x12, "KDC_ERR_CLIENT_REVOKED" }, { 0x13, "KDC_ERR_SERVICE_REVOKED" },
	{ 0x14, "KDC_ERR_TGT_REVOKED" }, { 0x15, "KDC_ERR_CLIENT_NOTYET" },
	{ 0x16, "KDC_ERR_SERVICE_NOTYET" }, { 0x17, "KDC_ERR_KEY_EXPIRED" },
	{ 0x18, "KDC_ERR_PREAUTH_FAILED" }, { 0x19, "KDC_ERR_PREAUTH_REQUIRED" },
	{ 0x1a, "KDC_ERR_SERVER_NOMATCH" }, { 0x1b, "KDC_ERR_MUST_USE_USER2USER" },
	{ 0x1f, "KRB_AP_ERR_BAD_INTEGRITY" }, { 0x20, "KRB_AP_ERR_TKT_EXPIRED" },
	{ 0x21, "KRB_AP_ERR_TKT_NYV" }, { 0x22, "KRB_AP_ERR_REPEAT" }, { 0x23, "KRB_AP_ERR_NOT_US" },
	{ 0x24, "KRB_AP_ERR_BADMATCH" }, { 0x25, "KRB_AP_ERR_SKEW" }, { 0x26, "KRB_AP_ERR_BADADDR" },
	{ 0x27, "KRB_AP_ERR_BADVERSION" }, { 0x28, "KRB_AP_ERR_MSG_TYPE" },
	{ 0x29, "KRB_AP_ERR_MODIFIED" }, { 0x2a, "KRB_AP_ERR_BADORDER" },
	{ 0x2c, "KRB_AP_ERR_BADKEYVER" }, { 0x2d, "KRB_AP_ERR_NOKEY" },
	{ 0x2e, "KRB_AP_ERR_MUT_FAIL" }, { 0x2f, "KRB_AP_ERR_BADDIRECTION" },
	{ 0x30, "KRB_AP_ERR_METHOD" }, { 0x31, "KRB_AP_ERR_BADSEQ" },
	{ 0x32, "KRB_AP_ERR_INAPP_CKSUM" }, { 0x33, "KRB_AP_PATH_NOT_ACCEPTED" },
	{ 0x34, "KRB_ERR_RESPONSE_TOO_BIG" }, { 0x3c, "KRB_ERR_GENERIC" },
	{ 0x3d, "KRB_ERR_FIELD_TOOLONG" }, { 0x3e, "KDC_ERR_CLIENT_NOT_TRUSTED" },
	{ 0x3f, "KDC_ERR_KDC_NOT_TRUSTED" }, { 0x40, "KDC_ERR_INVALID_SIG" },
	{ 0x41, "KDC_ERR_KEY_TOO_WEAK" }, { 0x42, "KRB_AP_ERR_USER_TO_USER_REQUIRED" },
	{ 0x43, "KRB_AP_ERR_NO_TGT" }, { 0x44, "KDC_ERR_WRONG_REALM" },
};
static const struct winecs_name encryption[] = {
	{ 0x1, "DES-CBC-CRC" }, { 0x3, "DES-CBC-MD5" }, { 0x11, "AES128-CTS-HMAC-SHA1-96" },
	{ 0x12, "AES256-CTS-HMAC-SHA1-96" }, { 0x13, "AES128-CTS-HMAC-SHA256-128" },
	{ 0x14, "AES256-CTS-HMAC-SHA384-192" }, { 0x17, "RC4-HMAC" }, { 0x18, "RC4-HMAC-EXP" },
	{ 0xffffffff, "FAIL" },
};
static const struct winecs_name service_type[] = {
	{ 0x1, "Kernel Driver" }, { 0x2, "File System Driver" }, { 0x8, "Recognizer Driver" },
	{ 0x10, "Win32 Own Process" }, { 0x20, "Win32 Share Process" },
	{ 0x110, "Interactive Own Process" }, { 0x120, "Interactive Share Process" },
};
static const struct winecs_name dns_status[] = {
	{ 0, "SUCCESS" }, { 87, "ERROR_INVALID_PARAMETER" }, { 123, "ERROR_INVALID_NAME" },
	{ 1214, "ERROR_INVALID_NETNAME" }, { 1223, "ERROR_CANCELLED" }, { 1460, "ERROR_TIMEOUT" },
	{ 9001, "DNS_ERROR_RCODE_FORMAT_ERROR" }, { 9002, "DNS_ERROR_RCODE_SERVER_FAILURE" },
	{ 9003, "DNS_ERROR_RCODE_NAME_ERROR" }, { 9004, "DNS_ERROR_RCODE_NOT_IMPLEMENTED" },
	{ 9005, "DNS_ERROR_RCODE_REFUSED" }, { 9501, "DNS_INFO_NO_RECORDS" },
	{ 9502, "DNS_ERROR_BAD_PACKET" }, { 9503, "DNS_ERROR_NO_PACKET" },
	{ 9505, "DNS_ERROR_UNSECURE_PACKET" }, { 9701, "DNS_ERROR_RECORD_DOES_NOT_EXIST" },
	{ 10054, "WSAECONNRESET" }, { 10055, "WSAENOBUFS" }, { 10060, "WSAETIMEDOUT" },
};
static const struct winecs_name protocol[] = {
	{ 1, "icmp" }, { 2, "igmp" }, { 6, "tcp" }, { 17, "udp" }, { 41, "ipv6" }, { 47, "gre" },
	{ 50, "esp" }, { 51, "ah" }, { 58, "ipv6-icmp" }, { 132, "sctp" },
};
/* The message codes of the audit events, of which a log shows some hundred. */
static const struct winecs_name message[] = {
	{ 1536, "Unused message ID" }, { 1537, "DELETE" }, { 1538, "READ_CONTROL" },
	{ 1539, "WRITE_DAC" }, { 1540, "WRITE_OWNER" }, { 1541, "SYNCHRONIZE" },
	{ 1542, "ACCESS_SYS_SEC" }, { 1543, "MAX_ALLOWED" },
	{ 1601, "Not used" }, { 1603, "Assign Primary Token Privilege" },
	{ 1604, "Lock Memory Privilege" }, { 1605, "Increase Memory Quota Privilege" },
	{ 1606, "Unsolicited Input Privilege" }, { 1607, "Trusted Computer Base Privilege" },
	{ 1608, "Security Privilege" }, { 1609, "Take Ownership Privilege" },
	{ 1610, "Load/Unload Driver Privilege" }, { 1611, "Profile System Privilege" },
	{ 1612, "Set System Time Privilege" }, { 1613, "Profile Single Process Privilege" },
	{ 1614, "Increment Base Priority Privilege" }, { 1615, "Create Pagefile Privilege" },
	{ 1616, "Create Permanent Object Privilege" }, { 1617, "Backup Privilege" },
	{ 1618, "Restore From Backup Privilege" }, { 1619, "Shutdown System Privilege" },
	{ 1620, "Debug Privilege" }, { 1621, "View or Change Audit Log Privilege" },
	{ 1622, "Change Hardware Environment Privilege" },
	{ 1623, "Change Notify (and Traverse) Privilege" },
	{ 1624, "Remotely Shut System Down Privilege" },
	{ 1792, "<value changed, but not displayed>" }, { 1793, "<value not set>" },
	{ 1794, "<never>" }, { 1795, "Enabled" }, { 1796, "Disabled" }, { 1797, "All" },
	{ 1798, "None" }, { 1799, "Audit Policy query/set API Operation" },
	{ 1801, "Granted by" }, { 1802, "Denied by" },
	{ 1803, "Denied by Integrity Policy check" }, { 1804, "Granted by Ownership" },
	{ 1805, "Not granted" }, { 1806, "Granted by NULL DACL" }, { 1807, "Denied by Empty DACL" },
	{ 1808, "Granted by NULL Security Descriptor" }, { 1809, "Unknown or unchecked" },
	{ 1810, "Not granted due to missing" }, { 1811, "Granted by ACE on parent folder" },
	{ 1812, "Denied by ACE on parent folder" }, { 1813, "Granted by Central Access Rule" },
	{ 1814, "NOT Granted by Central Access Rule" },
	{ 1830, "Not granted to AppContainers" }, { 1832, "Identification" },
	{ 1833, "Impersonation" }, { 1840, "Delegation" },
	{ 1841, "Denied by Process Trust Label ACE" }, { 1842, "Yes" }, { 1843, "No" },
	{ 1844, "System" }, { 1845, "Not Available" }, { 1846, "Default" },
	{ 1847, "DisallowMmConfig" }, { 1848, "Off" }, { 1849, "Auto" },
	{ 1872, "REG_NONE" }, { 1873, "REG_SZ" }, { 1874, "REG_EXPAND_SZ" }, { 1875, "REG_BINARY" },
	{ 1876, "REG_DWORD" }, { 1877, "REG_DWORD_BIG_ENDIAN" }, { 1878, "REG_LINK" },
	{ 1879, "REG_MULTI_SZ" }, { 1880, "REG_RESOURCE_LIST" },
	{ 1881, "REG_FULL_RESOURCE_DESCRIPTOR" }, { 1882, "REG_RESOURCE_REQUIREMENTS_LIST" },
	{ 1883, "REG_QWORD" }, { 1904, "New registry value created" },
	{ 1905, "Existing registry value modified" }, { 1906, "Registry value deleted" },
	{ 1936, "TokenElevationTypeDefault (1)" }, { 1937, "TokenElevationTypeFull (2)" },
	{ 1938, "TokenElevationTypeLimited (3)" },
	{ 2048, "Account Enabled" }, { 2049, "Home Directory Required - Disabled" },
	{ 2050, "Password Not Required - Disabled" }, { 2051, "Temp Duplicate Account - Disabled" },
	{ 2052, "Normal Account - Disabled" }, { 2053, "MNS Logon Account - Disabled" },
	{ 2054, "Interdomain Trust Account - Disabled" },
	{ 2055, "Workstation Trust Account - Disabled" }, { 2056, "Server Trust Account - Disabled" },
	{ 2057, "Don't Expire Password - Disabled" }, { 2058, "Account Unlocked" },
	{ 2059, "Encrypted Text Password Allowed - Disabled" },
	{ 2060, "Smartcard Required - Disabled" }, { 2061, "Trusted For Delegation - Disabled" },
	{ 2062, "Not Delegated - Disabled" }, { 2063, "Use DES Key Only - Disabled" },
	{ 2064, "Don't Require Preauth - Disabled" }, { 2065, "Password Expired - Disabled" },
	{ 2066, "Trusted To Authenticate For Delegation - Disabled" },
	{ 2067, "Exclude Authorization Information - Disabled" },
	{ 2069, "Protect Kerberos Service Tickets with AES Keys - Disabled" },
	{ 2080, "Account Disabled" }, { 2081, "Home Directory Required - Enabled" },
	{ 2082, "Password Not Required - Enabled" }, { 2083, "Temp Duplicate Account - Enabled" },
	{ 2084, "Normal Account - Enabled" }, { 2085, "MNS Logon Account - Enabled" },
	{ 2086, "Interdomain Trust Account - Enabled" },
	{ 2087, "Workstation Trust Account - Enabled" }, { 2088, "Server Trust Account - Enabled" },
	{ 2089, "Don't Expire Password - Enabled" }, { 2090, "Account Locked" },
	{ 2091, "Encrypted Text Password Allowed - Enabled" },
	{ 2092, "Smartcard Required - Enabled" }, { 2093, "Trusted For Delegation - Enabled" },
	{ 2094, "Not Delegated - Enabled" }, { 2095, "Use DES Key Only - Enabled" },
	{ 2096, "Don't Require Preauth - Enabled" }, { 2097, "Password Expired - Enabled" },
	{ 2098, "Trusted To Authenticate For Delegation - Enabled" },
	{ 2099, "Exclude Authorization Information - Enabled" },
	{ 2101, "Protect Kerberos Service Tickets with AES Keys - Enabled" },
	{ 2304, "An Error occured during Logon." },
	{ 2305, "The specified user account has expired." },
	{ 2306, "The NetLogon component is not active." }, { 2307, "Account locked out." },
	{ 2308, "The user has not been granted the requested logon type at this machine." },
	{ 2309, "The specified account's password has expired." },
	{ 2310, "Account currently disabled." },
	{ 2311, "Account logon time restriction violation." },
	{ 2312, "User not allowed to logon at this computer." },
	{ 2313, "Unknown user name or bad password." }, { 2314, "Domain sid inconsistent." },
	{ 2315, "Smartcard logon is required and was not used." },
	{ 2432, "Not Available." }, { 2456, "Open key file." }, { 2457, "Delete key file." },
	{ 2458, "Read persisted key from file." }, { 2459, "Write persisted key to file." },
	{ 2464, "Export of persistent cryptographic key." },
	{ 2465, "Import of persistent cryptographic key." }, { 2480, "Open Key." },
	{ 2481, "Create Key." }, { 2482, "Delete Key." }, { 2483, "Encrypt." }, { 2484, "Decrypt." },
	{ 2485, "Sign hash." }, { 2499, "Machine key." }, { 2500, "User key." },
	{ 4368, "Query directory" }, { 4369, "Traverse" }, { 4370, "Create object in directory" },
	{ 4371, "Create sub-directory" }, { 4384, "Query event state" },
	{ 4385, "Modify event state" },
	{ 4416, "ReadData (or ListDirectory)" }, { 4417, "WriteData (or AddFile)" },
	{ 4418, "AppendData (or AddSubdirectory or CreatePipeInstance)" }, { 4419, "ReadEA" },
	{ 4420, "WriteEA" }, { 4421, "Execute/Traverse" }, { 4422, "DeleteChild" },
	{ 4423, "ReadAttributes" }, { 4424, "WriteAttributes" },
	{ 4432, "Query key value" }, { 4433, "Set key value" }, { 4434, "Create sub-key" },
	{ 4435, "Enumerate sub-keys" }, { 4436, "Notify about changes to keys" },
	{ 4437, "Create Link" },
	{ 4480, "Force process termination" }, { 4481, "Create new thread in process" },
	{ 4482, "Set process session ID" }, { 4483, "Perform virtual memory operation" },
	{ 4484, "Read from process memory" }, { 4485, "Write to process memory" },
	{ 4486, "Duplicate handle into or out of process" },
	{ 4487, "Create a subprocess of process" }, { 4488, "Set process quotas" },
	{ 4489, "Set process information" }, { 4490, "Query process information" },
	{ 4491, "Set process termination port" },
	{ 5376, "ConnectToServer" }, { 5377, "ShutdownServer" }, { 5378, "InitializeServer" },
	{ 5379, "CreateDomain" }, { 5380, "EnumerateDomains" }, { 5381, "LookupDomain" },
	{ 5392, "ReadPasswordParameters" }, { 5393, "WritePasswordParameters" },
	{ 5394, "ReadOtherParameters" }, { 5395, "WriteOtherParameters" }, { 5396, "CreateUser" },
	{ 5397, "CreateGlobalGroup" }, { 5398, "CreateLocalGroup" },
	{ 5399, "GetLocalGroupMembership" }, { 5400, "ListAccounts" }, { 5401, "LookupIDs" },
	{ 5402, "AdministerServer" },
	{ 5424, "ReadInformation" }, { 5425, "WriteAccount" }, { 5426, "AddMember" },
	{ 5427, "RemoveMember" }, { 5428, "ListMembers" },
	{ 5440, "AddMember" }, { 5441, "RemoveMember" }, { 5442, "ListMembers" },
	{ 5443, "ReadInformation" }, { 5444, "WriteAccount" },
	{ 5456, "ReadGeneralInformation" }, { 5457, "ReadPreferences" },
	{ 5458, "WritePreferences" }, { 5459, "ReadLogon" }, { 5460, "ReadAccount" },
	{ 5461, "WriteAccount" }, { 5462, "ChangePassword (with knowledge of old password)" },
	{ 5463, "SetPassword (without knowledge of old password)" }, { 5464, "ListGroups" },
	{ 5465, "ReadGroupMembership" }, { 5466, "ChangeGroupMembership" },
	{ 7680, "Create Child" }, { 7681, "Delete Child" }, { 7682, "List Contents" },
	{ 7683, "Write Self" }, { 7684, "Read Property" }, { 7685, "Write Property" },
	{ 7686, "Delete Tree" }, { 7687, "List Object" }, { 7688, "Control Access" },
	{ 8272, "System" }, { 8273, "Logon/Logoff" }, { 8274, "Object Access" },
	{ 8275, "Privilege Use" }, { 8276, "Detailed Tracking" }, { 8277, "Policy Change" },
	{ 8278, "Account Management" }, { 8279, "DS Access" }, { 8280, "Account Logon" },
	{ 8448, "Success removed" }, { 8449, "Success Added" }, { 8450, "Failure removed" },
	{ 8451, "Failure added" }, { 8452, "Success include removed" },
	{ 8453, "Success include added" },
	{ 14592, "Inbound" }, { 14593, "Outbound" }, { 14594, "Forward" },
	{ 14595, "Bidirectional" }, { 14596, "IP Packet" }, { 14597, "Transport" },
	{ 14598, "Forward" }, { 14599, "Stream" }, { 14600, "Datagram Data" }, { 14601, "ICMP Error" },
	{ 14602, "MAC 802.3" }, { 14603, "MAC Native" }, { 14604, "vSwitch" },
	{ 14608, "Resource Assignment" }, { 14609, "Listen" }, { 14610, "Receive/Accept" },
	{ 14611, "Connect" }, { 14612, "Flow Established" }, { 14614, "Resource Release" },
	{ 14615, "Endpoint Closure" }, { 14616, "Connect Redirect" }, { 14617, "Bind Redirect" },
	{ 14624, "Stream Packet" },
	{ 14674, "Value Added" }, { 14675, "Value Deleted" }, { 14676, "Active Directory Domain Services" },
	{ 14677, "Active Directory Lightweight Directory Services" }, { 14678, "Yes" },
	{ 14679, "No" }, { 14680, "Value Added With Expiration Time" },
	{ 14681, "Value Deleted With Expiration Time" },
	{ 14688, "Value Auto Deleted With Expiration Time" },
};

static const struct winecs_name access_bits[] = {
	{ 0x1, "ReadData (or ListDirectory)" }, { 0x2, "WriteData (or AddFile)" },
	{ 0x4, "AppendData (or AddSubdirectory or CreatePipeInstance)" }, { 0x8, "ReadEA" },
	{ 0x10, "WriteEA" }, { 0x20, "Execute/Traverse" }, { 0x40, "DeleteChild" },
	{ 0x80, "ReadAttributes" }, { 0x100, "WriteAttributes" }, { 0x10000, "DELETE" },
	{ 0x20000, "READ_CONTROL" }, { 0x40000, "WRITE_DAC" }, { 0x80000, "WRITE_OWNER" },
	{ 0x100000, "SYNCHRONIZE" }, { 0x1000000, "ACCESS_SYS_SEC" }, { 0, NULL },
};
static const struct winecs_name directory_bits[] = {
	{ 0x1, "Create Child" }, { 0x2, "Delete Child" }, { 0x4, "List Contents" },
	{ 0x8, "SELF" }, { 0x10, "Read Property" }, { 0x20, "Write Property" },
	{ 0x40, "Delete Tree" }, { 0x80, "List Object" }, { 0x100, "Control Access" },
	{ 0x10000, "DELETE" }, { 0x20000, "READ_CONTROL" }, { 0x40000, "WRITE_DAC" },
	{ 0x80000, "WRITE_OWNER" }, { 0x100000, "SYNCHRONIZE" }, { 0x1000000, "ACCESS_SYS_SEC" },
	{ 0, NULL },
};
static const struct winecs_name process_bits[] = {
	{ 0x1, "PROCESS_TERMINATE" }, { 0x2, "PROCESS_CREATE_THREAD" },
	{ 0x4, "PROCESS_SET_SESSIONID" }, { 0x8, "PROCESS_VM_OPERATION" },
	{ 0x10, "PROCESS_VM_READ" }, { 0x20, "PROCESS_VM_WRITE" }, { 0x40, "PROCESS_DUP_HANDLE" },
	{ 0x80, "PROCESS_CREATE_PROCESS" }, { 0x100, "PROCESS_SET_QUOTA" },
	{ 0x200, "PROCESS_SET_INFORMATION" }, { 0x400, "PROCESS_QUERY_INFORMATION" },
	{ 0x800, "PROCESS_SUSPEND_RESUME" }, { 0x1000, "PROCESS_QUERY_LIMITED_INFORMATION" },
	{ 0x2000, "PROCESS_SET_LIMITED_INFORMATION" }, { 0x10000, "DELETE" },
	{ 0x20000, "READ_CONTROL" }, { 0x40000, "WRITE_DAC" }, { 0x80000, "WRITE_OWNER" },
	{ 0x100000, "SYNCHRONIZE" }, { 0, NULL },
};
static const struct winecs_name ticket_bits[] = {
	{ 0x40000000, "Forwardable" }, { 0x20000000, "Forwarded" }, { 0x10000000, "Proxiable" },
	{ 0x08000000, "Proxy" }, { 0x04000000, "Allow-postdate" }, { 0x02000000, "Postdated" },
	{ 0x01000000, "Invalid" }, { 0x00800000, "Renewable" }, { 0x00400000, "Initial" },
	{ 0x00200000, "Pre-authent" }, { 0x00100000, "Opt-hardware-auth" },
	{ 0x00080000, "Transited-policy-checked" }, { 0x00040000, "Ok-as-delegate" },
	{ 0x00020000, "Request-anonymous" }, { 0x00010000, "Name-canonicalize" },
	{ 0x00000020, "Disable-transited-check" }, { 0x00000010, "Renewable-ok" },
	{ 0x00000008, "Enc-tkt-in-skey" }, { 0x00000002, "Renew" }, { 0x00000001, "Validate" },
	{ 0, NULL },
};
/* Of the account manager (SAM), which the audit events write; a directory's bits differ. */
static const struct winecs_name account_bits[] = {
	{ 0x1, "ACCOUNTDISABLE" }, { 0x2, "HOMEDIR_REQUIRED" }, { 0x4, "PASSWD_NOTREQD" },
	{ 0x8, "TEMP_DUPLICATE_ACCOUNT" }, { 0x10, "NORMAL_ACCOUNT" }, { 0x20, "MNS_LOGON_ACCOUNT" },
	{ 0x40, "INTERDOMAIN_TRUST_ACCOUNT" }, { 0x80, "WORKSTATION_TRUST_ACCOUNT" },
	{ 0x100, "SERVER_TRUST_ACCOUNT" }, { 0x200, "DONT_EXPIRE_PASSWORD" }, { 0x400, "LOCKOUT" },
	{ 0x800, "ENCRYPTED_TEXT_PWD_ALLOWED" }, { 0x1000, "SMARTCARD_REQUIRED" },
	{ 0x2000, "TRUSTED_FOR_DELEGATION" }, { 0x4000, "NOT_DELEGATED" },
	{ 0x8000, "USE_DES_KEY_ONLY" }, { 0x10000, "DONT_REQ_PREAUTH" },
	{ 0x20000, "PASSWORD_EXPIRED" }, { 0x40000, "TRUSTED_TO_AUTH_FOR_DELEGATION" },
	{ 0x80000, "NO_AUTH_DATA_REQUIRED" }, { 0x100000, "PARTIAL_SECRETS_ACCOUNT" }, { 0, NULL },
};

#define GROUP  "Well Known Group"
#define ALIAS  "Alias"
static const struct winecs_sid sids[] = {
	{ "S-1-1-0", NULL, "Everyone", GROUP },
	{ "S-1-5-10", "NT AUTHORITY", "SELF", GROUP },
	{ "S-1-5-11", "NT AUTHORITY", "Authenticated Users", GROUP },
	{ "S-1-5-12", "NT AUTHORITY", "RESTRICTED", GROUP },
	{ "S-1-5-13", "NT AUTHORITY", "TERMINAL SERVER USER", GROUP },
	{ "S-1-5-14", "NT AUTHORITY", "REMOTE INTERACTIVE LOGON", GROUP },
	{ "S-1-5-15", "NT AUTHORITY", "This Organization", GROUP },
	{ "S-1-5-17", "NT AUTHORITY", "IUSR", GROUP },
	{ "S-1-5-18", "NT AUTHORITY", "SYSTEM", GROUP },
	{ "S-1-5-19", "NT AUTHORITY", "LOCAL SERVICE", GROUP },
	{ "S-1-5-2", "NT AUTHORITY", "NETWORK", GROUP },
	{ "S-1-5-20", "NT AUTHORITY", "NETWORK SERVICE", GROUP },
	{ "S-1-5-3", "NT AUTHORITY", "BATCH", GROUP },
	{ "S-1-5-32-544", "BUILTIN", "Administrators", ALIAS },
	{ "S-1-5-32-545", "BUILTIN", "Users", ALIAS },
	{ "S-1-5-32-546", "BUILTIN", "Guests", ALIAS },
	{ "S-1-5-32-547", "BUILTIN", "Power Users", ALIAS },
	{ "S-1-5-32-548", "BUILTIN", "Account Operators", ALIAS },
	{ "S-1-5-32-549", "BUILTIN", "Server Operators", ALIAS },
	{ "S-1-5-32-550", "BUILTIN", "Print Operators", ALIAS },
	{ "S-1-5-32-551", "BUILTIN", "Backup Operators", ALIAS },
	{ "S-1-5-32-552", "BUILTIN", "Replicator", ALIAS },
	{ "S-1-5-32-554", "BUILTIN", "Pre-Windows 2000 Compatible Access", ALIAS },
	{ "S-1-5-32-555", "BUILTIN", "Remote Desktop Users", ALIAS },
	{ "S-1-5-32-556", "BUILTIN", "Network Configuration Operators", ALIAS },
	{ "S-1-5-32-557", "BUILTIN", "Incoming Forest Trust Builders", ALIAS },
	{ "S-1-5-32-558", "BUILTIN", "Performance Monitor Users", ALIAS },
	{ "S-1-5-32-559", "BUILTIN", "Performance Log Users", ALIAS },
	{ "S-1-5-32-560", "BUILTIN", "Windows Authorization Access Group", ALIAS },
	{ "S-1-5-32-562", "BUILTIN", "Distributed COM Users", ALIAS },
	{ "S-1-5-32-568", "BUILTIN", "IIS_IUSRS", ALIAS },
	{ "S-1-5-32-569", "BUILTIN", "Cryptographic Operators", ALIAS },
	{ "S-1-5-32-573", "BUILTIN", "Event Log Readers", ALIAS },
	{ "S-1-5-32-574", "BUILTIN", "Certificate Service DCOM Access", ALIAS },
	{ "S-1-5-32-575", "BUILTIN", "RDS Remote Access Servers", ALIAS },
	{ "S-1-5-32-576", "BUILTIN", "RDS Endpoint Servers", ALIAS },
	{ "S-1-5-32-577", "BUILTIN", "RDS Management Servers", ALIAS },
	{ "S-1-5-32-578", "BUILTIN", "Hyper-V Administrators", ALIAS },
	{ "S-1-5-32-579", "BUILTIN", "Access Control Assistance Operators", ALIAS },
	{ "S-1-5-32-580", "BUILTIN", "Remote Management Users", ALIAS },
	{ "S-1-5-4", "NT AUTHORITY", "INTERACTIVE", GROUP },
	{ "S-1-5-6", "NT AUTHORITY", "SERVICE", GROUP },
	{ "S-1-5-7", "NT AUTHORITY", "ANONYMOUS LOGON", GROUP },
	{ "S-1-5-9", "NT AUTHORITY", "ENTERPRISE DOMAIN CONTROLLERS", GROUP },
};
static const struct winecs_name rids[] = {
	{ 498, "Enterprise Read-only Domain Controllers" }, { 500, "Administrator" },
	{ 501, "Guest" }, { 502, "krbtgt" }, { 503, "DefaultAccount" },
	{ 504, "WDAGUtilityAccount" }, { 512, "Domain Admins" }, { 513, "Domain Users" },
	{ 514, "Domain Guests" }, { 515, "Domain Computers" }, { 516, "Domain Controllers" },
	{ 517, "Cert Publishers" }, { 518, "Schema Admins" }, { 519, "Enterprise Admins" },
	{ 520, "Group Policy Creator Owners" }, { 521, "Read-only Domain Controllers" },
	{ 522, "Cloneable Domain Controllers" }, { 525, "Protected Users" }, { 526, "Key Admins" },
	{ 527, "Enterprise Key Admins" }, { 553, "RAS and IAS Servers" },
	{ 571, "Allowed RODC Password Replication Group" },
	{ 572, "Denied RODC Password Replication Group" },
};
/* clang-format on */

static const char *name_in(const struct winecs_name *v, size_t n, uint64_t number)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (v[mid].number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < n && v[lo].number == number ? v[lo].name : NULL;
}

const char *winecs_name(enum winecs_names which, uint64_t number)
{
	static const struct {
		const struct winecs_name *v;
		size_t n;
	} tables[NAMES_COUNT] = {
		[NAMES_LOGON_TYPE] = { logon_type, N(logon_type) },
		[NAMES_STATUS] = { status, N(status) },
		[NAMES_KERBEROS] = { kerberos, N(kerberos) },
		[NAMES_ENCRYPTION] = { encryption, N(encryption) },
		[NAMES_SERVICE_TYPE] = { service_type, N(service_type) },
		[NAMES_DNS_STATUS] = { dns_status, N(dns_status) },
		[NAMES_PROTOCOL] = { protocol, N(protocol) },
		[NAMES_MESSAGE] = { message, N(message) },
	};

	return name_in(tables[which].v, tables[which].n, number);
}

const struct winecs_name *winecs_bits(enum winecs_bits which)
{
	static const struct winecs_name *const tables[BITS_COUNT] = {
		[BITS_ACCESS] = access_bits,   [BITS_DIRECTORY] = directory_bits,
		[BITS_PROCESS] = process_bits, [BITS_TICKET] = ticket_bits,
		[BITS_ACCOUNT] = account_bits,
	};

	return tables[which];
}

const struct winecs_sid *winecs_sid(struct slice sid)
{
	size_t lo = 0, hi = N(sids);

	if (sid.n < 7 || sid.n > 12 || slice_starts(sid, SLICE("S-1-5-21")))
		return NULL;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2, n = strlen(sids[mid].sid);
		int c = memcmp(sids[mid].sid, sid.p, n < sid.n ? n : sid.n);

		if (c == 0 && n == sid.n)
			return &sids[mid];
		if (c < 0 || (c == 0 && n < sid.n))
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

const char *winecs_rid(struct slice sid)
{
	ssize_t at = slice_rchr(sid, '-');
	uint64_t n;

	if (!slice_starts(sid, SLICE("S-1-5-21-")) ||
	    !slice_uint(slice_from(sid, (size_t)at + 1), UINT32_MAX, &n))
		return NULL;
	return name_in(rids, N(rids), n);
}
