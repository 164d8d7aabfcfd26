/* SPDX-License-Identifier: Apache-2.0 */
/* Which deploy keys the documents of a folder hold, by what they say. */
#include "tests/unit/test.h"

#include "sealer/holders.h"
#include "tests/unit/document/sample.h"
#include "tests/unit/sealer/scratch.h"

#define KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
#define OTHER "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
#define KEY_PRINT "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"

static void test_fingerprint(void **state)
{
	static const struct {
		const char *public, *print; /* NULL: none */
	} cases[] = {
		{ KEY, KEY_PRINT },
		{ KEY " me@host", KEY_PRINT },
		{ KEY "\n", KEY_PRINT },
		{ "ssh-ed25519", NULL },
		{ "ssh-ed25519 AAAA!", NULL },
		/* the name outside is not the one inside */
		{ "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl",
		  NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *print = holders_fingerprint(cases[i].public);

		if ((print == NULL) != (cases[i].print == NULL))
			fail_msg("%s", cases[i].public);
		if (print != NULL)
			assert_string_equal(print, cases[i].print);
		mem_free(print);
	}
}

static void test_has(void **state)
{
	static const struct {
		const char *public, *fingerprint, *asked;
		bool has;
	} cases[] = {
		{ KEY, NULL, KEY, true },
		{ KEY " comment", NULL, KEY, true },
		{ KEY, NULL, KEY " other\n", true },
		{ KEY, NULL, OTHER, false },
		/* the key itself is more than what is said of it */
		{ OTHER, KEY_PRINT, KEY, false },
		{ NULL, KEY_PRINT, KEY, true },
		{ NULL, KEY_PRINT, KEY " comment", true },
		{ NULL, KEY_PRINT, OTHER, false },
		{ NULL, KEY_PRINT "x", KEY, false },
		{ NULL, NULL, KEY, false },
		{ NULL, KEY_PRINT, "no key", false },
		{ NULL, NULL, "", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct holder h = { .public = mem_str(cases[i].public),
				    .fingerprint = mem_str(cases[i].fingerprint) };

		if (holder_has(&h, cases[i].asked) != cases[i].has)
			fail_msg("case %zu", i);
		mem_free(h.public);
		mem_free(h.fingerprint);
	}
}

#define FACTS                                                                                      \
	"        fingerprint: \"" KEY_PRINT "\"\n"                                                 \
	"        public-key: \"" KEY "\"\n"                                                        \
	"        sealed-at: \"2026-11-23T08:00:00Z\"\n"                                            \
	"        url: \"ssh://git@github.com/barolab/foobar-infra\"\n"

/* A document that nobody here opens. */
static void put(const char *path, const char *kind, const char *part, const char *facts)
{
	struct buf text = BUF_INIT, age = BUF_INIT;

	sample_age(2, 1024, &age);
	buf_printf(&text,
		   "apiVersion: bulla.dev/v1\nkind: SealedCredential\nmetadata:\n  name: flux-ssh\n"
		   "  namespace: flux-system\nspec:\n  kind: %s\n  secret:\n    type: Opaque\n"
		   "  parts:\n    %s:\n      recipients:\n        eu: \"" SAMPLE_ID_A "\"\n"
		   "        us: \"" SAMPLE_ID_B "\"\n      facts:\n%s      sealed: |\n",
		   kind, part, facts);
	sample_armor(&age, &text);
	scratch_write(path, buf_str(&text));
	buf_clear(&text);
	buf_clear(&age);
}

static void test_find(void **state)
{
	const struct keyring nobody = KEYRING_INIT;
	struct holders all = HOLDERS_INIT;
	struct err err = ERR_INIT;

	(void)state;
	put("a/flux.yaml", "deploy-key", "credential", FACTS);
	put("b/flux.yaml", "deploy-key", "credential",
	    "        sealed-at: \"2026-11-23T08:00:00Z\"\n");
	put("c/other.yaml", "opaque", "TOKEN", "        sealed-at: \"2026-11-23T08:00:00Z\"\n");
	scratch_write("d/config.yaml", "kind: ConfigMap\n");
	scratch_write("e/broken.yaml", "apiVersion: bulla.dev/v1\nkind: SealedCredential\n");
	if (holders_find(".", &nobody, &all, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(all.n, 2);
	assert_int_equal(all.unread, 1);
	assert_string_equal(all.items[0].file, "a/flux.yaml");
	assert_string_equal(all.items[0].document, "flux-system/flux-ssh");
	assert_string_equal(all.items[0].url, "ssh://git@github.com/barolab/foobar-infra");
	assert_true(holder_has(&all.items[0], KEY));
	assert_false(all.items[0].proven);
	/* a document that says nothing of its key holds none that is known */
	assert_string_equal(all.items[1].file, "b/flux.yaml");
	assert_true(all.items[1].url == NULL && all.items[1].public == NULL);
	assert_false(holder_has(&all.items[1], KEY));
	holders_clear(&all);
	assert_true(all.items == NULL && all.n == 0 && all.unread == 0);
}

static void test_no_folder(void **state)
{
	const struct keyring nobody = KEYRING_INIT;
	struct holders all = HOLDERS_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(holders_find("nowhere", &nobody, &all, &err), -1);
	assert_int_equal(err.class, ERR_IO);
	assert_int_equal(all.n, 0);
	holders_clear(&all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fingerprint),
		cmocka_unit_test(test_has),
		cmocka_unit_test_setup_teardown(test_find, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_no_folder, scratch_make, scratch_remove),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
