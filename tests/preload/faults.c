/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded by tests: makes one allocation or descriptor fail, or every write short.
 *
 *	FAIL_ALLOC=N	 the N-th allocation (malloc, calloc, realloc; from 1) returns NULL
 *	FAIL_ALLOC_LOG=F the number of allocations is written to F at exit
 *	SHORT_WRITES=1	 write(2) takes no more than 7 bytes at once
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

static atomic_long count;
static long fail_at;
static int short_writes;

__attribute__((constructor)) static void start(void)
{
	const char *at = getenv("FAIL_ALLOC");

	fail_at = at == NULL ? 0 : atol(at);
	short_writes = getenv("SHORT_WRITES") != NULL;
	atomic_store(&count, 0);
}

__attribute__((destructor)) static void finish(void)
{
	const char *path = getenv("FAIL_ALLOC_LOG");
	char text[32];
	FILE *f;

	if (path == NULL)
		return;
	snprintf(text, sizeof(text), "%ld\n", (long)atomic_load(&count));
	f = fopen(path, "we");
	if (f != NULL) {
		fputs(text, f);
		fclose(f);
	}
}

static int fails(void)
{
	long n = atomic_fetch_add(&count, 1) + 1;

	if (fail_at == 0 || n != fail_at)
		return 0;
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	return fails() ? NULL : __libc_realloc(p, size);
}

ssize_t write(int fd, const void *data, size_t len)
{
	static ssize_t (*real)(int, const void *, size_t);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "write");
	return real(fd, data, short_writes && len > 7 ? 7 : len);
}
