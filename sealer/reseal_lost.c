/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/reseal_lost.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/out.h"

static const char *text(const json_t *v, const char *name)
{
	const char *s = json_string_value(json_object_get(v, name));

	return s != NULL ? s : "";
}

static void put_text(json_t *v, const char *name, struct buf *value)
{
	if (value->len > 0)
		json_object_set_new(v, name, json_string(buf_str(value)));
	buf_clear(value);
}

json_t *reseal_lost_new(const struct danger_about *a, const struct kv *keys, bool many)
{
	const struct document *d = a->document;
	char *file = out_escaped(a->file); /* a path may be any bytes, and JSON is UTF-8 */
	struct buf where = BUF_INIT, replace = BUF_INIT;
	json_t *names = json_object();
	bool claimed;
	json_t *v =
	    json_pack("{s:o, s:s, s:s, s:s, s:b, s:s, s:s, s:o}", "document",
		      json_sprintf("%s/%s", d->namespace, d->name), "kind", d->kind->name, "part",
		      a->part->name, "file", file, "opened", a->opened ? 1 : 0, "reach",
		      danger_reach(d->kind), "revoke", danger_revoke(d->kind), "keys", names);

	for (size_t i = 0; i < keys->n; i++)
		json_object_set_new(names, keys->items[i].name,
				    json_string((const char *)keys->items[i].data));
	danger_where(a, &where, &claimed);
	if (where.len > 0)
		json_object_set_new(v, "claimed", json_boolean(claimed));
	put_text(v, "where", &where);
	danger_replace(a, many, &replace);
	put_text(v, "replace", &replace);
	mem_free(file);
	return v;
}

/* --- sorting ---------------------------------------------------------------------------------- */

static bool is_lost(const json_t *v)
{
	static const char *const needed[] = {
		"document", "kind", "part", "file", "reach", "revoke"
	};

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (!json_is_string(json_object_get(v, needed[i])))
			return false;
	return json_is_object(json_object_get(v, "keys")) && kind_find(text(v, "kind")) != NULL;
}

static int compare(const void *a, const void *b)
{
	static const char *const by[] = { "document", "part", "file" };
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	size_t i = danger_rank(kind_find(text(x, "kind")));
	size_t j = danger_rank(kind_find(text(y, "kind")));
	int r = (i > j) - (i < j);

	for (size_t k = 0; r == 0 && k < sizeof(by) / sizeof(by[0]); k++)
		r = strcmp(text(x, by[k]), text(y, by[k]));
	return r;
}

json_t *reseal_lost_sorted(const json_t *list)
{
	json_t **items = mem_array(json_array_size(list), sizeof(json_t *));
	json_t *out = json_array(), *v;
	size_t i, n = 0;

	json_array_foreach(list, i, v)
	{
		if (is_lost(v))
			items[n++] = v;
	}
	if (n > 0)
		qsort(items, n, sizeof(json_t *), compare);
	for (i = 0; i < n; i++) {
		json_t *last = json_array_get(out, json_array_size(out) - 1);

		/* a run and the one that it goes on with may both tell of one */
		if (last == NULL || compare(&last, &items[i]) != 0)
			json_array_append_new(out, json_deep_copy(items[i]));
		else
			json_object_update(json_object_get(last, "keys"),
					   json_object_get(items[i], "keys"));
	}
	mem_free(items);
	return out;
}

/* --- printing --------------------------------------------------------------------------------- */

static void print_one(const json_t *v, FILE *f)
{
	const json_t *keys = json_object_get(v, "keys"), *name;
	struct buf names = BUF_INIT;
	const char *id;

	json_object_foreach((json_t *)(uintptr_t)keys, id, name)
	{
		buf_printf(&names, "%s%s", names.len > 0 ? ", " : "",
			   json_is_string(name) ? json_string_value(name) : id);
	}
	out_printf(f, "%s  %s, %s  (%s)\n", text(v, "document"), text(v, "kind"), text(v, "part"),
		   buf_str(&names));
	out_printf(f, "    who has it %s: %s\n", text(v, "reach"), text(v, "revoke"));
	if (*text(v, "where") != '\0')
		out_printf(f, "    %s%s\n", text(v, "where"),
			   json_is_true(json_object_get(v, "claimed"))
			       ? "  (so says the document; not proven)"
			       : "");
	if (*text(v, "replace") != '\0')
		out_printf(f, "    %s\n", text(v, "replace"));
	buf_clear(&names);
}

void reseal_lost_print(const json_t *sorted, FILE *f)
{
	const json_t *v;
	size_t i;

	json_array_foreach(sorted, i, v)
	{
		print_one(v, f);
	}
}
