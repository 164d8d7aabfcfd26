/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A private key that waits for its certificate: made here, its request sent to an authority, which
 * may take minutes or days.  Until then it lies in the repository's own folder, which is never
 * pushed, .git/bulla/waiting/NAMESPACE/NAME.age: an age file that holds the key and its request as
 * PEM, encrypted to the user's keys at hand or to a passphrase, never to the recipients of the
 * document, who could not give it back.  `age -d` opens it.
 */
#ifndef BULLA_SEALER_PENDING_H
#define BULLA_SEALER_PENDING_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "document/document.h"
#include "keys/keyring.h"

struct err;

#define PENDING_MAX 262144 /* bytes of the file */

struct pending {
	char *path; /* as it is; absolute */
	bool there;
	struct stat st;
};

/* Where the key of a document is, and whether one is there.  ERR_INVALID: in no repository. */
int pending_find(const char *top, const struct document *d, struct pending *out, struct err *err);
void pending_clear(struct pending *p);

/*
 * Keep a key (PEM) and its request (PEM).  Encrypted to all of keys; without any, to a passphrase
 * that the terminal is asked for twice.  ERR_CONFLICT: one waits already.  ERR_NOKEY: neither keys
 * nor a terminal.
 */
int pending_keep(const struct pending *p, const struct keyring *keys, const struct buf *key,
		 const struct buf *request, struct err *err);
/* Open it, with the keys or the passphrase.  key and request are cleared before. */
int pending_take(const struct pending *p, const struct keyring *keys, struct buf *key,
		 struct buf *request, struct err *err);
int pending_remove(const struct pending *p, struct err *err);

#endif
