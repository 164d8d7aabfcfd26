/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A journal of reseal may be anything.  No path leads out of the tree, keys are key ids, what is to
 * be told can be printed in its order, and a text that is cut holds no more than the whole one.
 */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>

#include "base/name.h"
#include "sealer/reseal_journal.h"
#include "sealer/reseal_lost.h"

static void check_path(const char *path)
{
	char *slashed = mem_printf("/%s/", path);

	must(path[0] != '/' && path[0] != '\0');
	must(strstr(slashed, "/../") == NULL && strstr(slashed, "/./") == NULL &&
	     strstr(slashed, "//") == NULL);
	mem_free(slashed);
}

static void check_lost(const struct reseal_record *r)
{
	json_t *sorted = reseal_lost_sorted(r->lost), *again;
	FILE *nowhere = fopen("/dev/null", "we");

	must(json_array_size(sorted) <= json_array_size(r->lost));
	for (size_t i = 1; i < json_array_size(sorted); i++) {
		const char *a =
		    json_string_value(json_object_get(json_array_get(sorted, i - 1), "kind"));
		const char *b =
		    json_string_value(json_object_get(json_array_get(sorted, i), "kind"));

		must(danger_rank(kind_find(a)) <= danger_rank(kind_find(b)));
	}
	again = reseal_lost_sorted(sorted);
	must(json_equal(again, sorted));
	if (nowhere != NULL) {
		reseal_lost_print(sorted, nowhere);
		fclose(nowhere);
	}
	json_decref(sorted);
	json_decref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reseal_record whole, cut;

	reseal_record_parse(data, size, &whole);
	must(whole.run != NULL || whole.files.n + whole.keys.n + json_array_size(whole.lost) == 0);
	for (size_t i = 0; i < whole.files.n; i++)
		check_path(whole.files.items[i].name);
	for (size_t i = 0; i < whole.keys.n; i++)
		must(name_is_key_id(whole.keys.items[i].name));
	check_lost(&whole);
	reseal_record_parse(data, size / 2, &cut);
	must(cut.files.n <= whole.files.n && cut.keys.n <= whole.keys.n &&
	     json_array_size(cut.lost) <= json_array_size(whole.lost));
	reseal_record_clear(&whole);
	reseal_record_clear(&cut);
	return 0;
}
