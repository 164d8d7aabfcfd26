/* SPDX-License-Identifier: Apache-2.0 */
/* The inventory: what is put in comes out, only what changed is written, nothing odd is read. */
#include "tests/unit/agent/scene.h"

#include "agent/guard.h"
#include "agent/inventory.h"
#include "base/json.h"

#define AB 15 /* the shard of a/b */
#define NOW INT64_C(1795000000)

static void made(struct inventory *v, const char *namespace, const char *name)
{
	const struct inventory_item x = { .namespace = (char *)(uintptr_t) namespace,
					  .name = (char *)(uintptr_t)name,
					  .from = (char *)(uintptr_t) "flux-system",
					  .secret_uid = (char *)(uintptr_t) "s-1",
					  .document_uid = (char *)(uintptr_t) "d-1",
					  .crd_uid = (char *)(uintptr_t) "c-1",
					  .policy = POLICY_RETAIN };

	inventory_made(v, &x);
}

static int decode(struct inventory *v, unsigned shard, const char *text, struct err *err)
{
	*err = (struct err)ERR_INIT;
	return inventory_decode(v, shard, text, strlen(text), err);
}

static void encode(const struct inventory *v, unsigned shard, struct buf *out)
{
	struct err err = ERR_INIT;

	buf_reset(out);
	assert_int_equal(inventory_encode(v, shard, out, &err), 0);
}

/* --- content ---------------------------------------------------------------------------------- */

static void test_round_trip(void **state)
{
	struct inventory a, b;
	struct buf text = BUF_INIT, again = BUF_INIT;
	struct err err = ERR_INIT;
	unsigned used = 0;

	(void)state;
	inventory_init(&a);
	inventory_init(&b);
	for (int i = 0; i < 500; i++) {
		char *name = mem_printf("app-%d", i);

		made(&a, i % 2 == 0 ? "foobar" : "barolab", name);
		if (i % 7 == 0)
			inventory_removed(&a, "foobar", name, NOW + i);
		mem_free(name);
	}
	for (unsigned s = 0; s < INVENTORY_SHARDS; s++) {
		used += inventory_dirty(&a, s);
		encode(&a, s, &text);
		assert_int_equal(inventory_decode(&b, s, buf_str(&text), text.len, &err), 0);
		assert_false(inventory_dirty(&b, s));
		encode(&b, s, &again);
		assert_string_equal(buf_str(&text), buf_str(&again));
	}
	assert_int_equal(used, INVENTORY_SHARDS); /* 500 names are in all of them */
	assert_int_equal(a.table.n, b.table.n);
	assert_int_equal(inventory_find(&b, "foobar", "app-14")->gone, NOW + 14);
	assert_string_equal(inventory_find(&b, "barolab", "app-15")->from, "flux-system");
	assert_string_equal(inventory_find(&b, "barolab", "app-15")->secret_uid, "s-1");
	assert_string_equal(inventory_find(&b, "barolab", "app-15")->document_uid, "d-1");
	assert_string_equal(inventory_find(&b, "barolab", "app-15")->crd_uid, "c-1");
	assert_int_equal(inventory_find(&b, "barolab", "app-15")->policy, POLICY_RETAIN);
	assert_null(inventory_find(&b, "barolab", "app-14"));
	inventory_clear(&a);
	inventory_clear(&b);
	buf_clear(&text);
	buf_clear(&again);
}

/* Agents of all versions and machines find a Secret in the same shard. */
static void test_shards(void **state)
{
	static const struct {
		const char *namespace;
		const char *name;
		unsigned shard;
	} cases[] = {
		{ "foobar", "app-env", 0 },
		{ "flux-system", "flux-ssh", 2 },
		{ "a", "b", AB },
	};
	unsigned n[INVENTORY_SHARDS] = { 0 };
	char name[INVENTORY_NAME_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		unsigned shard = inventory_shard(cases[i].namespace, cases[i].name);

		if (shard != cases[i].shard)
			fail_msg("%s/%s: %u", cases[i].namespace, cases[i].name, shard);
	}
	for (int i = 0; i < 16000; i++) {
		char text[32];

		snprintf(text, sizeof(text), "app-%d", i);
		n[inventory_shard("foobar", text)]++;
	}
	for (size_t i = 0; i < INVENTORY_SHARDS; i++)
		assert_in_range(n[i], 800, 1200);
	inventory_shard_name(15, name);
	assert_string_equal(name, "bulla-inventory-15");
}

static void test_dirty(void **state)
{
	unsigned shard = inventory_shard("foobar", "app");
	struct inventory v;
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	struct inventory_item x = { 0 };

	(void)state;
	inventory_init(&v);
	assert_int_equal(v.dirty, 0);
	made(&v, "foobar", "app");
	assert_int_equal(v.dirty, 1u << shard);
	assert_int_equal(inventory_patch(&v, shard, "5", &out, &err), 0);
	assert_int_equal(v.dirty, 0);
	made(&v, "foobar", "app"); /* the same again is no change */
	assert_int_equal(v.dirty, 0);
	inventory_forget(&v, "foobar", "other");
	inventory_expire(&v, NOW);
	assert_int_equal(v.dirty, 0);
#define CHANGES(field, value)                                                                      \
	do {                                                                                       \
		x = *inventory_find(&v, "foobar", "app");                                          \
		x.field = value;                                                                   \
		inventory_made(&v, &x);                                                            \
		assert_int_equal(v.dirty, 1u << shard);                                            \
		v.dirty = 0;                                                                       \
	} while (0)
	{
		char another[] = "x-2", from[] = "barolab";

		CHANGES(secret_uid, another);
		CHANGES(document_uid, another);
		CHANGES(crd_uid, NULL);
		CHANGES(from, from);
		CHANGES(policy, POLICY_DELETE);
	}
	inventory_removed(&v, "foobar", "app", NOW);
	assert_int_equal(v.dirty, 1u << shard);
	v.dirty = 0;
	made(&v, "foobar", "app"); /* it is there again */
	assert_int_equal(v.dirty, 1u << shard);
	assert_int_equal(inventory_find(&v, "foobar", "app")->gone, 0);
	v.dirty = 0;
	inventory_forget(&v, "foobar", "app");
	assert_int_equal(v.dirty, 1u << shard);
	assert_null(inventory_find(&v, "foobar", "app"));
	inventory_clear(&v);
	buf_clear(&out);
}

static void test_expire(void **state)
{
	struct inventory v;

	(void)state;
	inventory_init(&v);
	inventory_removed(&v, "foobar", "old", NOW - GUARD_WINDOW - 1);
	inventory_removed(&v, "foobar", "new", NOW - 5);
	made(&v, "foobar", "app");
	v.dirty = 0;
	inventory_expire(&v, NOW);
	assert_null(inventory_find(&v, "foobar", "old"));
	assert_non_null(inventory_find(&v, "foobar", "new"));
	assert_non_null(inventory_find(&v, "foobar", "app"));
	assert_int_equal(v.dirty, 1u << inventory_shard("foobar", "old"));
	inventory_clear(&v);
}

/* What went is remembered while copies of it are there, which go because it did. */
static void test_expire_with_copies(void **state)
{
	struct inventory v;

	(void)state;
	inventory_init(&v);
	inventory_removed(&v, "flux-system", "login", NOW - GUARD_WINDOW - 1);
	inventory_removed(&v, "flux-system", "other", NOW - GUARD_WINDOW - 1);
	inventory_removed(&v, "barolab", "login", NOW - GUARD_WINDOW - 1);
	made(&v, "foobar", "login"); /* a copy, from flux-system */
	made(&v, "barolab", "more");
	v.dirty = 0;
	inventory_expire(&v, NOW);
	assert_int_equal(inventory_find(&v, "flux-system", "login")->gone, NOW - GUARD_WINDOW - 1);
	assert_null(inventory_find(&v, "flux-system", "other"));
	assert_null(inventory_find(&v, "barolab", "login"));
	assert_non_null(inventory_find(&v, "foobar", "login"));
	assert_int_equal(v.dirty, 1u << inventory_shard("flux-system", "other") |
				      1u << inventory_shard("barolab", "login"));
	v.dirty = 0;
	inventory_expire(&v, NOW);
	assert_int_equal(v.dirty, 0);
	inventory_forget(&v, "foobar", "login");
	inventory_expire(&v, NOW);
	assert_null(inventory_find(&v, "flux-system", "login"));
	assert_int_equal(v.table.n, 1);
	inventory_clear(&v);
}

/* A shard that has become too large can be written again when what is in it is old. */
static void test_shrinks(void **state)
{
	struct inventory v;
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	inventory_init(&v);
	for (int i = 0; i < 65536; i++) {
		char *name = mem_printf("%0250d", i);

		if (inventory_shard("foobar", name) == 3)
			inventory_removed(&v, "foobar", name, NOW - 2 * GUARD_WINDOW);
		mem_free(name);
	}
	assert_int_equal(inventory_encode(&v, 3, &text, &err), -1);
	assert_non_null(strstr(err.text, "too many Secrets"));
	assert_int_equal(text.len, 0);
	inventory_expire(&v, NOW);
	assert_true(inventory_dirty(&v, 3));
	encode(&v, 3, &text);
	assert_string_equal(buf_str(&text), "bulla-inventory 1\n");
	inventory_clear(&v);
	buf_clear(&text);
}

/* --- reading ---------------------------------------------------------------------------------- */

#define A "bulla-inventory 1\n"

static void test_accepted(void **state)
{
	static const struct {
		const char *text;
		size_t n;
	} cases[] = {
		{ "", 0 },
		{ A, 0 },
		{ A "made a/b a s d Delete c\n", 1 },
		{ A "made a/b a - - Retain -\n", 1 },
		{ A "gone a/b 2026-11-23T08:00:00Z\n", 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct inventory v;
		struct err err;

		inventory_init(&v);
		if (decode(&v, AB, cases[i].text, &err) != 0)
			fail_msg("%s: %s", cases[i].text, err.text);
		assert_int_equal(v.table.n, cases[i].n);
		inventory_clear(&v);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		const char *why;
	} cases[] = {
		{ "bulla-inventory 1", "line 1: it does not end" },
		{ "bulla-inventory 2\n", "line 1: it is not" },
		{ "\n", "line 1: it is not" },
		{ "made a/b a s d Delete c\n", "line 1: it is not" },
		{ A "\n", "line 2: it is neither" },
		{ A "made a/b a s d Delete c", "line 2: it does not end" },
		{ A "made a/b a s d Delete\n", "line 2: it is neither" },
		{ A "made a/b a s d Delete c e\n", "line 2: it has too many words" },
		{ A "made a/b a s d Delete c \n", "line 2: it has too many words" },
		{ A "made  a/b a s d Delete c\n", "line 2: it has too many words" },
		{ A "Made a/b a s d Delete c\n", "line 2: it is neither" },
		{ A "made ab a s d Delete c\n", "line 2: it does not name a Secret as" },
		{ A "made a/B a s d Delete c\n", "line 2: it names a Secret that cannot be" },
		{ A "made /b a s d Delete c\n", "line 2: it names a Secret that cannot be" },
		{ A "made a/b/c a s d Delete c\n", "line 2: it names a Secret that cannot be" },
		{ A "made a/c a s d Delete c\n", "line 2: that Secret belongs in another shard" },
		{ A "made a/b A s d Delete c\n", "line 2: the document's namespace is none" },
		{ A "made a/b - s d Delete c\n", "line 2: the document's namespace is none" },
		{ A "made a/b a s/1 d Delete c\n", "line 2: there is no uid" },
		{ A "made a/b a -- d Delete c\n", "line 2: there is no uid" },
		{ A "made a/b a s  Delete c\n", "line 2: there is no uid" },
		{ A "made a/b a s d Delete "
		    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
		  "line 2: there is no uid" },
		{ A "made a/b a s d delete c\n", "line 2: the policy is neither" },
		{ A "made a/b a s d - c\n", "line 2: the policy is neither" },
		{ A "gone a/b\n", "line 2: it is neither" },
		{ A "gone a/b 2026-11-23\n", "line 2: the time is none" },
		{ A "gone a/b 1970-01-01T00:00:00Z\n", "line 2: the time is none" },
		{ A "gone a/b 2026-11-23T08:00:00Z x\n", "line 2: it is neither" },
		{ A "gone a/b 2026-11-23T08:00:00Z\r\n", "line 2: the time is none" },
		{ A "made a/b a s d Delete c\nmade a/b a s d Delete c\n",
		  "line 3: it is not in order" },
		{ A "made a/b a s d Delete c\ngone a/b 2026-11-23T08:00:00Z\n",
		  "line 3: it is not in order" },
	};
	struct inventory v;
	struct err err;

	(void)state;
	inventory_init(&v);
	assert_int_equal(decode(&v, AB, A "made a/b a kept d Delete c\n", &err), 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(decode(&v, AB, cases[i].text, &err), -1);
		if (strstr(err.text, cases[i].why) == NULL)
			fail_msg("%s: %s", cases[i].text, err.text);
		assert_int_equal(err.class, ERR_INVALID);
		assert_int_equal(v.table.n, 1); /* nothing changed */
		assert_string_equal(inventory_find(&v, "a", "b")->secret_uid, "kept");
	}
	assert_int_equal(inventory_decode(&v, AB, A "\0", strlen(A) + 2, &err), -1);
	inventory_clear(&v);
}

/* Reading one shard leaves the others, and takes the place of what was known of it. */
static void test_replaces(void **state)
{
	struct inventory v;
	struct err err;

	(void)state;
	inventory_init(&v);
	made(&v, "a", "b");
	made(&v, "foobar", "app-env");
	assert_int_equal(decode(&v, AB, "", &err), 0);
	assert_null(inventory_find(&v, "a", "b"));
	assert_non_null(inventory_find(&v, "foobar", "app-env"));
	assert_false(inventory_dirty(&v, AB));
	assert_true(inventory_dirty(&v, 0));
	inventory_clear(&v);
}

static void test_config_map(void **state)
{
	static const struct {
		const char *json;
		int result;
		size_t n;
	} cases[] = {
		{ "{}", 0, 0 },
		{ "{\"data\":{}}", 0, 0 },
		{ "{\"data\":{\"secrets\":\"\",\"other\":\"x\"}}", 0, 0 },
		{ "{\"data\":{\"secrets\":\"bulla-inventory 1\\nmade a/b a s d Delete c\\n\"}}", 0,
		  1 },
		{ "{\"data\":{\"secrets\":\"x\"}}", -1, 0 },
		{ "{\"data\":{\"secrets\":7}}", -1, 0 },
		{ "{\"data\":[]}", -1, 0 },
		{ "{\"data\":null}", -1, 0 },
		{ "[]", -1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = ERR_INIT;
		json_t *v = json_parse(cases[i].json, strlen(cases[i].json), "map", &err);
		struct inventory inv;

		inventory_init(&inv);
		if (inventory_read(&inv, AB, v, &err) != cases[i].result)
			fail_msg("%s: %s", cases[i].json, err.text);
		assert_int_equal(inv.table.n, cases[i].n);
		inventory_clear(&inv);
		json_decref(v);
	}
}

static void test_patch(void **state)
{
	struct inventory v, back;
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	json_t *patch;

	(void)state;
	inventory_init(&v);
	inventory_init(&back);
	made(&v, "a", "b");
	assert_int_equal(inventory_patch(&v, AB, "77", &out, &err), 0);
	patch = json_parse(out.data, out.len, "patch", &err);
	assert_string_equal(json_string_value(json_object_get(json_object_get(patch, "metadata"),
							      "resourceVersion")),
			    "77");
	assert_int_equal(inventory_read(&back, AB, patch, &err), 0);
	assert_string_equal(inventory_find(&back, "a", "b")->secret_uid, "s-1");
	json_decref(patch);
	buf_reset(&out);
	assert_int_equal(inventory_patch(&v, AB, NULL, &out, &err), 0);
	patch = json_parse(out.data, out.len, "patch", &err);
	assert_null(json_object_get(patch, "metadata"));
	json_decref(patch);
	assert_false(inventory_dirty(&v, AB));
	inventory_mark(&v, AB);
	assert_true(inventory_dirty(&v, AB));
	/* what does not fit is said, and stays to be written */
	buf_clear(&out);
	out.max = 20;
	assert_int_equal(inventory_patch(&v, AB, NULL, &out, &err), -1);
	assert_true(inventory_dirty(&v, AB));
	buf_clear(&out);
	inventory_clear(&v);
	inventory_clear(&back);
}

static void test_too_many(void **state)
{
	char namespace[64], name[254];
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	struct inventory v;

	(void)state;
	inventory_init(&v);
	memset(namespace, 'n', 63);
	namespace[63] = '\0';
	memset(name, 'a', 253);
	name[253] = '\0';
	for (int i = 0; i < 52000; i++) {
		snprintf(name + 240, 13, "%012d", i);
		made(&v, namespace, name);
	}
	buf_puts(&out, "kept");
	assert_int_equal(inventory_encode(&v, 3, &out, &err), -1);
	assert_non_null(strstr(err.text, "larger than 1000000 bytes"));
	assert_string_equal(buf_str(&out), "kept");
	inventory_clear(&v);
	buf_clear(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_shards),
		cmocka_unit_test(test_dirty),
		cmocka_unit_test(test_expire),
		cmocka_unit_test(test_expire_with_copies),
		cmocka_unit_test(test_shrinks),
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_replaces),
		cmocka_unit_test(test_config_map),
		cmocka_unit_test(test_patch),
		cmocka_unit_test(test_too_many),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
