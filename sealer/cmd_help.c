/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/command.h"

#include "base/err.h"

static int run(const struct invocation *in, struct err *err)
{
	char *words[] = { NULL, NULL, NULL };
	const struct command *c;
	struct buf path = BUF_INIT;
	int used, r = 0;

	if (in->n == 0) {
		command_overview(stdout);
		return 0;
	}
	for (size_t i = 0; i < in->n; i++)
		words[i + 1] = in->args[i];
	c = command_find((int)in->n + 1, words, &used, &path);
	if (c == NULL || (size_t)used != in->n)
		r = err_set(err, ERR_USAGE, "there is no such command; 'bulla help' lists them");
	else
		command_help(c, buf_str(&path), stdout);
	buf_clear(&path);
	return r;
}

const struct command cmd_help = {
	.name = "help",
	.summary = "explain a command",
	.arguments = "[COMMAND] [SUBCOMMAND]",
	.run = run,
};
