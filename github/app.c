/* SPDX-License-Identifier: Apache-2.0 */
#include "github/app.h"

#include <string.h>
#include <strings.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "github/rest.h"

#define BACK_S 60		  /* GitHub's own advice against clocks that differ */
#define AHEAD_S ((int64_t)9 * 60) /* ten minutes are the most, by GitHub's clock */
#define BITS_MIN 2048
#define ID_MAX 64

/* --- the App's own token ------------------------------------------------------------------------
 */

static int no_passphrase(char *to, int size, int writing, void *ctx)
{
	(void)to;
	(void)size;
	(void)writing;
	(void)ctx;
	return -1;
}

static EVP_PKEY *read_key(const struct buf *pem, struct err *err)
{
	BIO *bio =
	    pem->len == 0 || pem->len > 65536 ? NULL : BIO_new_mem_buf(pem->data, (int)pem->len);
	EVP_PKEY *key =
	    bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);

	BIO_free(bio);
	ERR_clear_error();
	if (key == NULL) {
		err_set(err, ERR_INVALID,
			"the App's private key: not a private key in PEM form without a "
			"passphrase");
	} else if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA || EVP_PKEY_get_bits(key) < BITS_MIN) {
		err_set(err, ERR_INVALID,
			"the App's private key: not RSA of %d bits or more, which GitHub makes",
			BITS_MIN);
		EVP_PKEY_free(key);
		key = NULL;
	}
	return key;
}

static void put_base64url(struct buf *out, const void *data, size_t len)
{
	size_t size = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	char *text = mem_alloc(size);

	sodium_bin2base64(text, size, data, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	buf_puts(out, text);
	mem_free(text);
}

static int sign(EVP_PKEY *key, const struct buf *text, struct buf *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char *signature = NULL;
	size_t n = 0;
	int result = -1;

	if (ctx == NULL || EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) != 1 ||
	    EVP_DigestSign(ctx, NULL, &n, text->data, text->len) != 1)
		goto out;
	signature = mem_alloc(n);
	if (EVP_DigestSign(ctx, signature, &n, text->data, text->len) != 1)
		goto out;
	put_base64url(out, signature, n);
	result = 0;
out:
	mem_free(signature);
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return result;
}

int app_jwt(const char *id, const struct buf *pem, int64_t now, struct buf *out, struct err *err)
{
	static const char header[] = "{\"alg\":\"RS256\",\"typ\":\"JWT\"}";
	struct buf claims = BUF_INIT, text = BUF_INIT, signature = BUF_INIT;
	size_t n = strlen(id);
	EVP_PKEY *key;
	int result;

	/* an id is digits, a client id "Iv23li..." */
	if (n == 0 || n > ID_MAX ||
	    strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") != n)
		return err_set(err, ERR_INVALID, "the App's id: digits, or its client id");
	key = read_key(pem, err);
	if (key == NULL)
		return -1;
	buf_printf(&claims, "{\"iat\":%lld,\"exp\":%lld,\"iss\":\"%s\"}", (long long)now - BACK_S,
		   (long long)now + AHEAD_S, id);
	put_base64url(&text, header, sizeof(header) - 1);
	buf_putc(&text, '.');
	put_base64url(&text, claims.data, claims.len);
	result = sign(key, &text, &signature);
	if (result == 0)
		buf_printf(out, "%s.%s", buf_str(&text), buf_str(&signature));
	else
		err_set(err, ERR_INVALID, "the App's private key does not sign");
	EVP_PKEY_free(key);
	buf_clear(&signature);
	buf_clear(&text);
	buf_clear(&claims);
	return result;
}

/* --- installation -------------------------------------------------------------------------------
 */

/* Readers that know the owner alone look its installation up by that. */
static int check_owner(const json_t *installation, const struct app_options *o, struct err *err)
{
	const char *login =
	    json_string_value(json_object_get(json_object_get(installation, "account"), "login"));

	if (o->owner == NULL || login == NULL || strcasecmp(login, o->owner) == 0)
		return 0;
	return err_set(err, ERR_REFUSED,
		       "owner: the App's installation on %s is %.100s's, and the credential says "
		       "%.100s",
		       o->repository, login, o->owner);
}

static int find_installation(struct rest *r, const char *repository, const struct app_options *o,
			     int64_t *id, struct err *err)
{
	char *path = mem_printf("/repos/%s/installation", repository);
	char *what = mem_printf("look for the App on %s", repository);
	const struct rest_request q = { .path = path, .what = what };
	struct rest_answer a = REST_ANSWER_INIT;
	int result = rest_call(r, &q, &a, err);
	const json_t *since = json_object_get(a.body, "suspended_at");

	*id = json_integer_value(json_object_get(a.body, "id"));
	if (result != 0 && a.http.status == 404)
		err_set(err, ERR_IO,
			"the App is not installed on %s, or there is no such repository (404); an "
			"owner installs it under the App's settings, Install App",
			repository);
	else if (result == 0 && json_is_string(since))
		result = err_set(err, ERR_REFUSED,
				 "the App's installation on %s is suspended since %.40s",
				 repository, json_string_value(since));
	else if (result == 0 && *id <= 0)
		result = err_set(err, ERR_IO, "%s: GitHub's answer has no id", what);
	else if (result == 0)
		result = check_owner(a.body, o, err);
	rest_answer_clear(&a);
	mem_free(what);
	mem_free(path);
	return result;
}

/* --- token --------------------------------------------------------------------------------------
 */

static json_t *make_body(const struct app_options *o)
{
	json_t *permissions = json_object();

	for (size_t i = 0; o->permissions != NULL && i < o->permissions->n; i++) {
		const struct kv_item *p = &o->permissions->items[i];

		json_object_set_new(permissions, p->name, json_string((const char *)p->data));
	}
	return json_pack("{s:[s], s:o}", "repositories", strchr(o->repository, '/') + 1,
			 "permissions", permissions);
}

int app_token_read(const json_t *body, struct app_token *out, struct err *err)
{
	const json_t *token = json_object_get(body, "token");
	const char *selection = json_string_value(json_object_get(body, "repository_selection"));

	if (!json_is_string(token) || json_string_length(token) == 0)
		return err_set(err, ERR_IO, "GitHub's answer has no token");
	buf_puts(&out->token, json_string_value(token));
	out->expires = rest_time(json_object_get(body, "expires_at"));
	out->all_repositories = selection != NULL && strcmp(selection, "all") == 0;
	return 0;
}

static void list_permissions(const struct kv *permissions, struct buf *out)
{
	for (size_t i = 0; permissions != NULL && i < permissions->n; i++)
		buf_printf(out, "%s%s: %s", i == 0 ? "" : ", ", permissions->items[i].name,
			   (const char *)permissions->items[i].data);
}

static int mint(struct rest *r, const struct app_options *o, struct app_token *out, struct err *err)
{
	char *path =
	    mem_printf("/app/installations/%lld/access_tokens", (long long)out->installation);
	char *what = mem_printf("make a token of the App for %s", o->repository);
	json_t *body = make_body(o);
	/* one too many ends by itself within the hour */
	const struct rest_request q = {
		.method = "POST", .path = path, .body = body, .what = what, .idempotent = true
	};
	struct rest_answer a = REST_ANSWER_INIT;
	struct buf asked = BUF_INIT;
	int result = rest_call(r, &q, &a, err);

	if (result == 0) {
		result = app_token_read(a.body, out, err);
	} else if (a.http.status == 422) {
		list_permissions(o->permissions, &asked);
		err_set(err, ERR_REFUSED,
			"%s: the App has not been given what is asked for (422, %s): %s on that "
			"repository",
			what, a.message, buf_str(&asked));
	}
	buf_clear(&asked);
	rest_answer_clear(&a);
	json_decref(body);
	mem_free(what);
	mem_free(path);
	return result;
}

int app_token(const struct app_options *o, struct app_token *out, struct err *err)
{
	struct buf jwt = BUF_INIT;
	struct rest_options options = {
		.api_url = o->api_url,
		.ca_file = o->ca_file,
		.ca = o->ca,
		.token = &jwt,
		.patience_ms = o->patience_ms,
		.pausing = o->pausing,
		.rejected = "the App's id and private key do not belong together, or the key was "
			    "deleted at GitHub",
	};
	char *repository = rest_repository(o->repository, err);
	struct rest *r = NULL;
	int result = -1;

	app_token_clear(out);
	if (repository == NULL || app_jwt(o->id, o->key, clock_now(), &jwt, err) != 0)
		goto out;
	r = rest_new(&options, err);
	if (r == NULL)
		goto out;
	out->installation = o->installation;
	if (out->installation == 0 &&
	    find_installation(r, repository, o, &out->installation, err) != 0)
		goto out;
	result = mint(r, o, out, err);
out:
	if (result != 0)
		app_token_clear(out);
	rest_free(r);
	buf_clear(&jwt);
	mem_free(repository);
	return result;
}

void app_token_clear(struct app_token *t)
{
	buf_clear(&t->token);
	memset(t, 0, sizeof(*t));
}

int app_revoke(struct rest *r, struct err *err)
{
	/* it ends by itself, and nobody waits for a limit to end to be rid of it */
	const struct rest_request q = { .method = "DELETE",
					.path = "/installation/token",
					.what = "give back the token of the App",
					.once = true };
	struct rest_answer a = REST_ANSWER_INIT;
	int result = rest_call(r, &q, &a, err);

	if (result != 0 && a.http.status == 401)
		result = 0;
	rest_answer_clear(&a);
	return result;
}
