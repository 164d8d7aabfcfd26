/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/decode.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tests/unit/test.h"

#define MAX 4096

/* What was handed over, as JSON texts and "!why:bytes", each with a space before it. */
struct seen {
	struct buf text;
	struct kube_decode *stop; /* stop it at the next object */
};

static void object(void *ctx, json_t *v)
{
	struct seen *s = ctx;
	char *text = json_dumps(v, JSON_COMPACT | JSON_SORT_KEYS);

	buf_printf(&s->text, " %s", text);
	mem_free(text);
	if (s->stop != NULL)
		kube_decode_stop(s->stop);
}

static void passed(void *ctx, const struct kube_passed *p)
{
	static const char *const why[] = { [KUBE_TOO_LARGE] = "large",
					   [KUBE_TOO_DEEP] = "deep",
					   [KUBE_UNREADABLE] = "unreadable" };
	struct seen *s = ctx;

	assert_true(p->head_len > 0 && p->head_len <= KUBE_DECODE_HEAD && p->head[0] == '{');
	assert_true(p->head_len <= p->bytes);
	buf_printf(&s->text, " !%s:%zu", why[p->why], p->bytes);
	if (s->stop != NULL)
		kube_decode_stop(s->stop);
}

static const struct kube_decode_handler handler = { object, passed };

/* Feed text in pieces of `piece` bytes; the outcome in words goes to s. */
static void run(enum kube_shape shape, const char *text, size_t len, size_t piece, struct seen *s)
{
	struct kube_decode d;
	size_t at = 0;
	int r = 0;

	kube_decode_init(&d, shape, MAX, &handler, s);
	while (at < len && r == 0) {
		size_t n = len - at < piece ? len - at : piece;

		r = kube_decode_feed(&d, text + at, n);
		at += n;
	}
	buf_puts(&s->text, r < 0 ? " BROKEN" : kube_decode_whole(&d) ? " WHOLE" : " TORN");
	if (shape == KUBE_LIST) {
		json_t *rest = kube_decode_rest(&d);

		if (rest != NULL)
			object(s, rest);
		json_decref(rest);
	}
	kube_decode_clear(&d);
}

/* In one piece and in pieces of every small size the same must come out. */
static void check(enum kube_shape shape, const char *text, const char *want)
{
	size_t piece, len = strlen(text);

	for (piece = 1; piece <= len + 1; piece++) {
		struct seen s = { .text = BUF_INIT };

		run(shape, text, len, piece, &s);
		if (strcmp(buf_str(&s.text), want) != 0)
			fail_msg("%s\nin pieces of %zu:\n%s\nbut wanted:\n%s", text, piece,
				 buf_str(&s.text), want);
		buf_clear(&s.text);
	}
}

static const struct {
	const char *text, *want;
} events[] = {
	{ "", " WHOLE" },
	{ " \n\t\r", " WHOLE" },
	{ "{}", " {} WHOLE" },
	{ "{\"a\":1}\n{\"b\":2}\n", " {\"a\":1} {\"b\":2} WHOLE" },
	{ "{\"a\":1}{\"b\":2}", " {\"a\":1} {\"b\":2} WHOLE" },
	{ " {\n \"a\" : [ 1 , { } ] }\r\n\r\n {}", " {\"a\":[1,{}]} {} WHOLE" },
	/* brackets, quotes and escapes inside of strings are not structure */
	{ "{\"a\":\"}{][\"}{\"}\":\"\\\"}\"}", " {\"a\":\"}{][\"} {\"}\":\"\\\"}\"} WHOLE" },
	{ "{\"a\":\"\\\\\"}{\"b\":\"\\\\\\\"}\"}",
	  " {\"a\":\"\\\\\"} {\"b\":\"\\\\\\\"}\"} WHOLE" },
	{ "{\"a\":\"\303\244\\u00e4\"}", " {\"a\":\"\303\244\303\244\"} WHOLE" },
	/* one that cannot be read does not end the others */
	{ "{\"a\":\"\\u0000\"}{\"b\":2}", " !unreadable:14 {\"b\":2} WHOLE" },
	{ "{\"a\":1,\"a\":2}{\"b\":2}", " !unreadable:13 {\"b\":2} WHOLE" },
	{ "{a}{]{\"b\":2}", " !unreadable:3 !unreadable:2 {\"b\":2} WHOLE" },
	{ "{\"a\":\"\377\"}{}", " !unreadable:9 {} WHOLE" },
	/* what is not a stream of objects ends it */
	{ "{}x{}", " {} BROKEN" },
	{ "[]", " BROKEN" },
	{ "null", " BROKEN" },
	{ "{},{}", " {} BROKEN" },
	{ "}", " BROKEN" },
	{ "\357\273\277{}", " BROKEN" },
	/* an end inside of an object is told */
	{ "{", " TORN" },
	{ "{\"a\":1}\n{\"b\":", " {\"a\":1} TORN" },
	{ "{\"a\":\"}", " TORN" },
};

static void test_events(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(events); i++)
		check(KUBE_EVENTS, events[i].text, events[i].want);
}

static const struct {
	const char *text, *want;
} lists[] = {
	{ "{\"kind\":\"L\",\"items\":[]}", " WHOLE {\"items\":[],\"kind\":\"L\"}" },
	{ "{\"items\":[{\"a\":1}],\"kind\":\"L\"}\n",
	  " {\"a\":1} WHOLE {\"items\":[],\"kind\":\"L\"}" },
	{ " { \"k\" : [ {} ] , \"items\" : [ {\"a\":{\"items\":[{}]}} , {} ] , \"m\" : {} } ",
	  " {\"a\":{\"items\":[{}]}} {} WHOLE {\"items\":[],\"k\":[{}],\"m\":{}}" },
	{ "{\"items\":null}", " WHOLE {\"items\":null}" },
	{ "{}", " WHOLE {}" },
	/* only the list's own "items", and only a list, is handed over */
	{ "{\"m\":{\"items\":[{\"a\":1}]}}", " WHOLE {\"m\":{\"items\":[{\"a\":1}]}}" },
	{ "{\"x\":\"items\",\"y\":[{}]}", " WHOLE {\"x\":\"items\",\"y\":[{}]}" },
	{ "{\"x\\\"items\":[{}]}", " WHOLE {\"x\\\"items\":[{}]}" },
	{ "{\"a,\\\"items\":[{}]}", " WHOLE {\"a,\\\"items\":[{}]}" },
	{ "{\"items\":{\"a\":[]}}", " WHOLE {\"items\":{\"a\":[]}}" },
	/* one item does not end the others */
	{ "{\"items\":[{\"a\":\"\\u0000\"},{\"b\":2}]}",
	  " !unreadable:14 {\"b\":2} WHOLE {\"items\":[]}" },
	/* not a list, or none that is whole */
	{ "{\"items\":[{}{}]}", " {} BROKEN" },
	{ "{\"items\":[{},]}", " {} BROKEN" },
	{ "{\"items\":[,{}]}", " BROKEN" },
	{ "{\"items\":[{},,{}]}", " {} BROKEN" },
	{ "{\"items\":[1]}", " BROKEN" },
	{ "{\"items\":[null]}", " BROKEN" },
	{ "{\"items\":[[]]}", " BROKEN" },
	{ "{\"items\":[{}}", " {} BROKEN" },
	{ "{\"items\":[]}{}", " BROKEN" },
	{ "[]", " BROKEN" },
	{ "\"items\"", " BROKEN" },
	{ "{\"items\":[{\"a\":1}", " {\"a\":1} TORN" },
	{ "{\"items\":[{\"a\":1}]", " {\"a\":1} TORN" },
	{ "{\"items\":[],\"items\":[{}]}", " {} WHOLE" }, /* and no rest */
	{ "{\"items\":[],x}", " WHOLE" },
};

static void test_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(lists); i++)
		check(KUBE_LIST, lists[i].text, lists[i].want);
}

static void put_times(struct buf *b, const char *s, size_t n)
{
	while (n-- > 0)
		assert_int_equal(buf_puts(b, s), 0);
}

/* An object of exactly `bytes` bytes. */
static void put_sized(struct buf *b, size_t bytes)
{
	buf_puts(b, "{\"a\":\"");
	put_times(b, "x", bytes - 8);
	buf_puts(b, "\"}");
}

static void sized(enum kube_shape shape, const char *before, const char *after, const char *tail)
{
	size_t piece;
	struct buf text = BUF_INIT, want = BUF_INIT;

	buf_puts(&text, before);
	put_sized(&text, MAX);
	buf_puts(&text, after);
	put_sized(&text, MAX + 1);
	buf_puts(&text, after);
	put_sized(&text, (size_t)8 * MAX);
	buf_puts(&text, after);
	buf_puts(&text, tail);
	buf_putc(&want, ' ');
	put_sized(&want, MAX);
	buf_printf(&want, " !large:%d !large:%d {} WHOLE%s", MAX + 1, 8 * MAX,
		   shape == KUBE_LIST ? " {\"items\":[]}" : "");
	for (piece = 1; piece < text.len; piece = piece * 3 + 1) {
		struct seen s = { .text = BUF_INIT };

		run(shape, buf_str(&text), text.len, piece, &s);
		assert_string_equal(buf_str(&s.text), buf_str(&want));
		buf_clear(&s.text);
	}
	buf_clear(&text);
	buf_clear(&want);
}

static void test_sizes(void **state)
{
	(void)state;
	sized(KUBE_EVENTS, "", "\n", "{}");
	sized(KUBE_LIST, "{\"items\":[", ",", "{}]}");
}

/* What is passed over takes no memory, however long it is. */
static void test_bounded(void **state)
{
	struct seen s = { .text = BUF_INIT };
	struct kube_decode d;
	char block[4096];
	int i;

	(void)state;
	memset(block, '[', sizeof(block));
	kube_decode_init(&d, KUBE_EVENTS, MAX, &handler, &s);
	assert_int_equal(kube_decode_feed(&d, "{", 1), 0);
	for (i = 0; i < 1000; i++) {
		assert_int_equal(kube_decode_feed(&d, block, sizeof(block)), 0);
		assert_true(d.frame.cap <= 2 * (MAX + KUBE_DECODE_HEAD));
	}
	assert_false(kube_decode_whole(&d));
	memset(block, ']', sizeof(block));
	for (i = 0; i < 1000; i++)
		assert_int_equal(kube_decode_feed(&d, block, sizeof(block)), 0);
	assert_int_equal(kube_decode_feed(&d, "}{}", 3), 0);
	assert_true(kube_decode_whole(&d));
	assert_string_equal(buf_str(&s.text), " !large:8192002 {}");
	kube_decode_clear(&d);
	buf_clear(&s.text);
}

static void depth_is(size_t levels, const char *want)
{
	struct seen s = { .text = BUF_INIT };
	struct buf text = BUF_INIT;

	put_times(&text, "{\"a\":", levels - 1);
	buf_puts(&text, "{}");
	put_times(&text, "}", levels - 1);
	buf_puts(&text, "{\"b\":2}");
	run(KUBE_EVENTS, buf_str(&text), text.len, text.len, &s);
	assert_non_null(strstr(buf_str(&s.text), want));
	assert_non_null(strstr(buf_str(&s.text), " {\"b\":2} WHOLE"));
	buf_reset(&s.text);
	buf_splice(&text, text.len - 7, 7, "", 0);
	buf_splice(&text, 0, 0, "{\"items\":[", 10);
	buf_puts(&text, "]}");
	run(KUBE_LIST, buf_str(&text), text.len, 1, &s);
	assert_non_null(strstr(buf_str(&s.text), want));
	assert_non_null(strstr(buf_str(&s.text), " WHOLE {\"items\":[]}"));
	buf_clear(&s.text);
	buf_clear(&text);
}

static void test_depth(void **state)
{
	(void)state;
	depth_is(KUBE_DECODE_DEPTH, " {\"a\":{\"a\":");
	depth_is(KUBE_DECODE_DEPTH + 1, " !deep:");
}

/* A list's own part is bounded in bytes and depth too. */
static void test_rest_bounded(void **state)
{
	struct buf text = BUF_INIT;
	struct seen s = { .text = BUF_INIT };

	(void)state;
	buf_puts(&text, "{\"a\":\"");
	put_times(&text, "x", KUBE_DECODE_REST_MAX);
	buf_puts(&text, "\"}");
	run(KUBE_LIST, buf_str(&text), text.len, text.len, &s);
	assert_string_equal(buf_str(&s.text), " BROKEN");
	buf_reset(&s.text);
	buf_reset(&text);
	put_times(&text, "{\"a\":", KUBE_DECODE_DEPTH + 1);
	run(KUBE_LIST, buf_str(&text), text.len, text.len, &s);
	assert_string_equal(buf_str(&s.text), " BROKEN");
	buf_clear(&s.text);
	buf_clear(&text);
}

static void test_stop(void **state)
{
	static const char text[] = "{\"a\":1}{\"b\":2}x";
	struct seen s = { .text = BUF_INIT };
	struct kube_decode d;

	(void)state;
	kube_decode_init(&d, KUBE_EVENTS, MAX, &handler, &s);
	s.stop = &d;
	assert_int_equal(kube_decode_feed(&d, text, sizeof(text) - 1), 0);
	assert_int_equal(kube_decode_feed(&d, text, sizeof(text) - 1), 0);
	assert_string_equal(buf_str(&s.text), " {\"a\":1}");
	kube_decode_clear(&d);
	buf_clear(&s.text);
}

/* Nothing after the first byte that does not belong is looked at. */
static void test_dead(void **state)
{
	struct seen s = { .text = BUF_INIT };
	struct kube_decode d;

	(void)state;
	kube_decode_init(&d, KUBE_EVENTS, MAX, &handler, &s);
	assert_int_equal(kube_decode_feed(&d, "<html>", 6), -1);
	assert_int_equal(kube_decode_feed(&d, "{}", 2), -1);
	assert_false(kube_decode_whole(&d));
	assert_null(kube_decode_rest(&d));
	assert_string_equal(buf_str(&s.text), "");
	kube_decode_clear(&d);
	buf_clear(&s.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events), cmocka_unit_test(test_lists),
		cmocka_unit_test(test_sizes),  cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_depth),  cmocka_unit_test(test_rest_bounded),
		cmocka_unit_test(test_stop),   cmocka_unit_test(test_dead),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
