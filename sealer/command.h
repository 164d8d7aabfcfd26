/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of bulla.  command_table is the one place that lists them; help, completions and
 * the check of the manual pages read it.  A command is one file, cmd_NAME.c, that exports its row.
 */
#ifndef BULLA_SEALER_COMMAND_H
#define BULLA_SEALER_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/buf.h"
#include "sealer/options.h"

struct err;
struct command;

/* A command line, read. */
struct invocation {
	const struct command *command;
	const void *options; /* the command's own struct, filled by its table */
	char *const *args;   /* what is no option; as many as the row's arguments ask for */
	size_t n;
	bool verbose;
	char *const *line; /* all of the command line, line_n words, to print it again */
	int line_n;
};

struct command {
	const char *name;    /* one word; NULL ends a table */
	const char *summary; /* one line, no full stop */
	/*
	 * "FILE [KEY]"; "" for none.  "NAME|FILE ..." (or "[NAME|FILE]") and a PICK_OPTION in its
	 * table: the command gets a FILE in any case, found by sealer/locate.h, and which document
	 * in `which`.
	 */
	const char *arguments;
	const char *about; /* a paragraph for help, or NULL */
	const struct option_spec *options;
	const struct option_spec *(*make_options)(void); /* instead of options, when it is built */
	size_t options_size; /* of the struct that the table fills; zeroed before */
	/*
	 * 0, or -1 and err: its class is the exit status and its text goes to standard error (an
	 * empty text, as after findings that are printed already, prints nothing).
	 */
	int (*run)(const struct invocation *in, struct err *err);
	/*
	 * No document is called as the first argument says, and err says so: a command that knows
	 * more about it may say that instead.  NULL: it does not.
	 */
	void (*not_found)(const struct invocation *in, struct err *err);
	const struct command *(*sub)(void); /* subcommands, or NULL */
	const void *data;		    /* what tells rows with the same run apart */
	bool hidden;			    /* not in lists and completions */
};

extern const struct command *const command_table[]; /* in the order of help; ends with NULL */

extern const struct command cmd_init;
extern const struct command cmd_recipients;
extern const struct command cmd_seal;
extern const struct command cmd_set;
extern const struct command cmd_unset;
extern const struct command cmd_edit;
extern const struct command cmd_diff;
extern const struct command cmd_rename;
extern const struct command cmd_textconv;
extern const struct command cmd_show;
extern const struct command cmd_open;
extern const struct command cmd_check;
extern const struct command cmd_hooks;
extern const struct command cmd_reseal;
extern const struct command cmd_status;
extern const struct command cmd_rotate;
extern const struct command cmd_keys;
extern const struct command cmd_deploy_key;
extern const struct command cmd_merge_driver;
extern const struct command cmd_completion;
extern const struct command cmd_import;
extern const struct command cmd_export;
extern const struct command cmd_bootstrap;
extern const struct command cmd_known_hosts;
extern const struct command cmd_help;

/* The command's own table of options, or NULL. */
const struct option_spec *command_options(const struct command *c);

/* One of a command's subcommands, or NULL. */
const struct command *command_sub(const struct command *c, const char *name);

/*
 * The command that argv[1..] names, at most two words deep.  *words becomes the number of words
 * used and path its full name, "bulla seal registry".  NULL: there is none such; path is then the
 * longest beginning that is a command.
 */
const struct command *command_find(int argc, char *const *argv, int *words, struct buf *path);

/* Read what follows the first `words` words of the command line and run the command. */
int command_run(const struct command *c, const char *path, int words, int argc, char **argv,
		struct err *err);

/* "usage: bulla seal registry NAME -n NAMESPACE [OPTION...]" and a newline. */
void command_usage(const struct command *c, const char *path, FILE *f);
void command_help(const struct command *c, const char *path, FILE *f);
/* The list of all commands. */
void command_overview(FILE *f);

#endif
