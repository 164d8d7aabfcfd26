/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three-way merge of a file of sealed documents, part by part, without a key: what
 * `bulla merge-driver` does when git finds that two branches changed one file.
 *
 * The rule, in order:
 *
 * 1. Only one side changed the file (or both alike): that side's text, whatever it is.
 * 2. Each of the three texts must read as edit_load wants it; a namespace/name stands once in each.
 * 3. Outside the parts (everything that is not a part's own lines: other documents, metadata,
 *    comments above and between parts; empty lines between parts do not count) only one side may
 *    have changed the text, or both alike.  The side that did is the text that the parts are put
 *    into; ours, when none did.  So comments inside of parts are ours where both have the part.
 * 4. Documents are matched by namespace/name.  One that a side removed must be unchanged on the
 *    other.  One that both sides have: kind, deletionPolicy and what is bound of the Secret (type,
 *    labels, annotations) must be the same on both sides and in the base, and it carries no
 *    signatures, for what is joined was signed by nobody.
 * 5. A part that both sides have alike (or both removed) is taken; one that only one side changed,
 *    added or removed is taken whole from there, recipients, facts and sealed bytes together; one
 *    that both changed differently is a conflict.  A document keeps at least one part.
 * 6. Nobody gets access by a merge: where only one side changed a part that was there, its
 * recipients must have stayed and so must its fan-out (facts "namespaces" and "service-accounts");
 * a part that one side added to a document has no fan-out.  Else a person decides.
 * 7. The result is read again and must hold exactly these documents and parts.
 *
 * ERR_CONFLICT, naming document and part, with what to do; ERR_INVALID when a text cannot be read.
 * The caller then leaves the file as git's own merge makes it.
 */
#ifndef BULLA_DOCUMENT_MERGE_H
#define BULLA_DOCUMENT_MERGE_H

#include "base/buf.h"

struct err;

struct merge_input {
	const char *name; /* of the file, for errors */
	const struct buf *base, *ours, *theirs;
};

/* out is emptied before.  0, or -1 with out empty. */
int merge_texts(const struct merge_input *in, struct buf *out, struct err *err);

#endif
