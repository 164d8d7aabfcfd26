/* SPDX-License-Identifier: Apache-2.0 */
/* private keys for Git servers, in every format; and what each module beneath refuses */
#include "tests/unit/kinds/keys.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "base/err.h"
#include "kinds/bcrypt.h"
#include "kinds/openssh.h"
#include "kinds/pkey_pem.h"
#include "kinds/sshkey.h"

static struct err err;

static int parse(const char *text, const char *password, enum sshkey_depth depth,
		 struct sshkey *out)
{
	struct buf p = BUF_INIT;
	int rc;

	if (password != NULL)
		buf_puts(&p, password);
	rc = sshkey_parse(&(struct pem_source){ "key", text, strlen(text) },
			  password != NULL ? &p : NULL, depth, out, &err);
	buf_clear(&p);
	assert_int_equal(ERR_peek_error(), 0);
	if (rc != 0) {
		assert_int_equal(err.class, ERR_INVALID);
		assert_null(out->blob.data);
		assert_null(out->pub.name);
	}
	return rc;
}

/* Parse and free text; the key must be refused with this error. */
static void refuse_with(char *text, const char *password, const char *error)
{
	struct sshkey k = SSHKEY_INIT;

	assert_int_equal(parse(text, password, SSHKEY_FULL, &k), -1);
	assert_string_equal(err.text, error);
	mem_free(text);
}

static void accept(char *text, const char *password, EVP_PKEY *key, bool encrypted)
{
	struct sshkey k = SSHKEY_INIT;
	struct buf blob = BUF_INIT;

	test_public_blob(key, &blob);
	for (int depth = SSHKEY_FULL; depth <= SSHKEY_QUICK; depth++) {
		if (parse(text, password, (enum sshkey_depth)depth, &k) != 0)
			fail_msg("%s", err.text);
		assert_int_equal(k.encrypted, encrypted);
		assert_int_equal(k.blob.len, blob.len);
		assert_memory_equal(k.blob.data, blob.data, blob.len);
		sshkey_clear(&k);
	}
	buf_clear(&blob);
	mem_free(text);
}

static void test_formats(void **state)
{
	(void)state;
	static const char *const names[] = { "ed25519", "p256", "p384", "p521", "fast3072" };
	static const struct test_openssh plain = { .magic = NULL },
					 ctr = { .password = "secret words" },
					 cbc = { .password = "secret words",
						 .cipher = "aes256-cbc" };

	for (size_t i = 0; i < COUNT(names); i++) {
		EVP_PKEY *key = test_key(names[i]);

		accept(test_pkcs8(key, NULL), NULL, key, false);
		accept(test_openssh(key, &plain), NULL, key, false);
		accept(test_openssh(key, &ctr), "secret words", key, true);
		accept(test_openssh(key, &cbc), "secret words", key, true);
		if (i == 0)
			continue; /* Ed25519 has no traditional form */
		accept(test_traditional(key, NULL), NULL, key, false);
		accept(test_traditional(key, EVP_aes_256_cbc()), "secret words", key, true);
		accept(test_traditional(key, EVP_aes_192_cbc()), "secret words", key, true);
		accept(test_traditional(key, EVP_aes_128_cbc()), "secret words", key, true);
		accept(test_traditional(key, EVP_des_ede3_cbc()), "secret words", key, true);
	}
}

static void test_kinds_of_file(void **state)
{
	(void)state;
	EVP_PKEY *key = test_key("p256");
	static const struct test_openssh plain = { .magic = NULL };

	refuse_with(mem_str(""), NULL, "key: is empty");
	refuse_with(mem_str("ssh-ed25519 AAAA"), NULL,
		    "key: is a public key (the .pub file): the private key is needed");
	refuse_with(mem_str("ecdsa-sha2-nistp256 AAAA"), NULL,
		    "key: is a public key (the .pub file): the private key is needed");
	refuse_with(mem_str("sk-ssh-ed25519@openssh.com AAAA"), NULL,
		    "key: is a public key of a security key (sk-), which cannot be used here");
	refuse_with(mem_str("PuTTY-User-Key-File-3: ssh-ed25519\n"), NULL,
		    "key: is in PuTTY's format: convert a copy with 'puttygen FILE -O "
		    "private-openssh -o NEW'");
	refuse_with(mem_str("---- BEGIN SSH2 PUBLIC KEY ----\n"), NULL,
		    "key: is in the format of ssh.com: convert it with 'ssh-keygen -i'");
	refuse_with(test_public_pem(key), NULL, "key: is a public key: the private key is needed");
	refuse_with(test_block("RSA PUBLIC KEY", "x", 1), NULL,
		    "key: is a public key: the private key is needed");
	refuse_with(test_block("CERTIFICATE", "x", 1), NULL,
		    "key: is a certificate: the private key is needed");
	refuse_with(test_block("DSA PRIVATE KEY", "x", 1), NULL,
		    "key: a DSA key: readers no longer take DSA");
	refuse_with(test_block("X PRIVATE KEY", "x", 1), NULL,
		    "key: is not a private key of a known format");
	refuse_with(test_block("EC PARAMETERS", "x", 1), NULL,
		    "key: begins with EC PARAMETERS, where its reader stops: keep only the block "
		    "with the key");
	refuse_with(test_join(test_pkcs8(key, NULL), test_openssh(key, &plain)), NULL,
		    "key: holds several PEM blocks (PRIVATE KEY at line 1, OPENSSH PRIVATE KEY at "
		    "line 6): give one key");
	refuse_with(test_join(mem_str("Bag Attributes\n"), test_pkcs8(key, NULL)), NULL,
		    "key: line 1 is text outside the PEM block: remove it");
}

static void test_types(void **state)
{
	(void)state;
	static const char *const other = "key: a key of a type other than Ed25519, ECDSA and RSA";
	static const char *const curve =
	    "key: an ECDSA key on a curve other than P-256, P-384 and P-521";

	refuse_with(test_pkcs8(test_key("x25519"), NULL), NULL, other);
	refuse_with(test_pkcs8(test_key("ed448"), NULL), NULL, other);
	refuse_with(test_pkcs8(test_key("k1"), NULL), NULL, curve);
	refuse_with(test_traditional(test_key("k1"), NULL), NULL, curve);
	refuse_with(test_pkcs8(test_key("p224"), NULL), NULL, curve);
	refuse_with(test_pkcs8(test_key("rsa2048"), NULL), NULL,
		    "key: an RSA key of 2048 bits: at least 3072 are needed; make a new one "
		    "(ed25519)");
	refuse_with(test_traditional(test_key("rsa1024"), NULL), NULL,
		    "key: an RSA key of 1024 bits: at least 3072 are needed; make a new one "
		    "(ed25519)");
}

/* Told by its name in PKCS#8, before OpenSSL computes anything with its numbers. */
static void test_dsa(void **state)
{
	(void)state;
	static const unsigned char ec[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01 };
	static const unsigned char dsa[] = { 0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01 };
	char *text = test_pkcs8(test_key("p256"), NULL);
	struct pem_block b = PEM_BLOCK_INIT;
	size_t i = 0;

	assert_int_equal(pem_only("key", text, strlen(text), &b, &err), 0);
	while (memcmp(b.der.data + i, ec, sizeof(ec)) != 0)
		i++;
	memcpy(b.der.data + i, dsa, sizeof(dsa));
	refuse_with(test_block("PRIVATE KEY", b.der.data, b.der.len), NULL,
		    "key: a DSA key: readers no longer take DSA");
	pem_clear(&b);
	mem_free(text);
}

static void test_rsa_sizes(void **state)
{
	(void)state;
	EVP_PKEY *largest = test_fast_rsa(PKEY_RSA_MAX / 2, 65537);
	EVP_PKEY *larger = test_fast_rsa(8193, 65537);
	EVP_PKEY *odd = test_fast_rsa(1536, (1UL << 24) + 3),
		 *odder = test_fast_rsa(1536, (1UL << 31) + 11);

	accept(test_traditional(largest, NULL), NULL, largest, false);
	refuse_with(test_traditional(larger, NULL), NULL,
		    "key: an RSA key of 16386 bits: at most 16384 are taken");
	/* x/crypto takes exponents of 24 bits, Go of 31 */
	refuse_with(test_pkcs8(odd, NULL), NULL,
		    "key: is an RSA key with an exponent that its reader refuses");
	refuse_with(test_pkcs8(odder, NULL), NULL,
		    "key: the numbers of the RSA key do not fit each other: it is damaged");
	EVP_PKEY_free(largest);
	EVP_PKEY_free(larger);
	EVP_PKEY_free(odd);
	EVP_PKEY_free(odder);
}

/* Go takes keys of three primes for deprecated, OpenSSH for damaged. */
static void test_three_primes(void **state)
{
	(void)state;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;

	assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 3072), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_primes(ctx, 3), 1);
	assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
	refuse_with(test_pkcs8(key, NULL), NULL,
		    "key: the numbers of the RSA key do not fit each other: it is damaged");
	EVP_PKEY_free(key);
	EVP_PKEY_CTX_free(ctx);
}

static void test_rsa_pss(void **state)
{
	(void)state;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
	EVP_PKEY *key = NULL;

	assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
	assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
	refuse_with(test_pkcs8(key, NULL), NULL,
		    "key: an RSA key restricted to PSS, which readers refuse");
	EVP_PKEY_free(key);
	EVP_PKEY_CTX_free(ctx);
}

static void test_explicit_curve(void **state)
{
	(void)state;
	EVP_PKEY *key = EVP_PKEY_dup(test_key("p256"));

	assert_int_equal(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING,
							OSSL_PKEY_EC_ENCODING_EXPLICIT),
			 1);
	refuse_with(
	    test_pkcs8(key, NULL), NULL,
	    "key: the curve is given by its numbers, not by its name, which readers refuse: "
	    "make a new key");
	EVP_PKEY_free(key);
}

/* Put the headers of an encrypted block into one that has none; text is freed. */
static char *test_headers(char *text)
{
	char *body = strchr(text, '\n') + 1;
	char *both = mem_printf("%.*sProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,"
				"000102030405060708090A0B0C0D0E0F\n\n%s",
				(int)(body - text), text, body);

	mem_free(text);
	return both;
}

static void test_encryption(void **state)
{
	(void)state;
	EVP_PKEY *key = test_key("p256");
	char *long_password = mem_alloc(PKEY_PASSWORD_MAX + 2);
	static const struct test_openssh plain = { .magic = NULL },
					 closed = { .password = "secret words" };

	memset(long_password, 'x', PKEY_PASSWORD_MAX + 1);
	refuse_with(test_traditional(key, EVP_aes_256_cbc()), NULL,
		    "key: is encrypted and its password is not given: give it (password), or "
		    "remove the encryption with 'openssl pkey -in FILE -out NEW' (sealing protects "
		    "the key)");
	refuse_with(test_openssh(key, &closed), NULL,
		    "key: is encrypted and its password is not given: give it (password), or "
		    "remove the encryption with 'ssh-keygen -p -N \"\" -f FILE' (sealing protects "
		    "the key)");
	refuse_with(test_pkcs8(key, EVP_aes_256_cbc()), "secret words",
		    "key: is encrypted as PKCS#8, which Flux cannot open even with the password: "
		    "remove the encryption with 'openssl pkey -in FILE -out NEW' (sealing protects "
		    "the key)");
	for (int i = 0; i < 2; i++)
		refuse_with(i == 0 ? test_pkcs8(key, NULL) : test_openssh(key, &plain), "words",
			    "password: the private key is not encrypted, so nothing would read it: "
			    "leave it out");
	refuse_with(test_traditional(key, EVP_aes_256_cbc()), "secret word",
		    "key: the password does not open it");
	refuse_with(test_traditional(key, EVP_aes_256_cbc()), "",
		    "key: the password does not open it");
	refuse_with(test_openssh(key, &closed), "secret word",
		    "key: the password does not open it");
	refuse_with(test_openssh(key, &closed), "", "key: the password does not open it");
	refuse_with(test_headers(test_pkcs8(key, NULL)), "secret words",
		    "key: is not a private key of a known format");
	refuse_with(test_headers(test_openssh(key, &plain)), "secret words",
		    "key: an OpenSSH key cannot have PEM headers");
	refuse_with(test_traditional(key, EVP_aes_256_cbc()), long_password,
		    "key: the password does not open it");
	mem_free(long_password);
	refuse_with(test_traditional(key, EVP_aria_128_cbc()), "secret words",
		    "key: is encrypted with a cipher that its reader does not take: remove the "
		    "encryption with 'openssl pkey -in FILE -out NEW'");
}

/* Enough wrong passwords that some pass the padding and are told by the noise. */
static void test_wrong_passwords(void **state)
{
	(void)state;
	char *text = test_traditional(test_key("p256"), EVP_aes_128_cbc());
	struct sshkey k = SSHKEY_INIT;
	char password[16];

	for (unsigned i = 0; i < test_repeats(2000); i++) {
		snprintf(password, sizeof(password), "wrong %u", i);
		assert_int_equal(parse(text, password, SSHKEY_FULL, &k), -1);
		assert_string_equal(err.text, "key: the password does not open it");
	}
	mem_free(text);
}

static void test_damage(void **state)
{
	(void)state;
	static const struct {
		const char *key, *error;
		struct test_openssh how;
	} cases[] = {
		{ "p256",
		  "the OpenSSH key is damaged: it does not begin with openssh-key-v1",
		  { .magic = "openssh-key-v2" } },
		{ "p256", "holds several keys in one OpenSSH file: give one", { .keys = 2 } },
		{ "p256",
		  "the OpenSSH key is damaged: something stands behind the key",
		  { .tail = true } },
		{ "p256", "the OpenSSH key is damaged: it is cut off", { .cut = true } },
		{ "p256",
		  "the OpenSSH key is damaged: it has options of an encryption that it "
		  "has not",
		  { .options_without_kdf = true } },
		{ "p256",
		  "the OpenSSH key is damaged: its check numbers differ",
		  { .bad_check = true } },
		{ "ed25519", "the OpenSSH key is damaged: its padding", { .bad_padding = true } },
		{ "ed25519", "the OpenSSH key is damaged: its padding", { .long_padding = true } },
		{ "p256",
		  "the OpenSSH key is damaged: its halves are of two types",
		  { .inner_name = "ssh-ed25519" } },
		{ "p384",
		  "the OpenSSH key is damaged: its halves are of two types",
		  { .other_public = true } },
		{ "p256",
		  "the OpenSSH key is damaged: its public half is not that of the private "
		  "one",
		  { .other_public = true } },
		{ "ed25519",
		  "the OpenSSH key is damaged: its public half is not that of the "
		  "private one",
		  { .wrong_private = true } },
		{ "ed25519",
		  "the OpenSSH key is damaged: its public half is not that of the "
		  "private one",
		  { .wrong_inner_public = true } },
		{ "ed25519",
		  "the OpenSSH key is damaged: its Ed25519 numbers",
		  { .short_private = true } },
		{ "p256",
		  "the numbers of the ECDSA P-256 key do not fit each other: it is damaged",
		  { .wrong_private = true } },
		{ "fast3072",
		  "the numbers of the RSA key do not fit each other: it is damaged",
		  { .wrong_private = true } },
		{ "p256",
		  "the OpenSSH key is damaged: its ECDSA numbers",
		  { .wrong_curve = true } },
		{ "p256",
		  "the numbers of the ECDSA P-256 key do not fit each other: it is damaged",
		  { .bad_point = true } },
		{ "fast3072",
		  "the OpenSSH key is damaged: its RSA numbers",
		  { .bad_number = true } },
		{ "p256",
		  "the OpenSSH key is damaged: the options of its encryption",
		  { .password = "x", .no_salt = true } },
		{ "p256",
		  "is encrypted with more than 2048 bcrypt rounds, which Flux does not "
		  "read: convert a copy with 'ssh-keygen -p -a 16 -f FILE'",
		  { .password = "x", .claimed = 2049 } },
		{ "p256",
		  "is encrypted in a way that Flux does not read: convert a copy with "
		  "'ssh-keygen -p -Z aes256-ctr -f FILE'",
		  { .password = "x", .cipher = "aes128-ctr" } },
		{ "p256",
		  "is encrypted in a way that Flux does not read: convert a copy with "
		  "'ssh-keygen -p -Z aes256-ctr -f FILE'",
		  { .password = "x", .kdf = "none" } },
		{ "p256",
		  "is encrypted in a way that Flux does not read: convert a copy with "
		  "'ssh-keygen -p -Z aes256-ctr -f FILE'",
		  { .cipher = "aes256-ctr" } },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char *error = mem_printf("key: %s", cases[i].error);

		refuse_with(test_openssh(test_key(cases[i].key), &cases[i].how),
			    cases[i].how.password, error);
		mem_free(error);
	}
}

/* A key whose numbers were swapped for another's, in OpenSSL's own formats. */
static void test_mixed_numbers(void **state)
{
	(void)state;
	EVP_PKEY *a = test_key("p256"), *b = test_key("other-p256");
	unsigned char *da = NULL, *db = NULL;
	int len = i2d_PrivateKey(a, &da), other = i2d_PrivateKey(b, &db);

	assert_int_equal(len, 121);
	assert_int_equal(other, 121);
	memcpy(da + 7, db + 7, 32); /* ECPrivateKey: the private number of the other key */
	refuse_with(test_block("EC PRIVATE KEY", da, (size_t)len), NULL,
		    "key: the numbers of the ECDSA P-256 key do not fit each other: it is damaged");
	OPENSSL_free(da);
	OPENSSL_free(db);
	da = NULL;
	len = i2d_PrivateKey(test_key("fast3072"), &da);
	da[len - 1] ^= 2; /* the last byte is qInv's */
	refuse_with(test_block("RSA PRIVATE KEY", da, (size_t)len), NULL,
		    "key: the numbers of the RSA key do not fit each other: it is damaged");
	OPENSSL_free(da);
}

/* Bytes of one structure under another's label, with a tail, cut off. */
static void test_labels(void **state)
{
	(void)state;
	static const char *const names[] = { "p256", "fast3072" };
	static const char *const labels[] = { "EC PRIVATE KEY", "RSA PRIVATE KEY" };
	struct pem_block b = PEM_BLOCK_INIT, t = PEM_BLOCK_INIT;

	for (size_t i = 0; i < COUNT(names); i++) {
		char *pkcs8 = test_pkcs8(test_key(names[i]), NULL);
		char *traditional = test_traditional(test_key(names[i]), NULL);
		char *error;

		assert_int_equal(pem_only("key", pkcs8, strlen(pkcs8), &b, &err), 0);
		assert_int_equal(pem_only("key", traditional, strlen(traditional), &t, &err), 0);
		refuse_with(test_block("PRIVATE KEY", t.der.data, t.der.len), NULL,
			    "key: the PRIVATE KEY is damaged, or of an unknown type");
		for (size_t k = 0; k < COUNT(labels); k++) {
			error =
			    mem_printf("key: the %s is damaged, or of an unknown type", labels[k]);
			refuse_with(test_block(labels[k], b.der.data, b.der.len), NULL, error);
			if (k != i)
				refuse_with(test_block(labels[k], t.der.data, t.der.len), NULL,
					    error);
			mem_free(error);
		}
		buf_putc(&b.der, 0);
		refuse_with(test_block("PRIVATE KEY", b.der.data, b.der.len), NULL,
			    "key: the PRIVATE KEY is damaged, or of an unknown type");
		refuse_with(test_block("PRIVATE KEY", b.der.data, b.der.len - 3), NULL,
			    "key: the PRIVATE KEY is damaged, or of an unknown type");
		pem_clear(&b);
		pem_clear(&t);
		mem_free(pkcs8);
		mem_free(traditional);
	}
}

/* Every bit of a small key flipped: never accepted as another key, never a crash. */
static void test_flips(void **state)
{
	(void)state;
	static const struct test_openssh plain = { .magic = NULL };
	char *texts[] = { test_pkcs8(test_key("p256"), NULL),
			  test_openssh(test_key("ed25519"), &plain) };
	struct buf want = BUF_INIT;

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct pem_block b = PEM_BLOCK_INIT;

		buf_reset(&want);
		test_public_blob(test_key(i == 0 ? "p256" : "ed25519"), &want);
		assert_int_equal(pem_only("key", texts[i], strlen(texts[i]), &b, &err), 0);
		for (size_t bit = 0; bit < b.der.len * 8; bit++) {
			struct sshkey k = SSHKEY_INIT;
			char *text;

			b.der.data[bit / 8] ^= (unsigned char)(1u << bit % 8);
			text = test_block(b.label, b.der.data, b.der.len);
			if (parse(text, NULL, SSHKEY_FULL, &k) == 0) {
				assert_int_equal(k.blob.len, want.len);
				assert_memory_equal(k.blob.data, want.data, want.len);
			}
			b.der.data[bit / 8] ^= (unsigned char)(1u << bit % 8);
			sshkey_clear(&k);
			mem_free(text);
		}
		pem_clear(&b);
		mem_free(texts[i]);
	}
	buf_clear(&want);
}

static void test_generate(void **state)
{
	(void)state;
	static const struct {
		const char *word, *name;
		unsigned bits;
	} cases[] = {
		{ "ed25519", "ssh-ed25519", 256 },
		{ "ecdsa-p256", "ecdsa-sha2-nistp256", 256 },
		{ "ecdsa-p384", "ecdsa-sha2-nistp384", 384 },
		{ "ecdsa-p521", "ecdsa-sha2-nistp521", 521 },
		{ "rsa-4096", "ssh-rsa", 4096 },
	};
	enum pkey_type type;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct sshkey made = SSHKEY_INIT, read = SSHKEY_INIT;
		struct buf pem = BUF_INIT;

		assert_int_equal(sshkey_type("type", cases[i].word, &type, &err), 0);
		assert_int_equal(sshkey_generate(type, &pem, &made, &err), 0);
		assert_string_equal(made.pub.name, cases[i].name);
		assert_int_equal(made.pub.bits, cases[i].bits);
		/* OpenSSH before 9.6 reads no PKCS#8 Ed25519 key */
		assert_non_null(strstr(buf_str(&pem), type == PKEY_ED25519
							  ? "-----BEGIN OPENSSH PRIVATE KEY-----\n"
							  : "-----BEGIN PRIVATE KEY-----\n"));
		assert_int_equal(parse(buf_str(&pem), NULL, SSHKEY_FULL, &read), 0);
		assert_int_equal(made.blob.len, read.blob.len);
		assert_memory_equal(made.blob.data, read.blob.data, read.blob.len);
		sshkey_clear(&made);
		sshkey_clear(&read);
		buf_clear(&pem);
	}
	assert_int_equal(sshkey_type("type", "rsa-2048", &type, &err), -1);
	assert_string_equal(err.text, "type: must be ed25519, ecdsa-p256, ecdsa-p384, ecdsa-p521 "
				      "or rsa-4096");
	assert_int_equal(sshkey_type("type", "", &type, &err), -1);
	assert_int_equal(ERR_peek_error(), 0);
}

/* bcrypt_pbkdf: a vector of OpenBSD's own regression tests, and what it refuses. */
static void test_bcrypt(void **state)
{
	(void)state;
	static const unsigned char want[] = { 0x5b, 0xbf, 0x0c, 0xc2, 0x93, 0x58, 0x7f, 0x1c,
					      0x36, 0x35, 0x55, 0x5c, 0x27, 0x79, 0x65, 0x98,
					      0xd4, 0x7e, 0x57, 0x90, 0x71, 0xbf, 0x42, 0x7e,
					      0x9d, 0x8f, 0xbe, 0x84, 0x2a, 0xba, 0x34, 0xd9 };
	static const struct {
		struct bcrypt_cost cost;
		size_t len;
	} bad[] = {
		{ { "", 0, 4 }, 32 },
		{ { "salt", 4, 0 }, 32 },
		{ { "salt", 4, BCRYPT_ROUNDS_MAX + 1 }, 32 },
		{ { "salt", 4, 4 }, 0 },
		{ { "salt", 4, 4 }, BCRYPT_LEN_MAX + 1 },
	};
	const struct bcrypt_cost good = { "salt", 4, 4 };
	struct buf password = BUF_INIT, out = BUF_INIT;

	assert_int_equal(bcrypt_pbkdf(&password, &good, 32, &out), -1);
	buf_puts(&password, "password");
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(bcrypt_pbkdf(&password, &bad[i].cost, bad[i].len, &out), -1);
	assert_int_equal(out.len, 0);
	assert_int_equal(bcrypt_pbkdf(&password, &good, 32, &out), 0);
	assert_int_equal(out.len, sizeof(want));
	assert_memory_equal(out.data, want, sizeof(want));
	buf_clear(&password);
	buf_clear(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats),	   cmocka_unit_test(test_kinds_of_file),
		cmocka_unit_test(test_types),	   cmocka_unit_test(test_dsa),
		cmocka_unit_test(test_rsa_sizes),  cmocka_unit_test(test_three_primes),
		cmocka_unit_test(test_rsa_pss),	   cmocka_unit_test(test_explicit_curve),
		cmocka_unit_test(test_encryption), cmocka_unit_test(test_wrong_passwords),
		cmocka_unit_test(test_damage),	   cmocka_unit_test(test_mixed_numbers),
		cmocka_unit_test(test_labels),	   cmocka_unit_test(test_flips),
		cmocka_unit_test(test_generate),   cmocka_unit_test(test_bcrypt),
	};

	mem_init();
	return cmocka_run_group_tests_name("kinds/sshkey", tests, NULL, NULL);
}
