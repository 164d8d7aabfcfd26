/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a change of .bulla/ would let in: recipients that are new or have another key, rules by
 * which somebody is given documents that he was not given before, known findings that are added.
 */
#ifndef BULLA_SEALER_CHECK_GROWTH_H
#define BULLA_SEALER_CHECK_GROWTH_H

#include "sealer/check_git.h"
#include "sealer/check_state.h"

/*
 * Hold the state new against old, both of x->g, and add findings (warnings with
 * x->accept_changes).  -1: git failed.
 */
int check_growth(const struct check_git *x, struct check_state *old, struct check_state *new,
		 struct err *err);

/*
 * Where no rules say who may open a document: those of whom each part in now (a file's new text)
 * that the same document in before could not be opened by.
 */
void check_growth_parts(const struct check_git *x, const struct buf *before,
			const struct check_text *now);

#endif
