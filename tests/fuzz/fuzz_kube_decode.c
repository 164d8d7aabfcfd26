/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events and lists split anywhere.  The first byte chooses the shape, the largest object and how
 * the rest is cut; the same bytes in one piece must give the same objects and the same end.  What
 * jansson reads of the whole must be what was handed over.
 */
#include <string.h>

#include "base/buf.h"
#include "kube/decode.h"
#include "tests/fuzz/fuzz.h"

struct told {
	struct buf text;
	size_t max;
	json_t *objects;
	bool passed;
};

static void object(void *ctx, json_t *v)
{
	struct told *t = ctx;
	char *text = json_dumps(v, JSON_COMPACT);

	must(json_is_object(v));
	buf_printf(&t->text, "+%s\n", text);
	mem_free(text);
	json_array_append(t->objects, v);
}

static void passed(void *ctx, const struct kube_passed *p)
{
	struct told *t = ctx;

	must(p->head_len > 0 && p->head_len <= KUBE_DECODE_HEAD && p->head_len <= p->bytes);
	must(p->head[0] == '{');
	must((p->why == KUBE_TOO_LARGE) == (p->bytes > t->max));
	buf_printf(&t->text, "-%d %zu\n", p->why, p->bytes);
	t->passed = true;
}

static const struct kube_decode_handler handler = { object, passed };

static json_t *feed(struct told *t, enum kube_shape shape, const uint8_t *data, size_t size,
		    uint32_t cut)
{
	struct kube_decode d;
	json_t *rest;
	int r = 0;

	kube_decode_init(&d, shape, t->max, &handler, t);
	while (size > 0) {
		size_t n = cut == 0 ? size : 1 + cut % 13;

		n = n < size ? n : size;
		cut = cut == 0 ? 0 : cut * 1664525 + 1013904223;
		r = kube_decode_feed(&d, data, n);
		must(d.frame.len <= t->max + KUBE_DECODE_HEAD &&
		     d.rest.len <= KUBE_DECODE_REST_MAX);
		data += n;
		size -= n;
	}
	rest = kube_decode_rest(&d);
	must(rest == NULL || (r == 0 && kube_decode_whole(&d)));
	buf_printf(&t->text, "%d %d %d\n", r, kube_decode_whole(&d), rest != NULL);
	kube_decode_clear(&d);
	return rest;
}

/* A list that jansson reads as a whole has just the items that were handed over. */
static void same_list(const struct told *t, json_t *rest, const uint8_t *data, size_t size)
{
	json_t *all = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);

	if (all == NULL || rest == NULL || t->passed) {
		/* it can be whole without the decoder liking it (an item that is no object) */
		json_decref(all);
		return;
	}
	if (json_array_size(t->objects) > 0)
		must(json_equal(json_object_get(all, "items"), t->objects));
	json_object_del(all, "items");
	json_object_del(rest, "items");
	must(json_equal(all, rest));
	json_decref(all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct told one = { .text = BUF_INIT }, many = { .text = BUF_INIT };
	enum kube_shape shape;
	json_t *a, *b;

	if (size == 0 || size > 100000)
		return 0;
	shape = data[0] & 1 ? KUBE_LIST : KUBE_EVENTS;
	one.max = many.max = data[0] & 2 ? 4096 : 24;
	one.objects = json_array();
	many.objects = json_array();
	a = feed(&one, shape, data + 1, size - 1, 0);
	b = feed(&many, shape, data + 1, size - 1, data[0] / 4 + 1U);
	must(one.text.len == many.text.len);
	must(memcmp(buf_str(&one.text), buf_str(&many.text), one.text.len) == 0);
	must(json_equal(one.objects, many.objects));
	must((a == NULL) == (b == NULL) && (a == NULL || json_equal(a, b)));
	if (shape == KUBE_LIST)
		same_list(&one, a, data + 1, size - 1);
	json_decref(a);
	json_decref(b);
	json_decref(one.objects);
	json_decref(many.objects);
	buf_clear(&one.text);
	buf_clear(&many.text);
	return 0;
}
