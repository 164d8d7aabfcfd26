/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far long work has come, for the person who waits, on standard error: a bar on a terminal,
 * else a line now and then; nothing with -q (out_quiet), and nothing for work that is done before
 * anybody would wonder (PROGRESS_FIRST_MS, PROGRESS_LINE_MS).
 *
 *	struct progress p;
 *
 *	progress_start(&p, "resealing", n);
 *	for (...)
 *		progress_step(&p, 1);
 *	progress_end(&p);
 */
#ifndef BULLA_SEALER_PROGRESS_H
#define BULLA_SEALER_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define PROGRESS_FIRST_MS 300  /* before a bar appears */
#define PROGRESS_DRAW_MS 100   /* between two drawings of it */
#define PROGRESS_LINE_MS 10000 /* between two lines where there is no terminal */
#define PROGRESS_WIDTH_MAX 120 /* columns */

struct progress {
	char *what;	     /* escaped; owned */
	size_t total, done;  /* total 0: not known, no bar then but a count */
	int64_t begun, told; /* clock_monotonic_ms */
	int fd;		     /* -1: nothing is said */
	bool terminal;
	bool shown; /* a bar stands on the terminal's last line */
};

/*
 * Begin; what is a word or two in the form "resealing".  progress_end in every case, also after an
 * error.  A terminal whose TERM is "dumb" or unset counts as none.
 */
void progress_start(struct progress *p, const char *what, size_t total);
/* n more are done.  Costs a look at the clock. */
void progress_step(struct progress *p, size_t n);
/* More (or fewer) than was thought. */
void progress_total(struct progress *p, size_t total);
/* Take the bar off the terminal before something else is printed; it comes back with a step. */
void progress_hide(struct progress *p);
/* The same for whichever bar stands, by what does not know the work that it is part of. */
void progress_aside(void);
/* The bar goes; what came of the work is the caller's to say. */
void progress_end(struct progress *p);

/*
 * The text without line ends, after so many milliseconds, for a terminal of so many columns
 * (0: a line for where there is none): "resealing [#####.....] 4200/10000  42 %, about 12 s left".
 * Never as wide as the terminal, so that it does not wrap.  Appended.
 */
void progress_text(const struct progress *p, int64_t ms, size_t columns, struct buf *out);

#endif
