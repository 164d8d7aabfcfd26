/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/exposure_report.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/out.h"
#include "sealer/danger.h"

#define PLACES_SHOWN 4 /* to people; all of them in JSON */
#define COMMIT_SHOWN 12

const char *const exposure_states[] = {
	[EXPOSURE_USED] = "used",
	[EXPOSURE_REPLACED] = "replaced",
	[EXPOSURE_GONE] = "gone",
};

static const char *const state_texts[] = {
	[EXPOSURE_USED] = "in use",
	[EXPOSURE_REPLACED] = "another value is in its place",
	[EXPOSURE_GONE] = "not in HEAD any more",
};

/* What to do about one, as text; parts that do not apply are empty. */
struct advice {
	struct buf where, replace;
	bool claimed;
};

static void advise(const struct exposure_one *one, struct advice *out)
{
	const struct danger_about about = {
		.document = &one->document,
		.part = &one->document.parts[0],
		.file = one->state == EXPOSURE_USED ? one->file : NULL,
		.opened = one->opened,
	};

	memset(out, 0, sizeof(*out));
	danger_where(&about, &out->where, &out->claimed);
	danger_replace(&about, one->many, &out->replace);
}

static void advice_clear(struct advice *a)
{
	buf_clear(&a->where);
	buf_clear(&a->replace);
}

/* --- for people ------------------------------------------------------------------------------- */

/* A line of text that may hold anything, line breaks too. */
static void put_line(const char *before, const char *text, const char *after)
{
	char *escaped = out_escaped(text);

	printf("   %s%s%s\n", before, escaped, after);
	mem_free(escaped);
}

/* Of a kind with many parts the part says which value it is. */
static void print_head(size_t number, const struct exposure_one *one)
{
	const struct document *d = &one->document;
	const char *part = d->parts[0].name;
	bool one_part = strcmp(part, KIND_PART) == 0;

	out_printf(stdout, "%zu. %s/%s%s%s  %s%s\n", number, d->namespace, d->name,
		   one_part ? "" : " ", one_part ? "" : part, d->kind->name,
		   one->expired ? "  (expired, as it claims)" : "");
}

static void print_state(const struct exposure_one *one)
{
	const char *doubt = one->proven ? "" : "  (by its sealed-at, not proven)";
	char *since;

	if (one->file != NULL) {
		char *before = mem_printf("%s: ", state_texts[one->state]);

		put_line(before, one->file, doubt);
		mem_free(before);
	} else {
		put_line("", state_texts[one->state], doubt);
	}
	for (size_t i = 0; i < one->n_now && i < PLACES_SHOWN; i++)
		put_line("at ", one->now[i], "");
	if (one->n_now > PLACES_SHOWN)
		printf("   and at %zu more\n", one->n_now - PLACES_SHOWN);
	if (one->commit != NULL)
		since = mem_printf("since commit %.*s, ", COMMIT_SHOWN, one->commit);
	else
		since = mem_str("first as ");
	put_line(since, one->path, "");
	mem_free(since);
}

static void print_facts(const struct exposure_one *one)
{
	const struct kv *facts = &one->document.parts[0].facts;

	for (size_t i = 0; i < facts->n; i++)
		out_printf(stdout, "   %s: %s\n", facts->items[i].name,
			   (const char *)facts->items[i].data);
	out_printf(stdout, "   %s\n",
		   one->opened ? "opened with a key at hand: these facts are bound in it, and "
				 "what can be derived from the value is proven"
			       : "not opened: these facts are what the document claims");
}

static void print_one(size_t number, const struct exposure_one *one)
{
	struct advice a;

	advise(one, &a);
	print_head(number, one);
	print_state(one);
	print_facts(one);
	out_printf(stdout, "   who has it %s\n", danger_reach(one->document.kind));
	out_printf(stdout, "   -> %s\n", danger_revoke(one->document.kind));
	if (a.where.len > 0)
		put_line("", buf_str(&a.where),
			 a.claimed ? "  (so says the document; not proven)" : "");
	if (a.replace.len > 0)
		put_line("", buf_str(&a.replace), "");
	advice_clear(&a);
}

void exposure_print(const struct exposure *e, const struct kv *ids)
{
	for (size_t i = 0; i < ids->n; i++)
		out_printf(stdout, "key %s%s%s\n", ids->items[i].name,
			   ids->items[i].len > 0 ? "  " : "", (const char *)ids->items[i].data);
	for (size_t i = 0; i < e->n; i++) {
		printf("\n");
		print_one(i + 1, &e->items[i]);
	}
}

/* --- for programs ----------------------------------------------------------------------------- */

/* A path may be any bytes, and JSON is UTF-8. */
static json_t *text(const char *s)
{
	char *escaped = s != NULL ? out_escaped(s) : NULL;
	json_t *v = escaped != NULL ? json_string(escaped) : json_null();

	mem_free(escaped);
	return v;
}

static json_t *pairs(const struct kv *kv)
{
	json_t *v = json_object();

	for (size_t i = 0; i < kv->n; i++)
		json_object_set_new(v, kv->items[i].name, text((const char *)kv->items[i].data));
	return v;
}

static json_t *texts(char *const *list, size_t n)
{
	json_t *v = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(v, text(list[i]));
	return v;
}

static void put_advice(json_t *v, const struct exposure_one *one)
{
	struct advice a;

	advise(one, &a);
	json_object_set_new(v, "reach", text(danger_reach(one->document.kind)));
	json_object_set_new(v, "revoke", text(danger_revoke(one->document.kind)));
	if (a.where.len > 0) {
		json_object_set_new(v, "where", text(buf_str(&a.where)));
		json_object_set_new(v, "claimed", json_boolean(a.claimed));
	}
	if (a.replace.len > 0)
		json_object_set_new(v, "replace", text(buf_str(&a.replace)));
	advice_clear(&a);
}

static json_t *one_json(const struct exposure_one *one)
{
	const struct document *d = &one->document;
	json_t *v = json_object();

	json_object_set_new(v, "document", json_sprintf("%s/%s", d->namespace, d->name));
	json_object_set_new(v, "kind", text(d->kind->name));
	json_object_set_new(v, "part", text(d->parts[0].name));
	json_object_set_new(v, "keys", pairs(&one->keys));
	json_object_set_new(v, "facts", pairs(&d->parts[0].facts));
	json_object_set_new(v, "opened", json_boolean(one->opened));
	json_object_set_new(v, "state", text(exposure_states[one->state]));
	json_object_set_new(v, "proven", json_boolean(one->proven));
	json_object_set_new(v, "expired", json_boolean(one->expired));
	json_object_set_new(v, "file", text(one->file));
	json_object_set_new(v, "now", texts(one->now, one->n_now));
	json_object_set_new(v, "firstPath", text(one->path));
	json_object_set_new(v, "firstCommit", text(one->commit));
	json_object_set_new(v, "versions", json_integer((json_int_t)one->versions));
	put_advice(v, one);
	return v;
}

json_t *exposure_json(const struct exposure *e, const struct kv *ids)
{
	json_t *list = json_array(), *unread = json_array(), *keys = json_array();

	for (size_t i = 0; i < ids->n; i++)
		json_array_append_new(keys, json_pack("{s:s, s:s}", "keyId", ids->items[i].name,
						      "name", (const char *)ids->items[i].data));
	for (size_t i = 0; i < e->n; i++)
		json_array_append_new(list, one_json(&e->items[i]));
	for (size_t i = 0; i < e->n_unread; i++)
		json_array_append_new(
		    unread, json_pack("{s:o, s:o, s:o}", "file", text(e->unread[i].path), "commit",
				      text(e->unread[i].commit), "why", text(e->unread[i].why)));
	return json_pack("{s:o, s:b, s:o, s:o}", "keys", keys, "complete",
			 !e->shallow && e->n_unread == 0, "credentials", list, "unread", unread);
}
