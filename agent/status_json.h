/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The status of a SealedCredential (DESIGN 6, 6.1; cluster-findings M4; kubernetes-agent 2.5): the
 * body of a server-side apply to its /status, with the resourceVersion that was decided on, so that
 * a document nobody has looked at can never become Ready (409: look again).  Send it with
 * force=true and a field manager of its own.  What is left out is dropped from the status by the
 * server: Stalled ends by that.  Conditions of others stay.
 *
 * Conditions follow kstatus: Ready with the reason of agent/status.h; Stalled=True only where a
 * person must do something; FannedOut where there are copies; Paused.  Pure; holds no secret.
 */
#ifndef BULLA_AGENT_STATUS_JSON_H
#define BULLA_AGENT_STATUS_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/status.h"
#include "base/buf.h"
#include "base/kv.h"

struct err;

#define STATUS_JSON_MANAGER "bulla-agent-status" /* the field manager */
#define STATUS_JSON_MESSAGE_MAX 1024 /* bytes of a condition's message; cut with "..." */
#define STATUS_JSON_APPLIED_MAX 128  /* bytes of UID/RESOURCEVERSION */
#define STATUS_JSON_KEYS_MAX 256

enum status_json_ready { STATUS_JSON_TRUE, STATUS_JSON_FALSE, STATUS_JSON_UNKNOWN };

/*
 * Of a paused document nothing new is said but that: its status stays as it was, as that of an
 * object of Flux that is suspended does, and the condition Paused comes to it.  So kstatus finds
 * what it found before, and a version that came meanwhile in progress, for its generation is not
 * the observed one.
 */

/* How a reason is told in a cluster. */
struct status_json_row {
	enum status_json_ready ready;
	bool stalled;
	bool told; /* false: its document is gone, so there is no status to write it to */
};

struct status_json_row status_json_row(enum reason r);

/* The condition FannedOut. */
struct status_json_fan_out {
	bool wanted;	    /* false: the document has no copies, no such condition */
	bool done;	    /* all copies are as they should be */
	const char *reason; /* "Applied", "Foreign", ...: CamelCase */
	const char *message;
};

struct status_json {
	const char *namespace;
	const char *name;
	const char *resource_version; /* of the document as decided on; not NULL */
	int64_t generation;	      /* as decided on */
	enum reason reason;
	const char *message;	 /* NULL or "": the reason's own meaning */
	const char *digest;	 /* what runs; NULL: nothing was ever applied */
	const char *applied_uid; /* of the Secret, from the answer to our write; NULL: none */
	const char *applied_version;
	const struct kv *keys; /* ids of the keys that opened it (names); NULL: none */
	int64_t not_after;     /* soonest, seconds since 1970; 0: none */
	struct status_json_fan_out fan_out;
	int64_t now; /* seconds since 1970 */
};

/*
 * Append the body.  old: .status as last seen, or NULL; a condition whose status is the same keeps
 * its lastTransitionTime.  ERR_INTERNAL: a reason that is not told, or no resourceVersion.
 */
int status_json_format(const struct status_json *s, const json_t *old, struct buf *out,
		       struct err *err);

/* Does old already say all of this (and nothing more of ours)?  Then nothing is to be written. */
bool status_json_same(const struct status_json *s, const json_t *old);

/* What a status as read says.  Texts are borrowed from it; NULL, 0 and -1 where it says nothing. */
struct status_json_read {
	int64_t observed_generation; /* -1: no agent has looked */
	const char *digest;
	const char *applied;		   /* as it stands: "UID/RESOURCEVERSION" */
	char uid[STATUS_JSON_APPLIED_MAX]; /* its parts; "": none, or malformed */
	char version[STATUS_JSON_APPLIED_MAX];
	int64_t not_after;
	enum status_json_ready ready;
	const char *reason; /* of Ready */
	const char *message;
	bool stalled;
	bool paused;
};

/* status may be NULL or anything: it was written by whoever may, so nothing in it is trusted. */
void status_json_read(const json_t *status, struct status_json_read *out);

#endif
