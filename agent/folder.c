/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

#define DATA_NEXT "..data_tmp"
#define LINK_NEXT "..link_tmp"
#define DEPTH_MAX 64

/* --- what is there ---------------------------------------------------------------------------- */

/* Call visit for each entry but "." and ".."; ends early when it returns non-zero. */
static int each_entry(int fd, int (*visit)(int fd, const char *name, void *ctx), void *ctx)
{
	int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = own < 0 ? NULL : fdopendir(own);
	struct dirent *entry;
	int r = 0;

	if (dir == NULL) {
		if (own >= 0)
			close(own);
		return -1;
	}
	while (r == 0 && (errno = 0, entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = visit(fd, entry->d_name, ctx);
	if (entry == NULL && errno != 0)
		r = -1;
	closedir(dir);
	return r;
}

struct names {
	char **names;
	size_t n;
	size_t cap;
};

static int take_name(int fd, const char *name, void *ctx)
{
	struct names *t = ctx;

	(void)fd;
	if (t->n == t->cap) {
		t->cap = t->cap == 0 ? 16 : t->cap * 2;
		t->names = mem_grow(t->names, t->cap, sizeof(*t->names));
	}
	t->names[t->n++] = mem_str(name);
	return 0;
}

int folder_names(int fd, char ***names, size_t *n)
{
	struct names t = { NULL, 0, 0 };
	int r = each_entry(fd, take_name, &t);

	*names = t.names;
	*n = t.n;
	return r;
}

static bool is_stamp(const char *name)
{
	return strncmp(name, "..2", 3) == 0;
}

/* Is name a link with exactly this target? */
static bool links_to(int fd, const char *name, const char *target)
{
	char text[NAME_MAX + sizeof(FOLDER_DATA) + 1];
	ssize_t n = readlinkat(fd, name, text, sizeof(text));

	return n >= 0 && (size_t)n == strlen(target) && memcmp(text, target, (size_t)n) == 0;
}

static bool is_key_link(int fd, const char *name)
{
	char target[NAME_MAX + sizeof(FOLDER_DATA) + 1];

	snprintf(target, sizeof(target), FOLDER_DATA "/%s", name);
	return links_to(fd, name, target);
}

/* Did the agent make this entry?  Judged by its name and kind: the layout has no others. */
static bool is_ours(int fd, const char *name)
{
	struct stat st;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return true; /* gone meanwhile: nothing to spare */
	if (S_ISDIR(st.st_mode))
		return is_stamp(name);
	if (!S_ISLNK(st.st_mode))
		return false;
	return strcmp(name, FOLDER_DATA) == 0 || strcmp(name, DATA_NEXT) == 0 ||
	       strcmp(name, LINK_NEXT) == 0 || is_key_link(fd, name);
}

int folder_identify(int fd, struct folder_mark *mark)
{
	struct statx x;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &x) < 0)
		return -1;
	mark->ino = x.stx_ino;
	mark->born = (x.stx_mask & STATX_BTIME) == 0
			 ? 0
			 : (int64_t)x.stx_btime.tv_sec * 1000000000 + x.stx_btime.tv_nsec;
	return 0;
}

bool folder_is(int fd, const struct folder_mark *mark)
{
	struct folder_mark now = { 0 };
	struct stat st;

	/* a copy or a restored backup has other inodes, but still our randomly named folder */
	if (mark->stamp[0] != '\0' && fstatat(fd, mark->stamp, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(st.st_mode))
		return true;
	return folder_identify(fd, &now) == 0 && now.ino == mark->ino && now.born == mark->born;
}

/* --- print ------------------------------------------------------------------------------------ */

struct print_pass {
	unsigned char sum[FOLDER_PRINT];
	const char *prefix;
};

/* Entries come in any order, so their prints are joined by one that does not depend on it. */
static void print_add(struct print_pass *p, const char *name, const struct stat *st)
{
	const int64_t seen[] = { (int64_t)st->st_ino,  (int64_t)st->st_mode,
				 (int64_t)st->st_uid,  (int64_t)st->st_gid,
				 (int64_t)st->st_size, (int64_t)st->st_mtim.tv_sec,
				 st->st_mtim.tv_nsec,  (int64_t)st->st_ctim.tv_sec,
				 st->st_ctim.tv_nsec };
	unsigned char one[FOLDER_PRINT];
	crypto_generichash_state state;
	size_t i;

	crypto_generichash_init(&state, NULL, 0, sizeof(one));
	crypto_generichash_update(&state, (const unsigned char *)seen, sizeof(seen));
	crypto_generichash_update(&state, (const unsigned char *)p->prefix, strlen(p->prefix) + 1);
	crypto_generichash_update(&state, (const unsigned char *)name, strlen(name));
	crypto_generichash_final(&state, one, sizeof(one));
	for (i = 0; i < sizeof(one); i++)
		p->sum[i] ^= one[i];
}

static int print_entry(int fd, const char *name, void *ctx)
{
	struct print_pass *p = ctx;
	struct stat st;
	int sub, r;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	print_add(p, name, &st);
	if (!S_ISDIR(st.st_mode) || p->prefix[0] != '\0')
		return 0;
	sub = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (sub < 0)
		return -1;
	p->prefix = name;
	r = each_entry(sub, print_entry, p);
	p->prefix = "";
	close(sub);
	return r;
}

int folder_print(int fd, unsigned char print[static FOLDER_PRINT])
{
	struct print_pass p = { .prefix = "" };
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -1;
	/* a rename of the folder itself, or of one above it, changes nothing that matters */
	st.st_ctim = (struct timespec){ 0 };
	print_add(&p, "", &st);
	if (each_entry(fd, print_entry, &p) < 0)
		return -1;
	memcpy(print, p.sum, sizeof(p.sum));
	return 0;
}

/* --- compare ---------------------------------------------------------------------------------- */

static bool file_holds(int fd, const struct kv_item *item, mode_t mode)
{
	struct buf text = BUF_INIT;
	struct stat st;
	bool r;

	r = file_read_beneath(fd, item->name, item->len + 1, &text, &st, NULL) == 0 &&
	    (st.st_mode & 07777) == mode && st.st_uid == geteuid() && text.len == item->len &&
	    (item->len == 0 || memcmp(text.data, item->data, item->len) == 0);
	buf_clear(&text);
	return r;
}

static int count_entry(int fd, const char *name, void *ctx)
{
	size_t *n = ctx;

	(void)fd;
	(void)name;
	++*n;
	return 0;
}

static bool stamp_holds(int fd, const struct kv *data, const struct folder_modes *modes)
{
	struct stat st;
	size_t n = 0;
	size_t i;

	if (fstat(fd, &st) < 0 || (st.st_mode & 07777) != modes->folder)
		return false;
	for (i = 0; i < data->n; i++)
		if (!file_holds(fd, &data->items[i], modes->file))
			return false;
	return each_entry(fd, count_entry, &n) == 0 && n == data->n;
}

bool folder_holds(int fd, const struct kv *data, const struct folder_modes *modes)
{
	char stamp[FOLDER_STAMP_TEXT];
	ssize_t len = readlinkat(fd, FOLDER_DATA, stamp, sizeof(stamp) - 1);
	struct stat st;
	size_t n = 0;
	size_t i;
	bool r;
	int sub;

	if (len <= 0 || fstat(fd, &st) < 0 || (st.st_mode & 07777) != modes->folder)
		return false;
	stamp[len] = '\0';
	if (!is_stamp(stamp) || strchr(stamp, '/') != NULL)
		return false;
	for (i = 0; i < data->n; i++)
		if (!is_key_link(fd, data->items[i].name))
			return false;
	/* the links, `..data` and the folder it names: nothing else */
	if (each_entry(fd, count_entry, &n) < 0 || n != data->n + 2)
		return false;
	sub = openat(fd, stamp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (sub < 0)
		return false;
	r = stamp_holds(sub, data, modes);
	close(sub);
	return r;
}

/* --- remove ----------------------------------------------------------------------------------- */

struct empty_pass {
	unsigned depth;
	struct err *err;
};

static int empty_entry(int fd, const char *name, void *ctx)
{
	struct empty_pass *p = ctx;
	int sub, r;

	if (unlinkat(fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_sys(p->err, "cannot remove %s", name);
	if (p->depth == DEPTH_MAX)
		return err_set(p->err, ERR_IO, "cannot remove %s: nested too deeply", name);
	sub = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (sub < 0)
		return err_sys(p->err, "cannot open %s", name);
	p->depth++;
	r = each_entry(sub, empty_entry, p);
	p->depth--;
	close(sub);
	if (r < 0)
		return -1;
	return unlinkat(fd, name, AT_REMOVEDIR) == 0 ? 0
						     : err_sys(p->err, "cannot remove %s", name);
}

int folder_empty(int fd, struct err *err)
{
	struct empty_pass p = { .err = err };
	struct err none = ERR_INIT;

	if (err == NULL)
		p.err = &none;
	p.err->class = ERR_NONE;
	if (each_entry(fd, empty_entry, &p) == 0)
		return 0;
	return p.err->class != ERR_NONE ? -1 : err_sys(p.err, "cannot list the folder");
}

/* --- write ------------------------------------------------------------------------------------ */

/* Everything folder_write needs on its way. */
struct write_pass {
	int fd;
	int aside;
	bool sync; /* on disk, step by step; else later and at once */
	const struct kv *data;
	const struct folder_modes *modes;
	char stamp[FOLDER_STAMP_TEXT]; /* the new content's folder */
	size_t moved;
	struct err *err;
};

static int move_aside(struct write_pass *p, const char *name)
{
	char to[NAME_MAX + 1];
	unsigned tries;

	for (tries = 0; tries < 100; tries++) {
		snprintf(to, sizeof(to), "%08x.%.200s", randombytes_random(), name);
		if (renameat2(p->fd, name, p->aside, to, RENAME_NOREPLACE) == 0) {
			p->moved++;
			return 0;
		}
		if (errno == ENOENT)
			return 0;
		if (errno != EEXIST)
			break;
	}
	return err_sys(p->err, "cannot move %s, which the agent did not make, out of the way",
		       name);
}

static int spare_entry(int fd, const char *name, void *ctx)
{
	return is_ours(fd, name) ? 0 : move_aside(ctx, name);
}

int folder_spare(int fd, int aside, struct err *err)
{
	struct write_pass p = { .fd = fd, .aside = aside, .err = err };

	return each_entry(fd, spare_entry, &p) < 0 ? -1 : (int)p.moved;
}

static int write_key(const struct write_pass *p, int fd, const struct kv_item *item)
{
	struct err *err = p->err;
	int file =
	    openat(fd, item->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = -1;

	if (file < 0)
		return err_sys(err, "%s: cannot create", item->name);
	if (file_write_fd(file, item->data, item->len, err) < 0) {
		err_wrap(err, "%s", item->name);
		goto out;
	}
	if (fchmod(file, p->modes->file) < 0 || (p->sync && fsync(file) < 0)) {
		err_sys(err, "%s: cannot write to disk", item->name);
		goto out;
	}
	r = 0;
out:
	if (close(file) < 0 && r == 0)
		r = err_sys(err, "%s: cannot write to disk", item->name);
	return r;
}

/* A fresh folder, open, its name in stamp.  -1 and err. */
static int make_stamp(int fd, char stamp[static FOLDER_STAMP_TEXT], struct err *err)
{
	time_t now = time(NULL);
	struct tm tm;
	char when[sizeof("..2026_11_25_19_30_00")];
	unsigned tries;
	int sub;

	if (gmtime_r(&now, &tm) == NULL ||
	    strftime(when, sizeof(when), "..%Y_%m_%d_%H_%M_%S", &tm) == 0)
		return err_set(err, ERR_INTERNAL, "the clock shows no year of four digits");
	for (tries = 0; tries < 100; tries++) {
		snprintf(stamp, FOLDER_STAMP_TEXT, "%s.%010u", when, randombytes_random());
		if (mkdirat(fd, stamp, 0700) == 0)
			break;
		if (errno != EEXIST)
			return err_sys(err, "cannot create a folder");
	}
	sub = openat(fd, stamp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return sub >= 0 ? sub : err_sys(err, "cannot open a new folder");
}

static int fill_stamp(struct write_pass *p, int sub)
{
	size_t i;

	for (i = 0; i < p->data->n; i++)
		if (write_key(p, sub, &p->data->items[i]) < 0)
			return -1;
	if (fchmod(sub, p->modes->folder) < 0 || (p->sync && fsync(sub) < 0))
		return err_sys(p->err, "cannot write a folder to disk");
	return 0;
}

/* Put a link at name, replacing what the agent made there; anything else is moved aside before. */
static int put_link(struct write_pass *p, const char *next, const char *target, const char *name)
{
	struct stat st;

	if (links_to(p->fd, name, target))
		return 0;
	if (fstatat(p->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISLNK(st.st_mode) &&
	    move_aside(p, name) < 0)
		return -1;
	if (unlinkat(p->fd, next, 0) < 0 && errno != ENOENT)
		return err_sys(p->err, "cannot remove %s", next);
	if (symlinkat(target, p->fd, next) < 0 || renameat(p->fd, next, p->fd, name) < 0)
		return err_sys(p->err, "cannot make the link %s", name);
	return 0;
}

/*
 * Links of new keys come before the swap and those of old keys go after it: a link without its key
 * reads as an absent key, a key without its link would be missing from the new content.
 */
static int put_key_links(struct write_pass *p)
{
	size_t i;

	for (i = 0; i < p->data->n; i++) {
		const char *name = p->data->items[i].name;
		char target[NAME_MAX + sizeof(FOLDER_DATA) + 1];

		snprintf(target, sizeof(target), FOLDER_DATA "/%s", name);
		if (put_link(p, LINK_NEXT, target, name) < 0)
			return -1;
	}
	return 0;
}

/* After the swap: whatever is not part of the new content goes. */
static int clear_entry(int fd, const char *name, void *ctx)
{
	struct write_pass *p = ctx;
	struct empty_pass e = { .err = p->err };

	if (strcmp(name, FOLDER_DATA) == 0 || strcmp(name, p->stamp) == 0)
		return 0;
	if (kv_has(p->data, name) && is_key_link(fd, name))
		return 0;
	return is_ours(fd, name) ? empty_entry(fd, name, &e) : move_aside(p, name);
}

static int swap(struct write_pass *p)
{
	if (put_key_links(p) < 0)
		return -1;
	/* on disk before what points to it, so that a loss of power leaves old or new too */
	if (fchmod(p->fd, p->modes->folder) < 0 || (p->sync && fsync(p->fd) < 0))
		return err_sys(p->err, "cannot write the folder to disk");
	if (put_link(p, DATA_NEXT, p->stamp, FOLDER_DATA) < 0)
		return -1;
	if (!p->sync)
		return 0;
	if (fsync(p->fd) < 0)
		return err_sys(p->err, "cannot write the folder to disk");
	return each_entry(p->fd, clear_entry, p);
}

/* After a failure: the new content goes, unless it has taken over already. */
static void drop_stamp(int fd, const char *stamp, int sub)
{
	if (stamp[0] == '\0' || links_to(fd, FOLDER_DATA, stamp))
		return;
	if (sub >= 0)
		folder_empty(sub, NULL);
	unlinkat(fd, stamp, AT_REMOVEDIR);
}

static int write_all(struct write_pass *p, struct folder_mark *mark)
{
	struct err *err = p->err;
	int sub = make_stamp(p->fd, p->stamp, err);
	int r = -1;

	if (sub < 0)
		goto out;
	if (fill_stamp(p, sub) < 0)
		goto out;
	if (swap(p) < 0)
		goto out;
	if (folder_identify(p->fd, mark) < 0) {
		err_sys(err, "cannot stat the folder");
		goto out;
	}
	memcpy(mark->stamp, p->stamp, sizeof(p->stamp));
	r = 0;
out:
	if (r < 0)
		drop_stamp(p->fd, p->stamp, sub);
	if (sub >= 0)
		close(sub);
	return r;
}

int folder_write(int fd, const struct kv *data, const struct folder_modes *modes, int aside,
		 struct folder_mark *mark, size_t *moved, struct err *err)
{
	struct write_pass p = {
		.fd = fd, .aside = aside, .sync = true, .data = data, .modes = modes, .err = err
	};
	int r = write_all(&p, mark);

	*moved = p.moved;
	return r;
}

int folder_fill(int fd, const struct kv *data, const struct folder_modes *modes,
		struct folder_mark *mark, struct err *err)
{
	struct write_pass p = { .fd = fd, .aside = -1, .data = data, .modes = modes, .err = err };

	if (write_all(&p, mark) < 0)
		return -1;
	return folder_print(fd, mark->print) == 0 ? 0
						  : err_sys(err, "cannot look into a new folder");
}

static int sync_entry(int fd, const char *name, void *ctx)
{
	struct stat st;
	int sub;
	int r = 0;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return 0;
	sub = openat(fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (sub < 0)
		return -1;
	if (S_ISDIR(st.st_mode))
		r = each_entry(sub, sync_entry, ctx);
	if (r == 0)
		r = fsync(sub);
	close(sub);
	return r;
}

int folder_sync(int fd, struct err *err)
{
	if (each_entry(fd, sync_entry, NULL) < 0 || fsync(fd) < 0)
		return err_sys(err, "cannot write the folder to disk");
	return 0;
}
