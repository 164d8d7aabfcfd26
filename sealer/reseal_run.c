/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/reseal_run.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/walk.h"
#include "document/edit.h"
#include "sealer/repo.h"

/* --- paths ------------------------------------------------------------------------------------ */

/* Behind "TOP/", or NULL when path is not below. */
static const char *below_top(const char *top, const char *path)
{
	size_t n = strcmp(top, "/") == 0 ? 0 : strlen(top);

	if (strncmp(path, top, n) != 0 || path[n] != '/' || path[n + 1] == '\0')
		return NULL;
	return path + n + 1;
}

/* How many bytes both begin with, up to and with a "/". */
static size_t common(const char *a, const char *b)
{
	size_t n = 0;

	for (size_t i = 0; a[i] != '\0' && a[i] == b[i]; i++)
		if (a[i] == '/')
			n = i + 1;
	return n;
}

char *reseal_run_shown(const struct reseal_run *r, const char *below)
{
	char *path = mem_printf("%s/%s", strcmp(r->top, "/") == 0 ? "" : r->top, below);
	char *from = mem_printf("%s/", strcmp(r->here, "/") == 0 ? "" : r->here), *shown;
	size_t n = common(path, from);
	struct buf up = BUF_INIT;

	for (const char *s = from + n; *s != '\0'; s++)
		if (*s == '/')
			buf_puts(&up, "../");
	shown = mem_printf("%s%s", buf_str(&up), path + n);
	buf_clear(&up);
	mem_free(path);
	mem_free(from);
	return shown;
}

static bool is_inside(const char *below, const char *folder)
{
	size_t n = strlen(folder);

	return strncmp(below, folder, n) == 0 && (below[n] == '/' || below[n] == '\0');
}

/* The absolute path of what the user named, which must be in this work tree. */
static char *resolve(const struct reseal_run *r, const char *path, struct err *err)
{
	char *real = file_absolute(path, err);
	const char *below;

	if (real == NULL || strcmp(real, r->top) == 0)
		return real;
	below = below_top(r->top, real);
	if (below == NULL)
		err_set(err, ERR_INVALID, "%s: not in the Git work tree %s", path, r->top);
	else if (is_inside(below, REPO_DIR) || is_inside(below, ".git"))
		err_set(err, ERR_INVALID, "%s: no documents are in " REPO_DIR " or .git", path);
	else
		return real;
	mem_free(real);
	return NULL;
}

/* --- a walk over the files of this repository ------------------------------------------------- */

/*
 * Is the file in a repository inside of ours (a submodule), which has rules of its own?  Asked once
 * for each folder.
 */
static bool is_nested(struct reseal_run *r, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash == NULL ? 0 : (size_t)(slash - path);
	char *top;

	if (r->folder != NULL && strlen(r->folder) == n && strncmp(r->folder, path, n) == 0)
		return r->nested != NULL;
	mem_free(r->folder);
	r->folder = mem_strn(path, n);
	top = file_git_top(path);
	mem_replace(&r->nested, top != NULL && strcmp(top, r->top) != 0 ? top : NULL);
	mem_free(top);
	return r->nested != NULL;
}

static void keep_seen(struct reseal_run *r, struct reseal_file *f)
{
	while (r->n_seen + f->n_seen > r->cap_seen) {
		r->cap_seen = r->cap_seen == 0 ? 64 : r->cap_seen * 2;
		r->seen = mem_grow(r->seen, r->cap_seen, sizeof(*r->seen));
	}
	if (f->n_seen > 0)
		memcpy(r->seen + r->n_seen, f->seen, f->n_seen * sizeof(*f->seen));
	r->n_seen += f->n_seen;
	f->n_seen = 0; /* transferred */
}

static void keep(struct reseal_run *r, struct reseal_file *f)
{
	bool quiet = f->class == ERR_NONE;

	for (size_t i = 0; i < f->n; i++) {
		r->parts += f->rows[i].parts;
		r->documents += f->rows[i].parts > 0;
		quiet = quiet && reseal_row_quiet(&f->rows[i]);
	}
	keep_seen(r, f);
	if (quiet) {
		reseal_file_clear(f);
		return;
	}
	if (r->n == r->cap) {
		r->cap = r->cap == 0 ? 64 : r->cap * 2;
		r->files = mem_grow(r->files, r->cap, sizeof(*r->files));
	}
	r->files[r->n++] = *f;
}

/* Done by the run before: these are the bytes that it wrote. */
static bool was_done(const struct reseal_run *r, const char *below, const struct buf *text)
{
	const char *sum = r->before != NULL ? kv_get_str(&r->before->files, below) : NULL;
	char hex[65];

	if (sum == NULL)
		return false;
	reseal_record_sum(text, hex);
	return strcmp(sum, hex) == 0;
}

static void plan_text(struct reseal_run *r, const char *below, struct buf *text)
{
	char *shown = reseal_run_shown(r, below);
	const struct reseal_want *want = r->want;
	struct reseal_want changes = *want;
	struct reseal_input in = { .want = want, .below = below, .shown = shown };
	struct reseal_file f;
	bool changed;

	if (want->all && was_done(r, below, text)) {
		r->earlier++;
		changes.all = false; /* another change of the rules would still count */
		in.want = &changes;
	}
	reseal_file(&in, text, &f, &changed);
	keep(r, &f);
	mem_free(shown);
}

static int plan_visit(void *ctx, const char *path, struct buf *text, const struct err *error)
{
	struct reseal_run *r = ctx;
	const char *below = below_top(r->top, path);
	struct reseal_file f;

	if (below == NULL || is_nested(r, path))
		return 0;
	if (error != NULL) {
		reseal_file_unread(below, error, &f);
		keep(r, &f);
	} else if (edit_mentions(text->data, text->len)) {
		plan_text(r, below, text);
	}
	return 0;
}

int reseal_run_plan(struct reseal_run *r, const char *path, struct err *err)
{
	char *real = resolve(r, path, err);
	int result = -1;

	if (real != NULL)
		result = walk_yaml(real, DOCUMENT_FILE_MAX, plan_visit, r, err);
	mem_free(real);
	return result;
}

/* --- totals ----------------------------------------------------------------------------------- */

static void add_left(struct reseal_sum *s, enum err_class class)
{
	if (class == ERR_NONE)
		return;
	s->left++;
	if (s->worst == ERR_NONE)
		s->worst = class;
}

void reseal_run_sum(const struct reseal_run *r, struct reseal_sum *out)
{
	*out = (struct reseal_sum){ 0 };
	for (size_t i = 0; i < r->n; i++) {
		const struct reseal_file *f = &r->files[i];
		size_t before = out->work;

		add_left(out, f->class);
		for (size_t k = 0; k < f->n; k++) {
			out->work += f->rows[k].work;
			out->done += f->rows[k].done;
			out->waiting += f->rows[k].waiting;
			out->documents += f->rows[k].work > 0;
			add_left(out, f->rows[k].class);
		}
		out->files += out->work > before;
	}
}

int reseal_run_recipients(const struct reseal_run *r, struct recipients *out, struct err *err)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct recipients *to = &r->files[i].to;

		for (size_t k = 0; k < to->n; k++)
			if (recipients_add(out, to->items[k].name, &to->items[k].key, err) != 0)
				return -1;
	}
	return 0;
}

static void copy(const struct kv *from, struct kv *to)
{
	for (size_t i = 0; i < from->n; i++)
		kv_set(to, from->items[i].name, from->items[i].data, from->items[i].len);
}

void reseal_run_keys(const struct reseal_run *r, struct kv *out)
{
	if (r->before != NULL)
		copy(&r->before->keys, out);
	for (size_t i = 0; i < r->n; i++) {
		copy(&r->files[i].gone, out);
		copy(&r->files[i].dropped, out);
	}
	for (size_t i = 0; i < r->want->keys.n; i++)
		if (strlen(r->want->keys.items[i].name) == AGE_KEY_ID_TEXT - 1 &&
		    !kv_has(out, r->want->keys.items[i].name))
			kv_set_str(out, r->want->keys.items[i].name, "");
}

void reseal_run_clear(struct reseal_run *r)
{
	for (size_t i = 0; i < r->n; i++)
		reseal_file_clear(&r->files[i]);
	for (size_t i = 0; i < r->n_seen; i++)
		mem_free(r->seen[i].where);
	mem_free(r->seen);
	mem_free(r->files);
	mem_free(r->nested);
	mem_free(r->folder);
	r->files = NULL;
	r->seen = NULL;
	r->n_seen = r->cap_seen = 0;
	r->nested = r->folder = NULL;
	r->n = r->cap = 0;
}

/* --- copies ----------------------------------------------------------------------------------- */

static int by_sum(const void *a, const void *b)
{
	const struct reseal_seen *x = a, *y = b;
	int r = memcmp(x->sum, y->sum, sizeof(x->sum));

	return r != 0 ? r : strcmp(x->where, y->where);
}

void reseal_run_copies(struct reseal_run *r, struct kv *out)
{
	if (r->n_seen > 1)
		qsort(r->seen, r->n_seen, sizeof(*r->seen), by_sum);
	for (size_t begin = 0, end; begin < r->n_seen; begin = end) {
		for (end = begin + 1; end < r->n_seen; end++)
			if (memcmp(r->seen[begin].sum, r->seen[end].sum, 32) != 0)
				break;
		for (size_t i = begin; i < end; i++)
			if (end - begin > 1 && r->seen[i].added)
				kv_set_str(out, r->seen[i].where,
					   r->seen[i == begin ? begin + 1 : begin].where);
	}
}

/* --- the proof -------------------------------------------------------------------------------- */

struct count {
	struct reseal_run *run;
	const struct kv *keys;
	struct kv *counts;
};

static void count_one(struct kv *counts, const char *id)
{
	const char *had = kv_get_str(counts, id);

	kv_set_fmt(counts, id, "%lu", (had == NULL ? 0 : strtoul(had, NULL, 10)) + 1);
}

/* What cannot be read may need any of them. */
static void count_all(const struct count *c)
{
	for (size_t k = 0; k < c->keys->n; k++)
		count_one(c->counts, c->keys->items[k].name);
}

static void count_file(const struct count *c, struct buf *text)
{
	struct edit_file f = EDIT_FILE_INIT;

	if (edit_load("-", text, &f, NULL) != 0) {
		count_all(c);
		return;
	}
	for (size_t i = 0; i < f.n; i++) {
		for (size_t p = 0; p < f.documents[i].n; p++) {
			const struct kv *bound = &f.documents[i].parts[p].recipients;

			for (size_t k = 0; k < bound->n; k++)
				if (kv_has(c->keys, (const char *)bound->items[k].data))
					count_one(c->counts, (const char *)bound->items[k].data);
		}
	}
	edit_clear(&f);
}

/* Ids stand there as they are, unless somebody wrote escapes. */
static bool may_mention(const struct count *c, const struct buf *text)
{
	if (memchr(text->data, '\\', text->len) != NULL || strlen(buf_str(text)) != text->len)
		return true;
	for (size_t k = 0; k < c->keys->n; k++)
		if (strstr(buf_str(text), c->keys->items[k].name) != NULL)
			return true;
	return false;
}

static int count_visit(void *ctx, const char *path, struct buf *text, const struct err *error)
{
	struct count *c = ctx;

	if (below_top(c->run->top, path) == NULL || is_nested(c->run, path))
		return 0;
	if (error != NULL)
		count_all(c);
	else if (edit_mentions(text->data, text->len) && may_mention(c, text))
		count_file(c, text);
	return 0;
}

int reseal_run_count(struct reseal_run *r, const char *path, const struct kv *keys,
		     struct kv *counts, struct err *err)
{
	struct count c = { r, keys, counts };
	char *real = resolve(r, path, err);
	int result = -1;

	if (real != NULL)
		result = walk_yaml(real, DOCUMENT_FILE_MAX, count_visit, &c, err);
	mem_free(real);
	return result;
}
