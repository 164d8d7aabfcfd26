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

#ifdef __APPLE__ /* their names there */
#define st_mtim st_mtimespec
#define st_ctim st_ctimespec
#endif

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

/* --- the writer ------------------------------------------------------------------------------- */

struct file_stage {
	struct file_stage *next;
	char *path, *tmp;
	struct file_write w; /* its path is ours */
	int fd;
	bool made; /* the temporary file is there */
};

/* Those under way, removed when the process ends by exit() (out of memory). */
static struct file_stage *stages;

static void remove_stages(void)
{
	for (const struct file_stage *s = stages; s != NULL; s = s->next)
		if (s->made)
			unlink(s->tmp);
}

static void stages_add(struct file_stage *s)
{
	static bool registered;

	if (!registered)
		registered = atexit(remove_stages) == 0;
	s->next = stages;
	stages = s;
}

static void stages_remove(const struct file_stage *s)
{
	struct file_stage **at = &stages;

	while (*at != NULL && *at != s)
		at = &(*at)->next;
	if (*at != NULL)
		*at = s->next;
}

/* "DIR/.NAME.bulla~": one name per target, so that a leftover is taken over and not piled up. */
static char *temporary_path(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return mem_printf(".%s" FILE_TEMPORARY, path);
	return mem_printf("%.*s/.%s" FILE_TEMPORARY, (int)(slash - path), path, slash + 1);
}

/* made: it was not there. */
static int open_or_make(const char *tmp, bool *made)
{
	const int how = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
	int fd;

	do {
		fd = open(tmp, how | O_CREAT | O_EXCL, 0600);
		*made = fd >= 0;
		if (fd >= 0 || errno != EEXIST)
			break;
		fd = open(tmp, how);
	} while (fd < 0 && errno == ENOENT);
	return fd;
}

/*
 * Open and lock the temporary file.  Whoever held it may have renamed it away while we waited for
 * the lock; then what we hold is no longer what the name means, and we try again.
 */
static int open_temporary(const char *tmp, struct err *err)
{
	for (int tries = 0; tries < 100; tries++) {
		struct stat held, named;
		bool made;
		int fd = open_or_make(tmp, &made);

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
		    S_ISREG(held.st_mode)) {
			if (held.st_nlink == 1 && (made || held.st_uid == geteuid()))
				return fd;
			/* a new file's, ended between its two names, or another user's, who may
			 * have it open: what is behind it is not ours to write to */
			unlink(tmp);
		}
		close(fd);
	}
	return err_set(err, ERR_CONFLICT, "%s: another process is writing the same file", tmp);
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/*
 * A file and its temporary one take turns with two inode numbers, and what is sealed anew has the
 * same size: the times alone tell the second change of a file from none.
 */
static bool same_file(const struct stat *is, const struct file_write *w)
{
	const struct stat *was = w->expect;

	return is->st_dev == was->st_dev && is->st_ino == was->st_ino &&
	       is->st_size == was->st_size && same_time(&is->st_mtim, &was->st_mtim) &&
	       (w->renamed || same_time(&is->st_ctim, &was->st_ctim));
}

/* Is the target as the caller believes it to be?  One that is not there has the mode it will. */
static int check_target(const struct file_write *w, struct stat *st, struct err *err)
{
	*st = (struct stat){ .st_mode = w->mode };
	if (lstat(w->path, st) != 0) {
		if (errno != ENOENT)
			return err_sys(err, "%s: cannot stat", w->path);
		if (w->expect != NULL)
			return err_set(err, ERR_CONFLICT, "%s: was removed meanwhile", w->path);
		return 0;
	}
	if (w->exclusive)
		return err_set(err, ERR_CONFLICT, "%s: exists already", w->path);
	if (!S_ISREG(st->st_mode))
		return err_set(err, ERR_INVALID, "%s: not a regular file", w->path);
	if (w->expect != NULL && !same_file(st, w))
		return err_set(err, ERR_CONFLICT, "%s: changed meanwhile; try again", w->path);
	return 0;
}

/* A file system whose clock ticks slowly gives two writers one time; each is to have its own. */
static void make_later(int fd, const struct stat *than)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, than->st_mtim };
	struct stat st;

	if (fstat(fd, &st) < 0 || st.st_mtim.tv_sec != times[1].tv_sec ||
	    st.st_mtim.tv_nsec > times[1].tv_nsec || times[1].tv_nsec == 999999999)
		return;
	times[1].tv_nsec++;
	futimens(fd, times); /* one that cannot is as it was before */
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

static int stage_fill(struct file_stage *s, const void *data, size_t len, struct err *err)
{
	struct stat st;

	if (check_target(&s->w, &st, err) < 0)
		return -1;
	s->fd = open_temporary(s->tmp, err);
	if (s->fd < 0)
		return -1;
	s->made = true;
	/* again under the lock: two writers must not both believe the target unchanged */
	if (check_target(&s->w, &st, err) < 0)
		return -1;
	if (ftruncate(s->fd, 0) < 0 || fchmod(s->fd, st.st_mode & 07777) < 0)
		return err_sys(err, "%s: cannot prepare", s->tmp);
	if (file_write_fd(s->fd, data, len, err) < 0)
		return err_wrap(err, "%s", s->tmp);
	make_later(s->fd, &st);
	return 0;
}

struct file_stage *file_stage_new(const struct file_write *w, const void *data, size_t len,
				  struct err *err)
{
	struct file_stage *s = mem_alloc(sizeof(*s));

	s->path = mem_str(w->path);
	s->tmp = temporary_path(w->path);
	s->w = *w;
	s->w.path = s->path;
	s->fd = -1;
	stages_add(s);
	if (stage_fill(s, data, len, err) == 0)
		return s;
	file_stage_free(s);
	return NULL;
}

void file_stage_free(struct file_stage *s)
{
	if (s == NULL)
		return;
	if (s->made)
		unlink(s->tmp);
	stages_remove(s);
	if (s->fd >= 0)
		close(s->fd);
	mem_free(s->tmp);
	mem_free(s->path);
	mem_free(s);
}

#ifdef __linux__
/*
 * One flush for all: with one for each, a file system with a journal commits that once for each.
 * Linux tells here of what could not be written since 5.8.
 */
static bool sync_together(struct file_stage *const *list, size_t n)
{
	struct stat first, st;

	if (n < 4 || fstat(list[0]->fd, &first) < 0)
		return false;
	for (size_t i = 1; i < n; i++)
		if (fstat(list[i]->fd, &st) < 0 || st.st_dev != first.st_dev)
			return false;
	return syncfs(list[0]->fd) == 0;
}
#else
static bool sync_together(struct file_stage *const *list, size_t n)
{
	(void)list;
	(void)n;
	return false;
}
#endif

int file_stage_sync(struct file_stage *const *list, size_t n, struct err *err)
{
	if (sync_together(list, n))
		return 0;
	for (size_t i = 0; i < n; i++)
		if (fsync(list[i]->fd) < 0)
			return err_sys(err, "%s: cannot write to disk", list[i]->tmp);
	return 0;
}

int file_stage_commit(struct file_stage *s, struct err *err)
{
	struct stat st;

	if (s->w.exclusive) {
		if (link(s->tmp, s->path) == 0)
			return 0;
		if (errno == EEXIST)
			return err_set(err, ERR_CONFLICT, "%s: exists already", s->path);
		return err_sys(err, "%s: cannot create", s->path);
	}
	/* syncing many takes its time */
	if (s->w.expect != NULL && check_target(&s->w, &st, err) < 0)
		return -1;
	if (rename(s->tmp, s->path) < 0)
		return err_sys(err, "%s: cannot replace", s->path);
	s->made = false;
	return 0;
}

void file_stage_sweep(const char *path)
{
	char *tmp = temporary_path(path);
	struct stat held, named;
	int fd = open(tmp, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &held) == 0 &&
	    lstat(tmp, &named) == 0 && held.st_ino == named.st_ino && held.st_dev == named.st_dev &&
	    S_ISREG(held.st_mode))
		unlink(tmp);
	if (fd >= 0)
		close(fd);
	mem_free(tmp);
}

int file_write(const struct file_write *w, const void *data, size_t len, struct err *err)
{
	int folder = open_folder(w->path), r = -1;
	struct file_stage *s = file_stage_new(w, data, len, err);

	if (s != NULL && file_stage_sync(&s, 1, err) == 0)
		r = file_stage_commit(s, err);
	if (r == 0 && folder >= 0)
		fsync(folder); /* a file system that cannot is not an error */
	file_stage_free(s);
	if (folder >= 0)
		close(folder);
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
