/* SPDX-License-Identifier: Apache-2.0 */
#include "base/search.h"

size_t search_sorted(const struct search *s, const void *key, bool *found)
{
	size_t lo = 0, hi = s->n;

	*found = false;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = s->compare(key, (const char *)s->items + mid * s->size);

		if (c == 0) {
			*found = true;
			return mid;
		}
		if (c > 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}
