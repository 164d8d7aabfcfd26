/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/standing.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sealer/check.h"

#define DAY 86400

const struct standing_state standing_states[STANDING_COUNT] = {
	[STANDING_APPLIED] = { "applied", true },  [STANDING_EXPIRING] = { "expiring", false },
	[STANDING_EXPIRED] = { "expired", false }, [STANDING_STALE] = { "stale", false },
	[STANDING_FAILING] = { "failing", false }, [STANDING_WAITING] = { "waiting", false },
	[STANDING_MISSING] = { "missing", false }, [STANDING_ORPHANED] = { "orphaned", false },
};

/* A string somewhere below v, or "". */
static const char *text(const json_t *v, const char *name)
{
	const char *s = json_string_value(json_object_get(v, name));

	return s != NULL ? s : "";
}

void standing_add_document(json_t *git, const char *path, const struct document *d)
{
	char digest[DOCUMENT_DIGEST_TEXT];
	char *key = mem_printf("%s/%s", d->namespace, d->name);
	json_t *recipients = json_object(), *list = json_object_get(git, key);

	document_digest(d, digest);
	for (size_t i = 0; i < d->n; i++)
		for (size_t j = 0; j < d->parts[i].recipients.n; j++)
			json_object_set_new(recipients, d->parts[i].recipients.items[j].name,
					    json_true());
	if (list == NULL) {
		list = json_array();
		json_object_set_new(git, key, list);
	}
	json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:i, s:o}", "kind", d->kind->name,
					      "digest", digest, "file", path, "line", (int)d->line,
					      "recipients", recipients));
	mem_free(key);
}

bool standing_add_object(json_t *objects, json_t *item)
{
	const json_t *meta = json_object_get(item, "metadata");
	const char *namespace = text(meta, "namespace"), *name = text(meta, "name");
	char *key;

	if (*namespace == '\0' || *name == '\0')
		return false;
	key = mem_printf("%s/%s", namespace, name);
	json_object_set(objects, key, item);
	mem_free(key);
	return true;
}

/* --- one document ----------------------------------------------------------------------------- */

static const json_t *ready(const json_t *status)
{
	const json_t *conditions = json_object_get(status, "conditions"), *c;
	size_t i;

	json_array_foreach(conditions, i, c)
	{
		if (strcmp(text(c, "type"), "Ready") == 0)
			return c;
	}
	return NULL;
}

/* Has an agent looked at the object as it is now? */
static bool is_observed(const json_t *object)
{
	const json_t *meta = json_object_get(object, "metadata");
	const json_t *status = json_object_get(object, "status");
	const json_t *seen = json_object_get(status, "observedGeneration");

	return json_is_integer(seen) &&
	       json_integer_value(seen) == json_integer_value(json_object_get(meta, "generation"));
}

static enum standing expiry(const json_t *status, int64_t now)
{
	int64_t t;

	if (!clock_parse(text(status, "notAfter"), &t))
		return STANDING_APPLIED;
	if (t <= now)
		return STANDING_EXPIRED;
	return t - now < (int64_t)CHECK_EXPIRY_WARN * DAY ? STANDING_EXPIRING : STANDING_APPLIED;
}

static enum standing judge(const json_t *document, const json_t *object, int64_t now)
{
	const json_t *status = json_object_get(object, "status");
	const char *digest = text(status, "digest");
	bool good = strcmp(text(ready(status), "status"), "True") == 0;

	if (object == NULL)
		return STANDING_MISSING;
	if (document == NULL)
		return STANDING_ORPHANED;
	if (!is_observed(object))
		return STANDING_WAITING;
	/* a document that cannot be read has no digest */
	if (strcmp(digest, text(document, "digest")) != 0 && (good || *digest != '\0'))
		return STANDING_STALE;
	return good ? expiry(status, now) : STANDING_FAILING;
}

static void put(json_t *row, const char *name, const char *value)
{
	if (*value != '\0')
		json_object_set_new(row, name, json_string(value));
}

static json_t *make_row(const char *key, const json_t *document, const json_t *object,
			const struct standing_cluster *c)
{
	const json_t *status = json_object_get(object, "status"), *condition = ready(status);
	enum standing state = judge(document, object, c->now);
	const char *kind = document != NULL ? text(document, "kind")
					    : text(json_object_get(object, "spec"), "kind");
	json_t *row = json_pack("{s:s, s:s, s:s}", "document", key, "cluster", c->label, "state",
				standing_states[state].name);

	put(row, "kind", kind);
	put(row, "reason", text(condition, "reason"));
	put(row, "message", text(condition, "message"));
	put(row, "digest", text(document, "digest"));
	put(row, "appliedDigest", text(status, "digest"));
	put(row, "notAfter", text(status, "notAfter"));
	put(row, "file", text(document, "file"));
	if (document != NULL)
		json_object_set(row, "line", json_object_get(document, "line"));
	json_object_set_new(row, "good", json_boolean(standing_states[state].good));
	return row;
}

/* --- all of them ------------------------------------------------------------------------------ */

static bool is_expected(const json_t *document, const struct standing_cluster *c)
{
	return c->recipient == NULL ||
	       json_object_get(json_object_get(document, "recipients"), c->recipient) != NULL;
}

/*
 * Of files with the same namespace and name, as each cluster's folder may have one: that which is
 * meant for the cluster, and of those the one it has.
 */
static const json_t *pick(const json_t *list, const json_t *object,
			  const struct standing_cluster *c)
{
	const char *digest = text(json_object_get(object, "status"), "digest");
	const json_t *best = NULL, *d;
	int best_points = -1;
	size_t i;

	json_array_foreach(list, i, d)
	{
		int points = (is_expected(d, c) ? 2 : 0) + (strcmp(text(d, "digest"), digest) == 0);

		if (points > best_points) {
			best_points = points;
			best = d;
		}
	}
	return best;
}

void standing_rows(const json_t *git, const struct standing_cluster *c, json_t *rows)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)git, key, value)
	{
		const json_t *object = json_object_get(c->objects, key);
		const json_t *document = pick(value, object, c);

		if (object != NULL || is_expected(document, c))
			json_array_append_new(rows, make_row(key, document, object, c));
	}
	json_object_foreach((json_t *)(uintptr_t)c->objects, key, value)
	{
		if (json_object_get(git, key) == NULL)
			json_array_append_new(rows, make_row(key, NULL, value, c));
	}
}

bool standing_good(const json_t *rows)
{
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		if (!json_is_true(json_object_get(row, "good")))
			return false;
	}
	return true;
}

struct place {
	const json_t *row;
	size_t at;
};

static int compare(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int r = strcmp(text(x->row, "document"), text(y->row, "document"));

	return r != 0 ? r : x->at < y->at ? -1 : x->at > y->at;
}

json_t *standing_sorted(const json_t *rows)
{
	size_t n = json_array_size(rows);
	struct place *places = mem_array(n, sizeof(*places));
	json_t *sorted = json_array();

	for (size_t i = 0; i < n; i++)
		places[i] = (struct place){ json_array_get(rows, i), i };
	if (n > 0)
		qsort(places, n, sizeof(*places), compare);
	for (size_t i = 0; i < n; i++)
		json_array_append(sorted, (json_t *)(uintptr_t)places[i].row);
	mem_free(places);
	return sorted;
}
