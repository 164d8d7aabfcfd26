/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text that was edited is refused with its line, or read; what was read, written again, is read
 * the same.  And any values at all can be written and read.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/err.h"
#include "base/name.h"
#include "sealer/edit_text.h"

static void check_again(const struct kv *values)
{
	struct kv again = KV_INIT;
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	bool empty;

	edit_text_format(values, NULL, &text);
	must(edit_text_parse(text.data, text.len, &again, &empty, &err) == 0);
	must(empty == (values->n == 0) && kv_equal(values, &again));
	kv_clear(&again);
	buf_clear(&text);
}

/* The bytes as values: each ends where its first byte says. */
static void check_values(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "A", "B.c", "no", "1_000", "-x", "Z" };
	struct kv values = KV_INIT;

	for (size_t i = 0; size > 0 && i < sizeof(names) / sizeof(*names); i++) {
		size_t n = data[0] < size ? data[0] : size - 1;

		kv_set(&values, names[i], data + 1, n);
		data += n + 1;
		size -= n + 1;
	}
	check_again(&values);
	kv_clear(&values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kv values = KV_INIT;
	struct err err = ERR_INIT;
	bool empty;

	if (edit_text_parse(data, size, &values, &empty, &err) != 0) {
		must(err.class == ERR_INVALID && strncmp(err.text, "the text:", 9) == 0);
		must(values.n == 0);
	} else {
		must(!empty || values.n == 0);
		for (size_t i = 0; i < values.n; i++)
			must(name_is_data_key(values.items[i].name));
		check_again(&values);
	}
	kv_clear(&values);
	check_values(data, size);
	return 0;
}
