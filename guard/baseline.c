/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/baseline.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/search.h"
#include "guard/scan.h"

#define PRINT_LEN 8
#define LINE_MAX_LEN 16384 /* bytes: a path of 4,096 bytes, each as %XX */

static int compare(const void *key, const void *item)
{
	return strcmp(key, *(char *const *)item);
}

static size_t find(const struct baseline *b, const char *line, bool *found)
{
	struct search s = { b->lines, b->n, sizeof(*b->lines), compare };

	return search_sorted(&s, line, found);
}

static char *make_line(const char *path, const struct guard_hit *hit)
{
	struct buf line = BUF_INIT;
	char *made;

	buf_printf(&line, "%s %s ", hit->rule, hit->print);
	for (const unsigned char *c = (const unsigned char *)path; *c != '\0'; c++) {
		if (*c <= ' ' || *c == '%' || *c == 0x7f)
			buf_printf(&line, "%%%02X", *c);
		else
			buf_putc(&line, *c);
	}
	made = mem_str(buf_str(&line));
	buf_clear(&line);
	return made;
}

/* Takes line over. */
static void insert(struct baseline *b, size_t at, char *line)
{
	if (b->n == b->cap) {
		b->cap = b->cap == 0 ? 16 : b->cap * 2;
		b->lines = mem_grow(b->lines, b->cap, sizeof(*b->lines));
	}
	memmove(b->lines + at + 1, b->lines + at, (b->n - at) * sizeof(*b->lines));
	b->lines[at] = line;
	b->n++;
}

void baseline_add(struct baseline *b, const char *path, const struct guard_hit *hit)
{
	char *line = make_line(path, hit);
	bool found;
	size_t at = find(b, line, &found);

	if (found)
		mem_free(line);
	else
		insert(b, at, line);
}

bool baseline_has(const struct baseline *b, const char *path, const struct guard_hit *hit)
{
	char *line = make_line(path, hit);
	bool found;

	find(b, line, &found);
	mem_free(line);
	return found;
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool is_hex(const char *s, size_t n, const char *digits)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] == '\0' || strchr(digits, s[i]) == NULL)
			return false;
	return true;
}

/* As make_line writes it, so that what is equal is the same bytes. */
static bool is_path(const char *s)
{
	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s <= ' ' || *s == 0x7f)
			return false;
		if (*s == '%' && !is_hex(s + 1, 2, "0123456789ABCDEF"))
			return false;
	}
	return true;
}

const char *const baseline_rules[] = { "config", "conflict",   "list",	"open",
				       "read",	 "recipients", "shape", NULL };

static bool is_rule(const char *name, size_t len)
{
	for (size_t i = 0; baseline_rules[i] != NULL; i++)
		if (strlen(baseline_rules[i]) == len && memcmp(baseline_rules[i], name, len) == 0)
			return true;
	return guard_rule_find(name, len) != NULL;
}

static const char *fault_of(const char *line)
{
	const char *print = strchr(line, ' ');

	if (print == NULL || !is_rule(line, (size_t)(print - line)))
		return "does not begin with the name of a rule and a blank";
	print++;
	if (!is_hex(print, PRINT_LEN, "0123456789abcdef") || print[PRINT_LEN] != ' ')
		return "the rule is not followed by eight hex digits and a blank";
	if (!is_path(print + PRINT_LEN + 1))
		return "the path is empty or holds what must be written %XX";
	return NULL;
}

static int read_line(const char *name, unsigned number, const char *text, size_t len,
		     struct baseline *b, struct err *err)
{
	const char *fault;
	char *line;

	if (len > 0 && text[len - 1] == '\r')
		len--;
	if (len == 0 || text[0] == '#')
		return 0;
	if (len > LINE_MAX_LEN || memchr(text, '\0', len) != NULL)
		return err_set(err, ERR_INVALID, "%s:%u: too long, or not text", name, number);
	line = mem_strn(text, len);
	fault = fault_of(line);
	if (fault != NULL) {
		mem_free(line);
		return err_set(err, ERR_INVALID, "%s:%u: %s; a line is RULE PRINT PATH", name,
			       number, fault);
	}
	insert(b, b->n, line);
	return 0;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Once, so that a file that people put together in any order takes no longer. */
static void sort(struct baseline *b)
{
	size_t n = 0;

	if (b->n > 1)
		qsort(b->lines, b->n, sizeof(*b->lines), compare_lines);
	for (size_t i = 0; i < b->n; i++) {
		if (n > 0 && strcmp(b->lines[n - 1], b->lines[i]) == 0)
			mem_free(b->lines[i]);
		else
			b->lines[n++] = b->lines[i];
	}
	b->n = n;
}

int baseline_parse(const char *name, const void *text, size_t len, struct baseline *b,
		   struct err *err)
{
	const char *at = text, *end = at + len;

	if (len > BASELINE_MAX)
		return err_set(err, ERR_INVALID, "%s: larger than %zu bytes", name, BASELINE_MAX);
	for (unsigned number = 1; at < end; number++) {
		const char *lf = memchr(at, '\n', (size_t)(end - at));
		const char *stop = lf == NULL ? end : lf;

		if (read_line(name, number, at, (size_t)(stop - at), b, err) != 0) {
			baseline_clear(b);
			return -1;
		}
		at = lf == NULL ? end : lf + 1;
	}
	sort(b);
	return 0;
}

void baseline_format(const struct baseline *b, struct buf *out)
{
	buf_puts(out, "# What 'bulla check' found and somebody accepted: RULE PRINT PATH.\n"
		      "# Take a line out and it is found again.\n");
	for (size_t i = 0; i < b->n; i++)
		buf_printf(out, "%s\n", b->lines[i]);
}

void baseline_clear(struct baseline *b)
{
	for (size_t i = 0; i < b->n; i++)
		mem_free(b->lines[i]);
	mem_free(b->lines);
	*b = (struct baseline)BASELINE_INIT;
}
