/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/edit_change.h"

#include "base/err.h"
#include "document/seal.h"
#include "sealer/fresh.h"

static bool is_free(const struct edit_about *a)
{
	return a->document->kind->keys == NULL;
}

bool edit_about_apart(const struct edit_about *a)
{
	return is_free(a) && !a->together;
}

void edit_change_clear(struct edit_change *c)
{
	kv_clear(&c->changed);
	kv_clear(&c->gone);
	kind_input_clear(&c->input);
	kind_secret_clear(&c->secret);
	document_clear(&c->fresh);
	notes_clear(&c->notes);
}

/* The secret of a kind may be another one, but not none: that would make a new key of a pair. */
static int check_gone(const struct edit_about *a, const struct edit_change *c, struct err *err)
{
	const struct kind_field *f = a->document->kind->fields;

	if (is_free(a) && c->gone.n > 0 && c->gone.n == a->values->n && c->changed.n == 0)
		return err_set(err, ERR_INVALID,
			       "no value is left; remove the document instead ('git rm')");
	for (; !is_free(a) && f->name != NULL; f++)
		if ((f->flags & FIELD_MAIN) != 0 && kv_has(&c->gone, f->name))
			return err_set(err, ERR_INVALID,
				       "%s: the secret itself cannot be taken out; 'bulla set' "
				       "replaces it",
				       f->name);
	return 0;
}

/* What is sealed anew: the values that changed, or all where they are one part. */
static int build(const struct edit_about *a, const struct kv *values, struct edit_change *c,
		 struct err *err)
{
	const struct document *d = a->document;
	bool whole = !edit_about_apart(a);

	if (!whole && c->changed.n == 0)
		return 0;
	c->input.now = a->now;
	c->input.type = d->type;
	c->input.expires = a->expires;
	kv_copy(&c->input.fields, whole ? values : &c->changed);
	if (whole && kind_restore(d->kind, &d->parts[0].facts, &c->input, err) != 0)
		return -1;
	return kind_build(d->kind, &c->input, &c->secret, &c->notes, err);
}

static int seal(const struct edit_about *a, struct edit_change *c, struct err *err)
{
	fresh_begin(a->document, &c->fresh);
	if (c->secret.data.n == 0)
		return 0;
	if (a->together)
		return seal_part(&c->fresh, KIND_PART, &c->secret, a->to, a->now, err);
	return fresh_seal(&c->fresh, &c->secret, a->to, a->now, err);
}

int edit_change_make(const struct edit_about *a, const struct kv *values, struct edit_change *c,
		     struct err *err)
{
	return check_gone(a, c, err) == 0 && build(a, values, c, err) == 0 && seal(a, c, err) == 0
		   ? 0
		   : -1;
}
