/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes between agent and opener.  The first byte chooses request, answer or hello; the rest is
 * the message.  What is accepted must encode again to the same bytes, what is refused must leave
 * nothing behind, and an accepted document must be one that document_check can be asked about.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "agent/wire.h"
#include "base/err.h"

static void same(const struct buf *again, const uint8_t *data, size_t size)
{
	must(again->len == size && memcmp(again->data, data, size) == 0);
}

static void refused(const struct err *err)
{
	must(err->class == ERR_INVALID && strncmp(err->text, "message: ", 9) == 0);
}

static void request(const uint8_t *data, size_t size)
{
	struct document d = DOCUMENT_INIT;
	struct err err = ERR_INIT;
	struct buf again = BUF_INIT;
	char digest[DOCUMENT_DIGEST_TEXT];

	if (wire_get_document(data, size, &d, &err) < 0) {
		refused(&err);
		must(d.name == NULL && d.namespace == NULL && d.parts == NULL && d.n == 0 &&
		     d.labels.items == NULL && d.annotations.items == NULL &&
		     d.signatures == NULL && d.n_signatures == 0);
		return;
	}
	must(wire_put_document(&again, &d, &err) == 0);
	same(&again, data, size);
	document_digest(&d, digest);
	must(strlen(digest) == DOCUMENT_DIGEST_TEXT - 1);
	if (document_check(&d, &err) < 0)
		must(err.class == ERR_INVALID && err.text[0] != '\0');
	document_clear(&d);
	buf_clear(&again);
}

static void answer(const uint8_t *data, size_t size)
{
	struct wire_answer a = WIRE_ANSWER_INIT;
	struct err err = ERR_INIT;
	struct buf again = BUF_INIT;

	if (wire_get_answer(data, size, &a, &err) < 0) {
		refused(&err);
		must(a.err.class == ERR_NONE && a.secret.type == NULL &&
		     a.secret.data.items == NULL && a.secret.facts.items == NULL &&
		     a.key_ids.items == NULL && a.notes.n == 0);
		return;
	}
	must((a.err.class == ERR_NONE) == (a.secret.type != NULL));
	must(a.err.class != ERR_CONFLICT); /* a word of the agent's own */
	must(wire_put_answer(&again, &a, &err) == 0);
	same(&again, data, size);
	wire_answer_clear(&a);
	buf_clear(&again);
}

static void hello(const uint8_t *data, size_t size)
{
	struct wire_hello h = WIRE_HELLO_INIT;
	struct err err = ERR_INIT;
	struct buf again = BUF_INIT;

	if (wire_get_hello(data, size, &h, &err) < 0) {
		refused(&err);
		must(h.keys.n == 0 && h.keys.items == NULL);
		return;
	}
	must(wire_put_hello(&again, &h, &err) == 0);
	same(&again, data, size);
	wire_hello_clear(&h);
	buf_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const messages[])(const uint8_t *, size_t) = { request, answer, hello };

	if (size > 0)
		messages[data[0] % 3](data + 1, size - 1);
	return 0;
}
