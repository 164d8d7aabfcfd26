/* SPDX-License-Identifier: Apache-2.0 */
/* What a scan gave, kept for a test to look at. */
#ifndef BULLA_TESTS_UNIT_GUARD_SEEN_H
#define BULLA_TESTS_UNIT_GUARD_SEEN_H

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "guard/scan.h"

#define SEEN_MAX 64

struct seen {
	size_t n, allowed;
	char *rule[SEEN_MAX], *what[SEEN_MAX], *where[SEEN_MAX], *token[SEEN_MAX];
	char print[SEEN_MAX][9];
	unsigned line[SEEN_MAX], column[SEEN_MAX];
	bool certain[SEEN_MAX];
};

static inline void seen_collect(void *ctx, const struct guard_hit *hit)
{
	struct seen *s = ctx;

	assert_true(s->n < SEEN_MAX);
	s->rule[s->n] = mem_str(hit->rule);
	s->what[s->n] = mem_str(hit->what);
	s->where[s->n] = mem_str(hit->where);
	s->token[s->n] = mem_str(hit->token);
	memcpy(s->print[s->n], hit->print, 9);
	s->line[s->n] = hit->line;
	s->column[s->n] = hit->column;
	s->certain[s->n] = hit->certain;
	s->n++;
}

static inline void seen_clear(struct seen *s)
{
	for (size_t i = 0; i < s->n; i++) {
		mem_free(s->rule[i]);
		mem_free(s->what[i]);
		mem_free(s->where[i]);
		mem_free(s->token[i]);
	}
	*s = (struct seen){ 0 };
}

static inline void seen_scan(struct seen *s, const char *path, const char *text)
{
	seen_clear(s);
	s->allowed = guard_scan(path, text, strlen(text), seen_collect, s);
}

/* "RULE WHERE\n" for each finding, with "?" behind a warning: to compare with one string. */
static inline char *seen_list(const struct seen *s)
{
	struct buf b = BUF_INIT;
	char *list;

	for (size_t i = 0; i < s->n; i++)
		buf_printf(&b, "%s%s%s%s\n", s->rule[i], s->certain[i] ? "" : "?",
			   s->where[i] == NULL ? "" : " ", s->where[i] == NULL ? "" : s->where[i]);
	list = mem_str(buf_str(&b));
	buf_clear(&b);
	return list;
}

/* Scan a text and compare all that is found. */
static inline void seen_expect(const char *path, const char *text, const char *list)
{
	struct seen s = { 0 };
	char *got;

	seen_scan(&s, path, text);
	got = seen_list(&s);
	if (strcmp(got, list) != 0)
		print_error("in %s:\n%s\n", path == NULL ? "(no path)" : path, text);
	assert_string_equal(got, list);
	mem_free(got);
	seen_clear(&s);
}

#endif
