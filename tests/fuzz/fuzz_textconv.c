/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What git shows of any bytes: those that do not mention Bulla as they are; of others no age file
 * from its begin to its end, no character that drives a terminal, and the same lines otherwise.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "document/edit.h"
#include "sealer/textconv.h"

static void check_shown(const struct buf *out)
{
	static const char first[] = "-----BEGIN AGE ENCRYPTED FILE-----";
	const char *begin = strstr(buf_str(out), first), *end, *line;

	/* what is left of a begin without its end, and an end without its begin */
	if (begin != NULL) {
		end = strstr(begin + strlen(first), "-----END AGE ENCRYPTED FILE-----");
		line = strstr(begin, "age file, ");
		must(end == NULL || (line != NULL && line < end));
	}
	must(strlen(buf_str(out)) == out->len);
	for (size_t i = 0; i < out->len; i++)
		must(out->data[i] >= 0x20 || strchr("\t\r\n", out->data[i]) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char head[] = "# bulla.dev\n";
	struct buf out = BUF_INIT, with = BUF_INIT;

	textconv_text(data, size, &out);
	if (!edit_mentions(data, size)) {
		must(out.len == size && (size == 0 || memcmp(out.data, data, size) == 0));
		buf_puts(&with, head);
		buf_put(&with, data, size);
		buf_reset(&out);
		textconv_text(with.data, with.len, &out);
	}
	check_shown(&out);
	buf_clear(&out);
	buf_clear(&with);
	return 0;
}
