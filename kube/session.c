/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/session.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include "base/b64.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

#define CONNECT_MS 10000
#define IDLE_S 60L /* the server closes after 90 s; a dead connection is not taken again */
#define USER_TIMEOUT_MS 25000 /* keepalive never fires while data is in flight (rule 1.6) */
#define REFRESH_EVERY_MS 1000
#define REJECTED_EVERY_MS 10000 /* no hammering with a dead token, nor of a plugin */

static void set_int(curl_socket_t fd, int level, int name, int value)
{
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

/* Each may be missing in a kernel; the deadlines of the lanes stand behind them. */
static int on_socket(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
	(void)ctx;
	(void)purpose;
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
#ifdef TCP_KEEPIDLE
	set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, 15);
#endif
#ifdef TCP_KEEPINTVL
	set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, 5);
#endif
#ifdef TCP_KEEPCNT
	set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
#endif
#ifdef TCP_USER_TIMEOUT
	set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
#endif
	return CURL_SOCKOPT_OK;
}

struct option_long {
	CURLoption option;
	long value;
};

/* The same for every server. */
static const struct option_long fixed[] = {
	{ CURLOPT_NOSIGNAL, 1 },
	{ CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS },
	{ CURLOPT_PIPEWAIT, 1 },
	{ CURLOPT_FOLLOWLOCATION, 0 },
	{ CURLOPT_NETRC, CURL_NETRC_IGNORED },
	{ CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2 },
	{ CURLOPT_PROXY_SSLVERSION, CURL_SSLVERSION_TLSv1_2 },
	{ CURLOPT_SUPPRESS_CONNECT_HEADERS, 1 },
	{ CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS },
	{ CURLOPT_MAXAGE_CONN, IDLE_S },
	{ CURLOPT_DNS_CACHE_TIMEOUT, 30 },
	{ CURLOPT_NOPROGRESS, 1 },
	{ CURLOPT_UPLOAD_BUFFERSIZE, 16384 },
};

static bool set_blob(const struct kube_session *s, CURL *easy, CURLoption option,
		     const struct buf *pem)
{
	struct curl_blob blob = { pem->data, pem->len, CURL_BLOB_COPY };

	return s->curl->easy_setopt(easy, option, &blob) == CURLE_OK;
}

/*
 * Debian's libcurl trusts all of /etc/ssl/certs beside the authority it is given, unless the path
 * is taken away (rule 3.9).  Without an authority of its own, the system's are meant.
 */
static bool set_trust(const struct kube_session *s, CURL *easy)
{
	const struct kube_config *c = s->config;
	const struct curl_api *curl = s->curl;
	long verify = c->insecure ? 0 : 1;
	bool ok = curl->easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verify) == CURLE_OK &&
		  curl->easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verify * 2) == CURLE_OK;

	if (ok && c->ca.len != 0)
		ok = curl->easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK &&
		     curl->easy_setopt(easy, CURLOPT_PROXY_CAPATH, NULL) == CURLE_OK &&
		     set_blob(s, easy, CURLOPT_CAINFO_BLOB, &c->ca) &&
		     set_blob(s, easy, CURLOPT_PROXY_CAINFO_BLOB, &c->ca);
	if (ok && c->cert.len != 0)
		ok = curl->easy_setopt(easy, CURLOPT_SSLCERTTYPE, "PEM") == CURLE_OK &&
		     curl->easy_setopt(easy, CURLOPT_SSLKEYTYPE, "PEM") == CURLE_OK &&
		     set_blob(s, easy, CURLOPT_SSLCERT_BLOB, &c->cert) &&
		     set_blob(s, easy, CURLOPT_SSLKEY_BLOB, &c->key);
	return ok;
}

/* A proxy of the configuration is used whatever NO_PROXY says, as client-go does. */
static bool set_proxy(const struct kube_session *s, CURL *easy)
{
	return s->proxy == NULL ||
	       (s->curl->easy_setopt(easy, CURLOPT_PROXY, s->proxy) == CURLE_OK &&
		s->curl->easy_setopt(easy, CURLOPT_NOPROXY, "") == CURLE_OK);
}

static bool set_up(const struct kube_session *s, CURL *easy)
{
	bool ok = true;

	for (size_t i = 0; ok && i < sizeof(fixed) / sizeof(fixed[0]); i++)
		ok = s->curl->easy_setopt(easy, fixed[i].option, fixed[i].value) == CURLE_OK;
	return ok && s->curl->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
	       s->curl->easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket) == CURLE_OK &&
	       set_trust(s, easy) && set_proxy(s, easy);
}

static void drop_idle(struct kube_session *s)
{
	while (s->n_idle > 0)
		s->curl->easy_cleanup(s->idle[--s->n_idle]);
}

CURL *kube_session_take(struct kube_session *s)
{
	CURL *easy;

	if (s->n_idle > 0)
		return s->idle[--s->n_idle];
	easy = s->curl->easy_init();
	if (easy != NULL && !set_up(s, easy)) {
		s->curl->easy_cleanup(easy);
		easy = NULL;
	}
	return easy;
}

void kube_session_give(struct kube_session *s, CURL *easy)
{
	/* one that was under way during a change of certificates holds the old ones */
	if (s->generation == s->config->generation && s->n_idle < KUBE_SESSION_IDLE)
		s->idle[s->n_idle++] = easy;
	else
		s->curl->easy_cleanup(easy);
}

static struct curl_slist *append(const struct kube_session *s, struct curl_slist *list,
				 const char *text)
{
	struct curl_slist *longer = s->curl->slist_append(list, text);

	return longer == NULL ? list : longer;
}

/* A line break would begin a header of its own. */
static bool is_one_line(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	}
	return true;
}

static void authorization(const struct kube_config *c, struct buf *line)
{
	struct buf pair = BUF_INIT;

	if (c->token != NULL && c->token[0] != '\0') {
		buf_printf(line, "Authorization: Bearer %s", c->token);
	} else if (c->username != NULL && c->username[0] != '\0') {
		buf_printf(&pair, "%s:%s", c->username, c->password == NULL ? "" : c->password);
		buf_puts(line, "Authorization: Basic ");
		b64_encode(line, pair.data, pair.len);
	}
	buf_clear(&pair);
}

struct curl_slist *kube_session_headers(const struct kube_session *s)
{
	struct curl_slist *list = append(s, NULL, s->agent);
	struct buf line = BUF_INIT;

	if (s->host != NULL)
		list = append(s, list, s->host);
	authorization(s->config, &line);
	if (line.len != 0 && is_one_line(buf_str(&line)))
		list = append(s, list, buf_str(&line));
	buf_clear(&line);
	for (char **i = s->config->impersonate; i != NULL && *i != NULL; i++) {
		if (is_one_line(*i))
			list = append(s, list, *i);
	}
	return list;
}

static void tell(const struct err *err)
{
	log_line(LOG_WARN, "credentials cannot be brought up to date", "error", err->text,
		 (char *)NULL);
}

static void refresh(struct kube_session *s, bool rejected, int64_t now_ms)
{
	struct err err = ERR_INIT;

	if (kube_config_refresh(s->config, rejected, now_ms, &err) != 0)
		tell(&err);
	if (s->generation != s->config->generation) {
		drop_idle(s);
		s->generation = s->config->generation;
	}
}

void kube_session_refresh(struct kube_session *s, int64_t now_ms)
{
	if (now_ms - s->refreshed_ms < REFRESH_EVERY_MS)
		return;
	s->refreshed_ms = now_ms;
	refresh(s, false, now_ms);
}

bool kube_session_rejected(struct kube_session *s, unsigned with, int64_t now_ms)
{
	if (with != s->credentials)
		return true;
	if (s->rejected_ms != 0 && now_ms - s->rejected_ms < REJECTED_EVERY_MS)
		return false;
	s->rejected_ms = now_ms;
	s->credentials++;
	refresh(s, true, now_ms);
	return true;
}

void kube_session_count(struct kube_session *s, const char *method, long code, double seconds)
{
	struct kube_count *c = s->counts;

	for (; c < s->counts + s->n_counts; c++) {
		if (c->code == code && strcmp(c->method, method) == 0)
			break;
	}
	if (c == s->counts + s->n_counts) {
		if (s->n_counts == KUBE_SESSION_COUNTS)
			return;
		s->n_counts++;
		c->code = code;
		strncpy(c->method, method, sizeof(c->method) - 1);
	}
	c->n++;
	c->seconds += seconds;
}

/* https://HOST[:PORT][/PREFIX]: where the host ends, where its port begins (NULL: none). */
static const char *end_of_host(const char *authority, const char **port)
{
	const char *end = authority + strcspn(authority, "/");
	const char *p =
	    authority[0] == '[' ? memchr(authority, ']', (size_t)(end - authority)) : authority;

	p = p == NULL ? NULL : memchr(p, ':', (size_t)(end - p));
	*port = p;
	return end;
}

static int set_server(struct kube_session *s, struct err *err)
{
	const struct kube_config *c = s->config;
	const char *authority, *end, *port;
	int host_len;

	if (c->server == NULL || strncasecmp(c->server, "https://", 8) != 0)
		return err_set(err, ERR_INVALID,
			       "server \"%.200s\": only https:// is talked to (credentials would "
			       "go out in the open)",
			       c->server == NULL ? "" : c->server);
	authority = c->server + 8;
	if (strpbrk(authority, "@?# \\") != NULL || authority[0] == '\0' || authority[0] == '/' ||
	    !is_one_line(authority))
		return err_set(err, ERR_INVALID,
			       "server: not of the form https://HOST:PORT[/PREFIX]");
	end = end_of_host(authority, &port);
	host_len = (int)((port == NULL ? end : port) - authority);
	s->authority = mem_printf("%.*s%s%.*s", host_len, authority, port == NULL ? ":443" : "",
				  port == NULL ? 0 : (int)(end - port), port == NULL ? "" : port);
	if (c->tls_server_name == NULL || c->tls_server_name[0] == '\0') {
		s->url = mem_str(c->server);
		return 0;
	}
	/* name and certificate follow the URL, the connection follows connect_to (rule 3.11) */
	s->url = mem_printf(strchr(c->tls_server_name, ':') == NULL ? "https://%s%s%s"
								    : "https://[%s]%s%s",
			    c->tls_server_name, s->authority + host_len, end);
	s->connect_to = mem_printf("::%s", s->authority);
	s->host = mem_printf("Host: %s", s->authority);
	return 0;
}

static int set_proxy_url(struct kube_session *s, struct err *err)
{
	static const struct {
		const char *scheme, *as;
	} schemes[] = {
		{ "http://", "http://" },
		{ "https://", "https://" },
		{ "socks5://", "socks5h://" }, /* the proxy looks the name up, as in Go */
		{ "socks5h://", "socks5h://" },
	};
	const char *proxy = s->config->proxy;

	if (proxy == NULL || proxy[0] == '\0')
		return 0;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t n = strlen(schemes[i].scheme);

		if (strncasecmp(proxy, schemes[i].scheme, n) == 0) {
			s->proxy = mem_printf("%s%s", schemes[i].as, proxy + n);
			return 0;
		}
	}
	return err_set(err, ERR_INVALID, "proxy-url: its scheme is none of http, https, socks5");
}

int kube_session_init(struct kube_session *s, struct kube_config *config, const char *name,
		      struct err *err)
{
	struct utsname system = { 0 };
	CURL *easy;

	memset(s, 0, sizeof(*s));
	s->config = config;
	s->generation = config->generation;
	s->curl = curl_api_load(err);
	if (s->curl == NULL || set_server(s, err) != 0 || set_proxy_url(s, err) != 0) {
		kube_session_clear(s);
		return -1;
	}
	(void)uname(&system);
	/* never curl/...: the server would indent its answers for it */
	s->agent = mem_printf("User-Agent: %s/%s (%s/%s)", name, BULLA_VERSION, system.sysname,
			      system.machine);
	easy = kube_session_take(s);
	if (easy == NULL) {
		kube_session_clear(s);
		return err_set(err, ERR_IO,
			       "libcurl does not take the CA, certificate or an option without "
			       "which it is not safe");
	}
	kube_session_give(s, easy);
	return 0;
}

void kube_session_clear(struct kube_session *s)
{
	if (s->curl != NULL)
		drop_idle(s);
	mem_free(s->agent);
	mem_free(s->authority);
	mem_free(s->url);
	mem_free(s->host);
	mem_free(s->connect_to);
	mem_free(s->proxy);
	memset(s, 0, sizeof(*s));
}
