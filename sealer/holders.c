/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/holders.h"

#include <string.h>

#include "base/b64.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "document/seal.h"
#include "github/deploy_keys.h"
#include "kinds/kinds.h"
#include "kinds/sshpub.h"
#include "sealer/documents.h"

struct looking {
	const char *top;
	const struct keyring *keys;
	struct holders *out;
};

char *holders_fingerprint(const char *public)
{
	char text[B64_FINGERPRINT];
	struct buf blob = BUF_INIT;
	char *found = NULL;

	if (sshpub_parse_line("key", public, strlen(public), &blob, NULL) == 0) {
		b64_fingerprint(blob.data, blob.len, text);
		found = mem_str(text);
	}
	buf_clear(&blob);
	return found;
}

static void take_facts(const struct kv *facts, struct holder *h)
{
	h->url = mem_str(kv_get_str(facts, "url"));
	h->public = mem_str(kv_get_str(facts, "public-key"));
	h->fingerprint = mem_str(kv_get_str(facts, "fingerprint"));
}

/* The public half itself: facts leave out one that is too long for them. */
static void take_opened(const struct kind_secret *s, struct holder *h)
{
	const char *line = kv_get_str(&s->data, "identity.pub");

	take_facts(&s->facts, h);
	h->proven = true;
	if (line == NULL)
		return;
	mem_free(h->public);
	h->public = mem_strn(line, strcspn(line, "\r\n"));
}

static bool open_it(const struct looking *l, const struct document *d, struct holder *h)
{
	struct kind_secret s = KIND_SECRET_INIT;
	struct err why = ERR_INIT;
	bool opened =
	    l->keys->n > 0 && open_document(d, l->keys, clock_now(), &s, NULL, NULL, &why) == 0;

	if (opened)
		take_opened(&s, h);
	else if (l->keys->n > 0 && why.class != ERR_NOKEY)
		out_warn("%s: %s: its facts are not proven: %s", h->file, h->document, why.text);
	kind_secret_clear(&s);
	return opened;
}

static void add(void *ctx, const char *path, const struct document *d)
{
	struct looking *l = ctx;
	const struct document_part *part = document_part(d, KIND_PART);
	struct holders *out = l->out;
	size_t n = strlen(l->top);
	struct holder *h;

	if (d->kind != &kind_deploy_key || part == NULL)
		return;
	out->items = mem_grow(out->items, out->n + 1, sizeof(*out->items));
	h = &out->items[out->n++];
	*h = (struct holder){ .document = mem_printf("%s/%s", d->namespace, d->name) };
	h->file = mem_str(strncmp(path, l->top, n) == 0 && path[n] == '/' ? path + n + 1 : path);
	if (!open_it(l, d, h))
		take_facts(&part->facts, h);
}

static void unread(void *ctx, const char *path, const struct err *why)
{
	struct looking *l = ctx;

	(void)path;
	out_warn("%s", why->text);
	l->out->unread++;
}

int holders_find(const char *top, const struct keyring *keys, struct holders *out, struct err *err)
{
	struct looking l = { top, keys, out };
	const struct documents_visit v = { add, unread, &l };

	return documents_walk(top, &v, err);
}

void holders_clear(struct holders *h)
{
	for (size_t i = 0; i < h->n; i++) {
		mem_free(h->items[i].file);
		mem_free(h->items[i].document);
		mem_free(h->items[i].url);
		mem_free(h->items[i].public);
		mem_free(h->items[i].fingerprint);
	}
	mem_free(h->items);
	*h = (struct holders)HOLDERS_INIT;
}

bool holder_has(const struct holder *h, const char *public)
{
	char *fingerprint;
	bool same;

	if (h->public != NULL)
		return deploy_key_same(h->public, public);
	fingerprint = holders_fingerprint(public);
	same = fingerprint != NULL && h->fingerprint != NULL &&
	       strcmp(fingerprint, h->fingerprint) == 0;
	mem_free(fingerprint);
	return same;
}
