/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `check --live`: many documents, each opened and then asked about at its source, a few at a time.
 * Those that no key opens are kept too, so that nothing that was not asked looks as if it was.
 */
#ifndef BULLA_SEALER_LIVE_RUN_H
#define BULLA_SEALER_LIVE_RUN_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "document/document.h"
#include "sealer/findings.h"
#include "sealer/live_types.h"

#define LIVE_RUN_THREADS 8

struct live_run;

/* options must outlive it. */
struct live_run *live_run_new(const struct live_options *options, int64_t now);
void live_run_free(struct live_run *r); /* NULL is fine; wipes */

/*
 * A document that stands at `at`.  opened: what it holds, which is taken over (KIND_SECRET_INIT
 * after); NULL: no key at hand opens it.
 */
void live_run_add(struct live_run *r, const struct finding *at, const struct document *d,
		  struct kind_secret *opened);

/*
 * Ask about all of them, with progress on standard error, in the order in which they were added;
 * what is refused, cannot be asked or should be known becomes a finding (RULE_LIVE).  ERR_IO: what
 * asking takes is not there.
 */
int live_run_ask(struct live_run *r, struct findings *findings, struct err *err);

/* The table for people, on standard output, and a line that counts on standard error. */
void live_run_print(const struct live_run *r);
/* An array: file, line, document, kind, and live_json's members; state may be "unopened". */
json_t *live_run_json(const struct live_run *r);

#endif
