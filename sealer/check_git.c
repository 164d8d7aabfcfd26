/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/check_git.h"

#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "git/index.h"
#include "guard/baseline.h"
#include "sealer/check_blobs.h"
#include "sealer/check_state.h"

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

	x->findings->nothing = "nothing is staged; 'git add' puts files into the next commit";
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
