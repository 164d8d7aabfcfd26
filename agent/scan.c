/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

/* A file changed twice within one tick of the clock that stamps it looks unchanged. */
#define TICK_NS 50000000

static const char too_many[] = "more files or documents than one agent takes";

/* --- tables ----------------------------------------------------------------------------------- */

static bool is_text(const char *text, const void *key, size_t len)
{
	return strlen(text) == len && memcmp(text, key, len) == 0;
}

static bool is_file(const struct table_node *node, const void *key, size_t len)
{
	return is_text(((const struct scan_file *)node)->path, key, len);
}

static bool is_set(const struct table_node *node, const void *key, size_t len)
{
	return is_text(((const struct scan_set *)node)->recipients, key, len);
}

void scan_init(struct scan *s, const char *root)
{
	*s = (struct scan){ .root = mem_str(root),
			    .fd = -1,
			    .files = TABLE_INIT(is_file),
			    .sets = TABLE_INIT(is_set) };
}

static struct scan_set *use_set(struct scan *s, const char *recipients)
{
	size_t len = strlen(recipients);
	struct scan_set *set = (struct scan_set *)table_find(&s->sets, recipients, len);

	if (set == NULL) {
		set = mem_alloc(sizeof(*set));
		set->recipients = mem_str(recipients);
		table_add(&s->sets, &set->node, recipients, len);
	}
	set->users++;
	return set;
}

static void leave_set(struct scan *s, struct scan_set *set)
{
	if (set == NULL || --set->users != 0)
		return;
	table_remove(&s->sets, &set->node);
	mem_free(set->recipients);
	mem_free(set);
}

static void clear_docs(struct scan *s, struct scan_file *f)
{
	size_t i;

	for (i = 0; i < f->n; i++) {
		mem_free(f->docs[i].namespace);
		mem_free(f->docs[i].why);
		leave_set(s, f->docs[i].set);
	}
	s->documents -= f->n;
	mem_free(f->docs);
	f->docs = NULL;
	f->n = 0;
	f->cap = 0;
}

static void free_file(struct scan *s, struct scan_file *f)
{
	clear_docs(s, f);
	mem_free(f->why);
	mem_free(f->reported);
	mem_free(f->path);
	mem_free(f);
}

static void drop_file(struct scan *s, struct scan_file *f)
{
	table_remove(&s->files, &f->node);
	free_file(s, f);
}

void scan_clear(struct scan *s)
{
	struct table_node **nodes = table_nodes(&s->files);
	size_t i;

	for (i = 0; i < s->files.n; i++)
		free_file(s, (struct scan_file *)nodes[i]);
	mem_free(nodes);
	table_clear(&s->files);
	table_clear(&s->sets);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	mem_free(s->blind);
	mem_free(s->root);
	s->blind = NULL;
	s->root = NULL;
}

struct scan_file *scan_file(const struct scan *s, const char *path)
{
	return (struct scan_file *)table_find(&s->files, path, strlen(path));
}

static struct scan_file *need_file(struct scan *s, const char *path)
{
	struct scan_file *f = scan_file(s, path);

	if (f == NULL) {
		f = mem_alloc(sizeof(*f));
		f->path = mem_str(path);
		table_add(&s->files, &f->node, path, strlen(path));
	}
	return f;
}

static char *join_names(const char *namespace, const char *name)
{
	size_t n = strlen(namespace) + 1;
	char *both = mem_alloc(n + strlen(name));

	memcpy(both, namespace, n);
	memcpy(both + n, name, strlen(name) + 1);
	return both;
}

/* --- what an earlier process saw -------------------------------------------------------------- */

struct scan_file *scan_tell_file(struct scan *s, const char *path, const struct scan_stat *stat)
{
	struct scan_file *f = need_file(s, path);

	clear_docs(s, f);
	f->stat = *stat;
	f->state = SCAN_FINE;
	f->trusted = true;
	f->told = true;
	return f;
}

/* One more document at the end, zeroed. */
static struct scan_doc *add_doc(struct scan *s, struct scan_file *f)
{
	if (f->n == f->cap) {
		f->cap = f->cap == 0 ? 1 : f->cap * 2;
		f->docs = mem_grow(f->docs, f->cap, sizeof(*f->docs));
	}
	s->documents++;
	return &f->docs[f->n++];
}

void scan_tell_doc(struct scan *s, struct scan_file *f, const struct scan_doc *doc,
		   const char *recipients)
{
	struct scan_doc *d = add_doc(s, f);

	*d = *doc;
	d->namespace = join_names(doc->namespace, doc->name);
	d->name = d->namespace + strlen(d->namespace) + 1;
	d->set = use_set(s, recipients);
	d->why = NULL;
}

void scan_tell_gone(struct scan *s, const char *path)
{
	struct scan_file *f = scan_file(s, path);

	if (f != NULL)
		drop_file(s, f);
}

void scan_tell_lost(struct scan *s)
{
	struct table_node **nodes = table_nodes(&s->files);
	size_t i;

	for (i = 0; i < s->files.n; i++)
		((struct scan_file *)nodes[i])->trusted = false;
	mem_free(nodes);
}

void scan_tell_held(struct scan *s, const char *path)
{
	need_file(s, path)->held = true;
}

static void set_blind(struct scan *s, const char *path, const char *what)
{
	if (s->blind == NULL)
		s->blind = mem_printf("%s%s%s: %s", s->root, *path == '\0' ? "" : "/", path, what);
}

/* --- one file --------------------------------------------------------------------------------- */

static struct scan_stat stat_of(const struct stat *st)
{
	return (struct scan_stat){
		.dev = (uint64_t)st->st_dev,
		.ino = (uint64_t)st->st_ino,
		.size = (uint64_t)st->st_size,
		.mtime = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
		.ctime = (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec,
	};
}

static bool same_stat(const struct scan_stat *a, const struct scan_stat *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime == b->mtime &&
	       a->ctime == b->ctime;
}

static bool settled(const struct scan_stat *st)
{
	struct timespec now;
	int64_t ns;

	clock_gettime(CLOCK_REALTIME, &now);
	ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	return ns - st->ctime > TICK_NS || ns < st->ctime;
}

static void set_state(struct scan_file *f, enum scan_state state, const char *why)
{
	f->state = state;
	f->list = false;
	mem_replace(&f->why, why);
}

static void take_doc(struct scan *s, struct scan_file *f, const struct source *src, size_t i)
{
	struct document doc = DOCUMENT_INIT;
	struct scan_doc *d = add_doc(s, f);
	const char *namespace, *name;
	struct err err = ERR_INIT;

	d->line = source_line(src, i);
	if (source_claim(src, i, &namespace, &name)) {
		d->namespace = join_names(namespace, name);
		d->name = d->namespace + strlen(d->namespace) + 1;
	}
	if (source_document(src, i, &doc, &err) < 0) {
		d->invalid = true;
		d->why = mem_str(err.text);
		if (d->namespace == NULL && f->why == NULL)
			f->why = mem_str(err.text); /* there is nobody else to say it of */
	} else {
		char *recipients = source_recipients(&doc);

		source_id(&doc, d->id);
		d->retain = document_policy(&doc) == POLICY_RETAIN;
		d->chosen = doc.policy != POLICY_UNSET;
		d->not_after = source_not_after(&doc);
		d->set = use_set(s, recipients);
		mem_free(recipients);
	}
	document_clear(&doc);
}

static void take_source(struct scan *s, struct scan_file *f, const struct source *src)
{
	struct err err = ERR_INIT;
	size_t i;

	if (src->blank && f->held) {
		/* a full disk leaves such files */
		err_set(&err, ERR_INVALID,
			"%s: is empty, but held documents; remove the file if they are to go",
			f->path);
		set_state(f, SCAN_BROKEN, err.text);
		return;
	}
	set_state(f, SCAN_FINE, NULL);
	f->list = src->list;
	if (src->list) {
		err_set(&err, ERR_INVALID,
			"%s:%u: a sealed document inside a List; make it a document of its own",
			f->path, src->list_line);
		f->why = mem_str(err.text);
	}
	for (i = 0; i < src->n && s->documents < SCAN_DOCUMENTS; i++)
		take_doc(s, f, src, i);
	if (i < src->n)
		set_blind(s, f->path, too_many);
	f->held = f->held || f->n != 0;
}

/* Errors that say what is in the file, not that it could not be had. */
static enum scan_state state_of(const struct err *err)
{
	return err->class == ERR_INVALID ? SCAN_BROKEN : SCAN_UNREADABLE;
}

static void read_file(struct scan *s, struct scan_file *f)
{
	struct source src;
	struct stat st;
	struct err err = ERR_INIT;

	memset(&st, 0, sizeof(st));
	s->read++;
	clear_docs(s, f);
	if (source_read(s->fd, f->path, f->held, &src, &st, &err) < 0) {
		set_state(f, state_of(&err), err.text);
	} else {
		take_source(s, f, &src);
		source_clear(&src);
	}
	f->stat = stat_of(&st);
	f->trusted = f->state != SCAN_UNREADABLE && settled(&f->stat);
	f->changed = true;
}

/* true when something about it is new */
static bool look_at_file(struct scan *s, const char *path, const struct stat *st)
{
	struct scan_stat now = stat_of(st);
	struct scan_file *f = scan_file(s, path);
	struct err err = ERR_INIT;

	if (f == NULL && s->files.n >= SCAN_FILES) {
		set_blind(s, path, too_many);
		return false;
	}
	if (f == NULL)
		f = need_file(s, path);
	f->look = s->look;
	if (!S_ISREG(st->st_mode)) {
		bool news = f->state != SCAN_OTHER;

		err_set(&err, ERR_INVALID, "%s: not a regular file; not followed", path);
		clear_docs(s, f);
		set_state(f, SCAN_OTHER, err.text);
		f->trusted = false;
		return news;
	}
	if (f->trusted && same_stat(&f->stat, &now))
		return false;
	read_file(s, f);
	return true;
}

/* --- the walk --------------------------------------------------------------------------------- */

struct walk {
	struct scan *s;
	bool news;
	bool empty; /* nothing but hidden entries in the root */
};

bool scan_takes(const char *name)
{
	size_t n = strlen(name);

	if (name[0] == '.')
		return false;
	return (n > 5 && strcmp(name + n - 5, ".yaml") == 0) ||
	       (n > 4 && strcmp(name + n - 4, ".yml") == 0);
}

static void walk_folder(struct walk *w, int fd, const char *path, unsigned depth);

static void enter_folder(struct walk *w, int fd, const char *name, const char *path, unsigned depth)
{
	int sub;

	if (depth == SCAN_DEPTH) {
		set_blind(w->s, path, "folders are nested too deeply");
		return;
	}
	if (w->s->folder != NULL)
		w->s->folder(w->s->ctx, path);
	sub = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (sub >= 0)
		walk_folder(w, sub, path, depth + 1);
	else if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
		set_blind(w->s, path, strerror(errno));
}

static void visit(struct walk *w, int fd, const char *name, const char *path, unsigned depth)
{
	struct stat st;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			set_blind(w->s, path, strerror(errno));
		return;
	}
	if (S_ISDIR(st.st_mode))
		enter_folder(w, fd, name, path, depth);
	else if (scan_takes(name))
		w->news = look_at_file(w->s, path, &st) || w->news;
}

/* Closes fd. */
static void walk_folder(struct walk *w, int fd, const char *path, unsigned depth)
{
	DIR *dir = fdopendir(fd);
	struct dirent *entry;

	if (dir == NULL) {
		set_blind(w->s, path, strerror(errno));
		close(fd);
		return;
	}
	while ((errno = 0, entry = readdir(dir)) != NULL) {
		char *below;

		if (entry->d_name[0] == '.')
			continue;
		if (depth == 0 && strcmp(entry->d_name, "lost+found") != 0)
			w->empty = false;
		/* neither folder nor YAML: not worth a stat */
		if (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN &&
		    !scan_takes(entry->d_name))
			continue;
		below = mem_printf("%s%s%s", path, *path == '\0' ? "" : "/", entry->d_name);
		visit(w, fd, entry->d_name, below, depth);
		mem_free(below);
	}
	if (errno != 0)
		set_blind(w->s, path, strerror(errno));
	closedir(dir);
}

/*
 * Files that the look did not see go, though they may stand in a folder that cannot be read: while
 * there is one, the look is blind and no document counts as gone.
 */
static void drop_unseen(struct walk *w)
{
	struct scan *s = w->s;
	struct table_node **nodes = table_nodes(&s->files);
	size_t n = s->files.n;
	size_t i;

	for (i = 0; i < n; i++) {
		struct scan_file *f = (struct scan_file *)nodes[i];

		if (f->look == s->look) {
			if (f->state == SCAN_UNREADABLE && s->blind == NULL)
				s->blind = mem_str(f->why);
			continue;
		}
		w->news = true;
		if (s->gone != NULL)
			s->gone(s->ctx, f);
		drop_file(s, f);
	}
	mem_free(nodes);
}

bool scan_look(struct scan *s)
{
	struct walk w = { .s = s, .empty = true };
	char *before = s->blind;
	int fd;

	s->blind = NULL;
	s->read = 0;
	s->look++;
	if (s->folder != NULL)
		s->folder(s->ctx, "");
	if (s->fd >= 0)
		close(s->fd);
	s->fd = open(s->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = s->fd < 0 ? -1 : openat(s->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	s->error = fd < 0 ? errno : 0;
	if (fd < 0) {
		set_blind(s, "", strerror(s->error));
	} else {
		walk_folder(&w, fd, "", 0);
		if (w.empty)
			set_blind(s, "", "is empty");
		else
			drop_unseen(&w);
	}
	/* whoever asks for the first time has seen nothing yet */
	w.news = w.news || s->look == 1 || (before == NULL) != (s->blind == NULL);
	mem_free(before);
	return w.news;
}
