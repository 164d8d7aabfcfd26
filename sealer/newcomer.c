/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/newcomer.h"

#include <string.h>

#include "base/err.h"
#include "base/name.h"
#include "base/out.h"
#include "keys/config.h"

/* --- one recipient and one part --------------------------------------------------------------- */

/* The name under which a key is bound, or NULL. */
static const char *bound_name(const struct document_part *part, const char *id)
{
	for (size_t i = 0; i < part->recipients.n; i++)
		if (strcmp((const char *)part->recipients.items[i].data, id) == 0)
			return part->recipients.items[i].name;
	return NULL;
}

enum newcomer newcomer_of(const struct document_part *part, const struct recipient *r,
			  const char **had)
{
	const char *name = bound_name(part, r->id), *id = kv_get_str(&part->recipients, r->name);

	*had = name != NULL ? name : id;
	if (name != NULL)
		return strcmp(name, r->name) == 0 ? NEWCOMER_SAME : NEWCOMER_RENAMED;
	return id != NULL ? NEWCOMER_REPLACED : NEWCOMER_NEW;
}

/* --- who may ---------------------------------------------------------------------------------- */

static void take_typed(const struct newcomer_given *g, struct kv *out)
{
	for (size_t i = 0; g->typed != NULL && i < g->typed->n; i++) {
		const struct recipient *r = recipients_find(g->to, g->typed->items[i]);
		struct age_recipient key;
		char id[AGE_KEY_ID_TEXT];

		if (r == NULL && age_recipient_parse(g->typed->items[i], &key, NULL) == 0) {
			age_recipient_id(&key, id);
			r = recipients_find_id(g->to, id);
		}
		if (r != NULL)
			kv_set_str(out, r->name, "");
	}
}

int newcomer_take(const struct newcomer_given *g, struct kv *out, struct err *err)
{
	const struct recipients *known = g->known != NULL ? g->known : g->to;

	for (size_t i = 0; i < g->add->n; i++) {
		const char *name = g->add->items[i];

		/* what is no name may be a secret typed at the wrong place */
		if (!name_is_label(name))
			return err_set(err, ERR_USAGE, "--add: not the name of a recipient");
		if (recipients_find(known, name) == NULL)
			return err_set(err, ERR_RECIPIENT, "--add %s: no such recipient %s", name,
				       g->known != NULL ? "in " CONFIG_PATH
							: "among those whom it is sealed to");
		kv_set_str(out, name, "");
	}
	take_typed(g, out);
	return 0;
}

/* --- a document ------------------------------------------------------------------------------- */

/* The name of the first part that somebody is new to, or NULL. */
static const char *find(const struct newcomer_check *c, struct kv *who)
{
	const char *first = NULL, *had;

	for (size_t i = 0; i < c->d->n; i++) {
		const struct document_part *part = &c->d->parts[i];

		if (c->parts != NULL && !kv_has(c->parts, part->name))
			continue;
		for (size_t k = 0; k < c->to->n; k++) {
			const struct recipient *r = &c->to->items[k];

			if (kv_has(c->add, r->name) || newcomer_of(part, r, &had) != NEWCOMER_NEW)
				continue;
			kv_set_str(who, r->name, "");
			if (first == NULL)
				first = part->name;
		}
	}
	return first;
}

void newcomer_find(const struct newcomer_check *c, struct kv *out)
{
	find(c, out);
}

static void put_names(const struct kv *names, const char *before, const char *between,
		      struct buf *out)
{
	for (size_t i = 0; i < names->n; i++)
		buf_printf(out, "%s%s%s", i > 0 ? between : "", before, names->items[i].name);
}

int newcomer_check(const struct newcomer_check *c, struct err *err)
{
	struct kv who = KV_INIT;
	struct buf names = BUF_INIT, options = BUF_INIT, file = BUF_INIT;
	const char *part = find(c, &who);
	int r = 0;

	if (part != NULL) {
		put_names(&who, "", ", ", &names);
		put_names(&who, "--add ", " ", &options);
		if (c->reseal != NULL) {
			buf_printf(&file, " (or first run bulla reseal %s ", buf_str(&options));
			out_shell(&file, c->reseal);
			buf_putc(&file, ')');
		}
		r = err_set(err, ERR_RECIPIENT,
			    "spec.parts.%s: %s could not open the old value, which would be sealed "
			    "again to %s too.  See who added %s; to give it, "
			    "say %s%s",
			    part, buf_str(&names), who.n == 1 ? "it" : "them",
			    who.n == 1 ? "it" : "them", buf_str(&options), buf_str(&file));
	}
	kv_clear(&who);
	buf_clear(&names);
	buf_clear(&options);
	buf_clear(&file);
	return r;
}

int newcomer_check_all(const struct newcomer_given *given, const struct document *d,
		       struct err *err)
{
	struct kv add = KV_INIT;
	const struct newcomer_check c = { .d = d, .to = given->to, .add = &add };
	int r = newcomer_take(given, &add, err);

	if (r == 0)
		r = newcomer_check(&c, err);
	kv_clear(&add);
	return r;
}
