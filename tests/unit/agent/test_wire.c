/* SPDX-License-Identifier: Apache-2.0 */
/* Requests, answers and hellos as bytes: there and back, and everything else refused. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "agent/wire.h"
#include "base/err.h"
#include "base/mem.h"

static void make_document(struct document *d)
{
	struct document_part *p;

	*d = (struct document)DOCUMENT_INIT;
	d->name = mem_str("app-env");
	d->namespace = mem_str("foobar");
	d->kind = kind_find("opaque");
	d->policy = POLICY_RETAIN;
	d->type = TYPE_OPAQUE;
	kv_set_str(&d->labels, "app", "a");
	kv_set_str(&d->labels, "team", "b");
	kv_set_str(&d->annotations, "example.org/note", "");
	p = document_part_add(d, "alpha");
	kv_set_str(&p->recipients, "eu", "0123456789abcdef0123456789abcdef");
	kv_set_str(&p->facts, "sealed-at", "2026-11-23T08:00:00Z");
	buf_put(&p->age, "age\0file", 8);
	p = document_part_add(d, "beta");
	kv_set_str(&p->recipients, "eu", "0123456789abcdef0123456789abcdef");
	kv_set_str(&p->recipients, "us", "00000000000000000000000000000000");
	d->signatures = mem_array(2, sizeof(*d->signatures));
	d->signatures[d->n_signatures++] = mem_str("one");
	d->signatures[d->n_signatures++] = mem_str("two");
}

static void encode(const struct document *d, struct buf *out)
{
	buf_reset(out);
	assert_int_equal(wire_put_document(out, d, NULL), 0);
}

static void same_documents(const struct document *a, const struct document *b)
{
	assert_string_equal(a->name, b->name);
	assert_string_equal(a->namespace, b->namespace);
	assert_ptr_equal(a->kind, b->kind);
	assert_string_equal(a->type, b->type);
	assert_int_equal(a->policy, b->policy);
	assert_true(kv_equal(&a->labels, &b->labels));
	assert_true(kv_equal(&a->annotations, &b->annotations));
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++) {
		assert_string_equal(a->parts[i].name, b->parts[i].name);
		assert_true(kv_equal(&a->parts[i].recipients, &b->parts[i].recipients));
		assert_true(kv_equal(&a->parts[i].facts, &b->parts[i].facts));
		assert_int_equal(a->parts[i].age.len, b->parts[i].age.len);
		if (a->parts[i].age.len != 0)
			assert_memory_equal(a->parts[i].age.data, b->parts[i].age.data,
					    a->parts[i].age.len);
	}
	assert_int_equal(a->n_signatures, b->n_signatures);
	for (size_t i = 0; i < a->n_signatures; i++)
		assert_string_equal(a->signatures[i], b->signatures[i]);
}

static void empty_document(const struct document *d)
{
	assert_null(d->name);
	assert_null(d->namespace);
	assert_null(d->kind);
	assert_null(d->type);
	assert_null(d->parts);
	assert_null(d->labels.items);
	assert_null(d->annotations.items);
	assert_null(d->signatures);
	assert_int_equal(d->n + d->n_signatures + d->labels.n + d->annotations.n, 0);
}

static void test_document_there_and_back(void **state)
{
	struct document d, back = DOCUMENT_INIT;
	struct buf one = BUF_INIT, two = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	make_document(&d);
	encode(&d, &one);
	assert_int_equal(wire_get_document(one.data, one.len, &back, &err), 0);
	same_documents(&d, &back);
	encode(&back, &two);
	assert_int_equal(one.len, two.len);
	assert_memory_equal(one.data, two.data, one.len);
	document_clear(&back);
	document_clear(&d);

	/* the least there is */
	d.name = mem_str("");
	d.namespace = mem_str("");
	d.kind = kind_find("opaque");
	d.type = TYPE_TLS;
	encode(&d, &one);
	assert_int_equal(wire_get_document(one.data, one.len, &back, &err), 0);
	same_documents(&d, &back);
	document_clear(&back);
	document_clear(&d);
	buf_clear(&one);
	buf_clear(&two);
}

static void test_document_cut_or_followed(void **state)
{
	struct document d, back = DOCUMENT_INIT;
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	make_document(&d);
	encode(&d, &b);
	for (size_t i = 0; i < b.len; i++) {
		char *exact = mem_strn((const char *)b.data, i);

		assert_int_equal(wire_get_document(exact, i, &back, &err), -1);
		assert_int_equal(err.class, ERR_INVALID);
		empty_document(&back);
		mem_free(exact);
	}
	buf_putc(&b, 0);
	assert_int_equal(wire_get_document(b.data, b.len, &back, &err), -1);
	assert_string_equal(err.text, "message: end: something follows it");
	empty_document(&back);
	document_clear(&d);
	buf_clear(&b);
}

struct change {
	const char *from, *to;
	size_t from_len, to_len;
	const char *text; /* of the error */
};

/* bytes with NULs in them, and their length */
#define BYTES(a, b) a, b, sizeof(a) - 1, sizeof(b) - 1

static void apply(struct buf *b, const struct change *c)
{
	unsigned char *at = memmem(b->data, b->len, c->from, c->from_len);

	assert_non_null(at);
	assert_int_equal(buf_splice(b, (size_t)(at - b->data), c->from_len, c->to, c->to_len), 0);
}

static void test_document_refused(void **state)
{
	static const struct change changes[] = {
		{ BYTES("\1\0\0\0\6foobar", "\2\0\0\0\6foobar"), "version: not the one" },
		{ BYTES("\6foobar", "\6foo\0ar"), "namespace: holds a NUL byte" },
		{ BYTES("\7app-env", "\7app\0env"), "name: holds a NUL byte" },
		{ BYTES("\0\0\0\7app-env", "\xff\xff\xff\xff"
					   "app-env"),
		  "name: cut short" },
		{ BYTES("\6opaque", "\6opaquE"), "kind: not a known one" },
		{ BYTES("opaque\2", "opaque\3"), "policy: not a known one" },
		{ BYTES("opaque\2", "opaque\xff"), "policy: not a known one" },
		{ BYTES("\6Opaque", "\6opaque"), "type: not a known one" },
		{ BYTES("\3app\0\0\0\1a", "\3zpp\0\0\0\1a"), "labels: not in order" },
		{ BYTES("\4team", "\3app"), "labels: not in order" },
		{ BYTES("\3app\0\0\0\1a", "\3a\0p\0\0\0\1a"), "labels: holds a NUL byte" },
		{ BYTES("\3app\0\0\0\1a", "\3app\0\0\0\1\0"), "labels: holds a NUL byte" },
		{ BYTES("Opaque\0\0\0\2", "Opaque\0\0\xff\xff"), "labels: too many" },
		{ BYTES("Opaque\0\0\0\2", "Opaque\xff\xff\xff\xff"), "labels: too many" },
		{ BYTES("\5alpha", "\5gamma"), "parts: not in order" },
		{ BYTES("\4beta", "\5alpha"), "parts: not in order" },
		{ BYTES("\5alpha", "\5al\0ha"), "part: holds a NUL byte" },
		{ BYTES("\0\0\0\2\0\0\0\5alpha", "\0\0\1\1\0\0\0\5alpha"), "parts: too many" },
		{ BYTES("\0\0\0\2\0\0\0\5alpha", "\0\0\1\0\0\0\0\5alpha"), "parts: too many" },
		{ BYTES("\0\0\0\2\0\0\0\3one", "\0\0\0\x9\0\0\0\3one"), "signatures: too many" },
		{ BYTES("\3two", "\3t\0o"), "signatures: holds a NUL byte" },
	};
	struct document d, back = DOCUMENT_INIT;
	struct buf b = BUF_INIT;

	(void)state;
	make_document(&d);
	for (size_t i = 0; i < COUNT(changes); i++) {
		struct err err = ERR_INIT;

		encode(&d, &b);
		apply(&b, &changes[i]);
		assert_int_equal(wire_get_document(b.data, b.len, &back, &err), -1);
		assert_int_equal(err.class, ERR_INVALID);
		if (strstr(err.text, changes[i].text) == NULL)
			fail_msg("case %zu: \"%s\" instead of \"%s\"", i, err.text,
				 changes[i].text);
		empty_document(&back);
	}
	document_clear(&d);
	buf_clear(&b);
}

static char *repeat(size_t n)
{
	char *s = mem_alloc(n);

	memset(s, 'x', n);
	return s;
}

static void test_document_limits(void **state)
{
	struct document d, back = DOCUMENT_INIT;
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	char *big;

	(void)state;
	make_document(&d);
	mem_free(d.name);
	d.name = repeat(WIRE_NAME_MAX);
	encode(&d, &b);
	assert_int_equal(wire_get_document(b.data, b.len, &back, &err), 0);
	document_clear(&back);
	mem_free(d.name);
	d.name = repeat(WIRE_NAME_MAX + 1);
	encode(&d, &b);
	assert_int_equal(wire_get_document(b.data, b.len, &back, &err), -1);
	assert_string_equal(err.text, "message: name: too long");

	mem_free(d.name);
	d.name = mem_str("n");
	while (d.n < DOCUMENT_PARTS_MAX) {
		char *name = mem_printf("part%zu", d.n);

		document_part_add(&d, name);
		mem_free(name);
	}
	encode(&d, &b);
	assert_int_equal(wire_get_document(b.data, b.len, &back, &err), 0);
	assert_int_equal(back.n, DOCUMENT_PARTS_MAX);
	document_clear(&back);
	document_part_add(&d, "one-more");
	encode(&d, &b);
	assert_int_equal(wire_get_document(b.data, b.len, &back, &err), -1);
	assert_string_equal(err.text, "message: parts: too many");

	big = repeat(WIRE_REQUEST_MAX);
	buf_put(&d.parts[0].age, big, WIRE_REQUEST_MAX);
	buf_reset(&b);
	buf_puts(&b, "before");
	assert_int_equal(wire_put_document(&b, &d, &err), -1);
	assert_int_equal(err.class, ERR_INVALID);
	assert_string_equal(buf_str(&b), "before");
	big[0] = WIRE_VERSION;
	assert_int_equal(wire_get_document(big, WIRE_REQUEST_MAX + 1, &back, &err), -1);
	assert_string_equal(err.text, "message: length: above the limit");
	mem_free(big);
	document_clear(&d);
	buf_clear(&b);
}

static void make_answer(struct wire_answer *a)
{
	*a = (struct wire_answer)WIRE_ANSWER_INIT;
	a->secret.type = TYPE_TLS;
	kv_set(&a->secret.data, "tls.crt", "a\0b", 3);
	kv_set(&a->secret.data, "tls.key", "", 0);
	kv_set_str(&a->secret.facts, "issuer", "someone");
	kv_set_str(&a->key_ids, "0123456789abcdef0123456789abcdef", "");
	note_add(&a->notes, "the first note");
	note_add(&a->notes, "the second");
}

static void empty_answer(const struct wire_answer *a)
{
	assert_int_equal(a->err.class, ERR_NONE);
	assert_string_equal(a->err.text, "");
	assert_null(a->secret.type);
	assert_null(a->secret.data.items);
	assert_null(a->secret.facts.items);
	assert_null(a->key_ids.items);
	assert_int_equal(a->notes.n, 0);
}

static void test_answer_there_and_back(void **state)
{
	struct wire_answer a, back = WIRE_ANSWER_INIT;
	struct buf b = BUF_INIT, again = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	make_answer(&a);
	assert_int_equal(wire_put_answer(&b, &a, &err), 0);
	assert_int_equal(wire_get_answer(b.data, b.len, &back, &err), 0);
	assert_int_equal(back.err.class, ERR_NONE);
	assert_string_equal(back.secret.type, TYPE_TLS);
	assert_true(kv_equal(&back.secret.data, &a.secret.data));
	assert_true(kv_equal(&back.secret.facts, &a.secret.facts));
	assert_true(kv_equal(&back.key_ids, &a.key_ids));
	assert_int_equal(back.notes.n, 2);
	assert_string_equal(back.notes.text[1], "the second");
	assert_int_equal(wire_put_answer(&again, &back, &err), 0);
	assert_int_equal(b.len, again.len);
	assert_memory_equal(b.data, again.data, b.len);
	wire_answer_clear(&back);
	for (size_t i = 0; i < b.len; i++) {
		assert_int_equal(wire_get_answer(b.data, i, &back, &err), -1);
		empty_answer(&back);
	}
	buf_clear(&again);
	buf_clear(&b);
	wire_answer_clear(&a);
}

/* An error answer carries no Secret, even when one is there. */
static void test_answer_error(void **state)
{
	static const enum err_class sent[] = { ERR_INVALID, ERR_NOKEY, ERR_REFUSED, ERR_IO,
					       ERR_INTERNAL };
	struct wire_answer a, back = WIRE_ANSWER_INIT;
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	make_answer(&a);
	for (size_t i = 0; i < COUNT(sent); i++) {
		err_set(&a.err, sent[i], "reason %zu", i);
		buf_reset(&b);
		assert_int_equal(wire_put_answer(&b, &a, &err), 0);
		assert_null(memmem(b.data, b.len, "tls.key", 7));
		assert_int_equal(wire_get_answer(b.data, b.len, &back, &err), 0);
		assert_int_equal(back.err.class, sent[i]);
		assert_string_equal(back.err.text, a.err.text);
		assert_int_equal(back.secret.data.n, 0);
		assert_int_equal(back.notes.n, 2);
		wire_answer_clear(&back);
	}
	buf_clear(&b);
	wire_answer_clear(&a);
}

static void test_answer_refused(void **state)
{
	static const struct change changes[] = {
		{ BYTES("\1\0", "\2\0"), "version" },
		{ BYTES("\1\0\0\0\0\0", "\1\x8\0\0\0\0"), "result: not a known one" },
		{ BYTES("\1\0\0\0\0\0", "\1\x2\0\0\0\0"), "result: not a known one" },
		{ BYTES("\1\0\0\0\0\0", "\1\xff\0\0\0\0"), "result: not a known one" },
		{ BYTES("\1\0\0\0\0\0", "\1\3\0\0\0\0"), "result: disagrees" },
		{ BYTES("\1\0\0\0\0\0", "\1\0\0\0\0\1x"), "result: disagrees" },
		{ BYTES("\0\0\0\2\0\0\0\x0e", "\xff\0\0\2\0\0\0\x0e"), "notes: too many" },
		{ BYTES("the first", "the\0first"), "notes: holds a NUL byte" },
		{ BYTES("kubernetes.io/tls", "kubernetes.io/tlS"), "type: not a known one" },
		{ BYTES("tls.crt", "tls.zzz"), "data: not in order" },
		{ BYTES("issuer\0\0\0\7s", "issuer\0\0\0\7\0"), "facts: holds a NUL byte" },
		{ BYTES("\0\0\0\1\0\0\0\x20", "\0\0\x20\0\0\0\0\x20"), "key ids: too many" },
	};
	struct wire_answer a, back = WIRE_ANSWER_INIT;
	struct buf b = BUF_INIT;

	(void)state;
	make_answer(&a);
	for (size_t i = 0; i < COUNT(changes); i++) {
		struct err err = ERR_INIT;

		buf_reset(&b);
		assert_int_equal(wire_put_answer(&b, &a, &err), 0);
		apply(&b, &changes[i]);
		assert_int_equal(wire_get_answer(b.data, b.len, &back, &err), -1);
		if (strstr(err.text, changes[i].text) == NULL)
			fail_msg("case %zu: \"%s\" instead of \"%s\"", i, err.text,
				 changes[i].text);
		empty_answer(&back);
	}
	buf_clear(&b);
	wire_answer_clear(&a);
}

static void test_answer_limits(void **state)
{
	struct wire_answer a = WIRE_ANSWER_INIT, back = WIRE_ANSWER_INIT;
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	char *big = repeat(WIRE_ANSWER_MAX);

	(void)state;
	err_set(&a.err, ERR_NOKEY, "none");
	for (size_t i = 0; i < WIRE_NOTES_MAX + 5; i++)
		note_add(&a.notes, "note");
	assert_int_equal(wire_put_answer(&b, &a, &err), 0);
	assert_int_equal(wire_get_answer(b.data, b.len, &back, &err), 0);
	assert_int_equal(back.notes.n, WIRE_NOTES_MAX);
	wire_answer_clear(&back);
	wire_answer_clear(&a);
	a.secret.type = TYPE_OPAQUE;
	kv_set(&a.secret.data, "k", big, WIRE_ANSWER_MAX);
	buf_reset(&b);
	assert_int_equal(wire_put_answer(&b, &a, &err), -1);
	assert_int_equal(b.len, 0);
	wire_answer_clear(&a);
	mem_free(big);
	buf_clear(&b);
}

static void test_hello(void **state)
{
	struct wire_hello h = WIRE_HELLO_INIT, back = WIRE_HELLO_INIT;
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	kv_set_str(&h.keys, "0123456789abcdef0123456789abcdef", "a.key");
	kv_set_str(&h.recipients, "0123456789abcdef0123456789abcdef", "age1x");
	h.bad = 3;
	h.landlock = 7;
	assert_int_equal(wire_put_hello(&b, &h, &err), 0);
	assert_int_equal(wire_get_hello(b.data, b.len, &back, &err), 0);
	assert_true(kv_equal(&h.keys, &back.keys));
	assert_true(kv_equal(&h.recipients, &back.recipients));
	assert_int_equal(back.bad, 3);
	assert_int_equal(back.landlock, 7);
	wire_hello_clear(&back);
	for (size_t i = 0; i < b.len; i++)
		assert_int_equal(wire_get_hello(b.data, i, &back, &err), -1);
	err_set(&h.err, ERR_INTERNAL, "no jail");
	buf_reset(&b);
	assert_int_equal(wire_put_hello(&b, &h, &err), 0);
	assert_int_equal(wire_get_hello(b.data, b.len, &back, &err), 0);
	assert_int_equal(back.err.class, ERR_INTERNAL);
	assert_string_equal(back.err.text, "no jail");
	wire_hello_clear(&back);
	wire_hello_clear(&h);
	buf_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_document_there_and_back),
		cmocka_unit_test(test_document_cut_or_followed),
		cmocka_unit_test(test_document_refused),
		cmocka_unit_test(test_document_limits),
		cmocka_unit_test(test_answer_there_and_back),
		cmocka_unit_test(test_answer_error),
		cmocka_unit_test(test_answer_refused),
		cmocka_unit_test(test_answer_limits),
		cmocka_unit_test(test_hello),
	};

	mem_init();
	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
