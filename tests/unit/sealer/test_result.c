/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/kv.h"
#include "base/mem.h"
#include "kinds/kinds.h"
#include "sealer/result.h"

static const char *text(const struct result *r, const char *name)
{
	return json_string_value(json_object_get(r->v, name));
}

static void test_asked(void **state)
{
	static const struct {
		const char *output;
		bool asked;
	} cases[] = { { NULL, false }, { "text", false }, { "dotenv", false },
		      { "", false },   { "JSON", false }, { "json", true } };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct result r;

		assert_int_equal(result_asked(cases[i].output), cases[i].asked);
		result_begin(&r, cases[i].output);
		assert_int_equal(r.v != NULL, cases[i].asked);
		result_clear(&r);
		assert_null(r.v);
	}
}

/* Not asked for: nothing is kept, printed or lost. */
static void test_nothing(void **state)
{
	struct document d = DOCUMENT_INIT;
	unsigned char line[] = "ssh";
	struct kv_item file = { NULL, line, 3 };
	struct result r;

	(void)state;
	result_begin(&r, NULL);
	result_flag(&r, "changed", true);
	result_text(&r, "name", "x");
	result_line(&r, "key", &file);
	result_value(&r, "list", json_array());
	result_row(&r, "list", json_integer(1));
	result_document(&r, "f", &d);
	result_sealed(&r, &d);
	result_next(&r, "bulla %s", "reseal");
	assert_null(r.v);
	assert_int_equal(result_print(&r, NULL), 0);
}

static void test_members(void **state)
{
	unsigned char line[] = "ssh-ed25519 AAAA\r\n";
	struct kv_item file = { NULL, line, sizeof(line) - 1 };
	struct result r;

	(void)state;
	result_begin(&r, "json");
	assert_true(json_is_false(json_object_get(r.v, "changed")));
	assert_int_equal(json_array_size(json_object_get(r.v, "next")), 0);
	result_flag(&r, "changed", true);
	assert_true(json_is_true(json_object_get(r.v, "changed")));
	result_text(&r, "left", NULL);
	assert_null(json_object_get(r.v, "left"));
	result_text(&r, "path", "a\xff\x1b.yaml"); /* JSON cannot hold it as it is */
	assert_string_equal(text(&r, "path"), "a\\xff\\x1b.yaml");
	result_line(&r, "publicKey", &file);
	assert_string_equal(text(&r, "publicKey"), "ssh-ed25519 AAAA");
	result_row(&r, "rows", json_integer(1));
	result_row(&r, "rows", json_integer(2));
	assert_int_equal(json_array_size(json_object_get(r.v, "rows")), 2);
	result_next(&r, "bulla reseal --add %s", "eu");
	assert_string_equal(json_string_value(json_array_get(json_object_get(r.v, "next"), 0)),
			    "bulla reseal --add eu");
	result_clear(&r);
}

/* Of a document its names, facts and recipients; of the sealed bytes only their digest. */
static void test_document(void **state)
{
	struct document d = {
		.name = mem_str("db"),
		.namespace = mem_str("web"),
		.kind = &kind_opaque,
		.type = "Opaque",
	};
	struct document_part *part = document_part_add(&d, "PASSWORD");
	char digest[DOCUMENT_DIGEST_TEXT], *whole;
	const json_t *sealed;
	struct result r;

	(void)state;
	kv_set_str(&part->recipients, "eu", "05fd323179930a65868e8e4366ed0f61");
	kv_set_str(&part->facts, "sealed-at", "2026-11-26T10:00:00Z");
	buf_puts(&part->age, "sealed-bytes");
	document_digest(&d, digest);
	result_begin(&r, "json");
	result_document(&r, NULL, &d);
	assert_null(json_object_get(r.v, "file"));
	result_document(&r, "apps/db.yaml", &d);
	result_sealed(&r, &d);
	assert_string_equal(text(&r, "file"), "apps/db.yaml");
	assert_string_equal(text(&r, "document"), "web/db");
	assert_string_equal(text(&r, "kind"), "opaque");
	assert_string_equal(text(&r, "digest"), digest);
	sealed = json_object_get(r.v, "sealed");
	assert_int_equal(json_array_size(sealed), 1);
	whole = json_dumps(json_array_get(sealed, 0), JSON_SORT_KEYS | JSON_COMPACT);
	assert_string_equal(whole, "{\"facts\":{\"sealed-at\":\"2026-11-26T10:00:00Z\"},"
				   "\"name\":\"PASSWORD\",\"recipients\":{\"eu\":"
				   "\"05fd323179930a65868e8e4366ed0f61\"}}");
	mem_free(whole);
	result_clear(&r);
	document_clear(&d);
}

static int print_to(const char *path, struct err *err)
{
	int saved = dup(STDOUT_FILENO), r;
	struct result result;
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fflush(stdout);
	assert_true(dup2(fileno(f), STDOUT_FILENO) >= 0);
	result_begin(&result, "json");
	result_text(&result, "name", "eu");
	r = result_print(&result, err);
	assert_null(result.v);
	assert_true(dup2(saved, STDOUT_FILENO) >= 0);
	close(saved);
	fclose(f);
	return r;
}

static void test_print(void **state)
{
	char path[] = "/tmp/bulla-result-XXXXXX";
	int fd = mkstemp(path);
	struct err err = ERR_INIT;
	json_t *v;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(print_to(path, NULL), 0);
	v = json_load_file(path, 0, NULL);
	assert_int_equal(json_object_size(v), 3);
	json_decref(v);
	close(fd);
	unlink(path);
#ifdef __linux__
	assert_int_equal(print_to("/dev/full", &err), -1);
	assert_int_equal(err.class, ERR_IO);
	assert_non_null(strstr(err.text, "all is done, but not told: "));
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_asked),	cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_members), cmocka_unit_test(test_document),
		cmocka_unit_test(test_print),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
