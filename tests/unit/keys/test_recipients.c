/* SPDX-License-Identifier: Apache-2.0 */
/* Named recipients, recipients files, and the pins of those that were agreed to. */
#include "tests/unit/keys/keys.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/name.h"
#include "keys/pins.h"
#include "keys/recipients.h"

/* --- recipients ------------------------------------------------------------------------------- */

static void test_add(void **state)
{
	struct recipients r = RECIPIENTS_INIT;
	struct age_recipient a = recipient(PUB_A), b = recipient(PUB_B);
	struct err err = ERR_INIT;
	struct age_recipient *keys;
	struct kv ids = KV_INIT;
	struct buf names = BUF_INIT;

	(void)state;
	assert_int_equal(recipients_add(&r, "us-east1", &a, &err), 0);
	assert_int_equal(recipients_add(&r, "eu-west9", &b, &err), 0);
	assert_int_equal(recipients_add(&r, "us-east1", &a, &err), 0); /* again: fine */
	assert_int_equal(r.n, 2);
	assert_string_equal(r.items[0].name, "eu-west9");
	assert_string_equal(r.items[1].name, "us-east1");
	assert_true(name_is_key_id(r.items[0].id));
	assert_ptr_equal(recipients_find(&r, "eu-west9"), &r.items[0]);
	assert_null(recipients_find(&r, "eu-west"));
	assert_null(recipients_find(&r, "zz"));
	assert_ptr_equal(recipients_find_id(&r, r.items[1].id), &r.items[1]);
	assert_null(recipients_find_id(&r, "00000000000000000000000000000000"));
	keys = recipients_keys(&r);
	assert_memory_equal(keys[0].point, b.point, 32);
	assert_memory_equal(keys[1].point, a.point, 32);
	mem_free(keys);
	recipients_ids(&r, &ids);
	assert_int_equal(ids.n, 2);
	assert_string_equal(kv_get_str(&ids, "us-east1"), r.items[1].id);
	kv_clear(&ids);
	recipients_names(&r, &names);
	assert_string_equal(buf_str(&names), "eu-west9, us-east1");
	buf_clear(&names);
	check_err(recipients_add(&r, "us-east1", &b, &err), &err, ERR_RECIPIENT,
		  "recipient us-east1: two different keys have this name");
	check_err(recipients_add(&r, "laptop", &a, &err), &err, ERR_RECIPIENT,
		  "recipients us-east1 and laptop are the same key");
	check_err(recipients_add(&r, NULL, &a, &err), &err, ERR_RECIPIENT, "are the same key");
	assert_int_equal(r.n, 2);
	recipients_clear(&r);
}

static void test_names(void **state)
{
	static const char *const bad[] = {
		"",	"EU",
		"a.b",	"-a",
		"a-",	"a b",
		"a/b",	"\xc3\xa4",
		"a\nb", "0123456789012345678901234567890123456789012345678901234567890123"
	};
	struct recipients r = RECIPIENTS_INIT;
	struct age_recipient a = recipient(PUB_A), b = recipient(PUB_B);
	struct err err = ERR_INIT;
	char id[AGE_KEY_ID_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		check_err(recipients_add(&r, bad[i], &a, &err), &err, ERR_RECIPIENT,
			  "the name of a recipient");
	assert_int_equal(recipients_add(&r, NULL, &a, &err), 0);
	age_recipient_id(&a, id);
	assert_string_equal(r.items[0].name, id);
	assert_string_equal(r.items[0].id, id);
	assert_int_equal(recipients_add(&r, id, &a, &err), 0);
	recipients_clear(&r);
	/* nobody takes another's key id for a name */
	check_err(recipients_add(&r, id, &b, &err), &err, ERR_RECIPIENT, "looks like a key id");
	assert_int_equal(r.n, 0);
}

static void test_many(void **state)
{
	struct recipients r = RECIPIENTS_INIT;
	struct err err = ERR_INIT;

	(void)state;
	for (int i = 0; i <= RECIPIENTS_NAMED_MAX; i++) {
		struct age_recipient key = { { 9 } };
		char name[32];

		key.point[1] = (unsigned char)i;
		key.point[2] = (unsigned char)(i >> 8);
		snprintf(name, sizeof(name), "n%d", i * 7919 % 10000);
		if (i < RECIPIENTS_NAMED_MAX)
			assert_int_equal(recipients_add(&r, name, &key, &err), 0);
		else
			check_err(recipients_add(&r, name, &key, &err), &err, ERR_RECIPIENT,
				  "more than 1024 recipients");
	}
	for (size_t i = 1; i < r.n; i++)
		assert_true(strcmp(r.items[i - 1].name, r.items[i].name) < 0);
	recipients_clear(&r);
}

static void test_lines(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		const char *error;
	} cases[] = {
		{ "", 0, NULL },
		{ "# nobody\n\n", 0, NULL },
		{ PUB_A, 1, NULL },
		{ PUB_A "\n" PUB_B "\n", 2, NULL },
		{ "# ann\r\n" PUB_A "\r\n\r\n#\r\n" PUB_B "\r\n", 2, NULL },
		{ PUB_A "\n" PUB_A "\n", 1, NULL },
		{ PUB_A "\n " PUB_B "\n", 1, "who:2: the recipient does not begin with" },
		{ PUB_A " # ann\n", 0, "who:1: the recipient has 68 characters" },
		{ "\n\n" KEY_A "\n", 0, "who:3: what is given as a recipient is a private key" },
		{ "ssh-ed25519 AAAA ann\n", 0, "who:1: what is given as a recipient is an SSH" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct recipients r = RECIPIENTS_INIT;
		struct err err = ERR_INIT;
		int rc =
		    recipients_add_lines(&r, "who", cases[i].text, strlen(cases[i].text), &err);

		if (cases[i].error != NULL)
			check_err(rc, &err, ERR_RECIPIENT, cases[i].error);
		else
			assert_int_equal(rc, 0);
		assert_int_equal(r.n, cases[i].n);
		recipients_clear(&r);
	}
	struct recipients r = RECIPIENTS_INIT;
	struct err err = ERR_INIT;

	check_err(recipients_add_lines(&r, "who", PUB_A "\0\n", 64, &err), &err, ERR_RECIPIENT,
		  "who:1: the line holds a NUL byte");
}

/* --- pins ------------------------------------------------------------------------------------- */

static struct recipient named(const char *name, const char *text)
{
	struct recipient r = { .name = (char *)(uintptr_t)name, .key = recipient(text) };

	age_recipient_id(&r.key, r.id);
	return r;
}

static void test_pins(void **state)
{
	struct recipient ann = named("ann", PUB_A), ann2 = named("ann", PUB_B),
			 bob = named("bob", PUB_B);
	struct pins p = PINS_INIT, again = PINS_INIT;
	struct buf text = BUF_INIT, text2 = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(pins_check(&p, "/home/me/infra", &ann), PINS_NEW);
	pins_accept(&p, "/home/me/infra", &ann);
	assert_int_equal(pins_check(&p, "/home/me/infra", &ann), PINS_KNOWN);
	assert_int_equal(pins_check(&p, "/home/me/infra", &ann2), PINS_CHANGED);
	assert_int_equal(pins_check(&p, "/home/me/infra", &bob), PINS_NEW);
	assert_int_equal(pins_check(&p, "/home/me/infra2", &ann), PINS_NEW);
	assert_int_equal(pins_check(&p, "/home/me", &ann), PINS_NEW);
	pins_accept(&p, "/home/me/my 100% \xc3\xa4\n\"folder\"", &bob);
	pins_accept(&p, "/a", &bob);
	pins_accept(&p, "/azAZ09/-._~+@:,=`{[^", &bob);
	pins_accept(&p, "/a", &ann);
	pins_accept(&p, "/home/me/infra", &ann2);
	assert_int_equal(p.n, 5);
	assert_int_equal(pins_check(&p, "/home/me/infra", &ann2), PINS_KNOWN);
	assert_int_equal(pins_check(&p, "/home/me/infra", &ann), PINS_CHANGED);

	pins_format(&p, &text);
	assert_string_equal(
	    buf_str(&text),
	    "# Recipients that you have agreed to, by repository: path, name, key.\n"
	    "/a ann " PUB_A "\n"
	    "/a bob " PUB_B "\n"
	    "/azAZ09/-._~+@:,=%60%7B%5B%5E bob " PUB_B "\n"
	    "/home/me/infra ann " PUB_B "\n"
	    "/home/me/my%20100%25%20%C3%A4%0A%22folder%22 bob " PUB_B "\n");
	assert_int_equal(pins_parse("pins", text.data, text.len, &again, &err), 0);
	pins_format(&again, &text2);
	assert_string_equal(buf_str(&text), buf_str(&text2));
	assert_int_equal(pins_check(&again, "/home/me/my 100% \xc3\xa4\n\"folder\"", &bob),
			 PINS_KNOWN);
	pins_clear(&p);
	pins_clear(&again);
	buf_clear(&text);
	buf_clear(&text2);
}

static void test_pins_refused(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "/a ann " PUB_A, "pins:1: the last line is cut short" },
		{ "#", "pins:1: the last line is cut short" },
		{ "/a ann " PUB_A "\n/b", "pins:2: the last line is cut short" },
		{ "/a\n", "pins:1: a pin is a path, a name and a key" },
		{ "/a ann\n", "pins:1: a pin is a path, a name and a key" },
		{ "\n/a  ann " PUB_A "\n", "pins:2: the name is not" },
		{ "/a Ann " PUB_A "\n", "pins:1: the name is not" },
		{ "/a ann " PUB_A " \n", "pins:1: the recipient has 63 characters" },
		{ "/a ann " PUB_A "\r\n", "pins:1: the recipient has 63 characters" },
		{ "/a ann " KEY_A "\n", "pins:1: what is given as a recipient is a private key" },
		{ "a ann " PUB_A "\n", "pins:1: the path is not absolute" },
		{ " ann " PUB_A "\n", "pins:1: the path is not absolute" },
		{ "/a%2 ann " PUB_A "\n", "not encoded as it is written" },
		{ "/a% ann " PUB_A "\n", "not encoded as it is written" },
		{ "/a%zz ann " PUB_A "\n", "not encoded as it is written" },
		{ "/a%2f ann " PUB_A "\n",
		  "not encoded as it is written" }, /* plain and lower case */
		{ "/a%2F ann " PUB_A "\n", "not encoded as it is written" }, /* plain */
		{ "/a%00 ann " PUB_A "\n", "not encoded as it is written" },
		{ "/a%c3 ann " PUB_A "\n", "not encoded as it is written" },
		{ "/\xc3\xa4 ann " PUB_A "\n", "not encoded as it is written" },
		{ "/a\tb ann " PUB_A "\n", "not encoded as it is written" },
		{ "/a ann " PUB_A "\n/a ann " PUB_B "\n",
		  "pins:2: recipient ann of /a is pinned twice" },
		{ "/a ann " PUB_A "\n/a ann " PUB_A "\n",
		  "pins:2: recipient ann of /a is pinned twice" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct pins p = PINS_INIT;
		struct err err = ERR_INIT;

		check_err(pins_parse("pins", cases[i].text, strlen(cases[i].text), &p, &err), &err,
			  ERR_INVALID, cases[i].error);
		assert_int_equal(p.n, 0);
		assert_null(p.items);
	}
	struct pins p = PINS_INIT;
	struct err err = ERR_INIT;

	check_err(pins_parse("pins", "/a\0 ann\n", 8, &p, &err), &err, ERR_INVALID, "a NUL byte");
	assert_int_equal(pins_parse("pins", "", 0, &p, &err), 0);
	assert_int_equal(pins_parse("pins", "\n# x\n\n", 6, &p, &err), 0);
	assert_int_equal(p.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add),  cmocka_unit_test(test_names),
		cmocka_unit_test(test_many), cmocka_unit_test(test_lines),
		cmocka_unit_test(test_pins), cmocka_unit_test(test_pins_refused),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
