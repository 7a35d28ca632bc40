/* SPDX-License-Identifier: EUPL-1.2 */
/* OpenSSH's server. What a client sends as its user name may hold anything but control characters,
 * even " from 192.0.2.1 port 22 ssh2"; sshd writes the true address after it, so where the name is
 * not known to the system it is matched up to the last place that fits (%{>user.name}). */
#include "common/normalise/parsers.h"

#define METHOD "%{system.auth.ssh.method:word}"
#define FROM   "from %{source:addr} port %{source.port:int}"
#define SIGN   "%{system.auth.ssh.signature}"
#define KEYSIG ": " SIGN

#define LOGIN(pat, out, cat, ev)                                                                   \
	{                                                                                          \
		.pattern = pat, .action = "ssh_login", .outcome = out, .category = cat,            \
		.type = "info", .set = "network.protocol=ssh|system.auth.ssh.event=" ev            \
	}
#define FAILED(pat) LOGIN(pat, "failure", "authentication", "Failed")
#define NET(pat, act, out, typ)                                                                    \
	{                                                                                          \
		.pattern = pat, .action = act, .outcome = out, .category = "network", .type = typ, \
		.set = "network.protocol=ssh"                                                      \
	}
#define PREAUTH(pat) NET(pat, "ssh_preauth_disconnect", "failure", "connection end")
#define GONE(pat)    NET(pat, "ssh_disconnect", NULL, "connection end")
#define BAD(pat)     NET(pat, "ssh_bad_protocol", "failure", "connection protocol")
#define MAX(pat)                                                                                   \
	{                                                                                          \
		.pattern = pat, .action = "ssh_max_attempts", .outcome = "failure",                \
		.category = "authentication", .type = "info", .set = "network.protocol=ssh"        \
	}
#define SESSION(pat, typ)                                                                          \
	{                                                                                          \
		.pattern = pat, .action = "ssh_session", .category = "session", .type = typ,       \
		.set = "network.protocol=ssh"                                                      \
	}
#define KEY(pat)                                                                                   \
	{                                                                                          \
		.pattern = pat, .action = "ssh_key_refused", .outcome = "failure",                 \
		.category = "authentication", .type = "info", .set = "network.protocol=ssh"        \
	}

static const struct match_rule rules[] = {
	LOGIN("Accepted " METHOD " for %{user.name} " FROM " ssh%{_:int}", "success",
	      "authentication session", "Accepted"),
	LOGIN("Accepted " METHOD " for %{user.name} " FROM " ssh%{_:int}" KEYSIG, "success",
	      "authentication session", "Accepted"),
	LOGIN("Accepted " METHOD " for %{user.name} " FROM, "success", "authentication session",
	      "Accepted"),
	FAILED("Failed " METHOD " for invalid user %{>user.name} " FROM "<< ssh%{_:int}>>"),
	FAILED("Failed " METHOD " for invalid user %{>user.name} " FROM " ssh%{_:int}" KEYSIG),
	FAILED("Failed " METHOD " for invalid user %{>user.name} from %{source:addr}"),
	FAILED("Failed " METHOD " for illegal user %{>user.name} " FROM "<< ssh%{_:int}>>"),
	FAILED("Failed " METHOD " for illegal user %{>user.name} from %{source:addr}"),
	FAILED("Failed " METHOD " for %{user.name} " FROM "<< ssh%{_:int}>>"),
	FAILED("Failed " METHOD " for %{user.name} " FROM " ssh%{_:int}" KEYSIG),
	FAILED("Failed " METHOD " for %{user.name} from %{source:addr}"),
	LOGIN("Invalid user %{>user.name} from %{source:addr}<< port %{source.port:int}>>",
	      "failure", "authentication", "Invalid"),
	LOGIN("Illegal user %{>user.name} from %{source:addr}<< port %{source.port:int}>>",
	      "failure", "authentication", "Invalid"),
	LOGIN("User %{user.name} from %{source:addr} not allowed because %{event.reason}",
	      "failure", "authentication", "Denied"),
	LOGIN("User %{user.name} not allowed because %{event.reason}", "failure", "authentication",
	      "Denied"),
	LOGIN("ROOT LOGIN REFUSED FROM %{source:addr}<< port %{source.port:int}>><< [preauth]>>",
	      "failure", "authentication", "Refused|user.name=root"),
	LOGIN("<<error: >>PAM: %{event.reason} for illegal user %{>user.name} from "
	      "%{source:addr}<< via %{_:word}>>",
	      "failure", "authentication", "PAM"),
	LOGIN("<<error: >>PAM: %{event.reason} for %{user.name} from "
	      "%{source:addr}<< via %{_:word}>>",
	      "failure", "authentication", "PAM"),

	MAX("<<error: >>maximum authentication attempts exceeded for invalid user "
	    "%{>user.name} " FROM "<< ssh%{_:int}>><< [preauth]>>"),
	MAX("<<error: >>maximum authentication attempts exceeded for %{user.name} " FROM
	    "<< ssh%{_:int}>><< [preauth]>>"),
	MAX("Disconnecting invalid user %{>user.name} %{source:addr} port %{source.port:int}: Too "
	    "many authentication failures<< [preauth]>>"),
	MAX("Disconnecting authenticating user %{>user.name} %{source:addr} port "
	    "%{source.port:int}: Too many authentication failures<< [preauth]>>"),
	MAX("Disconnecting: Too many authentication failures<< for %{user.name}>><< [preauth]>>"),

	PREAUTH("Connection %{event.reason:word} by invalid user %{>user.name} %{source:addr} port "
		"%{source.port:int}<< [preauth]>>"),
	PREAUTH("Connection %{event.reason:word} by authenticating user %{>user.name} "
		"%{source:addr} port %{source.port:int}<< [preauth]>>"),
	PREAUTH("Connection %{event.reason:word} by %{source:addr} port %{source.port:int} "
		"[preauth]"),
	PREAUTH("Connection %{event.reason:word} by %{source:addr} [preauth]"),
	PREAUTH("Disconnected from invalid user %{>user.name} %{source:addr} port "
		"%{source.port:int}<< [preauth]>>"),
	PREAUTH("Disconnected from authenticating user %{>user.name} %{source:addr} port "
		"%{source.port:int}<< [preauth]>>"),
	PREAUTH("Disconnected from %{source:addr}<< port %{source.port:int}>> [preauth]"),
	PREAUTH("Disconnecting invalid user %{user.name} %{source:addr} port %{source.port:int}: "
		"%{event.reason}<< [preauth]>>"),
	PREAUTH("Disconnecting authenticating user %{user.name} %{source:addr} port "
		"%{source.port:int}: %{event.reason}<< [preauth]>>"),
	PREAUTH("Disconnecting %{source:addr} port %{source.port:int}: %{event.reason} [preauth]"),
	PREAUTH("<<error: >>Received disconnect from %{source:addr} port %{source.port:int}:"
		"%{event.reason} [preauth]"),
	PREAUTH("<<error: >>Received disconnect from %{source:addr}: %{event.reason} [preauth]"),
	PREAUTH("Read error from remote host %{source:addr}<< port %{source.port:int}>>: "
		"%{event.reason} [preauth]"),
	GONE("<<error: >>Received disconnect from %{source:addr} port %{source.port:int}:"
	     "%{event.reason}"),
	GONE("<<error: >>Received disconnect from %{source:addr}: %{event.reason}"),
	GONE("Disconnected from user %{user.name} %{source:addr} port %{source.port:int}"),
	GONE("Disconnected from %{source:addr}<< port %{source.port:int}>>"),
	GONE("Disconnecting user %{user.name} %{source:addr} port %{source.port:int}: "
	     "%{event.reason}"),
	GONE("Connection %{event.reason:word} by user %{user.name} %{source:addr} port "
	     "%{source.port:int}"),
	GONE("Connection %{event.reason:word} by %{source:addr}<< port %{source.port:int}>>"),
	GONE("Read error from remote host %{source:addr}<< port %{source.port:int}>>: "
	     "%{event.reason}"),
	GONE("Timeout, client not responding from <<user %{user.name} >>%{source:addr} port "
	     "%{source.port:int}"),

	NET("Connection from %{source:addr} port %{source.port:int} on %{destination:addr} port "
	    "%{destination.port:int}<< rdomain %{_}>>",
	    "ssh_connect", NULL, "connection start"),
	NET("Connection from %{source:addr}<< port %{source.port:int}>>", "ssh_connect", NULL,
	    "connection start"),
	NET("<<fatal: >>Timeout before authentication for connection from %{source:addr} to "
	    "%{destination:addr}, pid = %{_:int}",
	    "ssh_auth_timeout", "failure", "connection end"),
	NET("<<fatal: >>Timeout before authentication for %{source:addr}<< port "
	    "%{source.port:int}>>",
	    "ssh_auth_timeout", "failure", "connection end"),

	BAD("Did not receive identification string from %{source:addr}<< port "
	    "%{source.port:int}>>"),
	BAD("Bad protocol version identification %{>event.reason} from %{source:addr}<< port "
	    "%{source.port:int}>>"),
	BAD("<<error: >>banner exchange: Connection from %{source:addr} port %{source.port:int}: "
	    "%{event.reason}"),
	BAD("<<fatal: >>Unable to negotiate with %{source:addr} port %{source.port:int}: "
	    "%{event.reason}<< [preauth]>>"),
	BAD("<<fatal: >>Unable to negotiate with %{source:addr}: %{event.reason}<< [preauth]>>"),
	BAD("<<fatal: >>Unable to negotiate %{event.reason}"),
	BAD("<<fatal: >>no matching %{event.reason}"),
	BAD("<<fatal: >>ssh_dispatch_run_fatal: Connection from <<%{_:word} user %{>user.name} "
	    ">>%{source:addr} port %{source.port:int}: %{event.reason}"),
	BAD("Protocol major versions differ for %{source:addr}<< port %{source.port:int}>>: "
	    "%{event.reason}"),
	BAD("<<error: >>kex_exchange_identification: %{event.reason}"),
	BAD("<<error: >>kex_protocol_error: %{event.reason}"),
	BAD("Corrupted MAC on input.<< [preauth]>>"),

	NET("refused connect from %{>_} (%{source:addr})", "ssh_connection_refused", "failure",
	    "connection denied"),
	NET("<<error: >>drop connection #%{_:int} from [%{source:addr}]:%{source.port:int} on "
	    "[%{destination:addr}]:%{destination.port:int}<< %{event.reason}>>",
	    "ssh_connection_refused", "failure", "connection denied"),
	NET("<<error: >>beginning MaxStartups throttling", "ssh_connection_refused", "failure",
	    "connection denied"),

	SESSION("subsystem request for %{_} by user %{user.name} failed, subsystem not found",
		"info"),
	SESSION("subsystem request for %{_} by user %{user.name}", "start"),
	SESSION("Starting session: %{event.reason} for %{user.name} " FROM " id %{_:int}", "start"),
	SESSION("Close session: user %{user.name} " FROM " id %{_:int}", "end"),

	NET("reverse mapping checking getaddrinfo for %{source.domain:word} [%{source:addr}] "
	    "failed<< - POSSIBLE BREAK-IN ATTEMPT!>>.",
	    "ssh_name_mismatch", NULL, "connection info"),
	NET("reverse mapping checking getaddrinfo for %{source.domain:word} [%{source:addr}] "
	    "failed<< - POSSIBLE BREAK-IN ATTEMPT!>>",
	    "ssh_name_mismatch", NULL, "connection info"),
	NET("Address %{source:addr} maps to %{source.domain:word}, but this does not map back to "
	    "the address%{_}",
	    "ssh_name_mismatch", NULL, "connection info"),
	KEY("Authentication refused: bad ownership or modes for %{_:word} %{file.path}"),
	KEY("Authentication tried for %{user.name} with correct key but not from a permitted host "
	    "(host=%{source.domain}, ip=%{source:addr})."),

	{ .pattern = "Server listening on %{destination:addr} port %{destination.port:int}.",
	  .action = "sshd-started",
	  .outcome = "success",
	  .category = "process",
	  .type = "start" },
	{ .pattern = "Received signal %{_:int}; terminating.",
	  .action = "sshd-stopped",
	  .outcome = "success",
	  .category = "process",
	  .type = "end" },
	/* No action: what they tell is told by another line too, but they name somebody. */
	{ .pattern = "Postponed " METHOD " for <<invalid user >>%{>user.name} " FROM
		     " ssh%{_:int}<< [preauth]>>" },
	{ .pattern = "input_userauth_request: invalid user %{user.name}<< [preauth]>>" },
	{ NULL },
};

const struct match_table parsers_sshd = {
	.name = "sshd",
	.programs = "sshd sshd-session sshd-auth",
	.module = "system",
	.dataset = "system.auth",
	.rules = rules,
};
