/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was encrypted comes back; changed in one place, cut, or made up, it gives out nothing.
 * Input: two bytes of scale and place, one of change, then the plaintext, which is stretched to
 * reach over chunks.
 */
#include "tests/fuzz/fuzz.h"

#include <sodium.h>
#include <string.h>

#include "base/err.h"
#include "keys/age_payload.h"

static const unsigned char key[AGE_FILE_KEY_SIZE] = "sixteen bytes!!";

static void check_refused(const void *payload, size_t len)
{
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;

	must(age_payload_decrypt(key, payload, len, &out, &err) != 0);
	must(err.class == ERR_INVALID || err.class == ERR_REFUSED);
	must(strncmp(err.text, "age payload: ", 13) == 0 && out.len == 0);
	must(out.cap == 0 || sodium_is_zero(out.data, out.cap));
	buf_clear(&out);
}

static void check_round_trip(const unsigned char *plain, size_t len, size_t place, uint8_t change)
{
	struct buf payload = BUF_INIT, out = BUF_INIT;
	struct err err = ERR_INIT;
	size_t plain_len;

	must(age_payload_encrypt(key, plain, len, &payload) == 0);
	must(payload.len == age_payload_len(len));
	must(age_payload_plain_len(payload.len, &plain_len, &err) == 0 && plain_len == len);
	must(age_payload_decrypt(key, payload.data, payload.len, &out, &err) == 0);
	must(out.len == len && (len == 0 || memcmp(out.data, plain, len) == 0));
	place %= payload.len;
	check_refused(payload.data, place); /* cut there */
	payload.data[place] ^= change == 0 ? 1 : change;
	check_refused(payload.data, payload.len);
	buf_clear(&payload);
	buf_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len, place;
	unsigned char *plain;

	check_refused(data, size); /* nobody can make one up */
	if (size < 3)
		return 0;
	len = size - 3;
	if ((data[0] & 15) >= 14) /* the lengths around a chunk's end */
		len = (size_t)AGE_CHUNK_SIZE * ((data[0] & 15) - 13) + (data[0] >> 4) - 8;
	place = (size_t)data[1] * 997 + data[2];
	plain = mem_alloc(len);
	for (size_t i = 0; i < len && size > 3; i++)
		plain[i] = data[3 + i % (size - 3)];
	check_round_trip(plain, len, place, data[2]);
	mem_free(plain);
	return 0;
}
