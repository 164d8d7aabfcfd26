/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys.  A first byte below the number of labels puts the rest into a PEM block with that
 * label, so that the bytes of keys can be mutated; any other leaves the rest as the text.
 *
 * A key that is taken has a public half of a known type, is taken again, and signs what its public
 * half verifies.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/b64.h"
#include "base/buf.h"
#include "base/err.h"
#include "kinds/pkey_pem.h"
#include "kinds/sshkey.h"

static const char *const labels[] = { "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY",
				      "OPENSSH PRIVATE KEY", "ENCRYPTED PRIVATE KEY" };

static void make_text(const uint8_t *data, size_t size, struct buf *out)
{
	struct buf text = BUF_INIT;
	const char *label;

	if (data[0] >= sizeof(labels) / sizeof(*labels)) {
		buf_put(out, data + 1, size - 1);
		return;
	}
	label = labels[data[0]];
	b64_encode(&text, data + 1, size - 1);
	buf_printf(out, "-----BEGIN %s-----\n%s\n-----END %s-----\n", label, buf_str(&text), label);
	buf_clear(&text);
}

static void check_signature(EVP_PKEY *key)
{
	static const unsigned char message[] = "a message";
	unsigned char signature[2048];
	size_t len = sizeof(signature);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const EVP_MD *digest = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();

	must(EVP_DigestSignInit(ctx, NULL, digest, NULL, key) == 1);
	must(EVP_DigestSign(ctx, signature, &len, message, sizeof(message)) == 1);
	must(EVP_MD_CTX_reset(ctx) == 1);
	must(EVP_DigestVerifyInit(ctx, NULL, digest, NULL, key) == 1);
	must(EVP_DigestVerify(ctx, signature, len, message, sizeof(message)) == 1);
	EVP_MD_CTX_free(ctx);
}

static void check_pem(const struct buf *text)
{
	struct pem_block b = PEM_BLOCK_INIT;
	struct pkey key = PKEY_INIT;
	struct err err;

	if (pem_only("key", text->data, text->len, &b, &err) == 0 &&
	    pkey_pem_parse("key", &b, NULL, &key, &err) == 0)
		check_signature(key.evp);
	pem_clear(&b);
	pkey_clear(&key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text = BUF_INIT, password = BUF_INIT;
	struct sshkey full = SSHKEY_INIT, quick = SSHKEY_INIT, closed = SSHKEY_INIT;
	struct pem_source src;
	struct err err = ERR_INIT;
	struct sshpub info;

	if (size == 0)
		return 0;
	make_text(data, size, &text);
	src = (struct pem_source){ "key", text.data, text.len };
	buf_puts(&password, "x");
	if (sshkey_parse(&src, NULL, SSHKEY_FULL, &full, &err) == 0) {
		must(!full.encrypted);
		must(sshpub_check(full.blob.data, full.blob.len, &info) == NULL);
		must(full.pub.type != PKEY_RSA || full.pub.bits >= SSHKEY_RSA_MIN);
		must(sshkey_parse(&src, NULL, SSHKEY_QUICK, &quick, &err) == 0);
		must(quick.blob.len == full.blob.len &&
		     memcmp(quick.blob.data, full.blob.data, full.blob.len) == 0);
		check_pem(&text);
	} else {
		must(err.class == ERR_INVALID && full.blob.data == NULL);
	}
	/* with a password nothing that needs none is taken, and no key derivation is run */
	if (sshkey_parse(&src, &password, SSHKEY_QUICK, &closed, &err) == 0)
		must(closed.encrypted && full.pub.name == NULL);
	must(ERR_peek_error() == 0);
	sshkey_clear(&full);
	sshkey_clear(&quick);
	sshkey_clear(&closed);
	buf_clear(&text);
	buf_clear(&password);
	return 0;
}
