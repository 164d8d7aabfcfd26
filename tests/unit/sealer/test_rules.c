/* SPDX-License-Identifier: Apache-2.0 */
/* The first rules of a repository, made of its folders. */
#include "tests/unit/test.h"

#include <unistd.h>

#include "sealer/rules.h"
#include "tests/unit/sealer/scratch.h"

static void add(struct recipients *to, const char *name)
{
	struct age_identity *id = age_identity_generate();
	struct err err = ERR_INIT;

	if (recipients_add(to, name, age_identity_recipient(id), &err) != 0)
		fail_msg("%s: %s", name, err.text);
	age_identity_free(id);
}

/* "PATH: NAME NAME\n" of each. */
static void format(const struct config_rule *rules, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		buf_printf(out, "%s:", rules[i].path);
		for (size_t k = 0; k < rules[i].n; k++)
			buf_printf(out, " %s", rules[i].to[k]);
		buf_putc(out, '\n');
	}
}

static void expect(const struct recipients *to, const char *text)
{
	struct config_rule *rules = NULL;
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	size_t n = 0;

	if (rules_make(".", to, &rules, &n, &err) != 0)
		fail_msg("%s", err.text);
	format(rules, n, &out);
	assert_string_equal(buf_str(&out), text);
	rules_free(rules, n);
	buf_clear(&out);
}

static void test_made(void **state)
{
	struct recipients to = RECIPIENTS_INIT;

	(void)state;
	add(&to, "eu-west9");
	add(&to, "us-east1");
	add(&to, "recovery");
	expect(&to, "**: eu-west9 us-east1\n");
	scratch_write("clusters/eu-west9/x", "");
	scratch_write("kubernetes/production/us-east1/y", "");
	/* deeper than is looked, hidden, a file, another's, and recovery, which is in each rule */
	scratch_write("a/b/c/eu-west9/x", "");
	scratch_write(".hidden/eu-west9/x", "");
	scratch_write("other/eu-west9", "");
	scratch_write("clusters/asia/x", "");
	scratch_write("clusters/recovery/x", "");
	/* below one that has a rule there is no other */
	scratch_write("clusters/eu-west9/us-east1/x", "");
	expect(&to, "clusters/eu-west9/**: eu-west9\n"
		    "kubernetes/production/us-east1/**: us-east1\n"
		    "**: eu-west9 us-east1\n");
	recipients_clear(&to);
}

/* A link leads out of the repository, and a name that a glob takes for more gets no rule. */
static void test_left_out(void **state)
{
	struct recipients to = RECIPIENTS_INIT;

	(void)state;
	add(&to, "eu");
	scratch_write("real/eu/x", "");
	assert_int_equal(symlink("real", "link"), 0);
	scratch_write("st*r/eu/x", "");
	scratch_write("br[a]ck/eu/x", "");
	scratch_write("with space/eu/x", "");
	expect(&to, "real/eu/**: eu\nwith space/eu/**: eu\n**: eu\n");
	recipients_clear(&to);
}

static void test_nowhere(void **state)
{
	struct recipients to = RECIPIENTS_INIT;
	struct config_rule *rules = NULL;
	struct err err = ERR_INIT;
	size_t n = 7;

	(void)state;
	assert_int_equal(rules_make("nowhere", &to, &rules, &n, &err), -1);
	assert_int_equal(err.class, ERR_IO);
	assert_null(rules);
}

static void test_cluster_names(void **state)
{
	struct kv names = KV_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(rules_cluster_names(".", &names, &err), 0);
	assert_int_equal(names.n, 0);
	scratch_write("clusters/eu-west9/x", "");
	scratch_write("clusters/us-east1/deep/x", "");
	scratch_write("clusters/README", "");
	scratch_write("clusters/.git/x", "");
	/* what can be no recipient's name */
	scratch_write("clusters/no name/x", "");
	assert_int_equal(symlink("eu-west9", "clusters/linked"), 0);
	assert_int_equal(rules_cluster_names(".", &names, &err), 0);
	assert_int_equal(names.n, 2);
	assert_true(kv_has(&names, "eu-west9") && kv_has(&names, "us-east1"));
	kv_clear(&names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_made, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_left_out, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_nowhere, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_cluster_names, scratch_make, scratch_remove),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
