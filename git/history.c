/* SPDX-License-Identifier: Apache-2.0 */
#include "git/history.h"

#include <string.h>

#include "base/err.h"
#include "git/idset.h"
#include "git/range.h"
#include "git/refs.h"
#include "git/tree.h"

#define COMMITS_MAX ((size_t)1 << 30) /* bytes of their ids: 16 million */

struct history {
	const struct git *g;
	struct idset *seen[GIT_HISTORY_KINDS];
	git_kind *kind;
	git_visit *visit;
	void *ctx;
};

static int once(void *ctx, const struct git_entry *e, struct err *err)
{
	struct history *h = ctx;
	unsigned kind = h->kind != NULL ? h->kind(e->path) : 0;

	if ((e->mode & GIT_MODE_TYPE) == GIT_MODE_MODULE)
		return 0;
	if (h->seen[kind] == NULL)
		h->seen[kind] = idset_new();
	if (!idset_add(h->seen[kind], e->id))
		return 0;
	return h->visit(h->ctx, e, err);
}

/* rev-list passes over what is no commit. */
static int ref_without_commit(void *ctx, const struct git_ref *ref, struct err *err)
{
	struct history *h = ctx;

	if (strcmp(ref->type, "tree") == 0)
		return git_tree_each(h->g, ref->id, NULL, once, h, err);
	if (strcmp(ref->type, "blob") == 0)
		return once(h,
			    &(struct git_entry){ .path = ref->name,
						 .mode = GIT_MODE_FILE | 0644,
						 .id = ref->id,
						 .status = ' ' },
			    err);
	return 0;
}

int git_history_each(const struct git *g, git_kind *kind, git_visit *visit, void *ctx,
		     struct err *err)
{
	struct history h = { .g = g, .kind = kind, .visit = visit, .ctx = ctx };
	struct buf commits = BUF_INIT;
	char head[GIT_ID_TEXT];
	const char *from = head;
	bool born;
	int r;

	commits.max = COMMITS_MAX;
	r = git_resolve(g, "HEAD", "commit", head, &born, err);
	if (r == 0)
		r = git_range_commits(
		    g, &(struct git_range){ .from = &from, .n_from = born ? 1 : 0, .all = true },
		    &commits, err);
	if (r == 0)
		r = git_range_each(g, &commits, once, &h, err);
	if (r == 0)
		r = git_refs_each(g, ref_without_commit, &h, err);
	for (size_t i = 0; i < GIT_HISTORY_KINDS; i++)
		idset_free(h.seen[i]);
	buf_clear(&commits);
	return r;
}

int git_history_shallow(const struct git *g, bool *shallow, struct err *err)
{
	static const char *const args[] = { "rev-parse", "--is-shallow-repository", NULL };
	struct buf out = BUF_INIT;
	int r = git_output(g, args, &out, err);

	*shallow = r == 0 && strcmp(buf_str(&out), "true\n") == 0;
	buf_clear(&out);
	return r;
}
