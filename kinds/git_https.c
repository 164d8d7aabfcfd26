/* SPDX-License-Identifier: Apache-2.0 */
/* A user name and a token with which Flux fetches a repository over HTTPS. */
#include "base/err.h"
#include "kinds/kind.h"
#include "kinds/kinds.h"
#include "kinds/token.h"
#include "kinds/url.h"
#include "kinds/value.h"
#include "kinds/x509_ca.h"

struct names {
	const char *url, *token, *ca; /* what errors call them */
};

static int check_credentials(const struct kind_secret *s, const struct names *names,
			     struct notes *notes, struct err *err)
{
	const struct kv_item *user = kv_get(&s->data, "username");
	const struct kv_item *password = kv_get(&s->data, "password");
	const char *text = kv_get_str(&s->facts, "url");
	struct token_place place = { .what = names->token, .use = TOKEN_GIT };
	struct url url;

	if (text == NULL)
		return err_set(err, ERR_INVALID, "%s: missing", names->url);
	if (url_parse(names->url, text, URL_HTTPS, &url, err) != 0 ||
	    value_user("username", user->data, user->len, err) != 0)
		return -1;
	place.host = url.host;
	return token_accept(&place, password->data, password->len, notes, err);
}

static int check_ca(const struct kind_secret *s, const struct x509_ca *how, struct kv *derived,
		    struct notes *notes, struct err *err)
{
	const struct kv_item *item = kv_get(&s->data, "ca.crt");
	struct x509_ca ca = *how;
	struct buf fact = BUF_INIT;
	int r;

	if (item == NULL)
		return 0;
	ca.text = item->data;
	ca.len = item->len;
	r = x509_ca_check(&ca, &fact, notes, err);
	if (r == 0 && derived != NULL)
		kv_set(derived, "ca", buf_str(&fact), fact.len);
	buf_clear(&fact);
	return r;
}

static int build(const struct kind_input *in, struct kind_secret *out, struct notes *notes,
		 struct err *err)
{
	static const struct names names = { "url", "token", "ca" };
	struct x509_ca ca = { .what = names.ca, .now = in->now, .dates = X509_DATES_REFUSE };

	value_copy(&in->fields, "url", &out->facts, "url");
	value_copy(&in->fields, "username", &out->data, "username");
	value_copy(&in->fields, "token", &out->data, "password");
	value_copy(&in->fields, "ca", &out->data, "ca.crt");
	if (check_credentials(out, &names, notes, err) != 0)
		return -1;
	return check_ca(out, &ca, NULL, notes, err);
}

static int check(const struct kind_secret *s, int64_t now, struct kv *derived, struct notes *notes,
		 struct err *err)
{
	static const struct names names = { "fact url", "password", "data key ca.crt" };
	struct x509_ca ca = { .what = names.ca, .now = now, .dates = X509_DATES_NOTE };

	value_copy(&s->data, "username", derived, "user");
	if (check_credentials(s, &names, NULL, err) != 0)
		return -1;
	return check_ca(s, &ca, derived, notes, err);
}

static int restore(const struct kv *facts, struct kv *fields, struct err *err)
{
	if (kv_has(facts, "ca") && !kv_has(fields, "ca"))
		return err_set(
		    err, ERR_INVALID,
		    "ca: the document holds a CA, which its facts cannot give back; give "
		    "--ca FILE");
	return 0;
}

static int unfold(const char *type, const struct kv *data, struct kv *fields)
{
	(void)type;
	value_copy(data, "username", fields, "username");
	value_copy(data, "password", fields, "token");
	value_copy(data, "ca.crt", fields, "ca");
	return 0;
}

/* Without a URL there is only the token to tell a Git login from any other. */
static int adopt(const char *type, const struct kv *data, struct kv *fields)
{
	const struct kv_item *password = kv_get(data, "password");
	const struct token_form *form;

	if (!kv_has(data, "username") || password == NULL)
		return -1;
	form = token_find(password->data, password->len);
	if (!kv_has(data, "ca.crt") &&
	    (form == NULL || (form->service != TOKEN_GITHUB && form->service != TOKEN_GITLAB)))
		return -1;
	return unfold(type, data, fields);
}

const struct kind kind_git_https = {
	.name = "git-https",
	.summary = "a user name and a token for Git over HTTPS",
	.types = (const char *const[]){ TYPE_OPAQUE, TYPE_BASIC, NULL },
	.fields =
	    (const struct kind_field[]){
		{ .name = "url",
		  .option = "url",
		  .arg = "URL",
		  .help = "the repository: https://HOST/PATH",
		  .flags = FIELD_REQUIRED,
		  .fact = "url" },
		{ .name = "username",
		  .option = "username",
		  .arg = "USER",
		  .help = "the user name; GitHub takes any with a personal access token",
		  .flags = FIELD_REQUIRED,
		  .fact = "user" },
		{ .name = "token",
		  .option = "token-file",
		  .arg = "FILE|-",
		  .help = "the personal access token or password",
		  .flags = FIELD_SECRET | FIELD_REQUIRED | FIELD_MAIN | FIELD_PROMPT },
		{ .name = "ca",
		  .option = "ca",
		  .arg = "FILE",
		  .help = "certificates of the authority that the server's is from",
		  .flags = FIELD_FILE | FIELD_KEEP },
		{ .name = NULL },
	    },
	.keys =
	    (const struct kind_key[]){
		{ "username", true },
		{ "password", true },
		{ "ca.crt", false },
		{ NULL, false },
	    },
	.facts = (const char *const[]){ "url", "user", "ca", NULL },
	.retain = true,
	.build = build,
	.check = check,
	.restore = restore,
	.adopt = adopt,
	.unfold = unfold,
};
