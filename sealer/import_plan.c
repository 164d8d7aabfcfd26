/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/walk.h"
#include "document/edit.h"
#include "sealer/import.h"
#include "sealer/import_place.h"
#include "sealer/progress.h"

/* One file that holds Secrets, while it is looked at. */
struct plan {
	struct import *im;
	const char *path;
	struct import_place place;
	size_t first_row;
	size_t converted, refused;
};

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
	if (import_place_has(&p->place, m)) {
		import_row_text(row, IMPORT_THERE, "%s has it already", p->place.target.path);
		mem_replace(&row->to, p->place.target.path);
	} else if (import_one(p->im, &p->place.target, m, row, &document, &why) != 0) {
		if (why.class == ERR_RECIPIENT)
			r = err_set(err, why.class, "%s: %s", p->path, why.text);
		import_row_text(row, IMPORT_REFUSED, "%s", why.text);
		p->refused++;
	} else {
		import_place_put(&p->place, doc, &document);
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

	if (p->place.out.truncated || p->place.out.len > DOCUMENT_FILE_MAX)
		return err_set(err, ERR_INVALID, "%s: the file would be larger than %d bytes",
			       p->place.target.path, DOCUMENT_FILE_MAX);
	buf_put(&copy, p->place.out.data, p->place.out.len);
	r = edit_load(p->place.target.path, &copy, &again, err);
	if (r == 0 && (again.n < p->converted ||
		       (p->im->o->write == NULL && was != NULL && again.yaml.n != was->n)))
		r = err_set(err, ERR_INVALID,
			    "%s: a document cannot be put in its place in this file; give -w DIR",
			    p->place.target.path);
	edit_clear(&again);
	buf_clear(&copy);
	return r;
}

static void keep_file(struct plan *p, struct buf *text)
{
	struct import_file *f = import_file(p->im, &p->place.target);

	f->same_place = p->place.same_place;
	f->first = p->first_row;
	f->n = p->im->n_rows - p->first_row;
	if (p->im->o->write == NULL) {
		f->from = mem_str(p->path);
		buf_move(&f->had, text);
	} else {
		buf_put(&f->had, p->place.there.text.data, p->place.there.text.len);
	}
	buf_move(&f->text, &p->place.out);
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
		buf_put(&p->place.out, text->data + p->place.at, text->len - p->place.at);
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

	if (import_place_open(&p->place, NULL, &why) != 0 ||
	    import_place_load(&p->place, &why) != 0 ||
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
	if (x < 0 || import_place_open(&p->place, m.name, &why) != 0 ||
	    import_place_load(&p->place, &why) != 0 || give_namespace(p, &m, &why) != 0) {
		refuse_file(p, &why);
	} else {
		struct import_row *row = import_row(p->im, IMPORT_REFUSED, p->path, 0);

		p->place.at = text->len;
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
	struct progress *progress;
	struct err *err;
};

static int visit(void *ctx, const char *path, struct buf *text, const struct err *error)
{
	const struct walked *w = ctx;
	struct import *im = w->im;
	struct plan p = {
		.im = im,
		.path = path,
		.place = { .im = im, .path = path, .text = text, .target = TARGET_INIT },
		.first_row = im->n_rows,
	};
	int r = 0;

	progress_step(w->progress, 1);
	if (error != NULL)
		refuse_file(&p, error);
	if (error != NULL || !mentions(text, im->source->word))
		return 0;
	r = plan_file(&p, text, w->err);
	if (r == 0)
		r = plan_yaml(&p, text, w->err);
	import_place_clear(&p.place);
	return r < 0 ? -1 : 0;
}

int import_plan(struct import *im, struct err *err)
{
	struct progress progress;
	struct walked w = { im, &progress, err };
	int r = 0;

	progress_start(&progress, "reading", 0);
	for (size_t i = 0; i < im->in->n && r == 0; i++) {
		const struct walk_from from = { im->in->args[i], DOCUMENT_FILE_MAX,
						im->source->suffixes, NULL };

		im->root = from.root;
		r = walk_files(&from, visit, &w, err);
	}
	progress_end(&progress);
	return r;
}
