/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/register.h"

#include <stdlib.h>
#include <string.h>

#include "base/b64.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/out.h"
#include "document/edit.h"
#include "document/seal.h"
#include "github/apihost.h"
#include "github/app.h"
#include "github/rest.h"
#include "kinds/github_hosts.h"
#include "kinds/sshpub.h"
#include "kinds/url.h"
#include "sealer/input.h"

#define TOKEN_MAX 4096
#define PATIENCE_MS 300000 /* GitHub's own pauses are a minute and more */
#define TITLE_HASH 19	   /* characters of the fingerprint in a title: "SHA256:" and 12 */

int register_check(const struct register_options *o, struct err *err)
{
	if (o->app != NULL && o->token_file != NULL)
		return err_set(err, ERR_USAGE,
			       "--app and --token-file: one of the two registers the key");
	if (o->app == NULL && o->ring.keys != NULL)
		return err_set(err, ERR_USAGE, "--keys opens the document of --app");
	return 0;
}

enum register_way register_way(const struct register_options *o, const char *url)
{
	struct url u;
	bool github =
	    url == NULL ||
	    (url_parse("--url", url, URL_SSH, &u, NULL) == 0 &&
	     (strcmp(u.host, "github.com") == 0 || strcmp(u.host, "ssh.github.com") == 0));

	if (!github && o->api_url == NULL)
		return REGISTER_BY_HAND;
	if (o->app != NULL || o->token_file != NULL)
		return REGISTER_GIVEN;
	return input_terminal() ? REGISTER_ASKED : REGISTER_NOBODY;
}

int register_need(const struct register_options *o, const char *url, struct err *err)
{
	switch (register_way(o, url)) {
	case REGISTER_BY_HAND:
		return err_set(
		    err, ERR_USAGE,
		    "%s: the host is not GitHub, as far as is known; the API of a GitHub "
		    "Enterprise Server is given with --api-url https://HOST/api/v3",
		    url);
	case REGISTER_NOBODY:
		return err_set(err, ERR_USAGE,
			       "say as whom GitHub is to be asked: --app FILE, the sealed key of a "
			       "GitHub App, or --token-file FILE");
	default:
		return 0;
	}
}

/* --- as whom ---------------------------------------------------------------------------------- */

static const struct document *only_app(const struct edit_file *file)
{
	const struct document *found = NULL;

	for (size_t i = 0; i < file->n; i++) {
		if (strcmp(file->documents[i].kind->name, "github-app") != 0)
			continue;
		if (found != NULL)
			return NULL;
		found = &file->documents[i];
	}
	return found;
}

static int open_app(const struct register_options *o, struct kind_secret *out, struct err *err)
{
	struct edit_file file = EDIT_FILE_INIT;
	struct keyring keys = KEYRING_INIT;
	struct notes notes = NOTES_INIT;
	struct buf text = BUF_INIT;
	const struct document *d;
	int r = file_read(o->app, DOCUMENT_FILE_MAX, 0, &text, NULL, err);

	if (r == 0)
		r = edit_load(o->app, &text, &file, err);
	d = r == 0 ? only_app(&file) : NULL;
	if (r == 0 && d == NULL)
		r = err_set(err, ERR_INVALID,
			    "%s: it holds no sealed document of kind github-app, or several",
			    o->app);
	if (r == 0 && o->at_hand == NULL)
		r = ring_load(&o->ring, &keys, err);
	if (r == 0)
		r = open_document(d, o->at_hand != NULL ? o->at_hand : &keys, clock_now(), out,
				  NULL, &notes, err);
	for (size_t i = 0; i < notes.n; i++)
		out_warn("%s", notes.text[i]);
	notes_clear(&notes);
	keyring_clear(&keys);
	edit_clear(&file);
	buf_clear(&text);
	return r == 0 ? 0 : err_wrap(err, "--app");
}

/* An App belongs to one GitHub, which its document names when it is not github.com. */
static int check_app(const struct register_options *o, const struct kv *data, struct err *err)
{
	const char *base = kv_get_str(data, "githubAppBaseURL");
	char *host = apihost_git(base);
	int r = 0;

	if (base != NULL && o->api_url == NULL)
		r = err_set(err, ERR_USAGE,
			    "--app: it is an App of %s, so say which API is asked: --api-url %s",
			    host, base);
	else if (o->api_url != NULL && apihost_of(o->api_url, host) == APIHOST_OTHER)
		r = err_set(err, ERR_USAGE,
			    "--app: it is an App of %s, and --api-url is the API of another server",
			    host);
	mem_free(host);
	return r;
}

/* GitHub's pauses are long, and nothing is to be seen meanwhile. */
static void tell_pause(const char *host, int64_t ms)
{
	out_note("%s asks for a pause (rate limit): going on in %lld s", host,
		 (long long)(ms + 999) / 1000);
}

/* A token of the App, for this repository alone and for nothing else than what it is for. */
static int mint(const struct register_options *o, const char *repository, bool pulls,
		struct buf *token, struct err *err)
{
	struct kind_secret secret = KIND_SECRET_INIT;
	struct app_token minted = APP_TOKEN_INIT;
	struct kv permissions = KV_INIT;
	struct buf pem = BUF_INIT;
	const struct kv_item *key;
	const char *installation;
	struct app_options app = {
		.api_url = o->api_url,
		.ca_file = o->ca_file,
		.key = &pem,
		.repository = repository,
		.permissions = &permissions,
		.patience_ms = PATIENCE_MS,
		.pausing = tell_pause,
	};
	int r = open_app(o, &secret, err);

	kv_set_str(&permissions, pulls ? "pull_requests" : "administration",
		   o->look ? "read" : "write");
	if (pulls)
		kv_set_str(&permissions, "contents", "read");
	if (r == 0)
		r = check_app(o, &secret.data, err);
	if (r == 0) {
		key = kv_get(&secret.data, "githubAppPrivateKey");
		buf_put(&pem, key->data, key->len);
		app.id = kv_get_str(&secret.data, "githubAppID");
		installation = kv_get_str(&secret.data, "githubAppInstallationID");
		app.installation = installation != NULL ? strtoll(installation, NULL, 10) : 0;
		r = app_token(&app, &minted, err);
	}
	if (r == 0)
		buf_put(token, minted.token.data, minted.token.len);
	app_token_clear(&minted);
	kind_secret_clear(&secret);
	kv_clear(&permissions);
	buf_clear(&pem);
	return r;
}

/* The one newline that an editor or echo adds goes; what else is wrong the token's reader says. */
static int read_token(const struct register_options *o, const char *repository, bool pulls,
		      struct buf *token, struct err *err)
{
	char *what =
	    mem_printf("a GitHub token (%s: %s on %s)", pulls ? "Pull requests" : "Administration",
		       o->look ? "read" : "write", repository);
	int r;

	if (o->token_file != NULL)
		r = input_read(o->token_file, "the GitHub token", TOKEN_MAX, token, err);
	else
		r = input_prompt(what, false, token, err);
	if (r == 0 && token->len > 0 && token->data[token->len - 1] == '\n')
		buf_truncate(token, token->len - 1);
	if (r == 0 && token->len == 0)
		r = err_set(err, ERR_INVALID, "the GitHub token: it is empty");
	mem_free(what);
	return r;
}

/* A new string, or NULL. */
static char *name_repository(const struct register_options *o, const char *url, struct err *err)
{
	struct url u;
	char *name;

	if (o->repository != NULL) {
		name = rest_repository(o->repository, err);
		return name != NULL ? name : (err_wrap(err, "--repo"), NULL);
	}
	return url_parse("url", url, URL_SSH, &u, err) == 0 ? rest_repository(u.path, err) : NULL;
}

/* Where the URL says which repository it is, the API must be that of its host. */
static int check_host(const struct register_options *o, const char *url, struct err *err)
{
	struct url u;

	if (o->repository != NULL || o->api_url == NULL)
		return 0;
	if (url_parse("url", url, URL_SSH, &u, err) != 0)
		return -1;
	switch (apihost_of(o->api_url, u.host)) {
	case APIHOST_OTHER:
		return err_set(err, ERR_USAGE,
			       "--api-url: it is not the API of %s, where the repository is: %s",
			       u.host,
			       github_hosts_is(u.host) ? "leave it out"
						       : "give that of its own server, "
							 "https://HOST/api/v3");
	case APIHOST_UNTOLD:
		out_warn("--api-url: it has another name than %s, where the repository is: right "
			 "only if both are one server",
			 u.host);
		break;
	case APIHOST_OWN:
		break;
	}
	return 0;
}

static int open_for(const struct register_options *o, bool pulls, struct register_at *out,
		    struct err *err)
{
	struct buf token = { .max = TOKEN_MAX };
	struct rest_options rest = {
		.api_url = o->api_url,
		.ca_file = o->ca_file,
		.token = &token,
		.patience_ms = PATIENCE_MS,
		.pausing = tell_pause,
	};
	int r = out->app ? mint(o, out->repository, pulls, &token, err)
			 : read_token(o, out->repository, pulls, &token, err);

	if (r == 0)
		out->rest = rest_new(&rest, err);
	buf_clear(&token);
	return out->rest != NULL ? 0 : -1;
}

int register_open(const struct register_options *o, const char *url, struct register_at *out,
		  struct err *err)
{
	*out = (struct register_at){ .app = o->app != NULL, .keys = DEPLOY_KEYS_INIT };
	if (check_host(o, url, err) != 0)
		return -1;
	out->repository = name_repository(o, url, err);
	return out->repository != NULL ? open_for(o, false, out, err) : -1;
}

int register_open_pulls(const struct register_options *o, const char *repository,
			struct register_at *out, struct err *err)
{
	*out = (struct register_at){ .app = o->app != NULL, .keys = DEPLOY_KEYS_INIT };
	out->repository = mem_str(repository);
	return open_for(o, true, out, err);
}

/* An App's token is of no use any more; one that cannot be given back ends within the hour. */
void register_close(struct register_at *at)
{
	struct err err = ERR_INIT;

	if (at->app && at->rest != NULL && app_revoke(at->rest, &err) != 0)
		out_warn("the App's token ends by itself within the hour: %s", err.text);
	rest_free(at->rest);
	mem_free(at->repository);
	deploy_keys_clear(&at->keys);
	*at = (struct register_at){ .rest = NULL };
}

/* --- keys ------------------------------------------------------------------------------------- */

int register_look(struct register_at *at, struct err *err)
{
	deploy_keys_clear(&at->keys);
	at->keys = (struct deploy_keys)DEPLOY_KEYS_INIT;
	return deploy_keys_list(at->rest, at->repository, &at->keys, err);
}

const struct deploy_key *register_find(const struct register_at *at, const char *public,
				       struct err *err)
{
	const struct deploy_key *key = deploy_keys_find(&at->keys, public);

	if (key == NULL)
		return NULL;
	if (key->disabled) {
		err_set(err, ERR_REFUSED,
			"%s: a policy of the organisation stops its deploy keys; an owner allows "
			"them in the settings, under deploy keys",
			at->repository);
		return NULL;
	}
	if (!key->read_only) {
		err_set(err, ERR_CONFLICT,
			"%s: the key is registered already, but may write, which Flux does not "
			"need; delete it at GitHub and run this again",
			at->repository);
		return NULL;
	}
	return key;
}

int register_key(struct register_at *at, const char *title, const char *public, bool *added,
		 struct err *err)
{
	char *line = mem_strn(public, strcspn(public, "\r\n"));
	const struct deploy_key_new new = {
		.repository = at->repository,
		.title = title,
		.key = line,
		.read_only = true,
	};
	struct deploy_key key = { .id = 0 };
	int r = deploy_keys_add(at->rest, &new, &key, added, err);

	if (r == 0 && key.disabled)
		r = err_set(err, ERR_REFUSED,
			    "%s: the key is registered, and a policy of the organisation stops "
			    "deploy keys; an owner allows them in the settings, under deploy keys",
			    at->repository);
	deploy_key_clear(&key);
	mem_free(line);
	return r;
}

void register_tell(const struct register_at *at, bool added)
{
	if (added && !at->app)
		out_warn("a deploy key that a personal token registered is deleted with that "
			 "token; one registered by a GitHub App (--app) stays");
}

char *register_title(const char *cluster, const char *document, const char *public)
{
	char fingerprint[B64_FINGERPRINT];
	struct buf blob = BUF_INIT;
	char *title = NULL;

	if (sshpub_parse_line("key", public, strlen(public), &blob, NULL) == 0) {
		b64_fingerprint(blob.data, blob.len, fingerprint);
		title = mem_printf("bulla %s %s %.*s", cluster, document, TITLE_HASH, fingerprint);
	}
	buf_clear(&blob);
	return title;
}
