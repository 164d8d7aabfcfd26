/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of a document that gets another name: it follows when it is called as its only document,
 * NAME.yaml, NAME.yml or NAME.json, and is no link.
 *
 * Its name is changed first, its text then, so that at every moment there is one file with one
 * document that opens.  Ended between the two, FILE is not there and the file of the new name holds
 * the old document: that alone says where the work stands, so the same command goes on.
 */
#ifndef BULLA_SEALER_RENAME_FILE_H
#define BULLA_SEALER_RENAME_FILE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "document/edit.h"

struct err;

struct rename_file {
	char *from; /* where it is, as people know it */
	char *path; /* where it is then; from itself mostly */
	bool moves; /* they differ */
};

/*
 * given is the command's FILE, new the name, without a namespace, that its document is to have:
 * out->from becomes given, or where an earlier run has moved it to, which is told.
 * ERR_CONFLICT when that run had done everything.
 */
int rename_file_find(const char *given, const char *new, struct rename_file *out, struct err *err);
/*
 * No document is called as the command's NAME says, which err says.  When there is one of the name
 * that it was to get, NEW or NAMESPACE/NEW, say that instead: ERR_CONFLICT.
 */
void rename_file_done(const char *name, const char *new, struct err *err);
/* out->path and out->moves, for the document d of f.  ERR_CONFLICT when something is there. */
int rename_file_plan(struct rename_file *r, const struct edit_file *f, const struct document *d,
		     const char *new, struct err *err);
/*
 * Do both.  real is path with links resolved, st what f was read with.  On failure the file has its
 * old name again, or the text says that the same command goes on.
 */
int rename_file_write(const struct rename_file *r, const char *real, const struct edit_file *f,
		      const struct stat *st, struct err *err);
void rename_file_clear(struct rename_file *r);

#endif
