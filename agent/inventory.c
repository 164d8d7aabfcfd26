/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/inventory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guard.h"
#include "agent/object_key.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/name.h"

#define HEAD "bulla-inventory 1"
#define WORDS_MAX 7
#define ITEMS_MAX 65536 /* of one shard; its text ends before */

static bool is_item(const struct table_node *node, const void *key, size_t len)
{
	const struct inventory_item *x = (const struct inventory_item *)node;

	return object_key_is(key, len, x->namespace, x->name);
}

void inventory_init(struct inventory *v)
{
	*v = (struct inventory){ .table = TABLE_INIT(is_item) };
}

static void free_item(struct inventory_item *x)
{
	mem_free(x->namespace);
	mem_free(x->name);
	mem_free(x->from);
	mem_free(x->secret_uid);
	mem_free(x->document_uid);
	mem_free(x->crd_uid);
	mem_free(x);
}

void inventory_clear(struct inventory *v)
{
	struct table_node **nodes = table_nodes(&v->table);

	for (size_t i = 0; i < v->table.n; i++)
		free_item((struct inventory_item *)nodes[i]);
	mem_free(nodes);
	table_clear(&v->table);
	v->dirty = 0;
}

/* The same for every agent that ever reads it, so not the table's keyed hash: FNV-1a. */
unsigned inventory_shard(const char *namespace, const char *name)
{
	const char *parts[] = { namespace, "/", name };
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < 3; i++)
		for (const char *c = parts[i]; *c != '\0'; c++)
			hash = (hash ^ (unsigned char)*c) * 16777619u;
	return (hash ^ hash >> 16) % INVENTORY_SHARDS;
}

void inventory_shard_name(unsigned shard, char name[static INVENTORY_NAME_SIZE])
{
	snprintf(name, INVENTORY_NAME_SIZE, INVENTORY_NAME, shard);
}

bool inventory_dirty(const struct inventory *v, unsigned shard)
{
	return (v->dirty >> shard & 1) != 0;
}

void inventory_mark(struct inventory *v, unsigned shard)
{
	v->dirty |= 1u << shard;
}

static unsigned shard_of(const struct inventory_item *x)
{
	return inventory_shard(x->namespace, x->name);
}

/* --- items ------------------------------------------------------------------------------------ */

static struct inventory_item *find(const struct inventory *v, const char *namespace,
				   const char *name)
{
	char *key = mem_printf("%s/%s", namespace, name);
	struct table_node *node = table_find(&v->table, key, strlen(key));

	mem_free(key);
	return (struct inventory_item *)node;
}

const struct inventory_item *inventory_find(const struct inventory *v, const char *namespace,
					    const char *name)
{
	return find(v, namespace, name);
}

const struct inventory_item **inventory_items(const struct inventory *v)
{
	struct table_node **nodes = table_nodes(&v->table);
	const struct inventory_item **items =
	    mem_array(v->table.n, sizeof(struct inventory_item *));

	for (size_t i = 0; i < v->table.n; i++)
		items[i] = (const struct inventory_item *)nodes[i]; /* their first member */
	mem_free(nodes);
	return items;
}

static void add(struct inventory *v, struct inventory_item *x)
{
	char *key = mem_printf("%s/%s", x->namespace, x->name);

	table_add(&v->table, &x->node, key, strlen(key));
	mem_free(key);
}

static struct inventory_item *need(struct inventory *v, const char *namespace, const char *name)
{
	struct inventory_item *x = find(v, namespace, name);

	if (x != NULL)
		return x;
	x = mem_alloc(sizeof(*x));
	x->namespace = mem_str(namespace);
	x->name = mem_str(name);
	add(v, x);
	return x;
}

static void drop(struct inventory *v, struct inventory_item *x)
{
	table_remove(&v->table, &x->node);
	free_item(x);
}

/* True: it was another. */
static bool set_text(char **to, const char *text)
{
	if (*to == NULL ? text == NULL : text != NULL && strcmp(*to, text) == 0)
		return false;
	mem_replace(&*to, text);
	return true;
}

void inventory_made(struct inventory *v, const struct inventory_item *what)
{
	struct inventory_item *x = need(v, what->namespace, what->name);
	bool changed = x->gone != 0;

	x->gone = 0;
	changed |= set_text(&x->from, what->from);
	changed |= set_text(&x->secret_uid, what->secret_uid);
	changed |= set_text(&x->document_uid, what->document_uid);
	changed |= set_text(&x->crd_uid, what->crd_uid);
	changed |= x->policy != what->policy;
	x->policy = what->policy;
	if (changed)
		inventory_mark(v, shard_of(x));
}

void inventory_removed(struct inventory *v, const char *namespace, const char *name, int64_t at)
{
	struct inventory_item *x = need(v, namespace, name);

	set_text(&x->from, NULL);
	set_text(&x->secret_uid, NULL);
	set_text(&x->document_uid, NULL);
	set_text(&x->crd_uid, NULL);
	x->policy = POLICY_UNSET;
	x->gone = at;
	inventory_mark(v, shard_of(x));
}

void inventory_forget(struct inventory *v, const char *namespace, const char *name)
{
	struct inventory_item *x = find(v, namespace, name);

	if (x == NULL)
		return;
	inventory_mark(v, shard_of(x));
	drop(v, x);
}

/* The Secret that this one is a copy of, when it is gone. */
static void hold(const struct inventory *v, const struct inventory_item *x)
{
	struct inventory_item *of =
	    strcmp(x->from, x->namespace) == 0 ? NULL : find(v, x->from, x->name);

	if (of != NULL)
		of->held = true;
}

void inventory_expire(struct inventory *v, int64_t now)
{
	size_t n = v->table.n;
	struct table_node **nodes = table_nodes(&v->table);

	for (size_t i = 0; i < n; i++)
		if (((struct inventory_item *)nodes[i])->gone == 0)
			hold(v, (struct inventory_item *)nodes[i]);
	for (size_t i = 0; i < n; i++) {
		struct inventory_item *x = (struct inventory_item *)nodes[i];
		bool held = x->held;

		x->held = false;
		if (x->gone == 0 || held || guard_recent(x->gone, now))
			continue;
		inventory_mark(v, shard_of(x));
		drop(v, x);
	}
	mem_free(nodes);
}

/* --- writing ---------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	const struct inventory_item *x = *(const struct inventory_item *const *)a;
	const struct inventory_item *y = *(const struct inventory_item *const *)b;
	int r = strcmp(x->namespace, y->namespace);

	return r != 0 ? r : strcmp(x->name, y->name);
}

static const char *or_dash(const char *uid)
{
	return uid != NULL ? uid : "-";
}

static void put_item(struct buf *out, const struct inventory_item *x)
{
	char time[CLOCK_TEXT_SIZE];

	if (x->gone != 0) {
		clock_format(x->gone, time);
		buf_printf(out, "gone %s/%s %s\n", x->namespace, x->name, time);
		return;
	}
	buf_printf(out, "made %s/%s %s %s %s %s %s\n", x->namespace, x->name, x->from,
		   or_dash(x->secret_uid), or_dash(x->document_uid),
		   document_policy_name(x->policy), or_dash(x->crd_uid));
}

/* Those of a shard, in order, in a new array. */
static const struct inventory_item **items_of(const struct inventory *v, unsigned shard, size_t *n)
{
	const struct inventory_item **items = inventory_items(v);

	*n = 0;
	for (size_t i = 0; i < v->table.n; i++)
		if (shard_of(items[i]) == shard)
			items[(*n)++] = items[i];
	qsort(items, *n, sizeof(struct inventory_item *), compare);
	return items;
}

int inventory_encode(const struct inventory *v, unsigned shard, struct buf *out, struct err *err)
{
	size_t start = out->len, n;
	const struct inventory_item **items = items_of(v, shard, &n);

	buf_puts(out, HEAD "\n");
	for (size_t i = 0; i < n; i++)
		put_item(out, items[i]);
	mem_free(items);
	if (!out->truncated && out->len - start <= INVENTORY_MAX)
		return 0;
	buf_truncate(out, start);
	return err_set(err, ERR_INVALID,
		       "shard %u of the inventory would be larger than %d bytes: this agent has "
		       "too many Secrets",
		       shard, INVENTORY_MAX);
}

int inventory_patch(struct inventory *v, unsigned shard, const char *resource_version,
		    struct buf *out, struct err *err)
{
	struct buf text = BUF_INIT;
	json_t *patch;
	int r = -1;

	if (inventory_encode(v, shard, &text, err) < 0)
		goto out;
	patch = json_pack("{s:{s:s%}}", "data", INVENTORY_KEY, buf_str(&text), text.len);
	if (resource_version != NULL)
		json_object_set_new(patch, "metadata",
				    json_pack("{s:s}", "resourceVersion", resource_version));
	r = json_format(out, patch);
	json_decref(patch);
	if (r < 0)
		err_set(err, ERR_INVALID, "the inventory does not fit a request");
	else
		v->dirty &= ~(1u << shard);
out:
	buf_clear(&text);
	return r;
}

/* --- reading ---------------------------------------------------------------------------------- */

struct reading {
	const char *at, *end;
	unsigned line;
	unsigned shard;
	struct inventory_item **items; /* so far, in order */
	size_t n;
	struct err *err;
};

/* A line split at single blanks; the words are new strings. */
struct words {
	char *word[WORDS_MAX];
	size_t n;
};

static int refuse(const struct reading *r, const char *why)
{
	return err_set(r->err, ERR_INVALID, "inventory, shard %u, line %u: %s", r->shard, r->line,
		       why);
}

static void free_words(struct words *w)
{
	for (size_t i = 0; i < w->n; i++)
		mem_free(w->word[i]);
	w->n = 0;
}

static int next_line(struct reading *r, const char **line, size_t *len)
{
	const char *end = memchr(r->at, '\n', (size_t)(r->end - r->at));

	r->line++;
	if (end == NULL)
		return refuse(r, "it does not end");
	*line = r->at;
	*len = (size_t)(end - r->at);
	r->at = end + 1;
	return memchr(*line, '\0', *len) == NULL ? 0 : refuse(r, "it holds a NUL byte");
}

static int split(const struct reading *r, const char *line, size_t len, struct words *w)
{
	const char *end = line + len;

	for (w->n = 0; w->n < WORDS_MAX;) {
		const char *blank = memchr(line, ' ', (size_t)(end - line));
		size_t n = (size_t)((blank == NULL ? end : blank) - line);

		w->word[w->n++] = mem_strn(line, n);
		if (blank == NULL)
			return 0;
		line = blank + 1;
	}
	return refuse(r, "it has too many words");
}

static bool is_uid(const char *s)
{
	size_t n = strlen(s);

	return n <= INVENTORY_UID_MAX && s[0] != '-' && n != 0 &&
	       strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static int take_uid(const struct reading *r, const char *word, char **out)
{
	if (strcmp(word, "-") == 0)
		return 0;
	if (!is_uid(word))
		return refuse(r, "there is no uid where one is expected");
	*out = mem_str(word);
	return 0;
}

static int take_name(const struct reading *r, const char *word, struct inventory_item *x)
{
	const char *slash = strchr(word, '/');

	if (slash == NULL)
		return refuse(r, "it does not name a Secret as NAMESPACE/NAME");
	x->namespace = mem_strn(word, (size_t)(slash - word));
	x->name = mem_str(slash + 1);
	if (!name_is_label(x->namespace) || !name_is_subdomain(x->name))
		return refuse(r, "it names a Secret that cannot be");
	if (shard_of(x) != r->shard)
		return refuse(r, "that Secret belongs in another shard");
	return 0;
}

static int take_policy(const struct reading *r, const char *word, struct inventory_item *x)
{
	static const enum document_policy policies[] = { POLICY_DELETE, POLICY_RETAIN };

	for (size_t i = 0; i < 2; i++) {
		if (strcmp(word, document_policy_name(policies[i])) != 0)
			continue;
		x->policy = policies[i];
		return 0;
	}
	return refuse(r, "the policy is neither Delete nor Retain");
}

static int take_made(const struct reading *r, const struct words *w, struct inventory_item *x)
{
	if (!name_is_label(w->word[2]))
		return refuse(r, "the document's namespace is none");
	x->from = mem_str(w->word[2]);
	return take_uid(r, w->word[3], &x->secret_uid) < 0 ||
		       take_uid(r, w->word[4], &x->document_uid) < 0 ||
		       take_policy(r, w->word[5], x) < 0 || take_uid(r, w->word[6], &x->crd_uid) < 0
		   ? -1
		   : 0;
}

static int take_gone(const struct reading *r, const struct words *w, struct inventory_item *x)
{
	if (clock_parse(w->word[2], &x->gone) && x->gone > 0)
		return 0;
	return refuse(r, "the time is none");
}

static int take_words(const struct reading *r, const struct words *w, struct inventory_item *x)
{
	bool made = strcmp(w->word[0], "made") == 0 && w->n == 7;
	bool gone = strcmp(w->word[0], "gone") == 0 && w->n == 3;

	if (!made && !gone)
		return refuse(r, "it is neither \"made\" with six words nor \"gone\" with two");
	if (take_name(r, w->word[1], x) < 0)
		return -1;
	if (r->n != 0) {
		const struct inventory_item *const last = r->items[r->n - 1];

		if (compare(&last, &(const struct inventory_item *){ x }) >= 0)
			return refuse(r, "it is not in order");
	}
	return made ? take_made(r, w, x) : take_gone(r, w, x);
}

static int take_line(struct reading *r, const char *line, size_t len)
{
	struct inventory_item *x;
	struct words w;
	int done;

	if (r->n == ITEMS_MAX)
		return refuse(r, "there are too many");
	done = split(r, line, len, &w);
	if (done == 0) {
		x = mem_alloc(sizeof(*x));
		r->items = mem_grow(r->items, r->n + 1, sizeof(struct inventory_item *));
		done = take_words(r, &w, x);
		if (done == 0)
			r->items[r->n++] = x;
		else
			free_item(x);
	}
	free_words(&w);
	return done;
}

static int read_all(struct reading *r)
{
	const char *line = NULL;
	size_t len = 0;

	if (r->at == r->end)
		return 0;
	if (next_line(r, &line, &len) < 0)
		return -1;
	if (len != strlen(HEAD) || memcmp(line, HEAD, len) != 0)
		return refuse(r, "it is not \"" HEAD "\"");
	while (r->at < r->end)
		if (next_line(r, &line, &len) < 0 || take_line(r, line, len) < 0)
			return -1;
	return 0;
}

static void replace_shard(struct inventory *v, struct reading *r)
{
	size_t n = v->table.n;
	struct table_node **nodes = table_nodes(&v->table);

	for (size_t i = 0; i < n; i++)
		if (shard_of((struct inventory_item *)nodes[i]) == r->shard)
			drop(v, (struct inventory_item *)nodes[i]);
	mem_free(nodes);
	for (size_t i = 0; i < r->n; i++)
		add(v, r->items[i]);
	r->n = 0; /* transferred */
	v->dirty &= ~(1u << r->shard);
}

int inventory_decode(struct inventory *v, unsigned shard, const char *text, size_t len,
		     struct err *err)
{
	struct reading r = { .at = text, .end = text + len, .shard = shard, .err = err };
	int done = len > INVENTORY_MAX ? refuse(&r, "the text is too long") : read_all(&r);

	if (done == 0)
		replace_shard(v, &r);
	for (size_t i = 0; i < r.n; i++)
		free_item(r.items[i]);
	mem_free(r.items);
	return done;
}

int inventory_read(struct inventory *v, unsigned shard, const json_t *config_map, struct err *err)
{
	const json_t *data = json_object_get(config_map, "data");
	const json_t *text = json_object_get(data, INVENTORY_KEY);

	if (!json_is_object(config_map) || (data != NULL && !json_is_object(data)) ||
	    (text != NULL && !json_is_string(text)))
		return err_set(err, ERR_INVALID, "inventory, shard %u: not a ConfigMap", shard);
	return inventory_decode(v, shard, text == NULL ? "" : json_string_value(text),
				text == NULL ? 0 : json_string_length(text), err);
}
