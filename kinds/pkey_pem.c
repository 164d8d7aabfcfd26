/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/pkey_pem.h"

#include <string.h>

#include <openssl/asn1.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/err.h"

/* What an error calls blocks that are no private key, or none that is read here. */
static const struct {
	const char *label, *reason;
} labels[] = {
	{ "ENCRYPTED PRIVATE KEY", "is encrypted: remove the encryption with "
				   "'openssl pkey -in FILE -out NEW' (sealing protects it)" },
	{ "DSA PRIVATE KEY", "a DSA key: readers no longer take DSA" },
	{ "OPENSSH PRIVATE KEY", "is in OpenSSH's own format, which this reader does not take: "
				 "convert a copy with 'ssh-keygen -p -m PKCS8 -f FILE'" },
	{ "PUBLIC KEY", "is a public key: the private key is needed" },
	{ "RSA PUBLIC KEY", "is a public key: the private key is needed" },
	{ "CERTIFICATE", "is a certificate: the private key is needed" },
	{ "EC PARAMETERS", "begins with EC PARAMETERS, where its reader stops: keep only the "
			   "block with the key" },
	{ NULL, "is not a private key of a known format" },
};

static int refuse_label(const char *what, const char *label, struct err *err)
{
	size_t i = 0;

	while (labels[i].label != NULL && strcmp(labels[i].label, label) != 0)
		i++;
	return err_set(err, ERR_INVALID, "%s: %s", what, labels[i].reason);
}

bool pkey_pem_encrypted(const struct pem_block *b)
{
	return b->headers.len != 0 || strcmp(b->label, "ENCRYPTED PRIVATE KEY") == 0;
}

/*
 * How a label's bytes are read: OpenSSL's names, type NULL when the bytes say it; and the version
 * and the tag behind it by which the structures differ, because OpenSSL takes the names for hints
 * only.
 */
static const struct format {
	const char *label, *structure, *type;
	unsigned char version, next_tag;
	bool may_encrypt; /* with RFC 1421 headers, as Go reads them */
} formats[] = {
	{ "PRIVATE KEY", "PrivateKeyInfo", NULL, 0, V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED, false },
	{ "RSA PRIVATE KEY", "type-specific", "RSA", 0, V_ASN1_INTEGER, true },
	{ "EC PRIVATE KEY", "type-specific", "EC", 1, V_ASN1_OCTET_STRING, true },
};

static const struct format *find_format(const char *label)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		if (strcmp(formats[i].label, label) == 0)
			return &formats[i];
	return NULL;
}

/* SEQUENCE { INTEGER version, next_tag ... over all of der. */
static bool has_shape(const struct buf *der, const struct format *f)
{
	const unsigned char *at = der->data;
	long len = 0;
	int tag = 0, class = 0;
	int flags = ASN1_get_object(&at, &len, &tag, &class, (long)der->len);

	return flags == V_ASN1_CONSTRUCTED && tag == V_ASN1_SEQUENCE &&
	       at + len == der->data + der->len && len > 4 && at[0] == V_ASN1_INTEGER &&
	       at[1] == 1 && at[2] == f->version && at[3] == f->next_tag;
}

/* All of der as one key of a type that OpenSSL names so, or NULL. */
static EVP_PKEY *decode(const struct buf *der, const struct format *f, const char *type)
{
	const unsigned char *at = der->data;
	size_t left = der->len;
	EVP_PKEY *evp = NULL;
	OSSL_DECODER_CTX *ctx = NULL;

	if (has_shape(der, f))
		ctx = OSSL_DECODER_CTX_new_for_pkey(&evp, "DER", f->structure, type,
						    EVP_PKEY_KEYPAIR, NULL, NULL);
	if (ctx == NULL || OSSL_DECODER_from_data(ctx, &at, &left) != 1 || left != 0) {
		EVP_PKEY_free(evp);
		evp = NULL;
	}
	OSSL_DECODER_CTX_free(ctx);
	ERR_clear_error();
	return evp;
}

static int refuse_damaged(const char *what, const struct pem_block *b, struct err *err)
{
	return err_set(err, ERR_INVALID, "%s: the %s is damaged, or of an unknown type", what,
		       b->label);
}

/*
 * Which type is in a PKCS#8 block?  Asked before the key is decoded, because OpenSSL computes the
 * public half of any DSA or DH key, whose numbers may be large enough to keep it busy for hours.
 */
static int pkcs8_type(const char *what, const struct pem_block *b, const char **type,
		      struct err *err)
{
	static const struct {
		int nid;
		const char *type;
	} types[] = { { NID_rsaEncryption, "RSA" },
		      { NID_X9_62_id_ecPublicKey, "EC" },
		      { NID_ED25519, "ED25519" } };
	const unsigned char *at = b->der.data;
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)b->der.len);
	const ASN1_OBJECT *id = NULL;
	int nid;

	if (info == NULL || PKCS8_pkey_get0(&id, NULL, NULL, NULL, info) != 1) {
		ERR_clear_error();
		PKCS8_PRIV_KEY_INFO_free(info);
		return refuse_damaged(what, b, err);
	}
	nid = OBJ_obj2nid(id);
	PKCS8_PRIV_KEY_INFO_free(info);
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (types[i].nid == nid) {
			*type = types[i].type;
			return 0;
		}
	}
	return pkey_refuse_type(what, nid, err);
}

static int parse_plain(const char *what, const struct pem_block *b, struct pkey *out,
		       struct err *err)
{
	const struct format *f = find_format(b->label);
	const char *type;
	EVP_PKEY *evp;

	if (f == NULL)
		return refuse_label(what, b->label, err);
	type = f->type;
	if (type == NULL && pkcs8_type(what, b, &type, err) != 0)
		return -1;
	evp = decode(&b->der, f, type);
	if (evp == NULL)
		return refuse_damaged(what, b, err);
	return pkey_adopt(what, evp, out, err);
}

static int give_password(char *out, int size, int writing, void *ctx)
{
	const struct buf *p = ctx;

	(void)writing;
	if (p->len > (size_t)size)
		return -1;
	memcpy(out, p->data, p->len);
	return (int)p->len;
}

static int refuse_password(const char *what, struct err *err)
{
	return err_set(err, ERR_INVALID, "%s: the password does not open it", what);
}

/* Does "DEK-Info: NAME,..." name a cipher of Go's x509.DecryptPEMBlock?  Not single DES. */
static bool known_cipher(const struct buf *headers)
{
	static const char *const ciphers[] = { "AES-128-CBC,", "AES-192-CBC,", "AES-256-CBC,",
					       "DES-EDE3-CBC," };
	static const char dek[] = "\nDEK-Info: ";
	const char *name = strstr(buf_str(headers), dek);

	for (size_t i = 0; i < sizeof(ciphers) / sizeof(*ciphers) && name != NULL; i++)
		if (strncmp(name + sizeof(dek) - 1, ciphers[i], strlen(ciphers[i])) == 0)
			return true;
	return false;
}

/* Decrypt der in place. */
static int decrypt(const char *what, const struct pem_block *b, const struct buf *password,
		   struct buf *der, struct err *err)
{
	struct buf headers = BUF_INIT; /* copies, because OpenSSL's types ask for writable ones */
	struct buf given = *password;
	EVP_CIPHER_INFO info;
	long len = (long)der->len;
	int rc = 0;

	buf_put(&headers, b->headers.data, b->headers.len);
	if (!known_cipher(&headers) || PEM_get_EVP_CIPHER_INFO((char *)headers.data, &info) != 1)
		rc = err_set(err, ERR_INVALID,
			     "%s: is encrypted with a cipher that its reader does not take: remove "
			     "the encryption with 'openssl pkey -in FILE -out NEW'",
			     what);
	else if (PEM_do_header(&info, der->data, &len, give_password, &given) != 1)
		rc = refuse_password(what, err);
	else
		buf_truncate(der, (size_t)len);
	buf_clear(&headers);
	ERR_clear_error();
	return rc;
}

static int parse_encrypted(const char *what, const struct pem_block *b, const struct buf *password,
			   struct pkey *out, struct err *err)
{
	const struct format *f = find_format(b->label);
	struct buf der = BUF_INIT;
	EVP_PKEY *evp = NULL;
	int rc = -1;

	if (f == NULL || !f->may_encrypt)
		return refuse_label(what, "", err);
	buf_put(&der, b->der.data, b->der.len);
	if (decrypt(what, b, password, &der, err) != 0)
		goto out;
	/* A wrong password passes the padding once in 256 times; then what comes out is noise. */
	evp = decode(&der, f, f->type);
	rc = evp != NULL ? pkey_adopt(what, evp, out, err) : refuse_password(what, err);
out:
	buf_clear(&der);
	return rc;
}

int pkey_pem_parse(const char *what, const struct pem_block *b, const struct buf *password,
		   struct pkey *out, struct err *err)
{
	if (b->headers.len == 0)
		return parse_plain(what, b, out, err);
	if (password == NULL)
		return refuse_label(what, "ENCRYPTED PRIVATE KEY", err);
	return parse_encrypted(what, b, password, out, err);
}
