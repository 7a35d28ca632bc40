/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/correlate/table.h: memory of large tables that are read here and there. */
#ifndef VARTIO_CORRELATE_TABLE_H
#define VARTIO_CORRELATE_TABLE_H

#include <stddef.h>

/* As calloc, freed by free. In large pages where the system gives them for the asking: a read of a
 * table of 16 MiB in small ones misses the processor's table of pages as well. */
void *table_alloc(size_t n, size_t size);

#endif
