/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

#define READ_CHUNK 65536
#define READ_SPARE 64 /* asked for beyond a file, to see its end */

/* first: how many bytes to ask for at once, when it is known how many there are. */
static int read_up_to(int fd, const char *name, size_t max, size_t first, struct buf *out,
		      struct err *err)
{
	size_t chunk = first < READ_CHUNK ? first : READ_CHUNK;

	buf_clear(out);
	for (;;) {
		size_t had = out->len, want = chunk;
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
		/* a whole file is read: what is left of the room will tell that it ends here */
		chunk = first < READ_CHUNK && (size_t)n < want ? want - (size_t)n : READ_CHUNK;
	}
}

static int read_all(int fd, const char *name, size_t max, size_t first, struct buf *out,
		    struct err *err)
{
	size_t own = out->max;
	int r;

	if (own != 0 && own < max)
		return err_set(err, ERR_INTERNAL, "%s: read limit above the buffer's", name);
	/* the byte past max has no room in a buffer of the same limit */
	out->max = 0;
	r = read_up_to(fd, name, max, first, out, err);
	out->max = own;
	return r;
}

int file_read_fd(int fd, const char *name, size_t max, struct buf *out, struct err *err)
{
	return read_all(fd, name, max, READ_CHUNK, out, err);
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
	size_t first = READ_CHUNK;
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
	if (own.st_size > 0 && own.st_size < READ_CHUNK)
		first = (size_t)own.st_size + READ_SPARE;
	if (read_all(fd, path, max, first, out, err) < 0)
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

int file_mkdirs_above(const char *path, mode_t mode, struct err *err)
{
	const char *slash = strrchr(path, '/');
	char *folder;
	int r;

	if (slash == NULL || slash == path)
		return 0;
	folder = mem_strn(path, (size_t)(slash - path));
	r = file_mkdirs(folder, mode, err);
	mem_free(folder);
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
