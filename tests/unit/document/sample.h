/* SPDX-License-Identifier: Apache-2.0 */
/* A sealed document as text, for the tests of this layer. */
#ifndef BULLA_TESTS_UNIT_DOCUMENT_SAMPLE_H
#define BULLA_TESTS_UNIT_DOCUMENT_SAMPLE_H

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "document/document.h"
#include "keys/age.h"

#define SAMPLE_ID_A "4c1d9a0e5b7f22338d01c6b2a4e7f905"
#define SAMPLE_ID_B "91b2a64c0d7e8f105a3b2c1d0e9f8a7b"

#define SAMPLE_HEAD                                                                                \
	"apiVersion: bulla.dev/v1\n"                                                               \
	"kind: SealedCredential\n"                                                                 \
	"metadata:\n"                                                                              \
	"  name: api-env\n"                                                                        \
	"  namespace: team-a\n"                                                                    \
	"  annotations:\n"                                                                         \
	"    kustomize.toolkit.fluxcd.io/substitute: disabled\n"                                   \
	"spec:\n"                                                                                  \
	"  kind: opaque\n"                                                                         \
	"  deletionPolicy: Retain\n"                                                               \
	"  secret:\n"                                                                              \
	"    type: Opaque\n"                                                                       \
	"    labels:\n"                                                                            \
	"      app.kubernetes.io/name: api\n"                                                      \
	"    annotations:\n"                                                                       \
	"      example.org/owner: us\n"                                                            \
	"  parts:\n"

#define SAMPLE_PART                                                                                \
	"      recipients:\n"                                                                      \
	"        eu-west9: \"" SAMPLE_ID_A "\"\n"                                                  \
	"        recovery: \"" SAMPLE_ID_B "\"\n"                                                  \
	"      facts:\n"                                                                           \
	"        not-after: \"2027-01-31T23:59:59Z\"\n"                                            \
	"        sealed-at: \"2026-11-23T08:00:00Z\"\n"                                            \
	"      sealed: |\n"

/* An age file around len bytes for n recipients. */
static inline void sample_age(size_t n, size_t len, struct buf *out)
{
	struct age_recipient to[DOCUMENT_STANZAS_MAX + 1];
	unsigned char *plain = mem_alloc(len);
	struct err err = ERR_INIT;

	for (size_t i = 0; i < n; i++) {
		struct age_identity *id = age_identity_generate();

		to[i] = *age_identity_recipient(id);
		age_identity_free(id);
	}
	if (age_encrypt(to, n, plain, len, out, &err) != 0)
		fail_msg("%s", err.text);
	mem_free(plain);
}

/* The armor of a file, each line indented by 8, appended. */
static inline void sample_armor(const struct buf *age, struct buf *out)
{
	struct buf armor = BUF_INIT;
	struct err err = ERR_INIT;
	char *line, *rest = NULL;

	if (age_armor(age->data, age->len, &armor, &err) != 0)
		fail_msg("%s", err.text);
	for (line = strtok_r((char *)armor.data, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest))
		buf_printf(out, "        %s\n", line);
	buf_clear(&armor);
}

/* The whole sample: one part, "password", sealed to two. */
static inline void sample_text(struct buf *out)
{
	struct buf age = BUF_INIT;

	sample_age(2, 1024, &age);
	buf_puts(out, SAMPLE_HEAD "    password:\n" SAMPLE_PART);
	sample_armor(&age, out);
	buf_clear(&age);
}

/* Replace the first occurrence of from (which must be there). */
static inline void sample_replace(struct buf *text, const char *from, const char *to)
{
	const char *at = strstr(buf_str(text), from);

	if (at == NULL)
		fail_msg("the sample has no \"%s\"", from);
	assert_int_equal(
	    buf_splice(text, (size_t)(at - buf_str(text)), strlen(from), to, strlen(to)), 0);
}

/* Parse the first document of a text.  The class of the error, or ERR_NONE. */
static inline enum err_class sample_parse(const struct buf *text, struct document *d,
					  struct err *err)
{
	struct yaml_stream yaml = { 0 };

	err->class = ERR_NONE;
	err->text[0] = '\0';
	if (yaml_parse("test.yaml", text->data, text->len, &yaml, err) == 0)
		document_parse("test.yaml", &yaml.docs[0], d, err);
	yaml_clear(&yaml);
	return err->class;
}

#endif
