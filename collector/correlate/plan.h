/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/correlate/plan.h: what each rule's signals are for; made once from a ruleset. */
#ifndef VARTIO_CORRELATE_PLAN_H
#define VARTIO_CORRELATE_PLAN_H

#include "collector/correlate/state.h"
#include "common/base/time.h"

/* Fills co->plans, by_id, fields and horizon_ns from co->rules. plans_free takes what was made. */
int plans_make(struct correlate *co, const struct correlate_opts *opts, struct err *err);
struct plan *plan_find(struct correlate *co, struct slice rule_id); /* NULL: no such rule */
void plans_free(struct correlate *co);

/* look.c: prepares event_value for every field that the plans may ask for. */
extern const char entity_default[]; /* whose alert it is where a rule does not say */
int looks_make(struct correlate *co, struct err *err);
void looks_release(struct looks *lk);

#endif
