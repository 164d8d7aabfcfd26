/* SPDX-License-Identifier: Apache-2.0 */
/* the kind tls, and the certificate modules beneath it */
#include "tests/unit/kinds/certs.h"

#include "base/err.h"
#include "base/name.h"
#include "kinds/kind.h"
#include "kinds/kinds.h"
#include "kinds/x509.h"
#include "kinds/x509_ca.h"
#include "kinds/x509_facts.h"

/* Of Debian's releases, 12 has an OpenSSL (3.0) that reads such a certificate, 13 (3.5) does not.
 */
#if OPENSSL_VERSION_NUMBER >= 0x30500000L
#define BAD_DATE "is damaged"
#else
#define BAD_DATE "has a damaged date"
#endif

static struct err err;
static struct test_certs t;

static int setup(void **state)
{
	(void)state;
	test_certs_make(&t);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	test_certs_free(&t);
	return 0;
}

/* --- building --------------------------------------------------------------------------------- */

/* PEM of up to three certificates, one after the other. */
static char *chain(X509 *a, X509 *b, X509 *c)
{
	char *text = test_cert_pem(a);

	if (b != NULL)
		text = test_join(text, test_cert_pem(b));
	if (c != NULL)
		text = test_join(text, test_cert_pem(c));
	return text;
}

/* Any field may be NULL; the texts are freed. */
static int build(char *cert, char *key, char *ca, char *bundle, struct kind_secret *out,
		 struct notes *notes)
{
	struct kind_input in = { .now = NOW };
	char *texts[] = { cert, key, ca, bundle };
	static const char *const names[] = { "cert", "private-key", "ca", "bundle" };
	int rc;

	for (size_t i = 0; i < COUNT(texts); i++) {
		if (texts[i] != NULL)
			kv_set_str(&in.fields, names[i], texts[i]);
		mem_free(texts[i]);
	}
	rc = kind_build(&kind_tls, &in, out, notes, &err);
	kv_clear(&in.fields);
	assert_int_equal(ERR_peek_error(), 0);
	if (rc != 0) {
		assert_int_equal(err.class, ERR_INVALID);
		assert_int_equal(out->data.n, 0);
	}
	return rc;
}

static void refuse(char *cert, char *key, char *ca, char *bundle, const char *error)
{
	struct kind_secret s = KIND_SECRET_INIT;
	char *want = mem_printf("tls: %s", error);

	if (build(cert, key, ca, bundle, &s, NULL) == 0)
		fail_msg("taken, but: %s", error);
	assert_string_equal(err.text, want);
	mem_free(want);
}

static void accept(char *cert, char *key, char *ca, char *bundle, struct kind_secret *out,
		   struct notes *notes)
{
	if (build(cert, key, ca, bundle, out, notes) != 0)
		fail_msg("%s", err.text);
	/* what was built is right for whoever opens it, too */
	assert_int_equal(kind_verify(&kind_tls, KIND_PART, out, NOW, NULL, &err), 0);
	assert_int_equal(ERR_peek_error(), 0);
}

/* As refuse, the error naming the line that follows before: signatures differ in length. */
static void refuse_line(char *cert, char *key, char *bundle, const char *before,
			const char *pattern)
{
	unsigned line = 1;
	char *error;

	for (; *before != '\0'; before++)
		line += *before == '\n';
	error = mem_printf("%.*s%u%s", (int)(strchr(pattern, '#') - pattern), pattern, line,
			   strchr(pattern, '#') + 1);
	refuse(cert, key, NULL, bundle, error);
	mem_free(error);
}

static char *key_pem(const char *name)
{
	return test_pkcs8(test_key(name), NULL);
}

static const char *fact(const struct kind_secret *s, const char *name)
{
	return kv_get_str(&s->facts, name);
}

static void test_secret(void **state)
{
	(void)state;
	struct kind_secret s = KIND_SECRET_INIT;
	struct notes notes = NOTES_INIT;
	char *cert = chain(t.leaf, t.mid, NULL), *key = key_pem("p256");
	char *keep_cert = mem_str(cert), *keep_key = mem_str(key);
	unsigned char digest[32];

	accept(cert, key, chain(t.ca, NULL, NULL), NULL, &s, &notes);
	assert_string_equal(s.type, TYPE_TLS);
	assert_int_equal(s.data.n, 3);
	assert_string_equal(kv_get_str(&s.data, "tls.crt"), keep_cert);
	assert_string_equal(kv_get_str(&s.data, "tls.key"), keep_key);
	assert_int_equal(notes.n, 0);
	assert_int_equal(s.facts.n, 5);
	/* the leaf ends first */
	assert_string_equal(fact(&s, "not-after"), "2027-02-21T08:00:00Z");
	assert_string_equal(fact(&s, "dns-names"), "api.example.org,foobar-api.example.org");
	assert_string_equal(fact(&s, "issuer"), "CN=Test Intermediate");
	X509_digest(t.leaf, EVP_sha256(), digest, NULL);
	assert_int_equal(strlen(fact(&s, "fingerprint")), 6 + 32 * 3);
	for (size_t i = 0; i < 32; i++) {
		char hex[4];

		snprintf(hex, sizeof(hex), ":%02X", digest[i]);
		assert_memory_equal(fact(&s, "fingerprint") + 6 + 3 * i, hex, 3);
	}
	X509_digest(t.ca, EVP_sha256(), digest, NULL);
	assert_int_equal(strlen(fact(&s, "ca")), 6 + 32 * 3);
	mem_free(keep_cert);
	mem_free(keep_key);
	kind_secret_clear(&s);
	notes_clear(&notes);
}

static void test_accepts(void **state)
{
	(void)state;
	static const char *const leaf_keys[] = { "p256",    "p384",    "p521",
						 "ed25519", "rsa2048", "rsa3072" };
	struct kind_secret s = KIND_SECRET_INIT;

	for (size_t i = 0; i < COUNT(leaf_keys); i++) {
		X509 *x = test_make_cert(&(struct test_cert){
		    .subject = "x", .key = leaf_keys[i], .san = "DNS:x.example.org" });

		accept(chain(x, NULL, NULL), key_pem(leaf_keys[i]), NULL, NULL, &s, NULL);
		kind_secret_clear(&s);
		if (strcmp(leaf_keys[i], "ed25519") != 0) {
			accept(chain(x, NULL, NULL), test_traditional(test_key(leaf_keys[i]), NULL),
			       NULL, NULL, &s, NULL);
			kind_secret_clear(&s);
		}
		X509_free(x);
	}
	accept(chain(t.leaf, t.mid, t.ca), key_pem("p256"), NULL, NULL, &s, NULL);
	kind_secret_clear(&s);
	/* text between certificates, and openssl ecparam's block before the key, are what tools
	 * write */
	accept(
	    test_join(mem_str("subject=CN = foobar-api\n\n"), chain(t.leaf, t.mid, NULL)),
	    test_join(test_block("EC PARAMETERS", "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10),
		      test_traditional(test_key("p256"), NULL)),
	    test_join(mem_str("# Test Root\n"), chain(t.ca, t.other, NULL)), NULL, &s, NULL);
	kind_secret_clear(&s);
	/* a self-signed certificate that is its own CA, as cert-manager makes them */
	accept(chain(t.self, NULL, NULL), key_pem("rsa2048"), chain(t.self, NULL, NULL), NULL, &s,
	       NULL);
	kind_secret_clear(&s);
}

static void test_bundle(void **state)
{
	(void)state;
	char *orders[] = {
		test_join(chain(t.leaf, t.mid, NULL), key_pem("p256")),
		test_join(key_pem("p256"), chain(t.leaf, t.mid, NULL)),
		test_join(chain(t.leaf, NULL, NULL),
			  test_join(key_pem("p256"), chain(t.mid, NULL, NULL))),
	};
	char *cert = chain(t.leaf, t.mid, NULL), *key = key_pem("p256");
	char *both = test_join(mem_str(cert), mem_str(key));

	for (size_t i = 0; i < COUNT(orders); i++) {
		struct kind_secret s = KIND_SECRET_INIT;

		orders[i][strlen(orders[i]) - 1] = '\0'; /* the last line end may be missing */
		accept(NULL, NULL, NULL, orders[i], &s, NULL);
		assert_string_equal(kv_get_str(&s.data, "tls.crt"), cert);
		assert_string_equal(kv_get_str(&s.data, "tls.key"), key);
		kind_secret_clear(&s);
	}
	refuse(mem_str(cert), NULL, NULL, mem_str(key),
	       "bundle: stands for both the certificate and the key: give it alone, or --cert and "
	       "--private-key");
	refuse(NULL, NULL, NULL, mem_str(key), "bundle: holds no certificate");
	refuse(NULL, NULL, NULL, mem_str(cert), "bundle: holds no private key");
	refuse_line(NULL, NULL, test_join(mem_str(both), mem_str(key)), both,
		    "bundle: line #: a second block after the private key: give one key");
	refuse(NULL, NULL, NULL, test_join(mem_str("text\n"), mem_str(cert)),
	       "bundle: line 1 is text outside the PEM block: remove it");
	refuse(NULL, NULL, NULL, test_join(mem_str(key), test_block("PUBLIC KEY", "x", 1)),
	       "bundle: line 6: a second block after the private key: give one key");
	mem_free(both);
	mem_free(cert);
	mem_free(key);
}

/* --- refusals --------------------------------------------------------------------------------- */

static void test_fields(void **state)
{
	(void)state;
	char *leaf = chain(t.leaf, NULL, NULL);

	refuse(NULL, NULL, NULL, NULL,
	       "cert: missing; give --cert FILE (or both in one --bundle FILE)");
	refuse(NULL, key_pem("p256"), NULL, NULL,
	       "cert: missing; give --cert FILE (or both in one --bundle FILE)");
	refuse(chain(t.leaf, NULL, NULL), NULL, NULL, NULL,
	       "private-key: missing; give --private-key FILE (or both in one --bundle FILE)");
	refuse(chain(t.leaf, NULL, NULL), key_pem("p256"), mem_str(""), NULL, "ca: is empty");
	refuse(mem_str("hello"), key_pem("p256"), NULL, NULL,
	       "cert: holds no PEM block (-----BEGIN ...-----)");
	refuse(key_pem("p256"), chain(t.leaf, NULL, NULL), NULL, NULL,
	       "cert: line 1: a private key stands where certificates are expected, which are read "
	       "by many: take it out");
	refuse_line(
	    test_join(mem_str(leaf), test_traditional(test_key("p256"), NULL)), key_pem("p256"),
	    NULL, leaf,
	    "cert: line #: a private key stands where certificates are expected, which are read "
	    "by many: take it out");
	refuse(test_block("TRUSTED CERTIFICATE", "x", 1), key_pem("p256"), NULL, NULL,
	       "cert: line 1: a TRUSTED CERTIFICATE stands where only CERTIFICATE blocks are read");
	refuse(test_block("CERTIFICATE", "\x30\x00", 2), key_pem("p256"), NULL, NULL,
	       "cert: certificate 1 is damaged");
	refuse(chain(t.leaf, NULL, NULL), chain(t.leaf, NULL, NULL), NULL, NULL,
	       "private-key: is a certificate: the private key is needed");
	refuse(chain(t.leaf, NULL, NULL), test_public_pem(test_key("p256")), NULL, NULL,
	       "private-key: is a public key: the private key is needed");
	refuse(chain(t.leaf, NULL, NULL), test_block("EC PARAMETERS", "x", 1), NULL, NULL,
	       "private-key: holds no private key");
	refuse(chain(t.leaf, NULL, NULL), test_join(key_pem("p256"), key_pem("p256")), NULL, NULL,
	       "private-key: line 6: a second block after the private key: give one key");
	refuse(chain(t.leaf, NULL, NULL), mem_str("-----BEGIN PRIVATE KEY-----\r\n"), NULL, NULL,
	       "private-key: line 1 ends with a carriage return: save the file with Unix line ends "
	       "(dos2unix)");
	refuse(NULL, NULL, NULL, mem_str("-----BEGIN PRIVATE KEY-----\r\n"),
	       "bundle: line 1 ends with a carriage return: save the file with Unix line ends "
	       "(dos2unix)");
	refuse(chain(t.leaf, NULL, NULL), test_join(mem_str("key:\n"), key_pem("p256")), NULL, NULL,
	       "private-key: line 1 is text outside the PEM block: remove it");
	mem_free(leaf);
}

static void test_block_details(void **state)
{
	(void)state;
	struct pem_block b = PEM_BLOCK_INIT;
	char *cert = chain(t.leaf, NULL, NULL);

	refuse(mem_str("-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: "
		       "AES-128-CBC,00\n\nAAAA\n-----END CERTIFICATE-----\n"),
	       key_pem("p256"), NULL, NULL, "cert: line 1: a certificate cannot be encrypted");
	assert_int_equal(pem_only("x", cert, strlen(cert), &b, &err), 0);
	buf_putc(&b.der, 0);
	refuse(test_block("CERTIFICATE", b.der.data, b.der.len), key_pem("p256"), NULL, NULL,
	       "cert: certificate 1 is damaged");
	refuse(test_block("CERTIFICATE", b.der.data, b.der.len - 2), key_pem("p256"), NULL, NULL,
	       "cert: certificate 1 is damaged");
	pem_clear(&b);
	mem_free(cert);
	cert = mem_str("");
	for (int i = 0; i < X509_CHAIN_MAX + 1; i++)
		cert = test_join(cert, chain(t.leaf, NULL, NULL));
	refuse(cert, key_pem("p256"), NULL, NULL, "cert: holds more than 10 certificates");
	cert = mem_alloc(PEM_CERTS_MAX + 1);
	memset(cert, '\n', PEM_CERTS_MAX + 1);
	refuse(cert, key_pem("p256"), NULL, NULL,
	       "cert: has 262145 bytes, more than the 262144 allowed");
}

static void test_pairs(void **state)
{
	(void)state;
	static const char *const others[] = { "other-p256", "p384", "rsa2048", "ed25519" };
	static const char not_encrypted[] =
	    "private-key: is encrypted: remove the encryption with 'openssl pkey -in FILE -out "
	    "NEW' (sealing protects it)";

	for (size_t i = 0; i < COUNT(others); i++) {
		/* p384 is the intermediate's key */
		refuse(chain(t.leaf, NULL, NULL), key_pem(others[i]), NULL, NULL,
		       "private-key: does not belong to the certificate (cert): the two are not a "
		       "pair");
	}
	refuse(
	    chain(t.mid, t.leaf, NULL), key_pem("p256"), NULL, NULL,
	    "cert: certificate 2 belongs to the key: it must come first, then each one's issuer");
	refuse(
	    chain(t.ca, t.mid, t.leaf), key_pem("p256"), NULL, NULL,
	    "cert: certificate 3 belongs to the key: it must come first, then each one's issuer");
	refuse(chain(t.leaf, NULL, NULL), test_pkcs8(test_key("p256"), EVP_aes_256_cbc()), NULL,
	       NULL, not_encrypted);
	refuse(chain(t.leaf, NULL, NULL), test_traditional(test_key("p256"), EVP_aes_256_cbc()),
	       NULL, NULL, not_encrypted);
	refuse(
	    chain(t.leaf, NULL, NULL),
	    test_openssh(test_key("p256"), &(struct test_openssh){ .magic = NULL }), NULL, NULL,
	    "private-key: is in OpenSSH's own format, which this reader does not take: convert a "
	    "copy with 'ssh-keygen -p -m PKCS8 -f FILE'");
	refuse(chain(t.leaf, NULL, NULL), key_pem("k1"), NULL, NULL,
	       "private-key: an ECDSA key on a curve other than P-256, P-384 and P-521");
	refuse(chain(t.leaf, NULL, NULL), key_pem("ed448"), NULL, NULL,
	       "private-key: a key of a type other than Ed25519, ECDSA and RSA");
}

static void test_chains(void **state)
{
	(void)state;
	static const char between[] = "is not issued by the one after it: one is missing between "
				      "them, or does not belong here";
	X509 *late_mid = test_make_cert(&(struct test_cert){ .subject = "Test Intermediate",
							     .key = "p384",
							     .issuer = t.ca,
							     .issuer_key = "ca-p256" });
	X509 *short_ca =
	    test_make_cert(&(struct test_cert){ .subject = "Short",
						.key = "ca-p256",
						.ca = true,
						.constraints = "critical,CA:TRUE,pathlen:0" });
	X509 *under = test_make_cert(&(struct test_cert){ .subject = "Test Intermediate",
							  .key = "p384",
							  .issuer = short_ca,
							  .issuer_key = "ca-p256",
							  .ca = true });
	X509 *narrow = test_make_cert(
	    &(struct test_cert){ .subject = "Test Intermediate",
				 .key = "p384",
				 .issuer = t.ca,
				 .issuer_key = "ca-p256",
				 .ca = true,
				 .name_constraints = "critical,permitted;DNS:example.com" });
	char *error = mem_printf("cert: certificate 1 %s", between);

	refuse(chain(t.leaf, t.ca, NULL), key_pem("p256"), NULL, NULL, error);
	refuse(chain(t.leaf, t.self, NULL), key_pem("p256"), NULL, NULL, error);
	mem_free(error);
	error = mem_printf("cert: certificate 2 %s", between);
	refuse(chain(t.leaf, t.mid, t.self), key_pem("p256"), NULL, NULL, error);
	/* the right name with another key */
	refuse(chain(t.leaf, t.mid, t.other), key_pem("p256"), NULL, NULL, error);
	mem_free(error);
	refuse(chain(t.leaf, t.ca, t.mid), key_pem("p256"), NULL, NULL,
	       "cert: out of order: certificate 1 must be followed by its issuer, which is "
	       "certificate 3");
	refuse(chain(t.leaf, t.mid, t.mid), key_pem("p256"), NULL, NULL,
	       "cert: certificate 3 is certificate 2 again");
	refuse(chain(t.leaf, t.leaf, t.mid), key_pem("p256"), NULL, NULL,
	       "cert: certificate 2 is certificate 1 again");
	refuse(chain(t.leaf, late_mid, NULL), key_pem("p256"), NULL, NULL,
	       "cert: certificate 2 issued the one before it, but is no CA");
	refuse(chain(t.leaf, under, short_ca), key_pem("p256"), NULL, NULL,
	       "cert: the chain does not verify: path length constraint exceeded");
	refuse(chain(t.leaf, narrow, t.ca), key_pem("p256"), NULL, NULL,
	       "cert: the chain does not verify: permitted subtree violation");
	X509_free(late_mid);
	X509_free(short_ca);
	X509_free(under);
	X509_free(narrow);
}

static void test_certificates(void **state)
{
	(void)state;
	static const struct {
		struct test_cert cert;
		const char *error;
	} cases[] = {
		{ { .subject = "x", .key = "rsa1024", .san = "DNS:x" },
		  "cert: certificate 1: an RSA key of 1024 bits: must have 2048 to 8192" },
		{ { .subject = "x", .key = "p256", .san = "DNS:x", .negative_serial = true },
		  "cert: certificate 1 has a negative serial number, which readers refuse" },
		{ { .subject = "x", .key = "p256", .san = "DNS:x", .double_san = true },
		  "cert: certificate 1 has an extension that is damaged or stands twice" },
		{ { .subject = "x", .key = "p256", .bad_san = true },
		  "cert: certificate 1: alternative name 1 is not a DNS name" },
		{ { .subject = "x", .key = "p256", .empty_san = true },
		  "cert: certificate 1: alternative name 1 is not a DNS name" },
		{ { .subject = "x", .key = "p256", .san = "DNS:x", .bad_date = true },
		  "cert: certificate 1 " BAD_DATE },
		{ { .subject = "x", .key = "p256", .san = "DNS:x", .from = -100, .to = -1 },
		  "cert: certificate 1 expired at 2026-11-22T08:00:00Z" },
		{ { .subject = "x", .key = "p256", .san = "DNS:x", .from = 1, .to = 100 },
		  "cert: certificate 1 is not valid before 2026-11-24T08:00:00Z" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		X509 *x = test_make_cert(&cases[i].cert);

		refuse(chain(x, NULL, NULL), key_pem(cases[i].cert.key), NULL, NULL,
		       cases[i].error);
		X509_free(x);
	}
}

static void test_signatures(void **state)
{
	(void)state;
	static const char weak[] =
	    "is signed over a SHA-1 or MD5 digest, which readers refuse: have "
	    "it issued anew";
	static const char other[] = "is signed with an algorithm that readers do not take";
	const struct {
		const EVP_MD *digest;
		const char *reason;
	} cases[] = {
		{ EVP_sha1(), weak },	{ EVP_md5(), weak },	{ EVP_sha224(), other },
		{ EVP_sha384(), NULL }, { EVP_sha512(), NULL },
	};
	X509 *root, *mid, *leaf;
	struct kind_secret s = KIND_SECRET_INIT;

	for (size_t i = 0; i < COUNT(cases); i++) {
		X509 *x = test_make_cert(&(struct test_cert){
		    .subject = "x", .key = "rsa2048", .san = "DNS:x", .digest = cases[i].digest });

		if (cases[i].reason != NULL) {
			char *error = mem_printf("cert: certificate 1 %s", cases[i].reason);

			refuse(chain(x, NULL, NULL), key_pem("rsa2048"), NULL, NULL, error);
			mem_free(error);
		} else {
			accept(chain(x, NULL, NULL), key_pem("rsa2048"), NULL, NULL, &s, NULL);
			kind_secret_clear(&s);
		}
		X509_free(x);
	}
	/* an old root's signature of itself is nothing that anyone looks at; an intermediate's is
	 */
	root = test_make_cert(&(struct test_cert){
	    .subject = "Old Root", .key = "rsa3072", .ca = true, .digest = EVP_sha1() });
	mid = test_make_cert(&(struct test_cert){ .subject = "Old",
						  .key = "p384",
						  .issuer = root,
						  .issuer_key = "rsa3072",
						  .ca = true,
						  .digest = EVP_sha1() });
	leaf = test_make_cert(&(struct test_cert){ .subject = "x",
						   .key = "p256",
						   .issuer = root,
						   .issuer_key = "rsa3072",
						   .san = "DNS:x" });
	accept(chain(leaf, root, NULL), key_pem("p256"), chain(root, NULL, NULL), NULL, &s, NULL);
	kind_secret_clear(&s);
	X509_free(leaf);
	leaf = test_make_cert(&(struct test_cert){
	    .subject = "x", .key = "p256", .issuer = mid, .issuer_key = "p384", .san = "DNS:x" });
	refuse(
	    chain(leaf, mid, root), key_pem("p256"), NULL, NULL,
	    "cert: certificate 2 is signed over a SHA-1 or MD5 digest, which readers refuse: have "
	    "it issued anew");
	X509_free(root);
	X509_free(mid);
	X509_free(leaf);
}

static void test_large_rsa(void **state)
{
	(void)state;
	/* 8,200 bits of nonsense are as large as a real key; nobody signs with them here */
	X509 *x =
	    test_make_cert(&(struct test_cert){ .subject = "x", .key = "p256", .san = "DNS:x" });
	struct x509_list l = { &x, 1 };
	EVP_PKEY *evp = NULL;
	OSSL_PARAM params[3] = { OSSL_PARAM_END, OSSL_PARAM_END, OSSL_PARAM_END };
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	unsigned long exponent = 65537;
	unsigned char modulus[1025];

	memset(modulus, 0xff, sizeof(modulus));
	params[0] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, modulus, sizeof(modulus));
	params[1] = OSSL_PARAM_construct_ulong(OSSL_PKEY_PARAM_RSA_E, &exponent);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &evp, EVP_PKEY_PUBLIC_KEY, params), 1);
	X509_set_pubkey(x, evp);
	assert_int_equal(x509_check_chain("cert", &l, &err), -1);
	assert_string_equal(err.text,
			    "cert: certificate 1: an RSA key of 8200 bits: must have 2048 "
			    "to 8192");
	EVP_PKEY_free(evp);
	EVP_PKEY_CTX_free(ctx);
	X509_free(x);
}

/* --- dates ------------------------------------------------------------------------------------ */

static void test_dates(void **state)
{
	(void)state;
	static const struct {
		int64_t now;
		const char *refused, *note;
	} cases[] = {
		{ NOW, NULL, NULL },
		{ NOW + 59 * 86400, NULL, NULL },
		{ NOW + 60 * 86400, NULL, NULL },
		{ NOW + 60 * 86400 + 1, NULL, "cert: expires at 2027-02-21T08:00:00Z, in 29 days" },
		{ NOW + 90 * 86400, NULL, "cert: expires at 2027-02-21T08:00:00Z, in 0 days" },
		{ NOW + 90 * 86400 + 1, "cert: certificate 1 expired at 2027-02-21T08:00:00Z",
		  "cert: certificate 1 expired at 2027-02-21T08:00:00Z" },
		{ NOW - 2 * 86400, NULL, NULL },
		{ NOW - 2 * 86400 - 1,
		  "cert: certificate 1 is not valid before 2026-11-21T08:00:00Z",
		  "cert: certificate 1 is not valid before 2026-11-21T08:00:00Z" },
	};
	X509 *certs[] = { t.leaf, t.mid };
	struct x509_list l = { certs, 2 };

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct notes notes = NOTES_INIT;
		int rc = x509_check_dates("cert", &l,
					  &(struct x509_when){ cases[i].now, X509_DATES_REFUSE },
					  &notes, &err);

		assert_int_equal(rc, cases[i].refused != NULL ? -1 : 0);
		if (rc != 0)
			assert_string_equal(err.text, cases[i].refused);
		notes_clear(&notes);
		assert_int_equal(
		    x509_check_dates("cert", &l,
				     &(struct x509_when){ cases[i].now, X509_DATES_NOTE }, &notes,
				     &err),
		    0);
		assert_int_equal(notes.n, cases[i].note != NULL);
		if (notes.n != 0)
			assert_string_equal(notes.text[0], cases[i].note);
		notes_clear(&notes);
	}
}

/* An intermediate that ends first decides. */
static void test_chain_dates(void **state)
{
	(void)state;
	X509 *mid = test_make_cert(&(struct test_cert){ .subject = "Test Intermediate",
							.key = "p384",
							.issuer = t.ca,
							.issuer_key = "ca-p256",
							.ca = true,
							.from = -100,
							.to = 10 });
	X509 *old = test_make_cert(&(struct test_cert){ .subject = "Test Intermediate",
							.key = "p384",
							.issuer = t.ca,
							.issuer_key = "ca-p256",
							.ca = true,
							.from = -100,
							.to = -10 });
	struct kind_secret s = KIND_SECRET_INIT;
	struct notes notes = NOTES_INIT;

	accept(chain(t.leaf, mid, NULL), key_pem("p256"), NULL, NULL, &s, &notes);
	assert_string_equal(fact(&s, "not-after"), "2026-12-03T08:00:00Z");
	assert_int_equal(notes.n, 1);
	assert_string_equal(notes.text[0], "cert: expires at 2026-12-03T08:00:00Z, in 10 days");
	notes_clear(&notes);
	/* later, whoever opens it is told, and gets it all the same */
	assert_int_equal(kind_verify(&kind_tls, KIND_PART, &s, NOW + 20 * 86400, &notes, &err), 0);
	assert_int_equal(notes.n, 1);
	assert_string_equal(notes.text[0],
			    "tls.crt: certificate 2 expired at 2026-12-03T08:00:00Z");
	notes_clear(&notes);
	kind_secret_clear(&s);
	refuse(chain(t.leaf, old, NULL), key_pem("p256"), NULL, NULL,
	       "cert: certificate 2 expired at 2026-11-13T08:00:00Z");
	X509_free(mid);
	X509_free(old);
}

/* --- CA bundles ------------------------------------------------------------------------------- */

static int check_ca(char *text, X509 *leaf, enum x509_dates dates, struct buf *out,
		    struct notes *notes)
{
	struct x509_list own = { &leaf, 1 };
	struct x509_ca ca = { .what = "ca",
			      .text = text,
			      .len = strlen(text),
			      .now = NOW,
			      .chain = leaf != NULL ? &own : NULL,
			      .dates = dates };
	int rc = x509_ca_check(&ca, out, notes, &err);

	mem_free(text);
	assert_int_equal(ERR_peek_error(), 0);
	return rc;
}

static void test_ca(void **state)
{
	(void)state;
	X509 *old = test_make_cert(&(struct test_cert){
	    .subject = "Old Root", .key = "rsa2048", .ca = true, .from = -100, .to = -10 });
	X509 *older = test_make_cert(&(struct test_cert){
	    .subject = "Older Root", .key = "rsa3072", .ca = true, .from = -100, .to = -20 });
	struct buf out = BUF_INIT;
	struct notes notes = NOTES_INIT;

	assert_int_equal(check_ca(chain(t.ca, t.mid, old), NULL, X509_DATES_REFUSE, &out, &notes),
			 0);
	assert_int_equal(notes.n, 1);
	assert_string_equal(notes.text[0], "ca: certificate 3 expired at 2026-11-13T08:00:00Z");
	assert_int_equal(out.len, 6 + 32 * 3 + strlen(",+2 more"));
	assert_string_equal(buf_str(&out) + 6 + 32 * 3, ",+2 more");
	notes_clear(&notes);
	assert_int_equal(check_ca(chain(t.ca, old, older), NULL, X509_DATES_REFUSE, NULL, &notes),
			 0);
	assert_string_equal(notes.text[0], "ca: 2 of 3 certificates are not valid now");
	notes_clear(&notes);
	assert_int_equal(check_ca(chain(old, NULL, NULL), NULL, X509_DATES_REFUSE, NULL, &notes),
			 -1);
	assert_string_equal(err.text, "ca: certificate 1 expired at 2026-11-13T08:00:00Z");
	assert_int_equal(check_ca(chain(old, NULL, NULL), NULL, X509_DATES_NOTE, NULL, &notes), 0);
	assert_string_equal(notes.text[0], "ca: certificate 1 expired at 2026-11-13T08:00:00Z");
	notes_clear(&notes);
	assert_int_equal(check_ca(chain(t.leaf, NULL, NULL), NULL, X509_DATES_REFUSE, NULL, NULL),
			 -1);
	assert_string_equal(err.text, "ca: certificate 1 is not that of a CA");
	assert_int_equal(check_ca(chain(t.ca, t.self, NULL), t.leaf, X509_DATES_REFUSE, NULL, NULL),
			 -1);
	assert_string_equal(err.text, "ca: certificate 2 is not that of a CA");
	assert_int_equal(check_ca(chain(t.ca, t.ca, NULL), NULL, X509_DATES_REFUSE, NULL, NULL),
			 -1);
	assert_string_equal(err.text, "ca: certificate 2 is certificate 1 again");
	assert_int_equal(check_ca(key_pem("p256"), NULL, X509_DATES_REFUSE, NULL, NULL), -1);
	assert_string_equal(err.text,
			    "ca: line 1: a private key stands where certificates are expected, "
			    "which are read by many: take it out");
	buf_clear(&out);
	X509_free(old);
	X509_free(older);
}

/* What is refused of a certificate that has no key beside it. */
static void test_ca_keys(void **state)
{
	(void)state;
	static const struct {
		struct test_cert cert;
		const char *error;
	} cases[] = {
		{ { .subject = "x", .key = "p224", .ca = true },
		  "ca: certificate 1: an ECDSA key on a curve other than P-256, P-384 and P-521" },
		{ { .subject = "x", .key = "ed448", .ca = true },
		  "ca: certificate 1: a key of a type other than Ed25519, ECDSA and RSA" },
		{ { .subject = "x", .key = "rsa1024", .ca = true },
		  "ca: certificate 1: an RSA key of 1024 bits: must have 2048 to 8192" },
		{ { .subject = "x", .key = "p256", .ca = true, .bad_date = true },
		  "ca: certificate 1 " BAD_DATE },
	};
	X509 *under;
	char *text;

	for (size_t i = 0; i < COUNT(cases); i++) {
		X509 *x = test_make_cert(&cases[i].cert);

		assert_int_equal(
		    check_ca(chain(x, NULL, NULL), NULL, X509_DATES_REFUSE, NULL, NULL), -1);
		assert_string_equal(err.text, cases[i].error);
		X509_free(x);
	}
	/* signed by a key of a kind that readers do not know */
	under = test_make_cert(&(struct test_cert){
	    .subject = "x", .key = "p256", .issuer = t.ca, .issuer_key = "ed448", .ca = true });
	assert_int_equal(check_ca(chain(under, NULL, NULL), NULL, X509_DATES_REFUSE, NULL, NULL),
			 -1);
	assert_string_equal(err.text,
			    "ca: certificate 1 is signed with an algorithm that readers do "
			    "not take");
	X509_free(under);
	text = chain(t.ca, NULL, NULL);
	text[30] = '!';
	assert_int_equal(check_ca(text, NULL, X509_DATES_REFUSE, NULL, NULL), -1);
	assert_string_equal(err.text,
			    "ca: line 2 has something other than base64 inside CERTIFICATE");
}

/* A certificate whose key OpenSSL does not know: the name of its algorithm changed. */
static void test_unknown_key(void **state)
{
	(void)state;
	static const unsigned char ec[] = { 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01 };
	struct pem_block b = PEM_BLOCK_INIT;
	char *text = chain(t.ca, NULL, NULL);
	size_t i = 0;

	assert_int_equal(pem_only("x", text, strlen(text), &b, &err), 0);
	while (memcmp(b.der.data + i, ec, sizeof(ec)) != 0)
		i++;
	b.der.data[i + 8] = 0x7f;
	mem_free(text);
	text = test_block("CERTIFICATE", b.der.data, b.der.len);
	assert_int_equal(check_ca(text, NULL, X509_DATES_REFUSE, NULL, NULL), -1);
	assert_string_equal(err.text,
			    "ca: certificate 1 has a damaged key, or one of an unknown type");
	pem_clear(&b);
}

static void test_foreign_ca(void **state)
{
	(void)state;
	struct kind_secret s = KIND_SECRET_INIT;
	struct notes notes = NOTES_INIT;

	/* without the intermediate it cannot verify; with it, or with it in the bundle, it does */
	accept(chain(t.leaf, NULL, NULL), key_pem("p256"), chain(t.ca, NULL, NULL), NULL, &s,
	       &notes);
	assert_int_equal(notes.n, 1);
	assert_string_equal(notes.text[0], "ca: the certificate does not verify against it: unable "
					   "to get local issuer certificate");
	kind_secret_clear(&s);
	notes_clear(&notes);
	accept(chain(t.leaf, t.mid, NULL), key_pem("p256"), chain(t.ca, NULL, NULL), NULL, &s,
	       &notes);
	kind_secret_clear(&s);
	accept(chain(t.leaf, NULL, NULL), key_pem("p256"), chain(t.mid, NULL, NULL), NULL, &s,
	       &notes);
	assert_int_equal(notes.n, 0);
	kind_secret_clear(&s);
	accept(chain(t.leaf, t.mid, NULL), key_pem("p256"), chain(t.other, NULL, NULL), NULL, &s,
	       &notes);
	assert_int_equal(notes.n, 1);
	kind_secret_clear(&s);
	notes_clear(&notes);
	refuse(chain(t.leaf, NULL, NULL), key_pem("p256"), chain(t.self, NULL, NULL), NULL,
	       "ca: certificate 1 is not that of a CA");
}

/* --- facts ------------------------------------------------------------------------------------ */

static void test_no_names(void **state)
{
	(void)state;
	X509 *x =
	    test_make_cert(&(struct test_cert){ .subject = "www.example.org", .key = "p256" });
	X509 *ip = test_make_cert(
	    &(struct test_cert){ .subject = "x", .key = "p256", .san = "IP:10.0.0.1" });
	struct kind_secret s = KIND_SECRET_INIT;
	struct notes notes = NOTES_INIT;

	accept(chain(x, NULL, NULL), key_pem("p256"), NULL, NULL, &s, &notes);
	assert_int_equal(notes.n, 1);
	assert_string_equal(notes.text[0],
			    "cert: has no subject alternative name, and browsers and Go's clients "
			    "look at nothing else");
	assert_null(fact(&s, "dns-names"));
	notes_clear(&notes);
	kind_secret_clear(&s);
	accept(chain(ip, NULL, NULL), key_pem("p256"), NULL, NULL, &s, &notes);
	assert_int_equal(notes.n, 0);
	assert_null(fact(&s, "dns-names"));
	kind_secret_clear(&s);
	X509_free(x);
	X509_free(ip);
}

/* Names past the limit are counted; one that just fits is not. */
static void test_many_names(void **state)
{
	(void)state;
	struct kind_secret s = KIND_SECRET_INIT;

	for (size_t total = 30; total < 130; total += 33) {
		struct buf san = BUF_INIT;
		X509 *x;
		size_t listed = 1, more = 0;
		const char *names, *plus;

		for (size_t i = 0; i < total; i++)
			buf_printf(&san, "%sDNS:host-%03zu.example.org", i == 0 ? "" : ",",
				   total - i);
		buf_puts(&san, ",DNS:host-001.example.org");
		x = test_make_cert(
		    &(struct test_cert){ .subject = "x", .key = "p256", .san = buf_str(&san) });
		accept(chain(x, NULL, NULL), key_pem("p256"), NULL, NULL, &s, NULL);
		names = fact(&s, "dns-names");
		assert_true(strlen(names) <= KIND_FACT_MAX);
		assert_memory_equal(names, "host-001.example.org", 20);
		plus = strchr(names, '+');
		for (const char *p = names; *p != '\0' && (plus == NULL || p < plus - 1); p++)
			listed += *p == ',';
		if (plus != NULL)
			assert_int_equal(sscanf(plus, "+%zu more", &more), 1);
		assert_int_equal(plus != NULL, total > 48);
		assert_int_equal(listed + more, total);
		if (plus != NULL)
			assert_true(strlen(names) + 21 > KIND_FACT_MAX - 24);
		kind_secret_clear(&s);
		buf_clear(&san);
		X509_free(x);
	}
}

static void test_issuers(void **state)
{
	(void)state;
	char *longest = mem_alloc(65);
	struct kind_secret s = KIND_SECRET_INIT;
	struct kv facts = KV_INIT;
	bool has_names;
	X509 *x, *issuer;

	x = test_make_cert(&(struct test_cert){
	    .subject = "Caf\xc3\xa9, \"x\"\n\x1b[31m", .key = "p256", .san = "DNS:x" });
	accept(chain(x, NULL, NULL), key_pem("p256"), NULL, NULL, &s, NULL);
	assert_string_equal(fact(&s, "issuer"), "CN=Caf\\C3\\A9\\, \\\"x\\\"\\0A\\1B[31m");
	kind_secret_clear(&s);
	X509_free(x);
	x = test_make_cert(&(struct test_cert){ .subject = NULL, .key = "p256", .san = "DNS:x" });
	accept(chain(x, NULL, NULL), key_pem("p256"), NULL, NULL, &s, NULL);
	assert_null(fact(&s, "issuer"));
	kind_secret_clear(&s);
	X509_free(x);
	/* sixteen names of 64 characters */
	memset(longest, 'a', 64);
	issuer = X509_new();
	for (int i = 0; i < 16; i++)
		test_set_name(X509_get_subject_name(issuer), longest);
	x = test_make_cert(&(struct test_cert){ .subject = "x",
						.key = "p256",
						.issuer = issuer,
						.issuer_key = "p384",
						.san = "DNS:x" });
	assert_int_equal(x509_facts("cert", &(struct x509_list){ &x, 1 }, &facts, &has_names, &err),
			 -1);
	assert_string_equal(err.text, "cert: certificate 1: the issuer's name has 1087 characters, "
				      "more than the 1024 of a fact");
	kv_clear(&facts);
	X509_free(x);
	X509_free(issuer);
	mem_free(longest);
}

/* --- opened again, set, seal -f --------------------------------------------------------------- */

static void test_verify(void **state)
{
	(void)state;
	struct kind_secret s = KIND_SECRET_INIT;
	char *text;

	accept(chain(t.leaf, t.mid, NULL), key_pem("p256"), chain(t.ca, NULL, NULL), NULL, &s,
	       NULL);
	kv_set_str(&s.facts, "dns-names", "bank.example.org");
	assert_int_equal(kind_verify(&kind_tls, KIND_PART, &s, NOW, NULL, &err), -1);
	assert_int_equal(err.class, ERR_REFUSED);
	assert_string_equal(err.text, "tls: fact dns-names: the data says something else");
	kv_set_str(&s.facts, "dns-names", "api.example.org,foobar-api.example.org");
	text = key_pem("p384");
	kv_set_str(&s.data, "tls.key", text);
	mem_free(text);
	assert_int_equal(kind_verify(&kind_tls, KIND_PART, &s, NOW, NULL, &err), -1);
	assert_string_equal(err.text,
			    "tls: tls.crt: certificate 2 belongs to the key: it must come "
			    "first, then each one's issuer");
	text = key_pem("p256");
	kv_set_str(&s.data, "tls.key", text);
	mem_free(text);
	kv_set_str(&s.data, "ca.crt", "x");
	assert_int_equal(kind_verify(&kind_tls, KIND_PART, &s, NOW, NULL, &err), -1);
	assert_string_equal(err.text, "tls: ca.crt: holds no PEM block (-----BEGIN ...-----)");
	kv_del(&s.data, "ca.crt");
	assert_int_equal(kind_verify(&kind_tls, KIND_PART, &s, NOW, NULL, &err), -1);
	assert_string_equal(err.text, "tls: fact ca: nothing in the data says so");
	kv_del(&s.facts, "ca");
	assert_int_equal(kind_verify(&kind_tls, KIND_PART, &s, NOW, NULL, &err), 0);
	kind_secret_clear(&s);
}

static void test_aliases(void **state)
{
	(void)state;
	struct kind_secret s = KIND_SECRET_INIT;
	struct kind_input in = { .now = NOW };
	char *cert = chain(t.leaf, t.mid, NULL), *key = key_pem("p256");

	kv_set_str(&in.fields, "cert", cert);
	kv_set_str(&in.fields, "private-key", key);
	kv_set_str(&in.aliases, "cert.pem", "tls.crt");
	kv_set_str(&in.aliases, "key.pem", "tls.key");
	assert_int_equal(kind_build(&kind_tls, &in, &s, NULL, &err), 0);
	assert_string_equal(kv_get_str(&s.data, "cert.pem"), cert);
	assert_string_equal(kv_get_str(&s.data, "key.pem"), key);
	assert_int_equal(kind_verify(&kind_tls, KIND_PART, &s, NOW, NULL, &err), 0);
	kind_secret_clear(&s);
	in.expires = NOW + 86400;
	assert_int_equal(kind_build(&kind_tls, &in, &s, NULL, &err), -1);
	assert_string_equal(err.text,
			    "tls: expires: the data says itself when it ends; leave it out");
	kind_input_clear(&in);
	mem_free(cert);
	mem_free(key);
}

static void test_restore(void **state)
{
	(void)state;
	struct kind_input in = { .now = NOW };
	struct kv facts = KV_INIT;

	assert_int_equal(kind_restore(&kind_tls, &facts, &in, &err), 0);
	assert_int_equal(in.fields.n, 0);
	kv_set_str(&facts, "ca", "SHA256:AA");
	assert_int_equal(kind_restore(&kind_tls, &facts, &in, &err), -1);
	assert_string_equal(err.text, "tls: ca: the document has a CA bundle, which it cannot give "
				      "back without a key: give it again with --ca FILE");
	kv_set_str(&in.fields, "ca", "x");
	assert_int_equal(kind_restore(&kind_tls, &facts, &in, &err), 0);
	kv_clear(&facts);
	kind_input_clear(&in);
}

static void test_detect(void **state)
{
	(void)state;
	struct kind_input in = { .now = NOW };
	struct kind_secret s = KIND_SECRET_INIT;
	struct kv data = KV_INIT;
	char *cert = chain(t.leaf, t.mid, NULL), *key = key_pem("p256");
	char *ca = chain(t.ca, NULL, NULL);

	kv_set_str(&data, "tls.crt", cert);
	assert_null(kind_detect(TYPE_TLS, &data, &in, &err));
	kv_set_str(&data, "tls.key", key);
	kv_set_str(&data, "ca.crt", ca);
	kv_set_str(&data, "cert.pem", cert);
	assert_ptr_equal(kind_detect(TYPE_TLS, &data, &in, &err), &kind_tls);
	assert_int_equal(kind_build(&kind_tls, &in, &s, NULL, &err), 0);
	assert_true(kv_equal(&s.data, &data));
	kind_secret_clear(&s);
	kind_input_clear(&in);
	assert_ptr_equal(kind_detect(TYPE_OPAQUE, &data, &in, &err), &kind_tls);
	assert_string_equal(in.type, TYPE_OPAQUE);
	kind_input_clear(&in);
	kv_clear(&data);
	mem_free(cert);
	mem_free(key);
	mem_free(ca);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_secret),
		cmocka_unit_test(test_accepts),
		cmocka_unit_test(test_bundle),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_block_details),
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_chains),
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_signatures),
		cmocka_unit_test(test_large_rsa),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_chain_dates),
		cmocka_unit_test(test_ca),
		cmocka_unit_test(test_foreign_ca),
		cmocka_unit_test(test_ca_keys),
		cmocka_unit_test(test_unknown_key),
		cmocka_unit_test(test_no_names),
		cmocka_unit_test(test_many_names),
		cmocka_unit_test(test_issuers),
		cmocka_unit_test(test_verify),
		cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_restore),
		cmocka_unit_test(test_detect),
	};

	mem_init();
	return cmocka_run_group_tests_name("kinds/tls", tests, setup, teardown);
}
