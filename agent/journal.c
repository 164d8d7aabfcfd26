/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

#define SUM_TEXT 16 /* hex digits */
#define FLUSH_AT 65536

/* --- lines ------------------------------------------------------------------------------------ */

/* Finds damage, not malice: whoever can write the file can write the folders it tells of. */
static void checksum(const char *text, size_t len, char sum[static SUM_TEXT + 1])
{
	static const unsigned char key[crypto_shorthash_KEYBYTES] = "bulla journal 1";
	unsigned char bin[crypto_shorthash_BYTES];

	crypto_shorthash(bin, (const unsigned char *)text, len, key);
	sodium_bin2hex(sum, SUM_TEXT + 1, bin, sizeof(bin));
}

void journal_text(struct buf *out, const char *s)
{
	static const char digits[] = "0123456789abcdef";

	if (*s == '\0')
		buf_putc(out, '%'); /* an empty field could not be seen */
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (c > ' ' && c < 0x7f && c != '%') {
			buf_putc(out, c);
		} else {
			buf_putc(out, '%');
			buf_putc(out, (unsigned char)digits[c >> 4]);
			buf_putc(out, (unsigned char)digits[c & 15]);
		}
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int journal_untext(char *field)
{
	char *to = field;
	const char *at = field;

	if (strcmp(field, "%") == 0) {
		*field = '\0';
		return 0;
	}
	while (*at != '\0') {
		int high, low;

		if (*at != '%') {
			*to++ = *at++;
			continue;
		}
		high = hex_digit(at[1]);
		low = high < 0 ? -1 : hex_digit(at[2]);
		if (low < 0 || (high == 0 && low == 0))
			return -1;
		*to++ = (char)(high * 16 + low);
		at += 3;
	}
	*to = '\0';
	return 0;
}

static size_t split(char *line, char **fields)
{
	size_t n = 0;
	char *at = line;

	while (n < JOURNAL_FIELDS) {
		fields[n++] = at;
		at = strchr(at, ' ');
		if (at == NULL)
			return n;
		*at++ = '\0';
	}
	return 0; /* more than any line has */
}

/* line: without its newline, NUL-terminated. */
static int take_line(char *line, size_t len, journal_line *take, void *ctx)
{
	char *fields[JOURNAL_FIELDS];
	char sum[SUM_TEXT + 1];
	size_t n;

	if (len < SUM_TEXT + 2 || line[SUM_TEXT] != ' ' || memchr(line, '\0', len) != NULL)
		return -1;
	checksum(line + SUM_TEXT + 1, len - SUM_TEXT - 1, sum);
	if (memcmp(sum, line, SUM_TEXT) != 0)
		return -1;
	n = split(line + SUM_TEXT + 1, fields);
	if (n == 0 || strlen(fields[0]) != 1)
		return -1;
	return take(ctx, fields[0][0], fields + 1, n - 1);
}

/* --- read ------------------------------------------------------------------------------------- */

struct reader {
	struct journal *j;
	journal_line *take;
	void *ctx;
	char *text; /* JOURNAL_LINE_MAX bytes and a NUL */
	size_t len;
	size_t skipped; /* bytes of a line that is too long */
};

static void read_lines(struct reader *r)
{
	char *at = r->text;
	char *end = r->text + r->len;
	char *newline;

	while ((newline = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		size_t len = (size_t)(newline - at);

		*newline = '\0';
		r->j->lines++;
		if (r->skipped != 0 || take_line(at, len, r->take, r->ctx) < 0)
			r->j->bad++;
		r->j->size += r->skipped + len + 1;
		r->skipped = 0;
		at = newline + 1;
	}
	r->len = (size_t)(end - at);
	memmove(r->text, at, r->len);
	if (r->len == JOURNAL_LINE_MAX) {
		r->skipped += r->len;
		r->len = 0;
	}
}

static int read_all(struct reader *r, struct err *err)
{
	for (;;) {
		ssize_t n = read(r->j->fd, r->text + r->len, JOURNAL_LINE_MAX - r->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "%s: cannot read", r->j->name);
		if (n == 0)
			break;
		r->len += (size_t)n;
		read_lines(r);
	}
	r->j->torn = r->len != 0 || r->skipped != 0;
	return 0;
}

static int open_file(int dir, const char *name, struct err *err)
{
	int fd = openat(dir, name, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat st;

	if (fd < 0)
		return err_sys(err, "%s: cannot open", name);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return err_set(err, ERR_IO, "%s: not a regular file", name);
}

int journal_open(struct journal *j, int dir, const char *name, journal_line *take, void *ctx,
		 struct err *err)
{
	struct reader r = { .j = j, .take = take, .ctx = ctx };
	int result = -1;

	*j = (struct journal){ .dir = dir, .name = name, .fd = -1, .pending = BUF_INIT };
	j->fd = open_file(dir, name, err);
	if (j->fd < 0)
		return -1;
	r.text = mem_alloc(JOURNAL_LINE_MAX);
	if (read_all(&r, err) < 0)
		goto out;
	if (j->torn && ftruncate(j->fd, (off_t)j->size) < 0) {
		err_sys(err, "%s: cannot cut off an unfinished line", name);
		goto out;
	}
	result = 0;
out:
	mem_free(r.text);
	if (result < 0)
		journal_close(j);
	return result;
}

void journal_close(struct journal *j)
{
	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
	buf_clear(&j->pending);
}

/* --- write ------------------------------------------------------------------------------------ */

void journal_put(struct journal *j, char type, const char *fmt, ...)
{
	struct buf line = BUF_INIT;
	char sum[SUM_TEXT + 1];
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	buf_printf(&line, "%c ", type);
	text = (char *)buf_reserve(&line, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(text, (size_t)n + 1, fmt, ap);
	va_end(ap);
	buf_truncate(&line, line.len - 1);
	checksum((const char *)line.data, line.len, sum);
	buf_printf(&j->pending, "%s %s\n", sum, buf_str(&line));
	buf_clear(&line);
	j->lines++;
	if (j->streaming && j->pending.len >= FLUSH_AT)
		journal_flush(j, false, NULL);
}

/* Half a line must not stay: the next one would be joined to it. */
static void take_back(struct journal *j)
{
	j->lost = true;
	if (ftruncate(j->fd, (off_t)j->size) < 0)
		j->broken = true;
}

int journal_flush(struct journal *j, bool sync, struct err *err)
{
	if (j->broken && ftruncate(j->fd, (off_t)j->size) < 0) {
		buf_reset(&j->pending);
		return err_sys(err, "%s: cannot take back an unfinished write", j->name);
	}
	j->broken = false;
	if (j->pending.len != 0) {
		int r = file_write_fd(j->fd, j->pending.data, j->pending.len, err);
		size_t len = j->pending.len;

		buf_reset(&j->pending);
		if (r < 0) {
			err_wrap(err, "%s", j->name);
			take_back(j);
			return -1;
		}
		j->size += len;
	}
	if (sync && fdatasync(j->fd) < 0)
		return err_sys(err, "%s: cannot write to disk", j->name);
	return 0;
}

static int write_new(struct journal *next, void (*dump)(void *ctx, struct journal *j), void *ctx,
		     struct err *err)
{
	next->streaming = true;
	dump(ctx, next);
	next->streaming = false;
	if (journal_flush(next, false, err) < 0)
		return -1;
	if (next->lost)
		return err_set(err, ERR_IO, "%s: cannot write all of it", next->name);
	return fsync(next->fd) == 0 ? 0 : err_sys(err, "%s: cannot write to disk", next->name);
}

int journal_rewrite(struct journal *j, void (*dump)(void *ctx, struct journal *j), void *ctx,
		    struct err *err)
{
	struct journal next = { .dir = j->dir, .fd = -1, .pending = BUF_INIT };
	char *name = mem_printf("%s~", j->name);
	int r = -1;

	next.name = name;
	next.fd = openat(j->dir, name,
			 O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (next.fd < 0) {
		err_sys(err, "%s: cannot create", name);
		goto out;
	}
	if (write_new(&next, dump, ctx, err) < 0)
		goto out;
	if (renameat(j->dir, name, j->dir, j->name) < 0) {
		err_sys(err, "%s: cannot replace", j->name);
		goto out;
	}
	r = fsync(j->dir) == 0 ? 0 : err_sys(err, "%s: cannot write its folder to disk", j->name);
	close(j->fd);
	buf_clear(&j->pending);
	next.name = j->name;
	*j = next;
	next.fd = -1; /* transferred */
	next.pending = (struct buf)BUF_INIT;
out:
	if (next.fd >= 0)
		unlinkat(j->dir, name, 0);
	journal_close(&next);
	mem_free(name);
	return r;
}
