/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kube_accounts.h"

#include <string.h>

#include "agent/object_key.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

static bool is_account(const struct table_node *node, const void *key, size_t len)
{
	const struct kube_account *a = (const struct kube_account *)node;

	return object_key_is(key, len, a->namespace, a->name);
}

static struct kube_account *find(const struct kube_accounts *all, const char *namespace,
				 const char *name)
{
	char key[OBJECT_KEY_MAX];
	size_t n = object_key(namespace, name, key);

	return n == 0 ? NULL : (struct kube_account *)table_find(&all->table, key, n);
}

static struct kube_account *need(struct kube_accounts *all, const char *namespace, const char *name)
{
	struct kube_account *a = find(all, namespace, name);
	char key[OBJECT_KEY_MAX];
	size_t n = object_key(namespace, name, key);

	if (a != NULL || n == 0)
		return a;
	a = kube_account_new(&all->owner, namespace, name);
	table_add(&all->table, &a->node, key, n);
	return a;
}

static void drop_account(struct kube_accounts *all, struct kube_account *a)
{
	turns_drop(&all->turns, &a->turn);
	table_remove(&all->table, &a->node);
	kube_account_free(a);
}

/* What is not noted needs not be removed. */
static void forget_drops(struct kube_account *a)
{
	for (size_t i = a->drop.n; i-- > 0 && !a->unsure;)
		if (!kv_has(&a->now.noted, a->drop.items[i].name))
			kv_del(&a->drop, a->drop.items[i].name);
}

/* It may be freed. */
static void look(struct kube_accounts *all, struct kube_account *a)
{
	if (a->busy)
		return;
	forget_drops(a);
	if (a->want.n == 0 && a->drop.n == 0 && a->now.noted.n == 0)
		drop_account(all, a);
	else if (!kube_account_due(a))
		turns_drop(&all->turns, &a->turn);
	else if (a->not_before > clock_monotonic_ms())
		turns_wait(&all->turns, &a->turn, a->not_before);
	else
		turns_ask(&all->turns, &a->turn, a->namespace);
}

static void ended(void *ctx, struct kube_account *a)
{
	struct kube_accounts *all = ctx;

	all->busy--;
	all->news = true;
	look(all, a);
}

/* --- what is to be ---------------------------------------------------------------------------- */

struct kube_account *kube_accounts_want(struct kube_accounts *all, const char *namespace,
					const char *account, const char *secret)
{
	struct kube_account *a = need(all, namespace, account);

	if (a == NULL || kv_has(&a->want, secret))
		return a;
	kv_set_str(&a->want, secret, "");
	kv_del(&a->drop, secret);
	look(all, a);
	return a;
}

void kube_accounts_unwant(struct kube_accounts *all, struct kube_account *a, const char *secret)
{
	/* what was asked of the server may be done, or still be */
	bool noted = kv_has(&a->now.noted, secret) || a->busy || a->unsure;

	if (!kv_has(&a->want, secret) && (!noted || kv_has(&a->drop, secret)))
		return;
	kv_del(&a->want, secret);
	if (noted)
		kv_set_str(&a->drop, secret, "");
	look(all, a);
}

void kube_accounts_forget(struct kube_accounts *all, struct kube_account *a, const char *secret)
{
	if (kv_del(&a->want, secret))
		look(all, a);
}

/* --- what is ---------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(json_object_get(object, "metadata"), name));
}

static bool is_noted(const json_t *object)
{
	const json_t *annotations =
	    json_object_get(json_object_get(object, "metadata"), "annotations");

	return json_object_get(annotations, PULL_SECRETS_NOTE) != NULL;
}

static void watch_begin(void *ctx)
{
	struct kube_accounts *all = ctx;
	struct table_node **nodes = table_nodes(&all->table);

	for (size_t i = 0; i < all->table.n; i++)
		((struct kube_account *)nodes[i])->shown = false;
	mem_free(nodes);
}

static void see(struct kube_accounts *all, struct kube_account *a, const json_t *object)
{
	if (!kube_account_seen(a, object))
		return;
	all->news = true;
	look(all, a);
}

static void watch_object(void *ctx, const json_t *object)
{
	struct kube_accounts *all = ctx;
	const char *namespace = text_of(object, "namespace"), *name = text_of(object, "name");
	struct kube_account *a;

	if (namespace == NULL || name == NULL || all->barred(all->barred_ctx, namespace))
		return;
	a = find(all, namespace, name);
	if (a == NULL) {
		a = is_noted(object) ? need(all, namespace, name) : NULL;
		all->found = all->found || a != NULL;
	}
	if (a == NULL)
		return;
	a->shown = true;
	see(all, a, object);
}

static void watch_deleted(void *ctx, const json_t *object)
{
	struct kube_accounts *all = ctx;
	const char *namespace = text_of(object, "namespace"), *name = text_of(object, "name");
	struct kube_account *a =
	    namespace == NULL || name == NULL ? NULL : find(all, namespace, name);

	if (a != NULL)
		see(all, a, NULL);
}

static void watch_synced(void *ctx)
{
	struct kube_accounts *all = ctx;
	size_t n = all->table.n;
	struct table_node **nodes = table_nodes(&all->table);

	for (size_t i = 0; i < n; i++) {
		struct kube_account *a = (struct kube_account *)nodes[i];

		if (!a->shown && a->there)
			see(all, a, NULL);
	}
	mem_free(nodes);
	all->synced = true;
	all->denied = false;
	all->news = true;
}

static void watch_failed(void *ctx, const struct kube_answer *a)
{
	struct kube_accounts *all = ctx;

	if (a->status != 403 || all->denied || all->synced)
		return;
	all->denied = true;
	all->news = true;
	log_line(LOG_WARN, "cannot list or watch service accounts; none is given a pull secret",
		 "status", "403", "error", a->message, (char *)NULL);
}

/* --- open, work, close ------------------------------------------------------------------------ */

void kube_accounts_init(struct kube_accounts *all)
{
	*all = (struct kube_accounts){ .table = TABLE_INIT(is_account) };
	all->owner = (struct kube_account_owner){ .ended = ended, .ctx = all };
	turns_init(&all->turns);
}

void kube_accounts_open(struct kube_accounts *all, struct kube_client *client,
			bool (*barred)(const void *ctx, const char *namespace), const void *ctx)
{
	static const struct kube_watch_handler handler = { watch_begin,	  watch_object,
							   watch_deleted, watch_synced,
							   watch_failed,  NULL };
	const struct kube_watch_options o = { .path = "/api/v1/serviceaccounts" };

	kube_accounts_init(all);
	all->barred = barred;
	all->barred_ctx = ctx;
	all->owner.client = client;
	all->watch = kube_watch_new(client, &o, &handler, all);
}

void kube_accounts_close(struct kube_accounts *all)
{
	size_t n = all->table.n;
	struct table_node **nodes = table_nodes(&all->table);

	kube_watch_free(all->watch);
	for (size_t i = 0; i < n; i++) {
		if (all->owner.client != NULL)
			kube_cancel(all->owner.client, nodes[i]);
		drop_account(all, (struct kube_account *)nodes[i]);
	}
	mem_free(nodes);
	table_clear(&all->table);
	turns_clear(&all->turns);
}

static struct kube_account *account_of(struct turn *t)
{
	return t == NULL ? NULL
			 : (struct kube_account *)(void *)((char *)t -
							   offsetof(struct kube_account, turn));
}

int64_t kube_accounts_work(struct kube_accounts *all, int64_t now_ms)
{
	struct turn *t;

	if (!all->synced)
		return INT64_MAX;
	while ((t = turns_due(&all->turns, now_ms)) != NULL)
		turns_ask(&all->turns, t, account_of(t)->namespace);
	while (all->busy < KUBE_ACCOUNTS_IN_FLIGHT && (t = turns_take(&all->turns)) != NULL) {
		all->busy++;
		kube_account_work(account_of(t));
	}
	return turns_next_due(&all->turns);
}

bool kube_accounts_idle(const struct kube_accounts *all)
{
	/* without the right to see them nobody's turn comes */
	return all->busy == 0 && (all->synced ? all->turns.n == 0 : all->denied);
}
