/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <string.h>

#include "base/mem.h"
#include "foreign/sops_mac.h"

/* SHA-512 of nothing, of "abc" in two pieces, and of SHA-256("sops"), by coreutils' sha512sum. */
static void test_digests(void **state)
{
	static const struct {
		bool only;
		const char *a, *b, *hex;
	} cases[] = {
		{ false, "", "",
		  "CF83E1357EEFB8BDF1542850D66D8007D620E4050B5715DC83F4A921D36CE9CE47D0D13C5D85F2B0"
		  "FF8318"
		  "D2877EEC2F63B931BD47417A81A538327AF927DA3E" },
		{ false, "a", "bc",
		  "DDAF35A193617ABACC417349AE20413112E6FA4E89A97EA20A9EEEE64B55D39A2192992A274FC1A8"
		  "36BA3C"
		  "23A3FEEBBD454D4423643CE80E2A9AC94FA54CA49F" },
		{ true, "", "",
		  "1EE9AD533B409ABB860E3F836F93434DD393834C3D25963ED4DF84DA948472B4"
		  "C0FE49F92A6E7EB408269999429CF03720535D236983DC0A551DB5AF3D466F7B" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct sops_mac *mac = sops_mac_new(cases[i].only);
		char hex[SOPS_MAC_TEXT];

		sops_mac_add(mac, cases[i].a, strlen(cases[i].a));
		sops_mac_add(mac, cases[i].b, strlen(cases[i].b));
		sops_mac_end(mac, hex);
		assert_string_equal(hex, cases[i].hex);
		sops_mac_free(mac);
	}
}

/* How sops has the scalars of YAML, and which it is not safe to guess. */
static void test_scalars(void **state)
{
	static const struct {
		const char *yaml, *bytes; /* NULL: refused */
	} cases[] = {
		{ "text", "text" },
		{ "\"5\"", "5" },
		{ "'null'", "null" },
		{ "null", "" },
		{ "~", "" },
		{ "\"\"", "" },
		{ "true", "True" },
		{ "FALSE", "False" },
		{ "yes", "yes" },
		{ "off", "off" },
		{ "5", "5" },
		{ "-12", "-12" },
		{ "0", "0" },
		{ "2026-11-23", "2026-11-23T00:00:00Z" },
		{ "2026-11-23T08:00:00Z", "2026-11-23T08:00:00Z" },
		{ "010", NULL },
		{ "+5", NULL },
		{ "1.5", NULL },
		{ "1e5", NULL },
		{ "0x1f", NULL },
		{ "1_000", NULL },
		{ ".inf", NULL },
		{ "12:30:45", NULL },
		{ "-0", NULL },
		{ "9999999999999999999", NULL },
		{ "2026-11-23 08:00:00", NULL },
		{ "2026-13-23", NULL },
	};
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *text = mem_printf("a: %s\n", cases[i].yaml);
		struct yaml_stream s = YAML_STREAM_INIT;
		int r;

		assert_int_equal(yaml_parse("f", text, strlen(text), &s, NULL), 0);
		buf_reset(&out);
		r = sops_mac_bytes(yaml_get(s.docs[0].root, "a"), &out);
		if (r != (cases[i].bytes != NULL ? 0 : -1))
			fail_msg("%s: %d", cases[i].yaml, r);
		if (r == 0)
			assert_string_equal(buf_str(&out), cases[i].bytes);
		yaml_clear(&s);
		mem_free(text);
	}
	buf_clear(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digests),
		cmocka_unit_test(test_scalars),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
