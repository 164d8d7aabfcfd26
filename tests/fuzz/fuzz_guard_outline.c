/* SPDX-License-Identifier: Apache-2.0 */
/* Every map that is entered is left, in order; keys and values lie in the text and go forward. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "guard/outline.h"

struct walk {
	const char *text;
	size_t len, depth, pairs;
};

static void check_key(const struct walk *w, const struct outline_text *key)
{
	must(key->text == NULL ||
	     (key->text >= w->text && key->text + key->len <= w->text + w->len));
}

static void enter(void *ctx, size_t depth, const struct outline_text *key)
{
	struct walk *w = ctx;

	must(depth == w->depth && depth < OUTLINE_DEPTH);
	check_key(w, key);
	w->depth++;
}

static void leave(void *ctx, size_t depth)
{
	struct walk *w = ctx;

	must(w->depth > 0 && depth == w->depth - 1);
	w->depth--;
}

static void pair(void *ctx, size_t depth, const struct outline_pair *p)
{
	struct walk *w = ctx;

	must(w->depth > 0 && depth == w->depth - 1);
	must(p->key.text != NULL && p->from <= p->to && p->to <= w->len);
	check_key(w, &p->key);
	w->pairs++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct outline_events events = { .enter = enter,
						      .pair = pair,
						      .leave = leave };
	/* a block of its own, so that AddressSanitizer sees its end */
	char *text = malloc(size + (size == 0));
	struct walk w = { .text = text, .len = size };
	struct view v = { .text = text, .len = size, .end = size };

	memcpy(text, data, size);
	outline_read(&v, &events, &w);
	must(w.depth == 0 && w.pairs <= size);
	free(text);
	return 0;
}
