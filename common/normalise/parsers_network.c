/* SPDX-License-Identifier: EUPL-1.2 */
/* What the kernel's firewall and OpenVPN write. */
#include "common/normalise/addr.h"
#include "common/normalise/parsers.h"

/* Whether any of the words (capitals, separated by spaces) occurs in s, in any case. */
static bool mentions(struct slice s, const char *words)
{
	while (*words != '\0') {
		size_t n = strcspn(words, " ");

		for (size_t i = 0; i + n <= s.n; i++)
			if (strncasecmp(s.p + i, words, n) == 0)
				return true;
		words += n + (words[n] == ' ');
	}
	return false;
}

/* The prefix is the admin's own text; what it says of the packet's fate is all that there is. */
static void netfilter_after(struct event *ev)
{
	struct slice prefix = slice_trim(event_text(ev, ECS_RULE_NAME));
	struct slice ip = event_text(ev, ECS_SOURCE_IP);

	while (prefix.n > 0 && strchr(":- ", prefix.p[prefix.n - 1]) != NULL &&
	       prefix.p[prefix.n - 1] != '\0')
		prefix.n--;
	event_drop(ev, ECS_RULE_NAME);
	event_str(ev, ECS_RULE_NAME, prefix);
	if (ip.n > 0)
		event_str(ev, ECS_NETWORK_TYPE, addr_is_v6(ip) ? SLICE("ipv6") : SLICE("ipv4"));
	event_add(ev, ECS_EVENT_TYPE, SLICE("connection"));
	if (mentions(prefix, "BLOCK DROP REJECT DENY DENIED")) {
		event_str(ev, ECS_EVENT_ACTION, SLICE("netfilter-drop"));
		event_add(ev, ECS_EVENT_TYPE, SLICE("denied"));
	} else if (mentions(prefix, "ALLOW ACCEPT")) {
		event_str(ev, ECS_EVENT_ACTION, SLICE("netfilter-accept"));
		event_add(ev, ECS_EVENT_TYPE, SLICE("allowed"));
	}
}

static const struct match_rule kernel_rules[] = {
	{ .pattern = "%{rule.name}IN=%{observer.ingress.interface.name} "
		     "OUT=%{observer.egress.interface.name} %{kv}",
	  .action = "netfilter-packet",
	  .category = "network",
	  .kv = " |PHYSIN=_|PHYSOUT=_|MAC=destination.mac:mac|SRC=source:addr|DST=destination:addr|"
		"LEN=_"
		"|PROTO=network.transport:lower|SPT=source.port:int|DPT=destination.port:int",
	  .after = netfilter_after },
	{ NULL },
};

const struct match_table parsers_kernel = {
	.name = "kernel",
	.programs = "kernel ulogd",
	.module = "iptables",
	.dataset = "iptables.log",
	.rules = kernel_rules,
};

#define PEER "%{>source:addr}:%{source.port:int} "
#define VPN(pat, act, out, cat, typ, constants)                                                    \
	{                                                                                          \
		.pattern = pat, .action = act, .outcome = out, .category = cat, .type = typ,       \
		.set = constants                                                                   \
	}
#define VPN_LOGIN(pat, out, constants)                                                             \
	VPN(PEER pat, "vpn_login", out, "authentication network", "info", constants),              \
		VPN("%{user.name}/" PEER pat, "vpn_login", out, "authentication network", "info",  \
		    constants)

static const struct match_rule openvpn_rules[] = {
	VPN_LOGIN("TLS Auth Error: %{event.reason}", "failure", NULL),
	VPN_LOGIN("VERIFY ERROR: %{event.reason}", "failure", NULL),
	/* One refusal is also a TLS Auth Error, so that this one must not count as an attempt. */
	VPN(PEER "SENT CONTROL [%{user.name}]: 'AUTH_FAILED%{_}", "vpn_refused", "failure",
	    "authentication network", "info", NULL),
	VPN("%{user.name}/" PEER "SENT CONTROL [%{_}]: 'AUTH_FAILED%{_}", "vpn_refused", "failure",
	    "authentication network", "info", NULL),
	VPN_LOGIN("SENT CONTROL [%{user.name}]: 'PUSH_REPLY%{_}", "success", NULL),
	VPN(PEER "TLS Error: %{event.reason}", "vpn_tls_error", "failure", "network",
	    "connection denied", NULL),
	VPN("TLS Error: %{event.reason} from [AF_INET]%{source:addr}:%{source.port:int}<< %{_}>>",
	    "vpn_tls_error", "failure", "network", "connection denied", NULL),
	VPN("TLS Error: %{event.reason} from [AF_INET6]%{>source:addr}:%{source.port:int}<< %{_}>>",
	    "vpn_tls_error", "failure", "network", "connection denied", NULL),
	VPN("%{user.name}/" PEER "SIG%{event.reason} received, client-instance %{_}",
	    "vpn_disconnect", NULL, "network", "connection end", NULL),
	VPN(PEER "SIG%{event.reason} received, client-instance %{_}", "vpn_disconnect", NULL,
	    "network", "connection end", NULL),
	{ .pattern = PEER "TLS: Username/Password authentication succeeded for username "
			  "'%{user.name}'%{_}" },
	{ .pattern = PEER "[%{user.name}] Peer Connection Initiated with %{_}" },
	{ NULL },
};

const struct match_table parsers_openvpn = {
	.name = "openvpn",
	.programs = "openvpn ovpn-* openvpn-* openvpn@*",
	.module = "openvpn",
	.dataset = "openvpn.log",
	.rules = openvpn_rules,
};

const struct match_table *const parsers_all[] = {
	&parsers_sshd,     &parsers_sudo,    &parsers_su,     &parsers_cron,
	&parsers_accounts, &parsers_systemd, &parsers_logind, &parsers_logging,
	&parsers_kernel,   &parsers_openvpn, &parsers_pam,    NULL,
};
