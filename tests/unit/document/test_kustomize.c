/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "document/edit.h"
#include "document/kustomize.h"
#include "tests/unit/document/scene.h"

#define OK "resources: [x.yaml]\n"

struct kustomize_case {
	const char *text;
	/* for each finding "line text" or, a warning, "line? text": how it begins */
	const char *want;
};

#define IS "patches change what is bound in team-a/api-env"
#define MAY "patches may change team-a/api-env"
#define JSON_PATCH(path)                                                                           \
	"  patch: '[{\"op\": \"replace\", \"path\": \"" path "\", \"value\": \"q\"}]'\n"
#define MERGE_PATCH(fields)                                                                        \
	"  patch: |\n    apiVersion: bulla.dev/v1\n    kind: SealedCredential\n"                   \
	"    metadata: {name: api-env}\n    " fields "\n"

static const struct kustomize_case cases[] = {
	/* resources */
	{ OK, "" },
	{ "resources:\n- a.yaml\n- ./x.yaml\n", "" },
	{ "resources: [.//x.yaml]\n", "" },
	{ "resources: [y/../x.yaml]\n", "" },
	{ "resources: [y/./../z/../x.yaml]\n", "" },
	{ "resources: [../x.yaml]\n", "1 does not list x.yaml under resources" },
	{ "resources: [/x.yaml]\n", "1 does not list x.yaml" },
	{ "resources: [y/x.yaml]\n", "1 does not list x.yaml" },
	{ "resources: [x.yam, xx.yaml, x.yaml.bak, {x.yaml: y}]\n", "1 does not list x.yaml" },
	{ "# c\nkind: Kustomization\nresources:\n- a.yaml\n", "4 does not list x.yaml" },
	{ "kind: Kustomization\n", "1 does not list x.yaml" },
	{ "resources:\n", "1 does not list x.yaml" },
	{ "resources:\n- x.yaml\n- a.yaml\n- ./x.yaml\n", "4 lists x.yaml twice" },
	{ "resources: [x.yaml, x.yaml, x.yaml]\n", "1 lists x.yaml twice" },
	/* names */
	{ OK "namePrefix: p-\n", "2 namePrefix renames the sealed documents of x.yaml" },
	{ OK "nameSuffix: -s\n", "2 nameSuffix renames the sealed documents of x.yaml" },
	{ OK "namePrefix: ''\nnameSuffix:\n", "" },
	{ OK "namespace: team-a\n", "" },
	{ OK "namespace: team-b\n", "2 namespace moves team-a/api-env to another namespace" },
	{ OK "namespace: ''\n", "" },
	{ OK "# c\nnamespace: team-b\nnamePrefix: p-\n",
	  "3 namespace moves\n4 namePrefix renames" },
	/* labels and annotations of the document itself are free */
	{ OK "commonLabels: {a: b}\nlabels:\n- pairs: {c: d}\n  includeSelectors: true\n", "" },
	{ OK "labels:\n- pairs: {c: d}\n  fields:\n  - path: metadata/labels\n  - path: "
	     "spec/secret/labels\n    create: true\n",
	  "6 labels change what is bound" },
	{ OK "labels: [{fields: [{path: spec/template/metadata/labels, kind: Deployment}]}]\n",
	  "" },
	{ OK "labels: [{fields: [{path: spec, kind: SealedCredential}]}]\n", "2 labels change" },
	{ OK "commonAnnotations: {a: b}\n", "" },
	{ OK "commonAnnotations:\n  kustomize.toolkit.fluxcd.io/substitute: disabled\n", "" },
	{ OK "commonAnnotations:\n  a: b\n  kustomize.toolkit.fluxcd.io/substitute: enabled\n",
	  "4 commonAnnotations let Flux substitute" },
	/* patches with a target */
	{ OK "patches:\n- target: {kind: SealedCredential}\n" JSON_PATCH("/metadata/name"),
	  "3 " IS },
	{ OK "patches:\n- target: {kind: SealedCredential}\n" JSON_PATCH("/metadata/namespace"),
	  "3 " IS },
	{ OK "patches:\n- target: {kind: SealedCredential}\n" JSON_PATCH("/spec/deletionPolicy"),
	  "3 " IS },
	{ OK "patches:\n- target: {kind: SealedCredential}\n" JSON_PATCH(""), "3 " IS },
	{ OK "patches:\n- target: {kind: SealedCredential}\n" JSON_PATCH("/metadata/labels/a"),
	  "" },
	{ OK "patches:\n- target: {kind: SealedCredential}\n" JSON_PATCH("/metadata/names"), "" },
	{ OK "patches:\n- target: {kind: SealedCredential}\n  patch: '[{\"op\": \"test\", "
	     "\"path\": \"/spec\"}]'\n",
	  "" },
	{ OK "patches:\n- target: {kind: SealedCredential}\n  patch: '[{\"op\": \"move\", "
	     "\"from\": \"/spec/parts/A\", \"path\": \"/metadata/labels/a\"}]'\n",
	  "3 " IS },
	{ OK "patches:\n- target: {kind: SealedCredential}\n  patch: '[{\"op\": \"copy\", "
	     "\"from\": \"/spec/kind\", \"path\": \"/metadata/labels/a\"}]'\n",
	  "" },
	{ OK "patches:\n- target: {kind: SealedCredential}\n  patch: '[{\"op\": \"remove\"}]'\n",
	  "3 " IS },
	{ OK "patches:\n- target: {kind: SealedCredential}\n  patch: '['\n", "3? " MAY },
	{ OK "patches:\n- target: {kind: SealedCredential}\n  path: p.yaml\n", "3? " MAY },
	{ OK "patches:\n- target: {kind: Deployment}\n  path: p.yaml\n", "" },
	{ OK "patches:\n- target: {kind: Sealed.*}\n" JSON_PATCH("/spec/kind"), "3? " MAY },
	{ OK "patches:\n- target: {kind: .*}\n" JSON_PATCH("/spec/kind"), "3 " IS },
	{ OK "patches:\n- target: {name: api.env}\n" JSON_PATCH("/spec/kind"), "3 " IS },
	{ OK "patches:\n- target: {name: api}\n" JSON_PATCH("/spec/kind"), "" },
	{ OK "patches:\n- target: {group: apps}\n" JSON_PATCH("/spec/kind"), "" },
	{ OK "patches:\n- target: {group: bulla.dev, version: v1, namespace: team-a}\n" JSON_PATCH(
	      "/spec/kind"),
	  "3 " IS },
	{ OK "patches:\n- target: {version: v2}\n" JSON_PATCH("/spec/kind"), "" },
	{ OK "patches:\n- target: {namespace: team-b}\n" JSON_PATCH("/spec/kind"), "" },
	{ OK "patches:\n- target: {labelSelector: a=b}\n" JSON_PATCH("/spec/kind"), "3? " MAY },
	{ OK
	  "patches:\n- target: {annotationSelector: a=b, kind: Secret}\n" JSON_PATCH("/spec/kind"),
	  "" },
	{ OK "patches:\n- target: {kind: SealedCredential}\n" MERGE_PATCH(
	      "spec: {deletionPolicy: Delete}"),
	  "3 " IS },
	{ OK "patches:\n- target: {kind: SealedCredential}\n" MERGE_PATCH("$patch: delete"),
	  "3 " IS },
	{ OK "patches:\n- target: {kind: SealedCredential}\n" MERGE_PATCH("data: {a: b}"), "" },
	{ OK "patches:\n- target: {kind: SealedCredential}\n  options: {allowNameChange: "
	     "true}\n" MERGE_PATCH("x: y"),
	  "3? " MAY },
	/* patches that name the document themselves */
	{ OK "patches:\n-" MERGE_PATCH("spec: {kind: x}") "", "3 " IS },
	{ OK "patches:\n- path: p.yaml\n", "" },
	{ OK "patches:\n- patch: '{kind: SealedCredential, metadata: {name: other}, spec: {}}'\n",
	  "" },
	{ OK "patches:\n- patch: '{kind: SealedCredential, metadata: {name: api-env, namespace: "
	     "b}, spec: {}}'\n",
	  "" },
	{ OK "patches:\n- patch: '{kind: SealedCredential, metadata: {name: api-env, namespace: "
	     "team-a}, spec: {}}'\n",
	  "3 " IS },
	{ OK "patches:\n- patch: '{kind: Deployment, metadata: {name: api-env}, spec: {}}'\n", "" },
	{ OK "patchesStrategicMerge:\n- p.yaml\n- |\n  kind: SealedCredential\n  metadata: {name: "
	     "api-env}\n  spec: {kind: x}\n",
	  "4 patchesStrategicMerge change what is bound" },
	{ OK "patchesJson6902:\n- target: {version: v1, kind: SealedCredential, name: "
	     "api-env}\n" JSON_PATCH("/spec/kind"),
	  "3 patchesJson6902 change what is bound" },
	/* replacements */
	{ OK "replacements:\n- source: {kind: A}\n  targets:\n  - select: {kind: "
	     "SealedCredential}\n    fieldPaths: [spec.secret.type]\n",
	  "5 replacements change what is bound in team-a/api-env" },
	{ OK
	  "replacements:\n- source: {kind: A}\n  targets:\n  - select: {kind: SealedCredential}\n",
	  "5 replacements change what is bound" },
	{ OK "replacements:\n- targets:\n  - select: {name: api-.*}\n    fieldPaths: "
	     "[metadata.name]\n",
	  "4? replacements may change what is bound" },
	{ OK "replacements:\n- targets:\n  - select: {kind: SealedCredential}\n    fieldPaths: "
	     "['metadata.annotations.a']\n",
	  "" },
	{ OK "replacements:\n- targets:\n  - select: {kind: Secret}\n    fieldPaths: "
	     "[metadata.name]\n",
	  "" },
	{ OK "replacements:\n- path: r.yaml\n", "" },
	/* what is of another shape than kustomize's is left to kustomize */
	{ OK "patches: {a: b}\nreplacements: x\nlabels: [a, {fields: b}]\ncommonAnnotations: "
	     "[]\nnamespace: [a]\n",
	  "" },
	{ OK "patches: [[a], {target: x, patch: 'y: z'}]\n", "" },
	{ "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nspec: "
	  "{targetNamespace: x}\n",
	  "" },
	{ "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n", "1 does not list" },
};

static int check(const char *text, const struct edit_file *f, struct kustomize_findings *out,
		 struct err *err)
{
	const struct kustomize_input in = {
		.name = "kustomization.yaml",
		.text = text,
		.len = strlen(text),
		.file = "x.yaml",
		.documents = f->documents,
		.n = f->n,
	};

	return kustomize_check(&in, out, err);
}

static void load(const char *template, struct edit_file *f)
{
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	scene_text(template, "\n", &text);
	if (edit_load("x.yaml", &text, f, &err) != 0)
		fail_msg("%s", err.text);
}

static void test_table(void **state)
{
	struct edit_file f;

	(void)state;
	load(HEAD PART("A", "A"), &f);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *want = cases[i].want;
		struct kustomize_findings found;
		struct err err = ERR_INIT;

		if (check(cases[i].text, &f, &found, &err) != 0)
			fail_msg("%s%s", cases[i].text, err.text);
		for (size_t k = 0; k < found.n; k++) {
			char line[16];
			size_t n;

			snprintf(line, sizeof(line), "%u%s ", found.items[k].line,
				 found.items[k].warning ? "?" : "");
			n = strlen(line);
			if (strncmp(want, line, n) != 0 ||
			    strncmp(want + n, found.items[k].text, strcspn(want + n, "\n")) != 0)
				fail_msg("%s: %s%s, not %s", cases[i].text, line,
					 found.items[k].text, want);
			want += strcspn(want, "\n");
			want += *want == '\n';
		}
		if (*want != '\0')
			fail_msg("%s: missing %s", cases[i].text, want);
		kustomize_clear(&found);
		assert_null(found.items);
	}
	edit_clear(&f);
}

/* Each document of a file is looked at. */
static void test_several(void **state)
{
	struct edit_file f;
	struct kustomize_findings found;
	struct err err = ERR_INIT;

	(void)state;
	load(HEAD PART("A", "A") "---\napiVersion: bulla.dev/v1\nkind: SealedCredential\n"
				 "metadata: {name: two, namespace: team-b}\n" SPEC
				 "  parts:\n" PART("A", "B"),
	     &f);
	assert_int_equal(check(OK "namespace: team-a\npatches: [{target: {name: two}, path: p}]\n",
			       &f, &found, &err),
			 0);
	assert_int_equal(found.n, 2);
	assert_non_null(strstr(found.items[0].text, "moves team-b/two"));
	assert_non_null(strstr(found.items[1].text, "may change team-b/two"));
	kustomize_clear(&found);
	edit_clear(&f);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} refused[] = {
		{ "", "kustomization.yaml: is empty or not a map; kustomize refuses it" },
		{ "# nothing\n",
		  "kustomization.yaml: is empty or not a map; kustomize refuses it" },
		{ "- x.yaml\n", "kustomization.yaml: is empty or not a map; kustomize refuses it" },
		{ "a: *b\n", "kustomization.yaml:1: aliases (*) are not allowed" },
		{ "a: [\n", "kustomization.yaml:2: did not find expected node content while "
			    "parsing a flow node" },
	};
	struct edit_file f = EDIT_FILE_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct kustomize_findings found;
		struct err err = ERR_INIT;

		assert_int_equal(check(refused[i].text, &f, &found, &err), -1);
		assert_int_equal(err.class, ERR_INVALID);
		assert_string_equal(err.text, refused[i].why);
		assert_int_equal(found.n, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_refused),
	};
	int rc;

	mem_init();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	scene_clear();
	return rc;
}
