/* SPDX-License-Identifier: Apache-2.0 */
/* A user name and a password, for whatever asks for them over HTTP. */
#include "base/err.h"
#include "kinds/kind.h"
#include "kinds/kinds.h"
#include "kinds/token.h"
#include "kinds/value.h"

static int validate(const struct kind_secret *s, struct notes *notes, struct err *err)
{
	const struct kv_item *user = kv_get(&s->data, "username");
	const struct kv_item *password = kv_get(&s->data, "password");
	const struct token_form *form = token_find(password->data, password->len);
	const struct token_place place = { "password", "", TOKEN_GIT };

	if (value_user("username", user->data, user->len, err) != 0 ||
	    token_accept(&place, password->data, password->len, notes, err) != 0)
		return -1;
	if (form != NULL && form->kinds != NULL)
		note_add(notes,
			 "password: looks like %s; sealed as %s it is also checked for its place",
			 form->name, form->kinds);
	return 0;
}

static int build(const struct kind_input *in, struct kind_secret *out, struct notes *notes,
		 struct err *err)
{
	value_copy(&in->fields, "username", &out->data, "username");
	value_copy(&in->fields, "password", &out->data, "password");
	return validate(out, notes, err);
}

static int check(const struct kind_secret *s, int64_t now, struct kv *derived, struct notes *notes,
		 struct err *err)
{
	(void)now;
	(void)notes;
	value_copy(&s->data, "username", derived, "user");
	return validate(s, NULL, err);
}

/*
 * Opaque Secrets with these two keys are meant so, too; that they are sealed together is the point.
 */
static int adopt(const char *type, const struct kv *data, struct kv *fields)
{
	(void)type;
	if (!kv_has(data, "username") || !kv_has(data, "password"))
		return -1;
	value_copy(data, "username", fields, "username");
	value_copy(data, "password", fields, "password");
	return 0;
}

const struct kind kind_basic_auth = {
	.name = "basic-auth",
	.summary = "a user name and a password",
	.types = (const char *const[]){ TYPE_BASIC, TYPE_OPAQUE, NULL },
	.fields =
	    (const struct kind_field[]){
		{ .name = "username",
		  .option = "username",
		  .arg = "USER",
		  .help = "the user name",
		  .flags = FIELD_REQUIRED,
		  .fact = "user" },
		{ .name = "password",
		  .option = "password-file",
		  .arg = "FILE|-",
		  .help = "the password",
		  .flags =
		      FIELD_SECRET | FIELD_REQUIRED | FIELD_MAIN | FIELD_PROMPT | FIELD_TWICE },
		{ .name = NULL },
	    },
	.keys =
	    (const struct kind_key[]){
		{ "username", true },
		{ "password", true },
		{ NULL, false },
	    },
	.facts = (const char *const[]){ "user", NULL },
	.build = build,
	.check = check,
	.adopt = adopt,
};
