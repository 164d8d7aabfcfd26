/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user's own editor, told to leave nothing behind: $BULLA_EDITOR, else $VISUAL, $EDITOR, vi.
 * Never run by a shell.
 */
#ifndef BULLA_SEALER_EDIT_EDITOR_H
#define BULLA_SEALER_EDIT_EDITOR_H

#include <stdbool.h>
#include <stddef.h>

struct err;

struct edit_editor {
	char **words; /* program (absolute), its arguments, those that we add; ends with NULL */
	char *name;   /* as people call it */
	bool quiet;   /* it can be told to leave no swap, backup, undo and history files, and is */
};

/*
 * Split a value of such a variable into words as a shell would, with quotes and backslashes but
 * nothing else: ERR_USAGE for what only a shell can do ("$", "`", "|", "&", ";", "<", ">", "(",
 * "*", "?", "~" and the like outside of quotes), for an open quote and for no word at all. variable
 * begins the error.  *words ends with NULL; edit_editor_free_words.
 */
int edit_editor_split(const char *variable, const char *value, char ***words, struct err *err);
void edit_editor_free_words(char **words);

/*
 * Find it and what it must be told.  ERR_USAGE as above, ERR_IO when there is no such program.
 */
int edit_editor_find(struct edit_editor *out, struct err *err);
void edit_editor_clear(struct edit_editor *e);

/* A line of names of editors that are quiet, for a warning. */
extern const char edit_editor_quiet_names[];

/*
 * Let it edit the file behind fd, which it gets by the name of its own open descriptor, and wait
 * for its end.  Meanwhile SIGINT and SIGQUIT are its alone, SIGTERM and SIGHUP are passed on to it;
 * when we die, it ends too (Linux).  One that is not quiet hears of neither, nor of the terminal's
 * hangup, at which it might save its text: it is killed.  ERR_IO when it cannot be run, ends with
 * another status than 0 or by a signal, or when a signal ended us.
 */
int edit_editor_run(const struct edit_editor *e, int fd, struct err *err);

#endif
