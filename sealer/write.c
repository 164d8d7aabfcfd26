/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/write.h"

#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/out.h"
#include "sealer/repo.h"

int write_begin(const struct target *t, const char *namespace, const char *name, struct write *w,
		struct err *err)
{
	struct buf text = BUF_INIT;
	int r = -1;

	*w = (struct write){ .target = t };
	if (t->path == NULL)
		return 0;
	w->exists = lstat(t->real, &w->st) == 0;
	if (!w->exists)
		return 0;
	if (file_read(t->real, DOCUMENT_FILE_MAX, FILE_NOFOLLOW, &text, &w->st, err) != 0 ||
	    edit_load(t->path, &text, &w->file, err) != 0)
		goto out;
	for (size_t i = 0; i < w->file.n; i++) {
		const struct document *d = &w->file.documents[i];

		if (strcmp(d->namespace, namespace) != 0 || strcmp(d->name, name) != 0)
			continue;
		err_set(err, ERR_CONFLICT,
			"%s:%u: %s/%s is there already; 'bulla set' replaces what it holds",
			t->path, d->line, namespace, name);
		goto out;
	}
	r = 0;
out:
	buf_clear(&text);
	return r;
}

/* Line ends as the file has them. */
static void put_lines(struct buf *out, const struct buf *text, bool crlf)
{
	for (size_t i = 0; i < text->len; i++) {
		if (crlf && text->data[i] == '\n')
			buf_putc(out, '\r');
		buf_putc(out, text->data[i]);
	}
}

static bool ends_crlf(const struct buf *text)
{
	const unsigned char *lf = memchr(text->data, '\n', text->len);

	return lf != NULL && lf > text->data && lf[-1] == '\r';
}

/* What the file had, the document behind it. */
static void append(const struct write *w, const struct buf *document, struct buf *out)
{
	const struct buf *had = &w->file.text;
	bool crlf = had->len > 0 && ends_crlf(had);

	buf_put(out, had->data, had->len);
	if (had->len > 0 && had->data[had->len - 1] != '\n')
		buf_puts(out, crlf ? "\r\n" : "\n");
	if (had->len > 0)
		buf_puts(out, crlf ? "---\r\n" : "---\n");
	put_lines(out, document, crlf);
}

/* A file of several documents must read back as what it was and one more. */
static int check_whole(const struct write *w, const struct document *d, const struct buf *whole,
		       struct err *err)
{
	struct edit_file again = { 0 };
	struct buf copy = BUF_INIT;
	const struct document *last;
	int r;

	if (whole->len > DOCUMENT_FILE_MAX)
		return err_set(err, ERR_INVALID, "%s: the file would be larger than %d bytes",
			       w->target->path, DOCUMENT_FILE_MAX);
	buf_put(&copy, whole->data, whole->len);
	r = edit_load(w->target->path, &copy, &again, err);
	if (r == 0 && again.n != w->file.n + 1)
		r = -1;
	last = r == 0 ? &again.documents[again.n - 1] : NULL;
	if (last == NULL || strcmp(last->name, d->name) != 0 ||
	    strcmp(last->namespace, d->namespace) != 0)
		r = err_set(err, ERR_INVALID,
			    "%s: a document cannot be added at the end of this file; use another",
			    w->target->path);
	edit_clear(&again);
	buf_clear(&copy);
	return r;
}

static int write_file(const struct write *w, const struct buf *text, struct err *err)
{
	struct file_write how = {
		.path = w->target->real,
		.mode = repo_file_mode(),
		.exclusive = !w->exists,
		.expect = w->exists ? &w->st : NULL,
	};

	if (!w->exists && file_mkdirs_above(w->target->real, 0777, err) != 0)
		return -1;
	return file_write(&how, text->data, text->len, err);
}

int write_document(struct write *w, const struct document *d, bool dry_run, struct err *err)
{
	struct buf document = BUF_INIT, whole = BUF_INIT;
	int r = -1;

	if (document_format(d, &document, err) != 0)
		goto out;
	if (document.len > WRITE_APPLY_MAX)
		out_warn("%s/%s has %zu bytes; above %d 'kubectl apply' needs --server-side",
			 d->namespace, d->name, document.len, WRITE_APPLY_MAX);
	if (w->target->path == NULL) {
		r = dry_run ? 0 : file_write_fd(STDOUT_FILENO, document.data, document.len, err);
		goto out;
	}
	append(w, &document, &whole);
	if (w->exists && check_whole(w, d, &whole, err) != 0)
		goto out;
	r = dry_run ? 0 : write_file(w, &whole, err);
out:
	buf_clear(&document);
	buf_clear(&whole);
	return r;
}

void write_clear(struct write *w)
{
	edit_clear(&w->file);
	*w = (struct write){ .target = NULL };
}
