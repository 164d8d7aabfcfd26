/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/transfer.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "kube/explain.h"

#define TIMEOUT_MS 30000

static const char *const content_types[] = {
	[KUBE_JSON] = "Content-Type: application/json",
	[KUBE_JSON_PATCH] = "Content-Type: application/json-patch+json",
	[KUBE_MERGE_PATCH] = "Content-Type: application/merge-patch+json",
	[KUBE_APPLY] = "Content-Type: application/apply-patch+yaml",
};

struct kube_transfer *kube_transfer_new(const struct kube_request *r)
{
	struct kube_transfer *t = mem_alloc(sizeof(*t));

	t->method = mem_str(r->method);
	t->path = mem_str(r->path);
	t->accept = mem_str(r->metadata_only ? KUBE_ACCEPT_METADATA : KUBE_ACCEPT_JSON);
	t->type = r->type;
	if (r->body != NULL)
		buf_put(&t->body, r->body->data, r->body->len);
	t->idempotent = r->idempotent;
	t->urgent = r->urgent;
	t->timeout_ms = r->timeout_ms > 0 ? r->timeout_ms : TIMEOUT_MS;
	t->answer.max = KUBE_ANSWER_MAX;
	return t;
}

static void drop_handle(struct kube_transfer *t)
{
	const struct curl_api *curl;

	if (t->easy == NULL)
		return;
	curl = t->session->curl;
	/* the handle outlives what it points to */
	curl->easy_setopt(t->easy, CURLOPT_ERRORBUFFER, NULL);
	curl->easy_setopt(t->easy, CURLOPT_HTTPHEADER, NULL);
	curl->easy_setopt(t->easy, CURLOPT_CONNECT_TO, NULL);
	kube_session_give(t->session, t->easy);
	t->easy = NULL;
	curl->slist_free_all(t->headers);
	curl->slist_free_all(t->connect_to);
	t->headers = t->connect_to = NULL;
}

void kube_transfer_free(struct kube_transfer *t)
{
	if (t == NULL)
		return;
	drop_handle(t);
	json_decref(t->object);
	buf_clear(&t->answer);
	buf_clear(&t->body);
	mem_free(t->words);
	mem_free(t->method);
	mem_free(t->path);
	mem_free(t->accept);
	mem_free(t);
}

static size_t on_read(char *to, size_t size, size_t n, void *ctx)
{
	struct kube_transfer *t = ctx;
	size_t left = t->body.len - t->body_at;

	n *= size;
	if (n > left)
		n = left;
	memcpy(to, t->body.data + t->body_at, n);
	t->body_at += n;
	return n;
}

/*
 * libcurl sends a request anew by itself when a connection that it took up again breaks before an
 * answer; the server may have acted on the first all the same.  Without a way back to the start of
 * the body it cannot.
 */
static int on_seek(void *ctx, curl_off_t offset, int origin)
{
	struct kube_transfer *t = ctx;

	if (!t->idempotent || origin != SEEK_SET || offset < 0 || (size_t)offset > t->body.len)
		return CURL_SEEKFUNC_FAIL;
	t->body_at = (size_t)offset;
	return CURL_SEEKFUNC_OK;
}

static bool is_stream_data(const struct kube_transfer *t)
{
	return t->stream && t->status == 200;
}

static size_t on_write(char *bytes, size_t size, size_t n, void *ctx)
{
	struct kube_transfer *t = ctx;

	n *= size;
	if (t->dead)
		return 0;
	if (is_stream_data(t)) {
		t->owner->data(t, bytes, n);
		return t->dead ? 0 : n;
	}
	if (buf_put(&t->answer, bytes, n) == 0)
		return n;
	t->overflow = true;
	return 0;
}

/* The empty line after the headers of the last answer: interim ones (1xx) are passed over. */
static size_t on_header(char *line, size_t size, size_t n, void *ctx)
{
	struct kube_transfer *t = ctx;
	long status = 0;

	n *= size;
	if (t->dead)
		return 0;
	if (n > 2 || line[0] == '\0' || strchr("\r\n", line[0]) == NULL)
		return n;
	t->session->curl->easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200)
		return n;
	t->status = status;
	if (is_stream_data(t) && t->owner->opened != NULL)
		t->owner->opened(t);
	return t->dead ? 0 : n;
}

static void add_header(struct kube_transfer *t, const char *line)
{
	struct curl_slist *longer = t->session->curl->slist_append(t->headers, line);

	if (longer != NULL)
		t->headers = longer;
}

static void set_headers(struct kube_transfer *t)
{
	struct buf line = BUF_INIT;

	t->headers = kube_session_headers(t->session);
	buf_printf(&line, "Accept: %s", t->accept);
	add_header(t, buf_str(&line));
	buf_clear(&line);
	if (t->type != KUBE_NO_BODY) {
		add_header(t, content_types[t->type]);
		add_header(t, "Expect:");
	}
	if (t->session->connect_to != NULL)
		t->connect_to = t->session->curl->slist_append(NULL, t->session->connect_to);
}

static bool set_method(struct kube_transfer *t)
{
	const struct curl_api *curl = t->session->curl;

	if (t->type == KUBE_NO_BODY) {
		if (curl->easy_setopt(t->easy, CURLOPT_HTTPGET, 1L) != CURLE_OK)
			return false;
	} else if (curl->easy_setopt(t->easy, CURLOPT_POST, 1L) != CURLE_OK ||
		   curl->easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE,
				     (curl_off_t)t->body.len) != CURLE_OK) {
		return false;
	}
	return curl->easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, t->method) == CURLE_OK;
}

static bool set_callbacks(struct kube_transfer *t)
{
	const struct curl_api *curl = t->session->curl;
	CURL *e = t->easy;

	return curl->easy_setopt(e, CURLOPT_PRIVATE, t) == CURLE_OK &&
	       curl->easy_setopt(e, CURLOPT_ERRORBUFFER, t->words->error) == CURLE_OK &&
	       curl->easy_setopt(e, CURLOPT_READFUNCTION, on_read) == CURLE_OK &&
	       curl->easy_setopt(e, CURLOPT_READDATA, t) == CURLE_OK &&
	       curl->easy_setopt(e, CURLOPT_SEEKFUNCTION, on_seek) == CURLE_OK &&
	       curl->easy_setopt(e, CURLOPT_SEEKDATA, t) == CURLE_OK &&
	       curl->easy_setopt(e, CURLOPT_WRITEFUNCTION, on_write) == CURLE_OK &&
	       curl->easy_setopt(e, CURLOPT_WRITEDATA, t) == CURLE_OK &&
	       curl->easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
	       curl->easy_setopt(e, CURLOPT_HEADERDATA, t) == CURLE_OK;
}

/* A stream has no time limit of libcurl's: its deadline is the lane's, its silence is here. */
static bool set_times(struct kube_transfer *t, int64_t now_ms)
{
	const struct curl_api *curl = t->session->curl;
	int64_t left = t->deadline_ms - now_ms;

	return curl->easy_setopt(t->easy, CURLOPT_TIMEOUT_MS,
				 t->stream ? 0L : (long)(left > 1 ? left : 1)) == CURLE_OK &&
	       curl->easy_setopt(t->easy, CURLOPT_LOW_SPEED_LIMIT, t->stream ? 1L : 0L) ==
		   CURLE_OK &&
	       curl->easy_setopt(t->easy, CURLOPT_LOW_SPEED_TIME,
				 t->stream ? (long)KUBE_STREAM_SILENCE_S : 0L) == CURLE_OK;
}

static void forget_try(struct kube_transfer *t)
{
	json_decref(t->object);
	t->object = NULL;
	buf_reset(&t->answer);
	if (t->words == NULL)
		t->words = mem_alloc(sizeof(*t->words));
	memset(t->words, 0, sizeof(*t->words));
	t->status = 0;
	t->retry_ms = 0;
	t->took_us = 0;
	t->body_at = 0;
	t->overflow = false;
	t->sent = false;
}

int kube_transfer_start(struct kube_transfer *t, struct kube_session *s, int64_t now_ms)
{
	struct buf url = BUF_INIT;
	bool ok;

	forget_try(t);
	t->session = s;
	t->credentials = s->credentials;
	if (t->deadline_ms == 0)
		t->deadline_ms = now_ms + t->timeout_ms;
	t->paused_ms = now_ms - (t->deadline_ms - t->timeout_ms);
	t->easy = kube_session_take(s);
	if (t->easy == NULL)
		return -1;
	set_headers(t);
	buf_printf(&url, "%s%s", s->url, t->path);
	ok = s->curl->easy_setopt(t->easy, CURLOPT_URL, buf_str(&url)) == CURLE_OK &&
	     s->curl->easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK &&
	     s->curl->easy_setopt(t->easy, CURLOPT_CONNECT_TO, t->connect_to) == CURLE_OK &&
	     s->curl->easy_setopt(t->easy, CURLOPT_ACCEPT_ENCODING,
				  t->gzip && s->config->gzip ? "gzip" : NULL) == CURLE_OK &&
	     set_method(t) && set_callbacks(t) && set_times(t, now_ms);
	buf_clear(&url);
	return ok ? 0 : -1;
}

static bool is_json(const struct kube_transfer *t)
{
	const char *type = NULL;

	t->session->curl->easy_getinfo(t->easy, CURLINFO_CONTENT_TYPE, &type);
	return type != NULL && strncasecmp(type, "application/json", 16) == 0 &&
	       strchr("; ", type[16]) != NULL;
}

/*
 * A result of 0 does not say that all came (rule 3.2: a reset could end a body early): what calls
 * itself JSON must be an object to its end.
 */
static void read_answer(struct kube_transfer *t)
{
	struct err err = ERR_INIT;
	json_t *v;

	if (is_stream_data(t) || (!is_json(t) && (t->status < 300 || t->answer.len == 0)))
		return;
	v = json_parse(buf_str(&t->answer), t->answer.len, "answer", &err);
	if (json_is_object(v)) {
		t->object = v;
		kube_status_read(v, &t->words->said);
		return;
	}
	json_decref(v);
	if (t->status >= 300) /* the status says enough, whoever put a page of text under it */
		return;
	snprintf(t->words->text, sizeof(t->words->text),
		 "%.200s: status %ld, but the answer is not whole: %.300s", t->session->authority,
		 t->status, err.class == ERR_NONE ? "not an object" : err.text);
	t->status = 0;
	t->how = KUBE_HOW_CUT;
}

static void read_times(struct kube_transfer *t)
{
	const struct curl_api *curl = t->session->curl;
	curl_off_t wait = 0, total = 0;
	long size = 0;

	curl->easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &wait);
	curl->easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &size);
	curl->easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &total);
	curl->easy_getinfo(t->easy, CURLINFO_HTTP_VERSION, &t->http_version);
	t->sent = size > 0;
	t->retry_ms = kube_status_wait(wait);
	t->took_us = (int64_t)total;
	kube_session_count(t->session, t->method, t->status,
			   t->stream ? 0 : (double)total / 1000000.0);
}

static void take_answer(struct kube_transfer *t)
{
	t->how = KUBE_HOW_ANSWERED;
	read_answer(t);
	if (t->retry_ms == 0)
		t->retry_ms = t->words->said.retry_ms;
	if (t->status == 401)
		kube_explain_rejected(t->session, t->words->text, sizeof(t->words->text));
}

static void take_failure(struct kube_transfer *t, CURLcode code)
{
	t->how = kube_retry_how((int)code);
	if (code == CURLE_PEER_FAILED_VERIFICATION)
		kube_config_untrusted(t->session->config, clock_monotonic_ms());
	if (t->overflow) {
		t->how = KUBE_HOW_TOO_LARGE;
		snprintf(t->words->text, sizeof(t->words->text),
			 "%.200s: the answer is larger than %zu bytes", t->session->authority,
			 t->answer.max);
	} else {
		if (t->how == KUBE_HOW_BROKEN && t->status != 0)
			t->how = KUBE_HOW_CUT;
		kube_explain_transport(t->session, code, t->words->error, t->words->text,
				       sizeof(t->words->text));
	}
	/* of a stream that was open, the owner is still to learn that it was */
	if (!is_stream_data(t))
		t->status = 0;
}

void kube_transfer_finish(struct kube_transfer *t, CURLcode code)
{
	if (code == CURLE_OK && t->status == 0)
		code = CURLE_GOT_NOTHING;
	read_times(t);
	if (code == CURLE_OK)
		take_answer(t);
	else
		take_failure(t, code);
	drop_handle(t);
}

void kube_transfer_fail(struct kube_transfer *t, enum kube_how how, const char *text)
{
	drop_handle(t);
	forget_try(t);
	t->how = how;
	kube_status_copy(t->words->text, sizeof(t->words->text), text);
}

void kube_transfer_share(struct kube_transfer *t, const struct kube_transfer *of)
{
	kube_transfer_fail(t, of->how, of->words->text);
	t->status = of->status;
	t->words->said = of->words->said;
	t->retry_ms = of->retry_ms;
}

void kube_transfer_answer(const struct kube_transfer *t, struct kube_answer *a)
{
	memset(a, 0, sizeof(*a));
	a->status = t->status;
	a->reason = t->words->said.reason;
	a->cause = t->words->said.cause;
	a->name = t->words->said.name;
	a->message = t->words->text[0] != '\0' ? t->words->text : t->words->said.message;
	a->retry_ms = t->retry_ms;
	a->took_us = t->took_us + t->paused_ms * 1000;
	a->unsent = !t->acted;
	a->object = t->object;
}
