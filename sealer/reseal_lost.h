/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The credentials that a dropped key could open, each to be issued again.  As JSON objects, because
 * they are printed as such and kept in the journal of a run that was killed:
 *
 *	{document, kind, part, file, keys: {ID: NAME}, opened, reach, revoke, where, claimed,
 *replace}
 *
 * where and replace are missing when nothing says where; claimed: where is made of facts that are
 * nobody's but the sealer's word (sealer/danger.h).
 */
#ifndef BULLA_SEALER_RESEAL_LOST_H
#define BULLA_SEALER_RESEAL_LOST_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "sealer/danger.h"

/* keys: key id -> name.  many: its file has other documents. */
json_t *reseal_lost_new(const struct danger_about *a, const struct kv *keys, bool many);
/*
 * The same credentials once each, the most dangerous first: a new array of the objects of list,
 * leaving out what is not such an object (a journal may be anything).
 */
json_t *reseal_lost_sorted(const json_t *list);
void reseal_lost_print(const json_t *sorted, FILE *f);

#endif
