/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/options.h: the few options that subcommands share. Each call takes what it knows out of
 * argv, so that what is left at the end is unknown. */
#ifndef VARTIO_AGENT_OPTIONS_H
#define VARTIO_AGENT_OPTIONS_H

#include "agent/config.h"

bool options_flag(int *argc, char **argv, const char *name);
/* "--name VALUE" or "--name=VALUE"; NULL when absent. */
const char *options_value(int *argc, char **argv, const char *name);
/* Loads the file of --config, or the default one, into *ret. Anything left in argv is unknown. 0;
 * else the exit code, with the reason or the usage on stderr. */
int options_config(int *argc, char **argv, const char *usage, struct config *ret);
int options_usage(const char *usage, const char *reason); /* prints, returns 2 */

#endif
