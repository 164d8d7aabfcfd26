/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Secret manifest is refused with its line, or read; what was read has a name, only metadata that
 * may be sealed, and, written again, the same data.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/name.h"
#include "sealer/manifest.h"

static void check_metadata(const struct kv *kv)
{
	for (size_t i = 0; i < kv->n; i++) {
		must(name_is_qualified(kv->items[i].name));
		must(name_metadata_refused(kv->items[i].name) == NULL);
	}
}

static void check_again(const struct manifest *m)
{
	struct manifest again = MANIFEST_INIT;
	struct buf text = BUF_INIT;

	manifest_format(m->name, m->namespace, &m->data, &text);
	must(manifest_parse("a", text.data, text.len, &again, NULL, NULL) == 0);
	must(strcmp(again.name, m->name) == 0 && kv_equal(&again.data, &m->data));
	must((again.namespace == NULL) == (m->namespace == NULL));
	manifest_clear(&again);
	buf_clear(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct manifest m = MANIFEST_INIT;
	struct notes notes = NOTES_INIT;
	struct err err = ERR_INIT;

	if (manifest_parse("m", data, size, &m, &notes, &err) != 0) {
		must(err.class == ERR_INVALID && strncmp(err.text, "m", 1) == 0);
		must(m.name == NULL && m.data.n == 0);
		goto out;
	}
	must(name_is_subdomain(m.name) && m.type != NULL);
	must(m.namespace == NULL || name_is_label(m.namespace));
	for (size_t i = 0; i < m.data.n; i++)
		must(name_is_data_key(m.data.items[i].name));
	check_metadata(&m.labels);
	check_metadata(&m.annotations);
	check_again(&m);
out:
	notes_clear(&notes);
	manifest_clear(&m);
	return 0;
}
