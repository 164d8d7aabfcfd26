/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/kubeconfig.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "kube/strings.h"

int kubeconfig_wrap(const struct kubeconfig_place *at, const char *kind, struct err *err)
{
	return err_wrap(err, "%s:%u: %s \"%s\"", at->file, at->line, kind, at->name);
}

static void clear_place(struct kubeconfig_place *at)
{
	mem_free(at->name);
	mem_free(at->file);
}

static void clear_cluster(void *entry)
{
	struct kubeconfig_cluster *c = entry;

	clear_place(&c->at);
	mem_free(c->server);
	mem_free(c->tls_server_name);
	mem_free(c->proxy);
	mem_free(c->ca_file);
	buf_clear(&c->ca);
	json_decref(c->exec_config);
}

static void clear_user(void *entry)
{
	struct kubeconfig_user *u = entry;
	char *const strings[] = { u->token,    u->token_file, u->username,
				  u->password, u->cert_file,  u->key_file,
				  u->as,       u->as_uid,     u->auth_provider };

	clear_place(&u->at);
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		mem_free(strings[i]);
	buf_clear(&u->cert);
	buf_clear(&u->key);
	strings_free(u->as_groups);
	strings_free(u->as_extra);
	kubeconfig_exec_free(u->exec);
}

static void clear_context(void *entry)
{
	struct kubeconfig_context *c = entry;

	clear_place(&c->at);
	mem_free(c->cluster);
	mem_free(c->user);
	mem_free(c->namespace);
}

/* Every entry's struct begins with its place. */
struct section {
	size_t size;
	void (*clear)(void *entry);
};

static const struct section clusters = { sizeof(struct kubeconfig_cluster), clear_cluster };
static const struct section users = { sizeof(struct kubeconfig_user), clear_user };
static const struct section contexts = { sizeof(struct kubeconfig_context), clear_context };

static void clear_section(const struct section *s, void *entries, size_t n)
{
	for (size_t i = 0; i < n; i++)
		s->clear((char *)entries + i * s->size);
	mem_free(entries);
}

void kubeconfig_clear(struct kubeconfig *k)
{
	clear_section(&clusters, k->clusters, k->n_clusters);
	clear_section(&users, k->users, k->n_users);
	clear_section(&contexts, k->contexts, k->n_contexts);
	mem_free(k->current);
	*k = (struct kubeconfig)KUBECONFIG_INIT;
}

struct kubeconfig_exec *kubeconfig_exec_copy(const struct kubeconfig_exec *e)
{
	struct kubeconfig_exec *copy = mem_dup(e, sizeof(*e));

	copy->command = mem_str(e->command);
	copy->args = strings_copy(e->args);
	copy->env = (struct kv)KV_INIT;
	kv_copy(&copy->env, &e->env);
	copy->api_version = mem_str(e->api_version);
	copy->install_hint = mem_str(e->install_hint);
	return copy;
}

void kubeconfig_exec_free(struct kubeconfig_exec *e)
{
	if (e == NULL)
		return;
	mem_free(e->command);
	strings_free(e->args);
	kv_clear(&e->env);
	mem_free(e->api_version);
	mem_free(e->install_hint);
	mem_free(e);
}

/* --- choosing --------------------------------------------------------------------------------- */

static const void *find(const struct section *s, const void *entries, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		const void *entry = (const char *)entries + i * s->size;

		if (strcmp(((const struct kubeconfig_place *)entry)->name, name) == 0)
			return entry;
	}
	return NULL;
}

static int refuse(const struct kubeconfig_place *at, const char *kind, struct err *err,
		  const char *text)
{
	err_set(err, ERR_INVALID, "%s", text);
	return kubeconfig_wrap(at, kind, err);
}

/* The rules of validateAuthInfo; what a *-data field overrides is not refused. */
static int check_user(const struct kubeconfig_user *u, struct err *err)
{
	const struct kubeconfig_exec *e = u->exec;
	bool cert = u->cert_file != NULL || u->cert.len != 0;
	bool key = u->key_file != NULL || u->key.len != 0;
	bool more = u->as_uid != NULL || u->as_groups != NULL || u->as_extra != NULL;
	const struct {
		bool wrong;
		const char *text;
	} rules[] = {
		{ u->auth_provider != NULL,
		  "auth-provider: these were taken out of Kubernetes in 1.26: use an exec plugin "
		  "(gke-gcloud-auth-plugin, kubelogin), as a new kubeconfig from the provider has "
		  "it" },
		{ u->token != NULL && (u->username != NULL || u->password != NULL),
		  "token and username: only one way to authenticate can be used" },
		{ u->username == NULL && u->password != NULL, "password: without a username" },
		{ cert && !key, "client-certificate: without client-key or client-key-data" },
		{ key && !cert, "client-key: without client-certificate or "
				"client-certificate-data" },
		{ more && u->as == NULL,
		  "as-uid, as-groups, as-user-extra: without \"as\", the user to impersonate" },
		{ e != NULL && e->command == NULL, "exec: command: missing" },
		{ e != NULL && e->api_version == NULL,
		  "exec: apiVersion: missing: client.authentication.k8s.io/v1 or .../v1beta1" },
		{ e != NULL && !e->mode_given && e->api_version != NULL &&
		      strcmp(e->api_version, "client.authentication.k8s.io/v1") == 0,
		  "exec: interactiveMode: missing: Never, IfAvailable or Always" },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].wrong)
			return refuse(&u->at, "user", err, rules[i].text);
	return 0;
}

static int check_cluster(const struct kubeconfig_cluster *c, struct err *err)
{
	if (c->server == NULL)
		return refuse(&c->at, "cluster", err, "server: missing");
	if (c->insecure && (c->ca_file != NULL || c->ca.len != 0))
		return refuse(&c->at, "cluster", err,
			      "insecure-skip-tls-verify together with a certificate-authority: "
			      "remove the first, or the second if nothing is to be verified");
	return 0;
}

/* "(there are: a, b)", as far as it is short. */
static int no_context(const struct kubeconfig *k, const char *name, struct err *err)
{
	struct buf list = BUF_INIT;

	for (size_t i = 0; i < k->n_contexts && list.len < 400; i++)
		buf_printf(&list, "%s%s", i == 0 ? "" : ", ", k->contexts[i].at.name);
	err_set(err, ERR_USAGE, "no context \"%.253s\" (%s%.500s)", name,
		k->n_contexts == 0 ? "there is none at all" : "there are: ", buf_str(&list));
	buf_clear(&list);
	return -1;
}

int kubeconfig_choose(const struct kubeconfig *k, const char *context,
		      struct kubeconfig_choice *out, struct err *err)
{
	const char *name = context != NULL ? context : k->current;
	const struct kubeconfig_context *c;

	if (name == NULL)
		return err_set(err, ERR_USAGE,
			       "no current-context is set: name one with --context");
	out->context = c = find(&contexts, k->contexts, k->n_contexts, name);
	if (c == NULL)
		return no_context(k, name, err);
	if (c->cluster == NULL)
		return refuse(&c->at, "context", err, "cluster: missing");
	if (c->user == NULL)
		return refuse(&c->at, "context", err, "user: missing");
	out->cluster = find(&clusters, k->clusters, k->n_clusters, c->cluster);
	if (out->cluster == NULL)
		return refuse(&c->at, "context", err, "cluster: there is none of that name");
	out->user = find(&users, k->users, k->n_users, c->user);
	if (out->user == NULL)
		return refuse(&c->at, "context", err, "user: there is none of that name");
	if (check_cluster(out->cluster, err) != 0)
		return -1;
	return check_user(out->user, err);
}
