/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cluster publishes is refused, or read: keys under their own ids, of which the active one
 * is one; and which recipient a cluster is said to be follows from that alone.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/name.h"
#include "sealer/whichcluster.h"

static void check_keys(const struct published *p)
{
	for (size_t i = 0; i < p->keys.n; i++) {
		const struct recipient *r = &p->keys.items[i];
		char id[AGE_KEY_ID_TEXT];

		age_recipient_id(&r->key, id);
		must(strcmp(id, r->id) == 0 && strcmp(id, r->name) == 0);
		must(i == 0 || strcmp(p->keys.items[i - 1].name, r->name) < 0);
	}
	must(p->active == NULL || recipients_find(&p->keys, p->active->name) == p->active);
}

/* The first key is the one of eu: known then, and by that name alone. */
static void check_judged(struct published *p)
{
	struct whichcluster w = { .published = *p };
	struct recipients known = RECIPIENTS_INIT;
	const struct kv none = KV_INIT;

	if (p->keys.n > 0)
		must(recipients_add(&known, "eu", &p->keys.items[0].key, NULL) == 0);
	whichcluster_judge(&known, &none, true, &w);
	must((w.name != NULL) == (p->keys.n > 0));
	must(w.name == NULL || strcmp(w.name, "eu") == 0);
	must((w.why == NULL) == (w.state == WHICHCLUSTER_CURRENT));
	must((w.state == WHICHCLUSTER_CURRENT) ==
	     (p->active != NULL && p->active == &p->keys.items[0]));
	must(w.state != WHICHCLUSTER_OTHER);
	mem_free(w.name);
	mem_free(w.why);
	recipients_clear(&known);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *object = json_parse(data, size, "object", NULL);
	struct published p = PUBLISHED_INIT;
	struct err err = ERR_INIT;

	if (object == NULL)
		return 0;
	if (published_parse(object, &p, &err) != 0) {
		must(err.class == ERR_INVALID || err.class == ERR_RECIPIENT);
		must(err.text[0] != '\0' && p.keys.n == 0 && p.active == NULL);
	} else {
		check_keys(&p);
		check_judged(&p);
	}
	published_clear(&p);
	json_decref(object);
	return 0;
}
