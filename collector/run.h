/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/run.h: `vartio-collector run`: starts every hop in its order, from the back to the
 * front, and stops them from the front to the back, so that none ever gives to one that is gone. */
#ifndef VARTIO_COLLECTOR_RUN_H
#define VARTIO_COLLECTOR_RUN_H

int collector_run(int argc, char **argv); /* exit code */

#endif
