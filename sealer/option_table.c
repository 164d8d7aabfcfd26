/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/option_table.h"

#include "base/mem.h"

void option_table_add(struct option_table *t, const struct option_spec *spec)
{
	t->specs = mem_grow(t->specs, t->n + 2, sizeof(*t->specs));
	t->specs[t->n++] = *spec;
}

void option_table_add_all(struct option_table *t, const struct option_spec *specs)
{
	for (; specs->name != NULL; specs++)
		option_table_add(t, specs);
}

const struct option_spec *option_tables_of(struct option_tables *all, const struct kind *k,
					   option_table_make *make)
{
	size_t i = 0;

	while (i < all->n && all->items[i].kind != k)
		i++;
	if (i == all->n) {
		all->items = mem_grow(all->items, ++all->n, sizeof(*all->items));
		all->items[i] = (struct option_table){ .kind = k };
		make(&all->items[i], k);
	}
	return all->items[i].specs;
}
