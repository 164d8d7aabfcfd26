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
static int refuse_lookalikes(const char *what, const void *text, size_t len, struct err *err)
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

		if (len >= n && memcmp(text, looks[i].prefix, n) == 0)
			return err_set(err, ERR_INVALID, "%s: %s", what, looks[i].reason);
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

static int parse_openssh(const char *what, const struct pem_block *b, const struct buf *password,
			 enum sshkey_depth depth, struct sshkey *out, struct err *err)
{
	struct pkey key = PKEY_INIT;
	int rc;

	if (b->headers.len != 0)
		return err_set(err, ERR_INVALID, "%s: an OpenSSH key cannot have PEM headers",
			       what);
	rc = openssh_parse(what, &b->der, depth == SSHKEY_FULL ? password : NULL, &out->blob,
			   &out->encrypted, &key, err);
	if (rc == 0 && out->encrypted && password == NULL)
		rc = refuse_closed(what, "ssh-keygen -p -N \"\" -f FILE", err);
	pkey_clear(&key);
	return rc;
}

static int parse_pem(const char *what, const struct pem_block *b, const struct buf *password,
		     struct sshkey *out, struct err *err)
{
	struct pkey key = PKEY_INIT;
	int rc;

	out->encrypted = pkey_pem_encrypted(b);
	if (strcmp(b->label, "ENCRYPTED PRIVATE KEY") == 0)
		return err_set(
		    err, ERR_INVALID,
		    "%s: is encrypted as PKCS#8, which Flux cannot open even with the "
		    "password: remove the encryption with 'openssl pkey -in FILE -out NEW' "
		    "(sealing protects the key)",
		    what);
	if (out->encrypted && password == NULL)
		return refuse_closed(what, "openssl pkey -in FILE -out NEW", err);
	rc = pkey_pem_parse(what, b, password, &key, err);
	if (rc == 0)
		rc = sshpub_of(&key, &out->blob, err);
	pkey_clear(&key);
	return rc;
}

static int check_strength(const char *what, const struct sshkey *k, struct err *err)
{
	if (k->pub.type != PKEY_RSA || k->pub.bits >= SSHKEY_RSA_MIN)
		return 0;
	return err_set(
	    err, ERR_INVALID,
	    "%s: an RSA key of %u bits: at least %d are needed; make a new one (ed25519)", what,
	    k->pub.bits, SSHKEY_RSA_MIN);
}

int sshkey_parse(const char *what, const void *text, size_t len, const struct buf *password,
		 enum sshkey_depth depth, struct sshkey *out, struct err *err)
{
	struct pem_block b = PEM_BLOCK_INIT;
	const char *reason;
	int rc = -1;

	if (refuse_lookalikes(what, text, len, err) != 0 || pem_only(what, text, len, &b, err) != 0)
		return -1;
	if (strcmp(b.label, OPENSSH_LABEL) == 0)
		rc = parse_openssh(what, &b, password, depth, out, err);
	else
		rc = parse_pem(what, &b, password, out, err);
	pem_clear(&b);
	if (rc == 0 && !out->encrypted && password != NULL)
		rc =
		    err_set(err, ERR_INVALID,
			    "password: the private key is not encrypted, so nothing would read it: "
			    "leave it out");
	if (rc == 0) {
		reason = sshpub_check(out->blob.data, out->blob.len, &out->pub);
		rc = reason == NULL ? check_strength(what, out, err)
				    : err_set(err, ERR_INVALID, "%s: %s", what, reason);
	}
	if (rc != 0)
		sshkey_clear(out);
	return rc;
}

int sshkey_generate(enum pkey_type type, struct buf *pem, struct sshkey *out, struct err *err)
{
	struct pkey key = PKEY_INIT;
	int rc = -1;

	if (pkey_generate(type, &key, err) == 0 && sshpub_of(&key, &out->blob, err) == 0 &&
	    (type == PKEY_ED25519 ? openssh_format_ed25519(&key, &out->blob, pem, err)
				  : pkey_format(&key, pem, err)) == 0) {
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
