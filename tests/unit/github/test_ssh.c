/* SPDX-License-Identifier: Apache-2.0 */
/* What github/ssh.c is made of, as far as it needs no server (tests/e2e/test_ssh.py has those). */
#include "tests/unit/test.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "github/dial.h"
#include "github/lookup.h"
#include "github/ssh.h"
#include "github/ssh_hostkeys.h"
#include "github/ssh_session.h"

static const unsigned char one[] = "one", two[] = "two";

static const struct github_ssh_host_key keys[] = {
	{ "ssh-ed25519", two, 3, false }, { "ssh-ed25519", one, 3, true },
	{ "ssh-ed25519", two, 3, true },  { "ssh-rsa", two, 3, false },
	{ "ssh-dss", one, 3, true },	  { "ecdsa-sha2-nistp384", one, 3, true },
};

static void test_algorithms(void **state)
{
	const struct {
		const char *const *types;
		size_t n;
		const char *algorithms;
	} cases[] = {
		{ (const char *const[]){ "ssh-rsa" }, 1, "rsa-sha2-512,rsa-sha2-256,ssh-rsa" },
		{ (const char *const[]){ "ssh-rsa", "ssh-ed25519" }, 2, "ssh-rsa,ssh-ed25519" },
		{ (const char *const[]){ "ssh-ed25519" }, 1, "ssh-ed25519" },
	};
	const struct github_ssh_request q = { .host_keys = keys, .n_host_keys = COUNT(keys) };
	const char *types[GITHUB_SSH_TYPES];
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		github_ssh_algorithms(cases[i].types, cases[i].n, &out);
		assert_string_equal(buf_str(&out), cases[i].algorithms);
		buf_reset(&out);
	}
	/* each once, those of other hosts too, none that Flux cannot do */
	github_ssh_algorithms(types, github_ssh_types(&q, types), &out);
	assert_string_equal(buf_str(&out), "ssh-ed25519,ssh-rsa,ecdsa-sha2-nistp384");
	buf_clear(&out);
}

static void test_judge(void **state)
{
	const struct github_ssh_request q = { .host_keys = keys, .n_host_keys = COUNT(keys) };
	const char *ed25519 = github_ssh_type("ssh-ed25519", 11),
		   *rsa = github_ssh_type("ssh-rsa", 7);
	struct buf first = BUF_INIT, second = BUF_INIT;
	struct github_ssh_result r = { .n_hosts = 0 };
	const struct github_ssh_host *h;

	(void)state;
	buf_puts(&first, "one");
	buf_puts(&second, "two");
	h = github_ssh_judge(&q, ed25519, &first, &r);
	assert_int_equal(h->state, GITHUB_SSH_HOST_MATCHES);
	assert_string_equal(h->fingerprint, h->expected);
	/* SHA-256 of "one", by openssl dgst */
	assert_string_equal(h->expected, "SHA256:dpLDrTVAu4A8Ags67mbNiIcSMjTqDG5xQ8Ct1z/0Me0");
	/* Flux looks at the first key of a type only */
	h = github_ssh_judge(&q, ed25519, &second, &r);
	assert_int_equal(h->state, GITHUB_SSH_HOST_OTHER);
	assert_int_equal(r.n_hosts, 1);
	/* listed for another host: not expected here */
	h = github_ssh_judge(&q, rsa, &second, &r);
	assert_int_equal(h->state, GITHUB_SSH_HOST_OTHER);
	assert_string_equal(h->expected, "");
	h = github_ssh_judge(&q, rsa, NULL, &r);
	assert_int_equal(h->state, GITHUB_SSH_HOST_NOT_OFFERED);
	assert_string_equal(h->fingerprint, "");
	assert_int_equal(r.n_hosts, 2);
	buf_clear(&first);
	buf_clear(&second);
}

static void test_quote(void **state)
{
	static const char *const cases[][2] = {
		{ "/org/repo", "'/org/repo'" },
		{ "/it's", "'/it'\\''s'" },
		{ "/a!b $(x)", "'/a'\\!'b $(x)'" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf out = BUF_INIT;

		github_session_quote(cases[i][0], &out);
		assert_string_equal(buf_str(&out), cases[i][1]);
		buf_clear(&out);
	}
}

static void test_names(void **state)
{
	(void)state;
	for (int i = 0; i < GITHUB_SSH_OUTCOMES; i++) {
		assert_true(github_ssh_outcome_name((enum github_ssh_outcome)i)[0] != '\0');
		for (int k = 0; k < i; k++)
			assert_string_not_equal(
			    github_ssh_outcome_name((enum github_ssh_outcome)i),
			    github_ssh_outcome_name((enum github_ssh_outcome)k));
	}
	assert_string_equal(github_ssh_access_name(GITHUB_SSH_READ_ONLY), "read-only");
}

/* What a server says may be no UTF-8. */
static void test_json(void **state)
{
	struct github_ssh_result r = { .outcome = GITHUB_SSH_OK, .refs = 3, .answer = "no\xff!" };
	json_t *o = github_ssh_json(&r);

	(void)state;
	assert_string_equal(json_string_value(json_object_get(o, "answer")), "no?!");
	assert_string_equal(json_string_value(json_object_get(o, "outcome")), "ok");
	assert_int_equal(json_integer_value(json_object_get(o, "refs")), 3);
	assert_null(json_object_get(o, "head"));
	json_decref(o);
	r.outcome = GITHUB_SSH_TIMEOUT;
	o = github_ssh_json(&r);
	assert_null(json_object_get(o, "refs"));
	assert_null(json_object_get(o, "access"));
	json_decref(o);
}

static void test_unreadable_key(void **state)
{
	static const char *const texts[] = { "", "x", "-----BEGIN PRIVATE KEY-----\n",
					     ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"
					      "-----END OPENSSH PRIVATE KEY-----\n") };

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct buf identity = BUF_INIT;
		const struct github_ssh_request q = { .user = "git",
						      .host = "127.0.0.1",
						      .port = 1,
						      .path = "/o/r",
						      .identity = &identity };
		struct github_ssh_result r;
		struct err err = ERR_INIT;

		buf_puts(&identity, texts[i]);
		assert_int_equal(github_ssh_check(&q, &r, &err), -1);
		assert_int_equal(r.outcome, GITHUB_SSH_KEY);
		assert_int_equal(err.class, ERR_INVALID);
		buf_clear(&identity);
	}
}

static void test_dial(void **state)
{
	struct github_dial d = { .host = "nowhere.invalid",
				 .port = 22,
				 .deadline = clock_monotonic_ms() + 5000 };
	struct github_dialed out;
	struct err err = ERR_INIT;
	bool late;

	(void)state;
	assert_int_equal(github_dial(&d, &out, &err), -1);
	assert_true(out.failure == GITHUB_DIAL_DNS || out.failure == GITHUB_DIAL_TIMEOUT);
	assert_int_equal(out.fd, -1);
	assert_non_null(strstr(err.text, "nowhere.invalid"));
	/* port 1 of loopback, where nobody listens */
	d.host = "127.0.0.1";
	d.port = 1;
	assert_int_equal(github_dial(&d, &out, &err), -1);
	assert_int_equal(out.failure, GITHUB_DIAL_REFUSED);
	assert_string_equal(out.address, "127.0.0.1:1");
	/* the time is over before the resolver is asked */
	assert_null(github_lookup("localhost", 22, clock_monotonic_ms() - 1, &late, &err));
	assert_true(late);
}

/* --- a server that never stops, as libssh hands it on ------------------------------------------
 */

static int endless; /* 0: its references, 1: its standard error */

static ssh_channel fake_channel(ssh_session session)
{
	(void)session;
	return (ssh_channel)&endless;
}

static void fake_free(ssh_channel channel)
{
	(void)channel;
}

static int fake_open(ssh_channel channel)
{
	(void)channel;
	return SSH_OK;
}

static int fake_exec(ssh_channel channel, const char *command)
{
	(void)channel;
	(void)command;
	return SSH_OK;
}

/* References come a byte at a time. */
static int fake_read(ssh_channel channel, void *to, uint32_t max, int is_stderr)
{
	static const char line[] = "003d00000000000000000000000000000000000000a1 refs/heads/main\n";
	static size_t at;

	(void)channel;
	if (is_stderr != endless)
		return 0;
	memset(to, 'x', max);
	if (is_stderr)
		return (int)max;
	*(char *)to = line[at++ % (sizeof(line) - 1)];
	return 1;
}

static int fake_no(ssh_channel channel)
{
	(void)channel;
	return 0;
}

static int fake_flags(ssh_session session)
{
	(void)session;
	return 0;
}

static void test_what_never_stops_ends_in_time(void **state)
{
	static const struct github_libssh fake = {
		.channel_new = fake_channel,
		.channel_free = fake_free,
		.channel_open_session = fake_open,
		.channel_request_exec = fake_exec,
		.channel_read_nonblocking = fake_read,
		.channel_is_eof = fake_no,
		.channel_is_closed = fake_no,
		.get_poll_flags = fake_flags,
	};
	const struct github_ssh_request q = { .host = "h", .path = "/o/r" };

	(void)state;
	for (endless = 0; endless < 2; endless++) {
		int64_t begin = clock_monotonic_ms();
		struct github_session s = GITHUB_SESSION_INIT(&fake, &q, begin + 100);
		struct github_session_run run = GITHUB_SESSION_RUN_INIT;
		struct err err = ERR_INIT;

		alarm(20);
		assert_int_equal(github_session_git(&s, "git-upload-pack", false, &run, &err), -1);
		alarm(0);
		assert_int_equal(s.outcome, GITHUB_SSH_TIMEOUT);
		assert_non_null(strstr(err.text, "did not answer in time"));
		assert_true(clock_monotonic_ms() - begin < 5000);
		github_refs_clear(&run.refs);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_never_stops_ends_in_time),
		cmocka_unit_test(test_algorithms),
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_quote),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_unreadable_key),
		cmocka_unit_test(test_dial),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
