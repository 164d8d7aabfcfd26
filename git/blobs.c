/* SPDX-License-Identifier: Apache-2.0 */
#include "git/blobs.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "git/proc.h"

#define AHEAD 256 /* ids that git has been asked for before their answers are read */
#define HEAD_MAX 256

struct git_blobs {
	struct git_proc *p;
	struct buf head;
};

struct git_blobs *git_blobs_open(const struct git *g, struct err *err)
{
	static const char *const args[] = { "cat-file", "--batch", NULL };
	struct git_proc *p = git_start(g, args, err);
	struct git_blobs *b;

	if (p == NULL)
		return NULL;
	b = mem_alloc(sizeof(*b));
	b->p = p;
	b->head.max = HEAD_MAX;
	return b;
}

void git_blobs_close(struct git_blobs *b)
{
	if (b == NULL)
		return;
	git_proc_stop(b->p);
	buf_clear(&b->head);
	mem_free(b);
}

/* --- one answer ------------------------------------------------------------------------------- */

/* The next bytes, at most want; NULL at an end that should not be there. */
static const unsigned char *next(struct git_blobs *b, size_t want, size_t *len, struct err *err)
{
	const unsigned char *data = NULL;
	int r = git_proc_peek(b->p, &data, len, err);

	if (r == 0) {
		r = git_proc_end(b->p, err);
		b->p = NULL;
		if (r == 0)
			err_set(err, ERR_IO, "git cat-file: it ended before it had answered");
		return NULL;
	}
	if (r < 0)
		return NULL;
	if (*len > want)
		*len = want;
	return data;
}

/* "ID TYPE SIZE\n" or "ID missing\n" into b->head, without the newline. */
static int read_head(struct git_blobs *b, struct err *err)
{
	buf_truncate(&b->head, 0);
	for (;;) {
		size_t len;
		const unsigned char *data = next(b, HEAD_MAX, &len, err);
		const unsigned char *end;

		if (data == NULL)
			return -1;
		end = memchr(data, '\n', len);
		if (end != NULL)
			len = (size_t)(end - data);
		if (buf_put(&b->head, data, len) != 0)
			return err_set(err, ERR_IO, "git cat-file: an answer that is too long");
		git_proc_took(b->p, len + (end != NULL));
		if (end != NULL)
			return 0;
	}
}

/* What git says of blob->id; where a place was asked for, it names the id that is there. */
static const char *answer_of(const struct git_blobs *b, const struct git_blobs_ask *ask,
			     const struct git_blob *blob)
{
	const char *s = buf_str(&b->head);
	size_t n = strlen(blob->id);

	if (strncmp(s, blob->id, n) != 0 || s[n] != ' ')
		n = ask->places ? strspn(s, "0123456789abcdef") : 0;
	return n > 0 && s[n] == ' ' ? s + n + 1 : NULL;
}

static int parse_head(const struct git_blobs *b, const struct git_blobs_ask *ask,
		      struct git_blob *blob, struct err *err)
{
	const char *type = ask->type != NULL ? ask->type : "blob";
	const char *s = answer_of(b, ask, blob);
	size_t m = strlen(type);
	char *end = NULL;

	if (s == NULL)
		return err_set(err, ERR_IO, "git cat-file: an answer to another question");
	if (strcmp(s, "missing") == 0) {
		blob->state = GIT_BLOB_MISSING;
		return 0;
	}
	blob->state = strncmp(s, type, m) == 0 && s[m] == ' ' ? GIT_BLOB_OK : GIT_BLOB_OTHER;
	s = strchr(s, ' ');
	errno = 0;
	if (s != NULL && s[1] >= '0' && s[1] <= '9')
		blob->size = strtoull(s + 1, &end, 10);
	if (end == NULL || *end != '\0' || errno != 0)
		return err_set(err, ERR_IO, "git cat-file: an answer without a size");
	return 0;
}

/* The bytes, kept in text or (NULL) passed over, and the newline after them. */
static int read_bytes(struct git_blobs *b, unsigned long long size, struct buf *text,
		      struct err *err)
{
	unsigned char *to = text != NULL ? buf_reserve(text, (size_t)size) : NULL;
	const unsigned char *data;
	size_t len;

	while (size > 0) {
		data = next(b, size > SIZE_MAX ? SIZE_MAX : (size_t)size, &len, err);
		if (data == NULL)
			return -1;
		if (to != NULL) {
			memcpy(to, data, len);
			to += len;
		}
		git_proc_took(b->p, len);
		size -= len;
	}
	data = next(b, 1, &len, err);
	if (data == NULL)
		return -1;
	if (data[0] != '\n')
		return err_set(err, ERR_IO, "git cat-file: bytes after the end of a blob");
	git_proc_took(b->p, 1);
	return 0;
}

static int read_answer(struct git_blobs *b, const struct git_blobs_ask *ask, struct git_blob *blob,
		       struct err *err)
{
	size_t max = ask->max < BUF_MAX ? ask->max : BUF_MAX;

	if (read_head(b, err) != 0 || parse_head(b, ask, blob, err) != 0)
		return -1;
	if (blob->state == GIT_BLOB_MISSING)
		return 0;
	if (blob->state == GIT_BLOB_OK && blob->size > max)
		blob->state = GIT_BLOB_LARGE;
	return read_bytes(b, blob->size, blob->state == GIT_BLOB_OK ? blob->text : NULL, err);
}

/* --- many ------------------------------------------------------------------------------------- */

static void ask_ahead(struct git_blobs *b, const struct git_blobs_ask *ask, size_t from, size_t to)
{
	for (size_t i = from; i < to && i < ask->n; i++) {
		git_proc_feed(b->p, ask->ids[i], strlen(ask->ids[i]));
		git_proc_feed(b->p, "\n", 1);
	}
}

int git_blobs_each(struct git_blobs *b, const struct git_blobs_ask *ask, struct err *err)
{
	struct buf text = BUF_INIT;
	int r = 0;

	if (b->p == NULL)
		return err_set(err, ERR_IO, "git cat-file: it has ended");
	ask_ahead(b, ask, 0, AHEAD);
	for (size_t i = 0; r == 0 && i < ask->n; i++) {
		struct git_blob blob = { .i = i, .id = ask->ids[i], .text = &text };

		buf_truncate(&text, 0);
		r = read_answer(b, ask, &blob, err);
		if (r != 0)
			break;
		ask_ahead(b, ask, i + AHEAD, i + AHEAD + 1);
		r = ask->visit(ask->ctx, &blob, err);
	}
	buf_clear(&text);
	return r;
}

struct one {
	struct buf *out;
	size_t max;
};

static int take_one(void *ctx, const struct git_blob *blob, struct err *err)
{
	const struct one *o = ctx;

	switch (blob->state) {
	case GIT_BLOB_OK:
		buf_move(o->out, blob->text);
		return 0;
	case GIT_BLOB_LARGE:
		return err_set(err, ERR_INVALID, "larger than %zu bytes", o->max);
	case GIT_BLOB_MISSING:
		return err_set(err, ERR_IO,
			       "object %s is not in this repository; fetch it (a partial clone "
			       "lacks blobs)",
			       blob->id);
	case GIT_BLOB_OTHER:
	default:
		return err_set(err, ERR_INVALID, "object %s is no blob", blob->id);
	}
}

int git_blobs_read(struct git_blobs *b, const char *id, size_t max, struct buf *out,
		   struct err *err)
{
	struct one o = { out, max };

	buf_clear(out);
	return git_blobs_each(
	    b,
	    &(struct git_blobs_ask){ .ids = &id, .n = 1, .max = max, .visit = take_one, .ctx = &o },
	    err);
}

struct one_place {
	struct one one;
	bool *exists;
};

static int take_place(void *ctx, const struct git_blob *blob, struct err *err)
{
	struct one_place *p = ctx;

	*p->exists = blob->state != GIT_BLOB_MISSING;
	return *p->exists ? take_one(&p->one, blob, err) : 0;
}

int git_blobs_read_at(struct git_blobs *b, const struct git_blobs_place *at, struct buf *out,
		      bool *exists, struct err *err)
{
	struct one_place p = { { out, at->max }, exists };
	char *place = mem_printf("%s:%s", at->commit, at->path);
	const char *id = place;
	int r;

	buf_clear(out);
	r = git_blobs_each(b,
			   &(struct git_blobs_ask){ .ids = &id,
						    .n = 1,
						    .max = at->max,
						    .places = true,
						    .visit = take_place,
						    .ctx = &p },
			   err);
	mem_free(place);
	return r;
}
