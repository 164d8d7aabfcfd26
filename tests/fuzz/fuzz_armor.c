/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Armor cannot be changed without changing what is in it: apart from white space around and the
 * choice of line end, what is decoded encodes to the same bytes.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/err.h"
#include "keys/age.h"

static int is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* What was accepted, as age_armor would have written it. */
static void normalize(const uint8_t *data, size_t size, struct buf *out)
{
	int crlf = memchr(data, '\r', size) != NULL;

	while (size > 0 && is_space(data[0]))
		data++, size--;
	while (size > 0 && is_space(data[size - 1]))
		size--;
	for (size_t i = 0; i < size; i++)
		if (!crlf || data[i] != '\r')
			buf_putc(out, data[i]);
	buf_putc(out, '\n');
}

static void check_decoded(const uint8_t *data, size_t size, const struct buf *plain)
{
	struct buf want = BUF_INIT, again = BUF_INIT;
	struct err err = ERR_INIT;

	normalize(data, size, &want);
	must(age_is_armored(data, size));
	must(age_armor(plain->data, plain->len, &again, &err) == 0);
	must(again.len == want.len && memcmp(again.data, want.data, want.len) == 0);
	buf_clear(&want);
	buf_clear(&again);
}

static void check_encoded(const uint8_t *data, size_t size)
{
	struct buf text = BUF_INIT, plain = BUF_INIT;
	struct err err = ERR_INIT;

	must(age_armor(data, size, &text, &err) == 0);
	must(age_dearmor(text.data, text.len, &plain, &err) == 0);
	must(plain.len == size && (size == 0 || memcmp(plain.data, data, size) == 0));
	buf_clear(&text);
	buf_clear(&plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf plain = BUF_INIT;
	struct err err = ERR_INIT;

	if (age_dearmor(data, size, &plain, &err) == 0)
		check_decoded(data, size, &plain);
	else
		must(err.class == ERR_INVALID && strncmp(err.text, "age armor: ", 11) == 0 &&
		     plain.len == 0);
	check_encoded(data, size);
	buf_clear(&plain);
	return 0;
}
