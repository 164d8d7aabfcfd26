/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The facts that every kind may have, and their one spelling:
 *
 *   sealed-at, not-after   a time as clock_format makes it
 *   namespaces             "team-*,web": sorted patterns of namespaces, each once
 *   service-accounts       "builder,default": sorted names, each once
 *   aliases                "cert.pem=tls.crt,key.pem=tls.key": sorted; the data key on the left
 *                          holds the bytes of the one on the right
 */
#ifndef BULLA_KINDS_FACTS_H
#define BULLA_KINDS_FACTS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/kv.h"

struct err;

#define FACTS_MAX 1024 /* bytes of one value */

bool facts_is_common(const char *name);

/*
 * Put a list that a user gave in any order ("web,team-*") in its one spelling.  fact is
 * "namespaces" or "service-accounts"; out is appended to.  ERR_INVALID.
 */
int facts_list(const char *fact, const char *text, struct buf *out, struct err *err);

void facts_format_aliases(const struct kv *aliases, struct buf *out); /* NEW -> KEY; appended */
int facts_parse_aliases(const char *text, struct kv *aliases, struct err *err); /* cleared before */

/* Set a fact to the names in set, with commas: "a,b". */
void facts_join(const struct kv *set, struct kv *facts, const char *fact);

/* Every value is a fact's (name_is_fact), not empty; the common ones are spelled as above. */
int facts_check(const struct kv *facts, struct err *err);

#endif
