/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people and programs read.  Everything that comes from a repository or a server passes
 * out_escape: control characters, bidi and zero-width characters and bytes that are not UTF-8
 * become \xNN or \u{NNNN}, so that no name or fact can drive a terminal or hide.
 */
#ifndef BULLA_BASE_OUT_H
#define BULLA_BASE_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/buf.h"

void out_escape(struct buf *out, const char *s, size_t len);
/* The same line by line: newlines are the text's own and stay. */
void out_escape_lines(struct buf *out, const char *text);
/* A new escaped string; mem_free it. */
char *out_escaped(const char *s);

/* Print to a stream, every %s argument's unsafe characters escaped in the finished line. */
void out_printf(FILE *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A word quoted for a POSIX shell ('it'\''s'); unquoted when it needs none.  Appended. */
void out_shell(struct buf *out, const char *word);

/* Is it a terminal that understands control sequences?  Not when TERM is unset or "dumb". */
bool out_terminal(int fd);
/*
 * Colours, for such a terminal alone, and not where NO_COLOR is set (https://no-color.org): the
 * sequence that begins a style on a stream, and the one that ends it; empty elsewhere.  Nothing is
 * said by a colour alone.
 */
enum out_style { OUT_PLAIN, OUT_BAD, OUT_CARE, OUT_GOOD };
const char *out_begin(FILE *f, enum out_style style);
const char *out_end(FILE *f, enum out_style style);

/* A table with aligned columns.  Cells are escaped when added.  Columns are two spaces apart. */
struct out_table;
struct out_table *out_table_new(size_t columns);
void out_table_cell(struct out_table *t, const char *text);	 /* row by row, left to right */
void out_table_style(struct out_table *t, enum out_style style); /* of the last cell */
void out_table_print(struct out_table *t, FILE *f);
void out_table_free(struct out_table *t);

/*
 * A Markdown-free diagnostic line: "bulla: warning: text" or "bulla: text", escaped, on stderr.  It
 * stays one line: a line break that a file or a server puts into its text is escaped as well, and
 * never begins a line that seems to be ours.
 */
void out_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void out_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void out_error(const char *text); /* "bulla: text", also where out_quiet is set */
/*
 * The same line made first and printed later (then freed), for after a change that must not be
 * followed by anything that can fail.
 */
char *out_note_made(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void out_note_print(char *line);
/* The program's name in those lines; "bulla" until set. */
void out_program(const char *name);
extern bool out_quiet; /* out_note says nothing */

#endif
