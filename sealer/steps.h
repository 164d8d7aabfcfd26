/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run of several steps, of which each looks what there is and does what is missing, so that the
 * same command goes on wherever it ended (bootstrap, rotate deploy-key): what the steps found, and
 * how a person and a program are told.  Which steps there are, and in what order, is the command's.
 */
#ifndef BULLA_SEALER_STEPS_H
#define BULLA_SEALER_STEPS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "sealer/result.h"

/* What a step found. */
struct step_look {
	bool todo;
	bool stop;  /* it is to be done by the user, and nothing behind it can be done before */
	char *text; /* what there is, or what would be done */
	struct buf left; /* lines: what is left for the user */
};
void step_found(struct step_look *l, bool todo, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The user has to do it: the text is a line of left, too, and the run stops. */
void step_leave(struct step_look *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What became of a step; zero before. */
struct step_outcome {
	const char *name;
	struct step_look look;
	bool done;
};

void steps_clear(struct step_outcome *steps, size_t n);
/* The plan, as a table on standard output. */
void steps_print(const struct step_outcome *steps, size_t n);
/* Append what all of them leave to the user, in their order, each line once. */
void steps_left(const struct step_outcome *steps, size_t n, struct buf *left);
/* A note for each line, with before in front of it. */
void steps_tell_left(const char *before, const struct buf *left);
/* "steps", a row each, and "left", a list of lines. */
void steps_result(const struct step_outcome *steps, size_t n, const struct buf *left,
		  struct result *r);

#endif
