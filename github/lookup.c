/* SPDX-License-Identifier: Apache-2.0 */
#include "github/lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "github/wait.h"

/* Whoever of the two lets go last frees it. */
struct lookup {
	atomic_int holders;
	int done[2]; /* a pipe: a byte when there is a result */
	char *host, port[8];
	int code;
	struct addrinfo *list;
};

static void let_go(struct lookup *l)
{
	if (atomic_fetch_sub(&l->holders, 1) != 1)
		return;
	close(l->done[0]);
	close(l->done[1]);
	if (l->list != NULL)
		freeaddrinfo(l->list);
	mem_free(l->host);
	mem_free(l);
}

static void *ask(void *arg)
{
	struct lookup *l = arg;
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
					.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV };
	ssize_t n;

	l->code = getaddrinfo(l->host, l->port, &hints, &l->list);
	/* AI_ADDRCONFIG leaves out loopback on a machine without a network */
	if (l->code != 0 && l->code != EAI_AGAIN)
		l->code = getaddrinfo(
		    l->host, l->port,
		    &(struct addrinfo){ .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV },
		    &l->list);
	/* a thread begins with its maker's vector registers, where a key may have passed through */
	mem_wipe_stack();
	do
		n = write(l->done[1], "", 1);
	while (n < 0 && errno == EINTR);
	let_go(l);
	return NULL;
}

/* Signals are the main thread's. */
static int start(struct lookup *l)
{
	sigset_t all, before;
	pthread_attr_t detached;
	pthread_t thread;
	int rc;

	sigfillset(&all);
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&thread, &detached, ask, l);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&detached);
	return rc;
}

struct addrinfo *github_lookup(const char *host, unsigned port, int64_t deadline, bool *late,
			       struct err *err)
{
	struct lookup *l = mem_alloc(sizeof(*l));
	struct addrinfo *list = NULL;

	*late = false;
	if (pipe(l->done) != 0) {
		err_sys(err, "cannot make a pipe");
		mem_free(l);
		return NULL;
	}
	fcntl(l->done[0], F_SETFD, FD_CLOEXEC);
	fcntl(l->done[1], F_SETFD, FD_CLOEXEC);
	l->host = mem_str(host);
	snprintf(l->port, sizeof(l->port), "%u", port);
	atomic_init(&l->holders, 2);
	if (start(l) != 0) {
		err_set(err, ERR_IO, "cannot start a thread to look up %s", host);
		atomic_store(&l->holders, 1);
	} else if (!github_wait(l->done[0], POLLIN, deadline)) {
		*late = true;
		err_set(err, ERR_IO, "%s: looking up its address took too long: is the network up?",
			host);
	} else if (l->code != 0) {
		err_set(err, ERR_IO,
			"%s: its address was not found (%s): check the name, and whether the "
			"network is up",
			host, gai_strerror(l->code));
	} else {
		list = l->list;
		l->list = NULL; /* transferred */
	}
	let_go(l);
	return list;
}
