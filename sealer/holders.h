/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which deploy keys the sealed documents of a repository hold: the YAML files of its work tree,
 * each document of kind deploy-key.  What a key at hand opens is proven; of the others there are
 * the facts, which are anybody's words.
 */
#ifndef BULLA_SEALER_HOLDERS_H
#define BULLA_SEALER_HOLDERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/kv.h"
#include "keys/keyring.h"

struct err;

struct holder {
	char *file;	   /* below the folder that was read */
	char *document;	   /* "NAMESPACE/NAME" */
	char *url;	   /* NULL: it names none */
	char *public;	   /* "ssh-ed25519 AAAA..."; NULL: its facts do not say it */
	char *fingerprint; /* "SHA256:..."; NULL likewise */
	bool proven;	   /* opened here */
};

struct holders {
	struct holder *items;
	size_t n;
	size_t unread; /* files that could not be read: each was told as a warning */
};

#define HOLDERS_INIT                                                                               \
	{                                                                                          \
		NULL, 0, 0                                                                         \
	}

/* top: a folder.  keys may be empty.  ERR_IO when it cannot be read at all. */
int holders_find(const char *top, const struct keyring *keys, struct holders *out, struct err *err);
void holders_clear(struct holders *h);

/* Does it hold the key with this public half, by what is known of it? */
bool holder_has(const struct holder *h, const char *public);
/* "SHA256:..." of "ssh-ed25519 AAAA... [comment]"; a new string, NULL when it is no such line. */
char *holders_fingerprint(const char *public);

#endif
