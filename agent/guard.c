/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guard.h"

#include <sodium.h>
#include <string.h>

bool guard_recent(int64_t at, int64_t now)
{
	/* a time in the future means the clock was set back: count it rather than forget it */
	return at > now - GUARD_WINDOW;
}

static size_t recent_of(const struct guard_input *in, const char *namespace)
{
	size_t i;
	size_t n = 0;

	for (i = 0; i < in->n_done; i++)
		if (guard_recent(in->done[i].at, in->now) &&
		    (namespace == NULL || strcmp(in->done[i].namespace, namespace) == 0))
			n++;
	return n;
}

static size_t present_of(const struct guard_input *in, const char *namespace)
{
	size_t low = 0;
	size_t high = in->n_present;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcmp(in->present[mid].namespace, namespace);

		if (order == 0)
			return in->present[mid].n;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return 0;
}

static bool namespace_allows(const struct guard_input *in, const char *namespace, size_t wanted)
{
	size_t going = wanted + recent_of(in, namespace);
	size_t had = going + present_of(in, namespace);

	return going <= GUARD_NAMESPACE || going * 3 <= had;
}

bool guard_allows(const struct guard_input *in)
{
	size_t i;
	size_t first = 0;

	if (in->n_wanted + recent_of(in, NULL) > GUARD_ALL)
		return in->n_wanted == 0;
	for (i = 1; i <= in->n_wanted; i++) {
		const char *namespace = in->wanted[first].namespace;

		if (i < in->n_wanted && strcmp(in->wanted[i].namespace, namespace) == 0)
			continue;
		if (!namespace_allows(in, namespace, i - first))
			return false;
		first = i;
	}
	return true;
}

void guard_token(const struct guard_wanted *wanted, size_t n, uint64_t holds,
		 char token[static GUARD_TOKEN_TEXT])
{
	crypto_generichash_state state;
	unsigned char sum[(GUARD_TOKEN_TEXT - 1) / 2];
	size_t i;

	crypto_generichash_init(&state, NULL, 0, sizeof(sum));
	crypto_generichash_update(&state, (const unsigned char *)&holds, sizeof(holds));
	for (i = 0; i < n; i++) {
		const struct guard_wanted *w = &wanted[i];
		const uint64_t id = w->incarnation;

		/* with their NULs, so that no two lists of names run together to the same bytes */
		crypto_generichash_update(&state, (const unsigned char *)w->namespace,
					  strlen(w->namespace) + 1);
		crypto_generichash_update(&state, (const unsigned char *)w->name,
					  strlen(w->name) + 1);
		crypto_generichash_update(&state, (const unsigned char *)&id, sizeof(id));
	}
	crypto_generichash_final(&state, sum, sizeof(sum));
	sodium_bin2hex(token, GUARD_TOKEN_TEXT, sum, sizeof(sum));
}
