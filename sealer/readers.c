/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/readers.h"

#include <string.h>

#include "base/mem.h"
#include "keys/config.h"
#include "sealer/repo.h"

#define CLUSTER "cluster"

int readers_of(const char *top, const struct document_part *part, struct kv *out, struct err *err)
{
	struct kv files = KV_INIT;
	int r = top != NULL ? repo_list_keys(top, &files, err) : 0;

	for (size_t i = 0; r == 0 && i < part->recipients.n; i++)
		if (strcmp(part->recipients.items[i].name, CONFIG_RECOVERY) != 0)
			kv_set_str(out, part->recipients.items[i].name, "");
	for (size_t i = 0; r == 0 && i < files.n; i++) {
		char id[AGE_KEY_ID_TEXT], *name;

		if (!repo_key_parse(files.items[i].name, &name, id))
			continue;
		if (kv_has(out, name))
			kv_set_str(out, name, CLUSTER);
		mem_free(name);
	}
	kv_clear(&files);
	return r;
}

static bool any_known(const struct kv *readers)
{
	for (size_t i = 0; i < readers->n; i++)
		if (readers->items[i].len > 0)
			return true;
	return false;
}

void readers_names(const struct kv *readers, struct buf *out)
{
	bool known = any_known(readers), first = true;

	for (size_t i = 0; i < readers->n; i++) {
		if (known && readers->items[i].len == 0)
			continue;
		buf_printf(out, "%s%s", first ? "" : ",", readers->items[i].name);
		first = false;
	}
}
