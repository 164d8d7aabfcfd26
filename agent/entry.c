/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/entry.h"

#include <string.h>

#include "base/mem.h"

/* "NAMESPACE\0NAME", as it also lies in memory behind s.namespace. */
#define KEY_MAX (64 + 254)

static size_t make_key(const char *namespace, const char *name, char key[static KEY_MAX])
{
	size_t n = strlen(namespace) + 1;
	size_t m = strlen(name);

	if (n > 64 || m > 253)
		return 0; /* no such name: what comes here has been checked */
	memcpy(key, namespace, n);
	memcpy(key + n, name, m + 1);
	return n + m;
}

static bool is_entry(const struct table_node *node, const void *key, size_t len)
{
	const struct entry *x = (const struct entry *)node;
	const char *text = key;

	return strcmp(x->s.namespace, text) == 0 && len == strlen(text) + 1 + strlen(x->s.name) &&
	       strcmp(x->s.name, text + strlen(text) + 1) == 0;
}

void entries_init(struct entries *e)
{
	*e = (struct entries){ .table = TABLE_INIT(is_entry) };
}

static void free_lists(struct entries *e)
{
	mem_free(e->list);
	mem_free(e->subjects);
	e->list = NULL;
	e->subjects = NULL;
}

static void free_entry(struct entry *x)
{
	mem_free(x->s.namespace);
	mem_free(x->source);
	mem_free(x->why);
	mem_free(x->look_why);
	mem_free(x->told_why);
	mem_free(x);
}

void entries_clear(struct entries *e)
{
	struct table_node **nodes = table_nodes(&e->table);
	size_t i;

	for (i = 0; i < e->table.n; i++)
		free_entry((struct entry *)nodes[i]);
	mem_free(nodes);
	table_clear(&e->table);
	free_lists(e);
}

struct entry *entries_find(const struct entries *e, const char *namespace, const char *name)
{
	char key[KEY_MAX];
	size_t len = make_key(namespace, name, key);

	return len == 0 ? NULL : (struct entry *)table_find(&e->table, key, len);
}

struct entry *entries_need(struct entries *e, const char *namespace, const char *name)
{
	struct entry *x = entries_find(e, namespace, name);
	char key[KEY_MAX];
	size_t len;

	if (x != NULL)
		return x;
	len = make_key(namespace, name, key);
	x = mem_alloc(sizeof(*x));
	x->s.namespace = mem_dup(key, len);
	x->s.name = x->s.namespace + strlen(x->s.namespace) + 1;
	x->watched = -1;
	x->watched_data = -1;
	x->stale = true;
	x->fresh = true;
	table_add(&e->table, &x->node, key, len);
	free_lists(e);
	return x;
}

void entries_drop(struct entries *e, struct entry *x)
{
	table_remove(&e->table, &x->node);
	free_entry(x);
	free_lists(e);
}

size_t entries_list(struct entries *e)
{
	size_t n = e->table.n;
	size_t i;

	if (e->list != NULL)
		return n;
	e->list = (struct entry **)table_nodes(&e->table); /* the node is the first member */
	e->subjects = mem_array(n, sizeof(struct subject *));
	for (i = 0; i < n; i++)
		e->subjects[i] = &e->list[i]->s;
	return n;
}

static uint64_t incarnation(const struct folder_mark *mark)
{
	return mark->ino ^ ((uint64_t)mark->born << 1);
}

void entry_record(struct entry *x, const struct ledger_secret *made)
{
	char *source = mem_str(made->source); /* may be x->source itself */

	x->s.recorded = true;
	x->s.retained = made->retained;
	x->s.made_retain = made->retain;
	memcpy(x->s.made, made->made, sizeof(x->s.made));
	x->s.incarnation = incarnation(&made->mark);
	x->mark = made->mark;
	x->adopted = made->adopted;
	mem_free(x->source);
	x->source = source;
}

void entry_forget(struct entry *x)
{
	x->s.recorded = false;
	x->s.retained = false;
	x->s.made_retain = false;
	x->adopted = false;
	memset(&x->mark, 0, sizeof(x->mark));
	mem_free(x->source);
	x->source = NULL;
}

struct ledger_secret entry_secret(const struct entry *x)
{
	struct ledger_secret made = { .namespace = x->s.namespace,
				      .name = x->s.name,
				      .source = x->source,
				      .retain = x->s.made_retain,
				      .retained = x->s.retained,
				      .adopted = x->adopted,
				      .mark = x->mark };

	memcpy(made.made, x->s.made, sizeof(made.made));
	return made;
}
