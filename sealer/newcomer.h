/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is new to what was sealed before.  One rule for every command that seals an OLD value again
 * (reseal, edit, rename, export sops): a recipient who could not open a part receives what was in
 * it only when the user names him, --add NAME.  So a pull request that adds a recipient, changes a
 * rule or copies a document to a path with other rules gets nothing by someone else's next
 * command.  (Whether a key is to be trusted at all is another question: sealer/agree.h.)
 *
 * He is not new when his key is bound in the part, under whatever name, or when his name is bound
 * with another key: a key that was replaced is what resealing is for, and the pins ask about it.
 *
 * A value that the user gives anew (seal, set, rotate) goes to whom the rules name, as ever.
 */
#ifndef BULLA_SEALER_NEWCOMER_H
#define BULLA_SEALER_NEWCOMER_H

#include "document/document.h"
#include "keys/recipients.h"
#include "sealer/options.h"

struct err;

/* The row of a command's option table, for the member `add` of its struct `type`. */
#define NEWCOMER_OPTION(type)                                                                      \
	{                                                                                          \
		0, "add", "NAME", "let a recipient have what it could not open before",            \
		    offsetof(struct type, add), OPTION_MANY                                        \
	}

/* How a recipient stands to a part. */
enum newcomer {
	NEWCOMER_SAME,	   /* bound, name and key */
	NEWCOMER_RENAMED,  /* his key is bound under another name: *had */
	NEWCOMER_REPLACED, /* his name is bound with another key: *had is its id */
	NEWCOMER_NEW,	   /* neither */
};

/* *had points into part, or is NULL. */
enum newcomer newcomer_of(const struct document_part *part, const struct recipient *r,
			  const char **had);

/* What a command line says of it. */
struct newcomer_given {
	const struct option_list *add;	 /* --add NAME */
	const struct recipients *known;	 /* of .bulla/config, whom --add may name; NULL: to */
	const struct option_list *typed; /* -r NAME|age1..., as good as added; may be NULL */
	const struct recipients *to; /* as who_select gave them; needed without known, with typed */
};

/*
 * The names of those who may be new, into out (name -> "").  ERR_USAGE: --add has not even a name,
 * and it is not quoted; ERR_RECIPIENT: there is nobody of that name.
 */
int newcomer_take(const struct newcomer_given *given, struct kv *out, struct err *err);

struct newcomer_check {
	const struct document *d;    /* as it is now */
	const struct kv *parts;	     /* the names of those sealed again; NULL: all of d */
	const struct recipients *to; /* whom they are sealed to */
	const struct kv *add;	     /* from newcomer_take */
	const char *reseal;	     /* the file to give to 'bulla reseal --add'; NULL: no use */
};

/*
 * ERR_RECIPIENT when one of to is new to one of the parts and not in add; the text names all of
 * these, the first such part, and what to type.  Parts that d does not have are new values.
 */
int newcomer_check(const struct newcomer_check *c, struct err *err);

/* Take, and check all parts of d, sealed again to given->to, without advice to reseal. */
int newcomer_check_all(const struct newcomer_given *given, const struct document *d,
		       struct err *err);

/* Who would be refused (name -> "" in out), without refusing. */
void newcomer_find(const struct newcomer_check *c, struct kv *out);

#endif
