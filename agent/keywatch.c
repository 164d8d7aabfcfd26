/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keywatch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define CHANGES                                                                                    \
	(IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CLOSE_WRITE | IN_ATTRIB |        \
	 IN_DELETE_SELF | IN_MOVE_SELF)

static void put_time(struct kv *kv, const char *name, const struct stat *st)
{
	kv_set_fmt(kv, name, "%llu %llu %o %lld %lld.%09ld %lld.%09ld",
		   (unsigned long long)st->st_dev, (unsigned long long)st->st_ino,
		   (unsigned)st->st_mode, (long long)st->st_size, (long long)st->st_mtim.tv_sec,
		   st->st_mtim.tv_nsec, (long long)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

static void look_file(struct kv *kv, int dirfd, const char *name)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, 0) == 0)
		put_time(kv, name, &st);
	else
		kv_set_fmt(kv, name, "error %d", errno);
}

static void look_all(struct kv *kv, const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *e;

	if (dir == NULL) {
		kv_set_fmt(kv, ".", "error %d", errno);
		return;
	}
	while ((e = readdir(dir)) != NULL && kv->n < KEYWATCH_FILES_MAX)
		if (e->d_name[0] != '.') /* keyring_add_dir passes over these */
			look_file(kv, dirfd(dir), e->d_name);
	closedir(dir);
}

/* While the directory is missing, the nearest folder above it is where it will appear. */
static void arm(struct keywatch *w)
{
	char *at = mem_str(w->dir);
	int wd;

	while ((wd = inotify_add_watch(w->fd, at, CHANGES | IN_ONLYDIR)) < 0) {
		char *slash = strrchr(at, '/');

		if ((errno != ENOENT && errno != ENOTDIR) || slash == NULL || at[1] == '\0')
			break;
		slash[slash == at ? 1 : 0] = '\0';
	}
	if (w->wd >= 0 && wd != w->wd)
		inotify_rm_watch(w->fd, w->wd);
	w->wd = wd;
	mem_free(at);
}

bool keywatch_look(struct keywatch *w)
{
	struct kv now = KV_INIT;
	bool changed;

	if (w->fd >= 0)
		arm(w); /* before the look: what comes after it is an event */
	look_all(&now, w->dir);
	changed = !kv_equal(&now, &w->seen);
	kv_clear(&w->seen);
	w->seen = now;
	w->first = 0;
	w->look_at = clock_monotonic_ms() + KEYWATCH_SLOW_MS;
	return changed;
}

void keywatch_init(struct keywatch *w, const char *dir)
{
	*w = (struct keywatch){ .dir = dir, .wd = -1 };
	w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	keywatch_look(w);
}

void keywatch_read(struct keywatch *w)
{
	char events[4096];
	int64_t now = clock_monotonic_ms();
	bool any = false;

	while (read(w->fd, events, sizeof(events)) > 0)
		any = true;
	if (!any)
		return;
	if (w->first == 0)
		w->first = now;
	w->look_at = now + KEYWATCH_QUIET_MS;
	if (w->look_at > w->first + KEYWATCH_BUSY_MS)
		w->look_at = w->first + KEYWATCH_BUSY_MS;
}

void keywatch_clear(struct keywatch *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
	kv_clear(&w->seen);
}
