/* SPDX-License-Identifier: Apache-2.0 */
/* Any data keys: from .env files, files and standard input. */
#include <stddef.h>

#include "base/err.h"
#include "kinds/kind.h"
#include "kinds/kinds.h"
#include "kinds/token.h"

static int check(const struct kind_secret *s, int64_t now, struct kv *derived, struct notes *notes,
		 struct err *err)
{
	(void)s;
	(void)now;
	(void)derived;
	(void)notes;
	(void)err;
	return 0; /* kind.c has checked all there is to check: key names, their number, sizes */
}

static void note_value(const struct kv_item *item, struct notes *notes)
{
	const struct token_form *form = token_guess(item->data, item->len);

	if (item->len == 0)
		note_add(notes, "%s: the value is empty", item->name);
	if (form == NULL)
		return;
	if (form->kinds != NULL)
		note_add(notes,
			 "%s: looks like %s; sealed as %s it is checked, and its reader finds it",
			 item->name, form->name, form->kinds);
	else
		note_add(notes, "%s: looks like %s, of which nothing is checked", item->name,
			 form->name);
}

static int build(const struct kind_input *in, struct kind_secret *out, struct notes *notes,
		 struct err *err)
{
	(void)err;
	kv_copy(&out->data, &in->fields);
	for (size_t i = 0; i < in->fields.n; i++)
		note_value(&in->fields.items[i], notes);
	return 0;
}

static int adopt(const char *type, const struct kv *data, struct kv *fields)
{
	(void)type;
	kv_copy(fields, data);
	return 0;
}

const struct kind kind_opaque = {
	.name = "opaque",
	.summary = "any values under any keys",
	.types = (const char *const[]){ TYPE_OPAQUE, NULL },
	.fields = (const struct kind_field[]){ { .name = NULL } },
	.keys = NULL,
	.facts = (const char *const[]){ NULL },
	.build = build,
	.check = check,
	.adopt = adopt,
};
