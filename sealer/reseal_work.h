/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Doing what a run of `reseal` has planned, with as many threads as there are processors: they
 * read, open, seal and make the new text of a file, while this one writes those that are finished.
 *
 * Files are written whole: many temporary files, one flush for all of them, then each takes the
 * place of its own, if that is still as it was read.  So the tree is valid at every moment; a kill
 * leaves each file old or new, and what it leaves beside them is known from the journal.
 */
#ifndef BULLA_SEALER_RESEAL_WORK_H
#define BULLA_SEALER_RESEAL_WORK_H

#include "sealer/reseal_run.h"

/* What the threads may have ready that is not written yet. */
#define RESEAL_WORK_FILES 256
#define RESEAL_WORK_BYTES ((size_t)64 << 20)
#define RESEAL_WORK_THREADS 8

/*
 * The files of run get what came of each.  -1 only when it cannot go on at all, because the journal
 * or the top level cannot be used: files that were not reached keep their plan.
 */
int reseal_work(struct reseal_run *run, const struct reseal_tools *tools,
		struct reseal_journal *journal, struct err *err);

#endif
