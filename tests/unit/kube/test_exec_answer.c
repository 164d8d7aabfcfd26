/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "kube/exec_answer.h"

#define API "client.authentication.k8s.io/v1"
#define HEAD "{\"kind\":\"ExecCredential\",\"apiVersion\":\"" API "\","
#define STATUS(s) HEAD "\"status\":{" s "}}"

struct one {
	const char *text, *want;
};

static const struct one cases[] = {
	{ STATUS("\"token\":\"t\""), "token=t" },
	{ STATUS("\"token\":\"t\",\"expirationTimestamp\":\"2026-11-23T08:00:00Z\""),
	  "token=t expires=1795420800" },
	{ STATUS("\"token\":\"t\",\"expirationTimestamp\":\"2026-11-23T08:00:00.123456789Z\""),
	  "token=t expires=1795420800" },
	{ STATUS("\"token\":\"t\",\"expirationTimestamp\":\"2026-11-23T10:00:00+02:00\""),
	  "token=t expires=1795420800" },
	{ STATUS("\"token\":\"t\",\"expirationTimestamp\":\"2026-11-23T00:30:00.5-07:30\""),
	  "token=t expires=1795420800" },
	{ STATUS("\"token\":\"t\",\"expirationTimestamp\":null"), "token=t" },
	{ STATUS("\"clientCertificateData\":\"c\",\"clientKeyData\":\"k\""), "cert=c key=k" },
	{ STATUS("\"token\":\"t\",\"clientCertificateData\":\"c\",\"clientKeyData\":\"k\""),
	  "token=t cert=c key=k" },
	{ STATUS("\"token\":\"t\",\"clientCertificateData\":\"\",\"clientKeyData\":null"),
	  "token=t" },
	{ STATUS("\"token\":null,\"clientCertificateData\":\"c\",\"clientKeyData\":\"k\""),
	  "cert=c key=k" },
	{ HEAD "\"spec\":{\"interactive\":false},\"status\":{\"token\":\"t\",\"new\":[1]}}\n",
	  "token=t" },
	{ "", "!answer: line 1, column 0: not valid JSON" },
	{ "Please log in\n", "!answer: line 1, column 6: not valid JSON" },
	{ "[]", "!not a JSON object" },
	{ STATUS("\"token\":\"t\"") "x", "!answer: line 1, column 96: not valid JSON" },
	{ STATUS("\"token\":\"t\",\"token\":\"u\""),
	  "!answer: line 1, column 101: a name stands twice" },
	{ "{\"apiVersion\":\"" API "\"}", "!answer.kind: missing" },
	{ "{\"kind\":\"ExecCredential\"}", "!answer.apiVersion: missing" },
	{ "{\"kind\":\"Status\",\"apiVersion\":\"" API "\"}", "!kind: not \"ExecCredential\"" },
	{ "{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1beta1\"}",
	  "!apiVersion: not the \"" API "\" that the kubeconfig asks for" },
	{ HEAD "\"status\":null}", "!answer.status: missing" },
	{ HEAD "\"status\":[]}", "!answer.status: not an object" },
	{ STATUS(""), "!status: neither a token nor a certificate with its key" },
	{ STATUS("\"token\":\"\""), "!status: neither a token nor a certificate with its key" },
	{ STATUS("\"token\":7"), "!status.token: not a string" },
	{ STATUS("\"clientCertificateData\":\"c\""),
	  "!status: only one of clientCertificateData and clientKeyData, which belong together" },
	{ STATUS("\"token\":\"t\",\"clientKeyData\":\"k\""),
	  "!status: only one of clientCertificateData and clientKeyData, which belong together" },
	{ STATUS("\"token\":\"t\",\"clientKeyData\":true"), "!status.clientKeyData: not a string" },
	{ STATUS("\"token\":\"t\",\"expirationTimestamp\":\"\""),
	  "!status.expirationTimestamp: not a time like \"2026-11-23T08:00:00Z\"" },
	{ STATUS("\"token\":\"t\",\"expirationTimestamp\":\"2026-11-23\""),
	  "!status.expirationTimestamp: not a time like \"2026-11-23T08:00:00Z\"" },
	{ STATUS("\"token\":\"t\",\"expirationTimestamp\":\"2026-11-23T08:00:00\""),
	  "!status.expirationTimestamp: not a time like \"2026-11-23T08:00:00Z\"" },
	{ STATUS("\"token\":\"t\",\"expirationTimestamp\":\"2026-11-23T08:00:00.Z\""),
	  "!status.expirationTimestamp: not a time like \"2026-11-23T08:00:00Z\"" },
	{ STATUS("\"token\":\"t\",\"expirationTimestamp\":\"2026-11-23T08:00:00+25:00\""),
	  "!status.expirationTimestamp: not a time like \"2026-11-23T08:00:00Z\"" },
	{ STATUS("\"token\":\"t\",\"expirationTimestamp\":\"2026-11-31T08:00:00Z\""),
	  "!status.expirationTimestamp: not a time like \"2026-11-23T08:00:00Z\"" },
	{ STATUS("\"token\":\"t\",\"expirationTimestamp\":1795420800"),
	  "!status.expirationTimestamp: not a string" },
};

static void show(const struct exec_answer *a, struct buf *out)
{
	if (a->token != NULL)
		buf_printf(out, " token=%s", a->token);
	if (a->cert.len != 0)
		buf_printf(out, " cert=%s", buf_str(&a->cert));
	if (a->key.len != 0)
		buf_printf(out, " key=%s", buf_str(&a->key));
	if (a->expires != INT64_MAX)
		buf_printf(out, " expires=%" PRId64, a->expires);
}

static void test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf got = BUF_INIT;
		struct err err = ERR_INIT;
		struct exec_answer a;

		if (exec_answer_parse(cases[i].text, strlen(cases[i].text), API, &a, &err) == 0) {
			show(&a, &got);
		} else {
			buf_printf(&got, " !%s", err.text);
			assert_int_equal(err.class, ERR_INVALID);
			assert_null(a.token);
			assert_null(a.key.data);
		}
		if (strcmp(buf_str(&got) + 1, cases[i].want) != 0)
			fail_msg("%s\n got: %s\nwant: %s", cases[i].text, buf_str(&got) + 1,
				 cases[i].want);
		exec_answer_clear(&a);
		buf_clear(&got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
