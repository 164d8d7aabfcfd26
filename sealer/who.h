/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom a document is sealed to: -r and -R, else the rules of .bulla/config for the path; recovery
 * is always added.  Whom the repository names, the user must have agreed to (sealer/agree.h); what
 * he typed in full (-r age1...) needs no more asking.
 */
#ifndef BULLA_SEALER_WHO_H
#define BULLA_SEALER_WHO_H

#include <stdbool.h>

#include "keys/recipients.h"
#include "sealer/options.h"
#include "sealer/target.h"

struct err;
struct invocation;

/* What a command line says of it. */
struct who_options {
	struct option_list recipients;	     /* -r NAME|age1... */
	struct option_list recipients_files; /* -R FILE */
	struct option_list accept;	     /* --accept age1... */
};

/* Their rows in the table of a command that changes a document, for the member `who` of `type`. */
#define WHO_OPTIONS(type)                                                                          \
	{ 'r',                                                                                     \
	  "recipient",                                                                             \
	  "NAME|age1...",                                                                          \
	  "seal to it, not to what the rules say",                                                 \
	  offsetof(struct type, who.recipients),                                                   \
	  OPTION_MANY },                                                                           \
	    { 'R',                                                                                 \
	      "recipients-file",                                                                   \
	      "FILE",                                                                              \
	      "seal to the recipients of a file",                                                  \
	      offsetof(struct type, who.recipients_files),                                         \
	      OPTION_MANY },                                                                       \
	{                                                                                          \
		0, "accept", "age1...", "agree to a recipient that is new or changed",             \
		    offsetof(struct type, who.accept), OPTION_MANY                                 \
	}

struct who {
	const struct option_list *names;  /* -r NAME|age1... */
	const struct option_list *files;  /* -R FILE */
	const struct option_list *accept; /* --accept age1... */
	const char *namespace, *kind;	  /* for the rules */
	bool dry_run;			  /* what is accepted is not written to the pins */
	char *const *line;		  /* argv, to print it again with --accept */
	int line_n;
};

/*
 * ERR_RECIPIENT: nobody to seal to, unknown, not a public key, more than RECIPIENTS_MAX, new or
 * changed and not accepted.  Without a terminal the command with the --accept it needs is printed
 * on standard error before that.
 */
int who_select(const struct target *t, const struct who *who, struct recipients *out,
	       struct err *err);

#endif
