/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/danger.h"

#include <string.h>

#include "base/mem.h"
#include "base/out.h"
#include "kinds/sshpub.h"
#include "kinds/url.h"
#include "sealer/rotate_kinds.h"

#define GITHUB "github.com"

/* What is being written, and whether it stands on somebody's word. */
struct where {
	const struct danger_about *about;
	struct buf *out;
	bool claimed;
};

/* --- facts ------------------------------------------------------------------------------------ */

/* A fact that goes into the text, or NULL.  Only what check derives from the data is proven. */
static const char *use(struct where *w, const char *fact)
{
	const char *value = kv_get_str(&w->about->part->facts, fact);

	if (value != NULL && (!w->about->opened || strcmp(fact, "url") == 0))
		w->claimed = true;
	return value;
}

/* Is it in this one spelling, so that nothing of it can lead an address elsewhere? */
static bool is_word(const char *s, size_t len)
{
	static const char set[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

	for (size_t i = 0; i < len; i++)
		if (strchr(set, s[i]) == NULL)
			return false;
	return len > 0 && len <= 100 && s[0] != '.' && s[0] != '-';
}

/* "OWNER/REPOSITORY" of a Git address at GitHub, a new string; NULL: it is none. */
static char *github_repository(const char *url)
{
	struct url u;
	const char *owner, *repository;
	size_t n;

	if (url == NULL || url_parse("url", url, URL_SSH | URL_HTTPS, &u, NULL) != 0 ||
	    strcmp(u.host, GITHUB) != 0)
		return NULL;
	owner = u.path + 1;
	repository = strchr(owner, '/');
	if (repository == NULL || !is_word(owner, (size_t)(repository - owner)))
		return NULL;
	repository++;
	n = strlen(repository);
	if (n > 4 && strcmp(repository + n - 4, ".git") == 0)
		n -= 4;
	if (!is_word(repository, n))
		return NULL;
	return mem_printf("%.*s/%.*s", (int)(repository - 1 - owner), owner, (int)n, repository);
}

static void put(struct where *w, const char *text)
{
	buf_puts(w->out, text);
}

static void put_quoted(struct where *w, const char *before, const char *word)
{
	put(w, before);
	out_shell(w->out, word);
}

/* --- each kind -------------------------------------------------------------------------------- */

/* The files that are encrypted to it. */
static void where_age_key(struct where *w)
{
	const char *key = use(w, "public-key");

	if (key != NULL)
		put_quoted(w, "git grep -lF -e ", key);
}

static void where_github_app(struct where *w)
{
	const char *base = use(w, "base-url"), *owner = use(w, "owner");

	if (base != NULL) {
		put_quoted(w, "the GitHub server behind ", base);
		return;
	}
	put(w, "https://github.com/");
	if (owner != NULL && is_word(owner, strlen(owner)))
		buf_printf(w->out, "organizations/%s/", owner);
	put(w, "settings/apps");
}

static void where_gcp(struct where *w)
{
	const char *key = use(w, "fingerprint"), *account = use(w, "user"),
		   *project = use(w, "project");

	if (key == NULL || account == NULL || project == NULL || key[0] == '-' ||
	    account[0] == '-' || project[0] == '-')
		return; /* an option is no argument, whatever quotes it stands in */
	put_quoted(w, "gcloud iam service-accounts keys delete ", key);
	put_quoted(w, " --iam-account ", account);
	put_quoted(w, " --project ", project);
}

static void where_git_https(struct where *w)
{
	const char *url = use(w, "url");
	struct url u;

	if (url == NULL || url_parse("url", url, URL_HTTPS, &u, NULL) != 0)
		return;
	if (strcmp(u.host, GITHUB) == 0)
		put(w, "https://github.com/settings/tokens");
	else
		put_quoted(w, "the Git server ", u.host);
}

static void where_registry(struct where *w)
{
	static const struct {
		const char *registry, *address;
	} known[] = {
		{ "ghcr.io", "https://github.com/settings/tokens" },
		{ "docker.io", "https://app.docker.com/settings/personal-access-tokens" },
		{ "registry.gitlab.com",
		  "https://gitlab.com/-/user_settings/personal_access_tokens" },
	};
	const char *registry = use(w, "registry");

	for (size_t i = 0; registry != NULL && i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(registry, known[i].registry) == 0) {
			put(w, known[i].address);
			return;
		}
	}
	if (registry != NULL)
		put_quoted(w, "the registry ", registry);
}

/* By the key, not by the document, which may hold another one by then. */
static void put_remove(struct where *w, const char *repository)
{
	const char *public = use(w, "public-key");
	struct buf blob = BUF_INIT;

	if (public != NULL &&
	    sshpub_parse_line("public-key", public, strlen(public), &blob, NULL) == 0) {
		put_quoted(w, "printf '%s\\n' ", public);
		put(w, " | bulla deploy-key remove --public-key -");
	} else {
		put(w, "bulla deploy-key remove --public-key FILE");
	}
	put_quoted(w, " --repo ", repository);
	buf_clear(&blob);
}

static void where_deploy_key(struct where *w)
{
	const char *url = use(w, "url");
	char *repository = github_repository(url);

	if (repository != NULL)
		put_remove(w, repository);
	else if (url != NULL)
		put_quoted(w, "the Git server of ", url);
	mem_free(repository);
}

static void where_tls(struct where *w)
{
	const char *issuer = use(w, "issuer"), *fingerprint = use(w, "fingerprint");

	if (issuer != NULL)
		put_quoted(w, "the issuer ", issuer);
	if (fingerprint != NULL)
		put_quoted(w, issuer != NULL ? ", certificate " : "certificate ", fingerprint);
}

static void where_webhook(struct where *w)
{
	put_quoted(w, "kubectl get receivers.notification.toolkit.fluxcd.io -n ",
		   w->about->document->namespace);
}

/* --- the table -------------------------------------------------------------------------------- */

/* The order is the rank. */
static const struct danger {
	const char *kind, *reach, *revoke;
	void (*where)(struct where *w); /* or NULL */
} dangers[] = {
	{ "age-key", "opens everything that is encrypted to it, also from history",
	  "make another key, encrypt what was encrypted to this one again, and then replace each "
	  "of those credentials too",
	  where_age_key },
	{ "github-app", "mints tokens for every repository the App is installed on",
	  "delete this private key of the App, by its fingerprint, after making another",
	  where_github_app },
	{ "gcp-service-account", "acts in the cloud project as the service account",
	  "delete this key of the service account after making another", where_gcp },
	{ "git-https", "reads, and often writes, what its token may of the owner's repositories",
	  "revoke the token and make another", where_git_https },
	{ "registry", "pulls, and often pushes, images as its owner",
	  "revoke the token and make another", where_registry },
	{ "deploy-key", "reads, or writes, the repository it is registered at",
	  "register another key, then delete this one, by its fingerprint", where_deploy_key },
	{ "opaque", "does what nobody but its issuer can tell", "have its issuer replace the value",
	  NULL },
	{ "tls", "answers as the host until the certificate ends",
	  "have the issuer revoke the certificate, and make another key", where_tls },
	{ "basic-auth", "logs in as the user", "change the user's password", NULL },
	{ "proxy", "goes out through the proxy as the user", "change the user's password", NULL },
	{ "webhook-token", "triggers a reconciliation of what is in Git",
	  "make another token and give it to the sender", where_webhook },
};
#define DANGERS (sizeof(dangers) / sizeof(dangers[0]))

/* A unit test holds that every kind has a row. */
static const struct danger *find(const struct kind *k)
{
	size_t i = 0;

	while (i + 1 < DANGERS && strcmp(dangers[i].kind, k->name) != 0)
		i++;
	return &dangers[i];
}

size_t danger_rank(const struct kind *k)
{
	return (size_t)(find(k) - dangers);
}

const char *danger_reach(const struct kind *k)
{
	return find(k)->reach;
}

const char *danger_revoke(const struct kind *k)
{
	return find(k)->revoke;
}

void danger_where(const struct danger_about *a, struct buf *out, bool *claimed)
{
	const struct danger *d = find(a->document->kind);
	struct where w = { .about = a, .out = out };

	if (d->where != NULL)
		d->where(&w);
	*claimed = w.claimed;
}

/* --- a new value ------------------------------------------------------------------------------ */

static void put_file(const struct danger_about *a, bool many, struct buf *out)
{
	const struct document *d = a->document;

	if (many)
		buf_printf(out, "--document %s/%s ", d->namespace, d->name);
	if (a->file[0] == '-')
		buf_puts(out, "./");
	out_shell(out, a->file);
}

/* The option without which it would ask for the wrong thing. */
static void put_rotate_option(const struct danger_about *a, struct buf *out)
{
	const char *registry = kv_get_str(&a->part->facts, "registry"), *key = a->part->name;

	if (a->document->kind->keys != NULL) {
		if (kind_type_allowed(a->document->kind, TYPE_TLS))
			buf_puts(out, " --new-key");
		else if (registry != NULL && strchr(registry, ',') != NULL)
			buf_puts(out, " --docker-config FILE");
	} else if (strcmp(key, KIND_PART) == 0) {
		buf_puts(out, " --from-env-file FILE"); /* sealed together, replaced together */
	} else {
		buf_puts(out, key[0] == '-' ? " --stdin=" : " --stdin ");
		out_shell(out, key);
	}
}

void danger_replace(const struct danger_about *a, bool many, struct buf *out)
{
	bool rotates = rotate_kinds_has(a->document->kind);

	if (a->file == NULL)
		return;
	if (rotates)
		buf_printf(out, "bulla rotate %s ", a->document->kind->name);
	else
		buf_puts(out, "bulla set ");
	put_file(a, many, out);
	if (rotates)
		put_rotate_option(a, out);
}

int danger_compare(const struct danger_about *a, const struct danger_about *b)
{
	size_t x = danger_rank(a->document->kind), y = danger_rank(b->document->kind);
	int r = (x > y) - (x < y);

	if (r == 0)
		r = strcmp(a->document->namespace, b->document->namespace);
	if (r == 0)
		r = strcmp(a->document->name, b->document->name);
	return r != 0 ? r : strcmp(a->part->name, b->part->name);
}
