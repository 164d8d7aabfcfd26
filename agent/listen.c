/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

#define BACKLOG 8

int listen_check_path(const char *path, struct err *err)
{
	struct sockaddr_un a;

	if (path[0] == '\0') /* the kernel would take it for a name that is in no folder */
		return err_set(err, ERR_USAGE, "a socket's path is empty");
	if (strlen(path) >= sizeof(a.sun_path))
		return err_set(
		    err, ERR_USAGE,
		    "%s: longer than the %zu bytes that a socket's path may have; choose "
		    "a shorter one",
		    path, sizeof(a.sun_path) - 1);
	return 0;
}

static int take_lock(const char *path, struct err *err)
{
	char *name = mem_printf("%s.lock", path);
	int fd = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0) {
		err_sys(err, "%s: cannot open", name);
	} else if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			err_set(err, ERR_CONFLICT,
				"%s: another opener serves there (it holds %s); end it first", path,
				name);
		else
			err_sys(err, "%s: cannot lock", name);
		close(fd);
		fd = -1;
	}
	mem_free(name);
	return fd;
}

/* What its last owner left.  The lock is ours, so nobody listens on it. */
static int remove_stale(const char *path, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "%s: cannot look at", path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, ERR_CONFLICT,
			       "%s: there is something that is not a socket; it is not replaced",
			       path);
	return unlink(path) < 0 ? err_sys(err, "%s: cannot remove the socket left there", path) : 0;
}

/*
 * Bound, with the mode it is to have: by its name it could be changed into something else before
 * that is given one.  A folder with a default ACL does not ask umask, but the socket itself.
 */
static int bind_to(const char *path, mode_t mode, struct err *err)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t before = umask(0777 & ~mode);
	int r;

	memcpy(a.sun_path, path, strlen(path) + 1);
	r = fd < 0 || fchmod(fd, mode) < 0 ? -1 : bind(fd, (const struct sockaddr *)&a, sizeof(a));
	umask(before);
	if (r == 0)
		return fd;
	err_sys(err, "%s: cannot make the socket", path);
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Nobody can connect before it listens. */
static int open_to(const struct listen_options *o, struct err *err)
{
	if (o->gid != LISTEN_NO_GROUP &&
	    fchownat(AT_FDCWD, o->path, (uid_t)-1, o->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "%s: cannot give it to the group %lu", o->path,
			       (unsigned long)o->gid);
	return 0;
}

int listen_open(const struct listen_options *o, struct listen_socket *out, struct err *err)
{
	*out = (struct listen_socket)LISTEN_INIT;
	if (listen_check_path(o->path, err) < 0)
		return -1;
	out->lock = take_lock(o->path, err);
	if (out->lock < 0 || remove_stale(o->path, err) < 0)
		goto fail;
	out->fd = bind_to(o->path, o->gid == LISTEN_NO_GROUP ? 0600 : 0660, err);
	if (out->fd < 0 || open_to(o, err) < 0)
		goto fail;
	if (listen(out->fd, BACKLOG) == 0)
		return 0;
	err_sys(err, "%s: cannot listen", o->path);
fail:
	listen_close(out);
	return -1;
}

int listen_peer(int fd, struct listen_peer *peer, struct err *err)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	*peer = (struct listen_peer){ 0, (uid_t)-1 };
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0 || len != sizeof(who))
		return err_sys(err, "cannot tell who is at the other end of the socket");
	peer->pid = who.pid;
	peer->uid = who.uid;
	return 0;
}

int listen_accept(const struct listen_socket *l, uid_t uid, struct listen_peer *peer,
		  struct err *err)
{
	int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	*peer = (struct listen_peer){ 0, (uid_t)-1 };
	if (fd < 0)
		return err_sys(err, "cannot take a connection");
	if (listen_peer(fd, peer, err) < 0)
		goto fail;
	if (peer->uid == uid)
		return fd;
	err_set(err, ERR_REFUSED, "a connection of user %lu was refused; only user %lu is served",
		(unsigned long)peer->uid, (unsigned long)uid);
fail:
	close(fd);
	return -1;
}

void listen_close(struct listen_socket *l)
{
	if (l->fd >= 0)
		close(l->fd);
	if (l->lock >= 0)
		close(l->lock);
	*l = (struct listen_socket)LISTEN_INIT;
}
