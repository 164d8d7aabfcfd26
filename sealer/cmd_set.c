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
#include "sealer/fields.h"
#include "sealer/fresh.h"
#include "sealer/input.h"
#include "sealer/live.h"
#include "sealer/pick.h"
#include "sealer/result.h"
#include "sealer/set_options.h"
#include "sealer/target.h"
#include "sealer/whom.h"

/* --- one setting ------------------------------------------------------------------------------ */

struct job {
	const struct invocation *in;
	const struct set_options *o;
	char *const *keys; /* opaque: KEY, or KEY=FILE */
	size_t n_keys;
	struct edit_file file;
	struct stat st;
	size_t index;
	struct document *document; /* file.documents[index] */
	struct target target;
	struct recipients to;
	struct kind_input input;
	struct kind_secret secret;
	struct document fresh; /* what is put into the file */
	struct notes notes;
	struct result result;
	json_t *asked; /* what --live found, for programs */
};

static void job_clear(struct job *j)
{
	edit_clear(&j->file);
	target_clear(&j->target);
	recipients_clear(&j->to);
	kind_input_clear(&j->input);
	kind_secret_clear(&j->secret);
	document_clear(&j->fresh);
	notes_clear(&j->notes);
	result_clear(&j->result);
	json_decref(j->asked);
}

static bool is_free(const struct job *j)
{
	return j->document->kind->keys == NULL;
}

/* The name in KEY=FILE, a new string. */
static char *key_name(const char *arg)
{
	return mem_strn(arg, strcspn(arg, "="));
}

static bool is_bare(const char *arg)
{
	return strchr(arg, '=') == NULL;
}

static size_t count_bare(const struct job *j)
{
	size_t n = 0;

	for (size_t i = 0; i < j->n_keys; i++)
		n += is_bare(j->keys[i]);
	return n;
}

static int check_names(const struct job *j, struct err *err)
{
	struct kv seen = KV_INIT;
	int r = 0;

	for (size_t i = 0; r == 0 && i < j->n_keys; i++) {
		char *name = key_name(j->keys[i]);

		if (!name_is_data_key(name))
			r = err_set(err, ERR_USAGE,
				    "KEY: not one that a Secret takes: letters, digits, \"-\", "
				    "\"_\" and \".\", at most 253");
		else if (kv_has(&seen, name))
			r = err_set(err, ERR_USAGE, "the key %s is given twice", name);
		kv_set_str(&seen, name, "");
		mem_free(name);
	}
	kv_clear(&seen);
	return r;
}

static int check_keys(const struct job *j, struct err *err)
{
	const struct document *d = j->document;
	size_t bare = count_bare(j);

	if (!is_free(j) && j->o->env_file != NULL)
		return err_set(err, ERR_USAGE,
			       "--from-env-file: kind %s is replaced as a whole, not by names",
			       d->kind->name);
	if (!is_free(j) && j->n_keys > 0)
		return err_set(err, ERR_USAGE, "kind %s is replaced as a whole; leave KEY out",
			       d->kind->name);
	if (j->o->env_file == NULL && j->o->pick.n > 0)
		return err_set(err, ERR_USAGE, "--pick picks from the file of --from-env-file");
	if (!is_free(j))
		return 0;
	if (j->n_keys == 0 && j->o->env_file == NULL)
		return err_set(err, ERR_USAGE, "say which KEY to set");
	if (check_names(j, err) != 0)
		return -1;
	if (j->o->from_file != NULL && bare != 1)
		return err_set(err, ERR_USAGE,
			       "--from-file is the value of one KEY; give others as KEY=FILE");
	/* one value of the name "credential" could be meant too, but nobody can tell without a key
	 */
	if (d->n == 1 && strcmp(d->parts[0].name, KIND_PART) == 0)
		return err_set(err, ERR_INVALID,
			       "the values were sealed together and cannot be set one by one; seal "
			       "them again with 'bulla seal opaque --together'");
	return 0;
}

/* --- recipients ------------------------------------------------------------------------------- */

static int find_recipients(struct job *j, struct err *err)
{
	const struct whom w = {
		.in = j->in,
		.who = &j->o->who,
		.namespace = j->document->namespace,
		.kind = j->document->kind,
		.dry_run = j->o->dry_run,
	};

	if (target_open(j->in->args[0], j->document->name, &j->target, err) != 0)
		return -1;
	return whom_find(&w, &j->target, &j->to, err);
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

/* --- reading ---------------------------------------------------------------------------------- */

static int prompt(struct job *j, const char *key, struct err *err)
{
	struct buf value = BUF_INIT;
	int r;

	if (kv_has(&j->input.fields, key))
		return err_set(err, ERR_USAGE, "the key %s is given twice", key);
	r = input_prompt(key, false, &value, err);
	if (r == 0)
		kv_set(&j->input.fields, key, buf_str(&value), value.len);
	buf_clear(&value);
	return r;
}

/* Those of --from-env-file and of each KEY=FILE; a bare KEY with --from-file is one too. */
static int read_files(struct job *j, struct err *err)
{
	struct option_list files = { mem_array(j->n_keys + 1, sizeof(*files.items)), 0 };
	const struct fields_free from = { j->o->env_file, &j->o->pick, &files, NULL };
	char *only = NULL;
	int r = 0;

	for (size_t i = 0; i < j->n_keys; i++) {
		if (!is_bare(j->keys[i]))
			files.items[files.n++] = j->keys[i];
		else if (j->o->from_file != NULL)
			files.items[files.n++] = only =
			    mem_printf("%s=%s", j->keys[i], j->o->from_file);
	}
	if (from.env_file != NULL || files.n > 0)
		r = fields_read_free(&from, &j->input.fields, &j->notes, err);
	mem_free(only);
	mem_free(files.items);
	return r;
}

static int read_free(struct job *j, struct err *err)
{
	struct set_options others = *j->o;
	const char *values[SET_FILES_MAX] = { NULL };
	bool ask = j->o->from_file == NULL && count_bare(j) > 0;
	struct kv names = KV_INIT;
	int r;

	others.from_file = NULL; /* read under its KEY */
	if (set_options_values(&others, j->document->kind, values, err) != 0)
		return -1;
	if (ask && !input_terminal())
		return err_set(err, ERR_USAGE,
			       "give the value with --from-file FILE, --from-file - or KEY=FILE");
	if (read_files(j, err) != 0)
		return -1;
	kv_add_names(&names, &j->input.fields);
	for (size_t i = 0; ask && i < j->n_keys; i++)
		if (is_bare(j->keys[i]))
			kv_set_str(&names, j->keys[i], "");
	fresh_tell_added(j->document, &names, &j->to, j->in->args[0]);
	kv_clear(&names);
	r = 0;
	for (size_t i = 0; r == 0 && ask && i < j->n_keys; i++)
		if (is_bare(j->keys[i]))
			r = prompt(j, j->keys[i], err);
	return r;
}

/* The secret is new; all else that the kind needs stands in the document's facts. */
static int read_kind(struct job *j, struct err *err)
{
	const struct kind *k = j->document->kind;
	const struct document_part *part = document_part(j->document, KIND_PART);
	const char *values[SET_FILES_MAX] = { NULL };
	struct kv names = KV_INIT;

	kv_set_str(&names, KIND_PART, "");
	tell_taken(j);
	fresh_tell_added(j->document, &names, &j->to, j->in->args[0]);
	kv_clear(&names);
	if (set_options_values(j->o, k, values, err) != 0 ||
	    fields_read(k, values, &j->input.fields, err) != 0)
		return -1;
	return kind_restore(k, &part->facts, &j->input, err);
}

static int read_input(struct job *j, struct err *err)
{
	j->input.now = clock_now();
	j->input.type = j->document->type;
	if (fields_expires(j->o->expires, j->input.now, &j->input.expires, err) != 0)
		return -1;
	if ((is_free(j) ? read_free(j, err) : read_kind(j, err)) != 0)
		return -1;
	return kind_build(j->document->kind, &j->input, &j->secret, &j->notes, err);
}

/* --- sealing ---------------------------------------------------------------------------------- */

static char *make_note(const struct job *j)
{
	struct buf what = BUF_INIT, names = BUF_INIT;
	char *note;

	fresh_names(&j->fresh, &what);
	recipients_names(&j->to, &names);
	note = out_note_made("%s: %s/%s, %s %s to %s", j->in->args[0], j->document->namespace,
			     j->document->name, buf_str(&what),
			     j->o->dry_run ? "would be sealed" : "sealed", buf_str(&names));
	buf_clear(&what);
	buf_clear(&names);
	return note;
}

/* The half of a new key pair that has to be registered elsewhere. */
static void print_public(struct job *j)
{
	const struct kv_item *public = kv_get(&j->secret.data, "identity.pub");

	if (public == NULL || kv_has(&j->input.fields, "private-key") || j->o->dry_run)
		return;
	if (result_asked(j->o->output))
		result_line(&j->result, "publicKey", public);
	else
		file_write_fd(STDOUT_FILENO, public->data, public->len, NULL);
}

static void make_result(struct job *j)
{
	result_begin(&j->result, j->o->output);
	result_flag(&j->result, "changed", true);
	result_flag(&j->result, "dryRun", j->o->dry_run);
	result_document(&j->result, j->in->args[0], &j->file.documents[j->index]);
	result_sealed(&j->result, &j->fresh);
	if (j->asked != NULL)
		result_value(&j->result, "live", json_incref(j->asked));
}

static int put(struct job *j, struct err *err)
{
	struct file_write w = { .path = j->target.real, .mode = 0600, .expect = &j->st };
	char *note;

	fresh_begin(j->document, &j->fresh);
	if (fresh_seal(&j->fresh, &j->secret, &j->to, j->input.now, err) != 0)
		return -1;
	fresh_tell_expiry(j->document, &j->fresh);
	note = make_note(j);
	if (fresh_put(&j->file, j->index, &j->fresh, err) != 0 ||
	    (!j->o->dry_run && file_write(&w, j->file.text.data, j->file.text.len, err) != 0)) {
		mem_free(note);
		return -1;
	}
	out_note_print(note);
	make_result(j);
	print_public(j);
	return result_print(&j->result, err);
}

static int ask(struct job *j, struct err *err)
{
	const struct live_question q = { .kind = j->document->kind,
					 .secret = &j->secret,
					 .options = &j->o->ask,
					 .fresh = live_is_fresh(&j->secret, &j->input.fields),
					 .now = j->input.now };

	return live_before(&q, &j->secret, &j->asked, err);
}

static int run(const struct invocation *in, struct err *err)
{
	struct job j = { .in = in, .o = in->options, .keys = in->args + 1, .n_keys = in->n - 1 };
	int r = -1;

	if (pick_load(in->args[0], j.o->which, &j.file, &j.index, &j.st, err) != 0)
		return -1;
	j.document = &j.file.documents[j.index];
	if (live_check(&j.o->ask, j.document->kind, err) == 0 && check_keys(&j, err) == 0 &&
	    find_recipients(&j, err) == 0) {
		r = read_input(&j, err);
		for (size_t i = 0; i < j.notes.n; i++)
			out_warn("%s", j.notes.text[i]);
		if (r == 0)
			r = ask(&j, err);
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
	.summary = "replace the secret of a document, or some of its values",
	.arguments = "NAME|FILE [KEY[=FILE]...]",
	.about = "Seal a new secret into a document that is there. Of kind opaque the values named "
		 "are set: each KEY from its FILE, or all of a .env file, in one write; of any "
		 "other kind the secret is replaced and everything else is taken from the "
		 "document. No private key is needed, and all other bytes of the file stay. A KEY "
		 "without a file is asked for at the terminal.",
	.make_options = set_options_specs,
	.options_size = sizeof(struct set_options),
	.run = run,
};
