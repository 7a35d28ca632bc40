/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/wef/site.c: this receiver's name, domain, realm and ports. */
#include <ctype.h>
#include <netdb.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/inputs/wef/setup.h"
#include "common/base/text.h"

#define HELP "give --host wec.example.lan, or set host in the wef input of agent.yml"

/* What `hostname -f` says; what the kernel says where nobody knows the whole name. */
static void own_name(char ret[WEF_NAME_MAX])
{
	struct addrinfo hints = { .ai_flags = AI_CANONNAME }, *found = NULL;

	ret[0] = '\0';
	if (gethostname(ret, WEF_NAME_MAX) < 0)
		return;
	ret[WEF_NAME_MAX - 1] = '\0';
	if (getaddrinfo(ret, NULL, &hints, &found) == 0 && found->ai_canonname != NULL &&
	    strchr(found->ai_canonname, '.') != NULL)
		snprintf(ret, WEF_NAME_MAX, "%s", found->ai_canonname);
	if (found != NULL)
		freeaddrinfo(found);
}

static void each_char(char *s, int (*change)(int))
{
	for (; *s != '\0'; s++)
		*s = (char)change((unsigned char)*s);
}

int wef_site_find(const struct wef_conf *conf, const char *host, const char *domain,
		  struct wef_site *ret, struct err *err)
{
	struct wef_site pl = { .conf = conf };
	char own[WEF_NAME_MAX];
	const char *dot;

	if (host == NULL)
		host = conf != NULL ? conf->host : NULL;
	if (host == NULL) {
		own_name(own);
		host = own;
	}
	dot = strchr(host, '.');
	if (dot == NULL && domain == NULL)
		return err_set(err, ERR_USAGE, "the name %s has no domain; " HELP, host);
	if (domain == NULL)
		domain = dot + 1;
	if ((size_t)snprintf(pl.host, sizeof(pl.host), "%s%s%s", host, dot == NULL ? "." : "",
			     dot == NULL ? domain : "") >= sizeof(pl.host) ||
	    (size_t)snprintf(pl.domain, sizeof(pl.domain), "%s", domain) >= sizeof(pl.domain) ||
	    !text_is_host(slice_str(pl.host)) || !text_is_host(slice_str(pl.domain)) ||
	    isdigit((unsigned char)pl.host[strcspn(pl.host, ".") + 1]))
		return err_set(err, ERR_USAGE, "%s is no name of a computer in a domain; " HELP,
			       pl.host);
	each_char(pl.host, tolower);
	each_char(pl.domain, tolower);
	memcpy(pl.realm, pl.domain, sizeof(pl.realm));
	each_char(pl.realm, toupper);
	*ret = pl;
	return 0;
}

unsigned wef_site_port(const char *listen, int64_t told, unsigned usual)
{
	const char *colon = listen != NULL ? strrchr(listen, ':') : NULL;
	uint64_t port;

	if (told > 0)
		return (unsigned)told;
	if (colon != NULL && slice_uint(slice_str(colon + 1), UINT16_MAX, &port) && port > 0)
		return (unsigned)port;
	return usual;
}
