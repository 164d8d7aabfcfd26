/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard on files, without the rest of bulla.
 *
 * usage: guard_tool FILE...     prints FILE, rule, line, column, certain or warning, where, print;
 *                               tab-separated, one finding a line
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "guard/scan.h"

static void print(void *ctx, const struct guard_hit *hit)
{
	const char *file = ctx;

	printf("%s\t%s\t%u\t%u\t%s\t%s\t%s\n", file, hit->rule, hit->line, hit->column,
	       hit->certain ? "certain" : "warning", hit->where == NULL ? "" : hit->where,
	       hit->print);
}

static void scan(char *file)
{
	FILE *f = fopen(file, "rb");
	char *text;
	long len;

	if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (len = ftell(f)) < 0) {
		perror(file);
		exit(1);
	}
	rewind(f);
	text = mem_alloc((size_t)len);
	if (fread(text, 1, (size_t)len, f) != (size_t)len) {
		perror(file);
		exit(1);
	}
	fclose(f);
	guard_scan(file, text, (size_t)len, print, file);
	mem_free(text);
}

int main(int argc, char **argv)
{
	mem_init();
	for (int i = 1; i < argc; i++)
		scan(argv[i]);
	return 0;
}
