/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/out.h"
#include "foreign/sops_write.h"
#include "sealer/export.h"
#include "sealer/newcomer.h"
#include "sealer/report.h"
#include "sealer/repo.h"
#include "sealer/whom.h"

/* A file to be written. */
struct made {
	struct target target; /* of -w; without, none */
	struct buf text;
};

static bool same(const struct recipients *a, const struct recipients *b)
{
	bool equal = a->n == b->n;

	for (size_t i = 0; equal && i < a->n; i++)
		equal = strcmp(a->items[i].id, b->items[i].id) == 0;
	return equal;
}

/* It is read like a document is: old values, for whom the rules name. */
static int select_for(const struct export *ex, const struct target *t, const struct document *d,
		      struct recipients *out, struct err *err)
{
	const struct whom w = {
		.in = ex->in,
		.who = &ex->o->who,
		.namespace = d->namespace,
		.kind = d->kind,
	};
	/* one --add is for all files, of which some may name others */
	const struct newcomer_given given = { .add = &ex->o->add,
					      .known = &t->config.recipients,
					      .typed = &ex->o->who.recipients,
					      .to = out };

	if (whom_find(&w, t, out, err) != 0)
		return -1;
	if (newcomer_check_all(&given, d, err) != 0)
		return err_wrap(err, "%s/%s", d->namespace, d->name);
	return 0;
}

/* A file of SOPS has one data key, so all of its documents go to the same recipients. */
static int find_recipients(const struct export *ex, const struct export_file *f,
			   struct recipients *out, struct err *err)
{
	struct target source = TARGET_INIT;
	int r = target_open(f->path, NULL, &source, err);

	if (r == 0)
		r = select_for(ex, &source, ex->items[f->first].d, out, err);
	for (size_t i = 1; r == 0 && i < f->n; i++) {
		struct recipients more = RECIPIENTS_INIT;

		r = select_for(ex, &source, ex->items[f->first + i].d, &more, err);
		if (r == 0 && !same(out, &more))
			r = err_set(err, ERR_RECIPIENT,
				    "%s: the rules say different recipients for its documents, and "
				    "a file of SOPS has one data key; name them with -r",
				    f->path);
		recipients_clear(&more);
	}
	target_clear(&source);
	return r;
}

static int make_text(const struct export *ex, const struct export_file *f, struct buf *out,
		     struct err *err)
{
	struct recipients to = RECIPIENTS_INIT;
	struct sops_secret *secrets = mem_array(f->n, sizeof(*secrets));
	struct sops_write w = { .secrets = secrets, .n = f->n, .now = ex->now };
	struct age_recipient *keys = NULL;
	int r = -1;

	for (size_t i = 0; i < f->n; i++) {
		const struct export_item *item = &ex->items[f->first + i];
		const struct document *d = item->d;

		secrets[i] =
		    (struct sops_secret){ d->name,    d->namespace,    d->type,
					  &d->labels, &d->annotations, &item->secret.data };
	}
	if (find_recipients(ex, f, &to, err) == 0) {
		keys = recipients_keys(&to);
		w.recipients = keys;
		w.n_recipients = to.n;
		r = sops_write(&w, out, err);
	}
	mem_free(keys);
	mem_free(secrets);
	recipients_clear(&to);
	return r;
}

static int place(const struct export *ex, const struct export_file *f, struct made *m,
		 struct err *err)
{
	const char *dir = ex->o->write;
	char *path = mem_printf("%s%s%s", dir, dir[strlen(dir) - 1] == '/' ? "" : "/", f->below);
	struct stat st;
	int r = target_open(path, NULL, &m->target, err);

	mem_free(path);
	if (r == 0 && lstat(m->target.real, &st) == 0)
		r = err_set(err, ERR_CONFLICT, "%s: is there already", m->target.path);
	return r;
}

static int write_one(const struct made *m, struct err *err)
{
	const struct file_write w = { .path = m->target.real,
				      .mode = repo_file_mode(),
				      .exclusive = true };

	return file_mkdirs_above(w.path, 0777, err) == 0
		   ? file_write(&w, m->text.data, m->text.len, err)
		   : -1;
}

static int make_all(struct export *ex, struct made *made, struct err *err)
{
	for (size_t i = 0; i < ex->n_files; i++)
		if ((ex->o->write != NULL && place(ex, ex->files[i], &made[i], err) != 0) ||
		    make_text(ex, ex->files[i], &made[i].text, err) != 0)
			return -1;
	return 0;
}

static int write_all(struct export *ex, const struct made *made, struct err *err)
{
	if (ex->o->write == NULL)
		return file_write_fd(STDOUT_FILENO, made[0].text.data, made[0].text.len, err);
	for (size_t i = 0; i < ex->n_files; i++) {
		if (write_one(&made[i], err) != 0)
			return -1;
		result_row(&ex->result, "files",
			   json_pack("{s:o, s:o}", "file", report_text(made[i].target.path), "from",
				     report_text(ex->files[i]->path)));
	}
	out_note("%zu file%s written below %s", ex->n_files, ex->n_files == 1 ? "" : "s",
		 ex->o->write);
	return 0;
}

int export_sops(struct export *ex, struct err *err)
{
	struct made *made;
	int r;

	if (ex->o->write == NULL && ex->n_files > 1)
		return err_set(err, ERR_USAGE,
			       "several files hold documents; give -w DIR, each is a file there");
	made = mem_array(ex->n_files, sizeof(*made));
	r = make_all(ex, made, err);
	if (r == 0)
		r = write_all(ex, made, err);
	for (size_t i = 0; i < ex->n_files; i++) {
		target_clear(&made[i].target);
		buf_clear(&made[i].text);
	}
	mem_free(made);
	return r;
}
