/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/inputs/wef/doctor.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "agent/inputs/wef/probe.h"

#define KDC_PORT 88
#define SKEW_S   300 /* what Kerberos in Windows allows */

static bool is_ours(const char *address)
{
	struct ifaddrs *all = NULL;
	struct in_addr in;
	bool found = false;

	if (inet_pton(AF_INET, address, &in) != 1 || getifaddrs(&all) < 0)
		return false;
	for (struct ifaddrs *a = all; a != NULL; a = a->ifa_next)
		if (a->ifa_addr != NULL && a->ifa_addr->sa_family == AF_INET &&
		    ((struct sockaddr_in *)a->ifa_addr)->sin_addr.s_addr == in.s_addr)
			found = true;
	freeifaddrs(all);
	return found;
}

/* The PTR record of an address that the name has. */
static bool leads_back(const struct wef_doctor *dr, const char *address, const char *host,
		       struct wef_report *rp)
{
	struct dns_answer names;
	struct err err;

	if (dns_names(dr->dns, address, &names, &err) < 0) {
		wef_wrong(rp, N_("DNS: {why}"), "why", err.msg, NULL);
		return false;
	}
	for (size_t i = 0; i < names.n; i++)
		if (strcasecmp(names.v[i], host) == 0)
			return true;
	if (names.n == 0)
		wef_wrong(rp,
			  N_("DNS: {address} leads back to no name; add the PTR record "
			     "(vartio-agent wef "
			     "setup)"),
			  "address", address, NULL);
	else
		wef_wrong(rp,
			  N_("DNS: {address} leads back to {name}, not to {host}; put the PTR "
			     "record right"),
			  "address", address, "name", names.v[0], "host", host, NULL);
	return false;
}

static void ask_dns(const struct wef_doctor *dr, const char *host, struct wef_report *rp)
{
	struct dns_answer found;
	struct err err;

	if (dns_addresses(dr->dns, host, &found, &err) < 0) {
		wef_wrong(rp, N_("DNS: {why}"), "why", err.msg, NULL);
		return;
	}
	if (found.n == 0)
		wef_wrong(
			rp,
			N_("DNS: {host} has no address; add the A record (vartio-agent wef setup)"),
			"host", host, NULL);
	for (size_t i = 0; i < found.n; i++) {
		const char *address = found.v[i];

		if (strncmp(address, "127.", 4) == 0)
			wef_wrong(
				rp,
				N_("DNS: {host} is {address}, which no other computer can reach; "
				   "put the A "
				   "record right, or ask the domain's name server: --dns ADDRESS"),
				"host", host, "address", address, NULL);
		else if (!is_ours(address))
			wef_wrong(rp,
				  N_("DNS: {host} is {address}, which is not an address of this "
				     "machine; put "
				     "the A record right (behind a load balancer it is as it "
				     "should be)"),
				  "host", host, "address", address, NULL);
		else if (leads_back(dr, address, host, rp))
			wef_good(rp, N_("DNS: {host} is {address}, and {address} is {host}"),
				 "host", host, "address", address, NULL);
	}
}

/* The realm's own name is every domain controller of it in Active Directory. */
static bool find_kdc(const struct wef_doctor *dr, const char *domain, struct sockaddr_in *ret)
{
	struct dns_answer found;
	struct err err;

	*ret = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(KDC_PORT) };
	if (dr->kdc != NULL) {
		*ret = *dr->kdc;
		return true;
	}
	return dns_addresses(dr->dns, domain, &found, &err) == 0 && found.n > 0 &&
	       inet_pton(AF_INET, found.v[0], &ret->sin_addr) == 1;
}

/* True: the domain controller has been asked, and it was told. */
static bool ask_kdc(const struct wef_doctor *dr, const struct wef_site *pl, struct wef_report *rp)
{
	char name[INET_ADDRSTRLEN], seconds[24];
	struct sockaddr_in at;
	int64_t ahead;
	struct err err;

	if (!find_kdc(dr, pl->domain, &at) || probe_clock(&at, pl->realm, &ahead, &err) < 0)
		return false;
	inet_ntop(AF_INET, &at.sin_addr, name, sizeof(name));
	snprintf(seconds, sizeof(seconds), "%lld", (long long)llabs(ahead));
	if (llabs(ahead) >= SKEW_S)
		wef_wrong(rp,
			  N_("clock: {seconds} s apart from the domain controller {name}, and "
			     "Kerberos allows "
			     "300; run: timedatectl set-ntp true"),
			  "seconds", seconds, "name", name, NULL);
	else
		wef_good(rp, N_("clock: {seconds} s apart from the domain controller {name}"),
			 "seconds", seconds, "name", name, NULL);
	return true;
}

static void ask_clock(const struct wef_doctor *dr, const struct wef_site *pl, struct wef_report *rp)
{
	if (pl->conf->kerberos != NULL && ask_kdc(dr, pl, rp))
		return;
	if (probe_clock_kept())
		wef_good(rp, N_("clock: kept right by NTP; no domain controller was asked"), NULL);
	else
		wef_wrong(rp,
			  N_("clock: no domain controller could be asked, and NTP does not keep it "
			     "right; run: "
			     "timedatectl set-ntp true, or name one: --kdc ADDRESS"),
			  NULL);
}

static void ask_door(const char *listen, bool kerberos, struct wef_report *rp)
{
	if (listen == NULL)
		return;
	switch (probe_door(listen, kerberos)) {
	case DOOR_OURS:
		wef_good(rp, N_("port: the agent listens on {address}"), "address", listen, NULL);
		break;
	case DOOR_FOREIGN:
		wef_wrong(rp,
			  N_("port: another program answers on {address}; ss -lntp tells which"),
			  "address", listen, NULL);
		break;
	case DOOR_CLOSED:
		wef_wrong(rp,
			  N_("port: nobody listens on {address}; run: systemctl restart "
			     "vartio-agent, and see "
			     "journalctl -u vartio-agent"),
			  "address", listen, NULL);
		break;
	}
}

void wef_doctor(const struct wef_doctor *dr, const struct wef_site *pl, struct wef_report *rp)
{
	wef_inspect(pl->conf, pl->host, rp);
	ask_dns(dr, pl->host, rp);
	ask_clock(dr, pl, rp);
	ask_door(pl->conf->kerberos, true, rp);
	ask_door(pl->conf->https, false, rp);
}
