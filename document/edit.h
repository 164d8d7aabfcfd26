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
	char *name;		    /* for errors */
	struct buf text;	    /* the bytes as they are now */
	struct yaml_stream yaml;    /* of text */
	struct document *documents; /* those of kind SealedCredential, in order */
	size_t *index;		    /* which YAML document each is */
	size_t n;
};

#define EDIT_FILE_INIT                                                                             \
	{                                                                                          \
		NULL, BUF_INIT, YAML_STREAM_INIT, NULL, NULL, 0                                    \
	}

/*
 * Does the text hold the name of Bulla's API group anywhere, also with escapes, folded, or in
 * UTF-16 (which other readers of YAML take, and so the API server)?  One that does not holds no
 * sealed document and need not be parsed (it may use YAML that base/yaml.h refuses).
 */
bool edit_mentions(const void *text, size_t len);

/*
 * Read a file's text (taken over from text, also on failure).  Any malformed sealed document is an
 * error; other YAML documents are left alone, but must be YAML as base/yaml.h wants it.  A text
 * that does not mention Bulla is left unparsed and has no documents.  ERR_INVALID; ERR_CONFLICT
 * when git has left conflict markers in it.
 */
int edit_load(const char *name, struct buf *text, struct edit_file *out, struct err *err);
void edit_clear(struct edit_file *f);

/*
 * Put parts into the i-th document's text.  A part that is there keeps its place, its comments and
 * what is equal; its recipients, facts and sealed bytes become the ones given.  A new one goes in
 * before the first whose name is greater, written as its neighbours are (document/entry.h).
 *
 * The result is parsed again.  ERR_INVALID when the document would break a rule of
 * document_check; ERR_INTERNAL when it does not read back as exactly the same YAML but for these
 * parts, and these as given.  On failure nothing is changed.  The parts may be f->documents[i]'s
 * own, changed by seal_part; they are gone afterwards, as all documents of f are read anew.
 */
int edit_put_parts(struct edit_file *f, size_t i, const struct document_part *const *parts,
		   size_t n, struct err *err);
/*
 * The same for several documents of a file at once, which costs what one does: the file is read
 * again once, not once for each.  index ascends, each once.  Errors name the document.
 */
struct edit_put {
	size_t index;
	const struct document_part *const *parts;
	size_t n;
};
int edit_put_documents(struct edit_file *f, const struct edit_put *puts, size_t n, struct err *err);
int edit_put_part(struct edit_file *f, size_t i, const struct document_part *part, struct err *err);

/*
 * Give the i-th document another name and namespace, and put these parts, which must be all of its
 * parts sealed for that name, in place of the ones that it has.  Errors as edit_put_parts;
 * ERR_CONFLICT when the file holds a document of that name.
 */
int edit_rename(struct edit_file *f, size_t i, const struct document *renamed, struct err *err);

/* Take a part out; errors as above.  ERR_INVALID: it is not there, or the last one. */
int edit_remove_part(struct edit_file *f, size_t i, const char *part, struct err *err);

#endif
