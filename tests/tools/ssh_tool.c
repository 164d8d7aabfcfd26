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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/kv.h"
#include "base/mem.h"
#include "sealer/ssh_probe.h"

#define NEEDLE 16

static struct ssh_probe_options options;
static bool residue;

static void die(const struct err *err)
{
	fprintf(stderr, "ssh_tool: %s\n", err->text);
	exit(err->class);
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

/* Kept turned around, so that it does not find itself. */
static void hide(unsigned char *needle, const unsigned char *bytes)
{
	for (size_t i = 0; i < NEEDLE; i++)
		needle[i] = (unsigned char)~bytes[i];
}

static size_t count_in(const unsigned char *bytes, size_t len, const unsigned char *needle)
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

static size_t count_everywhere(const unsigned char *needle)
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
		copy = malloc(end - begin);
		n = pread(memory, copy, end - begin, (off_t)begin);
		found += n > 0 ? count_in(copy, (size_t)n, needle) : 0;
		memset(copy, 0, end - begin);
		free(copy);
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
	unsigned char needle[NEEDLE];
	const struct kv_item *identity;
	json_t *facts;
	size_t before;
	int rc;

	mem_init();
	take_options(argc, argv);
	for (int i = optind + 1; i < argc; i++)
		read_into(&data, names[i - optind - 1], argv[i]);
	identity = kv_get(&data, "identity");
	if (identity->len < 120)
		exit(ERR_USAGE);
	hide(needle, identity->data + identity->len / 2);
	before = residue ? count_everywhere(needle) : 0;
	rc = ssh_probe(argv[optind], &data, &options, &r, &err);
	kv_clear(&data);
	facts = github_ssh_json(&r);
	if (residue)
		json_object_update_new(facts,
				       json_pack("{s:I, s:I}", "before", (json_int_t)before,
						 "after", (json_int_t)count_everywhere(needle)));
	json_dumpf(facts, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(facts);
	if (rc != 0)
		die(&err);
	return 0;
}
