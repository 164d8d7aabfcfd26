/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/check_messages.h"

#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "git/blobs.h"

#define MESSAGE_MAX ((size_t)1 << 20)

static int search_one(void *ctx, const struct git_blob *commit, struct err *err)
{
	struct plaintext *plain = ctx;
	const char *text = buf_str(commit->text), *message;
	struct check_text t = { .name = CHECK_MESSAGE,
				.below = CHECK_MESSAGE,
				.commit = commit->id };
	struct finding at = { .rule = RULE_READ, .commit = (char *)(uintptr_t)commit->id };

	if (commit->state != GIT_BLOB_OK) {
		findings_add(plain->findings, &at,
			     "its message cannot be searched: the commit is larger than %zu bytes, "
			     "or is not in this repository",
			     MESSAGE_MAX);
		return 0;
	}
	/* the header, with names and signatures, ends with an empty line */
	message = strstr(text, "\n\n");
	if (message == NULL)
		return 0;
	t.text = message + 2;
	t.len = commit->text->len - (size_t)(message + 2 - text);
	return plaintext_scan(plain, &t, err);
}

/* Lines to an array of strings, which point into text. */
static const char **split(struct buf *text, size_t *n)
{
	const char **lines;
	char *at = (char *)text->data;

	*n = 0;
	for (size_t i = 0; i < text->len; i++)
		*n += at[i] == '\n';
	lines = mem_array(*n + 1, sizeof(*lines));
	for (size_t i = 0; i < *n; i++) {
		char *end = strchr(at, '\n');

		*end = '\0';
		lines[i] = at;
		at = end + 1;
	}
	return lines;
}

int check_messages(const struct git *g, const struct buf *commits, struct plaintext *plain,
		   struct err *err)
{
	size_t files = plain->findings->files;
	struct git_blobs_ask ask = {
		.max = MESSAGE_MAX, .type = "commit", .visit = search_one, .ctx = plain
	};
	struct git_blobs *blobs = git_blobs_open(g, err);
	struct buf text = BUF_INIT;
	const char **ids = NULL;
	int r = -1;

	if (blobs == NULL)
		return -1;
	text.max = CHECK_COMMITS_MAX;
	buf_put(&text, commits->data, commits->len);
	ids = split(&text, &ask.n);
	ask.ids = ids;
	r = git_blobs_each(blobs, &ask, err);
	plain->findings->files = files; /* they are no files */
	git_blobs_close(blobs);
	mem_free(ids);
	buf_clear(&text);
	return r;
}
