/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/wef/probe.h: questions to the network that `wef doctor` asks: names, the domain
 * controller's clock, this agent's own doors. Blocking, each for a few seconds at most: commands
 * only. Standards: RFC 1035 (by the C library's resolver), RFC 4120 5.4.1 and 5.9.1. */
#ifndef VARTIO_WEF_PROBE_H
#define VARTIO_WEF_PROBE_H

#include <netinet/in.h>

#include "common/base/err.h"
#include "common/base/slice.h"

#define DNS_ANSWERS_MAX 8u
#define DNS_TEXT_MAX    256u

struct dns_answer {
	char v[DNS_ANSWERS_MAX][DNS_TEXT_MAX]; /* addresses, or names in small letters without the
						  last dot */
	size_t n;                              /* 0: there is no such record */
};
/* Asks the name server at `server` (NULL: those of the system) and nothing else: no /etc/hosts.
 * ERR_PEER: it does not answer. */
int dns_addresses(const struct sockaddr_in *server, const char *name, struct dns_answer *ret,
		  struct err *err);
int dns_names(const struct sockaddr_in *server, const char *ipv4, struct dns_answer *ret,
	      struct err *err);

/* How many seconds the clock here is ahead of the KDC's at `at`, which says its time in the error
 * that a request for nobody's ticket gets. ERR_PEER: no answer, or another one. */
int probe_clock(const struct sockaddr_in *at, const char *realm, int64_t *ret_ahead_s,
		struct err *err);
/* Whether the kernel's clock is kept right by NTP. */
bool probe_clock_kept(void);

enum probe_door { DOOR_CLOSED, DOOR_OURS, DOOR_FOREIGN };
/* Who listens at ADDRESS:PORT. kerberos: asks as a client would, and knows the answer of a door for
 * Kerberos; else whoever listens is taken for ours. */
enum probe_door probe_door(const char *listen, bool kerberos);

#endif
