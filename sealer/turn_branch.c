/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/turn_branch.h"

#include <ctype.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "git/refs.h"
#include "git/user.h"
#include "sealer/holders.h"
#include "sealer/origin.h"

#define MADE "bulla/rotate-"
#define LETTERS 8

struct turn_pull *turn_branch_own(struct turn *t)
{
	struct turn_record *j = &t->journal.record;

	return j->aborted ? &j->back : &j->pull;
}

char *turn_branch_title(const struct turn *t)
{
	return mem_printf("%s %s",
			  t->journal.record.aborted ? "Go back to the old deploy key of"
						    : "Rotate the deploy key of",
			  t->journal.record.document);
}

/* --- names ------------------------------------------------------------------------------------ */

char *turn_branch_name(const struct turn *t)
{
	char *print = holders_fingerprint(t->journal.record.new_public), *name;
	char letters[LETTERS + 1] = "";
	const char *c = print != NULL ? print + strcspn(print, ":") : "";

	for (size_t n = 0; *c != '\0' && n < LETTERS; c++)
		if (isalnum((unsigned char)*c))
			letters[n++] = *c;
	name = mem_printf(MADE "%s-%s%s", t->r.document->name, letters,
			  t->journal.record.aborted ? "-back" : "");
	mem_free(print);
	return name;
}

bool turn_branch_is_made(const char *branch)
{
	return strncmp(branch, MADE, strlen(MADE)) == 0;
}

/* NULL: HEAD is on none. */
static char *current(const struct turn *t)
{
	struct git *g = git_open(t->r.target.top, NULL);
	char *name = g != NULL ? git_refs_branch(g) : NULL;

	git_close(g);
	return name;
}

/* A push to the default branch is what a pull request is to avoid, whatever it asks for. */
static void choose_head(struct turn *t, struct turn_pull *p, const char *usual)
{
	char *on = current(t);

	if (on == NULL || strcmp(on, p->base) == 0 || strcmp(on, usual) == 0) {
		mem_free(on);
		on = turn_branch_name(t);
	}
	mem_free(p->branch);
	p->branch = on;
}

int turn_branch_choose(struct turn *t, struct err *err)
{
	struct turn_pull *p = turn_branch_own(t);
	const char *given = t->o->base_branch;
	char *usual;

	if (p->number != 0)
		return 0;
	usual = turn_pull_default(t, err);
	if (usual == NULL)
		return -1;
	if (p->base == NULL)
		mem_replace(&p->base, given != NULL ? given : usual);
	choose_head(t, p, usual);
	mem_free(usual);
	return 0;
}

/* --- what git knows --------------------------------------------------------------------------- */

bool turn_branch_is_on(const struct turn *t, const char *branch)
{
	char *on = current(t);
	bool is = on != NULL && strcmp(on, branch) == 0;

	mem_free(on);
	return is;
}

bool turn_branch_has(const struct turn *t, const char *where, const char *branch,
		     const struct document *d)
{
	char *ref = mem_printf("refs/%s/%s", where, branch);
	bool there = headstate_has(t->r.target.top, t->r.target.below, d, ref);

	mem_free(ref);
	return there;
}

/* Is this true, by git's own word? */
static bool asks(const struct turn *t, const char *const args[])
{
	return git_run(t->r.target.top, args, NULL) == 0;
}

bool turn_branch_contains(const struct turn *t, const char *commit)
{
	return asks(t,
		    (const char *const[]){ "merge-base", "--is-ancestor", commit, "HEAD", NULL });
}

enum headstate turn_branch_state(const struct turn *t)
{
	return headstate_of(t->r.target.top, t->r.target.below, t->r.document);
}

/* --- with the user's git ---------------------------------------------------------------------- */

static int switch_to(const struct turn *t, const char *branch, struct err *err)
{
	char *ref = mem_printf("refs/heads/%s", branch);
	const char *const exists[] = { "show-ref", "--verify", "--quiet", ref, NULL };
	const char *const new[] = { "switch", "-q", "--no-track", "-c", branch, NULL };
	const char *const there[] = { "switch", "-q", branch, NULL };
	int r = git_user(t->r.target.top, asks(t, exists) ? there : new, err);

	mem_free(ref);
	return r;
}

int turn_branch_switch(struct turn *t, struct err *err)
{
	const struct turn_pull *p = turn_branch_own(t);

	if (turn_branch_choose(t, err) != 0)
		return -1;
	if (turn_branch_is_on(t, p->branch))
		return 0;
	if (turn_journal_write(&t->journal, err) != 0 || switch_to(t, p->branch, err) != 0)
		return -1;
	out_note("%s: on branch %s now", t->r.in->args[0], p->branch);
	return 0;
}

int turn_branch_push(struct turn *t, struct err *err)
{
	const char *branch;
	char *spec;
	int r;

	if (turn_branch_switch(t, err) != 0)
		return -1;
	branch = turn_branch_own(t)->branch;
	/* both sides in full: push.default could make another branch of it, the base even */
	spec = mem_printf("refs/heads/%s:refs/heads/%s", branch, branch);
	r = git_user(t->r.target.top,
		     (const char *const[]){ "push", "-q", "-u", "origin", spec, NULL }, err);
	mem_free(spec);
	return r;
}
