/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/tenant/registry_impl.h: the handle, for the files of this room alone. */
#ifndef VARTIO_TENANT_REGISTRY_IMPL_H
#define VARTIO_TENANT_REGISTRY_IMPL_H

#include "collector/tenant/db.h"
#include "collector/tenant/registry.h"
#include "common/base/time.h"

struct registry {
	sqlite3 *db;
};

/* A time for people: milliseconds at most. */
static inline void time_text(int64_t t_ns, char out[TIME_TEXT_MAX])
{
	time_format(t_ns - t_ns % NS_PER_MS, out);
}

#endif
