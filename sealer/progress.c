/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/progress.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/out.h"
#include "sealer/report.h"

#define COLUMNS 80
#define BAR_MIN 10 /* a shorter one says nothing */
#define BAR_MAX 40

/* Back to the line's first column, the rest of the line empty: ECMA-48, as every terminal has it.
 */
#define WIPE "\r\033[K"

static struct progress *standing; /* on the terminal; NULL: none */

void progress_start(struct progress *p, const char *what, size_t total)
{
	*p = (struct progress){
		.what = out_escaped(what),
		.total = total,
		.begun = clock_monotonic_ms(),
		.fd = out_quiet ? -1 : STDERR_FILENO,
	};
	p->told = p->begun;
	p->terminal = p->fd >= 0 && out_terminal(p->fd);
}

/* As wide now as it is now: a person may have pulled at the window. */
static size_t columns(const struct progress *p)
{
	struct winsize size;

	if (ioctl(p->fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return COLUMNS;
	return size.ws_col < PROGRESS_WIDTH_MAX ? size.ws_col : PROGRESS_WIDTH_MAX;
}

/* Said only from when on a guess is worth something. */
static void put_rest(const struct progress *p, int64_t ms, struct buf *out)
{
	char span[24];

	if (ms < 2000 || p->done * 20 < p->total || p->done >= p->total)
		return;
	report_span(
	    (long long)((double)ms / (double)p->done * (double)(p->total - p->done) / 1000) + 1,
	    span);
	buf_printf(out, ", about %s left", span);
}

static void put_bar(const struct progress *p, size_t width, struct buf *out)
{
	size_t full = (size_t)((double)p->done / (double)p->total * (double)width);

	buf_puts(out, " [");
	for (size_t i = 0; i < width; i++)
		buf_putc(out, i < full ? '#' : '.');
	buf_putc(out, ']');
}

/* Cut where a character begins. */
static void cut(struct buf *out, size_t begin, size_t width)
{
	size_t at = begin, n = 0;

	while (at < out->len) {
		if ((out->data[at] & 0xc0) != 0x80 && n++ == width)
			break;
		at++;
	}
	buf_truncate(out, at);
}

void progress_text(const struct progress *p, int64_t ms, size_t width, struct buf *out)
{
	struct buf tail = BUF_INIT;
	size_t begin = out->len, used;

	buf_puts(out, p->what);
	if (p->total == 0) {
		buf_printf(&tail, " %zu", p->done);
	} else {
		buf_printf(&tail, " %zu/%zu  %u %%", p->done, p->total,
			   (unsigned)((double)p->done * 100 / (double)p->total));
		put_rest(p, ms, &tail);
	}
	used = out->len - begin + tail.len + strlen(" []") + 1;
	if (p->total > 0 && width >= used + BAR_MIN)
		put_bar(p, width - used < BAR_MAX ? width - used : BAR_MAX, out);
	buf_put(out, tail.data, tail.len);
	if (width > 0)
		cut(out, begin, width - 1);
	buf_clear(&tail);
}

static void draw(struct progress *p, int64_t now)
{
	struct buf line = BUF_INIT;

	buf_puts(&line, p->terminal ? WIPE : "bulla: ");
	progress_text(p, now - p->begun, p->terminal ? columns(p) : 0, &line);
	if (!p->terminal)
		buf_putc(&line, '\n');
	/* nobody to tell that nobody can be told */
	file_write_fd(p->fd, line.data, line.len, NULL);
	p->shown = p->terminal;
	standing = p->shown ? p : NULL;
	p->told = now;
	buf_clear(&line);
}

static bool is_due(const struct progress *p, int64_t now)
{
	if (!p->terminal)
		return now - p->told >= PROGRESS_LINE_MS;
	if (now - p->begun < PROGRESS_FIRST_MS)
		return false;
	return !p->shown || now - p->told >= PROGRESS_DRAW_MS;
}

void progress_step(struct progress *p, size_t n)
{
	int64_t now;

	p->done += n;
	if (p->total > 0 && p->done > p->total)
		p->done = p->total;
	if (p->fd < 0)
		return;
	now = clock_monotonic_ms();
	if (is_due(p, now))
		draw(p, now);
}

void progress_total(struct progress *p, size_t total)
{
	p->total = total;
	if (total > 0 && p->done > total)
		p->done = total;
}

void progress_hide(struct progress *p)
{
	if (p->shown)
		file_write_fd(p->fd, WIPE, strlen(WIPE), NULL);
	p->shown = false;
	if (standing == p)
		standing = NULL;
}

void progress_aside(void)
{
	if (standing != NULL)
		progress_hide(standing);
}

void progress_end(struct progress *p)
{
	progress_hide(p);
	mem_free(p->what);
	p->what = NULL;
	p->fd = -1;
}
