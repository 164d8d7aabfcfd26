/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/explain.h"

#include <stdio.h>

#include "base/mem.h"

/* Whose: "of context \"prod\"" or "of the pod". */
static char *whose(const struct kube_config *c)
{
	return c->context == NULL ? mem_str("of the pod")
				  : mem_printf("of context \"%.100s\"", c->context);
}

static char *authority(const struct kube_config *c)
{
	char *of, *text;

	if (c->insecure)
		return mem_str("no authority, since insecure-skip-tls-verify is set");
	if (c->ca.len == 0)
		return mem_str("the system's authorities, since the context names none");
	of = whose(c);
	text = mem_printf("the certificate-authority %s alone", of);
	mem_free(of);
	return text;
}

static const struct {
	CURLcode code;
	const char *what; /* of the server */
} reasons[] = {
	{ CURLE_COULDNT_RESOLVE_PROXY, "the name of its proxy cannot be looked up" },
	{ CURLE_COULDNT_RESOLVE_HOST, "its name cannot be looked up" },
	{ CURLE_COULDNT_CONNECT, "no connection" },
	{ CURLE_PROXY, "its proxy refuses" },
	{ CURLE_SSL_CONNECT_ERROR, "the TLS handshake failed" },
	{ CURLE_SSL_CERTPROBLEM, "the client certificate or its key cannot be used" },
	{ CURLE_SSL_CACERT_BADFILE, "the certificate-authority cannot be read" },
	{ CURLE_OPERATION_TIMEDOUT, "no answer in time" },
	{ CURLE_GOT_NOTHING, "the connection was closed without an answer" },
	{ CURLE_SEND_ERROR, "the connection broke while sending" },
	{ CURLE_RECV_ERROR, "the connection broke" },
	{ CURLE_HTTP2, "the HTTP/2 connection broke" },
	{ CURLE_HTTP2_STREAM, "the HTTP/2 stream broke" },
	{ CURLE_PARTIAL_FILE, "the answer breaks off" },
	{ CURLE_SEND_FAIL_REWIND, "the connection broke, and the request may not be sent twice" },
	{ CURLE_BAD_CONTENT_ENCODING, "the answer is packed in a way it should not be" },
	{ CURLE_WEIRD_SERVER_REPLY, "what came is not HTTP" },
};

void kube_explain_transport(const struct kube_session *s, CURLcode code, const char *words,
			    char *text, size_t size)
{
	const char *what = NULL;
	char *trusted;

	if (code == CURLE_PEER_FAILED_VERIFICATION) {
		trusted = authority(s->config);
		snprintf(text, size,
			 "%.200s: its certificate is not trusted (%s): asked is %s; a wrong server "
			 "address, an old CA, or someone between",
			 s->authority, words[0] == '\0' ? s->curl->easy_strerror(code) : words,
			 trusted);
		mem_free(trusted);
		return;
	}
	for (size_t i = 0; what == NULL && i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].code == code)
			what = reasons[i].what;
	}
	if (what == NULL)
		what = s->curl->easy_strerror(code);
	snprintf(text, size, words[0] == '\0' ? "%.200s: %s" : "%.200s: %s (%s)", s->authority,
		 what, words);
}

void kube_explain_rejected(const struct kube_session *s, char *text, size_t size)
{
	const struct kube_config *c = s->config;
	const char *shown = "no credentials, for there are none";
	char *of = whose(c);

	if (c->token != NULL && c->token[0] != '\0')
		shown = "the token";
	else if (c->username != NULL && c->username[0] != '\0')
		shown = "user name and password";
	else if (c->cert.len != 0)
		shown = "the client certificate";
	snprintf(text, size, "%.200s does not accept %s %s (401)", s->authority, shown, of);
	mem_free(of);
}
