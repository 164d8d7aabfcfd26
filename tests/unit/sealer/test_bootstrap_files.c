/* SPDX-License-Identifier: Apache-2.0 */
/* the files that Flux reads: new, as a person left them, and the agent's manifest */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "sealer/bootstrap_files.h"
#include "sealer/bootstrap_manifest.h"
#include "sealer/install_manifest.h"

#define URL "ssh://git@github.com/barolab/foobar-infra"
#define HEAD "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"

static const struct bootstrap_names names = { "clusters/eu-west9", URL, "main", false };

static void merged(const struct bootstrap_names *n, enum bootstrap_file file, const char *had,
		   const char *wanted)
{
	struct buf text = BUF_INIT, out = BUF_INIT;
	struct err err = ERR_INIT;
	bool changed;

	buf_puts(&text, had);
	if (bootstrap_file_merge(n, file, &text, &out, &changed, &err) != 0)
		fail_msg("%s\n%s", err.text, had);
	assert_string_equal(buf_str(&out), wanted);
	assert_int_equal(changed, strcmp(had, wanted) != 0);
	buf_clear(&text);
	buf_clear(&out);
}

static void refused(const struct bootstrap_names *n, enum bootstrap_file file, const char *had,
		    enum err_class class, const char *text)
{
	struct buf there = BUF_INIT, out = BUF_INIT;
	struct err err = ERR_INIT;
	bool changed = true;

	buf_puts(&there, had);
	assert_int_equal(bootstrap_file_merge(n, file, &there, &out, &changed, &err), -1);
	assert_int_equal(err.class, class);
	if (strstr(err.text, text) == NULL)
		fail_msg("\"%s\" has no \"%s\"", err.text, text);
	buf_clear(&there);
	buf_clear(&out);
}

/* Each is YAML as everything else here reads it, and nothing is to be changed about it. */
static void test_new_ones_are_whole(void **state)
{
	static const struct bootstrap_names odd[] = {
		{ "clusters/eu-west9", URL, "main", false },
		{ "clusters/eu-west9", URL, "main", true },
		{ "a@b+c/1.0", "ssh://u@[::1]:22/x", "1.0", false },
		{ "x", URL, "yes", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(odd); i++)
		for (enum bootstrap_file f = 0; f < BOOTSTRAP_FILES; f++) {
			struct yaml_stream stream = YAML_STREAM_INIT;
			struct buf text = BUF_INIT;
			struct err err = ERR_INIT;

			bootstrap_file_text(&odd[i], f, &text);
			if (yaml_parse("new", text.data, text.len, &stream, &err) != 0)
				fail_msg("%zu %d: %s", i, f, err.text);
			merged(&odd[i], f, buf_str(&text), buf_str(&text));
			yaml_clear(&stream);
			buf_clear(&text);
		}
}

/* A branch that YAML takes for a number, or for true, is a string all the same. */
static void test_words_that_are_no_strings(void **state)
{
	struct bootstrap_names n = names;
	struct buf text = BUF_INIT;

	(void)state;
	n.branch = "1.0";
	bootstrap_file_text(&n, BOOTSTRAP_SYNC, &text);
	assert_non_null(strstr(buf_str(&text), "    branch: \"1.0\"\n"));
	assert_non_null(strstr(buf_str(&text), "  url: " URL "\n"));
	assert_non_null(strstr(buf_str(&text), "  path: ./clusters/eu-west9\n"));
	buf_clear(&text);
}

static void test_lists(void **state)
{
	struct bootstrap_names with = names;

	(void)state;
	with.components = true;
	merged(&names, BOOTSTRAP_BULLA_FOLDER, HEAD "resources:\n- a.yaml\n",
	       HEAD "resources:\n- agent.yaml\n- a.yaml\n");
	merged(&names, BOOTSTRAP_BULLA_FOLDER, HEAD "resources:\n  # ours\n  - a.yaml\n",
	       HEAD "resources:\n  # ours\n  - agent.yaml\n  - a.yaml\n");
	merged(&names, BOOTSTRAP_BULLA_FOLDER, HEAD "resources: [./agent.yaml, x]\n",
	       HEAD "resources: [./agent.yaml, x]\n");
	merged(&names, BOOTSTRAP_ROOT, HEAD "resources:\n- bulla.yaml\n- ./flux-system/\n",
	       HEAD "resources:\n- credentials.yaml\n- bulla.yaml\n- ./flux-system/\n");
	merged(&with, BOOTSTRAP_FLUX, HEAD "resources:\n- gotk-sync.yaml\n",
	       HEAD "resources:\n- gotk-components.yaml\n- gotk-sync.yaml\n");
	/* listed twice is kustomize's to refuse; not listed is ours */
	refused(&names, BOOTSTRAP_BULLA_FOLDER, HEAD, ERR_CONFLICT, "it does not list agent.yaml");
	refused(&names, BOOTSTRAP_BULLA_FOLDER, HEAD "resources: []\n", ERR_CONFLICT,
		"has no list of resources, line by line");
	refused(&names, BOOTSTRAP_BULLA_FOLDER, HEAD "resources: [x]\n", ERR_CONFLICT,
		"clusters/eu-west9/bulla/kustomization.yaml: ");
	refused(&names, BOOTSTRAP_BULLA_FOLDER, "resources: &x [y]\n", ERR_INVALID,
		"clusters/eu-west9/bulla/kustomization.yaml:1");
}

/* In our own text, a for b. */
static char *changed_text(enum bootstrap_file file, const char *a, const char *b)
{
	struct buf text = BUF_INIT, out = BUF_INIT;
	const char *at;
	char *made;

	bootstrap_file_text(&names, file, &text);
	at = strstr(buf_str(&text), a);
	assert_non_null(at);
	buf_put(&out, text.data, (size_t)(at - buf_str(&text)));
	buf_puts(&out, b);
	buf_puts(&out, at + strlen(a));
	made = mem_str(buf_str(&out));
	buf_clear(&text);
	buf_clear(&out);
	return made;
}

static const struct {
	enum bootstrap_file file;
	const char *from, *to;
	const char *text; /* of the refusal; NULL: a person may do so */
} changes[] = {
	{ BOOTSTRAP_SYNC, "interval: 1m", "interval: 5m", NULL },
	{ BOOTSTRAP_SYNC, "  ref:\n", "  timeout: 20s\n  ref:\n", NULL },
	{ BOOTSTRAP_SYNC, "url: ssh://git@github.com/barolab/foobar-infra",
	  "url: ssh://git@github.com/x/y",
	  "clusters/eu-west9/flux-system/gotk-sync.yaml:1: GitRepository flux-system: spec.url is "
	  "not" },
	{ BOOTSTRAP_SYNC, "branch: main", "branch: other",
	  "GitRepository flux-system: spec.ref.branch" },
	{ BOOTSTRAP_SYNC, "name: flux-ssh", "name: other", "spec.secretRef.name" },
	{ BOOTSTRAP_SYNC, "path: ./clusters/eu-west9", "path: ./clusters",
	  "Kustomization flux-system: spec.path" },
	{ BOOTSTRAP_SYNC, "kind: GitRepository\nmetadata", "kind: Bucket\nmetadata",
	  "it has no GitRepository flux-system/flux-system" },
	{ BOOTSTRAP_BULLA, "wait: true", "wait: false", "Kustomization bulla: spec.wait" },
	{ BOOTSTRAP_BULLA, "prune: true", "prune: false", NULL },
	{ BOOTSTRAP_CREDENTIALS, "  dependsOn:\n  - name: bulla\n", "", "spec.dependsOn" },
	{ BOOTSTRAP_CREDENTIALS, "  - name: bulla\n", "  - name: cni\n  - name: bulla\n", NULL },
	{ BOOTSTRAP_CREDENTIALS, "timeout: 3m", "timeout: 9m", NULL },
};

static void test_objects(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(changes); i++) {
		char *text = changed_text(changes[i].file, changes[i].from, changes[i].to);

		if (changes[i].text == NULL)
			merged(&names, changes[i].file, text, text);
		else
			refused(&names, changes[i].file, text, ERR_CONFLICT, changes[i].text);
		mem_free(text);
	}
}

/* Where no branch is given, whatever the file follows is right. */
static void test_any_branch(void **state)
{
	struct bootstrap_names any = names;
	char *text = changed_text(BOOTSTRAP_SYNC, "branch: main", "tag: v1");

	(void)state;
	any.branch = NULL;
	merged(&any, BOOTSTRAP_SYNC, text, text);
	mem_free(text);
}

/* --- the manifest ----------------------------------------------------------------------------- */

static void test_manifest(void **state)
{
	static const char image[] = "ghcr.io/barolab/bulla-agent:1.2";
	struct yaml_stream stream = YAML_STREAM_INIT;
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	size_t n = 0;

	(void)state;
	bootstrap_manifest_text(image, &text);
	if (yaml_parse("agent", text.data, text.len, &stream, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(stream.n, 21);
	yaml_clear(&stream);
	for (const char *s = strstr(buf_str(&text), image); s != NULL; s = strstr(s + 1, image))
		n++;
	assert_int_equal(n, 2);
	assert_null(strstr(buf_str(&text), "bulla.dev/bulla-agent"));
	assert_true(bootstrap_manifest_has_image(&text, image));
	assert_false(bootstrap_manifest_has_image(&text, "ghcr.io/barolab/bulla-agent:1"));
	assert_false(bootstrap_manifest_has_image(&text, "barolab/bulla-agent:1.2"));
	assert_true(install_manifest_len > 20000 && text.len > install_manifest_len);
	buf_clear(&text);
}

static void test_images(void **state)
{
	static const char *const good[] = { "a:1", "ghcr.io/x/y:latest",
					    "localhost:5000/x@sha256:ab", "r:5/x:v1.2_3" };
	static const char *const bad[] = { "",	   "a",	 "r:5000/x", "a b:1", "a:1\nimage: b:2",
					   "-a:1", "a:", "a@",	     "a:1'" };

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_int_equal(bootstrap_manifest_check_image(good[i], NULL), 0);
	for (size_t i = 0; i < COUNT(bad); i++)
		if (bootstrap_manifest_check_image(bad[i], NULL) == 0)
			fail_msg("taken: %s", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_ones_are_whole),
		cmocka_unit_test(test_words_that_are_no_strings),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_objects),
		cmocka_unit_test(test_any_branch),
		cmocka_unit_test(test_manifest),
		cmocka_unit_test(test_images),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
