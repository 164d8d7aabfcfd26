/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent remembers in SECRETS/.bulla-agent/ledger: which Secrets it made, of which
 * documents, and how it left them; what it removed lately; and which files it has read, so that
 * after a restart an unchanged file is not parsed and an unchanged Secret not opened again.
 *
 * A Secret is in the ledger, on disk, before it is put in place.  A damaged ledger is unknown, not
 * empty: the lines that are right are used, a copy stays as ledger.damaged, and while that file is
 * there no document counts as gone.
 */
#ifndef BULLA_AGENT_LEDGER_H
#define BULLA_AGENT_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/folder.h"
#include "agent/journal.h"
#include "agent/scan.h"

struct err;

#define LEDGER_NAME "ledger"
#define LEDGER_DAMAGED "ledger.damaged"

struct ledger_secret {
	const char *namespace;
	const char *name;
	const char *source;	       /* the file its document stood in */
	unsigned char made[SOURCE_ID]; /* of which document it was made */
	bool retain;		       /* the document's policy */
	bool retained;		       /* the document is gone, and the Secret was kept */
	bool adopted;		       /* it was someone else's before */
	struct folder_mark mark;       /* print all zero: not known to be in place */
};

/* Who takes what is read; a NULL function leaves it out.  Strings are the ledger's. */
struct ledger_reader {
	void *ctx;
	void (*secret)(void *ctx, const struct ledger_secret *s);
	void (*secret_gone)(void *ctx, const char *namespace, const char *name);
	void (*removed)(void *ctx, const char *namespace, int64_t at);
	void (*file_mode)(void *ctx, mode_t mode);
	void (*namespace_made)(void *ctx, const char *namespace);
	void (*namespace_gone)(void *ctx, const char *namespace);
	void (*file)(void *ctx, const char *path, const struct scan_stat *stat);
	void (*doc)(void *ctx, const struct scan_doc *doc, const char *recipients);
	void (*file_gone)(void *ctx, const char *path);
	/* what was told of files is not sure and must be read anew */
	void (*files_lost)(void *ctx);
};

struct ledger {
	struct journal journal;
	const struct ledger_reader *reader; /* while it is read */
	size_t docs_to_come;		    /* of the file line read last */
	bool versioned;
	bool newer; /* written by a later version */
};

/*
 * Open dir/ledger and tell all of it to reader.  ERR_CONFLICT when a newer agent wrote it.  Damage
 * is no error: ledger_damaged tells.
 */
int ledger_open(struct ledger *l, int dir, const struct ledger_reader *reader, struct err *err);
void ledger_close(struct ledger *l);

/* Is there a copy of a damaged ledger that nobody has looked at? */
bool ledger_damaged(const struct ledger *l);

/* Lines to be written by the next flush. */
void ledger_put_secret(struct ledger *l, const struct ledger_secret *s);
void ledger_put_secret_gone(struct ledger *l, const char *namespace, const char *name);
void ledger_put_removed(struct ledger *l, const char *namespace, int64_t at);
void ledger_put_file_mode(struct ledger *l, mode_t mode); /* that all Secrets were made with */
void ledger_put_namespace(struct ledger *l, const char *namespace, bool made);
/* A file and its documents; only one that is fine, trusted and without an invalid document. */
void ledger_put_file(struct ledger *l, const struct scan_file *f);
bool ledger_can_put_file(const struct scan_file *f);
void ledger_put_file_gone(struct ledger *l, const char *path);

int ledger_flush(struct ledger *l, bool sync, struct err *err);

/* Most of the lines tell of what is no more: live is how many a new ledger would have. */
bool ledger_is_stale(const struct ledger *l, size_t live);
/* Write it anew from what dump puts. */
int ledger_rewrite(struct ledger *l, void (*dump)(void *ctx, struct ledger *l), void *ctx,
		   struct err *err);

#endif
