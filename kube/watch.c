/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/watch.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "kube/decode.h"
#include "kube/reflect.h"
#include "kube/stream.h"
#include "kube/timer.h"

#define OBJECT_MAX ((size_t)4 << 20)

struct kube_watch {
	struct kube_client *client;
	struct kube_watch_handler handler;
	void *ctx;
	char *path, *selector;
	size_t object_max;
	bool metadata_only, synced;
	struct kube_timer *timer;
	struct kube_stream *stream; /* NULL: no request is under way */
	struct kube_decode decode;  /* of the stream */
	struct kube_reflect reflect;
	bool busy;  /* one of its own functions runs, which cleans up at its end */
	bool drop;  /* the request is to be given up then */
	bool leave; /* and the watch freed */
};

static void drop_stream(struct kube_watch *w)
{
	w->drop = false;
	if (w->stream == NULL)
		return;
	kube_stream_free(w->stream);
	w->stream = NULL;
	kube_decode_clear(&w->decode);
}

static void destroy(struct kube_watch *w)
{
	drop_stream(w);
	kube_timer_free(w->timer);
	kube_reflect_clear(&w->reflect);
	mem_free(w->path);
	mem_free(w->selector);
	mem_free(w);
}

/* The owner may free the watch, or want a list, in each of its functions; both wait until here. */
static void settle(struct kube_watch *w)
{
	w->busy = false;
	if (w->leave) {
		destroy(w);
		return;
	}
	if (w->drop)
		drop_stream(w);
	kube_timer_set(w->timer, kube_reflect_due(&w->reflect));
}

static void give_up(struct kube_watch *w)
{
	if (w->stream == NULL)
		return;
	w->drop = true;
	kube_decode_stop(&w->decode);
}

static void act(struct kube_watch *w, const struct kube_verdict *v)
{
	const struct kube_watch_handler *h = &w->handler;

	if (v->silent && w->stream != NULL)
		kube_stream_doubt(w->stream);
	if (v->over)
		give_up(w);
	if (v->failed)
		h->failed(w->ctx, &v->answer);
	if (v->begin && !w->leave) {
		w->synced = false;
		h->begin(w->ctx);
	}
	if (v->show == KUBE_SHOW_OBJECT && !w->leave)
		h->object(w->ctx, v->object);
	if (v->show == KUBE_SHOW_DELETED && !w->leave)
		h->deleted(w->ctx, v->object);
	if (v->synced && !w->leave) {
		w->synced = true;
		h->synced(w->ctx);
	}
}

/* --- what the decoder hands over ----------------------------------------------------------------
 */

static void on_object(void *ctx, json_t *o)
{
	struct kube_watch *w = ctx;
	struct kube_verdict v;

	if (w->decode.shape == KUBE_LIST)
		kube_reflect_item(&w->reflect, clock_monotonic_ms(), o, &v);
	else
		kube_reflect_event(&w->reflect, clock_monotonic_ms(), o, &v);
	act(w, &v);
}

static void on_passed(void *ctx, const struct kube_passed *p)
{
	struct kube_watch *w = ctx;
	struct kube_verdict v;

	kube_reflect_passed(&w->reflect, clock_monotonic_ms(), p, &v);
	act(w, &v);
}

static const struct kube_decode_handler on_decoded = { on_object, on_passed };

/* --- what the stream brings ----------------------------------------------------------------------
 */

static void ended(struct kube_watch *w, enum kube_end how, const struct kube_answer *a)
{
	struct kube_verdict v;

	kube_reflect_end(&w->reflect, clock_monotonic_ms(), how, a, &v);
	act(w, &v);
}

static void broken(struct kube_watch *w, const char *message)
{
	const struct kube_answer a = {
		.status = 200, .reason = "Unreadable", .cause = "", .name = "", .message = message
	};

	ended(w, KUBE_END_BROKEN, &a);
}

static void page(struct kube_watch *w)
{
	json_t *rest = kube_decode_rest(&w->decode);
	struct kube_verdict v;

	kube_reflect_page(&w->reflect, clock_monotonic_ms(), rest, &v);
	act(w, &v);
	json_decref(rest);
}

static void on_opened(void *ctx)
{
	struct kube_watch *w = ctx;

	w->busy = true;
	if (!w->reflect.filling && w->handler.resumed != NULL && !w->drop)
		w->handler.resumed(w->ctx);
	settle(w);
}

static void on_data(void *ctx, const char *bytes, size_t n)
{
	struct kube_watch *w = ctx;

	w->busy = true;
	if (kube_decode_feed(&w->decode, bytes, n) < 0 && !w->drop)
		broken(w, "what came is no stream of JSON objects");
	settle(w);
}

static void on_end(void *ctx, enum kube_end how, const struct kube_answer *a)
{
	struct kube_watch *w = ctx;

	w->busy = true;
	if (how == KUBE_END_CLEAN && !kube_decode_whole(&w->decode))
		broken(w, "ended inside of an object");
	else if (how == KUBE_END_CLEAN && w->decode.shape == KUBE_LIST)
		page(w);
	else
		ended(w, how, a);
	settle(w);
}

static void request(struct kube_watch *w, int64_t now)
{
	static const struct kube_stream_handler handler = { on_opened, on_data, on_end };
	static const char *const metadata[] = {
		[KUBE_EVENTS] = KUBE_ACCEPT_METADATA, [KUBE_LIST] = KUBE_ACCEPT_METADATA_LIST
	};
	struct buf path = BUF_INIT;
	struct kube_asked asked;
	struct kube_stream_options o;

	buf_printf(&path, "%s?", w->path);
	if (w->selector != NULL)
		buf_printf(&path, "%s&", w->selector);
	asked = kube_reflect_ask(&w->reflect, now, &path);
	o = (struct kube_stream_options){ .path = buf_str(&path),
					  .accept = w->metadata_only ? metadata[asked.shape] : NULL,
					  .gzip = asked.shape == KUBE_LIST,
					  .deadline_ms = asked.limit_ms };
	kube_decode_init(&w->decode, asked.shape, w->object_max, &on_decoded, w);
	w->stream = kube_stream_open(w->client, &o, &handler, w);
	buf_clear(&path);
}

static void on_time(void *ctx, int64_t now)
{
	struct kube_watch *w = ctx;
	struct kube_verdict v;

	w->busy = true;
	if (w->stream != NULL) {
		kube_reflect_tick(&w->reflect, now, &v);
		act(w, &v);
	} else if (now >= kube_reflect_due(&w->reflect)) {
		request(w, now);
	}
	settle(w);
}

/* --- the owner's side
 * ----------------------------------------------------------------------------- */

struct kube_watch *kube_watch_new(struct kube_client *k, const struct kube_watch_options *o,
				  const struct kube_watch_handler *h, void *ctx)
{
	struct kube_watch *w = mem_alloc(sizeof(*w));
	int64_t now = clock_monotonic_ms();

	w->client = k;
	w->handler = *h;
	w->ctx = ctx;
	w->path = mem_str(o->path);
	w->selector = mem_str(o->selector);
	w->metadata_only = o->metadata_only;
	w->object_max = o->object_max == 0 ? OBJECT_MAX : o->object_max;
	kube_reflect_init(&w->reflect, o->full_ms, now);
	if (o->silent_ms != 0)
		w->reflect.silent_ms = o->silent_ms;
	w->timer = kube_timer_new(kube_client_timers(k), on_time, w);
	kube_timer_set(w->timer, now);
	return w;
}

void kube_watch_free(struct kube_watch *w)
{
	if (w == NULL)
		return;
	w->leave = true;
	if (w->busy)
		give_up(w);
	else
		destroy(w);
}

bool kube_watch_passed(const struct kube_answer *a)
{
	static const char head[] = "Object"; /* see kube_reflect_passed */

	return a->status == 200 && strncmp(a->reason, head, strlen(head)) == 0;
}

bool kube_watch_synced(const struct kube_watch *w)
{
	return w->synced;
}

void kube_watch_relist(struct kube_watch *w)
{
	if (kube_reflect_relist(&w->reflect, clock_monotonic_ms()))
		give_up(w);
	if (!w->busy)
		settle(w);
}

int64_t kube_watch_heard(const struct kube_watch *w)
{
	return w->reflect.heard_ms;
}
