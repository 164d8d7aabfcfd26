/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/wire.h"

#include <string.h>

#include "base/mem.h"

/* A place in a message; the first failure sticks and everything after it reads as empty. */
struct reader {
	const unsigned char *at;
	size_t left;
	bool failed;
	struct err *err;
};

static const char *const types[] = { TYPE_OPAQUE, TYPE_DOCKER, TYPE_TLS, TYPE_SSH, TYPE_BASIC };

/* An opener says these and no other; the rest of the classes are the agent's own. */
static const enum err_class answer_classes[] = { ERR_NONE,    ERR_INVALID, ERR_NOKEY,
						 ERR_REFUSED, ERR_IO,	   ERR_INTERNAL };

static void put_u32(struct buf *out, size_t v)
{
	const unsigned char b[4] = { (unsigned char)(v >> 24), (unsigned char)(v >> 16),
				     (unsigned char)(v >> 8), (unsigned char)v };

	buf_put(out, b, sizeof(b));
}

static void put_bytes(struct buf *out, const void *data, size_t len)
{
	put_u32(out, len);
	buf_put(out, data, len);
}

static void put_string(struct buf *out, const char *s)
{
	put_bytes(out, s, strlen(s));
}

static void put_kv(struct buf *out, const struct kv *kv)
{
	put_u32(out, kv->n);
	for (size_t i = 0; i < kv->n; i++) {
		put_string(out, kv->items[i].name);
		put_bytes(out, kv->items[i].data, kv->items[i].len);
	}
}

static void put_error(struct buf *out, const struct err *e)
{
	buf_putc(out, (unsigned char)e->class);
	put_string(out, e->text);
}

static bool fail(struct reader *r, const char *what, const char *why)
{
	if (!r->failed)
		err_set(r->err, ERR_INVALID, "message: %s: %s", what, why);
	r->failed = true;
	r->left = 0;
	return false;
}

static const unsigned char *take(struct reader *r, size_t len, const char *what)
{
	const unsigned char *at = r->at;

	if (r->failed || len > r->left) {
		fail(r, what, "cut short");
		return NULL;
	}
	r->at += len;
	r->left -= len;
	return at;
}

static unsigned get_u8(struct reader *r, const char *what)
{
	const unsigned char *b = take(r, 1, what);

	return b == NULL ? 0 : b[0];
}

static uint32_t get_u32(struct reader *r, const char *what)
{
	const unsigned char *b = take(r, 4, what);

	return b == NULL ? 0
			 : (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Each item takes at least four bytes, so a count can never ask for more memory than was sent. */
static size_t get_count(struct reader *r, size_t max, const char *what)
{
	size_t n = get_u32(r, what);

	if (n > max || n > r->left / 4) {
		fail(r, what, "too many");
		return 0;
	}
	return n;
}

static const unsigned char *get_bytes(struct reader *r, size_t *len, const char *what)
{
	*len = get_u32(r, what);
	return take(r, *len, what);
}

/* A new string, or NULL. */
static char *get_string(struct reader *r, size_t max, const char *what)
{
	size_t len;
	const unsigned char *s = get_bytes(r, &len, what);

	if (s == NULL)
		return NULL;
	if (len > max) {
		fail(r, what, "too long");
		return NULL;
	}
	if (memchr(s, '\0', len) != NULL) {
		fail(r, what, "holds a NUL byte");
		return NULL;
	}
	return mem_strn((const char *)s, len);
}

static void get_kv_item(struct reader *r, struct kv *kv, bool text, const char *what)
{
	char *name = get_string(r, WIRE_NAME_MAX, what);
	size_t len;
	const unsigned char *value = get_bytes(r, &len, what);

	if (name == NULL || value == NULL)
		goto out;
	if (kv->n != 0 && strcmp(kv->items[kv->n - 1].name, name) >= 0)
		fail(r, what, "not in order");
	else if (text && memchr(value, '\0', len) != NULL)
		fail(r, what, "holds a NUL byte");
	else
		kv_set(kv, name, value, len);
out:
	mem_free(name);
}

static void get_kv(struct reader *r, struct kv *kv, bool text, const char *what)
{
	size_t n = get_count(r, WIRE_ITEMS_MAX, what);

	for (size_t i = 0; i < n && !r->failed; i++)
		get_kv_item(r, kv, text, what);
}

static const char *get_type(struct reader *r)
{
	char *text = get_string(r, WIRE_NAME_MAX, "type");
	const char *type = NULL;

	if (text == NULL)
		return NULL;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i], text) == 0)
			type = types[i];
	if (type == NULL)
		fail(r, "type", "not a known one");
	mem_free(text);
	return type;
}

static const struct kind *get_kind(struct reader *r)
{
	char *name = get_string(r, WIRE_NAME_MAX, "kind");
	const struct kind *kind = name == NULL ? NULL : kind_find(name);

	if (name != NULL && kind == NULL)
		fail(r, "kind", "not a known one");
	mem_free(name);
	return kind;
}

static void get_error(struct reader *r, struct err *e)
{
	unsigned class = get_u8(r, "result");
	char *text = get_string(r, ERR_TEXT_MAX - 1, "error text");
	bool known = false;

	for (size_t i = 0; i < sizeof(answer_classes) / sizeof(answer_classes[0]); i++)
		known = known || answer_classes[i] == (enum err_class) class;
	if (text == NULL)
		return;
	if (!known)
		fail(r, "result", "not a known one");
	else if ((class == ERR_NONE) != (text[0] == '\0'))
		fail(r, "result", "disagrees with its text");
	else if (class != ERR_NONE)
		err_set(e, (enum err_class) class, "%s", text);
	mem_free(text);
}

static void get_notes(struct reader *r, struct notes *notes)
{
	size_t n = get_count(r, WIRE_NOTES_MAX, "notes");

	for (size_t i = 0; i < n && !r->failed; i++) {
		char *text = get_string(r, ERR_TEXT_MAX - 1, "notes");

		if (text != NULL)
			note_add(notes, "%s", text);
		mem_free(text);
	}
}

static struct reader begin(const void *data, size_t len, size_t max, struct err *err)
{
	struct reader r = { .at = data, .left = len, .err = err };

	if (len > max)
		fail(&r, "length", "above the limit");
	else if (get_u8(&r, "version") != WIRE_VERSION)
		fail(&r, "version", "not the one of this program");
	return r;
}

static int end(struct reader *r)
{
	if (!r->failed && r->left != 0)
		fail(r, "end", "something follows it");
	return r->failed ? -1 : 0;
}

/* buf_put remembers the first byte that did not fit. */
static int finish(struct buf *out, size_t start, size_t max, struct err *err)
{
	if (!out->truncated && out->len - start <= max)
		return 0;
	buf_truncate(out, start);
	return err_set(err, ERR_INVALID,
		       "the message to or from the opener would be larger than %zu bytes", max);
}

static void put_part(struct buf *out, const struct document_part *p)
{
	put_string(out, p->name);
	put_kv(out, &p->recipients);
	put_kv(out, &p->facts);
	put_bytes(out, p->age.data, p->age.len);
}

int wire_put_document(struct buf *out, const struct document *d, struct err *err)
{
	size_t start = out->len;

	buf_putc(out, WIRE_VERSION);
	put_string(out, d->namespace);
	put_string(out, d->name);
	put_string(out, d->kind->name);
	buf_putc(out, (unsigned char)d->policy);
	put_string(out, d->type);
	put_kv(out, &d->labels);
	put_kv(out, &d->annotations);
	put_u32(out, d->n);
	for (size_t i = 0; i < d->n; i++)
		put_part(out, &d->parts[i]);
	put_u32(out, d->n_signatures);
	for (size_t i = 0; i < d->n_signatures; i++)
		put_string(out, d->signatures[i]);
	return finish(out, start, WIRE_REQUEST_MAX, err);
}

static void get_part(struct reader *r, struct document_part *p)
{
	size_t len;
	const unsigned char *age;

	p->name = get_string(r, WIRE_NAME_MAX, "part");
	get_kv(r, &p->recipients, true, "recipients");
	get_kv(r, &p->facts, true, "facts");
	age = get_bytes(r, &len, "age file");
	if (age != NULL)
		buf_put(&p->age, age, len);
}

static void get_parts(struct reader *r, struct document *d)
{
	size_t n = get_count(r, DOCUMENT_PARTS_MAX, "parts");

	d->parts = mem_array(n, sizeof(*d->parts));
	while (d->n < n && !r->failed) {
		struct document_part *p = &d->parts[d->n++];

		get_part(r, p);
		if (!r->failed && d->n > 1 && strcmp(p[-1].name, p->name) >= 0)
			fail(r, "parts", "not in order");
	}
}

static void get_signatures(struct reader *r, struct document *d)
{
	size_t n = get_count(r, DOCUMENT_SIGNATURES_MAX, "signatures");

	if (n == 0)
		return;
	d->signatures = mem_array(n, sizeof(*d->signatures));
	while (d->n_signatures < n && !r->failed)
		d->signatures[d->n_signatures++] =
		    get_string(r, DOCUMENT_SIGNATURE_MAX, "signatures");
}

int wire_get_document(const void *data, size_t len, struct document *out, struct err *err)
{
	struct reader r = begin(data, len, WIRE_REQUEST_MAX, err);

	out->namespace = get_string(&r, WIRE_NAME_MAX, "namespace");
	out->name = get_string(&r, WIRE_NAME_MAX, "name");
	out->kind = get_kind(&r);
	out->policy = (enum document_policy)get_u8(&r, "policy");
	if (out->policy > POLICY_RETAIN)
		fail(&r, "policy", "not a known one");
	out->type = get_type(&r);
	get_kv(&r, &out->labels, true, "labels");
	get_kv(&r, &out->annotations, true, "annotations");
	get_parts(&r, out);
	get_signatures(&r, out);
	if (end(&r) == 0)
		return 0;
	document_clear(out);
	*out = (struct document)DOCUMENT_INIT;
	return -1;
}

static void put_notes(struct buf *out, const struct notes *notes)
{
	size_t n = notes->n < WIRE_NOTES_MAX ? notes->n : WIRE_NOTES_MAX;

	put_u32(out, n);
	for (size_t i = 0; i < n; i++)
		put_string(out, notes->text[i]);
}

int wire_put_answer(struct buf *out, const struct wire_answer *a, struct err *err)
{
	size_t start = out->len;

	buf_putc(out, WIRE_VERSION);
	put_error(out, &a->err);
	put_notes(out, &a->notes);
	if (a->err.class == ERR_NONE) {
		put_string(out, a->secret.type);
		put_kv(out, &a->secret.data);
		put_kv(out, &a->secret.facts);
		put_kv(out, &a->key_ids);
	}
	return finish(out, start, WIRE_ANSWER_MAX, err);
}

int wire_get_answer(const void *data, size_t len, struct wire_answer *out, struct err *err)
{
	struct reader r = begin(data, len, WIRE_ANSWER_MAX, err);

	get_error(&r, &out->err);
	get_notes(&r, &out->notes);
	if (!r.failed && out->err.class == ERR_NONE) {
		out->secret.type = get_type(&r);
		get_kv(&r, &out->secret.data, false, "data");
		get_kv(&r, &out->secret.facts, true, "facts");
		get_kv(&r, &out->key_ids, true, "key ids");
	}
	if (end(&r) == 0)
		return 0;
	wire_answer_clear(out);
	return -1;
}

void wire_answer_clear(struct wire_answer *a)
{
	kv_clear(&a->secret.data);
	kv_clear(&a->secret.facts);
	kv_clear(&a->key_ids);
	notes_clear(&a->notes);
	*a = (struct wire_answer)WIRE_ANSWER_INIT;
}

int wire_put_hello(struct buf *out, const struct wire_hello *h, struct err *err)
{
	size_t start = out->len;

	buf_putc(out, WIRE_VERSION);
	put_error(out, &h->err);
	put_kv(out, &h->keys);
	put_kv(out, &h->recipients);
	put_u32(out, h->bad);
	put_u32(out, h->landlock);
	return finish(out, start, WIRE_ANSWER_MAX, err);
}

int wire_get_hello(const void *data, size_t len, struct wire_hello *out, struct err *err)
{
	struct reader r = begin(data, len, WIRE_ANSWER_MAX, err);

	get_error(&r, &out->err);
	get_kv(&r, &out->keys, true, "keys");
	get_kv(&r, &out->recipients, true, "recipients");
	out->bad = get_u32(&r, "bad keys");
	out->landlock = get_u32(&r, "landlock");
	if (end(&r) == 0)
		return 0;
	wire_hello_clear(out);
	return -1;
}

void wire_hello_clear(struct wire_hello *h)
{
	kv_clear(&h->keys);
	kv_clear(&h->recipients);
	*h = (struct wire_hello)WIRE_HELLO_INIT;
}
