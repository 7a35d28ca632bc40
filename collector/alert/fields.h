/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/alert/fields.h: what of an event the texts about it may name. */
#ifndef VARTIO_ALERT_FIELDS_H
#define VARTIO_ALERT_FIELDS_H

/* The placeholders of rule texts that an event's field fills: X(ID, name, field). Messages and the
 * command line know the same ones; rules/README.md lists them for authors. */
#define FILL_FIELDS(X)                                                                             \
	X(HOST, "host", "host.name")                                                               \
	X(USER, "user", "user.name")                                                               \
	X(SOURCE_IP, "source_ip", "source.ip")                                                     \
	X(COMMAND, "command", "process.command_line")                                              \
	X(TARGET_USER, "target_user", "user.target.name")                                          \
	X(GROUP, "group", "group.name")                                                            \
	X(SERVICE, "service", "service.name")

#endif
