/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/stream.h"

#include "base/mem.h"
#include "kube/lane.h"
#include "kube/transfer.h"

#define DEADLINE_MS ((int64_t)10 * 60 * 1000)
#define REFUSAL_MAX ((size_t)64 * 1024) /* bytes of an answer that is no 200: one Status */

struct kube_stream {
	struct kube_lane *lane;
	struct kube_stream_handler handler;
	void *ctx;
	bool open; /* its transfer is with the lane */
};

static void on_opened(struct kube_transfer *t)
{
	struct kube_stream *s = t->ctx;

	if (s->handler.opened != NULL)
		s->handler.opened(s->ctx);
}

static void on_data(struct kube_transfer *t, const char *bytes, size_t n)
{
	struct kube_stream *s = t->ctx;

	s->handler.data(s->ctx, bytes, n);
}

static enum kube_end end_of(const struct kube_transfer *t)
{
	if (t->status != 0 && t->status != 200)
		return KUBE_END_REFUSED;
	if (t->how == KUBE_HOW_ANSWERED)
		return KUBE_END_CLEAN;
	if (t->status == 0)
		return KUBE_END_UNREACHED;
	return t->how == KUBE_HOW_TIMEOUT ? KUBE_END_SILENT : KUBE_END_BROKEN;
}

static void on_done(struct kube_transfer *t)
{
	struct kube_stream *s = t->ctx;
	struct kube_answer a;

	s->open = false;
	kube_transfer_answer(t, &a);
	s->handler.end(s->ctx, end_of(t), &a);
}

struct kube_stream *kube_stream_open(struct kube_client *k, const struct kube_stream_options *o,
				     const struct kube_stream_handler *h, void *ctx)
{
	static const struct kube_transfer_owner owner = { on_opened, on_data, on_done };
	const struct kube_request r = { .method = "GET", .path = o->path };
	struct kube_stream *s = mem_alloc(sizeof(*s));
	struct kube_transfer *t = kube_transfer_new(&r);

	s->lane = kube_client_watches(k);
	s->handler = *h;
	s->ctx = ctx;
	s->open = true;
	if (o->accept != NULL) {
		mem_replace(&t->accept, o->accept);
	}
	t->stream = true;
	t->gzip = o->gzip;
	t->timeout_ms = o->deadline_ms > 0 ? o->deadline_ms : DEADLINE_MS;
	t->answer.max = REFUSAL_MAX;
	/* its owner decides when to ask again */
	t->asked = KUBE_RETRY_ASKED;
	t->broken = KUBE_RETRY_BROKEN;
	t->owner = &owner;
	t->ctx = s;
	kube_lane_add(s->lane, t);
	return s;
}

void kube_stream_doubt(struct kube_stream *s)
{
	if (s->open)
		kube_lane_doubt(s->lane);
}

void kube_stream_free(struct kube_stream *s)
{
	if (s == NULL)
		return;
	if (s->open)
		kube_lane_cancel(s->lane, s);
	mem_free(s);
}
