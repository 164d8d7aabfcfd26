/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/namespaces.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/name.h"
#include "base/yaml.h"
#include "kinds/kind.h"

#define PATTERN_MAX 63 /* bytes: of a namespace; an account may have 253 */
#define ACCOUNT_MAX 253

struct parser {
	const char *file;
	struct namespaces *out;
	struct err *err;
};

__attribute__((format(printf, 4, 5))) static int fail(const struct parser *p,
						      const struct yaml_node *at, const char *field,
						      const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_vset(p->err, ERR_INVALID, fmt, ap);
	va_end(ap);
	return err_wrap(p->err, "%s:%u: %s", p->file, at->line, field);
}

/* --- the file --------------------------------------------------------------------------------- */

/* What a name may consist of, and the two signs that stand for some of it. */
static bool is_pattern(const char *s, const char *letters, size_t max)
{
	size_t n = strlen(s);

	return n != 0 && n <= max && strspn(s, letters) == n && strchr("-.", s[0]) == NULL &&
	       strchr("-.", s[n - 1]) == NULL;
}

static bool is_target(const char *s)
{
	return is_pattern(s, "abcdefghijklmnopqrstuvwxyz0123456789-*?", PATTERN_MAX);
}

static bool is_account(const char *s)
{
	return is_pattern(s, "abcdefghijklmnopqrstuvwxyz0123456789-.*?", ACCOUNT_MAX);
}

static bool is_kind(const char *s)
{
	return kind_find(s) != NULL;
}

enum { F_NAMESPACES, F_ACCOUNTS, F_KINDS, F_COUNT };

static const struct field {
	const char *name;
	bool (*is)(const char *s);
	const char *item;
} fields[F_COUNT] = {
	[F_NAMESPACES] = { "namespaces", is_target, "a namespace or a pattern of namespaces" },
	[F_ACCOUNTS] = { "serviceAccounts", is_account,
			 "a service account or a pattern of service accounts" },
	[F_KINDS] = { "kinds", is_kind, "a kind of credential" },
};

static struct kv *list_of(struct namespaces_rule *rule, size_t field)
{
	return field == F_NAMESPACES ? &rule->targets
	       : field == F_ACCOUNTS ? &rule->accounts
				     : &rule->kinds;
}

static int take_item(const struct parser *p, const struct yaml_node *v, const struct field *f,
		     struct kv *out)
{
	const char *text = yaml_string(v);

	if (text == NULL)
		return fail(p, v, f->name, "a string is expected; put it in quotes");
	if (!f->is(text))
		return fail(p, v, f->name, "entry %zu is not %s", out->n + 1, f->item);
	if (kv_has(out, text))
		return fail(p, v, f->name, "\"%s\" stands twice", text);
	kv_set_str(out, text, "");
	return 0;
}

static int take_list(const struct parser *p, const struct yaml_node *v, const struct field *f,
		     struct kv *out)
{
	if (v->type != YAML_LIST)
		return fail(p, v, f->name, "a list is expected");
	if (v->n == 0 || v->n > NAMESPACES_ITEMS_MAX)
		return fail(p, v, f->name, "from 1 to %d entries are expected",
			    NAMESPACES_ITEMS_MAX);
	for (size_t i = 0; i < v->n; i++)
		if (take_item(p, v->values[i], f, out) < 0)
			return -1;
	return 0;
}

static const struct field *find_field(const char *name)
{
	for (size_t i = 0; name != NULL && i < F_COUNT; i++)
		if (strcmp(fields[i].name, name) == 0)
			return &fields[i];
	return NULL;
}

static int take_fields(const struct parser *p, const struct yaml_node *v,
		       struct namespaces_rule *rule)
{
	if (v->type != YAML_MAP)
		return fail(p, v, rule->from,
			    "a map with namespaces, serviceAccounts and kinds is expected");
	for (size_t i = 0; i < v->n; i++) {
		const struct field *f = find_field(yaml_string(v->keys[i]));

		if (f == NULL)
			return fail(p, v->keys[i], rule->from,
				    "a field is none of namespaces, serviceAccounts and kinds");
		if (take_list(p, v->values[i], f, list_of(rule, (size_t)(f - fields))) < 0)
			return -1;
	}
	if (rule->targets.n == 0)
		return fail(p, v, rule->from, "namespaces is missing: where may it go?");
	if (rule->kinds.n == 0)
		kv_set_str(&rule->kinds, "registry", "");
	return 0;
}

static int take_rule(const struct parser *p, const struct yaml_node *key, const struct yaml_node *v)
{
	const char *from = yaml_string(key);
	struct namespaces *m = p->out;
	struct namespaces_rule *rule;

	if (from == NULL || !name_is_label(from))
		return fail(p, key, "namespace", "a key is not the name of a namespace");
	m->rules = mem_grow(m->rules, m->n + 1, sizeof(*m->rules));
	rule = &m->rules[m->n++];
	rule->from = mem_str(from);
	return take_fields(p, v, rule);
}

static int compare(const void *a, const void *b)
{
	const struct namespaces_rule *x = a, *y = b;

	return strcmp(x->from, y->from);
}

static int take_map(const struct parser *p, const struct yaml_stream *y)
{
	const struct yaml_node *root = y->n == 0 ? NULL : y->docs[0].root;

	if (y->n > 1)
		return err_set(p->err, ERR_INVALID, "%s:%u: one document is expected, not several",
			       p->file, y->docs[1].line);
	if (root == NULL)
		return 0;
	if (root->type != YAML_MAP)
		return fail(p, root, "map", "a map of namespaces is expected");
	if (root->n > NAMESPACES_RULES_MAX)
		return fail(p, root, "map", "more than %d namespaces", NAMESPACES_RULES_MAX);
	for (size_t i = 0; i < root->n; i++)
		if (take_rule(p, root->keys[i], root->values[i]) < 0)
			return -1;
	if (p->out->n > 1)
		qsort(p->out->rules, p->out->n, sizeof(*p->out->rules), compare);
	return 0;
}

int namespaces_parse(const char *file, const char *own, const void *text, size_t len,
		     struct namespaces *out, struct err *err)
{
	const struct parser p = { .file = file, .out = out, .err = err };
	struct yaml_stream y = YAML_STREAM_INIT;
	int r;

	if (len > NAMESPACES_MAX)
		return err_set(err, ERR_INVALID, "%s: larger than %d bytes", file, NAMESPACES_MAX);
	if (yaml_parse(file, text, len, &y, err) < 0)
		return -1;
	out->own = mem_str(own);
	r = take_map(&p, &y);
	yaml_clear(&y);
	if (r < 0)
		namespaces_clear(out);
	return r;
}

void namespaces_clear(struct namespaces *m)
{
	for (size_t i = 0; i < m->n; i++) {
		mem_free(m->rules[i].from);
		for (size_t f = 0; f < F_COUNT; f++)
			kv_clear(list_of(&m->rules[i], f));
	}
	mem_free(m->rules);
	mem_free(m->own);
	*m = (struct namespaces)NAMESPACES_INIT;
}

/* --- what it allows --------------------------------------------------------------------------- */

const struct namespaces_rule *namespaces_rule(const struct namespaces *m, const char *from,
					      const char *kind)
{
	const struct namespaces_rule key = { .from = (char *)(uintptr_t)from };
	const struct namespaces_rule *rule =
	    m->n == 0 ? NULL : bsearch(&key, m->rules, m->n, sizeof(*m->rules), compare);

	return rule != NULL && kv_has(&rule->kinds, kind) ? rule : NULL;
}

static bool any_matches(const struct kv *patterns, const char *s)
{
	for (size_t i = 0; i < patterns->n; i++)
		if (name_glob(patterns->items[i].name, s))
			return true;
	return false;
}

char *namespaces_next(const char **fact)
{
	size_t n;
	char *item;

	if (*fact == NULL)
		return NULL;
	n = strcspn(*fact, ",");
	item = mem_strn(*fact, n);
	*fact = (*fact)[n] == ',' ? *fact + n + 1 : NULL;
	return item;
}

static bool fact_matches(const char *fact, const char *s)
{
	bool found = false;
	char *item;

	while ((item = namespaces_next(&fact)) != NULL) {
		found = found || name_glob(item, s);
		mem_free(item);
	}
	return found;
}

static bool never(const struct namespaces *m, const struct namespaces_rule *rule,
		  const char *target)
{
	return strcmp(target, rule->from) == 0 || strcmp(target, m->own) == 0 ||
	       strncmp(target, "kube-", 5) == 0 || !name_is_label(target);
}

bool namespaces_target(const struct namespaces *m, const struct namespaces_rule *rule,
		       const char *fact, const char *target)
{
	return rule != NULL && fact != NULL && !never(m, rule, target) &&
	       any_matches(&rule->targets, target) && fact_matches(fact, target);
}

bool namespaces_account(const struct namespaces_rule *rule, const char *fact, const char *account)
{
	return rule != NULL && fact != NULL && any_matches(&rule->accounts, account) &&
	       fact_matches(fact, account);
}

/*
 * Is there a string that both patterns match?  row[j]: can p from i on and q from j on agree.  The
 * patterns come from a file that was checked and from a fact of at most 63 bytes an item.
 */
static bool meet(const char *p, const char *q)
{
	size_t m = strlen(q);
	bool *row = mem_array(m + 1, sizeof(*row)), found;

	/* behind the end of p: only stars may be left of q */
	row[m] = true;
	for (size_t j = m; j-- > 0;)
		row[j] = row[j + 1] && q[j] == '*';
	for (size_t i = strlen(p); i-- > 0;) {
		bool below = row[m]; /* [i + 1][j + 1] */

		row[m] = row[m] && p[i] == '*';
		for (size_t j = m; j-- > 0;) {
			bool down = row[j], same = p[i] == q[j] || p[i] == '?' || q[j] == '?';

			if (p[i] == '*' || q[j] == '*')
				row[j] = down || row[j + 1];
			else
				row[j] = same && below;
			below = down;
		}
	}
	found = row[0];
	mem_free(row);
	return found;
}

size_t namespaces_refused(const struct namespaces_rule *rule, const char *fact, struct buf *out)
{
	size_t refused = 0;
	char *item;

	while ((item = namespaces_next(&fact)) != NULL) {
		bool met = false;

		for (size_t i = 0; rule != NULL && i < rule->targets.n; i++)
			met = met || meet(rule->targets.items[i].name, item);
		if (!met)
			buf_printf(out, "%s%s", refused++ == 0 ? "" : ",", item);
		mem_free(item);
	}
	return refused;
}

size_t namespaces_accounts_refused(const struct namespaces_rule *rule, const char *fact,
				   struct buf *out)
{
	size_t refused = 0;
	char *item;

	while ((item = namespaces_next(&fact)) != NULL) {
		if (rule == NULL || !any_matches(&rule->accounts, item))
			buf_printf(out, "%s%s", refused++ == 0 ? "" : ",", item);
		mem_free(item);
	}
	return refused;
}
