/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/run_kube.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/httpd.h"
#include "agent/jail.h"
#include "agent/loop.h"
#include "agent/metrics_kube.h"
#include "agent/namespaces.h"
#include "agent/opener.h"
#include "agent/run.h"
#include "agent/store_kube.h"
#include "agent/trim.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "kube/client.h"
#include "kube/lease.h"

#define DRAIN_MS 20000 /* of the 30 s that a pod is given to end */
#define OPEN_MS 5000   /* for one opening: the loop waits, and a lease has 15 s */
#define TOLD_MS 2000   /* for Events, when all else has ended */
#define WAIT_MS 1000

struct agent {
	const struct options *o;
	struct kube_config config;
	struct kube_client *client;
	struct opener *opener;
	struct store_kube_options store_options;
	struct namespaces map;	  /* of --fan-out */
	struct store_kube *store; /* NULL: another replica works */
	struct kube_lease *lease; /* NULL: --no-lease */
	char *identity;
	char host[256]; /* a pod's name is that of its host */
	bool lost;	/* the lease */
	bool releasing, released;
	struct metrics_kube metrics;
	struct httpd_pages pages;
	struct httpd *httpd;
	char **namespaces;
	int signals;
	bool ready;	    /* was said */
	int64_t give_up_at; /* monotonic ms, with --once */
	int64_t end_by;	    /* monotonic ms; 0: not ending */
	int64_t told_by;    /* the same, for Events */
};

static bool page_ready(const void *ctx)
{
	const struct agent *a = ctx;

	/* a standby is as ready as it will be */
	return a->end_by == 0 && (a->store == NULL ? a->lease != NULL : store_kube_ready(a->store));
}

static void page_metrics(const void *ctx, struct buf *page)
{
	const struct agent *a = ctx;

	metrics_kube_format(&a->metrics, page);
}

/* --- open and close --------------------------------------------------------------------------- */

static int open_httpd(struct agent *a, struct err *err)
{
	if (a->o->listen == NULL)
		return 0;
	a->pages = (struct httpd_pages){ a, page_ready, page_metrics };
	a->httpd = httpd_open(a->o->listen, &a->pages, err);
	if (a->httpd == NULL)
		return -1;
	log_line(LOG_INFO, "listening", "address", httpd_address(a->httpd), (char *)NULL);
	return 0;
}

static void split_namespaces(struct agent *a)
{
	const char *at = a->o->namespaces;
	size_t n = 0;

	if (at == NULL)
		return;
	a->namespaces = mem_array(strlen(at) + 2, sizeof(char *));
	for (; *at != '\0';
	     at += at[strcspn(at, ",")] == ',' ? strcspn(at, ",") + 1 : strcspn(at, ","))
		if (*at != ',')
			a->namespaces[n++] = mem_strn(at, strcspn(at, ","));
}

/* On failure the map is what it was. */
static int read_map(struct agent *a, struct err *err)
{
	struct namespaces map = NAMESPACES_INIT;
	struct buf text = BUF_INIT;
	int r;

	if (a->o->fan_out == NULL)
		return 0;
	r = file_read(a->o->fan_out, NAMESPACES_MAX, 0, &text, NULL, err);
	if (r == 0)
		r = namespaces_parse(a->o->fan_out, a->o->agent_namespace, text.data, text.len,
				     &map, err);
	if (r == 0) {
		namespaces_clear(&a->map);
		a->map = map;
	}
	buf_clear(&text);
	return r;
}

static void read_map_again(struct agent *a)
{
	struct err err = ERR_INIT;

	if (a->o->fan_out == NULL)
		return;
	if (read_map(a, &err) != 0) {
		log_line(LOG_ERROR, "the map of fan-out cannot be read; the one before stays",
			 "error", err.text, (char *)NULL);
		return;
	}
	log_line(LOG_INFO, "map of fan-out read", (char *)NULL);
	if (a->store != NULL)
		store_kube_map_changed(a->store);
}

static int open_config(struct agent *a, struct err *err)
{
	const struct kube_config_options o = { .kubeconfig = a->o->kubeconfig,
					       .context = a->o->context };

	if (kube_config_load(&o, &a->config, err) < 0)
		return -1;
	a->client = kube_client_new(&a->config, "bulla-agent", err);
	return a->client == NULL ? -1 : 0;
}

/* --- the lease -------------------------------------------------------------------------------- */

static void begin_work(void *ctx)
{
	struct agent *a = ctx;

	if (a->lease != NULL)
		log_line(LOG_INFO, "this replica works now", "identity", a->identity, (char *)NULL);
	a->give_up_at = clock_monotonic_ms() + a->o->give_up_ms;
	a->store = store_kube_open(&a->store_options, a->client, a->opener);
	a->metrics.store = a->store;
}

static void lose(void *ctx)
{
	struct agent *a = ctx;

	a->lost = true;
}

static void release(void *ctx)
{
	struct agent *a = ctx;

	a->released = true;
}

static void tell_lease(void *ctx, const struct kube_answer *why)
{
	char status[24];

	(void)ctx;
	snprintf(status, sizeof(status), "%ld", why->status);
	log_line(LOG_WARN, "the lease cannot be had", "status", status, "error", why->message,
		 (char *)NULL);
}

static void open_lease(struct agent *a)
{
	static const struct kube_lease_handler handler = { begin_work, lose, release, tell_lease };
	struct kube_lease_options o = { .namespace = a->o->agent_namespace, .name = "bulla-agent" };

	if (a->o->no_lease || a->o->once) {
		begin_work(a);
		return;
	}
	a->identity = kube_lease_identity();
	o.identity = a->identity;
	a->lease = kube_lease_new(a->client, &o, &handler, a);
}

/* --- the jail --------------------------------------------------------------------------------- */

/* Of the system: what finding a server by its name, and checking its certificate, reads. */
static const char *const system_paths[] = {
	"/etc/resolv.conf", "/etc/hosts",     "/etc/nsswitch.conf",
	"/etc/gai.conf",    "/etc/host.conf", "/etc/ssl/certs/ca-certificates.crt",
	"/usr/lib",	    "/lib",	      "/lib64",
};
#define SYSTEM_PATHS (sizeof(system_paths) / sizeof(*system_paths))

/* A mounted ConfigMap changes by a link beside the file, so it is the folder that is read. */
static char *folder_of(const char *path)
{
	const char *slash = path == NULL ? NULL : strrchr(path, '/');

	if (path == NULL)
		return NULL;
	return slash == NULL ? mem_str(".")
			     : mem_strn(path, slash == path ? 1 : (size_t)(slash - path));
}

static int close_jail(struct agent *a, struct err *err)
{
	char *folders[KUBE_CONFIG_FOLDERS];
	size_t n = kube_config_folders(&a->config, folders);
	const char *extra[SYSTEM_PATHS + KUBE_CONFIG_FOLDERS + 3] = { NULL };
	char *map = folder_of(a->o->fan_out);
	struct jail_net net = { .keys = a->o->keys, .extra = extra };
	size_t k = 0;
	int landlock = 0, r;

	for (size_t i = 0; i < SYSTEM_PATHS; i++)
		extra[k++] = system_paths[i];
	for (size_t i = 0; i < n; i++)
		extra[k++] = folders[i];
	if (a->o->opener != NULL)
		extra[k++] = a->o->opener;
	if (map != NULL)
		extra[k++] = map;
	r = jail_net(&net, &landlock, err);
	mem_free(map);
	for (size_t i = 0; i < n; i++)
		mem_free(folders[i]);
	if (r == 0 && landlock == 0)
		log_line(LOG_WARN,
			 "this kernel has no Landlock: nothing but file modes keeps this process "
			 "from the keys",
			 (char *)NULL);
	return r;
}

static int jail(struct agent *a, struct err *err)
{
	if (!kube_config_runs(&a->config))
		return close_jail(a, err);
	log_line(
	    LOG_WARN,
	    "this process has no jail: the kubeconfig names a program that it must run for its "
	    "credentials",
	    (char *)NULL);
	return 0;
}

static int open_all(struct agent *a, struct err *err)
{
	if (read_map(a, err) < 0) {
		err->class = ERR_USAGE;
		return -1;
	}
	a->opener = run_opener(a->o, a->o->keys, OPEN_MS, err);
	if (a->opener == NULL)
		return -1;
	a->signals = loop_signals(err);
	if (a->signals < 0 || open_config(a, err) < 0 || open_httpd(a, err) < 0)
		return -1;
	split_namespaces(a);
	if (gethostname(a->host, sizeof(a->host) - 1) != 0)
		memcpy(a->host, "bulla-agent", sizeof("bulla-agent"));
	a->store_options = (struct store_kube_options){
		.agent_namespace = a->o->agent_namespace,
		.namespaces = (const char *const *)a->namespaces,
		.settle_ms = a->o->settle_ms,
		.probe_ms = a->o->look_ms,
		.fan_out = a->o->fan_out == NULL ? NULL : &a->map,
		.unbounded = a->o->unbounded,
		.flux = a->o->flux,
		.instance = a->host,
	};
	a->metrics = (struct metrics_kube){ .opener = a->opener,
					    .client = a->client,
					    .anonymous = a->o->anonymous,
					    .statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC),
					    .started = clock_now() };
	if (jail(a, err) < 0)
		return -1;
	open_lease(a);
	return 0;
}

static void close_all(struct agent *a)
{
	httpd_close(a->httpd);
	store_kube_close(a->store);
	kube_lease_free(a->lease);
	mem_free(a->identity);
	if (a->client != NULL)
		kube_client_free(a->client);
	kube_config_clear(&a->config);
	if (a->metrics.statm >= 0)
		close(a->metrics.statm);
	if (a->signals >= 0)
		close(a->signals);
	if (a->opener != NULL)
		opener_stop(a->opener);
	for (size_t i = 0; a->namespaces != NULL && a->namespaces[i] != NULL; i++)
		mem_free(a->namespaces[i]);
	mem_free(a->namespaces);
	namespaces_clear(&a->map);
}

/* --- the loop --------------------------------------------------------------------------------- */

static void begin_end(struct agent *a)
{
	a->end_by = clock_monotonic_ms() + DRAIN_MS;
	if (a->store != NULL)
		store_kube_drain(a->store);
}

static void take_signals(struct agent *a)
{
	struct signalfd_siginfo info;

	while (read(a->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP) {
			read_map_again(a);
			if (a->store != NULL)
				store_kube_keys_changed(a->store);
			continue;
		}
		if (a->end_by == 0)
			begin_end(a);
		else
			a->end_by = 1; /* the second one ends it at once */
	}
}

static void take_opener_news(struct agent *a)
{
	bool keys = opener_poll(a->opener);

	if (a->store == NULL)
		return;
	if (keys)
		store_kube_keys_changed(a->store);
	else
		store_kube_opener_news(a->store);
}

static int timeout(const struct agent *a, int64_t ms)
{
	int64_t http = a->httpd == NULL ? -1 : httpd_timeout(a->httpd);
	int64_t told = a->told_by - clock_monotonic_ms();

	if (told > 0 && (ms < 0 || told < ms))
		ms = told;
	if (http >= 0 && (ms < 0 || http < ms))
		ms = http;
	return ms < 0 || ms > WAIT_MS ? WAIT_MS : (int)ms;
}

static void wait_for(struct agent *a, int64_t ms)
{
	struct pollfd fds[] = { { a->signals, POLLIN, 0 },
				{ opener_fd(a->opener), POLLIN, 0 },
				{ a->httpd == NULL ? -1 : httpd_fd(a->httpd), POLLIN, 0 } };

	kube_wait(a->client, fds, 3, timeout(a, ms));
	if (fds[0].revents != 0)
		take_signals(a);
	if (fds[1].revents != 0)
		take_opener_news(a);
	if (a->httpd != NULL)
		httpd_run(a->httpd);
}

/* Events are sent behind all else, so that what was told last still waits. */
static bool told(struct agent *a, int64_t now)
{
	if (a->store == NULL)
		return true;
	if (a->told_by == 0)
		a->told_by = now + TOLD_MS;
	return now >= a->told_by || store_kube_told(a->store);
}

/* Work first, then the lease: given back earlier, two would work at once. */
static bool ended(struct agent *a)
{
	int64_t now = clock_monotonic_ms();

	if (a->end_by == 0)
		return false;
	if (now >= a->end_by)
		return true;
	if (a->store != NULL && !store_kube_idle(a->store))
		return false;
	if (!a->releasing && !told(a, now))
		return false;
	if (a->lease == NULL || a->released)
		return true;
	if (!a->releasing)
		kube_lease_release(a->lease);
	a->releasing = true;
	return false;
}

static int check_alive(const struct agent *a, struct err *err)
{
	if (a->lost)
		return err_set(err, ERR_IO,
			       "the lease went to another agent, or could not be renewed in "
			       "time; start the agent again");
	if (!opener_alive(a->opener))
		return err_set(err, ERR_IO, "the opener is gone for good; start the agent again");
	return 0;
}

/*
 * A process that was frozen may hold requests that were decided on long ago, and answers that want
 * another: none of that may go out any more, so this is asked before kube_work.
 */
static bool overslept(const struct agent *a)
{
	return a->store != NULL && a->lease != NULL && !a->releasing && !kube_lease_held(a->lease);
}

/* No write begins that another replica might undo. */
static int64_t work(struct agent *a)
{
	int64_t rest;

	if (overslept(a)) {
		a->lost = true;
		return -1;
	}
	kube_work(a->client);
	if (a->store == NULL || (a->lease != NULL && !kube_lease_held(a->lease)))
		return -1;
	rest = store_kube_work(a->store);
	if (!a->ready && store_kube_ready(a->store)) {
		a->ready = true;
		trim_memory();
		log_line(LOG_INFO, "ready", (char *)NULL);
	}
	return rest;
}

static int give_up(const struct agent *a, struct err *err)
{
	struct buf text = BUF_INIT;

	store_kube_listed(a->store, &text);
	err_set(err, ERR_IO, "given up after %" PRId64 " s: %s", a->o->give_up_ms / 1000,
		buf_str(&text));
	buf_clear(&text);
	return -1;
}

/* With --once it ends when all is done, or when it is clear that it never will be. */
static int check_once(struct agent *a, struct err *err)
{
	if (!a->o->once || a->end_by != 0)
		return 0;
	if (!store_kube_listed(a->store, NULL))
		return clock_monotonic_ms() < a->give_up_at ? 0 : give_up(a, err);
	if (a->ready && store_kube_idle(a->store))
		begin_end(a);
	return 0;
}

static int loop(struct agent *a, struct err *err)
{
	for (;;) {
		int64_t rest = work(a);

		if (check_alive(a, err) < 0 || check_once(a, err) < 0)
			return -1;
		if (ended(a))
			return 0;
		wait_for(a, rest);
	}
}

static enum err_class worst(const struct store_kube *st)
{
	enum err_class class = ERR_NONE;

	for (size_t i = 0; i < REASON_COUNT; i++)
		if (store_kube_counts(st)->reasons[i] > 0 && !status_table[i].fine)
			class = status_graver(class, status_table[i].class);
	return class;
}

enum err_class run_kube(const struct options *o, struct err *err)
{
	struct agent a = { .o = o, .signals = -1, .metrics = { .statm = -1 } };
	enum err_class class;

	log_level_set(o->level);
	if (open_all(&a, err) < 0) {
		class = err->class;
	} else {
		log_line(LOG_INFO, "started", "version", BULLA_VERSION, "server", a.config.server,
			 (char *)NULL);
		class = loop(&a, err) < 0 ? err->class : o->once ? worst(a.store) : ERR_NONE;
		log_line(LOG_INFO, "ended", (char *)NULL);
	}
	close_all(&a);
	return class;
}
