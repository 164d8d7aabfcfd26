/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/name.h"
#include "document/document.h"
#include "document/quote.h"
#include "keys/age.h"

#define GROUP "bulla.dev"

/* What is being read and where.  path is the field's, as in "spec.parts.credential.facts". */
struct reader {
	const char *file;
	struct document *d;
	struct document_part *part; /* inside spec.parts */
	struct buf path;
	struct err *err;
};

typedef int read_fn(struct reader *r, const struct yaml_node *node);

/* A field of a map. */
struct field {
	const char *name;
	read_fn *read; /* NULL: never allowed */
	bool required;
	const char *why; /* it is not allowed; or what to do when it is required and missing */
};

static const char copied[] = "is set by an API server: the document was copied from a cluster; "
			     "remove it";
static const char unsealed[] =
    "is where an unsealed Secret has its values: they do not belong into "
    "a sealed document; remove it and use \"bulla seal\"";

static const char again[] = "seal again";

static int __attribute__((format(printf, 3, 4)))
refuse(const struct reader *r, const struct yaml_node *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_vset(r->err, ERR_INVALID, fmt, ap);
	va_end(ap);
	return err_wrap(r->err, "%s:%u: %s", r->file, at->line,
			r->path.len == 0 ? "document" : buf_str(&r->path));
}

/* The text of a string scalar, or NULL and the error. */
static const char *string(const struct reader *r, const struct yaml_node *node)
{
	const char *text = yaml_string(node);

	if (text != NULL)
		return text;
	if (node->type != YAML_SCALAR)
		refuse(r, node, "must be a string, not a %s; correct it",
		       node->type == YAML_MAP ? "map" : "list");
	else if (node->len == 0)
		refuse(r, node, "has no value; write one or remove the field");
	else
		refuse(r, node,
		       "is read as something else than a string by some YAML readers; put it in "
		       "double quotes");
	return NULL;
}

/* The key at i of a map, whose path has been entered; or NULL and the error. */
static const char *enter(struct reader *r, const struct yaml_node *map, size_t i)
{
	quote_path(&r->path, map->keys[i]->text);
	if (yaml_string(map->keys[i]) != NULL)
		return map->keys[i]->text;
	refuse(r, map->keys[i],
	       "this key is read as something else than a string by some YAML readers; put it in "
	       "double quotes");
	return NULL;
}

static int need(const struct reader *r, const struct yaml_node *node, enum yaml_type type)
{
	if (node->type == type)
		return 0;
	return refuse(r, node, "must be a %s; correct it", type == YAML_MAP ? "map" : "list");
}

/* An unknown field's name is shown only when it looks like one: a value may stand in its place. */
static int unknown(struct reader *r, const struct yaml_node *key)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	if (key->len != 0 && key->len <= 32 && strspn(key->text, letters) == key->len)
		return refuse(r, key, "has no field \"%s\"; remove or correct it", key->text);
	return refuse(r, key, "has no such field (a name of %zu bytes); remove or correct it",
		      key->len);
}

static const struct field *field_find(const struct field *fields, const char *name)
{
	for (; fields->name != NULL; fields++)
		if (strcmp(fields->name, name) == 0)
			return fields;
	return NULL;
}

/* Read a map that has these fields and no others. */
static int read_fields(struct reader *r, const struct yaml_node *map, const struct field *fields)
{
	size_t path = r->path.len;

	if (need(r, map, YAML_MAP) != 0)
		return -1;
	for (size_t i = 0; i < map->n; i++) {
		const struct field *f = field_find(fields, map->keys[i]->text);

		if (f == NULL)
			return unknown(r, map->keys[i]);
		quote_path(&r->path, f->name);
		if (f->read == NULL)
			return refuse(r, map->keys[i], "%s", f->why);
		if (f->read(r, map->values[i]) != 0)
			return -1;
		buf_truncate(&r->path, path);
	}
	for (; fields->name != NULL; fields++)
		if (fields->required && yaml_get(map, fields->name) == NULL) {
			quote_path(&r->path, fields->name);
			return refuse(r, map, "is missing; %s",
				      fields->why == NULL ? "add it" : fields->why);
		}
	return 0;
}

/*
 * Read a map of strings.  One item more than max is read, not all, so that document_check says that
 * there are too many and a hostile map costs nothing.
 */
static int read_strings(struct reader *r, const struct yaml_node *map, size_t max, struct kv *out)
{
	size_t path = r->path.len;

	if (need(r, map, YAML_MAP) != 0)
		return -1;
	for (size_t i = 0; i < map->n && i <= max; i++) {
		const char *key = enter(r, map, i), *text;

		if (key == NULL)
			return -1;
		text = string(r, map->values[i]);
		if (text == NULL)
			return -1;
		kv_set(out, key, text, map->values[i]->len);
		buf_truncate(&r->path, path);
	}
	return 0;
}

static int read_api_version(struct reader *r, const struct yaml_node *node)
{
	const char *text = string(r, node);

	if (text == NULL)
		return -1;
	if (strcmp(text, DOCUMENT_API_VERSION) != 0)
		return refuse(r, node, "must be %s; if a newer bulla wrote this, update yours",
			      DOCUMENT_API_VERSION);
	return 0;
}

static int read_object_kind(struct reader *r, const struct yaml_node *node)
{
	const char *text = string(r, node);

	if (text == NULL)
		return -1;
	if (strcmp(text, DOCUMENT_KIND) != 0)
		return refuse(r, node, "must be %s; correct it", DOCUMENT_KIND);
	return 0;
}

static int read_name(struct reader *r, const struct yaml_node *node)
{
	r->d->name = mem_str(string(r, node));
	return r->d->name == NULL ? -1 : 0;
}

static int read_namespace(struct reader *r, const struct yaml_node *node)
{
	r->d->namespace = mem_str(string(r, node));
	return r->d->namespace == NULL ? -1 : 0;
}

/* The document's own labels and annotations: free, but what an API server would take. */
static int read_own(struct reader *r, const struct yaml_node *map, bool labels)
{
	size_t path = r->path.len;

	if (need(r, map, YAML_MAP) != 0)
		return -1;
	for (size_t i = 0; i < map->n; i++) {
		const char *key = enter(r, map, i), *text;

		if (key == NULL)
			return -1;
		text = string(r, map->values[i]);
		if (text == NULL)
			return -1;
		if (!name_is_qualified(key))
			return refuse(r, map->keys[i], "is not a key ([prefix/]name); correct it");
		if (labels && !name_is_label_value(text))
			return refuse(r, map->values[i], "is not a label's value; correct it");
		if (!labels && strcmp(key, DOCUMENT_SUBSTITUTE) == 0)
			r->d->substitute_disabled = strcmp(text, "disabled") == 0;
		buf_truncate(&r->path, path);
	}
	return 0;
}

static int read_own_labels(struct reader *r, const struct yaml_node *node)
{
	return read_own(r, node, true);
}

static int read_own_annotations(struct reader *r, const struct yaml_node *node)
{
	return read_own(r, node, false);
}

static const struct field metadata_fields[] = {
	{ .name = "name", .read = read_name, .required = true },
	{ .name = "namespace", .read = read_namespace, .required = true },
	{ .name = "labels", .read = read_own_labels },
	{ .name = "annotations", .read = read_own_annotations },
	{ .name = "uid", .why = copied },
	{ .name = "resourceVersion", .why = copied },
	{ .name = "creationTimestamp", .why = copied },
	{ .name = "deletionTimestamp", .why = copied },
	{ .name = "deletionGracePeriodSeconds", .why = copied },
	{ .name = "generation", .why = copied },
	{ .name = "managedFields", .why = copied },
	{ .name = "selfLink", .why = copied },
	{ .name = "ownerReferences", .why = copied },
	{ .name = "generateName", .why = "cannot name a credential: its name is bound; use name" },
	{ .name = NULL },
};

static int read_metadata(struct reader *r, const struct yaml_node *node)
{
	return read_fields(r, node, metadata_fields);
}

static int read_kind(struct reader *r, const struct yaml_node *node)
{
	const char *text = string(r, node);

	if (text == NULL)
		return -1;
	r->d->kind = kind_find(text);
	if (r->d->kind == NULL)
		return refuse(
		    r, node,
		    "is no kind of credential that this bulla knows; correct it or update");
	return 0;
}

static int read_policy(struct reader *r, const struct yaml_node *node)
{
	const char *text = string(r, node);

	if (text == NULL)
		return -1;
	for (enum document_policy p = POLICY_DELETE; p <= POLICY_RETAIN; p++)
		if (strcmp(text, document_policy_name(p)) == 0)
			r->d->policy = p;
	if (r->d->policy == POLICY_UNSET)
		return refuse(r, node,
			      "is neither Delete nor Retain; use one of them or leave it out");
	return 0;
}

/* Any type that any kind may have: whether this one may is document_check's to say. */
static int read_type(struct reader *r, const struct yaml_node *node)
{
	const char *text = string(r, node);

	if (text == NULL)
		return -1;
	for (const struct kind *const *k = kind_table; *k != NULL && r->d->type == NULL; k++)
		for (const char *const *t = (*k)->types; *t != NULL; t++)
			if (strcmp(*t, text) == 0)
				r->d->type = *t;
	if (r->d->type == NULL)
		return refuse(r, node, "is not a Secret type that may be sealed; correct it");
	return 0;
}

static int read_labels(struct reader *r, const struct yaml_node *node)
{
	return read_strings(r, node, DOCUMENT_METADATA_MAX, &r->d->labels);
}

static int read_annotations(struct reader *r, const struct yaml_node *node)
{
	return read_strings(r, node, DOCUMENT_METADATA_MAX, &r->d->annotations);
}

static const struct field secret_fields[] = {
	{ .name = "type", .read = read_type, .required = true },
	{ .name = "labels", .read = read_labels },
	{ .name = "annotations", .read = read_annotations },
	{ .name = "data", .why = unsealed },
	{ .name = "stringData", .why = unsealed },
	{ .name = NULL },
};

static int read_secret(struct reader *r, const struct yaml_node *node)
{
	return read_fields(r, node, secret_fields);
}

static int read_recipients(struct reader *r, const struct yaml_node *node)
{
	return read_strings(r, node, DOCUMENT_STANZAS_MAX, &r->part->recipients);
}

static int read_facts(struct reader *r, const struct yaml_node *node)
{
	return read_strings(r, node, 32, &r->part->facts); /* more than any kind has */
}

static int read_sealed(struct reader *r, const struct yaml_node *node)
{
	const char *text = string(r, node);
	struct err why = ERR_INIT;

	if (text == NULL)
		return -1;
	if (age_dearmor(text, node->len, &r->part->age, &why) != 0)
		return refuse(r, node, "%s", why.text);
	return 0;
}

static const struct field part_fields[] = {
	{ .name = "recipients", .read = read_recipients, .required = true, .why = again },
	{ .name = "facts", .read = read_facts, .required = true, .why = again },
	{ .name = "sealed", .read = read_sealed, .required = true, .why = again },
	{ .name = NULL },
};

static int read_parts(struct reader *r, const struct yaml_node *map)
{
	size_t path = r->path.len;

	if (need(r, map, YAML_MAP) != 0)
		return -1;
	for (size_t i = 0; i < map->n && i <= DOCUMENT_PARTS_MAX; i++) {
		const char *name = enter(r, map, i);

		if (name == NULL)
			return -1;
		r->part = document_part_add(r->d, name);
		r->part->line = map->keys[i]->line;
		if (read_fields(r, map->values[i], part_fields) != 0)
			return -1;
		buf_truncate(&r->path, path);
	}
	return 0;
}

static int read_signatures(struct reader *r, const struct yaml_node *list)
{
	struct document *d = r->d;

	if (need(r, list, YAML_LIST) != 0)
		return -1;
	d->signatures = mem_array(DOCUMENT_SIGNATURES_MAX + 1, sizeof(*d->signatures));
	for (size_t i = 0; i < list->n && i <= DOCUMENT_SIGNATURES_MAX; i++) {
		const char *text = string(r, list->values[i]);

		if (text == NULL)
			return -1;
		d->signatures[d->n_signatures++] = mem_str(text);
	}
	return 0;
}

static const struct field spec_fields[] = {
	{ .name = "kind", .read = read_kind, .required = true },
	{ .name = "deletionPolicy", .read = read_policy },
	{ .name = "secret", .read = read_secret, .required = true },
	{ .name = "parts", .read = read_parts, .required = true },
	{ .name = "signatures", .read = read_signatures },
	{ .name = "data", .why = unsealed },
	{ .name = "stringData", .why = unsealed },
	{ .name = NULL },
};

static int read_spec(struct reader *r, const struct yaml_node *node)
{
	return read_fields(r, node, spec_fields);
}

static const struct field root_fields[] = {
	{ .name = "apiVersion", .read = read_api_version, .required = true },
	{ .name = "kind", .read = read_object_kind, .required = true },
	{ .name = "metadata", .read = read_metadata, .required = true },
	{ .name = "spec", .read = read_spec, .required = true },
	{ .name = "status", .why = copied },
	{ .name = "data", .why = unsealed },
	{ .name = "stringData", .why = unsealed },
	{ .name = NULL },
};

/*
 * The entry of map that the path begins with, or map->n; the longest, because keys may hold dots.
 */
static size_t step(const struct yaml_node *map, const char *path, size_t len, size_t *longest)
{
	struct buf name = BUF_INIT;
	size_t found = map->n;

	*longest = 0;
	for (size_t i = 0; i < map->n; i++) {
		buf_reset(&name);
		quote_path(&name, map->keys[i]->text);
		if (name.len <= *longest || name.len > len ||
		    memcmp(path, name.data, name.len) != 0 ||
		    (name.len < len && path[name.len] != '.'))
			continue;
		found = i;
		*longest = name.len;
	}
	buf_clear(&name);
	return found;
}

/* The line of the field that an error of document_check names, or of its nearest parent. */
static unsigned line_of(const struct yaml_node *node, const char *text)
{
	size_t len = strcspn(text, ":"); /* a path holds none */
	unsigned line = node->line;

	while (len != 0 && node->type == YAML_MAP) {
		size_t name, i = step(node, text, len, &name);

		if (i == node->n)
			break;
		line = node->keys[i]->line;
		node = node->values[i];
		if (name < len)
			name++; /* the dot */
		text += name;
		len -= name;
	}
	return line;
}

static const char *scalar(const struct yaml_node *map, const char *key)
{
	const struct yaml_node *node = yaml_get(map, key);

	return node != NULL && node->type == YAML_SCALAR ? node->text : NULL;
}

static bool claims(const struct yaml_node *node)
{
	const char *version, *kind;
	bool group, named;

	if (node == NULL || node->type != YAML_MAP)
		return false;
	version = scalar(node, "apiVersion");
	kind = scalar(node, "kind");
	group = version != NULL && strncmp(version, GROUP, strlen(GROUP)) == 0 &&
		(version[strlen(GROUP)] == '/' || version[strlen(GROUP)] == '\0');
	named = kind != NULL && strcasecmp(kind, DOCUMENT_KIND) == 0;
	return group ? named || kind == NULL : named && version == NULL;
}

bool document_claims(const struct yaml_doc *doc)
{
	return claims(doc->root);
}

bool document_in_list(const struct yaml_doc *doc)
{
	const struct yaml_node *items;

	if (doc->root == NULL || doc->root->type != YAML_MAP)
		return false;
	items = yaml_get(doc->root, "items");
	if (items == NULL || items->type != YAML_LIST)
		return false;
	for (size_t i = 0; i < items->n; i++)
		if (claims(items->values[i]))
			return true;
	return false;
}

int document_parse(const char *file, const struct yaml_doc *doc, struct document *out,
		   struct err *err)
{
	struct reader r = { .file = file, .d = out, .path = BUF_INIT, .err = err };
	struct err why = ERR_INIT;
	int rc = -1;

	out->line = doc->line;
	if (doc->root == NULL) {
		err_set(err, ERR_INVALID, "%s:%u: document: is empty", file, doc->line);
		goto out;
	}
	if (doc->end - doc->begin > DOCUMENT_MAX) {
		refuse(&r, doc->root, "has %zu bytes, more than %d; split it",
		       doc->end - doc->begin, DOCUMENT_MAX);
		goto out;
	}
	if (read_fields(&r, doc->root, root_fields) != 0)
		goto out;
	if (document_check(out, &why) != 0) {
		err_set(err, why.class, "%s:%u: %s", file, line_of(doc->root, why.text), why.text);
		goto out;
	}
	rc = 0;
out:
	buf_clear(&r.path);
	if (rc != 0)
		document_clear(out);
	return rc;
}
