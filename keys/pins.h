/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which recipients this user has seen and said yes to (DESIGN 4.4), kept outside Git in
 * $XDG_CONFIG_HOME/bulla/pins or ~/.config/bulla/pins: lines "TOP-LEVEL NAME age1...", the path
 * percent-encoded, lines beginning with "#" and empty ones.  A pull request that adds or changes a
 * recipient gets nothing from someone else's next command until that person has agreed.
 */
#ifndef BULLA_KEYS_PINS_H
#define BULLA_KEYS_PINS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "keys/recipients.h"

struct pin {
	char *top;  /* absolute path of the repository's top level */
	char *name; /* the recipient's name there */
	struct age_recipient key;
};

struct pins {
	struct pin *items; /* sorted by top, then name; the two stand once */
	size_t n;
};

#define PINS_INIT                                                                                  \
	{                                                                                          \
		NULL, 0                                                                            \
	}

enum pins_state { PINS_KNOWN, PINS_NEW, PINS_CHANGED };

/*
 * out must be PINS_INIT; it is empty on failure.  ERR_INVALID, "name:line: ..."; also for a last
 * line without its end, so that a file that was cut short is not taken for fewer pins.
 */
int pins_parse(const char *name, const void *text, size_t len, struct pins *out, struct err *err);
void pins_format(const struct pins *p, struct buf *out);
/* NEW: the name was never agreed to there; CHANGED: it was, with another key. */
enum pins_state pins_check(const struct pins *p, const char *top, const struct recipient *r);
/* Remember, in the place of an earlier key of that name. */
void pins_accept(struct pins *p, const char *top, const struct recipient *r);
void pins_clear(struct pins *p);

#endif
