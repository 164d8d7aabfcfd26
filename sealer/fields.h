/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inputs of a kind, gathered: public ones from the command line, files and secrets from where
 * the command line says, what is absent and secret from the person at the terminal.
 */
#ifndef BULLA_SEALER_FIELDS_H
#define BULLA_SEALER_FIELDS_H

#include "base/kv.h"
#include "kinds/kind.h"
#include "sealer/options.h"

struct err;

/*
 * values[i] is what was given for k->fields[i], or NULL.  Adds to fields, by field name; one that
 * is in fields already is not asked for at the terminal.
 */
int fields_read(const struct kind *k, const char *const values[], struct kv *fields,
		struct err *err);

/* --expires; text NULL: *t stays.  ERR_USAGE when it is none of what clock_parse_expiry takes. */
int fields_expires(const char *text, int64_t now, int64_t *t, struct err *err);

/* The sources of a kind with free data keys. */
struct fields_free {
	const char *env_file;		     /* FILE or "-" */
	const struct option_list *pick;	     /* NEW=OLD */
	const struct option_list *from_file; /* [KEY=]FILE */
	const char *stdin_key;
};

/* Adds to fields, by data key.  ERR_USAGE when nothing is given or a key is given twice. */
int fields_read_free(const struct fields_free *from, struct kv *fields, struct notes *notes,
		     struct err *err);

#endif
