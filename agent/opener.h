/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that alone holds the sealing keys, as the rest of the agent sees it (DESIGN 6).
 *
 * opener_start forks a supervisor (no network; it watches the key directory) which forks openers.
 * An opener reads the keys, jails itself (seccomp allow-list, Landlock, rlimits, not dumpable, no
 * core) and then answers one request at a time on a socket: the fields of a document, length-
 * prefixed, in; a Secret or an error class out.  It makes every check itself (document_check,
 * open_document).  When keys change or an opener dies, the supervisor hands over a fresh one.
 *
 * opener_connect gives the same for a supervisor in another container, where alone the keys are.
 */
#ifndef BULLA_AGENT_OPENER_H
#define BULLA_AGENT_OPENER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/kv.h"
#include "base/notes.h"
#include "document/document.h"

struct opener;

struct opener_options {
	const char *keys_dir; /* directory of sealing keys; may be empty or missing for now */
	int audit_fd;	      /* one JSON line for each opening goes here; -1: standard error */
	int timeout_ms;	      /* for one opening; 0: OPENER_TIMEOUT_MS */
};

#define OPENER_TIMEOUT_MS 20000 /* hundreds of times what the largest document takes */

/*
 * Start supervisor and first opener; waits until it is jailed and serving.  Call before threads or
 * other descriptors exist, and before jail_net.  From then on SIGPIPE is ignored.  NULL and err.
 */
struct opener *opener_start(const struct opener_options *o, struct err *err);

/* One in another container (`bulla-agent opener`), reached by a socket that both see. */
struct opener_connect_options {
	const char *path;
	uid_t uid;	/* that it runs as */
	int timeout_ms; /* for one opening; 0: OPENER_TIMEOUT_MS */
	int wait_ms;	/* for the first connection; 0: 30 s */
};

/*
 * Connect to it and wait until it serves.  From then on the connection is made again by itself
 * whenever it is lost, because that container may be restarted at any time; in the meantime
 * opener_open gives ERR_IO, the keys are those last heard of, and opener_alive is true.
 * From then on SIGPIPE is ignored.  NULL and err: ERR_USAGE the path is too long, ERR_IO.
 */
struct opener *opener_connect(const struct opener_connect_options *o, struct err *err);

/*
 * Open a document.  out must be KIND_SECRET_INIT; key_ids gets the ids used (id -> "").
 * ERR_NOKEY not sealed to our keys, or there are none; ERR_REFUSED, ERR_INVALID as open_document;
 * ERR_CONFLICT quarantined: an opener died on this digest, now or before (it is not tried again
 * until the agent restarts); ERR_IO no opener can be had just now, or its audit line cannot be
 * written: try later.  Texts quote of what is inside names alone (of it, of its fields and data
 * keys), never a value.
 */
int opener_open(struct opener *o, const struct document *d, struct kind_secret *out,
		struct kv *key_ids, struct notes *notes, struct err *err);

/*
 * A descriptor that becomes readable when the supervisor has news (new keys, a new opener); then
 * opener_poll takes it and says whether the set of keys changed, so that documents that waited for
 * a key are looked at again.
 */
int opener_fd(const struct opener *o);
bool opener_poll(struct opener *o);

/*
 * False: supervisor and opener are gone for good and nothing will be opened any more.  The agent
 * cannot start others (it has no way to the keys by now), so it should end and be started again.
 */
bool opener_alive(const struct opener *o);

/* Key ids now held (name: id, value: file name; the greatest file name is the active key); and bad
 * files. */
const struct kv *opener_keys(const struct opener *o);
/* The public half of each: id -> age1... */
const struct kv *opener_recipients(const struct opener *o);
size_t opener_bad_keys(const struct opener *o); /* unusable files in the directory */
size_t opener_restarts(const struct opener *o); /* openers started beyond the first */
/* Calls of opener_open so far that ended so; ERR_NONE: opened. */
size_t opener_openings(const struct opener *o, enum err_class result);
/* Documents opened so far of which this key opened a part. */
size_t opener_opened_with(const struct opener *o, const char *key_id);
pid_t opener_pid(const struct opener *o); /* of the current opener; 0 when none */

void opener_stop(struct opener *o); /* ends supervisor and opener, waits for both */

#endif
