/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/inputs/wef/inspect.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/inputs/syslog.h"
#include "agent/inputs/wef/keytab.h"
#include "common/base/file.h"
#include "common/base/fill.h"
#include "common/base/text.h"

#define FILLS_MAX 6u
/* Room for the place in each channel that a client's bookmark says, in UTF-16. */
#define BOOKMARK_BYTES 512u

static void say(struct wef_report *rp, bool good, const char *msgid, va_list args)
{
	struct fill fills[FILLS_MAX];
	struct buf text = { 0 };
	size_t n = 0;

	while (n < FILLS_MAX && (fills[n].name = va_arg(args, const char *)) != NULL) {
		fills[n].text = va_arg(args, const char *);
		fills[n++].outside = false;
	}
	fill_text(&text, tr(rp->lang, msgid), fills, n);
	rp->wrong += !good;
	rp->say(rp->arg, good, buf_cstr(&text));
	buf_release(&text);
}

void wef_good(struct wef_report *rp, const char *msgid, ...)
{
	va_list args;

	va_start(args, msgid);
	say(rp, true, msgid, args);
	va_end(args);
}

void wef_wrong(struct wef_report *rp, const char *msgid, ...)
{
	va_list args;

	va_start(args, msgid);
	say(rp, false, msgid, args);
	va_end(args);
}

static const char *const aes_names[] = { "AES128", "AES256", "AES128-SHA2", "AES256-SHA2" };

/* The newest AES key of SERVICE/HOST, in any case as Windows compares; host NULL: of any host. */
static void inspect_name(const struct keytab *kt, const char *service, const char *host,
			 struct wef_report *rp)
{
	const struct keytab_entry *best = NULL, *old = NULL;
	size_t n = strlen(service);
	char name[WEF_CLIENT_MAX + 8], kvno[16];

	snprintf(name, sizeof(name), "%s%s", service, host != NULL ? host : "...");
	for (size_t i = 0; i < kt->n; i++) {
		const struct keytab_entry *e = &kt->v[i];

		if (strncasecmp(e->name, service, n) != 0 ||
		    (host != NULL && strcasecmp(e->name + n, host) != 0))
			continue;
		if (!keytab_is_aes(e->enctype))
			old = e;
		else if (best == NULL || e->kvno > best->kvno ||
			 (e->kvno == best->kvno && e->enctype == KEYTAB_AES256))
			best = e;
	}
	if (best == NULL && old != NULL) {
		wef_wrong(rp,
			  N_("keytab: {name} has only keys that are too weak to be accepted; allow "
			     "AES256 for "
			     "the account and make the keytab anew (vartio-agent wef setup)"),
			  "name", name, NULL);
		return;
	}
	if (best == NULL) {
		wef_wrong(rp,
			  N_("keytab: there is no key for {name}; register the name and put it "
			     "into the "
			     "keytab (vartio-agent wef setup)"),
			  "name", name, NULL);
		return;
	}
	snprintf(kvno, sizeof(kvno), "%u", best->kvno);
	for (const char *c = best->realm; *c != '\0'; c++) {
		if (islower((unsigned char)*c)) {
			wef_wrong(rp,
				  N_("keytab: the realm {realm} has to be in capital letters; make "
				     "the keytab "
				     "anew (vartio-agent wef setup)"),
				  "realm", best->realm, NULL);
			return;
		}
	}
	wef_good(rp, N_("keytab: {name}@{realm}, {enctype}, key version {version}"), "name",
		 best->name, "realm", best->realm, "enctype",
		 aes_names[best->enctype - KEYTAB_AES128], "version", kvno, NULL);
}

static int read_keytab(const char *path, struct arena *mem, struct keytab *ret, struct err *err)
{
	struct buf bytes = { 0 };
	int r;

	if (access(path, R_OK) < 0)
		return input_unreadable(path, errno, err);
	r = file_read(path, KEYTAB_MAX_BYTES, &bytes, err);
	if (r == 0)
		r = keytab_parse(buf_view(&bytes), mem, ret, err);
	if (bytes.p != NULL)
		gnutls_memset(bytes.p, 0, bytes.cap); /* it holds keys */
	buf_release(&bytes);
	return r;
}

static void inspect_keytab(const struct wef_conf *cf, const char *host, struct wef_report *rp)
{
	struct arena mem = { 0 };
	struct keytab kt;
	struct krb *krb = NULL;
	struct stat st;
	struct err err;

	if (read_keytab(cf->keytab, &mem, &kt, &err) < 0) {
		wef_wrong(rp,
			  N_("keytab {path}: {why} (vartio-agent wef setup tells how it is made)"),
			  "path", cf->keytab, "why", err.msg, NULL);
		goto out;
	}
	if (stat(cf->keytab, &st) == 0 && (st.st_mode & S_IRWXO) != 0)
		wef_wrong(rp,
			  N_("keytab {path}: anybody on this machine can read it; run: chmod o= "
			     "{path}"),
			  "path", cf->keytab, NULL);
	inspect_name(&kt, "HTTP/", host, rp);
	inspect_name(&kt, "host/", host, rp);
	if (krb_open(cf->keytab, cf->replay_cache, &krb, &err) < 0)
		wef_wrong(rp, N_("Kerberos: {why}"), "why", err.msg, NULL);
	krb_close(krb);
out:
	arena_release(&mem);
}

static void count_channel(void *arg, struct slice name)
{
	(void)name;
	*(size_t *)arg += BOOKMARK_BYTES;
}

/* The bytes of the answer to a client that may have all subscriptions of a path. */
static size_t answer_bytes(const struct wef_subscriptions *subs, const char *path)
{
	struct wef_offer offers[WEF_SUBSCRIPTIONS_MAX];
	struct wef_address at = { .host = SLICE("receiver"), .port = 5986, .https = true };
	struct soap_msg to = { 0 };
	struct buf text = { 0 };
	size_t n = 0, bytes = 0;

	for (size_t i = 0; i < subs->n; i++) {
		const struct wef_subscription *sub = &subs->v[i];

		if (sub->path != NULL && (path == NULL || strcmp(sub->path, path) != 0))
			continue;
		offers[n++] = (struct wef_offer){ .sub = sub };
		wef_query_check(sub->query_xml, count_channel, &bytes, NULL);
	}
	wef_reply_enumerate(&text, &to, &at, offers, n);
	bytes += 2 + text_utf16_bytes(buf_view(&text));
	buf_release(&text);
	return bytes;
}

static void inspect_subscriptions(const struct wef_conf *cf, struct wef_report *rp)
{
	struct arena mem = { 0 };
	struct wef_subscriptions subs;
	char number[16], bytes[24], most[24];
	size_t worst;
	struct err err;

	if (wef_subscriptions_read(cf->subscriptions, &mem, &subs, &err) < 0) {
		wef_wrong(rp, N_("subscriptions: {why}"), "why", err.msg, NULL);
		goto out;
	}
	worst = answer_bytes(&subs, NULL);
	for (size_t i = 0; i < subs.n; i++) {
		size_t b = subs.v[i].path != NULL ? answer_bytes(&subs, subs.v[i].path) : 0;

		worst = b > worst ? b : worst;
	}
	snprintf(number, sizeof(number), "%zu", subs.n);
	snprintf(bytes, sizeof(bytes), "%zu", worst);
	snprintf(most, sizeof(most), "%u", WEF_ENVELOPE_BYTES);
	if (worst > WEF_ENVELOPE_BYTES)
		wef_wrong(rp,
			  N_("subscriptions: a computer is told {bytes} bytes and takes {most}; "
			     "shorten the "
			     "queries, or give subscriptions a path of their own"),
			  "bytes", bytes, "most", most, NULL);
	else
		wef_good(rp,
			 N_("subscriptions: {number}; a computer is told {bytes} bytes of {most}"),
			 "number", number, "bytes", bytes, "most", most, NULL);
out:
	arena_release(&mem);
}

static void refused_port(void *arg, const struct err *err)
{
	wef_wrong(arg, N_("port: {why}"), "why", err->msg, NULL);
}

static void inspect_port(const char *listen, struct wef_report *rp)
{
	struct syslog_conf at = { .listen = listen };

	if (listen != NULL)
		syslog_check_bind(&at, SOCK_STREAM, refused_port, rp);
}

void wef_inspect(const struct wef_conf *cf, const char *host, struct wef_report *rp)
{
	if (cf->https == NULL && cf->kerberos == NULL)
		wef_wrong(rp,
			  N_("settings: neither kerberos nor https has an address; a domain needs "
			     "kerberos: "
			     "0.0.0.0:5985, computers with certificates https: 0.0.0.0:5986"),
			  NULL);
	if (host != NULL && strchr(host, '.') == NULL)
		wef_wrong(rp,
			  N_("settings: {host} is no whole name; set host to this machine's name "
			     "with its "
			     "domain"),
			  "host", host, NULL);
	if (cf->kerberos != NULL && cf->keytab == NULL)
		wef_wrong(rp, N_("settings: kerberos needs a keytab (vartio-agent wef setup)"),
			  NULL);
	else if (cf->kerberos != NULL)
		inspect_keytab(cf, host, rp);
	if (cf->https != NULL && (cf->ca == NULL || cf->certificate == NULL || cf->key == NULL))
		wef_wrong(rp, N_("settings: https needs ca, certificate and key"), NULL);
	else if (cf->https != NULL)
		wef_inspect_tls(cf, host, rp);
	inspect_subscriptions(cf, rp);
	inspect_port(cf->kerberos, rp);
	inspect_port(cf->https, rp);
}

struct faults { /* of `check`, which wants one struct err a fault */
	void (*fault)(void *arg, const struct err *err);
	void *arg;
};

static void to_fault(void *arg, bool good, const char *text)
{
	struct faults *fs = arg;
	struct err err = { 0 };

	if (good)
		return;
	err_set(&err, ERR_SYNTAX, "%s", text);
	fs->fault(fs->arg, &err);
}

int wef_check(const void *conf, void (*fault)(void *arg, const struct err *err), void *arg)
{
	const struct wef_conf *cf = conf;
	struct faults fs = { fault, arg };
	struct wef_report rp = { .lang = LANG_EN, .say = to_fault, .arg = &fs };

	wef_inspect(cf, cf->host, &rp);
	return rp.wrong > 0 ? -1 : 0;
}
