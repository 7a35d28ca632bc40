/* SPDX-License-Identifier: EUPL-1.2 */
#include "agent/config.h"

int config_load(const char *path, struct config *ret, struct err *err)
{
	return config_load_with(path, input_classes, ret, err);
}
