/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to do about credentials that somebody could read who should not: which first, what to
 * revoke, and where.  Pure; for `reseal`, which drops recipients, and `keys exposure`.
 *
 * The order is by what a kind lets its holder do, the worst first: open other credentials, mint
 * tokens, act in a cloud, push to repositories, push images, read one repository, nobody can tell,
 * pretend to be a host, log in to one service, use a proxy, send one event.
 */
#ifndef BULLA_SEALER_DANGER_H
#define BULLA_SEALER_DANGER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "document/document.h"

/* 0 is revoked first.  Kinds have ranks of their own, all below the number of kinds. */
size_t danger_rank(const struct kind *k);
/* What the holder can do: "can mint tokens for every repository ...". */
const char *danger_reach(const struct kind *k);
/* What ends that, one sentence without a full stop: "delete the App's private key ...". */
const char *danger_revoke(const struct kind *k);

/* One credential: a document of any kind but opaque has one part. */
struct danger_about {
	const struct document *document;
	const struct document_part *part;
	const char *file; /* where it is now, as a shell finds it; NULL: nowhere */
	bool opened;	  /* the part was opened by open_part, so derived facts are proven */
};

/*
 * The command or the address by which it is revoked, made of facts: every word quoted for a shell,
 * an address only where the fact that it is made of is what it should be.  Words in capitals are
 * for the person to fill in.  Appended; nothing when no fact says where.
 *
 * *claimed becomes true when a fact in it is nobody's but the sealer's word: all of a part that was
 * not opened, and always `url` (kinds/kind.h), which can name another repository than the key's.
 */
void danger_where(const struct danger_about *a, struct buf *out, bool *claimed);

/*
 * The command that seals a new value in its place: "bulla rotate KIND FILE" for the kinds that it
 * knows (sealer/rotate_kinds.h), of opaque with the key, else "bulla set FILE"; nothing without a
 * file.  many: the file holds other documents too, and --document says which.  Appended.
 */
void danger_replace(const struct danger_about *a, bool many, struct buf *out);

/* For qsort: by rank, then namespace, name and part. */
int danger_compare(const struct danger_about *a, const struct danger_about *b);

#endif
