/* SPDX-License-Identifier: Apache-2.0 */
/* Twice the text takes no more than about twice the time, whatever the text is made to do. */
#include "tests/unit/test.h"

#include <time.h>

#include "base/buf.h"
#include "base/mem.h"
#include "guard/scan.h"

#define SMALL ((size_t)256 * 1024)
#define TIMES 8	     /* the larger text is this much larger, ... */
#define ALLOWED 24.0 /* ... and may take this much longer: 64 were quadratic */
#define RUNS 3

static void count(void *ctx, const struct guard_hit *hit)
{
	(void)hit;
	++*(size_t *)ctx;
}

/* Seconds of CPU, the best of some runs. */
static double measure(const char *path, const char *unit, size_t len)
{
	struct buf text = BUF_INIT;
	double best = 1e9;

	while (text.len < len)
		buf_puts(&text, unit);
	for (int i = 0; i < RUNS; i++) {
		clock_t from = clock();
		size_t hits = 0;
		double took;

		guard_scan(path, text.data, text.len, count, &hits);
		took = (double)(clock() - from) / CLOCKS_PER_SEC;
		best = took < best ? took : best;
	}
	buf_clear(&text);
	return best;
}

static void test_doubling(void **state)
{
	(void)state;
	static const char *const units[] = {
		"-----BEGIN RSA PRIVATE KEY-----\n",
		"-----BEGIN PRIVATE KEY-----MIIE",
		"-----BEGIN PGP PRIVATE KEY BLOCK-----:",
		"-",
		"PuTTY-User-Key-File-3: ",
		"PuTTY-User-Key-File-3: Private-Lines: ",
		"\"auths\"",
		"\"auths\" \"auth\":\"",
		"\"auth\":\"",
		"machine a login ",
		"machine\n",
		"curl ",
		"curl -u ",
		"Authorization: ",
		"Authorization: Basic ",
		"ghp_",
		"ghs_1_eyJ",
		"ghs_1_eyJ.",
		"ghr_0123456789",
		"github_pat_",
		"eyJ",
		"eyJ.",
		"eyJhbGciOiJSUzI1NiJ9.",
		"pypi-AgEIcHlwaS5vcmc",
		"sk-",
		"xoxb-1-",
		"AGE-SECRET-KEY-1",
		"a://",
		"a://b:",
		"://a:b@",
		"password=",
		"password: \"",
		"password=\"\\\"",
		"<password>",
		"token ",
		"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNk\n",
		"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNk-",
		"QUJD-_",
		"\\n",
		"\\",
		"%41",
		" ",
		"\n",
		"\r",
		"- ",
		"- - - kind: Secret\n",
		"kind: Secret\nstringData:\n  a: ${b}\n",
		"kind: Secret\nstringData: {a: {{",
		"kind: Secret\ndata: {",
		"kind: Secret value: [",
		"\"kind\":{\"Secret\":",
		"kind: |\n Secret: |\n",
		"kind: \"Secret\n",
		"'kind': 'Secret' \"\n",
		"kind: Secret\ndata:\n  a: x1\n---\n",
		"kind: ConfigMap\ndata:\n  a: |\n    b: c\n",
		"value: &a !b\n",
		"name: token\nvalue: abc123xyz\n",
		"bulla:allow=",
		"bulla:allow=jwt,",
		"{{",
		"[",
		"\xff\xfe",
	};

	for (size_t i = 0; i < COUNT(units); i++) {
		double one = measure("a.yaml", units[i], SMALL);
		double many = measure("a.yaml", units[i], SMALL * TIMES);

		/* what takes less than a clock's tick cannot be compared */
		if (many > ALLOWED * (one > 0.002 ? one : 0.002))
			print_error("%.40s: %.4f s, %.4f s\n", units[i], one, many);
		assert_true(many <= ALLOWED * (one > 0.002 ? one : 0.002));
	}
}

/* What is before each "result" in Terraform's state is looked through. */
static void test_state(void **state)
{
	(void)state;
	double one = measure("a.tfstate", "\"type\":\"result\":\"x\"", SMALL);
	double many = measure("a.tfstate", "\"type\":\"result\":\"x\"", SMALL * TIMES);

	assert_true(many <= ALLOWED * (one > 0.002 ? one : 0.002));
}

/* One finding after the other on one line, with a comment at its end: looked for once. */
static void test_line_of_findings(void **state)
{
	(void)state;
	double one = measure(".env", "TOKEN=8fK2mQ9xLw ", SMALL);
	double many = measure(".env", "TOKEN=8fK2mQ9xLw ", SMALL * TIMES);

	assert_true(many <= ALLOWED * (one > 0.002 ? one : 0.002));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_doubling),
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_line_of_findings),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
