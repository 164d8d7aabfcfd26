/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An identity file gives the keys whose texts stand in it, each once, or a reason that quotes
 * nothing of it.  What keyring_file_format writes is always read.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/err.h"
#include "keys/keyring.h"

#define NAME "file"

static void check_key(const struct age_identity *id, const uint8_t *data, size_t size)
{
	struct keyring again = KEYRING_INIT;
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	age_identity_format(id, &text);
	must(memmem(data, size, text.data, text.len) != NULL);
	buf_reset(&text);
	keyring_file_format(id, (long long)size * 1000000, &text);
	must(keyring_add_bytes(&again, NAME, text.data, text.len, NULL, NULL, &err) == 0);
	must(again.n == 1 && strcmp(age_identity_id(again.ids[0]), age_identity_id(id)) == 0);
	keyring_clear(&again);
	buf_clear(&text);
}

/* Is this what follows the prefix of a key, and nothing that errors have words for? */
static bool could_be_key(const uint8_t *data)
{
	for (size_t i = 0; i < 12; i++)
		if ((data[i] < '0' || data[i] > '9') && (data[i] < 'A' || data[i] > 'Z'))
			return false;
	return true;
}

static void check_error(const struct err *err, const uint8_t *data, size_t size)
{
	static const char prefix[] = "AGE-SECRET-KEY-1";
	const uint8_t *at = memmem(data, size, prefix, strlen(prefix));
	size_t left = at == NULL ? 0 : size - (size_t)(at - data);

	must(err->class == ERR_INVALID || err->class == ERR_NOKEY);
	must(strncmp(err->text, NAME ":", strlen(NAME ":")) == 0);
	if (left >= strlen(prefix) + 12 && could_be_key(at + strlen(prefix)))
		must(memmem(err->text, strlen(err->text), at + strlen(prefix), 12) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct keyring kr = KEYRING_INIT;
	struct err err = ERR_INIT;

	if (keyring_add_bytes(&kr, NAME, data, size, NULL, NULL, &err) == 0) {
		must(kr.n >= 1);
		for (size_t i = 0; i < kr.n; i++) {
			must(keyring_find(&kr, age_identity_id(kr.ids[i])) == kr.ids[i]);
			check_key(kr.ids[i], data, size);
		}
	} else {
		must(kr.n == 0);
		check_error(&err, data, size);
	}
	keyring_clear(&kr);
	return 0;
}
