/* SPDX-License-Identifier: Apache-2.0 */
#include "document/edit.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "document/conflict.h"
#include "document/entry.h"
#include "document/quote.h"
#include "keys/age.h"

#define GROUP "bulla.dev"

/* An escape of quoted YAML or JSON that stands for c: \x62, \u0062, \U00000062; NULL: it is none.
 */
static const char *behind_escape(const char *at, const char *end, char c)
{
	size_t n = end - at < 2 || at[0] != '\\' ? 0
		   : at[1] == 'x'		 ? 2
		   : at[1] == 'u'		 ? 4
		   : at[1] == 'U'		 ? 8
						 : 0;
	unsigned value = 0;

	if (n == 0 || (size_t)(end - at) < 2 + n)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		int digit = text_hex(at[2 + i]);

		if (digit < 0 || value > 0xff)
			return NULL;
		value = value * 16 + (unsigned)digit;
	}
	return value == (unsigned char)c ? at + 2 + n : NULL;
}

/* What does not count in a quoted text: an escaped line end and what indents the next line. */
static const char *skip_fold(const char *at, const char *end)
{
	while (end - at >= 2 && at[0] == '\\' && (at[1] == '\n' || at[1] == '\r'))
		for (at++; at < end && strchr(" \t\r\n", *at) != NULL && *at != '\0';)
			at++;
	return at;
}

/* Does the group's name begin here, as some reader of YAML would see it?  UTF-16 has NULs in it. */
static bool is_group(const char *at, const char *end)
{
	for (const char *c = GROUP; *c != '\0'; c++) {
		const char *behind;

		while (at < end && *at == '\0')
			at++;
		at = skip_fold(at, end);
		behind = behind_escape(at, end, *c);
		if (behind == NULL && (at == end || *at != *c))
			return false;
		at = behind != NULL ? behind : at + 1;
	}
	return true;
}

bool edit_mentions(const void *text, size_t len)
{
	const char *end = (const char *)text + len;
	bool escapes = len > 0 && memchr(text, '\\', len) != NULL;

	for (const char *at = text; at < end; at++) {
		if (!escapes && (at = memchr(at, GROUP[0], (size_t)(end - at))) == NULL)
			return false;
		/* never at a fold, so that no byte is looked at often */
		if ((*at == GROUP[0] || behind_escape(at, end, GROUP[0]) != NULL) &&
		    is_group(at, end))
			return true;
	}
	return false;
}

void edit_clear(struct edit_file *f)
{
	for (size_t i = 0; i < f->n; i++)
		document_clear(&f->documents[i]);
	mem_free(f->documents);
	mem_free(f->index);
	mem_free(f->name);
	buf_clear(&f->text);
	yaml_clear(&f->yaml);
	*f = (struct edit_file)EDIT_FILE_INIT;
}

static int read_documents(struct edit_file *f, struct err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < f->yaml.n; i++)
		n += document_claims(&f->yaml.docs[i]);
	f->documents = mem_array(n, sizeof(*f->documents));
	f->index = mem_array(n, sizeof(*f->index));
	for (size_t i = 0; i < f->yaml.n; i++) {
		if (!document_claims(&f->yaml.docs[i]))
			continue;
		if (document_parse(f->name, &f->yaml.docs[i], &f->documents[f->n], err) != 0)
			return -1;
		f->index[f->n++] = i;
	}
	return 0;
}

static int read_text(struct edit_file *f, struct err *err)
{
	size_t line = conflict_line(f->text.data, f->text.len);

	if (line != 0)
		return err_set(err, ERR_CONFLICT,
			       "%s:%zu: git left a conflict here; solve it, or let git join the "
			       "parts of sealed documents (\"bulla init\" sets the merge driver)",
			       f->name, line);
	if (!edit_mentions(f->text.data, f->text.len))
		return 0;
	if (yaml_parse(f->name, f->text.data, f->text.len, &f->yaml, err) != 0)
		return -1;
	return read_documents(f, err);
}

int edit_load(const char *name, struct buf *text, struct edit_file *out, struct err *err)
{
	*out = (struct edit_file)EDIT_FILE_INIT;
	out->name = mem_str(name);
	buf_move(&out->text, text);
	if (out->text.len > DOCUMENT_FILE_MAX)
		err_set(err, ERR_INVALID, "%s: has more than %d bytes; split it", name,
			DOCUMENT_FILE_MAX);
	else if (read_text(out, err) == 0)
		return 0;
	edit_clear(out);
	return -1;
}

static const struct yaml_node *parts_node(const struct edit_file *f, size_t i)
{
	return yaml_get(yaml_get(f->yaml.docs[f->index[i]].root, "spec"), "parts");
}

/* --- is the result what was meant? ------------------------------------------------------------ */

/* The parts of one document that an edit is about. */
struct scope {
	size_t index;				  /* of the document */
	const struct document_part *const *parts; /* put */
	size_t n;
	const char *removed;		/* or NULL */
	const struct document *renamed; /* or NULL: then name and namespace alone */
};

static bool in_scope(const struct scope *scope, const char *name)
{
	if (scope->renamed != NULL)
		return strcmp(name, "name") == 0 || strcmp(name, "namespace") == 0;
	for (size_t i = 0; i < scope->n; i++)
		if (strcmp(scope->parts[i]->name, name) == 0)
			return true;
	return scope->removed != NULL && strcmp(scope->removed, name) == 0;
}

/* A block scalar that ended the file without a line break gets one when something follows it. */
static bool same_text(const struct yaml_node *a, const struct yaml_node *b)
{
	size_t n = a->len, m = b->len;

	if (a->style == YAML_LITERAL || a->style == YAML_FOLDED) {
		n -= n > 0 && a->text[n - 1] == '\n';
		m -= m > 0 && b->text[m - 1] == '\n';
	}
	return n == m && memcmp(a->text, b->text, n) == 0;
}

static bool same(const struct yaml_node *a, const struct yaml_node *b)
{
	if (a->type != b->type || a->style != b->style || a->n != b->n)
		return false;
	if (a->type == YAML_SCALAR)
		return same_text(a, b);
	for (size_t i = 0; i < a->n; i++)
		if (!same(a->values[i], b->values[i]) ||
		    (a->type == YAML_MAP && !same(a->keys[i], b->keys[i])))
			return false;
	return true;
}

/* The same entries in the same order, but for those in scope. */
static bool same_parts(const struct yaml_node *a, const struct yaml_node *b,
		       const struct scope *scope)
{
	size_t i = 0, k = 0;

	for (;;) {
		while (i < a->n && in_scope(scope, a->keys[i]->text))
			i++;
		while (k < b->n && in_scope(scope, b->keys[k]->text))
			k++;
		if (i == a->n || k == b->n)
			return i == a->n && k == b->n;
		if (!same(a->keys[i], b->keys[k]) || !same(a->values[i], b->values[k]))
			return false;
		i++;
		k++;
	}
}

/* The same map, but for what stands below the first name of the path. */
static bool same_but(const struct yaml_node *a, const struct yaml_node *b, const char *const *path,
		     const struct scope *scope)
{
	if (*path == NULL)
		return same_parts(a, b, scope);
	if (a == NULL || b == NULL || a->type != YAML_MAP || b->type != YAML_MAP || a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (!same(a->keys[i], b->keys[i]))
			return false;
		if (strcmp(a->keys[i]->text, *path) == 0
			? !same_but(a->values[i], b->values[i], path + 1, scope)
			: !same(a->values[i], b->values[i]))
			return false;
	}
	return true;
}

/* What an edit changes, by document. */
struct scopes {
	const struct scope *items; /* ascending by index */
	size_t n;
};

static bool has_parts(const struct document *d, const struct scope *scope)
{
	if (scope->removed != NULL && document_part(d, scope->removed) != NULL)
		return false;
	for (size_t k = 0; k < scope->n; k++) {
		const struct document_part *p = document_part(d, scope->parts[k]->name);

		if (p == NULL || !document_part_equal(p, scope->parts[k]))
			return false;
	}
	return true;
}

/* Where what an edit is about stands. */
static const char *const *path_of(const struct scope *scope)
{
	static const char *const parts[] = { "spec", "parts", NULL };
	static const char *const names[] = { "metadata", NULL };

	return scope->renamed != NULL ? names : parts;
}

static bool has_what(const struct document *d, const struct scope *scope)
{
	if (scope->renamed == NULL)
		return has_parts(d, scope);
	return strcmp(d->name, scope->renamed->name) == 0 &&
	       strcmp(d->namespace, scope->renamed->namespace) == 0;
}

static bool as_meant(const struct edit_file *old, const struct edit_file *new,
		     const struct scopes *scopes)
{
	const struct scope *scope = scopes->items, *end = scope + scopes->n;

	if (new->yaml.n != old->yaml.n || new->n != old->n)
		return false;
	for (size_t k = 0; k < old->yaml.n; k++) {
		const struct yaml_node *a = old->yaml.docs[k].root, *b = new->yaml.docs[k].root;
		bool meant = scope < end && old->index[scope->index] == k;

		if (a == NULL || b == NULL ? a != b
		    : meant		   ? !same_but(a, b, path_of(scope), scope)
					   : !same(a, b))
			return false;
		if (meant && (new->index[scope->index] != k ||
			      !has_what(&new->documents[scope->index], scope)))
			return false;
		scope += meant;
	}
	return scope == end;
}

/* --- the edit --------------------------------------------------------------------------------- */

/* Would the document keep its rules with these parts?  Said here, a broken rule is no bug. */
static int check_parts(const struct document *d, const struct scope *scope, struct err *err)
{
	struct document with = *d; /* borrows everything but the array */
	int rc;

	with.parts = mem_array(d->n + scope->n, sizeof(*with.parts));
	memcpy(with.parts, d->parts, d->n * sizeof(*with.parts));
	for (size_t i = 0; i < scope->n; i++) {
		struct document_part *old = document_part(&with, scope->parts[i]->name);
		size_t at = with.n;

		if (old != NULL) {
			*old = *scope->parts[i];
			continue;
		}
		while (at > 0 && strcmp(with.parts[at - 1].name, scope->parts[i]->name) > 0)
			at--;
		memmove(with.parts + at + 1, with.parts + at, (with.n - at) * sizeof(*with.parts));
		with.parts[at] = *scope->parts[i];
		with.n++;
	}
	rc = document_check(&with, err);
	mem_free(with.parts);
	return rc;
}

/* Would a document stay within its size?  In positions of the old text, as the plan is. */
static int check_size(const struct edit_file *f, const struct splice_plan *plan, size_t i,
		      struct err *err)
{
	const struct yaml_doc *doc = &f->yaml.docs[f->index[i]];
	size_t size = doc->end - doc->begin, out = 0;

	for (size_t k = 0; k < plan->n; k++) {
		const struct splice *s = &plan->items[k];

		if (s->begin < doc->begin || s->begin > doc->end)
			continue;
		size += s->text.len;
		out += s->end - s->begin;
	}
	if (size <= DOCUMENT_MAX + out)
		return 0;
	return err_set(err, ERR_INVALID, "%s:%u: the document would become larger than %d bytes",
		       f->name, doc->line, DOCUMENT_MAX);
}

/* Apply the plan, read the result, and take it when it is what was meant. */
static int carry_out(struct edit_file *f, struct splice_plan *plan, const struct scopes *scopes,
		     struct err *err)
{
	struct edit_file new = EDIT_FILE_INIT;
	unsigned line = f->yaml.docs[f->index[scopes->items[0].index]].line;
	struct buf text = BUF_INIT;
	struct err why = ERR_INIT;
	int rc = 0;

	text.max = DOCUMENT_FILE_MAX;
	for (size_t i = 0; i < scopes->n && rc == 0; i++)
		rc = check_size(f, plan, scopes->items[i].index, err);
	if (rc == 0 && splice_apply(plan, &text) != 0)
		rc = err_set(err, ERR_INVALID, "%s: would become larger than %d bytes; split it",
			     f->name, DOCUMENT_FILE_MAX);
	if (rc == 0 && (edit_load(f->name, &text, &new, &why) != 0 || !as_meant(f, &new, scopes)))
		rc = err_set(err, ERR_INTERNAL,
			     "%s:%u: editing this document's text did not give what was meant; "
			     "nothing was changed; please report it with the file (%s)",
			     f->name, line, why.text[0] == '\0' ? "it reads otherwise" : why.text);
	if (rc == 0) {
		edit_clear(f);
		*f = new;
		new = (struct edit_file)EDIT_FILE_INIT;
	}
	buf_clear(&text);
	edit_clear(&new);
	return rc;
}

static int change_sealed(struct splice_plan *plan, const struct yaml_node *node,
			 const struct buf *age, struct err *err)
{
	struct buf old = BUF_INIT, armor = BUF_INIT;
	int rc = age_dearmor(node->text, node->len, &old, err);

	if (rc == 0 && (old.len != age->len || memcmp(old.data, age->data, age->len) != 0)) {
		rc = age_armor(age->data, age->len, &armor, err);
		if (rc == 0)
			entry_set_lines(plan, node, buf_str(&armor));
	}
	buf_clear(&old);
	buf_clear(&armor);
	return rc;
}

static int change_part(struct splice_plan *plan, const struct yaml_node *node,
		       const struct document_part *part, struct err *err)
{
	entry_set_map(plan, yaml_get(node, "recipients"), &part->recipients);
	entry_set_map(plan, yaml_get(node, "facts"), &part->facts);
	return change_sealed(plan, yaml_get(node, "sealed"), &part->age, err);
}

static int add_part(struct splice_plan *plan, const struct yaml_node *parts,
		    const struct document_part *part, struct err *err)
{
	struct splice_entry *recipients = entry_of_kv(&part->recipients);
	struct splice_entry *facts = entry_of_kv(&part->facts);
	struct splice_entry fields[] = {
		{ .name = "recipients", .children = recipients, .n = part->recipients.n },
		{ .name = "facts", .children = facts, .n = part->facts.n },
		{ .name = "sealed", .literal = true },
	};
	const struct splice_entry e = { .name = part->name, .children = fields, .n = 3 };
	struct buf armor = BUF_INIT;
	int rc = age_armor(part->age.data, part->age.len, &armor, err);

	if (rc == 0) {
		fields[2].text = buf_str(&armor);
		entry_insert(plan, parts, &e);
	}
	buf_clear(&armor);
	mem_free(recipients);
	mem_free(facts);
	return rc;
}

static int compare_names(const void *a, const void *b)
{
	const struct document_part *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static int plan_parts(struct splice_plan *plan, const struct edit_file *f,
		      const struct scope *scope, struct err *err)
{
	const struct document *d = &f->documents[scope->index];
	const struct yaml_node *node = parts_node(f, scope->index);
	int rc = check_parts(d, scope, err);

	if (rc != 0)
		return err_wrap(err, "%s:%u", f->name, d->line);
	splice_eol(plan, node->begin);
	for (size_t k = 0; k < scope->n && rc == 0; k++) {
		const struct yaml_node *old = yaml_get(node, scope->parts[k]->name);

		if (old != NULL)
			rc = change_part(plan, old, scope->parts[k], err);
		else
			rc = add_part(plan, node, scope->parts[k], err);
	}
	return rc;
}

int edit_put_documents(struct edit_file *f, const struct edit_put *puts, size_t n, struct err *err)
{
	struct scope *items = mem_array(n, sizeof(*items));
	const struct scopes scopes = { items, n };
	const struct document_part **sorted;
	struct splice_plan plan;
	int rc = 0;

	splice_init(&plan, f->text.data, f->text.len, 0);
	for (size_t i = 0; i < n; i++) {
		sorted = mem_dup(puts[i].parts, puts[i].n * sizeof(struct document_part *));
		qsort(sorted, puts[i].n, sizeof(struct document_part *), compare_names);
		items[i] =
		    (struct scope){ .index = puts[i].index, .parts = sorted, .n = puts[i].n };
	}
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = plan_parts(&plan, f, &items[i], err);
	if (rc == 0 && n > 0)
		rc = carry_out(f, &plan, &scopes, err);
	splice_clear(&plan);
	for (size_t i = 0; i < n; i++)
		mem_free((void *)(uintptr_t)items[i].parts);
	mem_free(items);
	return rc;
}

int edit_put_parts(struct edit_file *f, size_t i, const struct document_part *const *parts,
		   size_t n, struct err *err)
{
	const struct edit_put put = { i, parts, n };

	return edit_put_documents(f, &put, 1, err);
}

int edit_put_part(struct edit_file *f, size_t i, const struct document_part *part, struct err *err)
{
	return edit_put_parts(f, i, &part, 1, err);
}

int edit_remove_part(struct edit_file *f, size_t i, const char *part, struct err *err)
{
	const struct scope scope = { .index = i, .removed = part };
	const struct scopes scopes = { &scope, 1 };
	const struct yaml_node *node = parts_node(f, i);
	struct splice_plan plan;
	size_t at = 0;
	int rc;

	while (at < node->n && strcmp(node->keys[at]->text, part) != 0)
		at++;
	if (at == node->n)
		return err_set(err, ERR_INVALID, "%s:%u: the document has no part of that name",
			       f->name, f->documents[i].line);
	if (node->n == 1)
		return err_set(err, ERR_INVALID,
			       "%s:%u: the document's only part; remove the whole document instead",
			       f->name, node->keys[at]->line);
	splice_init(&plan, f->text.data, f->text.len, node->begin);
	entry_remove(&plan, node, at);
	rc = carry_out(f, &plan, &scopes, err);
	splice_clear(&plan);
	return rc;
}

/* --- another name -------------------------------------------------------------------------------
 */

/* Plain where it was plain and may be, in quotes where it was in quotes. */
static void set_name(struct splice_plan *plan, const struct yaml_node *node, const char *name)
{
	if (strcmp(node->text, name) != 0)
		quote_put(splice_add(plan, node->begin, node->end), name,
			  node->style != YAML_PLAIN);
}

static int check_free(const struct edit_file *f, size_t i, const struct document *renamed,
		      struct err *err)
{
	for (size_t k = 0; k < f->n; k++)
		if (k != i && strcmp(f->documents[k].name, renamed->name) == 0 &&
		    strcmp(f->documents[k].namespace, renamed->namespace) == 0)
			return err_set(err, ERR_CONFLICT, "%s:%u: this document has that name",
				       f->name, f->documents[k].line);
	return 0;
}

static int set_names(struct edit_file *f, size_t i, const struct document *renamed, struct err *err)
{
	const struct yaml_node *metadata = yaml_get(f->yaml.docs[f->index[i]].root, "metadata");
	const struct scope scope = { .index = i, .renamed = renamed };
	const struct scopes scopes = { &scope, 1 };
	struct splice_plan plan;
	int rc;

	splice_init(&plan, f->text.data, f->text.len, metadata->begin);
	set_name(&plan, yaml_get(metadata, "name"), renamed->name);
	set_name(&plan, yaml_get(metadata, "namespace"), renamed->namespace);
	rc = carry_out(f, &plan, &scopes, err);
	splice_clear(&plan);
	return rc;
}

/* The names first: the parts are checked against the document that they are put into. */
int edit_rename(struct edit_file *f, size_t i, const struct document *renamed, struct err *err)
{
	const struct document_part **parts = mem_array(renamed->n, sizeof(struct document_part *));
	struct edit_file work = EDIT_FILE_INIT;
	struct buf text = BUF_INIT;
	int rc = -1;

	for (size_t k = 0; k < renamed->n; k++)
		parts[k] = &renamed->parts[k];
	buf_put(&text, f->text.data, f->text.len);
	if (check_free(f, i, renamed, err) == 0 && document_check(renamed, err) == 0 &&
	    edit_load(f->name, &text, &work, err) == 0 && set_names(&work, i, renamed, err) == 0 &&
	    work.index != NULL && edit_put_parts(&work, i, parts, renamed->n, err) == 0) {
		edit_clear(f);
		*f = work;
		work = (struct edit_file)EDIT_FILE_INIT;
		rc = 0;
	}
	buf_clear(&text);
	edit_clear(&work);
	mem_free(parts);
	return rc;
}
