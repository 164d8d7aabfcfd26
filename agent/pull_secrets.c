/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/pull_secrets.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/name.h"

static const json_t *metadata_of(const json_t *account)
{
	return json_object_get(account, "metadata");
}

static const json_t *list_of(const json_t *account)
{
	return json_object_get(account, "imagePullSecrets");
}

static const char *name_at(const json_t *list, size_t i)
{
	const char *name = json_string_value(json_object_get(json_array_get(list, i), "name"));

	return name == NULL ? "" : name;
}

/* --- reading ---------------------------------------------------------------------------------- */

static void read_note(const json_t *account, struct kv *out)
{
	const json_t *annotations = json_object_get(metadata_of(account), "annotations");
	const char *at = json_string_value(json_object_get(annotations, PULL_SECRETS_NOTE));

	while (at != NULL) {
		size_t n = strcspn(at, ",");
		char *name = mem_strn(at, n);

		if (name_is_subdomain(name))
			kv_set_str(out, name, "");
		mem_free(name);
		at = at[n] == ',' ? at + n + 1 : NULL;
	}
}

void pull_secrets_clear(struct pull_secrets *s)
{
	kv_clear(&s->listed);
	kv_clear(&s->noted);
}

void pull_secrets_read(const json_t *account, struct pull_secrets *out)
{
	const json_t *list = list_of(account);

	pull_secrets_clear(out);
	for (size_t i = 0; i < json_array_size(list); i++)
		if (name_is_subdomain(name_at(list, i)))
			kv_set_str(&out->listed, name_at(list, i), "");
	read_note(account, &out->noted);
}

/* --- the patch -------------------------------------------------------------------------------- */

static void begin_op(struct buf *out, const char *op, const char *path)
{
	buf_printf(out, ",{\"op\":\"%s\",\"path\":\"%s\"", op, path);
}

static void put_value(struct buf *out, const char *value)
{
	buf_puts(out, ",\"value\":");
	json_format_string(out, value, strlen(value));
	buf_putc(out, '}');
}

/* From behind, so that the places of those before stay what they were. */
static void put_removals(const json_t *list, struct kv *going, struct buf *out)
{
	for (size_t i = json_array_size(list); i-- > 0;) {
		/* one that somebody added a second time is not ours */
		if (kv_del(going, name_at(list, i)))
			buf_printf(out, ",{\"op\":\"remove\",\"path\":\"/imagePullSecrets/%zu\"}",
				   i);
	}
}

static void put_additions(const json_t *list, const struct kv *names, struct buf *out)
{
	bool absent = json_array_size(list) == 0;

	for (size_t i = 0; i < names->n; i++) {
		begin_op(out, "add", absent ? "/imagePullSecrets" : "/imagePullSecrets/-");
		buf_printf(out, ",\"value\":%s{\"name\":\"%s\"}%s}", absent ? "[" : "",
			   names->items[i].name, absent ? "]" : "");
		absent = false;
	}
}

static void put_note(const json_t *account, const struct kv *names, struct buf *out)
{
	bool any = json_is_object(json_object_get(metadata_of(account), "annotations"));
	struct buf text = BUF_INIT;

	for (size_t i = 0; i < names->n; i++)
		buf_printf(&text, "%s%s", i == 0 ? "" : ",", names->items[i].name);
	if (names->n == 0) {
		begin_op(out, "remove", "/metadata/annotations/bulla.dev~1pull-secrets");
		buf_putc(out, '}');
	} else if (any) {
		begin_op(out, "add", "/metadata/annotations/bulla.dev~1pull-secrets");
		put_value(out, buf_str(&text));
	} else {
		begin_op(out, "add", "/metadata/annotations");
		buf_printf(out, ",\"value\":{\"%s\":\"%s\"}}", PULL_SECRETS_NOTE, buf_str(&text));
	}
	buf_clear(&text);
}

struct plan {
	struct kv add;
	struct kv going;
	struct kv note;
};

static void make_plan(const struct pull_secrets *now, const struct kv *want, const struct kv *drop,
		      struct plan *p)
{
	kv_copy(&p->note, &now->noted);
	for (size_t i = 0; i < want->n; i++) {
		const char *name = want->items[i].name;

		if (kv_has(&now->listed, name))
			continue;
		kv_set_str(&p->add, name, "");
		kv_set_str(&p->note, name, "");
	}
	for (size_t i = 0; i < drop->n; i++) {
		const char *name = drop->items[i].name;

		if (kv_has(want, name) || !kv_del(&p->note, name))
			continue;
		if (kv_has(&now->listed, name))
			kv_set_str(&p->going, name, "");
	}
}

bool pull_secrets_patch(const json_t *account, const struct kv *want, const struct kv *drop,
			struct buf *out)
{
	const char *version =
	    json_string_value(json_object_get(metadata_of(account), "resourceVersion"));
	struct pull_secrets now = PULL_SECRETS_INIT;
	struct plan p = { KV_INIT, KV_INIT, KV_INIT };
	bool change;

	pull_secrets_read(account, &now);
	make_plan(&now, want, drop, &p);
	change = version != NULL && (p.add.n != 0 || !kv_equal(&p.note, &now.noted));
	if (change) {
		buf_puts(out, "[{\"op\":\"test\",\"path\":\"/metadata/resourceVersion\"");
		put_value(out, version);
		put_removals(list_of(account), &p.going, out);
		put_additions(list_of(account), &p.add, out);
		if (!kv_equal(&p.note, &now.noted))
			put_note(account, &p.note, out);
		buf_putc(out, ']');
	}
	kv_clear(&p.add);
	kv_clear(&p.going);
	kv_clear(&p.note);
	pull_secrets_clear(&now);
	return change;
}

/* --- who takes it away ------------------------------------------------------------------------ */

bool pull_secrets_lost(const struct pull_secrets *s, const struct kv *want, const struct kv *ours)
{
	for (size_t i = 0; i < want->n; i++) {
		const char *name = want->items[i].name;

		if (!kv_has(&s->listed, name) && (kv_has(&s->noted, name) || kv_has(ours, name)))
			return true;
	}
	return false;
}

bool pull_secrets_fought(struct pull_secrets_fight *f, int64_t now_ms)
{
	bool again = f->begun && now_ms - f->at <= PULL_SECRETS_FIGHT_MS;

	f->begun = true;
	f->at = now_ms;
	return again;
}
