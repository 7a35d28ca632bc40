/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/program_impl.h: between program.c and program_build.c. */
#ifndef VARTIO_DETECT_PROGRAM_IMPL_H
#define VARTIO_DETECT_PROGRAM_IMPL_H

#include "collector/detect/detector_impl.h"

/* The program of the rules of these classes for events like the detector's. general: for all events
 * of the classes. number: another for each program of the rule set, from 1; the caller holds the
 * lock. It is the caller's: arena_release of a copy of its mem. NULL: no memory, or, *ret_large, it
 * would be larger than PROGRAM_MEM. */
struct program *program_build(struct detector *dt, const uint32_t *classes, unsigned n_classes,
			      bool general, uint32_t number, bool *ret_large);

#endif
