/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SECRETS, the folder that the agent keeps: SECRETS/NAMESPACE/NAME/KEY (agent/folder.h has the
 * layout of one).  What is the agent's own stands in SECRETS/.bulla-agent: the lock that keeps a
 * second agent out, the ledger, "new" where folders are made before they are put in place and
 * where those that go are taken apart, and "found" for what others had put among our files.
 *
 * Nothing that the agent did not make is ever changed or removed: not a folder of ours that became
 * another one, and not a foreign file inside one, which is moved to "found".
 */
#ifndef BULLA_AGENT_PLACE_H
#define BULLA_AGENT_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "agent/folder.h"
#include "agent/reconcile.h"
#include "base/kv.h"

struct err;

#define PLACE_OWN ".bulla-agent"
#define PLACE_ADOPT ".bulla-adopt" /* a file of this name in a foreign folder hands it over */

struct place {
	char *path; /* absolute */
	int fd;	    /* SECRETS */
	int own;    /* SECRETS/.bulla-agent */
	int making; /* .../new */
	int found;  /* .../found */
	int lock;
	struct folder_modes modes;
};

/*
 * Open SECRETS, made when it is missing and its parent is there, and take the lock.  file_mode: of
 * the keys; folders get a search bit for each read bit.  ERR_CONFLICT when another agent has it.
 */
int place_open(struct place *p, const char *path, mode_t file_mode, struct err *err);
void place_close(struct place *p);

/*
 * What stands at namespace/name, compared with mark (NULL: we made nothing there).  why explains
 * TARGET_FOREIGN and TARGET_ERROR and is left alone otherwise.
 */
enum target place_look(const struct place *p, const char *namespace, const char *name,
		       const struct folder_mark *mark, struct err *why);

/* Is there no folder for the namespace yet? */
bool place_lacks_namespace(const struct place *p, const char *namespace);

/* A new Secret, made whole but not in place yet. */
struct place_new {
	char folder[32]; /* below "new"; "" when there is none */
	struct folder_mark mark;
};

/*
 * The steps that make Secrets: stage each, bring all to disk, remember their marks, and only then
 * put them in place, so that whatever is found in place has been remembered.  Many are made at the
 * cost of one wait for the disk.
 */
int place_stage(const struct place *p, const struct kv *data, struct place_new *out,
		struct err *err);
int place_sync(const struct place *p, const struct place_new *const *news, size_t n,
	       struct err *err);
/*
 * adopt: exchange it with the foreign folder there, which goes to "found".  The change of the
 * namespace's folder is on disk after place_settle.
 */
int place_publish(const struct place *p, const char *namespace, const char *name,
		  struct place_new *new, bool adopt, struct err *err);
int place_settle(const struct place *p, const char *namespace, struct err *err);
void place_drop(const struct place *p, struct place_new *new);

/* Does the Secret in place hold exactly data? */
bool place_holds(const struct place *p, const char *namespace, const char *name,
		 const struct kv *data);

/*
 * Replace the content of a Secret that mark tells of; mark is then that of the new one.  moved: how
 * many foreign entries went to "found".  ERR_CONFLICT when it is not ours (any more).
 */
int place_update(const struct place *p, const char *namespace, const char *name,
		 const struct kv *data, struct folder_mark *mark, size_t *moved, struct err *err);

/* Take the print of what is in place into mark. */
int place_print(const struct place *p, const char *namespace, const char *name,
		struct folder_mark *mark, struct err *err);

/*
 * Remove a Secret: out of sight by one rename, then taken apart.  An absent one is fine.  The
 * namespace's folder goes with its last entry when tidy.
 */
int place_remove(const struct place *p, const char *namespace, const char *name,
		 const struct folder_mark *mark, bool tidy, struct err *err);

#endif
