/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/pkey.h"

#include <string.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "base/err.h"

static const struct {
	const char *name;
	const char *group; /* OpenSSL's name of the curve */
	unsigned bits;
} types[] = {
	[PKEY_ED25519] = { "Ed25519", NULL, 256 },
	[PKEY_P256] = { "ECDSA P-256", SN_X9_62_prime256v1, 256 },
	[PKEY_P384] = { "ECDSA P-384", SN_secp384r1, 384 },
	[PKEY_P521] = { "ECDSA P-521", SN_secp521r1, 521 },
	[PKEY_RSA] = { "RSA", NULL, 0 },
};

const char *pkey_type_name(enum pkey_type type)
{
	return types[type].name;
}

void pkey_clear(struct pkey *k)
{
	EVP_PKEY_free(k->evp);
	*k = (struct pkey)PKEY_INIT;
}

/* --- which key is it -------------------------------------------------------------------------- */

static int classify_ec(const char *what, const EVP_PKEY *evp, enum pkey_type *type, struct err *err)
{
	char group[64] = "";
	int explicit_params = 0;

	EVP_PKEY_get_int_param(evp, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
			       &explicit_params);
	if (explicit_params != 0)
		return err_set(
		    err, ERR_INVALID,
		    "%s: the curve is given by its numbers, not by its name, which readers "
		    "refuse: make a new key",
		    what);
	if (EVP_PKEY_get_utf8_string_param(evp, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group),
					   NULL) == 1)
		for (enum pkey_type t = PKEY_P256; t <= PKEY_P521; t++)
			if (strcmp(group, types[t].group) == 0) {
				*type = t;
				return 0;
			}
	return err_set(err, ERR_INVALID,
		       "%s: an ECDSA key on a curve other than P-256, P-384 and P-521", what);
}

int pkey_refuse_type(const char *what, int nid, struct err *err)
{
	static const struct {
		int nid;
		const char *reason;
	} known[] = {
		{ EVP_PKEY_DSA, "a DSA key: readers no longer take DSA" },
		{ EVP_PKEY_RSA_PSS, "an RSA key restricted to PSS, which readers refuse" },
	};
	const char *reason = "a key of a type other than Ed25519, ECDSA and RSA";

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i].nid == nid)
			reason = known[i].reason;
	return err_set(err, ERR_INVALID, "%s: %s", what, reason);
}

int pkey_classify(const char *what, const EVP_PKEY *evp, enum pkey_type *type, unsigned *bits,
		  struct err *err)
{
	int nid = EVP_PKEY_get_base_id(evp), rc = 0;

	if (nid == EVP_PKEY_ED25519)
		*type = PKEY_ED25519;
	else if (nid == EVP_PKEY_RSA)
		*type = PKEY_RSA;
	else if (nid == EVP_PKEY_EC)
		rc = classify_ec(what, evp, type, err);
	else
		rc = pkey_refuse_type(what, nid, err);
	if (rc == 0)
		*bits = *type == PKEY_RSA ? (unsigned)EVP_PKEY_get_bits(evp) : types[*type].bits;
	ERR_clear_error();
	return rc;
}

/* --- do the halves fit ------------------------------------------------------------------------ */

enum { RSA_N, RSA_E, RSA_D, RSA_P, RSA_Q, RSA_DP, RSA_DQ, RSA_QINV, RSA_NUMBERS };

static const char *const rsa_names[RSA_NUMBERS] = {
	[RSA_N] = OSSL_PKEY_PARAM_RSA_N,	  [RSA_E] = OSSL_PKEY_PARAM_RSA_E,
	[RSA_D] = OSSL_PKEY_PARAM_RSA_D,	  [RSA_P] = OSSL_PKEY_PARAM_RSA_FACTOR1,
	[RSA_Q] = OSSL_PKEY_PARAM_RSA_FACTOR2,	  [RSA_DP] = OSSL_PKEY_PARAM_RSA_EXPONENT1,
	[RSA_DQ] = OSSL_PKEY_PARAM_RSA_EXPONENT2, [RSA_QINV] = OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
};

/* e * d1 = 1 and d = d1, both modulo prime - 1, and d1 is reduced. */
static bool exponent_fits(BIGNUM *const *n, const BIGNUM *prime, const BIGNUM *d1, BN_CTX *ctx)
{
	BIGNUM *m, *t;
	bool fits;

	BN_CTX_start(ctx);
	m = BN_CTX_get(ctx);
	t = BN_CTX_get(ctx);
	fits = t != NULL && BN_copy(m, prime) != NULL && BN_sub_word(m, 1) == 1 &&
	       BN_cmp(d1, m) < 0 && BN_mod_mul(t, n[RSA_E], d1, m, ctx) == 1 && BN_is_one(t) &&
	       BN_mod(t, n[RSA_D], m, ctx) == 1 && BN_cmp(t, d1) == 0;
	BN_CTX_end(ctx);
	return fits;
}

/* n = p * q with p and q apart, qinv * q = 1 modulo p, d not small. */
static bool primes_fit(BIGNUM *const *n, BN_CTX *ctx)
{
	int half = BN_num_bits(n[RSA_N]) / 2;
	BIGNUM *t;
	bool fits;

	BN_CTX_start(ctx);
	t = BN_CTX_get(ctx);
	fits = t != NULL && BN_cmp(n[RSA_QINV], n[RSA_P]) < 0 &&
	       BN_mul(t, n[RSA_P], n[RSA_Q], ctx) == 1 && BN_cmp(t, n[RSA_N]) == 0 &&
	       BN_mod_mul(t, n[RSA_QINV], n[RSA_Q], n[RSA_P], ctx) == 1 && BN_is_one(t) &&
	       BN_sub(t, n[RSA_P], n[RSA_Q]) == 1 && BN_num_bits(t) > half - 100 &&
	       BN_num_bits(n[RSA_D]) > half;
	BN_CTX_end(ctx);
	return fits;
}

static bool rsa_fits(const EVP_PKEY *evp)
{
	BIGNUM *n[RSA_NUMBERS] = { NULL };
	BIGNUM *third = NULL;
	BN_CTX *ctx = BN_CTX_secure_new();
	bool fits = ctx != NULL;

	for (size_t i = 0; i < RSA_NUMBERS && fits; i++)
		fits = EVP_PKEY_get_bn_param(evp, rsa_names[i], &n[i]) == 1 && !BN_is_zero(n[i]) &&
		       !BN_is_negative(n[i]);
	if (fits && EVP_PKEY_get_bn_param(evp, OSSL_PKEY_PARAM_RSA_FACTOR3, &third) == 1)
		fits = false; /* multi-prime: deprecated everywhere, and never made by accident */
	fits = fits && BN_is_odd(n[RSA_N]) && BN_is_odd(n[RSA_E]) && !BN_is_one(n[RSA_E]) &&
	       BN_num_bits(n[RSA_E]) <= 31 && primes_fit(n, ctx) &&
	       exponent_fits(n, n[RSA_P], n[RSA_DP], ctx) &&
	       exponent_fits(n, n[RSA_Q], n[RSA_DQ], ctx);
	for (size_t i = 0; i < RSA_NUMBERS; i++)
		BN_clear_free(n[i]);
	BN_clear_free(third);
	BN_CTX_free(ctx);
	return fits;
}

static bool ec_fits(EVP_PKEY *evp)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(evp, NULL);
	bool fits = ctx != NULL && EVP_PKEY_check(ctx) == 1;

	EVP_PKEY_CTX_free(ctx);
	return fits;
}

int pkey_adopt(const char *what, EVP_PKEY *evp, struct pkey *out, struct err *err)
{
	struct pkey k = { evp, PKEY_ED25519, 0 };
	bool fits = true;

	if (pkey_classify(what, evp, &k.type, &k.bits, err) != 0)
		goto out;
	if (k.bits > PKEY_RSA_MAX) {
		err_set(err, ERR_INVALID, "%s: an RSA key of %u bits: at most %d are taken", what,
			k.bits, PKEY_RSA_MAX);
		goto out;
	}
	/* The public half of Ed25519 is always computed from the private one. */
	if (k.type != PKEY_ED25519)
		fits = k.type == PKEY_RSA ? rsa_fits(evp) : ec_fits(evp);
	if (!fits) {
		err_set(err, ERR_INVALID,
			"%s: the numbers of the %s key do not fit each other: it is damaged", what,
			types[k.type].name);
		goto out;
	}
	*out = k;
	k.evp = NULL; /* transferred */
out:
	ERR_clear_error();
	EVP_PKEY_free(k.evp);
	return out->evp != NULL ? 0 : -1;
}

/* --- keys from numbers, new keys -------------------------------------------------------------- */

/* Build a key of that algorithm from bld; NULL when OpenSSL does not take the numbers. */
static EVP_PKEY *from_numbers(const char *algorithm, OSSL_PARAM_BLD *bld)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, algorithm, NULL);
	EVP_PKEY *evp = NULL;

	if (params != NULL && ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
	    EVP_PKEY_fromdata(ctx, &evp, EVP_PKEY_KEYPAIR, params) != 1)
		evp = NULL;
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	ERR_clear_error();
	return evp;
}

static int adopt_numbers(const char *what, enum pkey_type type, EVP_PKEY *evp, struct pkey *out,
			 struct err *err)
{
	if (evp == NULL)
		return err_set(err, ERR_INVALID,
			       "%s: the numbers of the %s key do not fit each other: it is damaged",
			       what, types[type].name);
	return pkey_adopt(what, evp, out, err);
}

int pkey_from_ed25519(const char *what, const unsigned char seed[static 32], struct pkey *out,
		      struct err *err)
{
	return adopt_numbers(what, PKEY_ED25519,
			     EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32), out,
			     err);
}

static BIGNUM *number(struct pkey_number n)
{
	return n.len > PKEY_RSA_MAX / 8 ? NULL : BN_bin2bn(n.data, (int)n.len, NULL);
}

int pkey_from_ec(const char *what, const struct pkey_ec *numbers, struct pkey *out, struct err *err)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	BIGNUM *secret = number(numbers->d);
	EVP_PKEY *evp = NULL;

	if (bld != NULL && secret != NULL &&
	    OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME,
					    types[numbers->curve].group, 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, numbers->point.data,
					     numbers->point.len) == 1 &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, secret) == 1)
		evp = from_numbers("EC", bld);
	OSSL_PARAM_BLD_free(bld);
	BN_clear_free(secret);
	return adopt_numbers(what, numbers->curve, evp, out, err);
}

/* Fill the two exponents that OpenSSH's format leaves out. */
static bool add_exponents(BIGNUM **n, BN_CTX *ctx)
{
	BIGNUM *m;
	bool done;

	BN_CTX_start(ctx);
	m = BN_CTX_get(ctx);
	n[RSA_DP] = BN_new();
	n[RSA_DQ] = BN_new();
	done = m != NULL && n[RSA_DP] != NULL && n[RSA_DQ] != NULL && !BN_is_zero(n[RSA_P]) &&
	       !BN_is_zero(n[RSA_Q]) && BN_copy(m, n[RSA_P]) != NULL && BN_sub_word(m, 1) == 1 &&
	       BN_mod(n[RSA_DP], n[RSA_D], m, ctx) == 1 && BN_copy(m, n[RSA_Q]) != NULL &&
	       BN_sub_word(m, 1) == 1 && BN_mod(n[RSA_DQ], n[RSA_D], m, ctx) == 1;
	BN_CTX_end(ctx);
	return done;
}

int pkey_from_rsa(const char *what, const struct pkey_rsa *numbers, struct pkey *out,
		  struct err *err)
{
	BIGNUM *n[RSA_NUMBERS] = {
		[RSA_N] = number(numbers->n), [RSA_E] = number(numbers->e),
		[RSA_D] = number(numbers->d), [RSA_P] = number(numbers->p),
		[RSA_Q] = number(numbers->q), [RSA_QINV] = number(numbers->qinv),
	};
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	BN_CTX *ctx = BN_CTX_secure_new();
	EVP_PKEY *evp = NULL;
	bool good = bld != NULL && ctx != NULL;

	for (size_t i = 0; i < RSA_NUMBERS; i++)
		good = good && (n[i] != NULL || i == RSA_DP || i == RSA_DQ);
	good = good && add_exponents(n, ctx);
	for (size_t i = 0; i < RSA_NUMBERS && good; i++)
		good = OSSL_PARAM_BLD_push_BN(bld, rsa_names[i], n[i]) == 1;
	if (good)
		evp = from_numbers("RSA", bld);
	OSSL_PARAM_BLD_free(bld);
	BN_CTX_free(ctx);
	for (size_t i = 0; i < RSA_NUMBERS; i++)
		BN_clear_free(n[i]);
	return adopt_numbers(what, PKEY_RSA, evp, out, err);
}

int pkey_generate(enum pkey_type type, struct pkey *out, struct err *err)
{
	EVP_PKEY *evp;

	if (type == PKEY_ED25519)
		evp = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	else if (type == PKEY_RSA)
		evp = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)4096);
	else
		evp = EVP_PKEY_Q_keygen(NULL, NULL, "EC", types[type].group);
	ERR_clear_error();
	if (evp == NULL)
		return err_set(err, ERR_INTERNAL, "cannot make a key of type %s", types[type].name);
	return pkey_adopt("new key", evp, out, err);
}

/* --- what others see of it -------------------------------------------------------------------- */

int pkey_format(const struct pkey *k, struct buf *out, struct err *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long len = 0;
	int rc = -1;

	if (bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, k->evp, NULL, NULL, 0, NULL, NULL))
		len = BIO_get_mem_data(bio, &text);
	if (len > 0)
		rc = buf_put(out, text, (size_t)len);
	BIO_free(bio);
	ERR_clear_error();
	return rc == 0 ? 0 : err_set(err, ERR_INTERNAL, "cannot write a private key");
}

int pkey_spki_digest(const struct pkey *k, unsigned char digest[static 32], struct err *err)
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(k->evp, &der);
	bool done = len > 0 && SHA256(der, (size_t)len, digest) != NULL;

	OPENSSL_free(der);
	ERR_clear_error();
	return done ? 0 : err_set(err, ERR_INTERNAL, "cannot write a public key");
}

bool pkey_same_public(const struct pkey *k, const EVP_PKEY *public)
{
	bool same = EVP_PKEY_eq(k->evp, public) == 1;

	ERR_clear_error();
	return same;
}
