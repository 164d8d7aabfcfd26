/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line of git's plumbing is refused, or what was read is in it: written again from what was read,
 * it is the same line.
 */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "git/raw.h"

static void check_tree(const char *token)
{
	static const char *const types[] = { "blob", "commit", "tree" };
	struct raw_line line;
	bool same = false;

	if (!raw_tree(token, &line))
		return;
	must(line.path != NULL && line.path > token && line.path < token + strlen(token));
	must(strlen(line.id) == 40 || strlen(line.id) == 64);
	for (size_t i = 0; i < 3; i++) {
		char *again = mem_printf("%06o %s %s\t%s", line.mode, types[i], line.id, line.path);

		same = same || strcmp(again, token) == 0;
		mem_free(again);
	}
	must(same);
}

static void check_change(const char *token)
{
	struct raw_line line;
	size_t parents = strspn(token, ":"), len = strlen(token);
	char mode[8];

	if (!raw_change(token, &line))
		return;
	must(line.path == NULL && parents >= 1);
	must(strlen(line.id) == 40 || strlen(line.id) == 64);
	/* the last id and the statuses end the line; the last mode stands before the first id */
	must(len > parents && token[len - parents] == line.status);
	must(token[len - parents - 1] == ' ');
	must(strncmp(token + len - parents - 1 - strlen(line.id), line.id, strlen(line.id)) == 0);
	snprintf(mode, sizeof(mode), "%06o", line.mode);
	must(strncmp(token + parents + 7 * parents, mode, 6) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *token = mem_strn((const char *)data, size);

	check_tree(token);
	check_change(token);
	mem_free(token);
	return 0;
}
