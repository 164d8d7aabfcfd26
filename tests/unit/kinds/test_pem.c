/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "kinds/pem.h"

#define A "-----BEGIN A KEY-----\nAAEC\n-----END A KEY-----\n"
#define HEADERS "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n"

/* Read all blocks of a text; the number of them, or -1. */
static int read_all(const char *text, size_t len, int flags, struct err *err)
{
	struct pem_block b = PEM_BLOCK_INIT;
	struct pem_reader r;
	int n = 0, rc;

	if (pem_open(&r, &(struct pem_source){ "key", text, len }, 4096, flags, err) != 0)
		return -1;
	while ((rc = pem_next(&r, &b, err)) == 1)
		n++;
	assert_int_equal(b.der.len, 0);
	assert_null(b.der.data);
	return rc == 0 ? n : -1;
}

static void test_reads(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int flags, blocks;
	} cases[] = {
		{ A, 0, 1 },
		{ A A, 0, 2 },
		{ "\n\n" A "\n\n" A "\n", 0, 2 },
		{ "-----BEGIN X9-----\nAA==\n-----END X9-----", 0, 1 },
		{ "-----BEGIN X-----\nAA\n==\n-----END X-----", 0, 1 },
		{ "-----BEGIN X-----\n" HEADERS "\nAAEC\n-----END X-----\n", 0, 1 },
		{ "# a CA\nsubject=CN\n" A "text: between \xc3\xa9\n" A "after", PEM_TEXT, 2 },
	};
	struct err err;

	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(
		    read_all(cases[i].text, strlen(cases[i].text), cases[i].flags, &err),
		    cases[i].blocks);
}

static void test_refuses(void **state)
{
	(void)state;
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "", "key: is empty" },
		{ "hello", "key: holds no PEM block (-----BEGIN ...-----)" },
		{ "\n\n", "key: holds no PEM block (-----BEGIN ...-----)" },
		{ "-----BEGIN A-----\\nAAEC\\n-----END A-----\\n",
		  "key: its line ends are the two characters \\n: it must have real lines" },
		{ "A\\nB", "key: its line ends are the two characters \\n: it must have real "
			   "lines" },
		{ "LS0tLS1CRUdJTiBYLS0tLS0K", "key: is the base64 of a PEM file: decode it first" },
		{ "-----BEGIN A-----\r\nAAEC\r\n-----END A-----\r\n",
		  "key: line 1 ends with a carriage return: save the file with Unix line ends "
		  "(dos2unix)" },
		{ "-----BEGIN A-----\nAA\x01"
		  "EC\n-----END A-----\n",
		  "key: line 2 holds a control character: it must be a PEM file (text)" },
		{ "text\n" A, "key: line 1 is text outside the PEM block: remove it" },
		{ A "text\n", "key: line 4 is text outside the PEM block: remove it" },
		{ "\xef\xbb\xbf-----BEGIN A-----\nAAEC\n-----END A-----\n",
		  "key: line 1 is a damaged BEGIN line" },
		{ " -----BEGIN A-----\nAAEC\n-----END A-----\n",
		  "key: line 1 is a damaged BEGIN line" },
		{ "-----BEGIN A----\nAAEC\n-----END A-----\n",
		  "key: line 1 is a damaged BEGIN line" },
		{ "-----BEGIN A----- \nAAEC\n-----END A-----\n",
		  "key: line 1 is a damaged BEGIN line" },
		{ "-----BEGIN -----\nAAEC\n-----END -----\n",
		  "key: line 1 is a damaged BEGIN line" },
		{ "-----BEGIN a-----\nAAEC\n-----END a-----\n",
		  "key: line 1 is a damaged BEGIN line" },
		{ "-----BEGIN 01234567890123456789012345678901234567890-----\nAAEC\n",
		  "key: line 1 names an unknown kind of block" },
		{ "-----BEGIN A-----\nAAEC\n-----END B-----\n",
		  "key: line 3 does not end the A that line 1 began" },
		{ "-----BEGIN A-----\nAAEC\n-----END A----- \n",
		  "key: line 3 does not end the A that line 1 began" },
		{ "-----BEGIN A-----\nAAEC\n-----BEGIN A-----\nAAEC\n-----END A-----\n",
		  "key: line 3 does not end the A that line 1 began" },
		{ "-----BEGIN A-----", "key: the A that line 1 began is cut off" },
		{ "-----BEGIN A-----\nAAEC\n", "key: the A that line 1 began is cut off" },
		{ "-----BEGIN A-----\nAA EC\n-----END A-----\n",
		  "key: line 2 has something other than base64 inside A" },
		{ "-----BEGIN A-----\nAAEC\n\nAAEC\n-----END A-----\n",
		  "key: line 3 has something other than base64 inside A" },
		{ "-----BEGIN A-----\n-----END A-----\n",
		  "key: the base64 of the A at line 1 is damaged" },
		{ "-----BEGIN A-----\nAAE\n-----END A-----\n",
		  "key: the base64 of the A at line 1 is damaged" },
		{ "-----BEGIN A-----\nAB==\n-----END A-----\n",
		  "key: the base64 of the A at line 1 is damaged" },
		{ "-----BEGIN A-----\nAA==\nAAEC\n-----END A-----\n",
		  "key: the base64 of the A at line 1 is damaged" },
		{ "-----BEGIN A-----\nComment: x\n\nAAEC\n-----END A-----\n",
		  "key: line 2 is a header that is not understood" },
		{ "-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\n\nAAEC\n-----END A-----\n",
		  "key: line 2: Proc-Type without DEK-Info" },
		{ "-----BEGIN A-----\n" HEADERS "AAEC\n-----END A-----\n",
		  "key: line 4: an empty line must follow the DEK-Info header" },
		{ "-----BEGIN A-----\n" HEADERS "Comment: x\n\nAAEC\n-----END A-----\n",
		  "key: line 4: an empty line must follow the DEK-Info header" },
	};
	struct err err;

	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(read_all(cases[i].text, strlen(cases[i].text), 0, &err), -1);
		assert_int_equal(err.class, ERR_INVALID);
		assert_string_equal(err.text, cases[i].error);
	}
	assert_int_equal(read_all("-----BEGIN A-----\nAA\0C", 24, 0, &err), -1);
	assert_string_equal(err.text, "key: line 2 holds a control character: it must be a PEM "
				      "file (text)");
	assert_int_equal(read_all("text -----\n" A, strlen("text -----\n" A), PEM_TEXT, &err), -1);
	assert_string_equal(err.text, "key: line 1 is a damaged BEGIN line");
}

static void test_blocks(void **state)
{
	(void)state;
	static const char text[] = "\n" A "-----BEGIN B-----\n" HEADERS "\nBAUG\n-----END B-----";
	struct pem_block b = PEM_BLOCK_INIT;
	struct pem_reader r;
	struct err err;

	assert_int_equal(
	    pem_open(&r, &(struct pem_source){ "key", text, strlen(text) }, 4096, 0, &err), 0);
	assert_int_equal(pem_next(&r, &b, &err), 1);
	assert_string_equal(b.label, "A KEY");
	assert_int_equal(b.headers.len, 0);
	assert_int_equal(b.der.len, 3);
	assert_memory_equal(b.der.data, "\0\1\2", 3);
	assert_int_equal(b.line, 2);
	assert_int_equal(b.begin, 1);
	assert_int_equal(b.end, 1 + strlen(A));
	assert_int_equal(pem_next(&r, &b, &err), 1);
	assert_string_equal(b.label, "B");
	assert_string_equal(buf_str(&b.headers), HEADERS);
	assert_memory_equal(b.der.data, "\4\5\6", 3);
	assert_int_equal(b.line, 5);
	assert_int_equal(b.end, strlen(text));
	assert_int_equal(pem_next(&r, &b, &err), 0);
	assert_int_equal(pem_next(&r, &b, &err), 0);
}

static void test_only(void **state)
{
	(void)state;
	struct pem_block b = PEM_BLOCK_INIT;
	struct err err;

	assert_int_equal(pem_only("key", A, strlen(A), &b, &err), 0);
	assert_string_equal(b.label, "A KEY");
	pem_clear(&b);
	assert_int_equal(pem_only("key", A "\n" A, strlen(A "\n" A), &b, &err), -1);
	assert_string_equal(err.text, "key: holds several PEM blocks (A KEY at line 1, A KEY at "
				      "line 5): give one key");
	assert_null(b.der.data);
	assert_int_equal(pem_only("key", A "x", strlen(A "x"), &b, &err), -1);
	assert_string_equal(err.text, "key: line 4 is text outside the PEM block: remove it");
}

static void test_bounds(void **state)
{
	(void)state;
	char *text = mem_alloc(PEM_KEY_MAX + 1);
	struct pem_block b = PEM_BLOCK_INIT;
	struct err err;

	memset(text, '\n', PEM_KEY_MAX + 1);
	memcpy(text, A, strlen(A));
	assert_int_equal(pem_only("key", text, PEM_KEY_MAX, &b, &err), 0);
	assert_int_equal(pem_only("key", text, PEM_KEY_MAX + 1, &b, &err), -1);
	assert_string_equal(err.text, "key: has 65537 bytes, more than the 65536 allowed");
	pem_clear(&b);
	mem_free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),  cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_blocks), cmocka_unit_test(test_only),
		cmocka_unit_test(test_bounds),
	};

	mem_init();
	return cmocka_run_group_tests_name("kinds/pem", tests, NULL, NULL);
}
