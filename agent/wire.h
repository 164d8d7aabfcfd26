/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes over the socket between the agent and its opener, as bytes.
 *
 * Numbers are one byte or four, most significant first.  A string is its length (four bytes) and
 * its bytes, none of them NUL; a value is the same with any bytes; a list is its count and its
 * items, those with names strictly ascending.  There is one encoding of each value, and nothing
 * may follow it: what a get function accepts, its put function writes again byte for byte.
 *
 * Neither side trusts the other: every length and count is checked against what is left and
 * against a limit before memory is taken for it, names that stand for constants (kind, type, error
 * class) must be known, and an error text names the field and never quotes what came.
 */
#ifndef BULLA_AGENT_WIRE_H
#define BULLA_AGENT_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/kv.h"
#include "base/notes.h"
#include "document/document.h"

#define WIRE_VERSION 1
#define WIRE_NAME_MAX 512   /* bytes of a name: of an object, a part, an annotation key */
#define WIRE_ITEMS_MAX 4096 /* entries of one list */
#define WIRE_NOTES_MAX 512  /* further ones are left out */
#define WIRE_REQUEST_MAX (DOCUMENT_MAX + 65536) /* binary parts are shorter than their YAML */
#define WIRE_ANSWER_MAX 2097152			/* KIND_DATA_MAX, facts, ids and notes */

/* What an opener answers to a request: the error, or the Secret and the ids of the keys used. */
struct wire_answer {
	struct err err; /* ERR_NONE: opened */
	struct kind_secret secret;
	struct kv key_ids;
	struct notes notes;
};

#define WIRE_ANSWER_INIT                                                                           \
	{                                                                                          \
		ERR_INIT, KIND_SECRET_INIT, KV_INIT, NOTES_INIT                                    \
	}

/* The first thing an opener says, once it is jailed; or why it could not be. */
struct wire_hello {
	struct err err;	      /* ERR_NONE: serving */
	struct kv keys;	      /* id -> file name */
	struct kv recipients; /* id -> public key, age1... */
	uint32_t bad;	      /* unusable files in the key directory */
	uint32_t landlock;    /* ABI in force; 0: the kernel has none */
};

#define WIRE_HELLO_INIT                                                                            \
	{                                                                                          \
		ERR_INIT, KV_INIT, KV_INIT, 0, 0                                                   \
	}

/* Append the encoding.  ERR_INVALID when it would pass the limit of its type. */
int wire_put_document(struct buf *out, const struct document *d, struct err *err);
int wire_put_answer(struct buf *out, const struct wire_answer *a, struct err *err);
int wire_put_hello(struct buf *out, const struct wire_hello *h, struct err *err);

/*
 * Decode all of data.  out must be its INIT value and is that again on failure (ERR_INVALID).  The
 * rules of the document itself are not checked here: document_check does.
 */
int wire_get_document(const void *data, size_t len, struct document *out, struct err *err);
int wire_get_answer(const void *data, size_t len, struct wire_answer *out, struct err *err);
int wire_get_hello(const void *data, size_t len, struct wire_hello *out, struct err *err);

void wire_answer_clear(struct wire_answer *a); /* wipes the secret */
void wire_hello_clear(struct wire_hello *h);

#endif
