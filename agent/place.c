/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

/* More new Secrets than this are brought to disk with all that waits for it on that file system. */
#define SYNC_EACH 8

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* --- SECRETS itself --------------------------------------------------------------------------- */

static mode_t folder_mode(mode_t file_mode)
{
	mode_t read = file_mode & 0444;

	return 0700 | read | read >> 2;
}

static int open_made(int at, const char *name, mode_t mode, struct err *err)
{
	int fd;

	if (mkdirat(at, name, mode) < 0 && errno != EEXIST)
		return err_sys(err, "%s: cannot create", name);
	fd = openat(at, name, FOLDER_FLAGS);
	return fd >= 0 ? fd : err_sys(err, "%s: cannot open as a folder", name);
}

static int check_folder(const struct place *p, struct err *err)
{
	struct stat st;

	if (fstat(p->fd, &st) < 0)
		return err_sys(err, "%s: cannot stat", p->path);
	if ((st.st_mode & 02) != 0)
		return err_set(err, ERR_REFUSED,
			       "%s: every user can write to it (mode %04o); chmod o-w it", p->path,
			       (unsigned)(st.st_mode & 07777));
	return 0;
}

static int take_lock(struct place *p, struct err *err)
{
	p->lock = openat(p->own, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (p->lock < 0)
		return err_sys(err, "%s/" PLACE_OWN "/lock: cannot open", p->path);
	if (flock(p->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return err_sys(err, "%s/" PLACE_OWN "/lock: cannot lock", p->path);
	return err_set(err, ERR_CONFLICT, "%s: another bulla-agent is keeping this folder",
		       p->path);
}

/*
 * What an agent that was killed left behind; the lock says that nobody works on it now.  Among it
 * may be a folder that was just exchanged for ours, so what is foreign in there is kept.
 */
static int sweep(const struct place *p, struct err *err)
{
	char **names = NULL;
	size_t n = 0;
	size_t i;
	int r = 0;

	if (folder_names(p->making, &names, &n) < 0)
		return err_sys(err, "%s/" PLACE_OWN "/new: cannot list", p->path);
	for (i = 0; i < n; i++) {
		int fd = openat(p->making, names[i], FOLDER_FLAGS);

		if (fd >= 0) {
			if (r == 0)
				r = folder_spare(fd, p->found, err);
			close(fd);
		}
		mem_free(names[i]);
	}
	mem_free(names);
	return r < 0 ? -1 : folder_empty(p->making, err);
}

int place_open(struct place *p, const char *path, mode_t file_mode, struct err *err)
{
	*p = (struct place){ .fd = -1, .own = -1, .making = -1, .found = -1, .lock = -1 };
	p->path = mem_str(path);
	p->modes = (struct folder_modes){ file_mode, folder_mode(file_mode) };
	if (mkdir(path, p->modes.folder) == 0)
		chmod(path, p->modes.folder); /* past the umask */
	else if (errno != EEXIST)
		return err_sys(err, "%s: cannot create", path);
	p->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->fd < 0)
		return err_sys(err, "%s: cannot open as a folder", path);
	if (check_folder(p, err) < 0)
		return -1;
	p->own = open_made(p->fd, PLACE_OWN, 0700, err);
	if (p->own < 0 || take_lock(p, err) < 0)
		return -1;
	p->making = open_made(p->own, "new", 0700, err);
	p->found = p->making < 0 ? -1 : open_made(p->own, "found", 0700, err);
	if (p->found < 0)
		return -1;
	return sweep(p, err);
}

void place_close(struct place *p)
{
	const int fds[] = { p->fd, p->own, p->making, p->found, p->lock };
	size_t i;

	for (i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	mem_free(p->path);
	*p = (struct place){ .fd = -1, .own = -1, .making = -1, .found = -1, .lock = -1 };
}

/* --- one Secret ------------------------------------------------------------------------------- */

static int open_secret(const struct place *p, const char *namespace, const char *name)
{
	int dir = openat(p->fd, namespace, FOLDER_FLAGS);
	int fd, saved;

	if (dir < 0)
		return -1;
	fd = openat(dir, name, FOLDER_FLAGS);
	saved = errno;
	close(dir);
	errno = saved;
	return fd;
}

static enum target look_missing(const struct place *p, const char *namespace, const char *name,
				struct err *why)
{
	if (errno == ENOENT)
		return TARGET_ABSENT;
	if (errno == ENOTDIR || errno == ELOOP) {
		err_set(why, ERR_CONFLICT,
			"%s/%s/%s: not a folder, and not made by the agent; remove it to let the "
			"Secret take its place",
			p->path, namespace, name);
		return TARGET_FOREIGN;
	}
	err_sys(why, "%s/%s/%s: cannot open", p->path, namespace, name);
	return TARGET_ERROR;
}

static enum target look_foreign(const struct place *p, int fd, const char *namespace,
				const char *name, struct err *why)
{
	struct stat st;

	if (fstatat(fd, PLACE_ADOPT, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
		return TARGET_ADOPT;
	err_set(why, ERR_CONFLICT,
		"%s/%s/%s: a folder that the agent did not make; remove it, or create the file "
		"%s/%s/%s/" PLACE_ADOPT " to have it moved to " PLACE_OWN "/found and replaced",
		p->path, namespace, name, p->path, namespace, name);
	return TARGET_FOREIGN;
}

enum target place_look(const struct place *p, const char *namespace, const char *name,
		       const struct folder_mark *mark, struct err *why)
{
	unsigned char print[FOLDER_PRINT];
	enum target t = TARGET_CHANGED;
	int fd = open_secret(p, namespace, name);

	if (fd < 0)
		return look_missing(p, namespace, name, why);
	if (mark == NULL || !folder_is(fd, mark)) {
		t = look_foreign(p, fd, namespace, name, why);
	} else if (folder_print(fd, print) < 0) {
		/* an entry that went while we looked; whoever took it changed the folder */
		if (errno != ENOENT) {
			err_sys(why, "%s/%s/%s: cannot look into it", p->path, namespace, name);
			t = TARGET_ERROR;
		}
	} else if (memcmp(print, mark->print, sizeof(print)) == 0) {
		t = TARGET_INTACT;
	}
	close(fd);
	return t;
}

bool place_lacks_namespace(const struct place *p, const char *namespace)
{
	struct stat st;

	return fstatat(p->fd, namespace, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

bool place_holds(const struct place *p, const char *namespace, const char *name,
		 const struct kv *data)
{
	int fd = open_secret(p, namespace, name);
	bool r;

	if (fd < 0)
		return false;
	r = folder_holds(fd, data, &p->modes);
	close(fd);
	return r;
}

int place_print(const struct place *p, const char *namespace, const char *name,
		struct folder_mark *mark, struct err *err)
{
	int fd = open_secret(p, namespace, name);
	int r = -1;

	if (fd < 0)
		return err_sys(err, "%s/%s/%s: cannot open", p->path, namespace, name);
	if (folder_print(fd, mark->print) < 0)
		err_sys(err, "%s/%s/%s: cannot look into it", p->path, namespace, name);
	else
		r = 0;
	close(fd);
	return r;
}

int place_update(const struct place *p, const char *namespace, const char *name,
		 const struct kv *data, struct folder_mark *mark, size_t *moved, struct err *err)
{
	int fd = open_secret(p, namespace, name);
	int r = -1;

	*moved = 0;
	if (fd < 0)
		return err_sys(err, "%s/%s/%s: cannot open", p->path, namespace, name);
	if (!folder_is(fd, mark))
		err_set(err, ERR_CONFLICT, "%s/%s/%s: not the folder that the agent made", p->path,
			namespace, name);
	else if (folder_write(fd, data, &p->modes, p->found, mark, moved, err) < 0)
		err_wrap(err, "%s/%s/%s", p->path, namespace, name);
	else
		r = 0;
	close(fd);
	return r;
}

/* --- make ------------------------------------------------------------------------------------- */

/* A fresh folder below "new", open. */
static int make_staging(const struct place *p, char name[static 32], struct err *err)
{
	unsigned tries;

	for (tries = 0; tries < 100; tries++) {
		snprintf(name, 32, "%08x%08x", randombytes_random(), randombytes_random());
		if (mkdirat(p->making, name, 0700) == 0)
			return openat(p->making, name, FOLDER_FLAGS);
		if (errno != EEXIST)
			break;
	}
	name[0] = '\0';
	return err_sys(err, "%s/" PLACE_OWN "/new: cannot create a folder", p->path);
}

int place_stage(const struct place *p, const struct kv *data, struct place_new *out,
		struct err *err)
{
	int fd;
	int r = -1;

	*out = (struct place_new){ 0 };
	fd = make_staging(p, out->folder, err);
	if (fd < 0 && out->folder[0] != '\0')
		err_sys(err, "%s/" PLACE_OWN "/new: cannot open a new folder", p->path);
	if (fd < 0)
		goto out;
	/* with its print, so that an edit right after it is in place is seen as one */
	if (folder_fill(fd, data, &p->modes, &out->mark, err) < 0) {
		err_wrap(err, "%s/" PLACE_OWN "/new", p->path);
		goto out;
	}
	r = 0;
out:
	if (fd >= 0)
		close(fd);
	if (r < 0)
		place_drop(p, out);
	return r;
}

int place_sync(const struct place *p, const struct place_new *const *news, size_t n,
	       struct err *err)
{
	size_t i;
	int r = 0;

	if (n > SYNC_EACH)
		return syncfs(p->making) == 0 ? 0
					      : err_sys(err, "%s: cannot write to disk", p->path);
	for (i = 0; i < n && r == 0; i++) {
		int fd = openat(p->making, news[i]->folder, FOLDER_FLAGS);

		if (fd < 0)
			return err_sys(err, "%s/" PLACE_OWN "/new: cannot open", p->path);
		r = folder_sync(fd, err);
		close(fd);
	}
	return r;
}

/* It may be a foreign folder that was exchanged for ours: what is not ours in it is kept. */
static void take_apart(const struct place *p, const char *folder)
{
	int fd = openat(p->making, folder, FOLDER_FLAGS);

	if (fd >= 0) {
		if (folder_spare(fd, p->found, NULL) >= 0)
			folder_empty(fd, NULL);
		close(fd);
	}
	unlinkat(p->making, folder, AT_REMOVEDIR);
}

void place_drop(const struct place *p, struct place_new *new)
{
	if (new->folder[0] != '\0')
		take_apart(p, new->folder);
	new->folder[0] = '\0';
}

static int open_namespace(const struct place *p, const char *namespace, struct err *err)
{
	int dir;

	if (mkdirat(p->fd, namespace, 0700) == 0) {
		dir = openat(p->fd, namespace, FOLDER_FLAGS);
		if (dir >= 0 && (fchmod(dir, p->modes.folder) < 0 || fsync(p->fd) < 0)) {
			close(dir);
			dir = -1;
		}
	} else if (errno == EEXIST) {
		dir = openat(p->fd, namespace, FOLDER_FLAGS);
	} else {
		return err_sys(err, "%s/%s: cannot create", p->path, namespace);
	}
	return dir >= 0 ? dir : err_sys(err, "%s/%s: cannot open as a folder", p->path, namespace);
}

static int put_aside(const struct place *p, const struct place_new *new, const char *namespace,
		     const char *name, struct err *err)
{
	char to[NAME_MAX + 1];

	snprintf(to, sizeof(to), "%08x.%.60s.%.150s", randombytes_random(), namespace, name);
	if (renameat2(p->making, new->folder, p->found, to, RENAME_NOREPLACE) < 0)
		return err_sys(err, "%s/" PLACE_OWN "/found: cannot keep the folder that was there",
			       p->path);
	return 0;
}

/* Not every file system knows the flags; then rename still replaces nothing but an empty folder. */
static int rename_new(int from, const char *old, int to, const char *new)
{
	if (renameat2(from, old, to, new, RENAME_NOREPLACE) == 0)
		return 0;
	return errno == EINVAL ? renameat(from, old, to, new) : -1;
}

int place_publish(const struct place *p, const char *namespace, const char *name,
		  struct place_new *new, bool adopt, struct err *err)
{
	int dir = open_namespace(p, namespace, err);
	int r = -1;

	if (dir < 0)
		return -1;
	if ((adopt ? renameat2(p->making, new->folder, dir, name, RENAME_EXCHANGE)
		   : rename_new(p->making, new->folder, dir, name)) < 0) {
		err_sys(err, "%s/%s/%s: cannot put the Secret in place", p->path, namespace, name);
		goto out;
	}
	if (adopt && put_aside(p, new, namespace, name, err) < 0) {
		renameat2(p->making, new->folder, dir, name, RENAME_EXCHANGE);
		goto out;
	}
	new->folder[0] = '\0';
	r = 0;
out:
	close(dir);
	return r;
}

int place_settle(const struct place *p, const char *namespace, struct err *err)
{
	int dir = openat(p->fd, namespace, FOLDER_FLAGS);
	int r;

	if (dir < 0)
		return err_sys(err, "%s/%s: cannot open", p->path, namespace);
	r = fsync(dir) == 0
		? 0
		: err_sys(err, "%s/%s: cannot write the folder to disk", p->path, namespace);
	close(dir);
	return r;
}

/* --- remove ----------------------------------------------------------------------------------- */

static bool is_same(int fd, int at, const char *name)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && fstatat(at, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int remove_ours(const struct place *p, int dir, int fd, const char *name, struct err *err)
{
	char gone[32];

	if (folder_spare(fd, p->found, err) < 0)
		return -1;
	snprintf(gone, sizeof(gone), "gone.%08x%08x", randombytes_random(), randombytes_random());
	if (rename_new(dir, name, p->making, gone) < 0)
		return err_sys(err, "cannot take it out of its place");
	if (!is_same(fd, p->making, gone)) {
		/* someone put another folder there in the meantime: give it back */
		rename_new(p->making, gone, dir, name);
		return err_set(err, ERR_CONFLICT, "was replaced meanwhile");
	}
	if (folder_empty(fd, err) < 0)
		return -1;
	if (unlinkat(p->making, gone, AT_REMOVEDIR) < 0)
		return err_sys(err, "cannot remove the emptied folder");
	return fsync(dir) == 0 ? 0 : err_sys(err, "cannot write the folder to disk");
}

int place_remove(const struct place *p, const char *namespace, const char *name,
		 const struct folder_mark *mark, bool tidy, struct err *err)
{
	int dir = openat(p->fd, namespace, FOLDER_FLAGS);
	int fd = -1;
	int r = -1;

	if (dir < 0)
		return errno == ENOENT ? 0 : err_sys(err, "%s/%s: cannot open", p->path, namespace);
	fd = openat(dir, name, FOLDER_FLAGS);
	if (fd < 0 && errno != ENOENT) {
		err_sys(err, "%s/%s/%s: cannot open", p->path, namespace, name);
		goto out;
	}
	if (fd >= 0 && !folder_is(fd, mark)) {
		err_set(err, ERR_CONFLICT, "%s/%s/%s: not the folder that the agent made", p->path,
			namespace, name);
		goto out;
	}
	if (fd >= 0 && remove_ours(p, dir, fd, name, err) < 0) {
		err_wrap(err, "%s/%s/%s", p->path, namespace, name);
		goto out;
	}
	if (tidy)
		unlinkat(p->fd, namespace, AT_REMOVEDIR); /* fails while anything is in it */
	r = 0;
out:
	if (fd >= 0)
		close(fd);
	close(dir);
	return r;
}
