/* SPDX-License-Identifier: EUPL-1.2 */
#include "collector/correlate/table.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define LARGE ((size_t)2 << 20) /* a page of that kind on x86-64 and arm64 */

void *table_alloc(size_t n, size_t size)
{
	char *p = calloc(n, size), *first;
	size_t skip;

	if (p == NULL || n * size < 2 * LARGE)
		return p;
	/* Only whole large pages within; refused where the kernel has none, which is fine. */
	skip = (LARGE - (uintptr_t)p % LARGE) % LARGE;
	first = p + skip;
	(void)madvise(first, (n * size - skip) / LARGE * LARGE, MADV_HUGEPAGE);
	return p;
}
