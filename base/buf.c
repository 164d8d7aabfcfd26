/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static size_t max_of(const struct buf *b)
{
	return b->max == 0 ? BUF_MAX : b->max;
}

unsigned char *buf_reserve(struct buf *b, size_t len)
{
	unsigned char *at;

	if (len > max_of(b) || b->len > max_of(b) - len) {
		b->truncated = true;
		return NULL;
	}
	if (b->data == NULL || b->cap - b->len < len) {
		size_t cap = b->cap < 256 ? 256 : b->cap * 2;

		if (cap < b->len + len)
			cap = b->len + len;
		b->data = mem_grow(b->data, cap, 1); /* mem keeps one NUL byte behind cap */
		b->cap = cap;
	}
	at = b->data + b->len;
	b->len += len;
	return at;
}

int buf_put(struct buf *b, const void *data, size_t len)
{
	unsigned char *at = buf_reserve(b, len);

	if (at == NULL)
		return -1;
	if (len != 0)
		memcpy(at, data, len);
	return 0;
}

int buf_puts(struct buf *b, const char *s)
{
	return buf_put(b, s, strlen(s));
}

int buf_putc(struct buf *b, unsigned char c)
{
	return buf_put(b, &c, 1);
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	unsigned char *at;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -1;
	at = buf_reserve(b, (size_t)n);
	if (at == NULL)
		return -1;
	va_start(ap, fmt);
	vsnprintf((char *)at, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return 0;
}

int buf_splice(struct buf *b, size_t at, size_t cut, const void *data, size_t len)
{
	size_t tail = b->len - at - cut;

	if (len > cut && buf_reserve(b, len - cut) == NULL)
		return -1;
	if (b->data == NULL)
		return 0;
	memmove(b->data + at + len, b->data + at + cut, tail);
	if (len != 0)
		memcpy(b->data + at, data, len);
	if (len < cut)
		buf_truncate(b, b->len - (cut - len));
	return 0;
}

const char *buf_str(const struct buf *b)
{
	return b->data == NULL ? "" : (const char *)b->data;
}

void buf_truncate(struct buf *b, size_t len)
{
	if (len >= b->len)
		return;
	mem_wipe(b->data + len, b->len - len);
	b->len = len;
}

void buf_reset(struct buf *b)
{
	buf_truncate(b, 0);
	b->truncated = false;
}

void buf_clear(struct buf *b)
{
	size_t max = b->max;

	mem_free(b->data);
	*b = (struct buf)BUF_INIT;
	b->max = max;
}

void buf_move(struct buf *dst, struct buf *src)
{
	mem_free(dst->data);
	*dst = *src;
	*src = (struct buf)BUF_INIT;
	src->max = dst->max;
}
