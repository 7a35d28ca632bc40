/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/syslog.h: the syslog inputs: what their files share, and what tests ask them. */
#ifndef VARTIO_INPUTS_SYSLOG_H
#define VARTIO_INPUTS_SYSLOG_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "agent/inputs/input.h"

struct syslog_conf {
	const char *listen; /* ADDRESS:PORT, or the socket's path */
	int format;         /* index into input_formats */
	uint64_t max_message_bytes;
	uint64_t receive_buffer_bytes; /* datagrams: SO_RCVBUF; 0: the system's default */
	const char *mode;              /* unix: octal file mode of the socket */
	int64_t max_connections;       /* tcp */
	int64_t idle_timeout;          /* tcp, ms; 0: none */
};

struct syslog_bound { /* the first member of in->data of the internet kinds */
	uint16_t port;
};

extern const struct input_class input_syslog_udp, input_syslog_tcp, input_syslog_unix;

/* "192.0.2.1:514", "[2001:db8::1]:514", "0.0.0.0:514". ERR_SYNTAX tells the form. */
int syslog_address(const char *text, struct sockaddr_storage *ret, socklen_t *ret_len,
		   struct err *err);
/* The address as log.source.address has it: no port, an IPv4 address in IPv6 as IPv4. */
struct slice syslog_peer(const struct sockaddr_storage *from, char out[INET6_ADDRSTRLEN]);
/* Why listening on text failed (error: the errno), with the line that repairs it. Always -1. */
int syslog_refused(const char *text, int error, struct err *err);
/* input_class.check of the internet sockets: binds and lets go again. */
int syslog_check_bind(const struct syslog_conf *cf, int type,
		      void (*fault)(void *arg, const struct err *err), void *arg);
void syslog_bound_to(int fd, struct syslog_bound *ret);
/* The port an open syslog-udp or syslog-tcp input listens on (port 0 takes a free one). */
uint16_t syslog_port(const struct input *in);

#endif
