/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/hits.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define KEPT_MAX ((size_t)GUARD_HITS_MAX * 4) /* some of them overlap */

/* The domain keeps the digest from being that of anything else, and rules from each other. */
void hits_print(enum guard_rule_id rule, const void *value, size_t len, char print[static 9])
{
	static const char domain[] = "bulla guard print 1";
	const char *name = guard_rules[rule].name;
	crypto_generichash_state st;
	unsigned char out[crypto_generichash_BYTES_MIN];

	crypto_generichash_init(&st, NULL, 0, sizeof(out));
	crypto_generichash_update(&st, (const unsigned char *)domain, sizeof(domain));
	crypto_generichash_update(&st, (const unsigned char *)name, strlen(name) + 1);
	crypto_generichash_update(&st, value, len);
	crypto_generichash_final(&st, out, sizeof(out));
	sodium_bin2hex(print, 9, out, 4);
	mem_wipe(&st, sizeof(st));
	mem_wipe(out, sizeof(out));
}

bool hits_add(struct hits *h, const struct view *v, const struct hit_new *new)
{
	const struct guard_rule *rule = &guard_rules[new->rule];
	struct hit_found *f;

	if (h->n == KEPT_MAX) {
		h->incomplete = true;
		mem_free(new->where);
		return false;
	}
	if (h->n == h->cap) {
		h->cap = h->cap == 0 ? 8 : h->cap * 2;
		h->items = mem_grow(h->items, h->cap, sizeof(*h->items));
	}
	f = &h->items[h->n++];
	*f = (struct hit_found){
		.rule = new->rule,
		.begin = v->decoded ? v->base : v->base + new->from,
		.end = v->decoded ? v->end : v->base + new->to,
		.what = new->what != NULL ? new->what : rule->summary,
		.decoded = v->decoded,
		.certain = !new->warning,
		.where = new->where,
	};
	if (new->rule == GUARD_GITHUB_TOKEN)
		f->token = mem_strn(v->text + new->from, new->to - new->from);
	if (rule->random && new->print[0] != '\0')
		memcpy(f->print, new->print, sizeof(f->print));
	else if (rule->random)
		hits_print(new->rule, v->text + new->from, new->to - new->from, f->print);
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct hit_found *x = a, *y = b;

	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	if (x->rule != y->rule)
		return x->rule < y->rule ? -1 : 1;
	return strcmp(x->print, y->print);
}

/* Two tokens of one base64 run are two findings; a token and the Secret it stands in are one. */
static bool shadows(const struct hit_found *a, const struct hit_found *b)
{
	if (a->begin >= b->end || b->begin >= a->end)
		return false;
	return a->print[0] == '\0' || b->print[0] == '\0' || strcmp(a->print, b->print) == 0;
}

/* loser's words go to winner where it has none; loser is freed. */
static void inherit(struct hit_found *winner, struct hit_found *loser)
{
	if (winner->where == NULL) {
		winner->where = loser->where;
		loser->where = NULL; /* transferred */
	}
	mem_free(loser->where);
	mem_free(loser->token);
}

/* Which of the first kept ones is there instead of f?  They are sorted, and overlap only in runs.
 */
static struct hit_found *find_shadow(const struct hits *h, size_t kept, const struct hit_found *f)
{
	for (size_t i = kept; i-- > 0 && h->items[i].end > f->begin;)
		if (shadows(&h->items[i], f))
			return &h->items[i];
	return NULL;
}

void hits_settle(struct hits *h)
{
	size_t kept = 0;

	if (h->n > 1)
		qsort(h->items, h->n, sizeof(*h->items), compare);
	for (size_t i = 0; i < h->n; i++) {
		struct hit_found f = h->items[i], *other;

		while (kept > 0 && h->items[kept - 1].rule > f.rule &&
		       shadows(&h->items[kept - 1], &f))
			inherit(&f, &h->items[--kept]);
		other = find_shadow(h, kept, &f);
		if (other != NULL)
			inherit(other, &f);
		else
			h->items[kept++] = f;
	}
	h->n = kept;
}

void hits_cut(struct hits *h, size_t n)
{
	h->incomplete = h->incomplete || h->n > n;
	while (h->n > n) {
		mem_free(h->items[--h->n].where);
		mem_free(h->items[h->n].token);
	}
}

void hits_clear(struct hits *h)
{
	hits_cut(h, 0);
	mem_free(h->items);
	*h = (struct hits)HITS_INIT;
}
