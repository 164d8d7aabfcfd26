/* SPDX-License-Identifier: Apache-2.0 */
/* From files and environment to a configuration: which files, what of them, and what is told. */
#include "tests/unit/test.h"

#include "base/b64.h"
#include "base/notes.h"
#include "kube/config.h"
#include "kube/pod.h"
#include "tests/unit/kube/files.h"

static struct buf cert1, key1, cert2, key2;

static int make_all(void **state)
{
	int r = files_make(state);

	files_make_pair(NULL, &cert1, &key1);
	files_make_pair(NULL, &cert2, &key2);
	return r;
}

static int remove_all(void **state)
{
	buf_clear(&cert1);
	buf_clear(&key1);
	buf_clear(&cert2);
	buf_clear(&key2);
	return files_remove(state);
}

static int clean_environment(void **state)
{
	static const char *const names[] = { "KUBECONFIG", "KUBERNETES_SERVICE_HOST",
					     "KUBERNETES_SERVICE_PORT", "POD_NAMESPACE" };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		unsetenv(names[i]);
	return setenv("HOME", files_folder, 1);
}

/* "FOLDER" in want stands for the test's folder. */
static void expect_text(const char *got, const char *want)
{
	struct buf text = BUF_INIT;
	const char *at;

	while ((at = strstr(want, "FOLDER")) != NULL) {
		buf_put(&text, want, (size_t)(at - want));
		buf_puts(&text, files_folder);
		want = at + 6;
	}
	buf_puts(&text, want);
	if (strcmp(got, buf_str(&text)) != 0)
		fail_msg("\n got: %s\nwant: %s", got, buf_str(&text));
	buf_clear(&text);
}

static void refused(const struct kube_config_options *o, enum err_class class, const char *want)
{
	struct kube_config c;
	struct err err = ERR_INIT;

	assert_int_equal(kube_config_load(o, &c, &err), -1);
	expect_text(err.text, want);
	assert_int_equal(err.class, class);
	assert_null(c.server);
	assert_null(c.source);
}

static void load(const struct kube_config_options *o, struct kube_config *c)
{
	struct err err = ERR_INIT;

	if (kube_config_load(o, c, &err) != 0)
		fail_msg("%s", err.text);
}

/* A kubeconfig with one context "x" of cluster "c" and user "u". */
static void put_config(const char *name, const char *cluster, const char *user)
{
	char *text = mem_printf("current-context: x\n"
				"contexts: [{name: x, context: {cluster: c, user: u}}]\n"
				"clusters: [{name: c, cluster: {%s}}]\n"
				"users: [{name: u, user: {%s}}]\n",
				cluster, user);

	files_puts(name, text);
	mem_free(text);
}

static char *data_field(const char *name, const struct buf *pem)
{
	struct buf text = BUF_INIT;
	char *field;

	b64_encode(&text, pem->data, pem->len);
	field = mem_printf("%s: %s", name, buf_str(&text));
	buf_clear(&text);
	return field;
}

/* --- which files --------------------------------------------------------------------------------
 */

static void test_given_file(void **state)
{
	char *path = files_path("given");
	struct kube_config_options o = { .kubeconfig = path };
	struct kube_config c;

	(void)state;
	refused(&o, ERR_IO, "FOLDER/given: cannot open: No such file or directory");
	put_config("given", "server: https://a/", "token: t");
	setenv("KUBECONFIG", "/nowhere", 1);
	load(&o, &c);
	assert_string_equal(c.server, "https://a");
	assert_string_equal(c.context, "x");
	assert_string_equal(c.namespace, "default");
	assert_string_equal(c.token, "t");
	assert_true(c.gzip);
	assert_int_equal(c.ca.len + c.cert.len + c.key.len, 0);
	assert_null(c.impersonate);
	kube_config_clear(&c);
	o.context = "y";
	refused(&o, ERR_USAGE, "no context \"y\" (there are: x)");
	files_puts("given", "");
	o.context = NULL;
	refused(&o, ERR_USAGE, "no current-context is set: name one with --context");
	files_puts("given", "a: [\n");
	refused(&o, ERR_INVALID,
		"FOLDER/given:2: did not find expected node content while parsing a flow node");
	files_delete("given");
	mem_free(path);
}

static void test_list(void **state)
{
	struct kube_config_options o = { .kubeconfig = NULL };
	struct kube_config c;
	char *list =
	    mem_printf(":%s/none:%s/one::%s/two:", files_folder, files_folder, files_folder);

	(void)state;
	setenv("KUBECONFIG", list, 1);
	refused(&o, ERR_USAGE,
		"there is no kubeconfig: neither in $KUBECONFIG nor in ~/.kube/config; name one "
		"with --kubeconfig");
	put_config("two", "server: https://two", "token: two");
	files_puts("one", "users: [{name: u, user: {token: one}}]\n");
	load(&o, &c);
	assert_string_equal(c.server, "https://two");
	assert_string_equal(c.token, "one");
	kube_config_clear(&c);
	/* a relative name; one that is there but cannot be read */
	assert_int_equal(chdir(files_folder), 0);
	setenv("KUBECONFIG", "two", 1);
	load(&o, &c);
	assert_string_equal(c.token, "two");
	kube_config_clear(&c);
	setenv("KUBECONFIG", "two:.", 1);
	refused(&o, ERR_IO, "FOLDER/.: not a regular file");
	assert_int_equal(chdir("/"), 0);
	files_delete("one");
	files_delete("two");
	mem_free(list);
}

static void test_home(void **state)
{
	struct kube_config_options o = { .kubeconfig = NULL };
	struct kube_config c;
	char *folder = files_path(".kube");

	(void)state;
	refused(&o, ERR_USAGE,
		"there is no kubeconfig: neither in $KUBECONFIG nor in ~/.kube/config; name one "
		"with --kubeconfig");
	assert_int_equal(mkdir(folder, 0700), 0);
	put_config(".kube/config", "server: https://home", "token: t");
	load(&o, &c);
	assert_string_equal(c.server, "https://home");
	kube_config_clear(&c);
	setenv("KUBECONFIG", "", 1);
	load(&o, &c);
	assert_string_equal(c.server, "https://home");
	kube_config_clear(&c);
	files_delete(".kube/config");
	assert_int_equal(rmdir(folder), 0);
	mem_free(folder);
}

static void test_warnings(void **state)
{
	static const struct {
		mode_t mode;
		const char *want;
	} cases[] = {
		{ 0600, NULL },
		{ 0400, NULL },
		{ 0700, NULL },
		{ 0644, "FOLDER/w: other users can read it (mode 0644); chmod 600 it" },
		{ 0640, "FOLDER/w: other users can read it (mode 0640); chmod 600 it" },
		{ 0604, "FOLDER/w: other users can read it (mode 0604); chmod 600 it" },
		{ 0620, "FOLDER/w: other users can write it (mode 0620); chmod 600 it" },
		{ 0666, "FOLDER/w: other users can write it (mode 0666); chmod 600 it" },
	};
	char *path = files_path("w");
	struct notes notes = NOTES_INIT;
	struct kube_config_options o = { .kubeconfig = path, .notes = &notes };
	struct kube_config c;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		put_config("w", "server: https://a", "token: t");
		files_mode("w", cases[i].mode);
		load(&o, &c);
		assert_int_equal(notes.n, cases[i].want != NULL);
		if (notes.n != 0)
			expect_text(notes.text[0], cases[i].want);
		notes_clear(&notes);
		kube_config_clear(&c);
		files_delete("w");
	}
	mem_free(path);
}

/* --- what of them -------------------------------------------------------------------------------
 */

static void test_cluster(void **state)
{
	char *path = files_path("k"), *ca = data_field("certificate-authority-data", &cert1);
	char *both =
	    mem_printf("server: https://a/b, tls-server-name: sni, proxy-url: \"http://p:1\", "
		       "disable-compression: true, certificate-authority: nowhere, %s",
		       ca);
	struct kube_config_options o = { .kubeconfig = path };
	struct kube_config c;

	(void)state;
	put_config("k", both, "token: t");
	load(&o, &c);
	assert_string_equal(c.server, "https://a/b");
	assert_string_equal(c.tls_server_name, "sni");
	assert_string_equal(c.proxy, "http://p:1");
	assert_false(c.gzip);
	assert_false(c.insecure);
	/* data counts; the file is never read */
	assert_string_equal(buf_str(&c.ca), buf_str(&cert1));
	kube_config_clear(&c);
	files_put("ca.pem", cert2.data, cert2.len);
	put_config("k", "server: https://a, certificate-authority: ca.pem", "token: t");
	load(&o, &c);
	assert_string_equal(buf_str(&c.ca), buf_str(&cert2));
	kube_config_clear(&c);
	put_config("k", "server: https://a, insecure-skip-tls-verify: true", "token: t");
	load(&o, &c);
	assert_true(c.insecure);
	kube_config_clear(&c);
	mem_free(path);
	mem_free(ca);
	mem_free(both);
}

struct wrong {
	const char *cluster, *user;
	enum err_class class;
	const char *want;
};

#define SERVER "server: https://a"
#define CLUSTER "FOLDER/k:3: cluster \"c\": "
#define USER "FOLDER/k:4: user \"u\": "

static const struct wrong wrongs[] = {
	{ "server: http://a", "token: t", ERR_INVALID,
	  CLUSTER "server: plain http, by which everyone between could read the token; https:// is "
		  "expected" },
	{ SERVER ", tls-server-name: 'a b'", "token: t", ERR_INVALID,
	  CLUSTER "tls-server-name: not a host name or IP address" },
	{ SERVER ", proxy-url: ftp://a", "token: t", ERR_INVALID,
	  CLUSTER "proxy-url: not an http://, https:// or socks5:// address" },
	{ SERVER ", certificate-authority: nowhere", "token: t", ERR_IO,
	  CLUSTER "certificate-authority: FOLDER/nowhere: cannot open: No such file or directory" },
	{ SERVER ", certificate-authority: k", "token: t", ERR_INVALID,
	  CLUSTER "certificate-authority: FOLDER/k: no certificate in PEM form" },
	{ SERVER ", certificate-authority-data: aGVsbG8=", "token: t", ERR_INVALID,
	  CLUSTER "certificate-authority: no certificate in PEM form" },
	{ SERVER, "token: 'a b'", ERR_INVALID,
	  USER "token: not a token: it has spaces, line breaks or characters that are not ASCII" },
	{ SERVER, "tokenFile: nowhere", ERR_IO,
	  USER "token: FOLDER/nowhere: cannot open: No such file or directory" },
	{ SERVER, "username: 'a:b'", ERR_INVALID, USER "username: with a \":\" in it" },
	{ SERVER, "username: \"a\\tb\"", ERR_INVALID,
	  USER "username: with control characters or line breaks" },
	{ SERVER, "username: a, password: \"a\\nb\"", ERR_INVALID,
	  USER "password: with control characters or line breaks" },
	{ SERVER, "as: \"a\\nb\"", ERR_INVALID,
	  USER "Impersonate-User: a value with control characters or line breaks" },
	{ SERVER, "as: a, as-groups: [\"b\\rc\"]", ERR_INVALID,
	  USER "Impersonate-Group: a value with control characters or line breaks" },
	{ SERVER, "as: a, as-uid: \"\\x01\"", ERR_INVALID,
	  USER "Impersonate-Uid: a value with control characters or line breaks" },
	{ SERVER, "as: a, as-user-extra: {\"a b\": [\"\\e\"]}", ERR_INVALID,
	  USER "Impersonate-Extra-a%20b: a value with control characters or line breaks" },
	{ SERVER, "client-certificate: nowhere, client-key: k", ERR_IO,
	  USER "client-certificate: FOLDER/nowhere: cannot open: No such file or directory" },
	{ SERVER, "client-certificate: k, client-key: nowhere", ERR_IO,
	  USER "client-key: FOLDER/nowhere: cannot open: No such file or directory" },
	{ SERVER, "client-certificate: k, client-key: k", ERR_INVALID,
	  USER "client-certificate: no client certificate in PEM form" },
	{ SERVER,
	  "exec: {command: /nowhere, apiVersion: client.authentication.k8s.io/v1, "
	  "interactiveMode: Always}",
	  ERR_INVALID,
	  USER "exec: interactiveMode is Always, but standard input is not a terminal that it may "
	       "use" },
	{ SERVER, "exec: {command: ./nowhere, apiVersion: client.authentication.k8s.io/v1beta1}",
	  ERR_IO, USER "exec: FOLDER/./nowhere: No such file or directory" },
};

static void test_wrong(void **state)
{
	char *path = files_path("k");
	struct kube_config_options o = { .kubeconfig = path };

	(void)state;
	for (size_t i = 0; i < COUNT(wrongs); i++) {
		put_config("k", wrongs[i].cluster, wrongs[i].user);
		refused(&o, wrongs[i].class, wrongs[i].want);
	}
	files_puts("k", "current-context: x\nclusters: [{name: c, cluster: {server: https://a}}]\n"
			"users: [{name: u}]\ncontexts:\n"
			"- {name: x, context: {cluster: c, user: u, namespace: A_b}}\n");
	refused(&o, ERR_INVALID,
		"FOLDER/k:5: context \"x\": namespace: not the name of a namespace");
	mem_free(path);
}

static void test_basic_and_impersonation(void **state)
{
	static const char *const want[] = { "Impersonate-User: jane doe",
					    "Impersonate-Uid: 7",
					    "Impersonate-Group: a",
					    "Impersonate-Group: b",
					    "Impersonate-Extra-scopes: view",
					    "Impersonate-Extra-scopes: edit",
					    "Impersonate-Extra-a%2Fb%25%C3%A9: x" };
	char *path = files_path("k");
	struct kube_config_options o = { .kubeconfig = path };
	struct kube_config c;

	(void)state;
	put_config("k", SERVER,
		   "username: a, password: 'b:c', as: jane doe, as-uid: '7', as-groups: [a, b], "
		   "as-user-extra: {scopes: [view, edit], \"a/b%\xc3\xa9\": [x]}");
	load(&o, &c);
	assert_string_equal(c.username, "a");
	assert_string_equal(c.password, "b:c");
	assert_null(c.token);
	for (size_t i = 0; i < COUNT(want); i++)
		assert_string_equal(c.impersonate[i], want[i]);
	assert_null(c.impersonate[COUNT(want)]);
	kube_config_clear(&c);
	mem_free(path);
}

/* Data before files, one by one; what comes from files is read again, the rest stays. */
static void test_certificates(void **state)
{
	char *path = files_path("k"), *cert = data_field("client-certificate-data", &cert1);
	char *key = data_field("client-key-data", &key1);
	char *mixed = mem_printf("client-certificate: nowhere, %s, client-key: key.pem", cert);
	char *all = mem_printf("%s, %s, token: t", cert, key);
	struct kube_config_options o = { .kubeconfig = path };
	struct kube_config c;
	struct err err = ERR_INIT;
	int64_t later = INT64_C(1) << 60;

	(void)state;
	put_config("k", SERVER, all);
	load(&o, &c);
	assert_string_equal(buf_str(&c.cert), buf_str(&cert1));
	assert_string_equal(buf_str(&c.key), buf_str(&key1));
	assert_string_equal(c.token, "t");
	assert_int_equal(kube_config_refresh(&c, true, later, &err), 0);
	assert_string_equal(c.token, "t");
	kube_config_clear(&c);
	files_put("key.pem", key1.data, key1.len);
	put_config("k", SERVER, mixed);
	load(&o, &c);
	assert_string_equal(buf_str(&c.key), buf_str(&key1));
	files_put("key.pem", key2.data, key2.len);
	assert_int_equal(kube_config_refresh(&c, true, later, &err), -1);
	assert_string_equal(
	    err.text, "client-certificate: the private key does not belong to the certificate");
	assert_string_equal(buf_str(&c.key), buf_str(&key1));
	kube_config_clear(&c);
	mem_free(path);
	mem_free(cert);
	mem_free(key);
	mem_free(mixed);
	mem_free(all);
}

static void test_refresh(void **state)
{
	char *path = files_path("k");
	struct kube_config_options o = { .kubeconfig = path };
	struct kube_config c;
	struct err err = ERR_INIT;
	unsigned before;

	(void)state;
	files_puts("tok", "one");
	files_put("ca.pem", cert1.data, cert1.len);
	put_config("k", "server: https://a, certificate-authority: ca.pem", "tokenFile: tok");
	load(&o, &c);
	before = c.generation;
	assert_string_equal(c.token, "one");
	files_puts("tok", "two");
	files_put("ca.pem", cert2.data, cert2.len);
	assert_int_equal(kube_config_refresh(&c, false, 0, &err), 0);
	assert_string_equal(c.token, "one");
	assert_int_equal(kube_config_refresh(&c, true, 0, &err), 0);
	assert_string_equal(c.token, "two");
	assert_string_equal(buf_str(&c.ca), buf_str(&cert2));
	assert_int_equal(c.generation, before + 1);
	kube_config_clear(&c);
	mem_free(path);
}

#define EXEC "exec: {command: ./p, apiVersion: client.authentication.k8s.io/v1beta1}"

/* A plugin runs where nothing else authenticates, and then only. */
static void test_plugin(void **state)
{
	static const char *const others[] = { "token: t, " EXEC, "tokenFile: tok, " EXEC,
					      "username: a, " EXEC,
					      "client-certificate: crt, client-key: key, " EXEC };
	char *path = files_path("k");
	struct kube_config_options o = { .kubeconfig = path };
	struct kube_config c;
	struct err err = ERR_INIT;

	(void)state;
	files_script("p",
		     "echo >>\"$0.runs\"\n"
		     "echo '{\"kind\":\"ExecCredential\",\"apiVersion\":"
		     "\"client.authentication.k8s.io/v1beta1\",\"status\":{\"token\":\"x\"}}'\n");
	files_puts("tok", "file");
	files_put("crt", cert1.data, cert1.len);
	files_put("key", key1.data, key1.len);
	for (size_t i = 0; i < COUNT(others); i++) {
		char *runs = files_path("p.runs");

		put_config("k", SERVER, others[i]);
		load(&o, &c);
		assert_int_equal(kube_config_refresh(&c, true, INT64_C(1) << 60, &err), 0);
		assert_int_equal(access(runs, F_OK), -1);
		kube_config_clear(&c);
		mem_free(runs);
	}
	put_config("k", SERVER, EXEC);
	load(&o, &c);
	assert_string_equal(c.token, "x");
	kube_config_clear(&c);
	mem_free(path);
}

/* --- the pod ------------------------------------------------------------------------------------
 */

static void expect_pod(const char *host, const char *port, const char *want)
{
	struct pod pod;
	struct err err = ERR_INIT;
	struct buf got = BUF_INIT;

	if (host != NULL)
		setenv("KUBERNETES_SERVICE_HOST", host, 1);
	else
		unsetenv("KUBERNETES_SERVICE_HOST");
	setenv("KUBERNETES_SERVICE_PORT", port, 1);
	assert_int_equal(pod_here(), host != NULL);
	if (pod_find(files_folder, &pod, &err) == 0)
		buf_printf(&got, "%s %s %s %s", pod.server, pod.namespace, pod.token_file,
			   pod.ca_file);
	else
		buf_printf(&got, "!%s %s", err_class_name(err.class), err.text);
	expect_text(buf_str(&got), want);
	pod_clear(&pod);
	buf_clear(&got);
}

static void test_pod(void **state)
{
	(void)state;
	expect_pod("10.0.0.1", "443", "https://10.0.0.1:443 default FOLDER/token FOLDER/ca.crt");
	files_puts("namespace", "bulla-system\n");
	expect_pod("10.0.0.1", "443",
		   "https://10.0.0.1:443 bulla-system FOLDER/token FOLDER/ca.crt");
	expect_pod("fd00::1", "6443",
		   "https://[fd00::1]:6443 bulla-system FOLDER/token FOLDER/ca.crt");
	setenv("POD_NAMESPACE", "other", 1);
	expect_pod("kubernetes.default", "443",
		   "https://kubernetes.default:443 other FOLDER/token FOLDER/ca.crt");
	setenv("POD_NAMESPACE", "A/b", 1);
	expect_pod("10.0.0.1", "443", "!invalid POD_NAMESPACE: not the name of a namespace");
	unsetenv("POD_NAMESPACE");
	files_puts("namespace", "A/b");
	expect_pod("10.0.0.1", "443", "!invalid FOLDER/namespace: not the name of a namespace");
	files_puts("namespace", "");
	expect_pod("10.0.0.1", "443", "https://10.0.0.1:443 default FOLDER/token FOLDER/ca.crt");
	expect_pod("10.0.0.1", "",
		   "!usage not in a pod: KUBERNETES_SERVICE_HOST and "
		   "KUBERNETES_SERVICE_PORT are not both set");
	expect_pod(NULL, "443",
		   "!usage not in a pod: KUBERNETES_SERVICE_HOST and "
		   "KUBERNETES_SERVICE_PORT are not both set");
	expect_pod("a b", "443",
		   "!invalid KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT: an address with a "
		   "user, \"?\", \"#\", \"\\\", spaces or characters that are not ASCII");
	files_delete("namespace");
}

/* The pod's own is taken only where there is no kubeconfig and none is asked for. */
static void test_when_the_pod(void **state)
{
	struct kube_config_options o = { .kubeconfig = NULL };
	struct kube_config c;
	struct err err = ERR_INIT;
	char *path = files_path("k");

	(void)state;
	assert_int_equal(kube_config_pod(&c, &err), -1);
	assert_int_equal(err.class, ERR_USAGE);
	assert_null(c.server);
	setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1", 1);
	setenv("KUBERNETES_SERVICE_PORT", "443", 1);
	if (access(POD_FOLDER, F_OK) != 0) {
		refused(&o, ERR_IO,
			"certificate-authority: " POD_FOLDER
			"/ca.crt: cannot open: No such file or "
			"directory");
		assert_int_equal(kube_config_pod(&c, &err), -1);
		assert_int_equal(err.class, ERR_IO);
	}
	o.context = "x";
	refused(&o, ERR_USAGE,
		"there is no kubeconfig: neither in $KUBECONFIG nor in ~/.kube/config; name one "
		"with --kubeconfig");
	o.context = NULL;
	o.kubeconfig = path;
	files_puts("k", "");
	refused(&o, ERR_USAGE, "no current-context is set: name one with --context");
	put_config("k", SERVER, "token: t");
	load(&o, &c);
	assert_string_equal(c.server, "https://a");
	kube_config_clear(&c);
	mem_free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_given_file, clean_environment),
		cmocka_unit_test_setup(test_list, clean_environment),
		cmocka_unit_test_setup(test_home, clean_environment),
		cmocka_unit_test_setup(test_warnings, clean_environment),
		cmocka_unit_test_setup(test_cluster, clean_environment),
		cmocka_unit_test_setup(test_wrong, clean_environment),
		cmocka_unit_test_setup(test_basic_and_impersonation, clean_environment),
		cmocka_unit_test_setup(test_certificates, clean_environment),
		cmocka_unit_test_setup(test_refresh, clean_environment),
		cmocka_unit_test_setup(test_plugin, clean_environment),
		cmocka_unit_test_setup(test_pod, clean_environment),
		cmocka_unit_test_setup(test_when_the_pod, clean_environment),
	};

	mem_init();
	return cmocka_run_group_tests(tests, make_all, remove_all);
}
