/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing a document in its file: only the bytes that must change do.  Comments, order, quoting,
 * line ends, a byte order mark and the neighbours in a file of several documents stay, in block
 * and in flow style.
 */
#ifndef BULLA_DOCUMENT_EDIT_H
#define BULLA_DOCUMENT_EDIT_H

#include "document/document.h"

/* Sealed documents of one file, with the YAML they were read from. */
struct edit_file {
	char *name;		  /* for errors */
	struct buf text;	  /* the bytes as they are now */
	struct yaml_stream yaml;  /* of text */
	struct document *documents; /* those of kind SealedCredential, in order */
	size_t *index;		    /* which YAML document each is */
	size_t n;
};

/*
 * Read a file's text (taken over from text).  Any malformed sealed document is an error; other
 * YAML documents are left alone.  ERR_INVALID; conflict markers are recognised and said.
 */
int edit_load(const char *name, struct buf *text, struct edit_file *out, struct err *err);
void edit_clear(struct edit_file *f);

/*
 * Put d->parts[name] (sealed) into the i-th document's text, replacing or adding it in its sorted
 * place; take a part out.  The file is parsed again; a result that does not read back as meant is
 * ERR_INTERNAL and changes nothing.
 */
int edit_put_part(struct edit_file *f, size_t i, const struct document_part *part,
		  struct err *err);
int edit_remove_part(struct edit_file *f, size_t i, const char *part, struct err *err);

#endif
