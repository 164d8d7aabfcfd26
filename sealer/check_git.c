/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/check_git.h"

#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "git/history.h"
#include "git/index.h"
#include "git/range.h"
#include "guard/baseline.h"
#include "sealer/check_blobs.h"
#include "sealer/check_messages.h"
#include "sealer/check_state.h"
#include "sealer/repo.h"

/* --- the index -------------------------------------------------------------------------------- */

struct staged {
	struct check_git *x;
	struct check_blobs *blobs;
};

static int staged_text(void *ctx, const struct git_entry *e, const struct check_text *t,
		       struct err *err)
{
	const struct check_git *x = ctx;

	check_misplaced(x->c, e->path);
	if (check_is_manifest(e->path))
		check_documents(x->c, t);
	return plaintext_scan(x->plain, t, err);
}

static int staged_entry(void *ctx, const struct git_entry *e, struct err *err)
{
	struct staged *s = ctx;
	struct finding at = { .file = (char *)(uintptr_t)e->path,
			      .below = (char *)(uintptr_t)e->path,
			      .rule = RULE_CONFLICT };

	if (e->status != 'U')
		return check_blobs_add(s->blobs, e, err);
	findings_add(s->x->findings, &at, "not merged yet: git add it when it is");
	return 0;
}

int check_git_staged(struct check_git *x, struct err *err)
{
	struct check_state state;
	struct staged s = { .x = x };
	struct check_base base;
	int r = check_state_load(&state, x->g, NULL, x->findings, err);

	if (r == 0) {
		base = check_state_base(&state, &state);
		check_against(x->c, &base);
		x->plain->baseline = &state.baseline;
		s.blobs = check_blobs_new(x->g, x->findings, staged_text, x, err);
		if (s.blobs != NULL)
			r = git_index_staged(x->g, staged_entry, &s, err);
		r = check_blobs_end(s.blobs, r, err);
	}
	check_against(x->c, &(struct check_base){ 0 });
	x->plain->baseline = NULL;
	check_state_clear(&state);
	return r;
}

/* --- the history ------------------------------------------------------------------------------ */

static int history_text(void *ctx, const struct git_entry *e, const struct check_text *t,
			struct err *err)
{
	const struct check_git *x = ctx;

	(void)e;
	return plaintext_scan(x->plain, t, err);
}

static int load_baseline(const struct check_git *x, struct baseline *baseline, struct err *err)
{
	struct buf text = BUF_INIT;
	bool exists;
	int r = repo_read(git_top(x->g), BASELINE_PATH, BASELINE_MAX, &text, NULL, &exists, err);

	if (r == 0 && exists)
		r = baseline_parse(BASELINE_PATH, text.data, text.len, baseline, err);
	buf_clear(&text);
	return r;
}

static int search_history(struct check_git *x, struct err *err)
{
	struct check_blobs *blobs = check_blobs_new(x->g, x->findings, history_text, x, err);
	int r = 0;

	if (blobs != NULL)
		r = git_history_each(x->g, check_blobs_add, blobs, err);
	return check_blobs_end(blobs, r, err);
}

static int search_messages(struct check_git *x, const char *head, struct err *err)
{
	struct git_range range = { .from = &head, .n_from = head != NULL, .all = true };
	struct buf commits = BUF_INIT;
	int r;

	commits.max = CHECK_COMMITS_MAX;
	r = git_range_commits(x->g, &range, &commits, err);
	if (r == 0)
		r = check_messages(x->g, &commits, x->plain, err);
	buf_clear(&commits);
	return r;
}

static int tell_shallow(const struct check_git *x, struct err *err)
{
	struct finding at = { .rule = RULE_READ, .warning = true };
	bool shallow = false;
	int r = git_history_shallow(x->g, &shallow, err);

	if (shallow)
		findings_add(x->findings, &at,
			     "a shallow clone: the history before it is not here and was not "
			     "searched; git fetch --unshallow");
	return r;
}

int check_git_history(struct check_git *x, struct err *err)
{
	struct check_state head = { 0 };
	struct baseline baseline = BASELINE_INIT;
	char id[GIT_ID_TEXT];
	bool born;
	int r = git_resolve(x->g, "HEAD", "commit", id, &born, err);

	if (r == 0 && git_top(x->g) != NULL)
		r = load_baseline(x, &baseline, err);
	else if (r == 0 && born)
		r = check_state_load(&head, x->g, id, x->findings, err);
	x->plain->baseline = git_top(x->g) != NULL ? &baseline : &head.baseline;
	x->plain->once = true;
	if (r == 0)
		r = tell_shallow(x, err);
	if (r == 0)
		r = search_history(x, err);
	if (r == 0)
		r = search_messages(x, born ? id : NULL, err);
	if (r == 0)
		r = check_tags(x->g, x->plain, err);
	x->plain->baseline = NULL;
	check_state_clear(&head);
	baseline_clear(&baseline);
	return r;
}
