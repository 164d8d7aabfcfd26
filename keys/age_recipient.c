/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/age_recipient.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

#include "base/bech32.h"
#include "base/err.h"
#include "keys/x25519.h"

#define PREFIX "age"
#define ID_BYTES 16

/* What people give in place of an X25519 recipient; first match, any case. */
static const struct {
	const char *prefix;
	const char *text;
} mistaken[] = {
	{ "AGE-SECRET-KEY-", "is a private key: give its public half, the age1... that "
			     "`age-keygen -y` prints, and keep the private one to yourself" },
	{ "AGE-PLUGIN-", "is the private side of an age plugin: give its recipient, and an X25519 "
			 "one, for plugins are not supported" },
	{ "age1pq1", "is a hybrid recipient (needs mlkem768x25519), which is not supported: give "
		     "an X25519 one (age1 and 58 characters)" },
	{ "age1tag1", "is the recipient of a hardware key (p256tag), which is not supported: give "
		      "an X25519 one (age1 and 58 characters)" },
	{ "age1tagpq1", "is the recipient of a hardware key (mlkem768p256tag), which is not "
			"supported: give an X25519 one (age1 and 58 characters)" },
	{ "ssh-", "is an SSH public key, which is not supported: give an X25519 recipient "
		  "(age1...), which `age-keygen` makes" },
	{ "-----BEGIN", "is a PEM block, perhaps a private key: give an X25519 recipient "
			"(age1...)" },
};

/* A plugin's recipients are "age1NAME1...", and an X25519 one has no other "1". */
static const char *why_mistaken(const char *text)
{
	for (size_t i = 0; i < sizeof(mistaken) / sizeof(mistaken[0]); i++)
		if (strncasecmp(text, mistaken[i].prefix, strlen(mistaken[i].prefix)) == 0)
			return mistaken[i].text;
	if (strncmp(text, "age1", 4) == 0 && strchr(text + 4, '1') != NULL)
		return "is the recipient of an age plugin, which is not supported: give an X25519 "
		       "one (age1 and 58 characters)";
	return NULL;
}

static int refuse_text(const char *text, enum bech32_verdict verdict, struct err *err)
{
	switch (verdict) {
	case BECH32_PREFIX:
		if (strncasecmp(text, "age1", 4) == 0)
			return err_set(err, ERR_RECIPIENT, "the recipient %s: it is all lower case",
				       bech32_reason(BECH32_CASE));
		return err_set(err, ERR_RECIPIENT,
			       "the recipient does not begin with \"age1\": it is not an age "
			       "public key");
	case BECH32_LENGTH:
		return err_set(err, ERR_RECIPIENT,
			       "the recipient has %zu characters, not %d: it is cut or has "
			       "something behind it",
			       strlen(text), AGE_RECIPIENT_TEXT - 1);
	default:
		return err_set(err, ERR_RECIPIENT, "the recipient %s", bech32_reason(verdict));
	}
}

int age_recipient_parse(const char *text, struct age_recipient *out, struct err *err)
{
	const char *why = why_mistaken(text);
	struct age_recipient r;
	enum bech32_verdict verdict;

	if (why != NULL)
		return err_set(err, ERR_RECIPIENT, "what is given as a recipient %s", why);
	verdict = bech32_decode(text, strlen(text), PREFIX, r.point, sizeof(r.point));
	if (verdict != BECH32_OK)
		return refuse_text(text, verdict, err);
	if (x25519_is_low_order(r.point))
		return err_set(err, ERR_RECIPIENT,
			       "the recipient is a low-order point: whatever is sealed to it, "
			       "everyone could open");
	if (!x25519_is_canonical(r.point))
		return err_set(
		    err, ERR_RECIPIENT,
		    "the recipient is no canonical point: no private key would open what "
		    "is sealed to it");
	*out = r;
	return 0;
}

void age_recipient_format(const struct age_recipient *r, char text[static AGE_RECIPIENT_TEXT])
{
	_Static_assert(BECH32_TEXT(PREFIX, AGE_KEY_SIZE) == AGE_RECIPIENT_TEXT, "62 characters");
	bech32_encode(PREFIX, r->point, sizeof(r->point), text);
}

void age_recipient_id(const struct age_recipient *r, char id[static AGE_KEY_ID_TEXT])
{
	char text[AGE_RECIPIENT_TEXT];
	unsigned char hash[crypto_hash_sha256_BYTES];

	age_recipient_format(r, text);
	crypto_hash_sha256(hash, (const unsigned char *)text, strlen(text));
	sodium_bin2hex(id, AGE_KEY_ID_TEXT, hash, ID_BYTES);
}
