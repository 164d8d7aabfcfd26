/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/turn.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "kinds/kinds.h"
#include "sealer/pick.h"

#define AT(member) offsetof(struct turn_options, member)

static const struct option_spec specs[] = {
	{ 0, "type", "ed25519|ecdsa-p256|ecdsa-p384|ecdsa-p521|rsa-4096",
	  "of the new key (default: as the old one's)", AT(type), 0 },
	REGISTER_AS_OPTIONS(turn_options),
	{ 0, "no-register", NULL, "leave registering and deleting to you", AT(no_register), 0 },
	{ 0, "keep-old", NULL, "leave the old key registered", AT(keep_old), 0 },
	{ 0, "commit", NULL, "commit the file, and nothing else", AT(commit), 0 },
	{ 0, "push", NULL, "push the branch with your git", AT(push), 0 },
	{ 0, "pull-request", NULL, "commit, push a branch and have it merged", AT(pull_request),
	  0 },
	{ 0, "base", "BRANCH", "into this one (default: the repository's)", AT(base_branch), 0 },
	{ 0, "person", "NAME", "a recipient that is no cluster", AT(people), OPTION_MANY },
	{ 0, "settle", TURN_SETTLE, "how long to watch the old key before it is deleted",
	  AT(settle), 0 },
	{ 0, "abort", NULL, "take the new key back", AT(abort), 0 },
	{ 0, "dry-run", NULL, "print the plan, do nothing", AT(base.dry_run), 0 },
	PICK_OPTION(rotate_options),
	RING_OPTIONS(rotate_options),
	WHO_OPTIONS(rotate_options),
	WAIT_OPTIONS(rotate_options),
	RESULT_OPTION(rotate_options),
	{ 0 },
};

const struct option_spec *turn_options_specs(void)
{
	return specs;
}

static const struct turn_step *const steps[] = {
	&turn_make, &turn_register, &turn_try,	   &turn_write, &turn_commit,
	&turn_push, &turn_pull,	    &turn_applied, &turn_prove, &turn_remove,
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

const char *turn_goal(const struct turn *t)
{
	const struct turn_record *j = &t->journal.record;

	return j->aborted ? j->old_public : j->new_public;
}

const char *turn_other(const struct turn *t)
{
	const struct turn_record *j = &t->journal.record;

	return j->aborted ? j->new_public : j->old_public;
}

bool turn_is_unseen(const struct turn *t)
{
	return t->journal.record.aborted && !t->journal.record.written;
}

/* --- what there is ---------------------------------------------------------------------------- */

/* The URL of the old document, by its facts: only which API is asked hangs on it. */
static bool is_by_hand(const struct turn *t)
{
	const struct document_part *part = document_part(t->r.document, KIND_PART);
	const char *url = kv_get_str(&part->facts, "url");

	return t->o->no_register || (t->at.repository == NULL && url != NULL &&
				     register_way(&t->at, url) == REGISTER_BY_HAND);
}

static int check_options(const struct turn_options *o, struct err *err)
{
	int64_t settle;

	if (o->at.app != NULL && o->at.token_file != NULL)
		return register_check(&o->at, err);
	if (o->no_register && (o->at.app != NULL || o->at.token_file != NULL))
		return err_set(err, ERR_USAGE,
			       "--no-register leaves all to you, so nobody asks with a token");
	if (o->abort && o->keep_old)
		return err_set(err, ERR_USAGE, "--abort keeps the old key in any case");
	if (!turn_hub_settle(o, &settle))
		return err_set(err, ERR_USAGE,
			       "--settle: not a span of time (0s, 90s, 10m; at most 7d)");
	return 0;
}

static int abort_it(struct turn *t, struct err *err)
{
	struct turn_record *j = &t->journal.record;

	if (!t->journal.there)
		return err_set(err, ERR_INVALID,
			       "no rotation of it is under way, so there is nothing to take back");
	if (j->aborted)
		return 0;
	if (j->old_public == NULL)
		return err_set(err, ERR_INVALID,
			       "the old document was not opened (--keep-old), so it is not known "
			       "whether its key serves; go on, or rotate again");
	j->aborted = true;
	j->started = t->r.now;
	j->applied_at = 0;
	kv_clear(&j->applied);
	t->to_abort = !turn_is_unseen(t);
	if (t->to_abort)
		return turn_can_write(t, err);
	return t->o->base.dry_run ? 0 : turn_journal_write(&t->journal, err);
}

static int begin(const struct invocation *in, struct turn *t, struct err *err)
{
	const struct turn_options *o = in->options;

	t->o = o;
	t->commit = o->commit || o->pull_request;
	t->push = o->push || o->pull_request;
	t->at = o->at;
	t->at.at_hand = &t->r.keys;
	t->at.look = o->base.dry_run;
	if (check_options(o, err) != 0 || rotate_open(in, &kind_deploy_key, &t->r, err) != 0)
		return -1;
	if (t->r.target.top == NULL || t->r.target.below == NULL)
		return err_set(err, ERR_INVALID,
			       "%s: in no Git work tree, so there is no place for the journal of a "
			       "rotation",
			       in->args[0]);
	if (turn_journal_open(t->r.target.top, t->r.target.below, t->r.document, &t->journal,
			      err) != 0)
		return -1;
	t->by_hand = is_by_hand(t);
	if (turn_pull_begin(t, err) != 0)
		return -1;
	return o->abort ? abort_it(t, err) : 0;
}

static void clear(struct turn *t)
{
	register_close(&t->hub);
	register_close(&t->pulls);
	mem_free(t->origin);
	rotate_clear(&t->r);
	turn_journal_close(&t->journal);
	kv_clear(&t->secret);
	buf_clear(&t->left);
}

/* --- the steps -------------------------------------------------------------------------------- */

static int look(struct turn *t, size_t i, struct step_outcome *out, struct err *err)
{
	if (steps[i]->look(t, &out->look, err) == 0)
		return 0;
	return err_wrap(err, "%s", steps[i]->name);
}

/* Without a token nobody is asked for a plan. */
static bool needs_hub(const struct turn *t, const struct turn_step *s)
{
	return (s == &turn_register || s == &turn_remove) && t->journal.there && !t->by_hand &&
	       t->at.app == NULL && t->at.token_file == NULL;
}

static int plan(struct turn *t, struct step_outcome *out, struct err *err)
{
	for (size_t i = 0; i < STEPS; i++) {
		if (needs_hub(t, steps[i]))
			step_found(&out[i].look, true, "GitHub was not asked");
		else if (look(t, i, &out[i], err) != 0)
			return -1;
	}
	if (!result_asked(t->r.o->output))
		steps_print(out, STEPS);
	return 0;
}

/* *finished: all of them are done; else the user has something to do. */
static int run_steps(struct turn *t, struct step_outcome *out, bool *finished, struct err *err)
{
	*finished = false;
	for (size_t i = 0; i < STEPS; i++) {
		if (look(t, i, &out[i], err) != 0)
			return -1;
		if (out[i].look.stop)
			return 0;
		if (!out[i].look.todo)
			continue;
		if (steps[i]->act(t, err) != 0)
			return err_wrap(err, "%s", steps[i]->name);
		out[i].done = true;
		out_note("%s: %s: done", t->r.in->args[0], steps[i]->name);
		if (t->stop)
			return 0;
	}
	*finished = true;
	return 0;
}

/* --- what was done ---------------------------------------------------------------------------- */

static void make_result(struct turn *t, const struct step_outcome *out, bool finished)
{
	struct result *result = &t->r.result;
	bool changed = false;

	result_document(result, t->r.in->args[0], t->r.document);
	for (size_t i = 0; i < STEPS; i++)
		changed = changed || out[i].done || (t->r.o->dry_run && out[i].look.todo);
	steps_result(out, STEPS, &t->left, result);
	result_flag(result, "changed", changed);
	result_flag(result, "dryRun", t->r.o->dry_run);
	result_flag(result, "finished", finished);
	result_text(result, "publicKey", t->journal.record.new_public);
	result_text(result, "pullRequest",
		    t->journal.record.aborted ? t->journal.record.back.url
					      : t->journal.record.pull.url);
}

static int carry_out(struct turn *t, struct step_outcome *out, struct err *err)
{
	bool finished = false;
	int r = t->r.o->dry_run ? plan(t, out, err) : run_steps(t, out, &finished, err);

	if (r != 0)
		return -1;
	steps_left(out, STEPS, &t->left);
	make_result(t, out, finished);
	steps_tell_left("left to you: ", &t->left);
	if (finished) {
		out_note("%s: the deploy key is %s", t->r.in->args[0],
			 t->journal.record.aborted ? "the old one, as it was" : "rotated");
		turn_journal_remove(&t->journal);
	}
	return result_print(&t->r.result, err);
}

int turn_run(const struct invocation *in, struct err *err)
{
	struct turn t = { .journal = { .fd = -1 } };
	struct step_outcome out[STEPS] = { { .done = false } };
	int r = begin(in, &t, err);

	for (size_t i = 0; i < STEPS; i++)
		out[i].name = steps[i]->name;
	result_begin(&t.r.result, t.o->base.output);
	if (r == 0)
		r = carry_out(&t, out, err);
	if (r != 0 && t.journal.there)
		err_wrap(err, "not finished, run it again to go on");
	steps_clear(out, STEPS);
	clear(&t);
	return r;
}
