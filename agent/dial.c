/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/dial.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/listen.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

/* ms 0: no more. */
static void arm(const struct dial *d, int64_t ms)
{
	const struct itimerspec when = { .it_value = { .tv_sec = (time_t)(ms / 1000),
						       .tv_nsec = (long)(ms % 1000) * 1000000 } };

	timerfd_settime(d->timer, 0, &when, NULL);
}

int dial_init(struct dial *d, const char *path, uid_t uid, struct err *err)
{
	*d = (struct dial)DIAL_INIT;
	if (listen_check_path(path, err) < 0)
		return -1;
	d->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (d->timer < 0)
		return err_sys(err, "cannot make a timer");
	d->path = mem_str(path);
	d->uid = uid;
	return 0;
}

static int connect_to(const char *path, struct err *err)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return err_sys(err, "cannot make a socket");
	memcpy(a.sun_path, path, strlen(path) + 1);
	if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	err_sys(err, "%s: cannot connect", path);
	close(fd);
	return -1;
}

static int check_peer(const struct dial *d, int fd, struct err *err)
{
	struct listen_peer peer;

	if (listen_peer(fd, &peer, err) < 0)
		return -1;
	if (peer.uid == d->uid)
		return 0;
	return err_set(err, ERR_REFUSED,
		       "%s: user %lu listens there, and not the opener's user %lu; nothing is sent "
		       "there",
		       d->path, (unsigned long)peer.uid, (unsigned long)d->uid);
}

int dial_try(struct dial *d, struct err *err)
{
	int fd = connect_to(d->path, err);

	if (fd >= 0 && check_peer(d, fd, err) < 0) {
		close(fd);
		fd = -1;
	}
	if (fd < 0)
		dial_lost(d, 0);
	else
		arm(d, 0);
	return fd;
}

void dial_good(struct dial *d)
{
	d->pause = 0;
}

void dial_lost(struct dial *d, int64_t min_ms)
{
	int64_t pause;

	d->pause = d->pause == 0 ? DIAL_PAUSE_MS : 2 * d->pause;
	if (d->pause > DIAL_PAUSE_MAX_MS)
		d->pause = DIAL_PAUSE_MAX_MS;
	pause = d->pause > min_ms ? d->pause : min_ms;
	d->at = clock_monotonic_ms() + pause;
	arm(d, pause);
}

void dial_clear(struct dial *d)
{
	if (d->timer >= 0)
		close(d->timer);
	mem_free(d->path);
	*d = (struct dial)DIAL_INIT;
}
