/* SPDX-License-Identifier: Apache-2.0 */
/* whom a document is sealed to, and whose word is enough for that */
#include "tests/unit/test.h"

#include <sys/wait.h>

#include "sealer/agree.h"
#include "sealer/who.h"
#include "tests/unit/sealer/scratch.h"

#define CONFIG(a)                                                                                  \
	"recipients:\n  a: \"" a "\"\n  b: \"" KEY_B "\"\nrules:\n"                                \
	"  - path: \"a/**\"\n    to: [a]\n"                                                        \
	"  - path: \"n/**\"\n    namespace: \"team-*\"\n    kind: tls\n    to: [b]\n"              \
	"  - path: \"**\"\n    to: [a, b]\n"
#define RECOVERY "recovery: \"" KEY_C "\"\n"

/* One question; every list may be NULL for nothing. */
struct ask {
	const char *write;
	const char *names[4], *files[4], *accept[4];
	const char *namespace, *kind;
};

static struct option_list list(const char *const items[4])
{
	struct option_list l = { (const char **)(uintptr_t)items, 0 };

	while (l.n < 4 && items[l.n] != NULL)
		l.n++;
	return l;
}

static int ask(const struct ask *a, struct recipients *out, struct err *err)
{
	struct option_list names = list(a->names), files = list(a->files), accept = list(a->accept);
	struct target t = TARGET_INIT;
	struct who who = {
		.names = &names,
		.files = &files,
		.accept = &accept,
		.namespace = a->namespace != NULL ? a->namespace : "web",
		.kind = a->kind != NULL ? a->kind : "opaque",
	};
	int r;

	assert_int_equal(target_open(a->write, "x", &t, NULL), 0);
	r = who_select(&t, &who, out, err);
	target_clear(&t);
	return r;
}

static void pin_all(const char *text)
{
	struct config c = CONFIG_INIT;
	char *top = target_top(NULL);

	assert_int_equal(config_parse("c", text, strlen(text), &c, NULL), 0);
	assert_int_equal(agree_pin(top, &c.recipients, NULL), 0);
	config_clear(&c);
	mem_free(top);
}

/* Names in order, joined by commas. */
static const char *joined(const struct recipients *r)
{
	static char text[500];

	text[0] = '\0';
	for (size_t i = 0; i < r->n; i++) {
		strcat(text, i > 0 ? "," : "");
		strcat(text, r->items[i].name);
	}
	return text;
}

#define ID_C "6a804773982840fa7eae3847079a53b0"

static void test_selects(void **state)
{
	static const struct {
		struct ask ask;
		const char *names;
	} cases[] = {
		{ { .write = "a/x.yaml" }, "a,recovery" },
		{ { .write = "x.yaml" }, "a,b,recovery" },
		{ { .write = "n/x.yaml" }, "a,b,recovery" },
		{ { .write = "n/x.yaml", .namespace = "team-x", .kind = "tls" }, "b,recovery" },
		{ { .write = "n/x.yaml", .namespace = "team-x" }, "a,b,recovery" },
		{ { .names = { "b" } }, "b,recovery" },
		{ { .names = { "b", "a" } }, "a,b,recovery" },
		{ { .names = { "b", "b" } }, "b,recovery" },
		{ { .names = { "recovery" } }, "recovery" },
		{ { .names = { KEY_A } }, "a,recovery" },
		{ { .names = { KEY_A, "a" } }, "a,recovery" },
		{ { .names = { KEY_C } }, "recovery" },
		{ { .files = { "../team" } }, "a,b,recovery" },
		{ { .names = { "a" }, .files = { "../team" } }, "a,b,recovery" },
		{ { .write = "a/x.yaml", .names = { "b" } }, "b,recovery" },
	};

	(void)state;
	scratch_write(".bulla/config", CONFIG(KEY_A) RECOVERY);
	scratch_write("../team", "# us\n" KEY_A "\n" KEY_B "\n");
	pin_all(CONFIG(KEY_A) RECOVERY);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct recipients r = RECIPIENTS_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(ask(&cases[i].ask, &r, &err), 0);
		assert_string_equal(joined(&r), cases[i].names);
		recipients_clear(&r);
	}
}

/* Without a config there is neither recovery nor a name. */
static void test_without_config(void **state)
{
	static const struct ask bare = { .names = { KEY_C } };
	struct recipients r = RECIPIENTS_INIT;

	(void)state;
	assert_int_equal(ask(&bare, &r, NULL), 0);
	assert_string_equal(joined(&r), ID_C);
	recipients_clear(&r);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(ask(&bare, &r, NULL), 0);
	assert_string_equal(joined(&r), ID_C);
	recipients_clear(&r);
}

static void test_refused(void **state)
{
	static const struct {
		struct ask ask;
		enum err_class class;
		const char *text;
	} cases[] = {
		{ { .names = { "c" } },
		  ERR_RECIPIENT,
		  "-r c: no such recipient in .bulla/config; it has a, b, recovery" },
		{ { .names = { "hunter 2" } },
		  ERR_RECIPIENT,
		  "-r: neither a recipient's name nor age1... (8 bytes)" },
		{ { .names = { "" } },
		  ERR_RECIPIENT,
		  "-r: neither a recipient's name nor age1... (0 bytes)" },
		{ { .names = { "age1xyz" } }, ERR_RECIPIENT, NULL },
		{ { .names = { "AGE1XYZ" } }, ERR_RECIPIENT, NULL },
		{ { .names = { "AGE-SECRET-KEY-1XYZ" } }, ERR_RECIPIENT, NULL },
		{ { .names = { "age-secret-key-1xyz" } }, ERR_RECIPIENT, NULL },
		{ { .files = { "../empty" } },
		  ERR_RECIPIENT,
		  "-R: the files name nobody to seal to" },
		{ { .files = { "../bad" } }, ERR_RECIPIENT, NULL },
		{ { .files = { "../nowhere" } }, ERR_IO, NULL },
		{ { .write = NULL },
		  ERR_RECIPIENT,
		  "nobody to seal to: without -w there is no path for the rules of .bulla/config; "
		  "say with -w where it is to stand, or name the recipients with -r" },
		{ { .names = { "a" }, .accept = { "a" } }, ERR_RECIPIENT, NULL },
	};

	(void)state;
	scratch_write(".bulla/config", CONFIG(KEY_A) RECOVERY);
	scratch_write("../empty", "# nobody\n");
	scratch_write("../bad", KEY_A "\nfrobnicate\n");
	pin_all(CONFIG(KEY_A) RECOVERY);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct recipients r = RECIPIENTS_INIT;
		struct err err = ERR_INIT;

		if (i == COUNT(cases) - 1) /* --accept is read only when it is needed */
			pin_all(CONFIG(KEY_C));
		assert_int_equal(ask(&cases[i].ask, &r, &err), -1);
		assert_int_equal(err.class, cases[i].class);
		if (cases[i].text != NULL)
			assert_string_equal(err.text, cases[i].text);
		assert_null(strstr(err.text, "XYZ"));
		assert_null(strstr(err.text, "xyz"));
		assert_int_equal(r.n, 0);
	}
}

static void test_pins(void **state)
{
	static const struct ask by_rule = { .write = "a/x.yaml" };
	static const struct ask by_key = { .names = { KEY_A } };
	static const struct ask agreed = { .write = "a/x.yaml", .accept = { KEY_A, KEY_C } };
	static const struct ask half = { .write = "a/x.yaml", .accept = { KEY_A } };
	struct recipients r = RECIPIENTS_INIT;
	struct err err = ERR_INIT;

	(void)state;
	scratch_write(".bulla/config", CONFIG(KEY_A) RECOVERY);
	assert_int_equal(ask(&by_rule, &r, &err), -1);
	assert_string_equal(err.text, "2 recipients are not agreed to; nothing was sealed");
	assert_int_equal(err.class, ERR_RECIPIENT);
	/* the key that was typed needs no asking, recovery that came with it does */
	assert_int_equal(ask(&by_key, &r, &err), -1);
	assert_string_equal(err.text, "1 recipient is not agreed to; nothing was sealed");
	assert_int_equal(ask(&half, &r, &err), -1);
	assert_int_equal(ask(&agreed, &r, &err), 0);
	assert_string_equal(joined(&r), "a,recovery");
	recipients_clear(&r);
	assert_int_equal(ask(&by_rule, &r, &err), 0);
	recipients_clear(&r);
	/* another key under the same name */
	scratch_write(".bulla/config", "recipients:\n  a: \"" KEY_B "\"\nrules:\n"
				       "  - path: \"**\"\n    to: [a]\n" RECOVERY);
	assert_int_equal(ask(&by_rule, &r, &err), -1);
	assert_string_equal(err.text, "1 recipient is not agreed to; nothing was sealed");
	/* the same keys under other names */
	scratch_write(".bulla/config", "recipients:\n  z: \"" KEY_A "\"\nrules:\n"
				       "  - path: \"**\"\n    to: [z]\n" RECOVERY);
	assert_int_equal(ask(&by_rule, &r, &err), -1);
	assert_int_equal(r.n, 0);
}

static void test_states(void **state)
{
	enum pins_state states[3];
	struct config c = CONFIG_INIT;
	char *top = target_top(NULL);
	const char *text = CONFIG(KEY_A) RECOVERY;
	const char *other = "recipients:\n  a: \"" KEY_B "\"\nrules: []\n" RECOVERY;

	(void)state;
	pin_all(other);
	assert_int_equal(config_parse("c", text, strlen(text), &c, NULL), 0);
	assert_int_equal(c.recipients.n, 3);
	assert_int_equal(agree_states(top, &c.recipients, states, NULL), 0);
	assert_int_equal(states[0], PINS_CHANGED);
	assert_int_equal(states[1], PINS_NEW);
	assert_int_equal(states[2], PINS_KNOWN);
	/* what is known of one repository says nothing of another */
	assert_int_equal(agree_states("/elsewhere", &c.recipients, states, NULL), 0);
	assert_int_equal(states[2], PINS_NEW);
	config_clear(&c);
	mem_free(top);
}

/* A damaged or foreign file of pins is not taken for an empty one. */
static void test_pins_file(void **state)
{
	static const struct ask by_rule = { .write = "a/x.yaml" };
	struct recipients r = RECIPIENTS_INIT;
	struct err err = ERR_INIT;

	(void)state;
	scratch_write(".bulla/config", CONFIG(KEY_A) RECOVERY);
	pin_all(CONFIG(KEY_A) RECOVERY);
	assert_int_equal(ask(&by_rule, &r, &err), 0);
	recipients_clear(&r);
	scratch_write("../home/.config/bulla/pins", "/x a age1\n");
	assert_int_equal(ask(&by_rule, &r, &err), -1);
	assert_int_equal(err.class, ERR_INVALID);
	assert_int_equal(remove("../home/.config/bulla/pins"), 0);
	assert_int_equal(symlink("/dev/null", "../home/.config/bulla/pins"), 0);
	assert_int_equal(ask(&by_rule, &r, &err), -1);
	assert_int_equal(err.class, ERR_IO);
	unsetenv("HOME");
	assert_int_equal(ask(&by_rule, &r, &err), -1);
	assert_string_equal(err.text, "there is no home folder: set HOME or XDG_CONFIG_HOME");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_selects), TEST(test_without_config), TEST(test_refused),
		TEST(test_pins),    TEST(test_states),	       TEST(test_pins_file),
	};

	/* no controlling terminal: nobody is asked */
	if (fork() != 0) {
		int status = 1;

		wait(&status);
		return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	}
	setsid();
	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
