/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of its own for a test, with files, and certificates made for it. */
#ifndef BULLA_TESTS_UNIT_KUBE_FILES_H
#define BULLA_TESTS_UNIT_KUBE_FILES_H

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

static char files_folder[] = "/tmp/bulla-kube-XXXXXX";

static inline int files_make(void **state)
{
	(void)state;
	return mkdtemp(files_folder) != NULL ? 0 : -1;
}

static inline int files_remove(void **state)
{
	char *command = mem_printf("rm -r %s", files_folder);
	int r = system(command);

	(void)state;
	mem_free(command);
	return r;
}

/* A new string. */
static inline char *files_path(const char *name)
{
	return mem_printf("%s/%s", files_folder, name);
}

static inline void files_put(const char *name, const void *data, size_t len)
{
	char *path = files_path(name);
	const struct file_write w = { path, 0600, false, NULL };
	struct err err = ERR_INIT;

	if (file_write(&w, data, len, &err) != 0)
		fail_msg("%s", err.text);
	mem_free(path);
}

static inline void files_puts(const char *name, const char *text)
{
	files_put(name, text, strlen(text));
}

static inline void files_mode(const char *name, mode_t mode)
{
	char *path = files_path(name);

	assert_int_equal(chmod(path, mode), 0);
	mem_free(path);
}

static inline void files_delete(const char *name)
{
	char *path = files_path(name);

	assert_int_equal(unlink(path), 0);
	mem_free(path);
}

/* A program for /bin/sh. */
static inline void files_script(const char *name, const char *text)
{
	char *script = mem_printf("#!/bin/sh\n%s", text);

	files_puts(name, script);
	files_mode(name, 0700);
	mem_free(script);
}

static inline void files_take_bio(BIO *bio, struct buf *out)
{
	char *data;
	long n = BIO_get_mem_data(bio, &data);

	buf_clear(out);
	buf_put(out, data, (size_t)n);
	BIO_free(bio);
}

/* A certificate that signs itself, and its key; passphrase: encrypt the key with it. */
static inline void files_make_pair(const char *passphrase, struct buf *cert, struct buf *key)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	BIO *c = BIO_new(BIO_s_mem()), *k = BIO_new(BIO_s_mem());
	X509 *x = X509_new();

	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, pkey);
	assert_true(X509_sign(x, pkey, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_bio_X509(c, x), 1);
	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(
			     k, pkey, passphrase != NULL ? EVP_aes_128_cbc() : NULL, passphrase,
			     passphrase != NULL ? (int)strlen(passphrase) : 0, NULL, NULL),
			 1);
	files_take_bio(c, cert);
	files_take_bio(k, key);
	X509_free(x);
	EVP_PKEY_free(pkey);
}

#endif
