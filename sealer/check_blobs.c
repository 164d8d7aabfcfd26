/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/check_blobs.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "sealer/progress.h"

#define BATCH 4096

/* Strings in one block each, because a history has many. */
struct gathered {
	struct git_entry e; /* its strings are in the three below */
	char *path;
	char id[GIT_ID_TEXT], commit[GIT_ID_TEXT];
};

struct check_blobs {
	struct git_blobs *blobs;
	struct findings *findings;
	check_blob *visit;
	void *ctx;
	struct gathered *items;
	const char **ids;
	size_t n;
	struct progress progress;
};

struct check_blobs *check_blobs_new(const struct git *g, struct findings *findings,
				    check_blob *visit, void *ctx, struct err *err)
{
	struct git_blobs *blobs = git_blobs_open(g, err);
	struct check_blobs *b;

	if (blobs == NULL)
		return NULL;
	b = mem_alloc(sizeof(*b));
	b->blobs = blobs;
	b->findings = findings;
	b->visit = visit;
	b->ctx = ctx;
	b->items = mem_array(BATCH, sizeof(*b->items));
	b->ids = mem_array(BATCH, sizeof(*b->ids));
	progress_start(&b->progress, "searching", 0);
	return b;
}

static int read_one(void *ctx, const struct git_blob *blob, struct err *err)
{
	struct check_blobs *b = ctx;
	const struct git_entry *e = &b->items[blob->i].e;
	struct finding at = { .file = (char *)(uintptr_t)e->path,
			      .below = (char *)(uintptr_t)e->path,
			      .commit = (char *)(uintptr_t)e->commit,
			      .rule = RULE_READ };
	struct check_text text = {
		.name = e->path,
		.below = e->path,
		.commit = e->commit,
		.text = buf_str(blob->text),
		.len = blob->text->len,
	};

	progress_step(&b->progress, 1);
	if (blob->state == GIT_BLOB_OK)
		return b->visit(b->ctx, e, &text, err);
	at.warning = blob->state == GIT_BLOB_LARGE;
	if (blob->state == GIT_BLOB_LARGE)
		findings_add(b->findings, &at,
			     "larger than %zu bytes (%llu); not searched for credentials",
			     CHECK_FILE_MAX, blob->size);
	else
		findings_add(b->findings, &at,
			     "its blob %s is not in this repository, so nobody can say what is in "
			     "it; fetch it (a partial clone lacks blobs)",
			     e->id);
	return 0;
}

static int flush(struct check_blobs *b, struct err *err)
{
	int r = git_blobs_each(
	    b->blobs,
	    &(struct git_blobs_ask){
		.ids = b->ids, .n = b->n, .max = CHECK_FILE_MAX, .visit = read_one, .ctx = b },
	    err);

	while (b->n > 0)
		mem_free(b->items[--b->n].path);
	return r;
}

int check_blobs_add(void *ctx, const struct git_entry *e, struct err *err)
{
	struct check_blobs *b = ctx;
	struct gathered *g = &b->items[b->n];

	if ((e->mode & GIT_MODE_TYPE) == GIT_MODE_LINK)
		b->findings->links++;
	if ((e->mode & GIT_MODE_TYPE) == GIT_MODE_MODULE)
		b->findings->modules++;
	b->findings->removed += e->status == 'D';
	if ((e->mode & GIT_MODE_TYPE) != GIT_MODE_FILE)
		return 0;
	g->path = mem_str(e->path);
	snprintf(g->id, sizeof(g->id), "%s", e->id);
	snprintf(g->commit, sizeof(g->commit), "%s", e->commit != NULL ? e->commit : "");
	g->e = (struct git_entry){ .path = g->path,
				   .mode = e->mode,
				   .id = g->id,
				   .commit = e->commit != NULL ? g->commit : NULL,
				   .status = e->status };
	b->ids[b->n++] = g->id;
	return b->n == BATCH ? flush(b, err) : 0;
}

int check_blobs_end(struct check_blobs *b, int r, struct err *err)
{
	if (b == NULL)
		return -1;
	progress_total(&b->progress, b->progress.done + b->n);
	if (r == 0)
		r = flush(b, err);
	progress_end(&b->progress);
	while (b->n > 0)
		mem_free(b->items[--b->n].path);
	git_blobs_close(b->blobs);
	mem_free(b->items);
	mem_free(b->ids);
	mem_free(b);
	return r;
}
