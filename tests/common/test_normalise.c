/* SPDX-License-Identifier: EUPL-1.2 */
/* Lines into ECS, as JSON: each row is a line and the fields that it must have (normalise_kit.h).
 * docs/fields.md is the page about it. */
#include "tests/common/normalise_kit.h"

#define SSHD "Nov 23 10:00:00 www sshd[12]: "
#define FAIL "event.action=ssh_login", "event.outcome=failure", "system.auth.ssh.event=Failed"
#define REAL "source.ip=192.0.2.9", "source.port=50273"

static const struct row sshd[] = {
	{ SSHD "Accepted password for maija from 192.0.2.9 port 50273 ssh2",
	  { "@timestamp=2026-11-23T10:00:00.000Z", "event.kind=event", "event.action=ssh_login",
	    "event.outcome=success", "event.category=authentication,session", "event.type=info",
	    "user.name=maija", REAL, "process.name=sshd", "process.pid=12", "host.name=www" } },
	{ SSHD "Accepted password for maija from 192.0.2.9 port 65535 ssh2",
	  { "source.ip=192.0.2.9", "user.name=maija", "source.port=65535" } },
	{ SSHD "Accepted password for maija from 192.0.2.9 port 65536 ssh2",
	  { "source.ip=192.0.2.9", "user.name=maija", "!source.port" } },
	{ SSHD "Accepted password for maija from 192.0.2.9 port 220020 ssh2",
	  { "source.ip=192.0.2.9", "user.name=maija", "!source.port" } },
	{ SSHD "Accepted publickey for git from 2001:DB8::9 port 1 ssh2: ED25519 SHA256:k1kj",
	  { "source.ip=2001:db8::9", "source.address=2001:DB8::9",
	    "system.auth.ssh.method=publickey", "system.auth.ssh.signature=ED25519 SHA256:k1kj",
	    "related.ip=2001:db8::9", "related.user=git", "related.hosts=www" } },
	{ SSHD "Failed password for root from ::ffff:192.0.2.9 port 50273 ssh2",
	  { FAIL, REAL, "user.name=root", "event.dataset=system.auth", "event.module=system" } },
	{ SSHD "Failed keyboard-interactive/pam for invalid user x from 192.0.2.9 port 50273 ssh2",
	  { FAIL, REAL, "user.name=x", "system.auth.ssh.method=keyboard-interactive/pam" } },
	{ SSHD "Failed password for invalid user  from 192.0.2.9 port 50273 ssh2",
	  { FAIL, REAL, "!user.name" } },
	{ SSHD "Failed password for invalid user two words from 192.0.2.9 port 50273 ssh2",
	  { FAIL, REAL, "user.name=two words" } },
	/* The user name is the attacker's; the address behind it is sshd's. */
	{ SSHD "Failed password for invalid user a from 10.0.0.1 port 22 ssh2 from 192.0.2.9 port "
	       "50273 ssh2",
	  { FAIL, REAL, "user.name=a from 10.0.0.1 port 22 ssh2", "related.ip=192.0.2.9" } },
	{ SSHD
	  "Failed password for invalid user a from 10.0.0.1 port 22 ssh2: RSA x from 192.0.2.9 "
	  "port 50273 ssh2",
	  { FAIL, REAL } },
	{ SSHD
	  "Failed publickey for invalid user a from 10.0.0.1 port 2 ssh2: b from 192.0.2.9 port "
	  "50273 ssh2: RSA SHA256:v3",
	  { FAIL, REAL, "system.auth.ssh.signature=RSA SHA256:v3" } },
	{ SSHD "Invalid user a from 10.0.0.1 port 22 from 192.0.2.9 port 50273",
	  { "event.action=ssh_login", "system.auth.ssh.event=Invalid", REAL } },
	{ SSHD "Invalid user a from 10.0.0.1 from 192.0.2.9", { "source.ip=192.0.2.9" } },
	{ SSHD "error: PAM: Authentication failure for illegal user a from 10.0.0.1 from 192.0.2.9",
	  { "system.auth.ssh.event=PAM", "source.ip=192.0.2.9" } },
	{ SSHD "Connection closed by invalid user a 10.0.0.1 port 1 192.0.2.9 port 50273 [preauth]",
	  { "event.action=ssh_preauth_disconnect", REAL, "event.reason=closed" } },
	{ SSHD "Connection reset by authenticating user root 192.0.2.9 port 50273 [preauth]",
	  { "event.action=ssh_preauth_disconnect", "event.outcome=failure", REAL } },
	{ SSHD "Connection closed by 192.0.2.9 port 50273",
	  { "event.action=ssh_disconnect", "!event.outcome", REAL } },
	{ SSHD "Disconnected from user maija 192.0.2.9 port 50273",
	  { "event.action=ssh_disconnect", "user.name=maija", REAL } },
	{ SSHD "Received disconnect from 192.0.2.9 port 50273:11: Bye Bye [preauth]",
	  { "event.action=ssh_preauth_disconnect", "event.reason=11: Bye Bye", REAL } },
	{ SSHD "error: maximum authentication attempts exceeded for root from 192.0.2.9 port 50273 "
	       "ssh2 [preauth]",
	  { "event.action=ssh_max_attempts", "user.name=root", REAL } },
	{ SSHD
	  "Disconnecting invalid user x 192.0.2.9 port 50273: Too many authentication failures "
	  "[preauth]",
	  { "event.action=ssh_max_attempts", "user.name=x", REAL } },
	{ SSHD "User root from 192.0.2.9 not allowed because not listed in AllowUsers",
	  { "event.action=ssh_login", "system.auth.ssh.event=Denied",
	    "event.reason=not listed in AllowUsers", "source.ip=192.0.2.9" } },
	{ SSHD "ROOT LOGIN REFUSED FROM 192.0.2.9 port 50273",
	  { "system.auth.ssh.event=Refused", "user.name=root", REAL } },
	{ SSHD
	  "Unable to negotiate with 192.0.2.9 port 50273: no matching cipher found. Their offer: "
	  "x [preauth]",
	  { "event.action=ssh_bad_protocol", REAL } },
	{ SSHD
	  "Bad protocol version identification 'GET / from 10.0.0.1 port 2' from 192.0.2.9 port "
	  "50273",
	  { "event.action=ssh_bad_protocol", REAL } },
	{ SSHD "banner exchange: Connection from 192.0.2.9 port 50273: invalid format",
	  { "event.action=ssh_bad_protocol", REAL, "event.category=network" } },
	{ SSHD "drop connection #10 from [192.0.2.9]:50273 on [198.51.100.1]:22 past MaxStartups",
	  { "event.action=ssh_connection_refused", REAL, "destination.ip=198.51.100.1",
	    "destination.port=22" } },
	{ SSHD "Server listening on 0.0.0.0 port 22.",
	  { "event.action=sshd-started", "destination.ip=0.0.0.0", "destination.port=22" } },
	{ SSHD "Received signal 15; terminating.", { "event.action=sshd-stopped" } },
	{ SSHD "reverse mapping checking getaddrinfo for evil.example [192.0.2.9] failed.",
	  { "event.action=ssh_name_mismatch", "source.ip=192.0.2.9",
	    "source.domain=evil.example" } },
	{ SSHD "User root from example.com not allowed because listed in DenyUsers",
	  { "source.domain=example.com", "source.address=example.com", "!source.ip",
	    "related.hosts=www,example.com" } },
	{ SSHD "Failed password for root from 192.030.0.6 port 1 ssh2",
	  { "source.address=192.030.0.6", "!source.ip", "!source.domain" } },
	{ SSHD
	  "message repeated 5 times: [ Failed password for root from 192.0.2.9 port 50273 ssh2]",
	  { FAIL, REAL, "vartio.repeated=5",
	    "message=message repeated 5 times: [ Failed password for root from 192.0.2.9 port "
	    "50273 "
	    "ssh2]" } },
	{ SSHD "Failed password for root from 192.0.2.9 port 99999999999999999999 ssh2",
	  { "!event.action", "event.dataset=system.syslog" } },
	{ "Nov 23 10:00:00 www sshd-session[12]: Failed password for root from 192.0.2.9 port "
	  "50273 "
	  "ssh2",
	  { FAIL, REAL, "process.name=sshd-session" } },
	{ "Nov 23 10:00:00 www other[12]: Failed password for root from 192.0.2.9 port 50273 ssh2",
	  { "!event.action", "!source.ip" } },
};

static void sshd_lines(void **state)
{
	ROWS_PASS(NORM_AUTO, sshd);
}

#define SUDO "Nov 23 10:00:00 www sudo: "
#define PAMF "authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost="

static const struct row auth[] = {
	{ SUDO "   maija : TTY=pts/0 ; PWD=/home/maija ; USER=root ; COMMAND=/bin/ls -l ; USER=x",
	  { "event.action=sudo_command", "event.outcome=success", "user.name=maija",
	    "user.effective.name=root", "process.command_line=/bin/ls -l ; USER=x",
	    "process.executable=/bin/ls", "process.working_directory=/home/maija",
	    "system.auth.sudo.tty=pts/0", "related.user=maija,root", "event.type=start" } },
	{ SUDO "maija : PWD=/ ; USER=root ; GROUP=adm ; TSID=000001 ; COMMAND=list ",
	  { "event.action=sudo_command", "group.name=adm", "process.command_line=list " } },
	{ SUDO "maija : user NOT in sudoers ; TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/bin/sh",
	  { "event.action=sudo_denied", "event.outcome=failure", "event.reason=user NOT in sudoers",
	    "process.command_line=/bin/sh" } },
	{ SUDO "maija : command not allowed ; TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/bin/sh",
	  { "event.action=sudo_denied", "system.auth.sudo.error=command not allowed" } },
	{ SUDO "maija : 3 incorrect password attempts ; TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/x",
	  { "event.action=sudo_authentication", "vartio.repeated=3", "event.outcome=failure",
	    "user.name=maija", "event.category=authentication" } },
	{ SUDO "maija : 1 incorrect password attempt ; TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/x",
	  { "event.action=sudo_authentication", "vartio.repeated=1" } },
	{ SUDO "pam_unix(sudo:session): session opened for user root(uid=0) by maija(uid=1000)",
	  { "event.action=session-opened", "user.name=maija", "user.effective.name=root",
	    "user.id=1000", "system.auth.pam.service=sudo", "event.category=session" } },
	{ "Nov 23 10:00:00 www CRON[7]: pam_unix(cron:session): session opened for user "
	  "root(uid=0) "
	  "by (uid=0)",
	  { "event.action=session-opened", "user.name=root", "user.id=0",
	    "!user.effective.name" } },
	{ SSHD "pam_unix(sshd:session): session closed for user maija",
	  { "event.action=session-closed", "user.name=maija", "event.type=end" } },
	{ SSHD "pam_unix(sshd:auth): " PAMF "192.0.2.9  user=root",
	  { "event.action=pam_authentication", "user.name=root", "source.ip=192.0.2.9",
	    "system.auth.pam.service=sshd" } },
	{ SSHD "pam_unix(sshd:auth): " PAMF "192.0.2.9 ",
	  { "event.action=pam_authentication", "!user.name", "source.ip=192.0.2.9" } },
	{ SSHD "PAM 4 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= "
	       "rhost=192.0.2.9  user=root",
	  { "event.action=pam_authentication", "vartio.repeated=4", "user.name=root" } },
	{ "Nov 23 10:00:00 www su: pam_unix(su:auth): authentication failure; logname=maija "
	  "uid=1000 "
	  "euid=0 tty=pts/0 ruser=maija rhost=  user=root",
	  { "event.action=pam_authentication", "user.name=maija", "user.effective.name=root" } },
	{ "Nov 23 10:00:00 www login: pam_faillock(login:auth): Consecutive login failures for "
	  "user "
	  "maija account temporarily locked",
	  { "event.action=account_locked", "user.name=maija" } },
	{ "Nov 23 10:00:00 www su[9]: (to root) maija on pts/0",
	  { "event.action=su_login", "event.outcome=success", "user.name=maija",
	    "user.effective.name=root", "system.auth.tty=pts/0" } },
	{ "Nov 23 10:00:00 www su[9]: FAILED SU (to root) maija on pts/0",
	  { "event.action=su_login", "event.outcome=failure", "user.name=maija" } },
	{ "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8",
	  { "event.action=su_login", "event.outcome=failure", "user.name=lonvick",
	    "user.effective.name=root" } },
	{ "Nov 23 10:00:00 www CRON[7]: (root) CMD (   cd / && run-parts (x))",
	  { "event.action=cron_command", "process.command_line=cd / && run-parts (x)",
	    "user.name=root" } },
	{ "Nov 23 10:00:00 www crontab[7]: (maija) REPLACE (root)",
	  { "event.action=changed-crontab", "user.name=maija", "user.target.name=root" } },
};

static void auth_lines(void **state)
{
	ROWS_PASS(NORM_AUTO, auth);
}

#define AT "Nov 23 10:00:00 www "

static const struct row accounts[] = {
	{ AT "useradd[5]: new user: name=eve, UID=1001, GID=1001, home=/home/eve, shell=/bin/bash, "
	     "from=/dev/pts/0",
	  { "event.action=added-user-account", "event.outcome=success", "event.category=iam",
	    "event.type=user,creation", "user.target.name=eve", "user.name=eve", "user.id=1001",
	    "system.auth.useradd.shell=/bin/bash" } },
	{ AT "useradd[5]: failed adding user 'eve', data deleted",
	  { "event.action=added-user-account", "event.outcome=failure" } },
	{ AT "usermod[5]: add 'eve' to group 'sudo'",
	  { "event.action=added-user-to-group", "user.target.name=eve", "group.name=sudo" } },
	{ AT "usermod[5]: add 'eve' to shadow group 'sudo'",
	  { "!event.action", "user.target.name=eve" } },
	{ AT "gpasswd[5]: user eve added by root to group sudo",
	  { "event.action=added-user-to-group", "user.target.name=eve", "user.name=root",
	    "group.name=sudo", "related.user=root,eve" } },
	{ AT "gpasswd[5]: user eve removed by root from group sudo",
	  { "event.action=removed-user-from-group" } },
	{ AT "userdel[5]: delete user 'eve'", { "event.action=deleted-user-account" } },
	{ AT "groupadd[5]: new group: name=ops, GID=1002",
	  { "event.action=added-group-account", "group.name=ops", "group.id=1002" } },
	{ AT "groupdel[5]: group 'ops' removed", { "event.action=deleted-group-account" } },
	{ AT "passwd[5]: pam_unix(passwd:chauthtok): password changed for eve",
	  { "event.action=changed-password", "user.target.name=eve" } },
	{ AT "passwd[5]: password for 'eve' changed by 'root'",
	  { "event.action=changed-password", "user.target.name=eve", "user.name=root" } },
	{ AT "usermod[5]: change user 'eve' shell from '/bin/sh' to '/bin/bash'",
	  { "event.action=changed-user-account",
	    "event.reason=shell from '/bin/sh' to '/bin/bash'" } },
	{ AT "usermod[5]: lock user 'eve' password", { "event.action=locked-user-account" } },
	{ AT "usermod[5]: unlock user 'eve' password", { "event.action=unlocked-user-account" } },
	{ AT "chage[5]: changed password expiry for eve",
	  { "event.action=changed-password-expiry" } },
};

static void account_lines(void **state)
{
	ROWS_PASS(NORM_AUTO, accounts);
}

static const struct row machine[] = {
	{ AT "systemd[1]: Started ssh.service - OpenBSD Secure Shell server.",
	  { "event.action=unit-started", "service.name=ssh.service", "service.state=started" } },
	{ AT "systemd[1]: Stopped System Logging Service.",
	  { "event.action=unit-stopped", "service.name=System Logging Service" } },
	{ AT "systemd[1]: rsyslog.service: Failed with result 'exit-code'.",
	  { "event.action=unit-failed", "service.name=rsyslog.service",
	    "event.reason=exit-code" } },
	{ AT "rsyslogd: [origin software=\"rsyslogd\" swVersion=\"8.2302.0\" x-pid=\"599\" "
	     "x-info=\"https://www.rsyslog.com\"] exiting on signal 15.",
	  { "event.action=logging-stopped", "process.name=rsyslogd" } },
	{ AT "rsyslogd: [origin software=\"rsyslogd\" x-pid=\"599\"] start",
	  { "event.action=logging-started" } },
	{ AT "systemd-journald[3]: Journal stopped", { "event.action=logging-stopped" } },
	{ AT "systemd-journald[3]: Suppressed 99 messages from evil.service",
	  { "event.action=logging-lost", "vartio.repeated=99", "service.name=evil.service" } },
	{ AT "auditd[3]: The audit daemon is exiting.", { "event.action=logging-stopped" } },
	{ AT "systemd-logind[4]: New session 5 of user maija.",
	  { "event.action=logind-session-started", "user.name=maija", "system.auth.session=5" } },
	{ AT "systemd-logind[4]: System is powering down.", { "event.action=system-shutdown" } },
	{ AT
	  "kernel: [ 1234.5678] [UFW BLOCK] IN=eth0 OUT= "
	  "MAC=52:54:00:12:34:56:52:55:0a:00:02:02:08:00 SRC=192.0.2.9 DST=198.51.100.2 LEN=60 "
	  "TOS=0x00 PREC=0x00 TTL=64 ID=1 DF PROTO=TCP SPT=50273 DPT=22 WINDOW=64240 RES=0x00 SYN "
	  "URGP=0",
	  { "event.action=netfilter-drop", REAL, "destination.ip=198.51.100.2",
	    "destination.port=22", "network.transport=tcp", "network.type=ipv4",
	    "rule.name=[UFW BLOCK]", "observer.ingress.interface.name=eth0",
	    "source.mac=52-55-0A-00-02-02", "destination.mac=52-54-00-12-34-56",
	    "event.type=connection,denied" } },
	{ AT "kernel: FW-accept: IN= OUT=eth0 SRC=2001:db8::9 DST=2001:db8::1 LEN=60 PROTO=UDP "
	     "SPT=53 DPT=53",
	  { "event.action=netfilter-accept", "network.type=ipv6", "source.ip=2001:db8::9",
	    "rule.name=FW-accept", "event.type=connection,allowed" } },
	{ AT "kernel: x IN=eth0 OUT= SRC=192.0.2.9 DST=198.51.100.2 PROTO=ICMP",
	  { "event.action=netfilter-packet", "network.transport=icmp" } },
	{ AT "kernel: usb 1-1: new device", { "!event.action", "event.dataset=system.syslog" } },
	{ AT "ovpn-server[6]: 192.0.2.9:50273 TLS Auth Error: Auth Username/Password verification "
	     "failed for peer",
	  { "event.action=vpn_login", "event.outcome=failure", REAL,
	    "event.dataset=openvpn.log" } },
	{ AT
	  "openvpn[6]: maija/192.0.2.9:50273 SENT CONTROL [maija]: 'PUSH_REPLY,route' (status=1)",
	  { "event.action=vpn_login", "event.outcome=success", "user.name=maija", REAL } },
	{ AT "openvpn[6]: maija/192.0.2.9:50273 SENT CONTROL [maija]: 'AUTH_FAILED' (status=1)",
	  { "event.action=vpn_refused", "event.outcome=failure", "user.name=maija", REAL } },
	{ AT "openvpn[6]: 192.0.2.9:50273 TLS Error: TLS handshake failed",
	  { "event.action=vpn_tls_error", REAL } },
	{ AT "last message repeated 3 times",
	  { "event.action=repeated", "vartio.repeated=3",
	    "message=last message repeated 3 times" } },
};

static void machine_lines(void **state)
{
	ROWS_PASS(NORM_AUTO, machine);
}

static const struct row frames[] = {
	{ "<38>1 2026-11-23T08:00:00.5+02:00 vpn1 sshd 911 ID1 [o x=\"1\"][o x=\"2\" e=\"\"][n] "
	  "Failed "
	  "password for maija from 192.0.2.9 port 50273 ssh2",
	  { "@timestamp=2026-11-23T06:00:00.500Z", FAIL, "log.syslog.priority=38",
	    "log.syslog.facility.name=auth", "log.syslog.severity.name=Informational",
	    "log.syslog.structured_data.o.x=1,2", "log.syslog.structured_data.o.e=",
	    "log.syslog.structured_data.n={}", "log.level=info", "!event.timezone" } },
	{ "<38>1 2026-11-23T08:00:00Z h a p x - m",
	  { "log.syslog.procid=p", "!process.pid", "log.syslog.msgid=x", "log.syslog.version=1",
	    "log.syslog.appname=a", "log.syslog.hostname=h", "message=m" } },
	{ "<38>1 nonsense",
	  { "event.kind=pipeline_error", "log.syslog.priority=38",
	    "error.message=not an RFC 5424 line: bad timestamp at byte 15" } },
	{ "<38>9999-11-23T08:00:00Z www app[7]: x",
	  { "event.kind=pipeline_error", "@timestamp=2026-11-23T08:00:00.000Z", "host.name=www",
	    "process.name=app", "process.pid=7", "message=x",
	    "error.message=the year of the line's time is not possible: the time when it was "
	    "received stands" } },
	{ "Nov 23 10:00:00 www app: x", { "event.timezone=+00:00", "!log.syslog.priority" } },
	{ "plain text",
	  { "message=plain text", "event.kind=event", "!error.message", "host.name=ownhost",
	    "@timestamp=2026-11-23T08:00:00.000Z", "event.created=2026-11-23T08:00:00.000Z",
	    "ecs.version=8.11.0", "input.type=log", "log.file.path=/var/log/auth.log",
	    "log.offset=42" } },
	{ "Nov 23 10:00:00 www /usr/sbin/cron[1]: x", { "process.name=cron" } },
	{ "", { "!message", "event.kind=event" } },
	{ "{\"@timestamp\":\"2026-01-02T03:04:05Z\",\"user\":{\"name\":\"m\\u00e4\"},\"n\":1.5,"
	  "\"b\":true,\"z\":null,\"o\":{},\"l\":[\"a\",2],\"source.ip\":\"nowhere\",\"a.b\":\"c\","
	  "\"host\":{\"name\":\"h2\"}}",
	  { "@timestamp=2026-01-02T03:04:05.000Z", "user.name=m\xc3\xa4", "n=1.5", "b=true", "!z",
	    "o={}", "l=a,2", "!source.ip", "source.address=nowhere", "a.b=c", "host.name=h2",
	    "related.user=m\xc3\xa4" } },
	{ "{\"own\":{\"p\":\"C:\\\\a\\/"
	  "b\\n\",\"half\":\"x\\ud800y\",\"e\":\"\",\"\xc3\xa4\":\"\xc3\xa4\"},"
	  "\"own.p.q\":\"under a value\"}",
	  { "own.p.value=C:\\a/b\n", "own.p.q=under a value", "own.half=x\xef\xbf\xbdy", "!own.e",
	    "own.\xc3\xa4=\xc3\xa4" } },
	{ "{not json}", { "message={not json}", "event.kind=event" } },
};

static void frame_lines(void **state)
{
	ROWS_PASS(NORM_AUTO, frames);
}

/* What came as an array goes on as one, be there one element only. */
static void json_arrays(void **state)
{
	static const struct {
		const char *line, *within;
	} arrays[] = {
		{ "{\"event\":{\"category\":[\"web\"]}}", "\"category\":[\"web\"]" },
		{ "{\"event\":{\"category\":\"web\"}}", "\"category\":\"web\"" },
		{ "{\"own\":{\"list\":[\"x\"]}}", "\"list\":[\"x\"]" },
		{ "{\"own\":{\"list\":[7]}}", "\"list\":[7]" },
		{ "{\"own\":{\"list\":[\"x\",\"y\"]}}", "\"list\":[\"x\",\"y\"]" },
		{ "{\"own\":{\"list\":[]}}", "\"list\":[]" },
		{ "{\"own\":[{\"k\":\"x\"}]}", "\"own\":{\"k\":\"x\"}" },
	};
	struct norm_source src = source();

	for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++) {
		run(NORM_JSON, slice_str(arrays[i].line), &src);
		if (strstr(buf_cstr(&out), arrays[i].within) == NULL)
			fail_msg("%s\nwanted %s in\n%s", arrays[i].line, arrays[i].within,
				 buf_cstr(&out));
	}
}

/* A member with a random name and value; some names are of the list, some inside of others. */
static void random_member(struct buf *b, unsigned *seed)
{
	static const char *const names[] = {
		"a",         "a.b",       "b",       "winlog.event_data.X",
		"user.name", "source.ip", "winlog",  "winlog.event_data.Y",
		"a-b",       "c.d.e",     "message", "winlog.event_data.X Y",
		"n1",        "n2",        "n3",      "host.name"
	};
	static const char *const values[] = { "\"x\"",         "\"\"",         "1",
					      "\"a\\\\b\"",    "\"\\u00e4\"",  "[\"x\",\"y\"]",
					      "[\"x\"]",       "null",         "\"\xc3\xa4\"",
					      "{\"b\":\"i\"}", "[]",           "{}",
					      "\"\\ud800\"",   "\"192.0.2.1\"" };

	buf_printf(b, "\"%s\":%s", names[(unsigned)rand_r(seed) % 16],
		   values[(unsigned)rand_r(seed) % 14]);
}

/* What was learned of earlier events changes nothing: a normaliser that has seen many says the same
 * as one that has seen none. */
static void json_learned(void **state)
{
	unsigned seed = 20261127;
	struct norm_source src = source();
	struct normaliser *old = nz;
	struct buf line = { 0 }, first = { 0 };

	print_message("# seed %u\n", seed);
	for (int i = 0; i < 4000; i++) {
		buf_reset(&line);
		buf_chr(&line, '{');
		for (unsigned k = 0, n = (unsigned)rand_r(&seed) % 7; k <= n; k++) {
			if (k > 0)
				buf_chr(&line, ',');
			random_member(&line, &seed);
		}
		buf_chr(&line, '}');
		run(NORM_JSON, buf_view(&line), &src);
		buf_reset(&first);
		buf_slice(&first, buf_view(&out));
		if (i % 10 == 0) {
			nz = normaliser_new();
			run(NORM_JSON, buf_view(&line), &src);
			normaliser_free(nz);
			nz = old;
			if (!slice_eq(buf_view(&first), buf_view(&out)))
				fail_msg("%s\n%s\n%s", buf_cstr(&line), buf_cstr(&first),
					 buf_cstr(&out));
		}
		run(NORM_JSON, buf_view(&line), &src);
		if (!slice_eq(buf_view(&first), buf_view(&out)))
			fail_msg("%s\n%s\n%s", buf_cstr(&line), buf_cstr(&first), buf_cstr(&out));
	}
	buf_release(&line);
	buf_release(&first);
}

static const struct row journal[] = {
	{ "{\"__REALTIME_TIMESTAMP\":\"1795420800123456\",\"_HOSTNAME\":\"www\",\"SYSLOG_"
	  "IDENTIFIER\":"
	  "\"sshd\",\"_COMM\":\"sshd\",\"_PID\":\"12\",\"_UID\":\"0\",\"PRIORITY\":\"6\","
	  "\"SYSLOG_FACILITY\":\"4\",\"_TRANSPORT\":\"syslog\",\"_SYSTEMD_UNIT\":\"ssh.service\","
	  "\"_EXE\":\"/usr/sbin/sshd\",\"MESSAGE\":\"Failed password for root from 192.0.2.9 port "
	  "50273 ssh2\"}",
	  { "@timestamp=2026-11-23T08:00:00.123456Z", FAIL, REAL, "process.pid=12",
	    "process.executable=/usr/sbin/sshd", "log.syslog.priority=38",
	    "systemd.unit=ssh.service", "journald.transport=syslog", "!user.id" } },
	{ "{\"__REALTIME_TIMESTAMP\":\"1795420800123456\",\"_COMM\":\"app\",\"_UID\":\"7\","
	  "\"PRIORITY\":"
	  "\"3\",\"MESSAGE\":[104,195,164,10,255]}",
	  { "process.name=app", "message=h\xc3\xa4\n\xef\xbf\xbd", "vartio.raw.message=aMOkCv8=",
	    "user.id=7", "log.level=err", "!log.syslog.priority", "host.name=ownhost" } },
	{ "{\"__REALTIME_TIMESTAMP\":\"1795420800123456\",\"SYSLOG_IDENTIFIER\":\"systemd\","
	  "\"UNIT\":"
	  "\"rsyslog.service\",\"MESSAGE\":\"Stopped System Logging Service.\"}",
	  { "event.action=unit-stopped", "service.name=rsyslog.service" } },
	{ "{\"__REALTIME_TIMESTAMP\":1,\"MESSAGE\":null}", { "!message", "event.kind=event" } },
	{ "{\"MESSAGE\":", { "event.kind=pipeline_error", "message={\"MESSAGE\":" } },
};

static void journal_entries(void **state)
{
	ROWS_PASS(NORM_JOURNAL, journal);
}

/* What stands in a line stays what it is, in the one field that it belongs to. */
static void hostile_text(void **state)
{
	static const char *const values[] = {
		"<script>alert(1)</script>",
		"%s%n%x",
		"{user} ${x} {{y}}",
		"a\x1b[2Jb",
		"\xe2\x80\xaegnp",
		"\"},\"event\":{\"kind\":\"x",
		"\\",
		"'; DROP TABLE x",
		"\r",
		"\xff\xfe",
		"\t|=CMD()",
	};
	struct norm_source src = source();
	struct buf line = { 0 };

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		buf_reset(&line);
		buf_printf(&line,
			   SSHD
			   "Failed password for invalid user %s from 192.0.2.9 port 50273 ssh2",
			   values[i]);
		run(NORM_AUTO, buf_view(&line), &src);
		assert_true(field(SLICE("user.name"), &got));
		if (strcmp(values[i], "\xff\xfe") == 0)
			assert_slice(buf_view(&got), "\xef\xbf\xbd\xef\xbf\xbd");
		else
			assert_slice(buf_view(&got), values[i]);
		assert_true(field(SLICE("source.ip"), &got));
		assert_slice(buf_view(&got), "192.0.2.9");
		assert_true(field(SLICE("event.kind"), &got));
		assert_slice(buf_view(&got), "event");
	}
	buf_reset(&line);
	buf_str(&line, SSHD "Failed password for invalid user ");
	for (unsigned k = 0; k < 60000; k++)
		buf_chr(&line, " from 192.0.2.1 port 1 ssh2"[k % 27]);
	buf_str(&line, " from 192.0.2.9 port 50273 ssh2\r\n");
	run(NORM_AUTO, buf_view(&line), &src);
	assert_true(field(SLICE("source.ip"), &got));
	assert_slice(buf_view(&got), "192.0.2.9");
	assert_true(field(SLICE("message"), &got));
	assert_int_equal(got.n, line.n - 2 - strlen(SSHD));
	buf_reset(&line);
	buf_put(&line, SSHD "nul \0 inside", strlen(SSHD) + 12);
	run(NORM_AUTO, buf_view(&line), &src);
	assert_true(field(SLICE("message"), &got));
	assert_int_equal(got.n, 12);
	assert_memory_equal(got.p, "nul \0 inside", 12);
	buf_release(&line);
}

static void what_the_source_says(void **state)
{
	struct norm_source src = source();
	const struct row wanted = { "<13>text",
				    { "log.source.address=192.0.2.77", "host.name=192.0.2.77",
				      "input.type=udp", "log.flags=truncated",
				      "event.original=<13>text", "!log.file.path" } };
	const struct row zone = { "Nov 23 10:00:00 h a: x",
				  { "event.timezone=-03:30",
				    "@timestamp=2026-11-23T13:30:00.000Z" } };

	const struct row cut = {
		"<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>",
		{ "event.kind=pipeline_error", "log.flags=truncated",
		  "error.message=cut at 77 bytes, the input's limit; Windows event XML: it ends "
		  "before "
		  "the event does" }
	};

	src.path = src.host = (struct slice){ NULL, 0 };
	src.input = "udp";
	src.peer = SLICE("192.0.2.77");
	src.cut = src.keep_original = true;
	src.zone_s = -12600;
	run(NORM_SYSLOG, slice_str(wanted.line), &src);
	check(&wanted);
	run(NORM_SYSLOG, slice_str(zone.line), &src);
	check(&zone);
	run(NORM_AUTO, slice_str(cut.line), &src);
	check(&cut);
}

static void format_names(void **state)
{
	enum norm_format f = NORM_RAW;
	struct err err;

	for (unsigned i = 0; i < NORM_FORMATS; i++) {
		assert_int_equal(
			norm_format_by_name(norm_format_name((enum norm_format)i), &f, &err), 0);
		assert_int_equal(f, i);
	}
	assert_int_equal(norm_format_by_name("evtx", &f, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	assert_non_null(strstr(err.msg, "evtx"));
}

static int tests_of_lines(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sshd_lines),           cmocka_unit_test(auth_lines),
		cmocka_unit_test(account_lines),        cmocka_unit_test(machine_lines),
		cmocka_unit_test(frame_lines),          cmocka_unit_test(journal_entries),
		cmocka_unit_test(json_arrays),          cmocka_unit_test(json_learned),
		cmocka_unit_test(journal_entries),      cmocka_unit_test(hostile_text),
		cmocka_unit_test(what_the_source_says), cmocka_unit_test(format_names),
	};

	return RUN_TESTS(tests);
}

int main(void)
{
	return kit_run(tests_of_lines);
}
