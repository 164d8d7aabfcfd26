/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A config is refused, or: written anew it says the same; a recipient can be added and taken out
 * again, and then its bytes are what they were.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/err.h"
#include "keys/config.h"
#include "keys/config_edit.h"

#define NAME "config"
#define ADDED "zz-added"

static int same_string(const char *a, const char *b)
{
	return (a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0);
}

static int same_rule(const struct config_rule *a, const struct config_rule *b)
{
	if (!same_string(a->path, b->path) || !same_string(a->namespace, b->namespace) ||
	    !same_string(a->kind, b->kind) || a->n != b->n)
		return 0;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->to[i], b->to[i]) != 0)
			return 0;
	return 1;
}

static int same(const struct config *a, const struct config *b)
{
	if (a->n != b->n || a->recipients.n != b->recipients.n)
		return 0;
	for (size_t i = 0; i < a->n; i++)
		if (!same_rule(&a->rules[i], &b->rules[i]))
			return 0;
	for (size_t i = 0; i < a->recipients.n; i++)
		if (strcmp(a->recipients.items[i].name, b->recipients.items[i].name) != 0 ||
		    strcmp(a->recipients.items[i].id, b->recipients.items[i].id) != 0)
			return 0;
	return 1;
}

static void check_same(const struct config *c, const struct buf *text)
{
	struct config again = CONFIG_INIT;
	struct err err = ERR_INIT;

	must(config_parse(NAME, text->data, text->len, &again, &err) == 0);
	must(same(c, &again));
	config_clear(&again);
}

static void check_format(const struct config *c)
{
	struct buf text = BUF_INIT;

	config_format(&c->recipients, c->rules, c->n, &text);
	check_same(c, &text);
	buf_clear(&text);
}

static void check_edit(const uint8_t *data, size_t size, const struct config *c)
{
	struct age_recipient key = { { 9, 1, 2, 3 } };
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	size_t others = c->recipients.n;

	if (recipients_find(&c->recipients, ADDED) != NULL || size + 100 > CONFIG_MAX)
		return;
	if (recipients_find(&c->recipients, CONFIG_RECOVERY) != NULL)
		others--;
	buf_put(&text, data, size);
	must(config_edit_add(NAME, &text, ADDED, &key, &err) == 0);
	must(config_edit_remove(NAME, &text, ADDED, &err) == 0);
	check_same(c, &text);
	if (others != 0 && data[size - 1] == '\n')
		must(text.len == size && memcmp(text.data, data, size) == 0);
	buf_clear(&text);
}

static void check_select(const struct config *c)
{
	struct recipients to = RECIPIENTS_INIT;
	struct err err = ERR_INIT;

	if (config_select(c, "clusters/eu/a.yaml", "team-a", "tls", &to, &err) == 0)
		must(to.n >= 1 && to.n <= RECIPIENTS_MAX);
	else
		must(err.class == ERR_RECIPIENT && to.n == 0);
	recipients_clear(&to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config c = CONFIG_INIT;
	struct err err = ERR_INIT;

	if (config_parse(NAME, data, size, &c, &err) == 0) {
		check_format(&c);
		check_edit(data, size, &c);
		check_select(&c);
	} else {
		must(err.class == ERR_INVALID || err.class == ERR_RECIPIENT);
		must(strncmp(err.text, NAME ":", strlen(NAME ":")) == 0);
		must(c.n == 0 && c.recipients.n == 0);
	}
	config_clear(&c);
	return 0;
}
