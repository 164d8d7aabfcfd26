/* SPDX-License-Identifier: Apache-2.0 */
/* How many of a document's parts can be opened, told by what they list. */
#ifndef BULLA_AGENT_COVER_H
#define BULLA_AGENT_COVER_H

#include "agent/reconcile.h"
#include "base/kv.h"

/* recipients: "ID,ID;ID" as source_recipients makes it; keys: the ids held are its names. */
enum cover cover_of(const char *recipients, const struct kv *keys);

#endif
