/* SPDX-License-Identifier: Apache-2.0 */
#include "github/http.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "github/http_explain.h"
#include "github/http_state.h"

#define CA_MAX ((size_t)4 << 20)
#define URL_MAX 8192
#define WAIT_MS 500 /* before the second try of what failed; doubled */
#define WAIT_LAST_MS 8000

/* --- where to --------------------------------------------------------------------------------- */

/* A part of a URL, a new string of ours; NULL: it has none. */
static char *part(const struct curl_api *curl, const CURLU *url, CURLUPart what)
{
	char *text = NULL, *copy;

	if (curl->url_get(url, what, &text, what == CURLUPART_PORT ? CURLU_DEFAULT_PORT : 0) !=
	    CURLUE_OK)
		return NULL;
	copy = mem_str(text);
	mem_free(text); /* libcurl's memory is base/mem.h's */
	return copy;
}

static bool has(const struct curl_api *curl, const CURLU *url, CURLUPart what)
{
	char *text = part(curl, url, what);
	bool there = text != NULL;

	mem_free(text);
	return there;
}

static bool is_url_text(const char *text)
{
	size_t n = 0;

	for (; text[n] != '\0'; n++) {
		if ((unsigned char)text[n] <= ' ' || (unsigned char)text[n] >= 0x7f ||
		    text[n] == '\\')
			return false;
	}
	return n > 0 && n <= URL_MAX;
}

/* "https://host:port" of a URL, in one spelling, or NULL: not one, or with a user in it. */
static char *origin_of(const struct curl_api *curl, const char *text)
{
	CURLU *url = curl->url();
	char *scheme = NULL, *host = NULL, *port = NULL, *origin = NULL;

	if (url != NULL && is_url_text(text) && strstr(text, "://") != NULL &&
	    curl->url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
	    !has(curl, url, CURLUPART_USER) && !has(curl, url, CURLUPART_PASSWORD)) {
		scheme = part(curl, url, CURLUPART_SCHEME);
		host = part(curl, url, CURLUPART_HOST);
		port = part(curl, url, CURLUPART_PORT);
	}
	if (scheme != NULL && host != NULL && port != NULL)
		origin = mem_printf("%s://%s:%s", scheme, host, port);
	for (char *c = origin; c != NULL && *c != '\0'; c++) {
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	}
	mem_free(scheme);
	mem_free(host);
	mem_free(port);
	if (url != NULL)
		curl->url_cleanup(url);
	return origin;
}

/* An address, not a name: who answers to a name is for others to decide. */
static bool is_loopback(const char *origin)
{
	const char *host = strstr(origin, "://") + 3;
	size_t n = strspn(host, "0123456789.");
	unsigned char bytes[4];
	char text[16];

	if (strncmp(host, "[::1]:", 6) == 0)
		return true;
	if (n >= sizeof(text) || host[n] != ':')
		return false;
	/* "127.0.0.1.5" and "127.0.0.1." are names */
	memcpy(text, host, n);
	text[n] = '\0';
	return inet_pton(AF_INET, text, bytes) == 1 && bytes[0] == 127;
}

static int set_base(struct http *h, const char *base, struct err *err)
{
	size_t n = strlen(base);

	h->origin = origin_of(h->curl, base);
	if (h->origin == NULL || strchr(base, '?') != NULL || strchr(base, '#') != NULL)
		return err_set(err, ERR_INVALID,
			       "%s: not of the form https://HOST[:PORT][/PATH], without a user, a "
			       "query or a fragment",
			       h->option);
	if (strncmp(h->origin, "https://", 8) != 0) {
		if (strncmp(h->origin, "http://", 7) != 0 || !is_loopback(h->origin))
			return err_set(err, ERR_INVALID,
				       "%s: only https:// is talked to; http:// would show the "
				       "token to everyone between (127.0.0.1 and [::1] excepted)",
				       h->option);
		h->plain = true;
	}
	while (n > 0 && base[n - 1] == '/')
		n--;
	h->base = mem_strn(base, n);
	base = strstr(base, "://") + 3;
	h->host = mem_strn(base, strcspn(base, "/"));
	return 0;
}

static int take_ca(struct http *h, const struct http_options *o, struct err *err)
{
	if (o->ca_file == NULL && o->ca == NULL)
		return 0;
	h->ca_file = mem_str(o->ca_file != NULL ? o->ca_file : "the certificates given with it");
	if (o->ca_file == NULL)
		buf_put(&h->ca, o->ca->data, o->ca->len);
	else if (file_read(o->ca_file, CA_MAX, 0, &h->ca, NULL, err) != 0)
		return -1;
	if (strstr(buf_str(&h->ca), "-----BEGIN CERTIFICATE-----") != NULL)
		return 0;
	return err_set(err, ERR_INVALID, "%s: no certificate in PEM form is in it", h->ca_file);
}

struct http *http_new(const struct http_options *o, struct err *err)
{
	struct http *h = mem_alloc(sizeof(*h));

	h->option = mem_str(o->option == NULL ? "--api-url" : o->option);
	h->pausing = o->pausing;
	h->connect_ms = o->connect_ms > 0 ? o->connect_ms : HTTP_CONNECT_MS;
	h->try_ms = o->try_ms > 0 ? o->try_ms : HTTP_TRY_MS;
	h->total_ms = o->total_ms > 0 ? o->total_ms : HTTP_TOTAL_MS;
	h->curl = curl_api_load(err);
	if (h->curl == NULL || set_base(h, o->base, err) != 0)
		goto fail;
	if (take_ca(h, o, err) != 0)
		goto fail;
	h->easy = h->curl->easy_init();
	if (h->easy != NULL)
		return h;
	err_set(err, ERR_IO, "libcurl cannot be set up");
fail:
	http_free(h);
	return NULL;
}

void http_free(struct http *h)
{
	if (h == NULL)
		return;
	if (h->curl != NULL && h->easy != NULL)
		h->curl->easy_cleanup(h->easy);
	buf_clear(&h->ca);
	mem_free(h->base);
	mem_free(h->origin);
	mem_free(h->host);
	mem_free(h->option);
	mem_free(h->ca_file);
	mem_free(h);
}

const char *http_host(const struct http *h)
{
	return h->host;
}

/* --- what libcurl is told --------------------------------------------------------------------- */

static int on_socket(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
	(void)ctx;
	(void)purpose;
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	return CURL_SOCKOPT_OK;
}

static const struct {
	CURLoption option;
	long value;
} fixed[] = {
	{ CURLOPT_NOSIGNAL, 1 },
	{ CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 },
	{ CURLOPT_FOLLOWLOCATION, 0 },
	{ CURLOPT_MAXREDIRS, HTTP_REDIRECTS },
	{ CURLOPT_NETRC, CURL_NETRC_IGNORED },
	{ CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2 },
	{ CURLOPT_PROXY_SSLVERSION, CURL_SSLVERSION_TLSv1_2 },
	{ CURLOPT_SSL_VERIFYPEER, 1 },
	{ CURLOPT_SSL_VERIFYHOST, 2 },
	{ CURLOPT_SUPPRESS_CONNECT_HEADERS, 1 },
	{ CURLOPT_NOPROGRESS, 1 },
};

bool http_set_up(const struct http *h, CURL *easy, int64_t left_ms)
{
	const struct curl_api *curl = h->curl;
	struct curl_blob ca = { h->ca.data, h->ca.len, CURL_BLOB_COPY };
	bool ok = true;

	curl->easy_reset(easy);
	for (size_t i = 0; ok && i < sizeof(fixed) / sizeof(fixed[0]); i++)
		ok = curl->easy_setopt(easy, fixed[i].option, fixed[i].value) == CURLE_OK;
	if (ok && h->plain)
		ok = curl->easy_setopt(easy, CURLOPT_NOPROXY, "*") == CURLE_OK;
	/* the path too, or Debian's libcurl would trust the system's authorities beside this one */
	if (ok && h->ca_file != NULL)
		ok = curl->easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK &&
		     curl->easy_setopt(easy, CURLOPT_CAINFO_BLOB, &ca) == CURLE_OK;
	return ok &&
	       curl->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, h->plain ? "http" : "https") ==
		   CURLE_OK &&
	       curl->easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "https") == CURLE_OK &&
	       curl->easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket) == CURLE_OK &&
	       curl->easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
				 (long)(h->connect_ms < left_ms ? h->connect_ms : left_ms)) ==
		   CURLE_OK &&
	       curl->easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)left_ms) == CURLE_OK;
}

struct exchange {
	struct http *h;
	const struct http_request *r;
	struct http_answer *a;
	char *url;
	struct curl_slist *headers;
	char words[CURL_ERROR_SIZE];
	bool overflow;
};

static size_t on_body(char *bytes, size_t size, size_t n, void *ctx)
{
	struct exchange *x = ctx;

	n *= size;
	if (buf_put(&x->a->body, bytes, n) == 0)
		return n;
	x->overflow = true;
	return 0;
}

/* Each answer begins with its status line; those before the last (1xx, redirects) are dropped. */
static size_t on_header(char *line, size_t size, size_t n, void *ctx)
{
	struct exchange *x = ctx;

	n *= size;
	if (n >= 5 && memcmp(line, "HTTP/", 5) == 0) {
		http_answer_drop(x->a);
		return n;
	}
	x->overflow = !http_answer_add(x->a, line, n);
	return x->overflow ? 0 : n;
}

/* --- one try ---------------------------------------------------------------------------------- */

/* A line break would begin a header of its own. */
static bool is_line(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (((unsigned char)text[i] < ' ' && text[i] != '\t') || text[i] == 0x7f)
			return false;
	}
	return n > 0 && n <= HTTP_HEADER_MAX;
}

static void add_line(struct exchange *x, const char *line)
{
	struct curl_slist *longer = x->h->curl->slist_append(x->headers, line);

	if (longer != NULL)
		x->headers = longer;
}

static int make_headers(struct exchange *x, struct err *err)
{
	const struct http_request *r = x->r;
	struct buf line = BUF_INIT;

	for (const char *const *i = r->headers; i != NULL && *i != NULL; i++) {
		if (!is_line(*i, strlen(*i)))
			return err_set(err, ERR_INVALID, "%s: a header is not one line",
				       x->h->host);
		add_line(x, *i);
	}
	if (r->authorization != NULL) {
		if (!is_line(buf_str(r->authorization), r->authorization->len))
			return err_set(err, ERR_INVALID,
				       "%s: the token or password is not one line", x->h->host);
		buf_printf(&line, "Authorization: %s", buf_str(r->authorization));
		add_line(x, buf_str(&line));
		buf_clear(&line);
	}
	if (r->body != NULL) {
		buf_printf(&line, "Content-Type: %s",
			   r->type == NULL ? "application/json" : r->type);
		add_line(x, buf_str(&line));
		add_line(x, "Expect:");
		buf_clear(&line);
	}
	return 0;
}

static int make_url(struct exchange *x, struct err *err)
{
	const char *path = x->r->path;
	char *origin;
	bool same;

	if (!is_url_text(path))
		return err_set(err, ERR_INVALID, "%s: not an address that can be asked for",
			       x->h->host);
	if (path[0] == '/') {
		x->url = mem_printf("%s%s", x->h->base, path);
		return 0;
	}
	origin = origin_of(x->h->curl, path);
	same = origin != NULL && strcmp(origin, x->h->origin) == 0;
	mem_free(origin);
	if (!same)
		return err_set(err, ERR_INVALID,
			       "%s: points to a page on another server, which does not get the "
			       "token",
			       x->h->host);
	x->url = mem_str(path);
	return 0;
}

static const char *method_of(const struct http_request *r)
{
	return r->method == NULL ? "GET" : r->method;
}

static bool set_method(const struct exchange *x)
{
	const struct curl_api *curl = x->h->curl;
	const struct http_request *r = x->r;
	const char *method = method_of(r);
	CURL *e = x->h->easy;

	if (r->follow && (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) &&
	    curl->easy_setopt(e, CURLOPT_FOLLOWLOCATION, 1L) != CURLE_OK)
		return false;
	if (strcmp(method, "HEAD") == 0)
		return curl->easy_setopt(e, CURLOPT_NOBODY, 1L) == CURLE_OK;
	if (r->body == NULL)
		return curl->easy_setopt(e, CURLOPT_HTTPGET, 1L) == CURLE_OK &&
		       curl->easy_setopt(e, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK;
	return curl->easy_setopt(e, CURLOPT_POST, 1L) == CURLE_OK &&
	       curl->easy_setopt(e, CURLOPT_POSTFIELDS, buf_str(r->body)) == CURLE_OK &&
	       curl->easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body->len) ==
		   CURLE_OK &&
	       curl->easy_setopt(e, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK;
}

static bool set_exchange(struct exchange *x, int64_t left_ms)
{
	const struct curl_api *curl = x->h->curl;
	CURL *e = x->h->easy;

	return http_set_up(x->h, e, left_ms) &&
	       curl->easy_setopt(e, CURLOPT_URL, x->url) == CURLE_OK &&
	       curl->easy_setopt(e, CURLOPT_HTTPHEADER, x->headers) == CURLE_OK &&
	       curl->easy_setopt(e, CURLOPT_ERRORBUFFER, x->words) == CURLE_OK &&
	       curl->easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
	       curl->easy_setopt(e, CURLOPT_WRITEDATA, x) == CURLE_OK &&
	       curl->easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
	       curl->easy_setopt(e, CURLOPT_HEADERDATA, x) == CURLE_OK && set_method(x);
}

static int take(struct exchange *x, struct err *err)
{
	struct http_answer *a = x->a;
	const char *date = http_header(a, "date", 0);
	const char *url = NULL;
	int64_t t;

	x->h->curl->easy_getinfo(x->h->easy, CURLINFO_RESPONSE_CODE, &a->status);
	x->h->curl->easy_getinfo(x->h->easy, CURLINFO_EFFECTIVE_URL, &url);
	mem_replace(&a->url, url == NULL ? x->url : url);
	if (date != NULL && http_date(date, &t))
		a->skew = t - clock_now();
	if (!x->r->json || a->status < 200 || a->status > 299 || a->body.len == 0 ||
	    http_answer_is_json(a))
		return 0;
	a->fault = HTTP_PAGE;
	return err_set(err, ERR_IO,
		       "%s answers with a page of the kind \"%.60s\" where the API's JSON was due: "
		       "the sign-in page of this network, or %s is not the address of the API",
		       x->h->host,
		       http_header(a, "content-type", 0) == NULL
			   ? "unknown"
			   : http_header(a, "content-type", 0),
		       x->h->option);
}

/* 0, or -1 with a->fault and err. */
static int try_once(struct exchange *x, int64_t left_ms, struct err *err)
{
	struct http_answer *a = x->a;
	CURLcode code;
	int r;

	http_answer_clear(a);
	a->body.max = x->r->max > 0 ? x->r->max : HTTP_BODY_MAX;
	x->overflow = false;
	x->words[0] = '\0';
	if (!set_exchange(x, left_ms < x->h->try_ms ? left_ms : x->h->try_ms)) {
		a->fault = HTTP_LOCAL;
		a->unsent = true;
		return err_set(err, ERR_IO,
			       "libcurl does not take the CA file or an option without which it is "
			       "not safe");
	}
	code = x->h->curl->easy_perform(x->h->easy);
	if (code == CURLE_OK) {
		r = take(x, err);
	} else {
		http_explain(x->h, code, x->words, a, err);
		if (x->overflow) {
			a->fault = HTTP_LARGE;
			err_set(err, ERR_IO, "%s: the answer is larger than %zu bytes", x->h->host,
				a->body.max);
		}
		http_answer_drop(a);
		r = -1;
	}
	return r;
}

/* --- tries ------------------------------------------------------------------------------------ */

static bool may_repeat(const struct http_request *r)
{
	static const char *const safe[] = { "GET", "HEAD", "PUT", "DELETE", "OPTIONS" };

	for (size_t i = 0; i < sizeof(safe) / sizeof(safe[0]); i++) {
		if (strcmp(safe[i], method_of(r)) == 0)
			return true;
	}
	return r->idempotent;
}

int64_t http_again(const struct http_request *r, const struct http_answer *a, unsigned tries)
{
	const char *after = http_header(a, "retry-after", 0);
	bool busy = a->status == 429 || a->status == 503;

	if (busy && after != NULL)
		return http_retry_after(after, clock_now());
	if (may_repeat(r) && (a->status == 500 || (a->status >= 502 && a->status <= 504)))
		return clock_backoff(WAIT_MS, WAIT_LAST_MS, tries - 1);
	return -1;
}

static int64_t pause_before_next(const struct http_request *r, const struct http_answer *a,
				 unsigned tries)
{
	if (a->fault == HTTP_ANSWERED)
		return (r->again == NULL ? http_again : r->again)(r, a, tries);
	if ((a->fault == HTTP_TIMEOUT || a->fault == HTTP_BROKEN) && (a->unsent || may_repeat(r)))
		return clock_backoff(WAIT_MS, WAIT_LAST_MS, tries - 1);
	return -1;
}

int http_send(struct http *h, const struct http_request *r, struct http_answer *a, struct err *err)
{
	struct exchange x = { .h = h, .r = r, .a = a };
	int64_t end = clock_monotonic_ms() + h->total_ms;
	unsigned tries = 0, most = r->tries > 0 ? r->tries : HTTP_TRIES;
	bool unsent = true;
	int result = -1;

	http_answer_clear(a);
	a->unsent = true;
	a->fault = HTTP_LOCAL;
	if (make_url(&x, err) != 0 || make_headers(&x, err) != 0)
		goto out;
	for (;;) {
		int64_t left = end - clock_monotonic_ms(), pause;

		result = try_once(&x, left > 1 ? left : 1, err);
		unsent = unsent && a->unsent;
		pause = pause_before_next(r, a, ++tries);
		if (pause < 0 || tries == most || pause >= end - clock_monotonic_ms())
			break;
		if (h->pausing != NULL && pause >= HTTP_PAUSE_TOLD_MS)
			h->pausing(h->host, pause);
		clock_sleep(pause);
	}
	a->tries = tries;
	a->unsent = result != 0 && unsent;
out:
	if (x.headers != NULL)
		h->curl->slist_free_all(x.headers);
	/* the handle outlives what it points to; reset keeps the connection */
	h->curl->easy_reset(h->easy);
	mem_free(x.url);
	mem_wipe_stack();
	return result;
}

char *http_clock_hint(const struct http *h, const struct http_answer *a)
{
	return http_explain_skew(h->host, a->skew);
}
