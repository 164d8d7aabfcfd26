/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text, under the names that matter, the first byte choosing.  Findings lie in the text, in its
 * order, at most GUARD_HITS_MAX; the same text gives the same; a token behind any text is found,
 * unless the last finding says that not all was looked at; and no line that says "bulla:allow" has
 * one.  Time is held by libFuzzer's own limit and by tests/unit/guard/test_linear.c.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/buf.h"
#include "guard/scan.h"
#include "tests/unit/guard/tokens.h"

struct findings {
	size_t n;
	unsigned line, column; /* of the last one */
	uint32_t sum;	       /* of all that was given */
	unsigned planted;      /* the line on which a GitHub token must be */
	bool found, more;
};

static void add_text(struct findings *f, const char *s)
{
	for (; *s != '\0'; s++)
		f->sum = f->sum * 31 + (unsigned char)*s;
}

static void check_hit(void *ctx, const struct guard_hit *hit)
{
	struct findings *f = ctx;

	must(guard_rule_find(hit->rule, strlen(hit->rule)) != NULL);
	must(hit->line > f->line || (hit->line == f->line && hit->column >= f->column));
	must(hit->line >= 1 && hit->column >= 1);
	must(strlen(hit->print) == 8 && strspn(hit->print, "0123456789abcdef") == 8);
	must(hit->what != NULL && hit->what[0] != '\0');
	must(hit->where == NULL || strlen(hit->where) <= 600);
	add_text(f, hit->rule);
	add_text(f, hit->print);
	add_text(f, hit->where == NULL ? "" : hit->where);
	f->sum += hit->line * 7 + hit->column;
	f->line = hit->line;
	f->column = hit->column;
	must(!f->more); /* it is the last */
	f->more = hit->more;
	must(!hit->more || hit->certain);
	f->n++;
	f->found = f->found || (hit->line == f->planted && strcmp(hit->rule, "github-token") == 0);
}

static unsigned lines_of(const char *text, size_t len)
{
	unsigned n = 1;

	for (size_t i = 0; i < len; i++)
		n += text[i] == '\n';
	return n;
}

static void check_planted(const char *path, const char *text, size_t len)
{
	struct findings f = { 0 };
	struct buf more = BUF_INIT;
	char *token = tokens_github('p', 1);

	buf_put(&more, text, len);
	buf_printf(&more, "\n\n%s\n", token);
	f.planted = lines_of(text, len) + 2;
	guard_scan(path, more.data, more.len, check_hit, &f);
	must(f.found || f.more);
	mem_free(token);
	buf_clear(&more);
}

static void check_allowed(const char *path, const char *text, size_t len)
{
	struct findings f = { 0 };
	struct buf more = BUF_INIT;
	size_t begin = 0;

	for (size_t i = 0; i <= len; i++) {
		if (i < len && text[i] != '\n')
			continue;
		buf_put(&more, text + begin, i - begin);
		buf_puts(&more, " # bulla:allow\n");
		begin = i + 1;
	}
	guard_scan(path, more.data, more.len, check_hit, &f);
	must(f.n == f.more);
	buf_clear(&more);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const paths[] = { "a.yaml", ".env", "a.go", "a.tfstate", NULL, "a.md" };
	struct findings one = { 0 }, two = { 0 };
	const char *path, *text;

	if (size == 0)
		return 0;
	path = paths[data[0] % (sizeof(paths) / sizeof(*paths))];
	/* a block of its own, so that AddressSanitizer sees its end */
	text = size > 1 ? memcpy(malloc(size - 1), data + 1, size - 1) : malloc(1);
	size--;
	guard_scan(path, text, size, check_hit, &one);
	guard_scan(path, text, size, check_hit, &two);
	must(one.n <= GUARD_HITS_MAX && one.line <= lines_of(text, size));
	must(one.n == two.n && one.sum == two.sum);
	if (size < 2 || (memcmp(text, "\xff\xfe", 2) != 0 && memcmp(text, "\xfe\xff", 2) != 0)) {
		check_planted(path, text, size);
		check_allowed(path, text, size);
	}
	free((void *)(uintptr_t)text);
	return 0;
}
