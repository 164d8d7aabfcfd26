/* SPDX-License-Identifier: Apache-2.0 */
#include "base/b64.h"
#include "tests/unit/kinds/keys.h"

#include "kinds/github_hosts.h"
#include "kinds/kind.h"
#include "kinds/kinds.h"
#include "kinds/known_hosts.h"
#include "kinds/sshkey.h"

#define NOW ((int64_t)1795420800) /* 2026-11-23T08:00:00Z */
#define GITHUB "ssh://git@github.com/barolab/foobar-infra"
#define EXAMPLE "ssh://git@git.example.org:2222/infra.git"

static struct err err;

struct input {
	const char *url, *type, *password, *hosts, *public, *secret_type;
	char *key; /* freed */
};

static int build(const struct input *i, struct kind_secret *out, struct notes *notes)
{
	struct kind_input in = { .now = NOW, .type = i->secret_type };
	const char *const values[][2] = { { "url", i->url },	       { "type", i->type },
					  { "password", i->password }, { "known-hosts", i->hosts },
					  { "public-key", i->public }, { "private-key", i->key } };
	int rc;

	for (size_t k = 0; k < COUNT(values); k++)
		if (values[k][1] != NULL)
			kv_set_str(&in.fields, values[k][0], values[k][1]);
	mem_free(i->key);
	rc = kind_build(&kind_deploy_key, &in, out, notes, &err);
	kv_clear(&in.fields);
	assert_int_equal(ERR_peek_error(), 0);
	if (rc != 0)
		assert_int_equal(err.class, ERR_INVALID);
	return rc;
}

static void refuse(struct input i, const char *error)
{
	struct kind_secret s = KIND_SECRET_INIT;
	char *want = mem_printf("deploy-key: %s", error);

	if (build(&i, &s, NULL) == 0)
		fail_msg("taken, but: %s", error);
	assert_string_equal(err.text, want);
	mem_free(want);
}

static void accept(struct input i, struct kind_secret *out)
{
	if (build(&i, out, NULL) != 0)
		fail_msg("%s", err.text);
	if (kind_verify(&kind_deploy_key, KIND_PART, out, NOW, NULL, &err) != 0)
		fail_msg("%s", err.text);
}

/* "TYPE BASE64" of a test key; mem_free it. */
static char *public_line(const char *name)
{
	struct buf blob = BUF_INIT, line = BUF_INIT;
	struct sshpub info;
	char *text;

	test_public_blob(test_key(name), &blob);
	assert_null(sshpub_check(blob.data, blob.len, &info));
	sshpub_format(info.name, blob.data, blob.len, &line);
	text = mem_strn(buf_str(&line), line.len);
	buf_clear(&blob);
	buf_clear(&line);
	return text;
}

static char *hosts_line(const char *host, const char *key)
{
	char *line = public_line(key), *text = mem_printf("%s %s\n", host, line);

	mem_free(line);
	return text;
}

static const char *fact(const struct kind_secret *s, const char *name)
{
	return kv_get_str(&s->facts, name);
}

static const char *data(const struct kind_secret *s, const char *name)
{
	return kv_get_str(&s->data, name);
}

/* --- what is made ----------------------------------------------------------------------------- */

static void test_new_keys(void **state)
{
	(void)state;
	static const struct {
		const char *type, *name;
	} cases[] = {
		{ NULL, "ssh-ed25519 " },
		{ "ed25519", "ssh-ed25519 " },
		{ "ecdsa-p256", "ecdsa-sha2-nistp256 " },
		{ "ecdsa-p384", "ecdsa-sha2-nistp384 " },
		{ "ecdsa-p521", "ecdsa-sha2-nistp521 " },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct kind_secret s = KIND_SECRET_INIT;
		struct url u;
		struct buf hosts = BUF_INIT;
		char *line;

		accept((struct input){ .url = GITHUB, .type = cases[i].type }, &s);
		assert_string_equal(s.type, TYPE_OPAQUE);
		assert_int_equal(s.data.n, 3);
		assert_non_null(strstr(data(&s, "identity"), " PRIVATE KEY-----\n"));
		assert_memory_equal(data(&s, "identity.pub"), cases[i].name, strlen(cases[i].name));
		line = mem_printf("%s\n", fact(&s, "public-key"));
		assert_string_equal(data(&s, "identity.pub"), line);
		mem_free(line);
		assert_int_equal(url_parse("url", GITHUB, URL_SSH, &u, &err), 0);
		github_hosts_format(&u, &hosts);
		assert_string_equal(data(&s, "known_hosts"), buf_str(&hosts));
		assert_int_equal(s.facts.n, 4);
		assert_string_equal(fact(&s, "url"), GITHUB);
		assert_string_equal(fact(&s, "host-keys"), "github.com");
		assert_int_equal(strlen(fact(&s, "fingerprint")), B64_FINGERPRINT - 1);
		buf_clear(&hosts);
		kind_secret_clear(&s);
	}
}

/* Two keys made one after the other are not the same key. */
static void test_fresh(void **state)
{
	(void)state;
	struct kind_secret a = KIND_SECRET_INIT, b = KIND_SECRET_INIT;

	accept((struct input){ .url = GITHUB }, &a);
	accept((struct input){ .url = GITHUB }, &b);
	assert_string_not_equal(data(&a, "identity"), data(&b, "identity"));
	assert_string_not_equal(fact(&a, "fingerprint"), fact(&b, "fingerprint"));
	kind_secret_clear(&a);
	kind_secret_clear(&b);
}

static void test_given_keys(void **state)
{
	(void)state;
	static const char *const names[] = { "ed25519", "p256", "p384", "p521", "fast3072" };
	static const struct test_openssh plain = { .magic = NULL };

	for (size_t i = 0; i < COUNT(names); i++) {
		struct kind_secret s = KIND_SECRET_INIT;
		char *key = test_openssh(test_key(names[i]), &plain), *same = mem_str(key);
		char *line = public_line(names[i]);
		char *commented = mem_printf("%s someone@example.org\n", line);

		accept((struct input){ .url = GITHUB, .key = key, .public = commented }, &s);
		/* the bytes that Flux reads stay as they were given */
		assert_string_equal(data(&s, "identity"), same);
		assert_string_equal(fact(&s, "public-key"), line);
		kind_secret_clear(&s);
		same[strlen(same) - 1] = '\0';
		accept((struct input){ .url = GITHUB, .key = mem_str(same) }, &s);
		assert_int_equal(strlen(data(&s, "identity")), strlen(same) + 1);
		kind_secret_clear(&s);
		mem_free(same);
		mem_free(line);
		mem_free(commented);
	}
}

static void test_encrypted(void **state)
{
	(void)state;
	static const struct test_openssh closed = { .password = "secret words" };
	struct kind_secret s = KIND_SECRET_INIT;
	char *line = public_line("p256");

	accept((struct input){ .url = GITHUB,
			       .key = test_openssh(test_key("p256"), &closed),
			       .password = "secret words\n" },
	       &s);
	assert_int_equal(s.data.n, 4);
	assert_string_equal(data(&s, "password"), "secret words");
	assert_string_equal(fact(&s, "public-key"), line);
	kind_secret_clear(&s);
	accept((struct input){ .url = GITHUB,
			       .key = test_traditional(test_key("p256"), EVP_aes_128_cbc()),
			       .password = "secret words" },
	       &s);
	assert_string_equal(fact(&s, "public-key"), line);
	/* whoever opens it without the password is told */
	kv_del(&s.data, "password");
	assert_int_equal(kind_verify(&kind_deploy_key, KIND_PART, &s, NOW, NULL, &err), -1);
	assert_string_equal(
	    err.text, "deploy-key: identity: is encrypted and its password is not given: give "
		      "it (password), or remove the encryption with 'openssl pkey -in FILE "
		      "-out NEW' (sealing protects the key)");
	kind_secret_clear(&s);
	mem_free(line);
}

static void test_ssh_auth(void **state)
{
	(void)state;
	struct kind_secret s = KIND_SECRET_INIT;

	accept((struct input){ .url = GITHUB, .secret_type = TYPE_SSH }, &s);
	assert_string_equal(s.type, TYPE_SSH);
	assert_string_equal(data(&s, "ssh-privatekey"), data(&s, "identity"));
	kv_set_str(&s.data, "ssh-privatekey", "other");
	assert_int_equal(kind_verify(&kind_deploy_key, KIND_PART, &s, NOW, NULL, &err), -1);
	assert_string_equal(err.text,
			    "deploy-key: ssh-privatekey: holds another key than identity");
	s.type = TYPE_OPAQUE;
	assert_int_equal(kind_verify(&kind_deploy_key, KIND_PART, &s, NOW, NULL, &err), -1);
	s.type = TYPE_SSH;
	kv_del(&s.data, "ssh-privatekey");
	assert_int_equal(kind_verify(&kind_deploy_key, KIND_PART, &s, NOW, NULL, &err), -1);
	assert_string_equal(err.text, "deploy-key: ssh-privatekey: missing, and type "
				      "kubernetes.io/ssh-auth has it");
	kind_secret_clear(&s);
}

static void test_other_hosts(void **state)
{
	(void)state;
	struct kind_secret s = KIND_SECRET_INIT;
	char *hosts = hosts_line("[git.example.org]:2222", "p384"),
	     *other = hosts_line("x", "p256");
	char *both = mem_printf("%s%s", hosts, other);
	struct notes notes = NOTES_INIT;

	hosts[strlen(hosts) - 1] = '\0';
	accept((struct input){ .url = EXAMPLE, .hosts = hosts }, &s);
	assert_int_equal(strlen(data(&s, "known_hosts")), strlen(hosts) + 1);
	assert_memory_equal(fact(&s, "host-keys"), "SHA256:", 7);
	kind_secret_clear(&s);
	assert_int_equal(build(&(struct input){ .url = EXAMPLE, .hosts = both }, &s, &notes), 0);
	assert_int_equal(notes.n, 1);
	assert_string_equal(
	    notes.text[0],
	    "known-hosts: line 2: ecdsa-sha2-nistp256 is listed for another host only; Flux "
	    "offers it to git.example.org too, and fails if that is what git.example.org "
	    "answers with: keep only the lines of git.example.org");
	notes_clear(&notes);
	kind_secret_clear(&s);
	accept((struct input){ .url = "ssh://git@ssh.github.com:443/a/b" }, &s);
	assert_memory_equal(data(&s, "known_hosts"), "[ssh.github.com]:443 ssh-ed25519 ", 33);
	kind_secret_clear(&s);
	mem_free(hosts);
	mem_free(other);
	mem_free(both);
}

/* A larger key than a fact holds is named by its fingerprint alone. */
static void test_large_rsa(void **state)
{
	(void)state;
	struct kind_secret s = KIND_SECRET_INIT;
	EVP_PKEY *key = test_fast_rsa(3072, 65537);

	accept((struct input){ .url = GITHUB, .key = test_pkcs8(key, NULL) }, &s);
	assert_null(fact(&s, "public-key"));
	assert_non_null(fact(&s, "fingerprint"));
	kind_secret_clear(&s);
	EVP_PKEY_free(key);
}

/* --- what is refused -------------------------------------------------------------------------- */

static void test_refuses(void **state)
{
	(void)state;
	char *other = public_line("other-p256"), *host = hosts_line("git.example.org", "p256");
	static const struct test_openssh closed = { .password = "secret words" };

	refuse((struct input){ .url = NULL }, "url: missing; give --url URL");
	refuse((struct input){ .url = "git@github.com:barolab/foobar-infra" },
	       "url: Flux does not read the form HOST:PATH: write "
	       "ssh://git@github.com/barolab/foobar-infra");
	refuse((struct input){ .url = "https://github.com/barolab/foobar-infra" },
	       "url: must be of the form ssh://git@HOST/PATH");
	refuse((struct input){ .url = "ssh://me@github.com/barolab/foobar-infra" },
	       "url: the user for GitHub is always git (git@github.com)");
	refuse((struct input){ .url = "ssh://git@github.com:443/barolab/foobar-infra" },
	       "url: github.com answers on port 22 only");
	refuse((struct input){ .url = "ssh://git@ssh.github.com/barolab/foobar-infra" },
	       "url: ssh.github.com answers on port 443 only");
	refuse((struct input){ .url = "ssh://git@github.com/foobar-infra" },
	       "url: a repository at GitHub is /OWNER/NAME");
	refuse((struct input){ .url = "ssh://git@github.com/barolab/" },
	       "url: a repository at GitHub is /OWNER/NAME");
	refuse((struct input){ .url = "ssh://git@github.com/barolab/foobar-infra/tree" },
	       "url: a repository at GitHub is /OWNER/NAME");
	refuse(
	    (struct input){ .url = EXAMPLE },
	    "known-hosts: missing; give --known-hosts FILE with the host keys of git.example.org "
	    "(those of github.com are built in)");
	refuse(
	    (struct input){ .url = EXAMPLE, .hosts = host },
	    "known-hosts: holds no key for [git.example.org]:2222, the host of the URL: "
	    "'ssh-keyscan -p 2222 git.example.org' shows them (compare the fingerprints with its "
	    "owner's)");
	refuse((struct input){ .url = EXAMPLE, .hosts = "" }, "known-hosts: is empty");
	refuse((struct input){ .url = GITHUB, .type = "rsa-2048" },
	       "type: must be ed25519, ecdsa-p256, ecdsa-p384, ecdsa-p521 or rsa-4096");
	refuse((struct input){ .url = GITHUB,
			       .type = "ed25519",
			       .key = test_pkcs8(test_key("p256"), NULL) },
	       "type: is for a key made here; the one that is given has its own");
	refuse(
	    (struct input){ .url = GITHUB, .password = "secret words" },
	    "password: belongs to a key that is not given: give --private-key FILE, or leave both "
	    "out for a new key");
	refuse((struct input){ .url = GITHUB, .public = other },
	       "public-key: belongs to a key that is not given: give --private-key FILE, or leave "
	       "both out for a new key");
	refuse((struct input){ .url = GITHUB,
			       .public = other,
			       .key = test_pkcs8(test_key("p256"), NULL) },
	       "public-key: is not the public half of the private key");
	refuse((struct input){ .url = GITHUB,
			       .public = "ssh-ed25519",
			       .key = test_pkcs8(test_key("p256"), NULL) },
	       "public-key: is not a line 'TYPE BASE64 [COMMENT]'");
	refuse((struct input){ .url = GITHUB, .key = mem_str(other) },
	       "private-key: is a public key (the .pub file): the private key is needed");
	refuse((struct input){ .url = GITHUB, .key = test_openssh(test_key("p256"), &closed) },
	       "private-key: is encrypted and its password is not given: give it (password), or "
	       "remove the encryption with 'ssh-keygen -p -N \"\" -f FILE' (sealing protects the "
	       "key)");
	refuse((struct input){ .url = GITHUB,
			       .password = "words",
			       .key = test_openssh(test_key("p256"), &closed) },
	       "private-key: the password does not open it");
	refuse((struct input){ .url = GITHUB, .key = test_pkcs8(test_key("rsa2048"), NULL) },
	       "private-key: an RSA key of 2048 bits: at least 3072 are needed; make a new one "
	       "(ed25519)");
	mem_free(other);
	mem_free(host);
}

/* --- opened again ----------------------------------------------------------------------------- */

static void test_verify(void **state)
{
	(void)state;
	struct kind_secret s = KIND_SECRET_INIT;
	char *other = public_line("other-p256"), *host = hosts_line("github.com", "p256");

	accept((struct input){ .url = GITHUB }, &s);
	kv_set_str(&s.facts, "host-keys", "SHA256:x");
	assert_int_equal(kind_verify(&kind_deploy_key, KIND_PART, &s, NOW, NULL, &err), -1);
	assert_int_equal(err.class, ERR_REFUSED);
	assert_string_equal(err.text, "deploy-key: fact host-keys: the data says something else");
	kv_set_str(&s.facts, "host-keys", "github.com");
	kv_set_str(&s.facts, "url", "ssh://git@github.com.example.org/a/b");
	assert_int_equal(kind_verify(&kind_deploy_key, KIND_PART, &s, NOW, NULL, &err), -1);
	assert_string_equal(
	    err.text, "deploy-key: known_hosts: holds no key for github.com.example.org, the "
		      "host of the URL: 'ssh-keyscan -p 22 github.com.example.org' shows them "
		      "(compare the fingerprints with its owner's)");
	kv_del(&s.facts, "url");
	assert_int_equal(kind_verify(&kind_deploy_key, KIND_PART, &s, NOW, NULL, &err), -1);
	assert_string_equal(err.text, "deploy-key: url: missing");
	kv_set_str(&s.facts, "url", GITHUB);
	kv_set_str(&s.data, "known_hosts", host);
	assert_int_equal(kind_verify(&kind_deploy_key, KIND_PART, &s, NOW, NULL, &err), -1);
	assert_string_equal(
	    err.text, "deploy-key: known_hosts: line 1: is not one of GitHub's host keys: leave "
		      "--known-hosts out, the real ones are built in");
	kind_secret_clear(&s);
	accept((struct input){ .url = GITHUB }, &s);
	kv_set_str(&s.data, "identity.pub", other);
	assert_int_equal(kind_verify(&kind_deploy_key, KIND_PART, &s, NOW, NULL, &err), -1);
	assert_string_equal(err.text,
			    "deploy-key: identity.pub: is not the public half of the private key");
	kv_set_str(&s.data, "identity", "");
	assert_int_equal(kind_verify(&kind_deploy_key, KIND_PART, &s, NOW, NULL, &err), -1);
	assert_string_equal(err.text, "deploy-key: identity: is empty");
	kv_set_str(&s.data, "known_hosts", "");
	assert_int_equal(kind_verify(&kind_deploy_key, KIND_PART, &s, NOW, NULL, &err), -1);
	assert_string_equal(err.text, "deploy-key: known_hosts: holds no key");
	kind_secret_clear(&s);
	accept((struct input){ .url = GITHUB }, &s);
	kv_set_str(&s.data, "password", "x");
	assert_int_equal(kind_verify(&kind_deploy_key, KIND_PART, &s, NOW, NULL, &err), -1);
	assert_string_equal(err.text, "deploy-key: password: the private key is not encrypted, so "
				      "nothing would read it: leave it out");
	kind_secret_clear(&s);
	mem_free(other);
	mem_free(host);
}

/* An opener must not be made to work for hours by whoever sealed. */
static void test_cheap_verify(void **state)
{
	(void)state;
	struct kind_secret s = KIND_SECRET_INIT;
	char *text;

	accept((struct input){ .url = GITHUB,
			       .key = test_openssh(test_key("p256"),
						   &(struct test_openssh){ .password = "x" }),
			       .password = "x" },
	       &s);
	text = test_openssh(test_key("p256"),
			    &(struct test_openssh){ .password = "x", .claimed = 2048 });
	kv_set_str(&s.data, "identity", text);
	mem_free(text);
	/* 6 ms for each of 2,048 rounds, were it opened, a hundred times: twenty minutes */
	for (int i = 0; i < 100; i++)
		assert_int_equal(kind_verify(&kind_deploy_key, KIND_PART, &s, NOW, NULL, &err), 0);
	kind_secret_clear(&s);
}

/* --- set, seal -f ----------------------------------------------------------------------------- */

static void test_restore(void **state)
{
	(void)state;
	struct kind_secret s = KIND_SECRET_INIT;
	struct kind_input in = { .now = NOW };
	struct kv facts = KV_INIT;
	char *key = test_pkcs8(test_key("p384"), NULL);

	accept((struct input){ .url = GITHUB }, &s);
	assert_int_equal(kind_restore(&kind_deploy_key, &s.facts, &in, &err), 0);
	assert_int_equal(in.fields.n, 1);
	kv_set_str(&in.fields, "private-key", key);
	kind_secret_clear(&s);
	assert_int_equal(kind_build(&kind_deploy_key, &in, &s, NULL, &err), 0);
	assert_string_equal(data(&s, "identity"), key);
	assert_string_equal(fact(&s, "url"), GITHUB);
	kind_input_clear(&in);
	kv_set_str(&facts, "url", EXAMPLE);
	kv_set_str(&facts, "host-keys", "SHA256:x");
	assert_int_equal(kind_restore(&kind_deploy_key, &facts, &in, &err), -1);
	assert_string_equal(err.text,
			    "deploy-key: known-hosts: the document cannot give back its host keys "
			    "without a key: give them again with --known-hosts FILE");
	kv_set_str(&in.fields, "known-hosts", "x");
	assert_int_equal(kind_restore(&kind_deploy_key, &facts, &in, &err), 0);
	assert_int_equal(in.fields.n, 2);
	kind_input_clear(&in);
	kind_secret_clear(&s);
	kv_clear(&facts);
	mem_free(key);
}

static void test_detect(void **state)
{
	(void)state;
	struct kind_secret s = KIND_SECRET_INIT, again = KIND_SECRET_INIT;
	struct kind_input in = { .now = NOW };
	struct kv only = KV_INIT;

	accept((struct input){ .url = GITHUB, .secret_type = TYPE_SSH }, &s);
	assert_ptr_equal(kind_detect(TYPE_SSH, &s.data, &in, &err), &kind_deploy_key);
	assert_int_equal(kind_build(&kind_deploy_key, &in, &again, NULL, &err), -1);
	assert_string_equal(err.text, "deploy-key: url: missing; give --url URL");
	kv_set_str(&in.fields, "url", GITHUB);
	assert_int_equal(kind_build(&kind_deploy_key, &in, &again, NULL, &err), 0);
	assert_true(kv_equal(&s.data, &again.data));
	assert_true(kv_equal(&s.facts, &again.facts));
	kind_input_clear(&in);
	kind_secret_clear(&again);
	/* ssh-auth with nothing but the one key that the type asks for */
	kv_set_str(&only, "ssh-privatekey", data(&s, "identity"));
	assert_ptr_equal(kind_detect(TYPE_SSH, &only, &in, &err), &kind_deploy_key);
	kv_set_str(&in.fields, "url", GITHUB);
	assert_int_equal(kind_build(&kind_deploy_key, &in, &again, NULL, &err), 0);
	assert_true(kv_equal(&s.data, &again.data));
	kind_input_clear(&in);
	kind_secret_clear(&again);
	/* any Secret may have something called identity */
	kv_clear(&only);
	kv_set_str(&only, "identity", "x");
	assert_ptr_equal(kind_detect(TYPE_OPAQUE, &only, &in, &err), &kind_opaque);
	kind_input_clear(&in);
	kv_clear(&only);
	kind_secret_clear(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_keys),   cmocka_unit_test(test_fresh),
		cmocka_unit_test(test_given_keys), cmocka_unit_test(test_encrypted),
		cmocka_unit_test(test_ssh_auth),   cmocka_unit_test(test_other_hosts),
		cmocka_unit_test(test_large_rsa),  cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_verify),	   cmocka_unit_test(test_cheap_verify),
		cmocka_unit_test(test_restore),	   cmocka_unit_test(test_detect),
	};

	mem_init();
	return cmocka_run_group_tests_name("kinds/deploy_key", tests, NULL, NULL);
}
