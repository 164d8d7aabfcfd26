/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/out.h"
#include "guard/baseline.h"
#include "guard/rules.h"
#include "sealer/findings.h"

typedef int printer(struct findings *f, struct err *err);

/* What a printer writes to standard output. */
static char *printed(printer *print, struct findings *f)
{
	char name[] = "/tmp/bulla-findings-XXXXXX";
	int file = mkstemp(name), kept = dup(STDOUT_FILENO);
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	char *out;

	assert_true(file >= 0 && kept >= 0);
	fflush(stdout);
	dup2(file, STDOUT_FILENO);
	assert_int_equal(print(f, &err), 0);
	fflush(stdout);
	dup2(kept, STDOUT_FILENO);
	close(kept);
	assert_int_equal(file_read(name, BUF_MAX - 1, 0, &text, NULL, &err), 0);
	close(file);
	unlink(name);
	out = mem_str(buf_str(&text));
	buf_clear(&text);
	return out;
}

static struct finding at(const char *file, unsigned line)
{
	return (struct finding){ .file = (char *)(uintptr_t)file, .line = line };
}

static void the_place_is_taken_from_the_text(void **state)
{
	static const struct {
		const char *text, *kept;
		unsigned line;
	} cases[] = {
		{ "a.yaml:7: spec: wrong", "spec: wrong", 7 },
		{ "a.yaml: wrong", "wrong", 3 },
		{ "b.yaml:7: spec: wrong", "b.yaml:7: spec: wrong", 3 },
		{ "a.yaml:x: wrong", "a.yaml:x: wrong", 3 },
		{ "a.yaml:7 wrong", "a.yaml:7 wrong", 3 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct findings f = { 0 };
		struct finding where = at("a.yaml", 3);

		findings_add(&f, &where, "%s", cases[i].text);
		assert_string_equal(f.items[0].text, cases[i].kept);
		assert_int_equal(f.items[0].line, cases[i].line);
		findings_clear(&f);
	}
}

static void lines_come_in_order_and_escaped(void **state)
{
	struct findings f = { 0 };
	struct finding b = at("b", 2), a = at("a\nb\x1b", 9), none = { .warning = true };
	char *text;

	(void)state;
	out_quiet = true;
	b.commit = (char *)(uintptr_t) "0123456789abcdef";
	b.rule = RULE_PLAINTEXT;
	b.guard = &guard_rules[GUARD_NETRC];
	findings_add(&f, &b, "two");
	b.line = 1;
	findings_add(&f, &b, "one\nand more");
	findings_add(&f, &a, "name");
	findings_add(&f, &none, "all");
	assert_int_equal(f.errors, 3);
	text = printed(findings_print_text, &f);
	assert_string_equal(text, "warning: all [read]\n"
				  "a\\x0ab\\x1b:9: name [read]\n"
				  "b:1: one\\x0aand more (commit 0123456789ab) [netrc]\n"
				  "b:2: two (commit 0123456789ab) [netrc]\n");
	mem_free(text);
	findings_clear(&f);
}

static void json_takes_any_bytes(void **state)
{
	struct findings f = { .files = 3, .known = 2, .allowed = 1 };
	struct finding where = at("\xff\xfe", 1);
	json_t *report, *item;
	char *text;

	(void)state;
	where.column = 4;
	strcpy(where.print, "0011aabb");
	findings_add(&f, &where, "\xc3(");
	text = printed(findings_print_json, &f);
	report = json_loads(text, 0, NULL);
	assert_non_null(report);
	item = json_array_get(json_object_get(report, "findings"), 0);
	assert_string_equal(json_string_value(json_object_get(item, "file")), "\\xff\\xfe");
	assert_string_equal(json_string_value(json_object_get(item, "fingerprint")), "0011aabb");
	assert_int_equal(json_integer_value(json_object_get(item, "column")), 4);
	assert_int_equal(json_integer_value(json_object_get(report, "files")), 3);
	assert_int_equal(json_integer_value(json_object_get(report, "known")), 2);
	assert_null(json_object_get(item, "commit"));
	json_decref(report);
	mem_free(text);
	findings_clear(&f);
}

static void sarif_has_paths_below_the_top_level(void **state)
{
	struct findings f = { 0 };
	struct finding where = at("../a b\xff.yaml", 5), none = { .warning = true };
	json_t *log, *results, *place;
	char *text;

	(void)state;
	where.below = (char *)(uintptr_t) "d/a b\xff.yaml";
	findings_add(&f, &where, "text");
	findings_add(&f, &none, "of the whole");
	text = printed(findings_print_sarif, &f);
	log = json_loads(text, 0, NULL);
	assert_non_null(log);
	results = json_object_get(json_array_get(json_object_get(log, "runs"), 0), "results");
	assert_int_equal(json_array_size(results), 2);
	assert_int_equal(json_array_size(json_object_get(json_array_get(results, 0), "locations")),
			 0);
	place = json_object_get(
	    json_array_get(json_object_get(json_array_get(results, 1), "locations"), 0),
	    "physicalLocation");
	assert_string_equal(
	    json_string_value(json_object_get(json_object_get(place, "artifactLocation"), "uri")),
	    "d/a%20b%FF.yaml");
	assert_null(json_object_get(json_object_get(place, "region"), "startColumn"));
	json_decref(log);
	mem_free(text);
	findings_clear(&f);
}

static void what_is_beyond_the_limit_is_counted(void **state)
{
	struct findings f = { 0 };
	struct finding where = at("a", 1);
	char *text;

	(void)state;
	out_quiet = true;
	for (size_t i = 0; i < FINDINGS_MAX + 5; i++)
		findings_add(&f, &where, "x");
	assert_int_equal(f.n, FINDINGS_MAX);
	assert_int_equal(f.dropped, 5);
	assert_int_equal(f.errors, FINDINGS_MAX + 5);
	text = printed(findings_print_text, &f);
	assert_non_null(strstr(text, "\nand 5 more\n"));
	mem_free(text);
	findings_clear(&f);
}

/* SHA-256 of the empty string and of "abc" (FIPS 180-4). */
static void the_fingerprint_is_of_the_bytes(void **state)
{
	char print[9];

	(void)state;
	findings_fingerprint("", 0, print);
	assert_string_equal(print, "e3b0c442");
	findings_fingerprint("abc", 3, print);
	assert_string_equal(print, "ba7816bf");
}

/* The baseline names rules that are ours; those of the guard have other names. */
static void rules_of_the_baseline_are_rules(void **state)
{
	(void)state;
	for (size_t i = 0; baseline_rules[i] != NULL; i++) {
		const char *name = baseline_rules[i];
		bool found = false;

		for (size_t k = 0; k < RULE_COUNT; k++)
			found = found || strcmp(finding_rules[k].name, name) == 0;
		assert_true(found);
		assert_null(guard_rule_find(name, strlen(name)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_place_is_taken_from_the_text),
		cmocka_unit_test(lines_come_in_order_and_escaped),
		cmocka_unit_test(json_takes_any_bytes),
		cmocka_unit_test(sarif_has_paths_below_the_top_level),
		cmocka_unit_test(what_is_beyond_the_limit_is_counted),
		cmocka_unit_test(the_fingerprint_is_of_the_bytes),
		cmocka_unit_test(rules_of_the_baseline_are_rules),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
