/* SPDX-License-Identifier: Apache-2.0 */
/* Kubeconfig files: what is read of them, what is refused and how, whose entry counts. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "kube/kubeconfig.h"

static void put(struct buf *out, const char *name, const char *value)
{
	if (value != NULL)
		buf_printf(out, " %s=%s", name, value);
}

static void put_list(struct buf *out, const char *name, char **list)
{
	for (size_t i = 0; list != NULL && list[i] != NULL; i++)
		put(out, name, list[i]);
}

static void show_exec(struct buf *out, const struct kubeconfig_exec *e)
{
	static const char *const modes[] = { "Never", "IfAvailable", "Always" };

	put(out, "exec", e->command);
	put_list(out, "arg", e->args);
	for (size_t i = 0; i < e->env.n; i++)
		buf_printf(out, " env:%s=%s", e->env.items[i].name, e->env.items[i].data);
	put(out, "api", e->api_version + strlen("client.authentication.k8s.io/"));
	put(out, "mode", modes[e->mode]);
	put(out, "hint", e->install_hint);
	put(out, "info", e->cluster_info ? "yes" : NULL);
}

/* What was chosen, one line: only what is there. */
static void show(struct buf *out, const struct kubeconfig_choice *c)
{
	const struct kubeconfig_user *u = c->user;

	buf_printf(out, "%s: %s %s", c->context->at.name, c->cluster->at.name, u->at.name);
	put(out, "ns", c->context->namespace);
	put(out, "server", c->cluster->server);
	put(out, "sni", c->cluster->tls_server_name);
	put(out, "proxy", c->cluster->proxy);
	put(out, "ca-file", c->cluster->ca_file);
	put(out, "ca", c->cluster->ca.len != 0 ? buf_str(&c->cluster->ca) : NULL);
	put(out, "insecure", c->cluster->insecure ? "yes" : NULL);
	put(out, "plain", c->cluster->no_compression ? "yes" : NULL);
	if (c->cluster->exec_config != NULL) {
		char *text = json_dumps(c->cluster->exec_config, JSON_COMPACT | JSON_ENCODE_ANY);

		put(out, "config", text);
		mem_free(text);
	}
	put(out, "token", u->token);
	put(out, "token-file", u->token_file);
	put(out, "username", u->username);
	put(out, "password", u->password);
	put(out, "cert-file", u->cert_file);
	put(out, "key-file", u->key_file);
	put(out, "cert", u->cert.len != 0 ? buf_str(&u->cert) : NULL);
	put(out, "key", u->key.len != 0 ? buf_str(&u->key) : NULL);
	put(out, "as", u->as);
	put(out, "as-uid", u->as_uid);
	put_list(out, "as-group", u->as_groups);
	put_list(out, "as-extra", u->as_extra);
	if (u->exec != NULL)
		show_exec(out, u->exec);
}

/* The line for a choice, or "!CLASS text" for a refusal. */
static void read_all(const char *const texts[], const char *context, struct buf *out)
{
	struct kubeconfig k = KUBECONFIG_INIT;
	struct kubeconfig_choice choice;
	struct err err = ERR_INIT;
	char file[32];
	int r = 0;

	for (size_t i = 0; texts[i] != NULL && r == 0; i++) {
		snprintf(file, sizeof(file), "/d%zu/f", i);
		r = kubeconfig_add(&k, file, texts[i], strlen(texts[i]), &err);
	}
	if (r == 0)
		r = kubeconfig_choose(&k, context, &choice, &err);
	if (r == 0)
		show(out, &choice);
	else
		buf_printf(out, "!%s %s", err_class_name(err.class), err.text);
	kubeconfig_clear(&k);
	assert_null(k.clusters);
}

static void expect(const char *const texts[], const char *context, const char *want)
{
	struct buf got = BUF_INIT;

	read_all(texts, context, &got);
	if (strcmp(buf_str(&got), want) != 0)
		fail_msg("%s\n got: %s\nwant: %s", texts[0], buf_str(&got), want);
	buf_clear(&got);
}

struct one {
	const char *text, *want;
};

/* --- one field of one entry ------------------------------------------------------------------- */

static void expect_part(const char *cluster, const char *user, const char *want)
{
	char *text = mem_printf("current-context: x\n"
				"contexts: [{name: x, context: {cluster: c, user: u}}]\n"
				"clusters:\n- name: c\n  cluster:\n%s"
				"users:\n- name: u\n  user:\n%s",
				cluster, user);
	const char *texts[] = { text, NULL };

	expect(texts, NULL, want);
	mem_free(text);
}

#define SERVER "    server: https://a\n"
#define NOBODY "    token: t\n"

static const struct one clusters[] = {
	{ SERVER, "server=https://a" },
	{ SERVER "    tls-server-name: b\n", "server=https://a sni=b" },
	{ SERVER "    proxy-url: socks5://p:1\n", "server=https://a proxy=socks5://p:1" },
	{ SERVER "    disable-compression: true\n", "server=https://a plain=yes" },
	{ SERVER "    insecure-skip-tls-verify: True\n", "server=https://a insecure=yes" },
	{ SERVER "    insecure-skip-tls-verify: false\n", "server=https://a" },
	{ SERVER "    insecure-skip-tls-verify: null\n", "server=https://a" },
	{ SERVER "    certificate-authority: ca.crt\n", "server=https://a ca-file=/d0/ca.crt" },
	{ SERVER "    certificate-authority: ../x/ca\n", "server=https://a ca-file=/d0/../x/ca" },
	{ SERVER "    certificate-authority: /etc/ca\n", "server=https://a ca-file=/etc/ca" },
	{ SERVER "    certificate-authority-data: aGVsbG8=\n", "server=https://a ca=hello" },
	{ SERVER "    certificate-authority-data: 'aGVsbG8='\n", "server=https://a ca=hello" },
	/* broken over lines, as base64(1) makes it, in a block and in double quotes */
	{ SERVER "    certificate-authority-data: |\n      aGVs\n      bG8=\n",
	  "server=https://a ca=hello" },
	{ SERVER "    certificate-authority-data: \"aGVs\\\n      bG8=\"\n",
	  "server=https://a ca=hello" },
	{ SERVER "    certificate-authority-data: \"\"\n    certificate-authority: \"\"\n",
	  "server=https://a" },
	/* both are kept: data counts when it is used */
	{ SERVER "    certificate-authority: f\n    certificate-authority-data: aGVsbG8=\n",
	  "server=https://a ca-file=/d0/f ca=hello" },
	{ SERVER "    api-version: v1\n    hello: [1, {a: b}]\n", "server=https://a" },
	{ SERVER "    extensions:\n"
		 "    - name: cluster_info\n"
		 "      extension: {provider: minikube.sigs.k8s.io, version: v1.36.0}\n"
		 "    - name: client.authentication.k8s.io/exec\n"
		 "      extension: {a: 1, b: [x, null, true, \"1\", 1.5, 0x1], c: ~, d: {}}\n",
	  "server=https://a "
	  "config={\"a\":1,\"b\":[\"x\",null,true,\"1\",1.5,\"0x1\"],\"c\":null,\"d\":{}}" },
	{ SERVER "    extensions: null\n", "server=https://a" },
	{ SERVER "    extensions: [{name: client.authentication.k8s.io/exec, extension: null}]\n",
	  "server=https://a" },
};

static void test_clusters(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(clusters); i++) {
		char *want = mem_printf("x: c u %s token=t", clusters[i].want);

		expect_part(clusters[i].text, NOBODY, want);
		mem_free(want);
	}
}

#define EXEC "    exec:\n      command: p\n      apiVersion: client.authentication.k8s.io/v1beta1\n"

static const struct one users[] = {
	{ NOBODY, " token=t" },
	{ "    token: \"12\"\n", " token=12" },
	{ "    token: eyJhbGciOiJSUzI1NiIsImtpZCI6Ik.eyJpc3MiOiJr-_.SflKxw_RJSM\n",
	  " token=eyJhbGciOiJSUzI1NiIsImtpZCI6Ik.eyJpc3MiOiJr-_.SflKxw_RJSM" },
	{ "    tokenFile: run/token\n", " token-file=/d0/run/token" },
	{ "    token: t\n    tokenFile: /run/token\n", " token=t token-file=/run/token" },
	{ "    username: a\n    password: b\n", " username=a password=b" },
	{ "    username: a\n", " username=a" },
	{ "    client-certificate: c\n    client-key: k\n", " cert-file=/d0/c key-file=/d0/k" },
	{ "    client-certificate-data: Yw==\n    client-key-data: aw==\n", " cert=c key=k" },
	{ "    client-certificate: c\n    client-key-data: aw==\n", " cert-file=/d0/c key=k" },
	{ "    token: t\n    client-certificate-data: Yw==\n    client-key-data: aw==\n",
	  " token=t cert=c key=k" },
	{ "    {}\n", "" },
	{ "    null\n", "" },
	{ "    ~\n", "" },
	{ "\n", "" },
	{ "    token:\n    username: ~\n    password: null\n    exec: null\n    auth-provider: ~\n",
	  "" },
	{ "    as: jane\n", " as=jane" },
	{ "    as: jane\n    as-uid: '7'\n    as-groups: [a, b]\n"
	  "    as-user-extra: {scopes: [view, 'a b'], \"r/e\": [x]}\n",
	  " as=jane as-uid=7 as-group=a as-group=b as-extra=scopes as-extra=view as-extra=scopes "
	  "as-extra=a b as-extra=r/e as-extra=x" },
	{ "    as: jane\n    as-groups: null\n    as-user-extra: {a: null}\n", " as=jane" },
	{ EXEC, " exec=p api=v1beta1 mode=IfAvailable" },
	{ EXEC "      args: null\n      env: null\n      interactiveMode: Never\n"
	       "      provideClusterInfo: false\n",
	  " exec=p api=v1beta1 mode=Never" },
	{ EXEC "      args: [--a, '', \"1\"]\n      env: [{name: A, value: b}, {name: C}]\n"
	       "      interactiveMode: Always\n      provideClusterInfo: true\n"
	       "      installHint: |\n        get it\n        there\n",
	  " exec=p arg=--a arg= arg=1 env:A=b env:C= api=v1beta1 mode=Always hint=get it\nthere\n "
	  "info=yes" },
	{ EXEC "      env:\n      - {name: A, value: first}\n      - {name: A, value: last}\n",
	  " exec=p env:A=last api=v1beta1 mode=IfAvailable" },
	{ "    exec: {command: ./bin/p, apiVersion: client.authentication.k8s.io/v1, "
	  "interactiveMode: Never}\n",
	  " exec=/d0/./bin/p api=v1 mode=Never" },
	{ "    exec: {command: /bin/p, apiVersion: client.authentication.k8s.io/v1, "
	  "interactiveMode: IfAvailable}\n",
	  " exec=/bin/p api=v1 mode=IfAvailable" },
	{ "    token: t\n    unknown: {a: [b]}\n    as-user: x\n", " token=t" },
};

static void test_users(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(users); i++) {
		char *want = mem_printf("x: c u server=https://a%s", users[i].want);

		expect_part(SERVER, users[i].text, want);
		mem_free(want);
	}
}

/* Lines: the cluster's first field is in line 6, with SERVER alone the user's in line 10. */
#define CLUSTER "!invalid /d0/f:4: cluster \"c\": "
#define USER "!invalid /d0/f:8: user \"u\": "
#define QUOTES "YAML can read this as something other than a string: put it in quotes"

static const struct one refused_clusters[] = {
	{ "    {}\n", CLUSTER "server: missing" },
	{ "    null\n", CLUSTER "server: missing" },
	{ "    server: ''\n", CLUSTER "server: missing" },
	{ "    server: 1\n", "!invalid /d0/f:6: server: " QUOTES },
	{ "    server: yes\n", "!invalid /d0/f:6: server: " QUOTES },
	{ "    server: [a]\n", "!invalid /d0/f:6: server: a string is expected, not a list" },
	{ "    server: {a: b}\n", "!invalid /d0/f:6: server: a string is expected, not a map" },
	{ "    hello\n", "!invalid /d0/f:6: cluster: a map is expected" },
	{ SERVER "    server: https://b\n", "!invalid /d0/f:7: a key given twice" },
	{ SERVER "    certificate-authority-data: a\n",
	  "!invalid /d0/f:7: certificate-authority-data: not base64 (1 characters)" },
	{ SERVER "    certificate-authority-data: aGVs bG8=\n",
	  "!invalid /d0/f:7: certificate-authority-data: not base64 (9 characters)" },
	{ SERVER "    insecure-skip-tls-verify: yes\n",
	  "!invalid /d0/f:7: insecure-skip-tls-verify: true or false is expected" },
	{ SERVER "    insecure-skip-tls-verify: \"true\"\n",
	  "!invalid /d0/f:7: insecure-skip-tls-verify: true or false is expected" },
	{ SERVER "    disable-compression: [true]\n",
	  "!invalid /d0/f:7: disable-compression: true or false is expected" },
	{ SERVER "    insecure-skip-tls-verify: true\n    certificate-authority: a\n",
	  CLUSTER "insecure-skip-tls-verify together with a certificate-authority: remove the "
		  "first, or the second if nothing is to be verified" },
	{ SERVER "    insecure-skip-tls-verify: true\n    certificate-authority-data: Yw==\n",
	  CLUSTER "insecure-skip-tls-verify together with a certificate-authority: remove the "
		  "first, or the second if nothing is to be verified" },
	{ SERVER "    extensions: {}\n", "!invalid /d0/f:7: extensions: a list is expected" },
	{ SERVER "    extensions: [a]\n",
	  "!invalid /d0/f:7: extensions: an entry that is not a map" },
	{ SERVER "    extensions: [{}]\n",
	  "!invalid /d0/f:7: extensions: an entry without a name" },
	{ SERVER "    extensions:\n"
		 "    - {name: client.authentication.k8s.io/exec, extension: {}}\n"
		 "    - {name: client.authentication.k8s.io/exec, extension: {}}\n",
	  "!invalid /d0/f:9: extensions: \"client.authentication.k8s.io/exec\" is there twice" },
	{ SERVER "    tls-server-name: &a b\n", "!invalid /d0/f:7: anchors (&) are not allowed" },
	{ SERVER "    tls-server-name: !!str b\n", "!invalid /d0/f:7: tags (!) are not allowed" },
};

static const struct one refused_users[] = {
	{ "    token: 12\n", "!invalid /d0/f:10: token: " QUOTES },
	{ "    token: [t]\n", "!invalid /d0/f:10: token: a string is expected, not a list" },
	{ "    token: t\n    username: u\n",
	  USER "token and username: only one way to authenticate can be used" },
	{ "    token: t\n    password: u\n",
	  USER "token and username: only one way to authenticate can be used" },
	{ "    password: u\n", USER "password: without a username" },
	{ "    client-certificate: c\n",
	  USER "client-certificate: without client-key or client-key-data" },
	{ "    client-key-data: aw==\n",
	  USER "client-key: without client-certificate or client-certificate-data" },
	{ "    client-key-data: aw=\n",
	  "!invalid /d0/f:10: client-key-data: not base64 (3 characters)" },
	{ "    auth-provider: {name: gcp, config: {a: b}}\n", USER
	  "auth-provider: these were taken out of Kubernetes in 1.26: use an exec plugin "
	  "(gke-gcloud-auth-plugin, kubelogin), as a new kubeconfig from the provider has it" },
	{ "    auth-provider: gcp\n", "!invalid /d0/f:10: auth-provider: a map is expected" },
	{ "    as-groups: [a]\n",
	  USER "as-uid, as-groups, as-user-extra: without \"as\", the user to impersonate" },
	{ "    as-uid: a\n",
	  USER "as-uid, as-groups, as-user-extra: without \"as\", the user to impersonate" },
	{ "    as-user-extra: {a: [b]}\n",
	  USER "as-uid, as-groups, as-user-extra: without \"as\", the user to impersonate" },
	{ "    as: a\n    as-groups: b\n",
	  "!invalid /d0/f:11: as-groups: a list of strings is expected" },
	{ "    as: a\n    as-groups: [b, 3]\n", "!invalid /d0/f:11: as-groups: " QUOTES },
	{ "    as: a\n    as-user-extra: [b]\n",
	  "!invalid /d0/f:11: as-user-extra: a map of names to lists is expected" },
	{ "    as: a\n    as-user-extra: {a: b}\n",
	  "!invalid /d0/f:11: as-user-extra: a list of strings is expected" },
	{ "    exec: p\n", "!invalid /d0/f:10: exec: a map is expected" },
	{ "    exec: {}\n", USER "exec: command: missing" },
	{ "    exec: {command: p}\n",
	  USER "exec: apiVersion: missing: client.authentication.k8s.io/v1 or .../v1beta1" },
	{ "    exec: {command: p, apiVersion: client.authentication.k8s.io/v1}\n",
	  USER "exec: interactiveMode: missing: Never, IfAvailable or Always" },
	{ "    exec: {command: p, apiVersion: client.authentication.k8s.io/v1alpha1}\n",
	  "!invalid /d0/f:10: apiVersion: \"client.authentication.k8s.io/v1alpha1\" is not "
	  "supported: it can be client.authentication.k8s.io/v1 or "
	  "client.authentication.k8s.io/v1beta1 (a newer version of the plugin may have them)" },
	{ EXEC "      interactiveMode: never\n",
	  "!invalid /d0/f:13: interactiveMode: not one of Never, IfAvailable, Always" },
	{ EXEC "      args: --a\n", "!invalid /d0/f:13: args: a list of strings is expected" },
	{ EXEC "      args: [1]\n", "!invalid /d0/f:13: args: " QUOTES },
	{ EXEC "      env: {A: b}\n",
	  "!invalid /d0/f:13: env: a list of at most 1000 entries is expected" },
	{ EXEC "      env: [{value: b}]\n", "!invalid /d0/f:13: env: an entry without a name" },
	{ EXEC "      env: [{name: A=B, value: b}]\n",
	  "!invalid /d0/f:13: env: a name with a \"=\" in it" },
	{ EXEC "      env: [{name: A, value: 1}]\n", "!invalid /d0/f:13: env: " QUOTES },
	{ EXEC "      provideClusterInfo: 1\n",
	  "!invalid /d0/f:13: provideClusterInfo: true or false is expected" },
	{ "    hello\n", "!invalid /d0/f:10: user: a map is expected" },
};

static void test_refused_parts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused_clusters); i++)
		expect_part(refused_clusters[i].text, NOBODY, refused_clusters[i].want);
	for (size_t i = 0; i < COUNT(refused_users); i++)
		expect_part(SERVER, refused_users[i].text, refused_users[i].want);
}

/* --- whole files -------------------------------------------------------------------------------
 */

#define PARTS                                                                                      \
	"clusters: [{name: c, cluster: {server: https://a}}]\n"                                    \
	"users: [{name: u, user: {token: t}}]\n"
#define CONTEXT "contexts: [{name: x, context: {cluster: c, user: u}}]\n"
#define CHOSEN "x: c u server=https://a token=t"

static const struct one files[] = {
	{ "current-context: x\n" CONTEXT PARTS, CHOSEN },
	{ "---\napiVersion: v1\nkind: Config\npreferences: {}\ncurrent-context: x\n" CONTEXT PARTS,
	  CHOSEN },
	{ "\xef\xbb\xbf"
	  "current-context: \"x\"\r\n" CONTEXT PARTS "extensions: null\n",
	  CHOSEN },
	{ "current-context: x\n" CONTEXT PARTS "---\n", CHOSEN },
	{ "{\"apiVersion\":\"v1\",\"kind\":\"Config\",\"current-context\":\"x\","
	  "\"clusters\":[{\"name\":\"c\",\"cluster\":{\"server\":\"https:\\/\\/a\"}}],"
	  "\"users\":[{\"name\":\"u\",\"user\":{\"token\":\"t\"}}],\n"
	  "\t\"contexts\":[{\"name\":\"x\",\"context\":{\"cluster\":\"c\",\"user\":\"u\"}}]}\n",
	  CHOSEN },
	{ "", "!usage no current-context is set: name one with --context" },
	{ "# nothing\n", "!usage no current-context is set: name one with --context" },
	{ "~\n", "!usage no current-context is set: name one with --context" },
	{ "clusters: null\nusers: null\ncontexts: null\ncurrent-context: ''\nkind: Config\n",
	  "!usage no current-context is set: name one with --context" },
	{ "current-context: w\n" CONTEXT PARTS, "!usage no context \"w\" (there are: x)" },
	{ "current-context: w\n" PARTS, "!usage no context \"w\" (there is none at all)" },
	{ "current-context: [w]\n" CONTEXT PARTS,
	  "!invalid /d0/f:1: current-context: a string is expected, not a list" },
	{ "current-context: x\n" PARTS "contexts: [{name: x, context: {user: u}}]\n",
	  "!invalid /d0/f:4: context \"x\": cluster: missing" },
	{ "current-context: x\n" PARTS "contexts: [{name: x, context: {cluster: c}}]\n",
	  "!invalid /d0/f:4: context \"x\": user: missing" },
	{ "current-context: x\n" PARTS "contexts: [{name: x}]\n",
	  "!invalid /d0/f:4: context \"x\": cluster: missing" },
	{ "current-context: x\n" PARTS "contexts: [{name: x, context: {cluster: d, user: u}}]\n",
	  "!invalid /d0/f:4: context \"x\": cluster: there is none of that name" },
	{ "current-context: x\n" PARTS "contexts: [{name: x, context: {cluster: c, user: v}}]\n",
	  "!invalid /d0/f:4: context \"x\": user: there is none of that name" },
	{ "users:\n- name: u\n- name: v\n- name: u\n",
	  "!invalid /d0/f:4: users: the name \"u\" is there twice" },
	{ "users:\n- user: {}\n", "!invalid /d0/f:2: users: an entry without a name" },
	{ "users:\n- name: ''\n", "!invalid /d0/f:2: users: an entry without a name" },
	{ "users:\n- name: 12\n", "!invalid /d0/f:2: users: " QUOTES },
	{ "users:\n- u\n", "!invalid /d0/f:2: users: an entry that is not a map" },
	{ "users: {u: {}}\n", "!invalid /d0/f:1: users: a list is expected" },
	{ "kind: Pod\n",
	  "!invalid /d0/f:1: kind: not \"Config\": this is no kubeconfig of a known version" },
	{ "apiVersion: v2\n",
	  "!invalid /d0/f:1: apiVersion: not \"v1\": this is no kubeconfig of a known version" },
	{ "hello\n", "!invalid /d0/f:1: kubeconfig: a map is expected" },
	{ "- a\n", "!invalid /d0/f:1: kubeconfig: a map is expected" },
	{ "kind: Config\n---\nkind: Config\n",
	  "!invalid /d0/f:3: kubeconfig: a second YAML document, which other programs do not see" },
};

static void test_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		const char *texts[] = { files[i].text, NULL };

		expect(texts, NULL, files[i].want);
	}
}

/* What is wrong with what is not chosen does not matter, as far as it can be read. */
static void test_only_the_chosen_must_be_usable(void **state)
{
	static const char *const texts[] = {
		"users: [{name: v, user: {auth-provider: {name: gcp}}}]\n",
		"contexts:\n- {name: w, context: {cluster: c, user: v}}\n"
		"- {name: x, context: {cluster: c, user: u, namespace: nn}}\n" PARTS,
		NULL
	};

	(void)state;
	expect(texts, "x", "x: c u ns=nn server=https://a token=t");
	expect(texts, "w",
	       "!invalid /d0/f:1: user \"v\": auth-provider: these were taken out of Kubernetes in "
	       "1.26: use an exec plugin (gke-gcloud-auth-plugin, kubelogin), as a new kubeconfig "
	       "from the provider has it");
	expect(texts, "z", "!usage no context \"z\" (there are: w, x)");
}

/* The first file's entry counts, whole; so does the first current-context that is not empty. */
static void test_merge(void **state)
{
	static const char first[] = "current-context: ''\nusers: [{name: u, user: {token: A}}]\n"
				    "contexts: [{name: x, context: {cluster: c, user: u}}]\n";
	static const char second[] =
	    "current-context: x\n"
	    "users: [{name: u, user: {token: B, tokenFile: f}}]\n"
	    "clusters: [{name: c, cluster: {server: https://b, certificate-authority: ca}}]\n"
	    "contexts: [{name: x, context: {cluster: c, user: u, namespace: nn}}]\n";
	static const char third[] = "current-context: w\nclusters: [{name: c}]\n";
	static const char *const forward[] = { first, second, third, NULL };
	static const char *const backward[] = { second, first, NULL };
	static const char *const empty_entry[] = { third, second, NULL };

	(void)state;
	expect(forward, NULL, "x: c u server=https://b ca-file=/d1/ca token=A");
	expect(backward, NULL,
	       "x: c u ns=nn server=https://b ca-file=/d0/ca token=B token-file=/d0/f");
	expect(empty_entry, "x", "!invalid /d0/f:2: cluster \"c\": server: missing");
	expect(empty_entry, NULL, "!usage no context \"w\" (there are: x)");
}

/* A refusal never shows what was refused: it may be a secret at the wrong place. */
static void test_no_value_in_errors(void **state)
{
	static const char *const fields[] = {
		"token", "password", "client-key-data", "client-certificate-data", "as", "username"
	};
	struct buf got = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(fields); i++) {
		char *text = mem_printf("users: [{name: u, user: {%s: [hunter2]}}]", fields[i]);
		char *data = mem_printf("users: [{name: u, user: {%s: 'hunter2!'}}]", fields[i]);
		const char *texts[] = { text, NULL }, *datas[] = { data, NULL };

		read_all(texts, "x", &got);
		assert_non_null(strstr(buf_str(&got), "!invalid"));
		read_all(datas, "x", &got);
		assert_null(strstr(buf_str(&got), "hunter"));
		mem_free(text);
		mem_free(data);
		buf_reset(&got);
	}
	buf_clear(&got);
}

static void test_many_entries(void **state)
{
	struct buf text = BUF_INIT;
	const char *texts[] = { NULL, NULL };

	(void)state;
	buf_puts(&text, "clusters:\n");
	for (int i = 0; i < 1000; i++)
		buf_printf(&text, "- {name: c%d, cluster: {server: \"https://%d\"}}\n", i, i);
	buf_puts(&text, "users: [{name: u}]\ncontexts:\n");
	for (int i = 0; i < 1000; i++)
		buf_printf(&text, "- {name: x%d, context: {cluster: c%d, user: u}}\n", i, 999 - i);
	texts[0] = buf_str(&text);
	expect(texts, "x0", "x0: c999 u server=https://999");
	expect(texts, "x998", "x998: c1 u server=https://1");
	buf_clear(&text);
}

static void test_long_lists(void **state)
{
	struct buf text = BUF_INIT;
	const char *texts[] = { NULL, NULL };

	(void)state;
	for (int n = 1000; n <= 1001; n++) {
		buf_reset(&text);
		buf_puts(&text, "users: [{name: u, user: {as: a, as-groups: [");
		for (int i = 0; i < n; i++)
			buf_printf(&text, "g%d,", i);
		buf_puts(&text, "]}}]");
		texts[0] = buf_str(&text);
		expect(texts, NULL,
		       n == 1000 ? "!usage no current-context is set: name one with --context"
				 : "!invalid /d0/f:1: as-groups: more than 1000 entries");
	}
	buf_clear(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clusters),
		cmocka_unit_test(test_users),
		cmocka_unit_test(test_refused_parts),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_only_the_chosen_must_be_usable),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_no_value_in_errors),
		cmocka_unit_test(test_many_entries),
		cmocka_unit_test(test_long_lists),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
