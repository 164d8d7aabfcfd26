/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "document/edit.h"
#include "git/history.h"
#include "git/range.h"
#include "guard/baseline.h"
#include "guard/scan.h"
#include "sealer/check_blobs.h"
#include "sealer/check_git.h"
#include "sealer/check_messages.h"
#include "sealer/check_state.h"
#include "sealer/repo.h"

struct history {
	struct check_git *x;
	struct git_blobs *blobs;  /* beside the one that the texts come from */
	char commit[GIT_ID_TEXT]; /* whose rules these are */
	struct buf text;	  /* of its .bulla/config */
	struct config config;
	bool configured;
	struct kv seen; /* findings, each of which is given once */
};

/* --- what was found of a document -------------------------------------------------------------
 */

/* The same damage is there in each version until somebody mends it: where it began is enough. */
static bool was_seen(struct history *h, const struct finding *item)
{
	char *key = mem_printf("%d %s %s", (int)item->rule, item->file, item->text);
	bool seen = kv_has(&h->seen, key);

	if (!seen && h->seen.n < FINDINGS_MAX)
		kv_set(&h->seen, key, "", 0);
	mem_free(key);
	return seen;
}

/* Nothing mends a commit: what is known by the baseline must end somehow. */
static bool is_known(const struct plaintext *p, const struct finding *item)
{
	struct guard_hit hit = { .rule = finding_rule_name(item) };

	memcpy(hit.print, item->print, sizeof(hit.print));
	if (p->update != NULL)
		baseline_add(p->update, item->below, &hit);
	return p->update != NULL ||
	       (p->baseline != NULL && baseline_has(p->baseline, item->below, &hit));
}

static void give(struct history *h, const struct findings *found)
{
	struct findings *all = h->x->findings;

	all->documents += found->documents;
	all->opened += found->opened;
	for (size_t i = 0; i < found->n; i++) {
		const struct finding *item = &found->items[i];

		if (is_known(h->x->plain, item))
			all->known++;
		else if (item->rule == RULE_RECIPIENTS || !was_seen(h, item))
			findings_add(all, item, "%s", item->text);
	}
}

/* --- the rules of then ------------------------------------------------------------------------ */

/* Rules that cannot be read are told where they come in; nobody can be held against them. */
static void parse_rules(struct history *h, const char *commit)
{
	struct findings found = { 0 };
	struct finding at = { .file = (char *)(uintptr_t)CONFIG_PATH,
			      .below = (char *)(uintptr_t)CONFIG_PATH,
			      .commit = (char *)(uintptr_t)commit,
			      .rule = RULE_CONFIG };
	struct err why = ERR_INIT;

	config_clear(&h->config);
	h->configured = config_parse(CONFIG_PATH, h->text.data, h->text.len, &h->config, &why) == 0;
	if (!h->configured) {
		findings_fingerprint(h->text.data, h->text.len, at.print);
		findings_add(&found, &at, "%s", why.text);
		give(h, &found);
	}
	findings_clear(&found);
}

/* Documents of one commit come one after the other, and most commits leave the rules alone. */
static int load_rules(struct history *h, const char *commit, struct err *err)
{
	struct git_blobs_place at = { commit, CONFIG_PATH, CONFIG_MAX };
	struct buf text = BUF_INIT;
	struct err why = ERR_INIT;
	bool exists = false;
	int r;

	if (commit == NULL) {
		h->commit[0] = '\0';
		h->configured = false;
		return 0;
	}
	if (strcmp(commit, h->commit) == 0)
		return 0;
	snprintf(h->commit, sizeof(h->commit), "%s", commit);
	r = git_blobs_read_at(h->blobs, &at, &text, &exists, &why);
	if (r != 0 && why.class != ERR_INVALID) {
		buf_clear(&text);
		return err_set(err, why.class, "%s", why.text);
	}
	if (!exists)
		h->configured = false;
	else if (!h->configured || text.len != h->text.len ||
		 memcmp(text.data, h->text.data, text.len) != 0) {
		buf_move(&h->text, &text);
		parse_rules(h, commit);
	}
	buf_clear(&text);
	return 0;
}

/* --- texts ------------------------------------------------------------------------------------ */

static int check_document(struct history *h, const struct check_text *t, struct err *err)
{
	struct findings found = { 0 };

	if (load_rules(h, t->commit, err) != 0)
		return -1;
	check_against(h->x->c, &(struct check_base){ .config = h->configured ? &h->config : NULL });
	check_past(h->x->c, t, &found);
	give(h, &found);
	findings_clear(&found);
	return 0;
}

static int history_text(void *ctx, const struct git_entry *e, const struct check_text *t,
			struct err *err)
{
	struct history *h = ctx;

	if (check_is_manifest(e->path) && edit_mentions(t->text, t->len) &&
	    check_document(h, t, err) != 0)
		return -1;
	return plaintext_scan(h->x->plain, t, err);
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

static_assert(GUARD_KINDS <= GIT_HISTORY_KINDS, "each kind of path is told apart");

static int search_history(struct check_git *x, struct err *err)
{
	struct history h = { .x = x, .blobs = git_blobs_open(x->g, err) };
	struct check_blobs *blobs = NULL;
	int r = -1;

	if (h.blobs != NULL)
		blobs = check_blobs_new(x->g, x->findings, history_text, &h, err);
	if (blobs != NULL)
		r = git_history_each(x->g, guard_kind, check_blobs_add, blobs, err);
	r = check_blobs_end(blobs, r, err);
	check_against(x->c, &(struct check_base){ 0 });
	git_blobs_close(h.blobs);
	buf_clear(&h.text);
	config_clear(&h.config);
	kv_clear(&h.seen);
	return r;
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
