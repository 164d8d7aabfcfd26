/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/walk.h"
#include "document/edit.h"
#include "sealer/import.h"

/* One file that holds Secrets, while it is looked at. */
struct plan {
	struct import *im;
	const char *path;
	const struct buf *text;
	struct target target;
	struct edit_file there; /* what the target has already, with -w */
	struct buf out;		/* what the target will hold */
	size_t at;		/* in place: how much of text is in out already */
	bool same_place;	/* the target is the file itself */
	size_t first_row;
	size_t converted, refused;
};

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

static int open_target(struct plan *p, const char *name, struct err *err)
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

/* With -w: what is there already stays. */
static int load_there(struct plan *p, struct err *err)
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

static bool is_there(const struct plan *p, const struct manifest *m)
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
static void put_in_place(struct plan *p, const struct yaml_doc *doc, const struct buf *document)
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

static void put_behind(struct plan *p, const struct buf *document)
{
	if (p->out.len == 0 && p->there.text.len > 0)
		buf_put(&p->out, p->there.text.data, p->there.text.len);
	if (p->out.len > 0)
		buf_puts(&p->out, p->out.data[p->out.len - 1] != '\n' ? "\n---\n" : "---\n");
	buf_put(&p->out, document->data, document->len);
}

/* --- one object ------------------------------------------------------------------------------- */

static int give_namespace(struct plan *p, struct manifest *m, struct err *err)
{
	if (m->namespace != NULL)
		return 0;
	if (p->im->o->namespace == NULL)
		return err_set(err, ERR_INVALID,
			       "metadata.namespace: missing; say with -n where it goes");
	m->namespace = mem_str(p->im->o->namespace);
	return 0;
}

/* 0: the row says what came of it; -1 ends the run. */
static int put_secret(struct plan *p, const struct yaml_doc *doc, struct manifest *m,
		      struct import_row *row, struct err *err)
{
	struct buf document = BUF_INIT;
	struct err why = ERR_INIT;
	int r = 0;

	row->document = mem_printf("%s/%s", m->namespace, m->name);
	if (is_there(p, m)) {
		import_row_text(row, IMPORT_THERE, "%s has it already", p->target.path);
		mem_replace(&row->to, p->target.path);
	} else if (import_one(p->im, &p->target, m, row, &document, &why) != 0) {
		if (why.class == ERR_RECIPIENT)
			r = err_set(err, why.class, "%s: %s", p->path, why.text);
		import_row_text(row, IMPORT_REFUSED, "%s", why.text);
		p->refused++;
	} else if (p->im->o->write == NULL && doc != NULL) {
		put_in_place(p, doc, &document);
		p->converted++;
	} else {
		put_behind(p, &document);
		p->converted++;
	}
	buf_clear(&document);
	return r;
}

/* Errors of this file begin with its name, and often a line, which the row has a place for. */
static void refuse(struct plan *p, struct import_row *row, const struct err *why)
{
	size_t n = strlen(p->path);
	const char *text = why->text;
	unsigned line = 0;

	if (strncmp(text, p->path, n) == 0 && text[n] == ':') {
		for (text += n + 1; *text >= '0' && *text <= '9' && line < 100000000; text++)
			line = line * 10 + (unsigned)(*text - '0');
		text += strspn(text, ": ");
	}
	if (line > 0)
		row->line = line;
	import_row_text(row, IMPORT_REFUSED, "%s", text);
	p->refused++;
}

static int put_object(struct plan *p, const struct yaml_doc *doc, const struct yaml_node *root,
		      struct err *err)
{
	struct import_row *row = import_row(p->im, IMPORT_REFUSED, p->path, root->line);
	struct manifest m = MANIFEST_INIT;
	struct err why = ERR_INIT;
	const char *owner = import_owned(root);
	int r = 0;

	if (owner != NULL)
		import_row_text(row, IMPORT_LEFT, "%s", owner);
	else if (p->im->source->read(p->im, p->path, root, &m, &why) != 0 ||
		 give_namespace(p, &m, &why) != 0)
		refuse(p, row, &why);
	else
		r = put_secret(p, doc, &m, row, err);
	manifest_clear(&m);
	return r;
}

/* The objects of a List cannot be replaced where they are: a List of documents is read by nobody.
 */
static int put_list(struct plan *p, const struct yaml_node *items, struct err *err)
{
	for (size_t i = 0; i < items->n; i++) {
		const struct yaml_node *item = items->values[i];

		if (!p->im->source->claims(item))
			continue;
		if (p->im->o->write != NULL) {
			if (put_object(p, NULL, item, err) != 0)
				return -1;
			continue;
		}
		import_row_text(import_row(p->im, IMPORT_REFUSED, p->path, item->line),
				IMPORT_REFUSED,
				"it stands in a List, which cannot stay one; give -w DIR");
		p->refused++;
	}
	return 0;
}

static const struct yaml_node *list_items(const struct yaml_node *root)
{
	const struct yaml_node *items =
	    root != NULL && root->type == YAML_MAP ? yaml_get(root, "items") : NULL;

	return items != NULL && items->type == YAML_LIST ? items : NULL;
}

/* --- one file --------------------------------------------------------------------------------- */

static bool has_claims(const struct import_source *source, const struct yaml_stream *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct yaml_node *items = list_items(s->docs[i].root);

		if (s->docs[i].root != NULL && source->claims(s->docs[i].root))
			return true;
		for (size_t j = 0; items != NULL && j < items->n; j++)
			if (source->claims(items->values[j]))
				return true;
	}
	return false;
}

/* Does the new text read back as what it was, its Secrets sealed? */
static int check_result(const struct plan *p, const struct yaml_stream *was, struct err *err)
{
	struct edit_file again = EDIT_FILE_INIT;
	struct buf copy = BUF_INIT;
	int r;

	if (p->out.truncated || p->out.len > DOCUMENT_FILE_MAX)
		return err_set(err, ERR_INVALID, "%s: the file would be larger than %d bytes",
			       p->target.path, DOCUMENT_FILE_MAX);
	buf_put(&copy, p->out.data, p->out.len);
	r = edit_load(p->target.path, &copy, &again, err);
	if (r == 0 && (again.n < p->converted ||
		       (p->im->o->write == NULL && was != NULL && again.yaml.n != was->n)))
		r = err_set(err, ERR_INVALID,
			    "%s: a document cannot be put in its place in this file; give -w DIR",
			    p->target.path);
	edit_clear(&again);
	buf_clear(&copy);
	return r;
}

static void keep_file(struct plan *p, struct buf *text)
{
	struct import_file *f = import_file(p->im, &p->target);

	f->same_place = p->same_place;
	f->first = p->first_row;
	f->n = p->im->n_rows - p->first_row;
	if (p->im->o->write == NULL) {
		f->from = mem_str(p->path);
		buf_move(&f->had, text);
	} else {
		buf_put(&f->had, p->there.text.data, p->there.text.len);
	}
	buf_move(&f->text, &p->out);
	p->im->held += f->had.len + f->text.len;
}

/* No row of the file is converted, for this reason. */
static void undo(struct plan *p, const char *why)
{
	for (size_t i = p->first_row; i < p->im->n_rows; i++) {
		struct import_row *row = &p->im->rows[i];

		if (row->verdict != IMPORT_CONVERTED)
			continue;
		import_row_text(row, IMPORT_REFUSED, "%s", why);
		mem_replace(&row->to, NULL);
	}
	p->converted = 0;
}

static int finish_file(struct plan *p, const struct yaml_stream *s, struct buf *text,
		       struct err *err)
{
	struct err why = ERR_INIT;

	if (p->converted > 0 && p->refused > 0 && (p->im->source->whole || p->im->o->write == NULL))
		undo(p, "another object of the file is refused, and it changes as a whole");
	if (p->converted > 0 && p->im->o->write == NULL)
		buf_put(&p->out, text->data + p->at, text->len - p->at);
	if (p->converted > 0 && check_result(p, s, &why) != 0)
		undo(p, why.text);
	if (p->converted > 0)
		keep_file(p, text);
	if (p->im->held > IMPORT_TEXT_MAX)
		return err_set(err, ERR_INVALID,
			       "more than %d bytes to convert in one run; name fewer files",
			       IMPORT_TEXT_MAX);
	return 0;
}

/* What cannot stay beside sealed documents either. */
static void refuse_other(struct plan *p, const struct yaml_node *root)
{
	import_row_text(import_row(p->im, IMPORT_REFUSED, p->path, root->line), IMPORT_REFUSED,
			"not a Secret; only those become sealed documents");
	p->refused++;
}

static int put_objects(struct plan *p, const struct yaml_stream *s, struct err *err)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct yaml_doc *doc = &s->docs[i];
		const struct yaml_node *items = list_items(doc->root);
		int r = 0;

		if (doc->root != NULL && p->im->source->claims(doc->root))
			r = put_object(p, doc, doc->root, err);
		else if (items != NULL)
			r = put_list(p, items, err);
		else if (doc->root != NULL && p->im->source->whole)
			refuse_other(p, doc->root);
		if (r != 0)
			return -1;
	}
	return 0;
}

/* A problem of the file as a whole. */
static void refuse_file(struct plan *p, const struct err *why)
{
	refuse(p, import_row(p->im, IMPORT_REFUSED, p->path, 0), why);
}

static int convert(struct plan *p, struct yaml_stream *s, struct buf *text, struct err *err)
{
	const struct import_source *source = p->im->source;
	struct err why = ERR_INIT;

	if (open_target(p, NULL, &why) != 0 || load_there(p, &why) != 0 ||
	    (source->prepare != NULL && source->prepare(p->im, p->path, s, &why) != 0)) {
		refuse_file(p, &why);
		return 0;
	}
	return put_objects(p, s, err) != 0 ? -1 : finish_file(p, s, text, err);
}

static int plan_yaml(struct plan *p, struct buf *text, struct err *err)
{
	struct yaml_stream s = YAML_STREAM_INIT;
	struct err why = ERR_INIT;
	int r = 0;

	if (yaml_parse(p->path, text->data, text->len, &s, &why) != 0)
		refuse_file(p, &why);
	else if (has_claims(p->im->source, &s))
		r = convert(p, &s, text, err);
	yaml_clear(&s);
	return r;
}

/* 1: it was one that the source reads itself. */
static int plan_file(struct plan *p, struct buf *text, struct err *err)
{
	struct manifest m = MANIFEST_INIT;
	struct err why = ERR_INIT;
	int r = 1, x = 0;

	if (p->im->source->read_file != NULL)
		x = p->im->source->read_file(p->im, p->path, text, &m, &why);
	if (x == 0)
		return 0;
	if (x < 0 || open_target(p, m.name, &why) != 0 || load_there(p, &why) != 0 ||
	    give_namespace(p, &m, &why) != 0) {
		refuse_file(p, &why);
	} else {
		struct import_row *row = import_row(p->im, IMPORT_REFUSED, p->path, 0);

		p->at = text->len;
		if (put_secret(p, NULL, &m, row, err) != 0 || finish_file(p, NULL, text, err) != 0)
			r = -1;
	}
	manifest_clear(&m);
	return r;
}

static bool mentions(const struct buf *text, const char *word)
{
	size_t n = strlen(word);
	const unsigned char *at = text->data, *end = text->len >= n ? at + (text->len - n) + 1 : at;

	while (at < end && (at = memchr(at, word[0], (size_t)(end - at))) != NULL) {
		if (memcmp(at, word, n) == 0)
			return true;
		at++;
	}
	return false;
}

/* What the walk needs beside the run: where an error that ends it goes. */
struct walked {
	struct import *im;
	struct err *err;
};

static int visit(void *ctx, const char *path, struct buf *text, const struct err *error)
{
	const struct walked *w = ctx;
	struct import *im = w->im;
	struct plan p = {
		.im = im,
		.path = path,
		.text = text,
		.target = TARGET_INIT,
		.first_row = im->n_rows,
	};
	int r = 0;

	if (error != NULL)
		refuse_file(&p, error);
	if (error != NULL || !mentions(text, im->source->word))
		return 0;
	r = plan_file(&p, text, w->err);
	if (r == 0)
		r = plan_yaml(&p, text, w->err);
	target_clear(&p.target);
	edit_clear(&p.there);
	buf_clear(&p.out);
	return r < 0 ? -1 : 0;
}

int import_plan(struct import *im, struct err *err)
{
	struct walked w = { im, err };

	for (size_t i = 0; i < im->in->n; i++) {
		const struct walk_from from = { im->in->args[i], DOCUMENT_FILE_MAX,
						im->source->suffixes, NULL };

		im->root = from.root;
		if (walk_files(&from, visit, &w, err) != 0)
			return -1;
	}
	return 0;
}
