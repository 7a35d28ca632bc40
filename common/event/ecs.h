/* SPDX-License-Identifier: EUPL-1.2 */
/* common/event/ecs.h: the fields we write, by their Elastic Common Schema 8 names, in the order in
 * which they are written (dotted names sorted bytewise, so that objects nest in one pass).
 * A new field is one line here. docs/fields.md is checked against this list. */
#ifndef VARTIO_EVENT_ECS_H
#define VARTIO_EVENT_ECS_H

#include "common/base/slice.h"

#define ECS_FIELDS(X)                              \
	X(ECS_AGENT_ID, "agent.id")                \
	X(ECS_AGENT_NAME, "agent.name")            \
	X(ECS_AGENT_TYPE, "agent.type")            \
	X(ECS_AGENT_VERSION, "agent.version")      \
	X(ECS_DESTINATION_IP, "destination.ip")    \
	X(ECS_DESTINATION_PORT, "destination.port") \
	X(ECS_ECS_VERSION, "ecs.version")          \
	X(ECS_ERROR_MESSAGE, "error.message")      \
	X(ECS_EVENT_ACTION, "event.action")        \
	X(ECS_EVENT_CATEGORY, "event.category")    \
	X(ECS_EVENT_CREATED, "event.created")      \
	X(ECS_EVENT_DATASET, "event.dataset")      \
	X(ECS_EVENT_KIND, "event.kind")            \
	X(ECS_EVENT_MODULE, "event.module")        \
	X(ECS_EVENT_ORIGINAL, "event.original")    \
	X(ECS_EVENT_OUTCOME, "event.outcome")      \
	X(ECS_EVENT_TYPE, "event.type")            \
	X(ECS_HOST_HOSTNAME, "host.hostname")      \
	X(ECS_HOST_NAME, "host.name")              \
	X(ECS_MESSAGE, "message")                  \
	X(ECS_PROCESS_NAME, "process.name")        \
	X(ECS_PROCESS_PID, "process.pid")          \
	X(ECS_RELATED_HOSTS, "related.hosts")      \
	X(ECS_RELATED_IP, "related.ip")            \
	X(ECS_RELATED_USER, "related.user")        \
	X(ECS_SOURCE_IP, "source.ip")              \
	X(ECS_SOURCE_PORT, "source.port")          \
	X(ECS_USER_NAME, "user.name")

enum ecs {
	ECS_DYNAMIC, /* not in the list: the field carries its own name */
#define ECS_ID(id, name) id,
	ECS_FIELDS(ECS_ID)
#undef ECS_ID
	ECS_COUNT
};

struct slice ecs_name(enum ecs id); /* the dotted name; empty for ECS_DYNAMIC */

#endif
