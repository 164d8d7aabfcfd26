/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/check_plaintext.h"

#include <stdio.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "guard/baseline.h"
#include "guard/scan.h"

#define ALLOW "bulla:allow"
#define ALLOW_COLON 5 /* where its colon is */

struct scan {
	struct plaintext *p;
	const struct check_text *t;
	const struct kv *only; /* give only these ("RULE PRINT CERTAIN"); NULL: all */
};

static bool is_known(struct plaintext *p, const struct check_text *t, const struct guard_hit *hit)
{
	if (t->below == NULL)
		return false;
	if (p->update != NULL)
		baseline_add(p->update, t->below, hit);
	return p->update != NULL ||
	       (p->baseline != NULL && baseline_has(p->baseline, t->below, hit));
}

/*
 * In a range each commit that touches the file has it again.  A warning and an error may well be of
 * one place: a password for this machine that becomes one for another.
 */
static bool was_seen(struct plaintext *p, const struct check_text *t, const struct guard_hit *hit)
{
	char *key;
	bool seen;

	if (!p->once || p->seen.n >= FINDINGS_MAX)
		return false;
	key = mem_printf("%s %s %d %s", hit->rule, hit->print, hit->certain, t->name);
	seen = kv_has(&p->seen, key);
	if (!seen)
		kv_set(&p->seen, key, "", 0);
	mem_free(key);
	return seen;
}

static void add(const struct scan *s, const struct guard_hit *hit)
{
	const struct check_text *t = s->t;
	struct finding at = {
		.file = (char *)(uintptr_t)t->name,
		.below = (char *)(uintptr_t)t->below,
		.commit = (char *)(uintptr_t)t->commit,
		.line = hit->line,
		.column = hit->column,
		.rule = RULE_PLAINTEXT,
		.guard = guard_rule_find(hit->rule, strlen(hit->rule)),
		.warning = !hit->certain,
	};

	memcpy(at.print, hit->print, sizeof(at.print));
	if (s->p->leaks != NULL && hit->certain)
		leaks_add(s->p->leaks, t->name, t->commit, hit);
	findings_add(s->p->findings, &at, "%s%s%s%s%s", hit->what, hit->where != NULL ? " (" : "",
		     hit->where != NULL ? hit->where : "", hit->where != NULL ? ")" : "",
		     s->only != NULL ? "; the comment that allows it is new itself" : "");
}

static void take_hit(void *ctx, const struct guard_hit *hit)
{
	struct scan *s = ctx;
	char key[64];

	snprintf(key, sizeof(key), "%s %s %d", hit->rule, hit->print, hit->certain);
	if (s->only != NULL && !kv_has(s->only, key))
		return;
	if (is_known(s->p, s->t, hit))
		s->p->findings->known++;
	else if (!was_seen(s->p, s->t, hit))
		add(s, hit);
}

/* --- comments that are new -------------------------------------------------------------------- */

static void keep_key(void *ctx, const struct guard_hit *hit)
{
	char key[64];

	snprintf(key, sizeof(key), "%s %s %d", hit->rule, hit->print, hit->certain);
	kv_set(ctx, key, "", 0);
}

/* The same text in which no comment allows anything; every byte is where it was. */
static void mask(struct buf *text)
{
	unsigned char *at = text->data, *end = at + text->len;

	while (at != NULL && (at = memmem(at, (size_t)(end - at), ALLOW, strlen(ALLOW))) != NULL) {
		at[ALLOW_COLON] = '-';
		at += strlen(ALLOW);
	}
}

/* What is found in text only when its comments do not count; text is masked. */
static void allowed_in(const char *path, struct buf *text, struct kv *out)
{
	struct kv open = KV_INIT;

	guard_scan(path, text->data, text->len, keep_key, &open);
	mask(text);
	guard_scan(path, text->data, text->len, keep_key, out);
	for (size_t i = 0; i < open.n; i++)
		kv_del(out, open.items[i].name);
	kv_clear(&open);
}

/* Comments allow something: what they did not allow before is found all the same. */
static int scan_allowed(struct plaintext *p, const struct check_text *t, struct err *err)
{
	struct buf now = BUF_INIT, before = BUF_INIT;
	struct kv allowed = KV_INIT, old = KV_INIT;
	int r = p->before(p->ctx, t->below, &before, err);

	if (r == 0) {
		buf_put(&now, t->text, t->len);
		allowed_in(t->name, &now, &allowed);
		allowed_in(t->name, &before, &old);
		for (size_t i = 0; i < old.n; i++)
			kv_del(&allowed, old.items[i].name);
		guard_scan(t->name, now.data, now.len, take_hit,
			   &(struct scan){ .p = p, .t = t, .only = &allowed });
		p->findings->allowed += old.n;
	}
	buf_clear(&now);
	buf_clear(&before);
	kv_clear(&allowed);
	kv_clear(&old);
	return r;
}

int plaintext_scan(struct plaintext *p, const struct check_text *t, struct err *err)
{
	size_t allowed;

	p->findings->files++;
	allowed = guard_scan(t->name, t->text, t->len, take_hit, &(struct scan){ .p = p, .t = t });
	if (allowed > 0 && p->before != NULL && t->below != NULL)
		return scan_allowed(p, t, err);
	p->findings->allowed += allowed;
	return 0;
}

void plaintext_clear(struct plaintext *p)
{
	kv_clear(&p->seen);
}
