/* SPDX-License-Identifier: Apache-2.0 */
#include "github/http_answer.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"

static void drop_headers(struct http_answer *a)
{
	for (size_t i = 0; i < a->n; i++) {
		mem_free(a->headers[i].name);
		mem_free(a->headers[i].value);
	}
	mem_free(a->headers);
	a->headers = NULL;
	a->n = 0;
}

void http_answer_drop(struct http_answer *a)
{
	drop_headers(a);
	buf_reset(&a->body);
}

void http_answer_clear(struct http_answer *a)
{
	drop_headers(a);
	mem_free(a->url);
	buf_clear(&a->body);
	memset(a, 0, sizeof(*a));
}

bool http_answer_add(struct http_answer *a, const char *line, size_t n)
{
	const char *colon = memchr(line, ':', n);
	struct http_header *header;
	size_t at;

	if (a->n == HTTP_HEADERS_MAX || n > HTTP_HEADER_MAX)
		return false;
	if (colon == NULL || colon == line || memchr(line, '\0', n) != NULL)
		return true;
	if (a->headers == NULL)
		a->headers = mem_array(HTTP_HEADERS_MAX, sizeof(*a->headers));
	header = &a->headers[a->n++];
	header->name = mem_strn(line, (size_t)(colon - line));
	for (char *c = header->name; *c != '\0'; c++) {
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	}
	at = (size_t)(colon - line) + 1;
	while (at < n && (line[at] == ' ' || line[at] == '\t'))
		at++;
	while (n > at && strchr(" \t\r\n", line[n - 1]) != NULL)
		n--;
	header->value = mem_strn(line + at, n - at);
	return true;
}

const char *http_header(const struct http_answer *a, const char *name, size_t nth)
{
	for (size_t i = 0; i < a->n; i++) {
		if (strcasecmp(a->headers[i].name, name) == 0 && nth-- == 0)
			return a->headers[i].value;
	}
	return NULL;
}

bool http_answer_is_json(const struct http_answer *a)
{
	const char *type = http_header(a, "content-type", 0);
	size_t n = type == NULL ? 0 : strcspn(type, "; \t");

	return (n == 16 && strncasecmp(type, "application/json", n) == 0) ||
	       (n > 5 && strncasecmp(type + n - 5, "+json", 5) == 0);
}
