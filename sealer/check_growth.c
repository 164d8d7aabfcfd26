/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/check_growth.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/kv.h"
#include "base/mem.h"
#include "document/document.h"
#include "document/edit.h"
#include "git/tree.h"
#include "keys/age.h"
#include "sealer/check_blobs.h"

struct growth {
	const struct check_git *x;
	const struct check_state *old, *new;
	struct kv gained; /* name of a recipient -> "COUNT PATH", the first one's */
};

/* accepted: the user named this on the command line. */
static void tell(const struct growth *g, const char *file, bool accepted, const char *text)
{
	struct finding at = {
		.file = (char *)(uintptr_t)file,
		.below = (char *)(uintptr_t)file,
		.commit = (char *)(uintptr_t)g->new->commit,
		.rule = RULE_GROWTH,
		.warning = accepted || g->x->accept_changes,
	};

	findings_add(g->x->findings, &at, "%s", text);
}

/* --- recipients ------------------------------------------------------------------------------- */

static bool is_accepted(const struct growth *g, const char *key)
{
	for (size_t i = 0; g->x->accept != NULL && i < g->x->accept->n; i++)
		if (strcmp(g->x->accept->items[i], key) == 0)
			return true;
	return false;
}

static void compare_recipient(const struct growth *g, const struct recipient *r)
{
	const struct recipient *was = recipients_find(&g->old->config.recipients, r->name);
	char key[AGE_RECIPIENT_TEXT];
	char *text;

	if (was != NULL && strcmp(was->id, r->id) == 0)
		return;
	age_recipient_format(&r->key, key);
	text = mem_printf("recipient %s %s: %s; whatever is sealed for it from now on, whoever has "
			  "that key can open",
			  r->name, was == NULL ? "is new" : "has another key", key);
	tell(g, CONFIG_PATH, is_accepted(g, key), text);
	mem_free(text);
}

static void compare_recipients(const struct growth *g)
{
	const struct recipients *now = &g->new->config.recipients;
	const struct recipients *before = &g->old->config.recipients;

	for (size_t i = 0; i < now->n; i++)
		compare_recipient(g, &now->items[i]);
	if (recipients_find(before, CONFIG_RECOVERY) != NULL &&
	    recipients_find(now, CONFIG_RECOVERY) == NULL)
		tell(g, CONFIG_PATH, false,
		     "recovery is removed: what is sealed from now on, a lost cluster takes with "
		     "it");
}

/* --- rules ------------------------------------------------------------------------------------ */

static void gain(struct growth *g, const char *name, const char *path)
{
	const char *before = kv_get_str(&g->gained, name);
	unsigned long n = before != NULL ? strtoul(before, NULL, 10) : 0;
	char *first = mem_str(before != NULL ? strchr(before, ' ') + 1 : path);

	kv_set_fmt(&g->gained, name, "%lu %s", n + 1, first);
	mem_free(first);
}

/* Whom the new rules name for a document, and the old ones do not. */
static void compare_document(struct growth *g, const char *path, const struct document *d)
{
	struct recipients before = RECIPIENTS_INIT, now = RECIPIENTS_INIT;

	/* where no rule matches, nobody is named */
	config_select(&g->old->config, path, d->namespace, d->kind->name, &before, NULL);
	if (config_select(&g->new->config, path, d->namespace, d->kind->name, &now, NULL) == 0)
		for (size_t i = 0; i < now.n; i++)
			if (recipients_find(&before, now.items[i].name) == NULL)
				gain(g, now.items[i].name, path);
	recipients_clear(&before);
	recipients_clear(&now);
}

static int compare_file(void *ctx, const struct git_entry *e, const struct check_text *t,
			struct err *err)
{
	struct yaml_stream yaml = YAML_STREAM_INIT;

	(void)err;
	if (!edit_mentions(t->text, t->len) || t->len > DOCUMENT_FILE_MAX ||
	    yaml_parse(t->name, t->text, t->len, &yaml, NULL) != 0)
		return 0; /* what cannot be read is a finding of its own */
	for (size_t i = 0; i < yaml.n; i++) {
		struct document d = DOCUMENT_INIT;

		if (document_claims(&yaml.docs[i]) &&
		    document_parse(t->name, &yaml.docs[i], &d, NULL) == 0)
			compare_document(ctx, e->path, &d);
		document_clear(&d);
	}
	yaml_clear(&yaml);
	return 0;
}

static int keep_manifest(void *ctx, const struct git_entry *e, struct err *err)
{
	if (!check_is_manifest(e->path) || (e->mode & GIT_MODE_TYPE) != GIT_MODE_FILE)
		return 0;
	return check_blobs_add(ctx, e, err);
}

static void tell_gained(const struct growth *g)
{
	for (size_t i = 0; i < g->gained.n; i++) {
		const char *what = (const char *)g->gained.items[i].data;
		unsigned long n = strtoul(what, NULL, 10);
		char *text = mem_printf("the rules now name %s for %lu document%s that they did "
					"not name it for, %s%s",
					g->gained.items[i].name, n, n == 1 ? "" : "s",
					n == 1 ? "" : "the first is ", strchr(what, ' ') + 1);

		tell(g, CONFIG_PATH, false, text);
		mem_free(text);
	}
}

/* Rules are compared by what they do to the documents that are there. */
static int compare_rules(struct growth *g, struct err *err)
{
	struct check_blobs *blobs = check_blobs_new(g->x->g, g->x->findings, compare_file, g, err);
	int r = 0;

	if (blobs != NULL)
		r = git_tree_each(g->x->g, g->new->commit, NULL, keep_manifest, blobs, err);
	r = check_blobs_end(blobs, r, err);
	tell_gained(g);
	return r;
}

/* --- known findings --------------------------------------------------------------------------- */

static void compare_baselines(const struct growth *g)
{
	const struct baseline *old = &g->old->baseline, *new = &g->new->baseline;
	size_t added = 0, i = 0;
	char *text;

	/* both are sorted */
	for (size_t k = 0; k < new->n; k++) {
		while (i < old->n && strcmp(old->lines[i], new->lines[k]) < 0)
			i++;
		added += i == old->n || strcmp(old->lines[i], new->lines[k]) != 0;
	}
	if (added == 0)
		return;
	text = mem_printf("%zu known finding%s added; what they name is not found any more once "
			  "this is merged",
			  added, added == 1 ? " is" : "s are");
	tell(g, BASELINE_PATH, false, text);
	mem_free(text);
}

int check_growth(const struct check_git *x, struct check_state *old, struct check_state *new,
		 struct err *err)
{
	struct growth g = { .x = x, .old = old, .new = new };
	int r = 0;

	if (!check_state_same(old, new, BASELINE_PATH))
		compare_baselines(&g);
	if (!check_state_same(old, new, CONFIG_PATH)) {
		if (old->configured && !new->configured)
			tell(&g, CONFIG_PATH, false,
			     "it is removed or cannot be read: no rule would hold any more");
		compare_recipients(&g);
		r = compare_rules(&g, err);
	}
	kv_clear(&g.gained);
	return r;
}

/* --- documents without rules ------------------------------------------------------------------ */

/* Everybody who can open something of the document of that name, by key id. */
static void openers_of(const struct buf *text, const struct document *like, struct kv *ids)
{
	struct yaml_stream yaml = YAML_STREAM_INIT;

	if (yaml_parse("before", text->data, text->len, &yaml, NULL) != 0)
		return;
	for (size_t i = 0; i < yaml.n; i++) {
		struct document d = DOCUMENT_INIT;

		if (document_claims(&yaml.docs[i]) &&
		    document_parse("before", &yaml.docs[i], &d, NULL) == 0 &&
		    strcmp(d.name, like->name) == 0 && strcmp(d.namespace, like->namespace) == 0)
			for (size_t p = 0; p < d.n; p++)
				for (size_t k = 0; k < d.parts[p].recipients.n; k++)
					kv_set(ids,
					       (const char *)d.parts[p].recipients.items[k].data,
					       "", 0);
		document_clear(&d);
	}
	yaml_clear(&yaml);
}

static bool is_accepted_id(const struct check_git *x, const char *id)
{
	bool accepted = false;

	for (size_t i = 0; !accepted && x->accept != NULL && i < x->accept->n; i++) {
		struct recipients r = RECIPIENTS_INIT;
		struct age_recipient key;

		accepted = age_recipient_parse(x->accept->items[i], &key, NULL) == 0 &&
			   recipients_add(&r, NULL, &key, NULL) == 0 &&
			   strcmp(r.items[0].id, id) == 0;
		recipients_clear(&r);
	}
	return accepted;
}

static void compare_part(const struct check_git *x, const struct check_text *t,
			 const struct document_part *part, const struct kv *before)
{
	struct finding at = { .file = (char *)(uintptr_t)t->name,
			      .below = (char *)(uintptr_t)t->below,
			      .line = part->line,
			      .rule = RULE_GROWTH };

	for (size_t i = 0; i < part->recipients.n; i++) {
		const char *id = (const char *)part->recipients.items[i].data;

		if (kv_has(before, id))
			continue;
		at.warning = x->accept_changes || is_accepted_id(x, id);
		findings_add(x->findings, &at,
			     "spec.parts.%s.recipients: %s (%s) can open it and could not before; "
			     "no rules say whether he should",
			     part->name, part->recipients.items[i].name, id);
	}
}

void check_growth_parts(const struct check_git *x, const struct buf *before,
			const struct check_text *now)
{
	struct yaml_stream yaml = YAML_STREAM_INIT;

	if (!edit_mentions(now->text, now->len) || now->len > DOCUMENT_FILE_MAX ||
	    yaml_parse(now->name, now->text, now->len, &yaml, NULL) != 0)
		return;
	for (size_t i = 0; i < yaml.n; i++) {
		struct document d = DOCUMENT_INIT;
		struct kv ids = KV_INIT;

		if (document_claims(&yaml.docs[i]) &&
		    document_parse(now->name, &yaml.docs[i], &d, NULL) == 0)
			openers_of(before, &d, &ids);
		for (size_t p = 0; ids.n > 0 && p < d.n; p++)
			compare_part(x, now, &d.parts[p], &ids);
		kv_clear(&ids);
		document_clear(&d);
	}
	yaml_clear(&yaml);
}
