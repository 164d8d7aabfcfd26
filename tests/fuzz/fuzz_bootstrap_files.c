/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of a person's, as bootstrap makes it: refused, or what was there with lines added that
 * parses, lists what it must, and needs nothing when it is looked at again.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/err.h"
#include "base/yaml.h"
#include "sealer/bootstrap_files.h"

static const struct bootstrap_names names = { "clusters/eu", "ssh://git@github.com/a/b", "main",
					      true };

/* Everything that was there is still there, in its order: only whole lines came in between. */
static void check_kept(const struct buf *had, const struct buf *now)
{
	size_t head = 0, tail = had->len;

	while (head < had->len && had->data[head] == now->data[head])
		head++;
	must(now->len >= had->len);
	while (tail > head && had->data[tail - 1] == now->data[now->len - (had->len - tail) - 1])
		tail--;
	must(tail == head);
}

static void check_again(enum bootstrap_file file, const struct buf *now)
{
	struct yaml_stream stream = YAML_STREAM_INIT;
	struct buf again = BUF_INIT;
	bool changed = true;

	must(yaml_parse("f", now->data, now->len, &stream, NULL) == 0);
	must(bootstrap_file_merge(&names, file, now, &again, &changed, NULL) == 0);
	must(!changed && again.len == now->len);
	must(now->len == 0 || memcmp(again.data, now->data, now->len) == 0);
	yaml_clear(&stream);
	buf_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (enum bootstrap_file file = 0; file < BOOTSTRAP_FILES; file++) {
		struct buf had = BUF_INIT, now = BUF_INIT;
		struct err err = ERR_INIT;
		bool changed;

		buf_put(&had, data, size);
		if (bootstrap_file_merge(&names, file, &had, &now, &changed, &err) != 0) {
			must(err.class == ERR_INVALID || err.class == ERR_CONFLICT);
			must(strstr(err.text, "clusters/eu/") == err.text);
		} else {
			must(changed == (now.len != had.len));
			check_kept(&had, &now);
			check_again(file, &now);
		}
		buf_clear(&had);
		buf_clear(&now);
	}
	return 0;
}
