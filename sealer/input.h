/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How secrets come in: a file, standard input ("-"), or a terminal that does not show them.  Never
 * an argument, never the value of an environment variable.  What is read stays as it is; the one
 * trailing newline that an editor or echo adds is the kind's to take (kinds/kind.h).
 */
#ifndef BULLA_SEALER_INPUT_H
#define BULLA_SEALER_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct err;

/*
 * Read FILE, or standard input for "-", into out (cleared before).  what names the input in
 * errors and prompts ("the token").  A process reads standard input once; a second "-" is
 * ERR_USAGE.  When standard input is a terminal it is read to its end without echo.
 */
int input_read(const char *path, const char *what, size_t max, struct buf *out, struct err *err);
bool input_stdin_is_terminal(void);

/* Is there a person to ask?  Looks for the controlling terminal, whatever the three streams are. */
bool input_terminal(void);

/*
 * Ask for one line without echo; twice: again, and both must agree (for what a person makes up).
 * what may hold anything, it is escaped.  ERR_IO without a terminal, ERR_INVALID when nothing was
 * typed, when the two differ or when the line is as long as a terminal can make it (it may be cut).
 */
int input_prompt(const char *what, bool twice, struct buf *out, struct err *err);

/* Print text (escaped) to the terminal and ask; *yes only for "y" or "yes".  ERR_IO without one. */
int input_confirm(const char *text, bool *yes, struct err *err);

/*
 * Show a text that holds a secret meant for the person: to the terminal, else to standard error.
 * Not through stdio, whose buffers are not wiped.  Printed as it is.  ERR_IO.
 */
int input_show(const struct buf *text, struct err *err);

/* A keyring_ask: the passphrase of a file. */
int input_passphrase(void *ctx, const char *what, struct buf *out, struct err *err);

#endif
