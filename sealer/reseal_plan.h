/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What resealing changes about one part: the recipients that are bound in it, held against those
 * that the rules of .bulla/config give for the path that its file is at.  Pure; no key is involved.
 *
 * The rules, in order, for each recipient that the rules name (sealer/newcomer.h has them for all
 * commands):
 *
 * 1. His key is bound already, under this name or another: he stays (and has this name from now
 *    on).  Nobody gets access by a new name for a key.
 * 2. His name is bound with another key: the key is replaced.  This is what resealing is for; the
 *    user's pins (sealer/agree.h) say whether the new key is to be trusted.
 * 3. Else he is new to this part.  He is left out, and told, unless the user named him (--add):
 *    a pull request that changes a rule, or copies a document to a path with other rules, must
 *    not receive anything by someone else's next command.
 *
 * A key that is bound and that nobody has by these rules is dropped, and told.
 */
#ifndef BULLA_SEALER_RESEAL_PLAN_H
#define BULLA_SEALER_RESEAL_PLAN_H

#include <stdbool.h>

#include "document/document.h"
#include "keys/config.h"

struct err;

/* What the user wants of the whole run.  Everything is borrowed. */
struct reseal_want {
	const struct config *config;
	struct kv add;	/* names (-> "") that may be new to a part */
	struct kv keys; /* key ids and names: only parts that list one of them; empty: all */
	bool all;	/* fresh file keys everywhere, also where nothing else changes */
};

struct reseal_part {
	struct recipients to; /* who it is going to be sealed to; empty when nothing is done */
	struct kv renamed;    /* name -> the name it had */
	struct kv replaced;   /* name -> id of the key it had */
	struct kv added;      /* name -> "" */
	struct kv waiting;    /* name -> "": would be added by --add */
	struct kv dropped;    /* name -> id */
	bool work;	      /* it is to be sealed again */
};

#define RESEAL_PART_INIT                                                                           \
	{                                                                                          \
		RECIPIENTS_INIT, KV_INIT, KV_INIT, KV_INIT, KV_INIT, KV_INIT, false                \
	}

/*
 * Whom the rules name for document d at path below (below the top level), added to out.
 * ERR_RECIPIENT as config_select.
 */
int reseal_plan_rules(const struct reseal_want *want, const struct document *d, const char *below,
		      struct recipients *out, struct err *err);

/* Is the part one that the user asked about (want->keys)? */
bool reseal_plan_concerns(const struct reseal_want *want, const struct document_part *part);

/*
 * Plan one part; rules as reseal_plan_rules gave them.  ERR_RECIPIENT when nobody would be left:
 * all whom the rules name are new to it.  out must be RESEAL_PART_INIT; empty on failure.
 */
int reseal_plan_part(const struct reseal_want *want, const struct recipients *rules,
		     const struct document_part *part, struct reseal_part *out, struct err *err);
void reseal_part_clear(struct reseal_part *p);

/*
 * What happens to it, for a person: "eu has another key; ci added; laptop dropped; ops waits for
 * --add ops"; "nothing changes" when nothing does.  Appended.
 */
void reseal_plan_text(const struct reseal_part *p, struct buf *out);

#endif
