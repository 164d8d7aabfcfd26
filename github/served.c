/* SPDX-License-Identifier: Apache-2.0 */
#include "github/served.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/curl.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "github/served_cert.h"
#include "github/served_trust.h"

#define HOST_MAX 253
#define CA_MAX ((size_t)1 << 20)
#define CERT_MAX ((size_t)256 << 10) /* bytes of one in PEM */

/* --- the address ------------------------------------------------------------------------------ */

static bool is_host(const char *s, size_t n, bool v6)
{
	static const char plain[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";

	if (n == 0 || n > HOST_MAX || s[0] == '-')
		return false;
	return strspn(s, v6 ? "0123456789abcdefABCDEF:." : plain) >= n;
}

int served_address(const char *address, char **host, char **port, struct err *err)
{
	bool v6 = address[0] == '[';
	const char *begin = address + v6;
	size_t n = strcspn(begin, v6 ? "]" : ":");
	const char *rest = begin + n + (v6 && begin[n] == ']');
	const char *digits = *rest == ':' ? rest + 1 : "443";
	size_t len = strlen(digits);

	*host = *port = NULL;
	if ((v6 && begin[n] != ']') || !is_host(begin, n, v6) || (*rest != ':' && *rest != '\0')) {
		err_set(err, ERR_INVALID, "address: not HOST:PORT (IPv6: [::1]:443)");
		return -1;
	}
	if (len == 0 || len > 5 || strspn(digits, "0123456789") != len || digits[0] == '0' ||
	    strtoul(digits, NULL, 10) > 65535) {
		err_set(err, ERR_INVALID, "address: the port is no number from 1 to 65535");
		return -1;
	}
	*host = mem_strn(begin, n);
	*port = mem_str(digits);
	return 0;
}

/* --- the handshake, by libcurl ---------------------------------------------------------------- */

struct run {
	const struct served_question *q;
	const struct curl_api *curl;
	CURL *easy;
	char *host, *port;
	const char *name;
	char *url, *to; /* https://NAME:PORT, but connected to HOST:PORT */
	struct curl_slist *connect_to;
	struct buf ca;
	char words[CURL_ERROR_SIZE];
};

static const char *bracket(const char *host, const char *which)
{
	return strchr(host, ':') != NULL ? which : "";
}

static void make_url(struct run *run)
{
	const char *n = run->name, *h = run->host;

	run->url = mem_printf("https://%s%s%s:%s/", bracket(n, "["), n, bracket(n, "]"), run->port);
	run->to = mem_printf("::%s%s%s:%s", bracket(h, "["), h, bracket(h, "]"), run->port);
	if (strcmp(n, h) != 0)
		run->connect_to = run->curl->slist_append(NULL, run->to);
}

static bool set_up(struct run *run)
{
	const struct curl_api *curl = run->curl;
	int64_t ms = run->q->timeout_ms > 0 ? run->q->timeout_ms : SERVED_MS;
	CURL *e = run->easy;

	/* verified afterwards (served_trust.h), because what fails is to be seen too */
	return curl->easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L) == CURLE_OK &&
	       curl->easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L) == CURLE_OK &&
	       curl->easy_setopt(e, CURLOPT_CERTINFO, 1L) == CURLE_OK &&
	       curl->easy_setopt(e, CURLOPT_CONNECT_ONLY, 1L) == CURLE_OK &&
	       curl->easy_setopt(e, CURLOPT_SSL_ENABLE_ALPN, 0L) == CURLE_OK &&
	       curl->easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) ==
		   CURLE_OK &&
	       /* weak keys are to be seen, not spoken with */
	       curl->easy_setopt(e, CURLOPT_SSL_CIPHER_LIST, "DEFAULT:@SECLEVEL=0") == CURLE_OK &&
	       curl->easy_setopt(e, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
	       curl->easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl->easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)ms) == CURLE_OK &&
	       curl->easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)ms) == CURLE_OK &&
	       curl->easy_setopt(e, CURLOPT_ERRORBUFFER, run->words) == CURLE_OK &&
	       curl->easy_setopt(e, CURLOPT_CONNECT_TO, run->connect_to) == CURLE_OK &&
	       curl->easy_setopt(e, CURLOPT_URL, run->url) == CURLE_OK;
}

/* By kind of failure: libcurl's own words are for those who know it. */
static const struct {
	CURLcode code;
	const char *what;
} failures[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, "the name cannot be looked up" },
	{ CURLE_COULDNT_RESOLVE_PROXY, "the proxy's name cannot be looked up" },
	{ CURLE_COULDNT_CONNECT, "no connection" },
	{ CURLE_OPERATION_TIMEDOUT, "no answer in time" },
	{ CURLE_SSL_CONNECT_ERROR,
	  "no TLS handshake: it speaks no TLS 1.2 or newer there, wants a client's certificate, or "
	  "knows nothing by that name" },
};

static int fail(const struct run *run, CURLcode code, struct err *err)
{
	const char *what = "the handshake failed";

	for (size_t i = 0; i < sizeof(failures) / sizeof(*failures); i++)
		if (failures[i].code == code)
			what = failures[i].what;
	return err_set(err, ERR_IO, "%s:%s: %s (%.300s)", run->host, run->port, what,
		       run->words[0] != '\0' ? run->words : run->curl->easy_strerror(code));
}

/* --- what it showed --------------------------------------------------------------------------- */

/* The text behind "Cert:" in what libcurl says of one certificate. */
static const char *pem_of(const struct curl_slist *list)
{
	for (; list != NULL; list = list->next)
		if (strncmp(list->data, "Cert:", 5) == 0 && strlen(list->data) <= CERT_MAX)
			return list->data + 5;
	return "";
}

static int read_chain(struct run *run, struct served *out, struct err *err)
{
	struct curl_certinfo *info = NULL;
	const char *pems[SERVED_CHAIN_MAX], *first;

	if (run->curl->easy_getinfo(run->easy, CURLINFO_CERTINFO, &info) != CURLE_OK ||
	    info == NULL || info->num_of_certs < 1)
		return err_set(err, ERR_INVALID, "it shows no certificate");
	if (info->num_of_certs > SERVED_CHAIN_MAX)
		return err_set(err, ERR_INVALID, "it shows more than %d certificates",
			       SERVED_CHAIN_MAX);
	for (int i = 0; i < info->num_of_certs; i++)
		if (served_cert_add(out, pem_of(info->certinfo[i]), err) != 0)
			return -1;
	for (int i = 0; i < info->num_of_certs; i++)
		pems[i] = pem_of(info->certinfo[i]);
	if (served_trust(out, pems, run->q->ca_file != NULL ? &run->ca : NULL, err) != 0)
		return -1;
	first = pem_of(info->certinfo[0]);
	return served_cert_compare(out, first, run->q, run->name, err);
}

static int ask(struct run *run, struct served *out, struct err *err)
{
	CURLcode code;

	run->curl = curl_api_load(err);
	if (run->curl == NULL)
		return -1;
	make_url(run);
	run->easy = run->curl->easy_init();
	if (run->easy == NULL || !set_up(run))
		return err_set(err, ERR_IO, "libcurl does not take what it needs for a handshake");
	code = run->curl->easy_perform(run->easy);
	if (code != CURLE_OK)
		return fail(run, code, err);
	if (read_chain(run, out, err) != 0)
		return err_wrap(err, "%s:%s", run->host, run->port);
	return 0;
}

int served_ask(const struct served_question *q, struct served *out, struct err *err)
{
	struct run run = { .q = q };
	int ret = -1;

	*out = (struct served)SERVED_INIT;
	if (served_address(q->address, &run.host, &run.port, err) != 0)
		return -1;
	run.name = q->name != NULL ? q->name : run.host;
	if (!is_host(run.name, strlen(run.name), strchr(run.name, ':') != NULL))
		err_set(err, ERR_INVALID, "name: no host name");
	else if (q->ca_file == NULL || file_read(q->ca_file, CA_MAX, 0, &run.ca, NULL, err) == 0)
		ret = ask(&run, out, err);
	if (run.curl != NULL) {
		run.curl->easy_cleanup(run.easy);
		run.curl->slist_free_all(run.connect_to);
	}
	buf_clear(&run.ca);
	mem_free(run.host);
	mem_free(run.port);
	mem_free(run.url);
	mem_free(run.to);
	return ret;
}

void served_clear(struct served *s)
{
	for (size_t i = 0; i < s->n; i++) {
		mem_free(s->chain[i].fingerprint);
		mem_free(s->chain[i].subject);
		mem_free(s->chain[i].issuer);
		mem_free(s->chain[i].names);
	}
	mem_free(s->chain);
	*s = (struct served)SERVED_INIT;
}
