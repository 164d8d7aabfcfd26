/* SPDX-License-Identifier: Apache-2.0 */
#include "github/http_explain.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/x509_vfy.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "github/http_state.h"
#include "github/http_text.h"

#define PROBE_MS 5000
#define SKEW_S 300
#define HOUR_S ((int64_t)3600)
#define DAY_S (24 * HOUR_S)
#define UNSUPPORTED "unsupported proxy" /* how libcurl begins */

/* --- the clock -------------------------------------------------------------------------------- */

static char *skew_text(int64_t skew)
{
	int64_t s = skew < 0 ? -skew : skew;

	if (s >= 2 * DAY_S)
		return mem_printf("%lld days", (long long)(s / DAY_S));
	if (s >= 2 * HOUR_S)
		return mem_printf("%lld hours", (long long)(s / HOUR_S));
	return mem_printf("%lld minutes", (long long)(s / 60));
}

char *http_explain_skew(const char *host, int64_t skew)
{
	char *by, *text;

	if (skew <= SKEW_S && skew >= -SKEW_S)
		return mem_str("");
	by = skew_text(skew);
	text = mem_printf("; this machine's clock is %s %s that of %s: set it", by,
			  skew > 0 ? "behind" : "ahead of", host);
	mem_free(by);
	return text;
}

struct probe {
	int64_t skew;
};

static size_t on_header(char *line, size_t size, size_t n, void *ctx)
{
	struct probe *p = ctx;
	char *text;
	int64_t t;

	n *= size;
	if (n > 6 && n < 64 && strncasecmp(line, "date: ", 6) == 0) {
		text = mem_strn(line + 6, n - 6);
		text[strcspn(text, "\r\n")] = '\0';
		if (http_date(text, &t))
			p->skew = t - clock_now();
		mem_free(text);
	}
	return n;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *ctx)
{
	(void)bytes;
	(void)ctx;
	return size * n;
}

/* "Start date:Nov 26 10:45:21 2026 GMT" of the server's own certificate, which is the first. */
static const char *certificate_says(const struct curl_certinfo *info, const char *what)
{
	size_t n = strlen(what);
	const struct curl_slist *l = info->num_of_certs > 0 ? info->certinfo[0] : NULL;

	for (; l != NULL; l = l->next) {
		if (strncmp(l->data, what, n) == 0 && l->data[n] == ':')
			return l->data + n + 1;
	}
	return "?";
}

/*
 * Is the certificate old, or our clock wrong?  Asked once more without verifying and without any
 * credential, only to be told its dates and the server's clock; nothing but the text relies on it.
 */
static int explain_dates(struct http *h, const char *words, struct err *err)
{
	const struct curl_api *curl = h->curl;
	struct probe p = { 0 };
	struct curl_certinfo *info = NULL;
	char now[CLOCK_TEXT_SIZE];
	CURL *easy = curl->easy_init();
	char *clock = NULL;

	clock_format(clock_now(), now);
	if (easy != NULL && http_set_up(h, easy, PROBE_MS) &&
	    curl->easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L) == CURLE_OK &&
	    curl->easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L) == CURLE_OK &&
	    curl->easy_setopt(easy, CURLOPT_CERTINFO, 1L) == CURLE_OK &&
	    curl->easy_setopt(easy, CURLOPT_URL, h->origin) == CURLE_OK &&
	    curl->easy_setopt(easy, CURLOPT_NOBODY, 1L) == CURLE_OK &&
	    curl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
	    curl->easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
	    curl->easy_setopt(easy, CURLOPT_HEADERDATA, &p) == CURLE_OK) {
		(void)curl->easy_perform(easy);
		curl->easy_getinfo(easy, CURLINFO_CERTINFO, &info);
	}
	clock = http_explain_skew(h->host, p.skew);
	if (info != NULL && info->num_of_certs > 0)
		err_set(
		    err, ERR_IO,
		    "%s: its certificate is valid from %.40s to %.40s, and this machine's clock "
		    "says %s%s",
		    h->host, certificate_says(info, "Start date"),
		    certificate_says(info, "Expire date"), now,
		    clock[0] != '\0' ? clock : ": have it renewed, or set the clock");
	else
		err_set(err, ERR_IO, "%s: %.200s, and this machine's clock says %s%s", h->host,
			words, now, clock);
	mem_free(clock);
	if (easy != NULL)
		curl->easy_cleanup(easy);
	return -1;
}

/* --- TLS -------------------------------------------------------------------------------------- */

static const char *authorities(const struct http *h)
{
	return h->ca_file == NULL ? "the authorities of this system; --ca-file names another"
				  : h->ca_file;
}

static void explain_certificate(struct http *h, const char *words, struct http_answer *a,
				struct err *err)
{
	long verdict = 0;

	h->curl->easy_getinfo(h->easy, CURLINFO_SSL_VERIFYRESULT, &verdict);
	a->fault = HTTP_TLS;
	a->unsent = true;
	if (verdict == X509_V_ERR_CERT_NOT_YET_VALID || verdict == X509_V_ERR_CERT_HAS_EXPIRED) {
		a->fault = HTTP_CLOCK;
		explain_dates(h, words, err);
	} else if (strstr(words, "subject name") != NULL) {
		/* libcurl compares names itself, and has no other verdict of its own */
		err_set(err, ERR_IO,
			"%s: its certificate is for another name (%.200s): a wrong address, or "
			"someone between",
			h->host, words);
	} else {
		err_set(err, ERR_IO,
			"%s: its certificate is signed by an authority that is not trusted "
			"(%.200s; asked: %.200s): a network that reads along, or a server of your "
			"own",
			h->host, words, authorities(h));
	}
}

/* --- all ---------------------------------------------------------------------------------------
 */

static const struct reason {
	CURLcode code;
	enum http_fault fault;
	bool unsent;
	const char *text; /* behind the host */
} reasons[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, HTTP_NAME, true,
	  "its name cannot be looked up: no network, no name server, or a mistyped name" },
	{ CURLE_COULDNT_RESOLVE_PROXY, HTTP_NAME, true,
	  "the name of the proxy that the environment names cannot be looked up" },
	{ CURLE_COULDNT_CONNECT, HTTP_CONNECT, true, "no connection" },
	{ CURLE_PROXY, HTTP_PROXY, true, "the proxy that the environment names refuses" },
	{ CURLE_SSL_CONNECT_ERROR, HTTP_TLS, true,
	  "the TLS handshake failed: no TLS 1.2, or no TLS at all on that port" },
	{ CURLE_SSL_CACERT_BADFILE, HTTP_TLS, true, "the authorities cannot be read" },
	{ CURLE_OPERATION_TIMEDOUT, HTTP_TIMEOUT, false, "no answer in time" },
	{ CURLE_GOT_NOTHING, HTTP_BROKEN, false, "the connection was closed without an answer" },
	{ CURLE_SEND_ERROR, HTTP_BROKEN, false, "the connection broke while sending" },
	{ CURLE_RECV_ERROR, HTTP_BROKEN, false, "the connection broke" },
	{ CURLE_PARTIAL_FILE, HTTP_BROKEN, false, "the answer breaks off" },
	{ CURLE_WEIRD_SERVER_REPLY, HTTP_BROKEN, false, "what came is not HTTP" },
	{ CURLE_UNSUPPORTED_PROTOCOL, HTTP_LOCAL, false,
	  "it points to an address that is not https://, which is not followed" },
	{ CURLE_TOO_MANY_REDIRECTS, HTTP_LOCAL, false, "it points from address to address" },
};

/*
 * libcurl's own words, which name addresses and codes.  Not those that may quote the text of a
 * proxy, and a password with it.
 */
static const char *quotable(const char *words)
{
	return strchr(words, '@') != NULL ? "" : words;
}

static const char *proxy_variable(void)
{
	static const char *const names[] = { "https_proxy", "HTTPS_PROXY", "all_proxy",
					     "ALL_PROXY" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		if (value != NULL && value[0] != '\0')
			return names[i];
	}
	return NULL;
}

static bool explain_proxy(const struct http *h, struct http_answer *a, struct err *err)
{
	const char *name = proxy_variable();
	long said = 0;

	h->curl->easy_getinfo(h->easy, CURLINFO_HTTP_CONNECTCODE, &said);
	if (said == 0 || said / 100 == 2)
		return false;
	a->fault = HTTP_PROXY;
	a->unsent = true;
	err_set(err, ERR_IO, "%s: the proxy of %s does not connect to it (%ld)%s", h->host,
		name == NULL ? "the environment" : name, said,
		said == 407 ? ": it wants a user and a password"
			    : "; NO_PROXY names hosts that need none");
	return true;
}

/* What the variable holds is nothing that libcurl can use, and its words quote it. */
static bool explain_variable(const struct http *h, const char *words, struct http_answer *a,
			     struct err *err)
{
	const char *name = proxy_variable();

	if (strncasecmp(words, UNSUPPORTED, strlen(UNSUPPORTED)) != 0)
		return false;
	a->fault = HTTP_PROXY;
	a->unsent = true;
	err_set(err, ERR_IO,
		"%s: the proxy of %s is of a kind that is not supported, or is misspelled: it must "
		"be http://[USER:PASSWORD@]HOST:PORT, with http://, https:// or socks5://",
		h->host, name == NULL ? "the environment" : name);
	return true;
}

static void explain_reason(const struct http *h, CURLcode code, const char *words,
			   struct http_answer *a, struct err *err)
{
	const struct reason *r = NULL;
	const char *proxy = h->plain ? NULL : proxy_variable();
	long size = 0;

	for (size_t i = 0; r == NULL && i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].code == code)
			r = &reasons[i];
	}
	h->curl->easy_getinfo(h->easy, CURLINFO_REQUEST_SIZE, &size);
	a->fault = r == NULL ? HTTP_LOCAL : r->fault;
	a->unsent = (r != NULL && r->unsent) || size == 0;
	err_set(err, ERR_IO, "%s: %s%s%.200s%s%s%s%s", h->host,
		r == NULL ? h->curl->easy_strerror(code) : r->text, words[0] == '\0' ? "" : " (",
		words, words[0] == '\0' ? "" : ")", proxy == NULL ? "" : "; a proxy is set in ",
		proxy == NULL ? "" : proxy,
		a->fault == HTTP_CONNECT && proxy == NULL
		    ? "; a network that lets out only through a proxy wants it in HTTPS_PROXY"
		    : "");
}

void http_explain(struct http *h, CURLcode code, const char *words, struct http_answer *a,
		  struct err *err)
{
	if (explain_variable(h, words, a, err))
		return;
	if (words[0] == '\0')
		words = h->curl->easy_strerror(code);
	words = quotable(words);
	if (code == CURLE_PEER_FAILED_VERIFICATION)
		explain_certificate(h, words, a, err);
	else if (!explain_proxy(h, a, err))
		explain_reason(h, code, words, a, err);
}
