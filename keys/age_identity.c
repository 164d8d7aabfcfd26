/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/age_identity.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

#include "base/bech32.h"
#include "base/ct.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/secret.h"

#define PREFIX "AGE-SECRET-KEY-"
#define TEXT_SIZE BECH32_TEXT(PREFIX, AGE_KEY_SIZE)

struct age_identity {
	unsigned char *scalar; /* AGE_KEY_SIZE bytes, sealed; as written, not yet clamped */
	struct age_recipient recipient;
	char id[AGE_KEY_ID_TEXT];
};

/* What people give in place of an X25519 identity; first match, any case. */
static const struct {
	const char *prefix;
	const char *text;
} mistaken[] = {
	{ "AGE-SECRET-KEY-PQ-", "is a hybrid private key (needs mlkem768x25519), which is not "
				"supported: use an X25519 one" },
	{ "AGE-PLUGIN-", "is an identity of an age plugin, which is not supported: use an X25519 "
			 "private key" },
	{ "age1", "is a public key: the private one begins with AGE-SECRET-KEY-1" },
	{ "ssh-", "is an SSH public key: an age private key begins with AGE-SECRET-KEY-1" },
	{ "-----BEGIN", "is a PEM block, perhaps an SSH private key, which is not supported: use "
			"an age one, made by `age-keygen`" },
};

static struct age_identity *complete(unsigned char *scalar)
{
	struct age_identity *id = mem_alloc(sizeof(*id));

	id->scalar = scalar;
	crypto_scalarmult_base(id->recipient.point, scalar);
	ct_public(&id->recipient, sizeof(id->recipient));
	age_recipient_id(&id->recipient, id->id);
	secret_seal(scalar);
	return id;
}

struct age_identity *age_identity_generate(void)
{
	unsigned char *scalar = secret_new(AGE_KEY_SIZE);

	randombytes_buf(scalar, AGE_KEY_SIZE);
	ct_secret(scalar, AGE_KEY_SIZE);
	return complete(scalar);
}

static int refuse_text(const char *text, size_t len, enum bech32_verdict verdict, struct err *err)
{
	for (size_t i = 0; verdict == BECH32_PREFIX && i < sizeof(mistaken) / sizeof(mistaken[0]);
	     i++) {
		size_t n = strlen(mistaken[i].prefix);

		if (len >= n && strncasecmp(text, mistaken[i].prefix, n) == 0)
			return err_set(err, ERR_INVALID, "this %s", mistaken[i].text);
	}
	if (verdict == BECH32_PREFIX && len > strlen(PREFIX) &&
	    strncasecmp(text, PREFIX, strlen(PREFIX)) == 0)
		return err_set(err, ERR_INVALID, "the private key %s: it is all upper case",
			       bech32_reason(BECH32_CASE));
	if (verdict == BECH32_PREFIX)
		return err_set(err, ERR_INVALID,
			       "this is not an age private key (AGE-SECRET-KEY-1...)");
	if (verdict == BECH32_LENGTH)
		return err_set(err, ERR_INVALID,
			       "the private key has %zu characters, not %zu: it is cut or has "
			       "something behind it",
			       len, TEXT_SIZE - 1);
	return err_set(err, ERR_INVALID, "the private key %s", bech32_reason(verdict));
}

struct age_identity *age_identity_parse(const char *text, size_t len, struct err *err)
{
	unsigned char *scalar = secret_new(AGE_KEY_SIZE);
	enum bech32_verdict verdict = bech32_decode(text, len, PREFIX, scalar, AGE_KEY_SIZE);

	if (verdict == BECH32_OK)
		return complete(scalar);
	secret_free(scalar);
	refuse_text(text, len, verdict, err);
	return NULL;
}

void age_identity_format(const struct age_identity *id, struct buf *out)
{
	char text[TEXT_SIZE];

	bech32_encode(PREFIX, id->scalar, AGE_KEY_SIZE, text);
	buf_put(out, text, TEXT_SIZE - 1);
	mem_wipe(text, sizeof(text));
}

const struct age_recipient *age_identity_recipient(const struct age_identity *id)
{
	return &id->recipient;
}

const char *age_identity_id(const struct age_identity *id)
{
	return id->id;
}

const unsigned char *age_identity_scalar(const struct age_identity *id)
{
	return id->scalar;
}

void age_identity_free(struct age_identity *id)
{
	if (id == NULL)
		return;
	secret_free(id->scalar);
	mem_free(id);
}
