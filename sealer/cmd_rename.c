/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/command.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/name.h"
#include "base/out.h"
#include "document/kustomize.h"
#include "sealer/fresh.h"
#include "sealer/newcomer.h"
#include "sealer/pick.h"
#include "sealer/rename_file.h"
#include "sealer/result.h"
#include "sealer/ring.h"
#include "sealer/target.h"
#include "sealer/whom.h"

#define KUSTOMIZATION_MAX 1048576

struct rename_options {
	struct ring_options ring;
	const char *which, *output;
	struct who_options who;
	struct option_list add;
	bool dry_run;
};

struct job {
	const struct invocation *in;
	const struct rename_options *o;
	struct edit_file file;
	struct stat st;
	size_t index;
	char *name, *namespace; /* the new ones */
	struct rename_file at;
	struct target target; /* of at.path */
	struct recipients to;
	struct document fresh;
};

static void job_clear(struct job *j)
{
	edit_clear(&j->file);
	mem_free(j->name);
	mem_free(j->namespace);
	rename_file_clear(&j->at);
	target_clear(&j->target);
	recipients_clear(&j->to);
	document_clear(&j->fresh);
}

static const struct document *document(const struct job *j)
{
	return &j->file.documents[j->index];
}

/* --- names ------------------------------------------------------------------------------------ */

/* NEW or NAMESPACE/NEW. */
static int take_names(struct job *j, struct err *err)
{
	const struct document *d = document(j);
	const char *given = j->in->args[1], *slash = strchr(given, '/');

	j->namespace =
	    slash != NULL ? mem_strn(given, (size_t)(slash - given)) : mem_str(d->namespace);
	j->name = mem_str(slash != NULL ? slash + 1 : given);
	if (!name_is_label(j->namespace))
		return err_set(err, ERR_USAGE,
			       "NAMESPACE: not one that Kubernetes takes: lower-case letters, "
			       "digits and \"-\", at most 63");
	if (!name_is_subdomain(j->name))
		return err_set(err, ERR_USAGE,
			       "NEW: not a name that Kubernetes takes: lower-case letters, digits, "
			       "\"-\" and \".\", at most 253");
	if (strcmp(j->name, d->name) == 0 && strcmp(j->namespace, d->namespace) == 0)
		return err_set(err, ERR_USAGE, "it has that name already");
	return 0;
}

/* --- sealing ---------------------------------------------------------------------------------- */

/* All parts have old values, and the rules of another place may name others. */
static int find_recipients(struct job *j, struct err *err)
{
	const struct whom w = {
		.in = j->in,
		.who = &j->o->who,
		.namespace = j->namespace,
		.kind = document(j)->kind,
		.dry_run = j->o->dry_run,
	};
	const struct newcomer_given given = { .add = &j->o->add,
					      .typed = &j->o->who.recipients,
					      .to = &j->to };

	if (target_open(j->at.path, j->name, &j->target, err) != 0 ||
	    whom_find(&w, &j->target, &j->to, err) != 0)
		return -1;
	return newcomer_check_all(&given, document(j), err);
}

static int rebind(struct job *j, const struct document_part *part, const struct keyring *keys,
		  int64_t now, struct err *err)
{
	struct kind_secret secret = KIND_SECRET_INIT;
	int r = open_part(document(j), part, keys, now, &secret, NULL, NULL, err);

	if (r == 0)
		r = seal_part(&j->fresh, part->name, &secret, &j->to, now, err);
	kind_secret_clear(&secret);
	return r;
}

static int rebind_all(struct job *j, struct err *err)
{
	const struct document *d = document(j);
	struct keyring keys = KEYRING_INIT;
	struct kv names = KV_INIT;
	int64_t now = clock_now();
	int r = ring_load(&j->o->ring, &keys, err);

	fresh_begin(d, &j->fresh);
	mem_replace(&j->fresh.name, j->name);
	mem_replace(&j->fresh.namespace, j->namespace);
	for (size_t i = 0; r == 0 && i < d->n; i++) {
		kv_set_str(&names, d->parts[i].name, "");
		r = rebind(j, &d->parts[i], &keys, now, err);
	}
	if (r == 0)
		fresh_tell_added(d, &names, &j->to, j->in->args[0]);
	keyring_clear(&keys);
	kv_clear(&names);
	return r;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* What the kustomization beside it makes of the new name; it is a person's to change. */
static void tell_kustomization(const struct job *j)
{
	const char *slash = strrchr(j->at.path, '/');
	int folder = slash != NULL ? (int)(slash - j->at.path) + 1 : 0;
	struct kustomize_findings found = KUSTOMIZE_FINDINGS_INIT;

	for (size_t i = 0; kustomize_names[i] != NULL && found.n == 0; i++) {
		char *name = mem_printf("%.*s%s", folder, j->at.path, kustomize_names[i]);
		struct buf text = BUF_INIT;
		struct kustomize_input in = {
			.name = name,
			.file = j->at.path + folder,
			.documents = j->file.documents,
			.n = j->file.n,
		};

		if (file_read(name, KUSTOMIZATION_MAX, FILE_NOFOLLOW, &text, NULL, NULL) == 0) {
			in.text = text.data;
			in.len = text.len;
			if (kustomize_check(&in, &found, NULL) == 0)
				for (size_t k = 0; k < found.n; k++)
					out_warn("%s:%u: %s", name, found.items[k].line,
						 found.items[k].text);
		}
		buf_clear(&text);
		mem_free(name);
	}
	kustomize_clear(&found);
}

static int tell(const struct job *j, const char *old, struct err *err)
{
	struct result result;

	result_begin(&result, j->o->output);
	result_flag(&result, "changed", true);
	result_flag(&result, "dryRun", j->o->dry_run);
	result_document(&result, j->at.path, document(j));
	result_text(&result, "documentBefore", old);
	result_text(&result, "fileBefore", j->in->args[0]);
	result_sealed(&result, &j->fresh);
	return result_print(&result, err);
}

static int put(struct job *j, struct err *err)
{
	const bool dry = j->o->dry_run;
	char *old = mem_printf("%s/%s", document(j)->namespace, document(j)->name);
	struct buf to = BUF_INIT;
	int r;

	recipients_names(&j->to, &to);
	r = edit_rename(&j->file, j->index, &j->fresh, err);
	if (r == 0 && !dry)
		r = rename_file_write(&j->at, j->target.real, &j->file, &j->st, err);
	if (r == 0) {
		out_note("%s: %s %s %s/%s, sealed to %s%s%s", j->in->args[0], old,
			 dry ? "would be" : "is now", j->namespace, j->name, buf_str(&to),
			 j->at.moves ? ", in " : "", j->at.moves ? j->at.path : "");
		out_note("what reads the Secret %s has to name the new one; where an agent keeps "
			 "the old one, it goes or stays as its document's deletionPolicy says",
			 old);
		tell_kustomization(j);
		r = tell(j, old, err);
	}
	buf_clear(&to);
	mem_free(old);
	return r;
}

static int run(const struct invocation *in, struct err *err)
{
	struct job j = { .in = in, .o = in->options, .fresh = DOCUMENT_INIT };
	const char *slash = strchr(in->args[1], '/'),
		   *new = slash != NULL ? slash + 1 : in->args[1];
	int r = -1;

	if (rename_file_find(in->args[0], new, &j.at, err) != 0 ||
	    pick_load(j.at.from, j.o->which, &j.file, &j.index, &j.st, err) != 0) {
		rename_file_clear(&j.at);
		return -1;
	}
	if (take_names(&j, err) == 0 &&
	    rename_file_plan(&j.at, &j.file, document(&j), j.name, err) == 0 &&
	    find_recipients(&j, err) == 0 && rebind_all(&j, err) == 0 && put(&j, err) == 0)
		r = 0;
	else
		err_wrap(err, "%s", in->args[0]);
	job_clear(&j);
	return r;
}

/* An earlier run may have done it all: then there is the new name. */
static void not_found(const struct invocation *in, struct err *err)
{
	rename_file_done(in->args[0], in->args[1], err);
}

static const struct option_spec options[] = {
	RING_OPTIONS(rename_options),
	WHO_OPTIONS(rename_options),
	NEWCOMER_OPTION(rename_options),
	PICK_OPTION(rename_options),
	{ 0, "dry-run", NULL, "check everything, write nothing",
	  offsetof(struct rename_options, dry_run), 0 },
	RESULT_OPTION(rename_options),
	{ 0, NULL, NULL, NULL, 0, 0 },
};

const struct command cmd_rename = {
	.name = "rename",
	.summary = "give a document another name or namespace",
	.arguments = "NAME|FILE NEW",
	.about = "Open a sealed document with a private key and seal all of it for another name, "
		 "NEW, or another namespace too, NAMESPACE/NEW, because both are bound inside; the "
		 "values stay. It is sealed to whom the rules name for the new place. A file that "
		 "is called as its only document gets the new name.",
	.options = options,
	.options_size = sizeof(struct rename_options),
	.run = run,
	.not_found = not_found,
};
