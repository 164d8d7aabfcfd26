/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a rotation of a deploy key knows that cannot be seen anywhere: which key the document held
 * when it was opened, and the document with the new one, sealed, until it is written.  One JSON
 * object in GITDIR/bulla/rotate/HEX/journal, never in the tree; HEX stands for file and document.
 * It is written whole before what it tells of is done.  It holds no private key but what is sealed.
 */
#ifndef BULLA_SEALER_TURN_JOURNAL_H
#define BULLA_SEALER_TURN_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/kv.h"
#include "document/document.h"

struct err;

#define TURN_JOURNAL_MAX ((size_t)8 << 20)

/* A pull request.  Zero: there is none. */
struct turn_pull {
	char *branch, *base, *url; /* its page; NULL: not known yet */
	int64_t number;		   /* that url ends with; 0: not known yet */
};

struct turn_record {
	char *file, *document; /* below the top level; "NAMESPACE/NAME" */
	char *url;	       /* of the document, opened or by its facts */
	char *old_public;      /* out of the old document, opened; NULL: it was not */
	char *new_public;
	char *old_text, *new_text;   /* one document each, as document_format writes it */
	int64_t started;	     /* Unix seconds; when aborted, of that */
	int64_t applied_at;	     /* since when nobody needs the other key; 0: not yet */
	bool tried;		     /* the server took the new key */
	bool written;		     /* the new document may have been written */
	bool aborted;		     /* back to the old key */
	struct turn_pull pull, back; /* that brings the new key; that takes it back */
	struct kv applied;	     /* cluster -> digest that it reported as applied */
};

void turn_record_clear(struct turn_record *r);
/* Text of a journal; ERR_INVALID when it is none.  out is empty then. */
int turn_record_parse(const char *name, const void *text, size_t len, struct turn_record *out,
		      struct err *err);
void turn_record_format(const struct turn_record *r, struct buf *out);

struct turn_journal {
	char *folder, *path;
	int fd;	    /* of the folder, locked */
	bool there; /* record was read, or written */
	struct turn_record record;
};

/*
 * Find, lock and read the journal of a document.  top: its repository.  ERR_CONFLICT when another
 * rotation of it is at work.  turn_journal_close in every case.
 */
int turn_journal_open(const char *top, const char *file, const struct document *d,
		      struct turn_journal *out, struct err *err);
int turn_journal_write(struct turn_journal *j, struct err *err);
/* The rotation is at its end. */
void turn_journal_remove(struct turn_journal *j);
void turn_journal_close(struct turn_journal *j);

#endif
