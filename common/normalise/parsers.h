/* SPDX-License-Identifier: EUPL-1.2 */
/* common/normalise/parsers.h: the tables of message parsers, one file a subject. What they write is
 * listed in docs/fields.md. */
#ifndef VARTIO_NORMALISE_PARSERS_H
#define VARTIO_NORMALISE_PARSERS_H

#include "common/normalise/match.h"

extern const struct match_table parsers_sshd; /* parsers_sshd.c: OpenSSH's server */
extern const struct match_table parsers_sudo; /* parsers_auth.c */
extern const struct match_table parsers_su;
extern const struct match_table parsers_cron;
extern const struct match_table parsers_pam;      /* any program: asked last */
extern const struct match_table parsers_accounts; /* parsers_accounts.c: shadow's programs */
extern const struct match_table parsers_systemd;  /* parsers_system.c */
extern const struct match_table parsers_logind;
extern const struct match_table parsers_logging;
extern const struct match_table parsers_kernel; /* parsers_network.c: netfilter */
extern const struct match_table parsers_openvpn;

extern const struct match_table *const parsers_all[]; /* ends with NULL */

#endif
