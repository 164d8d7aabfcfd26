/* SPDX-License-Identifier: Apache-2.0 */
/* What only the outline of YAML and JSON tells. */
#include "tests/unit/test.h"

#include "tests/unit/guard/seen.h"
#include "tests/unit/guard/tokens.h"

#define SECRET "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\n"

struct one {
	const char *text, *list;
};

static void expect_all(const char *path, const struct one *cases, size_t n)
{
	for (size_t i = 0; i < n; i++)
		seen_expect(path, cases[i].text, cases[i].list);
}

static void test_secrets(void **state)
{
	(void)state;
	static const struct one cases[] = {
		{ SECRET "data:\n  a: c29tbWVy\n", "kubernetes-secret data.a\n" },
		{ SECRET "stringData:\n  a: sommer\n  b: \"win ter\"\n  c: 'x'\n",
		  "kubernetes-secret stringData.a\nkubernetes-secret stringData.b\n"
		  "kubernetes-secret stringData.c\n" },
		{ SECRET "stringData:\n  a: |\n    b\n    c\n\n  d: >-\n    e\n",
		  "kubernetes-secret stringData.a\nkubernetes-secret stringData.d\n" },
		{ SECRET "stringData:\n  a:\n    sommer\n  b: x\n",
		  "kubernetes-secret stringData.a\nkubernetes-secret stringData.b\n" },
		{ "stringData:\n  a: sommer\nkind: Secret\n", "kubernetes-secret stringData.a\n" },
		{ SECRET "stringData: {a: sommer, \"b\": 'x', c: }\n",
		  "kubernetes-secret stringData.a\nkubernetes-secret stringData.b\n" },
		{ "{\"kind\":\"Secret\",\"data\":{\"a\":\"c29tbWVy\"}}",
		  "kubernetes-secret data.a\n" },
		{ "{\n \"data\": {\n  \"a\": \"c29tbWVy\"\n },\n \"kind\": \"Secret\"\n}\n",
		  "kubernetes-secret data.a\n" },
		{ "kind: List\nitems:\n- kind: Secret\n  stringData:\n    a: x1\n- kind: Secret\n"
		  "  stringData:\n    b: x2\n- kind: Pod\n  data:\n    c: x3\n",
		  "kubernetes-secret stringData.a\nkubernetes-secret stringData.b\n" },
		{ "kind: List\nitems:\n  -\n    kind: Secret\n    stringData:\n      a: x1\n",
		  "kubernetes-secret stringData.a\n" },
		{ "a: b\n---\n" SECRET "stringData:\n  a: x1\n---\nstringData:\n  b: x2\n",
		  "kubernetes-secret stringData.a\n" },
		{ SECRET "stringData:\n  a: &x sommer\n  b: !!str sommer\n  c: *x\n",
		  "kubernetes-secret stringData.a\nkubernetes-secret stringData.b\n"
		  "kubernetes-secret stringData.c\n" },
		{ "\xef\xbb\xbf" SECRET "stringData:\n  a: sommer # old\n",
		  "kubernetes-secret stringData.a\n" },
		{ "extra:\n  - |\n    kind: Secret\n    stringData:\n      a: x1\n  - kind: "
		  "Secret\n"
		  "    stringData:\n      b: x2\n",
		  "kubernetes-secret stringData.a\nkubernetes-secret stringData.b\n" },
		{ "{{- if .x }}\nkind: Secret\nstringData:\n  {{- range .y }}\n  a: x1\n  {{ .k "
		  "}}: "
		  "x2\n  {{- end }}\n  b: x3\n{{- end }}\n",
		  "kubernetes-secret stringData.a\nkubernetes-secret stringData.b\n" },
		{ "secretGenerator:\n- name: a\n  literals:\n  - p=x1\n  - q=${q}\n  - r=\n",
		  "kubernetes-secret literals.p\n" },
		/* one that is filled in makes no other harmless */
		{ SECRET "stringData:\n  a: |\n    b=${B}\n    c=sommer\n  d: Som${m}er\n  e: "
			 "<a>b</a>\n",
		  "kubernetes-secret stringData.a\nkubernetes-secret stringData.d\n"
		  "kubernetes-secret stringData.e\n" },
		/* b=${B} and c=sommer; ["sommer"] */
		{ SECRET "data:\n  a: Yj0ke0J9CmM9c29tbWVyCg==\n  b: WyJzb21tZXIiXQ==\n",
		  "kubernetes-secret data.a\nkubernetes-secret data.b\n" },
		{ "secretGenerator:\n- literals:\n  - a=P@@ss\n  - b=x${B}\n  - c=<c>\n",
		  "kubernetes-secret literals.a\nkubernetes-secret literals.b\n" },
		{ "secretGenerator: [{name: a, literals: [p=x1]}]\n",
		  "kubernetes-secret literals.p\n" },
	};

	expect_all("a.yaml", cases, COUNT(cases));
}

static void test_no_secrets(void **state)
{
	(void)state;
	static const struct one cases[] = {
		{ SECRET, "" },
		{ SECRET "data: {}\n", "" },
		{ SECRET "data:\n  a: \"\"\n  b:\n", "" },
		{ SECRET "data:\n  a: ${A}\n  b: Y2hhbmdlbWU=\n", "" },
		{ SECRET
		  "stringData:\n  a: <a>\n  b: '{{ .b }}'\n  c: changeme\n  d: $(d)\n  e: $e\n",
		  "" },
		{ SECRET "stringData:\n  a: |\n    b=${B}\n    c: {{ .c }}\n  d: your-password\n",
		  "" },
		{ SECRET "data:\n  a: Yj0ke0J9CmM9JHtDfQo=\n  b: LS0tLS1CRUdJTi...\n", "" },
		{ SECRET "stringData:\n  a: ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]\n", "" },
		{ SECRET "data:\n  a: YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBhYmM=\n", "" },
		{ "kind: SealedSecret\nspec:\n  encryptedData:\n    a: AgAAAA\n", "" },
		{ "kind: secret\ndata:\n  a: x\n", "" },
		{ "apiVersion: acme.io/v1\nkind: Secret\ndata:\n  a: x\n", "" },
		{ "kind: Secret\nmetadata:\n  data:\n    a: x\n", "" },
		{ "kind: Secret\nspec:\n  b:\n    data:\n      a: x\n", "" },
		{ "configMapGenerator:\n- literals:\n  - p=x1\n", "" },
		{ "# kind: Secret\n# data:\n#   a: x\nvalue: 1\n", "" },
	};

	expect_all("a.yaml", cases, COUNT(cases));
	seen_expect("a.md", SECRET "stringData:\n  a: sommer\n", "");
}

/* In a program the manifest ends where its string does. */
static void test_in_programs(void **state)
{
	(void)state;
	static const struct one cases[] = {
		{ "x := `" SECRET "stringData:\n  a: x1\n`\n\ty := T{\n\t\tName: \"n\",\n\t}\n",
		  "kubernetes-secret stringData.a\n" },
		{ "x := `kind: Pod\n---\n" SECRET "stringData:\n  a: x1`\n\t\tName: name,\n",
		  "kubernetes-secret stringData.a\n" },
		{ "cat <<EOF\n" SECRET "stringData:\n  a: x1\nEOF\n  b: x2\n",
		  "kubernetes-secret stringData.a\n" },
	};

	expect_all("a.go", cases, COUNT(cases));
}

static void test_configmaps(void **state)
{
	(void)state;
#define MAP "kind: ConfigMap\ndata:\n"
	static const struct one cases[] = {
		{ MAP "  DB_PASSWORD: sommer26\n  LOG: debug\n",
		  "configmap-credential data.DB_PASSWORD\n" },
		{ MAP "  .env: |\n    A=1\n    API_TOKEN=sommer26\n",
		  "env-credential API_TOKEN\n" },
		{ MAP "  app.properties: |\n    db.password = sommer26\n",
		  "env-credential db.password\n" },
		{ MAP "  HMAC_KEY: 8fK2mQ9xLw4TzR7vBn3C\n  SORT_KEY: tenant-id\n",
		  "configmap-credential data.HMAC_KEY\n" },
		{ MAP "  PASSWORD_FILE: /run/x\n  SECRET: db-credentials\n  TOKEN: ${T}\n", "" },
		{ MAP "  password: changeme\n  token: \"\"\n  pass: secret\n", "" },
		{ "kind: Pod\ndata:\n  DB_PASSWORD: sommer26\n",
		  "assigned-credential DB_PASSWORD\n" },
		{ "kind: Pod\ndata:\n  DB_TOKEN: sommer26\n", "" },
	};

	expect_all("a.yaml", cases, COUNT(cases));
}

static void test_environments(void **state)
{
	(void)state;
	static const struct one cases[] = {
		{ "kind: Pod\nenv:\n- name: DB_PASSWORD\n  value: sommer26\n- name: A\n  value: "
		  "b\n",
		  "env-credential DB_PASSWORD\n" },
		{ "kind: Pod\nenv: [{name: HMAC_KEY, value: 8fK2mQ9xLw4TzR7vBn3C}]\n",
		  "env-credential HMAC_KEY\n" },
		{ "kind: Pod\nenv: [{value: sommer26, name: API_TOKEN}]\n",
		  "env-credential API_TOKEN\n" },
		{ "kind: Pod\nenv:\n- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef:\n"
		  "      name: a\n      key: password\n",
		  "" },
		{ "kind: A\nvalues:\n- key: api_token\n  value: sommer26\n- path: x\n  value: y\n",
		  "env-credential api_token\n" },
		{ "[{\"op\":\"add\",\"path\":\"/stringData/a\",\"value\":\"x1\"},\n{\"path\":"
		  "\"/stringData/b\",\"value\":\"${B}\", \"kind\":1}]",
		  "kubernetes-secret stringData.a\n" },
		{ "[{\"op\":\"add\",\"path\":\"/stringData/a\",\"value\":\"x${A}\"}]",
		  "kubernetes-secret stringData.a\n" },
		{ "kind: Pod\nenv:\n- name: SECRET_NAME\n  value: db-2\n", "" },
	};

	expect_all("a.yaml", cases, COUNT(cases));
}

static void test_kubeconfigs(void **state)
{
	(void)state;
#define CONFIG "kind: Config\nusers:\n- name: a\n  user:\n"
	static const struct one cases[] = {
		{ CONFIG "    token: abc\n", "kubeconfig user.token\n" },
		{ CONFIG "    password: sommer26\n    username: a\n",
		  "kubeconfig user.password\n" },
		{ CONFIG "    client-key-data: c29tbWVy\n    client-certificate-data: c29t\n",
		  "kubeconfig user.client-key-data\n" },
		{ CONFIG "    auth-provider:\n      config:\n        refresh-token: abc\n",
		  "kubeconfig config.refresh-token\n" },
		{ CONFIG "    tokenFile: /a\n    client-key: a.pem\n", "" },
		{ CONFIG "    token: ${TOKEN}\n", "" },
		{ "kind: Configuration\nusers:\n- user:\n    token: abc\n", "" },
	};

	expect_all("a.yaml", cases, COUNT(cases));
}

/* A token says more than that a Secret holds it, and takes over where it stands. */
static void test_the_better_rule(void **state)
{
	(void)state;
	char *token = tokens_github('p', 1), *wrapped = tokens_base64(token);
	char *key = tokens_pem("PRIVATE KEY", 200, "\n", 1), *key64 = tokens_base64(key);
	char *text =
	    mem_printf(SECRET "data:\n  a: %s\n  b: c29tbWVy\n  k: %s\nstringData:\n  c: |\n"
			      "    token %s\n",
		       wrapped, key64, token);

	seen_expect("a.yaml", text,
		    "github-token data.a\nkubernetes-secret data.b\nprivate-key data.k\n"
		    "github-token stringData.c\n");
	mem_free(text);
	mem_free(token);
	mem_free(wrapped);
	mem_free(key);
	mem_free(key64);
}

/* Deeper than is followed: the rest of the text is still looked at. */
static void test_depth(void **state)
{
	(void)state;
	struct buf text = BUF_INIT;

	for (int i = 0; i < 200; i++)
		buf_printf(&text, "%*sa:\n", i, "");
	buf_puts(&text, "---\n" SECRET "stringData:\n  a: x1\n---\nkind: ");
	for (int i = 0; i < 200; i++)
		buf_puts(&text, i % 2 == 0 ? "{a: " : "[");
	buf_puts(&text, "\n---\n" SECRET "stringData:\n  b: x1\n");
	seen_expect("a.yaml", buf_str(&text),
		    "kubernetes-secret stringData.a\nkubernetes-secret stringData.b\n");
	buf_clear(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_secrets),		cmocka_unit_test(test_no_secrets),
		cmocka_unit_test(test_in_programs),	cmocka_unit_test(test_configmaps),
		cmocka_unit_test(test_environments),	cmocka_unit_test(test_kubeconfigs),
		cmocka_unit_test(test_the_better_rule), cmocka_unit_test(test_depth),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
