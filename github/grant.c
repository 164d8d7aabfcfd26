/* SPDX-License-Identifier: Apache-2.0 */
#include "github/grant.h"

#include <stdbool.h>
#include <string.h>

#include "base/b64.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"

#define VALUES_MAX 10000 /* of an answer, and of what a token claims */

static int take_token(const json_t *v, struct grant *out, struct err *err)
{
	static const char *const names[] = { "token", "access_token" };
	const char *token = NULL;
	size_t n;

	for (size_t i = 0; i < 2 && (token == NULL || *token == '\0'); i++)
		if (json_opt_string(v, "token answer", names[i], &token, err) != 0)
			return -1;
	n = token != NULL ? strlen(token) : 0;
	if (n == 0)
		return err_set(err, ERR_INVALID, "token answer: no token in it");
	if (n > GRANT_TOKEN_MAX)
		return err_set(err, ERR_INVALID, "token answer: a token of more than %zu bytes",
			       GRANT_TOKEN_MAX);
	for (size_t i = 0; i < n; i++)
		if (token[i] <= ' ' || token[i] > '~')
			return err_set(err, ERR_INVALID,
				       "token answer: character %zu of the token cannot stand in a "
				       "header",
				       i + 1);
	return buf_put(&out->token, token, n);
}

int grant_parse(const void *text, size_t len, struct grant *out, struct err *err)
{
	const char *scope = NULL;
	json_t *v;
	int r = -1;

	*out = (struct grant)GRANT_INIT;
	v = json_parse_few(text, len, VALUES_MAX, "token answer", err);
	if (v == NULL)
		return -1;
	if (!json_is_object(v)) {
		err_set(err, ERR_INVALID, "token answer: not an object");
	} else if (take_token(v, out, err) == 0 &&
		   json_opt_string(v, "token answer", "scope", &scope, err) == 0) {
		out->scope = mem_str(scope);
		r = 0;
	}
	json_decref(v);
	if (r != 0)
		grant_clear(out);
	return r;
}

void grant_clear(struct grant *g)
{
	buf_clear(&g->token);
	mem_free(g->scope);
	g->scope = NULL;
}

/* --- what it allows --------------------------------------------------------------------------- */

/* The claims of a JWT: the middle of three parts, base64url; or NULL. */
static json_t *claims(const struct buf *token)
{
	const char *first = strchr(buf_str(token), '.');
	const char *second = first != NULL ? strchr(first + 1, '.') : NULL;
	struct buf text = BUF_INIT, plain = BUF_INIT;
	json_t *v = NULL;

	if (second == NULL || strchr(second + 1, '.') != NULL)
		return NULL;
	buf_put(&text, first + 1, (size_t)(second - first) - 1);
	for (size_t i = 0; i < text.len; i++)
		text.data[i] = text.data[i] == '-' ? '+' : text.data[i] == '_' ? '/' : text.data[i];
	if (b64_decode_raw(&plain, buf_str(&text), text.len) == 0)
		v = json_parse_few(buf_str(&plain), plain.len, VALUES_MAX, "claims", NULL);
	buf_clear(&text);
	buf_clear(&plain);
	return v;
}

static bool is_text(const json_t *v, const char *text)
{
	return json_is_string(v) && strcmp(json_string_value(v), text) == 0;
}

static bool has_action(const json_t *actions, const char *action)
{
	for (size_t i = 0; i < json_array_size(actions); i++)
		if (is_text(json_array_get(actions, i), action) ||
		    is_text(json_array_get(actions, i), "*"))
			return true;
	return false;
}

static enum grant_word by_claims(const json_t *v, const char *repository, const char *action)
{
	const json_t *access = json_object_get(v, "access");

	if (!json_is_array(access))
		return GRANT_UNTOLD;
	for (size_t i = 0; i < json_array_size(access); i++) {
		const json_t *one = json_array_get(access, i);

		if (is_text(json_object_get(one, "type"), "repository") &&
		    is_text(json_object_get(one, "name"), repository) &&
		    has_action(json_object_get(one, "actions"), action))
			return GRANT_YES;
	}
	return GRANT_NO;
}

/* "repository:org/app:pull,push", one of several between spaces. */
static bool scope_grants(const char *one, size_t n, const char *repository, const char *action)
{
	char *text = mem_strn(one, n), *want = mem_printf("repository:%s:", repository);
	char *list = mem_printf(",%s,", strlen(text) > strlen(want) ? text + strlen(want) : "");
	char *item = mem_printf(",%s,", action);
	bool is = strncmp(text, want, strlen(want)) == 0 && strstr(list, item) != NULL;

	mem_free(text);
	mem_free(want);
	mem_free(list);
	mem_free(item);
	return is;
}

static enum grant_word by_scope(const char *scope, const char *repository, const char *action)
{
	if (scope == NULL || strncmp(scope, "repository:", 11) != 0)
		return GRANT_UNTOLD;
	while (*scope != '\0') {
		size_t n = strcspn(scope, " ");

		if (scope_grants(scope, n, repository, action))
			return GRANT_YES;
		scope += n + strspn(scope + n, " ");
	}
	return GRANT_NO;
}

enum grant_word grant_allows(const struct grant *g, const char *repository, const char *action)
{
	json_t *v = claims(&g->token);
	enum grant_word word = by_claims(v, repository, action);

	json_decref(v);
	return word != GRANT_UNTOLD ? word : by_scope(g->scope, repository, action);
}
