/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pull request, where the branch that clusters follow takes no pushes.  Its branch is known by
 * the new key, so that a rerun finds it; that there is one, and which, is in the journal.  While it
 * is open nothing is deleted: a merge may come that a look a moment ago did not see.
 */
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "github/pulls.h"
#include "sealer/headstate.h"
#include "sealer/holders.h"
#include "sealer/origin.h"
#include "sealer/turn.h"
#include "sealer/turn_branch.h"

/* A pull request as it is now.  PULL_HERE: merged, and HEAD has that. */
enum pull_is { PULL_NONE, PULL_UNKNOWN, PULL_OPEN, PULL_CLOSED, PULL_MERGED, PULL_HERE };

#define MERGE "have pull request #%lld merged, then 'git pull' on %s and run this again: %s"

/* --- asking ----------------------------------------------------------------------------------- */

static bool can_ask(const struct turn *t)
{
	enum register_way way = register_way(&t->at, NULL);

	return way == REGISTER_GIVEN || (way == REGISTER_ASKED && !t->o->base.dry_run);
}

static int find_origin(struct turn *t, struct err *err)
{
	struct git *g;

	if (t->origin != NULL)
		return 0;
	g = git_open(t->r.target.top, err);
	if (g != NULL)
		t->origin = origin_find(g, t->at.api_url, err);
	git_close(g);
	return t->origin != NULL ? 0 : -1;
}

/* A personal token is read, or asked for, once; an App's is one for each purpose. */
static int ask(struct turn *t, struct rest **rest, struct err *err)
{
	if (find_origin(t, err) != 0)
		return -1;
	if (t->at.app == NULL && !t->by_hand) {
		if (turn_hub_open(t, err) != 0)
			return -1;
		*rest = t->hub.rest;
		return 0;
	}
	if (t->pulls.rest == NULL && (register_need(&t->at, NULL, err) != 0 ||
				      register_open_pulls(&t->at, t->origin, &t->pulls, err) != 0))
		return -1;
	*rest = t->pulls.rest;
	return 0;
}

int turn_pull_begin(struct turn *t, struct err *err)
{
	struct turn_pull *p = turn_branch_own(t);
	const char *base = t->o->base_branch;

	if (base != NULL && !t->o->pull_request)
		return err_set(err, ERR_USAGE,
			       "--base is the branch that --pull-request asks to be merged into");
	if (base != NULL && p->base != NULL && strcmp(base, p->base) != 0) {
		if (p->number != 0)
			return err_set(err, ERR_USAGE,
				       "--base %s: pull request #%lld goes to %s already", base,
				       (long long)p->number, p->base);
		mem_replace(&p->base, base);
	}
	return t->o->pull_request ? find_origin(t, err) : 0;
}

char *turn_pull_default(struct turn *t, struct err *err)
{
	struct rest *rest;

	return ask(t, &rest, err) == 0 ? pulls_default(rest, t->origin, err) : NULL;
}

/* --- as it is --------------------------------------------------------------------------------- */

static int remember(struct turn *t, struct turn_pull *p, const struct pull *found, struct err *err)
{
	p->number = found->number;
	mem_free(p->url);
	p->url = mem_str(found->url);
	return t->o->base.dry_run ? 0 : turn_journal_write(&t->journal, err);
}

static int look_up(struct turn *t, struct turn_pull *p, struct pull *out, struct err *err)
{
	struct pull_new what = { .head = p->branch, .base = p->base };
	struct rest *rest;
	bool found;

	if (ask(t, &rest, err) != 0)
		return -1;
	what.repository = t->origin;
	if (p->number == 0) {
		if (pulls_find(rest, &what, turn_branch_is_made(p->branch), out, &found, err) != 0)
			return -1;
		return found ? remember(t, p, out, err) : 0;
	}
	if (pulls_get(rest, t->origin, p->number, out, err) != 0)
		return -1;
	if (strcmp(out->head, p->branch) == 0)
		return 0;
	return err_set(err, ERR_CONFLICT,
		       "pull request #%lld of %s is not of branch %s; was origin another "
		       "repository when it was opened?",
		       (long long)p->number, t->origin, p->branch);
}

static int look_at(struct turn *t, struct turn_pull *p, enum pull_is *out, struct err *err)
{
	struct pull now = { 0 };
	int r;

	*out = PULL_NONE;
	if (p->branch == NULL || p->base == NULL)
		return 0;
	if (!can_ask(t)) {
		*out = p->number != 0 ? PULL_UNKNOWN : PULL_NONE;
		return 0;
	}
	r = look_up(t, p, &now, err);
	if (r == 0 && now.number != 0) {
		if (now.merge != NULL)
			*out = turn_branch_contains(t, now.merge) ? PULL_HERE : PULL_MERGED;
		else
			*out = now.open ? PULL_OPEN : PULL_CLOSED;
	}
	pull_clear(&now);
	return r;
}

/* --- what is left to the user ----------------------------------------------------------------- */

static void leave_merge(const struct turn_pull *p, struct step_look *l)
{
	step_leave(l, MERGE, (long long)p->number, p->base, p->url);
}

/* It was merged, and is not here yet. */
static void leave_pull(const struct turn_pull *p, struct step_look *l)
{
	step_leave(l,
		   "pull request #%lld is merged: 'git switch' to %s, 'git pull', and run this "
		   "again; if it was reverted since, put that version back",
		   (long long)p->number, p->base);
}

/* It is not merged. */
static void leave_own(struct turn *t, enum pull_is is, struct step_look *l)
{
	const struct turn_pull *p = turn_branch_own(t);

	if (is == PULL_CLOSED)
		step_leave(l, "pull request #%lld was closed and not merged: reopen it%s: %s",
			   (long long)p->number,
			   t->journal.record.aborted ? ""
						     : ", or take the new key back with --abort",
			   p->url);
	else if (is == PULL_OPEN || is == PULL_UNKNOWN)
		leave_merge(p, l);
}

/* On the way back: what became of the pull request that brought the new key. */
static int look_first(struct turn *t, struct step_look *l, enum pull_is *out, struct err *err)
{
	const struct turn_pull *p = &t->journal.record.pull;
	enum pull_is is;

	if (look_at(t, &t->journal.record.pull, &is, err) != 0)
		return -1;
	if (is == PULL_OPEN)
		step_leave(l,
			   "close pull request #%lld, which brings the new key, and run this "
			   "again: %s",
			   (long long)p->number, p->url);
	else if (is == PULL_MERGED)
		leave_pull(p, l);
	*out = is;
	return is == PULL_UNKNOWN ? register_need(&t->at, NULL, err) : 0;
}

/* The document is not the one that is to be; a pull request may have it. */
static int look_elsewhere(struct turn *t, const struct document *goal, struct step_look *l,
			  struct err *err)
{
	struct turn_pull *p = turn_branch_own(t);
	enum pull_is is;

	if (look_at(t, p, &is, err) != 0)
		return -1;
	leave_own(t, is, l);
	if (is >= PULL_MERGED)
		leave_pull(p, l);
	else if (is == PULL_NONE && p->branch != NULL &&
		 turn_branch_has(t, "heads", p->branch, goal))
		step_leave(l, "branch %s has it: 'git switch' to it, and run this again",
			   p->branch);
	return 0;
}

int turn_pull_write(struct turn *t, const struct document *goal, bool has, struct step_look *l,
		    struct err *err)
{
	enum pull_is first;

	if (turn_is_unseen(t))
		return 0;
	if (t->journal.record.aborted && look_first(t, l, &first, err) != 0)
		return -1;
	return l->stop || has ? 0 : look_elsewhere(t, goal, l, err);
}

/* --- the step --------------------------------------------------------------------------------- */

static void say_own(struct turn *t, enum pull_is is, bool wait, struct step_look *l)
{
	const struct turn_pull *p = turn_branch_own(t);

	if (is == PULL_NONE && t->o->pull_request)
		step_found(l, true, "it is asked to merge %s into %s",
			   p->branch != NULL ? p->branch : "the branch",
			   p->base != NULL ? p->base : "the base branch");
	else if (is == PULL_NONE)
		step_found(l, false, "not asked for");
	else if (is >= PULL_MERGED)
		step_found(l, false, "#%lld is merged", (long long)p->number);
	else if (is != PULL_CLOSED && wait)
		step_found(l, false, "left to you while this waits: have #%lld merged: %s",
			   (long long)p->number, p->url);
	else
		leave_own(t, is, l);
}

static int look_own(struct turn *t, bool wait, struct step_look *l, struct err *err)
{
	struct turn_pull *p = turn_branch_own(t);
	enum pull_is is;

	if (t->o->pull_request && p->branch == NULL && can_ask(t) &&
	    turn_branch_choose(t, err) != 0)
		return -1;
	if (p->base != NULL && turn_branch_has(t, "remotes/origin", p->base, t->r.document)) {
		step_found(l, false, "%s has it", p->base);
		return 0;
	}
	if (look_at(t, p, &is, err) != 0)
		return -1;
	if (is == PULL_NONE && turn_branch_state(t) < HEADSTATE_COMMITTED)
		step_found(l, false, "what is not pushed cannot be merged");
	else
		say_own(t, is, wait, l);
	return 0;
}

/* wait: the user may do his part meanwhile. */
static int look(struct turn *t, bool wait, struct step_look *l, struct err *err)
{
	const struct turn_record *j = &t->journal.record;
	enum pull_is first = PULL_NONE;

	if (j->aborted && look_first(t, l, &first, err) != 0)
		return -1;
	if (l->stop)
		return 0;
	if (first != PULL_CLOSED)
		return look_own(t, wait, l, err);
	step_found(l, false, "#%lld was never merged, so nothing is to go back",
		   (long long)j->pull.number);
	return 0;
}

static int look_pull(struct turn *t, struct step_look *l, struct err *err)
{
	const struct turn_record *j = &t->journal.record;

	if (turn_is_unseen(t))
		step_found(l, false, "there is nothing to take back");
	else if (!t->o->pull_request && j->pull.branch == NULL && j->back.branch == NULL)
		step_found(l, false, "not asked for");
	else if (!t->journal.there)
		step_found(l, true, "it is asked to merge the branch");
	else
		return look(t, t->o->base.wait.wait, l, err);
	return 0;
}

int turn_pull_settled(struct turn *t, struct step_look *l, struct err *err)
{
	return t->journal.there ? look(t, false, l, err) : 0;
}

static char *make_body(const struct turn *t)
{
	const char *document = t->journal.record.document;
	char *print = holders_fingerprint(turn_goal(t));
	char *text = mem_printf(
	    "The deploy key in `%s` is to be `%s`.  It is registered, as the other one is, so "
	    "nothing "
	    "fails to fetch before the merge or after it.\n\n"
	    "After the merge, and a `git pull` where this was begun, `bulla rotate deploy-key %s` "
	    "goes on: the other key is deleted once every cluster has applied this, and not "
	    "before.\n",
	    document, print != NULL ? print : "", document);

	mem_free(print);
	return text;
}

static int open_it(struct turn *t, struct pull *out, struct err *err)
{
	const struct turn_pull *p = turn_branch_own(t);
	char *title = turn_branch_title(t), *body = make_body(t);
	const struct pull_new new = { t->origin, p->branch, p->base, title, body };
	struct rest *rest;
	int r = ask(t, &rest, err);

	if (r == 0)
		r = pulls_open(rest, &new, out, err);
	mem_free(title);
	mem_free(body);
	return r;
}

static int act_pull(struct turn *t, struct err *err)
{
	struct pull now = { 0 };
	/* the branch is in the journal before there is anything to be found by it */
	int r = turn_journal_write(&t->journal, err);

	if (r == 0)
		r = open_it(t, &now, err);
	if (r == 0)
		r = remember(t, turn_branch_own(t), &now, err);
	if (r == 0)
		out_note("pull request #%lld: %s", (long long)now.number, now.url);
	if (r == 0 && !t->o->base.wait.wait) {
		buf_printf(&t->left, MERGE "\n", (long long)now.number, now.base, now.url);
		t->stop = true;
	}
	pull_clear(&now);
	return r;
}

const struct turn_step turn_pull = { "pull request", look_pull, act_pull };
