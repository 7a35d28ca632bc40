/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/commands.h: the commands about rules. They read no state. */
#ifndef VARTIO_DETECT_COMMANDS_H
#define VARTIO_DETECT_COMMANDS_H

#include "collector/command.h"
#include "collector/detect/detect.h"

extern const struct command command_rules_check, command_rules_test, command_detect;

/* Loads for a command: faults as "path:line:col: reason" to faults, warnings to c->err (either may
 * be NULL: not told). *rep counts. NULL: reason in c->err. */
struct ruleset *rules_for_command(struct cmd *c, const struct rules_source *src, struct buf *faults,
				  struct buf *warnings, struct rules_report *rep);
/* A command line of `--values FILE` and paths. false: it has something else, or no path. */
bool rules_source_of(struct cmd *c, struct rules_source *ret);

#endif
