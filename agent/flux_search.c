/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/flux_search.h"

#include "base/mem.h"

void flux_search_begin(struct flux_search *s)
{
	*s = (struct flux_search){ .kind = 0 };
}

void flux_search_end(struct flux_search *s)
{
	mem_free(s->next);
	mem_free(s->user);
	flux_search_begin(s);
}

void flux_search_path(const struct flux_search *s, const char *namespace, struct buf *out)
{
	flux_source_list_path((enum flux_kind)s->kind, namespace, s->next, out);
}

/* The first of a page that uses the Secret. */
static bool find_user(struct flux_search *s, const json_t *items, const char *secret)
{
	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *source = json_array_get(items, i);
		const char *name = flux_source_name(source);

		if (name == NULL || !flux_source_uses(source, secret))
			continue;
		mem_free(s->user);
		s->user = mem_printf("%s %s", flux_source_kind((enum flux_kind)s->kind), name);
		return true;
	}
	return false;
}

/* A kind that is not installed uses nothing. */
enum flux_search_verdict flux_search_answer(struct flux_search *s, long status, const json_t *page,
					    const char *secret)
{
	const json_t *items = json_object_get(page, "items");

	if (status != 404 && (status != 200 || !json_is_array(items)))
		return FLUX_SEARCH_BLIND;
	if (status == 200 && find_user(s, items, secret))
		return FLUX_SEARCH_USED;
	mem_replace(&s->next, status == 200 ? flux_source_next(page) : NULL);
	if (s->next == NULL)
		s->kind++;
	return s->kind < FLUX_KINDS ? FLUX_SEARCH_ON : FLUX_SEARCH_UNUSED;
}
