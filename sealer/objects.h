/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects of any kind in a cluster: from YAML, read, applied only where something is missing.  The
 * server says what it calls a kind (discovery), and is asked once for each group.
 */
#ifndef BULLA_SEALER_OBJECTS_H
#define BULLA_SEALER_OBJECTS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "sealer/cluster.h"

struct err;

/*
 * The manager of what is applied here.  Flux takes the fields of managers whose name begins with
 * "kubectl" over when it applies the same object (kustomize-controller, "to undo changes made with
 * kubectl"), so that nothing of ours stays behind in what it keeps from then on.
 */
#define OBJECTS_MANAGER "kubectl-bulla"

struct objects {
	struct cluster *cluster; /* outlives it */
	json_t *groups;		 /* "apps/v1" -> {Kind -> resource}, or null: not served */
};

void objects_init(struct objects *o, struct cluster *c);
void objects_clear(struct objects *o);

/*
 * The objects of a YAML text, as a new array; empty documents and Lists of none are left out.
 * ERR_INVALID: not YAML as base/yaml.h wants it, or something that is no object with a name.
 */
json_t *objects_parse(const char *name, const struct buf *text, struct err *err);
/* "Deployment bulla-system/bulla-agent", appended. */
void objects_name(const json_t *object, struct buf *out);

/* Does the server know the kind?  Asked anew when it did not the last time. */
int objects_served(struct objects *o, const char *version, const char *kind, bool *served,
		   struct err *err);

/* What there is of that kind, namespace and name; *live NULL: nothing, or no such kind. */
int objects_get(struct objects *o, const json_t *wanted, json_t **live, struct err *err);

enum objects_state {
	OBJECTS_ABSENT,
	OBJECTS_THERE,	 /* all that is wanted of it */
	OBJECTS_OF_FLUX, /* Flux keeps it: by its labels, whatever it says */
	OBJECTS_DIFFERS,
};
int objects_look(struct objects *o, const json_t *wanted, enum objects_state *state,
		 struct err *err);

/* Server-side apply.  ERR_INVALID when the server does not know the kind. */
int objects_apply(struct objects *o, const json_t *wanted, struct err *err);

/* How many of these objects there are and how many objects_bring would change. */
struct objects_count {
	size_t n, absent, differ, of_flux;
};
int objects_count(struct objects *o, const json_t *list, struct objects_count *out,
		  struct err *err);
/*
 * Apply what is absent and, unless absent_only, what differs and is not kept by Flux; kinds and
 * namespaces first, and the server is waited for to know the kinds (a minute).
 */
int objects_bring(struct objects *o, const json_t *list, bool absent_only, struct err *err);

#endif
