/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/syslog.c: addresses and faults that the syslog inputs share. */
#include "agent/inputs/syslog.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static int bad_address(const char *text, struct err *err)
{
	return err_set(err, ERR_SYNTAX,
		       "listen: %s is not ADDRESS:PORT; write 0.0.0.0:514, 192.0.2.1:5514 or "
		       "[::]:514",
		       text);
}

int syslog_address(const char *text, struct sockaddr_storage *ret, socklen_t *ret_len,
		   struct err *err)
{
	struct slice s = slice_str(text), host;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	const char *colon = strrchr(text, ':');
	char name[INET6_ADDRSTRLEN];
	uint64_t port;

	if (colon == NULL || !slice_uint(slice_str(colon + 1), UINT16_MAX, &port))
		return bad_address(text, err);
	host = (struct slice){ s.p, (size_t)(colon - s.p) };
	if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
		host = (struct slice){ host.p + 1, host.n - 2 };
	if (host.n == 0 || host.n >= sizeof(name))
		return bad_address(text, err);
	memcpy(name, host.p, host.n);
	name[host.n] = '\0';
	*ret = (struct sockaddr_storage){ 0 };
	if (inet_pton(AF_INET, name, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		*ret_len = sizeof(*v4);
		return 0;
	}
	if (inet_pton(AF_INET6, name, &v6->sin6_addr) != 1)
		return bad_address(text, err);
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)port);
	*ret_len = sizeof(*v6);
	return 0;
}

struct slice syslog_peer(const struct sockaddr_storage *from, char out[INET6_ADDRSTRLEN])
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
	const char *p = NULL;

	if (from->ss_family == AF_INET)
		p = inet_ntop(AF_INET, &v4->sin_addr, out, INET6_ADDRSTRLEN);
	else if (from->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		p = inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], out, INET6_ADDRSTRLEN);
	else if (from->ss_family == AF_INET6)
		p = inet_ntop(AF_INET6, &v6->sin6_addr, out, INET6_ADDRSTRLEN);
	return slice_str(p);
}

int syslog_refused(const char *text, int error, struct err *err)
{
	if (error == EACCES || error == EPERM)
		return err_set(
			err, ERR_DENIED,
			"may not listen on %s: ports below 1024 need a right; run `systemctl "
			"edit vartio-agent` and add [Service] "
			"AmbientCapabilities=CAP_NET_BIND_SERVICE, or listen on port 5514",
			text);
	if (error == EADDRINUSE)
		return err_set(
			err, ERR_BUSY,
			"cannot listen on %s: another program does; `ss -lnup` and `ss -lntp` "
			"tell which",
			text);
	if (error == EADDRNOTAVAIL)
		return err_set(
			err, ERR_ABSENT,
			"cannot listen on %s: this machine has no such address; `ip address` "
			"lists them",
			text);
	return err_set(err, ERR_IO, "cannot listen on %s: %s", text, strerror(error));
}

int syslog_check_bind(const struct syslog_conf *cf, int type,
		      void (*fault)(void *arg, const struct err *err), void *arg)
{
	struct sockaddr_storage at;
	socklen_t n;
	struct err err;
	int fd = -1, r = 0;

	if (syslog_address(cf->listen, &at, &n, &err) < 0)
		goto bad;
	fd = socket(at.ss_family, type | SOCK_CLOEXEC, 0);
	if (fd >= 0 && bind(fd, (const struct sockaddr *)&at, n) == 0)
		goto out;
	if (errno == EADDRINUSE)
		goto out; /* the running agent itself, most likely */
	syslog_refused(cf->listen, errno, &err);
bad:
	fault(arg, &err);
	r = -1;
out:
	if (fd >= 0)
		close(fd);
	return r;
}

void syslog_bound_to(int fd, struct syslog_bound *ret)
{
	struct sockaddr_storage at = { 0 };
	socklen_t n = sizeof(at);

	if (getsockname(fd, (struct sockaddr *)&at, &n) < 0)
		return;
	ret->port = ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&at)->sin6_port
						   : ((struct sockaddr_in *)&at)->sin_port);
}

uint16_t syslog_port(const struct input *in)
{
	return ((const struct syslog_bound *)in->data)->port;
}
