/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/objects.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "guard/assign.h"
#include "guard/filled.h"
#include "guard/judge.h"
#include "guard/outline.h"
#include "guard/placeholder.h"
#include "guard/sweep.h"
#include "guard/wrapped.h"

#define WAITING_MAX 100000 /* values of objects that are kept until their end */
#define NAME_LEN_MAX 253   /* of a key of a Secret */
#define NESTED_MAX 2	   /* manifests inside block scalars inside manifests */

/* What a value would be, by where it stands, if the object around it is of that kind. */
enum place {
	IN_DATA,	/* data of a Secret or a ConfigMap */
	IN_STRING_DATA, /* stringData of a Secret */
	IN_USER,	/* a user of a kubeconfig */
	PLACES,
};

struct waiting {
	enum place place;
	size_t depth; /* of the object */
	struct outline_text under;
	struct outline_pair pair;
};

struct map {
	struct outline_text key;		 /* that it stands under */
	struct outline_text kind, version, name; /* of an object */
	struct outline_pair value;		 /* beside name: of a variable */
};

struct objects {
	struct hits *hits;
	const struct view *v;
	unsigned nested;
	struct map maps[OUTLINE_DEPTH];
	struct waiting *waiting;
	size_t n, cap;
	bool lost; /* one was not kept */
	struct buf plain;
};

static bool is(struct outline_text t, const char *word)
{
	return t.text != NULL && strlen(word) == t.len && memcmp(t.text, word, t.len) == 0;
}

static struct outline_text value_of(const struct objects *o, const struct outline_pair *pair)
{
	return (struct outline_text){ o->v->text + pair->from, pair->to - pair->from };
}

static void add(struct objects *o, enum guard_rule_id rule, const struct outline_pair *pair,
		const char *what, char *where)
{
	struct hit_new hit = {
		.rule = rule, .from = pair->from, .to = pair->to, .what = what, .where = where
	};

	/* for people: the first line of the value, not the one before its indentation */
	while (hit.from < hit.to && strchr(" \t\r\n", o->v->text[hit.from]) != NULL &&
	       o->v->text[hit.from] != '\0')
		hit.from++;
	hits_add(o->hits, o->v, &hit);
}

static char *name_pair(struct outline_text under, struct outline_text key)
{
	if (under.text == NULL)
		return mem_strn(key.text, key.len);
	return mem_printf("%.*s.%.*s", (int)(under.len < 200 ? under.len : 200), under.text,
			  (int)(key.len < 256 ? key.len : 256), key.text);
}

/* --- what an object's values are ---------------------------------------------------------------
 */

static bool is_secret(const struct map *m)
{
	return is(m->kind, "Secret") && (m->version.text == NULL || is(m->version, "v1"));
}

/*
 * In data the placeholder may be inside the base64, or there may be no base64 at all, or less than
 * there was: dots are none of it.
 */
static bool is_none(struct objects *o, const struct waiting *w)
{
	struct outline_text value = value_of(o, &w->pair);

	if (filled_is(value.text, value.len))
		return true;
	if (w->place != IN_DATA)
		return false;
	wrapped_decode(value.text, value.len, &o->plain);
	return o->plain.len == 0 || memmem(value.text, value.len, "...", 3) != NULL ||
	       filled_is((const char *)o->plain.data, o->plain.len);
}

static void end_secret(struct objects *o, const struct waiting *w)
{
	if (w->place != IN_USER && !is_none(o, w))
		add(o, GUARD_SECRET, &w->pair, NULL, name_pair(w->under, w->pair.key));
}

/* A file in a ConfigMap may be anything; an environment file is the likely one. */
static void sweep_block(struct objects *o, const struct waiting *w)
{
	struct view inner = *o->v;

	inner.text += w->pair.from;
	inner.len = w->pair.to - w->pair.from;
	if (!inner.decoded)
		inner.base += w->pair.from;
	sweep(o->hits, &inner, ASSIGN_ENV);
}

/* NAME and VALUE in a ConfigMap, or in a container's environment. */
static bool is_credential(struct outline_text name, struct outline_text value)
{
	return (judge_name(name.text, name.len) ||
		(judge_is_key(name.text, name.len) && judge_is_key_value(value.text, value.len))) &&
	       judge_value(name.text, name.len, value.text, value.len);
}

static void end_configmap(struct objects *o, const struct waiting *w)
{
	struct outline_text value = value_of(o, &w->pair), key = w->pair.key;

	if (w->place != IN_DATA)
		return;
	if (w->pair.style == OUTLINE_BLOCK)
		sweep_block(o, w);
	else if (is_credential(key, value))
		add(o, GUARD_CONFIGMAP, &w->pair, NULL, name_pair(w->under, key));
}

static void end_kubeconfig(struct objects *o, const struct waiting *w)
{
	struct outline_text value = value_of(o, &w->pair);

	if (w->place == IN_USER && !placeholder_is(value.text, value.len) &&
	    !placeholder_is_word(value.text, value.len))
		add(o, GUARD_KUBECONFIG, &w->pair, NULL, name_pair(w->under, w->pair.key));
}

/* {"op": "add", "path": "/stringData/KEY", "value": ...}; true when it is one. */
static bool end_patch(struct objects *o, const struct map *m)
{
	static const char under[] = "/stringData/";
	const size_t n = sizeof(under) - 1;
	struct outline_text value = value_of(o, &m->value);

	if (m->name.text == NULL || m->name.len <= n || memcmp(m->name.text, under, n) != 0)
		return false;
	if (!filled_is(value.text, value.len))
		add(o, GUARD_SECRET, &m->value, NULL,
		    mem_printf("stringData.%.*s",
			       (int)(m->name.len - n < 200 ? m->name.len - n : 200),
			       m->name.text + n));
	return true;
}

/* name: DB_PASSWORD, value: ... as in a container's env, a chart's parameters, a JSON patch. */
static void end_variable(struct objects *o, const struct map *m)
{
	struct outline_text value = value_of(o, &m->value);

	if (m->value.key.text == NULL || end_patch(o, m))
		return;
	if (m->name.text != NULL && is_credential(m->name, value))
		add(o, GUARD_ENV, &m->value, "a credential beside its name",
		    mem_strn(m->name.text, m->name.len));
}

/* --- events ------------------------------------------------------------------------------------
 */

static void on_enter(void *ctx, size_t depth, const struct outline_text *key)
{
	struct objects *o = ctx;

	o->maps[depth] = (struct map){ .key = *key };
}

static void on_leave(void *ctx, size_t depth)
{
	struct objects *o = ctx;
	const struct map *m = &o->maps[depth];
	size_t first = o->n;
	void (*end)(struct objects *, const struct waiting *) = NULL;

	while (first > 0 && o->waiting[first - 1].depth >= depth)
		first--;
	if (is_secret(m))
		end = end_secret;
	else if (is(m->kind, "ConfigMap"))
		end = end_configmap;
	else if (is(m->kind, "Config"))
		end = end_kubeconfig;
	for (size_t i = first; end != NULL && i < o->n; i++)
		if (o->waiting[i].depth == depth)
			end(o, &o->waiting[i]);
	if (end != NULL && o->lost)
		o->hits->incomplete = true;
	o->n = first;
	o->lost = o->lost && first > 0;
	end_variable(o, m);
}

static void defer(struct objects *o, enum place place, size_t depth, struct outline_text under,
		  const struct outline_pair *pair)
{
	if (o->n == WAITING_MAX) {
		o->lost = true;
		return;
	}
	if (o->n == o->cap) {
		o->cap = o->cap == 0 ? 16 : o->cap * 2;
		o->waiting = mem_grow(o->waiting, o->cap, sizeof(*o->waiting));
	}
	o->waiting[o->n++] = (struct waiting){ place, depth, under, *pair };
}

/* literals: ["NAME=VALUE"] of kustomize's secretGenerator, whose result is a Secret. */
static void on_literal(struct objects *o, const struct outline_pair *pair)
{
	struct outline_text value = value_of(o, pair);
	const char *sign = memchr(value.text, '=', value.len);
	struct outline_pair found = *pair;
	size_t name = sign == NULL ? 0 : (size_t)(sign - value.text);

	found.from += name + 1;
	if (name == 0 || filled_is(sign + 1, value.len - name - 1))
		return;
	add(o, GUARD_SECRET, &found, "a value of a Secret that kustomize makes",
	    mem_printf("literals.%.*s", (int)(name < 256 ? name : 256), value.text));
}

static bool is_user_key(struct outline_text key)
{
	static const char *const keys[] = { "token",	   "password",	    "client-key-data",
					    "id-token",	   "refresh-token", "client-secret",
					    "access-token" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (is(key, keys[i]))
			return true;
	return false;
}

static void find_in(struct hits *h, const struct view *v, unsigned nested);

/* A manifest inside: Helm's extraObjects, a ConfigMap of manifests, cloud-init. */
static void on_block(struct objects *o, const struct outline_pair *pair)
{
	struct view inner = *o->v;

	inner.text += pair->from;
	inner.len = pair->to - pair->from;
	if (!inner.decoded)
		inner.base += pair->from;
	if (o->nested < NESTED_MAX && objects_likely(NULL, &inner))
		find_in(o->hits, &inner, o->nested + 1);
}

static bool is_other_name(struct outline_text key)
{
	return is(key, "key") || is(key, "path");
}

static void on_pair(void *ctx, size_t depth, const struct outline_pair *pair)
{
	struct objects *o = ctx;
	struct map *m = &o->maps[depth];

	if (is(pair->key, "kind"))
		m->kind = value_of(o, pair);
	else if (is(pair->key, "apiVersion"))
		m->version = value_of(o, pair);
	else if (is(pair->key, "name") || (is_other_name(pair->key) && m->name.text == NULL))
		m->name = value_of(o, pair);
	else if (is(pair->key, "value"))
		m->value = *pair;
	if (pair->style == OUTLINE_BLOCK)
		on_block(o, pair);
	if (pair->style == OUTLINE_ITEM && is(pair->key, "literals") &&
	    is(m->key, "secretGenerator"))
		on_literal(o, pair);
	if (depth == 0 || pair->key.len > NAME_LEN_MAX)
		return;
	if (is(m->key, "data"))
		defer(o, IN_DATA, depth - 1, m->key, pair);
	else if (is(m->key, "stringData"))
		defer(o, IN_STRING_DATA, depth - 1, m->key, pair);
	else if (is_user_key(pair->key) &&
		 (is(m->key, "user") || is(m->key, "config") || is(m->key, "users")))
		defer(o, IN_USER, 0, m->key, pair);
}

/* --- when to look ------------------------------------------------------------------------------
 */

static bool ends(const char *s, const char *end)
{
	size_t len = strlen(s), n = strlen(end);

	return len >= n && strcmp(s + len - n, end) == 0;
}

/* Manifests in prose are examples far more often than not. */
static bool is_prose(const char *path)
{
	static const char *const prose[] = { ".md", ".markdown", ".rst", ".adoc", ".html", ".htm" };

	for (size_t i = 0; i < sizeof(prose) / sizeof(*prose); i++)
		if (ends(path, prose[i]))
			return true;
	return false;
}

static bool holds(const struct view *v, const char *word)
{
	return memmem(v->text, v->len, word, strlen(word)) != NULL;
}

enum { OTHER, PROSE, MANIFEST };

unsigned objects_kind(const char *path)
{
	if (path == NULL)
		return OTHER;
	if (is_prose(path))
		return PROSE;
	return ends(path, ".yaml") || ends(path, ".yml") || ends(path, ".json") ? MANIFEST : OTHER;
}

bool objects_likely(const char *path, const struct view *v)
{
	unsigned kind = objects_kind(path);

	if (kind == PROSE)
		return false;
	if (holds(v, "kind"))
		return holds(v, "Secret") || holds(v, "ConfigMap") || holds(v, "Config") ||
		       holds(v, "value");
	return holds(v, "secretGenerator") || (kind == MANIFEST && holds(v, "value"));
}

static void find_in(struct hits *h, const struct view *v, unsigned nested)
{
	static const struct outline_events events = { .enter = on_enter,
						      .pair = on_pair,
						      .leave = on_leave };
	struct objects o = { .hits = h, .v = v, .nested = nested, .plain = BUF_INIT };

	outline_read(v, &events, &o);
	mem_free(o.waiting);
	buf_clear(&o.plain);
}

void objects_find(struct hits *h, const struct view *v)
{
	find_in(h, v, 0);
}
