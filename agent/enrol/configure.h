/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/enrol/configure.h: the first settings of an agent, from what this machine has. */
#ifndef VARTIO_ENROL_CONFIGURE_H
#define VARTIO_ENROL_CONFIGURE_H

#include "common/base/buf.h"

/* Appends agent.yml to out, and to report one line on what it follows: the journal where systemd
 * keeps one (syslog's files hold the same lines), else the syslog files. root: "" or the folder
 * that stands for / (tests). */
int configure_text(const char *root, const char *state_dir, const char *collector, struct buf *out,
		   struct buf *report, struct err *err);

#endif
