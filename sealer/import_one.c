/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "sealer/fresh.h"
#include "sealer/import.h"
#include "sealer/whom.h"
#include "sealer/write.h"

/* One Secret on its way. */
struct one {
	const struct manifest *m;
	const struct kind *kind;
	struct kind_input input;
	struct kind_secret secret;
	struct recipients to;
	struct document d;
	struct notes notes;
};

static void one_clear(struct one *o)
{
	kind_input_clear(&o->input);
	kind_secret_clear(&o->secret);
	recipients_clear(&o->to);
	document_clear(&o->d);
	notes_clear(&o->notes);
}

/* --- whom it is sealed to --------------------------------------------------------------------- */

static bool has_accepted(const struct import *im, const char *text)
{
	for (size_t i = 0; i < im->accept.n; i++)
		if (strcmp(im->accept.items[i], text) == 0)
			return true;
	return false;
}

/* Who was agreed to for one document is not asked about for the next, also in a dry run. */
static void remember(struct import *im, const struct recipients *r)
{
	for (size_t i = 0; i < r->n; i++) {
		char text[AGE_RECIPIENT_TEXT];
		struct option_list *l = &im->accept;

		age_recipient_format(&r->items[i].key, text);
		if (has_accepted(im, text))
			continue;
		im->agreed = mem_grow(im->agreed, im->n_agreed + 1, sizeof(*im->agreed));
		im->agreed[im->n_agreed++] = mem_str(text);
		l->items = mem_grow(l->items, l->n + 1, sizeof(*l->items));
		l->items[l->n++] = im->agreed[im->n_agreed - 1];
	}
}

static int find_recipients(struct import *im, const struct target *t, struct one *o,
			   struct err *err)
{
	const struct who_options who = { im->o->recipients, im->o->recipients_files, im->accept };
	const struct whom w = {
		.in = im->in,
		.who = &who,
		.namespace = o->m->namespace,
		.kind = o->kind,
		.dry_run = im->o->dry_run,
	};

	if (whom_find(&w, t, &o->to, err) != 0)
		return -1;
	remember(im, &o->to);
	return 0;
}

/* --- sealing ---------------------------------------------------------------------------------- */

static int build_opaque(struct import *im, struct one *o, const struct err *why, struct err *err)
{
	kind_input_clear(&o->input);
	kind_secret_clear(&o->secret);
	notes_clear(&o->notes);
	note_add(&o->notes, "sealed as opaque, as it is not right as another kind: %s", why->text);
	o->kind = kind_find("opaque");
	o->input.now = im->now;
	o->input.type = TYPE_OPAQUE;
	kv_copy(&o->input.fields, &o->m->data);
	return kind_build(o->kind, &o->input, &o->secret, &o->notes, err);
}

/*
 * A Secret of type Opaque that looks like a kind but is not right as one (a deploy key without its
 * URL) is moved as the values that it is; what the API server itself would make sure of is not.
 */
static int build(struct import *im, struct one *o, struct err *err)
{
	struct err why = ERR_INIT;

	o->input.now = im->now;
	o->kind = kind_detect(o->m->type, &o->m->data, &o->input, err);
	if (o->kind == NULL)
		return -1;
	if (kind_build(o->kind, &o->input, &o->secret, &o->notes, &why) == 0)
		return 0;
	if (strcmp(o->m->type, TYPE_OPAQUE) == 0 && o->kind->keys != NULL)
		return build_opaque(im, o, &why, err);
	return err_set(err, why.class, "%s", why.text);
}

static int seal(struct import *im, struct one *o, struct buf *out, struct err *err)
{
	size_t before = out->len;
	int r;

	o->d.name = mem_str(o->m->name);
	o->d.namespace = mem_str(o->m->namespace);
	o->d.kind = o->kind;
	o->d.type = o->secret.type;
	kv_copy(&o->d.labels, &o->m->labels);
	kv_copy(&o->d.annotations, &o->m->annotations);
	r = fresh_seal(&o->d, &o->secret, &o->to, im->now, err);
	if (r == 0)
		r = document_format(&o->d, out, err);
	if (r == 0 && out->len - before > WRITE_APPLY_MAX)
		note_add(&o->notes,
			 "the document has %zu bytes; above %d 'kubectl apply' needs --server-side",
			 out->len - before, WRITE_APPLY_MAX);
	return r;
}

static void describe(struct import *im, const struct one *o, const struct target *t,
		     struct import_row *row)
{
	struct buf names = BUF_INIT;

	recipients_names(&o->to, &names);
	import_row_text(row, IMPORT_CONVERTED, "%s", buf_str(&names));
	buf_clear(&names);
	row->kind = o->kind->name;
	mem_replace(&row->to, t->path);
	for (size_t i = 0; i < o->notes.n; i++)
		note_add(&im->notes, "%s: %s: %s", row->file, row->document, o->notes.text[i]);
}

int import_one(struct import *im, const struct target *t, const struct manifest *m,
	       struct import_row *row, struct buf *out, struct err *err)
{
	struct one o = { .m = m };
	int r = -1;

	if (build(im, &o, err) == 0 && find_recipients(im, t, &o, err) == 0 &&
	    seal(im, &o, out, err) == 0) {
		describe(im, &o, t, row);
		r = 0;
	}
	one_clear(&o);
	return r;
}
