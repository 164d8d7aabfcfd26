/* SPDX-License-Identifier: Apache-2.0 */
/* What needs no server: paths, what a client refuses to begin with, errors for people. */
#include "tests/unit/test.h"

#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "kube/client.h"
#include "kube/stream.h"

static char nobody[] = "https://127.0.0.1:1";

/* No client here lives long enough to have anything refreshed. */
int kube_config_refresh(struct kube_config *c, bool rejected, int64_t now_ms, struct err *err)
{
	(void)c;
	(void)rejected;
	(void)now_ms;
	return err_set(err, ERR_IO, "nothing to refresh");
}

void kube_config_untrusted(struct kube_config *c, int64_t now_ms)
{
	(void)c;
	(void)now_ms;
}

static void test_path(void **state)
{
	static const struct {
		const char *segment, *want;
	} cases[] = {
		{ "", "/" },
		{ "flux-ssh", "/flux-ssh" },
		{ "a.b_c~d-0Z", "/a.b_c~d-0Z" },
		{ "a/b", "/a%2Fb" },
		{ "a?b#c%d", "/a%3Fb%23c%25d" },
		{ "a b\n", "/a%20b%0A" },
		{ "\xc3\xa9", "/%C3%A9" },
		/* libcurl would take these for folders */
		{ ".", "/%2E" },
		{ "..", "/%2E%2E" },
		{ "...", "/..." },
		{ "system:node", "/system%3Anode" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf path = BUF_INIT;

		buf_puts(&path, "/");
		kube_path_put(&path, cases[i].segment);
		assert_string_equal(buf_str(&path), cases[i].want);
		buf_clear(&path);
	}
}

static void test_path_object(void **state)
{
	static const struct {
		const char *root, *namespace, *plural, *name, *want;
	} cases[] = {
		{ KUBE_CORE, "a", "secrets", "b", "/api/v1/namespaces/a/secrets/b" },
		{ KUBE_CORE, "a/..", "secrets", "?", "/api/v1/namespaces/a%2F../secrets/%3F" },
		{ KUBE_CORE, "a", "secrets", NULL, "/api/v1/namespaces/a/secrets" },
		{ KUBE_CORE, NULL, "namespaces", "a", "/api/v1/namespaces/a" },
		{ "/apis/g/v1", NULL, "things", NULL, "/apis/g/v1/things" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf path = BUF_INIT;

		kube_path_object(&path, cases[i].root, cases[i].namespace, cases[i].plural,
				 cases[i].name);
		assert_string_equal(buf_str(&path), cases[i].want);
		buf_clear(&path);
	}
}

static void test_new_refuses(void **state)
{
	static const struct {
		const char *server, *proxy, *want;
	} cases[] = {
		{ NULL, NULL, "server \"\": only https://" },
		{ "http://10.0.0.1", NULL, "server \"http://10.0.0.1\": only https://" },
		{ "https://", NULL, "server: not of the form" },
		{ "https://user@host", NULL, "server: not of the form" },
		{ "https://host?x", NULL, "server: not of the form" },
		{ "https://host#x", NULL, "server: not of the form" },
		{ "https://host\r\nX: y", NULL, "server: not of the form" },
		{ "https://host", "host:3128", "proxy-url: its scheme is none of" },
		{ "https://host", "file:///x", "proxy-url: its scheme is none of" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct kube_config c = { .server = (char *)(uintptr_t)cases[i].server,
					 .proxy = (char *)(uintptr_t)cases[i].proxy };
		struct err err = ERR_INIT;

		assert_null(kube_client_new(&c, "test", &err));
		assert_int_equal(err.class, ERR_INVALID);
		if (strncmp(err.text, cases[i].want, strlen(cases[i].want)) != 0)
			fail_msg("%s", err.text);
	}
}

static void never(void *ctx, const struct kube_answer *a)
{
	(void)ctx;
	(void)a;
	fail_msg("a request that was dropped was answered");
}

static void test_pending(void **state)
{
	struct kube_config c = { .server = nobody };
	const struct kube_request r = { .method = "GET", .path = "/x" };
	struct err err = ERR_INIT;
	struct kube_client *k = kube_client_new(&c, "test", &err);
	const struct kube_count *counts;
	int one, two;

	(void)state;
	assert_non_null(k);
	assert_int_equal(kube_pending(k), 0);
	assert_int_equal(kube_counts(k, &counts), 0);
	for (int i = 0; i < 3; i++)
		kube_send(k, &r, never, &one);
	kube_send(k, &r, never, &two);
	assert_int_equal(kube_pending(k), 4);
	kube_cancel(k, &one);
	assert_int_equal(kube_pending(k), 1);
	kube_cancel(k, &one); /* counts once */
	assert_int_equal(kube_pending(k), 1);
	kube_client_free(k); /* drops two unheard */
	kube_client_free(NULL);
	kube_stream_free(NULL);
}

static void test_wait(void **state)
{
	struct kube_config c = { .server = nobody };
	struct err err = ERR_INIT;
	struct kube_client *k = kube_client_new(&c, "test", &err);
	int ends[2];
	struct pollfd extra[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	extra[0] = (struct pollfd){ ends[0], POLLIN, 7 };
	extra[1] = (struct pollfd){ -1, POLLIN, 7 };
	assert_int_equal(kube_wait(k, extra, 2, 0), 0);
	assert_int_equal(extra[0].revents, 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(kube_wait(k, extra, 2, -1), 1);
	assert_int_equal(extra[0].revents, POLLIN);
	assert_int_equal(extra[1].revents, 0);
	close(ends[0]);
	close(ends[1]);
	kube_client_free(k);
}

static const struct {
	struct kube_answer a;
	enum err_class class;
	const char *want;
} errors[] = {
	{ { .status = 0, .message = "10.0.0.1:443: no connection", .unsent = true },
	  ERR_IO,
	  "create Secret a/b: 10.0.0.1:443: no connection" },
	{ { .status = 0, .message = "10.0.0.1:443: the connection broke" },
	  ERR_IO,
	  "create Secret a/b: 10.0.0.1:443: the connection broke; it may have been done all the "
	  "same: "
	  "look before trying again" },
	{ { .status = 401, .message = "h:1 does not accept the token of the pod (401)" },
	  ERR_REFUSED,
	  "create Secret a/b: h:1 does not accept the token of the pod (401); log in again, or "
	  "renew "
	  "what stands in the kubeconfig" },
	{ { .status = 403, .reason = "Forbidden", .message = "secrets is forbidden" },
	  ERR_REFUSED,
	  "create Secret a/b: the API server forbids it (403): secrets is forbidden; a Role and a "
	  "RoleBinding for that verb and resource would allow it" },
	{ { .status = 404,
	    .reason = "NotFound",
	    .name = "b",
	    .message = "secrets \"b\" not found" },
	  ERR_IO,
	  "create Secret a/b: not found (404): secrets \"b\" not found" },
	{ { .status = 404, .message = "the server could not find the requested resource" },
	  ERR_IO,
	  "create Secret a/b: not found (404): the server could not find the requested resource; "
	  "the "
	  "server does not know that kind of object: is its CustomResourceDefinition installed, "
	  "and is "
	  "this an API server?" },
	{ { .status = 409, .reason = "AlreadyExists", .message = "exists" },
	  ERR_CONFLICT,
	  "create Secret a/b: it exists already or was changed meanwhile (409): exists" },
	/* the server's words about what was sent are not repeated */
	{ { .status = 422,
	    .reason = "Invalid",
	    .cause = "FieldValueInvalid",
	    .message = "hunter2" },
	  ERR_INVALID,
	  "create Secret a/b: the API server refuses it as invalid (422): FieldValueInvalid" },
	{ { .status = 422, .reason = "Invalid", .message = "hunter2" },
	  ERR_INVALID,
	  "create Secret a/b: the API server refuses it as invalid (422): Invalid" },
	{ { .status = 400, .reason = "BadRequest", .message = "hunter2" },
	  ERR_INVALID,
	  "create Secret a/b: the API server cannot read it (400): BadRequest" },
	{ { .status = 500, .message = "hunter2" },
	  ERR_IO,
	  "create Secret a/b: the API server failed (500)" },
	{ { .status = 302 },
	  ERR_IO,
	  "create Secret a/b: the server points elsewhere (302), which is not followed; name the "
	  "API "
	  "server's own address" },
	{ { .status = 418, .reason = "Teapot", .message = "x" },
	  ERR_IO,
	  "create Secret a/b: unexpected status 418 Teapot" },
};

static void test_error(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(errors); i++) {
		struct kube_answer a = errors[i].a;
		struct err err = ERR_INIT;

		a.reason = a.reason == NULL ? "" : a.reason;
		a.cause = a.cause == NULL ? "" : a.cause;
		a.name = a.name == NULL ? "" : a.name;
		a.message = a.message == NULL ? "" : a.message;
		assert_int_equal(kube_error(&a, "create Secret a/b", &err), -1);
		assert_string_equal(err.text, errors[i].want);
		assert_int_equal(err.class, errors[i].class);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path),	    cmocka_unit_test(test_path_object),
		cmocka_unit_test(test_new_refuses), cmocka_unit_test(test_pending),
		cmocka_unit_test(test_wait),	    cmocka_unit_test(test_error),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
