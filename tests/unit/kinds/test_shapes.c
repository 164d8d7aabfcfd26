/* SPDX-License-Identifier: Apache-2.0 */
/* The small kinds: basic-auth, proxy, webhook-token, age-key, opaque. */
#include "tests/unit/kinds/kindtest.h"

#include "base/bech32.h"

/* split, so that no scanner takes them for real ones */
#define AGE                                                                                        \
	"AGE-SECRET-KEY"                                                                           \
	"-1"
#define ONE AGE "2U4SXUWSXA09DAMEH386N67LWTD8YCZW2SDDHLT6QDGS6HXNZMTSRY0U3T"
#define ONE_PUBLIC "age1zmj2r5pywa29kf5gxhjg7fqpqv5q5w7muplw3968g78f22qym45qhacpmm"
#define TWO AGE "GWHS5TQF9SG5SU0TSDGV8A2R6Z9VWQ2GX98JKJ5HW283R23N2S2Q49J7NS"
#define TWO_PUBLIC "age1tf6q2a5w36y2afzeqc38qrpp0ksksvt92vyq8rx23zsar2pj732qznz082"
#define PAT                                                                                        \
	"ghp"                                                                                      \
	"_0123456789abcdefghijABCDEFGHIJ3mpbCX"

static void test_basic_auth(void **state)
{
	(void)state;
	static const struct kindtest_taken taken[] = {
		{ { "username=u", "password=p\n" }, "password=p username=u", "user=u", NULL },
		{ { "username=u", "password=a b:c" }, "password=a b:c username=u", "user=u", NULL },
		{ { "username=u", "password=p", "@type=Opaque" }, NULL, "user=u", NULL },
		{ { "username=u", "password=p", "@alias=user=username" },
		  "password=p user=u username=u",
		  "aliases=user=username user=u",
		  NULL },
		{ { "username=u", "password=" PAT },
		  NULL,
		  "user=u",
		  "password: looks like a classic GitHub personal access token; sealed as registry "
		  "or "
		  "git-https it is also checked for its place" },
	};
	static const struct kindtest_refused refused[] = {
		{ { NULL }, "username: missing; give --username USER" },
		{ { "username=u" }, "password: missing; give --password-file FILE|-" },
		{ { "username=u", "password=" }, "password: is empty" },
		{ { "username=u:v", "password=p" },
		  "username: holds a colon, at which HTTP Basic authentication would cut it" },
		{ { "username=u ", "password=p" }, "username: ends with a blank" },
		{ { "username=u", "password=p\nq" },
		  "password: holds a line break at byte 2 of 3, which its reader would take as "
		  "part of it" },
		{ { "username=u", "password= p" }, "password: begins with a blank" },
		{ { "username=u", "password=p\x01" },
		  "password: holds a control character at byte 2" },
		{ { "username=u", "password="
				  "ghp"
				  "_0123456789" },
		  "password: begins like a classic GitHub personal access token, which has 40 "
		  "characters; "
		  "this has 14: some are missing" },
		{ { "username=u", "password="
				  "ghr"
				  "_0123456789abcdefghijABCDEFGHIJ3mpbCX" },
		  "password: is a GitHub refresh token: a refresh token opens nothing itself" },
		{ { "username=u", "password=p", "realm=x" }, "realm: no field of this kind" },
		{ { "username=u", "password=p", "@type=kubernetes.io/tls" },
		  "type kubernetes.io/tls: not one that this kind makes (kubernetes.io/basic-auth "
		  "or "
		  "Opaque)" },
	};
	static const struct kindtest_unverified unverified[] = {
		{ { "username=u", "password=p", "@fact=user=v" },
		  ERR_REFUSED,
		  "fact user: the data says something else" },
		{ { "username=u", "password=", "@fact=user=u" },
		  ERR_INVALID,
		  "password: is empty" },
		{ { "username=", "password=p", "@fact=user=u" },
		  ERR_INVALID,
		  "username: is empty" },
		{ { "username=u", "@fact=user=u" }, ERR_INVALID, "data key password: missing" },
	};

	for (size_t i = 0; i < COUNT(taken); i++)
		kindtest_take(&kind_basic_auth, &taken[i]);
	for (size_t i = 0; i < COUNT(refused); i++)
		kindtest_refuse(&kind_basic_auth, &refused[i]);
	for (size_t i = 0; i < COUNT(unverified); i++)
		kindtest_unverify(&kind_basic_auth, &unverified[i]);
}

static void test_proxy(void **state)
{
	(void)state;
	static const char clear[] =
	    "password: goes to this proxy unencrypted; only an https:// proxy hides it";
	static const struct kindtest_taken taken[] = {
		{ { "address=http://proxy.example.com:3128" },
		  "address=http://proxy.example.com:3128",
		  "url=http://proxy.example.com:3128",
		  NULL },
		{ { "address=https://proxy", "username=u", "password=p\n" },
		  "address=https://proxy password=p username=u",
		  "url=https://proxy user=u",
		  NULL },
		{ { "address=http://proxy", "username=u", "password=p" },
		  NULL,
		  "url=http://proxy user=u",
		  clear },
		{ { "address=socks5://10.0.0.1:1080", "username=u", "password=p" },
		  NULL,
		  "url=socks5://10.0.0.1:1080 user=u",
		  clear },
		{ { "address=http://[2001:db8::1]:8080" },
		  NULL,
		  "url=http://[2001:db8::1]:8080",
		  NULL },
		{ { "address=http://[::1]" }, NULL, "url=http://[::1]", NULL },
	};
	static const struct kindtest_refused refused[] = {
		{ { NULL }, "address: missing; give --address URL" },
		{ { "address=" }, "address: is empty" },
		{ { "address=proxy:3128" },
		  "address: must begin with http://, https:// or socks5://, in lower case" },
		{ { "address=HTTP://proxy" },
		  "address: must begin with http://, https:// or socks5://, in lower case" },
		{ { "address=socks5h://proxy" },
		  "address: must begin with http://, https:// or socks5://, in lower case" },
		{ { "address=http://u:p@proxy" },
		  "address: holds credentials, and it is public; give them as --username and "
		  "--password-file" },
		{ { "address=http://proxy/" },
		  "address: ends with its host and port; a proxy has no path" },
		{ { "address=http://proxy:1?x" },
		  "address: ends with its host and port; a proxy has no path" },
		{ { "address=http://proxy#x" },
		  "address: ends with its host and port; a proxy has no path" },
		{ { "address=http://" }, "address: has no host" },
		{ { "address=http://:3128" }, "address: has no host" },
		{ { "address=http://[]:3128" }, "address: has no host" },
		{ { "address=http://[::1" }, "address: has no host" },
		{ { "address=http://pro_xy" },
		  "address: the host holds a character that none has" },
		{ { "address=http://[::g]" }, "address: the host holds a character that none has" },
		{ { "address=http://[::1]x" }, "address: something follows the host" },
		{ { "address=http://proxy:" },
		  "address: the port is not a number from 1 to 65535" },
		{ { "address=http://proxy:0" },
		  "address: the port is not a number from 1 to 65535" },
		{ { "address=http://proxy:65536" },
		  "address: the port is not a number from 1 to 65535" },
		{ { "address=http://proxy:3128:1" },
		  "address: the port is not a number from 1 to 65535" },
		{ { "address=http://pro xy" }, "address: holds a blank at byte 11" },
		{ { "address=http://proxy\n" },
		  "address: holds a line break at byte 13 of 13, which its reader would take as "
		  "part of "
		  "it" },
		{ { "address=http://proxy", "username=u" },
		  "password: missing; Flux takes both or neither" },
		{ { "address=http://proxy", "password=p" },
		  "username: missing; Flux takes both or neither" },
		{ { "address=http://proxy", "username=u:v", "password=p" },
		  "username: holds a colon, at which HTTP Basic authentication would cut it" },
		{ { "address=http://proxy", "username=u", "password=p\r" },
		  "password: holds a line break at byte 2 of 2, which its reader would take as "
		  "part of "
		  "it" },
	};
	struct kindtest_refused lengths[] = {
		{ { NULL }, "address: has 2049 characters, and Flux takes 2048" },
		{ { NULL }, "fact url: 1025 bytes, and a fact may have 1024" },
		{ { "address=socks5://proxy", "username=u", NULL },
		  "password: SOCKS 5 carries no user name or password longer than 255 bytes" },
	};
	char *far = mem_printf("address=http://%02042d", 0),
	     *long_fact = mem_printf("address=http://%01018d", 0),
	     *password = mem_printf("password=%0256d", 0);

	for (size_t i = 0; i < COUNT(taken); i++)
		kindtest_take(&kind_proxy, &taken[i]);
	for (size_t i = 0; i < COUNT(refused); i++)
		kindtest_refuse(&kind_proxy, &refused[i]);
	lengths[0].words[0] = far;
	lengths[1].words[0] = long_fact;
	lengths[2].words[2] = password;
	for (size_t i = 0; i < COUNT(lengths); i++)
		kindtest_refuse(&kind_proxy, &lengths[i]);
	mem_free(far);
	mem_free(long_fact);
	mem_free(password);
}

static void test_webhook_token(void **state)
{
	(void)state;
	static const struct kindtest_taken taken[] = {
		{ { "token=0123456789abcdef\n" }, "token=0123456789abcdef", "", NULL },
		{ { "token=8f14e45fceea167a5a36dedd4bea2543aaaa" }, NULL, "", NULL },
	};
	static const struct kindtest_refused refused[] = {
		{ { NULL }, "token: missing; give --token-file FILE|-" },
		{ { "token=\n" }, "token: is empty" },
		{ { "token=0123456789abcde" },
		  "token: has 15 characters, and 16 are the least against guessing (openssl rand "
		  "-hex "
		  "32)" },
		{ { "token=abababababababababababab" },
		  "token: is made of fewer than 8 different characters (openssl rand -hex 32)" },
		{ { "token=0123456789 abcdef" }, "token: holds a blank at byte 11" },
		{ { "token=0123456789abcdef\n\n" },
		  "token: holds a line break at byte 17 of 17, which its reader would take as part "
		  "of "
		  "it" },
		{ { "token='0123456789abcdef'" },
		  "token: stands in quotes, which are not part of it" },
		{ { "token=" PAT },
		  "token: is a classic GitHub personal access token; a webhook's token is a secret "
		  "of its "
		  "own (openssl rand -hex 32)" },
		{ { "token=" ONE },
		  "token: is an age key; a webhook's token is a secret of its own (openssl rand "
		  "-hex 32)" },
	};
	static const struct kindtest_unverified unverified[] = {
		{ { "token=0123456789abcdef", "@fact=user=u" },
		  ERR_INVALID,
		  "fact user: not one of this kind" },
		{ { "token=0123456789abcdef\n" },
		  ERR_INVALID,
		  "token: holds a line break at byte 17 of 17, which its reader would take as part "
		  "of "
		  "it" },
	};

	for (size_t i = 0; i < COUNT(taken); i++)
		kindtest_take(&kind_webhook_token, &taken[i]);
	for (size_t i = 0; i < COUNT(refused); i++)
		kindtest_refuse(&kind_webhook_token, &refused[i]);
	for (size_t i = 0; i < COUNT(unverified); i++)
		kindtest_unverify(&kind_webhook_token, &unverified[i]);
}

#define KEY "private-key="

static void test_age_key(void **state)
{
	(void)state;
	static const struct kindtest_taken taken[] = {
		{ { KEY ONE }, "age.agekey=" ONE, "public-key=" ONE_PUBLIC, NULL },
		/* a file is kept as it is, its last line break too */
		{ { KEY ONE "\n" }, "age.agekey=" ONE "\n", "public-key=" ONE_PUBLIC, NULL },
		{ { KEY "# created: 2026-11-25T20:16:25Z\n# public key: " ONE_PUBLIC "\n" ONE
			"\n" },
		  NULL,
		  "public-key=" ONE_PUBLIC,
		  NULL },
		{ { KEY "# public key: " ONE_PUBLIC "\r\n" ONE "\r\n" },
		  NULL,
		  "public-key=" ONE_PUBLIC,
		  NULL },
		{ { KEY ONE "\n\n# the next\n# public key: " TWO_PUBLIC "\n" TWO },
		  NULL,
		  "public-key=" TWO_PUBLIC "," ONE_PUBLIC,
		  NULL },
		{ { KEY ONE, "@alias=sops.agekey=age.agekey" },
		  "age.agekey=" ONE " sops.agekey=" ONE,
		  "aliases=sops.agekey=age.agekey public-key=" ONE_PUBLIC,
		  NULL },
	};
	static const struct kindtest_refused refused[] = {
		{ { NULL }, "private-key: missing; give --private-key FILE|-" },
		{ { KEY }, "private-key: is empty" },
		{ { KEY "# only a comment\n" },
		  "private-key: holds no identity (AGE-SECRET-KEY-1...)" },
		{ { KEY "\n" }, "private-key: holds no identity (AGE-SECRET-KEY-1...)" },
		{ { KEY ONE_PUBLIC },
		  "private-key: line 1 is a recipient, that is the public key; the identity begins "
		  "with "
		  "AGE-SECRET-KEY-1" },
		{ { KEY "AGE-SECRET-KEY"
			"-PQ-1QQQQ" },
		  "private-key: line 1 is a hybrid identity (mlkem768x25519), which is not known "
		  "here yet" },
		{ { KEY "AGE-PLUGIN-YUBIKEY-1QQQQ" },
		  "private-key: line 1 is an identity that needs a plugin, and Flux runs none" },
		{ { KEY "age-secret"
			"-key-12u4sxuwsxa09dameh386n67lwtd8yczw2sddhlt6qdgs6hxnzmtsry0u3t" },
		  "private-key: line 1 is an identity in lower case, which age does not read" },
		{ { KEY "age-encryption.org/v1\n-> scrypt x 18\n" },
		  "private-key: line 1 is an encrypted file; nobody types its passphrase in a "
		  "cluster" },
		{ { KEY "\n-----BEGIN AGE ENCRYPTED FILE-----\n" },
		  "private-key: line 2 is an encrypted file; nobody types its passphrase in a "
		  "cluster" },
		{ { KEY "-----BEGIN OPENSSH"
			" PRIVATE KEY-----\n" },
		  "private-key: line 1 is PEM; a key for SSH is sealed as deploy-key" },
		{ { KEY "# a\n\n " ONE },
		  "private-key: line 3 is indented, and age reads identities from the beginning of "
		  "the "
		  "line" },
		{ { KEY "\t" ONE },
		  "private-key: line 1 is indented, and age reads identities from the beginning of "
		  "the "
		  "line" },
		{ { KEY "key: " ONE }, "private-key: line 1 is neither a comment nor an identity" },
		{ { KEY AGE "2U4SXUWSXA09DAMEH386N67LWTD8YCZW2SDDHLT6QDGS6HXNZMTSRY0U3" },
		  "private-key: line 1: the identity is too short or too long" },
		{ { KEY AGE "3U4SXUWSXA09DAMEH386N67LWTD8YCZW2SDDHLT6QDGS6HXNZMTSRY0U3T" },
		  "private-key: line 1: the identity has a wrong checksum: a character is "
		  "mistyped" },
		{ { KEY AGE "2u4SXUWSXA09DAMEH386N67LWTD8YCZW2SDDHLT6QDGS6HXNZMTSRY0U3T" },
		  "private-key: line 1: the identity mixes upper and lower case or is in the wrong "
		  "one" },
		{ { KEY AGE "BU4SXUWSXA09DAMEH386N67LWTD8YCZW2SDDHLT6QDGS6HXNZMTSRY0U3T" },
		  "private-key: line 1: the identity has a character that no key has" },
		{ { KEY ONE " " }, "private-key: line 1: the identity is too short or too long" },
		{ { KEY ONE "\r" }, "private-key: line 1 holds a control character" },
		{ { KEY ONE "\n" ONE }, "private-key: line 2: the same identity again" },
		{ { KEY "# public key: " TWO_PUBLIC "\n" ONE },
		  "private-key: line 2: the identity is not that of the public key in the comment "
		  "above it" },
		{ { KEY "# public key: " ONE_PUBLIC "x\n" ONE },
		  "private-key: line 2: the identity is not that of the public key in the comment "
		  "above it" },
	};
	static const struct kindtest_unverified unverified[] = {
		{ { "age.agekey=" ONE, "@fact=public-key=" TWO_PUBLIC },
		  ERR_REFUSED,
		  "fact public-key: the data says something else" },
		{ { "age.agekey=" ONE_PUBLIC, "@fact=public-key=" ONE_PUBLIC },
		  ERR_INVALID,
		  "data key age.agekey: line 1 is a recipient, that is the public key; the "
		  "identity begins "
		  "with AGE-SECRET-KEY-1" },
		{ { "key.txt=" ONE, "@fact=public-key=" ONE_PUBLIC },
		  ERR_INVALID,
		  "data key key.txt: neither a key of this kind nor an alias" },
	};

	for (size_t i = 0; i < COUNT(taken); i++)
		kindtest_take(&kind_age_key, &taken[i]);
	for (size_t i = 0; i < COUNT(refused); i++)
		kindtest_refuse(&kind_age_key, &refused[i]);
	for (size_t i = 0; i < COUNT(unverified); i++)
		kindtest_unverify(&kind_age_key, &unverified[i]);
}

static void test_age_key_many(void **state)
{
	(void)state;
	struct kind_secret s = KIND_SECRET_INIT;
	struct kind_input in = { .now = KINDTEST_NOW };
	struct buf file = BUF_INIT;
	struct err err = ERR_INIT;

	for (unsigned char i = 1; i <= 17; i++) {
		unsigned char secret[32] = { 0, i }; /* the first byte is clamped */
		char text[BECH32_TEXT("AGE-SECRET-KEY-", 32)];

		bech32_encode("AGE-SECRET-KEY-", secret, sizeof(secret), text);
		buf_printf(&file, "%s\n", text);
		kv_set(&in.fields, "private-key", file.data, file.len);
		assert_int_equal(kind_build(&kind_age_key, &in, &s, NULL, &err), i <= 16 ? 0 : -1);
		kind_secret_clear(&s);
	}
	assert_string_equal(err.text, "age-key: private-key: line 17: more than 16 identities");
	kind_input_clear(&in);
	buf_clear(&file);
}

static void test_opaque(void **state)
{
	(void)state;
	static const struct kindtest_taken taken[] = {
		{ { "A=b", "c.d=e" }, "A=b c.d=e", "", NULL },
		{ { "A=b\n\n" }, "A=b\n\n", "", NULL },
		{ { "A=" }, "A=", "", "A: the value is empty" },
		{ { "A=" PAT },
		  NULL,
		  "",
		  "A: looks like a classic GitHub personal access token; sealed as registry or "
		  "git-https it "
		  "is checked, and its reader finds it" },
		{ { "A=xoxb"
		    "-0123456789abcdefghij" },
		  NULL,
		  "",
		  "A: looks like a Slack bot token, of which nothing is checked" },
		{ { "A=b", "@extra=namespaces=web" }, NULL, "namespaces=web", NULL },
	};
	static const struct kindtest_refused refused[] = {
		{ { NULL }, "data: empty; there is nothing to seal" },
		{ { "..a=b" },
		  "data key 1: not a name that a Secret takes: letters, digits, \"-\", \"_\" and "
		  "\".\", at "
		  "most 253, not beginning with \"..\"" },
		{ { "A=b", "a/b=c" },
		  "data key 2: not a name that a Secret takes: letters, digits, \"-\", \"_\" and "
		  "\".\", at "
		  "most 253, not beginning with \"..\"" },
		{ { "A=b", "@alias=B=A" },
		  "alias B: this kind has none; seal the value under both names" },
		{ { "A=b", "@type=kubernetes.io/service-account-token" },
		  "type kubernetes.io/service-account-token: not one that this kind makes "
		  "(Opaque)" },
	};

	for (size_t i = 0; i < COUNT(taken); i++)
		kindtest_take(&kind_opaque, &taken[i]);
	for (size_t i = 0; i < COUNT(refused); i++)
		kindtest_refuse(&kind_opaque, &refused[i]);
}

static void test_opaque_parts(void **state)
{
	(void)state;
	struct kind_secret s = { TYPE_OPAQUE, KV_INIT, KV_INIT };
	struct err err = ERR_INIT;
	char name[16];

	kv_set_str(&s.data, "A", "b");
	assert_int_equal(kind_verify(&kind_opaque, "A", &s, 0, NULL, &err), 0);
	assert_int_equal(kind_verify(&kind_opaque, KIND_PART, &s, 0, NULL, &err), 0);
	assert_int_equal(kind_verify(&kind_opaque, "B", &s, 0, NULL, &err), -1);
	assert_string_equal(err.text, "opaque: part B: must hold the one data key of its own name");
	kv_set_str(&s.data, "B", "c");
	assert_int_equal(kind_verify(&kind_opaque, "A", &s, 0, NULL, &err), -1);
	assert_string_equal(err.text, "opaque: part A: must hold the one data key of its own name");
	assert_int_equal(kind_verify(&kind_opaque, KIND_PART, &s, 0, NULL, &err), 0);
	kv_set_str(&s.facts, "aliases", "C=A");
	assert_int_equal(kind_verify(&kind_opaque, KIND_PART, &s, 0, NULL, &err), -1);
	assert_string_equal(err.text,
			    "opaque: alias C: this kind has none; seal the value under both names");
	kv_clear(&s.facts);
	for (int i = 0; i < KIND_KEYS_MAX; i++) {
		snprintf(name, sizeof(name), "K%d", i);
		kv_set_str(&s.data, name, "x");
	}
	assert_int_equal(kind_verify(&kind_opaque, KIND_PART, &s, 0, NULL, &err), -1);
	assert_string_equal(err.text, "opaque: data: 258 keys, and one Secret may have 256 here");
	kind_secret_clear(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_basic_auth),    cmocka_unit_test(test_proxy),
		cmocka_unit_test(test_webhook_token), cmocka_unit_test(test_age_key),
		cmocka_unit_test(test_age_key_many),  cmocka_unit_test(test_opaque),
		cmocka_unit_test(test_opaque_parts),
	};

	mem_init();
	return cmocka_run_group_tests_name("kinds/shapes", tests, NULL, NULL);
}
