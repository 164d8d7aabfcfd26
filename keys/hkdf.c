/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/hkdf.h"

#include <sodium.h>
#include <string.h>

#include "base/mem.h"

static void update(crypto_auth_hmacsha256_state *state, const void *data, size_t len)
{
	if (len != 0)
		crypto_auth_hmacsha256_update(state, data, len);
}

void hkdf_sha256(unsigned char out[static HKDF_SIZE], struct hkdf_bytes ikm, struct hkdf_bytes salt,
		 const char *info)
{
	static const unsigned char no_salt[1];
	static const unsigned char first_block = 1;
	crypto_auth_hmacsha256_state state;
	unsigned char key[crypto_auth_hmacsha256_BYTES];

	crypto_auth_hmacsha256_init(&state, salt.len != 0 ? salt.data : no_salt, salt.len);
	update(&state, ikm.data, ikm.len);
	crypto_auth_hmacsha256_final(&state, key);

	crypto_auth_hmacsha256_init(&state, key, sizeof(key));
	update(&state, info, strlen(info));
	update(&state, &first_block, 1);
	crypto_auth_hmacsha256_final(&state, out);

	mem_wipe(key, sizeof(key));
	mem_wipe(&state, sizeof(state));
}
