/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plaintext of a part, after decryption: anyone can have sealed it.  What is accepted is bound
 * to the document at hand and can be said again; what is refused leaves nothing behind and quotes
 * nothing from inside but a valid namespace and name.
 */
static void set_up(void);
#define FUZZ_SET_UP set_up
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "document/inner.h"

static struct document d = DOCUMENT_INIT;

static void accepted(const struct kind_secret *s)
{
	struct kind_secret again = KIND_SECRET_INIT;
	struct buf plain = BUF_INIT;
	struct err err = ERR_INIT;

	must(s->type == d.type && s->data.n != 0 && kv_bytes(&s->data) <= KIND_DATA_MAX);
	must(s->facts.n == 1 && kv_has(&s->facts, "not-after"));
	must(inner_format(&d, "password", &d.parts[0].recipients, s, 1795420800, &plain, &err) ==
	     0);
	must(inner_pad(&plain) == 0 && plain.len == inner_padded(plain.len));
	must(inner_parse(&d, &d.parts[0], plain.data, plain.len, &again, &err) == 0);
	must(kv_equal(&s->data, &again.data) && kv_equal(&s->facts, &again.facts));
	kind_secret_clear(&again);
	buf_clear(&plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kind_secret out = KIND_SECRET_INIT;
	struct err err = ERR_INIT;

	if (inner_parse(&d, &d.parts[0], data, size, &out, &err) == 0) {
		accepted(&out);
		kind_secret_clear(&out);
		return 0;
	}
	must(err.class == ERR_INVALID || err.class == ERR_REFUSED);
	must(out.data.n == 0 && out.facts.n == 0 && out.type == NULL);
	for (const char *c = err.text; *c != '\0'; c++)
		must(*c >= 0x20 && *c < 0x7f);
	return 0;
}

static void set_up(void)
{
	struct document_part *part;

	d.name = mem_str("api-env");
	d.namespace = mem_str("team-a");
	d.kind = kind_find("opaque");
	d.type = TYPE_OPAQUE;
	kv_set_str(&d.labels, "app", "api");
	kv_set_str(&d.annotations, "example.org/owner", "us");
	part = document_part_add(&d, "password");
	kv_set_str(&part->recipients, "eu-west9", "4c1d9a0e5b7f22338d01c6b2a4e7f905");
	kv_set_str(&part->recipients, "recovery", "91b2a64c0d7e8f105a3b2c1d0e9f8a7b");
	kv_set_str(&part->facts, "sealed-at", "2026-11-23T08:00:00Z");
	kv_set_str(&part->facts, "not-after", "2027-01-31T23:59:59Z");
}
