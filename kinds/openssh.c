/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/openssh.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/b64.h"
#include "base/err.h"
#include "base/mem.h"
#include "kinds/bcrypt.h"
#include "kinds/sshpub.h"
#include "kinds/sshwire.h"

#define MAGIC "openssh-key-v1" /* its NUL counts */
#define KEY_LEN 32
#define IV_LEN 16
#define RSA_NUMBERS 6 /* in a private section */
#define BLOCK 8	      /* what a private section is padded to when nothing encrypts it */

/* The file's outer values; slices of its bytes.  info, salt and rounds once they are checked. */
struct envelope {
	const char *what;
	struct sshwire cipher, kdf, options, public, private;
	struct sshpub info;
	struct sshwire salt;
	uint32_t rounds; /* 0: not encrypted */
};

static int damaged(const struct envelope *e, const char *reason, struct err *err)
{
	return err_set(err, ERR_INVALID, "%s: the OpenSSH key is damaged: %s", e->what, reason);
}

static int read_envelope(const struct buf *bytes, struct envelope *out, struct err *err)
{
	struct sshwire r = { bytes->data, bytes->len };
	uint32_t keys;

	if (r.len < sizeof(MAGIC) || memcmp(r.data, MAGIC, sizeof(MAGIC)) != 0)
		return damaged(out, "it does not begin with openssh-key-v1", err);
	r.data += sizeof(MAGIC);
	r.len -= sizeof(MAGIC);
	if (!sshwire_string(&r, &out->cipher) || !sshwire_string(&r, &out->kdf) ||
	    !sshwire_string(&r, &out->options) || !sshwire_u32(&r, &keys))
		return damaged(out, "it is cut off", err);
	if (keys != 1)
		return err_set(err, ERR_INVALID,
			       "%s: holds several keys in one OpenSSH file: give one", out->what);
	if (!sshwire_string(&r, &out->public) || !sshwire_string(&r, &out->private))
		return damaged(out, "it is cut off", err);
	if (r.len != 0)
		return damaged(out, "something stands behind the key", err);
	return 0;
}

/* --- encryption ------------------------------------------------------------------------------- */

static const EVP_CIPHER *find_cipher(const struct sshwire *name)
{
	if (sshwire_is(name, "aes256-ctr"))
		return EVP_aes_256_ctr();
	if (sshwire_is(name, "aes256-cbc"))
		return EVP_aes_256_cbc();
	return NULL;
}

static bool run_cipher(const EVP_CIPHER *cipher, const struct buf *key_iv, const struct sshwire *in,
		       struct buf *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	unsigned char *at = buf_reserve(out, in->len);
	int n = 0, tail = 0;
	bool done =
	    ctx != NULL && at != NULL &&
	    EVP_DecryptInit_ex(ctx, cipher, NULL, key_iv->data, key_iv->data + KEY_LEN) == 1 &&
	    EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
	    EVP_DecryptUpdate(ctx, at, &n, in->data, (int)in->len) == 1 &&
	    EVP_DecryptFinal_ex(ctx, at + n, &tail) == 1 && (size_t)n + (size_t)tail == in->len;

	EVP_CIPHER_CTX_free(ctx);
	ERR_clear_error();
	return done;
}

/* The bounds that hold whether or not there is a password to try. */
static int check_encryption(struct envelope *e, struct err *err)
{
	struct sshwire options = e->options;

	if (sshwire_is(&e->kdf, "none") && sshwire_is(&e->cipher, "none"))
		return options.len == 0
			   ? 0
			   : damaged(e, "it has options of an encryption that it has not", err);
	if (!sshwire_is(&e->kdf, "bcrypt") || find_cipher(&e->cipher) == NULL)
		return err_set(
		    err, ERR_INVALID,
		    "%s: is encrypted in a way that Flux does not read: convert a copy with "
		    "'ssh-keygen -p -Z aes256-ctr -f FILE'",
		    e->what);
	if (!sshwire_string(&options, &e->salt) || !sshwire_u32(&options, &e->rounds) ||
	    options.len != 0 || e->salt.len == 0 || e->rounds == 0)
		return damaged(e, "the options of its encryption", err);
	if (e->rounds > BCRYPT_ROUNDS_MAX)
		return err_set(
		    err, ERR_INVALID,
		    "%s: is encrypted with more than %d bcrypt rounds, which Flux does not "
		    "read: convert a copy with 'ssh-keygen -p -a 16 -f FILE'",
		    e->what, BCRYPT_ROUNDS_MAX);
	return 0;
}

static int refuse_password(const struct envelope *e, struct err *err)
{
	return err_set(err, ERR_INVALID, "%s: the password does not open it", e->what);
}

static int decrypt(const struct envelope *e, const struct buf *password, struct buf *out,
		   struct err *err)
{
	const struct bcrypt_cost cost = { e->salt.data, e->salt.len, e->rounds };
	struct buf key_iv = BUF_INIT;
	bool done = bcrypt_pbkdf(password, &cost, KEY_LEN + IV_LEN, &key_iv) == 0 &&
		    run_cipher(find_cipher(&e->cipher), &key_iv, &e->private, out);

	buf_clear(&key_iv);
	return done ? 0 : refuse_password(e, err);
}

/* --- the private section ---------------------------------------------------------------------- */

/* The public half stands in the file three times; Go believes the copy behind the seed. */
static int read_ed25519(const struct envelope *e, struct sshwire *r, struct pkey *key,
			struct err *err)
{
	struct sshwire public, private;
	const unsigned char *outside = e->public.data + e->public.len - 32;

	if (!sshwire_string(r, &public) || !sshwire_string(r, &private) || public.len != 32 ||
	    private.len != 64)
		return damaged(e, "its Ed25519 numbers", err);
	if (memcmp(public.data, outside, 32) != 0 || memcmp(private.data + 32, outside, 32) != 0)
		return damaged(e, "its public half is not that of the private one", err);
	return pkey_from_ed25519(e->what, private.data, key, err);
}

static int read_ec(const struct envelope *e, struct sshwire *r, struct pkey *key, struct err *err)
{
	struct sshwire curve, point, d;
	struct pkey_ec numbers = { .curve = e->info.type };

	if (!sshwire_string(r, &curve) ||
	    !sshwire_is(&curve, e->info.name + strlen("ecdsa-sha2-")) ||
	    !sshwire_string(r, &point) || !sshwire_mpint(r, &d))
		return damaged(e, "its ECDSA numbers", err);
	numbers.point = (struct pkey_number){ point.data, point.len };
	numbers.d = (struct pkey_number){ d.data, d.len };
	return pkey_from_ec(e->what, &numbers, key, err);
}

static int read_rsa(const struct envelope *e, struct sshwire *r, struct pkey *key, struct err *err)
{
	struct pkey_rsa numbers;
	struct pkey_number *const order[RSA_NUMBERS] = { &numbers.n,	&numbers.e, &numbers.d,
							 &numbers.qinv, &numbers.p, &numbers.q };

	for (size_t i = 0; i < RSA_NUMBERS; i++) {
		struct sshwire n;

		if (!sshwire_mpint(r, &n))
			return damaged(e, "its RSA numbers", err);
		*order[i] = (struct pkey_number){ n.data, n.len };
	}
	return pkey_from_rsa(e->what, &numbers, key, err);
}

/* The comment, then 1, 2, 3, ... up to a whole block. */
static bool ends_well(struct sshwire *r, size_t section, size_t block)
{
	struct sshwire comment;

	if (!sshwire_string(r, &comment) || r->len >= block || section % block != 0)
		return false;
	for (size_t i = 0; i < r->len; i++)
		if (r->data[i] != i + 1)
			return false;
	return true;
}

static int read_numbers(const struct envelope *e, struct sshwire *r, struct pkey *key,
			struct err *err)
{
	struct sshwire name;

	if (!sshwire_string(r, &name) || !sshwire_is(&name, e->info.name))
		return damaged(e, "its halves are of two types", err);
	if (e->info.type == PKEY_ED25519)
		return read_ed25519(e, r, key, err);
	if (e->info.type == PKEY_RSA)
		return read_rsa(e, r, key, err);
	return read_ec(e, r, key, err);
}

/* The section, decrypted, behind its two check numbers.  The public half is the one outside. */
static int read_section(const struct envelope *e, const struct sshwire *section, struct pkey *key,
			struct err *err)
{
	struct sshwire r = *section;
	struct buf blob = BUF_INIT;
	struct pkey found = PKEY_INIT;
	int rc = -1;

	if (read_numbers(e, &r, &found, err) != 0)
		goto out;
	if (!ends_well(&r, section->len + 8, e->rounds != 0 ? IV_LEN : BLOCK)) {
		damaged(e, "its padding", err);
		goto out;
	}
	if (sshpub_of(&found, &blob, err) != 0)
		goto out;
	if (!sshwire_same(&e->public, &(struct sshwire){ blob.data, blob.len })) {
		damaged(e, "its public half is not that of the private one", err);
		goto out;
	}
	*key = found;
	found = (struct pkey)PKEY_INIT; /* transferred */
	rc = 0;
out:
	buf_clear(&blob);
	pkey_clear(&found);
	return rc;
}

/* --- together --------------------------------------------------------------------------------- */

static int open_section(const struct envelope *e, const struct buf *password, struct pkey *key,
			struct err *err)
{
	struct buf plain = BUF_INIT;
	struct sshwire r = e->private;
	uint32_t check1, check2;
	int rc = -1;

	if (e->rounds != 0) {
		if (decrypt(e, password, &plain, err) != 0)
			goto out;
		r = (struct sshwire){ plain.data, plain.len };
	}
	if (sshwire_u32(&r, &check1) && sshwire_u32(&r, &check2) && check1 == check2)
		rc = read_section(e, &r, key, err);
	else if (e->rounds != 0)
		refuse_password(e, err);
	else
		damaged(e, "its check numbers differ", err);
out:
	buf_clear(&plain);
	return rc;
}

int openssh_parse(const char *what, const struct buf *bytes, const struct buf *password,
		  struct openssh_key *out, struct err *err)
{
	struct envelope e = { .what = what };
	const char *reason;

	if (read_envelope(bytes, &e, err) != 0)
		return -1;
	reason = sshpub_check(e.public.data, e.public.len, &e.info);
	if (reason != NULL)
		return err_set(err, ERR_INVALID, "%s: %s", what, reason);
	if (check_encryption(&e, err) != 0)
		return -1;
	if ((e.rounds == 0 || password != NULL) && open_section(&e, password, &out->key, err) != 0)
		return -1;
	out->encrypted = e.rounds != 0;
	buf_put(&out->public, e.public.data, e.public.len);
	return 0;
}

void openssh_clear(struct openssh_key *k)
{
	buf_clear(&k->public);
	pkey_clear(&k->key);
	*k = (struct openssh_key)OPENSSH_KEY_INIT;
}

/* --- writing ---------------------------------------------------------------------------------- */

#define SEED_SIZE 32
#define LINE 70 /* characters of base64, as ssh-keygen wraps them */

static void put_u32(struct buf *out, uint32_t value)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_putc(out, (unsigned char)(value >> shift));
}

/*
 * The section that would be encrypted: a check number twice, the key, a comment, padding 1, 2, 3...
 */
static int put_private(const struct pkey *key, struct buf *out)
{
	unsigned char both[2 * SEED_SIZE];
	size_t seed = SEED_SIZE, point = SEED_SIZE;
	uint32_t check = 0;
	int ok = EVP_PKEY_get_raw_private_key(key->evp, both, &seed) == 1 &&
		 EVP_PKEY_get_raw_public_key(key->evp, both + SEED_SIZE, &point) == 1 &&
		 seed == SEED_SIZE && point == SEED_SIZE &&
		 RAND_bytes((unsigned char *)&check, sizeof(check)) == 1;

	if (ok) {
		put_u32(out, check);
		put_u32(out, check);
		sshwire_put_string(out, "ssh-ed25519", 11);
		sshwire_put_string(out, both + SEED_SIZE, SEED_SIZE);
		sshwire_put_string(out, both, sizeof(both));
		sshwire_put_string(out, "", 0);
		for (unsigned char pad = 1; out->len % BLOCK != 0; pad++)
			buf_putc(out, pad);
	}
	mem_wipe(both, sizeof(both));
	ERR_clear_error();
	return ok ? 0 : -1;
}

int openssh_format_ed25519(const struct pkey *key, const struct buf *public, struct buf *out,
			   struct err *err)
{
	struct buf section = BUF_INIT, bytes = BUF_INIT, text = BUF_INIT;
	int r = put_private(key, &section);

	if (r == 0) {
		buf_put(&bytes, MAGIC, sizeof(MAGIC)); /* with its NUL */
		sshwire_put_string(&bytes, "none", 4);
		sshwire_put_string(&bytes, "none", 4);
		sshwire_put_string(&bytes, "", 0);
		put_u32(&bytes, 1);
		sshwire_put_string(&bytes, public->data, public->len);
		sshwire_put_string(&bytes, section.data, section.len);
		b64_encode(&text, bytes.data, bytes.len);
		buf_puts(out, "-----BEGIN " OPENSSH_LABEL "-----\n");
		for (size_t at = 0; at < text.len; at += LINE) {
			buf_put(out, text.data + at, text.len - at < LINE ? text.len - at : LINE);
			buf_putc(out, '\n');
		}
		buf_puts(out, "-----END " OPENSSH_LABEL "-----\n");
	} else {
		err_set(err, ERR_INTERNAL, "a key made here cannot be written");
	}
	buf_clear(&section);
	buf_clear(&bytes);
	buf_clear(&text);
	return r;
}
