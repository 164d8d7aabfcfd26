/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command that changes something has done, for programs: with --output json one JSON object
 * on standard output, and nothing else there; notes and warnings stay on standard error.  It is
 * printed once all is done: without one, the exit status says why.
 *
 * Names and public facts alone, never a value.  Every object has
 *
 *	changed   whether anything was written, or with dryRun would be
 *	next      the commands to type next, quoted for a shell; mostly none
 *
 * and further members that the command's manual page lists.  Members may be added, never renamed.
 */
#ifndef BULLA_SEALER_RESULT_H
#define BULLA_SEALER_RESULT_H

#include <jansson.h>
#include <stdbool.h>

#include "document/document.h"
#include "sealer/options.h"

struct err;
struct kv_item;

/* The row of a command's option table, for the member `output` of its struct `type`. */
#define RESULT_OPTION(type)                                                                        \
	{                                                                                          \
		'o', "output", "text|json", "how to say what was done",                            \
		    offsetof(struct type, output), 0                                               \
	}

/* Zero is one that was not asked for: every function below then does nothing. */
struct result {
	json_t *v;
};

/* Is output, as a command line has it, "json"? */
bool result_asked(const char *output);

/* Begin one when it is asked for; result_clear in every case. */
void result_begin(struct result *r, const char *output);
void result_clear(struct result *r);

void result_flag(struct result *r, const char *name, bool value);
/* A text that need not be UTF-8; NULL adds nothing. */
void result_text(struct result *r, const char *name, const char *text);
/* The same of a public key file: without its last line break. */
void result_line(struct result *r, const char *name, const struct kv_item *file);
/* Any value, taken over. */
void result_value(struct result *r, const char *name, json_t *v);
/* Append to a list, which is made when it is not there; row is taken over. */
void result_row(struct result *r, const char *list, json_t *row);

/* file, document ("NAMESPACE/NAME"), kind and digest of a document as it is now.  file may be NULL.
 */
void result_document(struct result *r, const char *file, const struct document *d);
/* sealed: of each part of fresh its name, recipients (name -> key id) and facts. */
void result_sealed(struct result *r, const struct document *fresh);

/* A command to type next, its words quoted already (out_shell). */
void result_next(struct result *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Print it.  ERR_IO, which says that the change itself is done. */
int result_print(struct result *r, struct err *err);

#endif
