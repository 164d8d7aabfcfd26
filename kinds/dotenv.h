/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `.env` files, where a POSIX shell that sources one and docker compose agree on what it says;
 * where they do not, the line is refused and the error says how to write it so that they do.
 *
 *   # comment                 also after a value, behind a blank
 *   NAME=value                printable ASCII without blanks, quotes, "\", "$" and what shells act
 * on export NAME='value'       anything but "'", also line breaks NAME="value"              the
 * same, with the escapes \\ \" \$ and, as compose has them, \n \r \t; no other "$" and no "`"
 *
 * NAME is [A-Za-z_][A-Za-z0-9_]*, each once.  Lines end with LF or CR LF; CR LF inside quotes
 * becomes LF.  A byte order mark at the beginning is skipped.
 */
#ifndef BULLA_KINDS_DOTENV_H
#define BULLA_KINDS_DOTENV_H

#include <stddef.h>

#include "base/kv.h"
#include "base/notes.h"

struct err;

#define DOTENV_NAMES_MAX 256

/*
 * Put the names and values of text into out (cleared before, and on failure).  ERR_INVALID,
 * "name:line: ..."; never with a value, and with a name of the file only when it stands twice.
 */
int dotenv_parse(const char *name, const void *text, size_t len, struct kv *out,
		 struct notes *notes, struct err *err);

#endif
