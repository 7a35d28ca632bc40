/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert/smtp.c: messages to a mail server by libcurl.
 * Standards: RFC 5321 (SMTP), RFC 3207 (STARTTLS), RFC 4954 (AUTH).
 * STARTTLS is required unless the settings say otherwise: without it nothing is said, neither
 * password nor message. The password is read anew for each message, so that a changed one works
 * without a restart, and is wiped at once. */
#include "collector/alert/channel.h"

#include <stdio.h>

#include "common/base/file.h"
#include "common/base/text.h"

#define CONNECT_S    20L
#define TOTAL_S      120L
#define PASSWORD_MAX 4096u

struct upload {
	struct slice rest;
	bool begun;  /* the server asked for the text: MAIL and RCPT were taken */
	char *reply; /* the server's last line */
	size_t reply_size;
};

static bool usable(const struct notify_conf *nc)
{
	return nc->smtp_url != NULL;
}

static const char *server(const struct notify_conf *nc)
{
	return nc->smtp_url;
}

static size_t on_read(char *out, size_t size, size_t n, void *arg)
{
	struct upload *up = arg;
	size_t take = size * n < up->rest.n ? size * n : up->rest.n;

	up->begun = true;
	if (take > 0)
		memcpy(out, up->rest.p, take);
	up->rest = slice_from(up->rest, take);
	return take;
}

/* libcurl gives each line of the server here. 221 is its good-bye, after the outcome. */
static size_t on_line(char *line, size_t size, size_t n, void *arg)
{
	struct upload *up = arg;
	struct slice s = slice_trim((struct slice){ line, size * n });
	struct buf safe = { 0 };

	if (s.n >= 3 && !slice_starts(s, SLICE("221"))) {
		text_put_safe(&safe, text_cut(s, 200));
		snprintf(up->reply, up->reply_size, "%s", buf_cstr(&safe));
		buf_release(&safe);
	}
	return size * n;
}

/* libcurl says QUIT to a server that we leave half-way, and waits for its answer unless told so. */
static int on_progress(void *arg, curl_off_t dl_total, curl_off_t dl_now, curl_off_t ul_total,
		       curl_off_t ul_now)
{
	const struct channel_job *job = arg;

	return *job->stop;
}

static bool is_smtps(const struct notify_conf *nc)
{
	return slice_starts(slice_str(nc->smtp_url), SLICE("smtps://"));
}

static int set_login(CURL *easy, const struct notify_conf *nc, struct err *err)
{
	struct buf secret = { 0 };
	int r = -1;

	if (nc->smtp_user == NULL)
		return 0;
	if (!nc->smtp_starttls && !is_smtps(nc))
		return err_set(err, ERR_DENIED,
			       "the password is not sent without encryption; set "
			       "notify.mail.smtp.starttls: true or an smtps:// url");
	if (nc->smtp_password_file == NULL)
		return err_set(err, ERR_USAGE, "notify.mail.smtp.password_file is not set");
	if (file_read(nc->smtp_password_file, PASSWORD_MAX, &secret, err) < 0)
		goto out;
	while (secret.n > 0 && (secret.p[secret.n - 1] == '\n' || secret.p[secret.n - 1] == '\r'))
		secret.n--;
	buf_chr(&secret, '\0');
	if (secret.failed || curl_easy_setopt(easy, CURLOPT_USERNAME, nc->smtp_user) != CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_PASSWORD, secret.p) != CURLE_OK)
		err_nomem(err);
	else
		r = 0;
out:
	if (secret.p != NULL)
		explicit_bzero(secret.p, secret.cap);
	buf_release(&secret);
	return r;
}

/* Fails only for memory: the options all exist in the libcurl that we are built with. */
static CURLcode set_options(CURL *easy, const struct channel_job *job, struct upload *up,
			    struct curl_slist *to, char *why)
{
	const struct notify_conf *nc = job->conf;
	CURLcode rc = CURLE_OK;

#define SET(option, value)                                                                         \
	do {                                                                                       \
		CURLcode one = curl_easy_setopt(easy, option, value);                              \
		if (rc == CURLE_OK)                                                                \
			rc = one;                                                                  \
	} while (0)
	SET(CURLOPT_URL, nc->smtp_url);
	SET(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	SET(CURLOPT_USE_SSL, (long)(nc->smtp_starttls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (nc->smtp_ca_file != NULL)
		SET(CURLOPT_CAINFO, nc->smtp_ca_file);
	SET(CURLOPT_PROXY, ""); /* not what the environment of the daemon happens to say */
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_CONNECTTIMEOUT, CONNECT_S);
	SET(CURLOPT_TIMEOUT, TOTAL_S);
	SET(CURLOPT_FORBID_REUSE, job->more ? 0L : 1L);
	SET(CURLOPT_MAIL_FROM, nc->from);
	SET(CURLOPT_MAIL_RCPT, to);
	SET(CURLOPT_UPLOAD, 1L);
	SET(CURLOPT_READFUNCTION, on_read);
	SET(CURLOPT_READDATA, up);
	SET(CURLOPT_HEADERFUNCTION, on_line);
	SET(CURLOPT_HEADERDATA, up);
	SET(CURLOPT_NOPROGRESS, 0L);
	SET(CURLOPT_XFERINFOFUNCTION, on_progress);
	SET(CURLOPT_XFERINFODATA, job);
	SET(CURLOPT_ERRORBUFFER, why);
#undef SET
	return rc;
}

/* Runs the transfer, and gives it up at once when the notifier is to stop. */
static bool run(struct channel_job *job, CURL *easy, CURLcode *ret)
{
	CURLMsg *msg;
	int running = 1, left;

	if (curl_multi_add_handle(job->multi, easy) != CURLM_OK) {
		*ret = CURLE_OUT_OF_MEMORY;
		return true;
	}
	*ret = CURLE_FAILED_INIT;
	while (running > 0 && !*job->stop) {
		if (curl_multi_perform(job->multi, &running) != CURLM_OK)
			break;
		if (running > 0)
			curl_multi_poll(job->multi, NULL, 0, 1000, NULL);
	}
	while ((msg = curl_multi_info_read(job->multi, &left)) != NULL)
		if (msg->msg == CURLMSG_DONE && msg->easy_handle == easy)
			*ret = msg->data.result;
	curl_multi_remove_handle(job->multi, easy);
	return !*job->stop || *ret == CURLE_OK;
}

static const char *help_for(CURLcode rc)
{
	switch (rc) {
	case CURLE_LOGIN_DENIED:
		return "; check notify.mail.smtp.user and the password in its password_file";
	case CURLE_USE_SSL_FAILED:
		return "; it offers no STARTTLS, and without encryption nothing is sent";
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
		return "; does notify.mail.smtp.ca_file hold the authority of its certificate, and "
		       "is the certificate for this name?";
	case CURLE_COULDNT_CONNECT:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_OPERATION_TIMEDOUT:
		return "; is the server running, and reachable from here?";
	default:
		return "";
	}
}

static void put_reason(struct channel_job *job, CURLcode rc, const char *why)
{
	struct buf b = { 0 };

	buf_printf(&b, "%s: %s", job->conf->smtp_url, *why != '\0' ? why : curl_easy_strerror(rc));
	if (*job->reply != '\0')
		buf_printf(&b, "; the server said: %s", job->reply);
	buf_str(&b, help_for(rc));
	snprintf(job->reason, sizeof(job->reason), "%s", buf_cstr(&b));
	buf_release(&b);
}

static enum channel_result judge(struct channel_job *job, const struct upload *up, CURL *easy,
				 CURLcode rc, const char *why)
{
	long code = 0;

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &code);
	if (rc == CURLE_OK)
		return CHANNEL_SENT;
	put_reason(job, rc, why);
	/* What the server says to MAIL, RCPT and the text is about this message; all the rest, a
	 * 421 and a greeting that sends us away among it, is about the server or our settings. */
	if (rc == CURLE_LOGIN_DENIED || rc == CURLE_USE_SSL_FAILED || code < 400 || code == 421 ||
	    (rc != CURLE_SEND_ERROR && !up->begun))
		return CHANNEL_HELD;
	return code >= 500 ? CHANNEL_REFUSED : CHANNEL_RETRY;
}

static enum channel_result send_smtp(struct channel_job *job)
{
	struct upload up = { .rest = job->message,
			     .reply = job->reply,
			     .reply_size = sizeof(job->reply) };
	enum channel_result result = CHANNEL_HELD;
	char why[CURL_ERROR_SIZE] = "";
	CURL *easy = curl_easy_init();
	struct curl_slist *to = curl_slist_append(NULL, job->to);
	struct err err = { 0 };
	CURLcode rc = CURLE_OUT_OF_MEMORY;

	if (easy == NULL || to == NULL || set_options(easy, job, &up, to, why) != CURLE_OK)
		snprintf(job->reason, sizeof(job->reason), "out of memory");
	else if (set_login(easy, job->conf, &err) < 0)
		snprintf(job->reason, sizeof(job->reason), "%s", err.msg);
	else if (!run(job, easy, &rc))
		result = CHANNEL_STOPPED;
	else
		result = judge(job, &up, easy, rc, why);
	curl_easy_cleanup(easy);
	curl_slist_free_all(to);
	return result;
}

const struct channel_class channel_smtp = { "smtp", usable, server, send_smtp };
