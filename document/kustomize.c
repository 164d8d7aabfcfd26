/* SPDX-License-Identifier: Apache-2.0 */
#include "document/kustomize.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/yaml.h"

#define GROUP "bulla.dev"
#define VERSION "v1"

const char *const kustomize_names[] = { "kustomization.yaml", "kustomization.yml", "Kustomization",
					NULL };

enum answer { NO, MAYBE, YES };

struct check {
	const struct kustomize_input *in;
	const struct yaml_node *root;
	struct kustomize_findings *out;
};

static void __attribute__((format(printf, 4, 5)))
found(const struct check *c, const struct yaml_node *at, enum answer sure, const char *fmt, ...)
{
	struct kustomize_findings *f = c->out;
	char text[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	f->items = mem_grow(f->items, f->n + 1, sizeof(*f->items));
	f->items[f->n++] = (struct kustomize_finding){ at->line, sure != YES, mem_str(text) };
}

static const struct yaml_node *list_of(const struct yaml_node *map, const char *key)
{
	const struct yaml_node *list = yaml_get(map, key);

	return list != NULL && list->type == YAML_LIST ? list : NULL;
}

static const char *text_of(const struct yaml_node *map, const char *key)
{
	const struct yaml_node *node = yaml_get(map, key);

	return node != NULL && node->type == YAML_SCALAR ? node->text : NULL;
}

/* --- resources -------------------------------------------------------------------------------- */

/* The same file?  "./", "//" and "x/.." say nothing, as in Go's filepath.Clean. */
static void clean(const char *path, struct buf *out)
{
	while (*path != '\0') {
		size_t len = strcspn(path, "/");
		const char *slash = strrchr(buf_str(out), '/');
		bool up = len == 2 && strncmp(path, "..", 2) == 0;

		if (up && slash != NULL && strcmp(slash, "/..") != 0)
			buf_truncate(out, (size_t)(slash - buf_str(out)));
		else if (len > 0 && !(len == 1 && *path == '.'))
			buf_printf(out, "/%.*s", (int)len, path);
		path += len;
		path += strspn(path, "/");
	}
}

static bool same_path(const char *a, const char *b)
{
	struct buf x = BUF_INIT, y = BUF_INIT;
	bool same;

	clean(a, &x);
	clean(b, &y);
	same = strcmp(buf_str(&x), buf_str(&y)) == 0;
	buf_clear(&x);
	buf_clear(&y);
	return same && a[0] != '/';
}

static void check_listed(const struct check *c)
{
	const struct yaml_node *list = list_of(c->root, "resources");
	size_t n = 0;

	for (size_t i = 0; list != NULL && i < list->n; i++)
		if (list->values[i]->type == YAML_SCALAR &&
		    same_path(list->values[i]->text, c->in->file) && ++n == 2)
			found(c, list->values[i], YES,
			      "lists %s twice, which kustomize refuses; remove one", c->in->file);
	if (n == 0)
		found(c, list != NULL ? list : c->root, YES,
		      "does not list %s under resources, so nothing applies it; add it",
		      c->in->file);
}

/* --- fields that rename ----------------------------------------------------------------------- */

static void check_affix(const struct check *c, const char *field)
{
	const struct yaml_node *node = yaml_get(c->root, field);

	if (node != NULL && (node->type != YAML_SCALAR || node->len > 0))
		found(c, node, YES,
		      "%s renames the sealed documents of %s; names are bound, so they would not "
		      "open: list the file in a kustomization without it",
		      field, c->in->file);
}

static void check_namespace(const struct check *c)
{
	const struct yaml_node *node = yaml_get(c->root, "namespace");

	if (node == NULL || node->type != YAML_SCALAR || node->len == 0)
		return;
	for (size_t i = 0; i < c->in->n; i++)
		if (strcmp(c->in->documents[i].namespace, node->text) != 0) {
			found(c, node, YES,
			      "namespace moves %s/%s to another namespace; namespaces are bound, "
			      "so it "
			      "would not open: seal it for this one, or list it elsewhere",
			      c->in->documents[i].namespace, c->in->documents[i].name);
			return;
		}
}

/* Is a path into an object ("spec/secret/labels", "/spec", "spec.kind") one that is bound? */
static bool is_bound(const char *path)
{
	static const char *const bound[] = { "spec", "metadata/name", "metadata/namespace", "kind",
					     "apiVersion" };

	path += strspn(path, "/.");
	for (size_t i = 0; i < sizeof(bound) / sizeof(bound[0]); i++) {
		size_t k = 0;

		while (bound[i][k] != '\0' &&
		       (path[k] == bound[i][k] || (bound[i][k] == '/' && path[k] == '.')))
			k++;
		if (bound[i][k] == '\0' && strchr("/.[", path[k]) != NULL)
			return true;
	}
	return *path == '\0';
}

static void check_labels(const struct check *c)
{
	const struct yaml_node *labels = list_of(c->root, "labels");

	for (size_t i = 0; labels != NULL && i < labels->n; i++) {
		const struct yaml_node *fields = list_of(labels->values[i], "fields");

		for (size_t k = 0; fields != NULL && k < fields->n; k++) {
			const char *path = text_of(fields->values[k], "path");
			const char *kind = text_of(fields->values[k], "kind");

			if (path != NULL && is_bound(path) &&
			    (kind == NULL || strcmp(kind, DOCUMENT_KIND) == 0))
				found(c, fields->values[k], YES,
				      "labels change what is bound in the sealed documents of %s; "
				      "remove the path or name another kind",
				      c->in->file);
		}
	}
}

static void check_annotations(const struct check *c)
{
	const struct yaml_node *map = yaml_get(c->root, "commonAnnotations");
	const struct yaml_node *value = yaml_get(map, DOCUMENT_SUBSTITUTE);

	if (value != NULL && (value->type != YAML_SCALAR || strcmp(value->text, "disabled") != 0))
		found(c, value, YES,
		      "commonAnnotations let Flux substitute variables in the sealed documents of "
		      "%s; set " DOCUMENT_SUBSTITUTE ": disabled",
		      c->in->file);
}

/* --- patches and replacements ----------------------------------------------------------------- */

/* Does a selector's pattern, a regular expression, fit?  Only the plainest are read. */
static enum answer fits(const char *pattern, const char *value)
{
	size_t i = 0;

	if (pattern == NULL || pattern[0] == '\0' || strcmp(pattern, ".*") == 0)
		return YES;
	if (strpbrk(pattern, "*+?()[]{}|\\^$") != NULL)
		return MAYBE;
	while (pattern[i] != '\0' && value[i] != '\0' &&
	       (pattern[i] == value[i] || pattern[i] == '.'))
		i++;
	return pattern[i] == '\0' && value[i] == '\0' ? YES : NO;
}

static enum answer both(enum answer a, enum answer b)
{
	return a < b ? a : b;
}

/* Does a target or select choose the document? */
static enum answer selects(const struct yaml_node *target, const struct document *d)
{
	enum answer a = fits(text_of(target, "kind"), DOCUMENT_KIND);

	a = both(a, fits(text_of(target, "group"), GROUP));
	a = both(a, fits(text_of(target, "version"), VERSION));
	a = both(a, fits(text_of(target, "name"), d->name));
	a = both(a, fits(text_of(target, "namespace"), d->namespace));
	if (yaml_get(target, "labelSelector") != NULL ||
	    yaml_get(target, "annotationSelector") != NULL)
		a = both(a, MAYBE);
	return a;
}

/* Does an object name the document, as a strategic merge patch does? */
static enum answer names(const struct yaml_node *object, const struct document *d)
{
	const struct yaml_node *metadata = yaml_get(object, "metadata");
	const char *kind = text_of(object, "kind"), *name = text_of(metadata, "name");
	const char *namespace = text_of(metadata, "namespace");

	if (kind == NULL || strcmp(kind, DOCUMENT_KIND) != 0 || name == NULL ||
	    strcmp(name, d->name) != 0)
		return NO;
	return namespace == NULL || strcmp(namespace, d->namespace) == 0 ? YES : NO;
}

/*
 * Does a strategic merge patch of the document change its spec, or delete it?  Names in it only
 * choose the document; with a target not even that.
 */
static bool merges_bound(const struct yaml_node *object)
{
	return yaml_get(object, "spec") != NULL || yaml_get(object, "$patch") != NULL;
}

static bool operates_on_bound(const struct yaml_node *operations)
{
	for (size_t i = 0; i < operations->n; i++) {
		const char *path = text_of(operations->values[i], "path");
		const char *from = text_of(operations->values[i], "from");
		const char *op = text_of(operations->values[i], "op");

		if (op != NULL && strcmp(op, "test") == 0)
			continue;
		if (path == NULL || is_bound(path))
			return true;
		if (op != NULL && strcmp(op, "move") == 0 && from != NULL && is_bound(from))
			return true;
	}
	return false;
}

/* A patch written into the kustomization; target: it has one, and it chooses the document. */
static enum answer patch_changes(const char *text, bool target, const struct document *d)
{
	struct yaml_stream s;
	enum answer worst = NO;

	if (yaml_parse("patch", text, strlen(text), &s, NULL) != 0)
		return MAYBE;
	for (size_t i = 0; i < s.n; i++) {
		const struct yaml_node *root = s.docs[i].root;
		bool hits = false;

		if (root != NULL && root->type == YAML_LIST)
			hits = target && operates_on_bound(root);
		else if (root != NULL && (target || names(root, d) == YES))
			hits = merges_bound(root);
		worst = hits ? YES : worst;
	}
	yaml_clear(&s);
	return worst;
}

static void check_patch(const struct check *c, const char *field, const struct yaml_node *patch,
			const struct document *d)
{
	const struct yaml_node *target = yaml_get(patch, "target");
	const char *rename = text_of(yaml_get(patch, "options"), "allowNameChange");
	const char *text = patch->type == YAML_SCALAR ? patch->text : text_of(patch, "patch");
	enum answer hits = target == NULL ? YES : selects(target, d), a;

	if (patch->type == YAML_SCALAR && text != NULL && strchr(text, '\n') == NULL)
		text = NULL; /* a file's name, as patchesStrategicMerge lists them */
	if (text == NULL && target == NULL)
		return; /* another file says whom it changes */
	a = text == NULL ? MAYBE : patch_changes(text, target != NULL, d);
	if (rename != NULL && strcmp(rename, "true") == 0 && a == NO)
		a = MAYBE;
	a = both(hits, a);
	if (a == YES)
		found(
		    c, patch, YES,
		    "%s change what is bound in %s/%s, so it would not open; patch the credential "
		    "by sealing it again",
		    field, d->namespace, d->name);
	else if (a == MAYBE)
		found(c, patch, MAYBE,
		      "%s may change %s/%s; its name, namespace and spec are bound and must stay",
		      field, d->namespace, d->name);
}

static void check_replacement(const struct check *c, const struct yaml_node *replacement,
			      const struct document *d)
{
	const struct yaml_node *targets = list_of(replacement, "targets");

	for (size_t i = 0; targets != NULL && i < targets->n; i++) {
		const struct yaml_node *paths = list_of(targets->values[i], "fieldPaths");
		const struct yaml_node *select = yaml_get(targets->values[i], "select");
		enum answer hits = select == NULL ? NO : selects(select, d);
		bool bound = paths == NULL; /* metadata.name is kustomize's default */

		for (size_t k = 0; paths != NULL && k < paths->n; k++)
			bound = bound || (paths->values[k]->type == YAML_SCALAR &&
					  is_bound(paths->values[k]->text));
		if (bound && hits != NO)
			found(c, targets->values[i], hits,
			      "replacements %schange what is bound in %s/%s, so it would not open; "
			      "leave it out with reject",
			      hits == YES ? "" : "may ", d->namespace, d->name);
	}
}

static void check_document(const struct check *c, const struct document *d)
{
	static const char *const fields[] = { "patches", "patchesJson6902",
					      "patchesStrategicMerge" };
	const struct yaml_node *list;

	for (size_t f = 0; f < sizeof(fields) / sizeof(fields[0]); f++) {
		list = list_of(c->root, fields[f]);
		for (size_t i = 0; list != NULL && i < list->n; i++)
			check_patch(c, fields[f], list->values[i], d);
	}
	list = list_of(c->root, "replacements");
	for (size_t i = 0; list != NULL && i < list->n; i++)
		check_replacement(c, list->values[i], d);
}

/* --- the whole -------------------------------------------------------------------------------- */

static bool is_other(const struct yaml_node *root)
{
	static const char group[] = "kustomize.config.k8s.io/";
	const char *version = text_of(root, "apiVersion");

	return version != NULL && strncmp(version, group, strlen(group)) != 0;
}

static int by_line(const void *a, const void *b)
{
	const struct kustomize_finding *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return strcmp(x->text, y->text);
}

int kustomize_check(const struct kustomize_input *in, struct kustomize_findings *out,
		    struct err *err)
{
	struct check c = { .in = in, .out = out };
	struct yaml_stream s;

	*out = (struct kustomize_findings)KUSTOMIZE_FINDINGS_INIT;
	if (yaml_parse(in->name, in->text, in->len, &s, err) != 0)
		return -1;
	c.root = s.n == 0 ? NULL : s.docs[0].root;
	if (c.root == NULL || c.root->type != YAML_MAP) {
		yaml_clear(&s);
		return err_set(err, ERR_INVALID, "%s: is empty or not a map; kustomize refuses it",
			       in->name);
	}
	if (!is_other(c.root)) {
		check_listed(&c);
		check_affix(&c, "namePrefix");
		check_affix(&c, "nameSuffix");
		check_namespace(&c);
		check_labels(&c);
		check_annotations(&c);
		for (size_t i = 0; i < in->n; i++)
			check_document(&c, &in->documents[i]);
	}
	if (out->n > 0)
		qsort(out->items, out->n, sizeof(*out->items), by_line);
	yaml_clear(&s);
	return 0;
}

void kustomize_clear(struct kustomize_findings *f)
{
	for (size_t i = 0; i < f->n; i++)
		mem_free(f->items[i].text);
	mem_free(f->items);
	*f = (struct kustomize_findings)KUSTOMIZE_FINDINGS_INIT;
}
