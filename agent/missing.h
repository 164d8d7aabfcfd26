/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which documents that are not seen are unknown and which are gone; the rules stand in
 * agent/store_dir.h.
 */
#ifndef BULLA_AGENT_MISSING_H
#define BULLA_AGENT_MISSING_H

struct store_dir;

/*
 * Set s.unknown of every entry that was made of a document that is not there, and entry->look_why
 * to the reason.  Returns why none of them may count as gone, or NULL; valid until the next look.
 */
const char *missing_judge(struct store_dir *st);

#endif
