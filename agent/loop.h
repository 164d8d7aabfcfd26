/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's one loop: watches, signals, the opener's news, the HTTP server and the clock, in one
 * thread.
 */
#ifndef BULLA_AGENT_LOOP_H
#define BULLA_AGENT_LOOP_H

#include "agent/httpd.h"
#include "agent/opener.h"
#include "agent/store_dir.h"

struct err;

struct loop {
	struct store_dir *store;
	struct opener *opener;
	struct httpd *httpd; /* or NULL */
	int signals;	     /* from loop_signals */
};

/*
 * From now on SIGTERM, SIGINT and SIGHUP come through this descriptor.  The first two end the loop
 * when what is under way is done; SIGHUP makes it look at everything.  -1 and err.
 */
int loop_signals(struct err *err);

/*
 * Run until a signal ends it; or, with once, until nothing is left to do that does not wait for
 * another try.  0, or -1 (ERR_IO) when only a new start can help: the opener is gone for good, or
 * DOCUMENTS was replaced by a folder that the jail bars.
 */
int loop_run(struct loop *l, bool once, struct err *err);

#endif
