/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/kind.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/name.h"
#include "kinds/facts.h"

static_assert(KIND_FACT_MAX == FACTS_MAX, "one limit of a fact");

const struct kind *kind_find(const char *name)
{
	for (size_t i = 0; kind_table[i] != NULL; i++)
		if (strcmp(kind_table[i]->name, name) == 0)
			return kind_table[i];
	return NULL;
}

bool kind_type_allowed(const struct kind *k, const char *type)
{
	for (size_t i = 0; k->types[i] != NULL; i++)
		if (strcmp(k->types[i], type) == 0)
			return true;
	return false;
}

bool kind_fact_allowed(const struct kind *k, const char *fact)
{
	if (facts_is_common(fact))
		return true;
	for (size_t i = 0; k->facts[i] != NULL; i++)
		if (strcmp(k->facts[i], fact) == 0)
			return true;
	return false;
}

static const struct kind_key *find_key(const struct kind *k, const char *name)
{
	for (const struct kind_key *key = k->keys; key != NULL && key->name != NULL; key++)
		if (strcmp(key->name, name) == 0)
			return key;
	return NULL;
}

static const struct kind_field *find_field(const struct kind *k, const char *name)
{
	for (const struct kind_field *f = k->fields; f->name != NULL; f++)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

/* --- what building and verifying share -------------------------------------------------------- */

static int check_bytes(const char *what, size_t bytes, struct err *err)
{
	if (bytes <= KIND_DATA_MAX)
		return 0;
	return err_set(err, ERR_INVALID, "%s: %zu bytes in all, and one Secret may hold %d here",
		       what, bytes, KIND_DATA_MAX);
}

static int check_type(const struct kind *k, const char *type, struct err *err)
{
	if (type != NULL && kind_type_allowed(k, type))
		return 0;
	return err_set(err, ERR_INVALID, "type %.100s: not one that this kind makes (%s%s%s)",
		       type == NULL ? "(none)" : type, k->types[0],
		       k->types[1] == NULL ? "" : " or ", k->types[1] == NULL ? "" : k->types[1]);
}

/* Each data key is one of the kind's, or an alias; each alias holds the bytes of its key. */
static int check_keys(const struct kind *k, const struct kv *data, const struct kv *aliases,
		      struct err *err)
{
	for (size_t i = 0; i < data->n; i++) {
		const char *name = data->items[i].name;

		if (!name_is_data_key(name))
			return err_set(
			    err, ERR_INVALID,
			    "data key %zu: not a name that a Secret takes: letters, digits, \"-\", "
			    "\"_\" and \".\", at most 253, not beginning with \"..\"",
			    i + 1);
		if (k->keys != NULL && find_key(k, name) == NULL && !kv_has(aliases, name))
			return err_set(err, ERR_INVALID,
				       "data key %s: neither a key of this kind nor an alias",
				       name);
	}
	for (const struct kind_key *key = k->keys; key != NULL && key->name != NULL; key++)
		if (key->required && !kv_has(data, key->name))
			return err_set(err, ERR_INVALID, "data key %s: missing", key->name);
	return 0;
}

static int check_aliases(const struct kind *k, const struct kv *data, const struct kv *aliases,
			 struct err *err)
{
	for (size_t i = 0; i < aliases->n; i++) {
		const char *name = aliases->items[i].name;
		const char *key = (const char *)aliases->items[i].data;
		const struct kv_item *to = kv_get(data, name), *from = kv_get(data, key);

		if (k->keys == NULL)
			return err_set(
			    err, ERR_INVALID,
			    "alias %s: this kind has none; seal the value under both names", name);
		if (find_key(k, name) != NULL)
			return err_set(err, ERR_INVALID, "alias %s: is itself a key of this kind",
				       name);
		if (find_key(k, key) == NULL || from == NULL)
			return err_set(err, ERR_INVALID, "alias %s: this Secret has no key %s",
				       name, key);
		if (to == NULL)
			return err_set(err, ERR_INVALID, "alias %s: its data key is missing", name);
		if (to->len != from->len || memcmp(to->data, from->data, to->len) != 0)
			return err_set(err, ERR_INVALID, "alias %s: holds other bytes than %s",
				       name, key);
	}
	return 0;
}

static int check_data(const struct kind *k, const struct kind_secret *s, const struct kv *aliases,
		      struct err *err)
{
	if (s->data.n == 0)
		return err_set(err, ERR_INVALID, "data: empty; there is nothing to seal");
	if (s->data.n > KIND_KEYS_MAX)
		return err_set(err, ERR_INVALID, "data: %zu keys, and one Secret may have %d here",
			       s->data.n, KIND_KEYS_MAX);
	if (check_bytes("data", kv_bytes(&s->data), err) != 0 ||
	    check_keys(k, &s->data, aliases, err) != 0)
		return -1;
	return check_aliases(k, &s->data, aliases, err);
}

/* --- building --------------------------------------------------------------------------------- */

static size_t line_break(const struct kv_item *item)
{
	if (item->len == 0 || item->data[item->len - 1] != '\n')
		return 0;
	return item->len > 1 && item->data[item->len - 2] == '\r' ? 2 : 1;
}

/* Copy the fields, without the line break that editors and echo put at the end of a file. */
static int take_fields(const struct kind *k, const struct kv *in, struct kv *out, struct err *err)
{
	if (check_bytes("input", kv_bytes(in), err) != 0)
		return -1;
	if (k->keys == NULL) {
		kv_copy(out, in);
		return 0;
	}
	for (size_t i = 0; i < in->n; i++) {
		const struct kv_item *item = &in->items[i];
		const struct kind_field *f = find_field(k, item->name);
		size_t cut;

		if (f == NULL)
			return err_set(err, ERR_INVALID, "%.64s: no field of this kind",
				       item->name);
		cut = (f->flags & (FIELD_SECRET | FIELD_FILE)) == 0 || (f->flags & FIELD_KEEP) != 0
			  ? 0
			  : line_break(item);
		if (item->len == cut)
			return err_set(err, ERR_INVALID, "%s: is empty", f->name);
		kv_set(out, item->name, item->data, item->len - cut);
	}
	for (const struct kind_field *f = k->fields; f->name != NULL; f++)
		if ((f->flags & FIELD_REQUIRED) != 0 && !kv_has(out, f->name))
			return err_set(err, ERR_INVALID, "%s: missing; give --%s %s", f->name,
				       f->option, f->arg);
	return 0;
}

static int add_extra(const struct kv *extra, struct kv *facts, struct err *err)
{
	for (size_t i = 0; i < extra->n; i++) {
		const char *name = extra->items[i].name, *text = kv_get_str(extra, name);
		struct buf list = BUF_INIT;
		int r;

		if (strcmp(name, "namespaces") != 0 && strcmp(name, "service-accounts") != 0)
			return err_set(err, ERR_INVALID, "%.64s: not a fact that can be given",
				       name);
		if (text == NULL)
			return err_set(err, ERR_INVALID, "%s: holds a NUL byte", name);
		r = facts_list(name, text, &list, err);
		if (r == 0)
			kv_set(facts, name, buf_str(&list), list.len);
		buf_clear(&list);
		if (r != 0)
			return -1;
	}
	return 0;
}

static int add_expiry(const struct kind_input *in, struct kv *facts, struct err *err)
{
	char text[CLOCK_TEXT_SIZE];

	if (in->expires == 0)
		return 0;
	if (in->expires <= in->now)
		return err_set(err, ERR_INVALID, "expires: that time is past");
	clock_format(in->expires, text);
	kv_set_str(facts, "not-after", text);
	return 0;
}

static int add_aliases(const struct kind *k, const struct kv *aliases, struct kind_secret *out,
		       struct err *err)
{
	struct buf fact = BUF_INIT;

	if (aliases->n > KIND_KEYS_MAX)
		return err_set(err, ERR_INVALID, "aliases: more than %d", KIND_KEYS_MAX);
	for (size_t i = 0; i < aliases->n; i++) {
		const char *name = aliases->items[i].name, *key = kv_get_str(aliases, name);
		const struct kv_item *from = key == NULL ? NULL : kv_get(&out->data, key);

		if (!name_is_data_key(name))
			return err_set(err, ERR_INVALID,
				       "alias %zu: not a name that a Secret takes", i + 1);
		if (from == NULL || find_key(k, key) == NULL)
			return err_set(err, ERR_INVALID, "alias %s: this Secret has no key %.64s",
				       name, key == NULL ? "" : key);
		if (kv_has(&out->data, name) || find_key(k, name) != NULL)
			return err_set(err, ERR_INVALID, "alias %s: is itself a key of this kind",
				       name);
		if (check_bytes("data", kv_bytes(&out->data) + from->len, err) != 0)
			return -1;
		kv_set(&out->data, name, from->data, from->len);
	}
	facts_format_aliases(aliases, &fact);
	if (aliases->n != 0)
		kv_set(&out->facts, "aliases", buf_str(&fact), fact.len);
	buf_clear(&fact);
	return 0;
}

static int add_derived(const struct kv *derived, struct kv *facts, struct err *err)
{
	for (size_t i = 0; i < derived->n; i++) {
		const struct kv_item *d = &derived->items[i], *f = kv_get(facts, d->name);

		if (f != NULL && strcmp(d->name, "not-after") == 0 &&
		    (f->len != d->len || memcmp(f->data, d->data, d->len) != 0))
			return err_set(err, ERR_INVALID,
				       "expires: the data says itself when it ends; leave it out");
		if (f != NULL && (f->len != d->len || memcmp(f->data, d->data, d->len) != 0))
			return err_set(err, ERR_INTERNAL, "fact %s: built and derived differ",
				       d->name);
		kv_set(facts, d->name, d->data, d->len);
	}
	return facts_check(facts, err);
}

static int build(const struct kind *k, const struct kind_input *in, struct kind_secret *out,
		 struct notes *notes, struct err *err)
{
	struct kv derived = KV_INIT;
	int r = -1;

	if (k->keys == NULL && in->aliases.n != 0)
		return err_set(err, ERR_INVALID,
			       "alias %.253s: this kind has none; seal the value under both names",
			       in->aliases.items[0].name);
	if (k->build(in, out, notes, err) != 0 || add_extra(&in->extra, &out->facts, err) != 0 ||
	    add_expiry(in, &out->facts, err) != 0 ||
	    check_bytes("data", kv_bytes(&out->data), err) ||
	    add_aliases(k, &in->aliases, out, err) != 0 ||
	    check_data(k, out, &in->aliases, err) != 0 ||
	    k->check(out, in->now, &derived, NULL, err) != 0 ||
	    add_derived(&derived, &out->facts, err) != 0)
		goto out;
	r = 0;
out:
	kv_clear(&derived);
	return r;
}

int kind_build(const struct kind *k, const struct kind_input *in, struct kind_secret *out,
	       struct notes *notes, struct err *err)
{
	struct kind_input own = *in;
	int r = -1;

	own.fields = (struct kv)KV_INIT;
	own.type = in->type == NULL ? k->types[0] : in->type;
	if (check_type(k, own.type, err) != 0 || take_fields(k, &in->fields, &own.fields, err) != 0)
		goto out;
	for (size_t i = 0; k->types[i] != NULL; i++)
		if (strcmp(k->types[i], own.type) == 0)
			out->type = k->types[i];
	r = build(k, &own, out, notes, err);
out:
	kv_clear(&own.fields);
	if (r != 0) {
		kind_secret_clear(out);
		err_wrap(err, "%s", k->name);
	}
	return r;
}

/* --- verifying -------------------------------------------------------------------------------- */

static int verify_part(const struct kind *k, const char *part, const struct kv *data,
		       struct err *err)
{
	if (strcmp(part, KIND_PART) == 0)
		return 0;
	if (k->keys != NULL)
		return err_set(err, ERR_INVALID, "part %.64s: the one part of this kind is \"%s\"",
			       part, KIND_PART);
	if (data->n != 1 || strcmp(data->items[0].name, part) != 0)
		return err_set(err, ERR_INVALID,
			       "part %.64s: must hold the one data key of its own name", part);
	return 0;
}

static int verify_facts(const struct kind *k, const struct kv *facts, const struct kv *derived,
			struct err *err)
{
	for (size_t i = 0; i < derived->n; i++) {
		const struct kv_item *d = &derived->items[i], *f = kv_get(facts, d->name);

		if (f == NULL)
			return err_set(err, ERR_REFUSED, "fact %s: missing", d->name);
		if (f->len != d->len || memcmp(f->data, d->data, d->len) != 0)
			return err_set(err, ERR_REFUSED, "fact %s: the data says something else",
				       d->name);
	}
	for (size_t i = 0; i < facts->n; i++) {
		const char *name = facts->items[i].name;

		if (!kind_fact_allowed(k, name))
			return err_set(err, ERR_INVALID, "fact %.64s: not one of this kind", name);
		if (!facts_is_common(name) && strcmp(name, "url") != 0 && !kv_has(derived, name))
			return err_set(err, ERR_REFUSED, "fact %s: nothing in the data says so",
				       name);
	}
	return 0;
}

static void note_expiry(const struct kv *facts, const struct kv *derived, int64_t now,
			struct notes *notes)
{
	const char *text = kv_get_str(facts, "not-after");
	int64_t t;

	/* a kind that derives it says so itself, with what it is that ends */
	if (text != NULL && !kv_has(derived, "not-after") && clock_parse(text, &t) && t <= now)
		note_add(notes, "expired at %s", text);
}

static int verify(const struct kind *k, const struct kind_secret *s, int64_t now,
		  struct notes *notes, struct err *err)
{
	struct kv aliases = KV_INIT, derived = KV_INIT;
	const char *text = kv_get_str(&s->facts, "aliases");
	int r = -1;

	if (facts_check(&s->facts, err) != 0 ||
	    (text != NULL && facts_parse_aliases(text, &aliases, err) != 0) ||
	    check_data(k, s, &aliases, err) != 0 || k->check(s, now, &derived, notes, err) != 0 ||
	    verify_facts(k, &s->facts, &derived, err) != 0)
		goto out;
	note_expiry(&s->facts, &derived, now, notes);
	r = 0;
out:
	kv_clear(&aliases);
	kv_clear(&derived);
	return r;
}

int kind_verify(const struct kind *k, const char *part, const struct kind_secret *s, int64_t now,
		struct notes *notes, struct err *err)
{
	if (check_type(k, s->type, err) == 0 && verify_part(k, part, &s->data, err) == 0 &&
	    verify(k, s, now, notes, err) == 0)
		return 0;
	return err_wrap(err, "%s", k->name);
}

/* --- set -------------------------------------------------------------------------------------- */

static void restore_fact(const struct kv *facts, const char *fact, struct kv *to, const char *name)
{
	const struct kv_item *item = kv_get(facts, fact);

	if (item != NULL && !kv_has(to, name))
		kv_set(to, name, item->data, item->len);
}

int kind_restore(const struct kind *k, const struct kv *facts, struct kind_input *in,
		 struct err *err)
{
	const char *aliases = kv_get_str(facts, "aliases");

	if ((k->restore != NULL && k->restore(facts, &in->fields, err) != 0) ||
	    (aliases != NULL && in->aliases.n == 0 &&
	     facts_parse_aliases(aliases, &in->aliases, err) != 0))
		return err_wrap(err, "%s", k->name);
	for (const struct kind_field *f = k->fields; f->name != NULL; f++)
		if (f->fact != NULL)
			restore_fact(facts, f->fact, &in->fields, f->name);
	restore_fact(facts, "namespaces", &in->extra, "namespaces");
	restore_fact(facts, "service-accounts", &in->extra, "service-accounts");
	return 0;
}

int kind_unfold(const struct kind *k, const struct kind_secret *s, struct kv *fields,
		struct err *err)
{
	int (*take)(const char *, const struct kv *, struct kv *) =
	    k->unfold != NULL ? k->unfold : k->adopt;

	kv_clear(fields);
	if (take(s->type, &s->data, fields) == 0)
		return 0;
	kv_clear(fields);
	return err_set(err, ERR_INTERNAL,
		       "%s: its fields cannot be told from its data; please "
		       "report it",
		       k->name);
}

bool kind_restores(const struct kind *k, const char *fact)
{
	static const char *const always[] = { "aliases", "namespaces", "service-accounts" };

	for (size_t i = 0; i < sizeof(always) / sizeof(*always); i++)
		if (strcmp(fact, always[i]) == 0)
			return true;
	/* what a kind's own restore reads beyond its fields: the login of a registry */
	if (k->restore != NULL && (strcmp(fact, "registry") == 0 || strcmp(fact, "user") == 0))
		return true;
	for (const struct kind_field *f = k->fields; f != NULL && f->name != NULL; f++)
		if (f->fact != NULL && strcmp(f->fact, fact) == 0)
			return true;
	return false;
}

/* --- clearing --------------------------------------------------------------------------------- */

void kind_secret_clear(struct kind_secret *s)
{
	kv_clear(&s->data);
	kv_clear(&s->facts);
	*s = (struct kind_secret)KIND_SECRET_INIT;
}

void kind_input_clear(struct kind_input *in)
{
	kv_clear(&in->fields);
	kv_clear(&in->aliases);
	kv_clear(&in->extra);
}
