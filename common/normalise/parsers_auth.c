/* SPDX-License-Identifier: EUPL-1.2 */
/* Who becomes whom: sudo, su, PAM, cron. */
#include "common/normalise/parsers.h"

/* sudo writes these in this order, each where it applies; COMMAND is the last and takes the rest.
 */
#define SUDO_KV                                                                                    \
	" ; |HOST=_|TTY=system.auth.sudo.tty|CHROOT=_"                                             \
	"|PWD=process.working_directory,system.auth.sudo.pwd"                                      \
	"|USER=user.effective.name,system.auth.sudo.user|GROUP=group.name|TSID=_|ENV=_"            \
	"|*COMMAND=process.command_line,system.auth.sudo.command,process.executable:first"
#define SUDO(pat, act, out, cat, typ, why)                                                         \
	{                                                                                          \
		.pattern = pat, .action = act, .outcome = out, .category = cat, .type = typ,       \
		.set = why, .kv = SUDO_KV                                                          \
	}
#define WHY(text) "event.reason=" text "|system.auth.sudo.error=" text
#define DENIED(text)                                                                               \
	SUDO("%{user.name} : " text " ; %{kv}", "sudo_denied", "failure", "process", "info",       \
	     WHY(text))
#define UNPROVEN(text)                                                                             \
	SUDO("%{user.name} : " text " ; %{kv}", "sudo_authentication", "failure",                  \
	     "authentication", "info", WHY(text))

static const struct match_rule sudo_rules[] = {
	SUDO("%{user.name} : %{kv}", "sudo_command", "success", "process", "start", NULL),
	DENIED("user NOT in sudoers"),
	DENIED("user NOT authorized on host"),
	DENIED("command not allowed"),
	SUDO("%{user.name} : %{vartio.repeated:int} incorrect password attempt<<s>> ; %{kv}",
	     "sudo_authentication", "failure", "authentication", "info",
	     WHY("incorrect password attempts")),
	UNPROVEN("a password is required"),
	UNPROVEN("a terminal is required to read the password"),
	UNPROVEN("no tty present and no askpass program specified"),
	UNPROVEN("auth could not identify password"),
	{ .pattern = "%{user.name} : (command continued) %{process.command_line}" },
	SUDO("%{user.name} : %{event.reason,system.auth.sudo.error} ; %{kv}", "sudo_denied",
	     "failure", "process", "info", NULL),
	{ NULL },
};

const struct match_table parsers_sudo = {
	.name = "sudo",
	.programs = "sudo sudo-rs",
	.module = "system",
	.dataset = "system.auth",
	.rules = sudo_rules,
};

#define SU(pat, out)                                                                               \
	{                                                                                          \
		.pattern = pat, .action = "su_login", .outcome = out,                              \
		.category = "authentication session", .type = "info"                               \
	}

static const struct match_rule su_rules[] = {
	/* util-linux, shadow, BSD; su asks for the password of the target, so PAM's user= is that.
	 */
	SU("(to %{user.effective.name}) %{user.name} on %{system.auth.tty}", "success"),
	SU("FAILED SU (to %{user.effective.name}) %{user.name} on %{system.auth.tty}", "failure"),
	SU("Successful su for %{user.effective.name} by %{user.name}", "success"),
	SU("FAILED su for %{user.effective.name} by %{user.name}", "failure"),
	SU("+ %{system.auth.tty:word} %{user.name}:%{user.effective.name}", "success"),
	SU("- %{system.auth.tty:word} %{user.name}:%{user.effective.name}", "failure"),
	SU("'su %{user.effective.name}' failed for %{user.name} on %{system.auth.tty}", "failure"),
	SU("'su %{user.effective.name}' succeeded for %{user.name} on %{system.auth.tty}",
	   "success"),
	SU("BAD SU %{user.name} to %{user.effective.name} on %{system.auth.tty}", "failure"),
	SU("%{user.name} to %{user.effective.name} on %{system.auth.tty}", "success"),
	{ .pattern = "pam_%{_:word}(%{system.auth.pam.service}:auth): authentication failure; "
		     "logname=%{_} uid=%{_} euid=%{_} tty=%{system.auth.tty} ruser=%{user.name} "
		     "rhost=%{source:addr}  user=%{user.effective.name}",
	  .action = "pam_authentication",
	  .outcome = "failure",
	  .category = "authentication",
	  .type = "info" },
	{ NULL },
};

const struct match_table parsers_su = {
	.name = "su",
	.programs = "su su-l runuser",
	.module = "system",
	.dataset = "system.auth",
	.rules = su_rules,
};

#define PAM  "pam_%{_:word}(%{system.auth.pam.service}:"
#define AUTH PAM "auth): "
#define PAM_FAILURE(pat)                                                                           \
	{                                                                                          \
		.pattern = pat, .action = "pam_authentication", .outcome = "failure",              \
		.category = "authentication", .type = "info"                                       \
	}
#define WHO "logname=%{_} uid=%{_} euid=%{_} tty=%{_} ruser=%{_} rhost=%{source:addr}"
#define LOCKED(pat)                                                                                \
	{                                                                                          \
		.pattern = pat, .action = "account_locked", .outcome = "failure",                  \
		.category = "authentication", .type = "info"                                       \
	}
#define EXPIRED(pat)                                                                               \
	{                                                                                          \
		.pattern = pat, .action = "account_expired", .outcome = "failure",                 \
		.category = "authentication", .type = "info"                                       \
	}
#define OPENED(pat)                                                                                \
	{                                                                                          \
		.pattern = PAM "session): session opened for user " pat,                           \
		.action = "session-opened", .outcome = "success", .category = "session",           \
		.type = "start"                                                                    \
	}

static const struct match_rule pam_rules[] = {
	/* The most frequent first. */
	/* "by (uid=0)": a daemon opened it for the one who logged in. */
	OPENED("%{user.name}<<(uid=%{user.id:word})>> by (uid=%{_:int})"),
	OPENED("%{user.effective.name}<<(uid=%{_:int})>> by %{user.name}(uid=%{user.id:word})"),
	OPENED("%{user.name}"),
	{ .pattern = PAM "session): session closed for user %{user.name}",
	  .action = "session-closed",
	  .outcome = "success",
	  .category = "session",
	  .type = "end" },
	PAM_FAILURE(AUTH "authentication failure; " WHO "  user=%{user.name}"),
	PAM_FAILURE(AUTH "authentication failure; " WHO " user=%{user.name}"),
	PAM_FAILURE(AUTH "authentication failure; " WHO),
	PAM_FAILURE("PAM %{vartio.repeated:int} more authentication failure<<s>>; " WHO
		    "<<  user=%{user.name}>>"),
	PAM_FAILURE("PAM %{vartio.repeated:int} more authentication failure<<s>>; " WHO
		    " user=%{user.name}"),
	PAM_FAILURE(AUTH "auth could not identify password for [%{user.name}]"),
	PAM_FAILURE("password check failed for user (%{user.name})"), /* unix_chkpwd */
	LOCKED(AUTH "Consecutive login failures for user %{user.name} account temporarily locked"),
	LOCKED(AUTH "user %{user.name} (%{user.id:word}) tally %{_:int}, deny %{_:int}"),
	EXPIRED(PAM "account): account %{user.name} has expired (%{event.reason})"),
	EXPIRED(PAM "account): expired password for user %{user.name} (%{event.reason})"),
	{ .pattern = PAM "chauthtok): password changed for %{user.target.name,user.name}",
	  .action = "changed-password",
	  .outcome = "success",
	  .category = "iam",
	  .type = "user change" },
	/* No action: told by another line too. */
	{ .pattern = AUTH "received for user %{user.name}: %{_:int} (%{event.reason})" },
	{ .pattern = AUTH "requirement %{event.reason} not met by user \"%{user.name}\"" },
	{ .pattern = AUTH "check pass; %{event.reason}" },
	{ .pattern = "PAM service(%{system.auth.pam.service}) ignoring max retries; %{_}" },
	{ NULL },
};

const struct match_table parsers_pam = {
	.name = "pam",
	.programs = "*",
	.module = "system",
	.dataset = "system.auth",
	.rules = pam_rules,
};

#define CRONTAB(pat)                                                                               \
	{                                                                                          \
		.pattern = pat, .action = "changed-crontab", .outcome = "success",                 \
		.category = "configuration", .type = "change"                                      \
	}

static const struct match_rule cron_rules[] = {
	{ .pattern = "(%{user.name}) CMD (%{>process.command_line:trim})",
	  .action = "cron_command",
	  .outcome = "success",
	  .category = "process",
	  .type = "start" },
	CRONTAB("(%{user.name}) REPLACE (%{user.target.name})"),
	CRONTAB("(%{user.name}) DELETE (%{user.target.name})"),
	CRONTAB("(%{user.name}) END EDIT (%{user.target.name})"),
	{ .pattern = "(%{user.name}) %{event.reason} (%{>_})" },
	{ NULL },
};

const struct match_table parsers_cron = {
	.name = "cron",
	.programs = "CRON cron crond CROND crontab anacron",
	.module = "system",
	.dataset = "system.syslog",
	.rules = cron_rules,
};
