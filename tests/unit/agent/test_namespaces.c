/* SPDX-License-Identifier: Apache-2.0 */
/* The map of fan-out: read strictly, and of no effect where the document's facts do not agree. */
#include "tests/unit/agent/scene.h"

#include "agent/namespaces.h"
#include "base/file.h"
#include "base/name.h"

#define EXAMPLE "manifests/examples/two-regions/infrastructure/bulla/fan-out.yaml"
#define MAP                                                                                        \
	"flux-system:\n"                                                                           \
	"  namespaces: [\"team-*\", web, \"*\"]\n"                                                 \
	"  serviceAccounts: [default, \"build-?\"]\n"                                              \
	"barolab:\n"                                                                               \
	"  kinds: [tls, opaque]\n"                                                                 \
	"  namespaces:\n"                                                                          \
	"  - foobar-api\n"                                                                         \
	"  - foobar-?\n"

static void parse(const char *text, struct namespaces *m)
{
	struct err err = ERR_INIT;

	*m = (struct namespaces)NAMESPACES_INIT;
	if (namespaces_parse("map", "bulla-system", text, strlen(text), m, &err) != 0)
		fail_msg("%s", err.text);
}

static void test_rules(void **state)
{
	static const struct {
		const char *from;
		const char *kind;
		bool rule;
	} cases[] = {
		{ "flux-system", "registry", true },
		{ "flux-system", "tls", false }, /* registry unless said */
		{ "barolab", "tls", true },
		{ "barolab", "opaque", true },
		{ "barolab", "registry", false },
		{ "foobar", "registry", false },
		{ "flux", "registry", false },
		{ "", "registry", false },
	};
	struct namespaces m;

	(void)state;
	parse(MAP, &m);
	assert_int_equal(m.n, 2);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct namespaces_rule *r = namespaces_rule(&m, cases[i].from, cases[i].kind);

		if ((r != NULL) != cases[i].rule)
			fail_msg("%s %s", cases[i].from, cases[i].kind);
		if (r != NULL)
			assert_string_equal(r->from, cases[i].from);
	}
	namespaces_clear(&m);
	assert_null(namespaces_rule(&m, "flux-system", "registry"));
}

/* Both must say so; some are never reached. */
static void test_targets(void **state)
{
	static const struct {
		const char *from;
		const char *kind;
		const char *fact;
		const char *target;
		bool allowed;
	} cases[] = {
		{ "flux-system", "registry", "team-*,web", "team-a", true },
		{ "flux-system", "registry", "team-*,web", "web", true },
		{ "flux-system", "registry", "team-*,web", "foobar", false }, /* the map does */
		{ "flux-system", "registry", "*", "foobar", true },
		{ "flux-system", "registry", "*", "flux-system", false }, /* its own */
		{ "flux-system", "registry", "*", "bulla-system", false },
		{ "flux-system", "registry", "*", "kube-system", false },
		{ "flux-system", "registry", "*", "kube-public", false },
		{ "flux-system", "registry", "*", "kube", true },
		{ "flux-system", "registry", "kube-system", "kube-system", false },
		{ "flux-system", "registry", NULL, "team-a", false },
		{ "flux-system", "tls", "*", "team-a", false },
		{ "barolab", "tls", "*", "foobar-api", true },
		{ "barolab", "tls", "*", "foobar-1", true },
		{ "barolab", "tls", "*", "foobar-12", false },
		{ "barolab", "tls", "foobar-api", "foobar-1", false },
		{ "barolab", "tls", "foobar-api,foobar-x", "foobar-x", true },
		{ "barolab", "tls", "*", "Foobar-1", false },
		{ "foobar", "tls", "*", "foobar-1", false },
	};
	struct namespaces m;

	(void)state;
	parse(MAP, &m);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct namespaces_rule *r = namespaces_rule(&m, cases[i].from, cases[i].kind);

		if (namespaces_target(&m, r, cases[i].fact, cases[i].target) != cases[i].allowed)
			fail_msg("%s %s %s %s", cases[i].from, cases[i].kind, cases[i].fact,
				 cases[i].target);
	}
	namespaces_clear(&m);
}

static void test_accounts(void **state)
{
	static const struct {
		const char *from;
		const char *kind;
		const char *fact;
		const char *account;
		bool allowed;
	} cases[] = {
		{ "flux-system", "registry", "build-1,default", "default", true },
		{ "flux-system", "registry", "build-1,default", "build-1", true },
		{ "flux-system", "registry", "build-1,default", "build-2", false },
		{ "flux-system", "registry", "build-10,default", "build-10", false },
		{ "flux-system", "registry", NULL, "default", false },
		{ "barolab", "tls", "default", "default", false }, /* no list: none */
		{ "foobar", "registry", "default", "default", false },
	};
	struct namespaces m;

	(void)state;
	parse(MAP, &m);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct namespaces_rule *r = namespaces_rule(&m, cases[i].from, cases[i].kind);

		if (namespaces_account(r, cases[i].fact, cases[i].account) != cases[i].allowed)
			fail_msg("%s %s", cases[i].fact, cases[i].account);
	}
	namespaces_clear(&m);
}

/* The example is a map that does something.  Tests run at the top of the tree. */
static void test_example(void **state)
{
	const struct namespaces_rule *rule;
	struct namespaces m = NAMESPACES_INIT;
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	if (file_read(EXAMPLE, NAMESPACES_MAX, 0, &text, NULL, &err) != 0 ||
	    namespaces_parse(EXAMPLE, "bulla-system", text.data, text.len, &m, &err) != 0)
		fail_msg("%s", err.text);
	rule = namespaces_rule(&m, "flux-system", "registry");
	assert_non_null(rule);
	assert_true(namespaces_target(&m, rule, "*", rule->targets.items[0].name));
	assert_true(namespaces_account(rule, "default", "default"));
	namespaces_clear(&m);
	buf_clear(&text);
}

static void test_empty(void **state)
{
	static const char *const texts[] = { "", "# nothing yet\n", "---\n", "{}\n" };

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct namespaces m;

		parse(texts[i], &m);
		assert_int_equal(m.n, 0);
		assert_null(namespaces_rule(&m, "flux-system", "registry"));
		namespaces_clear(&m);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		const char *why;
	} cases[] = {
		{ "[]", "map:1: map: a map of namespaces is expected" },
		{ "x", "a map of namespaces is expected" },
		{ "{}\n---\n{}\n", "map:3: one document is expected" },
		{ "a: []", "map:1: a: a map with namespaces" },
		{ "a:", "map:1: a: a map with namespaces" },
		{ "a: {}", "namespaces is missing" },
		{ "a: {serviceAccounts: [x]}", "namespaces is missing" },
		{ "A: {namespaces: [x]}", "a key is not the name of a namespace" },
		{ "a*: {namespaces: [x]}", "a key is not the name of a namespace" },
		{ "no: {namespaces: [x]}", "a key is not the name of a namespace" },
		{ "a: {namespaces: x}", "namespaces: a list is expected" },
		{ "a: {namespaces: {x: y}}", "namespaces: a list is expected" },
		{ "a: {namespaces: []}", "from 1 to 64 entries" },
		{ "a: {namespaces: [1]}", "a string is expected; put it in quotes" },
		{ "a: {namespaces: [on]}", "a string is expected; put it in quotes" },
		{ "a: {namespaces: [[x]]}", "a string is expected" },
		{ "a: {namespaces: [X]}", "entry 1 is not a namespace" },
		{ "a: {namespaces: [x, x.y]}", "entry 2 is not a namespace" },
		{ "a: {namespaces: [\"\"]}", "entry 1 is not a namespace" },
		{ "a: {namespaces: [-x]}", "entry 1 is not a namespace" },
		{ "a: {namespaces: [x-]}", "entry 1 is not a namespace" },
		{ "a: {namespaces: [\"x,y\"]}", "entry 1 is not a namespace" },
		{ "a: {namespaces: [\"x[0-9]\"]}", "entry 1 is not a namespace" },
		{ "a: {namespaces: [x, x]}", "\"x\" stands twice" },
		{ "a: {namespaces: [x], serviceAccounts: [x_y]}", "entry 1 is not a service" },
		{ "a: {namespaces: [x], serviceAccounts: []}", "from 1 to 64" },
		{ "a: {namespaces: [x], kinds: [secret]}", "entry 1 is not a kind" },
		{ "a: {namespaces: [x], kinds: [\"*\"]}", "entry 1 is not a kind" },
		{ "a: {namespaces: [x], kind: [tls]}", "a field is none of" },
		{ "a: {namespaces: [x], 7: [tls]}", "a field is none of" },
		{ "a: {namespaces: [x]}\na: {namespaces: [y]}", "map:2" },
		{ "a: &x {namespaces: [x]}", "map:1" },
		{ "a: {namespaces: [x]", "map:" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct namespaces m = NAMESPACES_INIT;
		struct err err = ERR_INIT;

		if (namespaces_parse("map", "bulla-system", cases[i].text, strlen(cases[i].text),
				     &m, &err) == 0 ||
		    strstr(err.text, cases[i].why) == NULL)
			fail_msg("%s: %s", cases[i].text, err.text);
		assert_int_equal(err.class, ERR_INVALID);
		assert_null(m.rules);
		assert_null(m.own);
	}
}

static void test_limits(void **state)
{
	struct namespaces m = NAMESPACES_INIT;
	struct err err = ERR_INIT;
	struct buf text = BUF_INIT;

	(void)state;
	buf_puts(&text, "a: {namespaces: [");
	for (int i = 0; i < 65; i++)
		buf_printf(&text, "%sx%d", i == 0 ? "" : ", ", i);
	buf_puts(&text, "]}\n");
	assert_int_equal(namespaces_parse("map", "b", text.data, text.len, &m, &err), -1);
	assert_non_null(strstr(err.text, "from 1 to 64"));
	buf_reset(&text);
	for (int i = 0; i < NAMESPACES_RULES_MAX + 1; i++)
		buf_printf(&text, "n%d: {namespaces: [x]}\n", i);
	assert_int_equal(namespaces_parse("map", "b", text.data, text.len, &m, &err), -1);
	assert_non_null(strstr(err.text, "more than 1024"));
	buf_truncate(&text, (size_t)(strrchr(buf_str(&text), 'n') - buf_str(&text)));
	buf_clear(&text);
	for (int i = 0; i < NAMESPACES_MAX / 8; i++)
		buf_puts(&text, "# filler\n");
	assert_int_equal(namespaces_parse("map", "b", text.data, text.len, &m, &err), -1);
	assert_non_null(strstr(err.text, "larger than 262144"));
	buf_clear(&text);
}

/* --- what the map could never allow ----------------------------------------------------------- */

static void test_not_allowed(void **state)
{
	static const struct {
		const char *fact;
		const char *refused;
		size_t n;
	} cases[] = {
		{ "foobar-api", "", 0 },
		{ "foobar-*", "", 0 },
		{ "web", "web", 1 },
		{ "foo*,web", "web", 1 },
		{ "a,b*,foobar-api", "a,b*", 2 },
		{ "foobar-??", "foobar-??", 1 },
	};
	struct namespaces m;
	const struct namespaces_rule *rule;
	struct buf out = BUF_INIT;

	(void)state;
	parse(MAP, &m);
	rule = namespaces_rule(&m, "barolab", "tls");
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(namespaces_refused(rule, cases[i].fact, &out), cases[i].n);
		assert_string_equal(buf_str(&out), cases[i].refused);
		buf_reset(&out);
	}
	assert_int_equal(namespaces_refused(NULL, "a,b", &out), 2);
	assert_string_equal(buf_str(&out), "a,b");
	buf_reset(&out);
	assert_int_equal(namespaces_refused(rule, NULL, &out), 0);
	assert_int_equal(namespaces_accounts_refused(NULL, "a,b", &out), 2);
	assert_string_equal(buf_str(&out), "a,b");
	buf_reset(&out);
	assert_int_equal(namespaces_accounts_refused(rule, NULL, &out), 0);
	assert_int_equal(out.len, 0);
	buf_clear(&out);
	namespaces_clear(&m);
}

/* n-th string over an alphabet, shorter ones first. */
static void nth(unsigned n, const char *alphabet, char text[static 8])
{
	size_t base = strlen(alphabet), len = 0;

	for (; n != 0; n = (n - 1) / (unsigned)base)
		text[len++] = alphabet[(n - 1) % base];
	text[len] = '\0';
}

/* Two patterns meet when some string is matched by both: tried against all short strings. */
static void test_meet(void **state)
{
	char *map;
	unsigned meet_n = 0;

	(void)state;
	for (unsigned i = 1; i < 85; i++) {
		char p[8], q[8], s[8];
		struct namespaces m;
		const struct namespaces_rule *rule;

		nth(i, "ab*?", p);
		map = mem_printf("x:\n  namespaces: [\"%s\"]\n", p);
		parse(map, &m);
		rule = namespaces_rule(&m, "x", "registry");
		for (unsigned j = 1; j < 85; j++) {
			struct buf out = BUF_INIT;
			bool met = false;

			nth(j, "ab*?", q);
			for (unsigned k = 0; k < 127 && !met; k++) {
				nth(k, "ab", s);
				met = name_glob(p, s) && name_glob(q, s);
			}
			if (namespaces_refused(rule, q, &out) == met)
				fail_msg("%s %s", p, q);
			meet_n += met;
			buf_clear(&out);
		}
		namespaces_clear(&m);
		mem_free(map);
	}
	assert_in_range(meet_n, 1000, 6000); /* both happen */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),	 cmocka_unit_test(test_targets),
		cmocka_unit_test(test_accounts), cmocka_unit_test(test_empty),
		cmocka_unit_test(test_example),	 cmocka_unit_test(test_refused),
		cmocka_unit_test(test_limits),	 cmocka_unit_test(test_not_allowed),
		cmocka_unit_test(test_meet),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
