/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/data.h: what the build puts into the program (embed.py): rules/logsources.yml,
 * rules/fieldmap.yml, and Unicode's simple lower case. */
#ifndef VARTIO_DETECT_DATA_H
#define VARTIO_DETECT_DATA_H

#include <stddef.h>
#include <stdint.h>

struct fold_pair {
	uint32_t from, to; /* sorted by from; from >= 0x80 */
};
extern const struct fold_pair fold_pairs[];
extern const size_t fold_pairs_n;
extern const char data_logsources[], data_fieldmap[];
extern const size_t data_logsources_n, data_fieldmap_n;

#endif
