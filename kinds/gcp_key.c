/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/gcp_key.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "kinds/pem.h"
#include "kinds/pkey.h"
#include "kinds/pkey_pem.h"
#include "kinds/value.h"

#define WHAT_MAX 320
#define RSA_MIN 2048 /* bits; what Google makes */

static const struct {
	const char *type, *why;
} other_types[] = {
	{ "authorized_user", "a person's login (gcloud auth application-default login)" },
	{ "external_account", "workload identity federation, which holds no key and is no secret" },
	{ "external_account_authorized_user", "a person's login by workforce federation" },
	{ "impersonated_service_account", "a person's login in the place of a service account" },
	{ "gdch_service_account", "of Google Distributed Cloud, whose readers are others" },
};

/* A member that is one word of text. */
static const char *word(const json_t *v, const char *what, const char *name, struct err *err)
{
	const char *text = json_need_string(v, what, name, err);
	char where[WHAT_MAX];

	snprintf(where, sizeof(where), "%s.%s", what, name);
	if (text == NULL || value_word(where, text, strlen(text), err) != 0)
		return NULL;
	return text;
}

static int check_type(const char *what, const json_t *v, struct err *err)
{
	const char *type;

	if (json_object_get(v, "installed") != NULL || json_object_get(v, "web") != NULL)
		return err_set(err, ERR_INVALID,
			       "%s: is the file of an OAuth client, not of a service account",
			       what);
	type = json_need_string(v, what, "type", err);
	if (type == NULL)
		return -1;
	if (strcmp(type, "service_account") == 0)
		return 0;
	for (size_t i = 0; i < sizeof(other_types) / sizeof(*other_types); i++)
		if (strcmp(other_types[i].type, type) == 0)
			return err_set(err, ERR_INVALID, "%s: is of type %s: %s", what, type,
				       other_types[i].why);
	return err_set(err, ERR_INVALID, "%s: is not of type service_account", what);
}

static int check_private_key(const char *what, const json_t *v, struct err *err)
{
	const char *text = json_need_string(v, what, "private_key", err);
	struct pem_block block = PEM_BLOCK_INIT;
	struct pkey key = PKEY_INIT;
	char where[WHAT_MAX];
	int r = -1;

	snprintf(where, sizeof(where), "%s.private_key", what);
	if (text == NULL || pem_only(where, text, strlen(text), &block, err) != 0 ||
	    pkey_pem_parse(where, &block, NULL, &key, err) != 0)
		goto out;
	if (key.type != PKEY_RSA)
		err_set(err, ERR_INVALID, "%s: is %s, and Google's are RSA", where,
			pkey_type_name(key.type));
	else if (key.bits < RSA_MIN)
		err_set(err, ERR_INVALID, "%s: has %u bits, and Google's have at least %d", where,
			key.bits, RSA_MIN);
	else
		r = 0;
out:
	pem_clear(&block);
	pkey_clear(&key);
	return r;
}

static int check_account(const char *what, const char *email, struct err *err)
{
	const char *at = strchr(email, '@');

	if (at == NULL || at == email || at[1] == '\0' || strchr(at + 1, '@') != NULL)
		return err_set(err, ERR_INVALID,
			       "%s.client_email: is not NAME@PROJECT.iam.gserviceaccount.com",
			       what);
	return 0;
}

/* A file with another address in it would send what the key signs there. */
static int check_token_uri(const char *what, const json_t *v, struct err *err)
{
	static const char scheme[] = "https://";
	const char *uri = json_object_get(v, "token_uri") == NULL
			      ? "https://oauth2.googleapis.com/token"
			      : word(v, what, "token_uri", err);
	const char *universe = json_object_get(v, "universe_domain") == NULL
				   ? "googleapis.com"
				   : word(v, what, "universe_domain", err);
	const char *host;
	size_t len, n;

	if (uri == NULL || universe == NULL)
		return -1;
	if (strncmp(uri, scheme, sizeof(scheme) - 1) != 0)
		return err_set(err, ERR_INVALID, "%s.token_uri: does not begin with https://",
			       what);
	host = uri + sizeof(scheme) - 1;
	len = strcspn(host, "/?#");
	n = strlen(universe);
	if ((len == strlen("accounts.google.com") &&
	     memcmp(host, "accounts.google.com", len) == 0) ||
	    (len > n + 1 && host[len - n - 1] == '.' && memcmp(host + len - n, universe, n) == 0 &&
	     memchr(host, '@', len) == NULL && memchr(host, ':', len) == NULL))
		return 0;
	return err_set(err, ERR_INVALID, "%s.token_uri: is not at Google", what);
}

static int check_all(const char *what, const json_t *v, struct kv *facts, struct err *err)
{
	const char *project, *email, *id;

	if (!json_is_object(v))
		return err_set(err, ERR_INVALID, "%s: is not a JSON object", what);
	if (check_type(what, v, err) != 0 || (project = word(v, what, "project_id", err)) == NULL ||
	    (id = word(v, what, "private_key_id", err)) == NULL ||
	    (email = word(v, what, "client_email", err)) == NULL ||
	    check_account(what, email, err) != 0 || check_token_uri(what, v, err) != 0 ||
	    check_private_key(what, v, err) != 0)
		return -1;
	if (facts == NULL)
		return 0;
	kv_set_str(facts, "project", project);
	kv_set_str(facts, "user", email);
	kv_set_str(facts, "fingerprint", id);
	return 0;
}

int gcp_key_check(const char *what, const void *text, size_t len, struct kv *facts, struct err *err)
{
	json_t *v = json_parse(text, len, what, err);
	int r = v == NULL ? -1 : check_all(what, v, facts, err);

	json_decref(v);
	return r;
}
