/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/command.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/name.h"
#include "base/out.h"
#include "document/seal.h"
#include "sealer/fields.h"
#include "sealer/fresh.h"
#include "sealer/input.h"
#include "sealer/live.h"
#include "sealer/manifest.h"
#include "sealer/result.h"
#include "sealer/seal_options.h"
#include "sealer/target.h"
#include "sealer/whom.h"
#include "sealer/write.h"

#define MANIFEST_MAX 2097152

/* One sealing, from the command line to the document. */
struct job {
	const struct invocation *in;
	const struct seal_options *o;
	const struct kind *kind;
	const char *name, *namespace;
	struct target target;
	struct write write;
	struct recipients to;
	struct kind_input input;
	struct kind_secret secret;
	struct notes notes;
	struct document document;
	struct result result;
	json_t *asked; /* what --live found, for programs */
};

static void job_clear(struct job *j)
{
	target_clear(&j->target);
	write_clear(&j->write);
	recipients_clear(&j->to);
	kind_input_clear(&j->input);
	kind_secret_clear(&j->secret);
	notes_clear(&j->notes);
	document_clear(&j->document);
	result_clear(&j->result);
	json_decref(j->asked);
}

/* --- before any secret is asked for ----------------------------------------------------------- */

static int check_names(const struct job *j, struct err *err)
{
	if (!name_is_subdomain(j->name))
		return err_set(
		    err, ERR_USAGE,
		    "NAME: not an object's name (at most 253 lower-case letters, digits, "
		    "\"-\" and \".\", alphanumeric at both ends)");
	if (!name_is_label(j->namespace))
		return err_set(err, ERR_USAGE,
			       "-n: not a namespace's name (at most 63 lower-case letters, digits "
			       "and \"-\", alphanumeric at both ends)");
	return 0;
}

static int read_expiry(struct job *j, struct err *err)
{
	j->input.now = clock_now();
	return fields_expires(j->o->expires, j->input.now, &j->input.expires, err);
}

static int read_public(struct job *j, struct err *err)
{
	const struct seal_options *o = j->o;
	struct document *d = &j->document;

	if (seal_options_pairs("alias", &o->aliases, &j->input.aliases, err) != 0 ||
	    seal_options_pairs("label", &o->labels, &d->labels, err) != 0 ||
	    seal_options_pairs("annotation", &o->annotations, &d->annotations, err) != 0 ||
	    read_expiry(j, err) != 0)
		return -1;
	if (o->secret_type != NULL)
		j->input.type = o->secret_type;
	if (o->namespaces != NULL)
		kv_set_str(&j->input.extra, "namespaces", o->namespaces);
	if (o->service_accounts != NULL)
		kv_set_str(&j->input.extra, "service-accounts", o->service_accounts);
	if (o->policy != NULL)
		d->policy = strcmp(o->policy, "Retain") == 0 ? POLICY_RETAIN : POLICY_DELETE;
	return 0;
}

static int find_recipients(struct job *j, struct err *err)
{
	const struct whom w = {
		.in = j->in,
		.who = &j->o->who,
		.namespace = j->namespace,
		.kind = j->kind,
		.dry_run = j->o->dry_run,
	};

	return whom_find(&w, &j->target, &j->to, err);
}

/* Two things cannot both go to standard output. */
static int check_output(const struct seal_options *o, struct err *err)
{
	if (!result_asked(o->output) || o->write != NULL || o->dry_run)
		return 0;
	return err_set(err, ERR_USAGE,
		       "--output json: without -w the document itself goes to standard output");
}

static int prepare(struct job *j, struct err *err)
{
	if (check_output(j->o, err) != 0 || check_names(j, err) != 0 || read_public(j, err) != 0 ||
	    live_check(&j->o->ask, j->kind, err) != 0 ||
	    target_open(j->o->write, j->name, &j->target, err) != 0 ||
	    write_begin(&j->target, j->namespace, j->name, &j->write, err) != 0)
		return -1;
	return find_recipients(j, err);
}

/* --- sealing ---------------------------------------------------------------------------------- */

/* The half of a new key pair that has to be registered elsewhere. */
static int print_public(struct job *j, struct err *err)
{
	const struct kv_item *public = kv_get(&j->secret.data, "identity.pub");
	bool to_stdout = j->target.path != NULL;

	if (public == NULL || kv_has(&j->input.fields, "private-key"))
		return 0;
	if (result_asked(j->o->output)) {
		result_line(&j->result, "publicKey", public);
		return 0;
	}
	return file_write_fd(to_stdout ? STDOUT_FILENO : STDERR_FILENO, public->data, public->len,
			     err);
}

/* -v: each recipient with its key id, and on whose word. */
static void tell_why(const struct job *j)
{
	if (j->o->who.recipients.n + j->o->who.recipients_files.n > 0)
		out_note("recipients as named on the command line:");
	else
		out_note("recipients by the rules of %s/" CONFIG_PATH " for %s:", j->target.top,
			 j->target.below);
	for (size_t i = 0; i < j->to.n; i++)
		out_note("  %s  %s", j->to.items[i].id, j->to.items[i].name);
}

/* The same for programs. */
static void make_result(struct job *j)
{
	result_begin(&j->result, j->o->output);
	result_flag(&j->result, "changed", true);
	result_flag(&j->result, "dryRun", j->o->dry_run);
	result_document(&j->result, j->target.path, &j->document);
	result_sealed(&j->result, &j->document);
	if (j->asked != NULL)
		result_value(&j->result, "live", json_incref(j->asked));
}

/* What is said at the end; NULL when there is nothing to say. */
static char *make_note(const struct job *j)
{
	bool file = j->target.path != NULL;
	struct buf names = BUF_INIT;
	char *note;

	if (!file && !j->in->verbose && !j->o->dry_run)
		return NULL;
	recipients_names(&j->to, &names);
	note = out_note_made("%s: %s/%s (%s) %s to %s", file ? j->target.path : "standard output",
			     j->namespace, j->name, j->kind->name,
			     j->o->dry_run ? "would be sealed" : "sealed", buf_str(&names));
	buf_clear(&names);
	return note;
}

static int ask(struct job *j, struct err *err)
{
	const struct live_question q = { .kind = j->kind,
					 .secret = &j->secret,
					 .options = &j->o->ask,
					 .fresh = live_is_fresh(&j->secret, &j->input.fields),
					 .now = j->input.now };

	return live_before(&q, &j->secret, &j->asked, err);
}

static int finish(struct job *j, struct err *err)
{
	struct document *d = &j->document;
	char *note;
	int r = kind_build(j->kind, &j->input, &j->secret, &j->notes, err);

	for (size_t i = 0; i < j->notes.n; i++)
		out_warn("%s", j->notes.text[i]);
	if (r != 0 || ask(j, err) != 0)
		return -1;
	d->name = mem_str(j->name);
	d->namespace = mem_str(j->namespace);
	d->kind = j->kind;
	d->type = j->secret.type;
	r = j->o->together ? seal_part(d, KIND_PART, &j->secret, &j->to, j->input.now, err)
			   : fresh_seal(d, &j->secret, &j->to, j->input.now, err);
	if (r == 0 && j->in->verbose)
		tell_why(j);
	note = make_note(j);
	if (r == 0)
		make_result(j);
	if (r == 0)
		r = write_document(&j->write, d, j->o->dry_run, err);
	if (r == 0 && !j->o->dry_run)
		r = print_public(j, err);
	if (r == 0)
		out_note_print(note);
	else
		mem_free(note);
	return r == 0 ? result_print(&j->result, err) : -1;
}

/* --- the commands ----------------------------------------------------------------------------- */

static int read_fields(struct job *j, struct err *err)
{
	const struct seal_options *o = j->o;
	struct fields_free from = { o->env_file, &o->pick, &o->from_file, o->stdin_key };

	if (j->kind->keys == NULL)
		return fields_read_free(&from, &j->input.fields, &j->notes, err);
	return fields_read(j->kind, o->fields, &j->input.fields, err);
}

static int seal_kind(const struct invocation *in, struct err *err)
{
	struct job j = {
		.in = in, .o = in->options, .kind = in->command->data, .name = in->args[0]
	};
	int r = -1;

	j.namespace = j.o->namespace;
	if (prepare(&j, err) == 0 && read_fields(&j, err) == 0)
		r = finish(&j, err);
	job_clear(&j);
	return r;
}

/* What the manifest says, unless the command line says otherwise. */
static int take_manifest(struct job *j, const struct manifest *m, struct err *err)
{
	const char *given = j->o->namespace;

	if (m->namespace != NULL && given != NULL && strcmp(m->namespace, given) != 0)
		return err_set(err, ERR_USAGE, "-n: the manifest names another namespace (%s)",
			       m->namespace);
	if (m->namespace == NULL && given == NULL)
		return err_set(err, ERR_USAGE,
			       "--namespace NAMESPACE is missing; the manifest names "
			       "none, and it is never guessed");
	j->name = m->name;
	j->namespace = m->namespace != NULL ? m->namespace : given;
	j->kind = kind_detect(m->type, &m->data, &j->input, err);
	if (j->kind != NULL && j->o->url != NULL)
		kv_set_str(&j->input.fields, "url", j->o->url);
	return j->kind != NULL ? 0 : -1;
}

static void add_missing(struct kv *to, const struct kv *from)
{
	for (size_t i = 0; i < from->n; i++)
		if (!kv_has(to, from->items[i].name))
			kv_set(to, from->items[i].name, from->items[i].data, from->items[i].len);
}

static int read_manifest(struct job *j, struct manifest *m, struct err *err)
{
	const char *path = j->o->filename;
	const char *file = strcmp(path, "-") == 0 ? "standard input" : path;
	struct buf text = BUF_INIT;
	int r = input_read(path, "the manifest", MANIFEST_MAX, &text, err);

	if (r == 0)
		r = manifest_parse(file, text.data, text.len, m, &j->notes, err);
	buf_clear(&text);
	return r;
}

/* A document is added to what a file has; that may not be what it is to take the place of. */
static int refuse_own_file(const struct job *j, struct err *err)
{
	const struct stat *to = &j->write.st;
	struct stat from;

	if (!j->write.exists || strcmp(j->o->filename, "-") == 0 ||
	    stat(j->o->filename, &from) != 0 || from.st_dev != to->st_dev ||
	    from.st_ino != to->st_ino)
		return 0;
	return err_set(err, ERR_CONFLICT,
		       "-w: %s is the manifest itself, and would keep the Secret unencrypted; "
		       "write to another file, and remove this one",
		       j->target.path);
}

static int seal_manifest(const struct invocation *in, struct err *err)
{
	struct job j = { .in = in, .o = in->options };
	struct manifest m = MANIFEST_INIT;
	int r = -1;

	if (read_manifest(&j, &m, err) == 0 && take_manifest(&j, &m, err) == 0 &&
	    prepare(&j, err) == 0 && refuse_own_file(&j, err) == 0) {
		add_missing(&j.document.labels, &m.labels);
		add_missing(&j.document.annotations, &m.annotations);
		r = finish(&j, err);
	}
	job_clear(&j);
	manifest_clear(&m);
	return r;
}

/* One subcommand for each kind. */
static const struct command *subcommands(void)
{
	static struct command *rows;
	size_t n = 0;

	if (rows != NULL)
		return rows;
	while (kind_table[n] != NULL)
		n++;
	rows = mem_array(n + 1, sizeof(*rows));
	for (size_t i = 0; i < n; i++)
		rows[i] = (struct command){
			.name = kind_table[i]->name,
			.summary = kind_table[i]->summary,
			.arguments = "NAME",
			.options = seal_options_specs(kind_table[i]),
			.options_size = sizeof(struct seal_options),
			.run = seal_kind,
			.data = kind_table[i],
		};
	return rows;
}

static const struct option_spec *head_options(void)
{
	return seal_options_specs(NULL);
}

const struct command cmd_seal = {
	.name = "seal",
	.summary = "seal a credential into a document",
	.arguments = "",
	.about = "Check a credential as its reader would, encrypt it to those who may use it, and "
		 "write the document.  It needs no cluster and no private key.  Secrets come from "
		 "files, standard input (\"-\") or the terminal.",
	.make_options = head_options,
	.options_size = sizeof(struct seal_options),
	.run = seal_manifest,
	.sub = subcommands,
};
