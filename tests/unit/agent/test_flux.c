/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <string.h>

#include "agent/flux_queue.h"
#include "agent/flux_search.h"
#include "agent/flux_source.h"
#include "base/mem.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static json_t *parse(const char *text)
{
	json_t *v = json_loads(text, 0, NULL);

	assert_non_null(v);
	return v;
}

/* --- sources ---------------------------------------------------------------------------------- */

static void test_references(void **state)
{
	static const struct {
		const char *spec, *refs; /* by commas */
	} cases[] = {
		{ "{}", "" },
		{ "{'secretRef':{'name':'a'}}", "a" },
		{ "{'proxySecretRef':{'name':'a'}}", "a" },
		{ "{'certSecretRef':{'name':'a'}}", "a" },
		{ "{'verify':{'secretRef':{'name':'a'}}}", "a" },
		{ "{'sts':{'secretRef':{'name':'a'},'certSecretRef':{'name':'b'}}}", "a,b" },
		{ "{'certSecretRef':{'name':'b'},'secretRef':{'name':'a'}}", "a,b" },
		{ "{'certSecretRef':{'name':'a'},'secretRef':{'name':'a'}}", "a" },
		{ "{'secretRef':{'name':'1'},'proxySecretRef':{'name':'2'},'certSecretRef':{'name':"
		  "'3'},'verify':{'secretRef':{'name':'4'}},'sts':{'secretRef':{'name':'5'},"
		  "'certSecretRef':{'name':'6'}}}",
		  "1,2,3,4,5,6" },
		{ "{'secretRef':{}}", "" },
		{ "{'secretRef':'a'}", "" },
		{ "{'secretRef':{'name':7}}", "" },
		{ "{'verify':[{'secretRef':{'name':'a'}}]}", "" },
		{ "{'serviceAccountName':'a','ref':{'name':'a'},'include':[{'repository':"
		  "{'name':'a'}}]}",
		  "" },
		{ "null", "" },
		{ "[]", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *text = mem_printf("{\"spec\":%s}", cases[i].spec);
		const char *refs[FLUX_SOURCE_REFS];
		struct buf found = BUF_INIT;
		json_t *v;
		size_t n;

		for (char *c = text; *c != '\0'; c++)
			*c = *c == '\'' ? '"' : *c;
		v = parse(text);
		n = flux_source_refs(v, refs);
		for (size_t k = 0; k < n; k++) {
			buf_printf(&found, "%s%s", k == 0 ? "" : ",", refs[k]);
			assert_true(flux_source_uses(v, refs[k]));
		}
		assert_string_equal(buf_str(&found), cases[i].refs);
		assert_int_equal(flux_source_uses(v, "a"), strstr(cases[i].refs, "a") != NULL);
		assert_false(flux_source_uses(v, "other"));
		buf_clear(&found);
		json_decref(v);
		mem_free(text);
	}
}

static void test_of_a_source(void **state)
{
	json_t *v = parse("{\"metadata\":{\"name\":\"n\",\"continue\":\"t\",\"annotations\":{\""
			  "bulla.dev/secret-version\":\"7\"}}}");
	json_t *none = parse("{\"metadata\":{\"continue\":\"\"}}");

	(void)state;
	assert_string_equal(flux_source_name(v), "n");
	assert_string_equal(flux_source_version(v), "7");
	assert_string_equal(flux_source_next(v), "t");
	assert_null(flux_source_name(none));
	assert_null(flux_source_version(none));
	assert_null(flux_source_next(none));
	assert_null(flux_source_next(NULL));
	json_decref(v);
	json_decref(none);
}

static void test_paths(void **state)
{
	static const struct {
		enum flux_kind kind;
		const char *word, *plural;
	} cases[] = {
		{ FLUX_GIT, "GitRepository", "gitrepositories" },
		{ FLUX_OCI, "OCIRepository", "ocirepositories" },
		{ FLUX_HELM, "HelmRepository", "helmrepositories" },
		{ FLUX_BUCKET, "Bucket", "buckets" },
	};

	(void)state;
	assert_int_equal(COUNT(cases), FLUX_KINDS);
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *head = mem_printf("/apis/source.toolkit.fluxcd.io/v1/namespaces/n%%2F/%s",
					cases[i].plural);
		char *first = mem_printf("%s?limit=250", head);
		char *second = mem_printf("%s?limit=250&continue=a%%26b%%3D", head);
		char *one = mem_printf("%s/x%%3F", head);
		struct buf out = BUF_INIT;

		assert_string_equal(flux_source_kind(cases[i].kind), cases[i].word);
		flux_source_list_path(cases[i].kind, "n/", NULL, &out);
		assert_string_equal(buf_str(&out), first);
		buf_clear(&out);
		flux_source_list_path(cases[i].kind, "n/", "a&b=", &out);
		assert_string_equal(buf_str(&out), second);
		buf_clear(&out);
		flux_source_path(cases[i].kind, "n/", "x?", &out);
		assert_string_equal(buf_str(&out), one);
		buf_clear(&out);
		mem_free(head);
		mem_free(first);
		mem_free(second);
		mem_free(one);
	}
}

static void test_the_nudge(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	flux_source_nudge(INT64_C(1764115200000000009), "12,\"3", &out);
	assert_string_equal(
	    buf_str(&out), "{\"metadata\":{\"annotations\":{"
			   "\"reconcile.fluxcd.io/requestedAt\":\"2025-11-26T00:00:00.000000009Z\","
			   "\"bulla.dev/secret-version\":\"12,\\\"3\"}}}");
	buf_clear(&out);
}

/* --- the queue -------------------------------------------------------------------------------- */

static struct flux_source_id id(const char *name)
{
	return (struct flux_source_id){ FLUX_GIT, "ns", name };
}

static void put(struct flux_queue *q, const char *name, const char *version, int64_t now_ms)
{
	const struct flux_source_id it = id(name);

	flux_queue_put(q, &it, version, now_ms);
}

static void expect(struct flux_queue *q, int64_t now_ms, const char *name, const char *version)
{
	struct flux_nudge out;

	assert_int_equal(flux_queue_due(q), now_ms);
	assert_false(flux_queue_take(q, now_ms - 1, &out));
	assert_true(flux_queue_take(q, now_ms, &out));
	assert_string_equal(out.name, name);
	assert_string_equal(out.namespace, "ns");
	assert_string_equal(out.version, version);
	flux_nudge_clear(&out);
}

static void test_five_a_second(void **state)
{
	struct flux_queue q = { 0 };

	(void)state;
	assert_int_equal(flux_queue_due(&q), INT64_MAX);
	for (int i = 0; i < 20; i++) {
		char *name = mem_printf("s%d", i);

		put(&q, name, "1", 1000);
		mem_free(name);
	}
	for (int i = 0; i < 20; i++) {
		char *name = mem_printf("s%d", i);

		expect(&q, 1000 + i * FLUX_QUEUE_ALL_MS, name, "1");
		mem_free(name);
	}
	assert_int_equal(flux_queue_due(&q), INT64_MAX);
	assert_false(flux_queue_fresh(&q));
	flux_queue_clear(&q);
}

static void test_each_once_in_ten_seconds(void **state)
{
	struct flux_queue q = { 0 };

	(void)state;
	put(&q, "a", "1", 1000);
	put(&q, "a", "2", 1000); /* in its place */
	expect(&q, 1000, "a", "2");
	put(&q, "a", "3", 1100);
	put(&q, "a", "4", 5000);
	put(&q, "b", "1", 5000); /* another does not wait for it */
	expect(&q, 5000, "b", "1");
	expect(&q, 1000 + FLUX_QUEUE_EACH_MS, "a", "4");
	assert_int_equal(flux_queue_due(&q), INT64_MAX);
	put(&q, "a", "5", 50000);
	assert_int_equal(q.n, 1); /* b is forgotten, a is there anew */
	expect(&q, 50000, "a", "5");
	flux_queue_clear(&q);
}

/* Kind, namespace and name are one source. */
static void test_sources_are_told_apart(void **state)
{
	const struct flux_source_id ids[] = { { FLUX_GIT, "a", "b" },
					      { FLUX_OCI, "a", "b" },
					      { FLUX_GIT, "b", "b" },
					      { FLUX_GIT, "a", "a" } };
	struct flux_queue q = { 0 };

	(void)state;
	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < COUNT(ids); i++)
			flux_queue_put(&q, &ids[i], "1", 1);
	assert_int_equal(q.n, COUNT(ids));
	flux_queue_clear(&q);
}

static void test_what_failed_comes_again(void **state)
{
	struct flux_queue q = { 0 };
	struct flux_nudge out;

	(void)state;
	put(&q, "a", "1", 1000);
	assert_true(flux_queue_fresh(&q));
	assert_true(flux_queue_take(&q, 1000, &out));
	flux_queue_again(&q, &out, 3000);
	flux_nudge_clear(&out);
	assert_false(flux_queue_fresh(&q));
	assert_int_equal(flux_queue_due(&q), 3000 + FLUX_QUEUE_EACH_MS);
	assert_true(flux_queue_take(&q, 3000 + FLUX_QUEUE_EACH_MS, &out));
	assert_true(out.tried);
	assert_string_equal(out.version, "1");
	/* a newer one came while it was sent */
	put(&q, "a", "2", 14000);
	flux_queue_again(&q, &out, 15000);
	flux_nudge_clear(&out);
	assert_true(flux_queue_fresh(&q));
	expect(&q, 15000 + FLUX_QUEUE_EACH_MS, "a", "2");
	flux_queue_clear(&q);
}

/* --- who uses a Secret ------------------------------------------------------------------------ */

#define PAGE                                                                                       \
	"{\"items\":[{\"metadata\":{\"name\":\"x\"},\"spec\":{\"secretRef\":{\"name\":\"b\"}}}]}"
#define MORE "{\"metadata\":{\"continue\":\"t\"},\"items\":[]}"
#define USES                                                                                       \
	"{\"items\":[{\"spec\":{\"secretRef\":{\"name\":\"a\"}}},{\"metadata\":{\"name\":\"y\"},"  \
	"\"spec\":{\"certSecretRef\":{\"name\":\"a\"}}}]}"

static void test_the_search(void **state)
{
	static const struct {
		struct {
			long status;
			const char *page;
		} answers[6];
		enum flux_search_verdict verdict; /* of the last */
		const char *asked;		  /* last */
		const char *user;
	} cases[] = {
		{ { { 200, PAGE }, { 200, PAGE }, { 200, PAGE }, { 200, PAGE } },
		  FLUX_SEARCH_UNUSED,
		  "buckets?limit=250",
		  NULL },
		{ { { 404, "{}" }, { 404, "{}" }, { 404, "{}" }, { 404, "{}" } },
		  FLUX_SEARCH_UNUSED,
		  "buckets?limit=250",
		  NULL },
		{ { { 200, USES } },
		  FLUX_SEARCH_USED,
		  "gitrepositories?limit=250",
		  "GitRepository y" },
		{ { { 404, "{}" }, { 200, MORE }, { 200, USES } },
		  FLUX_SEARCH_USED,
		  "ocirepositories?limit=250&continue=t",
		  "OCIRepository y" },
		{ { { 200, MORE }, { 404, "{}" }, { 200, PAGE }, { 200, PAGE }, { 200, USES } },
		  FLUX_SEARCH_USED,
		  "buckets?limit=250",
		  "Bucket y" },
		{ { { 200, PAGE }, { 403, "{}" } },
		  FLUX_SEARCH_BLIND,
		  "ocirepositories?limit=250",
		  NULL },
		{ { { 200, "{}" } }, FLUX_SEARCH_BLIND, "gitrepositories?limit=250", NULL },
		{ { { 0, "{}" } }, FLUX_SEARCH_BLIND, "gitrepositories?limit=250", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		enum flux_search_verdict verdict = FLUX_SEARCH_ON;
		struct buf asked = BUF_INIT;
		struct flux_search s;

		flux_search_begin(&s);
		for (size_t k = 0; cases[i].answers[k].page != NULL; k++) {
			json_t *page = parse(cases[i].answers[k].page);

			assert_int_equal(verdict, FLUX_SEARCH_ON);
			buf_reset(&asked);
			flux_search_path(&s, "ns", &asked);
			verdict = flux_search_answer(&s, cases[i].answers[k].status, page, "a");
			json_decref(page);
		}
		assert_int_equal(verdict, cases[i].verdict);
		assert_string_equal(strrchr(buf_str(&asked), '/') + 1, cases[i].asked);
		assert_int_equal(s.user == NULL, cases[i].user == NULL);
		if (s.user != NULL)
			assert_string_equal(s.user, cases[i].user);
		flux_search_end(&s);
		assert_null(s.user);
		buf_clear(&asked);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_of_a_source),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_the_nudge),
		cmocka_unit_test(test_five_a_second),
		cmocka_unit_test(test_each_once_in_ten_seconds),
		cmocka_unit_test(test_sources_are_told_apart),
		cmocka_unit_test(test_what_failed_comes_again),
		cmocka_unit_test(test_the_search),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
