/* SPDX-License-Identifier: Apache-2.0 */
/* .bulla/config: strict reading, who a path is sealed to, writing, and edits byte by byte. */
#include "tests/unit/keys/keys.h"

#include <stdio.h>

#include "base/mem.h"
#include "keys/config.h"
#include "keys/config_edit.h"

#define PUB_C "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg"

static void parse(const char *text, struct config *c)
{
	struct err err = ERR_INIT;

	if (config_parse("config", text, strlen(text), c, &err) != 0)
		fail_msg("%s\n%s", err.text, text);
}

static const char full[] = "# who\n"
			   "recipients:\n"
			   "  eu-west9: \"" PUB_A "\"\n"
			   "  us-east1: " PUB_B "\n"
			   "recovery: '" PUB_C "'\n"
			   "rules:\n"
			   "  - path: \"clusters/eu-west9/**\"\n"
			   "    to: [eu-west9]\n"
			   "  - path: \"**\"\n"
			   "    namespace: \"team-*\"\n"
			   "    to: [eu-west9, us-east1]\n"
			   "  - path: apps/*/secret.yaml\n"
			   "    kind: deploy-key\n"
			   "    to:\n"
			   "      - us-east1\n";

/* --- select ----------------------------------------------------------------------------------- */

static void test_select(void **state)
{
	static const struct {
		const char *path, *namespace, *kind;
		const char *who; /* names, a blank behind each; NULL: no rule matches */
	} cases[] = {
		{ "clusters/eu-west9/a.yaml", "x", "tls", "eu-west9 recovery " },
		{ "clusters/eu-west9/flux/a.yaml", NULL, NULL, "eu-west9 recovery " },
		{ "clusters/eu-west9/a.yaml", "team-a", "tls",
		  "eu-west9 recovery " }, /* the first */
		{ "clusters/eu-west/a.yaml", "team-a", "tls", "eu-west9 recovery us-east1 " },
		{ "a.yaml", "team-b", "deploy-key", "eu-west9 recovery us-east1 " },
		{ "a.yaml", "team", "deploy-key", NULL },
		{ "a.yaml", NULL, "deploy-key", NULL },
		{ "apps/web/secret.yaml", "x", "deploy-key", "recovery us-east1 " },
		{ "apps/web/secret.yaml", NULL, "deploy-key", "recovery us-east1 " },
		{ "apps/web/secret.yaml", "x", "tls", NULL },
		{ "apps/web/secret.yaml", "x", NULL, NULL },
		{ "apps/web/deep/secret.yaml", "x", "deploy-key", NULL },
		{ "apps/secret.yaml", "x", "deploy-key", NULL },
	};
	struct config c = CONFIG_INIT;

	(void)state;
	parse(full, &c);
	assert_int_equal(c.recipients.n, 3);
	assert_int_equal(c.n, 3);
	assert_int_equal(c.rules[0].line, 7);
	assert_int_equal(c.rules[2].line, 12);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct recipients to = RECIPIENTS_INIT;
		struct buf who = BUF_INIT;
		struct err err = ERR_INIT;
		int r =
		    config_select(&c, cases[i].path, cases[i].namespace, cases[i].kind, &to, &err);

		if (cases[i].who == NULL) {
			check_err(r, &err, ERR_RECIPIENT, "no rule of .bulla/config matches");
			char *said =
			    mem_printf("%s (namespace %s, kind %s)", cases[i].path,
				       cases[i].namespace ? cases[i].namespace : "not known",
				       cases[i].kind ? cases[i].kind : "not known");

			assert_non_null(strstr(err.text, said));
			mem_free(said);
			continue;
		}
		assert_int_equal(r, 0);
		for (size_t j = 0; j < to.n; j++)
			buf_printf(&who, "%s ", to.items[j].name);
		assert_string_equal(buf_str(&who), cases[i].who);
		buf_clear(&who);
		recipients_clear(&to);
	}
	config_clear(&c);
	assert_int_equal(c.n + c.recipients.n, 0);
}

static void test_select_without_recovery(void **state)
{
	struct recipients to = RECIPIENTS_INIT;
	struct config c = CONFIG_INIT;
	struct err err = ERR_INIT;

	(void)state;
	parse("recipients:\n  a: " PUB_A "\nrules:\n- path: \"**\"\n  to: [a]\n", &c);
	assert_int_equal(config_select(&c, "x.yaml", NULL, NULL, &to, &err), 0);
	assert_int_equal(to.n, 1);
	assert_string_equal(to.items[0].name, "a");
	recipients_clear(&to);
	config_clear(&c);
}

static void test_select_nobody(void **state)
{
	char path[] = "**", ann[] = "ann", *names[] = { ann };
	struct config_rule empty = { .path = path, .line = 9 };
	struct config c = { RECIPIENTS_INIT, &empty, 1 };
	struct recipients to = RECIPIENTS_INIT;
	struct err err = ERR_INIT;

	(void)state;
	check_err(config_select(&c, "a", NULL, NULL, &to, &err), &err, ERR_RECIPIENT,
		  ".bulla/config:9: the rule names nobody");
	/* a struct that no config_parse made */
	empty.to = names;
	empty.n = 1;
	check_err(config_select(&c, "a", NULL, NULL, &to, &err), &err, ERR_RECIPIENT,
		  ".bulla/config:9: no recipient is named ann");
}

static void test_small(void **state)
{
	static const struct {
		const char *text;
		size_t recipients, rules;
	} cases[] = {
		{ "recipients:\n", 0, 0 },
		{ "rules:\nrecipients:\n", 0, 0 },
		{ "{}\n", 0, 0 },
		{ "recipients: {}\nrules: []\n", 0, 0 },
		{ "{recipients: {a: \"" PUB_A "\"}, rules: [{path: \"**\", to: [a]}]}", 1, 1 },
		/* the order in the file does not matter */
		{ "rules:\n- to: [a]\n  path: x\nrecovery: " PUB_B "\nrecipients:\n  a: " PUB_A
		  "\n",
		  2, 1 },
		{ "\xef\xbb\xbfrecipients:\r\n  a: \"" PUB_A "\"\r\n", 1, 0 },
		{ "---\nrecipients:\n  \"123\": \"" PUB_A "\"\n...\n", 1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct config c = CONFIG_INIT;

		parse(cases[i].text, &c);
		assert_int_equal(c.recipients.n, cases[i].recipients);
		assert_int_equal(c.n, cases[i].rules);
		config_clear(&c);
	}
}

/* --- refused ---------------------------------------------------------------------------------- */

#define R "recipients:\n  a: \"" PUB_A "\"\n  b: \"" PUB_B "\"\n"

static const struct {
	const char *text;
	enum err_class class;
	const char *error;
} refused[] = {
	{ "", ERR_INVALID, "config: there is nothing in it" },
	{ "# only this\n", ERR_INVALID, "config: there is nothing in it" },
	{ "---\na: b\n---\na: b\n", ERR_INVALID, "config: more than one YAML document" },
	{ "[]\n", ERR_INVALID, "config:1: config: a map with recipients" },
	{ "text\n", ERR_INVALID, "config:1: config: a map with recipients" },
	{ "recipient:\n  a: x\n", ERR_INVALID,
	  "config:1: config: recipients, recovery and rules can" },
	{ "recipients:\n  a: &x \"" PUB_A "\"\n", ERR_INVALID, "config:2: " },
	{ R "recipients:\n", ERR_INVALID, "config:4: " },
	{ "recipients: []\n", ERR_INVALID, "config:1: recipients: a map of names to keys" },
	{ "recipients: x\n", ERR_INVALID, "config:1: recipients: a map of names to keys" },
	{ "recipients: \"\"\n", ERR_INVALID, "config:1: recipients: a map of names to keys" },
	{ "recipients:\n  A: \"" PUB_A "\"\n", ERR_RECIPIENT,
	  "config:2: recipients: a name is not" },
	{ "recipients:\n  a_b: \"" PUB_A "\"\n", ERR_RECIPIENT,
	  "config:2: recipients: a name is not" },
	{ "recipients:\n  " KEY_A ": x\n", ERR_RECIPIENT, "config:2: recipients: a name is not" },
	{ "recipients:\n  123: \"" PUB_A "\"\n", ERR_INVALID,
	  "config:2: recipients: YAML can read this as something other" },
	{ "recipients:\n  no: \"" PUB_A "\"\n", ERR_INVALID, "put it in quotes" },
	{ R "  a: \"" PUB_A "\"\n", ERR_INVALID, "config:4: " },
	{ R "  recovery: \"" PUB_C "\"\n", ERR_RECIPIENT,
	  "config:4: recipients: the name \"recovery\" is reserved" },
	{ R "  c: \"" PUB_A "\"\n", ERR_RECIPIENT,
	  "config:4: c: recipients a and c are the same key" },
	{ R "recovery: \"" PUB_A "\"\n", ERR_RECIPIENT,
	  "config:4: recovery: recipients a and recovery are the same key" },
	{ "recipients:\n  a: " KEY_A "\n", ERR_RECIPIENT,
	  "config:2: a: what is given as a recipient is a private key" },
	{ "recipients:\n  a: age1xyz\n", ERR_RECIPIENT,
	  "config:2: a: the recipient has 7 characters" },
	{ "recipients:\n  a: [\"" PUB_A "\"]\n", ERR_INVALID,
	  "config:2: a: a string is expected, not a "
	  "list" },
	{ "recipients:\n  a:\n", ERR_INVALID, "config:2: a: YAML can read this" },
	{ "recipients:\n  a: |-\n    " PUB_A "\n", ERR_INVALID,
	  "config:2: a: write it on one line" },
	{ "recipients:\n  a: >-\n    " PUB_A "\n", ERR_INVALID,
	  "config:2: a: write it on one line" },
	{ "recipients:\n  ffffffffffffffffffffffffffffffff: \"" PUB_A "\"\n", ERR_RECIPIENT,
	  "looks like a key id" },
	{ "recovery:\n", ERR_INVALID, "config:1: recovery: YAML can read this" },
	{ "recovery: {a: b}\n", ERR_INVALID,
	  "config:1: recovery: a string is expected, not a map" },
	{ "recovery: \"age1\"\n", ERR_RECIPIENT, "config:1: recovery: the recipient has 4" },
	{ R "rules: {}\n", ERR_INVALID, "config:4: rules: a list of rules is expected" },
	{ R "rules: x\n", ERR_INVALID, "config:4: rules: a list of rules is expected" },
	{ R "rules:\n- x\n", ERR_INVALID, "config:5: rules: each rule is a map" },
	{ R "rules:\n- path: x\n", ERR_INVALID, "config:5: rules: the rule has no \"to\"" },
	{ R "rules:\n- to: [a]\n", ERR_INVALID, "config:5: rules: the rule has no \"path\"" },
	{ R "rules:\n- path: x\n  to: [a]\n  with: b\n", ERR_INVALID,
	  "config:7: rules: a rule has path, namespace, kind and to" },
	{ R "rules:\n- path: x\n  path: y\n  to: [a]\n", ERR_INVALID, "config:6: " },
	{ R "rules:\n- path: [x]\n  to: [a]\n", ERR_INVALID,
	  "config:5: path: a string is expected" },
	{ R "rules:\n- path: \"\"\n  to: [a]\n", ERR_INVALID, "config:5: path: not a path below" },
	{ R "rules:\n- path: /x\n  to: [a]\n", ERR_INVALID, "config:5: path: not a path below" },
	{ R "rules:\n- path: x/\n  to: [a]\n", ERR_INVALID, "config:5: path: not a path below" },
	{ R "rules:\n- path: x//y\n  to: [a]\n", ERR_INVALID, "config:5: path: not a path below" },
	{ R "rules:\n- path: ./x\n  to: [a]\n", ERR_INVALID, "config:5: path: not a path below" },
	{ R "rules:\n- path: x/../y\n  to: [a]\n", ERR_INVALID,
	  "config:5: path: not a path below" },
	{ R "rules:\n- path: x\n  namespace: Team\n  to: [a]\n", ERR_INVALID,
	  "config:6: namespace: not" },
	{ R "rules:\n- path: x\n  namespace: \"\"\n  to: [a]\n", ERR_INVALID,
	  "config:6: namespace: not" },
	{ R "rules:\n- path: x\n  kind: \"*\"\n  to: [a]\n", ERR_INVALID,
	  "config:6: kind: not a kind" },
	{ R "rules:\n- path: x\n  to: a\n", ERR_INVALID,
	  "config:6: to: a list of names is expected" },
	{ R "rules:\n- path: x\n  to: []\n", ERR_RECIPIENT, "config:6: to: the rule names nobody" },
	{ R "rules:\n- path: x\n  to: [a, c]\n", ERR_RECIPIENT,
	  "config:6: to: no recipient is named c" },
	{ R "rules:\n- path: x\n  to: [a, b, a]\n", ERR_INVALID,
	  "config:6: to: a stands here twice" },
	{ R "recovery: \"" PUB_C "\"\nrules:\n- path: x\n  to: [a, recovery]\n", ERR_RECIPIENT,
	  "config:7: to: \"recovery\" is added to every rule" },
	{ R "rules:\n- path: x\n  to: [\"" KEY_A "\"]\n", ERR_RECIPIENT,
	  "config:6: to: this is not the name of a recipient" },
	{ R "rules:\n- path: x\n  to: [[a]]\n", ERR_INVALID, "config:6: to: a string is expected" },
	{ R "rules:\n- path: x\n  to: [1]\n", ERR_INVALID, "config:6: to: YAML can read this" },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct config c = CONFIG_INIT;
		struct err err = ERR_INIT;
		int r = config_parse("config", refused[i].text, strlen(refused[i].text), &c, &err);

		if (r == 0 || err.class != refused[i].class ||
		    strstr(err.text, refused[i].error) == NULL)
			fail_msg("case %zu (%s): %d, class %d: %s", i, refused[i].error, r,
				 (int)err.class, err.text);
		assert_null(
		    strstr(err.text, "GFPYYSJZ")); /* of KEY_A, which stands in some of them */
		assert_int_equal(c.n + c.recipients.n, 0);
		assert_null(c.rules);
	}
}

/* As many as a document can have, recovery among them. */
static void test_bounds(void **state)
{
	struct config c = CONFIG_INIT;
	struct err err = ERR_INIT;

	(void)state;
	for (int recovery = 0; recovery < 2; recovery++) {
		for (int n = RECIPIENTS_MAX - 1; n <= RECIPIENTS_MAX; n++) {
			struct buf text = BUF_INIT, to = BUF_INIT;
			bool fits = n + recovery <= RECIPIENTS_MAX;
			int r;

			if (recovery)
				buf_puts(&text, "recovery: \"" PUB_A "\"\n");
			buf_puts(&text, "recipients:\n");
			for (int i = 0; i < n; i++) {
				struct age_recipient key = { { 9, (unsigned char)i } };
				char key_text[AGE_RECIPIENT_TEXT];

				age_recipient_format(&key, key_text);
				buf_printf(&text, "  n%d: \"%s\"\n", i, key_text);
				buf_printf(&to, "%sn%d", i == 0 ? "" : ", ", i);
			}
			buf_printf(&text, "rules:\n- path: x\n  to: [%s]\n", buf_str(&to));
			r = config_parse("config", text.data, text.len, &c, &err);
			if (fits)
				assert_int_equal(r, 0);
			else
				check_err(r, &err, ERR_RECIPIENT,
					  "32 recipients; a document can have 32");
			config_clear(&c);
			buf_clear(&text);
			buf_clear(&to);
		}
	}
	struct buf text = BUF_INIT;

	buf_puts(&text, "recipients:\n");
	while (text.len < CONFIG_MAX - 1)
		buf_puts(&text, "#");
	buf_puts(&text, "\n");
	assert_int_equal(text.len, CONFIG_MAX);
	assert_int_equal(config_parse("config", text.data, text.len, &c, &err), 0);
	config_clear(&c);
	buf_puts(&text, "\n");
	check_err(config_parse("config", text.data, text.len, &c, &err), &err, ERR_INVALID,
		  "config: larger than 262144 bytes");
	buf_clear(&text);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void test_format(void **state)
{
	char path1[] = "clusters/eu-west9/**", path2[] = "odd \"\\\xc3\xa4\x01/**", path3[] = "**";
	char ns[] = "team-*", kind[] = "deploy-key", eu[] = "eu-west9", digits[] = "123";
	char *to1[] = { eu }, *to2[] = { eu, digits };
	struct config_rule rules[] = {
		{ .path = path1, .to = to1, .n = 1 },
		{ .path = path2, .namespace = ns, .kind = kind, .to = to2, .n = 2 },
		{ .path = path3, .to = to2, .n = 2 },
	};
	struct recipients r = RECIPIENTS_INIT, to = RECIPIENTS_INIT;
	struct age_recipient a = recipient(PUB_A), b = recipient(PUB_B), c3 = recipient(PUB_C);
	struct config c = CONFIG_INIT;
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	recipients_add(&r, "eu-west9", &a, &err);
	recipients_add(&r, "123", &b, &err);
	recipients_add(&r, "recovery", &c3, &err);
	config_format(&r, rules, COUNT(rules), &text);
	assert_string_equal(
	    buf_str(&text),
	    "# Who credentials of this repository are sealed to: bulla-recipients(1).\n"
	    "recipients:\n"
	    "  \"123\": \"" PUB_B "\"\n"
	    "  eu-west9: \"" PUB_A "\"\n"
	    "# Added to every rule; the private key is kept offline.\n"
	    "recovery: \"" PUB_C "\"\n"
	    "# The first rule that matches decides; ** spans folders.\n"
	    "rules:\n"
	    "  - path: \"clusters/eu-west9/**\"\n"
	    "    to: [eu-west9]\n"
	    "  - path: \"odd \\\"\\\\\xc3\xa4\\u0001/**\"\n"
	    "    namespace: \"team-*\"\n"
	    "    kind: deploy-key\n"
	    "    to: [eu-west9, \"123\"]\n"
	    "  - path: \"**\"\n"
	    "    to: [eu-west9, \"123\"]\n");
	parse(buf_str(&text), &c);
	assert_int_equal(c.n, 3);
	assert_string_equal(c.rules[1].path, path2);
	assert_int_equal(
	    config_select(&c, "odd \"\\\xc3\xa4\x01/x", "team-a", "deploy-key", &to, &err), 0);
	assert_int_equal(to.n, 3);
	recipients_clear(&to);
	recipients_clear(&r);
	config_clear(&c);
	/* without anything */
	buf_reset(&text);
	config_format(&r, NULL, 0, &text);
	parse(buf_str(&text), &c);
	assert_int_equal(c.n + c.recipients.n, 0);
	buf_clear(&text);
}

/* Whatever stands in a path, what is written is read again as it was. */
static void test_format_characters(void **state)
{
	static const struct {
		unsigned code;
		const char *bytes;
		bool escaped;
	} cases[] = {
		{ 0x01, "\x01", true },
		{ 0x09, "\t", true },
		{ 0x0a, "\n", true },
		{ 0x1f, "\x1f", true },
		{ 0x20, " ", false },
		{ 0x7e, "~", false },
		{ 0x7f, "\x7f", true },
		{ 0x80, "\xc2\x80", true },
		{ 0x85, "\xc2\x85", true },
		{ 0x9f, "\xc2\x9f", true },
		{ 0xa0, "\xc2\xa0", false },
		{ 0x7ff, "\xdf\xbf", false },
		{ 0x800, "\xe0\xa0\x80", false },
		{ 0x2027, "\xe2\x80\xa7", false },
		{ 0x2028, "\xe2\x80\xa8", true },
		{ 0x2029, "\xe2\x80\xa9", true },
		{ 0x202a, "\xe2\x80\xaa", false },
		{ 0xfeff, "\xef\xbb\xbf", true },
		{ 0xfffd, "\xef\xbf\xbd", false },
		{ 0xfffe, "\xef\xbf\xbe", true },
		{ 0xffff, "\xef\xbf\xbf", true },
		{ 0x10000, "\xf0\x90\x80\x80", false },
		{ 0x1f600, "\xf0\x9f\x98\x80", false },
		{ 0x10fffd, "\xf4\x8f\xbf\xbd", false },
	};
	struct recipients r = RECIPIENTS_INIT;
	struct age_recipient a = recipient(PUB_A);
	struct err err = ERR_INIT;
	char name[] = "a", *to[] = { name };

	(void)state;
	recipients_add(&r, "a", &a, &err);
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *path = mem_printf("x%s/y%s", cases[i].bytes, cases[i].bytes);
		struct config_rule rule = { .path = path, .to = to, .n = 1 };
		struct buf text = BUF_INIT;
		struct config c = CONFIG_INIT;
		char escape[16];

		snprintf(escape, sizeof(escape), "x\\u%04x/y", cases[i].code);
		config_format(&r, &rule, 1, &text);
		assert_int_equal(strstr(buf_str(&text), escape) != NULL, cases[i].escaped);
		assert_int_equal(strstr(buf_str(&text), path) != NULL, !cases[i].escaped);
		parse(buf_str(&text), &c);
		assert_string_equal(c.rules[0].path, path);
		config_clear(&c);
		buf_clear(&text);
		mem_free(path);
	}
	recipients_clear(&r);
}

/* Bytes that are no UTF-8 are not mended: the config is refused when it is read. */
static void test_format_not_utf8(void **state)
{
	static const char *const bad[] = { "\xc3", "\xe2\x80", "\xf0\x9f\x98", "\x80",
					   "\xff", "\xc3(",    "\xe2\x80(" };
	struct recipients r = RECIPIENTS_INIT;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		char *path = mem_printf("x/%s", bad[i]);
		struct config_rule rule = { .path = path };
		struct buf text = BUF_INIT;
		struct config c = CONFIG_INIT;

		config_format(&r, &rule, 1, &text);
		assert_non_null(strstr(buf_str(&text), path));
		check_err(config_parse("config", text.data, text.len, &c, &err), &err, ERR_INVALID,
			  "config:");
		buf_clear(&text);
		mem_free(path);
	}
}

/* --- edits ------------------------------------------------------------------------------------ */

#define ADD_X "x: \"" PUB_C "\""

static const struct {
	const char *before;
	const char *name; /* gets PUB_C */
	const char *after;
} adds[] = {
	/* behind the last, with its indentation and line end; comments stay where they are */
	{ "recipients:\n  a: \"" PUB_A "\"\n", "x",
	  "recipients:\n  a: \"" PUB_A "\"\n  " ADD_X "\n" },
	{ "recipients:\n    a: " PUB_A " # ann\n# end\nrules: []\n", "x",
	  "recipients:\n    a: " PUB_A " # ann\n    " ADD_X "\n# end\nrules: []\n" },
	{ "recipients:\r\n  a: " PUB_A "\r\nrules: []\r\n", "x",
	  "recipients:\r\n  a: " PUB_A "\r\n  " ADD_X "\r\nrules: []\r\n" },
	{ "\xef\xbb\xbf# \xc3\xa4\xe2\x82\xac\nrecipients:\n  a: " PUB_A "\n", "x",
	  "\xef\xbb\xbf# \xc3\xa4\xe2\x82\xac\nrecipients:\n  a: " PUB_A "\n  " ADD_X "\n" },
	{ "recipients:\n  a: " PUB_A, "x", "recipients:\n  a: " PUB_A "\n  " ADD_X "\n" },
	{ "recipients:\n  a: " PUB_A "   ", "x", "recipients:\n  a: " PUB_A "   \n  " ADD_X "\n" },
	{ "recipients:\n  a:\n    \"" PUB_A "\"\n  b:\n    '" PUB_B "'\nrules:\n", "x",
	  "recipients:\n  a:\n    \"" PUB_A "\"\n  b:\n    '" PUB_B "'\n  " ADD_X "\nrules:\n" },
	/* a name that some YAML takes for something else */
	{ "recipients:\n  a: " PUB_A "\n", "123",
	  "recipients:\n  a: " PUB_A "\n  \"123\": \"" PUB_C "\"\n" },
	{ "recipients:\n  a: " PUB_A "\n", "no",
	  "recipients:\n  a: " PUB_A "\n  \"no\": \"" PUB_C "\"\n" },
	/* nothing there yet */
	{ "recipients:\n", "x", "recipients:\n  " ADD_X "\n" },
	{ "recipients:", "x", "recipients:\n  " ADD_X "\n" },
	{ "recipients: # none\r\nrules: []\r\n", "x",
	  "recipients: # none\r\n  " ADD_X "\r\nrules: []\r\n" },
	{ "# top\nrules: []\n", "x", "# top\nrecipients:\n  " ADD_X "\nrules: []\n" },
	{ "recovery: " PUB_A "\n", "x", "recipients:\n  " ADD_X "\nrecovery: " PUB_A "\n" },
	/* flow */
	{ "recipients: {}\n", "x", "recipients: {" ADD_X "}\n" },
	{ "recipients: {a: " PUB_A "} # ann\n", "x",
	  "recipients: {a: " PUB_A ", " ADD_X "} # ann\n" },
	{ "recipients: {\n  a: " PUB_A ",\n  b: " PUB_B "\n}\n", "x",
	  "recipients: {\n  a: " PUB_A ",\n  b: " PUB_B ", " ADD_X "\n}\n" },
	{ "{rules: []}\n", "x", "{recipients: {" ADD_X "}, rules: []}\n" },
	{ "{}\n", "x", "{recipients: {" ADD_X "}}\n" },
	{ "{recipients: , rules: []}\n", "x", "{recipients: {" ADD_X "} , rules: []}\n" },
	/* another key for a name: its quotes stay */
	{ "recipients:\n  a: " PUB_A "  # ann\n  b: " PUB_B "\n", "a",
	  "recipients:\n  a: " PUB_C "  # ann\n  b: " PUB_B "\n" },
	{ "recipients:\n  a: '" PUB_A "'\n", "a", "recipients:\n  a: '" PUB_C "'\n" },
	{ "recipients:\n  \"a\": \"" PUB_A "\"\r\n", "a",
	  "recipients:\n  \"a\": \"" PUB_C "\"\r\n" },
	{ "recipients: {b: " PUB_B ", a: " PUB_A "}\n", "a",
	  "recipients: {b: " PUB_B ", a: " PUB_C "}\n" },
	{ "recipients:\n  a: " PUB_C "\n", "a", "recipients:\n  a: " PUB_C "\n" },
};

static void test_add(void **state)
{
	struct age_recipient key = recipient(PUB_C);

	(void)state;
	for (size_t i = 0; i < COUNT(adds); i++) {
		struct buf text = BUF_INIT;
		struct config c = CONFIG_INIT;
		struct err err = ERR_INIT;

		buf_puts(&text, adds[i].before);
		if (config_edit_add("config", &text, adds[i].name, &key, &err) != 0)
			fail_msg("case %zu: %s", i, err.text);
		if (strcmp(buf_str(&text), adds[i].after) != 0)
			fail_msg("case %zu:\n%s\nnot\n%s", i, buf_str(&text), adds[i].after);
		parse(buf_str(&text), &c);
		assert_memory_equal(recipients_find(&c.recipients, adds[i].name)->key.point,
				    key.point, 32);
		config_clear(&c);
		buf_clear(&text);
	}
}

static const struct {
	const char *before;
	const char *name;
	const char *after;
} removals[] = {
	{ "recipients:\n  a: " PUB_A "\n  b: " PUB_B " # bob\n  c: " PUB_C "\n", "b",
	  "recipients:\n  a: " PUB_A "\n  c: " PUB_C "\n" },
	{ "recipients:\n  a: " PUB_A "\n  # bob\n  b: " PUB_B "\nrules: []\n", "b",
	  "recipients:\n  a: " PUB_A "\n  # bob\nrules: []\n" },
	{ "recipients:\r\n  a: " PUB_A "\r\n  b: " PUB_B, "a", "recipients:\r\n  b: " PUB_B },
	{ "recipients:\n  a:\n    " PUB_A "\n  b: " PUB_B "\n", "a",
	  "recipients:\n  b: " PUB_B "\n" },
	{ "recipients:\n  a: " PUB_A "\nrules: []\n", "a", "recipients:\nrules: []\n" },
	{ "recipients:\n  a: " PUB_A, "a", "recipients:\n" },
	{ "recipients: {a: " PUB_A ", b: " PUB_B "}\n", "a", "recipients: {b: " PUB_B "}\n" },
	{ "recipients: {a: " PUB_A ", b: " PUB_B "}\n", "b", "recipients: {a: " PUB_A "}\n" },
	{ "recipients: {a: " PUB_A "}\n", "a", "recipients: {}\n" },
	{ "{recipients: { a: " PUB_A " }}\n", "a", "{recipients: {  }}\n" },
	{ "recipients: {\n  a: " PUB_A ",\n  b: " PUB_B ",\n}\n", "b",
	  "recipients: {\n  a: " PUB_A ",\n}\n" },
};

static void test_remove(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(removals); i++) {
		struct buf text = BUF_INIT;
		struct config c = CONFIG_INIT;
		struct err err = ERR_INIT;

		buf_puts(&text, removals[i].before);
		if (config_edit_remove("config", &text, removals[i].name, &err) != 0)
			fail_msg("case %zu: %s", i, err.text);
		if (strcmp(buf_str(&text), removals[i].after) != 0)
			fail_msg("case %zu:\n%s\nnot\n%s", i, buf_str(&text), removals[i].after);
		parse(buf_str(&text), &c);
		assert_null(recipients_find(&c.recipients, removals[i].name));
		config_clear(&c);
		buf_clear(&text);
	}
}

static void edit_refused(const char *before, const char *add, const char *remove,
			 enum err_class class, const char *error)
{
	struct age_recipient key = recipient(PUB_C);
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	buf_puts(&text, before);
	if (add != NULL)
		check_err(config_edit_add("config", &text, add, &key, &err), &err, class, error);
	else
		check_err(config_edit_remove("config", &text, remove, &err), &err, class, error);
	assert_string_equal(buf_str(&text), before);
	buf_clear(&text);
}

static void test_edits_refused(void **state)
{
	(void)state;
	edit_refused(full, "recovery", NULL, ERR_RECIPIENT, "\"recovery\" is reserved");
	edit_refused(full, "Ann", NULL, ERR_RECIPIENT, "the name of a recipient");
	edit_refused(full, "0123456789abcdef0123456789abcdef", NULL, ERR_RECIPIENT, "a key id");
	/* the key has a name already, and recovery is one */
	edit_refused(full, "ann", NULL, ERR_RECIPIENT, "ann and recovery are the same key");
	edit_refused("recipients:\n  c: " PUB_C "\n", "ann", NULL, ERR_RECIPIENT,
		     "are the same key");
	edit_refused("recipient:\n", "ann", NULL, ERR_INVALID, "config:1: ");
	edit_refused("", "ann", NULL, ERR_INVALID, "there is nothing in it");
	edit_refused("recipient:\n", NULL, "ann", ERR_INVALID, "config:1: ");
	edit_refused(full, NULL, "ann", ERR_RECIPIENT, "config: no recipient is named ann");
	edit_refused(full, NULL, "recovery", ERR_RECIPIENT, "no recipient is named recovery");
	edit_refused("recipients:\n", NULL, "ann", ERR_RECIPIENT, "no recipient is named ann");
	edit_refused("rules: []\n", NULL, "ann", ERR_RECIPIENT, "no recipient is named ann");
	edit_refused(full, NULL, "eu-west9", ERR_CONFLICT,
		     "config:7: the rule for clusters/eu-west9/** names eu-west9");
	edit_refused(full, NULL, "us-east1", ERR_CONFLICT,
		     "config:9: the rule for ** names us-east1");
}

#define NAMED "recipients:\n  x: " PUB_A "\n"
#define RULE "  - path: \"p/**\"\n    to: [x]\n"

static const struct {
	const char *before, *after; /* after NULL: refused */
} rule_adds[] = {
	{ NAMED "rules:\n  - path: a\n    to: [x]\n",
	  NAMED "rules:\n" RULE "  - path: a\n    to: [x]\n" },
	/* as the others are indented, behind the comments above them */
	{ NAMED "rules:\n# first\n- path: a\n  to: [x]\n",
	  NAMED "rules:\n# first\n- path: \"p/**\"\n  to: [x]\n- path: a\n  to: [x]\n" },
	{ NAMED "rules:\r\n    - {path: a, to: [x]}\r\n",
	  NAMED "rules:\r\n    - path: \"p/**\"\n      to: [x]\n    - {path: a, to: [x]}\r\n" },
	/* nothing there yet */
	{ NAMED "rules:\n", NAMED "rules:\n" RULE },
	{ NAMED "rules: # none\n# end\n", NAMED "rules: # none\n" RULE "# end\n" },
	{ NAMED "rules:", NAMED "rules:\n" RULE },
	{ NAMED, NAMED "rules:\n" RULE },
	{ "recipients:\n  x: " PUB_A, NAMED "rules:\n" RULE },
	/* with brackets */
	{ NAMED "rules: []\n", NULL },
	{ NAMED "rules: [{path: a, to: [x]}]\n", NULL },
	{ "{recipients: {x: " PUB_A "}}\n", NULL },
};

static void test_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rule_adds); i++) {
		struct buf text = BUF_INIT;
		struct config c = CONFIG_INIT;
		struct err err = ERR_INIT;
		int r;

		buf_puts(&text, rule_adds[i].before);
		r = config_edit_rule("config", &text, "p/**", "x", &err);
		if (rule_adds[i].after == NULL) {
			check_err(r, &err, ERR_INVALID, "config: rules: written with brackets");
			assert_string_equal(buf_str(&text), rule_adds[i].before);
			buf_clear(&text);
			continue;
		}
		if (r != 0)
			fail_msg("case %zu: %s", i, err.text);
		if (strcmp(buf_str(&text), rule_adds[i].after) != 0)
			fail_msg("case %zu:\n%s\nnot\n%s", i, buf_str(&text), rule_adds[i].after);
		/* it is the first, which decides */
		parse(buf_str(&text), &c);
		assert_string_equal(c.rules[0].path, "p/**");
		config_clear(&c);
		buf_clear(&text);
	}
}

static void test_rule_refused(void **state)
{
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	buf_puts(&text, NAMED);
	check_err(config_edit_rule("config", &text, "p/**", "y", &err), &err, ERR_RECIPIENT, "y");
	assert_string_equal(buf_str(&text), NAMED);
	buf_clear(&text);
}

/* An edit that does not fit leaves all as it was. */
static void test_edit_too_large(void **state)
{
	struct age_recipient key = recipient(PUB_C);
	struct buf text = { .max = sizeof(full) + 5 };
	struct err err = ERR_INIT;

	(void)state;
	buf_puts(&text, "recipients:\n  a: " PUB_A "\n# ");
	while (buf_putc(&text, 'x') == 0)
		;
	buf_truncate(&text, text.len - 1);
	buf_puts(&text, "\n");
	check_err(config_edit_add("config", &text, "x", &key, &err), &err, ERR_INVALID,
		  "config: it would become too large");
	assert_int_equal(text.len, text.max);
	buf_clear(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_select),
		cmocka_unit_test(test_select_nobody),
		cmocka_unit_test(test_select_without_recovery),
		cmocka_unit_test(test_format_not_utf8),
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_format_characters),
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_remove),
		cmocka_unit_test(test_edits_refused),
		cmocka_unit_test(test_rule),
		cmocka_unit_test(test_rule_refused),
		cmocka_unit_test(test_edit_too_large),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
