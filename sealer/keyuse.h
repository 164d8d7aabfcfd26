/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who still needs a sealing key: the parts of sealed documents that list it and none of the keys
 * that would do as well.  By what the documents say of themselves; nothing is opened.
 */
#ifndef BULLA_SEALER_KEYUSE_H
#define BULLA_SEALER_KEYUSE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/kv.h"
#include "git/run.h"

struct err;

struct keyuse {
	const char *id;		 /* the key */
	const struct kv *others; /* ids of keys that are there in its place: ID -> "" */
};

/* Does a part with these recipients (name -> key id) need it? */
bool keyuse_needs(const struct keyuse *u, const struct kv *recipients);
/* May a text have a document that lists it?  false is certain; true is not. */
bool keyuse_may_list(const char *id, const void *text, size_t len);

/*
 * Add what needs it to uses, objects {where, file, document, part}.  What cannot be read, and may
 * list the key, is added without a document and with why it cannot: it may need it.
 */
struct keyuse_tree {
	const struct git *git;
	const char *commit; /* a tree-ish, from git_resolve */
	const char *where;  /* what to call it: "HEAD", "main" */
};
int keyuse_in_tree(const struct keyuse *u, const struct keyuse_tree *t, json_t *uses,
		   struct err *err);
/* The same for objects of a cluster, as listing_read makes them. */
void keyuse_in_objects(const struct keyuse *u, const json_t *objects, const char *where,
		       json_t *uses);

#endif
