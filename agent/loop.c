/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/trim.h"
#include "base/err.h"
#include "base/log.h"

#define SLICE_MS 50 /* of work, before others have their turn */

enum { P_SIGNALS, P_OPENER, P_DOCUMENTS, P_SECRETS, P_NAMESPACES, P_HTTPD, P_COUNT };

int loop_signals(struct err *err)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_sys(err, "cannot block signals");
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return fd >= 0 ? fd : err_sys(err, "cannot receive signals");
}

/* true: end */
static bool take_signals(struct loop *l)
{
	struct signalfd_siginfo info;
	bool end = false;

	while (read(l->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo != SIGHUP) {
			end = true;
			continue;
		}
		/* a person has mended something: nothing waits for its next try */
		store_dir_keys_changed(l->store);
		store_dir_look(l->store);
	}
	return end;
}

static void take_opener_news(struct loop *l)
{
	if (opener_poll(l->opener))
		store_dir_keys_changed(l->store);
	else
		store_dir_opener_news(l->store);
}

static int soonest(int64_t a, int64_t b)
{
	int64_t ms = a < 0 || (b >= 0 && b < a) ? b : a;

	return ms < 0 ? -1 : ms > 60000 ? 60000 : (int)ms;
}

/* Wait for at most ms (-1: for ever) and take what has come.  true: end */
static bool wait_for(struct loop *l, int64_t ms)
{
	struct pollfd fds[P_COUNT] = {
		[P_SIGNALS] = { l->signals, POLLIN, 0 },
		[P_OPENER] = { opener_fd(l->opener), POLLIN, 0 },
		[P_DOCUMENTS] = { l->store->documents.fd, POLLIN, 0 },
		[P_SECRETS] = { l->store->secrets.fd, POLLIN, 0 },
		[P_NAMESPACES] = { l->store->namespaces.fd, POLLIN, 0 },
		[P_HTTPD] = { l->httpd == NULL ? -1 : httpd_fd(l->httpd), POLLIN, 0 },
	};
	int64_t http = l->httpd == NULL ? -1 : httpd_timeout(l->httpd);

	if (poll(fds, P_COUNT, soonest(ms, http)) < 0 && errno != EINTR)
		return true;
	if (l->httpd != NULL && (fds[P_HTTPD].revents != 0 || http >= 0))
		httpd_run(l->httpd);
	if (fds[P_OPENER].revents != 0)
		take_opener_news(l);
	if (fds[P_DOCUMENTS].revents != 0 || fds[P_SECRETS].revents != 0 ||
	    fds[P_NAMESPACES].revents != 0)
		store_dir_stirred(l->store);
	return fds[P_SIGNALS].revents != 0 && take_signals(l);
}

/* What only a new start can mend. */
static int check_alive(const struct loop *l, struct err *err)
{
	const char *lost = store_dir_out_of_reach(l->store);

	if (lost != NULL)
		return err_set(err, ERR_IO,
			       "%s is not the folder that it was when the agent started, and out "
			       "of its reach; start the agent again",
			       lost);
	if (!opener_alive(l->opener))
		return err_set(err, ERR_IO, "the opener is gone for good; start the agent again");
	return 0;
}

int loop_run(struct loop *l, bool once, struct err *err)
{
	bool ready = false;

	for (;;) {
		int64_t rest = store_dir_work(l->store, SLICE_MS);

		if (!ready && l->store->ready) {
			ready = true;
			trim_memory();
			log_line(LOG_INFO, "ready", (char *)NULL);
		}
		if (once && rest != 0 && !store_dir_waiting(l->store))
			return 0;
		if (check_alive(l, err) < 0)
			return -1;
		if (wait_for(l, rest))
			return 0;
	}
}
