/* SPDX-License-Identifier: Apache-2.0 */
/* A key has one text: what is decoded encodes to the same bytes, and the other way round. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/bech32.h"
#include "base/err.h"
#include "keys/age.h"

static void check_text(const char *text, size_t len, const char *prefix, size_t size)
{
	unsigned char data[64];
	char again[200];

	if (bech32_decode(text, len, prefix, data, size) != BECH32_OK)
		return;
	bech32_encode(prefix, data, size, again);
	must(strlen(again) == len && memcmp(again, text, len) == 0);
}

static void check_data(const uint8_t *data, size_t size)
{
	static const char *const prefixes[] = { "age", "AGE-SECRET-KEY-", "a", "?", "age1x" };
	unsigned char back[64];
	char text[200];

	if (size > sizeof(back))
		size = sizeof(back);
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t len, at;

		bech32_encode(prefixes[i], data, size, text);
		len = strlen(text);
		must(bech32_decode(text, len, prefixes[i], back, size) == BECH32_OK);
		must(memcmp(back, data, size) == 0);
		at = size == 0 ? 0 : data[0] % len; /* one character changed is always seen */
		text[at] = (char)(text[at] ^ (size < 2 || data[1] == 0 ? 1 : data[1]));
		must(bech32_decode(text, len, prefixes[i], back, size) != BECH32_OK);
	}
}

/* Could the last 12 characters be a key's, and not words that errors have? */
static bool could_be_key(const char *text, size_t len)
{
	for (size_t i = len - 12; i < len; i++)
		if ((text[i] < '0' || text[i] > '9') && (text[i] < 'A' || text[i] > 'Z'))
			return false;
	return true;
}

/* The two keys, whose errors quote nothing of what was given. */
static void check_keys(const char *text, size_t len)
{
	struct age_recipient r;
	struct err err = ERR_INIT;
	struct age_identity *id = age_identity_parse(text, len, &err);
	char *string = mem_strn(text, len);

	if (id == NULL)
		must(err.class == ERR_INVALID);
	if (id == NULL && len >= 24 && could_be_key(text, len))
		must(memmem(err.text, strlen(err.text), text + len - 12, 12) == NULL);
	age_identity_free(id);
	if (age_recipient_parse(string, &r, &err) == 0) {
		char again[AGE_RECIPIENT_TEXT];

		age_recipient_format(&r, again);
		must(strcmp(again, string) == 0);
	} else {
		must(err.class == ERR_RECIPIENT);
	}
	mem_free(string);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;

	check_text(text, size, "age", 32);
	check_text(text, size, "AGE-SECRET-KEY-", 32);
	check_text(text, size, "a", 0);
	check_text(text, size, "a", 5);
	check_text(text, size, "abcdef", 20);
	check_data(data, size);
	check_keys(text, size);
	return 0;
}
