/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/decode.h"

#include <string.h>

typedef const unsigned char *step_fn(struct kube_decode *d, const unsigned char *p,
				     const unsigned char *end);

enum { BETWEEN, FRAME, ENVELOPE, ITEMS, DONE, DEAD };
enum { FIRST, COMMA, ITEM }; /* what a list goes on with: an item or its end, ... */

#define ROOM_KEPT ((size_t)64 << 10) /* between two objects */

void kube_decode_init(struct kube_decode *d, enum kube_shape shape, size_t max,
		      const struct kube_decode_handler *h, void *ctx)
{
	*d = (struct kube_decode){ .shape = shape,
				   .state = BETWEEN,
				   .max = max,
				   .handler = h,
				   .ctx = ctx,
				   .frame = { .max = max + KUBE_DECODE_HEAD },
				   .rest = { .max = KUBE_DECODE_REST_MAX } };
}

void kube_decode_clear(struct kube_decode *d)
{
	buf_clear(&d->frame);
	buf_clear(&d->rest);
}

void kube_decode_stop(struct kube_decode *d)
{
	d->stopped = true;
}

static bool blank(unsigned char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Whether c opens (1) or closes (-1) a level.  Kinds of brackets are jansson's to compare. */
static int lex(struct kube_decode *d, unsigned char c)
{
	if (d->string) {
		if (d->escaped)
			d->escaped = false;
		else if (c == '\\')
			d->escaped = true;
		else if (c == '"')
			d->string = false;
		return 0;
	}
	switch (c) {
	case '"':
		d->string = true;
		return 0;
	case '{':
	case '[':
		d->depth++;
		return 1;
	case '}':
	case ']':
		d->depth--;
		return -1;
	default:
		return 0;
	}
}

static const unsigned char *dead(struct kube_decode *d, const unsigned char *end)
{
	d->state = DEAD;
	return end;
}

static void keep(struct kube_decode *d, const unsigned char *p, size_t n)
{
	d->bytes += n;
	if (d->large)
		return;
	if (d->frame.len + n <= d->max) {
		buf_put(&d->frame, p, n);
		return;
	}
	d->large = true;
	if (d->frame.len < KUBE_DECODE_HEAD)
		buf_put(&d->frame, p, n < KUBE_DECODE_HEAD ? n : KUBE_DECODE_HEAD);
	if (d->frame.len > KUBE_DECODE_HEAD)
		buf_truncate(&d->frame, KUBE_DECODE_HEAD);
}

static void pass_over(struct kube_decode *d, enum kube_passed_why why)
{
	const struct kube_passed p = { .why = why,
				       .bytes = d->bytes,
				       .head = buf_str(&d->frame),
				       .head_len = d->frame.len < KUBE_DECODE_HEAD
						       ? d->frame.len
						       : KUBE_DECODE_HEAD };

	d->handler->passed(d->ctx, &p);
}

static void hand_over(struct kube_decode *d)
{
	json_t *v = NULL;

	if (d->large) {
		pass_over(d, KUBE_TOO_LARGE);
	} else if (d->deep) {
		pass_over(d, KUBE_TOO_DEEP);
	} else if ((v = json_loadb((const char *)d->frame.data, d->frame.len,
				   JSON_REJECT_DUPLICATES, NULL)) == NULL) {
		pass_over(d, KUBE_UNREADABLE);
	} else {
		d->handler->object(d->ctx, v);
		json_decref(v);
	}
	if (d->frame.cap > ROOM_KEPT)
		buf_clear(&d->frame);
	else
		buf_reset(&d->frame);
}

static const unsigned char *open_frame(struct kube_decode *d, const unsigned char *p)
{
	d->state = FRAME;
	d->bytes = 0;
	d->large = d->deep = false;
	return p;
}

/* The level outside of an object: of events 0, of the items of a list 2. */
static size_t outside(const struct kube_decode *d)
{
	return d->shape == KUBE_LIST ? 2 : 0;
}

static const unsigned char *in_frame(struct kube_decode *d, const unsigned char *p,
				     const unsigned char *end)
{
	const unsigned char *from = p;

	while (p < end) {
		int level = lex(d, *p++);

		if (level > 0 && d->depth > outside(d) + KUBE_DECODE_DEPTH)
			d->deep = true;
		if (level < 0 && d->depth == outside(d)) {
			keep(d, from, (size_t)(p - from));
			d->state = d->shape == KUBE_LIST ? ITEMS : BETWEEN;
			d->next = COMMA;
			hand_over(d);
			return p;
		}
	}
	keep(d, from, (size_t)(p - from));
	return p;
}

static const unsigned char *between(struct kube_decode *d, const unsigned char *p,
				    const unsigned char *end)
{
	while (p < end && blank(*p))
		p++;
	if (p == end)
		return p;
	if (*p != '{')
		return dead(d, end);
	if (d->shape == KUBE_EVENTS)
		return open_frame(d, p);
	d->state = ENVELOPE;
	return p;
}

/* Whether the rest, as far as it came, ends with the name "items" and a colon. */
static bool at_items(const struct buf *rest)
{
	static const char name[] = "\"items\"";
	const unsigned char *begin = rest->data, *p = rest->data + rest->len;

	while (p > begin && blank(p[-1]))
		p--;
	if (p == begin || *--p != ':')
		return false;
	while (p > begin && blank(p[-1]))
		p--;
	if ((size_t)(p - begin) < sizeof(name) - 1 ||
	    memcmp(p - (sizeof(name) - 1), name, sizeof(name) - 1) != 0)
		return false;
	p -= sizeof(name) - 1;
	while (p > begin && blank(p[-1]))
		p--;
	return p > begin && (p[-1] == '{' || p[-1] == ',');
}

static const unsigned char *in_envelope(struct kube_decode *d, const unsigned char *p,
					const unsigned char *end)
{
	while (p < end) {
		unsigned char c = *p++;
		int level = lex(d, c);
		bool items = level > 0 && c == '[' && d->depth == 2 && at_items(&d->rest);

		if (buf_putc(&d->rest, c) < 0 || d->depth > KUBE_DECODE_DEPTH)
			return dead(d, end);
		if (items) {
			d->state = ITEMS;
			d->next = FIRST;
			return p;
		}
		if (level < 0 && d->depth == 0) {
			d->state = DONE;
			return p;
		}
	}
	return p;
}

static const unsigned char *in_items(struct kube_decode *d, const unsigned char *p,
				     const unsigned char *end)
{
	while (p < end && blank(*p))
		p++;
	if (p == end)
		return p;
	if (*p == '{' && d->next != COMMA)
		return open_frame(d, p);
	if (*p == ',' && d->next == COMMA) {
		d->next = ITEM;
		return p + 1;
	}
	if (*p != ']' || d->next == ITEM)
		return dead(d, end);
	d->depth--;
	d->state = ENVELOPE;
	return buf_putc(&d->rest, *p) < 0 ? dead(d, end) : p + 1;
}

static const unsigned char *done(struct kube_decode *d, const unsigned char *p,
				 const unsigned char *end)
{
	while (p < end && blank(*p))
		p++;
	return p == end ? p : dead(d, end);
}

int kube_decode_feed(struct kube_decode *d, const void *data, size_t len)
{
	static step_fn *const steps[] = { [BETWEEN] = between,
					  [FRAME] = in_frame,
					  [ENVELOPE] = in_envelope,
					  [ITEMS] = in_items,
					  [DONE] = done };
	const unsigned char *p = data, *end = p + len;

	while (p < end && d->state != DEAD && !d->stopped)
		p = steps[d->state](d, p, end);
	return d->state == DEAD ? -1 : 0;
}

bool kube_decode_whole(const struct kube_decode *d)
{
	return d->state == (d->shape == KUBE_LIST ? DONE : BETWEEN);
}

json_t *kube_decode_rest(const struct kube_decode *d)
{
	json_t *v = NULL;

	if (d->state != DONE)
		return NULL;
	v = json_loadb((const char *)d->rest.data, d->rest.len, JSON_REJECT_DUPLICATES, NULL);
	if (v != NULL && !json_is_object(v)) {
		json_decref(v);
		v = NULL;
	}
	return v;
}
