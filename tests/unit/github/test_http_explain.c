/* SPDX-License-Identifier: Apache-2.0 */
/* What people are told of a connection that failed; libcurl is one that answers as it is told. */
#include "tests/unit/test.h"

#include <openssl/x509_vfy.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "github/http_explain.h"
#include "github/http_state.h"

static struct {
	long connect_code, size, verdict;
} curl;

static CURLcode getinfo(CURL *easy, CURLINFO info, ...)
{
	va_list ap;
	long *to;

	(void)easy;
	va_start(ap, info);
	to = va_arg(ap, long *);
	va_end(ap);
	*to = info == CURLINFO_HTTP_CONNECTCODE	  ? curl.connect_code
	      : info == CURLINFO_REQUEST_SIZE	  ? curl.size
	      : info == CURLINFO_SSL_VERIFYRESULT ? curl.verdict
						  : 0;
	return CURLE_OK;
}

static const char *strerror_of(CURLcode code)
{
	return code == CURLE_OUT_OF_MEMORY ? "own words" : "words of the library";
}

/* No second connection is made here. */
static CURL *no_handle(void)
{
	return NULL;
}

static char host[] = "api.x", option[] = "--api-url", ca_file[] = "/etc/ca.pem";
static const struct curl_api api = { .easy_getinfo = getinfo,
				     .easy_strerror = strerror_of,
				     .easy_init = no_handle };

static const char *const variables[] = { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" };

static void clear_environment(void)
{
	for (size_t i = 0; i < COUNT(variables); i++)
		unsetenv(variables[i]);
}

static const struct {
	CURLcode code;
	const char *words; /* libcurl's */
	bool plain;
	const char *proxy; /* HTTPS_PROXY */
	long connect_code, size, verdict;
	enum http_fault fault;
	bool unsent;
	const char *says[2], *not ;
} cases[] = {
	{ .code = CURLE_COULDNT_RESOLVE_HOST,
	  .fault = HTTP_NAME,
	  .unsent = true,
	  .says = { "api.x: its name cannot be looked up", "words of the library" },
	  .not = "HTTPS_PROXY" },
	{ .code = CURLE_COULDNT_RESOLVE_PROXY,
	  .proxy = "http://p:1",
	  .fault = HTTP_NAME,
	  .unsent = true,
	  .says = { "name of the proxy", "a proxy is set in HTTPS_PROXY" } },
	/* who is not let out is told of proxies, who has one is told of that */
	{ .code = CURLE_COULDNT_CONNECT,
	  .words = "Connection refused",
	  .fault = HTTP_CONNECT,
	  .unsent = true,
	  .says = { "no connection (Connection refused)", "wants it in HTTPS_PROXY" } },
	{ .code = CURLE_COULDNT_CONNECT,
	  .proxy = "http://p:1",
	  .fault = HTTP_CONNECT,
	  .unsent = true,
	  .says = { "a proxy is set in HTTPS_PROXY", "" },
	  .not = "wants it in" },
	{ .code = CURLE_COULDNT_CONNECT,
	  .proxy = "http://p:1",
	  .plain = true,
	  .fault = HTTP_CONNECT,
	  .unsent = true,
	  .says = { "no connection", "" },
	  .not = "a proxy is set" },
	/* a kind of proxy that libcurl does not know; its words quote what may hold a password */
	{ .code = CURLE_COULDNT_CONNECT,
	  .words = "Unsupported proxy scheme for 'gopher://me:canary'",
	  .proxy = "gopher://me:canary",
	  .fault = HTTP_PROXY,
	  .unsent = true,
	  .says = { "the proxy of HTTPS_PROXY is of a kind that is not supported",
		    "http://, https:// or socks5://" },
	  .not = "canary" },
	{ .code = CURLE_COULDNT_CONNECT,
	  .words = "Unsupported proxy syntax in 'http://me:canary@[x'",
	  .proxy = "http://me:canary@[x",
	  .fault = HTTP_PROXY,
	  .unsent = true,
	  .says = { "the proxy of HTTPS_PROXY", "http://[USER:PASSWORD@]HOST:PORT" },
	  .not = "canary" },
	{ .code = CURLE_COULDNT_CONNECT,
	  .words = "cannot do http://me:canary@p",
	  .proxy = "http://me:canary@p",
	  .fault = HTTP_CONNECT,
	  .unsent = true,
	  .says = { "HTTPS_PROXY", "" },
	  .not = "canary" },
	/* the proxy says no, whatever libcurl makes of it */
	{ .code = CURLE_RECV_ERROR,
	  .proxy = "http://p:1",
	  .connect_code = 407,
	  .size = 100,
	  .fault = HTTP_PROXY,
	  .unsent = true,
	  .says = { "the proxy of HTTPS_PROXY does not connect to it (407)",
		    "user and a password" },
	  .not = "NO_PROXY" },
	{ .code = CURLE_COULDNT_CONNECT,
	  .proxy = "http://p:1",
	  .connect_code = 403,
	  .fault = HTTP_PROXY,
	  .unsent = true,
	  .says = { "(403)", "NO_PROXY names hosts" } },
	{ .code = CURLE_COULDNT_CONNECT,
	  .connect_code = 503,
	  .fault = HTTP_PROXY,
	  .unsent = true,
	  .says = { "the proxy of the environment", "" } },
	/* it connected: what failed came later, and something was sent */
	{ .code = CURLE_RECV_ERROR,
	  .proxy = "http://p:1",
	  .connect_code = 200,
	  .size = 100,
	  .fault = HTTP_BROKEN,
	  .says = { "the connection broke", "a proxy is set" } },
	{ .code = CURLE_OPERATION_TIMEDOUT,
	  .size = 0,
	  .fault = HTTP_TIMEOUT,
	  .unsent = true,
	  .says = { "no answer in time", "" } },
	{ .code = CURLE_OPERATION_TIMEDOUT,
	  .size = 1,
	  .fault = HTTP_TIMEOUT,
	  .says = { "no answer in time", "" } },
	{ .code = CURLE_GOT_NOTHING,
	  .size = 9,
	  .fault = HTTP_BROKEN,
	  .says = { "closed without an answer", "" } },
	{ .code = CURLE_WEIRD_SERVER_REPLY,
	  .size = 9,
	  .fault = HTTP_BROKEN,
	  .says = { "what came is not HTTP", "" } },
	{ .code = CURLE_SSL_CONNECT_ERROR,
	  .fault = HTTP_TLS,
	  .unsent = true,
	  .says = { "the TLS handshake failed", "" } },
	{ .code = CURLE_UNSUPPORTED_PROTOCOL,
	  .size = 9,
	  .fault = HTTP_LOCAL,
	  .says = { "not https://, which is not followed", "" } },
	{ .code = CURLE_OUT_OF_MEMORY,
	  .size = 9,
	  .fault = HTTP_LOCAL,
	  .says = { "api.x: own words", "" } },
	/* certificates */
	{ .code = CURLE_PEER_FAILED_VERIFICATION,
	  .words = "self-signed certificate",
	  .verdict = X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
	  .fault = HTTP_TLS,
	  .unsent = true,
	  .says = { "an authority that is not trusted (self-signed certificate;", "/etc/ca.pem" } },
	{ .code = CURLE_PEER_FAILED_VERIFICATION,
	  .words = "SSL: no alternative certificate subject name matches target host name 'api.x'",
	  .fault = HTTP_TLS,
	  .unsent = true,
	  .says = { "its certificate is for another name", "someone between" } },
	{ .code = CURLE_PEER_FAILED_VERIFICATION,
	  .words = "certificate has expired",
	  .verdict = X509_V_ERR_CERT_HAS_EXPIRED,
	  .fault = HTTP_CLOCK,
	  .unsent = true,
	  .says = { "certificate has expired", "this machine's clock says 20" } },
	{ .code = CURLE_PEER_FAILED_VERIFICATION,
	  .words = "certificate is not yet valid",
	  .verdict = X509_V_ERR_CERT_NOT_YET_VALID,
	  .fault = HTTP_CLOCK,
	  .unsent = true,
	  .says = { "certificate is not yet valid", "this machine's clock says 20" } },
};

static void check(size_t i)
{
	struct http h = { .curl = &api, .host = host, .option = option, .ca_file = ca_file };
	struct http_answer a = HTTP_ANSWER_INIT;
	struct err err = ERR_INIT;

	clear_environment();
	if (cases[i].proxy != NULL)
		setenv("HTTPS_PROXY", cases[i].proxy, 1);
	curl.connect_code = cases[i].connect_code;
	curl.size = cases[i].size;
	curl.verdict = cases[i].verdict;
	h.plain = cases[i].plain;
	http_explain(&h, cases[i].code, cases[i].words == NULL ? "" : cases[i].words, &a, &err);
	assert_int_equal(err.class, ERR_IO);
	if (a.fault != cases[i].fault || a.unsent != cases[i].unsent)
		fail_msg("case %zu: fault %d, unsent %d: %s", i, a.fault, a.unsent, err.text);
	for (size_t k = 0; k < COUNT(cases[i].says); k++)
		if (strstr(err.text, cases[i].says[k]) == NULL)
			fail_msg("case %zu: %s", i, err.text);
	if (cases[i].not != NULL && strstr(err.text, cases[i].not ) != NULL)
		fail_msg("case %zu: %s", i, err.text);
	clear_environment();
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		check(i);
}

/* The variable that counts is named, the small letters before the capitals; empty is none. */
static void test_variables(void **state)
{
	struct http h = { .curl = &api, .host = host, .option = option };

	(void)state;
	memset(&curl, 0, sizeof(curl));
	for (size_t i = 0; i < COUNT(variables); i++) {
		struct http_answer a = HTTP_ANSWER_INIT;
		struct err err = ERR_INIT;
		char *text = mem_printf("a proxy is set in %s", variables[i]);

		clear_environment();
		for (size_t k = 0; k < COUNT(variables); k++)
			setenv(variables[k], k < i ? "" : "http://p:1", 1);
		http_explain(&h, CURLE_COULDNT_CONNECT, "", &a, &err);
		if (strstr(err.text, text) == NULL)
			fail_msg("%s: %s", text, err.text);
		mem_free(text);
	}
	clear_environment();
}

static void test_skew(void **state)
{
	static const struct {
		int64_t skew;
		const char *text;
	} skews[] = {
		{ 0, "" },
		{ 300, "" },
		{ -300, "" },
		{ 301, "; this machine's clock is 5 minutes behind that of h: set it" },
		{ -301, "; this machine's clock is 5 minutes ahead of that of h: set it" },
		{ 7199, "; this machine's clock is 119 minutes behind that of h: set it" },
		{ 7200, "; this machine's clock is 2 hours behind that of h: set it" },
		{ -86400, "; this machine's clock is 24 hours ahead of that of h: set it" },
		{ 2 * 86400, "; this machine's clock is 2 days behind that of h: set it" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(skews); i++) {
		char *text = http_explain_skew("h", skews[i].skew);

		assert_string_equal(text, skews[i].text);
		mem_free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_variables),
		cmocka_unit_test(test_skew),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
