/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/list.c: the kinds of input there are. */
#include "agent/inputs/file.h"
#include "agent/inputs/journal.h"
#include "agent/inputs/syslog.h"
#include "agent/inputs/wef/wef.h"

const struct input_class *const input_classes[] = {
	&input_file,
	&input_syslog_udp,
	&input_syslog_tcp,
	&input_syslog_unix,
	&input_journal,
	&input_wef,
	NULL,
};
