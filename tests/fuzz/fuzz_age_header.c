/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A header is refused with a place and a reason, or it is the only spelling of what it says:
 * written again from what was read, a header of known stanzas has the same bytes.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/err.h"
#include "keys/age.h"
#include "keys/age_header.h"

#define TRIED_MAX 3 /* stanzas; each try costs more than all of the parsing */

static void check_same_bytes(const uint8_t *data, const struct age_header *h)
{
	struct buf again = BUF_INIT;

	age_header_begin(&again);
	for (size_t i = 0; i < h->n; i++) {
		const struct age_stanza *s = &h->stanzas[i];

		if (s->type == AGE_STANZA_X25519)
			age_header_put_x25519(&again, s->share, s->body);
		else
			age_header_put_scrypt(&again, s->salt, s->log_n, s->body);
	}
	must(again.len + 3 == h->mac_len && memcmp(again.data, data, again.len) == 0);
	buf_clear(&again);
}

static void check_parsed(const uint8_t *data, size_t size, const struct age_header *h)
{
	size_t n = 0;

	for (int t = 0; t < AGE_STANZA_TYPES; t++)
		n += h->of_type[t];
	must(n == h->n && n >= 1 && n <= AGE_STANZAS_MAX);
	must(h->len + AGE_NONCE_SIZE <= size && h->len <= AGE_HEADER_MAX);
	must(h->mac_len + 1 + 43 + 1 == h->len && data[h->len - 1] == '\n');
	must(memcmp(data + h->mac_len - 4, "\n---", 4) == 0);
	must(h->of_type[AGE_STANZA_SCRYPT] == 0 || h->n == 1);
	for (size_t i = 0; i < h->n; i++)
		must(h->stanzas[i].type != AGE_STANZA_SCRYPT ||
		     (h->stanzas[i].log_n >= 1 && h->stanzas[i].log_n <= AGE_SCRYPT_LOG_N_MAX));
	if (h->of_type[AGE_STANZA_HYBRID] + h->of_type[AGE_STANZA_OTHER] == 0)
		check_same_bytes(data, h);
}

/* Whoever holds a key that it is not for gets a class that says so, and nothing else. */
static void check_open(const uint8_t *data, size_t size)
{
	static const char text[] =
	    "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
	static const struct age_identity *id;
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;

	if (id == NULL)
		id = age_identity_parse(text, strlen(text), &err);
	if (age_decrypt(&id, 1, data[size - 1], data, size, &out, NULL, &err) != 0) {
		must(err.class == ERR_INVALID || err.class == ERR_NOKEY ||
		     err.class == ERR_REFUSED);
		must(out.len == 0);
	}
	buf_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct age_header h;
	struct age_info info;
	struct err err = ERR_INIT;

	if (age_header_parse(data, size, &h, &err) == 0) {
		check_parsed(data, size, &h);
		if (h.of_type[AGE_STANZA_X25519] <= TRIED_MAX)
			check_open(data, size);
		if (age_inspect(data, size, &info, &err) == 0)
			must(info.stanzas == h.n && info.plain_len < size);
	} else {
		must(err.class == ERR_INVALID && strncmp(err.text, "age header: ", 12) == 0);
	}
	age_header_clear(&h);
	return 0;
}
