/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/config_edit.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/name.h"
#include "base/yaml.h"
#include "keys/config.h"

/* A config's text with its nodes, while one edit is worked out. */
struct editor {
	const char *name;
	const struct buf *text;
	struct config config;
	struct yaml_stream stream;
	const struct yaml_node *root;
	const struct yaml_node *recipients; /* the value; NULL when the key is not there */
	struct err *err;
};

/* What to do: put text into the place of the bytes [begin, end). */
struct splice {
	size_t begin, end;
	struct buf text;
};

#define SPLICE_INIT                                                                                \
	{                                                                                          \
		0, 0, BUF_INIT                                                                     \
	}

static void editor_clear(struct editor *e)
{
	yaml_clear(&e->stream);
	config_clear(&e->config);
}

static int editor_init(struct editor *e, const char *name, const struct buf *text, struct err *err)
{
	*e = (struct editor){ .name = name,
			      .text = text,
			      .config = CONFIG_INIT,
			      .stream = YAML_STREAM_INIT,
			      .err = err };
	if (config_parse(name, text->data, text->len, &e->config, err) != 0 ||
	    yaml_parse(name, text->data, text->len, &e->stream, err) != 0) {
		editor_clear(e);
		return -1;
	}
	e->root = e->stream.docs[0].root;
	e->recipients = yaml_get(e->root, "recipients");
	return 0;
}

/* --- lines ------------------------------------------------------------------------------------ */

static size_t line_begin(const struct buf *text, size_t at)
{
	while (at > 0 && text->data[at - 1] != '\n')
		at--;
	return at;
}

/* Behind the line's end, or the end of the text. */
static size_t line_end(const struct buf *text, size_t at)
{
	const unsigned char *end = memchr(text->data + at, '\n', text->len - at);

	return end == NULL ? text->len : (size_t)(end - text->data) + 1;
}

/* The line end that the text uses. */
static const char *eol(const struct buf *text)
{
	const unsigned char *end = memchr(text->data, '\n', text->len);

	return end != NULL && end != text->data && end[-1] == '\r' ? "\r\n" : "\n";
}

/* --- adding ----------------------------------------------------------------------------------- */

static void put_entry(struct buf *out, const char *name, const char *key)
{
	buf_printf(out, yaml_plain_ambiguous(name, strlen(name)) ? "\"%s\": \"%s\"" : "%s: \"%s\"",
		   name, key);
}

/* A whole line behind the one that ends at `end`, which may be the last and lack its end. */
static void put_line_after(const struct editor *e, size_t end, const struct buf *indent,
			   const char *name, const char *key, struct splice *s)
{
	s->begin = s->end = end;
	if (end != 0 && e->text->data[end - 1] != '\n')
		buf_puts(&s->text, eol(e->text));
	buf_put(&s->text, indent->data, indent->len);
	put_entry(&s->text, name, key);
	buf_puts(&s->text, eol(e->text));
}

/* "recipients:" is not there: two lines before the first key, or a map within "{...}". */
static void add_map(const struct editor *e, const char *name, const char *key, struct splice *s)
{
	if (e->root->style == YAML_FLOW) {
		s->begin = s->end = e->root->begin + 1;
		buf_puts(&s->text, "recipients: {");
		put_entry(&s->text, name, key);
		buf_puts(&s->text, e->root->n == 0 ? "}" : "}, ");
		return;
	}
	s->begin = s->end = e->root->keys[0]->begin;
	buf_printf(&s->text, "recipients:%s%*s", eol(e->text), (int)e->root->keys[0]->column + 2,
		   "");
	put_entry(&s->text, name, key);
	buf_printf(&s->text, "%s%*s", eol(e->text), (int)e->root->keys[0]->column, "");
}

/* "recipients:" has nothing behind it. */
static void add_first(const struct editor *e, const char *name, const char *key, struct splice *s)
{
	struct buf indent = BUF_INIT;

	if (e->root->style == YAML_FLOW) {
		s->begin = s->end = e->recipients->begin;
		buf_puts(&s->text, " {");
		put_entry(&s->text, name, key);
		buf_puts(&s->text, "}");
		return;
	}
	buf_printf(&indent, "%*s", (int)e->root->keys[0]->column + 2, "");
	put_line_after(e, line_end(e->text, e->recipients->begin), &indent, name, key, s);
	buf_clear(&indent);
}

static void add_last(const struct editor *e, const char *name, const char *key, struct splice *s)
{
	const struct yaml_node *map = e->recipients;
	struct buf indent = BUF_INIT;
	size_t begin;

	if (map->style == YAML_FLOW) {
		s->begin = s->end = map->n == 0 ? map->begin + 1 : map->values[map->n - 1]->end;
		buf_puts(&s->text, map->n == 0 ? "" : ", ");
		put_entry(&s->text, name, key);
		return;
	}
	begin = line_begin(e->text, map->keys[map->n - 1]->begin);
	buf_put(&indent, e->text->data + begin, map->keys[map->n - 1]->begin - begin);
	put_line_after(e, line_end(e->text, map->values[map->n - 1]->end), &indent, name, key, s);
	buf_clear(&indent);
}

/* The key inside whatever quotes are there. */
static void replace(const struct yaml_node *value, const char *key, struct splice *s)
{
	size_t quote = value->style == YAML_PLAIN ? 0 : 1;

	s->begin = value->begin + quote;
	s->end = value->end - quote;
	buf_puts(&s->text, key);
}

/* The index of a recipient in the map, or -1. */
static long index_of(const struct editor *e, const char *recipient)
{
	const struct yaml_node *map = e->recipients;

	if (map == NULL || map->type != YAML_MAP)
		return -1;
	for (size_t i = 0; i < map->n; i++)
		if (strcmp(map->keys[i]->text, recipient) == 0)
			return (long)i;
	return -1;
}

/* Apply, if the outcome is still a config. */
static int apply(const char *name, struct buf *text, const struct splice *s, struct err *err)
{
	struct buf edited = { .max = text->max };
	struct config config = CONFIG_INIT;
	int r = -1;

	buf_put(&edited, text->data, text->len);
	if (buf_splice(&edited, s->begin, s->end - s->begin, s->text.data, s->text.len) != 0)
		err_set(err, ERR_INVALID, "%s: it would become too large", name);
	else
		r = config_parse(name, edited.data, edited.len, &config, err);
	if (r == 0)
		buf_move(text, &edited);
	config_clear(&config);
	buf_clear(&edited);
	return r;
}

int config_edit_add(const char *name, struct buf *text, const char *recipient,
		    const struct age_recipient *key, struct err *err)
{
	struct recipients alone = RECIPIENTS_INIT;
	struct splice s = SPLICE_INIT;
	struct editor e;
	char key_text[AGE_RECIPIENT_TEXT];
	long at;
	int r = recipients_add(&alone, recipient, key, err); /* checks the name */

	recipients_clear(&alone);
	if (r != 0)
		return -1;
	if (strcmp(recipient, CONFIG_RECOVERY) == 0)
		return err_set(err, ERR_RECIPIENT,
			       "the name \"" CONFIG_RECOVERY "\" is reserved: change the recovery "
			       "key in %s by hand",
			       name);
	if (editor_init(&e, name, text, err) != 0)
		return -1;
	age_recipient_format(key, key_text);
	at = index_of(&e, recipient);
	if (at >= 0)
		replace(e.recipients->values[at], key_text, &s);
	else if (e.recipients == NULL)
		add_map(&e, recipient, key_text, &s);
	else if (e.recipients->type != YAML_MAP)
		add_first(&e, recipient, key_text, &s);
	else
		add_last(&e, recipient, key_text, &s);
	r = apply(name, text, &s, err);
	buf_clear(&s.text);
	editor_clear(&e);
	return r;
}

/* --- removing --------------------------------------------------------------------------------- */

/* Its lines, or in "{...}" the pair with one comma. */
static void cut(const struct editor *e, size_t i, struct splice *s)
{
	const struct yaml_node *map = e->recipients;

	if (map->style != YAML_FLOW) {
		s->begin = line_begin(e->text, map->keys[i]->begin);
		s->end = line_end(e->text, map->values[i]->end);
	} else if (i + 1 < map->n) {
		s->begin = map->keys[i]->begin;
		s->end = map->keys[i + 1]->begin;
	} else {
		s->begin = i == 0 ? map->keys[i]->begin : map->values[i - 1]->end;
		s->end = map->values[i]->end;
	}
}

static int check_unused(const struct editor *e, const char *recipient)
{
	for (size_t i = 0; i < e->config.n; i++) {
		const struct config_rule *rule = &e->config.rules[i];

		for (size_t j = 0; j < rule->n; j++)
			if (strcmp(rule->to[j], recipient) == 0)
				return err_set(
				    e->err, ERR_CONFLICT,
				    "%s:%u: the rule for %s names %s; change the rule first",
				    e->name, rule->line, rule->path, recipient);
	}
	return 0;
}

int config_edit_remove(const char *name, struct buf *text, const char *recipient, struct err *err)
{
	struct splice s = SPLICE_INIT;
	struct editor e;
	long at;
	int r = -1;

	if (editor_init(&e, name, text, err) != 0)
		return -1;
	at = index_of(&e, recipient);
	if (at < 0) {
		err_set(err, ERR_RECIPIENT, "%s: no recipient is named %s", name, recipient);
	} else if (check_unused(&e, recipient) == 0) {
		cut(&e, (size_t)at, &s);
		r = apply(name, text, &s, err);
	}
	buf_clear(&s.text);
	editor_clear(&e);
	return r;
}

/* --- rules ------------------------------------------------------------------------------------ */

static void put_rule(struct buf *out, const char *indent, const char *path, const char *recipient,
		     const char *end)
{
	buf_printf(out, "%s- path: ", indent);
	json_format_string(out, path, strlen(path));
	buf_printf(out, "%s%s  to: [", end, indent);
	buf_printf(out, yaml_plain_ambiguous(recipient, strlen(recipient)) ? "\"%s\"" : "%s",
		   recipient);
	buf_printf(out, "]%s", end);
}

/* Before the first that is there, as it is indented; or the key itself, behind all else. */
static int place_rule(const struct editor *e, const char *path, const char *recipient,
		      struct splice *s)
{
	const struct yaml_node *rules = yaml_get(e->root, "rules");
	const char *end = eol(e->text);
	struct buf indent = BUF_INIT;

	if (e->root->style == YAML_FLOW ||
	    (rules != NULL && rules->type == YAML_LIST && rules->style == YAML_FLOW))
		return err_set(e->err, ERR_INVALID,
			       "%s: rules: written with brackets; put them on lines of their own, "
			       "so that one can be added before them",
			       e->name);
	if (rules != NULL && rules->type == YAML_LIST) {
		s->begin = s->end = line_begin(e->text, rules->begin);
		buf_printf(&indent, "%*s", (int)rules->column, "");
	} else if (rules != NULL) {
		s->begin = s->end = line_end(e->text, rules->begin);
		buf_puts(&indent, "  ");
	} else {
		s->begin = s->end = e->text->len;
		buf_puts(&indent, "  ");
	}
	if (s->begin > 0 && e->text->data[s->begin - 1] != '\n')
		buf_puts(&s->text, end);
	if (rules == NULL)
		buf_printf(&s->text, "rules:%s", end);
	put_rule(&s->text, buf_str(&indent), path, recipient, end);
	buf_clear(&indent);
	return 0;
}

int config_edit_rule(const char *name, struct buf *text, const char *path, const char *recipient,
		     struct err *err)
{
	struct splice s = SPLICE_INIT;
	struct editor e;
	int r;

	if (editor_init(&e, name, text, err) != 0)
		return -1;
	r = place_rule(&e, path, recipient, &s);
	if (r == 0)
		r = apply(name, text, &s, err);
	buf_clear(&s.text);
	editor_clear(&e);
	return r;
}
