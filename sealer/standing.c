/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/standing.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "sealer/check.h"
#include "sealer/report.h"

#define DAY 86400

const struct standing_state standing_states[STANDING_COUNT] = {
	[STANDING_APPLIED] = { "applied", true },  [STANDING_EXPIRING] = { "expiring", false },
	[STANDING_EXPIRED] = { "expired", false }, [STANDING_STALE] = { "stale", false },
	[STANDING_FAILING] = { "failing", false }, [STANDING_WAITING] = { "waiting", false },
	[STANDING_MISSING] = { "missing", false }, [STANDING_ORPHANED] = { "orphaned", false },
	[STANDING_SEALED] = { "sealed", true },	   [STANDING_PAUSED] = { "paused", false },
};

/* A string somewhere below v, or "". */
static const char *text(const json_t *v, const char *name)
{
	const char *s = json_string_value(json_object_get(v, name));

	return s != NULL ? s : "";
}

/* The soonest end of all parts, in its one spelling of a time; NULL: none. */
static const char *soonest(const struct document *d)
{
	const char *end = NULL;

	for (size_t i = 0; i < d->n; i++) {
		const char *one = kv_get_str(&d->parts[i].facts, "not-after");

		if (one != NULL && (end == NULL || strcmp(one, end) < 0))
			end = one;
	}
	return end;
}

static void put(json_t *row, const char *name, const char *value)
{
	if (*value != '\0')
		json_object_set_new(row, name, json_string(value));
}

void standing_add_document(json_t *git, const char *path, const struct document *d)
{
	char digest[DOCUMENT_DIGEST_TEXT];
	char *key = mem_printf("%s/%s", d->namespace, d->name);
	json_t *recipients = json_object(), *list = json_object_get(git, key), *entry;
	const char *end = soonest(d);

	document_digest(d, digest);
	for (size_t i = 0; i < d->n; i++)
		for (size_t j = 0; j < d->parts[i].recipients.n; j++)
			json_object_set_new(recipients, d->parts[i].recipients.items[j].name,
					    json_true());
	if (list == NULL) {
		list = json_array();
		json_object_set_new(git, key, list);
	}
	entry =
	    json_pack("{s:s, s:s, s:o, s:i, s:o}", "kind", d->kind->name, "digest", digest, "file",
		      report_text(path), "line", (int)d->line, "recipients", recipients);
	put(entry, "notAfter", end != NULL ? end : "");
	json_array_append_new(list, entry);
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

static const json_t *condition_of(const json_t *status, const char *type)
{
	const json_t *conditions = json_object_get(status, "conditions"), *c;
	size_t i;

	json_array_foreach(conditions, i, c)
	{
		if (strcmp(text(c, "type"), type) == 0)
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

/* fine: the state of what ends later, or never. */
static enum standing expiry(const char *not_after, const struct standing_cluster *c,
			    enum standing fine)
{
	int64_t soon = c->soon > 0 ? c->soon : (int64_t)CHECK_EXPIRY_WARN * DAY, t;

	if (!clock_parse(not_after, &t))
		return fine;
	if (t <= c->now)
		return STANDING_EXPIRED;
	return t - c->now < soon ? STANDING_EXPIRING : fine;
}

/*
 * The digest of the document that the cluster has.  The agent's status keeps that of the version it
 * applied last, so a failure alone does not say of which one it is.  "" when it cannot be read.
 */
static void live_digest(const json_t *object, char hex[static DOCUMENT_DIGEST_TEXT])
{
	const json_t *meta = json_object_get(object, "metadata");
	json_t *head =
	    json_pack("{s:s, s:s, s:{s:s, s:s}, s:O?}", "apiVersion", DOCUMENT_API_VERSION, "kind",
		      DOCUMENT_KIND, "metadata", "name", text(meta, "name"), "namespace",
		      text(meta, "namespace"), "spec", json_object_get(object, "spec"));
	struct document d = DOCUMENT_INIT;
	struct yaml_stream yaml = YAML_STREAM_INIT;
	struct buf json = BUF_INIT;

	hex[0] = '\0';
	if (head != NULL && json_format(&json, head) == 0 &&
	    yaml_parse("", json.data, json.len, &yaml, NULL) == 0 && yaml.n == 1 &&
	    document_parse("", &yaml.docs[0], &d, NULL) == 0)
		document_digest(&d, hex);
	document_clear(&d);
	yaml_clear(&yaml);
	buf_clear(&json);
	json_decref(head);
}

static bool is_true(const json_t *status, const char *type)
{
	return strcmp(text(condition_of(status, type), "status"), "True") == 0;
}

static void copy(json_t *to, const json_t *from, const char *name)
{
	json_t *v = json_object_get(from, name);

	if (v != NULL)
		json_object_set(to, name, v);
}

json_t *standing_trimmed(const json_t *object)
{
	const json_t *meta = json_object_get(object, "metadata");
	json_t *small = json_object(), *head = json_object(), *spec = json_object();
	char hex[DOCUMENT_DIGEST_TEXT];

	copy(head, meta, "namespace");
	copy(head, meta, "name");
	copy(head, meta, "generation");
	copy(spec, json_object_get(object, "spec"), "kind");
	json_object_set_new(small, "metadata", head);
	json_object_set_new(small, "spec", spec);
	copy(small, object, "status");
	if (!is_true(json_object_get(object, "status"), "Ready")) {
		live_digest(object, hex);
		json_object_set_new(small, "digest", json_string(hex));
	}
	return small;
}

/* Did the agent fail at the very version that Git has? */
static bool is_this(const json_t *document, const json_t *object)
{
	const char *known = json_string_value(json_object_get(object, "digest"));
	char hex[DOCUMENT_DIGEST_TEXT];

	if (known == NULL) {
		live_digest(object, hex);
		known = hex;
	}
	return strcmp(known, text(document, "digest")) == 0;
}

static enum standing judge(const json_t *document, const json_t *object,
			   const struct standing_cluster *c)
{
	const json_t *status = json_object_get(object, "status");
	const char *digest = text(status, "digest");
	bool good = is_true(status, "Ready");

	if (object == NULL)
		return STANDING_MISSING;
	if (document == NULL)
		return STANDING_ORPHANED;
	if (is_true(status, "Paused"))
		return STANDING_PAUSED;
	if (!is_observed(object))
		return STANDING_WAITING;
	/* a document that cannot be read has no digest */
	if (strcmp(digest, text(document, "digest")) != 0 && (good || *digest != '\0') &&
	    (good || !is_this(document, object)))
		return STANDING_STALE;
	return good ? expiry(text(status, "notAfter"), c, STANDING_APPLIED) : STANDING_FAILING;
}

/* What is Git's of a row. */
static void put_document(json_t *row, const json_t *document)
{
	put(row, "digest", text(document, "digest"));
	put(row, "file", text(document, "file"));
	if (document != NULL)
		json_object_set(row, "line", json_object_get(document, "line"));
}

static void put_state(json_t *row, enum standing state)
{
	json_object_set_new(row, "state", json_string(standing_states[state].name));
	json_object_set_new(row, "good", json_boolean(standing_states[state].good));
}

static json_t *make_row(const char *key, const json_t *document, const json_t *object,
			const struct standing_cluster *c)
{
	const json_t *status = json_object_get(object, "status");
	bool paused = is_true(status, "Paused");
	const json_t *condition = condition_of(status, paused ? "Paused" : "Ready");
	const char *kind = document != NULL ? text(document, "kind")
					    : text(json_object_get(object, "spec"), "kind");
	json_t *row = json_pack("{s:s, s:s}", "document", key, "cluster", c->label);

	put_state(row, judge(document, object, c));
	put(row, "kind", kind);
	put(row, "reason", text(condition, "reason"));
	put(row, "message", text(condition, "message"));
	if (paused || is_true(status, "Stalled"))
		json_object_set_new(row, "stalled", json_true());
	put(row, "appliedDigest", text(status, "digest"));
	put(row, "notAfter", text(object != NULL ? status : document, "notAfter"));
	put_document(row, document);
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

void standing_git_rows(const json_t *git, const struct standing_cluster *c, json_t *rows)
{
	const char *key;
	json_t *list, *d, *row;
	size_t i;

	json_object_foreach((json_t *)(uintptr_t)git, key, list)
	{
		json_array_foreach(list, i, d)
		{
			row = json_pack("{s:s}", "document", key);
			put_state(row, expiry(text(d, "notAfter"), c, STANDING_SEALED));
			put(row, "kind", text(d, "kind"));
			put(row, "notAfter", text(d, "notAfter"));
			put_document(row, d);
			json_array_append_new(rows, row);
		}
	}
}

bool standing_may_change(const json_t *row)
{
	static const enum standing moving[] = { STANDING_STALE, STANDING_WAITING, STANDING_MISSING,
						STANDING_FAILING };
	const char *state = text(row, "state");

	for (size_t i = 0; i < sizeof(moving) / sizeof(moving[0]); i++)
		if (strcmp(state, standing_states[moving[i]].name) == 0)
			return moving[i] != STANDING_FAILING ||
			       json_object_get(row, "stalled") == NULL;
	return false;
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
