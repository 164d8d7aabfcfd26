/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PEM texts (RFC 7468), read one block after the other and more strictly than their readers do:
 * line ends are "\n", a block's lines are base64 only, BEGIN and END agree, and what stands between
 * blocks is nothing but empty lines unless the caller allows text.  So what is taken here means the
 * same to Go's encoding/pem, OpenSSL and OpenSSH, and no second key hides in a file.
 * A block may have the two headers of RFC 1421 that say it is encrypted, and no others.
 *
 * Errors are ERR_INVALID, "WHAT: line N: reason", and never quote the text.
 */
#ifndef BULLA_KINDS_PEM_H
#define BULLA_KINDS_PEM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct err;

#define PEM_KEY_MAX ((size_t)64 * 1024)	   /* bytes of a file with one key */
#define PEM_CERTS_MAX ((size_t)256 * 1024) /* bytes of a chain or a CA bundle */
#define PEM_LABEL_MAX 40

enum pem_flags {
	PEM_TEXT = 1, /* lines between blocks may be anything without "-----" (CA bundles) */
};

/* A text, and what errors call it: a field, or a data key. */
struct pem_source {
	const char *what;
	const void *text;
	size_t len;
};

struct pem_reader {
	const char *what;
	const char *text;
	size_t len, at;
	unsigned line; /* of at, 1-based */
	int flags;
	size_t blocks; /* read so far */
};

struct pem_block {
	char label[PEM_LABEL_MAX + 1]; /* "PRIVATE KEY" */
	struct buf headers;	       /* "Proc-Type: 4,ENCRYPTED\nDEK-Info: ...\n", or empty */
	struct buf der;		       /* the decoded bytes */
	size_t begin, end;	       /* the block's bytes in the text, its last "\n" included */
	unsigned line;		       /* of BEGIN */
};

#define PEM_BLOCK_INIT                                                                             \
	{                                                                                          \
		"", BUF_INIT, BUF_INIT, 0, 0, 0                                                    \
	}

/*
 * Check a text as a whole: not empty, not longer than max, "\n" line ends, no control characters.
 * src's text stays the caller's and must outlive the reader.
 */
int pem_open(struct pem_reader *r, const struct pem_source *src, size_t max, int flags,
	     struct err *err);

/*
 * The next block: 1 and *out filled (what it held is cleared), 0 at the end of the text, or -1.
 * A text without any block is an error.
 */
int pem_next(struct pem_reader *r, struct pem_block *out, struct err *err);

/* Exactly one block, else an error that says so. */
int pem_only(const char *what, const void *text, size_t len, struct pem_block *out,
	     struct err *err);

void pem_clear(struct pem_block *b); /* wiped */

#endif
