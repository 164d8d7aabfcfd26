/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/watch.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

#define EVENTS                                                                                     \
	(IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_ATTRIB |        \
	 IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK)

struct folder {
	struct table_node node;
	int wd;
	void *owner;
};

static bool is_wd(const struct table_node *node, const void *key, size_t len)
{
	(void)len;
	return ((const struct folder *)node)->wd == *(const int *)key;
}

int watch_open(struct watch *w, struct err *err)
{
	*w = (struct watch){ .by_wd = TABLE_INIT(is_wd) };
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	return w->fd >= 0 ? 0 : err_sys(err, "cannot watch folders");
}

void watch_close(struct watch *w)
{
	struct table_node **nodes = table_nodes(&w->by_wd);
	size_t i;

	for (i = 0; i < w->by_wd.n; i++)
		mem_free(nodes[i]);
	mem_free(nodes);
	table_clear(&w->by_wd);
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

static struct folder *folder_of(const struct watch *w, int wd)
{
	return (struct folder *)table_find(&w->by_wd, &wd, sizeof(wd));
}

int watch_add(struct watch *w, const char *path, bool follow, void *owner)
{
	int wd = inotify_add_watch(w->fd, path, EVENTS | (follow ? 0 : IN_DONT_FOLLOW));
	struct folder *f;

	if (wd < 0) {
		w->refused += errno == ENOSPC || errno == ENOMEM;
		return -1;
	}
	f = folder_of(w, wd);
	if (f == NULL) {
		f = mem_alloc(sizeof(*f));
		f->wd = wd;
		table_add(&w->by_wd, &f->node, &wd, sizeof(wd));
	}
	f->owner = owner;
	return wd;
}

static void forget(struct watch *w, struct folder *f)
{
	table_remove(&w->by_wd, &f->node);
	mem_free(f);
}

void watch_remove(struct watch *w, int wd)
{
	struct folder *f = wd < 0 ? NULL : folder_of(w, wd);

	if (f == NULL)
		return;
	inotify_rm_watch(w->fd, wd);
	forget(w, f);
}

/* false: events were lost */
static bool take_event(struct watch *w, const struct inotify_event *e, watch_event *take, void *ctx)
{
	struct folder *f;

	if ((e->mask & IN_Q_OVERFLOW) != 0)
		return false;
	f = folder_of(w, e->wd);
	if (f == NULL)
		return true; /* left over from a watch that was removed */
	take(ctx, f->owner, e->len == 0 ? "" : e->name, (e->mask & IN_ISDIR) != 0);
	if ((e->mask & IN_IGNORED) != 0) {
		f = folder_of(w, e->wd);
		if (f != NULL)
			forget(w, f);
	}
	return true;
}

bool watch_read(struct watch *w, watch_event *take, void *ctx)
{
	_Alignas(struct inotify_event) char events[16384];
	bool whole = true;
	ssize_t n;

	while ((n = read(w->fd, events, sizeof(events))) > 0 || (n < 0 && errno == EINTR)) {
		const char *at = events;

		while (n > 0 && at < events + n) {
			struct inotify_event head;

			memcpy(&head, at, sizeof(head));
			if (!take_event(w, (const void *)at, take, ctx))
				whole = false;
			at += sizeof(head) + head.len;
		}
	}
	return whole;
}
