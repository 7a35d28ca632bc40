/* SPDX-License-Identifier: EUPL-1.2 */
/* agent/inputs/wef/doctor.h: whether Windows computers can reach this receiver and are let in: what
 * inspect.h finds, and what the network says. Blocking. */
#ifndef VARTIO_WEF_DOCTOR_H
#define VARTIO_WEF_DOCTOR_H

#include "agent/inputs/wef/inspect.h"
#include "agent/inputs/wef/setup.h"

struct wef_doctor {
	const struct sockaddr_in *dns; /* the name server to ask; NULL: the system's */
	const struct sockaddr_in *kdc; /* NULL: port 88 at the realm's own name */
};
void wef_doctor(const struct wef_doctor *dr, const struct wef_site *pl, struct wef_report *rp);

#endif
