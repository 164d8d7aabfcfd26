/* SPDX-License-Identifier: Apache-2.0 */
/* Any data keys: from .env files, files and standard input. */
#include <stddef.h>

#include "base/err.h"
#include "kinds/kinds.h"

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

static int build(const struct kind_input *in, struct kind_secret *out, struct notes *notes,
		 struct err *err)
{
	(void)err;
	kv_copy(&out->data, &in->fields);
	for (size_t i = 0; i < in->fields.n; i++)
		if (in->fields.items[i].len == 0)
			note_add(notes, "%s: the value is empty", in->fields.items[i].name);
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
