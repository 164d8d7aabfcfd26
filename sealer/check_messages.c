/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/check_messages.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "git/blobs.h"

#define MESSAGE_MAX ((size_t)1 << 20)

static int search(struct plaintext *plain, const struct git_blob *object, const char *name,
		  struct err *err)
{
	const char *text = buf_str(object->text), *message;
	struct check_text t = { .name = name, .below = name, .commit = object->id };
	struct finding at = { .rule = RULE_READ, .commit = (char *)(uintptr_t)object->id };

	if (object->state != GIT_BLOB_OK) {
		findings_add(plain->findings, &at,
			     "%s: cannot be searched; it is larger than %zu bytes, or is not in "
			     "this repository",
			     name, MESSAGE_MAX);
		return 0;
	}
	/* the header, with names and signatures, ends with an empty line */
	message = memmem(text, object->text->len, "\n\n", 2);
	if (message == NULL)
		return 0;
	t.text = message + 2;
	t.len = object->text->len - (size_t)(message + 2 - text);
	return plaintext_scan(plain, &t, err);
}

static int search_commit(void *ctx, const struct git_blob *commit, struct err *err)
{
	return search(ctx, commit, CHECK_MESSAGE, err);
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
		char *end = at + strcspn(at, "\n"); /* there is one: they were counted */

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
		.max = MESSAGE_MAX, .type = "commit", .visit = search_commit, .ctx = plain
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

/* --- tags ------------------------------------------------------------------------------------- */

struct tag {
	const struct git *g;
	struct plaintext *plain;
	char id[GIT_ID_TEXT]; /* the next one to look at; "": none */
};

/* Its first line is "object ID", of what it leads to. */
static int search_tag(void *ctx, const struct git_blob *object, struct err *err)
{
	static const char first[] = "object ";
	struct tag *tag = ctx;
	const char *text = buf_str(object->text), *id = text + strlen(first);
	size_t n = strncmp(text, first, strlen(first)) == 0 ? strcspn(id, "\n") : 0;
	char next[GIT_ID_TEXT] = "";

	if (object->state == GIT_BLOB_OTHER || object->state == GIT_BLOB_MISSING) {
		tag->id[0] = '\0';
		return 0;
	}
	if (n < sizeof(next))
		memcpy(next, id, n);
	if (search(tag->plain, object, CHECK_TAG, err) != 0)
		return -1;
	if (!git_is_id(tag->g, next))
		next[0] = '\0';
	memcpy(tag->id, next, sizeof(next));
	return 0;
}

int check_tag(const struct git *g, const char *id, struct plaintext *plain, struct err *err)
{
	struct tag tag = { .g = g, .plain = plain };
	size_t files = plain->findings->files;
	struct git_blobs *blobs = git_blobs_open(g, err);
	int r = blobs == NULL ? -1 : 0;

	snprintf(tag.id, sizeof(tag.id), "%s", id);
	while (r == 0 && tag.id[0] != '\0') {
		char now[GIT_ID_TEXT];
		const char *ids = memcpy(now, tag.id, sizeof(now));

		r = git_blobs_each(blobs,
				   &(struct git_blobs_ask){ .ids = &ids,
							    .n = 1,
							    .max = MESSAGE_MAX,
							    .type = "tag",
							    .visit = search_tag,
							    .ctx = &tag },
				   err);
	}
	plain->findings->files = files;
	git_blobs_close(blobs);
	return r;
}

/* "TYPE ID" */
static int one_ref(void *ctx, const char *token, size_t len, struct err *err)
{
	const struct tag *tag = ctx;

	(void)len;
	return strncmp(token, "tag ", 4) == 0 ? check_tag(tag->g, token + 4, tag->plain, err) : 0;
}

int check_tags(const struct git *g, struct plaintext *plain, struct err *err)
{
	static const char *const args[] = { "for-each-ref", "--format=%(objecttype) %(objectname)",
					    NULL };
	struct tag tag = { .g = g, .plain = plain };

	return git_tokens(
	    g,
	    &(struct git_tokens){ .args = args, .separator = '\n', .visit = one_ref, .ctx = &tag },
	    err);
}
