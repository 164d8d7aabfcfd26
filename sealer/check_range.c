/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "git/idset.h"
#include "git/range.h"
#include "git/refs.h"
#include "git/tree.h"
#include "sealer/check_blobs.h"
#include "sealer/check_git.h"
#include "sealer/check_growth.h"
#include "sealer/check_messages.h"
#include "sealer/check_state.h"

#define PUSH_MAX ((size_t)16 << 20) /* bytes of the lines that a hook gets */

/* One change of what a ref leads to, or of what people call A..B. */
struct update {
	char rules[GIT_ID_TEXT]; /* the commit whose rules hold; "": there is none, the new ones do
				  */
	char old[GIT_ID_TEXT];	 /* the documents that differ from this one's are checked */
	char new[GIT_ID_TEXT];
	const char *pushed;	/* what a ref is to be, maybe a tag; or NULL */
	struct git_range range; /* of the commits that are searched */
};

struct run {
	struct check_git *x;
	struct check_state before, after;
	struct idset *last; /* blobs of the files as they are in the end */
};

/* --- the documents, as they are in the end ------------------------------------------------------
 */

/* A check_before: the file as the commit has it whose rules hold. */
static int read_before(void *ctx, const char *below, struct buf *out, struct err *err)
{
	const struct run *r = ctx;
	struct git_tree_file f = { r->before.commit, below, CHECK_FILE_MAX };
	struct err why = ERR_INIT;
	bool exists;

	if (git_tree_read(r->x->g, &f, out, &exists, &why) == 0 || why.class == ERR_INVALID)
		return 0; /* a link or a folder was there: no comment of it can have held */
	return err_set(err, why.class, "%s", why.text);
}

/* Without rules, what could be opened before is all that there is to go by. */
static int compare_before(struct run *r, const struct check_text *t, struct err *err)
{
	struct buf before = BUF_INIT;
	int result = 0;

	if (r->before.g == NULL || r->before.configured || r->after.configured)
		return 0;
	result = read_before(r, t->below, &before, err);
	if (result == 0 && before.len > 0)
		check_growth_parts(r->x, &before, t);
	buf_clear(&before);
	return result;
}

static int last_text(void *ctx, const struct git_entry *e, const struct check_text *t,
		     struct err *err)
{
	struct run *r = ctx;

	check_misplaced(r->x->c, e->path);
	idset_add(r->last, e->id);
	if (!check_is_manifest(e->path))
		return 0;
	check_documents(r->x->c, t);
	return compare_before(r, t, err);
}

static int check_last(struct run *x, const struct update *u, struct err *err)
{
	struct check_blobs *blobs = check_blobs_new(x->x->g, x->x->findings, last_text, x, err);
	int r = 0;

	if (blobs != NULL)
		r = git_range_diff(x->x->g, u->old[0] != '\0' ? u->old : git_empty(x->x->g), u->new,
				   check_blobs_add, blobs, err);
	return check_blobs_end(blobs, r, err);
}

/* --- the text of every commit ------------------------------------------------------------------
 */

static int each_text(void *ctx, const struct git_entry *e, const struct check_text *t,
		     struct err *err)
{
	const struct run *r = ctx;

	if (check_is_manifest(e->path) && !idset_has(r->last, e->id))
		check_exposure(r->x->c, t);
	return plaintext_scan(r->x->plain, t, err);
}

static int search_commits(struct run *x, const struct update *u, struct err *err)
{
	size_t links = x->x->findings->links, modules = x->x->findings->modules;
	struct buf commits = BUF_INIT;
	struct check_blobs *blobs;
	int r;

	commits.max = CHECK_COMMITS_MAX;
	r = git_range_commits(x->x->g, &u->range, &commits, err);
	if (r == 0) {
		blobs = check_blobs_new(x->x->g, x->x->findings, each_text, x, err);
		if (blobs != NULL)
			r = git_range_each(x->x->g, &commits, check_blobs_add, blobs, err);
		r = check_blobs_end(blobs, r, err);
		if (r == 0)
			r = check_messages(x->x->g, &commits, x->x->plain, err);
		/* they were counted among the files as they are in the end */
		x->x->findings->links = links;
		x->x->findings->modules = modules;
	}
	buf_clear(&commits);
	return r;
}

/* --- one update ------------------------------------------------------------------------------- */

static int check_loaded(struct run *x, const struct update *u, struct err *err)
{
	bool own = u->rules[0] == '\0' || x->x->accept_changes;
	struct check_base base = check_state_base(own ? &x->after : &x->before, &x->after);
	struct plaintext *plain = x->x->plain;

	if (u->rules[0] != '\0' && check_growth(x->x, &x->before, &x->after, err) != 0)
		return -1;
	check_against(x->x->c, &base);
	plain->baseline = base.baseline;
	plain->before = own ? NULL : read_before;
	plain->ctx = x;
	plain->once = true;
	if (check_last(x, u, err) != 0 || search_commits(x, u, err) != 0)
		return -1;
	return u->pushed != NULL ? check_tag(x->x->g, u->pushed, plain, err) : 0;
}

static int check_update(struct check_git *x, const struct update *u, struct err *err)
{
	struct run run = { .x = x };
	int r = 0;

	x->findings->nothing = "the commits change no file";
	if (u->rules[0] != '\0')
		r = check_state_load(&run.before, x->g, u->rules, x->findings, err);
	if (r == 0)
		r = check_state_load(&run.after, x->g, u->new, x->findings, err);
	run.last = idset_new();
	if (r == 0)
		r = check_loaded(&run, u, err);
	idset_free(run.last);
	check_against(x->c, &(struct check_base){ 0 });
	x->plain->baseline = NULL;
	x->plain->before = NULL;
	check_state_clear(&run.before);
	check_state_clear(&run.after);
	return r;
}

/* --- A..B ------------------------------------------------------------------------------------- */

/*
 * A name that several refs have.  git takes a tag for it, and whoever may push tags could have made
 * that: "origin/main" would be what he says it is.
 */
static int check_one_ref(const struct check_git *x, const char *rev, struct err *err)
{
	static const char *const folders[] = { "refs/tags/", "refs/heads/", "refs/remotes/",
					       "refs/" };
	size_t n = strcspn(rev, "^~:");
	const char *at = strstr(rev, "@{");
	const char *seen = NULL;
	int r = 0;

	if (at != NULL && (size_t)(at - rev) < n)
		n = (size_t)(at - rev);
	for (size_t i = 0; r == 0 && i < sizeof(folders) / sizeof(*folders); i++) {
		char *ref = mem_printf("%s%.*s", folders[i], (int)n, rev);
		char id[GIT_ID_TEXT];
		bool found;

		r = git_resolve(x->g, ref, "commit", id, &found, err);
		mem_free(ref);
		if (r != 0 || !found)
			continue;
		if (seen != NULL)
			r = err_set(err, ERR_INVALID,
				    "--range: %.*s is the name of %s%.*s and of %s%.*s; write the "
				    "one that is meant",
				    (int)n, rev, seen, (int)n, rev, folders[i], (int)n, rev);
		seen = folders[i];
	}
	return r;
}

static int resolve_end(const struct check_git *x, const char *rev, char id[static GIT_ID_TEXT],
		       struct err *err)
{
	if (check_one_ref(x, rev, err) != 0)
		return -1;
	if (git_resolve(x->g, rev, "commit", id, NULL, err) == 0)
		return 0;
	return err_set(
	    err, ERR_INVALID,
	    "--range: there is no commit %s here; a shallow clone may lack it (fetch with "
	    "the whole history)",
	    rev);
}

int check_git_range(struct check_git *x, const char *range, struct err *err)
{
	const char *dots = strstr(range, "..");
	char *from = dots != NULL ? mem_strn(range, (size_t)(dots - range)) : NULL;
	struct update u = { .range = { .n_from = 1, .n_without = 1 } };
	const char *new = u.new, *rules = u.rules;
	int r = -1;

	if (dots == NULL || from[0] == '\0' || dots[2] == '.') {
		err_set(err, ERR_USAGE,
			"--range: write A..B: from the commit that is trusted to the one to check");
		goto out;
	}
	u.range.from = &new;
	u.range.without = &rules;
	if (resolve_end(x, from, u.rules, err) != 0 ||
	    resolve_end(x, dots[2] != '\0' ? dots + 2 : "HEAD", u.new, err) != 0)
		goto out;
	/* what A has got since B left it is none of B's changes */
	if (git_range_merge_base(x->g, u.rules, u.new, u.old, err) != 0)
		goto out;
	r = check_update(x, &u, err);
out:
	mem_free(from);
	return r;
}

/* --- pushes ----------------------------------------------------------------------------------- */

struct push {
	struct check_git *x;
	bool sending; /* a pre-push hook's lines */
	char **done;  /* new ends that were checked already */
	size_t n;
};

/* A tag may lead to a tree or a blob, which no commit has: only its text can be looked at. */
static int check_object(struct push *p, const char *ref, const char *id, struct err *err)
{
	struct finding at = { .rule = RULE_READ, .file = (char *)(uintptr_t)ref };

	(void)err;
	findings_add(p->x->findings, &at,
		     "leads to %.12s, which is no commit; nothing checks what is in it, so it is "
		     "not taken",
		     id);
	return 0;
}

static int any_ref(void *ctx, const struct git_ref *ref, struct err *err)
{
	bool *any = ctx;

	(void)ref;
	(void)err;
	*any = true;
	return 0;
}

/*
 * Nobody's rules hold for the very first push alone.  A HEAD that leads to a branch which nobody
 * ever pushed must not be an open door beside all the others.
 */
static int check_first(const struct push *p, struct err *err)
{
	struct finding at = { .rule = RULE_CONFIG, .file = (char *)(uintptr_t) "HEAD" };
	bool any = false;
	int r = git_refs_each(p->x->g, any_ref, &any, err);

	if (any)
		findings_add(p->x->findings, &at,
			     "leads to no commit here, so there are no rules to hold a new ref "
			     "against; on the server: git symbolic-ref HEAD refs/heads/BRANCH");
	return r;
}

/* Where a ref starts from: what it was, or for a new one what HEAD is. */
static int find_start(const struct push *p, const char *old, struct update *u, struct err *err)
{
	bool found = false;

	if (!git_is_zero(old) && git_resolve(p->x->g, old, "commit", u->rules, &found, err) != 0)
		return -1;
	if (found) {
		memcpy(u->old, u->rules, sizeof(u->old));
		return 0;
	}
	if (git_resolve(p->x->g, "HEAD", "commit", u->rules, &found, err) != 0)
		return -1;
	if (!found && !p->sending && check_first(p, err) != 0)
		return -1;
	if (!found || (p->sending && strcmp(u->rules, u->new) == 0)) {
		u->rules[0] = '\0';
		return 0;
	}
	return git_range_merge_base(p->x->g, u->rules, u->new, u->old, err);
}

static int check_ref(struct push *p, const char *old, const char *new, const char *ref,
		     struct err *err)
{
	struct update u = { .pushed = new, .range = { .n_from = 1 } };
	const char *from = u.new;
	bool found;
	int r;

	if (git_is_zero(new))
		return 0; /* a ref is removed: nothing comes */
	if (git_resolve(p->x->g, new, "commit", u.new, &found, err) != 0)
		return -1;
	if (!found)
		return check_object(p, ref, new, err);
	if (find_start(p, old, &u, err) != 0)
		return -1;
	u.range.from = &from;
	u.range.without = (const char *const *)p->done;
	u.range.n_without = p->n;
	u.range.without_refs = !p->sending;
	u.range.without_remotes = p->sending;
	r = check_update(p->x, &u, err);
	p->done = mem_grow(p->done, p->n + 1, sizeof(*p->done));
	p->done[p->n++] = mem_str(u.new);
	return r;
}

/* Cut a line at its blanks, as many as there must be. */
static bool cut_line(char *line, char *fields[], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strcspn(line, " ");
		bool more = line[len] != '\0';

		fields[i] = line;
		if (more == (i == n - 1))
			return false;
		line[len] = '\0';
		line += more ? len + 1 : len;
	}
	return true;
}

static int check_line(struct push *p, char *line, struct err *err)
{
	char *fields[4];
	const char *old, *new, *ref;

	if (!cut_line(line, fields, p->sending ? 4 : 3))
		return err_set(err, ERR_INVALID, "standard input: not the lines of git's %s hook",
			       p->sending ? "pre-push" : "pre-receive");
	old = fields[p->sending ? 3 : 0];
	new = fields[1];
	ref = fields[2];
	if (!git_is_id(p->x->g, old) || !git_is_id(p->x->g, new))
		return err_set(err, ERR_INVALID,
			       "standard input: an object id of this repository is missing");
	return check_ref(p, old, new, ref, err);
}

static int check_push(struct check_git *x, bool sending, struct err *err)
{
	struct push p = { .x = x, .sending = sending };
	struct buf lines = BUF_INIT;
	int r = file_read_fd(STDIN_FILENO, "standard input", PUSH_MAX, &lines, err);
	char *line = (char *)lines.data;

	while (r == 0 && line != NULL && *line != '\0') {
		char *end = strchr(line, '\n');

		if (end == NULL) {
			r = err_set(err, ERR_INVALID, "standard input: a line that breaks off");
			break;
		}
		*end = '\0';
		r = check_line(&p, line, err);
		line = end + 1;
	}
	while (p.n > 0)
		mem_free(p.done[--p.n]);
	mem_free(p.done);
	buf_clear(&lines);
	return r;
}

int check_git_pre_receive(struct check_git *x, struct err *err)
{
	return check_push(x, false, err);
}

int check_git_pre_push(struct check_git *x, struct err *err)
{
	return check_push(x, true, err);
}
