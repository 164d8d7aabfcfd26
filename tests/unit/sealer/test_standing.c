/* SPDX-License-Identifier: Apache-2.0 */
/* How one document stands, by what Git and the cluster say of it. */
#include "tests/unit/test.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "sealer/standing.h"

#define NOW INT64_C(1795420800) /* 2026-11-23T08:00:00Z */

static json_t *parse(const char *text)
{
	json_error_t why;
	json_t *v = json_loads(text, 0, &why);

	if (v == NULL)
		fail_msg("%s: %s", text, why.text);
	return v;
}

#define GIT "{'a/b':[{'kind':'tls','digest':'D','file':'f','line':1,'recipients':{'eu':true}}]}"
#define OBJECT(generation, status)                                                                 \
	"{'a/b':{'metadata':{'namespace':'a','name':'b','generation':" generation                  \
	"},'spec':{'kind':'tls'}" status "}}"
#define STATUS(seen, digest, more)                                                                 \
	",'status':{'observedGeneration':" seen ",'digest':'" digest "'" more "}"
#define READY(s) ",'conditions':[{'type':'Other','status':'x'},{'type':'Ready','status':'" s "'}]"
#define PAUSED(ready, paused)                                                                      \
	",'conditions':[{'type':'Ready','status':'" ready "','reason':'R','message':'r'},"         \
	"{'type':'Paused','status':'" paused "','reason':'Paused','message':'p'}]"
#define ENDS(t) READY("True") ",'notAfter':'" t "'"

struct one {
	const char *git, *objects, *recipient, *want; /* want: states, divided by spaces */
};

static const struct one cases[] = {
	{ GIT, OBJECT("3", STATUS("3", "D", READY("True"))), NULL, "applied" },
	{ GIT, OBJECT("3", STATUS("3", "D", READY("True"))), "eu", "applied" },
	{ GIT, OBJECT("3", STATUS("3", "D", READY("False"))), NULL, "failing" },
	{ GIT, OBJECT("3", STATUS("3", "D", READY("Unknown"))), NULL, "failing" },
	{ GIT, OBJECT("3", STATUS("3", "D", "")), NULL, "failing" },
	{ GIT, OBJECT("3", STATUS("3", "", READY("False"))), NULL, "failing" },
	{ GIT, OBJECT("3", STATUS("3", "E", READY("True"))), NULL, "stale" },
	{ GIT, OBJECT("3", STATUS("3", "E", READY("False"))), NULL, "stale" },
	{ GIT, OBJECT("3", STATUS("3", "", READY("True"))), NULL, "stale" },
	{ GIT, OBJECT("3", STATUS("2", "D", READY("True"))), NULL, "waiting" },
	{ GIT, OBJECT("3", STATUS("-1", "", "")), NULL, "waiting" },
	{ GIT, OBJECT("3", ""), NULL, "waiting" },
	{ GIT, OBJECT("3", ",'status':{'observedGeneration':'3'}"), NULL, "waiting" },
	{ GIT, OBJECT("3", ",'status':[]"), NULL, "waiting" },
	{ GIT, OBJECT("3", STATUS("3", "D", ENDS("2026-11-23T08:00:00Z"))), NULL, "expired" },
	{ GIT, OBJECT("3", STATUS("3", "D", ENDS("2026-11-23T08:00:01Z"))), NULL, "expiring" },
	{ GIT, OBJECT("3", STATUS("3", "D", ENDS("2026-12-07T07:59:59Z"))), NULL, "expiring" },
	{ GIT, OBJECT("3", STATUS("3", "D", ENDS("2026-12-07T08:00:00Z"))), NULL, "applied" },
	{ GIT, OBJECT("3", STATUS("3", "D", ENDS("soon"))), NULL, "applied" },
	{ GIT, OBJECT("3", STATUS("3", "D", PAUSED("True", "True"))), NULL, "paused" },
	{ GIT, OBJECT("3", STATUS("2", "E", PAUSED("False", "True"))), NULL, "paused" },
	{ GIT, OBJECT("3", STATUS("-1", "", PAUSED("Unknown", "True"))), NULL, "paused" },
	{ GIT, OBJECT("3", STATUS("3", "D", PAUSED("True", "False"))), NULL, "applied" },
	{ "{}", OBJECT("3", STATUS("3", "D", PAUSED("True", "True"))), NULL, "orphaned" },
	{ GIT, "{}", NULL, "missing" },
	{ GIT, "{}", "eu", "missing" },
	{ GIT, "{}", "us", "" },
	{ GIT, OBJECT("3", STATUS("3", "D", READY("True"))), "us", "applied" },
	{ "{}", OBJECT("3", STATUS("3", "D", READY("True"))), "eu", "orphaned" },
	{ "{}", OBJECT("3", ""), NULL, "orphaned" },
	{ "{}", "{}", NULL, "" },
	/* two files: the one that is meant, then the one that is there */
	{ "{'a/b':[{'digest':'E','recipients':{'us':true}},"
	  "{'digest':'D','recipients':{'eu':true}}]}",
	  OBJECT("1", STATUS("1", "E", READY("True"))), "eu", "stale" },
	{ "{'a/b':[{'digest':'E','recipients':{'us':true}},"
	  "{'digest':'D','recipients':{'eu':true}}]}",
	  OBJECT("1", STATUS("1", "D", READY("True"))), "eu", "applied" },
	{ "{'a/b':[{'digest':'E','recipients':{}},{'digest':'D','recipients':{}}]}",
	  OBJECT("1", STATUS("1", "D", READY("True"))), NULL, "applied" },
	{ "{'a/c':[{'digest':'E','recipients':{}}]}", OBJECT("1", STATUS("1", "D", READY("True"))),
	  NULL, "missing orphaned" },
};

static char *with_quotes(const char *text)
{
	char *copy = mem_str(text);

	for (char *s = copy; *s != '\0'; s++)
		if (*s == '\'')
			*s = '"';
	return copy;
}

static void states(const json_t *rows, struct buf *out)
{
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		buf_printf(out, "%s%s", i == 0 ? "" : " ",
			   json_string_value(json_object_get(row, "state")));
	}
}

static void test_states(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *git_text = with_quotes(cases[i].git), *text = with_quotes(cases[i].objects);
		json_t *git = parse(git_text), *objects = parse(text), *rows = json_array();
		struct standing_cluster c = { "c", cases[i].recipient, objects, NOW, 0 };
		struct buf got = BUF_INIT;

		standing_rows(git, &c, rows);
		states(rows, &got);
		if (strcmp(buf_str(&got), cases[i].want) != 0)
			fail_msg("%s\n%s\n got: %s\nwant: %s", cases[i].git, cases[i].objects,
				 buf_str(&got), cases[i].want);
		assert_int_equal(standing_good(rows),
				 strcmp(cases[i].want, "applied") == 0 || cases[i].want[0] == '\0');
		json_decref(git);
		json_decref(objects);
		json_decref(rows);
		mem_free(git_text);
		mem_free(text);
		buf_clear(&got);
	}
}

/* What counts as soon is the caller's to say. */
static void test_soon(void **state)
{
	static const struct {
		int64_t soon;
		const char *want;
	} spans[] = {
		{ 0, "expiring" }, { 86400, "applied" }, { 86401, "expiring" }, { 1, "applied" }
	};

	(void)state;
	for (size_t i = 0; i < COUNT(spans); i++) {
		char *text =
		    with_quotes(OBJECT("3", STATUS("3", "D", ENDS("2026-11-24T08:00:00Z"))));
		char *git_text = with_quotes(GIT);
		json_t *git = parse(git_text), *objects = parse(text), *rows = json_array();
		struct standing_cluster c = { "c", NULL, objects, NOW, spans[i].soon };
		struct buf got = BUF_INIT;

		standing_rows(git, &c, rows);
		states(rows, &got);
		assert_string_equal(buf_str(&got), spans[i].want);
		json_decref(git);
		json_decref(objects);
		json_decref(rows);
		mem_free(git_text);
		mem_free(text);
		buf_clear(&got);
	}
}

/* Without a cluster: each file, by what the documents claim. */
static void test_git_alone(void **state)
{
	char *text = with_quotes(
	    "{'a/b':[{'kind':'tls','digest':'D','file':'f','line':3,'recipients':{}},"
	    "{'digest':'E','file':'g','line':1,'recipients':{},'notAfter':'2026-11-23T08:00:00Z'}],"
	    "'a/"
	    "c':[{'digest':'E','file':'h','line':1,'recipients':{},'notAfter':'2026-11-24T08:00:"
	    "00Z'}],"
	    "'a/d':[{'digest':'E','file':'i','line':1,'recipients':{},'notAfter':'never'}]}");
	const struct standing_cluster c = { .now = NOW };
	json_t *git = parse(text), *rows = json_array(), *first;
	struct buf got = BUF_INIT;

	(void)state;
	standing_git_rows(git, &c, rows);
	states(rows, &got);
	assert_string_equal(buf_str(&got), "sealed expired expiring sealed");
	assert_false(standing_good(rows));
	first = json_array_get(rows, 0);
	assert_null(json_object_get(first, "cluster"));
	assert_string_equal(json_string_value(json_object_get(first, "file")), "f");
	assert_int_equal(json_integer_value(json_object_get(first, "line")), 3);
	assert_true(json_is_true(json_object_get(first, "good")));
	json_decref(git);
	json_decref(rows);
	mem_free(text);
	buf_clear(&got);
}

static void test_may_change(void **state)
{
	static const struct {
		const char *row;
		bool want;
	} rows[] = {
		{ "{'state':'stale'}", true },
		{ "{'state':'waiting'}", true },
		{ "{'state':'missing'}", true },
		{ "{'state':'failing'}", true },
		{ "{'state':'applied'}", false },
		{ "{'state':'failing','stalled':true}", false },
		{ "{'state':'expiring'}", false },
		{ "{'state':'stale','stalled':true}", true },
		{ "{'state':'expired'}", false },
		{ "{'state':'orphaned'}", false },
		{ "{'state':'sealed'}", false },
		{ "{'state':'paused','stalled':true}", false },
		{ "{}", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *text = with_quotes(rows[i].row);
		json_t *row = parse(text);

		if (standing_may_change(row) != rows[i].want)
			fail_msg("%s", rows[i].row);
		json_decref(row);
		mem_free(text);
	}
}

static void test_objects(void **state)
{
	static const char *const bad[] = { "{}", "{\"metadata\":{\"name\":\"a\"}}", "[]", "1",
					   "{\"metadata\":{\"name\":\"a\",\"namespace\":7}}" };
	json_t *objects = json_object(), *item;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		item = json_loads(bad[i], JSON_DECODE_ANY, NULL);
		assert_false(standing_add_object(objects, item));
		json_decref(item);
	}
	item = parse("{\"metadata\":{\"name\":\"a\",\"namespace\":\"n\"}}");
	assert_true(standing_add_object(objects, item));
	json_decref(item);
	assert_int_equal(json_object_size(objects), 1);
	assert_non_null(json_object_get(objects, "n/a"));
	json_decref(objects);
}

static void test_sorted(void **state)
{
	json_t *rows = parse("[{\"document\":\"b\",\"state\":\"1\"},{\"document\":\"a\",\"state\":"
			     "\"2\"},{\"document\":\"b\",\"state\":\"3\"},{\"document\":\"a\","
			     "\"state\":\"4\"}]");
	json_t *sorted = standing_sorted(rows);
	struct buf got = BUF_INIT;

	(void)state;
	states(sorted, &got);
	assert_string_equal(buf_str(&got), "2 4 1 3");
	buf_clear(&got);
	json_decref(sorted);
	json_decref(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states),	  cmocka_unit_test(test_soon),
		cmocka_unit_test(test_git_alone), cmocka_unit_test(test_may_change),
		cmocka_unit_test(test_objects),	  cmocka_unit_test(test_sorted),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
