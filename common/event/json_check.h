/* SPDX-License-Identifier: EUPL-1.2 */
/* common/event/json_check.h: a quick yes for what nearly always is one: a JSON object that
 * json_index_read will take. Nothing is noted, so it costs a third of that. */
#ifndef VARTIO_EVENT_JSON_CHECK_H
#define VARTIO_EVENT_JSON_CHECK_H

#include "common/base/slice.h"

/* true: JSON to the last byte (RFC 8259, RFC 3629) within json.h's bounds; only names made to
 * collide in its tables could still be refused. false says nothing: larger, deeper or with longer
 * names than events have, or white space around it, or no JSON; ask json_index_read. */
bool json_check(struct slice text);

#endif
