/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealed documents as text.  What is accepted claims to be one, is written again and read back as
 * the same, with the same digest; what is refused leaves nothing behind and says a line.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/err.h"
#include "base/yaml.h"
#include "document/document.h"

static void same(const struct document *a, const struct document *b)
{
	char one[DOCUMENT_DIGEST_TEXT], two[DOCUMENT_DIGEST_TEXT];

	document_digest(a, one);
	document_digest(b, two);
	must(strcmp(one, two) == 0 && a->n == b->n && a->n_signatures == b->n_signatures);
	for (size_t i = 0; i < a->n; i++) {
		must(kv_equal(&a->parts[i].recipients, &b->parts[i].recipients));
		must(kv_equal(&a->parts[i].facts, &b->parts[i].facts));
	}
	for (size_t i = 0; i < a->n_signatures; i++)
		must(strcmp(a->signatures[i], b->signatures[i]) == 0);
}

static void accepted(const struct document *d)
{
	struct buf text = BUF_INIT, again = BUF_INIT;
	struct yaml_stream yaml = { 0 };
	struct document e = DOCUMENT_INIT;
	struct err err = ERR_INIT;

	if (document_format(d, &text, &err) != 0) {
		/* only the indentation can make it too large */
		must(strstr(err.text, "make the document larger") != NULL);
		return;
	}
	must(yaml_parse("again", text.data, text.len, &yaml, &err) == 0 && yaml.n == 1);
	must(document_parse("again", &yaml.docs[0], &e, &err) == 0);
	must(e.substitute_disabled);
	same(d, &e);
	must(document_format(&e, &again, &err) == 0);
	must(strcmp(buf_str(&text), buf_str(&again)) == 0);
	document_clear(&e);
	yaml_clear(&yaml);
	buf_clear(&text);
	buf_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct yaml_stream yaml = { 0 };
	struct err err = ERR_INIT;

	if (yaml_parse("f", data, size, &yaml, &err) != 0)
		return 0;
	for (size_t i = 0; i < yaml.n; i++) {
		struct document d = DOCUMENT_INIT;

		(void)document_in_list(&yaml.docs[i]);
		if (document_parse("f", &yaml.docs[i], &d, &err) == 0) {
			must(document_claims(&yaml.docs[i]));
			accepted(&d);
		} else {
			must(err.class == ERR_INVALID && strncmp(err.text, "f:", 2) == 0);
			must(d.parts == NULL && d.name == NULL && d.n == 0);
		}
		document_clear(&d);
	}
	yaml_clear(&yaml);
	return 0;
}
