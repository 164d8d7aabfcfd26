/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens that are known by how they begin, wherever they stand in a text.  The shapes are those
 * that their services publish or that their tokens were seen to have.  Within guard/ only.
 */
#ifndef BULLA_GUARD_SHAPE_H
#define BULLA_GUARD_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "guard/hits.h"

/* Can a token begin with these two bytes?  Made for the inner loop. */
bool shape_may_begin(unsigned char a, unsigned char b);

/* Look for a token that begins at v->text[at]; the byte before is none that belongs to a word. */
bool shape_at(const struct view *v, size_t at, struct hit_new *hit);

/*
 * A GitHub token ("ghp_...", "github_pat_...") whose first "_" is at v->text[at], whatever stands
 * before and behind: its checksum tells it, or for want of one its length.
 */
bool shape_github(const struct view *v, size_t at, struct hit_new *hit);

/* A number, ":" at v->text[at], "AA" and 33 characters. */
bool shape_telegram(const struct view *v, size_t at, struct hit_new *hit);

#endif
