/* SPDX-License-Identifier: Apache-2.0 */
/* Which host keys Flux asks a server for, which of known_hosts counts, and what was shown. */
#include "tests/unit/test.h"

#include <string.h>

#include "base/mem.h"
#include "github/ssh_hostkeys.h"

#define ED "ssh-ed25519"
#define RSA "ssh-rsa"
#define P256 "ecdsa-sha2-nistp256"
#define P521 "ecdsa-sha2-nistp521"

static struct github_ssh_host_key key(const char *type, const char *blob, bool listed)
{
	return (struct github_ssh_host_key){ type, (const unsigned char *)blob, strlen(blob),
					     listed };
}

static void test_type(void **state)
{
	static const char *const none[] = { "",
					    "ssh-dss",
					    "ssh-ed2551",
					    "ssh-ed255190",
					    "SSH-RSA",
					    "rsa-sha2-256",
					    "sk-ssh-ed25519@openssh.com" };

	(void)state;
	assert_string_equal(github_ssh_type(ED " AAAA", strlen(ED)), ED);
	assert_ptr_equal(github_ssh_type(RSA, 7), github_ssh_type(RSA " x", 7));
	assert_null(github_ssh_type(RSA, 6));
	for (size_t i = 0; i < COUNT(none); i++)
		assert_null(github_ssh_type(none[i], strlen(none[i])));
}

/* Each type once, in the order of the lines, whoever they are for; others are not asked for. */
static void test_types(void **state)
{
	const struct github_ssh_host_key keys[] = {
		key(P256, "a", false), key(ED, "b", true),   key("ssh-dss", "c", true),
		key(P256, "d", true),  key(RSA, "e", false), key(ED, "f", true),
	};
	const struct github_ssh_request q = { .host_keys = keys, .n_host_keys = COUNT(keys) };
	const struct github_ssh_request nothing = { .host_keys = keys };
	const char *types[GITHUB_SSH_TYPES];

	(void)state;
	assert_int_equal(github_ssh_types(&q, types), 3);
	assert_string_equal(types[0], P256);
	assert_string_equal(types[1], ED);
	assert_string_equal(types[2], RSA);
	assert_int_equal(github_ssh_types(&nothing, types), 0);
}

static void test_algorithms(void **state)
{
	static const struct {
		const char *types[3];
		size_t n;
		const char *text;
	} cases[] = {
		{ { ED }, 1, ED },
		{ { RSA }, 1, "rsa-sha2-512,rsa-sha2-256," RSA },
		/* beside others ssh-rsa is offered as it is: SHA-1, which servers refuse by now */
		{ { RSA, ED }, 2, RSA "," ED },
		{ { P256, P521, ED }, 3, P256 "," P521 "," ED },
		{ { NULL }, 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf out = BUF_INIT;

		github_ssh_algorithms(cases[i].types, cases[i].n, &out);
		assert_string_equal(buf_str(&out), cases[i].text);
		buf_clear(&out);
	}
}

static void test_expected(void **state)
{
	const struct github_ssh_host_key keys[] = {
		key(ED, "of another host", false),
		key(RSA, "rsa", true),
		key(ED, "first", true),
		key(ED, "second", true),
	};
	const struct github_ssh_request q = { .host_keys = keys, .n_host_keys = COUNT(keys) };

	(void)state;
	assert_ptr_equal(github_ssh_expected(&q, ED), &keys[2]);
	assert_ptr_equal(github_ssh_expected(&q, RSA), &keys[1]);
	assert_null(github_ssh_expected(&q, P256));
}

static void test_judged(void **state)
{
	const struct github_ssh_host_key keys[] = { key(ED, "one", true), key(ED, "two", true),
						    key(P256, "x", false) };
	const struct github_ssh_request q = { .host_keys = keys, .n_host_keys = COUNT(keys) };
	static const struct {
		const char *type, *shown; /* NULL: nothing */
		enum github_ssh_host_state state;
		bool expects;
	} cases[] = {
		{ ED, "one", GITHUB_SSH_HOST_MATCHES, true },
		/* Flux looks at the first line alone */
		{ ED, "two", GITHUB_SSH_HOST_OTHER, true },
		{ ED, "on", GITHUB_SSH_HOST_OTHER, true },
		{ ED, "onee", GITHUB_SSH_HOST_OTHER, true },
		{ ED, NULL, GITHUB_SSH_HOST_NOT_OFFERED, true },
		{ P256, "x", GITHUB_SSH_HOST_OTHER, false },
		{ P256, NULL, GITHUB_SSH_HOST_NOT_OFFERED, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *type = github_ssh_type(cases[i].type, strlen(cases[i].type));
		struct github_ssh_result r = { .n_hosts = 0 };
		const struct github_ssh_host *h;
		struct buf blob = BUF_INIT;

		if (cases[i].shown != NULL)
			buf_puts(&blob, cases[i].shown);
		h = github_ssh_judge(&q, type, cases[i].shown == NULL ? NULL : &blob, &r);
		if (h->state != cases[i].state)
			fail_msg("case %zu: %d", i, h->state);
		assert_true(r.n_hosts == 1 && h == &r.hosts[0] && h->type == type);
		assert_int_equal(h->expected[0] != '\0', cases[i].expects);
		assert_int_equal(h->fingerprint[0] != '\0', cases[i].shown != NULL);
		if (cases[i].shown != NULL)
			assert_int_equal(strcmp(h->expected, h->fingerprint) == 0,
					 cases[i].state == GITHUB_SSH_HOST_MATCHES);
		buf_clear(&blob);
	}
}

/* Asked for once more, a type has one entry still, with what was shown last. */
static void test_judged_again(void **state)
{
	const struct github_ssh_host_key keys[] = { key(ED, "one", true), key(RSA, "r", true) };
	const struct github_ssh_request q = { .host_keys = keys, .n_host_keys = COUNT(keys) };
	const char *ed = github_ssh_type(ED, strlen(ED)), *rsa = github_ssh_type(RSA, strlen(RSA));
	struct github_ssh_result r = { .n_hosts = 0 };
	struct buf blob = BUF_INIT;

	(void)state;
	buf_puts(&blob, "one");
	github_ssh_judge(&q, ed, NULL, &r);
	github_ssh_judge(&q, rsa, &blob, &r);
	github_ssh_judge(&q, ed, &blob, &r);
	assert_int_equal(r.n_hosts, 2);
	assert_int_equal(r.hosts[0].state, GITHUB_SSH_HOST_MATCHES);
	assert_int_equal(r.hosts[1].state, GITHUB_SSH_HOST_OTHER);
	buf_clear(&blob);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_type),	   cmocka_unit_test(test_types),
		cmocka_unit_test(test_algorithms), cmocka_unit_test(test_expected),
		cmocka_unit_test(test_judged),	   cmocka_unit_test(test_judged_again),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
