/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <string.h>

#include "base/mem.h"
#include "foreign/sops_value.h"

static const unsigned char key[SOPS_KEY] = { 1, 2, 3 };

static void test_there_and_back(void **state)
{
	struct buf text = BUF_INIT, plain = BUF_INIT;
	enum sops_type type = SOPS_INT;

	(void)state;
	for (size_t n = 1; n < 70; n++) {
		char value[70];

		memset(value, 'a' + (int)(n % 26), n);
		buf_reset(&text);
		assert_int_equal(sops_value_seal(key, "data:x:", value, n, &text), 0);
		assert_true(sops_value_is(buf_str(&text), text.len));
		assert_int_equal(
		    sops_value_open(key, "data:x:", buf_str(&text), text.len, &plain, &type),
		    SOPS_OK);
		assert_int_equal(type, SOPS_STR);
		assert_int_equal(plain.len, n);
		assert_memory_equal(plain.data, value, n);
	}
	buf_reset(&text);
	assert_int_equal(sops_value_seal(key, "data:x:", "", 0, &text), 0);
	assert_string_equal(buf_str(&text), "\"\"");
	buf_clear(&text);
	buf_clear(&plain);
}

static void test_bound_to_key_and_place(void **state)
{
	static const unsigned char other[SOPS_KEY] = { 1, 2, 4 };
	struct buf text = BUF_INIT, plain = BUF_INIT;
	enum sops_type type;

	(void)state;
	sops_value_seal(key, "data:x:", "value", 5, &text);
	assert_int_equal(sops_value_open(other, "data:x:", buf_str(&text), text.len, &plain, &type),
			 SOPS_DAMAGED);
	assert_int_equal(sops_value_open(key, "data:y:", buf_str(&text), text.len, &plain, &type),
			 SOPS_DAMAGED);
	assert_int_equal(sops_value_open(key, "data:x", buf_str(&text), text.len, &plain, &type),
			 SOPS_DAMAGED);
	assert_int_equal(plain.len, 0);
	buf_clear(&text);
	buf_clear(&plain);
}

/* No character of one can be another. */
static void test_every_character_counts(void **state)
{
	struct buf text = BUF_INIT, plain = BUF_INIT;
	enum sops_type type;

	(void)state;
	sops_value_seal(key, "data:x:", "value", 5, &text);
	for (size_t i = 0; i < text.len; i++) {
		unsigned char was = text.data[i];

		text.data[i] = was == 'A' ? 'B' : 'A';
		assert_int_not_equal(
		    sops_value_open(key, "data:x:", buf_str(&text), text.len, &plain, &type),
		    SOPS_OK);
		assert_int_equal(plain.len, 0);
		text.data[i] = was;
	}
	for (size_t n = 0; n < text.len; n++)
		assert_int_equal(sops_value_open(key, "data:x:", buf_str(&text), n, &plain, &type),
				 SOPS_SHAPE);
	buf_clear(&text);
	buf_clear(&plain);
}

#define IV "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define TAG "AAAAAAAAAAAAAAAAAAAAAA=="

static void test_shapes(void **state)
{
	static const struct {
		const char *text;
		enum sops_verdict verdict;
	} cases[] = {
		{ "ENC[AES256_GCM,data:AA==,iv:" IV ",tag:" TAG ",type:str]", SOPS_DAMAGED },
		{ "ENC[AES256_GCM,data:AA==,iv:" IV ",tag:" TAG ",type:time]", SOPS_DAMAGED },
		{ "ENC[AES256_GCM,data:AA==,iv:" IV ",tag:" TAG ",type:str] ", SOPS_SHAPE },
		{ "ENC[AES256_GCM,data:AA==,iv:" IV ",tag:" TAG ",type:str", SOPS_SHAPE },
		{ "ENC[AES256_GCM,data:AA==,iv:" IV ",tag:" TAG ",type:strx]", SOPS_SHAPE },
		{ "ENC[AES256_GCM,data:AA==,iv:" IV ",tag:" TAG ",type:]", SOPS_SHAPE },
		{ "ENC[AES256_GCM,data:AA==,iv:" IV ",tag:AA==,type:str]", SOPS_SHAPE },
		{ "ENC[AES256_GCM,data:AA==,iv:,tag:" TAG ",type:str]", SOPS_DAMAGED },
		{ "ENC[AES256_GCM,data:,iv:" IV ",tag:" TAG ",type:str]", SOPS_SHAPE },
		{ "ENC[AES256_GCM,data:AB==,iv:" IV ",tag:" TAG ",type:str]", SOPS_SHAPE },
		{ "ENC[AES256_GCM,iv:" IV ",data:AA==,tag:" TAG ",type:str]", SOPS_SHAPE },
		{ "ENC[AES256_CBC,data:AA==,iv:" IV ",tag:" TAG ",type:str]", SOPS_SHAPE },
		{ "ENC[AES256_GCM,]", SOPS_SHAPE },
		{ "", SOPS_SHAPE },
	};
	struct buf plain = BUF_INIT;
	enum sops_type type;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(
		    sops_value_open(key, "x:", cases[i].text, strlen(cases[i].text), &plain, &type),
		    cases[i].verdict);
	assert_false(sops_value_is("ENC[AES256_GCM", 14));
	assert_false(sops_value_is("xENC[AES256_GCM,", 16));
	buf_clear(&plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_bound_to_key_and_place),
		cmocka_unit_test(test_every_character_counts),
		cmocka_unit_test(test_shapes),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
