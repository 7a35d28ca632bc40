/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/peers/forwarders.c: many Windows event forwarders, cheap while they are measured: what they
 * send is made, compressed and encrypted before.
 * Usage: forwarders ADDRESS:PORT HOST PATH FOLDER FIRST COUNT kerberos REALM
 *        forwarders ADDRESS:PORT HOST PATH FOLDER FIRST COUNT tls CA CA-KEY
 *   COUNT clients from number FIRST on; client N is wsN (Kerberos) or wsN.example.lan (TLS), each
 * with a connection. PATH is the subscription's. FOLDER holds what is sent, as
 * tests/e2e/forwarders.py writes it: `events` (one a line), `events.soap` and `heartbeat.soap`; in
 * these bytes 1 to 5 stand for a record's number, the computer, the message's number, the events,
 * the last record's number. Does what standard input asks for, a line each, and answers with a line
 * of JSON: up                  all connect and authenticate make SIZE BATCHES   BATCHES of SIZE
 * events for each, to be sent next send RATE           all that was made, RATE events a second (0:
 * as quick as they are answered); milliseconds count from when a batch was due beat a heartbeat of
 * each An answer other than 200 ends the program. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

#include "agent/inputs/wef/text.h"
#include "common/base/file.h"
#include "common/base/time.h"
#include "tests/peers/forwarders.h"

#define FILE_MAX_BYTES (UINT64_C(256) << 20)
#define ANSWER_WAIT_MS 60000

enum mark { MARK_RECORD = 1, MARK_COMPUTER, MARK_MESSAGE, MARK_EVENTS, MARK_LAST, MARKS };

struct request {
	struct buf bytes;
	unsigned events;
};
struct forwarder {
	struct line *line;
	char computer[64];
	uint64_t record;
	struct request *requests;
	size_t n, next, at; /* at: bytes of the one that is under way that are gone */
	int64_t due_ns;     /* of the one that is under way; 0: none is */
	bool writing;
};

static struct forwarder *all;
static size_t first, count;
static const char *path, *folder;
static struct buf event_text, events_soap, heartbeat_soap;
static struct slice *events;
static size_t n_events, event_at;
static uint64_t messages;
static int epoll;
static double *waited_ms;
static size_t n_waited, sent_events;

void fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("forwarders: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

static void *must_have(void *p)
{
	if (p == NULL)
		fail("no memory");
	return p;
}

/* --- what is sent --- */

static void load(const char *name, struct buf *ret)
{
	struct buf full = { 0 };
	struct err err;

	buf_printf(&full, "%s/%s", folder, name);
	if (file_read(buf_cstr(&full), FILE_MAX_BYTES, ret, &err) < 0)
		fail("%s", err.msg);
	buf_release(&full);
}

static void load_events(void)
{
	struct slice rest;

	load("events", &event_text);
	rest = buf_view(&event_text);
	events = must_have(calloc(rest.n / 16 + 1, sizeof(*events)));
	for (ssize_t end; (end = slice_chr(rest, '\n')) > 0;
	     rest = slice_from(rest, (size_t)end + 1))
		events[n_events++] = (struct slice){ rest.p, (size_t)end };
	if (n_events == 0)
		fail("no events");
}

/* Appends text with each mark replaced by what it stands for. */
static void expand(struct slice text, const struct slice by[MARKS], struct buf *out)
{
	size_t from = 0;

	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c == 0 || c >= MARKS)
			continue;
		buf_put(out, text.p + from, i - from);
		buf_slice(out, by[c]);
		from = i + 1;
	}
	buf_slice(out, slice_from(text, from));
}

static void make_request(struct forwarder *f, struct slice soap, unsigned size, struct request *ret)
{
	struct slice by[MARKS] = { [MARK_COMPUTER] = slice_str(f->computer) };
	struct buf inner = { 0 }, text = { 0 }, wide = { 0 }, packed = { 0 };
	char number[24], message[24];

	for (unsigned i = 0; i < size; i++) {
		int n = snprintf(number, sizeof(number), "%llu", (unsigned long long)++f->record);

		by[MARK_RECORD] = by[MARK_LAST] = (struct slice){ number, (size_t)n };
		buf_str(&inner, "<w:Event><![CDATA[");
		expand(events[event_at++ % n_events], by, &inner);
		buf_str(&inner, "]]></w:Event>");
	}
	snprintf(message, sizeof(message), "%012llX", (unsigned long long)++messages);
	by[MARK_MESSAGE] = slice_str(message);
	by[MARK_EVENTS] = buf_view(&inner);
	expand(soap, by, &text);
	wef_text_write(buf_view(&text), &wide);
	if (size > 0)
		sldc_write(buf_view(&wide), &packed);
	*ret = (struct request){ .events = size };
	line_request(f->line, path, buf_view(size > 0 ? &packed : &wide), size > 0, &ret->bytes);
	buf_release(&inner);
	buf_release(&text);
	buf_release(&wide);
	buf_release(&packed);
}

static void forget(struct forwarder *f)
{
	for (size_t i = 0; i < f->n; i++)
		buf_release(&f->requests[i].bytes);
	free(f->requests);
	f->requests = NULL;
	f->n = f->next = 0;
}

/* Returns the bytes that were made. */
static size_t make(struct slice soap, unsigned size, size_t batches)
{
	size_t bytes = 0;

	for (size_t i = 0; i < count; i++) {
		struct forwarder *f = &all[i];

		forget(f);
		f->requests = must_have(calloc(batches, sizeof(*f->requests)));
		for (f->n = 0; f->n < batches; f->n++) {
			make_request(f, soap, size, &f->requests[f->n]);
			bytes += f->requests[f->n].bytes.n;
		}
	}
	return bytes;
}

/* --- sending --- */

static void watch(struct forwarder *f, int op, bool writing)
{
	struct epoll_event ev = { .events = writing ? EPOLLOUT : EPOLLIN, .data.ptr = f };

	f->writing = writing;
	if (epoll_ctl(epoll, op, line_fd(f->line), &ev) < 0)
		fail("epoll");
}

static void push(struct forwarder *f)
{
	struct slice bytes = buf_view(&f->requests[f->next].bytes);
	bool all_gone;

	while (f->at < bytes.n) {
		size_t n = line_send(f->line, slice_from(bytes, f->at));

		if (n == 0)
			break;
		f->at += n;
	}
	all_gone = f->at == bytes.n;
	if (f->writing == all_gone)
		watch(f, EPOLL_CTL_MOD, !all_gone);
}

/* 1: its request has been answered. */
static unsigned serve(struct forwarder *f)
{
	unsigned status;

	if (f->writing) {
		push(f);
		return 0;
	}
	status = line_answer(f->line);
	if (status == 0)
		return 0;
	if (status != 200)
		fail("%s was answered %u", f->computer, status);
	waited_ms[n_waited++] = (double)(time_mono_ns() - f->due_ns) / 1e6;
	sent_events += f->requests[f->next].events;
	buf_release(&f->requests[f->next].bytes);
	f->next++;
	f->due_ns = 0;
	return 1;
}

static size_t serve_all(int timeout_ms)
{
	struct epoll_event got[256];
	int n = epoll_wait(epoll, got, 256, timeout_ms);
	size_t done = 0;

	for (int i = 0; i < n; i++)
		done += serve(got[i].data.ptr);
	return done;
}

static int order(const void *a, const void *b)
{
	double d = *(const double *)a - *(const double *)b;

	return d < 0 ? -1 : d > 0;
}

static void tell_waits(int64_t from_ns)
{
	qsort(waited_ms, n_waited, sizeof(*waited_ms), order);
	printf("{\"requests\":%zu,\"events\":%zu,\"seconds\":%.3f,\"p50_ms\":%.2f,\"p99_ms\":%.2f,"
	       "\"max_ms\":%.2f}\n",
	       n_waited, sent_events, (double)(time_mono_ns() - from_ns) / 1e9,
	       waited_ms[n_waited / 2], waited_ms[n_waited * 99 / 100], waited_ms[n_waited - 1]);
	sent_events = 0;
	free(waited_ms);
	waited_ms = NULL;
	n_waited = 0;
}

static void begin(struct forwarder *f, int64_t due_ns)
{
	f->due_ns = due_ns;
	f->at = 0;
	push(f);
}

/* Batches are due one after the other, of each client in turn. One that is due while its client
 * still waits begins when that is over, and its time counts from when it was due. */
static void send_all(double rate)
{
	size_t total = 0, done = 0;
	int64_t from_ns, now, silent_ns;

	for (size_t i = 0; i < count; i++)
		total += all[i].n;
	waited_ms = must_have(calloc(total + 1, sizeof(*waited_ms)));
	from_ns = silent_ns = time_mono_ns();
	while (done < total) {
		size_t more;
		bool early = false;

		now = time_mono_ns();
		for (size_t i = 0; i < count; i++) {
			struct forwarder *f = &all[i];
			int64_t due = now;

			if (f->due_ns != 0 || f->next == f->n)
				continue;
			if (rate > 0)
				due = from_ns + (int64_t)((double)(f->next * count + i) *
							  f->requests[f->next].events / rate * 1e9);
			if (due <= now)
				begin(f, due);
			else
				early = true;
		}
		more = serve_all(early ? 1 : 1000);
		done += more;
		silent_ns = more > 0 || early ? now : silent_ns;
		if (now - silent_ns > INT64_C(1000000) * ANSWER_WAIT_MS)
			fail("no answer for a minute");
	}
	tell_waits(from_ns);
}

/* --- commands --- */

static struct line_opts opts;

static void up(void)
{
	int64_t from_ns = time_mono_ns();

	for (size_t i = 0; i < count; i++) {
		char name[64];

		snprintf(name, sizeof(name), opts.realm == NULL ? "ws%zu.example.lan" : "ws%zu",
			 first + i);
		snprintf(all[i].computer, sizeof(all[i].computer), "ws%zu.example.lan", first + i);
		all[i].line = line_open(&opts, name);
		watch(&all[i], EPOLL_CTL_ADD, false);
	}
	printf("{\"seconds\":%.3f}\n", (double)(time_mono_ns() - from_ns) / 1e9);
}

static void command(const char *line)
{
	unsigned size;
	size_t batches;
	double rate;

	if (strcmp(line, "up\n") == 0) {
		up();
	} else if (sscanf(line, "make %u %zu", &size, &batches) == 2) {
		printf("{\"bytes\":%zu}\n", make(buf_view(&events_soap), size, batches));
	} else if (sscanf(line, "send %lf", &rate) == 1) {
		send_all(rate);
	} else if (strcmp(line, "beat\n") == 0) {
		make(buf_view(&heartbeat_soap), 0, 1);
		send_all(0);
	} else {
		fail("what is %s", line);
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char line[128];
	bool tls = argc == 10 && strcmp(argv[7], "tls") == 0;

	if (!tls && !(argc == 9 && strcmp(argv[7], "kerberos") == 0))
		fail("usage: ADDRESS:PORT HOST PATH FOLDER FIRST COUNT kerberos REALM | tls CA "
		     "CA-KEY");
	opts.address = argv[1];
	opts.host = argv[2];
	path = argv[3];
	folder = argv[4];
	first = (size_t)atoi(argv[5]);
	count = (size_t)atoi(argv[6]);
	opts.realm = tls ? NULL : argv[8];
	opts.ca = tls ? argv[8] : NULL;
	opts.ca_key = tls ? argv[9] : NULL;
	load_events();
	load("events.soap", &events_soap);
	load("heartbeat.soap", &heartbeat_soap);
	all = must_have(calloc(count, sizeof(*all)));
	epoll = epoll_create1(EPOLL_CLOEXEC);
	while (fgets(line, sizeof(line), stdin) != NULL)
		command(line);
	for (size_t i = 0; i < count; i++) {
		forget(&all[i]);
		line_close(all[i].line);
	}
	free(all);
	free(events);
	return 0;
}
