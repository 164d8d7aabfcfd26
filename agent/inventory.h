/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent made in a cluster in which it may not list Secrets (DESIGN 6.1; cluster-findings
 * M1): without it, a document that is deleted while the agent is down would leave its Secret for
 * ever.  And what it removed a moment ago, so that the mass guard counts over a restart.
 *
 * It lies in INVENTORY_SHARDS ConfigMaps of the agent's namespace, "bulla-inventory-N", as text
 * under the key INVENTORY_KEY, sorted by namespace and name:
 *
 *	bulla-inventory 1
 *	made NAMESPACE/NAME FROM SECRET-UID DOCUMENT-UID POLICY CRD-UID
 *	gone NAMESPACE/NAME 2026-11-23T08:00:00Z
 *
 * FROM is the namespace of the document (another one for copies), POLICY "Delete" or "Retain", and
 * "-" a uid that is not known.  A Secret is in the shard that inventory_shard says.  There is one
 * text for each content.  Reading is strict: a shard that is not exactly so is refused whole, and
 * what is in it is unknown, not gone.  Pure; holds no secret.
 */
#ifndef BULLA_AGENT_INVENTORY_H
#define BULLA_AGENT_INVENTORY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/table.h"
#include "base/buf.h"
#include "document/document.h"

struct err;

#define INVENTORY_SHARDS 16
#define INVENTORY_NAME "bulla-inventory-%u" /* of the ConfigMap of a shard */
#define INVENTORY_NAME_SIZE 32
#define INVENTORY_KEY "secrets"
#define INVENTORY_MAX 1000000 /* bytes of a shard's text; an object may have 1.5 MiB */
#define INVENTORY_UID_MAX 64

/* One Secret.  A name is in the inventory once: made, or gone. */
struct inventory_item {
	struct table_node node;
	char *namespace; /* of the Secret */
	char *name;
	int64_t gone;	  /* seconds since 1970 when it was removed; 0: it was made, and: */
	char *from;	  /* namespace of its document */
	char *secret_uid; /* NULL: not known */
	char *document_uid;
	char *crd_uid;
	enum document_policy policy; /* POLICY_DELETE or POLICY_RETAIN */
	bool held;		     /* of inventory_expire */
};

struct inventory {
	struct table table;
	unsigned dirty; /* a bit for each shard that differs from what was last read or taken */
};

void inventory_init(struct inventory *v);
void inventory_clear(struct inventory *v);

unsigned inventory_shard(const char *namespace, const char *name);
void inventory_shard_name(unsigned shard, char name[static INVENTORY_NAME_SIZE]);

/* --- what is in it ---------------------------------------------------------------------------- */

const struct inventory_item *inventory_find(const struct inventory *v, const char *namespace,
					    const char *name); /* made or gone; NULL */
/* All of them, in a new array of v->table.n; mem_free it. */
const struct inventory_item **inventory_items(const struct inventory *v);

/* A Secret was made or changed: all fields but node and gone of what are copied. */
void inventory_made(struct inventory *v, const struct inventory_item *what);
/*
 * It was removed at that time (gone), and is remembered for GUARD_WINDOW, and as long as copies of
 * it are there: that it went is what lets them go.
 */
void inventory_removed(struct inventory *v, const char *namespace, const char *name, int64_t at);
/* It is none of ours any more, and was not removed. */
void inventory_forget(struct inventory *v, const char *namespace, const char *name);
/* Forget those that were removed too long ago to count, and have no copies. */
void inventory_expire(struct inventory *v, int64_t now);

/* --- ConfigMaps ------------------------------------------------------------------------------- */

/*
 * Take the text of a shard in place of what the inventory has for it; it is clean then.  An empty
 * text is an empty shard.  ERR_INVALID, the text with its line: nothing is changed.
 */
int inventory_decode(struct inventory *v, unsigned shard, const char *text, size_t len,
		     struct err *err);
/* The same from a ConfigMap (NULL data: an empty shard). */
int inventory_read(struct inventory *v, unsigned shard, const json_t *config_map, struct err *err);

/* Append the text.  ERR_INVALID when it would pass INVENTORY_MAX; out is as before then. */
int inventory_encode(const struct inventory *v, unsigned shard, struct buf *out, struct err *err);

/*
 * The merge patch that writes a shard; with a resourceVersion (may be NULL) it is a 409 when
 * another agent wrote meanwhile.  The shard counts as clean then: inventory_mark it when the write
 * fails.
 */
int inventory_patch(struct inventory *v, unsigned shard, const char *resource_version,
		    struct buf *out, struct err *err);
bool inventory_dirty(const struct inventory *v, unsigned shard);
void inventory_mark(struct inventory *v, unsigned shard);

#endif
