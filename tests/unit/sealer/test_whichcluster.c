/* SPDX-License-Identifier: Apache-2.0 */
/* which recipient a cluster is, by what its agent publishes; and the names of backups */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "sealer/repo.h"
#include "sealer/whichcluster.h"

#define KEY_A "age1cy0su9fwf3gf9mw868g5yut09p6nytfmmnktexz2ya5uqg9vl9sss4euqm"
#define KEY_B "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg"
#define KEY_C "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"

static const char *const keys[] = { KEY_A, KEY_B, KEY_C };

static void id_of(char letter, char id[static AGE_KEY_ID_TEXT])
{
	struct age_recipient key;

	assert_int_equal(age_recipient_parse(keys[letter - 'A'], &key, NULL), 0);
	age_recipient_id(&key, id);
}

/* "A B*": these keys, the marked one active. */
static json_t *make_object(const char *published)
{
	json_t *data = json_object();
	char id[AGE_KEY_ID_TEXT];

	for (const char *s = published; *s != '\0'; s++) {
		if (*s < 'A' || *s > 'C')
			continue;
		id_of(*s, id);
		json_object_set_new(data, id, json_string(keys[*s - 'A']));
		if (s[1] == '*')
			json_object_set_new(data, "active", json_string(id));
	}
	return json_pack("{s:o}", "data", data);
}

static void test_split(void **state)
{
	static const struct {
		const char *given, *name, *context;
	} cases[] = {
		{ "ctx", NULL, "ctx" },
		{ "eu=ctx", "eu", "ctx" },
		{ "A=b/c", NULL, "A=b/c" },
		{ "eu=A=b/c", "eu", "A=b/c" },
		{ "=ctx", NULL, "=ctx" },
		{ "eu=", "eu", "" },
		{ "gke_a_b=c", NULL, "gke_a_b=c" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *name;

		assert_string_equal(whichcluster_split(cases[i].given, &name), cases[i].context);
		if (cases[i].name == NULL)
			assert_null(name);
		else
			assert_string_equal(name, cases[i].name);
		mem_free(name);
	}
}

/* eu has key A now and had C before; us has B. */
static const struct {
	const char *published; /* NULL: no ConfigMap */
	const char *given;
	enum whichcluster_state state;
	const char *name, *why;
} judged[] = {
	{ "A*", NULL, WHICHCLUSTER_CURRENT, "eu", NULL },
	{ "A* C", NULL, WHICHCLUSTER_CURRENT, "eu", NULL },
	{ "A C*", NULL, WHICHCLUSTER_BEHIND, "eu", "its active key is " },
	{ "C*", NULL, WHICHCLUSTER_BEHIND, "eu", "its active key is " },
	{ "A", NULL, WHICHCLUSTER_BEHIND, "eu", "its active key is not known" },
	{ "A B*", NULL, WHICHCLUSTER_CURRENT, "us", NULL },
	{ "A B", NULL, WHICHCLUSTER_UNKNOWN, NULL, "or those of several" },
	{ "", NULL, WHICHCLUSTER_UNKNOWN, NULL, "it publishes no key that this" },
	{ NULL, NULL, WHICHCLUSTER_UNKNOWN, NULL, "its agent publishes no keys" },
	{ "A*", "eu", WHICHCLUSTER_CURRENT, "eu", NULL },
	{ "C*", "eu", WHICHCLUSTER_BEHIND, "eu", "its active key is " },
	{ "A B*", "eu", WHICHCLUSTER_BEHIND, "eu", "its active key is " },
	{ "A*", "us", WHICHCLUSTER_OTHER, "us", "it publishes the key of eu and none of us" },
	{ "C*", "us", WHICHCLUSTER_OTHER, "us", "it publishes the key of eu and none of us" },
	{ "A*", "new", WHICHCLUSTER_OTHER, "new", "it publishes the key of eu and none of new" },
	{ "", "eu", WHICHCLUSTER_UNKNOWN, "eu", "it publishes no key that this" },
	{ NULL, "eu", WHICHCLUSTER_UNKNOWN, "eu", "its agent publishes no keys" },
};

static void test_judge(void **state)
{
	struct recipients known = RECIPIENTS_INIT;
	struct kv earlier = KV_INIT;
	struct age_recipient key;
	char id[AGE_KEY_ID_TEXT];

	(void)state;
	age_recipient_parse(KEY_A, &key, NULL);
	assert_int_equal(recipients_add(&known, "eu", &key, NULL), 0);
	age_recipient_parse(KEY_B, &key, NULL);
	assert_int_equal(recipients_add(&known, "us", &key, NULL), 0);
	id_of('C', id);
	kv_set_str(&earlier, id, "eu");
	for (size_t i = 0; i < COUNT(judged); i++) {
		struct whichcluster w = { .name = mem_str(judged[i].given) };
		bool there = judged[i].published != NULL;
		json_t *object = make_object(there ? judged[i].published : "");

		assert_int_equal(published_parse(object, &w.published, NULL), 0);
		whichcluster_judge(&known, &earlier, there, &w);
		assert_int_equal(w.state, judged[i].state);
		assert_int_equal(w.name == NULL, judged[i].name == NULL);
		if (w.name != NULL)
			assert_string_equal(w.name, judged[i].name);
		assert_int_equal(w.why == NULL, judged[i].why == NULL);
		if (w.why != NULL)
			assert_non_null(strstr(w.why, judged[i].why));
		w.context = mem_str("ctx");
		assert_int_equal(whichcluster_refuse(&w, NULL),
				 judged[i].state == WHICHCLUSTER_OTHER ? -1 : 0);
		whichcluster_clear(&w);
		json_decref(object);
	}
	recipients_clear(&known);
	kv_clear(&earlier);
}

static void test_published_refused(void **state)
{
	static const struct {
		const char *data, *text;
	} cases[] = {
		{ "{\"x\": \"" KEY_A "\"}", "whose name is no key id" },
		{ "{\"4c1d9a0e5b7f22338d01c6b2a4e7f905\": \"age1x\"}", "not a public key" },
		{ "{\"4c1d9a0e5b7f22338d01c6b2a4e7f905\": 1}", "not a public key" },
		{ "{\"4c1d9a0e5b7f22338d01c6b2a4e7f905\": \"" KEY_A "\"}", "has the id" },
		{ "{\"active\": \"4c1d9a0e5b7f22338d01c6b2a4e7f905\"}", "names no key" },
		{ "{\"active\": []}", "names no key" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *object = json_pack("{s:o}", "data", json_loads(cases[i].data, 0, NULL));
		struct published p = PUBLISHED_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(published_parse(object, &p, &err), -1);
		assert_int_equal(err.class, ERR_INVALID);
		assert_non_null(strstr(err.text, cases[i].text));
		assert_int_equal(p.keys.n, 0);
		assert_null(p.active);
		json_decref(object);
	}
}

static void test_published(void **state)
{
	json_t *object = make_object("A B*"), *none = json_object();
	struct published p = PUBLISHED_INIT;
	char id[AGE_KEY_ID_TEXT];

	(void)state;
	assert_int_equal(published_parse(object, &p, NULL), 0);
	assert_int_equal(p.keys.n, 2);
	id_of('B', id);
	assert_string_equal(p.active->id, id);
	published_clear(&p);
	assert_int_equal(published_parse(none, &p, NULL), 0);
	assert_int_equal(p.keys.n, 0);
	published_clear(&p);
	json_decref(object);
	json_decref(none);
}

#define ID "4c1d9a0e5b7f22338d01c6b2a4e7f905"

static void test_backup_names(void **state)
{
	static const struct {
		const char *file, *name, *id;
	} cases[] = {
		{ "eu.age", "eu", "" },
		{ "eu-west9." ID ".age", "eu-west9", ID },
		{ ".age", NULL, NULL },
		{ "eu", NULL, NULL },
		{ "eu.ag", NULL, NULL },
		{ "eu.key", NULL, NULL },
		{ "eu." ID, NULL, NULL },
		{ "eu." ID ".age.age", NULL, NULL },
		{ "eu.4C1d9a0e5b7f22338d01c6b2a4e7f905.age", NULL, NULL },
		{ "eu.x" ID ".age", NULL, NULL },
		{ "." ID ".age", NULL, NULL },
		{ "EU.age", NULL, NULL },
		{ "-a.age", NULL, NULL },
		{ "a..age", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *name, id[AGE_KEY_ID_TEXT];

		assert_int_equal(repo_key_parse(cases[i].file, &name, id), cases[i].name != NULL);
		if (cases[i].name != NULL) {
			assert_string_equal(name, cases[i].name);
			assert_string_equal(id, cases[i].id);
		} else {
			assert_null(name);
		}
		mem_free(name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_published_refused),
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_backup_names),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
