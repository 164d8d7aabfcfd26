/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/rotate.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/out.h"
#include "document/seal.h"
#include "sealer/fields.h"
#include "sealer/fresh.h"
#include "sealer/pick.h"
#include "sealer/rotate_check.h"
#include "sealer/whom.h"

static bool is_free(const struct rotation *r)
{
	return r->kind->keys == NULL;
}

/* --- the document --------------------------------------------------------------------------------
 */

static int check_document(const struct rotation *r, struct err *err)
{
	const struct document *d = r->document;

	if (d->kind == r->kind)
		return 0;
	return err_set(err, ERR_USAGE, "%s/%s is of kind %s, not %s", d->namespace, d->name,
		       d->kind->name, r->kind->name);
}

static int load_keys(struct rotation *r, struct err *err)
{
	struct err why = ERR_INIT;

	if (ring_load(&r->o->ring, &r->keys, &why) == 0) {
		r->with_keys = true;
		return 0;
	}
	if (!ring_given(&r->o->ring) && why.class == ERR_NOKEY)
		return 0;
	return err_set(err, why.class, "%s", why.text);
}

static int read_expiry(struct rotation *r, struct err *err)
{
	r->now = clock_now();
	return fields_expires(r->o->expires, r->now, &r->expires, err);
}

static int check_wait(const struct rotation *r, struct err *err)
{
	const struct wait_options *o = &r->o->wait;

	if (!o->wait && (o->contexts.n > 0 || o->kubeconfig != NULL || o->agent_namespace != NULL))
		return err_set(err, ERR_USAGE,
			       "--context, --kubeconfig and --agent-namespace go with --wait");
	return wait_check(o, err);
}

int rotate_open(const struct invocation *in, const struct kind *kind, struct rotation *r,
		struct err *err)
{
	*r = (struct rotation){ .in = in, .o = in->options, .kind = kind };
	if (check_wait(r, err) != 0 || read_expiry(r, err) != 0 ||
	    live_check(&r->o->ask, kind, err) != 0 ||
	    pick_load(in->args[0], r->o->which, &r->file, &r->index, &r->st, err) != 0)
		return -1;
	r->document = &r->file.documents[r->index];
	if (check_document(r, err) != 0 || load_keys(r, err) != 0 ||
	    target_open(r->in->args[0], r->document->name, &r->target, err) != 0)
		return err_wrap(err, "%s", r->in->args[0]);
	return 0;
}

void rotate_clear(struct rotation *r)
{
	edit_clear(&r->file);
	target_clear(&r->target);
	recipients_clear(&r->to);
	keyring_clear(&r->keys);
	kv_clear(&r->fields);
	document_clear(&r->fresh);
	pending_clear(&r->pending);
	notes_clear(&r->notes);
	result_clear(&r->result);
	json_decref(r->asked);
}

/* --- whom for ------------------------------------------------------------------------------------
 */

static int find_recipients(struct rotation *r, struct err *err)
{
	const struct whom w = {
		.in = r->in,
		.who = &r->o->who,
		.namespace = r->document->namespace,
		.kind = r->kind,
		.dry_run = r->o->dry_run,
	};

	return whom_find(&w, &r->target, &r->to, err);
}

/* Said before the secret is asked for: where it goes, on nobody's word but the file's. */
static void tell_taken(const struct rotation *r)
{
	const struct document *d = r->document;
	const struct document_part *part = document_part(d, KIND_PART);
	struct buf text = BUF_INIT;

	for (size_t i = 0; !is_free(r) && i < part->facts.n; i++) {
		const struct kv_item *fact = &part->facts.items[i];

		if (kind_restores(d->kind, fact->name))
			buf_printf(&text, "%s%s \"%s\"", text.len > 0 ? ", " : "", fact->name,
				   (const char *)fact->data);
	}
	if (text.len > 0)
		out_note("%s: %s/%s keeps what nobody has proven: %s", r->in->args[0], d->namespace,
			 d->name, buf_str(&text));
	buf_clear(&text);
}

/* --- the new secret ------------------------------------------------------------------------------
 */

static bool is_together(const struct document *d)
{
	return d->n == 1 && strcmp(d->parts[0].name, KIND_PART) == 0;
}

/* Rotating replaces; a name that is not there is a slip of the pen, or set's to add. */
static int check_keys(const struct rotation *r, struct err *err)
{
	const struct document *d = r->document;

	for (size_t i = 0; !is_together(d) && i < r->fields.n; i++)
		if (document_part(d, r->fields.items[i].name) == NULL)
			return err_set(err, ERR_INVALID,
				       "%s: the document has no such value to rotate; 'bulla set' "
				       "adds one",
				       r->fields.items[i].name);
	return 0;
}

static int read_free(struct rotation *r, struct err *err)
{
	const struct rotate_options *o = r->o;
	const struct fields_free from = { o->env_file, &o->pick, &o->from_file, o->stdin_key };

	if (fields_read_free(&from, &r->fields, &r->notes, err) != 0)
		return -1;
	return check_keys(r, err);
}

static void tell_added(const struct rotation *r)
{
	struct kv parts = KV_INIT;

	if (is_free(r) && !is_together(r->document))
		for (size_t i = 0; i < r->fields.n; i++)
			kv_set_str(&parts, r->fields.items[i].name, "");
	else
		kv_set_str(&parts, KIND_PART, "");
	fresh_tell_added(r->document, &parts, &r->to, r->in->args[0]);
	kv_clear(&parts);
}

int rotate_recipients(struct rotation *r, struct err *err)
{
	return find_recipients(r, err) == 0 ? rotate_wait_probe(r, err) : -1;
}

int rotate_input(struct rotation *r, struct err *err)
{
	int rc = -1;

	if (rotate_recipients(r, err) == 0) {
		tell_taken(r);
		rc = is_free(r) ? read_free(r, err)
				: fields_read(r->kind, r->o->fields, &r->fields, err);
	}
	if (rc == 0)
		tell_added(r);
	return rc == 0 ? 0 : err_wrap(err, "%s", r->in->args[0]);
}

/* --- sealing -------------------------------------------------------------------------------------
 */

int rotate_open_old(struct rotation *r, const struct document_part *part, struct kind_secret *out)
{
	struct err why = ERR_INIT;

	if (!r->with_keys)
		return 0;
	if (open_part(r->document, part, &r->keys, r->now, out, NULL, NULL, &why) == 0)
		return 1;
	if (ring_given(&r->o->ring) || why.class != ERR_NOKEY)
		note_add(&r->notes, "the old value could not be opened to compare: %s", why.text);
	return 0;
}

static int compare(struct rotation *r, const struct document_part *part,
		   const struct kind_secret *new, struct err *err)
{
	const struct rotate_allowed allowed = { rotate_options_allow(r->o, "same"),
						rotate_options_allow(r->o, "names"),
						rotate_options_allow(r->o, "sooner") };
	struct kind_secret old = KIND_SECRET_INIT;
	struct rotate_pair pair = { &part->facts, NULL, new };
	int rc;

	if (rotate_open_old(r, part, &old) == 1)
		pair.old = &old;
	rc = rotate_check(&pair, &allowed, &r->notes, err);
	kind_secret_clear(&old);
	return rc;
}

static int ask(struct rotation *r, const struct document_part *part, struct kind_secret *new,
	       struct err *err)
{
	const struct live_question q = {
		.kind = r->kind, .secret = new, .options = &r->o->ask, .now = r->now
	};
	json_t *v = NULL;
	int rc = live_before(&q, new, &v, err);

	if (v != NULL && strcmp(part->name, KIND_PART) != 0) {
		if (r->asked == NULL)
			r->asked = json_object();
		json_object_set_new(r->asked, part->name, v);
	} else if (v != NULL) {
		r->asked = v;
	}
	return rc;
}

/* A part, from the fields that are its own. */
static int seal_one(struct rotation *r, const struct document_part *part, const struct kv *fields,
		    struct err *err)
{
	struct kind_input input = { .type = r->document->type,
				    .now = r->now,
				    .expires = r->expires };
	struct kind_secret secret = KIND_SECRET_INIT;
	int rc = -1;

	kv_copy(&input.fields, fields);
	if (kind_restore(r->kind, &part->facts, &input, err) == 0 &&
	    kind_build(r->kind, &input, &secret, &r->notes, err) == 0 &&
	    compare(r, part, &secret, err) == 0 && ask(r, part, &secret, err) == 0)
		rc = seal_part(&r->fresh, part->name, &secret, &r->to, r->now, err);
	kind_input_clear(&input);
	kind_secret_clear(&secret);
	return rc;
}

static int seal_each(struct rotation *r, struct err *err)
{
	for (size_t i = 0; i < r->fields.n; i++) {
		const struct kv_item *item = &r->fields.items[i];
		struct kv one = KV_INIT;
		int rc;

		kv_set(&one, item->name, item->data, item->len);
		rc = seal_one(r, document_part(r->document, item->name), &one, err);
		kv_clear(&one);
		if (rc != 0)
			return err_wrap(err, "%s", item->name);
	}
	return 0;
}

int rotate_seal(struct rotation *r, struct err *err)
{
	int rc;

	fresh_begin(r->document, &r->fresh);
	if (is_free(r) && !is_together(r->document))
		rc = seal_each(r, err);
	else
		rc = seal_one(r, document_part(r->document, KIND_PART), &r->fields, err);
	for (size_t i = 0; i < r->notes.n; i++)
		out_warn("%s: %s", r->in->args[0], r->notes.text[i]);
	notes_clear(&r->notes);
	return rc == 0 ? 0 : err_wrap(err, "%s", r->in->args[0]);
}

/* --- writing -------------------------------------------------------------------------------------
 */

static char *make_note(const struct rotation *r)
{
	struct buf parts = BUF_INIT, names = BUF_INIT;
	char *note;

	fresh_names(&r->fresh, &parts);
	recipients_names(&r->to, &names);
	note = out_note_made("%s: %s/%s, %s %s for %s", r->in->args[0], r->document->namespace,
			     r->document->name, buf_str(&parts),
			     r->o->dry_run ? "would be rotated" : "rotated", buf_str(&names));
	buf_clear(&parts);
	buf_clear(&names);
	return note;
}

static void make_result(struct rotation *r)
{
	result_begin(&r->result, r->o->output);
	result_flag(&r->result, "changed", true);
	result_flag(&r->result, "dryRun", r->o->dry_run);
	result_document(&r->result, r->in->args[0], r->document);
	result_sealed(&r->result, &r->fresh);
	if (r->asked != NULL)
		result_value(&r->result, "live", json_incref(r->asked));
}

int rotate_write(struct rotation *r, struct err *err)
{
	struct file_write w = { .path = r->target.real, .mode = 0600, .expect = &r->st };
	char *note = make_note(r);

	if (fresh_put(&r->file, r->index, &r->fresh, err) != 0 ||
	    (!r->o->dry_run && file_write(&w, r->file.text.data, r->file.text.len, err) != 0)) {
		mem_free(note);
		return err_wrap(err, "%s", r->in->args[0]);
	}
	r->document = &r->file.documents[r->index];
	out_note_print(note);
	make_result(r);
	return 0;
}
