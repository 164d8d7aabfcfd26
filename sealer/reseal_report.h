/* SPDX-License-Identifier: Apache-2.0 */
/* What `reseal` says: the plan, what came of it, the proof, what must be issued again. */
#ifndef BULLA_SEALER_RESEAL_REPORT_H
#define BULLA_SEALER_RESEAL_REPORT_H

#include <stdbool.h>

#include "sealer/reseal_run.h"

/* All that is known at the end (of a dry run: after the plan). */
struct reseal_report {
	const struct reseal_run *run;
	const struct kv *keys;	 /* id -> name, of those that are to be needed no more */
	const struct kv *counts; /* id -> parts that list it now; not there: none */
	const json_t *lost;	 /* sorted */
	bool dry_run, resumed;
};

/* The plan on standard output: a line a document, or (by_change) a line for each change. */
void reseal_report_plan(const struct reseal_run *run, bool by_change);
/* Why documents are left as they are, each a warning on standard error. */
void reseal_report_left(const struct reseal_run *run);
/* Proof and credentials, on standard output. */
void reseal_report_end(const struct reseal_report *r);
/* Everything, for programs.  ERR_IO. */
int reseal_report_json(const struct reseal_report *r, struct err *err);

#endif
