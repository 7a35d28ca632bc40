/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/agent.h: the subcommands of vartio-agent. Each returns an exit code: 0 good, 1 the answer
 * is no or the work failed (reason on stderr), 2 usage. */
#ifndef VARTIO_AGENT_AGENT_H
#define VARTIO_AGENT_AGENT_H

int agent_run(int argc, char **argv);       /* agent/run.c */
int agent_enrol(int argc, char **argv);     /* agent/enrol/command.c */
int agent_check(int argc, char **argv);     /* agent/check.c */
int agent_status(int argc, char **argv);    /* agent/status.c */
int agent_normalise(int argc, char **argv); /* agent/normalise.c */
int agent_wef(int argc, char **argv);       /* agent/inputs/wef/command.c */

#endif
