/* SPDX-License-Identifier: Apache-2.0 */
/* The login of one or several image registries: a pull secret. */
#include <stdio.h>
#include <string.h>

#include "base/b64.h"
#include "base/err.h"
#include "kinds/dockerconfig.h"
#include "kinds/facts.h"
#include "kinds/gcp_key.h"
#include "kinds/kind.h"
#include "kinds/kinds.h"
#include "kinds/token.h"
#include "kinds/value.h"

#define KEY ".dockerconfigjson"
#define WHAT_MAX 320

/* Passwords that their makers let end soon, by the user name that goes with them. */
static const struct {
	const char *user, *note;
} short_lived[] = {
	{ "oauth2accesstoken",
	  "Google's access tokens end after an hour; a key file (_json_key) lasts" },
	{ "AWS", "Amazon's registry passwords end after twelve hours" },
	{ "00000000-0000-0000-0000-000000000000", "Azure's access tokens end after three hours" },
};

/* Google's registries take a service account's key file as a password, also in base64. */
static int check_key_base64(const char *what, const struct kv_item *password, struct err *err)
{
	struct buf plain = BUF_INIT;
	int r;

	if (b64_decode(&plain, (const char *)password->data, password->len) != 0)
		r = err_set(
		    err, ERR_INVALID,
		    "%s: for the user _json_key_base64 it is a key file in base64, on one line",
		    what);
	else
		r = gcp_key_check(what, buf_str(&plain), plain.len, NULL, err);
	buf_clear(&plain);
	return r;
}

static int check_login(const char *what, const struct dockerconfig *c, const char *key,
		       struct notes *notes, struct err *err)
{
	struct token_place place = { what, dockerconfig_name(key), TOKEN_PULL };
	const struct kv_item *password = kv_get(&c->passwords, key);
	const char *user = kv_get_str(&c->users, key);

	if (strcmp(user, "_json_key") == 0)
		return gcp_key_check(what, password->data, password->len, NULL, err);
	if (strcmp(user, "_json_key_base64") == 0)
		return check_key_base64(what, password, err);
	for (size_t i = 0; i < sizeof(short_lived) / sizeof(*short_lived); i++)
		if (strcmp(short_lived[i].user, user) == 0)
			note_add(notes, "%s: %s", what, short_lived[i].note);
	return token_accept(&place, password->data, password->len, notes, err);
}

static int check_logins(const char *what, const struct dockerconfig *c, struct notes *notes,
			struct err *err)
{
	for (size_t i = 0; i < c->users.n; i++) {
		const char *key = c->users.items[i].name;
		char where[WHAT_MAX];

		snprintf(where, sizeof(where), "%s: password of %s", what, dockerconfig_name(key));
		if (check_login(where, c, key, notes, err) != 0)
			return -1;
	}
	return 0;
}

/* --- building --------------------------------------------------------------------------------- */

/* The entries of a docker config under the keys that every reader finds. */
static int respell(const struct dockerconfig *in, struct dockerconfig *out, struct notes *notes,
		   struct err *err)
{
	for (size_t i = 0; i < in->users.n; i++) {
		const char *key = in->users.items[i].name;
		const struct kv_item *user = &in->users.items[i], *password;
		struct buf spelled = BUF_INIT;
		char what[WHAT_MAX];
		int r;

		snprintf(what, sizeof(what), "docker-config: auths: %.200s",
			 dockerconfig_shown(key));
		r = dockerconfig_key(what, key, &spelled, notes, err);
		if (r == 0 && kv_has(&out->users, buf_str(&spelled)))
			r = err_set(err, ERR_INVALID,
				    "docker-config: %s stands there under two names",
				    dockerconfig_name(buf_str(&spelled)));
		if (r == 0) {
			password = kv_get(&in->passwords, key);
			kv_set(&out->users, buf_str(&spelled), user->data, user->len);
			kv_set(&out->passwords, buf_str(&spelled), password->data, password->len);
		}
		buf_clear(&spelled);
		if (r != 0)
			return -1;
	}
	return 0;
}

static int take_config(const struct kv *fields, struct dockerconfig *out, struct notes *notes,
		       struct err *err)
{
	const struct kv_item *config = kv_get(fields, "docker-config");
	struct dockerconfig given = DOCKERCONFIG_INIT;
	int r = 0;

	if (config == NULL)
		return 0;
	if (dockerconfig_parse("docker-config", config->data, config->len, &given, notes, err) !=
		0 ||
	    respell(&given, out, notes, err) != 0 ||
	    check_logins("docker-config", out, notes, err) != 0)
		r = -1;
	dockerconfig_clear(&given);
	return r;
}

static int need(const struct kv *fields, const char *name, const char *how, struct err *err)
{
	if (kv_has(fields, name))
		return 0;
	return err_set(err, ERR_INVALID, "%s: missing; give %s", name, how);
}

static int take_login(const struct kv *fields, struct dockerconfig *out, struct notes *notes,
		      struct err *err)
{
	const struct kv_item *user, *token, *server;
	struct buf key = BUF_INIT;
	int r = -1;

	if (need(fields, "server", "--server HOST, or --docker-config FILE|-", err) != 0 ||
	    need(fields, "username", "--username USER", err) != 0 ||
	    need(fields, "token", "--token-file FILE|-", err) != 0)
		return -1;
	server = kv_get(fields, "server");
	user = kv_get(fields, "username");
	token = kv_get(fields, "token");
	if (value_word("server", server->data, server->len, err) != 0 ||
	    dockerconfig_key("server", (const char *)server->data, &key, notes, err) != 0 ||
	    value_user("username", user->data, user->len, err) != 0)
		goto out;
	if (kv_has(&out->users, buf_str(&key))) {
		err_set(err, ERR_INVALID, "server: stands in the docker config already");
		goto out;
	}
	kv_set(&out->users, buf_str(&key), user->data, user->len);
	kv_set(&out->passwords, buf_str(&key), token->data, token->len);
	r = check_login("token", out, buf_str(&key), notes, err);
out:
	buf_clear(&key);
	return r;
}

static int build(const struct kind_input *in, struct kind_secret *out, struct notes *notes,
		 struct err *err)
{
	bool more = kv_has(&in->fields, "server") || kv_has(&in->fields, "username") ||
		    kv_has(&in->fields, "token") || !kv_has(&in->fields, "docker-config");
	struct dockerconfig c = DOCKERCONFIG_INIT;
	struct buf text = BUF_INIT;
	int r = -1;

	if (take_config(&in->fields, &c, notes, err) != 0 ||
	    (more && take_login(&in->fields, &c, notes, err) != 0) ||
	    dockerconfig_format(&c, &text, err) != 0)
		goto out;
	kv_set(&out->data, KEY, text.data, text.len);
	r = 0;
out:
	dockerconfig_clear(&c);
	buf_clear(&text);
	return r;
}

/* --- checking --------------------------------------------------------------------------------- */

static int check_keys(const struct dockerconfig *c, struct err *err)
{
	for (size_t i = 0; i < c->users.n; i++) {
		const char *key = c->users.items[i].name;
		struct buf spelled = BUF_INIT;
		char what[WHAT_MAX];
		int r;

		snprintf(what, sizeof(what), "data key " KEY ": auths: %.200s",
			 dockerconfig_shown(key));
		r = dockerconfig_key(what, key, &spelled, NULL, err);
		if (r == 0 && strcmp(buf_str(&spelled), key) != 0)
			r = err_set(err, ERR_INVALID, "%s: the key of Docker Hub is %s", what,
				    DOCKERCONFIG_HUB);
		buf_clear(&spelled);
		if (r != 0)
			return -1;
	}
	return 0;
}

static void derive(const struct dockerconfig *c, struct kv *derived)
{
	struct kv hosts = KV_INIT, users = KV_INIT;

	for (size_t i = 0; i < c->users.n; i++) {
		kv_set_str(&hosts, dockerconfig_name(c->users.items[i].name), "");
		kv_set_str(&users, (const char *)c->users.items[i].data, "");
	}
	facts_join(&hosts, derived, "registry");
	facts_join(&users, derived, "user");
	kv_clear(&hosts);
	kv_clear(&users);
}

static int check(const struct kind_secret *s, int64_t now, struct kv *derived, struct notes *notes,
		 struct err *err)
{
	const struct kv_item *text = kv_get(&s->data, KEY);
	struct dockerconfig c = DOCKERCONFIG_INIT;
	int r = -1;

	(void)now;
	(void)notes;
	if (dockerconfig_parse("data key " KEY, text->data, text->len, &c, NULL, err) != 0 ||
	    check_keys(&c, err) != 0 || check_logins("data key " KEY, &c, NULL, err) != 0)
		goto out;
	derive(&c, derived);
	r = 0;
out:
	dockerconfig_clear(&c);
	return r;
}

/* --- set and seal -f -------------------------------------------------------------------------- */

static int restore(const struct kv *facts, struct kv *fields, struct err *err)
{
	const char *registry = kv_get_str(facts, "registry"), *user = kv_get_str(facts, "user");

	if (registry == NULL || user == NULL || kv_has(fields, "docker-config"))
		return 0; /* a whole config replaces what was there */
	if (strchr(registry, ',') != NULL)
		return err_set(
		    err, ERR_INVALID,
		    "token: the document holds the logins of several registries, which only "
		    "a whole --docker-config FILE|- can replace");
	if (!kv_has(fields, "server"))
		kv_set_str(fields, "server", registry);
	if (!kv_has(fields, "username"))
		kv_set_str(fields, "username", user);
	return 0;
}

static int adopt(const char *type, const struct kv *data, struct kv *fields)
{
	const struct kv_item *text = kv_get(data, KEY);

	(void)type;
	if (text == NULL)
		return -1;
	kv_set(fields, "docker-config", text->data, text->len);
	return 0;
}

/* One login is three values to a person; several are the file that they came from, where what is
 * said twice in it is said once. */
static int unfold(const char *type, const struct kv *data, struct kv *fields)
{
	const struct kv_item *text = kv_get(data, KEY);
	struct dockerconfig c = DOCKERCONFIG_INIT;
	struct buf lines = BUF_INIT;
	int r = text != NULL ? dockerconfig_parse(KEY, text->data, text->len, &c, NULL, NULL) : -1;

	(void)type;
	if (r == 0 && c.users.n == 1) {
		const struct kv_item *user = &c.users.items[0], *token = &c.passwords.items[0];

		kv_set_str(fields, "server", dockerconfig_name(user->name));
		kv_set(fields, "username", user->data, user->len);
		kv_set(fields, "token", token->data, token->len);
	} else if (r == 0) {
		r = dockerconfig_format_bare(&c, &lines);
		kv_set(fields, "docker-config", buf_str(&lines), lines.len);
	}
	buf_clear(&lines);
	dockerconfig_clear(&c);
	return r;
}

const struct kind kind_registry = {
	.name = "registry",
	.summary = "logins of image registries, as the kubelet and Flux read them",
	.types = (const char *const[]){ TYPE_DOCKER, NULL },
	.fields =
	    (const struct kind_field[]){
		{ .name = "server",
		  .option = "server",
		  .arg = "HOST",
		  .help = "the registry, as the names of images begin: ghcr.io" },
		{ .name = "username",
		  .option = "username",
		  .arg = "USER",
		  .help = "who logs in there" },
		{ .name = "token",
		  .option = "token-file",
		  .arg = "FILE|-",
		  .help = "the password or personal access token",
		  .flags = FIELD_SECRET | FIELD_MAIN | FIELD_PROMPT },
		{ .name = "docker-config",
		  .option = "docker-config",
		  .arg = "FILE|-",
		  .help = "a docker config instead, or to add the login to",
		  .flags = FIELD_SECRET | FIELD_ALONE },
		{ .name = NULL },
	    },
	.keys = (const struct kind_key[]){ { KEY, true }, { NULL, false } },
	.facts = (const char *const[]){ "registry", "user", NULL },
	.build = build,
	.check = check,
	.restore = restore,
	.adopt = adopt,
	.unfold = unfold,
};
