/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/headstate.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "document/edit.h"
#include "git/run.h"
#include "git/tree.h"

enum found { FOUND_NOT, FOUND_NOWHERE, FOUND_OTHER, FOUND_SAME }; /* nowhere: no such commit */

static bool is_named(const struct document *d, const struct document *wanted)
{
	return strcmp(d->name, wanted->name) == 0 && strcmp(d->namespace, wanted->namespace) == 0;
}

static enum found compare(const struct edit_file *f, const struct document *wanted)
{
	char want[DOCUMENT_DIGEST_TEXT], got[DOCUMENT_DIGEST_TEXT];
	enum found found = FOUND_NOT;

	document_digest(wanted, want);
	for (size_t i = 0; i < f->n && found != FOUND_SAME; i++) {
		if (!is_named(&f->documents[i], wanted))
			continue;
		document_digest(&f->documents[i], got);
		found = strcmp(got, want) == 0 ? FOUND_SAME : FOUND_OTHER;
	}
	return found;
}

/* What a commit has in the file; a version that cannot be read is another one. */
static int look(const struct git *g, const char *commit, const char *below,
		const struct document *wanted, enum found *found)
{
	const struct git_tree_file file = { commit, below, DOCUMENT_FILE_MAX };
	struct edit_file f = EDIT_FILE_INIT;
	struct buf text = BUF_INIT;
	bool exists = false;
	int r = git_tree_read(g, &file, &text, &exists, NULL);

	*found = FOUND_NOT;
	if (r == 0 && exists) {
		*found = FOUND_OTHER;
		if (edit_load(below, &text, &f, NULL) == 0)
			*found = compare(&f, wanted);
	}
	edit_clear(&f);
	buf_clear(&text);
	return r;
}

/* The same of what a person calls it. */
static int look_rev(const struct git *g, const char *rev, const char *below,
		    const struct document *d, enum found *found)
{
	char id[GIT_ID_TEXT];
	bool there = false;

	*found = FOUND_NOWHERE;
	if (git_resolve(g, rev, "commit", id, &there, NULL) != 0)
		return -1;
	return there ? look(g, id, below, d, found) : 0;
}

static enum headstate state_in(const struct git *g, const char *below, const struct document *d)
{
	enum found found;

	if (look_rev(g, "HEAD", below, d, &found) != 0)
		return HEADSTATE_UNKNOWN;
	if (found != FOUND_SAME)
		return found == FOUND_OTHER ? HEADSTATE_CHANGED : HEADSTATE_NEW;
	if (look_rev(g, "@{upstream}", below, d, &found) != 0 || found == FOUND_NOWHERE)
		return HEADSTATE_COMMITTED;
	return found == FOUND_SAME ? HEADSTATE_PUSHED : HEADSTATE_AHEAD;
}

enum headstate headstate_of(const char *top, const char *below, const struct document *d)
{
	struct git *g = top != NULL && below != NULL ? git_open(top, NULL) : NULL;
	enum headstate s = g != NULL ? state_in(g, below, d) : HEADSTATE_UNKNOWN;

	git_close(g);
	return s;
}

bool headstate_has(const char *top, const char *below, const struct document *d, const char *commit)
{
	enum found found = FOUND_NOT;
	struct git *g = git_open(top, NULL);

	if (g != NULL)
		look_rev(g, commit, below, d, &found);
	git_close(g);
	return found == FOUND_SAME;
}

const char *headstate_text(enum headstate s)
{
	static const char *const texts[HEADSTATE_COUNT] = {
		[HEADSTATE_UNKNOWN] = "Git does not say whether it is committed",
		[HEADSTATE_NEW] = "HEAD does not have this document yet: commit and push it",
		[HEADSTATE_CHANGED] =
		    "HEAD does not have this version of it yet: commit and push it",
		[HEADSTATE_COMMITTED] = "it is committed; push it to where Flux fetches from",
		[HEADSTATE_AHEAD] = "it is committed and not pushed yet: push it",
		[HEADSTATE_PUSHED] =
		    "it is committed and pushed; Flux, or who applies it, has not brought it yet",
	};

	return texts[s];
}
