/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables that the manual documents, as one JSON object: the exit statuses, and of each kind its
 * Secret types, data keys, facts and options.  tests/e2e/test_manual.py holds the pages to them.
 */
#include <jansson.h>
#include <stdio.h>

#include "base/err.h"
#include "base/mem.h"
#include "kinds/kind.h"

static json_t *statuses(void)
{
	json_t *list = json_array();

	for (const struct err_status *s = err_statuses; s->meaning != NULL; s++)
		json_array_append_new(list, json_pack("{s:i, s:s, s:s}", "status", (int)s->class,
						      "name", s->name, "meaning", s->meaning));
	return list;
}

static json_t *strings(const char *const *texts)
{
	json_t *list = json_array();

	for (; *texts != NULL; texts++)
		json_array_append_new(list, json_string(*texts));
	return list;
}

static json_t *keys(const struct kind *k)
{
	json_t *list = json_array();

	for (const struct kind_key *key = k->keys; key != NULL && key->name != NULL; key++)
		json_array_append_new(list, json_string(key->name));
	return list;
}

static json_t *options(const struct kind *k)
{
	json_t *list = json_array();

	for (const struct kind_field *f = k->fields; f->name != NULL; f++)
		json_array_append_new(list, json_string(f->option));
	return list;
}

static json_t *kinds(void)
{
	json_t *list = json_array();

	for (const struct kind *const *k = kind_table; *k != NULL; k++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:b}", "name",
						      (*k)->name, "summary", (*k)->summary, "types",
						      strings((*k)->types), "keys", keys(*k),
						      "facts", strings((*k)->facts), "options",
						      options(*k), "retain", (int)(*k)->retain));
	return list;
}

int main(void)
{
	json_t *v;
	int r;

	mem_init();
	v = json_pack("{s:o, s:o}", "statuses", statuses(), "kinds", kinds());
	r = json_dumpf(v, stdout, JSON_INDENT(1));
	json_decref(v);
	return r != 0 || fflush(stdout) != 0;
}
