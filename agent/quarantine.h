/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The digests of documents that openers died on, and of those under suspicion: when a whole
 * container ends (out of memory, say) with a document under way, that may be chance once or twice.
 */
#ifndef BULLA_AGENT_QUARANTINE_H
#define BULLA_AGENT_QUARANTINE_H

#include <stdbool.h>
#include <stddef.h>

#include "document/document.h"

#define QUARANTINE_MAX 4096    /* digests; the oldest gives way */
#define QUARANTINE_SUSPECTS 16 /* the same */
#define QUARANTINE_STRIKES 3   /* ends of a container with the same document under way */

struct quarantine_suspect {
	char digest[DOCUMENT_DIGEST_TEXT]; /* "": none */
	unsigned strikes;
};

struct quarantine {
	char (*digests)[DOCUMENT_DIGEST_TEXT];
	size_t n, next;
	struct quarantine_suspect suspects[QUARANTINE_SUSPECTS];
	size_t next_suspect;
};

bool quarantine_has(const struct quarantine *q, const struct document *d);
/* An opener died on d; logged. */
void quarantine_add(struct quarantine *q, const struct document *d);
/* The opener's container ended with d under way.  true: once too often, d is in quarantine now. */
bool quarantine_suspect(struct quarantine *q, const struct document *d);
/* d was answered: it is above suspicion. */
void quarantine_clear_of(struct quarantine *q, const struct document *d);
void quarantine_clear(struct quarantine *q);

#endif
