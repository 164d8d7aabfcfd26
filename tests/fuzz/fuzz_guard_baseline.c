/* SPDX-License-Identifier: Apache-2.0 */
/* A file of known findings that is read is written again as the same lines, sorted, each once. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/err.h"
#include "guard/baseline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct baseline b = BASELINE_INIT, again = BASELINE_INIT;
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	if (baseline_parse("b", data, size, &b, &err) != 0) {
		must(err.class == ERR_INVALID && strncmp(err.text, "b:", 2) == 0 && b.n == 0);
		return 0;
	}
	baseline_format(&b, &text);
	must(baseline_parse("b", text.data, text.len, &again, &err) == 0);
	must(again.n == b.n);
	for (size_t i = 0; i < b.n; i++) {
		must(strcmp(b.lines[i], again.lines[i]) == 0);
		must(i == 0 || strcmp(b.lines[i - 1], b.lines[i]) < 0);
	}
	buf_clear(&text);
	baseline_clear(&b);
	baseline_clear(&again);
	return 0;
}
