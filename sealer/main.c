/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "sealer/command.h"

/* No core file, no debugger of the same user, nothing writable by others. */
static void protect(void)
{
	static const struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
#ifdef __linux__
	prctl(PR_SET_DUMPABLE, 0);
#endif
	umask(umask(022) | 022);
}

static int without_command(int argc, char **argv)
{
	if (argc == 2 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)) {
		puts("bulla " BULLA_VERSION);
		return 0;
	}
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		command_overview(stdout);
		return 0;
	}
	if (argc < 2)
		command_overview(stderr);
	else
		fputs("bulla: there is no such command; 'bulla help' lists them\n", stderr);
	return ERR_USAGE;
}

static int report(const struct command *c, const char *path, const struct err *err)
{
	if (err->text[0] != '\0')
		out_error(err->text);
	if (err->class == ERR_USAGE) {
		command_usage(c, path, stderr);
		fprintf(stderr, "'%s --help' explains it\n", path);
	}
	return err->class == ERR_NONE ? ERR_INTERNAL : (int)err->class;
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	struct buf path = BUF_INIT;
	const struct command *c;
	int words, status = 0;

	mem_init();
	protect();
	c = command_find(argc, argv, &words, &path);
	if (c == NULL)
		status = without_command(argc, argv);
	else if (command_run(c, buf_str(&path), words, argc, argv, &err) != 0)
		status = report(c, buf_str(&path), &err);
	mem_wipe_stack();
	buf_clear(&path);
	if ((fflush(stdout) != 0 || ferror(stdout)) && status == 0) {
		fputs("bulla: standard output could not be written\n", stderr);
		status = ERR_IO;
	}
	return status;
}
