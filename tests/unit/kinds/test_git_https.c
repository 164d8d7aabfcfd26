/* SPDX-License-Identifier: Apache-2.0 */
/* A token for Git over HTTPS, with the place it goes to and whom it trusts. */
#include "tests/unit/kinds/certs.h"
#include "tests/unit/kinds/kindtest.h"

#define BODY "0123456789abcdefghijABCDEFGHIJ3mpbCX"
#define PAT                                                                                        \
	"ghp"                                                                                      \
	"_" BODY
#define FINE                                                                                       \
	"github"                                                                                   \
	"_pat_11ABCDEFG0abcdefghij01_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456"
#define URL "url=https://github.com/barolab/foobar-infra"
#define OWN "url=https://git.example.com:8443/barolab/foobar-infra.git"
#define U "username=git"

static void test_taken(void **state)
{
	(void)state;
	static const struct kindtest_taken cases[] = {
		{ { URL, U, "token=" PAT "\n" },
		  "password=" PAT " username=git",
		  "url=https://github.com/barolab/foobar-infra user=git",
		  NULL },
		{ { URL, U, "token=" FINE }, "password=" FINE " username=git", NULL, NULL },
		{ { URL, U, "token=" PAT, "@type=kubernetes.io/basic-auth" }, NULL, NULL, NULL },
		{ { OWN, "username=deploy user", "token=p w" },
		  "password=p w username=deploy user",
		  "url=https://git.example.com:8443/barolab/foobar-infra.git user=deploy user",
		  NULL },
		{ { URL, U, "token=0123456789abcdef0123456789abcdef01234567" },
		  NULL,
		  NULL,
		  "token: begins with none of GitHub's prefixes (ghp_, github_pat_, ...), so its "
		  "shape was "
		  "not checked" },
		{ { URL, "username=x-access-token",
		    "token="
		    "ghs"
		    "_" BODY },
		  NULL,
		  NULL,
		  "token: is a GitHub App installation token: it ends an hour after it was made; "
		  "seal what "
		  "makes it, as github-app, or a PAT" },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		kindtest_take(&kind_git_https, &cases[i]);
}

static void test_refused(void **state)
{
	(void)state;
	static const struct kindtest_refused cases[] = {
		{ { U, "token=" PAT }, "url: missing; give --url URL" },
		{ { URL, "token=" PAT }, "username: missing; give --username USER" },
		{ { URL, U }, "token: missing; give --token-file FILE|-" },
		{ { URL, U, "token=\n" }, "token: is empty" },
		{ { URL, "username=a:b", "token=" PAT },
		  "username: holds a colon, at which HTTP Basic authentication would cut it" },
		{ { URL, U, "token=" PAT "\n\n" },
		  "token: holds a line break at byte 41 of 41, which its reader would take as part "
		  "of it" },
		{ { URL, U,
		    "token="
		    "ghp"
		    "_0123456789abcdefghijABCDEFGHIJ3mpbC" },
		  "token: begins like a classic GitHub personal access token, which has 40 "
		  "characters; this "
		  "has 39: some are missing" },
		{ { URL, U,
		    "token="
		    "ghp"
		    "_0123456789abcdefghijABCDEFGHIJ3mpbCY" },
		  "token: the checksum in its last 6 characters does not match: a character is "
		  "wrong or two "
		  "have changed places; copy it again" },
		{ { URL, U,
		    "token="
		    "ghr"
		    "_" BODY },
		  "token: is a GitHub refresh token: a refresh token opens nothing itself" },
		{ { URL, U,
		    "token="
		    "glpat"
		    "-0123456789abcdefghij" },
		  "token: is a GitLab personal access token, and github.com is GitHub's" },
		{ { "url=https://gitlab.com/barolab/foobar-infra", U, "token=" PAT },
		  "token: is a classic GitHub personal access token, and gitlab.com is GitLab's" },
		{ { URL, U, "token=" PAT, "ca=x" }, NULL },
		{ { "url=", U, "token=" PAT }, "url: is empty" },
		{ { URL, U, "token=" PAT, "@type=kubernetes.io/dockerconfigjson" },
		  "type kubernetes.io/dockerconfigjson: not one that this kind makes (Opaque or "
		  "kubernetes.io/basic-auth)" },
		{ { URL, U, "token=" PAT, "bearer=x" }, "bearer: no field of this kind" },
		/* the rules of URLs are url.c's; here only that they are asked */
		{ { "url=ssh://git@github.com/barolab/foobar-infra", U, "token=" PAT }, NULL },
		{ { "url=http://github.com/barolab/foobar-infra", U, "token=" PAT }, NULL },
		{ { "url=https://git:x@github.com/barolab/foobar-infra", U, "token=" PAT }, NULL },
		{ { "url=git@github.com:barolab/foobar-infra", U, "token=" PAT }, NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		if (cases[i].text != NULL) {
			kindtest_refuse(&kind_git_https, &cases[i]);
		} else {
			struct kind_secret s = KIND_SECRET_INIT;
			struct err err = ERR_INIT;
			struct kind_input in;
			const char *prefix;

			kindtest_input(&in, cases[i].words);
			prefix = kv_has(&in.fields, "ca") ? "git-https: ca: " : "git-https: url: ";
			assert_int_equal(kind_build(&kind_git_https, &in, &s, NULL, &err), -1);
			assert_memory_equal(err.text, prefix, strlen(prefix));
			kind_input_clear(&in);
		}
	}
}

static void test_ca(void **state)
{
	(void)state;
	struct test_certs certs;
	struct kind_secret s = KIND_SECRET_INIT;
	struct kind_input in = { .now = KINDTEST_NOW }, again = { .now = KINDTEST_NOW };
	struct err err = ERR_INIT;
	char *ca, *fact;

	test_certs_make(&certs);
	ca = test_cert_pem(certs.ca);
	kv_set_str(&in.fields, "url", "https://git.example.com/a/b");
	kv_set_str(&in.fields, "username", "git");
	kv_set_str(&in.fields, "token", "0123456789");
	kv_set_str(&in.fields, "ca", ca);
	assert_int_equal(kind_build(&kind_git_https, &in, &s, NULL, &err), 0);
	assert_string_equal(kv_get_str(&s.data, "ca.crt"), ca);
	fact = mem_str(kv_get_str(&s.facts, "ca"));
	assert_memory_equal(fact, "SHA256:", 7);
	assert_int_equal(kind_verify(&kind_git_https, KIND_PART, &s, in.now, NULL, &err), 0);

	/* the fact is bound to the certificate, and the certificate to the fact */
	fact[8] = fact[8] == 'A' ? 'B' : 'A';
	kv_set_str(&s.facts, "ca", fact);
	assert_int_equal(kind_verify(&kind_git_https, KIND_PART, &s, in.now, NULL, &err), -1);
	assert_string_equal(err.text, "git-https: fact ca: the data says something else");
	assert_int_equal(err.class, ERR_REFUSED);
	kv_del(&s.data, "ca.crt");
	assert_int_equal(kind_verify(&kind_git_https, KIND_PART, &s, in.now, NULL, &err), -1);
	assert_string_equal(err.text, "git-https: fact ca: nothing in the data says so");

	/* set needs the CA again */
	assert_int_equal(kind_restore(&kind_git_https, &s.facts, &again, &err), -1);
	assert_string_equal(err.text,
			    "git-https: ca: the document holds a CA, which its facts cannot "
			    "give back; give --ca FILE");
	kv_set_str(&again.fields, "ca", ca);
	assert_int_equal(kind_restore(&kind_git_https, &s.facts, &again, &err), 0);
	assert_string_equal(kv_get_str(&again.fields, "url"), "https://git.example.com/a/b");
	assert_string_equal(kv_get_str(&again.fields, "username"), "git");
	kind_input_clear(&again);
	kind_secret_clear(&s);

	/* a server's own certificate is no CA */
	mem_free(ca);
	ca = test_cert_pem(certs.leaf);
	kv_set_str(&in.fields, "ca", ca);
	assert_int_equal(kind_build(&kind_git_https, &in, &s, NULL, &err), -1);
	assert_string_equal(err.text, "git-https: ca: certificate 1 is not that of a CA");
	kind_input_clear(&in);
	mem_free(ca);
	mem_free(fact);
	test_certs_free(&certs);
}

/* What is found after sealing: the URL is a fact that no data can tell, so it must be there. */
static void test_unverified(void **state)
{
	(void)state;
	static const struct kindtest_unverified cases[] = {
		{ { "username=git", "password=" PAT, "@fact=user=git" },
		  ERR_INVALID,
		  "fact url: missing" },
		{ { "username=git", "password=" PAT, "@fact=user=hub",
		    "@fact=url=https://github.com/a/b" },
		  ERR_REFUSED,
		  "fact user: the data says something else" },
		{ { "username=git", "password=" PAT, "@fact=user=git",
		    "@fact=url=https://gitlab.com/a/b" },
		  ERR_INVALID,
		  "password: is a classic GitHub personal access token, and gitlab.com is "
		  "GitLab's" },
		{ { "username=git", "password=" PAT, "bearerToken=x", "@fact=user=git",
		    "@fact=url=https://github.com/a/b" },
		  ERR_INVALID,
		  "data key bearerToken: neither a key of this kind nor an alias" },
		{ { "username=git", "@fact=user=git", "@fact=url=https://github.com/a/b" },
		  ERR_INVALID,
		  "data key password: missing" },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		kindtest_unverify(&kind_git_https, &cases[i]);
}

/* An existing Secret is one of these when its password is a forge's token, or a CA is with it. */
static void test_detect(void **state)
{
	(void)state;
	static const struct {
		const char *words[KINDTEST_WORDS], *kind;
	} cases[] = {
		{ { "username=git", "password=" PAT }, "git-https" },
		{ { "username=git", "password="
				    "glpat"
				    "-0123456789abcdefghij" },
		  "git-https" },
		{ { "username=git", "password=p", "ca.crt=x" }, "git-https" },
		{ { "username=git", "password=p" }, "basic-auth" },
		{ { "password=" PAT }, "opaque" },
		{ { "username=git", "password=" PAT, "bearerToken=x" }, "opaque" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct kind_input in = { .now = KINDTEST_NOW };
		struct kv data = KV_INIT;
		struct err err = ERR_INIT;

		for (size_t k = 0; k < KINDTEST_WORDS && cases[i].words[k] != NULL; k++)
			kindtest_put(&data, cases[i].words[k]);
		assert_string_equal(kind_detect(TYPE_OPAQUE, &data, &in, &err)->name,
				    cases[i].kind);
		kind_input_clear(&in);
		kv_clear(&data);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken),  cmocka_unit_test(test_refused),
		cmocka_unit_test(test_ca),     cmocka_unit_test(test_unverified),
		cmocka_unit_test(test_detect),
	};

	mem_init();
	return cmocka_run_group_tests_name("kinds/git_https", tests, NULL, NULL);
}
