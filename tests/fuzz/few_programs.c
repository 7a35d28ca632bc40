/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/fuzz/few_programs.c: collector/detect/program.c with bounds that a few events reach, so
 * that fuzz_engine_few also sees what happens behind them. */
#include "collector/detect/program_impl.h"

#undef PROGRAMS_MAX
#undef CLASS_SETS_MAX
#define PROGRAMS_MAX   4u
#define CLASS_SETS_MAX 3u

#include "collector/detect/program.c"
