/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/command.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/name.h"
#include "base/out.h"
#include "document/seal.h"
#include "sealer/fields.h"
#include "sealer/input.h"
#include "sealer/pick.h"
#include "sealer/target.h"
#include "sealer/who.h"

#define FILES_MAX 32 /* options that name a file, of all kinds together; held by a unit test */

struct set_options {
	const char *from_file;
	const char *expires;
	const char *which;
	struct option_list recipients, recipients_files, accept;
	bool dry_run;
	const char *files[FILES_MAX]; /* the kinds' own, in the order of the table */
};

static const struct option_spec common[] = {
	{ 0, "from-file", "FILE|-", "the new secret", offsetof(struct set_options, from_file), 0 },
	{ 0, "expires", "DATE|90d", "when the new value ends",
	  offsetof(struct set_options, expires), 0 },
	{ 'r', "recipient", "NAME|age1...", "seal to it, not to what the rules say",
	  offsetof(struct set_options, recipients), OPTION_MANY },
	{ 'R', "recipients-file", "FILE", "seal to the recipients of a file",
	  offsetof(struct set_options, recipients_files), OPTION_MANY },
	{ 0, "accept", "age1...", "agree to a recipient that is new or changed",
	  offsetof(struct set_options, accept), OPTION_MANY },
	PICK_OPTION(set_options),
	{ 0, "dry-run", NULL, "check everything, write nothing",
	  offsetof(struct set_options, dry_run), 0 },
};
#define COMMON (sizeof(common) / sizeof(common[0]))

/* --- options that kinds bring ----------------------------------------------------------------- */

static bool is_file(const struct kind_field *f)
{
	return (f->flags & (FIELD_SECRET | FIELD_FILE)) != 0;
}

static struct option_spec *find_spec(struct option_spec *specs, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(specs[i].name, name) == 0)
			return &specs[i];
	return NULL;
}

static void add_files(const struct kind *k, struct option_spec *specs, size_t *n)
{
	for (const struct kind_field *f = k->fields; f != NULL && f->name != NULL; f++) {
		if (!is_file(f) || find_spec(specs, *n, f->option) != NULL ||
		    *n == COMMON + FILES_MAX)
			continue;
		specs[*n] = (struct option_spec){
			.name = f->option,
			.arg = f->arg,
			.help = f->help,
			.at = offsetof(struct set_options, files) +
			      (*n - COMMON) * sizeof(const char *),
		};
		(*n)++;
	}
}

static const struct kind_field *field_of(const struct kind *k, const char *option)
{
	for (const struct kind_field *f = k->fields; f != NULL && f->name != NULL; f++)
		if (is_file(f) && strcmp(f->option, option) == 0)
			return f;
	return NULL;
}

/* An option that is another thing with each kind says whose it is, not what the first one calls it.
 */
static void explain_shared(struct option_spec *spec)
{
	struct buf kinds = BUF_INIT;
	bool same = true;

	for (size_t i = 0; kind_table[i] != NULL; i++) {
		const struct kind_field *f = field_of(kind_table[i], spec->name);

		if (f == NULL)
			continue;
		same = same && strcmp(f->help, spec->help) == 0;
		buf_printf(&kinds, "%s%s", kinds.len > 0 ? ", " : "", kind_table[i]->name);
	}
	if (!same)
		spec->help = mem_printf("as with 'bulla seal', for %s", buf_str(&kinds));
	buf_clear(&kinds);
}

/* Made once and kept until exit. */
static const struct option_spec *make_options(void)
{
	static struct option_spec *specs;
	size_t n = COMMON;

	if (specs != NULL)
		return specs;
	specs = mem_array(COMMON + FILES_MAX + 1, sizeof(*specs));
	memcpy(specs, common, sizeof(common));
	for (size_t i = 0; kind_table[i] != NULL; i++)
		add_files(kind_table[i], specs, &n);
	for (size_t i = COMMON; i < n; i++)
		explain_shared(&specs[i]);
	return specs;
}

/* What was given for each field of k, in the order of its table; ERR_USAGE for another kind's
 * option. */
static int files_of(const struct set_options *o, const struct kind *k, const char **values,
		    struct err *err)
{
	const struct option_spec *specs = make_options();

	for (size_t i = 0; i < FILES_MAX && specs[COMMON + i].name != NULL; i++) {
		const struct kind_field *f;

		if (o->files[i] == NULL)
			continue;
		f = field_of(k, specs[COMMON + i].name);
		if (f == NULL)
			return err_set(err, ERR_USAGE, "--%s: kind %s has no such input",
				       specs[COMMON + i].name, k->name);
		values[f - k->fields] = o->files[i];
	}
	return 0;
}

/* --from-file is whatever the kind's one secret is. */
static int put_main(const struct set_options *o, const struct kind *k, const char **values,
		    struct err *err)
{
	const struct kind_field *f = k->fields;

	if (o->from_file == NULL)
		return 0;
	while (f->name != NULL && (f->flags & FIELD_MAIN) == 0)
		f++;
	if (f->name == NULL)
		return err_set(err, ERR_USAGE, "--from-file: kind %s has no single secret",
			       k->name);
	if (values[f - k->fields] != NULL)
		return err_set(err, ERR_USAGE, "--from-file and --%s mean the same; give one",
			       f->option);
	values[f - k->fields] = o->from_file;
	return 0;
}

/* --- one setting ------------------------------------------------------------------------------ */

struct job {
	const struct invocation *in;
	const struct set_options *o;
	const char *key; /* opaque */
	struct edit_file file;
	struct stat st;
	size_t index;
	struct document *document; /* file.documents[index] */
	struct target target;
	struct recipients to;
	struct kind_input input;
	struct kind_secret secret;
	struct notes notes;
};

static void job_clear(struct job *j)
{
	edit_clear(&j->file);
	target_clear(&j->target);
	recipients_clear(&j->to);
	kind_input_clear(&j->input);
	kind_secret_clear(&j->secret);
	notes_clear(&j->notes);
}

static bool is_free(const struct job *j)
{
	return j->document->kind->keys == NULL;
}

static const char *part_name(const struct job *j)
{
	return is_free(j) ? j->key : KIND_PART;
}

static int check_key(const struct job *j, struct err *err)
{
	const struct document *d = j->document;

	if (!is_free(j) && j->key != NULL)
		return err_set(err, ERR_USAGE, "kind %s is replaced as a whole; leave KEY out",
			       d->kind->name);
	if (!is_free(j))
		return 0;
	if (j->key == NULL)
		return err_set(err, ERR_USAGE, "say which KEY to set");
	if (!name_is_data_key(j->key))
		return err_set(
		    err, ERR_USAGE,
		    "KEY: not one that a Secret takes: letters, digits, \"-\", \"_\" and "
		    "\".\", at most 253");
	/* one value of the name "credential" could be meant too, but nobody can tell without a key
	 */
	if (d->n == 1 && strcmp(d->parts[0].name, KIND_PART) == 0)
		return err_set(err, ERR_INVALID,
			       "the values were sealed together and cannot be set one by one; seal "
			       "them again with 'bulla seal opaque --together'");
	return 0;
}

static int read_free(struct job *j, struct err *err)
{
	const char *values[FILES_MAX] = { NULL };
	struct buf value = BUF_INIT;
	int r;

	if (files_of(j->o, j->document->kind, values, err) != 0)
		return -1;
	if (j->o->from_file != NULL)
		r = input_read(j->o->from_file, j->key, KIND_DATA_MAX, &value, err);
	else if (input_terminal())
		r = input_prompt(j->key, false, &value, err);
	else
		r = err_set(err, ERR_USAGE,
			    "give the value with --from-file FILE or --from-file -");
	if (r == 0)
		kv_set(&j->input.fields, j->key, buf_str(&value), value.len);
	buf_clear(&value);
	return r;
}

/* The secret is new; all else that the kind needs stands in the document's facts. */
static int read_kind(struct job *j, struct err *err)
{
	const struct kind *k = j->document->kind;
	const struct document_part *part = document_part(j->document, KIND_PART);
	const char *values[FILES_MAX] = { NULL };

	if (files_of(j->o, k, values, err) != 0 || put_main(j->o, k, values, err) != 0 ||
	    fields_read(k, values, &j->input.fields, err) != 0)
		return -1;
	return kind_restore(k, &part->facts, &j->input, err);
}

static int read_input(struct job *j, struct err *err)
{
	const struct document_part *old = document_part(j->document, part_name(j));

	j->input.now = clock_now();
	j->input.type = j->document->type;
	if (j->o->expires != NULL &&
	    !clock_parse_expiry(j->o->expires, j->input.now, &j->input.expires))
		return err_set(err, ERR_USAGE,
			       "--expires: neither a date (2027-01-31), a time "
			       "(2027-01-31T12:00:00Z) nor a span (90d, 12h, 2w)");
	if ((is_free(j) ? read_free(j, err) : read_kind(j, err)) != 0)
		return -1;
	if (kind_build(j->document->kind, &j->input, &j->secret, &j->notes, err) != 0)
		return -1;
	if (old != NULL && kv_has(&old->facts, "not-after") &&
	    !kv_has(&j->secret.facts, "not-after"))
		note_add(&j->notes, "the old value's expiry is not the new one's; give --expires");
	return 0;
}

static int find_recipients(struct job *j, struct err *err)
{
	struct who who = {
		.names = &j->o->recipients,
		.files = &j->o->recipients_files,
		.accept = &j->o->accept,
		.namespace = j->document->namespace,
		.kind = j->document->kind->name,
		.dry_run = j->o->dry_run,
		.line = j->in->line,
		.line_n = j->in->line_n,
	};

	if (target_open(j->in->args[0], j->document->name, &j->target, err) != 0)
		return -1;
	return who_select(&j->target, &who, &j->to, err);
}

/* Said before the secret is asked for: what it is going to be, on nobody's word but the file's. */
static void tell_taken(const struct job *j)
{
	const struct document *d = j->document;
	const struct document_part *part = document_part(d, KIND_PART);
	struct buf text = BUF_INIT;

	for (size_t i = 0; !is_free(j) && i < part->facts.n; i++) {
		const struct kv_item *fact = &part->facts.items[i];

		if (kind_restores(d->kind, fact->name))
			buf_printf(&text, "%s%s \"%s\"", text.len > 0 ? ", " : "", fact->name,
				   (const char *)fact->data);
	}
	if (text.len > 0)
		out_note("%s: %s/%s keeps what nobody has proven: %s", j->in->args[0], d->namespace,
			 d->name, buf_str(&text));
	buf_clear(&text);
}

/* Could it open the part that is replaced, or for a new one any other? */
static bool was_listed(const struct job *j, const char *id)
{
	const struct document *d = j->document;
	const struct document_part *old = document_part(d, part_name(j));

	for (size_t i = 0; i < d->n; i++) {
		const struct kv *listed = &d->parts[i].recipients;

		if (old != NULL && old != &d->parts[i])
			continue;
		for (size_t k = 0; k < listed->n; k++)
			if (strcmp((const char *)listed->items[k].data, id) == 0)
				return true;
	}
	return false;
}

/* Rules that changed grant as much as a recipient that is new, and no pin stops them. */
static void tell_added(const struct job *j)
{
	for (size_t i = 0; i < j->to.n; i++)
		if (!was_listed(j, j->to.items[i].id))
			out_warn("%s: %s is among the recipients now and was not before",
				 j->in->args[0], j->to.items[i].name);
}

/* Sealed into a copy of nothing but the head: edit_put_part checks it against the whole. */
static int seal_new(struct job *j, struct document_part *fresh, struct err *err)
{
	const struct document *d = j->document;
	struct document head = {
		.name = mem_str(d->name),
		.namespace = mem_str(d->namespace),
		.kind = d->kind,
		.policy = d->policy,
		.type = d->type,
	};
	int r;

	kv_copy(&head.labels, &d->labels);
	kv_copy(&head.annotations, &d->annotations);
	r = seal_part(&head, part_name(j), &j->secret, &j->to, j->input.now, err);
	if (r == 0) {
		*fresh = head.parts[0];
		memset(&head.parts[0], 0, sizeof(head.parts[0])); /* transferred */
	}
	document_clear(&head);
	return r;
}

static char *make_note(const struct job *j, const struct document_part *fresh)
{
	struct buf names = BUF_INIT;
	char *note;

	for (size_t i = 0; i < fresh->recipients.n; i++)
		buf_printf(&names, "%s%s", i > 0 ? ", " : "", fresh->recipients.items[i].name);
	note = out_note_made("%s: %s/%s, %s %s to %s", j->in->args[0], j->document->namespace,
			     j->document->name, fresh->name,
			     j->o->dry_run ? "would be sealed" : "sealed", buf_str(&names));
	buf_clear(&names);
	return note;
}

/* The half of a new key pair that has to be registered elsewhere. */
static void print_public(const struct job *j)
{
	const struct kv_item *public = kv_get(&j->secret.data, "identity.pub");

	if (public != NULL && !kv_has(&j->input.fields, "private-key") && !j->o->dry_run)
		file_write_fd(STDOUT_FILENO, public->data, public->len, NULL);
}

static int put(struct job *j, struct err *err)
{
	struct document_part fresh = { 0 };
	struct file_write w = { .path = j->target.real, .mode = 0600, .expect = &j->st };
	char *note = NULL;
	int r = -1;

	if (seal_new(j, &fresh, err) != 0)
		goto out;
	note = make_note(j, &fresh);
	if (edit_put_part(&j->file, j->index, &fresh, err) != 0 ||
	    (!j->o->dry_run && file_write(&w, j->file.text.data, j->file.text.len, err) != 0))
		goto out;
	out_note_print(note);
	note = NULL; /* transferred */
	print_public(j);
	r = 0;
out:
	mem_free(note);
	document_part_clear(&fresh);
	return r;
}

static int run(const struct invocation *in, struct err *err)
{
	struct job j = { .in = in, .o = in->options, .key = in->n > 1 ? in->args[1] : NULL };
	int r = -1;

	if (pick_load(in->args[0], j.o->which, &j.file, &j.index, &j.st, err) != 0)
		return -1;
	j.document = &j.file.documents[j.index];
	if (check_key(&j, err) == 0 && find_recipients(&j, err) == 0) {
		tell_taken(&j);
		tell_added(&j);
		r = read_input(&j, err);
		for (size_t i = 0; i < j.notes.n; i++)
			out_warn("%s", j.notes.text[i]);
		if (r == 0)
			r = put(&j, err);
	}
	if (r != 0)
		err_wrap(err, "%s", in->args[0]);
	job_clear(&j);
	return r;
}

const struct command cmd_set = {
	.name = "set",
	.summary = "replace the secret of a document, or one of its values",
	.arguments = "FILE [KEY]",
	.about = "Seal a new secret into a document that is there. Of kind opaque one value, KEY, "
		 "is set; of any other kind the secret is replaced and everything else is taken "
		 "from the document. No private key is needed, and all other bytes of the file "
		 "stay. Without --from-file the terminal asks.",
	.make_options = make_options,
	.options_size = sizeof(struct set_options),
	.run = run,
};
