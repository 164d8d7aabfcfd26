/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Bulla reads of kubeconfigs, for tests/e2e/test_kubeconfig.py to hold against kubectl.
 *
 * usage: kubeconfig_tool merge FILE...     all entries, merged, as JSON; paths as they are resolved
 *        kubeconfig_tool load [CONTEXT]    what $KUBECONFIG comes to, as JSON
 * The exit status is that of the error, which is on standard error.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/b64.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "kube/config.h"
#include "kube/kubeconfig.h"

static void put(json_t *o, const char *name, const char *value)
{
	if (value != NULL)
		json_object_set_new(o, name, json_string(value));
}

static void put_true(json_t *o, const char *name, bool value)
{
	if (value)
		json_object_set_new(o, name, json_true());
}

static void put_data(json_t *o, const char *name, const struct buf *data)
{
	struct buf text = BUF_INIT;

	b64_encode(&text, data->data, data->len);
	if (text.len != 0)
		put(o, name, buf_str(&text));
	buf_clear(&text);
}

static void put_list(json_t *o, const char *name, char **list)
{
	json_t *values = json_array();

	for (; list != NULL && *list != NULL; list++)
		json_array_append_new(values, json_string(*list));
	if (json_array_size(values) != 0)
		json_object_set(o, name, values);
	json_decref(values);
}

static json_t *begin(const struct kubeconfig_place *at)
{
	return json_pack("{s:s, s:s}", "name", at->name, "file", at->file);
}

static json_t *cluster(const struct kubeconfig_cluster *c)
{
	json_t *o = begin(&c->at);

	put(o, "server", c->server);
	put(o, "tls-server-name", c->tls_server_name);
	put(o, "proxy-url", c->proxy);
	put(o, "certificate-authority", c->ca_file);
	put_data(o, "certificate-authority-data", &c->ca);
	put_true(o, "insecure-skip-tls-verify", c->insecure);
	put_true(o, "disable-compression", c->no_compression);
	return o;
}

static json_t *exec(const struct kubeconfig_exec *e)
{
	static const char *const modes[] = { "Never", "IfAvailable", "Always" };
	json_t *o = json_object(), *env = json_object();

	put(o, "command", e->command);
	put_list(o, "args", e->args);
	for (size_t i = 0; i < e->env.n; i++)
		put(env, e->env.items[i].name, (const char *)e->env.items[i].data);
	json_object_set_new(o, "env", env);
	put(o, "apiVersion", e->api_version);
	put(o, "installHint", e->install_hint);
	if (e->mode_given || (e->api_version != NULL && strstr(e->api_version, "beta") != NULL))
		put(o, "interactiveMode", modes[e->mode]);
	put_true(o, "provideClusterInfo", e->cluster_info);
	return o;
}

static json_t *user(const struct kubeconfig_user *u)
{
	json_t *o = begin(&u->at), *extra = json_object();

	put(o, "token", u->token);
	put(o, "tokenFile", u->token_file);
	put(o, "username", u->username);
	put(o, "password", u->password);
	put(o, "client-certificate", u->cert_file);
	put(o, "client-key", u->key_file);
	put_data(o, "client-certificate-data", &u->cert);
	put_data(o, "client-key-data", &u->key);
	put(o, "as", u->as);
	put(o, "as-uid", u->as_uid);
	put_list(o, "as-groups", u->as_groups);
	for (char **e = u->as_extra; e != NULL && *e != NULL; e += 2) {
		if (json_object_get(extra, e[0]) == NULL)
			json_object_set_new(extra, e[0], json_array());
		json_array_append_new(json_object_get(extra, e[0]), json_string(e[1]));
	}
	if (json_object_size(extra) != 0)
		json_object_set(o, "as-user-extra", extra);
	json_decref(extra);
	put(o, "auth-provider", u->auth_provider);
	if (u->exec != NULL)
		json_object_set_new(o, "exec", exec(u->exec));
	return o;
}

static json_t *context(const struct kubeconfig_context *c)
{
	json_t *o = begin(&c->at);

	put(o, "cluster", c->cluster);
	put(o, "user", c->user);
	put(o, "namespace", c->namespace);
	return o;
}

static json_t *dump(const struct kubeconfig *k)
{
	json_t *o = json_object();
	json_t *clusters = json_array(), *users = json_array(), *contexts = json_array();

	for (size_t i = 0; i < k->n_clusters; i++)
		json_array_append_new(clusters, cluster(&k->clusters[i]));
	for (size_t i = 0; i < k->n_users; i++)
		json_array_append_new(users, user(&k->users[i]));
	for (size_t i = 0; i < k->n_contexts; i++)
		json_array_append_new(contexts, context(&k->contexts[i]));
	json_object_set_new(o, "clusters", clusters);
	json_object_set_new(o, "users", users);
	json_object_set_new(o, "contexts", contexts);
	put(o, "current-context", k->current);
	return o;
}

static int merge(char *const files[], json_t **out, struct err *err)
{
	struct kubeconfig k = KUBECONFIG_INIT;
	struct buf text = BUF_INIT;
	int r = 0;

	for (; r == 0 && *files != NULL; files++) {
		r = file_read(*files, KUBECONFIG_MAX, 0, &text, NULL, err);
		if (r == 0)
			r = kubeconfig_add(&k, *files, text.data, text.len, err);
	}
	if (r == 0)
		*out = dump(&k);
	kubeconfig_clear(&k);
	buf_clear(&text);
	return r;
}

static int load(const char *name, json_t **out, struct err *err)
{
	const struct kube_config_options o = { .context = name };
	struct kube_config c;

	if (kube_config_load(&o, &c, err) != 0)
		return -1;
	*out = json_object();
	put(*out, "context", c.context);
	put(*out, "namespace", c.namespace);
	put(*out, "server", c.server);
	put(*out, "tls-server-name", c.tls_server_name);
	put(*out, "proxy-url", c.proxy);
	put(*out, "token", c.token);
	put(*out, "username", c.username);
	put(*out, "password", c.password);
	put_true(*out, "insecure", c.insecure);
	put_true(*out, "gzip", c.gzip);
	put_data(*out, "ca", &c.ca);
	put_data(*out, "cert", &c.cert);
	put_list(*out, "impersonate", c.impersonate);
	kube_config_clear(&c);
	return 0;
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	json_t *out = NULL;
	int r;

	mem_init();
	if (argc >= 3 && strcmp(argv[1], "merge") == 0)
		r = merge(argv + 2, &out, &err);
	else if ((argc == 2 || argc == 3) && strcmp(argv[1], "load") == 0)
		r = load(argv[2], &out, &err);
	else
		r = err_set(&err, ERR_USAGE,
			    "usage: kubeconfig_tool merge FILE... | load [CONTEXT]");
	if (r != 0)
		fprintf(stderr, "%s\n", err.text);
	else
		json_dumpf(out, stdout, JSON_INDENT(1));
	json_decref(out);
	return (int)err.class;
}
