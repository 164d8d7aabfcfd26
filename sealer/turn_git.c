/* SPDX-License-Identifier: Apache-2.0 */
/* The commit, of the one file, and the push. */
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "git/run.h"
#include "git/tree.h"
#include "git/user.h"
#include "sealer/fresh.h"
#include "sealer/turn.h"
#include "sealer/turn_branch.h"

/* With --wait it may be done meanwhile, by whoever; without, the run has no more to do. */
static void leave(struct turn *t, struct step_look *l, const char *what)
{
	struct buf file = BUF_INIT;

	out_shell(&file, t->r.in->args[0]);
	if (t->o->base.wait.wait)
		step_found(l, false, "left to you while this waits: %s", what);
	else
		step_leave(l, "%s %s, then run this again", what, buf_str(&file));
	buf_clear(&file);
}

/* Is the file HEAD's but for this document? */
static bool is_alone(const struct turn *t)
{
	char id[GIT_ID_TEXT];
	const struct git_tree_file in_head = { id, t->r.target.below, DOCUMENT_FILE_MAX };
	struct edit_file file = EDIT_FILE_INIT;
	struct buf text = BUF_INIT;
	struct git *g = git_open(t->r.target.top, NULL);
	bool exists = false, alone = false;

	if (g != NULL && git_resolve(g, "HEAD", "commit", id, &exists, NULL) == 0 && exists &&
	    git_tree_read(g, &in_head, &text, &exists, NULL) == 0 && exists &&
	    edit_load(in_head.path, &text, &file, NULL) == 0 && t->r.index < file.n &&
	    fresh_put(&file, t->r.index, t->r.document, NULL) == 0)
		alone = file.text.len == t->r.file.text.len &&
			memcmp(file.text.data, t->r.file.text.data, file.text.len) == 0;
	edit_clear(&file);
	buf_clear(&text);
	git_close(g);
	return alone;
}

static int look_commit(struct turn *t, struct step_look *l, struct err *err)
{
	enum headstate state = turn_branch_state(t);

	(void)err;
	if (turn_is_unseen(t))
		step_found(l, false, "there is nothing to take back");
	else if (!t->journal.there)
		step_found(l, t->commit, "%s",
			   t->commit ? "it is committed, alone" : "the commit is left to you");
	else if (state >= HEADSTATE_COMMITTED)
		step_found(l, false, "HEAD has it");
	else if (t->commit && is_alone(t))
		step_found(l, true, "it is committed, and nothing else");
	else if (t->commit)
		leave(t, l, "the file has other changes too: commit and push");
	else
		leave(t, l, "commit and push");
	return 0;
}

static int act_commit(struct turn *t, struct err *err)
{
	const struct turn_record *j = &t->journal.record;
	char *paths[] = { j->file };
	char *title = turn_branch_title(t);
	char *message =
	    mem_printf("%s\n\nThe %s one is deleted once every cluster has applied this.", title,
		       j->aborted ? "new" : "old");
	int r = t->o->pull_request ? turn_branch_switch(t, err) : 0;

	if (r == 0)
		r = git_user_commit(t->r.target.top, message, paths, 1, err);
	mem_free(title);
	mem_free(message);
	return r;
}

const struct turn_step turn_commit = { "commit", look_commit, act_commit };

static int look_push(struct turn *t, struct step_look *l, struct err *err)
{
	enum headstate state = turn_branch_state(t);

	(void)err;
	if (turn_is_unseen(t))
		step_found(l, false, "there is nothing to take back");
	else if (!t->journal.there)
		step_found(l, t->push, "%s",
			   t->push ? "the branch is pushed" : "the push is left to you");
	else if (state == HEADSTATE_PUSHED)
		step_found(l, false, "it is pushed");
	else if (state < HEADSTATE_COMMITTED)
		step_found(l, false, "what is not committed cannot be pushed");
	else if (t->push)
		step_found(l, true, "the branch is pushed");
	else if (state == HEADSTATE_COMMITTED) /* which follows no other */
		step_found(l, false, "whether it is pushed is not known");
	else
		leave(t, l, "push the commit of");
	return 0;
}

static int act_push(struct turn *t, struct err *err)
{
	const char *const known[] = { "push", "-q", NULL };
	const char *const first[] = { "push", "-q", "-u", "origin", "HEAD", NULL };

	if (t->o->pull_request)
		return turn_branch_push(t, err);
	return git_user(t->r.target.top,
			turn_branch_state(t) == HEADSTATE_COMMITTED ? first : known, err);
}

const struct turn_step turn_push = { "push", look_push, act_push };
