/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

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
#include "sealer/ring.h"
#include "sealer/target.h"
#include "sealer/who.h"

#define KUSTOMIZATION_MAX 1048576

struct rename_options {
	struct ring_options ring;
	const char *which;
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
	char *real;		/* of FILE */
	char *path;		/* where it is then, as people know it; FILE itself mostly */
	bool moves;		/* path is another one */
	struct target target;	/* of path */
	struct recipients to;
	struct document fresh;
};

static void job_clear(struct job *j)
{
	edit_clear(&j->file);
	mem_free(j->name);
	mem_free(j->namespace);
	mem_free(j->real);
	mem_free(j->path);
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

/* "NAME.yaml", "NAME.yml", "NAME.json": what behind the name, or NULL when it is named otherwise.
 */
static const char *ending(const char *file, const char *name)
{
	static const char *const endings[] = { ".yaml", ".yml", ".json" };
	size_t n = strlen(name);

	for (size_t i = 0; strncmp(file, name, n) == 0 && i < 3; i++)
		if (strcmp(file + n, endings[i]) == 0)
			return endings[i];
	return NULL;
}

/* A file that is named as its only document follows it; a link stays what somebody made it. */
static int take_path(struct job *j, struct err *err)
{
	const char *given = j->in->args[0], *slash = strrchr(given, '/');
	const char *file = slash != NULL ? slash + 1 : given;
	const char *end = ending(file, document(j)->name);
	struct stat st;

	if (end == NULL || j->file.n != 1 || j->file.yaml.n != 1 ||
	    strcmp(j->name, document(j)->name) == 0 || lstat(given, &st) != 0 ||
	    S_ISLNK(st.st_mode)) {
		j->path = mem_str(given);
		return 0;
	}
	j->moves = true;
	j->path = mem_printf("%.*s%s%s", (int)(file - given), given, j->name, end);
	if (lstat(j->path, &st) == 0)
		return err_set(err, ERR_CONFLICT,
			       "%s is there already, and the file would be "
			       "named so",
			       j->path);
	return errno == ENOENT ? 0 : err_sys(err, "%s: cannot look at it", j->path);
}

/* --- sealing ---------------------------------------------------------------------------------- */

/* All parts have old values, and the rules of another place may name others. */
static int check_newcomers(struct job *j, struct err *err)
{
	const struct newcomer_known known = { &j->to, NEWCOMER_SELECTED };
	struct kv add = KV_INIT;
	const struct newcomer_check c = { .d = document(j), .to = &j->to, .add = &add };
	int r = newcomer_take(&j->o->add, &known, &add, err);

	newcomer_typed(&j->o->who.recipients, &j->to, &add);
	if (r == 0)
		r = newcomer_check(&c, err);
	kv_clear(&add);
	return r;
}

static int find_recipients(struct job *j, struct err *err)
{
	struct who who = who_given(&j->o->who, j->in);

	who.namespace = j->namespace;
	who.kind = document(j)->kind->name;
	who.dry_run = j->o->dry_run;
	if (target_open(j->path, j->name, &j->target, err) != 0 ||
	    who_select(&j->target, &who, &j->to, err) != 0)
		return -1;
	return check_newcomers(j, err);
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
	const char *slash = strrchr(j->path, '/');
	int folder = slash != NULL ? (int)(slash - j->path) + 1 : 0;
	struct kustomize_findings found = KUSTOMIZE_FINDINGS_INIT;

	for (size_t i = 0; kustomize_names[i] != NULL && found.n == 0; i++) {
		char *name = mem_printf("%.*s%s", folder, j->path, kustomize_names[i]);
		struct buf text = BUF_INIT;
		struct kustomize_input in = {
			.name = name,
			.file = j->path + folder,
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

/*
 * The text first, the file's name then: whatever ends it between the two, there is one document,
 * and it opens.
 */
static int write_file(const struct job *j, struct err *err)
{
	struct file_write w = { .path = j->real, .mode = 0600, .expect = &j->st };
	struct stat st;

	if (file_write(&w, j->file.text.data, j->file.text.len, err) != 0)
		return -1;
	if (!j->moves)
		return 0;
	if (lstat(j->path, &st) == 0)
		return err_set(err, ERR_CONFLICT,
			       "the document has its new name, but %s was made meanwhile, so the "
			       "file keeps its own",
			       j->path);
	if (rename(j->in->args[0], j->path) != 0)
		return err_sys(err,
			       "the document has its new name, but the file cannot be named "
			       "%s",
			       j->path);
	return 0;
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
		r = write_file(j, err);
	if (r == 0) {
		out_note("%s: %s %s %s/%s, sealed to %s%s%s", j->in->args[0], old,
			 dry ? "would be" : "is now", j->namespace, j->name, buf_str(&to),
			 j->moves ? ", in " : "", j->moves ? j->path : "");
		out_note("what reads the Secret %s has to name the new one; where an agent keeps "
			 "the old one, it goes or stays as its document's deletionPolicy says",
			 old);
		tell_kustomization(j);
	}
	buf_clear(&to);
	mem_free(old);
	return r;
}

static int run(const struct invocation *in, struct err *err)
{
	struct job j = { .in = in, .o = in->options, .fresh = DOCUMENT_INIT };
	int r = -1;

	if (pick_load(in->args[0], j.o->which, &j.file, &j.index, &j.st, err) != 0)
		return -1;
	j.real = file_absolute(in->args[0], err);
	if (j.real != NULL && take_names(&j, err) == 0 && take_path(&j, err) == 0 &&
	    find_recipients(&j, err) == 0 && rebind_all(&j, err) == 0 && put(&j, err) == 0)
		r = 0;
	else
		err_wrap(err, "%s", in->args[0]);
	job_clear(&j);
	return r;
}

static const struct option_spec options[] = {
	RING_OPTIONS(rename_options),
	WHO_OPTIONS(rename_options),
	NEWCOMER_OPTION(rename_options),
	PICK_OPTION(rename_options),
	{ 0, "dry-run", NULL, "check everything, write nothing",
	  offsetof(struct rename_options, dry_run), 0 },
	{ 0, NULL, NULL, NULL, 0, 0 },
};

const struct command cmd_rename = {
	.name = "rename",
	.summary = "give a document another name or namespace",
	.arguments = "FILE NEW",
	.about = "Open a sealed document with a private key and seal all of it for another name, "
		 "NEW, or another namespace too, NAMESPACE/NEW, because both are bound inside; the "
		 "values stay. It is sealed to whom the rules name for the new place. A file that "
		 "is called as its only document gets the new name.",
	.options = options,
	.options_size = sizeof(struct rename_options),
	.run = run,
};
