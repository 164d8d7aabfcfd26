/* SPDX-License-Identifier: Apache-2.0 */
#include "github/revoke.h"

#include <jansson.h>
#include <string.h>

#include "base/err.h"
#include "github/rest.h"

bool revoke_takes(const char *token)
{
	static const char *const prefixes[] = { "ghp_", "github_pat_", "gho_", "ghu_", "ghr_" };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(token, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

static json_t *make_body(const struct kv *tokens)
{
	json_t *list = json_array(), *body = json_object();

	for (size_t i = 0; i < tokens->n; i++)
		json_array_append_new(list, json_string(tokens->items[i].name));
	json_object_set_new(body, "credentials", list);
	return body;
}

/* Its words may quote what was sent, so none of them stays. */
static int explain(const struct rest *r, const struct rest_answer *a, struct err *err)
{
	if (a->limited)
		return err_set(err, ERR_IO,
			       "revoke: %s takes no more than 60 such requests an hour; try again "
			       "later, or revoke them at https://github.com/settings/tokens",
			       rest_host(r));
	return err_set(err, a->http.status == 422 ? ERR_INVALID : ERR_IO,
		       "revoke: %s did not take the tokens (status %ld); revoke them at "
		       "https://github.com/settings/tokens",
		       rest_host(r), a->http.status);
}

int revoke_send(const struct revoke_options *o, struct err *err)
{
	const struct rest_options options = { .api_url = o->api_url, .ca_file = o->ca_file };
	struct rest_answer a = REST_ANSWER_INIT;
	struct rest *r = rest_new(&options, err);
	json_t *body = make_body(o->tokens);
	const struct rest_request q = { .method = "POST",
					.path = "/credentials/revoke",
					.body = body,
					.what = "revoke the tokens",
					.idempotent = true };
	int result = r == NULL ? -1 : rest_call(r, &q, &a, err);

	if (r != NULL && result != 0 && a.http.status > 0)
		result = explain(r, &a, err);
	rest_answer_clear(&a);
	json_decref(body);
	rest_free(r);
	return result;
}
