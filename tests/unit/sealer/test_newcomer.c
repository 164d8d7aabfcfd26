/* SPDX-License-Identifier: Apache-2.0 */
/* Who is new to parts that are sealed again, and what is said of it. */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "sealer/newcomer.h"

#define KEYS 4

static struct age_recipient keys[KEYS]; /* A to D */
static char ids[KEYS][AGE_KEY_ID_TEXT];
static char texts[KEYS][AGE_RECIPIENT_TEXT];

static int make_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < KEYS; i++) {
		struct age_identity *id = age_identity_generate();

		keys[i] = *age_identity_recipient(id);
		age_recipient_id(&keys[i], ids[i]);
		age_recipient_format(&keys[i], texts[i]);
		age_identity_free(id);
	}
	return 0;
}

/* "eu=A us=B" into a kv (name -> id) or into recipients; "eu" alone only into a kv. */
static void parse(const char *text, struct kv *out, struct recipients *to)
{
	while (*text != '\0') {
		size_t n = strcspn(text, " "), name = strcspn(text, "= ");
		char *word = mem_strn(text, name);
		int key = name < n ? text[name + 1] - 'A' : -1;
		struct err err = ERR_INIT;

		if (out != NULL)
			kv_set_str(out, word, key < 0 ? "" : ids[key]);
		else if (recipients_add(to, word, &keys[key], &err) != 0)
			fail_msg("%s: %s", word, err.text);
		mem_free(word);
		text += n + (text[n] == ' ');
	}
}

static void test_of(void **state)
{
	static const struct {
		const char *bound, *one, *had;
		enum newcomer is;
	} cases[] = {
		{ "eu=A us=B", "eu=A", "eu", NEWCOMER_SAME },
		{ "eu=A us=B", "paris=A", "eu", NEWCOMER_RENAMED },
		{ "eu=A us=B", "us=A", "eu", NEWCOMER_RENAMED },
		{ "eu=A us=B", "eu=C", "A", NEWCOMER_REPLACED },
		{ "eu=A us=B", "ops=C", NULL, NEWCOMER_NEW },
		{ "", "eu=A", NULL, NEWCOMER_NEW },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct document_part part = { .name = (char *)(uintptr_t) "X" };
		struct recipients one = RECIPIENTS_INIT;
		const char *had = "unset";

		parse(cases[i].bound, &part.recipients, NULL);
		parse(cases[i].one, NULL, &one);
		assert_int_equal(newcomer_of(&part, &one.items[0], &had), cases[i].is);
		if (cases[i].had == NULL)
			assert_null(had);
		else if (cases[i].is == NEWCOMER_REPLACED)
			assert_string_equal(had, ids[cases[i].had[0] - 'A']);
		else
			assert_string_equal(had, cases[i].had);
		kv_clear(&part.recipients);
		recipients_clear(&one);
	}
}

/* --- documents -------------------------------------------------------------------------------- */

struct one {
	const char *x, *y; /* bound in the parts X and Y */
	const char *parts; /* NULL: all */
	const char *to, *add;
	const char *reseal;
	const char *text; /* NULL: goes; else a piece of the refusal */
};

static const struct one cases[] = {
	{ "eu=A", "eu=A", NULL, "eu=A", "", NULL, NULL },
	{ "eu=A us=B", "eu=A us=B", NULL, "eu=A", "", NULL, NULL },
	{ "eu=A", "eu=A", NULL, "eu=B", "", NULL, NULL },
	{ "eu=A", "eu=A", NULL, "paris=A", "", NULL, NULL },
	{ "eu=A", "eu=A", NULL, "eu=A us=B", "", NULL,
	  "spec.parts.X: us could not open the old value, which would be sealed again to it too.  "
	  "See who added it; to give it, say --add us" },
	{ "eu=A", "eu=A", NULL, "eu=A us=B", "us", NULL, NULL },
	{ "eu=A", "eu=A", NULL, "eu=A us=B ci=C", "us", NULL, "say --add ci" },
	{ "eu=A", "eu=A", NULL, "eu=A us=B ci=C", "", "a b.yaml",
	  "spec.parts.X: ci, us could not open the old value, which would be sealed again to them "
	  "too.  See who added them; to give it, say --add ci --add us (or "
	  "first run bulla reseal --add ci --add us 'a b.yaml')" },
	/* one part is enough, and it is named */
	{ "eu=A us=B", "eu=A", NULL, "eu=A us=B", "", NULL, "spec.parts.Y: us could not" },
	{ "eu=A us=B", "eu=A", "X", "eu=A us=B", "", NULL, NULL },
	{ "eu=A us=B", "eu=A", "Y", "eu=A us=B", "", NULL, "spec.parts.Y: us could not" },
	/* what is not there yet is new */
	{ "eu=A", "eu=A", "Z", "eu=A us=B", "", NULL, NULL },
	{ "eu=A", "eu=A", "", "eu=A us=B", "", NULL, NULL },
};

static void check(const struct one *c)
{
	struct document_part parts[] = { { .name = (char *)(uintptr_t) "X" },
					 { .name = (char *)(uintptr_t) "Y" } };
	const struct document d = { .parts = parts, .n = 2 };
	struct kv names = KV_INIT, add = KV_INIT, who = KV_INIT;
	struct recipients to = RECIPIENTS_INIT;
	struct err err = ERR_INIT;
	const struct newcomer_check n = { &d, c->parts != NULL ? &names : NULL, &to, &add,
					  c->reseal };
	int r;

	parse(c->x, &parts[0].recipients, NULL);
	parse(c->y, &parts[1].recipients, NULL);
	parse(c->to, NULL, &to);
	parse(c->add, &add, NULL);
	if (c->parts != NULL)
		parse(c->parts, &names, NULL);
	r = newcomer_check(&n, &err);
	newcomer_find(&n, &who);
	assert_int_equal(r, c->text != NULL ? -1 : 0);
	assert_int_equal(who.n > 0, r != 0);
	if (r != 0) {
		assert_int_equal(err.class, ERR_RECIPIENT);
		if (strstr(err.text, c->text) == NULL)
			fail_msg("%s", err.text);
	}
	kv_clear(&parts[0].recipients);
	kv_clear(&parts[1].recipients);
	kv_clear(&names);
	kv_clear(&add);
	kv_clear(&who);
	recipients_clear(&to);
}

static void test_check(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		check(&cases[i]);
}

/* --- the command line ------------------------------------------------------------------------- */

static void test_take(void **state)
{
	static const struct {
		const char *name, *text;
		enum err_class class;
		bool known;
	} refused[] = {
		{ "Not A Name", "--add: not the name of a recipient", ERR_USAGE, true },
		{ "", "--add: not the name of a recipient", ERR_USAGE, false },
		{ "nobody", "--add nobody: no such recipient in .bulla/config", ERR_RECIPIENT,
		  true },
		{ "nobody", "--add nobody: no such recipient among those whom it is sealed to",
		  ERR_RECIPIENT, false },
	};
	struct recipients to = RECIPIENTS_INIT;
	const char *good[] = { "us", "eu", "us" };
	const struct option_list list = { good, COUNT(good) };
	const struct newcomer_given given = { .add = &list, .known = &to };
	struct kv out = KV_INIT;
	struct err err = ERR_INIT;

	(void)state;
	parse("eu=A us=B ci=C", NULL, &to);
	assert_int_equal(newcomer_take(&given, &out, &err), 0);
	assert_int_equal(out.n, 2);
	assert_true(kv_has(&out, "eu") && kv_has(&out, "us"));
	for (size_t i = 0; i < COUNT(refused); i++) {
		const char *one[] = { refused[i].name };
		const struct option_list bad = { one, 1 };

		const struct newcomer_given wrong = {
			.add = &bad,
			.known = refused[i].known ? &to : NULL,
			.to = &to,
		};

		assert_int_equal(newcomer_take(&wrong, &out, &err), -1);
		assert_int_equal(err.class, refused[i].class);
		assert_string_equal(err.text, refused[i].text);
	}
	kv_clear(&out);
	recipients_clear(&to);
}

/* Who was typed is named, by name or key; who came along (recovery) is not. */
static void test_typed(void **state)
{
	struct recipients to = RECIPIENTS_INIT;
	const char *words[] = { "eu", texts[1], texts[3], "nobody" };
	const struct option_list list = { words, COUNT(words) };
	const struct option_list none = { NULL, 0 };
	const struct newcomer_given given = { .add = &none, .typed = &list, .to = &to };
	struct kv out = KV_INIT;

	(void)state;
	parse("eu=A us=B recovery=C", NULL, &to);
	assert_int_equal(newcomer_take(&given, &out, NULL), 0);
	assert_int_equal(out.n, 2);
	assert_true(kv_has(&out, "eu") && kv_has(&out, "us"));
	kv_clear(&out);
	recipients_clear(&to);
}

static void test_check_all(void **state)
{
	struct document_part part = { .name = (char *)(uintptr_t) "X" };
	const struct document d = { .parts = &part, .n = 1 };
	struct recipients to = RECIPIENTS_INIT;
	const char *add[] = { "us" }, *typed[] = { texts[1] }, *bad[] = { "nobody" };
	const struct option_list none = { NULL, 0 }, one = { add, 1 }, two = { typed, 1 },
				 wrong = { bad, 1 };
	const struct newcomer_given named = { .add = &one, .to = &to },
				    by_key = { .add = &none, .typed = &two, .to = &to },
				    unnamed = { .add = &none, .to = &to },
				    unknown = { .add = &wrong, .to = &to };
	struct err err = ERR_INIT;

	(void)state;
	parse("eu=A", &part.recipients, NULL);
	parse("eu=A us=B", NULL, &to);
	assert_int_equal(newcomer_check_all(&named, &d, &err), 0);
	assert_int_equal(newcomer_check_all(&by_key, &d, &err), 0);
	assert_int_equal(newcomer_check_all(&unnamed, &d, &err), -1);
	assert_non_null(strstr(err.text, "say --add us"));
	assert_null(strstr(err.text, "reseal"));
	assert_int_equal(newcomer_check_all(&unknown, &d, &err), -1);
	assert_non_null(strstr(err.text, "--add nobody"));
	kv_clear(&part.recipients);
	recipients_clear(&to);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_of),	  cmocka_unit_test(test_check),
		cmocka_unit_test(test_take),	  cmocka_unit_test(test_typed),
		cmocka_unit_test(test_check_all),
	};

	mem_init();
	return cmocka_run_group_tests_name("sealer: who is new to old values", tests, make_keys,
					   NULL);
}
