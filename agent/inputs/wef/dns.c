/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/wef/dns.c: one question to a name server. The C library's getaddrinfo would look
 * into /etc/hosts first, where Debian has this machine's own name as 127.0.1.1: no client sees
 * that. */
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <ctype.h>
#include <netdb.h>
#include <resolv.h>
#include <stdio.h>

#include "agent/inputs/wef/probe.h"

#define ANSWER_MAX 4096
#define WAIT_S     2
#define TRIES      2
#define HEADER     12

/* The records of a type in an answer, as text (RFC 1035 4.1). By the functions of libc alone:
 * ns_parserr and its kin would make libresolv a dependency. */
static void read_answer(const unsigned char *msg, size_t n, uint16_t type, struct dns_answer *ret)
{
	const unsigned char *at = msg + HEADER, *end = msg + n;
	unsigned questions, answers;

	if (n < HEADER)
		return;
	questions = (unsigned)msg[4] << 8 | msg[5];
	answers = (unsigned)msg[6] << 8 | msg[7];
	for (unsigned i = 0; i < questions + answers && ret->n < DNS_ANSWERS_MAX; i++) {
		int skip = dn_skipname(at, end);
		char *to = ret->v[ret->n];
		size_t length;

		if (skip < 0 || end - at < skip + (i < questions ? 4 : 10))
			return;
		at += skip;
		if (i < questions) {
			at += 4; /* type and class */
			continue;
		}
		length = (size_t)at[8] << 8 | at[9];
		if ((size_t)(end - at) < 10 + length)
			return;
		/* Others are passed by: a CNAME on the way. */
		if (((unsigned)at[0] << 8 | at[1]) == type &&
		    (type == ns_t_a
			     ? length == 4 && inet_ntop(AF_INET, at + 10, to, DNS_TEXT_MAX) != NULL
			     : dn_expand(msg, end, at + 10, to, (int)DNS_TEXT_MAX) >= 0)) {
			for (; *to != '\0'; to++)
				*to = (char)tolower((unsigned char)*to);
			ret->n++;
		}
		at += 10 + length;
	}
}

static int ask(const struct sockaddr_in *server, const char *name, uint16_t type,
	       struct dns_answer *ret, struct err *err)
{
	struct __res_state rs = { 0 };
	struct dns_answer found = { .n = 0 };
	unsigned char answer[ANSWER_MAX];
	int n;

	if (res_ninit(&rs) < 0)
		return err_set(err, ERR_IO, "/etc/resolv.conf cannot be read");
	rs.retrans = WAIT_S;
	rs.retry = TRIES;
	if (server != NULL) {
		rs.nscount = 1;
		rs.nsaddr_list[0] = *server;
	}
	n = res_nquery(&rs, name, ns_c_in, type, answer, sizeof(answer));
	if (n < 0 && rs.res_h_errno != HOST_NOT_FOUND && rs.res_h_errno != NO_DATA) {
		res_nclose(&rs);
		return err_set(err, ERR_PEER, "the name server does not answer");
	}
	res_nclose(&rs);
	if (n > 0)
		read_answer(answer, n < ANSWER_MAX ? (size_t)n : ANSWER_MAX, type, &found);
	*ret = found;
	return 0;
}

int dns_addresses(const struct sockaddr_in *server, const char *name, struct dns_answer *ret,
		  struct err *err)
{
	return ask(server, name, ns_t_a, ret, err);
}

int dns_names(const struct sockaddr_in *server, const char *ipv4, struct dns_answer *ret,
	      struct err *err)
{
	struct in_addr in;
	const unsigned char *b = (const unsigned char *)&in;
	char name[40];

	if (inet_pton(AF_INET, ipv4, &in) != 1)
		return err_set(err, ERR_SYNTAX, "%s is no IPv4 address", ipv4);
	snprintf(name, sizeof(name), "%u.%u.%u.%u.in-addr.arpa", b[3], b[2], b[1], b[0]);
	return ask(server, name, ns_t_ptr, ret, err);
}
