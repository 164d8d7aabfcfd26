/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded byte buffer.  Its bytes are wiped when it grows, is reset and is cleared, so whoever
 * holds a secret in one cannot forget.  data is always followed by one NUL byte that len does not
 * count, so text in it can be read as a string.
 */
#ifndef BULLA_BASE_BUF_H
#define BULLA_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
	unsigned char *data; /* len bytes and a NUL; NULL while empty and never written */
	size_t len;
	size_t cap;
	size_t max;	/* in bytes; 0 means BUF_MAX */
	bool truncated; /* something did not fit below max; sticky until reset */
};

#define BUF_MAX ((size_t)64 << 20)
#define BUF_INIT                                                                                   \
	{                                                                                          \
		NULL, 0, 0, 0, false                                                               \
	}

/*
 * The put functions append and return 0, or -1 when the result would pass max; then nothing is
 * appended and truncated is set, so a run of puts can be checked once at its end.
 */
int buf_put(struct buf *b, const void *data, size_t len);
int buf_puts(struct buf *b, const char *s);
int buf_putc(struct buf *b, unsigned char c);
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Room for len more bytes, appended and left zero; NULL when they would pass max. */
unsigned char *buf_reserve(struct buf *b, size_t len);

/* Replace bytes [at, at + cut) by len bytes of data.  The range must lie inside.  0 or -1 as put.
 */
int buf_splice(struct buf *b, size_t at, size_t cut, const void *data, size_t len);

/* The contents as a string; "" while empty.  Valid until the next change. */
const char *buf_str(const struct buf *b);

void buf_truncate(struct buf *b, size_t len); /* keep the first len bytes, wipe the rest */
void buf_reset(struct buf *b);		      /* wipe, keep the memory */
void buf_clear(struct buf *b);		      /* wipe and free; the buffer can be used again */

/* Move src's bytes to dst (dst cleared before); src is then empty. */
void buf_move(struct buf *dst, struct buf *src);

#endif
