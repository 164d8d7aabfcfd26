/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/import_place.h"

#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

/* --- where documents go ----------------------------------------------------------------------- */

/* The path below what was walked; of a file that was named itself, its name. */
static const char *below_root(const struct import *im, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t n = strlen(im->root);

	if (strcmp(im->root, path) == 0)
		return slash != NULL ? slash + 1 : path;
	if (strcmp(im->root, ".") == 0)
		return path;
	path += n;
	return path + strspn(path, "/");
}

/*
 * What is no YAML file becomes one, under a name that says so: "a.json" goes to "a.yaml", and with
 * a name given, ".env" to "NAME.yaml".
 */
static char *yaml_name(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/'), *last = slash != NULL ? slash + 1 : path;
	const char *dot = strrchr(last, '.');

	if (name != NULL)
		return mem_printf("%.*s%s.yaml", (int)(last - path), path, name);
	if (dot != NULL && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0))
		return mem_str(path);
	if (dot == NULL || dot == last)
		return mem_printf("%s.yaml", path);
	return mem_printf("%.*s.yaml", (int)(dot - path), path);
}

int import_place_open(struct import_place *p, const char *name, struct err *err)
{
	const char *dir = p->im->o->write;
	char *below = dir != NULL ? yaml_name(below_root(p->im, p->path), name) : NULL;
	char *path = dir != NULL
			 ? mem_printf("%s%s%s", dir, dir[strlen(dir) - 1] == '/' ? "" : "/", below)
			 : yaml_name(p->path, name);
	int r = target_open(path, NULL, &p->target, err);

	/* as it was typed: the target's own path is tidied */
	p->same_place = dir == NULL && strcmp(path, p->path) == 0;
	mem_free(below);
	mem_free(path);
	return r;
}

static bool is_itself(const char *path, const struct stat *st)
{
	struct stat own;

	return stat(path, &own) == 0 && own.st_dev == st->st_dev && own.st_ino == st->st_ino;
}

int import_place_load(struct import_place *p, struct err *err)
{
	struct buf text = BUF_INIT;
	struct stat st;
	int r = 0;

	if (p->same_place || lstat(p->target.real, &st) != 0)
		return 0;
	if (p->im->o->write == NULL)
		return err_set(err, ERR_CONFLICT, "%s is there already", p->target.path);
	if (is_itself(p->path, &st))
		return err_set(err, ERR_CONFLICT,
			       "-w leads to the file itself; without it, it is converted in place");
	if (file_read(p->target.real, DOCUMENT_FILE_MAX, FILE_NOFOLLOW, &text, NULL, err) != 0 ||
	    edit_load(p->target.path, &text, &p->there, err) != 0)
		r = -1;
	buf_clear(&text);
	return r;
}

bool import_place_has(const struct import_place *p, const struct manifest *m)
{
	for (size_t i = 0; i < p->there.n; i++)
		if (strcmp(p->there.documents[i].name, m->name) == 0 &&
		    strcmp(p->there.documents[i].namespace, m->namespace) == 0)
			return true;
	return false;
}

/* --- what the file will hold ------------------------------------------------------------------ */

static bool is_crlf(const struct buf *text)
{
	const unsigned char *lf = text->len > 0 ? memchr(text->data, '\n', text->len) : NULL;

	return lf != NULL && lf > text->data && lf[-1] == '\r';
}

static void put_lines(struct buf *out, const struct buf *document, bool crlf)
{
	for (size_t i = 0; i < document->len; i++) {
		if (crlf && document->data[i] == '\n')
			buf_putc(out, '\r');
		buf_putc(out, document->data[i]);
	}
}

/* In place of the bytes of its object, and of the comments around it unless they are public. */
static void put_in_place(struct import_place *p, const struct yaml_doc *doc,
			 const struct buf *document)
{
	bool comments = p->im->source->comments;
	size_t begin = comments ? doc->root->begin : doc->begin;
	size_t end = comments ? doc->root->end : doc->end;
	bool crlf = is_crlf(p->text);

	/* a "---" may stand before the object on its line */
	while (!comments && begin < end && strchr(" \t\r\n", p->text->data[begin]) != NULL)
		begin++;
	buf_put(&p->out, p->text->data + p->at, begin - p->at);
	if (p->out.len > 0 && p->out.data[p->out.len - 1] != '\n')
		buf_puts(&p->out, crlf ? "\r\n" : "\n");
	put_lines(&p->out, document, crlf);
	p->at = end;
	if (p->at < p->text->len && p->text->data[p->at] == '\r')
		p->at++;
	if (p->at < p->text->len && p->text->data[p->at] == '\n')
		p->at++;
}

static void put_behind(struct import_place *p, const struct buf *document)
{
	if (p->out.len == 0 && p->there.text.len > 0)
		buf_put(&p->out, p->there.text.data, p->there.text.len);
	if (p->out.len > 0)
		buf_puts(&p->out, p->out.data[p->out.len - 1] != '\n' ? "\n---\n" : "---\n");
	buf_put(&p->out, document->data, document->len);
}

void import_place_put(struct import_place *p, const struct yaml_doc *doc,
		      const struct buf *document)
{
	if (p->im->o->write == NULL && doc != NULL)
		put_in_place(p, doc, document);
	else
		put_behind(p, document);
}

void import_place_clear(struct import_place *p)
{
	target_clear(&p->target);
	edit_clear(&p->there);
	buf_clear(&p->out);
}
