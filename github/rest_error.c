/* SPDX-License-Identifier: Apache-2.0 */
#include "github/rest_error.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"

#define PAUSE_MS 60000
#define PAUSE_LAST_MS 960000
#define RESET_MAX_S 86400
#define WORDS_MAX 200 /* bytes of one thing that GitHub says */
#define FIELD_MAX 60

/* --- limits ----------------------------------------------------------------------------------- */

static bool digits(const char *text, int64_t *out)
{
	size_t n = text == NULL ? 0 : strspn(text, "0123456789");

	if (n == 0 || n > 15 || text[n] != '\0')
		return false;
	*out = strtoll(text, NULL, 10);
	return true;
}

static bool mentions_limit(const struct http_answer *a)
{
	return strcasestr(buf_str(&a->body), "rate limit") != NULL ||
	       strcasestr(buf_str(&a->body), "abuse detection") != NULL;
}

bool rest_error_limited(const struct http_answer *a, unsigned tries, int64_t now, int64_t *wait_ms)
{
	const char *after = http_header(a, "retry-after", 0);
	int64_t remaining = -1, reset = 0;

	(void)digits(http_header(a, "x-ratelimit-remaining", 0), &remaining);
	if (a->status != 429 &&
	    (a->status != 403 || (after == NULL && remaining != 0 && !mentions_limit(a))))
		return false;
	*wait_ms = after == NULL ? -1 : http_retry_after(after, now + a->skew);
	if (*wait_ms >= 0)
		return true;
	if (remaining == 0 && digits(http_header(a, "x-ratelimit-reset", 0), &reset)) {
		/* the server's clock, and a second because its own is rounded */
		reset -= now + a->skew - 1;
		*wait_ms = (reset < 0 ? 0 : reset > RESET_MAX_S ? RESET_MAX_S : reset) * 1000;
		return true;
	}
	*wait_ms = clock_backoff(PAUSE_MS, PAUSE_LAST_MS, tries > 0 ? tries - 1 : 0);
	return true;
}

/* --- GitHub's words ----------------------------------------------------------------------------
 */

static void add_words(struct buf *out, const char *text)
{
	if (text == NULL || text[0] == '\0' || strstr(buf_str(out), text) != NULL)
		return;
	buf_printf(out, "%s%.*s", out->len > 0 ? ": " : "", (int)text_cut(text, WORDS_MAX), text);
}

/* An entry of "errors" is a text, or an object with a message, or with a field and a code. */
static void add_error(struct buf *out, const json_t *e)
{
	const char *field = json_string_value(json_object_get(e, "field"));
	const char *code = json_string_value(json_object_get(e, "code"));

	if (json_is_string(e)) {
		add_words(out, json_string_value(e));
	} else if (json_is_string(json_object_get(e, "message"))) {
		add_words(out, json_string_value(json_object_get(e, "message")));
	} else if (field != NULL && code != NULL) {
		buf_printf(out, "%s%.*s: %.*s", out->len > 0 ? ": " : "",
			   (int)text_cut(field, FIELD_MAX), field, (int)text_cut(code, FIELD_MAX),
			   code);
	}
}

static void read_message(struct rest_answer *a)
{
	const json_t *errors = json_object_get(a->body, "errors");
	struct buf text = BUF_INIT;
	size_t n;

	add_words(&text, json_string_value(json_object_get(a->body, "message")));
	if (json_is_string(errors))
		add_words(&text, json_string_value(errors));
	for (size_t i = 0; i < json_array_size(errors) && i < 3; i++)
		add_error(&text, json_array_get(errors, i));
	n = text_cut(buf_str(&text), REST_MESSAGE_MAX);
	memcpy(a->message, buf_str(&text), n);
	a->message[n] = '\0';
	buf_clear(&text);
}

/* Where GitHub explains it, if that is GitHub. */
static const char *page(const struct rest_answer *a)
{
	const char *url = json_string_value(json_object_get(a->body, "documentation_url"));

	return url != NULL && strncmp(url, "https://docs.github.com/", 24) == 0 &&
		       strlen(url) <= 200
		   ? url
		   : NULL;
}

/* --- what they mean --------------------------------------------------------------------------- */

static const struct meaning {
	long status;
	enum err_class class;
	const char *what;
	const char *advice; /* or NULL */
} meanings[] = {
	{ 301, ERR_IO, "it has moved (301)", "give the repository's present name" },
	{ 302, ERR_IO, "it points elsewhere (302)", NULL },
	{ 303, ERR_IO, "it points elsewhere (303)", NULL },
	{ 307, ERR_IO, "it has moved (307)", "give the repository's present name" },
	{ 308, ERR_IO, "it has moved (308)", "give the repository's present name" },
	{ 400, ERR_INVALID, "cannot be read (400)", NULL },
	{ 403, ERR_REFUSED, "is forbidden (403)", NULL },
	{ 404, ERR_IO, "not found (404)",
	  "it does not exist, or the token may not see it: GitHub tells both the same way" },
	{ 409, ERR_CONFLICT, "is in the way of something else (409)", NULL },
	{ 410, ERR_IO, "is gone (410)", NULL },
	{ 422, ERR_INVALID, "is refused as invalid (422)", NULL },
	{ 451, ERR_REFUSED, "is closed for legal reasons (451)", NULL },
	{ 500, ERR_IO, "GitHub failed (500)", "try again later" },
	{ 502, ERR_IO, "GitHub failed (502)", "try again later" },
	{ 503, ERR_IO, "GitHub is not ready (503)", "try again later" },
	{ 504, ERR_IO, "GitHub was too slow (504)", "try again later" },
	{ 511, ERR_IO, "this network wants a login first (511)", NULL },
};

char *rest_error_address(const char *url)
{
	static const char tail[] = "/api/v3";
	const char *host = url == NULL ? NULL : strstr(url, "://");
	size_t n, all;

	if (host == NULL)
		return mem_str("");
	host += 3;
	n = strcspn(host, "/");
	all = strlen(host);
	while (all > n && host[all - 1] == '/')
		all--;
	if ((n == 10 && strncasecmp(host, "github.com", n) == 0) ||
	    (n == 14 && strncasecmp(host, "www.github.com", n) == 0))
		return mem_str("; the API of github.com is at https://api.github.com, which is "
			       "asked without --api-url");
	/* api.github.com, api.NAME.ghe.com */
	if (strncasecmp(host, "api.", 4) == 0 ||
	    (all - n == strlen(tail) && memcmp(host + n, tail, strlen(tail)) == 0))
		return mem_str("");
	return mem_printf("; the API of a GitHub Enterprise Server is at https://%.*s%s",
			  (int)(n < 300 ? n : 300), host, tail);
}

static void add_needs(struct buf *text, const struct rest_error *e, const struct rest_answer *a)
{
	const char *permissions = http_header(&a->http, "x-accepted-github-permissions", 0);

	if (permissions != NULL && permissions[0] != '\0')
		buf_printf(text, "; it takes the permission %.200s", permissions);
	else if (e->request->needs != NULL)
		buf_printf(text, "; it takes the permission %s", e->request->needs);
}

/* "required; url=https://..." or "partial-results; ..." */
static const char *sso_page(const struct rest_answer *a)
{
	const char *sso = http_header(&a->http, "x-github-sso", 0);
	const char *url = sso == NULL ? NULL : strstr(sso, "url=");

	return url == NULL || strncmp(sso, "required", 8) != 0 ? NULL : url + 4;
}

static int limited(const struct rest_error *e, struct rest_answer *a, int64_t wait_ms,
		   struct err *err)
{
	const char *remaining = http_header(&a->http, "x-ratelimit-remaining", 0);
	char until[CLOCK_TEXT_SIZE];

	a->limited = true;
	a->until = clock_now() + (wait_ms + 999) / 1000;
	clock_format(a->until, until);
	return err_set(err, ERR_IO, "%s: %s %s%s%s; try again after %s", e->request->what, e->host,
		       remaining != NULL && strcmp(remaining, "0") == 0
			   ? "has answered as often as its rate limit allows"
			   : "asks for a pause, for too much came at once (secondary rate limit)",
		       e->token ? "" : ", which is low without a token",
		       a->http.tries > 1 ? ", and waiting did not help" : "", until);
}

static int rejected(const struct rest_error *e, const struct rest_answer *a, struct err *err)
{
	if (!e->token)
		return err_set(err, ERR_REFUSED, "%s: %s wants a token (401)", e->request->what,
			       e->host);
	return err_set(err, ERR_REFUSED, "%s: %s does not accept it (401%s%.200s): %s%s",
		       e->request->what, e->host, a->message[0] == '\0' ? "" : ", ", a->message,
		       e->rejected, e->clock);
}

static const struct meaning *meaning_of(long status)
{
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
		if (meanings[i].status == status)
			return &meanings[i];
	}
	return NULL;
}

/* What to do, where it is not the permission or single sign-on. */
static void add_advice(struct buf *text, const struct rest_error *e, const struct meaning *m,
		       const struct rest_answer *a)
{
	/* GitHub's own, of a repository that was renamed, is JSON */
	bool elsewhere = a->http.status / 100 == 3 && !http_answer_is_json(&a->http);

	if (elsewhere)
		buf_puts(text, "; the sign-in page of this network, or not the address of the API");
	else if (m != NULL && m->advice != NULL)
		buf_printf(text, "; %s", m->advice);
	if (a->http.status >= 500 && strcmp(e->host, "api.github.com") == 0)
		buf_puts(text, "; https://www.githubstatus.com");
	if (a->http.status == 404 || elsewhere)
		buf_puts(text, e->address);
}

static int by_status(const struct rest_error *e, const struct rest_answer *a, struct err *err)
{
	long status = a->http.status;
	const struct meaning *m = meaning_of(status);
	const char *sso = sso_page(a), *docs = page(a);
	struct buf more = BUF_INIT;

	if (a->message[0] != '\0')
		buf_printf(&more, ": %s", a->message);
	add_advice(&more, e, m, a);
	if (sso != NULL)
		buf_printf(&more,
			   "; the organisation wants the token authorised for its single sign-on: "
			   "%.200s",
			   sso);
	else if (status == 403 || status == 404)
		add_needs(&more, e, a);
	if (docs != NULL && (status == 403 || status == 422))
		buf_printf(&more, " (%s)", docs);
	if (m != NULL)
		err_set(err, m->class, "%s at %s: %s%s", e->request->what, e->host, m->what,
			buf_str(&more));
	else
		err_set(err, ERR_IO, "%s: %s answers with status %ld%s", e->request->what, e->host,
			status, buf_str(&more));
	buf_clear(&more);
	return -1;
}

int rest_error_explain(const struct rest_error *e, struct rest_answer *a, struct err *err)
{
	int64_t wait_ms;

	read_message(a);
	if (rest_error_limited(&a->http, a->http.tries, clock_now(), &wait_ms))
		return limited(e, a, wait_ms, err);
	if (a->http.status == 401)
		return rejected(e, a, err);
	return by_status(e, a, err);
}
