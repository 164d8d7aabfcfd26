/* SPDX-License-Identifier: Apache-2.0 */
/* Named public keys: whom a part is sealed to.  Sorted by name; a name and a key stand once. */
#ifndef BULLA_KEYS_RECIPIENTS_H
#define BULLA_KEYS_RECIPIENTS_H

#include <stddef.h>

#include "base/kv.h"
#include "keys/age.h"

struct err;

#define RECIPIENTS_MAX 32 /* of one part (DESIGN 4.2); held by config_select and by sealing */
#define RECIPIENTS_NAMED_MAX 1024 /* of one repository */

struct recipient {
	char *name; /* an RFC 1123 label; the key id for one given as bare age1... */
	struct age_recipient key;
	char id[AGE_KEY_ID_TEXT];
};

struct recipients {
	struct recipient *items;
	size_t n;
};

#define RECIPIENTS_INIT                                                                            \
	{                                                                                          \
		NULL, 0                                                                            \
	}

/*
 * Add one; name NULL: its key id.  Adding the same name with the same key is fine; the same name
 * with another key, or the same key under another name, is ERR_RECIPIENT, as is a name that is no
 * label or that looks like a key id and is another key's.
 */
int recipients_add(struct recipients *r, const char *name, const struct age_recipient *key,
		   struct err *err);
/*
 * All lines of a recipients file as `age -R` reads it: comments, empty lines, age1...; a file
 * without any is fine.  ERR_RECIPIENT, "file:line: ...".
 */
int recipients_add_lines(struct recipients *r, const char *file, const void *text, size_t len,
			 struct err *err);
/* The one of that name, of that key id; borrowed, or NULL. */
const struct recipient *recipients_find(const struct recipients *r, const char *name);
const struct recipient *recipients_find_id(const struct recipients *r, const char *id);
/* name -> key id, as it stands in a document. */
void recipients_ids(const struct recipients *r, struct kv *out);
/* "eu-west9, recovery", appended. */
void recipients_names(const struct recipients *r, struct buf *out);
/* The keys in order, a new array of r->n; mem_free it. */
struct age_recipient *recipients_keys(const struct recipients *r);
void recipients_clear(struct recipients *r);

#endif
