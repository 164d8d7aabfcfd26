/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/stir.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

/* Owners of watches that are not entries: see take_namespace. */
static char own_folder[] = PLACE_OWN;
static char parent_folder[] = "..";

static void take_document(void *ctx, void *owner, const char *name, bool folder)
{
	struct store_dir *st = ctx;
	const char *root = strrchr(st->o->documents, '/') + 1;

	if (owner == parent_folder ? strcmp(name, root) == 0
				   : folder || name[0] == '\0' || scan_takes(name))
		st->documents_stirred = true;
}

void stir_entry(struct store_dir *st, struct entry *x)
{
	x->stale = true;
	x->s.stirred = clock_monotonic_ms();
	st->secrets_stirred = true;
}

static void take_secret(void *ctx, void *owner, const char *name, bool folder)
{
	(void)name;
	(void)folder;
	stir_entry(ctx, owner);
}

static void stir_namespace(struct store_dir *st, const char *namespace)
{
	size_t n = entries_list(&st->entries);
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(st->entries.list[i]->s.namespace, namespace) == 0)
			stir_entry(st, st->entries.list[i]);
}

/* owner NULL: SECRETS itself, where the entries are namespaces. */
static void take_namespace(void *ctx, void *owner, const char *name, bool folder)
{
	struct store_dir *st = ctx;
	struct entry *x;

	(void)folder;
	if (owner == own_folder) {
		if (strcmp(name, STORE_RELEASE) == 0 || strcmp(name, LEDGER_DAMAGED) == 0)
			st->decide_again = true;
	} else if (owner == NULL) {
		stir_namespace(st, name);
	} else if (name[0] == '\0') {
		stir_namespace(st, owner);
	} else {
		x = entries_find(&st->entries, owner, name);
		if (x != NULL)
			stir_entry(st, x);
	}
}

void stir_watch_folder(void *ctx, const char *path)
{
	struct store_dir *st = ctx;
	char *full = mem_printf("%s/%s", st->o->documents, path);

	watch_add(&st->documents, full, *path == '\0', NULL);
	mem_free(full);
}

static void watch_namespace(struct store_dir *st, const char *namespace)
{
	char *path = mem_printf("%s/%s", st->o->secrets, namespace);

	if (!kv_has(&st->watched, namespace))
		kv_set_str(&st->watched, namespace, "");
	watch_add(&st->namespaces, path, false, kv_get(&st->watched, namespace)->name);
	mem_free(path);
}

static void rewatch(struct store_dir *st, struct entry *x, int *wd, const char *below)
{
	char *path = mem_printf("%s/%s/%s%s%s", st->o->secrets, x->s.namespace, x->s.name,
				*below == '\0' ? "" : "/", below);
	int now = watch_add(&st->secrets, path, false, x);

	if (*wd >= 0 && *wd != now)
		watch_remove(&st->secrets, *wd);
	*wd = now;
	mem_free(path);
}

void stir_watch_entry(struct store_dir *st, struct entry *x)
{
	if (!st->o->watch)
		return;
	watch_namespace(st, x->s.namespace);
	rewatch(st, x, &x->watched, "");
	if (x->s.recorded)
		rewatch(st, x, &x->watched_data, x->mark.stamp);
}

int stir_open(struct store_dir *st, struct err *err)
{
	const char *slash;
	char *path;

	if (watch_open(&st->documents, err) < 0 || watch_open(&st->secrets, err) < 0 ||
	    watch_open(&st->namespaces, err) < 0)
		return -1;
	if (!st->o->watch)
		return 0;
	/* DOCUMENTS may be a link that is swapped, or come and go */
	slash = strrchr(st->o->documents, '/');
	path = mem_strn(st->o->documents, (size_t)(slash - st->o->documents) + 1);
	watch_add(&st->documents, path, true, parent_folder);
	mem_free(path);
	watch_add(&st->namespaces, st->o->secrets, true, NULL);
	path = mem_printf("%s/" PLACE_OWN, st->o->secrets);
	watch_add(&st->namespaces, path, false, own_folder);
	mem_free(path);
	return 0;
}

void stir_close(struct store_dir *st)
{
	watch_close(&st->documents);
	watch_close(&st->secrets);
	watch_close(&st->namespaces);
}

bool stir_take(struct store_dir *st)
{
	bool whole = watch_read(&st->documents, take_document, st);

	whole = watch_read(&st->secrets, take_secret, st) && whole;
	return watch_read(&st->namespaces, take_namespace, st) && whole;
}
