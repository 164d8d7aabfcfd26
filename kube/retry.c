/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/retry.h"

#include <curl/curl.h>
#include <stddef.h>

#define BROKEN_WAIT_MS 500 /* before the second time; doubled for the third */

static const struct {
	CURLcode code;
	enum kube_how how;
} table[] = {
	/* 1.7: what GOAWAY, resets and reused dead connections are told as */
	{ CURLE_HTTP2, KUBE_HOW_BROKEN },
	{ CURLE_PARTIAL_FILE, KUBE_HOW_BROKEN },
	{ CURLE_GOT_NOTHING, KUBE_HOW_BROKEN },
	{ CURLE_SEND_ERROR, KUBE_HOW_BROKEN },
	{ CURLE_RECV_ERROR, KUBE_HOW_BROKEN },
	{ CURLE_HTTP2_STREAM, KUBE_HOW_BROKEN },
	/* libcurl wanted to send a body again and was not let */
	{ CURLE_SEND_FAIL_REWIND, KUBE_HOW_BROKEN },
	/* what is no HTTP, or breaks it, was not from the server or not whole */
	{ CURLE_WEIRD_SERVER_REPLY, KUBE_HOW_BROKEN },
	{ CURLE_UNSUPPORTED_PROTOCOL, KUBE_HOW_LOCAL },
	{ CURLE_BAD_CONTENT_ENCODING, KUBE_HOW_CUT },
	{ CURLE_OPERATION_TIMEDOUT, KUBE_HOW_TIMEOUT },
	{ CURLE_WRITE_ERROR, KUBE_HOW_STOPPED },
	{ CURLE_COULDNT_RESOLVE_PROXY, KUBE_HOW_UNCONNECTED },
	{ CURLE_COULDNT_RESOLVE_HOST, KUBE_HOW_UNCONNECTED },
	{ CURLE_COULDNT_CONNECT, KUBE_HOW_UNCONNECTED },
	{ CURLE_SSL_CONNECT_ERROR, KUBE_HOW_UNCONNECTED },
	{ CURLE_SSL_CERTPROBLEM, KUBE_HOW_UNCONNECTED },
	{ CURLE_SSL_CACERT_BADFILE, KUBE_HOW_UNCONNECTED },
	{ CURLE_PEER_FAILED_VERIFICATION, KUBE_HOW_UNCONNECTED },
	{ CURLE_SSL_ISSUER_ERROR, KUBE_HOW_UNCONNECTED },
	{ CURLE_PROXY, KUBE_HOW_UNCONNECTED },
};

enum kube_how kube_retry_how(int curl_code)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if ((int)table[i].code == curl_code)
			return table[i].how;
	}
	return KUBE_HOW_LOCAL;
}

static struct kube_decision again(enum kube_action action, int64_t wait_ms, int64_t left_ms)
{
	struct kube_decision d = { KUBE_ACTION_DONE, 0, false, false };

	/* there must be time for the answer too, else the caller learns more from this one */
	if (wait_ms < left_ms) {
		d.action = action;
		d.wait_ms = wait_ms;
	}
	return d;
}

static struct kube_decision answered(const struct kube_outcome *o)
{
	struct kube_decision d = { KUBE_ACTION_DONE, 0, false, false };
	/* authentication and fairness come before anything is done */
	bool untouched = o->status == 401 || o->status == 429;

	if (o->status == 401 && !o->refreshed)
		d = again(KUBE_ACTION_REFRESH, 0, o->left_ms);
	else if ((o->status == 429 || (o->status >= 500 && o->idempotent)) && o->retry_ms > 0 &&
		 o->asked < KUBE_RETRY_ASKED)
		d = again(KUBE_ACTION_ASKED, o->retry_ms, o->left_ms);
	d.unsent = untouched;
	/* the server says GOAWAY with each 401 (2.9) */
	d.reopen = o->status == 401;
	return d;
}

static struct kube_decision broken(const struct kube_outcome *o)
{
	struct kube_decision d = { KUBE_ACTION_DONE, 0, false, false };

	if ((o->idempotent || !o->sent) && o->broken < KUBE_RETRY_BROKEN)
		d = again(KUBE_ACTION_BROKEN,
			  o->broken == 0 ? 0 : BROKEN_WAIT_MS << (o->broken - 1), o->left_ms);
	d.unsent = !o->sent;
	d.reopen = true;
	return d;
}

struct kube_decision kube_retry_decide(const struct kube_outcome *o)
{
	struct kube_decision d = { KUBE_ACTION_DONE, 0, !o->sent, false };

	switch (o->how) {
	case KUBE_HOW_ANSWERED:
		return answered(o);
	case KUBE_HOW_CUT:
	case KUBE_HOW_BROKEN:
		return broken(o);
	case KUBE_HOW_UNCONNECTED:
	case KUBE_HOW_TIMEOUT:
		d.reopen = true;
		break;
	case KUBE_HOW_TOO_LARGE:
	case KUBE_HOW_STOPPED:
	case KUBE_HOW_LOCAL:
		break;
	}
	return d;
}
