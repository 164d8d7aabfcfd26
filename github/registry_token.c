/* SPDX-License-Identifier: Apache-2.0 */
#include "github/registry_token.h"

#include <string.h>

#include "base/b64.h"
#include "base/err.h"
#include "base/mem.h"
#include "github/registry_realm.h"

#define ANSWER_MAX ((size_t)128 << 10) /* of a token endpoint, and of errors */

static void make_basic(struct registry_run *run)
{
	const struct registry_login *login = run->q->login;
	struct buf plain = BUF_INIT;

	buf_printf(&plain, "%s:", login->user);
	buf_put(&plain, login->password, login->len);
	buf_puts(&run->basic, "Basic ");
	b64_encode(&run->basic, plain.data, plain.len);
	buf_clear(&plain);
}

static void note_host(struct registry_run *run, const struct http *endpoint)
{
	if (run->r->login_host != NULL || strcmp(http_host(endpoint), http_host(run->http)) == 0)
		return;
	run->r->login_host = mem_str(http_host(endpoint));
	note_add(run->notes, "%s has its logins checked by %s, which got this one",
		 http_host(run->http), run->r->login_host);
}

int registry_token_ask(struct registry_run *run, const char *actions, struct http_answer *a)
{
	struct http_request r = { .authorization = &run->basic, .json = true, .max = ANSWER_MAX };
	struct http_options o = { .ca_file = run->q->ca_file, .option = "the realm" };
	struct buf path = BUF_INIT;
	struct http *endpoint = NULL;
	struct err why = ERR_INIT;
	char *base = NULL;
	int ret = -1;

	path.max = (size_t)2 * CHALLENGE_FIELD_MAX;
	if (registry_realm_split(run->want.realm, run->q->plain_http, &base, &path, &why) != 0) {
		registry_run_fail(run, REGISTRY_UNSAFE, "%s %s", http_host(run->http), why.text);
		goto out;
	}
	registry_realm_query(&run->want, run->q->image->path, actions, &path);
	o.base = base;
	endpoint = http_new(&o, &why);
	if (endpoint == NULL || path.truncated) {
		registry_run_fail(run, REGISTRY_UNSAFE, "the token endpoint that %s names: %s",
				  http_host(run->http), endpoint == NULL ? why.text : "too long");
		goto out;
	}
	note_host(run, endpoint);
	r.path = buf_str(&path);
	if (http_send(endpoint, &r, a, &why) != 0)
		registry_run_no_answer(run, a, &why);
	else
		ret = registry_run_fail_common(run, a, http_host(endpoint));
out:
	http_free(endpoint);
	buf_clear(&path);
	mem_free(base);
	return ret;
}

/* 403: GHCR says it of a bad token and of one without a right on the image; without the image? */
static int refused_token(struct registry_run *run, const struct http_answer *refusal,
			 const char *who)
{
	struct http_answer a = HTTP_ANSWER_INIT;
	int ret;

	if (refusal->status == 403 && registry_token_ask(run, NULL, &a) == 0 && a.status == 200)
		ret =
		    registry_run_fail_status(run, REGISTRY_NO_RIGHT, refusal, who,
					     "knows the login, but gives no token for this image");
	else if (refusal->status == 401 || refusal->status == 403)
		ret = registry_run_fail_status(run, REGISTRY_LOGIN_REFUSED, refusal, who,
					       "refuses the user name or the password");
	else
		ret = registry_run_fail_status(run, REGISTRY_STRANGE, refusal, who,
					       "does not answer as a token endpoint");
	http_answer_clear(&a);
	return ret;
}

int registry_token_log_in(struct registry_run *run)
{
	struct http_answer a = HTTP_ANSWER_INIT;
	struct err why = ERR_INIT;
	const char *who;
	int ret = -1;

	run->r->step = REGISTRY_LOGIN;
	make_basic(run);
	if (run->want.scheme == CHALLENGE_BASIC) {
		buf_put(&run->shown, run->basic.data, run->basic.len);
		return 0;
	}
	if (registry_token_ask(run, "pull", &a) != 0)
		goto out;
	who = run->r->login_host != NULL ? run->r->login_host : http_host(run->http);
	if (a.status != 200) {
		refused_token(run, &a, who);
	} else if (grant_parse(a.body.data, a.body.len, &run->grant, &why) != 0) {
		registry_run_fail(run, REGISTRY_STRANGE, "%s: %s", who, why.text);
	} else {
		buf_puts(&run->shown, "Bearer ");
		buf_put(&run->shown, run->grant.token.data, run->grant.token.len);
		ret = 0;
	}
out:
	http_answer_clear(&a);
	return ret;
}
