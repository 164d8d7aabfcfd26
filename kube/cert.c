/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/cert.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <string.h>

#include "base/err.h"

#define PEM_MAX ((size_t)1 << 20)

static BIO *open_pem(const struct buf *pem)
{
	return pem->len == 0 || pem->len > PEM_MAX ? NULL
						   : BIO_new_mem_buf(pem->data, (int)pem->len);
}

int cert_check_authorities(const struct buf *pem, struct err *err)
{
	BIO *bio = open_pem(pem);
	unsigned long why;
	X509 *x;
	int n = 0;

	if (bio == NULL)
		return err_set(err, ERR_INVALID, "empty, or larger than %zu bytes", PEM_MAX);
	ERR_clear_error();
	while ((x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		X509_free(x);
		n++;
	}
	why = ERR_peek_last_error();
	ERR_clear_error();
	BIO_free(bio);
	if (n == 0)
		return err_set(err, ERR_INVALID, "no certificate in PEM form");
	/* the end of the text reads as "no start line" */
	if (ERR_GET_LIB(why) != ERR_LIB_PEM || ERR_GET_REASON(why) != PEM_R_NO_START_LINE)
		return err_set(err, ERR_INVALID, "certificate %d of it cannot be read", n + 1);
	return 0;
}

/* Instead of asking on the terminal. */
static int no_passphrase(char *out, int size, int writing, void *asked)
{
	(void)out;
	(void)size;
	(void)writing;
	*(bool *)asked = true;
	return -1;
}

static int check_key(X509 *x, BIO *bio, struct err *err)
{
	bool asked = false;
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &asked);
	int ours;

	if (key == NULL && asked)
		return err_set(err, ERR_INVALID, "the private key is encrypted with a passphrase");
	if (key == NULL)
		return err_set(err, ERR_INVALID, "no private key in PEM form");
	ours = X509_check_private_key(x, key);
	EVP_PKEY_free(key);
	if (ours != 1)
		return err_set(err, ERR_INVALID,
			       "the private key does not belong to the certificate");
	return 0;
}

int cert_check_pair(const struct buf *cert, const struct buf *key, struct err *err)
{
	BIO *cert_bio = open_pem(cert), *key_bio = open_pem(key);
	X509 *x = NULL;
	int r = -1;

	ERR_clear_error();
	if (cert_bio != NULL)
		x = PEM_read_bio_X509(cert_bio, NULL, NULL, NULL);
	if (x == NULL)
		err_set(err, ERR_INVALID, "no client certificate in PEM form");
	else if (key_bio == NULL)
		err_set(err, ERR_INVALID, "no private key in PEM form");
	else
		r = check_key(x, key_bio, err);
	ERR_clear_error();
	X509_free(x);
	BIO_free(cert_bio);
	BIO_free(key_bio);
	return r;
}
