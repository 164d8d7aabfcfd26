/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inventory: what is read of a shard is written again byte for byte, what it names can be names
 * and stands in this shard, and a text that is refused changes nothing.  The first byte says which
 * shard.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "agent/inventory.h"
#include "base/err.h"
#include "base/name.h"

static void check(const struct inventory *v, unsigned shard)
{
	const struct inventory_item **items = inventory_items(v);

	for (size_t i = 0; i < v->table.n; i++) {
		const struct inventory_item *x = items[i];

		must(name_is_label(x->namespace) && name_is_subdomain(x->name));
		must(inventory_shard(x->namespace, x->name) == shard);
		must(inventory_find(v, x->namespace, x->name) == x);
		must((x->gone != 0) == (x->from == NULL));
		must((x->gone != 0) == (x->policy == POLICY_UNSET));
	}
	mem_free(items);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf again = BUF_INIT;
	struct err err = ERR_INIT;
	struct inventory v;
	unsigned shard;

	if (size == 0)
		return 0;
	shard = data[0] % INVENTORY_SHARDS;
	inventory_init(&v);
	if (inventory_decode(&v, shard, (const char *)data + 1, size - 1, &err) == 0) {
		check(&v, shard);
		must(!inventory_dirty(&v, shard));
		must(inventory_encode(&v, shard, &again, &err) == 0);
		must(size == 1 ||
		     (again.len == size - 1 && memcmp(again.data, data + 1, size - 1) == 0));
	} else {
		must(err.class == ERR_INVALID && v.table.n == 0);
	}
	inventory_clear(&v);
	buf_clear(&again);
	return 0;
}
