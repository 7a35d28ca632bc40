/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/wef/wef.c: settings, the two doors, and the input's life. */
#include "agent/inputs/wef/wef.h"

#include <stdlib.h>

#include "agent/inputs/syslog.h"
#include "agent/inputs/wef/inspect.h"
#include "common/base/time.h"

#define TICK_MS   2000u
#define LISTENING 511

void wef_handle_gone(struct wef *w)
{
	struct input *in = w->in;
	void (*closed)(struct input *) = w->closed;

	if (--w->handles > 0)
		return;
	tls_creds_unref(w->creds);
	krb_close(w->krb);
	soap_free(w->soap);
	wef_hosts_free(w->hosts);
	arena_release(&w->mem);
	buf_release(&w->clear);
	buf_release(&w->text);
	buf_release(&w->reply);
	buf_release(&w->out);
	buf_release(&w->key);
	buf_release(&w->place);
	free(w);
	if (closed == NULL) /* an open that failed: in may have been opened again by now */
		return;
	in->data = NULL;
	closed(in);
}

static void on_handle_closed(uv_handle_t *h)
{
	wef_handle_gone(h->data);
}

static void on_door_closed(uv_handle_t *h)
{
	struct wef_door *door = h->data;

	wef_handle_gone(door->wef);
}

static void wef_close(struct input *in, void (*closed)(struct input *in))
{
	struct wef *w = in->data;

	w->closing = true;
	w->closed = closed;
	for (size_t i = 0; i < 2; i++)
		if (w->doors[i].open)
			uv_close((uv_handle_t *)&w->doors[i].listener, on_door_closed);
	wef_sessions_close(w);
	tls_watch_close(w->watch);
	w->watch = NULL;
	uv_close((uv_handle_t *)&w->tick, on_handle_closed);
}

static void on_tick(uv_timer_t *t)
{
	wef_sweep(t->data);
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct wef_door *door = listener->data;
	struct err err;

	if (door->wef->closing)
		return;
	if (status < 0) {
		err_set(&err, ERR_IO, "cannot accept a client: %s", uv_strerror(status));
		wef_warn(door->wef, &err);
		return;
	}
	wef_accept(door);
}

static int open_door(struct wef *w, struct wef_door *door, const char *listen, bool https,
		     int64_t told, struct err *err)
{
	struct sockaddr_storage at;
	struct syslog_bound bound = { 0 };
	socklen_t n;
	uv_os_fd_t fd;
	int r;

	if (listen == NULL)
		return 0;
	if (syslog_address(listen, &at, &n, err) < 0)
		return -1;
	door->wef = w;
	door->https = https;
	uv_tcp_init(w->in->loop, &door->listener);
	door->listener.data = door;
	door->open = true;
	w->handles++;
	r = uv_tcp_bind(&door->listener, (const struct sockaddr *)&at, 0);
	if (r == 0)
		r = uv_listen((uv_stream_t *)&door->listener, LISTENING, on_connection);
	if (r < 0)
		return syslog_refused(listen, -r, err);
	if (uv_fileno((uv_handle_t *)&door->listener, &fd) == 0)
		syslog_bound_to(fd, &bound);
	door->port = told > 0 ? (uint16_t)told : bound.port;
	return 0;
}

/* --- the receiver's certificate --- */

static void on_certs_changed(void *arg, struct tls_creds *creds)
{
	struct wef *w = arg;

	tls_creds_unref(w->creds); /* open connections hold theirs */
	w->creds = tls_creds_ref(creds);
}

static void on_certs_failed(void *arg, const struct err *why)
{
	struct wef *w = arg;
	struct err err;

	err_set(&err, why->code, "the certificate stays the old one: %s", why->msg);
	w->in->sink->warn(w->in->sink, w->in, &err);
}

static void on_certs_ends(void *arg, int64_t left_s)
{
	struct wef *w = arg;
	struct err err;

	if (left_s < 0)
		err_set(&err, ERR_DENIED,
			"the certificate %s has expired: clients do not send; renew it",
			w->conf->certificate);
	else
		err_set(&err, ERR_DENIED, "the certificate %s ends in %lld days; renew it",
			w->conf->certificate, (long long)(left_s / 86400));
	w->in->sink->warn(w->in->sink, w->in, &err);
}

static int watch_keys(struct wef *w, struct err *err)
{
	const struct wef_conf *cf = w->conf;
	const struct tls_watch_opts opts = { .loop = w->in->loop,
					     .ca_path = cf->ca,
					     .cert_path = cf->certificate,
					     .key_path = cf->key,
					     .changed = on_certs_changed,
					     .failed = on_certs_failed,
					     .ends = on_certs_ends,
					     .arg = w };

	return cf->https == NULL ? 0 : tls_watch_start(&opts, w->creds, &w->watch, err);
}

static int load_keys(struct wef *w, struct err *err)
{
	const struct wef_conf *cf = w->conf;

	if (cf->https == NULL && cf->kerberos == NULL)
		return err_set(err, ERR_SYNTAX, "wef: neither https nor kerberos has an address");
	if (cf->https != NULL && (cf->ca == NULL || cf->certificate == NULL || cf->key == NULL))
		return err_set(err, ERR_SYNTAX, "wef: https needs ca, certificate and key");
	if (cf->kerberos != NULL && cf->keytab == NULL)
		return err_set(err, ERR_SYNTAX, "wef: kerberos needs a keytab");
	if (cf->https != NULL &&
	    tls_creds_load(cf->ca, cf->certificate, cf->key, &w->creds, err) < 0)
		return -1;
	if (cf->kerberos != NULL && krb_open(cf->keytab, cf->replay_cache, &w->krb, err) < 0)
		return -1;
	return 0;
}

static int open_all(struct wef *w, struct err *err)
{
	const struct wef_conf *cf = w->conf;

	w->soap = soap_new();
	w->hosts = wef_hosts_new();
	if (w->soap == NULL || w->hosts == NULL)
		return err_nomem(err);
	if (wef_subscriptions_read(cf->subscriptions, &w->mem, &w->subs, err) < 0 ||
	    load_keys(w, err) < 0 ||
	    open_door(w, &w->doors[0], cf->https, true, cf->https_port, err) < 0 ||
	    open_door(w, &w->doors[1], cf->kerberos, false, cf->kerberos_port, err) < 0 ||
	    watch_keys(w, err) < 0)
		return -1;
	w->opened_ns = time_now_ns();
	wef_known_read(w);
	uv_timer_start(&w->tick, on_tick, TICK_MS, TICK_MS);
	return 0;
}

static int wef_open(struct input *in, struct err *err)
{
	struct wef *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return err_nomem(err);
	w->in = in;
	w->conf = in->conf;
	w->for_room.last = &w->for_room.first;
	w->for_spool.last = &w->for_spool.first;
	w->for_disk.last = &w->for_disk.first;
	uv_timer_init(in->loop, &w->tick);
	w->tick.data = w;
	w->handles = 1;
	in->data = w;
	if (open_all(w, err) == 0)
		return 0;
	wef_close(in, NULL); /* the handles go on a later turn, and w with them */
	in->data = NULL;
	return -1;
}

static void wef_pause(struct input *in)
{
	struct wef *w = in->data;

	if (w->full_ms == 0)
		w->full_ms = uv_now(in->loop);
	w->paused = true; /* what comes waits a little (wait.c), then clients are told by 503 */
}

static void wef_resume(struct input *in)
{
	struct wef *w = in->data;

	w->paused = false;
	if (w->for_spool.first == NULL)
		w->full_ms = 0; /* nobody is there to be taken from */
	wef_wake(w);
}

static void on_durable(struct input *in)
{
	wef_durable(in->data);
}

#define FIELD(m) offsetof(struct wef_conf, m)

static const struct conf_item wef_items[] = {
	{ "host", CONF_STR, FIELD(host),
	  .help = "the name clients reach this machine by; absent: the one in their policy" },
	{ "https", CONF_STR, FIELD(https),
	  .help = "ADDRESS:PORT for clients with a certificate, 0.0.0.0:5986; absent: none" },
	{ "kerberos", CONF_STR, FIELD(kerberos),
	  .help = "ADDRESS:PORT for a domain's clients, 0.0.0.0:5985; absent: none" },
	{ "ca", CONF_STR, FIELD(ca),
	  .help = "https: PEM file of the authorities that sign clients' certificates" },
	{ "certificate", CONF_STR, FIELD(certificate),
	  .help = "https: PEM file of this machine's certificate, with its chain" },
	{ "key", CONF_STR, FIELD(key), .help = "https: PEM file of its key" },
	{ "keytab", CONF_STR, FIELD(keytab),
	  .help = "kerberos: keytab with HTTP/NAME and host/NAME" },
	{ "replay_cache", CONF_BOOL, FIELD(replay_cache), 0, 0, "false",
	  "kerberos: keep a replay cache file; many clients make it slow" },
	{ "relays", CONF_STRS, FIELD(relays),
	  .help = "clients, with * and ?, that forward other computers' events" },
	{ "https_port", CONF_INT, FIELD(https_port), 0, 65535, "0",
	  "the port clients are told, where it is another one; 0: the one listened on" },
	{ "kerberos_port", CONF_INT, FIELD(kerberos_port), 0, 65535, "0", "the same for kerberos" },
	{ "max_connections", CONF_INT, FIELD(max_connections), 1, 100000, "4000",
	  "further clients are turned away; each holds one for each subscription" },
	{ "request_timeout", CONF_DURATION, FIELD(request_timeout_ms), 1000, 600000, "60s",
	  "a request that is not whole by then is refused" },
	{ "max_body_bytes", CONF_BYTES, FIELD(max_body_bytes), 65536, 16 << 20, "1MiB",
	  "a longer request is refused" },
	{ "max_message_bytes", CONF_BYTES, FIELD(max_message_bytes), 65536, 64 << 20, "4MiB",
	  "a longer message after decompression is refused" },
	{ "subscriptions", CONF_RAW, FIELD(subscriptions),
	  .help = "what clients are asked for; absent: the one that is shipped" },
	{ NULL },
};

const struct input_class input_wef = {
	.name = "wef",
	.lane = LANE_KEEP,
	.conf = wef_items,
	.conf_size = sizeof(struct wef_conf),
	.check = wef_check,
	.open = wef_open,
	.pause = wef_pause,
	.resume = wef_resume,
	.durable = on_durable,
	.describe = wef_describe,
	.describe_text = wef_describe_text,
	.close = wef_close,
};
