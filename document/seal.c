/* SPDX-License-Identifier: Apache-2.0 */
#include "document/seal.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

/* "spec.parts.NAME.sealed: " before an error about a part whose name has been checked. */
static int about(struct err *err, const char *part)
{
	return err_wrap(err, "spec.parts.%s.sealed", part);
}

/* What would be opened is what is asked for: read the plaintext back as whoever opens will. */
static int rehearse(const struct document *d, const struct document_part *part,
		    const struct buf *plain, int64_t now, const struct kind_secret *secret,
		    struct err *err)
{
	struct kind_secret opened = KIND_SECRET_INIT;
	int rc = -1;

	if (inner_parse(d, part, plain->data, plain->len, &opened, err) != 0 ||
	    kind_verify(d->kind, part->name, &opened, now, NULL, err) != 0)
		goto out;
	if (!kv_equal(&opened.data, &secret->data) || !kv_equal(&opened.facts, &secret->facts)) {
		err_set(err, ERR_INTERNAL, "the plaintext does not read back as it was");
		goto out;
	}
	rc = 0;
out:
	kind_secret_clear(&opened);
	return rc;
}

/* Encrypt, and make sure that it happened: that many stanzas around that many bytes. */
static int encrypt(const struct recipients *to, const struct buf *plain, struct buf *age,
		   struct err *err)
{
	struct age_recipient *keys = recipients_keys(to);
	struct age_info info = { 0 };
	int rc = age_encrypt(keys, to->n, plain->data, plain->len, age, err);

	if (rc == 0)
		rc = age_inspect(age->data, age->len, &info, err);
	if (rc == 0 && (info.x25519 != to->n || info.stanzas != to->n ||
			info.plain_len != inner_padded(plain->len) || info.plain_len != plain->len))
		rc = err_set(err, ERR_INTERNAL, "the sealed file is not as it should be");
	if (rc != 0)
		buf_clear(age);
	mem_free(keys);
	return rc;
}

/* Put a finished part into its place; what was there goes to fresh. */
static void swap_in(struct document *d, struct document_part *fresh)
{
	struct document_part *place = document_part_add(d, fresh->name);
	struct document_part old = *place;

	fresh->line = old.line;
	*place = *fresh;
	*fresh = old;
}

static int seal_into(struct document *d, struct document_part *fresh,
		     const struct kind_secret *secret, const struct recipients *to, int64_t now,
		     struct err *err)
{
	struct buf plain = BUF_INIT;
	int rc = -1;

	if (inner_format(d, fresh->name, &fresh->recipients, secret, now, &plain, err) != 0 ||
	    rehearse(d, fresh, &plain, now, secret, err) != 0)
		goto out;
	if (inner_pad(&plain) != 0) {
		err_set(err, ERR_INTERNAL, "no room for the padding");
		goto out;
	}
	rc = encrypt(to, &plain, &fresh->age, err);
out:
	buf_clear(&plain);
	return rc;
}

/* What can be refused before anything is encrypted. */
static int check_request(const struct document *d, const char *name,
			 const struct kind_secret *secret, const struct recipients *to,
			 struct err *err)
{
	if (to->n == 0)
		return err_set(err, ERR_RECIPIENT, "nobody to seal to; name a recipient");
	if (to->n > DOCUMENT_STANZAS_MAX)
		return err_set(err, ERR_RECIPIENT, "%zu recipients are more than %d; name fewer",
			       to->n, DOCUMENT_STANZAS_MAX);
	if (secret->type == NULL || d->type == NULL || strcmp(secret->type, d->type) != 0)
		return err_set(err, ERR_INVALID,
			       "spec.secret.type: is not the type of the value to seal; seal all "
			       "parts again");
	if (d->n == DOCUMENT_PARTS_MAX && document_part(d, name) == NULL)
		return err_set(err, ERR_INVALID, "spec.parts: are %d already; split the document",
			       DOCUMENT_PARTS_MAX);
	return 0;
}

int seal_part(struct document *d, const char *name, const struct kind_secret *secret,
	      const struct recipients *to, int64_t now, struct err *err)
{
	struct document_part fresh = { 0 };
	char at[CLOCK_TEXT_SIZE];
	int rc = -1;

	if (check_request(d, name, secret, to, err) != 0)
		return -1;
	clock_format(now, at);
	fresh.name = mem_str(name);
	recipients_ids(to, &fresh.recipients);
	kv_copy(&fresh.facts, &secret->facts);
	kv_set_str(&fresh.facts, "sealed-at", at);
	if (document_check_claims(d, &fresh, err) != 0)
		goto out;
	if (seal_into(d, &fresh, secret, to, now, err) != 0) {
		about(err, name);
		goto out;
	}
	if (document_check_part(d, &fresh, err) != 0)
		goto out;
	swap_in(d, &fresh);
	rc = 0;
out:
	document_part_clear(&fresh);
	return rc;
}

static int no_key(const struct document_part *part, const struct keyring *keys, struct err *err)
{
	struct buf names = BUF_INIT;

	for (size_t i = 0; i < part->recipients.n; i++)
		buf_printf(&names, "%s%s", i == 0 ? "" : ", ", part->recipients.items[i].name);
	err_set(err, ERR_NOKEY, "%s; it is sealed to %s",
		keys->n == 0 ? "there is no key at hand" : "no key at hand opens it",
		buf_str(&names));
	buf_clear(&names);
	return -1;
}

/*
 * Only keys that the part lists are tried, so whoever opens is listed, and a part that is not ours
 * costs no private-key work.  Stanzas stand in the order of the names: i is the likely one.
 */
static int decrypt(const struct document_part *part, const struct keyring *keys, struct buf *plain,
		   char key_id[AGE_KEY_ID_TEXT], struct err *err)
{
	const char *listed = NULL;
	struct err why = ERR_INIT;

	for (size_t i = 0; i < part->recipients.n; i++) {
		const char *id = (const char *)part->recipients.items[i].data;
		const struct age_identity *key = keyring_find(keys, id);

		if (key == NULL)
			continue;
		listed = part->recipients.items[i].name;
		if (age_decrypt(&key, 1, i, part->age.data, part->age.len, plain, NULL, &why) ==
		    0) {
			if (key_id != NULL)
				memcpy(key_id, age_identity_id(key), AGE_KEY_ID_TEXT);
			return 0;
		}
		if (why.class != ERR_NOKEY)
			return err_set(err, why.class, "%s", why.text);
	}
	if (listed == NULL)
		return no_key(part, keys, err);
	return err_set(err, ERR_REFUSED,
		       "lists %s, whose key does not open it: damaged or mixed after sealing; "
		       "restore the document or seal again",
		       listed);
}

static int open_checked(const struct document *d, const struct document_part *part,
			const struct keyring *keys, int64_t now, struct kind_secret *out,
			char key_id[AGE_KEY_ID_TEXT], struct notes *notes, struct err *err)
{
	struct buf plain = BUF_INIT;
	int rc = -1;

	if (decrypt(part, keys, &plain, key_id, err) != 0 ||
	    inner_parse(d, part, plain.data, plain.len, out, err) != 0 ||
	    kind_verify(d->kind, part->name, out, now, notes, err) != 0) {
		about(err, part->name);
		kind_secret_clear(out);
	} else {
		rc = 0;
	}
	buf_clear(&plain);
	return rc;
}

int open_part(const struct document *d, const struct document_part *part,
	      const struct keyring *keys, int64_t now, struct kind_secret *out,
	      char key_id[AGE_KEY_ID_TEXT], struct notes *notes, struct err *err)
{
	if (document_check_part(d, part, err) != 0)
		return -1;
	return open_checked(d, part, keys, now, out, key_id, notes, err);
}

/* Facts of the whole: those of the only part, else the soonest expiry. */
static void merge_facts(struct kv *into, const struct kv *facts, bool only)
{
	const char *mine = kv_get_str(into, "not-after"), *theirs = kv_get_str(facts, "not-after");

	if (only)
		kv_copy(into, facts);
	else if (theirs != NULL && (mine == NULL || strcmp(theirs, mine) < 0))
		kv_set_str(into, "not-after", theirs);
}

/* No data key is in two parts: kind_verify lets a part have only the one of its own name. */
static int merge(struct kind_secret *into, const struct kind_secret *s, bool only, struct err *err)
{
	if (kv_bytes(&into->data) + kv_bytes(&s->data) > KIND_DATA_MAX)
		return err_set(err, ERR_INVALID,
			       "spec.parts: hold more than %d bytes together; split the document",
			       KIND_DATA_MAX);
	for (size_t i = 0; i < s->data.n; i++)
		kv_set(&into->data, s->data.items[i].name, s->data.items[i].data,
		       s->data.items[i].len);
	merge_facts(&into->facts, &s->facts, only);
	return 0;
}

int open_document(const struct document *d, const struct keyring *keys, int64_t now,
		  struct kind_secret *out, struct kv *key_ids, struct notes *notes, struct err *err)
{
	struct kind_secret part = KIND_SECRET_INIT;
	char id[AGE_KEY_ID_TEXT];
	int rc = document_check(d, err);

	for (size_t i = 0; rc == 0 && i < d->n; i++) {
		rc = open_checked(d, &d->parts[i], keys, now, &part, id, notes, err);
		if (rc == 0)
			rc = merge(out, &part, d->n == 1, err);
		if (rc == 0 && key_ids != NULL)
			kv_set_str(key_ids, id, "");
		kind_secret_clear(&part);
		part = (struct kind_secret)KIND_SECRET_INIT;
	}
	if (rc == 0)
		out->type = d->type;
	else
		kind_secret_clear(out);
	return rc;
}
