/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least that resealing N documents can cost: the operations on the curve that age asks for, one
 * after the other, and the files written whole, many with one flush, as bulla does it; nothing is
 * parsed, opened or checked.
 *
 * usage: bench_reseal FOLDER N RECIPIENTS BYTES   prints seconds: curve, files
 */
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

#define BATCH 256

static void die(const char *text)
{
	fprintf(stderr, "bench_reseal: %s\n", text);
	exit(1);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* To open: one shared secret.  To seal, for each recipient: a share, and a shared secret. */
static double curve(size_t n, size_t recipients)
{
	unsigned char scalar[32], point[32], share[32], shared[32];
	double start;

	randombytes_buf(scalar, sizeof(scalar));
	if (crypto_scalarmult_base(point, scalar) != 0)
		die("no point");
	start = seconds();
	for (size_t i = 0; i < n; i++) {
		if (crypto_scalarmult(shared, scalar, point) != 0)
			die("a low-order point");
		for (size_t r = 0; r < recipients; r++) {
			randombytes_buf(scalar, sizeof(scalar));
			if (crypto_scalarmult_base(share, scalar) != 0 ||
			    crypto_scalarmult(shared, scalar, point) != 0)
				die("a low-order point");
		}
	}
	return seconds() - start;
}

static void name_of(size_t i, char name[static 32])
{
	snprintf(name, 32, "app-%zu.yaml", i);
}

static void make(size_t n, const void *data, size_t len)
{
	char name[32];

	for (size_t i = 0; i < n; i++) {
		int fd;

		name_of(i, name);
		fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		if (fd < 0 || write(fd, data, len) != (ssize_t)len)
			die("cannot make a file");
		close(fd);
	}
	sync();
}

static void replace(size_t begin, size_t n, const void *data, size_t len)
{
	struct file_stage *stages[BATCH] = { NULL };
	struct err err = ERR_INIT;
	char name[32];

	for (size_t i = 0; i < n; i++) {
		struct file_write w = { .path = name };

		name_of(begin + i, name);
		stages[i] = file_stage_new(&w, data, len, &err);
		if (stages[i] == NULL)
			die(err.text);
	}
	if (file_stage_sync(stages, n, &err) != 0)
		die(err.text);
	for (size_t i = 0; i < n; i++) {
		if (file_stage_commit(stages[i], &err) != 0)
			die(err.text);
		file_stage_free(stages[i]);
	}
}

int main(int argc, char **argv)
{
	size_t n = argc == 5 ? strtoul(argv[2], NULL, 10) : 0, len;
	double on_curve, start;
	unsigned char *data;

	mem_init();
	if (n == 0 || mkdir(argv[1], 0700) != 0 || chdir(argv[1]) != 0)
		die("usage: bench_reseal FOLDER N RECIPIENTS BYTES; FOLDER is new");
	len = strtoul(argv[4], NULL, 10);
	data = mem_alloc(len);
	randombytes_buf(data, len);
	make(n, data, len);
	on_curve = curve(n, strtoul(argv[3], NULL, 10));
	start = seconds();
	for (size_t i = 0; i < n; i += BATCH)
		replace(i, n - i < BATCH ? n - i : BATCH, data, len);
	sync();
	printf("%.3f %.3f\n", on_curve, seconds() - start);
	mem_free(data);
	return 0;
}
