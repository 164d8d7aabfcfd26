/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens, certificates and plugins: what is read when, and what stays when it cannot be read. */
#include "tests/unit/test.h"

#include "base/clock.h"
#include "kube/cert.h"
#include "kube/credentials.h"
#include "kube/exec.h"
#include "kube/strings.h"
#include "tests/unit/kube/files.h"

static struct buf cert1, key1, cert2, key2, locked;

static int make_all(void **state)
{
	struct buf other = BUF_INIT;
	int r = files_make(state);

	files_make_pair(NULL, &cert1, &key1);
	files_make_pair(NULL, &cert2, &key2);
	files_make_pair("hunter2", &other, &locked);
	buf_clear(&other);
	return r;
}

static int remove_all(void **state)
{
	buf_clear(&cert1);
	buf_clear(&key1);
	buf_clear(&cert2);
	buf_clear(&key2);
	buf_clear(&locked);
	return files_remove(state);
}

static void expect_error(const struct err *err, enum err_class class, const char *end)
{
	size_t n = strlen(err->text), m = strlen(end);

	if (n < m || strcmp(err->text + n - m, end) != 0)
		fail_msg("\n got: %s\nwant: ...%s", err->text, end);
	assert_int_equal(err->class, class);
}

/* --- what is good to connect with ------------------------------------------------------------- */

static void test_authorities(void **state)
{
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(cert_check_authorities(&cert1, &err), 0);
	buf_puts(&text, "# our CA\n");
	buf_put(&text, cert1.data, cert1.len);
	buf_puts(&text, "\n# the next one\n");
	buf_put(&text, cert2.data, cert2.len);
	buf_puts(&text, "# end\n");
	assert_int_equal(cert_check_authorities(&text, &err), 0);
	buf_puts(&text, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	assert_int_equal(cert_check_authorities(&text, &err), -1);
	expect_error(&err, ERR_INVALID, "certificate 3 of it cannot be read");
	assert_int_equal(cert_check_authorities(&key1, &err), -1);
	expect_error(&err, ERR_INVALID, "no certificate in PEM form");
	buf_reset(&text);
	assert_int_equal(cert_check_authorities(&text, &err), -1);
	expect_error(&err, ERR_INVALID, "empty, or larger than 1048576 bytes");
	buf_clear(&text);
}

static void test_pairs(void **state)
{
	const struct {
		const struct buf *cert, *key;
		const char *want;
	} cases[] = {
		{ &cert1, &key1, NULL },
		{ &cert1, &key2, "the private key does not belong to the certificate" },
		{ &key1, &key1, "no client certificate in PEM form" },
		{ &cert1, &cert1, "no private key in PEM form" },
		{ &cert1, &locked, "the private key is encrypted with a passphrase" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(cert_check_pair(cases[i].cert, cases[i].key, &err),
				 cases[i].want == NULL ? 0 : -1);
		if (cases[i].want != NULL)
			expect_error(&err, ERR_INVALID, cases[i].want);
	}
}

static void test_tokens(void **state)
{
	static const char *const bad[] = { "", " ", "a b", "a\n", "a\r\nX: y", "\xc3\xa9", "\x7f" };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(credentials_check_token("eyJ.a-_~+/=", &err), 0);
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(credentials_check_token(bad[i], &err), -1);
		expect_error(&err, ERR_INVALID,
			     i == 0 ? "not a token: empty"
				    : "not a token: it has spaces, line breaks or characters that "
				      "are not ASCII");
	}
}

/* --- files, and when they are read again ------------------------------------------------------ */

#define SECOND 1000

static void test_token_file(void **state)
{
	struct credentials c = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	files_puts("token", "  first\n\n");
	c.token_file = files_path("token");
	assert_int_equal(credentials_load(&c, 0, &err), 0);
	assert_string_equal(c.token, "first");
	files_puts("token", "second");
	assert_int_equal(credentials_refresh(&c, false, 50 * SECOND - 1, &err), 0);
	assert_string_equal(c.token, "first");
	assert_int_equal(credentials_refresh(&c, false, 50 * SECOND, &err), 0);
	assert_string_equal(c.token, "second");
	/* a 401 does not wait */
	files_puts("token", "third");
	assert_int_equal(credentials_refresh(&c, true, 51 * SECOND, &err), 0);
	assert_string_equal(c.token, "third");
	/* what cannot be read leaves the last good one, is told, and tried again soon */
	files_puts("token", "\n");
	assert_int_equal(credentials_refresh(&c, false, 101 * SECOND, &err), -1);
	expect_error(&err, ERR_INVALID, "/token: not a token: empty");
	assert_int_equal(credentials_refresh(&c, false, 102 * SECOND, &err), 0);
	files_delete("token");
	assert_int_equal(credentials_refresh(&c, false, 111 * SECOND, &err), -1);
	expect_error(&err, ERR_IO, "/token: cannot open: No such file or directory");
	assert_string_equal(c.token, "third");
	files_puts("token", "fourth");
	assert_int_equal(credentials_refresh(&c, false, 121 * SECOND, &err), 0);
	assert_string_equal(c.token, "fourth");
	assert_int_equal(c.generation, 0);
	credentials_clear(&c);
}

/* A token that is written down counts at first, then its file's. */
static void test_token_and_file(void **state)
{
	struct credentials c = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	c.token = mem_str("inline");
	c.token_file = files_path("later");
	assert_int_equal(credentials_load(&c, 0, &err), 0);
	assert_string_equal(c.token, "inline");
	assert_int_equal(credentials_refresh(&c, false, 1, &err), -1);
	assert_string_equal(c.token, "inline");
	files_puts("later", "file");
	assert_int_equal(credentials_refresh(&c, false, 10001, &err), 0);
	assert_string_equal(c.token, "file");
	credentials_clear(&c);
}

static void test_missing_token_file(void **state)
{
	struct credentials c = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	c.token_file = files_path("nowhere");
	assert_int_equal(credentials_load(&c, 0, &err), -1);
	expect_error(&err, ERR_IO, "/nowhere: cannot open: No such file or directory");
	assert_memory_equal(err.text, "token: /", 8);
	credentials_clear(&c);
}

static void test_authorities_rotate(void **state)
{
	struct credentials c = { 0 };
	struct err err = ERR_INIT;
	unsigned before;

	(void)state;
	files_put("ca", cert1.data, cert1.len);
	c.ca_file = files_path("ca");
	assert_int_equal(credentials_load_ca(&c, &err), 0);
	assert_int_equal(credentials_load(&c, 0, &err), 0);
	before = c.generation;
	assert_int_equal(credentials_refresh(&c, false, 300 * SECOND, &err), 0);
	assert_int_equal(c.generation, before);
	files_put("ca", cert2.data, cert2.len);
	assert_int_equal(credentials_refresh(&c, false, 600 * SECOND - 1, &err), 0);
	assert_int_equal(c.generation, before);
	assert_int_equal(credentials_refresh(&c, false, 600 * SECOND, &err), 0);
	assert_int_equal(c.generation, before + 1);
	assert_string_equal(buf_str(&c.ca), buf_str(&cert2));
	files_puts("ca", "-----BEGIN CERTIFICATE-----\nAA");
	assert_int_equal(credentials_refresh(&c, false, 900 * SECOND, &err), -1);
	expect_error(&err, ERR_INVALID, "/ca: no certificate in PEM form");
	assert_memory_equal(err.text, "certificate-authority: /", 24);
	assert_string_equal(buf_str(&c.ca), buf_str(&cert2));
	assert_int_equal(c.generation, before + 1);
	credentials_clear(&c);
}

/* Whoever is not trusted may be so by what is in the file by now; it is not read for every try. */
static void test_authorities_of_a_server_not_trusted(void **state)
{
	struct credentials c = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	files_put("ca", cert1.data, cert1.len);
	c.ca_file = files_path("ca");
	assert_int_equal(credentials_load_ca(&c, &err), 0);
	assert_int_equal(credentials_load(&c, 0, &err), 0);
	files_put("ca", cert2.data, cert2.len);
	credentials_untrusted(&c, 10 * SECOND);
	assert_int_equal(credentials_refresh(&c, false, 10 * SECOND, &err), 0);
	assert_string_equal(buf_str(&c.ca), buf_str(&cert2));
	files_put("ca", cert1.data, cert1.len);
	credentials_untrusted(&c, 11 * SECOND);
	credentials_untrusted(&c, 12 * SECOND - 1);
	assert_int_equal(credentials_refresh(&c, false, 12 * SECOND - 1, &err), 0);
	assert_string_equal(buf_str(&c.ca), buf_str(&cert2));
	assert_int_equal(credentials_refresh(&c, false, 12 * SECOND, &err), 0);
	assert_string_equal(buf_str(&c.ca), buf_str(&cert1));
	/* nothing is put off by it */
	files_puts("ca", "nothing");
	assert_int_equal(credentials_refresh(&c, false, 312 * SECOND, &err), -1);
	credentials_untrusted(&c, 330 * SECOND);
	files_put("ca", cert2.data, cert2.len);
	assert_int_equal(credentials_refresh(&c, false, 322 * SECOND, &err), 0);
	assert_string_equal(buf_str(&c.ca), buf_str(&cert2));
	credentials_clear(&c);
}

/* The new key is there a moment before its certificate: neither is taken until both are. */
static void test_pair_rotates(void **state)
{
	struct credentials c = { 0 };
	struct err err = ERR_INIT;
	unsigned before;

	(void)state;
	files_put("crt", cert1.data, cert1.len);
	files_put("key", key1.data, key1.len);
	c.cert_file = files_path("crt");
	c.key_file = files_path("key");
	assert_int_equal(credentials_load(&c, 0, &err), 0);
	before = c.generation;
	files_put("key", key2.data, key2.len);
	assert_int_equal(credentials_refresh(&c, true, 1, &err), -1);
	expect_error(&err, ERR_INVALID,
		     "client-certificate: the private key does not belong to the certificate");
	assert_string_equal(buf_str(&c.key), buf_str(&key1));
	assert_int_equal(c.generation, before);
	files_put("crt", cert2.data, cert2.len);
	assert_int_equal(credentials_refresh(&c, false, 10001, &err), 0);
	assert_string_equal(buf_str(&c.key), buf_str(&key2));
	assert_string_equal(buf_str(&c.cert), buf_str(&cert2));
	assert_int_equal(c.generation, before + 1);
	files_puts("crt", "");
	assert_int_equal(credentials_refresh(&c, true, 20001, &err), -1);
	expect_error(&err, ERR_INVALID, "/crt: empty");
	assert_int_equal(c.generation, before + 1);
	credentials_clear(&c);
}

/* One thing that cannot be read does not keep the others from being read. */
static void test_all_are_tried(void **state)
{
	struct credentials c = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	files_puts("t", "one");
	files_put("ca", cert1.data, cert1.len);
	files_put("crt", cert1.data, cert1.len);
	files_put("key", key1.data, key1.len);
	c.token_file = files_path("t");
	c.ca_file = files_path("ca");
	c.cert_file = files_path("crt");
	c.key_file = files_path("key");
	assert_int_equal(credentials_load_ca(&c, &err), 0);
	assert_int_equal(credentials_load(&c, 0, &err), 0);
	files_delete("t");
	files_delete("ca");
	files_put("crt", cert2.data, cert2.len);
	files_put("key", key2.data, key2.len);
	assert_int_equal(credentials_refresh(&c, true, 1, &err), -1);
	assert_memory_equal(err.text, "token: /", 8);
	assert_string_equal(c.token, "one");
	assert_string_equal(buf_str(&c.ca), buf_str(&cert1));
	assert_string_equal(buf_str(&c.cert), buf_str(&cert2));
	credentials_clear(&c);
}

/* --- plugins -----------------------------------------------------------------------------------
 */

#define V1 "client.authentication.k8s.io/v1"
#define ANSWER(status)                                                                             \
	"echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\",\"status\":{" status "}}'\n"

static struct kubeconfig_exec *plugin(const char *name)
{
	struct kubeconfig_exec *e = mem_alloc(sizeof(*e));

	e->command = strchr(name, '/') != NULL ? mem_str(name) : files_path(name);
	e->api_version = mem_str(V1);
	return e;
}

static void use_plugin(struct credentials *c, const char *name, const char *script)
{
	memset(c, 0, sizeof(*c));
	files_script(name, script);
	c->exec = plugin(name);
	c->exec_info = mem_str("{\"i\":\"'$x\"}");
	c->exec_timeout_ms = 5000;
}

/* What it is given: arguments, environment, no standard input; told by its token. */
static void test_plugin_is_given(void **state)
{
	struct credentials c;
	struct err err = ERR_INIT;

	(void)state;
	use_plugin(&c, "given",
		   "read x\nprintf '{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1
		   "\",\"status\":{\"token\":\"%s|%s|%s|%s|%s|%s\"}}' "
		   "\"$#\" \"$1\" \"$2\" \"$A$B\" \"$x\" "
		   "\"$(printf %s \"$KUBERNETES_EXEC_INFO\" | tr '\"' _)\"\n");
	strings_push(&c.exec->args, mem_str("a;b"));
	strings_push(&c.exec->args, mem_str("$HOME"));
	setenv("A", "ours", 1);
	setenv("B", "-ours", 1);
	kv_set_str(&c.exec->env, "A", "its");
	kv_set_str(&c.exec->env, "KUBERNETES_EXEC_INFO", "wrong");
	if (credentials_load(&c, 0, &err) != 0)
		fail_msg("%s", err.text);
	assert_string_equal(c.token, "2|a;b|$HOME|its-ours||{_i_:_'$x_}");
	unsetenv("A");
	unsetenv("B");
	credentials_clear(&c);
}

/* Each run writes another token, so runs can be told apart. */
#define COUNTING                                                                                   \
	"n=$(cat \"$0.n\" 2>/dev/null || echo 0)\necho $((n + 1)) >\"$0.n\"\n"                     \
	"printf '{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1                                \
	"\",\"status\":{\"token\":\"t%s\"%s}}' $n \"$EXPIRES\"\n"

static void test_plugin_runs_again(void **state)
{
	struct credentials c;
	struct err err = ERR_INIT;

	(void)state;
	unsetenv("EXPIRES");
	use_plugin(&c, "counting", COUNTING);
	assert_int_equal(credentials_load(&c, 0, &err), 0);
	assert_string_equal(c.token, "t0");
	/* it said nothing of an end */
	assert_int_equal(credentials_refresh(&c, false, 86400 * SECOND, &err), 0);
	assert_string_equal(c.token, "t0");
	/* many answers of 401 at once: one run */
	for (int i = 0; i < 5; i++)
		assert_int_equal(credentials_refresh(&c, true, 86400 * SECOND + i, &err), 0);
	assert_string_equal(c.token, "t1");
	assert_int_equal(credentials_refresh(&c, true, 86410 * SECOND, &err), 0);
	assert_string_equal(c.token, "t2");
	credentials_clear(&c);
}

static void test_plugin_expires(void **state)
{
	struct credentials c;
	struct err err = ERR_INIT;
	char text[CLOCK_TEXT_SIZE], *value;

	(void)state;
	clock_format(clock_now() + 1000, text);
	value = mem_printf(",\"expirationTimestamp\":\"%s\"", text);
	setenv("EXPIRES", value, 1);
	use_plugin(&c, "expiring", COUNTING);
	assert_int_equal(credentials_load(&c, 0, &err), 0);
	assert_int_equal(credentials_refresh(&c, false, 20 * SECOND, &err), 0);
	assert_string_equal(c.token, "t0");
	c.exec_expires = clock_now();
	assert_int_equal(credentials_refresh(&c, false, 40 * SECOND, &err), 0);
	assert_string_equal(c.token, "t1");
	unsetenv("EXPIRES");
	mem_free(value);
	credentials_clear(&c);
}

static void test_plugin_fails_later(void **state)
{
	struct credentials c;
	struct err err = ERR_INIT;

	(void)state;
	use_plugin(&c, "later", ANSWER("\"token\":\"good\""));
	assert_int_equal(credentials_load(&c, 0, &err), 0);
	files_script("later", "exit 3\n");
	assert_int_equal(credentials_refresh(&c, true, 1, &err), -1);
	expect_error(&err, ERR_IO, "/later: ended with status 3");
	assert_string_equal(c.token, "good");
	credentials_clear(&c);
}

static void quote_json(struct buf *out, const char *name, const struct buf *pem)
{
	buf_printf(out, "\"%s\":\"", name);
	for (size_t i = 0; i < pem->len; i++) {
		if (pem->data[i] == '\n')
			buf_puts(out, "\\n");
		else
			buf_putc(out, pem->data[i]);
	}
	buf_puts(out, "\"");
}

static void put_answer(const char *name, const struct buf *cert, const struct buf *key)
{
	struct buf text = BUF_INIT;

	buf_puts(&text, "{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\",\"status\":{");
	quote_json(&text, "clientCertificateData", cert);
	buf_puts(&text, ",");
	quote_json(&text, "clientKeyData", key);
	buf_puts(&text, "}}");
	files_put(name, text.data, text.len);
	buf_clear(&text);
}

static void test_plugin_certificates(void **state)
{
	struct credentials c;
	struct err err = ERR_INIT;
	unsigned before;

	(void)state;
	use_plugin(&c, "pair", "cat \"$0.json\"\n");
	put_answer("pair.json", &cert1, &key1);
	if (credentials_load(&c, 0, &err) != 0)
		fail_msg("%s", err.text);
	assert_null(c.token);
	assert_string_equal(buf_str(&c.cert), buf_str(&cert1));
	assert_string_equal(buf_str(&c.key), buf_str(&key1));
	before = c.generation;
	assert_int_equal(credentials_refresh(&c, true, 10 * SECOND, &err), 0);
	assert_int_equal(c.generation, before);
	put_answer("pair.json", &cert2, &key2);
	assert_int_equal(credentials_refresh(&c, true, 20 * SECOND, &err), 0);
	assert_int_equal(c.generation, before + 1);
	put_answer("pair.json", &cert1, &key2);
	assert_int_equal(credentials_refresh(&c, true, 30 * SECOND, &err), -1);
	expect_error(&err, ERR_INVALID,
		     "/pair: client-certificate: the private key does not belong to the "
		     "certificate");
	assert_string_equal(buf_str(&c.cert), buf_str(&cert2));
	/* a token instead: the certificate is not used any more */
	files_puts("pair.json", "{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1
				"\",\"status\":{\"token\":\"t\"}}");
	assert_int_equal(credentials_refresh(&c, true, 40 * SECOND, &err), 0);
	assert_int_equal(c.cert.len + c.key.len, 0);
	assert_int_equal(c.generation, before + 2);
	assert_string_equal(c.token, "t");
	credentials_clear(&c);
}

struct failing {
	const char *script, *want;
	enum err_class class;
};

static const struct failing failing[] = {
	{ "exit 0\n", "/failing: answer: line 1, column 0: not valid JSON", ERR_INVALID },
	{ ANSWER("\"token\":\"t\"") "exit 1\n", "/failing: ended with status 1", ERR_IO },
	{ "kill -15 $$\n", "/failing: ended by signal 15", ERR_IO },
	{ "exec sleep 60\n", "/failing: no answer in time; it was ended", ERR_IO },
	{ "sleep 60 &\nwait\n", "/failing: no answer in time; it was ended", ERR_IO },
	{ "exec >&-\nexec sleep 60\n", "/failing: no answer in time; it was ended", ERR_IO },
	{ "trap '' TERM INT\nsleep 60\nsleep 60\n", "/failing: no answer in time; it was ended",
	  ERR_IO },
	{ "exec cat /dev/zero\n", "/failing: it prints more than 1048576 bytes", ERR_INVALID },
	{ ANSWER("\"token\":\"a b\""),
	  "/failing: status.token: not a token: it has spaces, line breaks or characters that are "
	  "not ASCII",
	  ERR_INVALID },
	{ ANSWER(""), "/failing: status: neither a token nor a certificate with its key",
	  ERR_INVALID },
};

static void test_plugin_fails(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(failing); i++) {
		struct credentials c;
		struct err err = ERR_INIT;
		int64_t before = clock_monotonic_ms();

		use_plugin(&c, "failing", failing[i].script);
		c.exec_timeout_ms = 300;
		assert_int_equal(credentials_load(&c, 0, &err), -1);
		expect_error(&err, failing[i].class, failing[i].want);
		assert_null(c.token);
		assert_true(clock_monotonic_ms() - before < 5000);
		credentials_clear(&c);
	}
}

static void test_plugin_is_missing(void **state)
{
	static const struct {
		const char *command, *hint, *want;
	} cases[] = {
		{ "/nowhere/p", NULL, "exec: /nowhere/p: No such file or directory" },
		{ "/nowhere/p", "get p\nat https://p",
		  "exec: /nowhere/p: No such file or directory"
		  ".  get p\nat https://p" },
		{ "/", NULL, "exec: /: Permission denied" },
	};
	struct kube_exec_run run = { "{}", false, 1000 };
	struct exec_answer answer;
	struct kubeconfig_exec *e;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		e = plugin(cases[i].command);
		e->install_hint = mem_str(cases[i].hint);
		assert_int_equal(kube_exec_run(e, &run, &answer, &err), -1);
		expect_error(&err, ERR_IO, cases[i].want);
		kubeconfig_exec_free(e);
	}
	/* a name alone: in the absolute folders of PATH, not in the one we stand in */
	e = plugin("/x");
	mem_free(e->command);
	e->command = mem_str("in-path");
	files_script("in-path", ANSWER("\"token\":\"t\""));
	char *path = mem_printf(".:x:%s", files_folder), *old = mem_str(getenv("PATH"));
	assert_int_equal(chdir(files_folder), 0);
	setenv("PATH", ".:", 1);
	assert_int_equal(kube_exec_run(e, &run, &answer, &err), -1);
	expect_error(&err, ERR_IO, "exec: in-path: there is no such program in PATH");
	setenv("PATH", path, 1);
	assert_int_equal(kube_exec_run(e, &run, &answer, &err), 0);
	assert_string_equal(answer.token, "t");
	setenv("PATH", old, 1);
	assert_int_equal(chdir("/"), 0);
	exec_answer_clear(&answer);
	kubeconfig_exec_free(e);
	mem_free(path);
	mem_free(old);
}

static void test_info(void **state)
{
	struct kubeconfig_cluster cluster = { .server = mem_str("https://a") };
	struct kubeconfig_exec *e = plugin("p");
	struct buf out = BUF_INIT, ca = BUF_INIT;

	(void)state;
	kube_exec_info(e, &cluster, &ca, false, &out);
	assert_string_equal(buf_str(&out), "{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1
					   "\",\"spec\":{\"interactive\":false}}");
	buf_reset(&out);
	e->cluster_info = true;
	kube_exec_info(e, &cluster, &ca, true, &out);
	assert_string_equal(buf_str(&out),
			    "{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1
			    "\",\"spec\":{\"interactive\":true,\"cluster\":{\"server\":"
			    "\"https://a\"}}}");
	buf_reset(&out);
	cluster.tls_server_name = mem_str("b");
	cluster.proxy = mem_str("http://p");
	cluster.insecure = cluster.no_compression = true;
	cluster.exec_config = json_pack("{s:i}", "x", 1);
	buf_puts(&ca, "hello");
	kube_exec_info(e, &cluster, &ca, false, &out);
	assert_string_equal(
	    buf_str(&out),
	    "{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1
	    "\",\"spec\":{\"interactive\":false,\"cluster\":{\"server\":\"https://a\","
	    "\"tls-server-name\":\"b\",\"insecure-skip-tls-verify\":true,"
	    "\"certificate-authority-data\":\"aGVsbG8=\",\"proxy-url\":\"http://p\","
	    "\"disable-compression\":true,\"config\":{\"x\":1}}}}");
	json_decref(cluster.exec_config);
	mem_free(cluster.server);
	mem_free(cluster.tls_server_name);
	mem_free(cluster.proxy);
	buf_clear(&out);
	buf_clear(&ca);
	kubeconfig_exec_free(e);
}

/* Tests have no terminal. */
static void test_terminal(void **state)
{
	static const enum kubeconfig_mode modes[] = { KUBECONFIG_NEVER, KUBECONFIG_IF_AVAILABLE,
						      KUBECONFIG_ALWAYS };
	struct kubeconfig_exec *e = plugin("p");

	(void)state;
	for (size_t i = 0; i < COUNT(modes); i++) {
		struct err err = ERR_INIT;
		bool terminal = true;

		e->mode = modes[i];
		assert_int_equal(kube_exec_terminal(e, false, &terminal, &err),
				 modes[i] == KUBECONFIG_ALWAYS ? -1 : 0);
		assert_false(terminal);
	}
	kubeconfig_exec_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_authorities),
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_token_file),
		cmocka_unit_test(test_token_and_file),
		cmocka_unit_test(test_missing_token_file),
		cmocka_unit_test(test_authorities_rotate),
		cmocka_unit_test(test_authorities_of_a_server_not_trusted),
		cmocka_unit_test(test_pair_rotates),
		cmocka_unit_test(test_all_are_tried),
		cmocka_unit_test(test_plugin_is_given),
		cmocka_unit_test(test_plugin_runs_again),
		cmocka_unit_test(test_plugin_expires),
		cmocka_unit_test(test_plugin_fails_later),
		cmocka_unit_test(test_plugin_certificates),
		cmocka_unit_test(test_plugin_fails),
		cmocka_unit_test(test_plugin_is_missing),
		cmocka_unit_test(test_info),
		cmocka_unit_test(test_terminal),
	};

	mem_init();
	return cmocka_run_group_tests(tests, make_all, remove_all);
}
