/* SPDX-License-Identifier: Apache-2.0 */
/* command lines read from tables */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "sealer/options.h"

struct demo {
	bool flag;
	const char *url;
	const char *policy;
	const char *token_file;
	struct option_list label;
};

static const struct option_spec specs[] = {
	{ 'f', "flag", NULL, "a flag", offsetof(struct demo, flag), 0 },
	{ 'u', "url", "URL", "where it is", offsetof(struct demo, url), 0 },
	{ 0, "policy", "Delete|Retain", "what becomes of it", offsetof(struct demo, policy), 0 },
	{ 0, "token-file", "FILE|-", "the token", offsetof(struct demo, token_file), 0 },
	{ 'l', "label", "K=V", "a label", offsetof(struct demo, label), OPTION_MANY },
	{ 0 },
};

static const struct option_spec needing[] = {
	{ 'n', "namespace", "NAMESPACE", "the namespace", offsetof(struct demo, url),
	  OPTION_NEEDED },
	{ 0, "cert", "FILE", "the certificate", offsetof(struct demo, token_file), OPTION_NEEDED },
	{ 0 },
};

/* A line of words, as a shell would split it; '~' stands for an empty word. */
struct line {
	char text[300];
	char *argv[40];
	int argc;
};

static void split(struct line *l, const char *text)
{
	memset(l, 0, sizeof(*l));
	snprintf(l->text, sizeof(l->text), "%s", text);
	l->argv[l->argc++] = l->text;
	for (char *s = strtok(l->text, " "); s != NULL; s = strtok(NULL, " "))
		l->argv[l->argc++] = strcmp(s, "~") == 0 ? s + 1 : s;
}

static void test_reads(void **state)
{
	struct demo d = { 0 };
	struct option_common common = { 0 };
	struct err err = ERR_INIT;
	struct line l;

	(void)state;
	split(&l,
	      "one -fu ssh://h/p --label a=1 two -l b=2 --policy=Retain -q -v -l ~ -- --three -");
	assert_int_equal(options_parse(specs, "[ARG...]", l.argc, l.argv, &d, &common, &err), 0);
	assert_true(d.flag);
	assert_string_equal(d.url, "ssh://h/p");
	assert_string_equal(d.policy, "Retain");
	assert_null(d.token_file);
	assert_int_equal(d.label.n, 3);
	assert_string_equal(d.label.items[0], "a=1");
	assert_string_equal(d.label.items[1], "b=2");
	assert_string_equal(d.label.items[2], "");
	assert_true(common.quiet && common.verbose && !common.help);
	assert_int_equal(common.n, 4);
	assert_string_equal(common.args[0], "one");
	assert_string_equal(common.args[1], "two");
	assert_string_equal(common.args[2], "--three");
	assert_string_equal(common.args[3], "-");
	options_clear(specs, &d, &common);
	assert_null(d.label.items);
	assert_null(common.args);
}

/* POSIXLY_CORRECT and earlier parses must not change what a line means. */
static void test_reads_again(void **state)
{
	(void)state;
	setenv("POSIXLY_CORRECT", "1", 1);
	test_reads(NULL);
	unsetenv("POSIXLY_CORRECT");
	test_reads(NULL);
}

static void test_refuses(void **state)
{
	static const struct {
		const struct option_spec *specs;
		const char *arguments, *line, *text;
	} cases[] = {
		{ specs, "", "--nope", "there is no option --nope" },
		{ specs, "", "-x", "there is no option -x" },
		{ specs, "", "-fx", "there is no option -x" },
		{ specs, "", "-\x01", "there is no option -?" },
		{ specs, "", "--", NULL },
		{ specs, "", "--lab a=b", "there is no option --lab; did you mean --label?" },
		{ specs, "", "--labels a=b", "there is no option --labels; did you mean --label?" },
		{ specs, "", "--token ghp_abc",
		  "there is no option --token; did you mean --token-file? (secrets come from files "
		  "and "
		  "standard input, never from arguments)" },
		{ specs, "", "--token=ghp_abc",
		  "there is no option --token; did you mean --token-file? (secrets come from files "
		  "and "
		  "standard input, never from arguments)" },
		{ specs, "", "--token-literal a=b",
		  "there is no option --token-literal; did you mean --token-file? (secrets come "
		  "from files and standard input, never from arguments)" },
		{ specs, "", "--poliyc=Retain", "there is no option --poliyc" },
		{ needing, "NAME", "--namespcae=web",
		  "there is no option --namespcae; did you mean --namespace?" },
		{ specs, "", "--password=hunter2", "there is no option --password" },
		{ specs, "", "--=hunter2", "there is no such option" },
		{ specs, "", "--aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		  "there is no such option" },
		{ specs, "", "--flag=yes", "--flag takes no value" },
		{ specs, "", "--url", "--url needs a value: URL" },
		{ specs, "", "-u", "--url needs a value: URL" },
		{ specs, "", "--url --flag", "--url needs a value: URL" },
		{ specs, "", "-u --flag", "--url needs a value: URL" },
		{ specs, "", "-fu -- a", "--url needs a value: URL" },
		{ specs, "", "-u a -u b", "--url is given twice; it takes one value" },
		{ specs, "", "-u a --url=a", "--url is given twice; it takes one value" },
		{ specs, "", "-f -f", "--flag is given twice; it takes one value" },
		{ specs, "", "-q --quiet", "--quiet is given twice; it takes one value" },
		{ specs, "", "--policy delete", "--policy: it must be one of Delete|Retain" },
		{ specs, "", "--policy ~", "--policy: it must be one of Delete|Retain" },
		{ specs, "", "--policy Delete|Retain",
		  "--policy: it must be one of Delete|Retain" },
		{ specs, "", "ghp_abc", "it takes no arguments" },
		{ specs, "FILE [KEY]", "", "FILE is missing" },
		{ specs, "FILE [KEY]", "a b ghp_abc",
		  "argument 3 is one too many: it takes FILE [KEY]" },
		{ specs, "FILE...", "", "FILE... is missing" },
		{ needing, "NAME", "", "NAME is missing" },
		{ needing, "NAME", "a", "--namespace NAMESPACE is missing" },
		{ needing, "NAME", "a -n b", "--cert FILE is missing" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct demo d = { 0 };
		struct option_common common = { 0 };
		struct err err = ERR_INIT;
		struct line l;
		int r;

		split(&l, cases[i].line);
		r = options_parse(cases[i].specs, cases[i].arguments, l.argc, l.argv, &d, &common,
				  &err);
		assert_int_equal(r, cases[i].text == NULL ? 0 : -1);
		assert_string_equal(err.text, cases[i].text == NULL ? "" : cases[i].text);
		assert_int_equal(err.class, cases[i].text == NULL ? ERR_NONE : ERR_USAGE);
		options_clear(cases[i].specs, &d, &common);
	}
}

static void test_arguments(void **state)
{
	static const struct {
		const char *arguments, *line;
		size_t n;
	} cases[] = {
		{ "", "", 0 },		{ "FILE [KEY]", "a", 1 },	 { "FILE [KEY]", "a b", 2 },
		{ "[PATH...]", "", 0 }, { "[PATH...]", "a b c d e", 5 }, { "A B...", "a b c", 3 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct demo d = { 0 };
		struct option_common common = { 0 };
		struct line l;

		split(&l, cases[i].line);
		assert_int_equal(
		    options_parse(specs, cases[i].arguments, l.argc, l.argv, &d, &common, NULL), 0);
		assert_int_equal(common.n, cases[i].n);
		options_clear(specs, &d, &common);
	}
}

/* --help wins over everything that is missing or comes later. */
static void test_help_first(void **state)
{
	static const char *const lines[] = { "--help", "-h --nope", "-n x -h -n y", "a b c -h" };

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		struct demo d = { 0 };
		struct option_common common = { 0 };
		struct err err = ERR_INIT;
		struct line l;

		split(&l, lines[i]);
		assert_int_equal(options_parse(needing, "NAME", l.argc, l.argv, &d, &common, &err),
				 0);
		assert_true(common.help);
		options_clear(needing, &d, &common);
	}
}

static void test_choices(void **state)
{
	(void)state;
	assert_true(options_is_choice("text|json"));
	assert_true(options_is_choice("ed25519|ecdsa-p256|rsa-4096"));
	assert_true(options_is_choice("Delete|Retain"));
	assert_false(options_is_choice("FILE|-"));
	assert_false(options_is_choice("FILE|DIR/"));
	assert_false(options_is_choice("NAME|age1..."));
	assert_false(options_is_choice("NAMESPACE"));
	assert_false(options_is_choice("file"));
	assert_false(options_is_choice(NULL));
	assert_true(options_choice("text|json", "json"));
	assert_true(options_choice("FILE|-", "anything"));
	assert_false(options_choice("text|json", "jso"));
	assert_false(options_choice("text|json", "text|json"));
	assert_false(options_choice("text|json", ""));
}

static void test_prints(void **state)
{
	struct buf usage = BUF_INIT;
	char text[2000] = "";
	FILE *f = fmemopen(text, sizeof(text), "w");

	(void)state;
	options_usage(needing, &usage);
	assert_string_equal(buf_str(&usage), " -n NAMESPACE --cert FILE");
	buf_clear(&usage);
	options_help(specs, f);
	options_help_line("short", "a b", 12, f);
	options_help_line("much-longer-than-that",
			  "one two three four five six seven eight nine ten eleven twelve thirteen "
			  "fourteen",
			  12, f);
	fclose(f);
	assert_string_equal(
	    text, "  -f, --flag                  a flag\n"
		  "  -u, --url URL               where it is\n"
		  "      --policy Delete|Retain  what becomes of it\n"
		  "      --token-file FILE|-     the token\n"
		  "  -l, --label K=V ...         a label\n"
		  "  short     a b\n"
		  "  much-longer-than-that\n"
		  "            one two three four five six seven eight nine ten eleven twelve\n"
		  "            thirteen fourteen\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),	   cmocka_unit_test(test_reads_again),
		cmocka_unit_test(test_refuses),	   cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_help_first), cmocka_unit_test(test_choices),
		cmocka_unit_test(test_prints),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
