/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command lines, on getopt_long, from tables.  A table is the single place that knows an option:
 * parsing, help, usage lines, completions and the checks of the manual pages come from it.
 *
 * Strict: unknown and abbreviated options, a single option given twice, a word outside the choices
 * and a missing or further argument are ERR_USAGE.  Nothing of the command line is quoted in an
 * error but names of options, because a secret may have been typed where none belongs.
 */
#ifndef BULLA_SEALER_OPTIONS_H
#define BULLA_SEALER_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/buf.h"

struct err;

enum option_flags {
	OPTION_MANY = 1,   /* may be given more than once; the member is a struct option_list */
	OPTION_NEEDED = 2, /* ERR_USAGE when absent; stands in the usage line */
};

/*
 * One option.  Its member in the command's struct is a bool when it takes no argument, a
 * const char * when it does, a struct option_list with OPTION_MANY.  Values point into argv.
 * An arg of words with lower-case letters, "text|json", lists the words that are allowed.
 */
struct option_spec {
	char letter;	  /* short form, or 0 */
	const char *name; /* long form without dashes; NULL ends a table */
	const char *arg;  /* what help calls the argument; NULL: it takes none */
	const char *help; /* one line */
	size_t at;	  /* offsetof the member */
	int flags;
};

struct option_list {
	const char **items;
	size_t n;
};

/* What every command line may hold beside its table. */
struct option_common {
	bool help;    /* -h, --help: nothing else was checked */
	bool quiet;   /* -q, --quiet */
	bool verbose; /* -v, --verbose */
	char **args;  /* what is no option, in order; the array is owned */
	size_t n;
};

extern const struct option_spec option_common_specs[];

/*
 * Read argv[1..argc) by the tables specs and option_common_specs into the struct at into (zeroed by
 * the caller) and common.  arguments is the synopsis of what is no option, "FILE [KEY]" or
 * "[PATH...]": it says how many there must be.  ERR_USAGE.  Call options_clear in every case.
 */
int options_parse(const struct option_spec *specs, const char *arguments, int argc, char **argv,
		  void *into, struct option_common *common, struct err *err);
void options_clear(const struct option_spec *specs, void *into, struct option_common *common);

/* Is word one of the choices that arg names?  True when arg is no list of choices. */
bool options_choice(const char *arg, const char *word);
bool options_is_choice(const char *arg);

/* " -n NAMESPACE --url URL": the needed options of a table, appended. */
void options_usage(const struct option_spec *specs, struct buf *out);
/* The lines of help for a table, to a terminal's 80 columns. */
void options_help(const struct option_spec *specs, FILE *f);
/* One line of a list, "  NAME   TEXT", TEXT wrapped and beginning at column width. */
void options_help_line(const char *name, const char *text, int width, FILE *f);

#endif
