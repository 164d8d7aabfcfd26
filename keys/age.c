/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/age.h"

#include <sodium.h>

#include "base/ct.h"
#include "base/err.h"
#include "base/mem.h"
#include "keys/age_header.h"
#include "keys/age_payload.h"
#include "keys/armor.h"
#include "keys/wrap.h"

static int too_large(struct buf *out, struct err *err)
{
	buf_reset(out);
	return err_set(err, ERR_INVALID,
		       "the encrypted file would be larger than can be held here");
}

/*
 * Room for len bytes at once, so that growing never copies.  What does not fit is told in the end.
 */
static void make_room(struct buf *out, size_t len)
{
	buf_reserve(out, len);
	buf_reset(out);
}

static void new_file_key(unsigned char file_key[static AGE_FILE_KEY_SIZE])
{
	randombytes_buf(file_key, AGE_FILE_KEY_SIZE);
	ct_secret(file_key, AGE_FILE_KEY_SIZE);
}

static int put_x25519(const struct age_recipient *to,
		      const unsigned char file_key[static AGE_FILE_KEY_SIZE], struct buf *out,
		      struct err *err)
{
	unsigned char share[AGE_KEY_SIZE], body[AGE_WRAPPED_SIZE];

	if (wrap_x25519_seal(to, file_key, share, body, err) != 0)
		return -1;
	age_header_put_x25519(out, share, body);
	return 0;
}

/* The MAC and the payload, behind the stanzas. */
static int put_rest(const unsigned char file_key[static AGE_FILE_KEY_SIZE], const void *plain,
		    size_t len, struct buf *out, struct err *err)
{
	if (age_header_end(out, file_key) != 0 ||
	    age_payload_encrypt(file_key, plain, len, out) != 0)
		return too_large(out, err);
	return 0;
}

int age_encrypt(const struct age_recipient *recipients, size_t n, const void *plain, size_t len,
		struct buf *out, struct err *err)
{
	unsigned char file_key[AGE_FILE_KEY_SIZE];
	int r = -1;

	buf_reset(out);
	if (n == 0)
		return err_set(err, ERR_RECIPIENT, "there is nobody to encrypt to");
	if (n > AGE_STANZAS_MAX)
		return err_set(err, ERR_RECIPIENT, "%zu recipients are more than the %d of a file",
			       n, AGE_STANZAS_MAX);
	make_room(out, age_header_x25519_len(n) + age_payload_len(len));
	new_file_key(file_key);
	age_header_begin(out);
	for (size_t i = 0; i < n; i++)
		if (put_x25519(&recipients[i], file_key, out, err) != 0)
			goto out;
	r = put_rest(file_key, plain, len, out, err);
out:
	if (r != 0)
		buf_reset(out);
	mem_wipe(file_key, sizeof(file_key));
	return r;
}

static int no_scrypt_memory(int log_n, struct err *err)
{
	return err_set(err, ERR_MEMORY, "scrypt needs %llu MiB of memory, which are not to be had",
		       (1ULL << log_n) / 1024 + 1);
}

int age_encrypt_passphrase(const char *passphrase, size_t passphrase_len, int log_n,
			   const void *plain, size_t len, struct buf *out, struct err *err)
{
	unsigned char file_key[AGE_FILE_KEY_SIZE], salt[AGE_SALT_SIZE], body[AGE_WRAPPED_SIZE];
	struct wrap_passphrase p = { passphrase, passphrase_len, salt, log_n };
	int r = -1;

	buf_reset(out);
	if (passphrase_len == 0)
		return err_set(err, ERR_INVALID, "the passphrase is empty");
	if (log_n < 1 || log_n > AGE_SCRYPT_LOG_N_MAX)
		return err_set(err, ERR_INVALID, "the scrypt work factor %d is not in 1 to %d",
			       log_n, AGE_SCRYPT_LOG_N_MAX);
	new_file_key(file_key);
	randombytes_buf(salt, sizeof(salt));
	if (wrap_scrypt_seal(&p, file_key, body) != WRAP_OPENED) {
		no_scrypt_memory(log_n, err);
		goto out;
	}
	age_header_begin(out);
	age_header_put_scrypt(out, salt, log_n, body);
	r = put_rest(file_key, plain, len, out, err);
out:
	mem_wipe(file_key, sizeof(file_key));
	return r;
}

/* With a file key at hand: the MAC first, the payload only when it is right. */
static int open_file(const struct age_header *h, const void *file, size_t len,
		     const unsigned char file_key[static AGE_FILE_KEY_SIZE], struct buf *out,
		     struct err *err)
{
	if (!age_header_verify(h, file, file_key))
		return err_set(err, ERR_REFUSED,
			       "age header: its MAC is wrong: the header was changed after it was "
			       "made");
	return age_payload_decrypt(file_key, (const unsigned char *)file + h->len, len - h->len,
				   out, err);
}

/* Why no X25519 identity opens the file; the text says what would. */
static int no_match(const struct age_header *h, size_t n, struct err *err)
{
	size_t x25519 = h->of_type[AGE_STANZA_X25519], hybrid = h->of_type[AGE_STANZA_HYBRID];

	if (h->of_type[AGE_STANZA_SCRYPT] != 0)
		return err_set(err, ERR_NOKEY,
			       "the age file is encrypted with a passphrase, not to a key");
	if (x25519 == 0 && hybrid != 0)
		return err_set(err, ERR_NOKEY,
			       "the age file is for hybrid keys only: opening it needs "
			       "mlkem768x25519, which is not supported");
	if (x25519 == 0)
		return err_set(err, ERR_NOKEY,
			       "none of the %zu stanzas of the age file is of a type that is known",
			       h->n);
	if (hybrid != 0)
		return err_set(err, ERR_NOKEY,
			       "no key at hand opens the age file; %zu of its stanzas need "
			       "mlkem768x25519, which is not supported",
			       hybrid);
	if (n == 0)
		return err_set(err, ERR_NOKEY, "there is no key at hand to open the age file with");
	return err_set(err, ERR_NOKEY,
		       "no key at hand (%zu tried) opens the age file: it is for %zu other%s", n,
		       x25519, x25519 == 1 ? "" : "s");
}

struct search {
	const struct age_identity *const *ids;
	size_t n;
	size_t found; /* index of the identity that matched */
	unsigned char file_key[AGE_FILE_KEY_SIZE];
};

/* One stanza, all identities.  True when one opened it. */
static bool try_stanza(struct search *s, const struct age_stanza *stanza)
{
	if (stanza->type != AGE_STANZA_X25519)
		return false;
	for (s->found = 0; s->found < s->n; s->found++)
		if (wrap_x25519_open(s->ids[s->found], stanza->share, stanza->body, s->file_key) ==
		    WRAP_OPENED)
			return true;
	return false;
}

static int find_file_key(struct search *s, const struct age_header *h, size_t first,
			 struct err *err)
{
	if (first >= h->n)
		first = 0;
	for (size_t i = 0; i < h->n; i++) {
		size_t at = i == 0 ? first : i <= first ? i - 1 : i;

		if (try_stanza(s, &h->stanzas[at]))
			return 0;
	}
	return no_match(h, s->n, err);
}

int age_decrypt(const struct age_identity *const *ids, size_t n, size_t first, const void *file,
		size_t len, struct buf *out, size_t *used, struct err *err)
{
	struct age_header h = AGE_HEADER_INIT;
	struct search s = { .ids = ids, .n = n };
	int r = -1;

	buf_reset(out);
	if (age_header_parse(file, len, &h, err) != 0 || find_file_key(&s, &h, first, err) != 0 ||
	    open_file(&h, file, len, s.file_key, out, err) != 0)
		goto out;
	if (used != NULL)
		*used = s.found;
	r = 0;
out:
	mem_wipe(&s, sizeof(s));
	age_header_clear(&h);
	return r;
}

int age_decrypt_passphrase(const char *passphrase, size_t passphrase_len, const void *file,
			   size_t len, struct buf *out, struct err *err)
{
	struct age_header h = AGE_HEADER_INIT;
	struct wrap_passphrase p = { passphrase, passphrase_len, NULL, 0 };
	unsigned char file_key[AGE_FILE_KEY_SIZE];
	enum wrap_verdict v;
	int r = -1;

	buf_reset(out);
	if (age_header_parse(file, len, &h, err) != 0)
		goto out;
	if (h.of_type[AGE_STANZA_SCRYPT] == 0) {
		err_set(err, ERR_NOKEY, "the age file is not encrypted with a passphrase");
		goto out;
	}
	p.salt = h.stanzas[0].salt;
	p.log_n = h.stanzas[0].log_n;
	v = wrap_scrypt_open(&p, h.stanzas[0].body, file_key);
	if (v == WRAP_NO_MEMORY)
		no_scrypt_memory(p.log_n, err);
	else if (v != WRAP_OPENED)
		err_set(err, ERR_NOKEY, "the passphrase is wrong");
	else
		r = open_file(&h, file, len, file_key, out, err);
out:
	mem_wipe(file_key, sizeof(file_key));
	age_header_clear(&h);
	return r;
}

int age_inspect(const void *file, size_t len, struct age_info *out, struct err *err)
{
	struct age_header h = AGE_HEADER_INIT;
	int r = -1;

	*out = (struct age_info){ 0 };
	if (age_header_parse(file, len, &h, err) != 0 ||
	    age_payload_plain_len(len - h.len, &out->plain_len, err) != 0)
		goto out;
	out->x25519 = h.of_type[AGE_STANZA_X25519];
	out->scrypt = h.of_type[AGE_STANZA_SCRYPT];
	out->hybrid = h.of_type[AGE_STANZA_HYBRID];
	out->other = h.of_type[AGE_STANZA_OTHER];
	out->stanzas = h.n;
	r = 0;
out:
	age_header_clear(&h);
	return r;
}

bool age_is_armored(const void *file, size_t len)
{
	return armor_is(file, len);
}

int age_armor(const void *file, size_t len, struct buf *out, struct err *err)
{
	buf_reset(out);
	return armor_encode(file, len, out) == 0 ? 0 : too_large(out, err);
}

int age_dearmor(const void *text, size_t len, struct buf *out, struct err *err)
{
	buf_reset(out);
	if (armor_decode(text, len, out, err) == 0)
		return 0;
	buf_reset(out);
	return -1;
}
