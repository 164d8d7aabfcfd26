/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/leaks.h"

#include <string.h>

#include "base/mem.h"
#include "base/out.h"
#include "github/rest.h"
#include "github/revoke.h"
#include "sealer/input.h"

#define PLACES_MAX 400 /* bytes of where one stands */
#define COMMIT_SHORT 12

void leaks_add(struct leaks *l, const char *file, const char *commit, const struct guard_hit *hit)
{
	const char *had;
	struct buf where = BUF_INIT;

	if (hit->token == NULL || !revoke_takes(hit->token))
		return;
	had = kv_get_str(&l->tokens, hit->token);
	if (had == NULL && l->tokens.n == REVOKE_MAX) {
		l->full = true;
		return;
	}
	if (had != NULL)
		buf_printf(&where, "%s, ", had);
	buf_printf(&where, "%s:%u", file != NULL ? file : "", hit->line);
	if (commit != NULL)
		buf_printf(&where, " (commit %.*s)", COMMIT_SHORT, commit);
	if (had == NULL)
		buf_printf(&where, ": %s", hit->what);
	if (where.len <= PLACES_MAX || had == NULL)
		kv_set(&l->tokens, hit->token, where.data, where.len);
	buf_clear(&where);
}

static int ask(const struct leaks *l, const char *api, struct kv *agreed, struct err *err)
{
	for (size_t i = 0; i < l->tokens.n; i++) {
		const struct kv_item *token = &l->tokens.items[i];
		char *text = mem_printf("%s\nGitHub would revoke it for good, whoever's it is, and "
					"tell the owner; what "
					"uses it stops working.\nHave it revoked at %s?",
					(const char *)token->data, api);
		bool yes;
		int r = input_confirm(text, &yes, err);

		mem_free(text);
		if (r != 0)
			return -1;
		if (yes)
			kv_set_str(agreed, token->name, "");
	}
	return 0;
}

int leaks_offer(const struct leaks *l, const struct live_options *o, struct err *err)
{
	const char *api = o->api_url != NULL ? o->api_url : REST_API_URL;
	struct kv agreed = KV_INIT;
	const struct revoke_options options = { o->api_url, o->ca_file, &agreed };
	int r;

	if (l->tokens.n == 0)
		return 0;
	if (!input_terminal()) {
		out_note("%zu GitHub token%s could be revoked at once: at a terminal 'bulla check "
			 "--live' asks whether to",
			 l->tokens.n, l->tokens.n == 1 ? "" : "s");
		return 0;
	}
	r = ask(l, api, &agreed, err);
	if (r == 0 && agreed.n > 0) {
		r = revoke_send(&options, err);
		if (r == 0)
			out_note("%s has taken %zu token%s to be revoked; make new ones and seal "
				 "them",
				 api, agreed.n, agreed.n == 1 ? "" : "s");
	}
	if (r == 0 && l->full)
		out_note("there are more than %d tokens; run it again", REVOKE_MAX);
	kv_clear(&agreed);
	return r;
}

void leaks_clear(struct leaks *l)
{
	kv_clear(&l->tokens);
}
