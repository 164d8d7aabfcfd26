/* SPDX-License-Identifier: Apache-2.0 */
/* The journal of reseal, and the list of credentials that it carries over. */
#include "tests/unit/test.h"

#include "sealer/reseal_journal.h"
#include "sealer/reseal_lost.h"
#include "tests/unit/sealer/scratch.h"

#define NOW INT64_C(1795420800) /* 2026-11-23T08:00:00Z */
#define HEAD                                                                                       \
	"{\"bulla\":\"reseal\",\"format\":1,\"run\":\"R\",\"started\":\"2026-11-23T08:00:00Z\"}\n"
#define ID "4c1d9a0e5b7f22338d01c6b2a4e7f905"

struct one {
	const char *text;
	bool journal;
	size_t files, keys, lost;
};

static const struct one cases[] = {
	{ "", false, 0, 0, 0 },
	{ "\n", false, 0, 0, 0 },
	{ HEAD, true, 0, 0, 0 },
	{ "{}\n" HEAD, false, 0, 0, 0 },
	{ "[]\n" HEAD, false, 0, 0, 0 },
	{ "{\"bulla\":\"reseal\",\"format\":2,\"run\":\"R\",\"started\":\"2026-11-23T08:00:00Z\"}"
	  "\n",
	  false, 0, 0, 0 },
	{ "{\"bulla\":\"reseal\",\"format\":1,\"run\":\"R\",\"started\":\"yesterday\"}\n", false, 0,
	  0, 0 },
	{ "{\"bulla\":\"other\",\"format\":1,\"run\":\"R\",\"started\":\"2026-11-23T08:00:00Z\"}\n",
	  false, 0, 0, 0 },
	/* cut short */
	{ "{\"bulla\":\"reseal\",\"format\":1,\"run\":\"R\",\"started\":\"2026-11-23T08:00:00Z\"}",
	  false, 0, 0, 0 },
	{ HEAD "{\"file\":\"a\",\"sha256\":\"x\"}\n{\"file\":\"b\",\"sha", true, 1, 0, 0 },
	/* and gone on with */
	{ HEAD "{\"file\":\"b\",\"sha\n{\"file\":\"a/b.yaml\",\"sha256\":\"x\"}\n", true, 1, 0, 0 },
	{ HEAD "{\"file\":\"a\",\"sha256\":\"x\"}\n{\"file\":\"a\",\"sha256\":\"y\"}\n", true, 1, 0,
	  0 },
	{ HEAD "{\"file64\":\"YS9i/w==\",\"sha256\":\"x\"}\n", true, 1, 0, 0 },
	/* nothing outside of the tree is ever swept */
	{ HEAD "{\"file\":\"../a\",\"sha256\":\"x\"}\n", true, 0, 0, 0 },
	{ HEAD "{\"file\":\"/a\",\"sha256\":\"x\"}\n", true, 0, 0, 0 },
	{ HEAD "{\"file\":\"a/../../b\",\"sha256\":\"x\"}\n", true, 0, 0, 0 },
	{ HEAD "{\"file\":\"\",\"sha256\":\"x\"}\n", true, 0, 0, 0 },
	{ HEAD "{\"file\":7,\"sha256\":\"x\"}\n{\"file\":\"a\"}\n7\n", true, 0, 0, 0 },
	{ HEAD "{\"file64\":\"!\",\"sha256\":\"x\"}\n{\"file64\":\"YQBi\",\"sha256\":\"x\"}\n",
	  true, 0, 0, 0 },
	{ HEAD "{\"keys\":{\"" ID "\":\"eu\",\"short\":\"x\",\"" ID "\":7}}\n", true, 0, 0, 0 },
	{ HEAD "{\"keys\":{\"" ID "\":\"eu\",\"short\":\"x\"}}\n", true, 0, 1, 0 },
	{ HEAD "{\"keys\":[]}\n{\"lost\":[]}\n{\"lost\":{}}\n", true, 0, 0, 1 },
};

static void test_records(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct reseal_record r;

		reseal_record_parse(cases[i].text, strlen(cases[i].text), &r);
		if ((r.run != NULL) != cases[i].journal || r.files.n != cases[i].files ||
		    r.keys.n != cases[i].keys || json_array_size(r.lost) != cases[i].lost)
			fail_msg("%s: %zu files, %zu keys, %zu lost", cases[i].text, r.files.n,
				 r.keys.n, json_array_size(r.lost));
		reseal_record_clear(&r);
	}
}

/* Cut at every byte: never more than what was written before. */
static void test_cut(void **state)
{
	static const char text[] = HEAD "{\"file\":\"a\",\"sha256\":\"x\"}\n{\"keys\":{\"" ID
					"\":\"eu\"}}\n{\"lost\":{\"a\":1}}\n";

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		struct reseal_record r;

		reseal_record_parse(text, n, &r);
		assert_int_equal(r.run != NULL, n >= strlen(HEAD));
		assert_true(r.files.n <= 1 && r.keys.n <= r.files.n &&
			    json_array_size(r.lost) <= r.keys.n);
		reseal_record_clear(&r);
	}
}

static struct reseal_journal *open_journal(void)
{
	struct err err = ERR_INIT;
	char *top = file_absolute(".", &err);
	struct reseal_journal *j = reseal_journal_open(top, &err);

	if (j == NULL)
		fail_msg("%s", err.text);
	mem_free(top);
	return j;
}

static void test_journal(void **state)
{
	struct reseal_journal *j = open_journal();
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	struct kv keys = KV_INIT;
	json_t *lines;
	char sum[65];
	char *top;

	(void)state;
	assert_null(reseal_journal_record(j)->run);
	assert_false(reseal_journal_resumes(j, "R", NOW));
	/* locked */
	top = file_absolute(".", &err);
	assert_null(reseal_journal_open(top, &err));
	assert_int_equal(err.class, ERR_CONFLICT);
	mem_free(top);

	buf_puts(&text, "bytes");
	reseal_record_sum(&text, sum);
	kv_set_str(&keys, ID, "eu");
	lines = json_pack("[o, o, o, o]", reseal_journal_file("a/b.yaml", &text),
			  reseal_journal_file("\xff/b.yaml", &text), reseal_journal_keys(&keys),
			  json_pack("{s:{s:s}}", "lost", "part", "A"));
	assert_int_equal(reseal_journal_begin(j, "R", NOW, &err), 0);
	assert_int_equal(reseal_journal_add(j, lines, &err), 0);
	reseal_journal_free(j); /* as a kill would */

	for (unsigned i = 0; i < 2; i++) { /* gone on with, and again */
		j = open_journal();
		assert_true(reseal_journal_resumes(j, "R", NOW));
		assert_true(reseal_journal_resumes(j, "R", NOW + RESEAL_JOURNAL_AGE - 1));
		assert_false(reseal_journal_resumes(j, "R", NOW + RESEAL_JOURNAL_AGE));
		assert_false(reseal_journal_resumes(j, "R", NOW - 1));
		assert_false(reseal_journal_resumes(j, "Q", NOW));
		assert_string_equal(kv_get_str(&reseal_journal_record(j)->files, "a/b.yaml"), sum);
		assert_string_equal(kv_get_str(&reseal_journal_record(j)->files, "\xff/b.yaml"),
				    sum);
		assert_string_equal(kv_get_str(&reseal_journal_record(j)->keys, ID), "eu");
		assert_int_equal(json_array_size(reseal_journal_record(j)->lost), 1);
		assert_int_equal(reseal_journal_begin(j, "R", NOW + 5, &err), 0);
		reseal_journal_free(j);
	}
	/* another aim: what has to be told stays, what was done does not count */
	j = open_journal();
	assert_int_equal(reseal_journal_begin(j, "Q", NOW + 9, &err), 0);
	reseal_journal_free(j);
	j = open_journal();
	assert_true(reseal_journal_resumes(j, "Q", NOW + 9));
	assert_int_equal(reseal_journal_record(j)->files.n, 0);
	assert_int_equal(reseal_journal_record(j)->keys.n, 1);
	assert_int_equal(json_array_size(reseal_journal_record(j)->lost), 1);
	reseal_journal_remove(j);
	reseal_journal_free(j);
	assert_int_equal(access(".git/bulla/reseal", F_OK), -1);
	/* one that was opened for nothing leaves nothing */
	reseal_journal_free(open_journal());
	assert_int_equal(access(".git/bulla/reseal", F_OK), -1);
	json_decref(lines);
	kv_clear(&keys);
	buf_clear(&text);
}

/* ".git" as a file, and as nothing that can be used; a link in the journal's place. */
static void test_places(void **state)
{
	struct err err = ERR_INIT;
	char *top = file_absolute(".", &err);

	(void)state;
	assert_int_equal(rmdir(".git"), 0);
	assert_null(reseal_journal_open(top, &err));
	scratch_write(".git", "nonsense\n");
	assert_null(reseal_journal_open(top, &err));
	assert_int_equal(err.class, ERR_INVALID);
	scratch_write(".git", "gitdir: ../real\n");
	reseal_journal_free(open_journal());
	assert_int_equal(access("../real/bulla", F_OK), 0);
	assert_int_equal(symlink("/tmp/no-such-file", "../real/bulla/reseal"), 0);
	assert_null(reseal_journal_open(top, &err));
	assert_int_equal(access("/tmp/no-such-file", F_OK), -1);
	mem_free(top);
}

/* --- the list --------------------------------------------------------------------------------- */

static json_t *lost(const char *kind, const char *part, const char *id)
{
	struct document d = { .name = (char *)(uintptr_t) "d",
			      .namespace = (char *)(uintptr_t) "n",
			      .kind = kind_find(kind) };
	struct document_part p = { .name = (char *)(uintptr_t)part };
	struct danger_about a = { &d, &p, "f.yaml", true };
	struct kv keys = KV_INIT;
	json_t *v;

	kv_set_str(&keys, id, "laptop");
	v = reseal_lost_new(&a, &keys, false);
	kv_clear(&keys);
	return v;
}

static void test_lost(void **state)
{
	json_t *list = json_pack("[o, o, o, o, i, {}, {s:s}]", lost("opaque", "B", ID),
				 lost("webhook-token", KIND_PART, ID), lost("opaque", "A", ID),
				 lost("github-app", KIND_PART, ID), 7, "document", "x");
	json_t *sorted, *first;

	(void)state;
	json_array_append_new(list, lost("opaque", "A", "other"));
	sorted = reseal_lost_sorted(list);
	assert_int_equal(json_array_size(sorted), 4);
	first = json_array_get(sorted, 0);
	assert_string_equal(json_string_value(json_object_get(first, "kind")), "github-app");
	assert_string_equal(json_string_value(json_object_get(first, "document")), "n/d");
	assert_string_equal(json_string_value(json_object_get(first, "replace")),
			    "bulla set f.yaml");
	first = json_array_get(sorted, 1);
	assert_string_equal(json_string_value(json_object_get(first, "part")), "A");
	assert_int_equal(json_object_size(json_object_get(first, "keys")), 2);
	assert_null(json_object_get(first, "where"));
	assert_string_equal(json_string_value(json_object_get(json_array_get(sorted, 3), "kind")),
			    "webhook-token");
	/* the list itself is as it was */
	assert_int_equal(json_object_size(json_object_get(json_array_get(list, 2), "keys")), 1);
	json_decref(sorted);
	json_decref(list);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_cut),
		cmocka_unit_test_setup_teardown(test_journal, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_places, scratch_make, scratch_remove),
		cmocka_unit_test(test_lost),
	};

	mem_init();
	return cmocka_run_group_tests_name("sealer: journal of reseal", tests, NULL, NULL);
}
