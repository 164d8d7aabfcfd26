/* SPDX-License-Identifier: Apache-2.0 */
/* Existing Secrets: which kind they are, and which are never sealed. */
#include "tests/unit/kinds/kindtest.h"

#define PAT                                                                                        \
	"ghp"                                                                                      \
	"_0123456789abcdefghijABCDEFGHIJ3mpbCX"
#define DOCKER "{\"auths\":{\"a.example.com\":{\"auth\":\"dTpw\"}}}"
#define TOKEN "0123456789abcdef0123456789abcdef"

static void read_data(struct kv *data, const char *const *words)
{
	for (size_t i = 0; i < KINDTEST_WORDS && words[i] != NULL; i++)
		kindtest_put(data, words[i]);
}

static void test_found(void **state)
{
	(void)state;
	static const struct {
		const char *type, *words[KINDTEST_WORDS], *kind, *fields, *aliases;
	} cases[] = {
		{ TYPE_DOCKER,
		  { ".dockerconfigjson=" DOCKER },
		  "registry",
		  "docker-config=" DOCKER,
		  "" },
		{ TYPE_DOCKER,
		  { ".dockerconfigjson=" DOCKER, "config.json=" DOCKER },
		  "registry",
		  "docker-config=" DOCKER,
		  "config.json=.dockerconfigjson" },
		{ TYPE_TLS,
		  { "tls.crt=x", "tls.key=y", "cert.pem=x", "key.pem=y" },
		  "tls",
		  "cert=x private-key=y",
		  "cert.pem=tls.crt key.pem=tls.key" },
		{ TYPE_BASIC,
		  { "username=u", "password=p" },
		  "basic-auth",
		  "password=p username=u",
		  "" },
		{ TYPE_BASIC,
		  { "username=u", "password=p", "user=u" },
		  "basic-auth",
		  "password=p username=u",
		  "user=username" },
		{ TYPE_OPAQUE,
		  { "username=u", "password=p" },
		  "basic-auth",
		  "password=p username=u",
		  "" },
		{ TYPE_OPAQUE,
		  { "username=u", "password=p", "host=db" },
		  "opaque",
		  "host=db password=p username=u",
		  "" },
		{ TYPE_OPAQUE, { "username=u" }, "opaque", "username=u", "" },
		{ TYPE_OPAQUE,
		  { "address=http://p", "username=u", "password=p" },
		  "proxy",
		  "address=http://p password=p username=u",
		  "" },
		{ TYPE_OPAQUE, { "token=" TOKEN }, "webhook-token", "token=" TOKEN, "" },
		{ TYPE_OPAQUE, { "token=short" }, "opaque", "token=short", "" },
		{ TYPE_OPAQUE, { "token=" PAT }, "opaque", "token=" PAT, "" },
		{ TYPE_OPAQUE, { "token=" TOKEN, "more=x" }, "opaque", "more=x token=" TOKEN, "" },
		{ TYPE_OPAQUE, { "age.agekey=x" }, "age-key", "private-key=x", "" },
		{ TYPE_OPAQUE, { "sops.agekey=x" }, "opaque", "sops.agekey=x", "" },
		{ TYPE_OPAQUE, { "credentials.json={}" }, "gcp-service-account", "key={}", "" },
		{ TYPE_OPAQUE, { "A=b", "C=" }, "opaque", "A=b C=", "" },
		{ "", { "A=b" }, "opaque", "A=b", "" },
		{ NULL, { "A=b" }, "opaque", "A=b", "" },
		/* an empty value is no copy of another */
		{ TYPE_OPAQUE,
		  { "username=", "password=", "x=" },
		  "opaque",
		  "password= username= x=",
		  "" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct kind_input in = { .now = KINDTEST_NOW };
		struct kv data = KV_INIT;
		struct err err = ERR_INIT;
		const struct kind *k;

		read_data(&data, cases[i].words);
		k = kind_detect(cases[i].type, &data, &in, &err);
		if (k == NULL)
			fail_msg("%s", err.text);
		assert_string_equal(k->name, cases[i].kind);
		kindtest_same(&in.fields, cases[i].fields);
		kindtest_same(&in.aliases, cases[i].aliases);
		assert_true(kind_type_allowed(k, in.type));
		kind_input_clear(&in);
		kv_clear(&data);
	}
}

static void test_refused(void **state)
{
	(void)state;
	static const struct {
		const char *type, *words[KINDTEST_WORDS], *text;
	} cases[] = {
		{ "kubernetes.io/service-account-token",
		  { "token=x" },
		  "type kubernetes.io/service-account-token: is never sealed: the API server "
		  "itself "
		  "fills it, with a credential for the cluster" },
		{ "bootstrap.kubernetes.io/token",
		  { "token-id=x" },
		  "type bootstrap.kubernetes.io/token: is never sealed: it lets nodes join the "
		  "cluster" },
		{ "kubernetes.io/dockercfg",
		  { ".dockercfg={}" },
		  "type kubernetes.io/dockercfg: is never sealed: it is the old form of "
		  "kubernetes.io/dockerconfigjson; seal the login anew as a registry" },
		{ "helm.sh/release.v1",
		  { "release=x" },
		  "type helm.sh/release.v1: is never sealed: Helm keeps the state of its releases "
		  "in "
		  "it" },
		{ "example.org/own",
		  { "A=b" },
		  "type example.org/own: is not sealed; the types are Opaque, "
		  "kubernetes.io/dockerconfigjson, kubernetes.io/tls, kubernetes.io/ssh-auth and "
		  "kubernetes.io/basic-auth" },
		{ "opaque",
		  { "A=b" },
		  "type opaque: is not sealed; the types are Opaque, "
		  "kubernetes.io/dockerconfigjson, "
		  "kubernetes.io/tls, kubernetes.io/ssh-auth and kubernetes.io/basic-auth" },
		{ TYPE_DOCKER,
		  { "config.json=" DOCKER },
		  "type kubernetes.io/dockerconfigjson: these data keys are not those of a Secret "
		  "that "
		  "its readers take; the kind registry is nearest" },
		{ TYPE_BASIC,
		  { "username=u" },
		  "type kubernetes.io/basic-auth: these data keys are not those of a Secret that "
		  "its "
		  "readers take; the kind basic-auth is nearest" },
		{ TYPE_TLS,
		  { "tls.crt=x" },
		  "type kubernetes.io/tls: these data keys are not those of a Secret that its "
		  "readers "
		  "take; the kind tls is nearest" },
		{ TYPE_SSH,
		  { "key=x" },
		  "type kubernetes.io/ssh-auth: these data keys are not those of a Secret that its "
		  "readers take; the kind deploy-key is nearest" },
		{ TYPE_DOCKER,
		  { ".dockerconfigjson=" DOCKER, "more=x" },
		  "type kubernetes.io/dockerconfigjson: these data keys are not those of a Secret "
		  "that "
		  "its readers take; the kind registry is nearest" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct kind_input in = { .now = KINDTEST_NOW };
		struct kv data = KV_INIT;
		struct err err = ERR_INIT;

		read_data(&data, cases[i].words);
		assert_null(kind_detect(cases[i].type, &data, &in, &err));
		assert_string_equal(err.text, cases[i].text);
		assert_int_equal(err.class, ERR_INVALID);
		assert_int_equal(in.fields.n + in.aliases.n, 0);
		kv_clear(&data);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_refused),
	};

	mem_init();
	return cmocka_run_group_tests_name("kinds/detect", tests, NULL, NULL);
}
