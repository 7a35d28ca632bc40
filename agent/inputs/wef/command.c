/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/wef/command.c: `vartio-agent wef setup` and `vartio-agent wef doctor`. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/agent.h"
#include "agent/inputs/wef/doctor.h"
#include "agent/options.h"
#include "common/base/service.h"
#include "common/base/text.h"

#define USAGE                                                                                      \
	"wef setup | doctor [--lang fi|sv|en] [--host NAME] [--domain DOMAIN] [--dns ADDRESS] "    \
	"[--kdc ADDRESS]"
#define DNS_PORT 53
#define KDC_PORT 88

struct options {
	const char *config, *host, *domain;
	enum lang lang;
	struct wef_doctor doctor;
	struct sockaddr_in dns, kdc;
};

static bool find_lang(const char *name, enum lang *ret)
{
	for (unsigned i = 0; i < LANGS; i++) {
		if (strncmp(name, lang_names[i], 2) == 0) {
			*ret = (enum lang)i;
			return true;
		}
	}
	return false;
}

/* --lang, else the one of the session, else Finnish. */
static int take_lang(const char *name, enum lang *ret)
{
	static const char *const variables[] = { "LC_ALL", "LC_MESSAGES", "LANG" };

	*ret = LANG_FI;
	if (name != NULL)
		return strlen(name) == 2 && find_lang(name, ret) ? 0 : -1;
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		const char *value = getenv(variables[i]);

		if (value != NULL && *value != '\0') {
			find_lang(value, ret);
			break;
		}
	}
	return 0;
}

/* ADDRESS or ADDRESS:PORT. */
static int take_address(const char *text, uint16_t port, struct sockaddr_in *at,
			const struct sockaddr_in **ret)
{
	char host[256];

	if (text == NULL)
		return 0;
	*at = (struct sockaddr_in){ .sin_family = AF_INET };
	if (!text_host_port(slice_str(text), port, host, &port) ||
	    inet_pton(AF_INET, host, &at->sin_addr) != 1)
		return -1;
	at->sin_port = htons(port);
	*ret = at;
	return 0;
}

static int take_options(int argc, char **argv, struct options *op)
{
	const char *lang = options_value(&argc, argv, "--lang");
	const char *dns = options_value(&argc, argv, "--dns");
	const char *kdc = options_value(&argc, argv, "--kdc");
	char reason[128];

	op->config = options_value(&argc, argv, "--config");
	op->host = options_value(&argc, argv, "--host");
	op->domain = options_value(&argc, argv, "--domain");
	if (argc > 1) {
		snprintf(reason, sizeof(reason), "unknown argument %.100s", argv[1]);
		return options_usage(USAGE, reason);
	}
	if (take_lang(lang, &op->lang) < 0)
		return options_usage(USAGE, "--lang: expected fi, sv or en");
	if (take_address(dns, DNS_PORT, &op->dns, &op->doctor.dns) < 0 ||
	    take_address(kdc, KDC_PORT, &op->kdc, &op->doctor.kdc) < 0)
		return options_usage(USAGE, "--dns and --kdc: expected an IPv4 address");
	return 0;
}

static int complain(const struct err *err)
{
	fprintf(stderr, "vartio-agent: %s\n", err->msg);
	return 1;
}

static int print_setup(const struct options *op, const struct wef_conf *cf)
{
	struct wef_site pl;
	struct buf text = { 0 };
	struct err err;

	if (wef_site_find(cf, op->host, op->domain, &pl, &err) < 0)
		return complain(&err);
	wef_setup(&pl, op->lang, &text);
	fputs(buf_cstr(&text), stdout);
	if (text.failed)
		err_nomem(&err);
	buf_release(&text);
	return text.failed ? complain(&err) : 0;
}

/* The inputs of the kind in the settings, after which comes NULL. */
static const struct wef_conf *next_input(const struct config *cf, size_t *at)
{
	while (*at < cf->n_inputs) {
		const struct config_input *in = &cf->inputs[(*at)++];

		if (in->cls == &input_wef)
			return in->conf;
	}
	return NULL;
}

static int setup(const struct options *op)
{
	struct config cf = { 0 };
	const struct wef_conf *wef;
	struct err err;
	size_t at = 0;
	int code = 0;

	/* Before anything is set up there is no file to read. */
	if (config_load(op->config, &cf, &err) < 0 &&
	    (op->config != NULL || err.code != ERR_ABSENT))
		return complain(&err);
	wef = next_input(&cf, &at);
	do
		code = print_setup(op, wef);
	while (code == 0 && (wef = next_input(&cf, &at)) != NULL);
	config_release(&cf);
	return code;
}

static void print_line(void *arg, bool good, const char *text)
{
	const struct options *op = arg;

	printf("%s: %s\n", good ? tr(op->lang, "good") : tr(op->lang, "wrong"), text);
	fflush(stdout); /* some of the questions take seconds */
}

static int doctor(struct options *op)
{
	struct wef_report rp = { .lang = op->lang, .say = print_line, .arg = op };
	struct config cf = { 0 };
	const struct wef_conf *wef;
	struct wef_site pl;
	struct err err;
	size_t at = 0, n = 0;

	if (config_load(op->config, &cf, &err) < 0)
		return complain(&err);
	/* What root may read says nothing of what the daemon may. */
	if (service_become_owner(cf.state_dir, &err) < 0)
		wef_wrong(&rp, N_("settings: {why}"), "why", err.msg, NULL);
	for (; (wef = next_input(&cf, &at)) != NULL; n++) {
		if (wef_site_find(wef, op->host, op->domain, &pl, &err) < 0)
			wef_wrong(&rp, N_("settings: {why}"), "why", err.msg, NULL);
		else
			wef_doctor(&op->doctor, &pl, &rp);
	}
	if (n == 0)
		wef_wrong(&rp,
			  N_("settings: {path} has no input of type wef; vartio-agent wef setup "
			     "tells what to "
			     "write"),
			  "path", cf.path, NULL);
	config_release(&cf);
	return rp.wrong > 0 ? 1 : 0;
}

int agent_wef(int argc, char **argv)
{
	struct options op = { 0 };
	const char *word = argc > 1 ? argv[1] : "";
	int code;

	if (strcmp(word, "setup") != 0 && strcmp(word, "doctor") != 0)
		return options_usage(USAGE, "wef: expected setup or doctor");
	code = take_options(argc - 1, argv + 1, &op);
	if (code != 0)
		return code;
	return strcmp(word, "setup") == 0 ? setup(&op) : doctor(&op);
}
