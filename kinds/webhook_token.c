/* SPDX-License-Identifier: Apache-2.0 */
/* The secret that a Flux Receiver and the sender of its webhooks share. */
#include "base/err.h"
#include "kinds/kind.h"
#include "kinds/kinds.h"
#include "kinds/token.h"
#include "kinds/value.h"

#define TOKEN_MIN 16 /* bytes; `flux create secret receiver` makes 64 */
#define VARIETY_MIN 8

static size_t variety(const unsigned char *s, size_t len)
{
	bool seen[256] = { false };
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		n += !seen[s[i]];
		seen[s[i]] = true;
	}
	return n;
}

static int validate(const struct kind_secret *s, struct err *err)
{
	const struct kv_item *token = kv_get(&s->data, "token");
	const struct token_form *form = token_guess(token->data, token->len);

	if (value_word("token", token->data, token->len, err) != 0)
		return -1;
	if (form != NULL)
		return err_set(
		    err, ERR_INVALID,
		    "token: is %s; a webhook's token is a secret of its own (openssl rand "
		    "-hex 32)",
		    form->name);
	if (token->len < TOKEN_MIN)
		return err_set(err, ERR_INVALID,
			       "token: has %zu characters, and %d are the least against guessing "
			       "(openssl rand -hex 32)",
			       token->len, TOKEN_MIN);
	if (variety(token->data, token->len) < VARIETY_MIN)
		return err_set(
		    err, ERR_INVALID,
		    "token: is made of fewer than %d different characters (openssl rand -hex "
		    "32)",
		    VARIETY_MIN);
	return 0;
}

static int build(const struct kind_input *in, struct kind_secret *out, struct notes *notes,
		 struct err *err)
{
	(void)notes;
	value_copy(&in->fields, "token", &out->data, "token");
	return validate(out, err);
}

static int check(const struct kind_secret *s, int64_t now, struct kv *derived, struct notes *notes,
		 struct err *err)
{
	(void)now;
	(void)derived;
	(void)notes;
	return validate(s, err);
}

/* "token" is a common key; only what could be a webhook's is taken for one. */
static int adopt(const char *type, const struct kv *data, struct kv *fields)
{
	struct kind_secret s = KIND_SECRET_INIT;
	int r;

	(void)type;
	if (!kv_has(data, "token"))
		return -1;
	value_copy(data, "token", &s.data, "token");
	r = validate(&s, NULL);
	kind_secret_clear(&s);
	if (r == 0)
		value_copy(data, "token", fields, "token");
	return r;
}

static int unfold(const char *type, const struct kv *data, struct kv *fields)
{
	(void)type;
	value_copy(data, "token", fields, "token");
	return 0;
}

const struct kind kind_webhook_token = {
	.name = "webhook-token",
	.summary = "the secret of a Flux Receiver's webhooks",
	.types = (const char *const[]){ TYPE_OPAQUE, NULL },
	.fields =
	    (const struct kind_field[]){
		{ .name = "token",
		  .option = "token-file",
		  .arg = "FILE|-",
		  .help = "the token, at least 16 characters",
		  .flags =
		      FIELD_SECRET | FIELD_REQUIRED | FIELD_MAIN | FIELD_PROMPT | FIELD_TWICE },
		{ .name = NULL },
	    },
	.keys = (const struct kind_key[]){ { "token", true }, { NULL, false } },
	.facts = (const char *const[]){ NULL },
	.build = build,
	.check = check,
	.adopt = adopt,
	.unfold = unfold,
};
