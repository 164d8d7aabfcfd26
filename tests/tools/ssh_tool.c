/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tries a deploy key, for tests/e2e/test_ssh.py.
 *
 *	ssh_tool [--every] [--timeout MS] [--residue] URL IDENTITY KNOWN_HOSTS [PASSWORD]
 *
 * The last are files.  Facts go to standard output as JSON, the error to standard error; the exit
 * status is the error's class.  --residue: "residue" in the facts is how often 16 bytes out of the
 * middle of IDENTITY's text, or the private half it holds, stand in the process's memory
 *afterwards.
 */
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/b64.h"
#include "base/err.h"
#include "base/file.h"
#include "base/kv.h"
#include "base/mem.h"
#include "kinds/sshkey.h"
#include "sealer/ssh_probe.h"

#define NEEDLE 16

static struct ssh_probe_options options;
static bool residue;

static void die(const struct err *err)
{
	fprintf(stderr, "ssh_tool: %s\n", err->text);
	exit((int)err->class);
}

static void read_into(struct kv *data, const char *name, const char *path)
{
	struct buf b = BUF_INIT;
	struct err err;

	if (file_read(path, 65536, 0, &b, NULL, &err) != 0)
		die(&err);
	kv_set(data, name, b.data, b.len);
	buf_clear(&b);
}

/* Kept turned around, so that they do not find themselves. */
static unsigned char needles[4][NEEDLE];
static size_t n_needles;

static void hide(const unsigned char *bytes)
{
	for (size_t i = 0; i < NEEDLE; i++)
		needles[n_needles][i] = (unsigned char)~bytes[i];
	n_needles++;
}

/* The number of a key in PKCS#8, big-endian. */
static size_t take_number(const struct buf *pem, unsigned char *to)
{
	BIO *bio = BIO_new_mem_buf(pem->data, (int)pem->len);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIGNUM *number = NULL;
	size_t n;

	if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &number) != 1 &&
	    EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_D, &number) != 1)
		exit(ERR_INTERNAL);
	n = (size_t)BN_bn2bin(number, to);
	BN_clear_free(number);
	EVP_PKEY_free(key);
	BIO_free(bio);
	return n;
}

/* The seed of an Ed25519 key in OpenSSH's format: what stands behind the only length of 64. */
static size_t take_seed(const struct buf *pem, unsigned char *to)
{
	static const unsigned char length[4] = { 0, 0, 0, 64 };
	const char *p = strchr(buf_str(pem), '\n'), *end = strstr(p, "-----END");
	struct buf text = BUF_INIT, bytes = BUF_INIT;
	size_t at = 0;

	for (; p < end; p++)
		if (*p != '\n')
			buf_putc(&text, (unsigned char)*p);
	if (b64_decode(&bytes, buf_str(&text), text.len) != 0)
		exit(ERR_INTERNAL);
	while (at + 68 < bytes.len && memcmp(bytes.data + at, length, 4) != 0)
		at++;
	memcpy(to, bytes.data + at + 4, 32);
	buf_clear(&text);
	buf_clear(&bytes);
	return 32;
}

/* Out of the number's middle, as it is written and as OpenSSL keeps it on this machine. */
static void hide_number(const struct buf *pem)
{
	unsigned char bytes[2048], swapped[NEEDLE];
	size_t n = strstr(buf_str(pem), "OPENSSH") != NULL ? take_seed(pem, bytes)
							   : take_number(pem, bytes);

	for (size_t i = 0; i < NEEDLE; i++)
		swapped[i] = bytes[n / 2 + NEEDLE / 2 - 1 - i];
	hide(bytes + n / 2 - NEEDLE / 2);
	hide(swapped);
	mem_wipe(bytes, sizeof(bytes));
	mem_wipe(swapped, sizeof(swapped));
}

static void hide_all(const struct kv *data)
{
	const struct kv_item *identity = kv_get(data, "identity"), *word = kv_get(data, "password");
	struct buf pem = BUF_INIT, password = BUF_INIT;
	struct sshkey key = SSHKEY_INIT;
	struct err err;

	if (word != NULL)
		buf_put(&password, word->data, word->len);
	if (sshkey_open(&(struct pem_source){ "identity", identity->data, identity->len },
			word == NULL ? NULL : &password, &pem, &key, &err) != 0)
		die(&err);
	hide(identity->data + identity->len / 2);
	hide(pem.data + pem.len / 2);
	hide_number(&pem);
	sshkey_clear(&key);
	buf_clear(&pem);
	buf_clear(&password);
}

static size_t count_one(const unsigned char *bytes, size_t len, const unsigned char *needle)
{
	size_t found = 0;

	for (size_t i = 0; i + NEEDLE <= len; i++) {
		size_t k = 0;

		while (k < NEEDLE && (bytes[i + k] ^ needle[k]) == 0xff)
			k++;
		found += k == NEEDLE;
	}
	return found;
}

static size_t count_in(const unsigned char *bytes, size_t len)
{
	size_t found = 0;

	for (size_t i = 0; i < n_needles; i++)
		found += count_one(bytes, len, needles[i]);
	return found;
}

static size_t count_everywhere(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	char line[512], mode[5];
	unsigned long begin, end;
	size_t found = 0;

	while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
		unsigned char *copy;
		ssize_t n;

		if (sscanf(line, "%lx-%lx %4s", &begin, &end, mode) != 3 || mode[0] != 'r' ||
		    mode[1] != 'w')
			continue;
		copy = mmap(NULL, end - begin, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
		if (copy == MAP_FAILED)
			exit(ERR_MEMORY);
		n = pread(memory, copy, end - begin, (off_t)begin);
		found += n > 0 ? count_in(copy, (size_t)n) : 0;
		munmap(copy, end - begin);
	}
	if (maps != NULL)
		fclose(maps);
	close(memory);
	return found;
}

static void take_options(int argc, char **argv)
{
	static const struct option longs[] = { { "every", no_argument, NULL, 'e' },
					       { "timeout", required_argument, NULL, 't' },
					       { "residue", no_argument, NULL, 'r' },
					       { NULL, 0, NULL, 0 } };
	int o;

	while ((o = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		options.every_host_key = options.every_host_key || o == 'e';
		residue = residue || o == 'r';
		if (o == 't')
			options.timeout = atol(optarg);
		if (o == '?')
			exit(ERR_USAGE);
	}
	if (argc - optind < 3 || argc - optind > 4)
		exit(ERR_USAGE);
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "identity", "known_hosts", "password" };
	struct kv data = KV_INIT;
	struct github_ssh_result r;
	struct err err = ERR_INIT;
	json_t *facts;
	size_t before;
	int rc;

	mem_init();
	take_options(argc, argv);
	for (int i = optind + 1; i < argc; i++)
		read_into(&data, names[i - optind - 1], argv[i]);
	if (residue)
		hide_all(&data);
	before = residue ? count_everywhere() : 0;
	rc = ssh_probe(argv[optind], &data, &options, &r, &err);
	kv_clear(&data);
	facts = github_ssh_json(&r);
	if (residue)
		json_object_update_new(facts, json_pack("{s:I, s:I}", "before", (json_int_t)before,
							"after", (json_int_t)count_everywhere()));
	json_dumpf(facts, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(facts);
	if (rc != 0)
		die(&err);
	return 0;
}
