/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/sshkey.h"

#include <string.h>

#include "base/err.h"
#include "kinds/openssh.h"
#include "kinds/pem.h"
#include "kinds/pkey_pem.h"

static const struct {
	const char *text;
	enum pkey_type type;
} type_words[] = {
	{ "ed25519", PKEY_ED25519 }, { "ecdsa-p256", PKEY_P256 }, { "ecdsa-p384", PKEY_P384 },
	{ "ecdsa-p521", PKEY_P521 }, { "rsa-4096", PKEY_RSA },
};

int sshkey_type(const char *what, const char *text, enum pkey_type *type, struct err *err)
{
	for (size_t i = 0; i < sizeof(type_words) / sizeof(*type_words); i++) {
		if (strcmp(type_words[i].text, text) == 0) {
			*type = type_words[i].type;
			return 0;
		}
	}
	return err_set(err, ERR_INVALID,
		       "%s: must be ed25519, ecdsa-p256, ecdsa-p384, ecdsa-p521 or rsa-4096", what);
}

/* Public lines and files of other tools that people hand over in place of the private key. */
static int refuse_lookalikes(const struct pem_source *src, struct err *err)
{
	static const struct {
		const char *prefix, *reason;
	} looks[] = {
		{ "ssh-", "is a public key (the .pub file): the private key is needed" },
		{ "ecdsa-sha2-", "is a public key (the .pub file): the private key is needed" },
		{ "sk-", "is a public key of a security key (sk-), which cannot be used here" },
		{ "PuTTY-User-Key-File-",
		  "is in PuTTY's format: convert a copy with 'puttygen FILE "
		  "-O private-openssh -o NEW'" },
		{ "---- BEGIN SSH2",
		  "is in the format of ssh.com: convert it with 'ssh-keygen -i'" },
	};

	for (size_t i = 0; i < sizeof(looks) / sizeof(*looks); i++) {
		size_t n = strlen(looks[i].prefix);

		if (src->len >= n && memcmp(src->text, looks[i].prefix, n) == 0)
			return err_set(err, ERR_INVALID, "%s: %s", src->what, looks[i].reason);
	}
	return 0;
}

static int refuse_closed(const char *what, const char *remove, struct err *err)
{
	return err_set(
	    err, ERR_INVALID,
	    "%s: is encrypted and its password is not given: give it (password), or remove "
	    "the encryption with '%s' (sealing protects the key)",
	    what, remove);
}

/* One key of a file, and how to go about it. */
struct attempt {
	const char *what;
	struct pem_block block;
	const struct buf *password;
	enum sshkey_depth depth;
	struct buf *pem; /* NULL: the private half is not wanted */
};

static int format(const struct pkey *key, const struct buf *public, struct buf *pem,
		  struct err *err)
{
	return key->type == PKEY_ED25519 ? openssh_format_ed25519(key, public, pem, err)
					 : pkey_format(key, pem, err);
}

static int parse_openssh(const struct attempt *a, struct sshkey *out, struct err *err)
{
	struct openssh_key key = OPENSSH_KEY_INIT;
	int rc;

	if (a->block.headers.len != 0)
		return err_set(err, ERR_INVALID, "%s: an OpenSSH key cannot have PEM headers",
			       a->what);
	rc = openssh_parse(a->what, &a->block.der, a->depth == SSHKEY_FULL ? a->password : NULL,
			   &key, err);
	if (rc == 0 && key.encrypted && a->password == NULL)
		rc = refuse_closed(a->what, "ssh-keygen -p -N \"\" -f FILE", err);
	if (rc == 0 && a->pem != NULL)
		rc = format(&key.key, &key.public, a->pem, err);
	if (rc == 0) {
		out->encrypted = key.encrypted;
		buf_move(&out->blob, &key.public);
	}
	openssh_clear(&key);
	return rc;
}

static int parse_pem(const struct attempt *a, struct sshkey *out, struct err *err)
{
	struct pkey key = PKEY_INIT;
	int rc;

	out->encrypted = pkey_pem_encrypted(&a->block);
	if (strcmp(a->block.label, "ENCRYPTED PRIVATE KEY") == 0)
		return err_set(
		    err, ERR_INVALID,
		    "%s: is encrypted as PKCS#8, which Flux cannot open even with the "
		    "password: remove the encryption with 'openssl pkey -in FILE -out NEW' "
		    "(sealing protects the key)",
		    a->what);
	if (out->encrypted && a->password == NULL)
		return refuse_closed(a->what, "openssl pkey -in FILE -out NEW", err);
	rc = pkey_pem_parse(a->what, &a->block, a->password, &key, err);
	if (rc == 0)
		rc = sshpub_of(&key, &out->blob, err);
	if (rc == 0 && a->pem != NULL)
		rc = format(&key, &out->blob, a->pem, err);
	pkey_clear(&key);
	return rc;
}

/* What holds for keys of all formats. */
static int check_key(const struct attempt *a, struct sshkey *k, struct err *err)
{
	const char *reason = sshpub_check(k->blob.data, k->blob.len, &k->pub);

	if (!k->encrypted && a->password != NULL)
		return err_set(
		    err, ERR_INVALID,
		    "password: the private key is not encrypted, so nothing would read it: "
		    "leave it out");
	if (reason != NULL)
		return err_set(err, ERR_INVALID, "%s: %s", a->what, reason);
	if (k->pub.type == PKEY_RSA && k->pub.bits < SSHKEY_RSA_MIN)
		return err_set(err, ERR_INVALID,
			       "%s: an RSA key of %u bits: at least %d are needed; make a new one "
			       "(ed25519)",
			       a->what, k->pub.bits, SSHKEY_RSA_MIN);
	return 0;
}

static int parse(const struct pem_source *src, struct attempt *a, struct sshkey *out,
		 struct err *err)
{
	int rc;

	if (refuse_lookalikes(src, err) != 0 ||
	    pem_only(src->what, src->text, src->len, &a->block, err) != 0)
		return -1;
	if (strcmp(a->block.label, OPENSSH_LABEL) == 0)
		rc = parse_openssh(a, out, err);
	else
		rc = parse_pem(a, out, err);
	if (rc == 0)
		rc = check_key(a, out, err);
	pem_clear(&a->block);
	if (rc != 0)
		sshkey_clear(out);
	return rc;
}

int sshkey_parse(const struct pem_source *src, const struct buf *password, enum sshkey_depth depth,
		 struct sshkey *out, struct err *err)
{
	struct attempt a = { src->what, PEM_BLOCK_INIT, password, depth, NULL };

	return parse(src, &a, out, err);
}

int sshkey_open(const struct pem_source *src, const struct buf *password, struct buf *pem,
		struct sshkey *out, struct err *err)
{
	struct attempt a = { src->what, PEM_BLOCK_INIT, password, SSHKEY_FULL, pem };
	size_t before = pem->len;
	int rc = parse(src, &a, out, err);

	if (rc != 0)
		buf_truncate(pem, before);
	return rc;
}

int sshkey_generate(enum pkey_type type, struct buf *pem, struct sshkey *out, struct err *err)
{
	struct pkey key = PKEY_INIT;
	int rc = -1;

	if (pkey_generate(type, &key, err) == 0 && sshpub_of(&key, &out->blob, err) == 0 &&
	    format(&key, &out->blob, pem, err) == 0) {
		/* what was made passes the same check as what is given */
		rc = sshpub_check(out->blob.data, out->blob.len, &out->pub) == NULL
			 ? 0
			 : err_set(err, ERR_INTERNAL, "a key made here is not right");
	}
	pkey_clear(&key);
	if (rc != 0)
		sshkey_clear(out);
	return rc;
}

void sshkey_clear(struct sshkey *k)
{
	buf_clear(&k->blob);
	*k = (struct sshkey)SSHKEY_INIT;
}
