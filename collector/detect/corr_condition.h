/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/corr_condition.h: when a correlation is true. Shared by correlation.c only. */
#ifndef VARTIO_DETECT_CORR_CONDITION_H
#define VARTIO_DETECT_CORR_CONDITION_H

#include "collector/detect/engine.h"

/* Reads `condition` of the correlation at map: tests, terms, fields and percentile of co. own->refs
 * holds the rules as written; where there are none an extended condition gives them. */
int corr_condition(struct ruleset *rs, struct correlation *co, struct compiled *own,
		   const struct ynode *map, struct err *err);
/* "a and (b or not c)" over own->refs, as the terms of co. */
int corr_expression(struct ruleset *rs, struct correlation *co, struct compiled *own,
		    const struct ynode *n, struct err *err);
int corr_refuse(struct err *err, const struct ynode *at, const char *what); /* always -1 */

#endif
