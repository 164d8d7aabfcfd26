/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/kinds/certs.h"

#include <openssl/sha.h>

#include "kinds/kind.h"
#include "kinds/kinds.h"

#define URL "https://github.com/barolab/foobar-infra"
#define ENTERPRISE "https://git.example.org/barolab/foobar-infra"

static struct err err;

struct input {
	const char *url, *id, *owner, *installation, *base;
	char *key, *ca;	      /* freed */
	const char *key_name; /* of a test key, in place of key */
};

static int build(const struct input *i, struct kind_secret *out, struct notes *notes)
{
	struct kind_input in = { .now = NOW };
	char *key = i->key_name != NULL ? test_traditional(test_key(i->key_name), NULL) : i->key;
	const char *const values[][2] = {
		{ "url", i->url },	 { "app-id", i->id },
		{ "owner", i->owner },	 { "installation-id", i->installation },
		{ "base-url", i->base }, { "ca", i->ca },
		{ "private-key", key }
	};
	int rc;

	for (size_t k = 0; k < COUNT(values); k++)
		if (values[k][1] != NULL)
			kv_set_str(&in.fields, values[k][0], values[k][1]);
	mem_free(key);
	mem_free(i->ca);
	rc = kind_build(&kind_github_app, &in, out, notes, &err);
	kv_clear(&in.fields);
	assert_int_equal(ERR_peek_error(), 0);
	if (rc != 0)
		assert_int_equal(err.class, ERR_INVALID);
	return rc;
}

static void refuse(struct input i, const char *error)
{
	struct kind_secret s = KIND_SECRET_INIT;
	char *want = mem_printf("github-app: %s", error);

	if (build(&i, &s, NULL) == 0)
		fail_msg("taken, but: %s", error);
	assert_string_equal(err.text, want);
	mem_free(want);
}

static void accept(struct input i, struct kind_secret *out, struct notes *notes)
{
	if (build(&i, out, notes) != 0)
		fail_msg("%s", err.text);
	if (kind_verify(&kind_github_app, KIND_PART, out, NOW, NULL, &err) != 0)
		fail_msg("%s", err.text);
}

static const char *fact(const struct kind_secret *s, const char *name)
{
	return kv_get_str(&s->facts, name);
}

static const char *data(const struct kind_secret *s, const char *name)
{
	return kv_get_str(&s->data, name);
}

static void test_secret(void **state)
{
	(void)state;
	struct kind_secret s = KIND_SECRET_INIT;
	struct notes notes = NOTES_INIT;
	char *key = test_traditional(test_key("rsa2048"), NULL);
	unsigned char *der = NULL, digest[32];
	struct buf want = BUF_INIT;
	int len = i2d_PUBKEY(test_key("rsa2048"), &der);

	accept(
	    (struct input){ .url = URL, .id = "123456", .owner = "barolab", .key_name = "rsa2048" },
	    &s, &notes);
	assert_int_equal(notes.n, 0);
	assert_string_equal(s.type, TYPE_OPAQUE);
	assert_int_equal(s.data.n, 3);
	assert_string_equal(data(&s, "githubAppID"), "123456");
	assert_string_equal(data(&s, "githubAppInstallationOwner"), "barolab");
	assert_string_equal(data(&s, "githubAppPrivateKey"), key);
	assert_int_equal(s.facts.n, 4);
	assert_string_equal(fact(&s, "url"), URL);
	assert_string_equal(fact(&s, "app-id"), "123456");
	assert_string_equal(fact(&s, "owner"), "barolab");
	/* openssl rsa -pubout -outform DER | openssl sha256 -binary | openssl base64 */
	SHA256(der, (size_t)len, digest);
	buf_puts(&want, "SHA256:");
	b64_encode(&want, digest, sizeof(digest));
	assert_string_equal(fact(&s, "fingerprint"), buf_str(&want));
	buf_clear(&want);
	OPENSSL_free(der);
	mem_free(key);
	kind_secret_clear(&s);
}

static void test_accepts(void **state)
{
	(void)state;
	X509 *ca =
	    test_make_cert(&(struct test_cert){ .subject = "GHES", .key = "p256", .ca = true });
	struct kind_secret s = KIND_SECRET_INIT;
	struct notes notes = NOTES_INIT;

	accept((struct input){ .url = URL,
			       .id = "1",
			       .installation = "7890123",
			       .key = test_pkcs8(test_key("fast3072"), NULL) },
	       &s, &notes);
	assert_string_equal(data(&s, "githubAppInstallationID"), "7890123");
	assert_string_equal(fact(&s, "installation-id"), "7890123");
	assert_null(data(&s, "githubAppInstallationOwner"));
	kind_secret_clear(&s);
	accept((struct input){ .url = ENTERPRISE,
			       .id = "999999999999999999",
			       .owner = "barolab",
			       .base = "https://git.example.org/api/v3",
			       .ca = test_cert_pem(ca),
			       .key_name = "rsa2048" },
	       &s, &notes);
	assert_int_equal(s.data.n, 5);
	assert_string_equal(data(&s, "githubAppBaseURL"), "https://git.example.org/api/v3");
	assert_string_equal(fact(&s, "base-url"), "https://git.example.org/api/v3");
	assert_memory_equal(fact(&s, "ca"), "SHA256:", 7);
	kind_secret_clear(&s);
	accept((struct input){ .url = "https://barolab.ghe.com/barolab/infra",
			       .id = "1",
			       .owner = "barolab",
			       .base = "https://api.barolab.ghe.com",
			       .key_name = "rsa2048" },
	       &s, &notes);
	kind_secret_clear(&s);
	assert_int_equal(notes.n, 0);
	/* installed elsewhere than where the repository is */
	accept(
	    (struct input){
		.url = URL, .id = "1", .owner = "Another-one_2", .key_name = "rsa2048" },
	    &s, &notes);
	assert_int_equal(notes.n, 1);
	assert_string_equal(notes.text[0],
			    "owner: the repository of the URL is another owner's, and this "
			    "installation opens only its own owner's");
	notes_clear(&notes);
	kind_secret_clear(&s);
	X509_free(ca);
}

static void test_refuses(void **state)
{
	(void)state;
	static const char number[] = "app-id: must be a number of 1 to 18 digits";
	static const char owner[] = "owner: must be the name of an organization or user (letters, "
				    "digits, \"-\", \"_\", at most 39)";
	static const char one_of[] =
	    "owner and installation-id: exactly one of them says where the "
	    "App is installed";
	static const struct {
		struct input in;
		const char *error;
	} cases[] = {
		{ { .id = "1", .owner = "o", .key_name = "rsa2048" },
		  "url: missing; give --url URL" },
		{ { .url = URL, .owner = "o", .key_name = "rsa2048" },
		  "app-id: missing; give --app-id ID" },
		{ { .url = URL, .id = "1", .owner = "o" },
		  "private-key: missing; give --private-key FILE|-" },
		{ { .url = URL, .id = "1", .key_name = "rsa2048" }, one_of },
		{ { .url = URL,
		    .id = "1",
		    .owner = "o",
		    .installation = "2",
		    .key_name = "rsa2048" },
		  one_of },
		{ { .url = URL, .id = "0", .owner = "o", .key_name = "rsa2048" }, number },
		{ { .url = URL, .id = "012", .owner = "o", .key_name = "rsa2048" }, number },
		{ { .url = URL, .id = "-1", .owner = "o", .key_name = "rsa2048" }, number },
		{ { .url = URL, .id = "1234567890123456789", .owner = "o", .key_name = "rsa2048" },
		  number },
		{ { .url = URL, .id = "1 ", .owner = "o", .key_name = "rsa2048" }, number },
		{ { .url = URL, .id = "Iv23liABCDEF", .owner = "o", .key_name = "rsa2048" },
		  "app-id: is a client id, which Flux does not read here: give the App ID, the "
		  "number on the App's settings page" },
		{ { .url = URL, .id = "1", .installation = "two", .key_name = "rsa2048" },
		  "installation-id: must be a number of 1 to 18 digits" },
		{ { .url = URL, .id = "1", .owner = "a b", .key_name = "rsa2048" }, owner },
		{ { .url = URL, .id = "1", .owner = "-a", .key_name = "rsa2048" }, owner },
		{ { .url = URL, .id = "1", .owner = "a/b", .key_name = "rsa2048" }, owner },
		{ { .url = URL,
		    .id = "1",
		    .owner = "0123456789012345678901234567890123456789",
		    .key_name = "rsa2048" },
		  owner },
		{ { .url = "ssh://git@github.com/a/b",
		    .id = "1",
		    .owner = "o",
		    .key_name = "rsa2048" },
		  "url: must be of the form https://HOST/PATH" },
		{ { .url = "https://github.com/barolab",
		    .id = "1",
		    .owner = "o",
		    .key_name = "rsa2048" },
		  "url: a repository at GitHub is /OWNER/NAME" },
		{ { .url = "https://github.com:8443/a/b",
		    .id = "1",
		    .owner = "o",
		    .key_name = "rsa2048" },
		  "url: github.com answers on port 443 only" },
		{ { .url = ENTERPRISE, .id = "1", .owner = "o", .key_name = "rsa2048" },
		  "url: is not at github.com: for GitHub Enterprise give the address of its API "
		  "(--base-url https://HOST/api/v3)" },
		{ { .url = URL,
		    .id = "1",
		    .owner = "o",
		    .base = "https://git.example.org/api/v3",
		    .key_name = "rsa2048" },
		  "base-url: is for GitHub Enterprise, and the URL is at github.com: leave it "
		  "out" },
		{ { .url = ENTERPRISE,
		    .id = "1",
		    .owner = "o",
		    .base = "http://git.example.org/api/v3",
		    .key_name = "rsa2048" },
		  "base-url: http:// would send everything in the clear: use https://HOST[/PATH]" },
		{ { .url = ENTERPRISE,
		    .id = "1",
		    .owner = "o",
		    .base = "git.example.org",
		    .key_name = "rsa2048" },
		  "base-url: must be of the form https://HOST[/PATH]" },
		{ { .url = URL, .id = "1", .owner = "o", .key_name = "p256" },
		  "private-key: is an ECDSA P-256 key, and those of GitHub Apps are RSA" },
		{ { .url = URL, .id = "1", .owner = "o", .key_name = "rsa1024" },
		  "private-key: an RSA key of 1024 bits: at least 2048 are needed" },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		refuse(cases[i].in, cases[i].error);
	refuse(
	    (struct input){
		.url = URL, .id = "1", .owner = "o", .key = test_pkcs8(test_key("ed25519"), NULL) },
	    "private-key: is an Ed25519 key, and those of GitHub Apps are RSA");
	refuse((struct input){ .url = URL,
			       .id = "1",
			       .owner = "o",
			       .key = test_traditional(test_key("rsa2048"), EVP_aes_256_cbc()) },
	       "private-key: is encrypted: remove the encryption with 'openssl pkey -in FILE -out "
	       "NEW' (sealing protects it)");
	refuse(
	    (struct input){
		.url = URL, .id = "1", .owner = "o", .key = test_public_pem(test_key("rsa2048")) },
	    "private-key: is a public key: the private key is needed");
	refuse((struct input){ .url = URL, .id = "1", .owner = "o", .key = mem_str("x") },
	       "private-key: holds no PEM block (-----BEGIN ...-----)");
	refuse((struct input){ .url = ENTERPRISE,
			       .id = "1",
			       .owner = "o",
			       .key_name = "rsa2048",
			       .base = "https://git.example.org",
			       .ca = mem_str("x") },
	       "ca: holds no PEM block (-----BEGIN ...-----)");
}

static void test_verify(void **state)
{
	(void)state;
	struct kind_secret s = KIND_SECRET_INIT;

	accept((struct input){ .url = URL, .id = "1", .owner = "barolab", .key_name = "rsa2048" },
	       &s, NULL);
	kv_set_str(&s.facts, "owner", "other");
	assert_int_equal(kind_verify(&kind_github_app, KIND_PART, &s, NOW, NULL, &err), -1);
	assert_int_equal(err.class, ERR_REFUSED);
	assert_string_equal(err.text, "github-app: fact owner: the data says something else");
	kv_set_str(&s.facts, "owner", "barolab");
	kv_set_str(&s.data, "githubAppInstallationID", "2");
	assert_int_equal(kind_verify(&kind_github_app, KIND_PART, &s, NOW, NULL, &err), -1);
	assert_string_equal(err.text, "github-app: githubAppInstallationOwner and "
				      "githubAppInstallationID: exactly one of them says where the "
				      "App is installed");
	kv_del(&s.data, "githubAppInstallationID");
	kv_set_str(&s.data, "githubAppBaseURL", "https://api.example.org");
	assert_int_equal(kind_verify(&kind_github_app, KIND_PART, &s, NOW, NULL, &err), -1);
	assert_string_equal(err.text, "github-app: githubAppBaseURL: is for GitHub Enterprise, and "
				      "the URL is at github.com: leave it out");
	kv_set(&s.data, "githubAppBaseURL", "a\0b", 3);
	assert_int_equal(kind_verify(&kind_github_app, KIND_PART, &s, NOW, NULL, &err), -1);
	assert_string_equal(err.text, "github-app: githubAppBaseURL: holds a NUL byte");
	kv_del(&s.data, "githubAppBaseURL");
	kv_set(&s.data, "githubAppID", "1\0", 2);
	assert_int_equal(kind_verify(&kind_github_app, KIND_PART, &s, NOW, NULL, &err), -1);
	assert_string_equal(err.text, "github-app: githubAppID: holds a NUL byte");
	kv_set_str(&s.data, "githubAppID", "1");
	kv_del(&s.facts, "url");
	assert_int_equal(kind_verify(&kind_github_app, KIND_PART, &s, NOW, NULL, &err), -1);
	assert_string_equal(err.text, "github-app: url: missing");
	kind_secret_clear(&s);
}

static void test_set_and_detect(void **state)
{
	(void)state;
	struct kind_secret s = KIND_SECRET_INIT, again = KIND_SECRET_INIT;
	struct kind_input in = { .now = NOW };
	char *key = test_pkcs8(test_key("fast3072"), NULL);

	accept((struct input){ .url = ENTERPRISE,
			       .id = "12",
			       .installation = "34",
			       .base = "https://git.example.org/api/v3",
			       .key_name = "rsa2048" },
	       &s, NULL);
	assert_int_equal(kind_restore(&kind_github_app, &s.facts, &in, &err), 0);
	assert_int_equal(in.fields.n, 4);
	kv_set_str(&in.fields, "private-key", key);
	assert_int_equal(kind_build(&kind_github_app, &in, &again, NULL, &err), 0);
	assert_string_equal(data(&again, "githubAppInstallationID"), "34");
	assert_string_equal(data(&again, "githubAppBaseURL"), "https://git.example.org/api/v3");
	assert_string_equal(data(&again, "githubAppPrivateKey"), key);
	kind_input_clear(&in);
	kind_secret_clear(&again);
	assert_ptr_equal(kind_detect(TYPE_OPAQUE, &s.data, &in, &err), &kind_github_app);
	kv_set_str(&in.fields, "url", ENTERPRISE);
	assert_int_equal(kind_build(&kind_github_app, &in, &again, NULL, &err), 0);
	assert_true(kv_equal(&s.data, &again.data));
	assert_true(kv_equal(&s.facts, &again.facts));
	kind_input_clear(&in);
	kind_secret_clear(&again);
	kv_set_str(&s.facts, "ca", "SHA256:AA");
	assert_int_equal(kind_restore(&kind_github_app, &s.facts, &in, &err), -1);
	assert_string_equal(err.text,
			    "github-app: ca: the document has a CA bundle, which it cannot "
			    "give back without a key: give it again with --ca FILE");
	kind_input_clear(&in);
	kind_secret_clear(&s);
	mem_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_secret),	       cmocka_unit_test(test_accepts),
		cmocka_unit_test(test_refuses),	       cmocka_unit_test(test_verify),
		cmocka_unit_test(test_set_and_detect),
	};

	mem_init();
	return cmocka_run_group_tests_name("kinds/github_app", tests, NULL, NULL);
}
