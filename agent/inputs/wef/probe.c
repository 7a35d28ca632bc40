/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/inputs/wef/probe.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "agent/inputs/syslog.h"
#include "common/base/hash.h"
#include "common/base/time.h"

#define WAIT_S     3
#define ANSWER_MAX 4096u

static int dial(const struct sockaddr *at, socklen_t n, struct err *err)
{
	struct timeval wait = { .tv_sec = WAIT_S };
	int fd = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) == 0 &&
	    connect(fd, at, n) == 0)
		return fd;
	err_set(err, ERR_PEER, "%s", errno == EINPROGRESS ? "it does not answer" : strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool send_all(int fd, struct slice s)
{
	while (s.n > 0) {
		ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		s = slice_from(s, (size_t)n);
	}
	return true;
}

/* Until `want` bytes are there, or the other end is through or slow. */
static size_t receive(int fd, char *to, size_t want)
{
	size_t got = 0;
	ssize_t n;

	while (got < want && (n = recv(fd, to + got, want - got, 0)) > 0)
		got += (size_t)n;
	return got;
}

/* What stands in b from `from` on becomes the content of a DER element (X.690 8.1). */
static void der_wrap(struct buf *b, size_t from, uint8_t tag)
{
	size_t n = b->n - from, extra = n < 0x80 ? 2 : n < 0x100 ? 3 : 4;
	uint8_t head[4] = { tag, (uint8_t)n };

	if (extra == 3) {
		head[1] = 0x81;
		head[2] = (uint8_t)n;
	} else if (extra == 4) {
		head[1] = 0x82;
		head[2] = (uint8_t)(n >> 8);
		head[3] = (uint8_t)n;
	}
	buf_put(b, head, extra); /* makes the room */
	if (b->failed)
		return;
	memmove(b->p + from + extra, b->p + from, n);
	memcpy(b->p + from, head, extra);
}

static void der_field(struct buf *b, uint8_t number, uint8_t tag, struct slice content)
{
	size_t from = b->n;

	buf_slice(b, content);
	der_wrap(b, from, tag);
	der_wrap(b, from, 0xa0 | number);
}

/* PrincipalName: its type, its components. */
static void der_name(struct buf *b, uint8_t number, char type, const char *first,
		     const char *second)
{
	size_t from = b->n, names;

	der_field(b, 0, 0x02, (struct slice){ &type, 1 });
	names = b->n;
	buf_str(b, first);
	der_wrap(b, names, 0x1b);
	if (second != NULL) {
		size_t at = b->n;

		buf_str(b, second);
		der_wrap(b, at, 0x1b);
	}
	der_wrap(b, names, 0x30);
	der_wrap(b, names, 0xa1);
	der_wrap(b, from, 0x30);
	der_wrap(b, from, 0xa0 | number);
}

/* An AS-REQ of somebody who does not exist, with its length before it (RFC 4120 7.2.2). */
static void put_request(struct buf *out, const char *realm)
{
	struct buf b = { 0 };
	char nonce[4], length[4];
	size_t body;

	random_bytes(nonce, sizeof(nonce));
	nonce[0] = 0x40; /* a positive number */
	der_field(&b, 1, 0x02, SLICE("\x05"));
	der_field(&b, 2, 0x02, SLICE("\x0a"));
	body = b.n;
	der_field(&b, 0, 0x03, SLICE("\0\0\0\0\0"));
	der_name(&b, 1, 1, "vartio-doctor", NULL);
	der_field(&b, 2, 0x1b, slice_str(realm));
	der_name(&b, 3, 2, "krbtgt", realm);
	der_field(&b, 5, 0x18, SLICE("20370913024805Z"));
	der_field(&b, 7, 0x02, (struct slice){ nonce, sizeof(nonce) });
	der_field(&b, 8, 0x30, SLICE("\x02\x01\x12\x02\x01\x11"));
	der_wrap(&b, body, 0x30);
	der_wrap(&b, body, 0xa4);
	der_wrap(&b, 0, 0x30);
	der_wrap(&b, 0, 0x6a);
	for (unsigned i = 0; i < 4; i++)
		length[i] = (char)(b.n >> (24 - 8 * i));
	buf_put(out, length, sizeof(length));
	buf_slice(out, buf_view(&b));
	out->failed = out->failed || b.failed;
	buf_release(&b);
}

/* Takes one element off s, which is not ret; false: cut, or longer than anything here is. */
static bool der_next(struct slice *s, uint8_t *ret_tag, struct slice *ret)
{
	const uint8_t *p = (const uint8_t *)s->p;
	size_t n, head = 2;

	if (s->n < 2)
		return false;
	n = p[1];
	if ((n == 0x81 || n == 0x82) && s->n >= 4) {
		head = n == 0x81 ? 3 : 4;
		n = n == 0x81 ? p[2] : (size_t)p[2] << 8 | p[3];
	} else if (n > 0x7f) {
		return false;
	}
	if (n > s->n - head)
		return false;
	*ret_tag = p[0];
	*ret = (struct slice){ s->p + head, n };
	*s = slice_from(*s, head + n);
	return true;
}

/* KRB-ERROR's stime: [APPLICATION 30] SEQUENCE, [4] GeneralizedTime. */
static bool error_time(struct slice answer, int64_t *ret_s)
{
	struct slice error, fields, field, time;
	char text[16];
	struct tm tm = { 0 };
	const char *end;
	uint8_t tag;

	if (!der_next(&answer, &tag, &error) || tag != 0x7e || !der_next(&error, &tag, &fields) ||
	    tag != 0x30)
		return false;
	do {
		if (!der_next(&fields, &tag, &field))
			return false;
	} while (tag != 0xa4);
	if (!der_next(&field, &tag, &time) || tag != 0x18 || time.n != 15)
		return false;
	memcpy(text, time.p, 15);
	text[15] = '\0';
	end = strptime(text, "%Y%m%d%H%M%SZ", &tm);
	if (end == NULL || *end != '\0')
		return false;
	*ret_s = (int64_t)timegm(&tm);
	return true;
}

int probe_clock(const struct sockaddr_in *at, const char *realm, int64_t *ret_ahead_s,
		struct err *err)
{
	char answer[ANSWER_MAX];
	struct buf request = { 0 };
	int64_t there_s;
	int fd = dial((const struct sockaddr *)at, sizeof(*at), err), r = -1;
	size_t n = 0;

	if (fd < 0)
		return -1;
	put_request(&request, realm);
	if (!request.failed && send_all(fd, buf_view(&request)) && receive(fd, answer, 4) == 4)
		n = (size_t)(uint8_t)answer[2] << 8 | (uint8_t)answer[3];
	if (n == 0 || n > sizeof(answer) || receive(fd, answer, n) != n)
		err_set(err, ERR_PEER, "it does not answer");
	else if (!error_time((struct slice){ answer, n }, &there_s))
		err_set(err, ERR_PEER, "its answer is not one of a KDC");
	else
		r = 0;
	if (r == 0)
		*ret_ahead_s = time_now_ns() / NS_PER_SEC - there_s;
	buf_release(&request);
	close(fd);
	return r;
}

bool probe_clock_kept(void)
{
	struct timex tx = { 0 };
	int state = adjtimex(&tx);

	return state >= 0 && state != TIME_ERROR;
}

enum probe_door probe_door(const char *listen, bool kerberos)
{
	const struct slice hello =
		SLICE("POST /wsman HTTP/1.1\r\nHost: doctor\r\nContent-Length: 0\r\n\r\n");
	struct sockaddr_storage at;
	enum probe_door found = DOOR_OURS;
	char text[ANSWER_MAX];
	struct slice got = { text, 0 };
	socklen_t n;
	struct err err;
	int fd;

	if (syslog_address(listen, &at, &n, &err) < 0)
		return DOOR_CLOSED;
	fd = dial((const struct sockaddr *)&at, n, &err);
	if (fd < 0)
		return DOOR_CLOSED;
	if (kerberos) {
		if (send_all(fd, hello) && shutdown(fd, SHUT_WR) == 0)
			got.n = receive(fd, text, sizeof(text));
		if (!slice_starts(got, SLICE("HTTP/1.1 401")) ||
		    slice_find(got, SLICE("WWW-Authenticate: Kerberos")) < 0)
			found = DOOR_FOREIGN;
	}
	close(fd);
	return found;
}
