/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An age identity file, for Flux's decryption of SOPS files.  Flux reads every data key that ends
 * in
 * ".agekey" by age's ParseIdentities: a line is empty, a comment ("#" first), or an identity.
 */
#include <sodium.h>
#include <string.h>

#include "base/bech32.h"
#include "base/err.h"
#include "base/mem.h"
#include "kinds/facts.h"
#include "kinds/kind.h"
#include "kinds/kinds.h"
#include "kinds/value.h"

#define KEY "age.agekey"
#define PREFIX "AGE-SECRET-KEY-"
#define COMMENT "# public key: " /* as age-keygen writes it */
#define IDENTITIES_MAX 16	 /* their recipients are one fact */
#define RECIPIENT_SIZE BECH32_TEXT("age", crypto_scalarmult_BYTES)

/* What is met instead of an identity. */
static const struct {
	const char *begin, *why;
} others[] = {
	{ "AGE-SECRET-KEY-PQ-1",
	  "a hybrid identity (mlkem768x25519), which is not known here yet" },
	{ "AGE-PLUGIN-", "an identity that needs a plugin, and Flux runs none" },
	{ "age-secret-key-1", "an identity in lower case, which age does not read" },
	{ "age1",
	  "a recipient, that is the public key; the identity begins with AGE-SECRET-KEY-1" },
	{ "age-encryption.org/", "an encrypted file; nobody types its passphrase in a cluster" },
	{ "-----BEGIN AGE ENCRYPTED FILE-----",
	  "an encrypted file; nobody types its passphrase in a cluster" },
	{ "-----BEGIN ", "PEM; a key for SSH is sealed as deploy-key" },
	{ " ", "indented, and age reads identities from the beginning of the line" },
	{ "\t", "indented, and age reads identities from the beginning of the line" },
};

struct line {
	const char *what;
	const char *text;
	size_t len;
	unsigned number;
	const char *comment; /* the public key of the comment above, or NULL */
	size_t comment_len;
};

static bool begins(const struct line *l, const char *prefix)
{
	size_t n = strlen(prefix);

	return l->len >= n && memcmp(l->text, prefix, n) == 0;
}

static int refuse_line(const struct line *l, struct err *err)
{
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (begins(l, others[i].begin))
			return err_set(err, ERR_INVALID, "%s: line %u is %s", l->what, l->number,
				       others[i].why);
	return err_set(err, ERR_INVALID, "%s: line %u is neither a comment nor an identity",
		       l->what, l->number);
}

static int recipient_of(const struct line *l, char recipient[static RECIPIENT_SIZE],
			struct err *err)
{
	unsigned char secret[crypto_scalarmult_SCALARBYTES], public[crypto_scalarmult_BYTES];
	enum bech32_verdict verdict =
	    bech32_decode(l->text, l->len, PREFIX, secret, sizeof(secret));
	int r = 0;

	if (verdict == BECH32_PREFIX) {
		r = refuse_line(l, err);
	} else if (verdict != BECH32_OK) {
		r = err_set(err, ERR_INVALID, "%s: line %u: the identity %s", l->what, l->number,
			    bech32_reason(verdict));
	} else {
		crypto_scalarmult_base(public, secret);
		bech32_encode("age", public, sizeof(public), recipient);
	}
	mem_wipe(secret, sizeof(secret));
	return r;
}

/* The identity in a line: its recipient goes into set, and must be the one in the comment above. */
static int read_identity(const struct line *l, struct kv *set, struct err *err)
{
	char recipient[RECIPIENT_SIZE];

	if (recipient_of(l, recipient, err) != 0)
		return -1;
	if (l->comment != NULL && (l->comment_len != strlen(recipient) ||
				   memcmp(l->comment, recipient, l->comment_len) != 0))
		return err_set(
		    err, ERR_INVALID,
		    "%s: line %u: the identity is not that of the public key in the comment "
		    "above it",
		    l->what, l->number);
	if (kv_has(set, recipient))
		return err_set(err, ERR_INVALID, "%s: line %u: the same identity again", l->what,
			       l->number);
	if (set->n == IDENTITIES_MAX)
		return err_set(err, ERR_INVALID, "%s: line %u: more than %d identities", l->what,
			       l->number, IDENTITIES_MAX);
	kv_set_str(set, recipient, "");
	return 0;
}

static int read_line(struct line *l, struct kv *set, struct err *err)
{
	if (memchr(l->text, '\0', l->len) != NULL || memchr(l->text, '\r', l->len) != NULL)
		return err_set(err, ERR_INVALID, "%s: line %u holds a control character", l->what,
			       l->number);
	if (begins(l, COMMENT)) {
		l->comment = l->text + strlen(COMMENT);
		l->comment_len = l->len - strlen(COMMENT);
	}
	if (l->len == 0 || l->text[0] == '#')
		return 0;
	if (read_identity(l, set, err) != 0)
		return -1;
	l->comment = NULL;
	return 0;
}

static int read_all(const char *what, const struct kv_item *item, struct kv *set, struct err *err)
{
	struct line l = { .what = what, .text = (const char *)item->data };
	const char *end = l.text + item->len;

	while (l.text < end) {
		const char *lf = memchr(l.text, '\n', (size_t)(end - l.text));
		const char *next = lf == NULL ? end : lf + 1;

		l.len = (size_t)((lf == NULL ? end : lf) - l.text);
		l.number++;
		if (lf != NULL && l.len != 0 && l.text[l.len - 1] == '\r')
			l.len--;
		if (read_line(&l, set, err) != 0)
			return -1;
		l.text = next;
	}
	if (set->n == 0)
		return err_set(err, ERR_INVALID, "%s: holds no identity (AGE-SECRET-KEY-1...)",
			       what);
	return 0;
}

static int build(const struct kind_input *in, struct kind_secret *out, struct notes *notes,
		 struct err *err)
{
	const struct kv_item *item = kv_get(&in->fields, "private-key");
	struct kv set = KV_INIT;
	int r = read_all("private-key", item, &set, err);

	(void)notes;
	kv_set(&out->data, KEY, item->data, item->len);
	kv_clear(&set);
	return r;
}

static int check(const struct kind_secret *s, int64_t now, struct kv *derived, struct notes *notes,
		 struct err *err)
{
	struct kv set = KV_INIT;
	int r = read_all("data key " KEY, kv_get(&s->data, KEY), &set, err);

	(void)now;
	(void)notes;
	facts_join(&set, derived, "public-key");
	kv_clear(&set);
	return r;
}

static int adopt(const char *type, const struct kv *data, struct kv *fields)
{
	(void)type;
	if (!kv_has(data, KEY))
		return -1;
	value_copy(data, KEY, fields, "private-key");
	return 0;
}

const struct kind kind_age_key = {
	.name = "age-key",
	.summary = "an age identity file, with which Flux decrypts SOPS files",
	.types = (const char *const[]){ TYPE_OPAQUE, NULL },
	.fields =
	    (const struct kind_field[]){
		{ .name = "private-key",
		  .option = "private-key",
		  .arg = "FILE|-",
		  .help = "an identity file, as age-keygen writes it",
		  .flags = FIELD_SECRET | FIELD_REQUIRED | FIELD_MAIN | FIELD_KEEP },
		{ .name = NULL },
	    },
	.keys = (const struct kind_key[]){ { KEY, true }, { NULL, false } },
	.facts = (const char *const[]){ "public-key", NULL },
	.build = build,
	.check = check,
	.adopt = adopt,
};
