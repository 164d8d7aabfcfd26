/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys in the wild, and what only has their header. */
#include "tests/unit/test.h"

#include "tests/unit/guard/seen.h"
#include "tests/unit/guard/tokens.h"

static const char *const labels[] = { "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY",
				      "DSA PRIVATE KEY", "OPENSSH PRIVATE KEY" };

static void test_line_breaks(void **state)
{
	(void)state;
	static const char *const breaks[] = { "\n",	"\r\n",	     "\\n",
					      "\\r\\n", "\\\\n",     "\n    ",
					      "\n# ",	"\" +\n \"", "\\n\" +\n\t\"",
					      " " };
	struct seen s = { 0 };
	char print[9] = "";

	for (size_t i = 0; i < COUNT(labels); i++)
		for (size_t k = 0; k < COUNT(breaks); k++) {
			char *key = tokens_pem(labels[i], 300, breaks[k], 1);

			seen_scan(&s, "a.txt", key);
			if (s.n != 1)
				print_error("%s\n", key);
			assert_int_equal(s.n, 1);
			assert_string_equal(s.rule[0], "private-key");
			assert_true(s.certain[0]);
			/* one key has one print, however it is written down */
			if (print[0] == '\0')
				memcpy(print, s.print[0], 9);
			assert_string_equal(s.print[0], print);
			mem_free(key);
		}
	seen_clear(&s);
}

static void test_wrapped(void **state)
{
	(void)state;
	char *key = tokens_pem("EC PRIVATE KEY", 118, "\n", 1), *flat = tokens_base64(key);
	struct buf lines = BUF_INIT;
	struct seen s = { 0 };

	seen_expect("a.txt", flat, "private-key\n");
	for (size_t i = 0; i < strlen(flat); i += 76)
		buf_printf(&lines, "    %.76s\n", flat + i);
	seen_expect("a.txt", buf_str(&lines), "private-key\n");
	buf_reset(&lines);
	for (size_t i = 0; i < strlen(flat); i += 60)
		buf_printf(&lines, "%.60s\\n", flat + i);
	seen_expect("a.txt", buf_str(&lines), "private-key\n");
	seen_scan(&s, "a.txt", buf_str(&lines));
	assert_string_equal(s.what[0], "an EC private key, in base64");
	buf_clear(&lines);
	mem_free(key);
	mem_free(flat);
	seen_clear(&s);
}

static void test_none(void **state)
{
	(void)state;
	char *certificate = tokens_pem("CERTIFICATE", 300, "\n", 1);
	char *public = tokens_pem("PUBLIC KEY", 300, "\n", 1);
	char *wrong = tokens_pem("SECRET KEY", 300, "\n", 1);
	char *cut = tokens_pem("RSA PRIVATE KEY", 1200, "\n", 1);
	static const char *const texts[] = {
		"-----BEGIN PRIVATE KEY-----",
		"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
		"-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n",
		"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC...\n-----END",
		("-----BEGIN PRIVATE KEY-----\n"
		 "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB\n"
		 "-----END PRIVATE KEY-----\n"),
		"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END",
		"strings.Contains(s, \"-----BEGIN RSA PRIVATE KEY-----\")\n",
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\n${KEY}\n-----END ENCRYPTED",
		"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n",
	};

	for (size_t i = 0; i < COUNT(texts); i++)
		seen_expect("a.txt", texts[i], "");
	seen_expect("a.txt", certificate, "");
	seen_expect("a.txt", public, "");
	seen_expect("a.txt", wrong, "");
	/* a first line is an example; most of a key is one */
	cut[32 + 64 * 4] = '\0';
	seen_expect("a.txt", cut, "");
	mem_free(cut);
	cut = tokens_pem("RSA PRIVATE KEY", 1200, "\n", 1);
	cut[32 + 65 * 20] = '\0';
	seen_expect("a.txt", cut, "private-key\n");
	mem_free(certificate);
	mem_free(public);
	mem_free(wrong);
	mem_free(cut);
}

static void test_encrypted(void **state)
{
	(void)state;
	char *pkcs8 = tokens_pem("ENCRYPTED PRIVATE KEY", 300, "\n", 1);
	char *pem = tokens_pem("RSA PRIVATE KEY", 300, "\n", 2);
	char *old = mem_printf("%.32sProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00FF\n\n%s", pem,
			       pem + 32);

	seen_expect("a.txt", pkcs8, "encrypted-key?\n");
	seen_expect("a.txt", old, "encrypted-key?\n");
	mem_free(pkcs8);
	mem_free(pem);
	mem_free(old);
}

/* OpenSSH says in the key itself whether it is encrypted. */
static void test_openssh(void **state)
{
	(void)state;
	static const struct {
		const char *cipher, *list;
	} cases[] = { { "none", "private-key\n" }, { "aes256-ctr", "encrypted-key?\n" } };

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf key = BUF_INIT, text = BUF_INIT;

		buf_put(&key, "openssh-key-v1", 15);
		buf_put(&key, "\0\0\0", 3);
		buf_putc(&key, (unsigned char)strlen(cases[i].cipher));
		buf_puts(&key, cases[i].cipher);
		for (int k = 0; k < 200; k++)
			buf_putc(&key, (unsigned char)tokens_number((uint32_t)k));
		buf_puts(&text, "-----BEGIN OPENSSH PRIVATE KEY-----\n");
		b64_encode(&text, key.data, key.len);
		buf_puts(&text, "\n-----END OPENSSH PRIVATE KEY-----\n");
		seen_expect("a.txt", buf_str(&text), cases[i].list);
		buf_clear(&key);
		buf_clear(&text);
	}
}

static void test_google(void **state)
{
	(void)state;
	char *key = tokens_pem("PRIVATE KEY", 600, "\\n", 1);
	char *text = mem_printf("{\"type\": \"service_account\", \"private_key\": \"%s\\n\"}", key);
	char *other = mem_printf("{\"type\": \"account\", \"private_key\": \"%s\\n\"}", key);
	char *wrapped = tokens_base64(text);

	seen_expect("a.json", text, "gcp-key private_key\n");
	seen_expect("a.json", other, "private-key private_key\n");
	seen_expect("a.txt", wrapped, "gcp-key\n");
	mem_free(key);
	mem_free(text);
	mem_free(other);
	mem_free(wrapped);
}

#define PUTTY_HEAD "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: "
#define PUTTY_PUBLIC "\nComment: x\nPublic-Lines: 1\nAAAAC3NzaC1lZDI1NTE5AAAAI\n"
#define PUTTY_PRIVATE                                                                              \
	"Private-Lines: 1\nAAAAIKxQf3bUo2c8m1dW9yR7tPqLzE5nH4vJ6sGaXeBk\nPrivate-MAC: 00\n"

static void test_putty(void **state)
{
	(void)state;

	seen_expect("a.ppk", PUTTY_HEAD "none" PUTTY_PUBLIC PUTTY_PRIVATE, "private-key\n");
	seen_expect("a.ppk", PUTTY_HEAD "aes256-cbc" PUTTY_PUBLIC PUTTY_PRIVATE,
		    "encrypted-key?\n");
	seen_expect("a.ppk", PUTTY_HEAD "none" PUTTY_PUBLIC, "");
	seen_expect("a.ppk",
		    PUTTY_HEAD "none" PUTTY_PUBLIC PUTTY_HEAD "none" PUTTY_PUBLIC PUTTY_PRIVATE,
		    "private-key\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line_breaks), cmocka_unit_test(test_wrapped),
		cmocka_unit_test(test_none),	    cmocka_unit_test(test_encrypted),
		cmocka_unit_test(test_openssh),	    cmocka_unit_test(test_google),
		cmocka_unit_test(test_putty),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
