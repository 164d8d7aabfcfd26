/* SPDX-License-Identifier: Apache-2.0 */
#include "base/b64.h"

#include <sodium.h>
#include <string.h>

static int encode(struct buf *out, const void *data, size_t len, int variant)
{
	size_t size;
	unsigned char *at;

	if (len > BUF_MAX)
		return -1;
	size = sodium_base64_encoded_len(len, variant); /* counts a NUL */
	at = buf_reserve(out, size - 1);
	if (at == NULL)
		return -1;
	/* a buffer keeps one byte behind len, which takes the NUL */
	sodium_bin2base64((char *)at, size, data, len, variant);
	return 0;
}

/* libsodium 1.0.18 takes the bytes 0xab and 0xaf for "+" and "/": its comparison loses the top bit.
 */
static bool is_ascii(const char *text, size_t len)
{
	unsigned char all = 0;

	for (size_t i = 0; i < len; i++)
		all |= (unsigned char)text[i];
	return all < 0x80;
}

static int decode(struct buf *out, const char *text, size_t len, int variant)
{
	size_t had = out->len, n = 0;
	const char *end;
	unsigned char *at;

	if (!is_ascii(text, len))
		return -1;
	at = buf_reserve(out, len / 4 * 3 + 3);
	if (at == NULL)
		return -1;
	if (sodium_base642bin(at, len / 4 * 3 + 3, text, len, NULL, &n, &end, variant) != 0 ||
	    end != text + len) {
		buf_truncate(out, had);
		return -1;
	}
	buf_truncate(out, had + n);
	return 0;
}

int b64_encode(struct buf *out, const void *data, size_t len)
{
	return encode(out, data, len, sodium_base64_VARIANT_ORIGINAL);
}

int b64_encode_raw(struct buf *out, const void *data, size_t len)
{
	return encode(out, data, len, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
}

int b64_decode(struct buf *out, const char *text, size_t len)
{
	return decode(out, text, len, sodium_base64_VARIANT_ORIGINAL);
}

int b64_decode_raw(struct buf *out, const char *text, size_t len)
{
	return decode(out, text, len, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
}

void b64_fingerprint(const void *blob, size_t len, char text[static B64_FINGERPRINT])
{
	unsigned char digest[crypto_hash_sha256_BYTES];
	struct buf out = BUF_INIT;

	crypto_hash_sha256(digest, blob, len);
	buf_puts(&out, "SHA256:");
	b64_encode_raw(&out, digest, sizeof(digest));
	memcpy(text, buf_str(&out), B64_FINGERPRINT);
	buf_clear(&out);
}
