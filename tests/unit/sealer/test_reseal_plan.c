/* SPDX-License-Identifier: Apache-2.0 */
/* Who a part is sealed to again: what is bound in it against what the rules say. */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "sealer/reseal_plan.h"

#define KEYS 5

static struct age_recipient keys[KEYS]; /* A to E */
static char ids[KEYS][AGE_KEY_ID_TEXT];

static int make_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < KEYS; i++) {
		struct age_identity *id = age_identity_generate();

		keys[i] = *age_identity_recipient(id);
		age_recipient_id(&keys[i], ids[i]);
		age_identity_free(id);
	}
	return 0;
}

/* "eu=A us=B": each word to do */
static void each(const char *text, void (*put)(const char *name, int key, void *ctx), void *ctx)
{
	while (*text != '\0') {
		size_t n = strcspn(text, " "), name = strcspn(text, "= ");
		char *word = mem_strn(text, name);

		put(word, name < n ? text[name + 1] - 'A' : -1, ctx);
		mem_free(word);
		text += n + (text[n] == ' ');
	}
}

static void put_bound(const char *name, int key, void *ctx)
{
	kv_set_str(ctx, name, ids[key]);
}

static void put_rule(const char *name, int key, void *ctx)
{
	struct err err = ERR_INIT;

	if (recipients_add(ctx, name, &keys[key], &err) != 0)
		fail_msg("%s", err.text);
}

static void put_name(const char *name, int key, void *ctx)
{
	kv_set_str(ctx, name, key < 0 ? "" : ids[key]);
}

struct one {
	const char *bound, *rules, *add;
	bool all;
	const char *to; /* NULL: refused */
	const char *text;
};

static const struct one cases[] = {
	{ "eu=A us=B", "eu=A us=B", "", false, "", "nothing changes" },
	{ "eu=A us=B", "eu=A us=B", "", true, "eu=A us=B", "fresh keys" },
	{ "eu=A us=B", "eu=C us=B", "", false, "eu=C us=B", "eu has another key" },
	{ "eu=A us=B", "eu=C us=D", "", false, "eu=C us=D", "eu, us have other keys" },
	{ "eu=A us=B", "eu=A", "", false, "eu=A", "us dropped" },
	{ "eu=A", "eu=A us=B", "", false, "", "us left out without --add" },
	{ "eu=A", "eu=A us=B", "ci", false, "", "us left out without --add" },
	{ "eu=A", "eu=A us=B", "us", false, "eu=A us=B", "us added" },
	{ "eu=A", "eu=A us=B", "", true, "eu=A", "us left out without --add" },
	{ "eu=A us=B", "eu=C ci=D", "", false, "eu=C",
	  "eu has another key; us dropped; ci left out without --add" },
	{ "eu=A us=B", "eu=C ci=D", "ci", false, "ci=D eu=C",
	  "eu has another key; ci added; us dropped" },
	/* the same key under another name gives nobody anything */
	{ "eu=A", "paris=A", "", false, "paris=A", "paris has another name" },
	{ "eu=A us=B", "eu=B us=A", "", false, "eu=B us=A", "eu, us have other names" },
	/* the new name of the old key, and a new key of the old name */
	{ "eu=A", "eu=B old=A", "", false, "eu=B old=A",
	  "eu has another key; old has another name" },
	{ "eu=A us=B", "eu=B", "", false, "eu=B", "eu has another name; eu dropped" },
	/* copied or moved to where nobody of before is named */
	{ "eu=A recovery=B", "mallory=C recovery=B", "", false, "recovery=B",
	  "eu dropped; mallory left out without --add" },
	{ "eu=A", "mallory=C", "", false, NULL, NULL },
	{ "eu=A", "mallory=C", "", true, NULL, NULL },
	{ "eu=A", "mallory=C", "mallory", false, "mallory=C", "mallory added; eu dropped" },
};

static void check(const struct one *c)
{
	struct reseal_want want = { .all = c->all };
	struct recipients rules = RECIPIENTS_INIT, to = RECIPIENTS_INIT;
	struct document_part part = { .name = (char *)(uintptr_t) "A" };
	struct reseal_part plan = RESEAL_PART_INIT;
	struct err err = ERR_INIT;
	struct buf text = BUF_INIT;
	int r;

	each(c->bound, put_bound, &part.recipients);
	each(c->rules, put_rule, &rules);
	each(c->add, put_name, &want.add);
	r = reseal_plan_part(&want, &rules, &part, &plan, &err);
	if (c->to == NULL) {
		assert_int_equal(r, -1);
		assert_int_equal(err.class, ERR_RECIPIENT);
		assert_int_equal(plan.to.n, 0);
	} else {
		each(c->to, put_rule, &to);
		if (r != 0)
			fail_msg("%s: %s", c->rules, err.text);
		assert_int_equal(plan.work, c->to[0] != '\0');
		assert_int_equal(plan.to.n, to.n);
		for (size_t i = 0; i < to.n; i++) {
			assert_string_equal(plan.to.items[i].name, to.items[i].name);
			assert_string_equal(plan.to.items[i].id, to.items[i].id);
		}
		reseal_plan_text(&plan, &text);
		assert_string_equal(buf_str(&text), c->text);
	}
	reseal_part_clear(&plan);
	recipients_clear(&rules);
	recipients_clear(&to);
	kv_clear(&part.recipients);
	kv_clear(&want.add);
	buf_clear(&text);
}

static void test_plan(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		check(&cases[i]);
}

/*
 * Whatever is bound and whatever the rules say: nobody receives who could not open it before, but
 * for a new key of a bound name and those whom the user names.
 */
static void test_nobody_new(void **state)
{
	static const char *const names[] = { "a", "b", "c" };

	(void)state;
	for (unsigned n = 0; n < 4 * 4 * 4 * 4 * 4 * 4; n++) {
		struct reseal_want want = { .all = n % 2 == 0 };
		struct recipients rules = RECIPIENTS_INIT;
		struct document_part part = { .name = (char *)(uintptr_t) "A" };
		struct reseal_part plan = RESEAL_PART_INIT;
		unsigned rest = n;

		for (size_t i = 0; i < 3; i++, rest /= 4)
			if (rest % 4 < 3)
				kv_set_str(&part.recipients, names[i], ids[(rest % 4 + i) % KEYS]);
		for (size_t i = 0; i < 3; i++, rest /= 4)
			if (rest % 4 < 3) /* a key that is there under another name is left out */
				recipients_add(&rules, names[i], &keys[(rest % 4 + 2 * i) % KEYS],
					       NULL);
		if (reseal_plan_part(&want, &rules, &part, &plan, NULL) == 0) {
			for (size_t i = 0; i < plan.to.n; i++) {
				const struct recipient *r = &plan.to.items[i];
				bool could = kv_has(&part.recipients, r->name);

				for (size_t k = 0; k < part.recipients.n; k++)
					could = could ||
						strcmp((const char *)part.recipients.items[k].data,
						       r->id) == 0;
				assert_true(could);
				assert_non_null(recipients_find(&rules, r->name));
			}
			assert_true(plan.work || plan.to.n == 0);
			assert_int_equal(plan.added.n, 0);
		}
		reseal_part_clear(&plan);
		recipients_clear(&rules);
		kv_clear(&part.recipients);
	}
}

static void test_concerns(void **state)
{
	struct document_part part = { .name = (char *)(uintptr_t) "A" };
	struct reseal_want want = { .all = false };

	(void)state;
	each("eu=A us=B", put_bound, &part.recipients);
	assert_true(reseal_plan_concerns(&want, &part));
	kv_set_str(&want.keys, "eu", "");
	assert_true(reseal_plan_concerns(&want, &part));
	kv_clear(&want.keys);
	kv_set_str(&want.keys, ids[1], "");
	assert_true(reseal_plan_concerns(&want, &part));
	kv_clear(&want.keys);
	kv_set_str(&want.keys, ids[2], "");
	assert_false(reseal_plan_concerns(&want, &part));
	kv_clear(&want.keys);
	kv_clear(&part.recipients);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plan),
		cmocka_unit_test(test_nobody_new),
		cmocka_unit_test(test_concerns),
	};

	mem_init();
	return cmocka_run_group_tests_name("sealer: plan of reseal", tests, make_keys, NULL);
}
