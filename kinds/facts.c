/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/facts.h"

#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/name.h"

static bool is_namespace_pattern(const char *s)
{
	size_t n = strlen(s);

	/* a label, or one with "*" and "?" in it, so that no pattern can mean what no name is */
	if (strpbrk(s, "*?") == NULL)
		return name_is_label(s);
	return n <= 63 && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-*?") == n &&
	       s[0] != '-' && s[n - 1] != '-';
}

static int check_time(const char *fact, const char *text, struct err *err)
{
	int64_t t;

	if (clock_parse(text, &t))
		return 0;
	return err_set(err, ERR_INVALID, "fact %s: not a time like 2026-11-23T08:00:00Z", fact);
}

static int check_list(const char *fact, const char *text, struct err *err)
{
	struct buf sorted = BUF_INIT;
	int r = facts_list(fact, text, &sorted, err);

	if (r == 0 && strcmp(buf_str(&sorted), text) != 0)
		r = err_set(err, ERR_INVALID, "fact %s: the list is not sorted", fact);
	buf_clear(&sorted);
	return r;
}

static int check_aliases(const char *fact, const char *text, struct err *err)
{
	struct kv aliases = KV_INIT;
	int r = facts_parse_aliases(text, &aliases, err);

	(void)fact;
	kv_clear(&aliases);
	return r;
}

static const struct common {
	const char *name;
	int (*check)(const char *fact, const char *text, struct err *err);
	bool (*is_item)(const char *s); /* of a list */
	const char *item;
} commons[] = {
	{ .name = "sealed-at", .check = check_time },
	{ .name = "not-after", .check = check_time },
	{ .name = "namespaces",
	  .check = check_list,
	  .is_item = is_namespace_pattern,
	  .item = "a namespace or a pattern of namespaces" },
	{ .name = "service-accounts",
	  .check = check_list,
	  .is_item = name_is_subdomain,
	  .item = "the name of a service account" },
	{ .name = "aliases", .check = check_aliases },
};

static const struct common *find(const char *name)
{
	for (size_t i = 0; i < sizeof(commons) / sizeof(*commons); i++)
		if (strcmp(commons[i].name, name) == 0)
			return &commons[i];
	return NULL;
}

bool facts_is_common(const char *name)
{
	return find(name) != NULL;
}

/* The part of text before the next comma, as a new string; *text moves past it, NULL after the
 * last. */
static char *next_item(const char **text)
{
	size_t n = strcspn(*text, ",");
	char *item = mem_strn(*text, n);

	*text = (*text)[n] == ',' ? *text + n + 1 : NULL;
	return item;
}

static int take_item(const struct common *c, const char *item, struct kv *set, struct err *err)
{
	if (!c->is_item(item))
		return err_set(err, ERR_INVALID, "%s: entry %zu is not %s", c->name, set->n + 1,
			       c->item);
	if (kv_has(set, item))
		return err_set(err, ERR_INVALID, "%s: \"%s\" stands twice", c->name, item);
	kv_set_str(set, item, "");
	return 0;
}

int facts_list(const char *fact, const char *text, struct buf *out, struct err *err)
{
	const struct common *c = find(fact);
	struct kv set = KV_INIT;
	int r = 0;

	if (c == NULL || c->is_item == NULL)
		return err_set(err, ERR_INTERNAL, "%s: is no list", fact);
	/* bounds the work before anything is allocated for it */
	if (strlen(text) > FACTS_MAX)
		return err_set(err, ERR_INVALID, "%s: longer than %d bytes", fact, FACTS_MAX);
	for (const char *at = text; at != NULL && r == 0;) {
		char *item = next_item(&at);

		r = take_item(c, item, &set, err);
		mem_free(item);
	}
	for (size_t i = 0; i < set.n && r == 0; i++)
		buf_printf(out, "%s%s", i == 0 ? "" : ",", set.items[i].name);
	kv_clear(&set);
	return r;
}

void facts_format_aliases(const struct kv *aliases, struct buf *out)
{
	for (size_t i = 0; i < aliases->n; i++)
		buf_printf(out, "%s%s=%s", i == 0 ? "" : ",", aliases->items[i].name,
			   (const char *)aliases->items[i].data);
}

static int take_alias(char *item, struct kv *aliases, struct err *err)
{
	char *key = strchr(item, '=');

	if (key == NULL)
		return err_set(err, ERR_INVALID, "fact aliases: an entry is not NEW=KEY");
	*key++ = '\0';
	if (!name_is_data_key(item) || !name_is_data_key(key))
		return err_set(err, ERR_INVALID, "fact aliases: an entry names no data key");
	if (aliases->n != 0 && strcmp(aliases->items[aliases->n - 1].name, item) >= 0)
		return err_set(err, ERR_INVALID, "fact aliases: not sorted, or one name twice");
	kv_set_str(aliases, item, key);
	return 0;
}

int facts_parse_aliases(const char *text, struct kv *aliases, struct err *err)
{
	int r = 0;

	kv_clear(aliases);
	for (const char *at = text; at != NULL && r == 0;) {
		char *item = next_item(&at);

		r = take_alias(item, aliases, err);
		mem_free(item);
	}
	if (r != 0)
		kv_clear(aliases);
	return r;
}

void facts_join(const struct kv *set, struct kv *facts, const char *fact)
{
	struct buf text = BUF_INIT;

	for (size_t i = 0; i < set->n; i++)
		buf_printf(&text, "%s%s", i == 0 ? "" : ",", set->items[i].name);
	kv_set(facts, fact, buf_str(&text), text.len);
	buf_clear(&text);
}

int facts_check(const struct kv *facts, struct err *err)
{
	for (size_t i = 0; i < facts->n; i++) {
		const char *name = facts->items[i].name;
		const char *text = kv_get_str(facts, name);
		const struct common *c = find(name);

		if (facts->items[i].len > FACTS_MAX)
			return err_set(err, ERR_INVALID,
				       "fact %.64s: %zu bytes, and a fact may have %d", name,
				       facts->items[i].len, FACTS_MAX);
		if (text == NULL || !name_is_fact(text))
			return err_set(err, ERR_INVALID,
				       "fact %.64s: holds a character that is not printable ASCII",
				       name);
		if (text[0] == '\0')
			return err_set(err, ERR_INVALID, "fact %.64s: is empty", name);
		if (c != NULL && c->check(name, text, err) != 0)
			return -1;
	}
	return 0;
}
