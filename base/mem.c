/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/vector.h"

/* The size stands before each block, so that any caller of free() wipes without knowing it. */
union header {
	size_t size;
	max_align_t align;
};

/* noreturn, so that no caller has an untested path behind a failed allocation */
static _Noreturn void out_of_memory(void)
{
	static const char text[] = "bulla: out of memory\n";
	ssize_t n = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)n;
	exit(ERR_MEMORY);
}

static union header *try_alloc(size_t size)
{
	union header *h;

	if (size > SIZE_MAX / 2)
		return NULL;
	h = calloc(1, sizeof(*h) + size + 1);
	if (h == NULL)
		return NULL;
	h->size = size;
	return h;
}

static size_t size_of(const void *p)
{
	return ((const union header *)p - 1)->size;
}

void *mem_alloc(size_t size)
{
	union header *h = try_alloc(size);

	if (h == NULL)
		out_of_memory();
	return h + 1;
}

void *mem_array(size_t n, size_t size)
{
	if (size != 0 && n > SIZE_MAX / size)
		out_of_memory();
	return mem_alloc(n * size);
}

void *mem_grow(void *p, size_t n, size_t size)
{
	void *q = mem_array(n, size);

	if (p != NULL) {
		size_t old = size_of(p);

		memcpy(q, p, old < n * size ? old : n * size);
		mem_free(p);
	}
	return q;
}

void *mem_dup(const void *p, size_t size)
{
	void *q = mem_alloc(size);

	if (size != 0)
		memcpy(q, p, size);
	return q;
}

char *mem_str(const char *s)
{
	return s == NULL ? NULL : mem_dup(s, strlen(s));
}

char *mem_strn(const char *s, size_t n)
{
	return mem_dup(s, n);
}

char *mem_vprintf(const char *fmt, va_list ap)
{
	va_list again;
	char *s;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		out_of_memory();
	s = mem_alloc((size_t)n);
	vsnprintf(s, (size_t)n + 1, fmt, ap);
	return s;
}

char *mem_printf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = mem_vprintf(fmt, ap);
	va_end(ap);
	return s;
}

void mem_free(void *p)
{
	union header *h;

	if (p == NULL)
		return;
	h = (union header *)p - 1;
	sodium_memzero(h, sizeof(*h) + h->size);
	free(h);
}

void mem_replace(char **to, const char *s)
{
	char *copy = mem_str(s);

	mem_free(*to);
	*to = copy;
}

void mem_wipe(void *p, size_t n)
{
	if (n != 0)
		sodium_memzero(p, n);
}

__attribute__((noinline)) void mem_wipe_stack(void)
{
	unsigned char below[65536];

	vector_wipe();
	mem_wipe(below, sizeof(below));
}

static void *openssl_malloc(size_t size, const char *file, int line)
{
	union header *h;

	(void)file;
	(void)line;
	h = size == 0 ? NULL : try_alloc(size);
	return h == NULL ? NULL : h + 1;
}

static void *openssl_realloc(void *p, size_t size, const char *file, int line)
{
	void *q;

	if (size == 0) {
		mem_free(p);
		return NULL;
	}
	q = openssl_malloc(size, file, line);
	if (q != NULL && p != NULL) {
		memcpy(q, p, size_of(p) < size ? size_of(p) : size);
		mem_free(p);
	}
	return q;
}

static void openssl_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	mem_free(p);
}

void mem_init(void)
{
	/* OpenSSL must come first: it refuses once it has allocated anything. */
	if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) != 1 ||
	    /* no file that the environment names may load code or choose algorithms */
	    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1 || sodium_init() < 0) {
		fputs("bulla: cannot set up the cryptographic libraries\n", stderr);
		exit(ERR_INTERNAL);
	}
	json_set_alloc_funcs(mem_alloc, mem_free);
	/* else jansson opens /dev/urandom at its first object, which a jail refuses */
	json_object_seed(randombytes_random() | 1);
}
