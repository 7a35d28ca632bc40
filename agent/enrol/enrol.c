/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/enrol/enrol.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/enrol/client.h"
#include "agent/enrol/configure.h"
#include "agent/enrol/keys.h"
#include "common/base/file.h"
#include "common/base/hash.h"
#include "common/base/text.h"

struct job {
	const char *state_dir;
	char *new_key, *key, *cert, *ca, *json; /* paths */
	gnutls_x509_privkey_t priv;
	struct arena mem;
	struct reply reply;
};

static char *join(const char *dir, const char *name)
{
	char *path = NULL;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

static int prepare(struct job *jb, struct err *err)
{
	jb->new_key = join(jb->state_dir, "agent.key.new");
	jb->key = join(jb->state_dir, "agent.key");
	jb->cert = join(jb->state_dir, "agent.crt");
	jb->ca = join(jb->state_dir, "ca.crt");
	jb->json = join(jb->state_dir, "enrolment.json");
	if (jb->new_key == NULL || jb->key == NULL || jb->cert == NULL || jb->ca == NULL ||
	    jb->json == NULL)
		return err_nomem(err);
	return dir_make(jb->state_dir, 0700, err);
}

static void release(struct job *jb)
{
	free(jb->new_key);
	free(jb->key);
	free(jb->cert);
	free(jb->ca);
	free(jb->json);
	gnutls_x509_privkey_deinit(jb->priv);
	arena_release(&jb->mem);
}

/* The request's JSON. It holds the secret: the caller wipes it. */
static int make_body(const struct token *tk, struct slice csr, const char *host, struct buf *out,
		     struct err *err)
{
	struct buf secret = { 0 };
	json_t *root;
	char *text;

	base64url_put(&secret, tk->secret, sizeof(tk->secret));
	root = json_pack("{s:s, s:s%, s:s, s:s}", "secret", buf_cstr(&secret), "csr", csr.p, csr.n,
			 "host", host, "version", VARTIO_VERSION);
	text = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
	if (text != NULL) {
		buf_str(out, text);
		gnutls_memset(text, 0, strlen(text));
		free(text);
	}
	json_decref(root);
	if (secret.p != NULL)
		gnutls_memset(secret.p, 0, secret.cap);
	buf_release(&secret);
	return text == NULL || out->failed ? err_nomem(err) : 0;
}

static int ask(struct job *jb, const struct token *tk, const char *host, struct err *err)
{
	struct buf csr = { 0 }, body = { 0 }, answer = { 0 };
	char name[256];
	uint16_t port;
	unsigned status = 0;
	int r = -1;

	/* The new key waits beside the old one until its certificate is here, so that a second try
	 * with the same token asks with the same key, and a failed one leaves an enrolled agent as
	 * it was. */
	if (keys_open(jb->new_key, &jb->priv, err) < 0 ||
	    keys_request(jb->priv, host, &csr, err) < 0 ||
	    make_body(tk, buf_view(&csr), host, &body, err) < 0 ||
	    client_post(tk->address, tk->ca_key, buf_view(&body), &status, &answer, err) < 0 ||
	    reply_read(status, buf_view(&answer), &jb->mem, &jb->reply, err) < 0 ||
	    keys_check(jb->priv, jb->reply.certificate, jb->reply.ca, tk->ca_key, jb->reply.tenant,
		       jb->reply.agent, err) < 0)
		goto out;
	if (!text_host_port(slice_str(jb->reply.collector), 0, name, &port) || port == 0) {
		err_set(err, ERR_PEER, "the collector's answer names no HOST:PORT for events");
		goto out;
	}
	r = 0;
out:
	if (body.p != NULL)
		gnutls_memset(body.p, 0, body.cap);
	buf_release(&csr);
	buf_release(&body);
	buf_release(&answer);
	return r;
}

/* Enrolment is often run by root, the agent by a user of its own: the folder's owner. */
static int give_to_owner(const char *dir, const char *path, struct err *err)
{
	struct stat st;

	if (geteuid() != 0 || stat(dir, &st) < 0 || st.st_uid == 0)
		return 0;
	if (lchown(path, st.st_uid, st.st_gid) < 0)
		return err_set(err, ERR_IO, "cannot give %s to the owner of %s: %s", path, dir,
			       strerror(errno));
	return 0;
}

static int keep_file(const struct job *jb, const char *path, struct slice text, struct err *err)
{
	return file_write(path, text, 0600, err) < 0 ? -1 : give_to_owner(jb->state_dir, path, err);
}

static int keep(const struct job *jb, struct err *err)
{
	json_t *root = json_pack("{s:s, s:s, s:s}", "agent", jb->reply.agent, "tenant",
				 jb->reply.tenant, "collector", jb->reply.collector);
	char *text = root != NULL ? json_dumps(root, JSON_INDENT(2)) : NULL;
	int r = -1;

	json_decref(root);
	if (text == NULL)
		return err_nomem(err);
	if (keep_file(jb, jb->ca, slice_str(jb->reply.ca), err) < 0 ||
	    keep_file(jb, jb->cert, slice_str(jb->reply.certificate), err) < 0 ||
	    keep_file(jb, jb->json, slice_str(text), err) < 0)
		goto out;
	/* The key's arrival is what starts an installed agent: it comes last, and is its owner's.
	 */
	if (give_to_owner(jb->state_dir, jb->new_key, err) < 0)
		goto out;
	if (rename(jb->new_key, jb->key) < 0) {
		err_set(err, ERR_IO, "cannot move %s to its place: %s", jb->new_key,
			strerror(errno));
		goto out;
	}
	r = dir_sync(jb->state_dir, err);
out:
	free(text);
	return r;
}

static int write_settings(const struct job *jb, const char *path, struct buf *report,
			  struct err *err)
{
	struct buf text = { 0 };
	char *dir = NULL;
	int r = -1;

	if (access(path, F_OK) == 0) {
		buf_printf(report, "%s was there already and was left as it is.\n", path);
		return 0;
	}
	if (strrchr(path, '/') != NULL && strrchr(path, '/') != path) {
		dir = strndup(path, (size_t)(strrchr(path, '/') - path));
		if (dir == NULL)
			return err_nomem(err);
		if (dir_make(dir, 0755, err) < 0)
			goto out;
	}
	buf_printf(report, "Wrote %s. ", path);
	if (configure_text("", jb->state_dir, jb->reply.collector, &text, report, err) < 0)
		goto out;
	r = file_write(path, buf_view(&text), 0644, err);
out:
	free(dir);
	buf_release(&text);
	return r;
}

int enrol(const struct token *tk, const char *config_path, const char *state_dir, const char *host,
	  struct buf *report, struct err *err)
{
	struct job jb = { .state_dir = state_dir };
	int r = -1;

	if (!text_is_name(slice_str(host), 255)) {
		err_set(err, ERR_USAGE,
			"this machine's name is not one line of text; give one with --host");
		goto out;
	}
	if (prepare(&jb, err) < 0 || ask(&jb, tk, host, err) < 0)
		goto out;
	buf_printf(report, "This machine is agent %s of tenant %s now. Its events go to ",
		   jb.reply.agent, jb.reply.tenant);
	buf_printf(report, "%s.\n", jb.reply.collector);
	r = write_settings(&jb, config_path, report, err) < 0 ? -1 : keep(&jb, err);
out:
	release(&jb);
	return r;
}
