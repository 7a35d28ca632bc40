/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/tenant/registry_impl.h: the handle, for the files of this room alone. */
#ifndef VARTIO_TENANT_REGISTRY_IMPL_H
#define VARTIO_TENANT_REGISTRY_IMPL_H

#include "collector/tenant/db.h"
#include "collector/tenant/registry.h"

struct registry {
	sqlite3 *db;
};

#endif
