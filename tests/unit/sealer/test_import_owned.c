/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <string.h>

#include "base/mem.h"
#include "sealer/import.h"

static const struct {
	const char *fields, *why; /* NULL: it is the user's own */
} cases[] = {
	{ "metadata: {name: a}", NULL },
	{ "type: Opaque, metadata: {name: a, labels: {app: b}, annotations: {c: d}}", NULL },
	{ "metadata: {name: a, ownerReferences: []}", NULL },
	{ "metadata: {name: a, labels: {app.kubernetes.io/managed-by: argo}}", NULL },
	{ "metadata: {name: a, annotations: {replicator.v1.mittwald.de/replicate-to: x}}", NULL },
	{ "metadata: x", NULL },
	{ "metadata: {name: [x], labels: [x], annotations: 5}", NULL },
	{ "type: [x]", NULL },
	{ "type: kubernetes.io/service-account-token", "the API server fills it" },
	{ "type: bootstrap.kubernetes.io/token", "join" },
	{ "type: helm.sh/release.v1", "Helm keeps" },
	{ "metadata: {name: bulla-sealing-keys}", "sealing keys" },
	{ "metadata: {name: a, ownerReferences: [{kind: Certificate}]}", "another object owns" },
	{ "metadata: {name: a, ownerReferences: [x]}", "another object owns" },
	{ "metadata: {name: a, ownerReferences: [{kind: SealedSecret}]}", "sealed-secrets'" },
	{ "metadata: {name: a, labels: {app.kubernetes.io/managed-by: Helm}}", "Helm release" },
	{ "metadata: {name: a, annotations: {meta.helm.sh/release-name: x}}", "Helm release" },
	{ "metadata: {name: a, annotations: {cert-manager.io/certificate-name: x}}",
	  "cert-manager" },
	{ "metadata: {name: a, labels: {kustomize.toolkit.fluxcd.io/name: x}}", "Flux applies" },
	{ "metadata: {name: a, annotations: {bulla.dev/owner: a/b}}", "Bulla's agent" },
	{ "metadata: {name: a, labels: {sealedsecrets.bitnami.com/sealed-secrets-key: active}}",
	  "sealed-secrets controller" },
	{ "metadata: {name: a, annotations: {argocd.argoproj.io/tracking-id: x}}", "Argo CD" },
	{ "metadata: {name: a, labels: {reconcile.external-secrets.io/managed: \"true\"}}",
	  "External Secrets" },
};

static void test_owned(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *text = mem_printf("{kind: Secret, %s}", cases[i].fields);
		struct yaml_stream s = YAML_STREAM_INIT;
		const char *why;

		assert_int_equal(yaml_parse("f", text, strlen(text), &s, NULL), 0);
		why = import_owned(s.docs[0].root);
		if ((why == NULL) != (cases[i].why == NULL) ||
		    (why != NULL && strstr(why, cases[i].why) == NULL))
			fail_msg("%s: %s", cases[i].fields, why != NULL ? why : "not owned");
		yaml_clear(&s);
		mem_free(text);
	}
}

/* A SealedSecret is made by a person, whatever its metadata say. */
static void test_only_secrets(void **state)
{
	static const char text[] =
	    "{kind: SealedSecret, metadata: {ownerReferences: [{kind: x}], name: a}}";
	struct yaml_stream s = YAML_STREAM_INIT;

	(void)state;
	assert_int_equal(yaml_parse("f", text, sizeof(text) - 1, &s, NULL), 0);
	assert_null(import_owned(s.docs[0].root));
	yaml_clear(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_owned),
		cmocka_unit_test(test_only_secrets),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
