/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/command.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "sealer/locate.h"
#include "sealer/pick.h"

#define LIST_COLUMN 18

/* In the order of the help. */
const struct command *const command_table[] = {
	&cmd_init,   &cmd_bootstrap, &cmd_recipients,	&cmd_seal,	 &cmd_set,
	&cmd_unset,  &cmd_show,	     &cmd_open,		&cmd_check,	 &cmd_status,
	&cmd_keys,   &cmd_hooks,     &cmd_rotate,	&cmd_deploy_key, &cmd_known_hosts,
	&cmd_reseal, &cmd_import,    &cmd_export,	&cmd_edit,	 &cmd_rename,
	&cmd_diff,   &cmd_textconv,  &cmd_merge_driver, &cmd_completion, &cmd_help,
	NULL,
};
const struct command *command_sub(const struct command *c, const char *name)
{
	if (c->sub == NULL)
		return NULL;
	for (const struct command *s = c->sub(); s->name != NULL; s++)
		if (strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

static const struct command *top_level(const char *name)
{
	for (size_t i = 0; command_table[i] != NULL; i++)
		if (strcmp(command_table[i]->name, name) == 0)
			return command_table[i];
	return NULL;
}

const struct command *command_find(int argc, char *const *argv, int *words, struct buf *path)
{
	const struct command *c, *sub;

	*words = 0;
	buf_puts(path, "bulla");
	if (argc < 2)
		return NULL;
	c = top_level(argv[1]);
	if (c == NULL)
		return NULL;
	*words = 1;
	buf_printf(path, " %s", c->name);
	sub = argc > 2 ? command_sub(c, argv[2]) : NULL;
	if (sub == NULL)
		return c;
	*words = 2;
	buf_printf(path, " %s", sub->name);
	return sub;
}

const struct option_spec *command_options(const struct command *c)
{
	return c->make_options != NULL ? c->make_options() : c->options;
}

/* A head of subcommands that none of them follows. */
static int refuse_head(const struct command *c, bool named, struct err *err)
{
	struct buf names = BUF_INIT;

	for (const struct command *s = c->sub != NULL ? c->sub() : NULL;
	     s != NULL && s->name != NULL; s++)
		buf_printf(&names, "%s%s", names.len > 0 ? ", " : "", s->name);
	err_set(err, ERR_USAGE, "%s: %s",
		named ? "there is no such subcommand; these are" : "say which", buf_str(&names));
	buf_clear(&names);
	return -1;
}

/* Where the table has the member of an option that takes an argument. */
static const char **member(const struct option_spec *specs, void *options, const char *name)
{
	while (strcmp(specs->name, name) != 0)
		specs++;
	return (const char **)((char *)options + specs->at);
}

/* One that takes a document gets a FILE, whatever was given. */
static int locate_first(const struct command *c, void *options, struct option_common *common,
			struct located *at, struct err *err)
{
	const char **which, *arguments = c->arguments + (c->arguments[0] == '[');

	if (strncmp(arguments, LOCATE_ARGUMENT, strlen(LOCATE_ARGUMENT)) != 0 || common->n == 0)
		return 0;
	which = member(command_options(c), options, PICK_NAME);
	if (locate(common->args[0], at, err) != 0)
		return -1;
	if (at->which != NULL && *which != NULL)
		return err_set(err, ERR_USAGE,
			       "--" PICK_NAME " chooses in a FILE; NAME says it already");
	if (at->which != NULL)
		*which = at->which;
	common->args[0] = at->path;
	return 0;
}

static int run_it(const struct command *c, const struct invocation *line, void *options,
		  struct option_common *common, struct err *err)
{
	struct invocation in = *line;
	struct located at = { NULL, NULL };
	struct err why = ERR_INIT;
	int r = locate_first(c, options, common, &at, &why);

	in.args = common->args;
	if (r != 0 && why.class == ERR_INVALID && c->not_found != NULL)
		c->not_found(&in, &why);
	if (r != 0)
		err_set(err, why.class, "%s", why.text);
	if (r == 0)
		r = c->run(&in, err);
	located_clear(&at);
	return r;
}

int command_run(const struct command *c, const char *path, int words, int argc, char **argv,
		struct err *err)
{
	const struct option_spec *specs = command_options(c);
	struct option_common common = { 0 };
	void *options;
	int r = -1;

	if (c->sub != NULL && (argc == words + 1 || argv[words + 1][0] != '-'))
		return refuse_head(c, argc > words + 1, err);
	options = mem_alloc(c->options_size);
	if (options_parse(specs, c->arguments, argc - words, argv + words, options, &common, err) !=
	    0)
		goto out;
	out_quiet = common.quiet;
	if (common.help) {
		command_help(c, path, stdout);
		r = 0;
	} else if (c->run != NULL) {
		struct invocation in = { c,    options, common.args, common.n, common.verbose,
					 argv, argc };

		r = run_it(c, &in, options, &common, err);
	} else {
		r = refuse_head(c, false, err);
	}
out:
	options_clear(specs, options, &common);
	mem_free(options);
	return r;
}

void command_usage(const struct command *c, const char *path, FILE *f)
{
	const struct option_spec *specs = command_options(c);
	struct buf line = BUF_INIT;

	if (c->sub != NULL)
		fprintf(f, "usage: %s COMMAND ...\n", path);
	if (c->run != NULL) {
		options_usage(specs, &line);
		fprintf(f, "%s %s%s%s%s%s\n", c->sub != NULL ? "      " : "usage:", path,
			c->arguments[0] != '\0' ? " " : "", c->arguments, buf_str(&line),
			specs != NULL ? " [OPTION...]" : "");
	}
	buf_clear(&line);
}

/* A paragraph, wrapped as the lines of a list are. */
static void paragraph(const char *text, FILE *f)
{
	size_t column = 0;

	while (*text != '\0') {
		size_t len = strcspn(text, " ");

		if (column > 0 && column + 1 + len > 79) {
			fputc('\n', f);
			column = 0;
		}
		fprintf(f, "%s%.*s", column > 0 ? " " : "", (int)len, text);
		column += len + (column > 0);
		text += len;
		text += strspn(text, " ");
	}
	fputc('\n', f);
}

void command_help(const struct command *c, const char *path, FILE *f)
{
	command_usage(c, path, f);
	fputc('\n', f);
	paragraph(c->about != NULL ? c->about : c->summary, f);
	if (c->sub != NULL) {
		fputs("\nCommands:\n", f);
		for (const struct command *s = c->sub(); s->name != NULL; s++)
			if (!s->hidden)
				options_help_line(s->name, s->summary, LIST_COLUMN + 8, f);
	}
	fputs("\nOptions:\n", f);
	options_help(command_options(c), f);
	options_help(option_common_specs, f);
}

void command_overview(FILE *f)
{
	fputs("usage: bulla COMMAND ...\n\n"
	      "Seal credentials into YAML documents that are safe to commit.\n\nCommands:\n",
	      f);
	for (size_t i = 0; command_table[i] != NULL; i++)
		if (!command_table[i]->hidden)
			options_help_line(command_table[i]->name, command_table[i]->summary,
					  LIST_COLUMN, f);
	fputs("\n'bulla help COMMAND' shows a command's options; 'bulla --version' the version.\n",
	      f);
}
