/* SPDX-License-Identifier: Apache-2.0 */
#include "github/rest.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "github/rest_error.h"

#define TOKEN_MAX 4096
#define VALUES_MAX 100000	/* of one answer; GET /meta, the greatest, has some 10,000 */
#define BETWEEN_CHANGES_MS 1000 /* docs, best practices: wait a second between mutations */

struct rest {
	struct http *http;
	struct buf authorization;
	char *rejected, *address;
	unsigned calls;
	int64_t patience_ms;
	int64_t changed_ms; /* when something was last changed; 0: never */
	int64_t skew;
};

static int set_token(struct rest *r, const struct buf *token, struct err *err)
{
	if (token == NULL)
		return 0;
	if (token->len == 0 || token->len > TOKEN_MAX)
		return err_set(err, ERR_INVALID, "the token has %zu bytes; 1 to %d are sent",
			       token->len, TOKEN_MAX);
	for (size_t i = 0; i < token->len; i++) {
		if (token->data[i] <= ' ' || token->data[i] >= 0x7f)
			return err_set(err, ERR_INVALID,
				       "the token has a character that no token has, at position "
				       "%zu: a space, a line break or something not ASCII",
				       i + 1);
	}
	buf_puts(&r->authorization, "Bearer ");
	buf_put(&r->authorization, token->data, token->len);
	return 0;
}

struct rest *rest_new(const struct rest_options *o, struct err *err)
{
	const struct http_options http = {
		.base = o->api_url == NULL ? REST_API_URL : o->api_url,
		.ca_file = o->ca_file,
		.ca = o->ca,
		.total_ms = o->patience_ms,
		.pausing = o->pausing,
	};
	struct rest *r = mem_alloc(sizeof(*r));

	r->rejected =
	    mem_str(o->rejected == NULL ? "the token is revoked, expired or not copied whole"
					: o->rejected);
	r->address = rest_error_address(o->api_url);
	r->patience_ms = o->patience_ms > 0 ? o->patience_ms : HTTP_TOTAL_MS;
	r->http = http_new(&http, err);
	if (r->http != NULL && set_token(r, o->token, err) == 0)
		return r;
	rest_free(r);
	return NULL;
}

void rest_free(struct rest *r)
{
	if (r == NULL)
		return;
	http_free(r->http);
	buf_clear(&r->authorization);
	mem_free(r->rejected);
	mem_free(r->address);
	mem_free(r);
}

const char *rest_host(const struct rest *r)
{
	return http_host(r->http);
}

int64_t rest_skew(const struct rest *r)
{
	return r->skew;
}

char *rest_clock_hint(const struct rest *r)
{
	const struct http_answer last = { .skew = r->skew };

	return http_clock_hint(r->http, &last);
}

unsigned rest_calls(const struct rest *r)
{
	return r->calls;
}

/* --- one call --------------------------------------------------------------------------------- */

static int64_t again(const struct http_request *r, const struct http_answer *a, unsigned tries)
{
	int64_t wait_ms;

	/* a request that a limit stops was not acted on, whatever its method */
	if (rest_error_limited(a, tries, clock_now(), &wait_ms))
		return wait_ms;
	return http_again(r, a, tries);
}

static bool changes(const struct rest_request *q)
{
	return q->method != NULL && strcmp(q->method, "GET") != 0;
}

static void wait_between(struct rest *r, const struct rest_request *q)
{
	int64_t left = r->changed_ms + BETWEEN_CHANGES_MS - clock_monotonic_ms();

	if (changes(q) && r->changed_ms != 0 && left > 0)
		clock_sleep(left);
}

static bool has_json(const struct http_answer *a)
{
	const char *type = http_header(a, "content-type", 0);

	return a->body.len > 0 && type != NULL && strcasestr(type, "json") != NULL;
}

static bool is_success(const struct rest_answer *a)
{
	return a->http.status >= 200 && a->http.status <= 299;
}

static int read_body(const struct rest *r, struct rest_answer *a, const struct rest_request *q,
		     struct err *err)
{
	struct err why = ERR_INIT;

	if (!has_json(&a->http))
		return 0;
	a->body = json_parse_few(buf_str(&a->http.body), a->http.body.len, VALUES_MAX, "its answer",
				 &why);
	if (a->body == NULL && is_success(a))
		return err_set(err, ERR_IO,
			       "%s: %s: %s: it was cut, or is none of GitHub's; try again", q->what,
			       rest_host(r), why.text);
	return 0;
}

static const char *const headers[] = {
	"Accept: application/vnd.github+json",
	"X-GitHub-Api-Version: 2022-11-28",
	"User-Agent: bulla/" BULLA_VERSION,
	NULL,
};

static int explain(struct rest *r, const struct rest_request *q, struct rest_answer *a,
		   struct err *err)
{
	char *clock = http_clock_hint(r->http, &a->http);
	const struct rest_error e = { q,	   rest_host(r), clock, r->authorization.len > 0,
				      r->rejected, r->address };

	rest_error_explain(&e, a, err);
	mem_free(clock);
	return -1;
}

static int no_answer(struct rest *r, const struct rest_request *q, const struct rest_answer *a,
		     struct err *err)
{
	if (err != NULL && a->http.fault == HTTP_PAGE)
		err_set(err, err->class, "%s%s", err->text, r->address);
	return err_wrap(err, "%s", q->what);
}

int rest_call(struct rest *r, const struct rest_request *q, struct rest_answer *a, struct err *err)
{
	struct buf body = BUF_INIT;
	const struct http_request request = {
		.method = q->method,
		.path = q->path,
		.headers = headers,
		.authorization = r->authorization.len > 0 ? &r->authorization : NULL,
		.body = q->body == NULL ? NULL : &body,
		.idempotent = q->idempotent,
		.tries = q->once ? 1 : 0,
		.json = true,
		.again = again,
	};
	int result;

	rest_answer_clear(a);
	if (q->body != NULL)
		json_format(&body, q->body);
	wait_between(r, q);
	result = http_send(r->http, &request, &a->http, err);
	r->calls += a->http.tries;
	r->skew = a->http.skew;
	if (changes(q))
		r->changed_ms = clock_monotonic_ms();
	buf_clear(&body);
	if (result != 0)
		return no_answer(r, q, a, err);
	if (read_body(r, a, q, err) != 0)
		return -1;
	return is_success(a) ? 0 : explain(r, q, a, err);
}

void rest_answer_clear(struct rest_answer *a)
{
	http_answer_clear(&a->http);
	json_decref(a->body);
	memset(a, 0, sizeof(*a));
}

bool rest_may_be_done(const struct rest_answer *a)
{
	long status = a->http.status;

	return status == 0 ? !a->http.unsent : status / 100 == 2 || status / 100 == 5;
}

/* --- lists ------------------------------------------------------------------------------------ */

/* -1: failed; 0: the last page; 1: path is the next one's. */
static int next_page(struct rest *r, const struct rest_request *q, json_t *all, char **path,
		     struct err *err)
{
	struct rest_answer a = REST_ANSWER_INIT;
	struct rest_request page = *q;
	const char *link;
	int result = -1;

	page.path = *path;
	if (rest_call(r, &page, &a, err) != 0)
		goto out;
	if (!json_is_array(a.body)) {
		err_set(err, ERR_IO, "%s: GitHub's answer is not a list", q->what);
		goto out;
	}
	if (json_array_size(all) + json_array_size(a.body) > REST_LIST_MAX) {
		err_set(err, ERR_IO, "%s: more than %d entries", q->what, REST_LIST_MAX);
		goto out;
	}
	json_array_extend(all, a.body);
	link = http_header(&a.http, "link", 0);
	mem_free(*path);
	*path = link == NULL ? NULL : http_link(link, "next");
	result = *path != NULL;
out:
	rest_answer_clear(&a);
	return result;
}

json_t *rest_list(struct rest *r, const struct rest_request *q, struct err *err)
{
	int64_t end = clock_monotonic_ms() + r->patience_ms;
	json_t *all = json_array();
	char *path = mem_str(q->path);
	int more = next_page(r, q, all, &path, err);

	for (unsigned page = 1; more == 1; page++) {
		if (page == REST_PAGES_MAX)
			more =
			    err_set(err, ERR_IO, "%s: more than %d pages", q->what, REST_PAGES_MAX);
		else if (clock_monotonic_ms() >= end)
			more = err_set(err, ERR_IO,
				       "%s: page after page comes, too slowly: %u in "
				       "%lld s; try again later",
				       q->what, page, (long long)(r->patience_ms / 1000));
		else
			more = next_page(r, q, all, &path, err);
	}
	mem_free(path);
	if (more == 0)
		return all;
	json_decref(all);
	return NULL;
}

/* --- names and times -------------------------------------------------------------------------- */

static bool is_owner(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_",
			   s[i]) == NULL)
			return false;
	}
	return n > 0 && n <= 60 && s[0] != '-';
}

static bool is_name(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.",
			   s[i]) == NULL)
			return false;
	}
	return n > 0 && n <= 100 && !(n == 1 && s[0] == '.') &&
	       !(n == 2 && memcmp(s, "..", 2) == 0);
}

char *rest_repository(const char *path, struct err *err)
{
	const char *owner = path[0] == '/' ? path + 1 : path;
	size_t owner_len = strcspn(owner, "/");
	const char *name = owner[owner_len] == '/' ? owner + owner_len + 1 : "";
	size_t n = strlen(name);

	if (n > 0 && name[n - 1] == '/')
		n--;
	if (n > 4 && memcmp(name + n - 4, ".git", 4) == 0)
		n -= 4;
	if (!is_owner(owner, owner_len) || !is_name(name, n)) {
		err_set(err, ERR_INVALID,
			"\"%.200s\" is not a repository at GitHub: OWNER/NAME, of letters, digits, "
			"\"-\", \"_\" and \".\"",
			path);
		return NULL;
	}
	return mem_printf("%.*s/%.*s", (int)owner_len, owner, (int)n, name);
}

/* Behind the seconds: nothing, a fraction, then "Z" or an offset of hours and minutes. */
static bool offset(const char *text, int64_t *seconds)
{
	unsigned h, m;

	*seconds = 0;
	if (text[0] == '.')
		text += 1 + strspn(text + 1, "0123456789");
	if (strcmp(text, "Z") == 0)
		return true;
	if ((text[0] != '+' && text[0] != '-') || strlen(text) != 6 || text[3] != ':' ||
	    strspn(text + 1, "0123456789") != 2 || strspn(text + 4, "0123456789") != 2)
		return false;
	h = (unsigned)(text[1] - '0') * 10 + (unsigned)(text[2] - '0');
	m = (unsigned)(text[4] - '0') * 10 + (unsigned)(text[5] - '0');
	*seconds = (int64_t)(h * 3600 + m * 60) * (text[0] == '-' ? -1 : 1);
	return h < 24 && m < 60;
}

int64_t rest_time(const json_t *v)
{
	const char *text = json_string_value(v);
	char *plain;
	int64_t t = 0, off;
	bool ok;

	if (text == NULL || strlen(text) < 20 || !offset(text + 19, &off))
		return 0;
	plain = mem_printf("%.19sZ", text);
	ok = clock_parse(plain, &t);
	mem_free(plain);
	return ok ? t - off : 0;
}
