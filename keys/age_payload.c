/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/age_payload.h"

#include <sodium.h>
#include <string.h>

#include "base/ct.h"
#include "base/err.h"
#include "base/mem.h"
#include "keys/hkdf.h"

#define INFO "payload"
#define SEALED_CHUNK ((size_t)AGE_CHUNK_SIZE + AGE_TAG_SIZE)

/* One pass over the chunks of a payload. */
struct stream {
	unsigned char key[HKDF_SIZE];
	unsigned char nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];
};

static void stream_init(struct stream *s, const unsigned char file_key[static AGE_FILE_KEY_SIZE],
			const unsigned char nonce[static AGE_NONCE_SIZE])
{
	hkdf_sha256(s->key, (struct hkdf_bytes){ file_key, AGE_FILE_KEY_SIZE },
		    (struct hkdf_bytes){ nonce, AGE_NONCE_SIZE }, INFO);
	memset(s->nonce, 0, sizeof(s->nonce));
}

/* An 11-byte big-endian counter, then 1 for the last chunk: no chunk can be moved or be the end. */
static void stream_nonce(struct stream *s, size_t index, bool last)
{
	size_t at = sizeof(s->nonce) - 1;

	s->nonce[at] = last;
	for (size_t i = 0; i < sizeof(index); i++)
		s->nonce[--at] = (unsigned char)(index >> 8 * i);
}

/* Chunks of a plaintext; an empty one has one, empty. */
static size_t chunks_of(size_t len)
{
	return len == 0 ? 1 : (len - 1) / AGE_CHUNK_SIZE + 1;
}

size_t age_payload_len(size_t len)
{
	return AGE_NONCE_SIZE + len + chunks_of(len) * AGE_TAG_SIZE;
}

int age_payload_plain_len(size_t len, size_t *plain_len, struct err *err)
{
	size_t chunks, last;

	if (len < AGE_NONCE_SIZE)
		return err_set(err, ERR_INVALID, "age payload: its nonce is cut short");
	len -= AGE_NONCE_SIZE;
	if (len == 0)
		return err_set(err, ERR_INVALID,
			       "age payload: it has no chunk: the file is cut "
			       "short");
	chunks = (len - 1) / SEALED_CHUNK + 1;
	last = len - (chunks - 1) * SEALED_CHUNK;
	if (last < AGE_TAG_SIZE)
		return err_set(err, ERR_INVALID,
			       "age payload: its last chunk is %zu bytes, shorter than a tag: the "
			       "file is cut short or has something behind it",
			       last);
	if (last == AGE_TAG_SIZE && chunks > 1)
		return err_set(err, ERR_INVALID,
			       "age payload: its last chunk is empty, which only the chunk of an "
			       "empty file may be");
	*plain_len = len - chunks * AGE_TAG_SIZE;
	return 0;
}

int age_payload_encrypt(const unsigned char file_key[static AGE_FILE_KEY_SIZE], const void *plain,
			size_t len, struct buf *out)
{
	unsigned char *at = buf_reserve(out, age_payload_len(len));
	const unsigned char *from = plain;
	size_t chunks = chunks_of(len);
	struct stream s;

	if (at == NULL)
		return -1;
	randombytes_buf(at, AGE_NONCE_SIZE);
	stream_init(&s, file_key, at);
	at += AGE_NONCE_SIZE;
	for (size_t i = 0; i < chunks; i++) {
		size_t n = i + 1 < chunks ? AGE_CHUNK_SIZE : len - i * AGE_CHUNK_SIZE;

		stream_nonce(&s, i, i + 1 == chunks);
		crypto_aead_chacha20poly1305_ietf_encrypt(at, NULL, from, n, NULL, 0, NULL, s.nonce,
							  s.key);
		at += n + AGE_TAG_SIZE;
		from = n == 0 ? from : from + n;
	}
	mem_wipe(&s, sizeof(s));
	return 0;
}

/* All chunks, or -1 with the index of the first bad one. */
static int decrypt_chunks(struct stream *s, const unsigned char *from, size_t len,
			  unsigned char *at, size_t *index)
{
	int r;

	for (*index = 0; len != 0; (*index)++) {
		size_t n = len < SEALED_CHUNK ? len : SEALED_CHUNK;

		stream_nonce(s, *index, n == len);
		r = crypto_aead_chacha20poly1305_ietf_decrypt(at, NULL, NULL, from, n, NULL, 0,
							      s->nonce, s->key);
		ct_public(&r, sizeof(r));
		if (r != 0)
			return -1;
		at += n - AGE_TAG_SIZE;
		from += n;
		len -= n;
	}
	return 0;
}

int age_payload_decrypt(const unsigned char file_key[static AGE_FILE_KEY_SIZE], const void *payload,
			size_t len, struct buf *out, struct err *err)
{
	const unsigned char *from = payload;
	size_t plain_len = 0, bad;
	unsigned char *at;
	struct stream s;
	int r = -1;

	buf_reset(out);
	if (age_payload_plain_len(len, &plain_len, err) != 0)
		return -1;
	at = buf_reserve(out, plain_len);
	if (at == NULL) {
		buf_reset(out);
		return err_set(err, ERR_INVALID,
			       "age payload: its %zu bytes are more than can be taken here",
			       plain_len);
	}
	stream_init(&s, file_key, from);
	if (decrypt_chunks(&s, from + AGE_NONCE_SIZE, len - AGE_NONCE_SIZE, at, &bad) != 0) {
		buf_reset(out);
		err_set(err, ERR_REFUSED,
			"age payload: chunk %zu is damaged, cut short, or not where it was written",
			bad + 1);
		goto out;
	}
	r = 0;
out:
	mem_wipe(&s, sizeof(s));
	return r;
}
