/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/wef/inspect.h: whether a receiver of Windows events would work, found without the
 * network: its settings, keytab, certificates, subscriptions and ports. `vartio-agent check` and
 * `wef doctor` tell the same. Blocking: commands only. */
#ifndef VARTIO_WEF_INSPECT_H
#define VARTIO_WEF_INSPECT_H

#include "agent/inputs/wef/wef.h"
#include "common/base/i18n.h"

struct wef_report {
	enum lang lang;
	void (*say)(void *arg, bool good, const char *text);
	void *arg;
	unsigned wrong; /* how many were */
};
/* One line: msgid in the report's language, its {names} filled from pairs of name and value that
 * end with NULL. What is wrong says what repairs it. */
void wef_good(struct wef_report *rp, const char *msgid, ...) __attribute__((sentinel));
void wef_wrong(struct wef_report *rp, const char *msgid, ...) __attribute__((sentinel));

/* host: the name that clients use; NULL: it is not known, and not asked for. */
void wef_inspect(const struct wef_conf *cf, const char *host, struct wef_report *rp);
/* input_class.check */
int wef_check(const void *conf, void (*fault)(void *arg, const struct err *err), void *arg);

/* wef/inspect_tls.c */
struct wef_ca {
	const char *subject;                     /* in the arena */
	char thumbprint[WEF_THUMBPRINT_LEN + 1]; /* as Windows writes it: upper-case hex */
	bool authority;                          /* may sign certificates */
	int64_t ends_s;
};
struct wef_cas {
	struct wef_ca *v;
	size_t n;
};
/* The certificates in a PEM file. ERR_ABSENT, ERR_DENIED, ERR_SYNTAX. */
int wef_cas_read(const char *path, struct arena *mem, struct wef_cas *ret, struct err *err);
void wef_inspect_tls(const struct wef_conf *cf, const char *host, struct wef_report *rp);

#endif
