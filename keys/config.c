/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/config.h"

#include <stdarg.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/name.h"
#include "base/yaml.h"

struct parser {
	const char *name;
	struct config *out;
	struct err *err;
};

/* class, "name:line: field: text" */
__attribute__((format(printf, 5, 6))) static int fail(const struct parser *p, enum err_class class,
						      const struct yaml_node *at, const char *field,
						      const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_vset(p->err, class, fmt, ap);
	va_end(ap);
	return err_wrap(p->err, "%s:%u: %s", p->name, at->line, field);
}

/* A string on one line, so that it can be replaced in place; NULL after an error. */
static const char *need_string(const struct parser *p, const struct yaml_node *node,
			       const char *field)
{
	const char *text = node->type == YAML_SCALAR ? yaml_string(node) : NULL;

	if (node->type != YAML_SCALAR)
		fail(p, ERR_INVALID, node, field, "a string is expected, not a %s",
		     node->type == YAML_MAP ? "map" : "list");
	else if (node->style != YAML_PLAIN && node->style != YAML_SINGLE &&
		 node->style != YAML_DOUBLE)
		fail(p, ERR_INVALID, node, field, "write it on one line, in quotes");
	else if (text == NULL)
		fail(p, ERR_INVALID, node, field,
		     "YAML can read this as something other than a string: put it in quotes");
	else
		return text;
	return NULL;
}

/* "key:" with nothing behind it stands for an empty collection. */
static bool is_nothing(const struct yaml_node *node)
{
	return node->type == YAML_SCALAR && node->style == YAML_PLAIN && node->len == 0;
}

/* --- recipients ------------------------------------------------------------------------------- */

static int add_recipient(const struct parser *p, const char *name, const struct yaml_node *value,
			 const char *field)
{
	const char *text = need_string(p, value, field);
	struct age_recipient key;

	if (text == NULL)
		return -1;
	if (age_recipient_parse(text, &key, p->err) != 0 ||
	    recipients_add(&p->out->recipients, name, &key, p->err) != 0)
		return err_wrap(p->err, "%s:%u: %s", p->name, value->line, field);
	return 0;
}

static int parse_recipients(const struct parser *p, const struct yaml_node *map)
{
	if (is_nothing(map))
		return 0;
	if (map->type != YAML_MAP)
		return fail(p, ERR_INVALID, map, "recipients",
			    "a map of names to keys is expected");
	for (size_t i = 0; i < map->n; i++) {
		const struct yaml_node *key = map->keys[i];
		const char *name = need_string(p, key, "recipients");

		if (name == NULL)
			return -1;
		/* what is no name may be a private key at the wrong place: not quoted */
		if (!name_is_label(name))
			return fail(p, ERR_RECIPIENT, key, "recipients",
				    "a name is not at most 63 of a-z, 0-9 and \"-\", with \"-\" at "
				    "neither end");
		if (strcmp(name, CONFIG_RECOVERY) == 0)
			return fail(p, ERR_RECIPIENT, key, "recipients",
				    "the name \"" CONFIG_RECOVERY
				    "\" is reserved: the recovery key "
				    "stands beside this map, as \"" CONFIG_RECOVERY ":\"");
		if (add_recipient(p, name, map->values[i], name) != 0)
			return -1;
	}
	return 0;
}

static int parse_recovery(const struct parser *p, const struct yaml_node *value)
{
	return add_recipient(p, CONFIG_RECOVERY, value, CONFIG_RECOVERY);
}

/* --- rules ------------------------------------------------------------------------------------ */

/* Segments between "/", none of them empty, "." or "..": such a rule would never match. */
static bool is_path_glob(const char *s)
{
	for (;;) {
		size_t n = strcspn(s, "/");

		if (n == 0 || (n == 1 && s[0] == '.') || (n == 2 && s[0] == '.' && s[1] == '.'))
			return false;
		if (s[n] == '\0')
			return true;
		s += n + 1;
	}
}

static bool is_label_glob(const char *s)
{
	return *s != '\0' && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-*?") == strlen(s);
}

static int rule_path(const struct parser *p, const struct yaml_node *value,
		     struct config_rule *rule)
{
	const char *text = need_string(p, value, "path");

	if (text == NULL)
		return -1;
	if (!is_path_glob(text))
		return fail(p, ERR_INVALID, value, "path",
			    "not a path below the Git top level: no \"/\" at either end, no empty "
			    "part, no \".\" or \"..\"");
	rule->path = mem_str(text);
	return 0;
}

static int rule_namespace(const struct parser *p, const struct yaml_node *value,
			  struct config_rule *rule)
{
	const char *text = need_string(p, value, "namespace");

	if (text == NULL)
		return -1;
	if (!is_label_glob(text))
		return fail(p, ERR_INVALID, value, "namespace",
			    "not the name of a namespace, in which * and ? may stand");
	rule->namespace = mem_str(text);
	return 0;
}

static int rule_kind(const struct parser *p, const struct yaml_node *value,
		     struct config_rule *rule)
{
	const char *text = need_string(p, value, "kind");

	if (text == NULL)
		return -1;
	if (!name_is_label(text))
		return fail(p, ERR_INVALID, value, "kind",
			    "not a kind of credential, such as deploy-key");
	rule->kind = mem_str(text);
	return 0;
}

static int rule_to_one(const struct parser *p, const struct yaml_node *item,
		       struct config_rule *rule)
{
	const char *name = need_string(p, item, "to");

	if (name == NULL)
		return -1;
	if (!name_is_label(name))
		return fail(p, ERR_RECIPIENT, item, "to", "this is not the name of a recipient");
	if (strcmp(name, CONFIG_RECOVERY) == 0)
		return fail(p, ERR_RECIPIENT, item, "to",
			    "\"" CONFIG_RECOVERY "\" is added to every rule; leave it out");
	if (recipients_find(&p->out->recipients, name) == NULL)
		return fail(p, ERR_RECIPIENT, item, "to", "no recipient is named %s", name);
	for (size_t i = 0; i < rule->n; i++)
		if (strcmp(rule->to[i], name) == 0)
			return fail(p, ERR_INVALID, item, "to", "%s stands here twice", name);
	rule->to = mem_grow(rule->to, rule->n + 1, sizeof(*rule->to));
	rule->to[rule->n++] = mem_str(name);
	return 0;
}

static int rule_to(const struct parser *p, const struct yaml_node *value, struct config_rule *rule)
{
	size_t max = RECIPIENTS_MAX;

	if (recipients_find(&p->out->recipients, CONFIG_RECOVERY) != NULL)
		max--;
	if (value->type != YAML_LIST)
		return fail(p, ERR_INVALID, value, "to", "a list of names is expected: [a, b]");
	if (value->n == 0)
		return fail(p, ERR_RECIPIENT, value, "to", "the rule names nobody");
	if (value->n > max)
		return fail(p, ERR_RECIPIENT, value, "to",
			    "%zu recipients; a document can have %d, recovery among them", value->n,
			    RECIPIENTS_MAX);
	for (size_t i = 0; i < value->n; i++)
		if (rule_to_one(p, value->values[i], rule) != 0)
			return -1;
	return 0;
}

static const struct rule_field {
	const char *name;
	bool needed;
	int (*parse)(const struct parser *p, const struct yaml_node *value,
		     struct config_rule *rule);
} rule_fields[] = {
	{ "path", true, rule_path },
	{ "namespace", false, rule_namespace },
	{ "kind", false, rule_kind },
	{ "to", true, rule_to },
};
#define RULE_FIELDS (sizeof(rule_fields) / sizeof(rule_fields[0]))

static int parse_rule(const struct parser *p, const struct yaml_node *map, struct config_rule *rule)
{
	if (map->type != YAML_MAP)
		return fail(p, ERR_INVALID, map, "rules", "each rule is a map with path and to");
	rule->line = map->line;
	for (size_t i = 0; i < map->n; i++) {
		size_t f = 0;

		while (f < RULE_FIELDS && strcmp(map->keys[i]->text, rule_fields[f].name) != 0)
			f++;
		if (f == RULE_FIELDS)
			return fail(p, ERR_INVALID, map->keys[i], "rules",
				    "a rule has path, namespace, kind and to, and nothing else");
		if (rule_fields[f].parse(p, map->values[i], rule) != 0)
			return -1;
	}
	for (size_t f = 0; f < RULE_FIELDS; f++)
		if (rule_fields[f].needed && yaml_get(map, rule_fields[f].name) == NULL)
			return fail(p, ERR_INVALID, map, "rules", "the rule has no \"%s\"",
				    rule_fields[f].name);
	return 0;
}

static int parse_rules(const struct parser *p, const struct yaml_node *list)
{
	if (is_nothing(list))
		return 0;
	if (list->type != YAML_LIST)
		return fail(p, ERR_INVALID, list, "rules", "a list of rules is expected");
	p->out->rules = mem_array(list->n, sizeof(*p->out->rules));
	p->out->n = list->n;
	for (size_t i = 0; i < list->n; i++)
		if (parse_rule(p, list->values[i], &p->out->rules[i]) != 0)
			return -1;
	return 0;
}

/* --- the whole -------------------------------------------------------------------------------- */

/* In the order in which they are looked at: rules need the names. */
static const struct section {
	const char *name;
	int (*parse)(const struct parser *p, const struct yaml_node *value);
} sections[] = {
	{ "recipients", parse_recipients },
	{ CONFIG_RECOVERY, parse_recovery },
	{ "rules", parse_rules },
};
#define SECTIONS (sizeof(sections) / sizeof(sections[0]))

static int parse_root(const struct parser *p, const struct yaml_node *root)
{
	if (root->type != YAML_MAP)
		return fail(p, ERR_INVALID, root, "config",
			    "a map with recipients, recovery and rules is expected");
	for (size_t i = 0; i < root->n; i++) {
		size_t s = 0;

		while (s < SECTIONS && strcmp(root->keys[i]->text, sections[s].name) != 0)
			s++;
		if (s == SECTIONS)
			return fail(
			    p, ERR_INVALID, root->keys[i], "config",
			    "recipients, recovery and rules can stand here, and nothing else");
	}
	for (size_t s = 0; s < SECTIONS; s++) {
		const struct yaml_node *value = yaml_get(root, sections[s].name);

		if (value != NULL && sections[s].parse(p, value) != 0)
			return -1;
	}
	return 0;
}

int config_parse(const char *name, const void *text, size_t len, struct config *out,
		 struct err *err)
{
	struct parser p = { name, out, err };
	struct yaml_stream stream = YAML_STREAM_INIT;
	int r = -1;

	if (len > CONFIG_MAX)
		return err_set(err, ERR_INVALID, "%s: larger than %d bytes", name, CONFIG_MAX);
	if (yaml_parse(name, text, len, &stream, err) != 0)
		return -1;
	if (stream.n != 1 || stream.docs[0].root == NULL)
		err_set(err, ERR_INVALID, "%s: %s", name,
			stream.n > 1 ? "more than one YAML document" : "there is nothing in it");
	else
		r = parse_root(&p, stream.docs[0].root);
	if (r != 0)
		config_clear(out);
	yaml_clear(&stream);
	return r;
}

void config_clear(struct config *c)
{
	for (size_t i = 0; i < c->n; i++) {
		struct config_rule *rule = &c->rules[i];

		for (size_t j = 0; j < rule->n; j++)
			mem_free(rule->to[j]);
		mem_free(rule->to);
		mem_free(rule->path);
		mem_free(rule->namespace);
		mem_free(rule->kind);
	}
	mem_free(c->rules);
	recipients_clear(&c->recipients);
	*c = (struct config)CONFIG_INIT;
}

static bool matches(const struct config_rule *rule, const char *path, const char *namespace,
		    const char *kind)
{
	if (rule->namespace != NULL &&
	    (namespace == NULL || !name_glob(rule->namespace, namespace)))
		return false;
	if (rule->kind != NULL && (kind == NULL || strcmp(rule->kind, kind) != 0))
		return false;
	return name_glob_path(rule->path, path);
}

static int add_by_name(const struct config *c, const struct config_rule *rule, const char *name,
		       struct recipients *out, struct err *err)
{
	const struct recipient *r = recipients_find(&c->recipients, name);

	if (r == NULL)
		return err_set(err, ERR_RECIPIENT, CONFIG_PATH ":%u: no recipient is named %s",
			       rule->line, name);
	return recipients_add(out, r->name, &r->key, err);
}

int config_select(const struct config *c, const char *path, const char *namespace, const char *kind,
		  struct recipients *out, struct err *err)
{
	const struct config_rule *rule = NULL;

	for (size_t i = 0; i < c->n && rule == NULL; i++)
		if (matches(&c->rules[i], path, namespace, kind))
			rule = &c->rules[i];
	if (rule == NULL)
		return err_set(err, ERR_RECIPIENT,
			       "no rule of " CONFIG_PATH " matches %s (namespace %s, kind %s): add "
			       "one, or name the recipients",
			       path, namespace == NULL ? "not known" : namespace,
			       kind == NULL ? "not known" : kind);
	if (rule->n == 0)
		return err_set(err, ERR_RECIPIENT, CONFIG_PATH ":%u: the rule names nobody",
			       rule->line);
	for (size_t i = 0; i < rule->n; i++)
		if (add_by_name(c, rule, rule->to[i], out, err) != 0)
			return -1;
	if (recipients_find(&c->recipients, CONFIG_RECOVERY) != NULL)
		return add_by_name(c, rule, CONFIG_RECOVERY, out, err);
	return 0;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* A label needs quotes only where some YAML would take it for a number or a truth value. */
static void put_name(struct buf *out, const char *name)
{
	buf_printf(out, yaml_plain_ambiguous(name, strlen(name)) ? "\"%s\"" : "%s", name);
}

#define NOT_UTF8 0x110000

/* The code point that s begins with, *n bytes long. */
static unsigned code_point(const char *s, size_t *n)
{
	static const struct {
		unsigned char mask, lead;
	} forms[] = { { 0x80, 0 }, { 0xe0, 0xc0 }, { 0xf0, 0xe0 }, { 0xf8, 0xf0 } };
	const unsigned char *u = (const unsigned char *)s;

	for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
		unsigned c = u[0] & (unsigned char)~forms[f].mask;

		if ((u[0] & forms[f].mask) != forms[f].lead)
			continue;
		for (*n = 1; *n <= f && (u[*n] & 0xc0) == 0x80; (*n)++)
			c = c << 6 | (u[*n] & 0x3fU);
		if (*n > f)
			return c;
	}
	*n = 1;
	return NOT_UTF8;
}

/* What no YAML has raw in quotes, or some readers take for a line break or a byte order mark. */
static bool needs_escape(unsigned c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff ||
	       c == 0xfffe || c == 0xffff;
}

static void put_quoted(struct buf *out, const char *s)
{
	size_t n;

	buf_putc(out, '"');
	for (; *s != '\0'; s += n) {
		unsigned c = code_point(s, &n);

		if (c == '"' || c == '\\')
			buf_putc(out, '\\');
		if (needs_escape(c))
			buf_printf(out, "\\u%04x", c);
		else
			buf_put(out, s, n);
	}
	buf_putc(out, '"');
}

static void put_key(struct buf *out, const struct age_recipient *key)
{
	char text[AGE_RECIPIENT_TEXT];

	age_recipient_format(key, text);
	buf_printf(out, ": \"%s\"\n", text);
}

static void put_rule(struct buf *out, const struct config_rule *rule)
{
	buf_puts(out, "  - path: ");
	put_quoted(out, rule->path);
	buf_putc(out, '\n');
	if (rule->namespace != NULL) {
		buf_puts(out, "    namespace: ");
		put_quoted(out, rule->namespace);
		buf_putc(out, '\n');
	}
	if (rule->kind != NULL) {
		buf_puts(out, "    kind: ");
		put_name(out, rule->kind);
		buf_putc(out, '\n');
	}
	buf_puts(out, "    to: [");
	for (size_t i = 0; i < rule->n; i++) {
		buf_puts(out, i == 0 ? "" : ", ");
		put_name(out, rule->to[i]);
	}
	buf_puts(out, "]\n");
}

void config_format(const struct recipients *r, const struct config_rule *rules, size_t n,
		   struct buf *out)
{
	const struct recipient *recovery = recipients_find(r, CONFIG_RECOVERY);

	buf_puts(out, "# Who credentials of this repository are sealed to: bulla-recipients(1).\n"
		      "recipients:\n");
	for (size_t i = 0; i < r->n; i++) {
		if (&r->items[i] == recovery)
			continue;
		buf_puts(out, "  ");
		put_name(out, r->items[i].name);
		put_key(out, &r->items[i].key);
	}
	if (recovery != NULL) {
		buf_puts(
		    out,
		    "# Added to every rule; the private key is kept offline.\n" CONFIG_RECOVERY);
		put_key(out, &recovery->key);
	}
	buf_puts(out, "# The first rule that matches decides; ** spans folders.\nrules:\n");
	for (size_t i = 0; i < n; i++)
		put_rule(out, &rules[i]);
}
