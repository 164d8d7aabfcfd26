/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cluster whose sealed documents a command watches: what there is now, kept up to date by the
 * server.  Several are watched in turn, in one thread.
 */
#ifndef BULLA_SEALER_PLACE_H
#define BULLA_SEALER_PLACE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "kube/watch.h"
#include "sealer/cluster.h"
#include "sealer/whichcluster.h"

struct place {
	struct cluster cluster;
	struct whichcluster which;
	struct kube_watch *watch;
	json_t *objects;  /* "NAMESPACE/NAME" -> object, without what is sealed */
	json_t *seen;	  /* those of the list that is under way */
	bool listed;	  /* objects were whole at least once */
	bool changed;	  /* since place_work was called */
	struct err fatal; /* class ERR_NONE: nothing that waiting cannot mend */
	char *trouble;	  /* what fails for now, as it was told; NULL: nothing */
};

struct place_filter {
	const char *namespace; /* NULL: all */
	const char *name;      /* of one document, with namespace; NULL: all */
};

/*
 * Say which cluster o->given is and begin to watch it; p must not move after it.  Errors are those
 * of whichcluster_open.  place_close in every case.
 */
int place_open(struct place *p, const struct whichcluster_options *o,
	       const struct place_filter *filter, struct err *err);
/*
 * Ask again which cluster it is, when that is not known: an agent that has just got its first key
 * publishes it a moment later.  What fails is left for the next time.
 */
void place_recognise(struct place *p, const struct whichcluster_options *o);
/* Do what is to be done, without waiting.  Trouble is told as a warning, once. */
void place_work(struct place *p);
/* Wait until something is to be done for one of them, but not longer than ms. */
void place_wait(struct place *places, size_t n, int ms);
void place_close(struct place *p);

#endif
