/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/wef/setup.h: what the administrator of a Windows domain has to enter so that its
 * computers forward to this agent, with this host's names, ports and thumbprints in it. */
#ifndef VARTIO_WEF_SETUP_H
#define VARTIO_WEF_SETUP_H

#include "agent/inputs/wef/wef.h"
#include "common/base/i18n.h"

#define WEF_NAME_MAX 256u

struct wef_site {                    /* who and where this receiver is, in a domain */
	char host[WEF_NAME_MAX];     /* the whole name, wec.example.lan, as clients reach it */
	char domain[WEF_NAME_MAX];   /* example.lan */
	char realm[WEF_NAME_MAX];    /* EXAMPLE.LAN */
	const struct wef_conf *conf; /* NULL: agent.yml has no such input yet */
};
/* From --host and --domain where given, else the settings, else this machine. ERR_USAGE: no name
 * with a domain is to be had. */
int wef_site_find(const struct wef_conf *conf, const char *host, const char *domain,
		  struct wef_site *ret, struct err *err);
/* The port clients are told for a door (0.0.0.0:5985), or the usual one. */
unsigned wef_site_port(const char *listen, int64_t told, unsigned usual);
/* Appends the text. Doors that the settings lack are left out; where they name none, both are in.
 */
void wef_setup(const struct wef_site *pl, enum lang lang, struct buf *out);

#endif
