/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The closed table of what can be said of a document or of a Secret the agent made.  A reason is a
 * constant word, so that logs, metrics, the list of --once and later a Kubernetes condition say the
 * same thing.
 */
#ifndef BULLA_AGENT_STATUS_H
#define BULLA_AGENT_STATUS_H

#include <stdbool.h>

#include "base/err.h"
#include "base/log.h"

enum reason {
	REASON_PENDING,		 /* not tried yet */
	REASON_APPLIED,		 /* the Secret is what the document says */
	REASON_NOT_FOR_US,	 /* no part is sealed to a key we hold; skipped */
	REASON_PAUSED,		 /* a person wants it left alone */
	REASON_NO_KEY,		 /* sealed to a key we do not hold, or no longer hold */
	REASON_INVALID,		 /* the document is malformed, or its content is */
	REASON_REFUSED,		 /* damaged, moved, renamed or mixed */
	REASON_DUPLICATE,	 /* several documents claim the name */
	REASON_FOREIGN,		 /* something the agent did not make has the name */
	REASON_QUARANTINED,	 /* an opener died on it */
	REASON_FORBIDDEN,	 /* the agent has no rights there; tried again */
	REASON_WRITE_FAILED,	 /* the Secret could not be written or checked; tried again */
	REASON_UNAVAILABLE,	 /* no opener, or the file changed while it was read; tried again */
	REASON_CONTESTED,	 /* someone keeps changing the Secret; repaired at intervals */
	REASON_TERMINATING,	 /* the document is being deleted, and something holds it */
	REASON_UNKNOWN,		 /* the document cannot be seen just now; nothing is removed */
	REASON_PENDING_REMOVAL,	 /* the document is gone; waiting to be sure */
	REASON_STILL_REFERENCED, /* the document is gone, and a source of Flux uses the Secret */
	REASON_GUARDED,		 /* the document is gone, and with too many others */
	REASON_RETAINED,	 /* the document is gone, the Secret is kept for good */
	REASON_REMOVED,		 /* the document is gone, and so is the Secret */
	REASON_COUNT
};

struct status_row {
	const char *name;     /* "NotForUs" */
	bool fine;	      /* nothing is left to do; --once may end with 0 */
	bool stalled;	      /* only a person can end it */
	enum err_class class; /* what --once ends with */
	enum log_level level; /* of the line that reports the change to it */
	const char *meaning;  /* one line, as in the manual page */
};

extern const struct status_row status_table[REASON_COUNT];

/* The word for a reason; never NULL. */
const char *status_name(enum reason r);

/* The reason that has this word; REASON_PENDING for NULL and what is none. */
enum reason status_of_name(const char *name);

/* Why a document could not be opened, from the error of opener_open. */
enum reason status_of_opening(const struct err *err);

/*
 * The exit status of --once for two problems at hand: the graver one.  In this order: internal,
 * io, refused, invalid, conflict, no key, ok.
 */
enum err_class status_graver(enum err_class a, enum err_class b);

#endif
