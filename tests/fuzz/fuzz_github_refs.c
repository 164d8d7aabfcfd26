/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the advertisement of references.  However they are cut into pieces the result is the
 * same, and what is kept can be shown.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/err.h"
#include "github/refs.h"

static int feed_in(const uint8_t *data, size_t size, size_t piece, struct github_refs *r,
		   struct err *err)
{
	for (size_t at = 0; at < size; at += piece) {
		size_t n = size - at < piece ? size - at : piece;

		if (github_refs_feed(r, data + at, n, err) != 0)
			return -1;
	}
	return 0;
}

static void must_be_shown(const char *text)
{
	for (; *text != '\0'; text++)
		must((unsigned char)*text > ' ' && *text != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct github_refs whole = GITHUB_REFS_INIT, pieces = GITHUB_REFS_INIT;
	struct err err = ERR_INIT, other = ERR_INIT;
	int rc;

	if (size == 0)
		return 0;
	rc = feed_in(data + 1, size - 1, size, &whole, &err);
	must(rc == feed_in(data + 1, size - 1, data[0] % 16 + 1, &pieces, &other));
	must(strcmp(err.text, other.text) == 0 && (rc == 0 || err.class == ERR_INVALID));
	must(whole.refs == pieces.refs && whole.done == pieces.done);
	must(whole.begun == pieces.begun && github_refs_over(&whole) == github_refs_over(&pieces));
	must(strcmp(whole.head, pieces.head) == 0);
	must(strcmp(whole.head_ref, pieces.head_ref) == 0);
	must(strcmp(whole.refusal, pieces.refusal) == 0);
	must(whole.refs == 0 || whole.begun);
	must(whole.refs * 45 <= size);
	must(strlen(whole.head) == 0 || strlen(whole.head) == 40 || strlen(whole.head) == 64);
	must_be_shown(whole.head);
	must_be_shown(whole.head_ref);
	github_refs_clear(&whole);
	github_refs_clear(&pieces);
	return 0;
}
