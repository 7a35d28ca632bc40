/* SPDX-License-Identifier: EUPL-1.2 */
/* common/normalise/winecs.h: what a Windows event means, in the Elastic Common Schema: by provider
 * and event id its category, type, action and outcome, and from its data user.*, source.*,
 * process.* and the like, with names and values as Winlogbeat's pipelines give them; and the names
 * of SIDs, logon types, statuses, access masks and message codes. winlog.* stays whole: names are
 * added beside the numbers. docs/fields.md, "What Windows events mean", lists it all.
 * May touch:  memory.   Thread: any; the tables are constant. */
#ifndef VARTIO_NORMALISE_WINECS_H
#define VARTIO_NORMALISE_WINECS_H

#include "common/event/event.h"

/* Adds to an event that has winlog.provider_name and winlog.event_id, and no event.category. What
 * is set already stays, but event.action. scratch: any; its content ends. */
void winecs_map(struct event *ev, struct buf *scratch);
/* winlog.user.* of a well-known winlog.user.identifier. */
void winecs_user(struct event *ev);

/* The length of the name of a provider of the tables that s begins with, and a blank ends; 0: none.
 */
size_t winecs_provider_at(struct slice s);

#endif
