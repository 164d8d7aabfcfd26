/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/run.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/httpd.h"
#include "agent/jail.h"
#include "agent/loop.h"
#include "agent/metrics.h"
#include "agent/opener.h"
#include "agent/paths.h"
#include "agent/report.h"
#include "agent/store_dir.h"
#include "base/mem.h"

/* Everything that is open while the agent runs. */
struct agent {
	const struct options *o;
	struct paths paths;
	struct store_dir_options store_options;
	struct store_dir store;
	struct metrics metrics;
	struct loop loop;
	struct httpd_pages pages;
	bool stored; /* store was opened, perhaps not wholly */
};

static bool page_ready(const void *ctx)
{
	const struct agent *a = ctx;

	return a->store.ready;
}

static void page_metrics(const void *ctx, struct buf *page)
{
	const struct agent *a = ctx;

	metrics_format(&a->metrics, page);
}

/*
 * A link as DOCUMENTS is swapped by those who make checkouts (git-sync): what it will lead to next
 * stands beside it, and must be within reach too.
 */
static char *beside_link(const char *documents)
{
	struct stat st;

	if (lstat(documents, &st) < 0 || !S_ISLNK(st.st_mode))
		return NULL;
	return mem_strn(documents, (size_t)(strrchr(documents, '/') - documents) + 1);
}

/*
 * A DOCUMENTS that is not there cannot be allowed, and what is above it may hold the keys.  Then
 * the agent starts without a right to any document; when the folder comes, it asks to be started
 * again (store_dir_out_of_reach).
 */
static int jail_at(const struct agent *a, struct jail_net *net, int *landlock, struct err *err)
{
	struct stat st;

	if (jail_net(net, landlock, err) == 0)
		return 0;
	if (err->class != ERR_USAGE || stat(a->paths.documents, &st) == 0)
		return -1;
	*err = (struct err)ERR_INIT;
	net->documents = a->paths.secrets;
	net->extra = NULL;
	return jail_net(net, landlock, err);
}

static int jail(struct agent *a, struct err *err)
{
	char *beside = beside_link(a->paths.documents);
	const char *extra[] = { beside, NULL };
	struct jail_net net = { .documents = a->paths.documents,
				.secrets = a->paths.secrets,
				.keys = a->paths.keys,
				.extra = extra };
	char abi[16];
	int landlock = 0;
	int r = jail_at(a, &net, &landlock, err);

	mem_free(beside);
	if (r < 0)
		return -1;
	if (landlock == 0) {
		log_line(LOG_WARN,
			 "this kernel has no Landlock: nothing but file modes keeps this process "
			 "from the keys",
			 (char *)NULL);
		return 0;
	}
	store_dir_jailed(&a->store);
	snprintf(abi, sizeof(abi), "%d", landlock);
	log_line(LOG_DEBUG, "jailed", "landlock", abi, (char *)NULL);
	return 0;
}

struct opener *run_opener(const struct options *o, const char *keys, int timeout_ms,
			  struct err *err)
{
	const struct opener_options here = { .keys_dir = keys,
					     .audit_fd = -1,
					     .timeout_ms = timeout_ms };
	const struct opener_connect_options there = {
		.path = o->opener,
		.uid = o->opener_uid < 0 ? geteuid() : (uid_t)o->opener_uid,
		.timeout_ms = timeout_ms,
	};

	return o->opener != NULL ? opener_connect(&there, err) : opener_start(&here, err);
}

static int open_all(struct agent *a, struct err *err)
{
	a->loop.opener = run_opener(a->o, a->paths.keys, 0, err);
	if (a->loop.opener == NULL)
		return -1;
	a->loop.signals = loop_signals(err);
	if (a->loop.signals < 0)
		return -1;
	metrics_init(&a->metrics, &a->store, a->loop.opener, a->o->anonymous);
	if (a->o->listen != NULL) {
		a->pages = (struct httpd_pages){ a, page_ready, page_metrics };
		a->loop.httpd = httpd_open(a->o->listen, &a->pages, err);
		if (a->loop.httpd == NULL)
			return -1;
		log_line(LOG_INFO, "listening", "address", httpd_address(a->loop.httpd),
			 (char *)NULL);
	}
	a->store_options = (struct store_dir_options){ .documents = a->paths.documents,
						       .secrets = a->paths.secrets,
						       .file_mode = a->o->file_mode,
						       .settle_ms = a->o->settle_ms,
						       .look_ms = a->o->look_ms,
						       .watch = !a->o->once };
	a->stored = true;
	if (store_dir_open(&a->store, &a->store_options, a->loop.opener, err) < 0)
		return -1;
	a->loop.store = &a->store;
	return jail(a, err);
}

static void close_all(struct agent *a)
{
	httpd_close(a->loop.httpd);
	if (a->stored)
		store_dir_close(&a->store);
	metrics_clear(&a->metrics);
	if (a->loop.signals >= 0)
		close(a->loop.signals);
	if (a->loop.opener != NULL)
		opener_stop(a->loop.opener);
	paths_clear(&a->paths);
}

enum err_class run(const struct options *o, struct err *err)
{
	struct agent *a = mem_alloc(sizeof(*a));
	enum err_class class = ERR_INTERNAL;

	a->o = o;
	a->loop.signals = -1;
	a->metrics.statm = -1;
	log_level_set(o->level);
	if (paths_resolve(o->documents, o->secrets, o->keys, &a->paths, err) < 0 ||
	    open_all(a, err) < 0) {
		class = err->class;
		goto out;
	}
	log_line(LOG_INFO, "started", "version", BULLA_VERSION, "documents", a->paths.documents,
		 "secrets", a->paths.secrets, (char *)NULL);
	if (loop_run(&a->loop, o->once, err) < 0) {
		class = err->class;
		goto out;
	}
	class = o->once ? report_once(&a->store) : ERR_NONE;
	log_line(LOG_INFO, "ended", (char *)NULL);
out:
	close_all(a);
	mem_free(a);
	return class;
}
