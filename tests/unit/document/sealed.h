/* SPDX-License-Identifier: Apache-2.0 */
/* A document sealed to two regions and recovery, and their keys. */
#ifndef BULLA_TESTS_UNIT_DOCUMENT_SEALED_H
#define BULLA_TESTS_UNIT_DOCUMENT_SEALED_H

#include "document/seal.h"
#include "tests/unit/document/sample.h"

#define NOW 1795420800 /* 2026-11-23T08:00:00Z */

/* Two regions and recovery; each with a ring of its own, in the order of the names. */
static const char *const names[] = { "eu-west9", "recovery", "us-east1" };

struct fixture {
	struct document d;
	struct recipients to;
	struct keyring rings[COUNT(names)];
	struct keyring stranger;
};

static inline void add_key(struct keyring *ring, struct age_recipient *out)
{
	struct age_identity *id = age_identity_generate();
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	if (out != NULL)
		*out = *age_identity_recipient(id);
	age_identity_format(id, &text);
	buf_putc(&text, '\n');
	assert_int_equal(keyring_add_bytes(ring, "test", text.data, text.len, NULL, NULL, &err), 0);
	age_identity_free(id);
	buf_clear(&text);
}

static inline void make_head(struct document *d, const char *namespace, const char *name)
{
	d->name = mem_str(name);
	d->namespace = mem_str(namespace);
	d->kind = kind_find("opaque");
	d->type = TYPE_OPAQUE;
	kv_set_str(&d->labels, "app", "api");
	kv_set_str(&d->annotations, "example.org/owner", "us");
}

static inline int seal(struct document *d, const char *part, const char *value,
		       const struct recipients *to, struct err *err)
{
	struct kind_secret secret = { .type = TYPE_OPAQUE };
	int rc;

	kv_set_str(&secret.data, strcmp(part, "credential") == 0 ? "a" : part, value);
	kv_set_str(&secret.facts, "not-after", "2027-01-31T23:59:59Z");
	rc = seal_part(d, part, &secret, to, NOW, err);
	kind_secret_clear(&secret);
	return rc;
}

static inline void must_seal(struct document *d, const char *part, const char *value,
			     const struct recipients *to)
{
	struct err err = ERR_INIT;

	if (seal(d, part, value, to, &err) != 0)
		fail_msg("%s", err.text);
}

static inline int set_up(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));
	struct err err = ERR_INIT;

	for (size_t i = 0; i < COUNT(names); i++) {
		struct age_recipient key;

		add_key(&f->rings[i], &key);
		assert_int_equal(recipients_add(&f->to, names[i], &key, &err), 0);
	}
	add_key(&f->stranger, NULL);
	make_head(&f->d, "team-a", "api-env");
	must_seal(&f->d, "password", "hunter2", &f->to);
	*state = f;
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;

	document_clear(&f->d);
	recipients_clear(&f->to);
	for (size_t i = 0; i < COUNT(names); i++)
		keyring_clear(&f->rings[i]);
	keyring_clear(&f->stranger);
	mem_free(f);
	return 0;
}

#endif
