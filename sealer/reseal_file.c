/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/reseal_file.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "document/edit.h"
#include "document/seal.h"
#include "sealer/reseal_lost.h"

/* One document at work. */
struct job {
	const struct reseal_input *in;
	struct reseal_file *out;
	struct reseal_row *row;
	const struct document *d;
	struct reseal_part *plans;   /* one a part */
	bool *opened;		     /* one a part */
	struct document_part *fresh; /* those that were sealed again, without gaps */
	size_t n, n_fresh;	     /* parts, of fresh */
	bool many;		     /* its file has other documents */
};

/* --- what goes wrong -------------------------------------------------------------------------- */

/* The first reason stays; a lack of keys gives way to anything worse. */
static void leave(struct reseal_row *row, const struct err *why)
{
	if (row->class != ERR_NONE && (row->class != ERR_NOKEY || why->class == ERR_NOKEY))
		return;
	row->class = why->class;
	mem_replace(&row->why, why->text);
}

static void leave_file(struct reseal_file *f, const struct err *why)
{
	f->class = why->class;
	mem_replace(&f->why, why->text);
}

void reseal_file_unread(const char *below, const struct err *why, struct reseal_file *out)
{
	*out = (struct reseal_file){ .below = mem_str(below), .lost = json_array() };
	leave_file(out, why);
}

/* --- the plan --------------------------------------------------------------------------------- */

static void count_change(struct reseal_row *row, const struct reseal_part *plan)
{
	struct buf text = BUF_INIT;
	const char *had;

	reseal_plan_text(plan, &text);
	had = kv_get_str(&row->changes, buf_str(&text));
	kv_set_fmt(&row->changes, buf_str(&text), "%lu",
		   (had == NULL ? 0 : strtoul(had, NULL, 10)) + 1);
	buf_clear(&text);
}

static void copy_names(const struct kv *from, struct kv *to)
{
	for (size_t i = 0; i < from->n; i++)
		kv_set_str(to, from->items[i].name, "");
}

/* name -> id becomes id -> name */
static void copy_ids(const struct kv *from, struct kv *to)
{
	for (size_t i = 0; i < from->n; i++)
		kv_set_str(to, (const char *)from->items[i].data, from->items[i].name);
}

static int add_recipients(struct reseal_file *f, const struct recipients *to, struct err *err)
{
	for (size_t i = 0; i < to->n; i++)
		if (recipients_add(&f->to, to->items[i].name, &to->items[i].key, err) != 0)
			return -1;
	return 0;
}

static int plan_part(struct job *j, const struct recipients *rules, size_t i, struct err *err)
{
	const struct document_part *part = &j->d->parts[i];
	struct reseal_part *plan = &j->plans[i];

	if (!reseal_plan_concerns(j->in->want, part))
		return 0;
	j->row->parts++;
	if (reseal_plan_part(j->in->want, rules, part, plan, err) != 0)
		return -1;
	j->row->work += plan->work;
	j->row->waiting += plan->waiting.n > 0;
	count_change(j->row, plan);
	copy_names(&plan->added, &j->out->added);
	copy_names(&plan->waiting, &j->out->waiting);
	copy_ids(&plan->replaced, &j->out->gone);
	copy_ids(&plan->dropped, &j->out->dropped);
	return add_recipients(j->out, &plan->to, err);
}

static void see_part(struct job *j, size_t i)
{
	struct reseal_file *f = j->out;
	const struct document_part *part = &j->d->parts[i];
	struct reseal_seen *seen;

	f->seen = mem_grow(f->seen, f->n_seen + 1, sizeof(*f->seen));
	seen = &f->seen[f->n_seen++];
	crypto_hash_sha256(seen->sum, part->age.data, part->age.len);
	seen->where =
	    mem_printf("%s, %s/%s, %s", j->in->shown, j->d->namespace, j->d->name, part->name);
	seen->added = j->plans[i].added.n > 0;
}

static int plan_document(struct job *j, struct err *err)
{
	struct recipients rules = RECIPIENTS_INIT;
	int r = reseal_plan_rules(j->in->want, j->d, j->in->below, &rules, err);

	for (size_t i = 0; r == 0 && i < j->d->n; i++)
		r = plan_part(j, &rules, i, err);
	for (size_t i = 0; i < j->d->n && j->in->tools == NULL && j->in->want->add.n > 0; i++)
		see_part(j, i);
	recipients_clear(&rules);
	if (r == 0 && j->row->work > 0 && j->d->n_signatures > 0)
		r = err_set(err, ERR_CONFLICT,
			    "spec.signatures: are of what is there now and would not hold any "
			    "more; remove them, reseal, and have it signed again");
	return r;
}

/* --- doing it --------------------------------------------------------------------------------- */

static int check_agreed(const struct recipients *to, const struct recipients *agreed,
			struct err *err)
{
	for (size_t i = 0; i < to->n; i++) {
		const struct recipient *r = recipients_find(agreed, to->items[i].name);

		if (r == NULL || strcmp(r->id, to->items[i].id) != 0)
			return err_set(err, ERR_CONFLICT,
				       "changed after the plan was made; run it again");
	}
	return 0;
}

static int seal_again(const struct document *d, const struct document_part *part,
		      const struct kind_secret *secret, const struct recipients *to,
		      struct document_part *fresh, struct err *err)
{
	struct document head = *d; /* borrows all but the parts */
	int64_t sealed_at = 0;

	head.parts = NULL;
	head.n = 0;
	if (!clock_parse(kv_get_str(&part->facts, "sealed-at"), &sealed_at))
		return err_set(err, ERR_INTERNAL, "spec.parts.%s.facts.sealed-at: unreadable",
			       part->name);
	if (seal_part(&head, part->name, secret, to, sealed_at, err) != 0)
		return -1;
	*fresh = head.parts[0]; /* transferred */
	mem_free(head.parts);
	return 0;
}

static int do_part(struct job *j, size_t i, struct err *err)
{
	const struct reseal_tools *tools = j->in->tools;
	const struct document_part *part = &j->d->parts[i];
	struct kind_secret secret = KIND_SECRET_INIT;
	int r = check_agreed(&j->plans[i].to, tools->agreed, err);

	if (r == 0)
		r = open_part(j->d, part, tools->keys, tools->now, &secret, NULL, NULL, err);
	if (r == 0) {
		j->opened[i] = true;
		r = seal_again(j->d, part, &secret, &j->plans[i].to, &j->fresh[j->n_fresh], err);
	}
	j->n_fresh += r == 0;
	kind_secret_clear(&secret);
	return r;
}

static void forget_fresh(struct job *j)
{
	for (size_t i = 0; i < j->n_fresh; i++)
		document_part_clear(&j->fresh[i]);
	j->n_fresh = 0;
}

static void do_document(struct job *j)
{
	for (size_t i = 0; i < j->d->n; i++) {
		struct err why = ERR_INIT;

		if (!j->plans[i].work || do_part(j, i, &why) == 0)
			continue;
		leave(j->row, &why);
		if (why.class == ERR_NOKEY)
			continue;
		/* moved, damaged or mixed: nothing of it is to be trusted */
		forget_fresh(j);
		return;
	}
	j->row->done = j->n_fresh;
}

/* --- what dropped keys could open ------------------------------------------------------------- */

static void find_lost(struct job *j)
{
	for (size_t i = 0; i < j->d->n; i++) {
		struct danger_about a = { j->d, &j->d->parts[i], j->in->shown, j->opened[i] };
		struct kv keys = KV_INIT;

		copy_ids(&j->plans[i].dropped, &keys);
		if (keys.n > 0)
			json_array_append_new(j->out->lost, reseal_lost_new(&a, &keys, j->many));
		kv_clear(&keys);
	}
}

/* --- the file --------------------------------------------------------------------------------- */

static void job_begin(struct job *j, const struct edit_file *f, size_t i)
{
	j->d = &f->documents[i];
	j->row = &j->out->rows[i];
	j->n = j->d->n;
	j->many = f->n > 1;
	j->plans = mem_array(j->d->n, sizeof(*j->plans));
	j->opened = mem_array(j->d->n, sizeof(*j->opened));
	j->fresh = mem_array(j->d->n, sizeof(*j->fresh));
	*j->row = (struct reseal_row){
		.document = mem_printf("%s/%s", j->d->namespace, j->d->name),
		.kind = j->d->kind,
		.line = j->d->line,
	};
}

/* Also when the documents are gone. */
static void job_end(struct job *j)
{
	for (size_t i = 0; i < j->n; i++)
		reseal_part_clear(&j->plans[i]);
	mem_free(j->plans);
	mem_free(j->opened);
	forget_fresh(j);
	mem_free(j->fresh);
}

static void run_job(struct job *j)
{
	struct err why = ERR_INIT;

	if (plan_document(j, &why) != 0)
		leave(j->row, &why);
	else if (j->in->tools != NULL && j->row->work > 0)
		do_document(j);
	find_lost(j);
}

/* Put what was sealed again into the text; on failure the file stays as it is. */
static bool put_all(struct edit_file *f, const struct job *jobs, struct reseal_file *out)
{
	struct edit_put *puts = mem_array(f->n, sizeof(*puts));
	const struct document_part ***parts = mem_array(f->n, sizeof(struct document_part **));
	struct err why = ERR_INIT;
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < f->n; i++) {
		if (jobs[i].n_fresh == 0)
			continue;
		parts[n] = mem_array(jobs[i].n_fresh, sizeof(struct document_part *));
		for (size_t k = 0; k < jobs[i].n_fresh; k++)
			parts[n][k] = &jobs[i].fresh[k];
		puts[n] = (struct edit_put){ i, parts[n], jobs[i].n_fresh };
		n++;
	}
	if (n > 0)
		r = edit_put_documents(f, puts, n, &why);
	if (r != 0)
		leave_file(out, &why);
	for (size_t i = 0; i < out->n && r != 0; i++)
		out->rows[i].done = 0;
	for (size_t i = 0; i < n; i++)
		mem_free(parts[i]);
	mem_free(parts);
	mem_free(puts);
	return r == 0 && n > 0;
}

void reseal_file(const struct reseal_input *in, struct buf *text, struct reseal_file *out,
		 bool *changed)
{
	struct edit_file f = EDIT_FILE_INIT;
	struct err why = ERR_INIT;
	struct job *jobs;

	*changed = false;
	*out = (struct reseal_file){ .below = mem_str(in->below), .lost = json_array() };
	if (edit_load(in->shown, text, &f, &why) != 0) {
		leave_file(out, &why);
		return;
	}
	out->n = f.n;
	out->rows = mem_array(f.n, sizeof(*out->rows));
	jobs = mem_array(f.n, sizeof(*jobs));
	for (size_t i = 0; i < f.n; i++) {
		jobs[i] = (struct job){ .in = in, .out = out };
		job_begin(&jobs[i], &f, i);
		run_job(&jobs[i]);
	}
	/* it reads the documents of f anew: those that the jobs speak of are gone then */
	if (in->tools != NULL)
		*changed = put_all(&f, jobs, out);
	for (size_t i = 0; i < out->n; i++)
		job_end(&jobs[i]);
	mem_free(jobs);
	buf_move(text, &f.text);
	edit_clear(&f);
}

void reseal_file_clear(struct reseal_file *f)
{
	for (size_t i = 0; i < f->n; i++) {
		mem_free(f->rows[i].document);
		mem_free(f->rows[i].why);
		kv_clear(&f->rows[i].changes);
	}
	mem_free(f->rows);
	mem_free(f->below);
	mem_free(f->why);
	recipients_clear(&f->to);
	kv_clear(&f->gone);
	kv_clear(&f->dropped);
	kv_clear(&f->added);
	kv_clear(&f->waiting);
	for (size_t i = 0; i < f->n_seen; i++)
		mem_free(f->seen[i].where);
	mem_free(f->seen);
	json_decref(f->lost);
	*f = (struct reseal_file){ 0 };
}

/* --- for a person ----------------------------------------------------------------------------- */

bool reseal_row_quiet(const struct reseal_row *r)
{
	return r->work == 0 && r->waiting == 0 && r->class == ERR_NONE;
}

void reseal_row_text(const struct reseal_row *r, struct buf *out)
{
	for (size_t i = 0; i < r->changes.n; i++) {
		const struct kv_item *c = &r->changes.items[i];
		const char *count = (const char *)c->data;

		buf_printf(out, "%s%s", i > 0 ? "; " : "", c->name);
		if (r->changes.n > 1)
			buf_printf(out, " (%s part%s)", count, strcmp(count, "1") == 0 ? "" : "s");
	}
}
