/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/headstate.h"

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"
#include "git/run.h"

/* Is there such an object?  Quietly. */
static bool has(const char *top, const char *what)
{
	const char *const args[] = { "rev-parse", "-q", "--verify", what, NULL };

	return git_run(top, args, NULL) == 0;
}

/* Is the file of the work tree that of a commit?  No program of the repository's choice is run. */
static bool is_same(const char *top, const char *commit, const char *below)
{
	const char *const args[] = { "--literal-pathspecs",
				     "diff",
				     "--quiet",
				     "--no-ext-diff",
				     "--no-textconv",
				     commit,
				     "--",
				     below,
				     NULL };

	return git_run(top, args, NULL) == 0;
}

static bool has_file(const char *top, const char *commit, const char *below)
{
	char *what = mem_printf("%s:%s", commit, below);
	bool found = has(top, what);

	mem_free(what);
	return found;
}

enum headstate headstate_of(const char *top, const char *below)
{
	static const char *const version[] = { "--version", NULL };

	if (top == NULL || below == NULL || git_run(top, version, NULL) != 0)
		return HEADSTATE_UNKNOWN;
	if (!has_file(top, "HEAD", below))
		return HEADSTATE_NEW;
	if (!is_same(top, "HEAD", below))
		return HEADSTATE_CHANGED;
	if (!has(top, "@{upstream}"))
		return HEADSTATE_COMMITTED;
	if (!has_file(top, "@{upstream}", below) || !is_same(top, "@{upstream}", below))
		return HEADSTATE_AHEAD;
	return HEADSTATE_PUSHED;
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
