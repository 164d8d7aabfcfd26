/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any answer of GitHub: a status of three digits, lines of headers, an empty line, a body.  Headers
 * are found by name in any case, a pause is bounded, an error is one that a person can read, and
 * what a token is told of holds what its kind can have.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/json.h"
#include "github/pat.h"
#include "github/rest_error.h"

#define NOW 1795689921
#define DAY_MS 86400000
#define WHAT "list the deploy keys of o/r"

/* Where the body begins. */
static const char *take_head(struct http_answer *a, const char *text, const char *end)
{
	if (end - text > 3 && strspn(text, "0123456789") == 3 && text[3] == '\n') {
		a->status = strtol(text, NULL, 10);
		text += 4;
	}
	while (text < end) {
		const char *line = memchr(text, '\n', (size_t)(end - text));
		size_t n = line == NULL ? (size_t)(end - text) : (size_t)(line - text) + 1,
		       had = a->n;
		bool taken = http_answer_add(a, text, n);

		must(a->n == had || (taken && a->n == had + 1));
		must(taken || had == HTTP_HEADERS_MAX || n > HTTP_HEADER_MAX);
		text += n;
		if (n <= 1)
			break;
	}
	return text;
}

static void check_headers(const struct http_answer *a)
{
	for (size_t i = 0; i < a->n; i++) {
		const char *name = a->headers[i].name, *value = a->headers[i].value;
		char *upper = mem_str(name);
		size_t n = strlen(value), nth = 0;
		const char *found;

		must(name[0] != '\0' && strpbrk(name, ":ABCDEFGHIJKLMNOPQRSTUVWXYZ") == NULL);
		must(n == 0 ||
		     (strchr(" \t", value[0]) == NULL && strchr(" \t\r\n", value[n - 1]) == NULL));
		for (char *c = upper; *c != '\0'; c++)
			*c = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
		do
			found = http_header(a, upper, nth++);
		while (found != NULL && found != value);
		must(found == value);
		mem_free(upper);
	}
}

static void check_limit(const struct http_answer *a)
{
	for (unsigned tries = 0; tries < 40; tries++) {
		int64_t wait_ms = -1;
		bool limited = rest_error_limited(a, tries, NOW, &wait_ms);

		must(!limited || (wait_ms >= 0 && wait_ms <= DAY_MS));
		must(limited || a->status != 429);
		must(!limited || a->status == 429 || a->status == 403);
	}
}

static void check_error(struct rest_answer *a)
{
	const struct rest_request q = { .path = "/x",
					.what = WHAT,
					.needs = "Administration (read)" };
	struct rest_error e = { &q, "api.github.com", "", true, "it is revoked", "" };
	struct err err = ERR_INIT;
	json_t *message;

	must(rest_error_explain(&e, a, &err) == -1);
	must(err.class == ERR_REFUSED || err.class == ERR_IO || err.class == ERR_CONFLICT ||
	     err.class == ERR_INVALID);
	must(strncmp(err.text, WHAT, strlen(WHAT)) == 0);
	must(strncmp(err.text + strlen(WHAT), ": ", 2) == 0 ||
	     strncmp(err.text + strlen(WHAT), " at api.github.com: ", 20) == 0);
	must(strlen(a->message) <= REST_MESSAGE_MAX);
	must(a->limited == (a->until != 0) && (!a->limited || err.class == ERR_IO));
	/* jansson gives UTF-8, and cutting leaves it that */
	message = json_string(a->message);
	must(message != NULL);
	json_decref(message);
}

static void check_facts(const struct rest_answer *a)
{
	const char *expiry = http_header(&a->http, "GitHub-Authentication-Token-Expiration", 0);

	for (int kind = PAT_UNKNOWN; kind <= PAT_INSTALLATION; kind++) {
		struct pat_facts f = PAT_FACTS_INIT;
		struct notes notes = NOTES_INIT;
		struct err err = ERR_INIT;

		if (pat_read(a, (enum pat_kind)kind, &f, &err) != 0) {
			must(err.class == ERR_IO && expiry != NULL && !f.expires);
			must(f.user == NULL && f.scopes == NULL);
			continue;
		}
		must(f.kind == (enum pat_kind)kind && f.expires == (expiry != NULL));
		must(f.expires || f.not_after == 0);
		must(f.user == NULL || strlen(f.user) <= 100);
		must(f.scopes == NULL || kind == PAT_CLASSIC || kind == PAT_OAUTH ||
		     kind == PAT_UNKNOWN);
		pat_judge(&f, kind % 2 == 0 ? PAT_PULL : PAT_READ, NOW, &notes);
		/* what never ends, has ended or ends soon is told, but for what ends in an hour */
		must(notes.n > 0 || kind == PAT_FINE_GRAINED || f.expires);
		notes_clear(&notes);
		pat_facts_clear(&f);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = mem_strn((const char *)data, size);
	struct rest_answer a = REST_ANSWER_INIT;
	const char *end = text + size, *body = take_head(&a.http, text, end);

	buf_put(&a.http.body, body, (size_t)(end - body));
	check_headers(&a.http);
	check_limit(&a.http);
	if (http_answer_is_json(&a.http)) {
		must(strcasestr(http_header(&a.http, "content-type", 0), "json") != NULL);
		a.body = json_parse(body, (size_t)(end - body), "answer", NULL);
	}
	check_facts(&a);
	check_error(&a);
	http_answer_clear(&a.http);
	must(a.http.n == 0 && a.http.body.len == 0 &&
	     http_header(&a.http, "content-type", 0) == NULL);
	json_decref(a.body);
	mem_free(text);
	return 0;
}
