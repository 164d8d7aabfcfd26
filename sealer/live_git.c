/* SPDX-License-Identifier: Apache-2.0 */
/* What fetches a repository: a deploy key, a token over HTTPS, a GitHub App. */
#include "sealer/live_one.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "github/app.h"
#include "github/git_https.h"
#include "github/rest.h"
#include "kinds/url.h"
#include "sealer/ssh_probe.h"

/* The authorities that are sealed with it are those that its reader trusts. */
static const struct buf *ca_of(const struct live_question *q, struct buf *ca)
{
	const struct kv_item *item = kv_get(&q->secret->data, "ca.crt");

	if (item == NULL)
		return NULL;
	buf_put(ca, item->data, item->len);
	return ca;
}

/* --- over HTTPS ------------------------------------------------------------------------------- */

static void fetch(const struct live_question *q, const char *url, struct live_answer *a)
{
	const struct kv_item *password = kv_get(&q->secret->data, "password");
	struct buf ca = BUF_INIT;
	const struct git_https_question ask = {
		.url = url,
		.user = kv_get_str(&q->secret->data, "username"),
		.password = password->data,
		.len = password->len,
		.ca = ca_of(q, &ca),
		.ca_file = ca.len > 0 ? NULL : q->options->ca_file,
	};
	struct git_https_result result = GIT_HTTPS_RESULT_INIT;
	struct err why = ERR_INIT;

	if (git_https_check(&ask, &result, &a->notes, &why) == 0)
		live_says(a, "%s can be fetched", url);
	else
		live_fail(a, &why);
	/* Flux follows no redirect either: the URL is as wrong for it as for us */
	if (a->state == LIVE_UNTOLD && result.verdict == GIT_HTTPS_MOVED) {
		a->state = LIVE_REFUSED;
		a->why.class = ERR_REFUSED;
	}
	buf_clear(&ca);
}

void live_git_https(const struct live_question *q, struct live_answer *a)
{
	const struct kv_item *password = kv_get(&q->secret->data, "password");
	const char *text = kv_get_str(&q->secret->facts, "url");
	struct err why = ERR_INIT;
	struct url url;
	bool asked;

	if (url_parse("url", text, URL_HTTPS, &url, &why) != 0)
		live_fail(a, &why);
	else if (live_token(q,
			    &(struct live_token){ url.host, password->data, password->len, true,
						  PAT_READ },
			    a, &asked))
		fetch(q, text, a);
}

/* --- over SSH --------------------------------------------------------------------------------- */

void live_deploy_key(const struct live_question *q, struct live_answer *a)
{
	static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER; /* github/ssh.h: one at a time */
	const struct ssh_probe_options options = { .every_host_key = true };
	const char *url = kv_get_str(&q->secret->facts, "url");
	struct github_ssh_result result;
	struct err why = ERR_INIT;
	int r;

	pthread_mutex_lock(&one);
	r = ssh_probe(url, &q->secret->data, &options, &result, &why);
	pthread_mutex_unlock(&one);
	if (r != 0) {
		live_fail(a, &why);
		return;
	}
	live_says(a, "%s can be fetched with %s, access: %s", url, result.key_fingerprint,
		  github_ssh_access_name(result.access));
	if (result.port_443)
		note_add(&a->notes, SSH_PROBE_AROUND);
	if (result.access == GITHUB_SSH_READ_WRITE)
		note_add(&a->notes,
			 "the deploy key may also push, which Flux does not need; register it "
			 "again for reading only");
	else if (result.access == GITHUB_SSH_ACCESS_UNKNOWN)
		note_add(&a->notes, "whether the deploy key may push could not be told");
}

/* --- GitHub Apps ------------------------------------------------------------------------------ */

/* The token was only to see that there is one; it is of no use any more. */
static void give_back(const struct app_options *o, const struct app_token *token,
		      struct live_answer *a)
{
	const struct rest_options options = {
		.api_url = o->api_url, .ca_file = o->ca_file, .ca = o->ca, .token = &token->token
	};
	struct err why = ERR_INIT;
	struct rest *r = rest_new(&options, &why);

	if (r == NULL || app_revoke(r, &why) != 0)
		note_add(&a->notes, "the token that was minted ends by itself within the hour: %s",
			 why.text);
	rest_free(r);
}

static void mint(struct app_options *o, struct live_answer *a)
{
	struct app_token token = APP_TOKEN_INIT;
	struct err why = ERR_INIT;

	if (app_token(o, &token, &why) != 0) {
		live_fail(a, &why);
		return;
	}
	live_says(a, "the App makes tokens that read %s (installation %lld)", o->repository,
		  (long long)token.installation);
	give_back(o, &token, a);
	app_token_clear(&token);
}

void live_github_app(const struct live_question *q, struct live_answer *a)
{
	const struct kv *data = &q->secret->data;
	const struct kv_item *pem = kv_get(data, "githubAppPrivateKey");
	const char *base = kv_get_str(data, "githubAppBaseURL");
	const char *installation = kv_get_str(data, "githubAppInstallationID");
	struct buf key = BUF_INIT, ca = BUF_INIT;
	struct kv permissions = KV_INIT;
	struct err why = ERR_INIT;
	struct app_options o = {
		.api_url = base != NULL ? base : live_api(q, "github.com"), /* kinds/github_app.c */
		.id = kv_get_str(data, "githubAppID"),
		.key = &key,
		.owner = kv_get_str(data, "githubAppInstallationOwner"),
		.installation = installation != NULL ? strtoll(installation, NULL, 10) : 0,
		.permissions = &permissions,
	};
	char *repository = NULL;
	struct url url;

	kv_set_str(&permissions, "contents", "read");
	buf_put(&key, pem->data, pem->len);
	o.ca = ca_of(q, &ca);
	o.ca_file = o.ca == NULL ? q->options->ca_file : NULL;
	if (url_parse("url", kv_get_str(&q->secret->facts, "url"), URL_HTTPS, &url, &why) == 0)
		repository = rest_repository(url.path, &why);
	o.repository = repository;
	if (repository != NULL)
		mint(&o, a);
	else
		live_fail(a, &why);
	mem_free(repository);
	kv_clear(&permissions);
	buf_clear(&key);
	buf_clear(&ca);
}
