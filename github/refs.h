/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What git-upload-pack and git-receive-pack say first: the advertisement of references, in
 * pkt-lines (gitprotocol-pack(5), protocol version 0 and 1), read as it arrives.  No I/O.
 */
#ifndef BULLA_GITHUB_REFS_H
#define BULLA_GITHUB_REFS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct err;

#define GITHUB_REFS_BYTES_MAX ((size_t)32 << 20) /* bytes read; some 400,000 references */
#define GITHUB_REFS_LINE_MAX 65520		 /* bytes of a pkt-line with its length */
#define GITHUB_REFS_OID 65			 /* SHA-256 in hex and a NUL */
#define GITHUB_REFS_NAME 256

struct github_refs {
	size_t refs;			 /* references, without peeled tags */
	bool begun;			 /* the first line of an advertisement was read */
	bool done;			 /* its end was read */
	bool more;			 /* GITHUB_REFS_BYTES_MAX came before its end */
	char head[GITHUB_REFS_OID];	 /* the commit of HEAD; "" when it has none */
	char head_ref[GITHUB_REFS_NAME]; /* "refs/heads/main"; "" when not told */
	char refusal[GITHUB_REFS_NAME];	 /* the text of an ERR line; "" when there is none */
	/* private */
	size_t read;
	struct buf line;
};

#define GITHUB_REFS_INIT                                                                           \
	{                                                                                          \
		.line = BUF_INIT                                                                   \
	}

/*
 * Take bytes as they come.  Stops by itself at done, more and a refusal: what follows is not looked
 * at.  ERR_INVALID, "what the server sent is not Git's protocol: reason", after which refs must not
 * be fed again.
 */
int github_refs_feed(struct github_refs *refs, const void *data, size_t len, struct err *err);

/* Nothing more is to be read. */
bool github_refs_over(const struct github_refs *refs);

void github_refs_clear(struct github_refs *refs);

#endif
