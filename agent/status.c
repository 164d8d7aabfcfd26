/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/status.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

const struct status_row status_table[REASON_COUNT] = {
	[REASON_PENDING] = { "Pending", false, false, ERR_IO, LOG_DEBUG, "Not tried yet." },
	[REASON_APPLIED] = { "Applied", true, false, ERR_NONE, LOG_INFO,
			     "The Secret is what the document says." },
	[REASON_NOT_FOR_US] = { "NotForUs", true, false, ERR_NONE, LOG_INFO,
				"Not sealed to a key that this agent holds; skipped." },
	[REASON_PAUSED] = { "Paused", true, false, ERR_NONE, LOG_INFO,
			    "The annotation bulla.dev/paused is there: its Secret is left as it "
			    "is." },
	[REASON_NO_KEY] = { "NoKey", false, true, ERR_NOKEY, LOG_WARN,
			    "Sealed to a key that this agent does not hold, or not any more; "
			    "'bulla "
			    "keys install' brings it one." },
	[REASON_INVALID] = { "Invalid", false, true, ERR_INVALID, LOG_WARN,
			     "The document, or what is sealed in it, is malformed." },
	[REASON_REFUSED] = { "Refused", false, true, ERR_REFUSED, LOG_WARN,
			     "The document is damaged, or was moved, renamed or mixed." },
	[REASON_DUPLICATE] = { "Duplicate", false, true, ERR_CONFLICT, LOG_WARN,
			       "Several documents claim this namespace and name." },
	[REASON_FOREIGN] = { "Foreign", false, true, ERR_CONFLICT, LOG_WARN,
			     "Something that the agent did not make stands in the Secret's "
			     "place." },
	[REASON_QUARANTINED] = { "Quarantined", false, true, ERR_CONFLICT, LOG_ERROR,
				 "An opener died on this document; not tried again." },
	[REASON_FORBIDDEN] = { "Forbidden", false, true, ERR_IO, LOG_WARN,
			       "The agent may not list or write Secrets in this namespace; tried "
			       "again." },
	[REASON_WRITE_FAILED] = { "WriteFailed", false, false, ERR_IO, LOG_WARN,
				  "The Secret could not be written; tried again." },
	[REASON_UNAVAILABLE] = { "Unavailable", false, false, ERR_IO, LOG_WARN,
				 "The document could not be opened just now; tried again." },
	[REASON_CONTESTED] = { "Contested", false, false, ERR_CONFLICT, LOG_WARN,
			       "Someone keeps changing the Secret; repaired at intervals." },
	[REASON_TERMINATING] = { "Terminating", false, false, ERR_CONFLICT, LOG_INFO,
				 "The document is being deleted, and a finalizer holds it; its "
				 "Secret is left as it is." },
	[REASON_UNKNOWN] = { "Unknown", false, false, ERR_IO, LOG_WARN,
			     "The document cannot be seen just now; its Secret stays." },
	[REASON_PENDING_REMOVAL] = { "PendingRemoval", false, false, ERR_IO, LOG_INFO,
				     "The document is gone; its Secret goes soon." },
	[REASON_STILL_REFERENCED] = { "StillReferenced", false, false, ERR_CONFLICT, LOG_WARN,
				      "The document is gone; its Secret stays while Flux uses "
				      "it." },
	[REASON_GUARDED] = { "Guarded", false, true, ERR_CONFLICT, LOG_ERROR,
			     "Too many documents are gone at once; their Secrets stay." },
	[REASON_RETAINED] = { "Retained", true, false, ERR_NONE, LOG_INFO,
			      "The document is gone; its Secret is kept." },
	[REASON_REMOVED] = { "Removed", true, false, ERR_NONE, LOG_INFO,
			     "The document is gone, and so is its Secret." },
};

const char *status_name(enum reason r)
{
	return (unsigned)r < REASON_COUNT ? status_table[r].name : "Unknown";
}

enum reason status_of_name(const char *name)
{
	for (enum reason r = REASON_PENDING; name != NULL && r < REASON_COUNT; r++)
		if (strcmp(name, status_table[r].name) == 0)
			return r;
	return REASON_PENDING;
}

enum reason status_of_opening(const struct err *err)
{
	switch (err->class) {
	case ERR_NOKEY:
		return REASON_NO_KEY;
	case ERR_REFUSED:
		return REASON_REFUSED;
	case ERR_INVALID:
		return REASON_INVALID;
	case ERR_CONFLICT:
		return REASON_QUARANTINED;
	default:
		return REASON_UNAVAILABLE;
	}
}

static size_t gravity(enum err_class class)
{
	static const enum err_class order[] = { ERR_NONE,    ERR_NOKEY, ERR_CONFLICT, ERR_INVALID,
						ERR_REFUSED, ERR_IO,	ERR_INTERNAL };
	size_t i;

	for (i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (order[i] == class)
			return i;
	return i;
}

enum err_class status_graver(enum err_class a, enum err_class b)
{
	return gravity(b) > gravity(a) ? b : a;
}
