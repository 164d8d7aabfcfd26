/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

#define READ_CHUNK 65536

int file_read_fd(int fd, const char *name, size_t max, struct buf *out, struct err *err)
{
	buf_clear(out);
	for (;;) {
		size_t want = READ_CHUNK;
		size_t had = out->len;
		ssize_t n;

		/* one byte past max tells "too large" from "just fits" */
		if (max - had < want)
			want = max - had + 1;
		if (buf_reserve(out, want) == NULL)
			return err_set(err, ERR_INTERNAL, "%s: read limit above the buffer's",
				       name);
		n = read(fd, out->data + had, want);
		buf_truncate(out, had + (n > 0 ? (size_t)n : 0));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			err_sys(err, "%s: cannot read", name);
			buf_clear(out);
			return -1;
		}
		if (n == 0)
			return 0;
		if (out->len > max) {
			buf_clear(out);
			return err_set(err, ERR_INVALID, "%s: larger than %zu bytes", name, max);
		}
	}
}

/* A shell's <(...) arrives as a pipe under /dev/fd; nothing else may be one. */
static bool names_descriptor(const char *path)
{
	return strncmp(path, "/dev/fd/", 8) == 0 || strncmp(path, "/proc/self/fd/", 14) == 0 ||
	       strcmp(path, "/dev/stdin") == 0;
}

static int read_regular(int fd, const char *path, size_t max, int flags, struct buf *out,
			struct stat *st, struct err *err)
{
	struct stat own;

	if (fstat(fd, &own) < 0)
		return err_sys(err, "%s: cannot stat", path);
	if (!S_ISREG(own.st_mode) && !(S_ISFIFO(own.st_mode) && names_descriptor(path)))
		return err_set(err, ERR_IO, "%s: not a regular file", path);
	if ((flags & FILE_PRIVATE) != 0 && S_ISREG(own.st_mode) && (own.st_mode & 077) != 0)
		return err_set(err, ERR_INVALID,
			       "%s: other users can read or write it (mode %04o); chmod 600 it",
			       path, (unsigned)(own.st_mode & 07777));
	if (S_ISREG(own.st_mode) && own.st_size > 0 && (unsigned long long)own.st_size > max)
		return err_set(err, ERR_INVALID, "%s: larger than %zu bytes", path, max);
	if (file_read_fd(fd, path, max, out, err) < 0)
		return -1;
	if (st != NULL)
		*st = own;
	return 0;
}

int file_read(const char *path, size_t max, int flags, struct buf *out, struct stat *st,
	      struct err *err)
{
	int how = O_RDONLY | O_CLOEXEC | O_NOCTTY;
	int fd, r;

	buf_clear(out);
	if ((flags & FILE_STDIN) != 0 && strcmp(path, "-") == 0) {
		if (st != NULL)
			memset(st, 0, sizeof(*st));
		return file_read_fd(STDIN_FILENO, "standard input", max, out, err);
	}
	if (!names_descriptor(path))
		how |= O_NONBLOCK; /* a fifo must not hold us up before fstat says what it is */
	if ((flags & FILE_NOFOLLOW) != 0)
		how |= O_NOFOLLOW;
	fd = open(path, how);
	if (fd < 0 && errno == ELOOP)
		return err_set(err, ERR_IO, "%s: a symbolic link, which is not followed here",
			       path);
	if (fd < 0)
		return err_sys(err, "%s: cannot open", path);
	r = read_regular(fd, path, max, flags, out, st, err);
	close(fd);
	return r;
}

int file_read_beneath(int dirfd, const char *path, size_t max, struct buf *out, struct stat *st,
		      struct err *err)
{
	char name[NAME_MAX + 1];
	const char *at = path;
	int dir = -1, fd = -1, r = -1;

	buf_clear(out);
	for (;;) {
		const char *slash = strchr(at, '/');
		size_t len = slash == NULL ? strlen(at) : (size_t)(slash - at);

		if (len == 0 || len > NAME_MAX || (len == 1 && at[0] == '.') ||
		    (len == 2 && at[0] == '.' && at[1] == '.')) {
			err_set(err, ERR_INVALID, "%s: not a plain path below the folder", path);
			goto out;
		}
		memcpy(name, at, len);
		name[len] = '\0';
		fd = openat(dir < 0 ? dirfd : dir, name,
			    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
				(slash != NULL ? O_DIRECTORY : 0));
		if (fd < 0) {
			if (errno == ELOOP || (errno == ENOTDIR && slash != NULL))
				err_set(err, ERR_IO, "%s: goes through a symbolic link", path);
			else
				err_sys(err, "%s: cannot open", path);
			goto out;
		}
		if (slash == NULL)
			break;
		if (dir >= 0)
			close(dir);
		dir = fd;
		fd = -1;
		at = slash + 1;
	}
	r = read_regular(fd, path, max, 0, out, st, err);
out:
	if (dir >= 0)
		close(dir);
	if (fd >= 0)
		close(fd);
	return r;
}

/* A folder may be searched, which access calls the same. */
static bool can_run(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

char *file_program(const char *name)
{
	const char *path = getenv("PATH");

	if (strchr(name, '/') != NULL)
		return mem_str(name);
	while (path != NULL && *path != '\0') {
		size_t n = strcspn(path, ":");

		if (path[0] == '/') {
			char *program = mem_printf("%.*s/%s", (int)n, path, name);

			if (can_run(program))
				return program;
			mem_free(program);
		}
		path += n;
		path += *path == ':';
	}
	return NULL;
}

int file_write_fd(int fd, const void *data, size_t len, struct err *err)
{
	const unsigned char *at = data;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "cannot write");
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* --- the writer ------------------------------------------------------------------------------- */

/* The temporary file under way, removed when the process ends by exit() (out of memory). */
static char *pending;

static void remove_pending(void)
{
	if (pending != NULL)
		unlink(pending);
}

static void pending_set(char *path)
{
	static bool registered;

	if (!registered)
		registered = atexit(remove_pending) == 0;
	pending = path;
}

/* "DIR/.NAME.bulla~": one name per target, so that a leftover is taken over and not piled up. */
static char *temporary_path(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return mem_printf(".%s.bulla~", path);
	return mem_printf("%.*s/.%s.bulla~", (int)(slash - path), path, slash + 1);
}

/*
 * Open and lock the temporary file.  Whoever held it may have renamed it away while we waited for
 * the lock; then what we hold is no longer what the name means, and we try again.
 */
static int open_temporary(const char *tmp, struct err *err)
{
	for (int tries = 0; tries < 100; tries++) {
		struct stat held, named;
		int fd = open(tmp, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);

		if (fd < 0)
			return err_sys(err, "%s: cannot create", tmp);
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			if (errno != EWOULDBLOCK && errno != EINTR) {
				err_sys(err, "%s: cannot lock", tmp);
				close(fd);
				return -1;
			}
			close(fd);
			usleep(20000);
			continue;
		}
		if (fstat(fd, &held) == 0 && lstat(tmp, &named) == 0 &&
		    held.st_ino == named.st_ino && held.st_dev == named.st_dev &&
		    S_ISREG(held.st_mode) && held.st_nlink == 1)
			return fd;
		close(fd);
	}
	return err_set(err, ERR_CONFLICT, "%s: another process is writing the same file", tmp);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtime == b->st_mtime;
}

/* Is the target as the caller believes it to be?  Gives its mode. */
static int check_target(const struct file_write *w, mode_t *mode, bool *exists, struct err *err)
{
	struct stat st;

	*mode = w->mode;
	*exists = lstat(w->path, &st) == 0;
	if (!*exists) {
		if (errno != ENOENT)
			return err_sys(err, "%s: cannot stat", w->path);
		if (w->expect != NULL)
			return err_set(err, ERR_CONFLICT, "%s: was removed meanwhile", w->path);
		return 0;
	}
	if (w->exclusive)
		return err_set(err, ERR_CONFLICT, "%s: exists already", w->path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INVALID, "%s: not a regular file", w->path);
	if (w->expect != NULL && !same_file(&st, w->expect))
		return err_set(err, ERR_CONFLICT, "%s: changed meanwhile; try again", w->path);
	*mode = st.st_mode & 07777;
	return 0;
}

/*
 * The folder of path, to make a new name in it durable; -1 when it cannot be opened.  Taken before
 * the change, because after it nothing may fail any more.
 */
static int open_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash == NULL ? mem_str(".")
				  : mem_strn(path, slash == path ? 1 : (size_t)(slash - path));
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	mem_free(dir);
	return fd;
}

int file_write(const struct file_write *w, const void *data, size_t len, struct err *err)
{
	char *tmp = temporary_path(w->path);
	bool exists, made = false;
	mode_t mode;
	int fd = -1, folder = open_folder(w->path), r = -1;

	if (check_target(w, &mode, &exists, err) < 0)
		goto out;
	fd = open_temporary(tmp, err);
	if (fd < 0)
		goto out;
	made = true;
	pending_set(tmp);
	/* again under the lock: two writers must not both believe the target unchanged */
	if (check_target(w, &mode, &exists, err) < 0)
		goto out;
	if (ftruncate(fd, 0) < 0 || fchmod(fd, mode) < 0) {
		err_sys(err, "%s: cannot prepare", tmp);
		goto out;
	}
	if (file_write_fd(fd, data, len, err) < 0) {
		err_wrap(err, "%s", tmp);
		goto out;
	}
	if (fsync(fd) < 0) {
		err_sys(err, "%s: cannot write to disk", tmp);
		goto out;
	}
	if (w->exclusive && link(tmp, w->path) < 0) {
		if (errno == EEXIST)
			err_set(err, ERR_CONFLICT, "%s: exists already", w->path);
		else
			err_sys(err, "%s: cannot create", w->path);
		goto out;
	}
	if (!w->exclusive && rename(tmp, w->path) < 0) {
		err_sys(err, "%s: cannot replace", w->path);
		goto out;
	}
	made = w->exclusive; /* link leaves the temporary name */
	if (folder >= 0)
		fsync(folder); /* a file system that cannot is not an error */
	r = 0;
out:
	pending_set(NULL);
	if (made)
		unlink(tmp);
	if (fd >= 0)
		close(fd);
	if (folder >= 0)
		close(folder);
	mem_free(tmp);
	return r;
}

/* --- paths ------------------------------------------------------------------------------------ */

int file_mkdirs(const char *path, mode_t mode, struct err *err)
{
	char *copy = mem_str(path);
	int r = -1;

	for (char *at = copy; *at != '\0';) {
		char *slash = strchr(at + 1, '/');

		if (slash != NULL)
			*slash = '\0';
		if (mkdir(copy, mode) < 0 && errno != EEXIST) {
			err_sys(err, "%s: cannot make the folder", copy);
			goto out;
		}
		if (slash == NULL)
			break;
		*slash = '/';
		at = slash;
	}
	r = 0;
out:
	mem_free(copy);
	return r;
}

char *file_absolute(const char *path, struct err *err)
{
	char *head = mem_str(path);
	char *tail = mem_str("");
	char *result = NULL;

	/* realpath of the longest part that exists, then the rest as it stands */
	for (;;) {
		char *real = realpath(*head == '\0' ? "." : head, NULL);
		char *slash, *longer;

		if (real != NULL) {
			result =
			    *tail == '\0'
				? mem_str(real)
				: mem_printf("%s/%s", strcmp(real, "/") == 0 ? "" : real, tail);
			free(real);
			break;
		}
		if (errno != ENOENT || *head == '\0') {
			err_sys(err, "%s: cannot resolve", path);
			break;
		}
		slash = strrchr(head, '/');
		longer = mem_printf("%s%s%s", slash == NULL ? head : slash + 1,
				    *tail == '\0' ? "" : "/", tail);
		mem_free(tail);
		tail = longer;
		if (slash == NULL)
			*head = '\0';
		else if (slash == head)
			head[1] = '\0';
		else
			*slash = '\0';
	}
	mem_free(head);
	mem_free(tail);
	return result;
}

char *file_git_top(const char *path)
{
	char *at = file_absolute(path, NULL);

	while (at != NULL) {
		char *git = mem_printf("%s/.git", strcmp(at, "/") == 0 ? "" : at);
		struct stat st;
		bool found = stat(git, &st) == 0;
		char *slash;

		mem_free(git);
		if (found)
			return at;
		slash = strrchr(at, '/');
		if (slash == NULL || strcmp(at, "/") == 0)
			break;
		slash[slash == at ? 1 : 0] = '\0';
	}
	mem_free(at);
	return NULL;
}
