/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The map of fan-out (DESIGN 6.1): what a document may reach beyond its own namespace.  Off unless
 * the agent's configuration says so.  A Secret is copied where both the document's facts name the
 * target and this map allows it; the map alone makes nothing, the facts alone neither.
 *
 * A YAML file, read strictly (base/yaml.h), unknown fields refused:
 *
 *	flux-system:                      # namespace of the document
 *	  namespaces: ["team-*", web]     # patterns of targets; * and ? as in name_glob
 *	  serviceAccounts: [default]      # of the targets; may be absent: none
 *	  kinds: [registry]               # may be absent: registry alone
 *
 * Never reached, whatever it says: the document's own namespace (that is no copy), the agent's and
 * kube-*.  Pure; no file is read here.
 */
#ifndef BULLA_AGENT_NAMESPACES_H
#define BULLA_AGENT_NAMESPACES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/kv.h"

struct err;

#define NAMESPACES_MAX 262144 /* bytes of the file */
#define NAMESPACES_RULES_MAX 1024
#define NAMESPACES_ITEMS_MAX 64 /* of one list */

struct namespaces_rule {
	char *from;
	struct kv targets;  /* patterns (names; values are empty) */
	struct kv accounts; /* patterns */
	struct kv kinds;
};

struct namespaces {
	struct namespaces_rule *rules; /* sorted by from */
	size_t n;
	char *own; /* the agent's namespace */
};

#define NAMESPACES_INIT                                                                            \
	{                                                                                          \
		NULL, 0, NULL                                                                      \
	}

/*
 * Read the text of a map.  file is put before errors ("file:line: ..."); own: the agent's
 * namespace.  ERR_INVALID; out must be NAMESPACES_INIT and is that again on failure.
 */
int namespaces_parse(const char *file, const char *own, const void *text, size_t len,
		     struct namespaces *out, struct err *err);
void namespaces_clear(struct namespaces *m);

/* The rule for documents of this namespace and kind, or NULL: they reach nothing. */
const struct namespaces_rule *namespaces_rule(const struct namespaces *m, const char *from,
					      const char *kind);

/*
 * Is target allowed by both the rule (NULL: no) and the document's fact `namespaces` ("a,b-*";
 * NULL: no)?
 */
bool namespaces_target(const struct namespaces *m, const struct namespaces_rule *rule,
		       const char *fact, const char *target);
/* The same of a service account in a target, and the fact `service-accounts`. */
bool namespaces_account(const struct namespaces_rule *rule, const char *fact, const char *account);

/*
 * Append, with commas, the items of the fact that no namespace could satisfy together with the rule
 * (NULL: all of them).  For the message that says what the map does not allow.  Their number.
 */
size_t namespaces_refused(const struct namespaces_rule *rule, const char *fact, struct buf *out);
/* The same of the fact `service-accounts`. */
size_t namespaces_accounts_refused(const struct namespaces_rule *rule, const char *fact,
				   struct buf *out);

/* The items of a fact, one after the other: a new string, NULL after the last; *fact moves on. */
char *namespaces_next(const char **fact);

#endif
