/* SPDX-License-Identifier: Apache-2.0 */
/* Which patch follows from which account; the patch is applied here, and what it leaves compared.
 */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "agent/pull_secrets.h"
#include "base/mem.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MAX_NAMES 16

/* --- accounts in short: "LIST|NOTE", names by commas; no "|": without any annotation ---------- */

static void put_names(const char *text, json_t *list)
{
	while (*text != '\0') {
		size_t n = strcspn(text, ",");

		json_array_append_new(list, json_pack("{s:s%}", "name", text, n));
		text += text[n] == ',' ? n + 1 : n;
	}
}

static json_t *account_of(const char *text)
{
	size_t n = strcspn(text, "|");
	char *names = mem_strn(text, n);
	json_t *list = json_array(), *metadata = json_pack("{s:s}", "resourceVersion", "7");

	put_names(names, list);
	if (text[n] == '|') {
		json_t *annotations = json_pack("{s:s}", "other/one", "x");

		if (text[n + 1] != '\0')
			json_object_set_new(annotations, PULL_SECRETS_NOTE,
					    json_string(text + n + 1));
		json_object_set_new(metadata, "annotations", annotations);
	}
	mem_free(names);
	return json_pack("{s:o,s:o*}", "metadata", metadata, "imagePullSecrets",
			 json_array_size(list) == 0 ? (json_decref(list), NULL) : list);
}

static char *text_of(const json_t *account)
{
	const json_t *list = json_object_get(account, "imagePullSecrets");
	const json_t *annotations =
	    json_object_get(json_object_get(account, "metadata"), "annotations");
	const char *note = json_string_value(json_object_get(annotations, PULL_SECRETS_NOTE));
	struct buf out = BUF_INIT;
	char *text;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *name = json_object_get(json_array_get(list, i), "name");

		buf_printf(&out, "%s%s", i == 0 ? "" : ",", json_string_value(name));
	}
	if (annotations != NULL)
		buf_printf(&out, "|%s", note == NULL ? "" : note);
	text = mem_str(buf_str(&out));
	buf_clear(&out);
	return text;
}

/* --- a JSON patch, as far as these go ----------------------------------------------------------
 */

static json_t *parent_of(json_t *account, const char *path, char last[64])
{
	json_t *at = account;

	while (strchr(path + 1, '/') != NULL) {
		size_t n = strcspn(path + 1, "/");
		char *name = mem_strn(path + 1, n);

		at = json_object_get(at, name);
		assert_non_null(at);
		mem_free(name);
		path += n + 1;
	}
	assert_true(strlen(path + 1) < 64);
	strcpy(last, path + 1);
	if (strcmp(last, "bulla.dev~1pull-secrets") == 0)
		strcpy(last, PULL_SECRETS_NOTE);
	return at;
}

static void patch_list(json_t *list, const char *op, const char *at, json_t *value)
{
	if (strcmp(op, "add") == 0) {
		assert_string_equal(at, "-");
		assert_int_equal(json_array_append(list, value), 0);
	} else {
		assert_string_equal(op, "remove");
		assert_int_equal(json_array_remove(list, (size_t)atoi(at)), 0);
	}
}

static void patch_object(json_t *object, const char *op, const char *at, json_t *value)
{
	if (strcmp(op, "test") == 0) {
		assert_true(json_equal(json_object_get(object, at), value));
	} else if (strcmp(op, "add") == 0) {
		assert_int_equal(json_object_set(object, at, value), 0);
	} else {
		assert_string_equal(op, "remove");
		assert_int_equal(json_object_del(object, at), 0);
	}
}

static void patch(json_t *account, const char *text)
{
	json_t *ops = json_loads(text, 0, NULL), *op;
	size_t i;

	assert_true(json_is_array(ops));
	json_array_foreach(ops, i, op)
	{
		const char *what = json_string_value(json_object_get(op, "op"));
		const char *path = json_string_value(json_object_get(op, "path"));
		json_t *value = json_object_get(op, "value"), *at;
		char last[64];

		if (i == 0) /* nothing is done to an account that changed since */
			assert_string_equal(path, "/metadata/resourceVersion");
		assert_int_equal(strcmp(what, "test") == 0, i == 0);
		at = parent_of(account, path, last);
		if (json_is_array(at))
			patch_list(at, what, last, value);
		else
			patch_object(at, what, last, value);
	}
	json_decref(ops);
}

static struct kv names(const char *text)
{
	json_t *list = json_array();
	struct kv kv = KV_INIT;

	put_names(text, list);
	for (size_t i = 0; i < json_array_size(list); i++)
		kv_set_str(&kv, json_string_value(json_object_get(json_array_get(list, i), "name")),
			   "");
	json_decref(list);
	return kv;
}

/* --- tests -------------------------------------------------------------------------------------
 */

static const struct {
	const char *account, *want, *drop;
	const char *after; /* NULL: no patch */
} rows[] = {
	/* nothing is to be done */
	{ "", "", "", NULL },
	{ "a,b|", "", "", NULL },
	{ "a,x|x", "x", "", NULL },
	{ "x,a", "x", "", NULL }, /* another's: it is not noted */
	{ "x,a", "", "x", NULL }, /* and not removed */
	{ "x|", "", "x", NULL },
	{ "a,x|x", "", "y", NULL },
	{ "a,x|x", "", "", NULL }, /* neither wanted nor unwanted */
	/* added */
	{ "", "x", "", "x|x" },
	{ "|", "x", "", "x|x" },
	{ "b,a", "x", "", "b,a,x|x" },
	{ "b,a|", "x", "", "b,a,x|x" },
	{ "b,x,a", "y,x", "", "b,x,a,y|y" },
	{ "", "y,x", "", "x,y|x,y" },
	{ "b,y,a|y", "y,x", "", "b,y,a,x|x,y" },
	{ "b|x", "x", "", "b,x|x" }, /* somebody took it away */
	{ "|x", "x", "", "x|x" },
	{ "b|x", "x,y", "", "b,x,y|x,y" },
	/* removed */
	{ "x|x", "", "x", "|" },
	{ "a,x,b|x", "", "x", "a,b|" },
	{ "x,y,z|x,z", "", "x,z", "y|" },
	{ "x,y,z|x,y,z", "", "z,x,y", "|" },
	{ "x,y,z|x,y", "y", "x", "y,z|y" },
	{ "x,a,x|x", "", "x", "x,a|" }, /* of two, the one that came later */
	{ "a|x", "", "x", "a|" },	/* it is gone already */
	{ "a|x,y", "", "x", "a|y" },
	/* both */
	{ "a,x|x", "y", "x", "a,y|y" },
	{ "x|x", "y", "x", "y|y" },
	{ "x,b,y|x,y", "z", "x,y", "b,z|z" },
	{ "a,x|x", "x", "x", NULL }, /* wanted after all */
	{ "a", "x", "x", "a,x|x" },
	/* notes that are none of names */
	{ "a|,,A_B,x,", "", "x", "a|" },
	{ "a,x|,,x", "", "x", "a|" },
	{ "a|NO", "", "NO", NULL },
};

static void test_patches(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		json_t *account = account_of(rows[i].account), *before = json_deep_copy(account);
		struct kv want = names(rows[i].want), drop = names(rows[i].drop);
		struct buf out = BUF_INIT;
		bool change = pull_secrets_patch(account, &want, &drop, &out);
		char *after;

		assert_true(json_equal(account, before));
		if (change != (rows[i].after != NULL))
			fail_msg("row %zu: %s", i, change ? buf_str(&out) : "no patch");
		assert_int_equal(out.len != 0, change);
		if (change) {
			patch(account, buf_str(&out));
			after = text_of(account);
			if (strcmp(after, rows[i].after) != 0)
				fail_msg("row %zu: %s leaves %s", i, buf_str(&out), after);
			mem_free(after);
			buf_clear(&out);
			/* and then nothing more is to be done */
			assert_false(pull_secrets_patch(account, &want, &drop, &out));
		}
		kv_clear(&want);
		kv_clear(&drop);
		buf_clear(&out);
		json_decref(before);
		json_decref(account);
	}
}

static unsigned next(unsigned *seed)
{
	*seed = *seed * 1103515245u + 12345u;
	return *seed >> 16;
}

static void some_names(unsigned *seed, char out[2 * MAX_NAMES])
{
	size_t n = 0;

	for (char c = 'a'; c < 'i'; c++)
		if (next(seed) % 3 == 0) {
			if (n != 0)
				out[n++] = ',';
			out[n++] = c;
		}
	out[n] = '\0';
}

/* What is not ours, in its order. */
static void others(const json_t *account, const struct kv *ours, struct buf *out)
{
	const json_t *list = json_object_get(account, "imagePullSecrets");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name =
		    json_string_value(json_object_get(json_array_get(list, i), "name"));

		if (!kv_has(ours, name))
			buf_printf(out, "%s,", name);
	}
}

/* Whatever is there and is asked for: others' entries and their order stay. */
static void test_others_stay(void **state)
{
	unsigned seed = 4;

	(void)state;
	for (size_t i = 0; i < test_repeats(20000); i++) {
		char listed[2 * MAX_NAMES], noted[2 * MAX_NAMES], w[2 * MAX_NAMES],
		    d[2 * MAX_NAMES], text[5 * MAX_NAMES];
		struct pull_secrets was = PULL_SECRETS_INIT, is = PULL_SECRETS_INIT;
		struct buf out = BUF_INIT, before = BUF_INIT, after = BUF_INIT;
		struct kv want, drop;
		json_t *account;

		some_names(&seed, listed);
		some_names(&seed, noted);
		some_names(&seed, w);
		some_names(&seed, d);
		snprintf(text, sizeof(text), "%s|%s", listed, noted);
		account = account_of(text);
		want = names(w);
		drop = names(d);
		pull_secrets_read(account, &was);
		if (pull_secrets_patch(account, &want, &drop, &out)) {
			struct kv ours = KV_INIT;

			pull_secrets_read(account, &was);
			kv_copy(&ours, &was.noted);
			for (size_t k = 0; k < want.n; k++)
				if (!kv_has(&was.listed, want.items[k].name))
					kv_set_str(&ours, want.items[k].name, "");
			others(account, &ours, &before);
			patch(account, buf_str(&out));
			others(account, &ours, &after);
			assert_string_equal(buf_str(&before), buf_str(&after));
			kv_clear(&ours);
		}
		pull_secrets_read(account, &is);
		for (size_t k = 0; k < want.n; k++)
			assert_true(kv_has(&is.listed, want.items[k].name));
		for (size_t k = 0; k < drop.n; k++)
			if (!kv_has(&want, drop.items[k].name))
				assert_false(kv_has(&is.noted, drop.items[k].name));
		pull_secrets_clear(&was);
		pull_secrets_clear(&is);
		kv_clear(&want);
		kv_clear(&drop);
		buf_clear(&out);
		buf_clear(&before);
		buf_clear(&after);
		json_decref(account);
	}
}

/* What no server says, a proxy may. */
static void test_odd_accounts(void **state)
{
	static const char *const odd[] = {
		"{}",
		"[]",
		"{\"metadata\":{}}",
		"{\"metadata\":{\"resourceVersion\":7}}",
		"{\"metadata\":null,\"imagePullSecrets\":null}",
	};
	struct kv want = names("x"), drop = names("y");

	(void)state;
	for (size_t i = 0; i < COUNT(odd); i++) {
		json_t *account = json_loads(odd[i], 0, NULL);
		struct buf out = BUF_INIT;

		assert_false(pull_secrets_patch(account, &want, &drop, &out));
		assert_int_equal(out.len, 0);
		json_decref(account);
	}
	kv_clear(&want);
	kv_clear(&drop);
}

static void test_odd_entries_keep_their_place(void **state)
{
	json_t *account = json_loads("{\"metadata\":{\"resourceVersion\":\"7\",\"annotations\":{\""
				     "bulla.dev/pull-secrets\":\"x\"}},\"imagePullSecrets\":[{},7,"
				     "{\"name\":\"x\"},{\"name\":\"A B\"}]}",
				     0, NULL);
	struct kv want = KV_INIT, drop = names("x");
	struct buf out = BUF_INIT;

	(void)state;
	assert_true(pull_secrets_patch(account, &want, &drop, &out));
	assert_non_null(strstr(buf_str(&out), "\"/imagePullSecrets/2\""));
	assert_null(strstr(buf_str(&out), "\"/imagePullSecrets/3\""));
	kv_clear(&drop);
	buf_clear(&out);
	json_decref(account);
}

static void test_lost(void **state)
{
	static const struct {
		const char *account, *want, *ours;
		bool lost;
	} cases[] = {
		{ "a", "x", "", false },  /* never there */
		{ "a|x", "x", "", true }, /* noted by an agent before this one */
		{ "a", "x", "x", true },  /* with the note */
		{ "a,x|x", "x", "x", false },	{ "a|x", "", "x", false }, /* nobody wants it */
		{ "a,x", "x", "x", false }, /* by somebody else now */
		{ "a,x|x", "x,y", "x", false }, { "a,x|x,y", "x,y", "x", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *account = account_of(cases[i].account);
		struct kv want = names(cases[i].want), ours = names(cases[i].ours);
		struct pull_secrets s = PULL_SECRETS_INIT;

		pull_secrets_read(account, &s);
		if (pull_secrets_lost(&s, &want, &ours) != cases[i].lost)
			fail_msg("row %zu", i);
		pull_secrets_clear(&s);
		kv_clear(&want);
		kv_clear(&ours);
		json_decref(account);
	}
}

static void test_fights(void **state)
{
	struct pull_secrets_fight f = { .begun = false };

	(void)state;
	assert_false(pull_secrets_fought(&f, 0));
	assert_false(pull_secrets_fought(&f, PULL_SECRETS_FIGHT_MS + 1));
	assert_false(pull_secrets_fought(&f, 2 * PULL_SECRETS_FIGHT_MS + 2));
	assert_true(pull_secrets_fought(&f, 3 * PULL_SECRETS_FIGHT_MS + 2));
	f = (struct pull_secrets_fight){ .begun = false };
	assert_false(pull_secrets_fought(&f, 5));
	assert_true(pull_secrets_fought(&f, 5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patches),
		cmocka_unit_test(test_others_stay),
		cmocka_unit_test(test_odd_accounts),
		cmocka_unit_test(test_odd_entries_keep_their_place),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_fights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
