/* SPDX-License-Identifier: Apache-2.0 */
/* The writer of base/file.h. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
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
