/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed documents made on the spot, for tests of what reads them. */
#ifndef BULLA_TESTS_UNIT_AGENT_SEALED_H
#define BULLA_TESTS_UNIT_AGENT_SEALED_H

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "document/seal.h"
#include "tests/unit/test.h"

#define SEALED_NOW 1795600000

struct sealed {
	const char *namespace;
	const char *name;
	const char *value; /* of the key "k" */
	enum document_policy policy;
	const struct recipients *to;
};

static inline struct document sealed_document(const struct sealed *s)
{
	struct document d = DOCUMENT_INIT;
	struct kind_secret secret = KIND_SECRET_INIT;
	struct err err = ERR_INIT;

	d.namespace = mem_str(s->namespace);
	d.name = mem_str(s->name);
	d.kind = kind_find("opaque");
	d.policy = s->policy;
	d.type = TYPE_OPAQUE;
	secret.type = TYPE_OPAQUE;
	kv_set_str(&secret.data, "k", s->value);
	if (seal_part(&d, "k", &secret, s->to, SEALED_NOW, &err) < 0)
		fail_msg("%s", err.text);
	kind_secret_clear(&secret);
	return d;
}

/* Append the text of a sealed document. */
static inline void sealed_text(const struct sealed *s, struct buf *out)
{
	struct document d = sealed_document(s);
	struct err err = ERR_INIT;

	if (document_format(&d, out, &err) < 0)
		fail_msg("%s", err.text);
	document_clear(&d);
}

/* A key pair of its own: identity into keys, recipient under name into to. */
static inline void sealed_key(const char *name, struct keyring *keys, struct recipients *to)
{
	struct age_identity *id = age_identity_generate();
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	if (recipients_add(to, name, age_identity_recipient(id), &err) < 0)
		fail_msg("%s", err.text);
	age_identity_format(id, &text);
	buf_putc(&text, '\n');
	if (keys != NULL &&
	    keyring_add_bytes(keys, name, text.data, text.len, NULL, NULL, &err) < 0)
		fail_msg("%s", err.text);
	buf_clear(&text);
	age_identity_free(id);
}

#endif
