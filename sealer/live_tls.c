/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate, held against the one that is served now; and values that may be tokens. */
#include "sealer/live_one.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "github/served.h"
#include "kinds/token.h"
#include "sealer/rotate_check.h"

#define MORE '+' /* in dns-names: there are more than the fact lists */

/* Would clients of the address find its host among the names?  Addresses are left to them. */
static bool is_for(const struct kind_secret *s, const char *address)
{
	const char *names = kv_get_str(&s->facts, "dns-names");
	unsigned char ip[16];
	char *host = NULL, *port = NULL;
	bool found = false;

	if (served_address(address, &host, &port, NULL) == 0)
		found =
		    inet_pton(AF_INET, host, ip) == 1 || inet_pton(AF_INET6, host, ip) == 1 ||
		    (names != NULL && (rotate_covers(names, host) || strchr(names, MORE) != NULL));
	mem_free(host);
	mem_free(port);
	return found;
}

static void refuse(struct live_answer *a, const char *address, const char *text)
{
	a->state = LIVE_REFUSED;
	err_set(&a->why, ERR_REFUSED, "%s %s", address, text);
}

static void judge(const struct live_question *q, const char *address, const struct served *s,
		  struct live_answer *a)
{
	char until[CLOCK_TEXT_SIZE];

	clock_format(s->chain[0].not_after, until);
	switch (s->likeness) {
	case SERVED_SAME:
		live_says(a, "%s shows this certificate", address);
		if (!s->trusted)
			note_add(&a->notes, "%s: clients do not trust it: %s", address, s->why_not);
		if (!s->named)
			note_add(&a->notes, "%s: it has no name that its clients ask for", address);
		break;
	case SERVED_OLDER:
		live_says(a, "%s shows an older certificate, until %s", address, until);
		if (q->sealed)
			note_add(&a->notes, "%s: what is sealed is not served yet", address);
		break;
	case SERVED_NEWER:
		refuse(a, address,
		       "shows a newer certificate than this one, which was replaced already");
		break;
	case SERVED_OTHER:
	case SERVED_UNCOMPARED:
		refuse(a, address,
		       "shows another certificate, of the same beginning but not this one");
		break;
	}
}

static bool ask(const struct live_question *q, const char *address, struct live_answer *a)
{
	const struct kv_item *leaf = kv_get(&q->secret->data, "tls.crt");
	const struct served_question question = { .address = address,
						  .ca_file = q->options->ca_file,
						  .leaf = leaf->data,
						  .len = leaf->len };
	struct served served = SERVED_INIT;
	struct err why = ERR_INIT;

	if (served_ask(&question, &served, &why) == 0)
		judge(q, address, &served, a);
	else
		live_fail(a, &why);
	served_clear(&served);
	return a->state == LIVE_WORKS;
}

void live_tls(const struct live_question *q, struct live_answer *a)
{
	const struct option_list *at = &q->options->connects;
	size_t asked = 0;

	for (size_t i = 0; i < at->n; i++) {
		if (is_for(q->secret, at->items[i])) {
			asked++;
			if (!ask(q, at->items[i], a))
				return;
		} else if (!q->sealed) {
			refuse(a, at->items[i],
			       "is not among the names of the certificate, and its clients would "
			       "not take it");
			return;
		}
	}
	if (asked == 0)
		live_nothing(a, "say where it is served: --connect HOST:PORT");
}

/* --- opaque ----------------------------------------------------------------------------------- */

/* The one secret that tells its service by itself is GitHub's token. */
void live_opaque(const struct live_question *q, struct live_answer *a)
{
	bool any = false;

	for (size_t i = 0; i < q->secret->data.n; i++) {
		const struct kv_item *item = &q->secret->data.items[i];
		const struct token_form *form = token_find(item->data, item->len);
		struct live_token token = { NULL, item->data, item->len, false, PAT_READ };
		bool asked;

		if (form == NULL || form->service != TOKEN_GITHUB ||
		    token_check(item->name, form, item->data, item->len, NULL) != 0)
			continue;
		live_says(a, "%s", item->name);
		if (!live_token(q, &token, a, &asked)) {
			err_wrap(&a->why, "%s", item->name);
			return;
		}
		any = true;
	}
	/* each value has facts of its own, and the end is that of one of them alone */
	if (q->secret->data.n > 1 && a->not_after > 0) {
		if (!q->sealed)
			note_add(&a->notes, "the end of a token is recorded when it is the only "
					    "value that is sealed; or give --expires");
		a->not_after = 0;
	}
	if (!any)
		live_nothing(a, "none of the values tells whom to ask about it");
}
