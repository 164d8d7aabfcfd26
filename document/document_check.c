/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/name.h"
#include "document/document.h"
#include "document/quote.h"
#include "keys/age.h"
#include "kinds/facts.h"

/* A field's path, outermost first. */
#define FIELD(...) ((const char *const[]){ __VA_ARGS__, NULL })

static int __attribute__((format(printf, 3, 4)))
refuse(struct err *err, const char *const field[], const char *fmt, ...)
{
	struct buf path = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	err_vset(err, ERR_INVALID, fmt, ap);
	va_end(ap);
	for (; *field != NULL; field++)
		quote_path(&path, *field);
	err_wrap(err, "%s", buf_str(&path));
	buf_clear(&path);
	return -1;
}

/* The value as a string, or NULL when it holds a NUL byte. */
static const char *value(const struct kv_item *item)
{
	const char *s = (const char *)item->data;

	return strlen(s) == item->len ? s : NULL;
}

static int check_names(const struct document *d, struct err *err)
{
	if (d->name == NULL || d->name[0] == '\0')
		return refuse(err, FIELD("metadata", "name"),
			      "is missing; give the name that the Secret will have");
	if (!name_is_subdomain(d->name))
		return refuse(err, FIELD("metadata", "name"),
			      "is not an object's name (at most 253 lower-case letters, digits, "
			      "\"-\" and \".\", alphanumeric at both ends); choose another");
	if (d->namespace == NULL || d->namespace[0] == '\0')
		return refuse(err, FIELD("metadata", "namespace"),
			      "is missing; it is bound into the credential, so it must be written");
	if (!name_is_label(d->namespace))
		return refuse(err, FIELD("metadata", "namespace"),
			      "is not a namespace's name (at most 63 lower-case letters, digits "
			      "and \"-\", alphanumeric at both ends); choose another");
	return 0;
}

static int check_label(const struct kv_item *item, struct err *err)
{
	const char *const *field = FIELD("spec.secret.labels", item->name);
	const char *reason;

	if (!name_is_qualified(item->name))
		return refuse(err, field, "is not a label's key ([prefix/]name); correct it");
	reason = name_metadata_refused(item->name);
	if (reason != NULL)
		return refuse(err, field, "a sealed Secret may not carry this label: %s; remove it",
			      reason);
	if (value(item) == NULL || !name_is_label_value(value(item)))
		return refuse(
		    err, field,
		    "is not a label's value (at most 63 letters, digits, \"-\", \"_\" and "
		    "\".\", alphanumeric at both ends); correct it");
	return 0;
}

static int check_annotation(const struct kv_item *item, struct err *err)
{
	const char *const *field = FIELD("spec.secret.annotations", item->name);
	const char *reason;

	if (!name_is_qualified(item->name))
		return refuse(err, field, "is not an annotation's key ([prefix/]name); correct it");
	reason = name_metadata_refused(item->name);
	if (reason != NULL)
		return refuse(err, field,
			      "a sealed Secret may not carry this annotation: %s; remove it",
			      reason);
	if (item->len > DOCUMENT_ANNOTATION_MAX)
		return refuse(err, field, "has %zu bytes, more than %d; shorten it", item->len,
			      DOCUMENT_ANNOTATION_MAX);
	if (!quote_is_text(item->data, item->len))
		return refuse(err, field, "is not UTF-8 text without NUL characters; correct it");
	return 0;
}

static int check_secret(const struct document *d, struct err *err)
{
	if (d->type == NULL || !kind_type_allowed(d->kind, d->type))
		return refuse(err, FIELD("spec.secret.type"),
			      "is not a Secret type of kind %s; use %s", d->kind->name,
			      d->kind->types[0]);
	if (d->labels.n > DOCUMENT_METADATA_MAX)
		return refuse(err, FIELD("spec.secret.labels"),
			      "are more than %d labels; remove some", DOCUMENT_METADATA_MAX);
	if (d->annotations.n > DOCUMENT_METADATA_MAX)
		return refuse(err, FIELD("spec.secret.annotations"),
			      "are more than %d annotations; remove some", DOCUMENT_METADATA_MAX);
	for (size_t i = 0; i < d->labels.n; i++)
		if (check_label(&d->labels.items[i], err) != 0)
			return -1;
	for (size_t i = 0; i < d->annotations.n; i++)
		if (check_annotation(&d->annotations.items[i], err) != 0)
			return -1;
	return 0;
}

static int check_signatures(const struct document *d, struct err *err)
{
	if (d->n_signatures > DOCUMENT_SIGNATURES_MAX)
		return refuse(err, FIELD("spec.signatures"), "are more than %d; remove some",
			      DOCUMENT_SIGNATURES_MAX);
	for (size_t i = 0; i < d->n_signatures; i++) {
		size_t len = strlen(d->signatures[i]);

		if (len == 0)
			return refuse(err, FIELD("spec.signatures"),
				      "number %zu is empty; remove it", i + 1);
		if (len > DOCUMENT_SIGNATURE_MAX)
			return refuse(err, FIELD("spec.signatures"),
				      "number %zu has %zu bytes, more than %d; it is no signature",
				      i + 1, len, DOCUMENT_SIGNATURE_MAX);
		if (!quote_is_text(d->signatures[i], len))
			return refuse(err, FIELD("spec.signatures"),
				      "number %zu is not UTF-8 text; it is no signature", i + 1);
	}
	return 0;
}

static int check_head(const struct document *d, struct err *err)
{
	if (check_names(d, err) != 0)
		return -1;
	if (d->kind == NULL)
		return refuse(err, FIELD("spec.kind"),
			      "is missing; say what the credential is for");
	if (d->policy != POLICY_UNSET && d->policy != POLICY_DELETE && d->policy != POLICY_RETAIN)
		return refuse(err, FIELD("spec.deletionPolicy"),
			      "is neither Delete nor Retain; use one of them or leave it out");
	if (check_secret(d, err) != 0)
		return -1;
	return check_signatures(d, err);
}

/* Which parts a document of this kind may have. */
static int check_place(const struct document *d, const struct document_part *part, struct err *err)
{
	bool whole = strcmp(part->name, KIND_PART) == 0;

	if (!name_is_data_key(part->name))
		return refuse(
		    err, FIELD("spec.parts", part->name),
		    "is not a Secret's data key (at most 253 letters, digits, \"-\", \"_\" "
		    "and \".\", not beginning \"..\"); choose another");
	if (d->kind->keys != NULL && !whole)
		return refuse(
		    err, FIELD("spec.parts", part->name),
		    "kind %s has exactly one part, named \"%s\"; remove or rename this one",
		    d->kind->name, KIND_PART);
	if (d->kind->keys == NULL && whole &&
	    (d->n > 1 || (d->n == 1 && strcmp(d->parts[0].name, KIND_PART) != 0)))
		return refuse(err, FIELD("spec.parts", part->name),
			      "\"%s\" holds values sealed together and must be the only part; "
			      "choose another key for this value",
			      KIND_PART);
	if (!whole && document_part(d, KIND_PART) != NULL)
		return refuse(err, FIELD("spec.parts", part->name),
			      "cannot stand beside part \"%s\", whose values are sealed together; "
			      "seal all values again",
			      KIND_PART);
	return 0;
}

static int check_recipient(const struct kv *all, size_t i, const char *part, struct err *err)
{
	const struct kv_item *item = &all->items[i];
	const char *const *field = FIELD("spec.parts", part, "recipients", item->name);
	const char *id = value(item);

	if (!name_is_label(item->name))
		return refuse(
		    err, field,
		    "is not a recipient's name (at most 63 lower-case letters, digits and "
		    "\"-\", alphanumeric at both ends); correct it");
	if (id == NULL || !name_is_key_id(id))
		return refuse(err, field,
			      "is not a key id (32 lower-case hexadecimal digits); seal again");
	if (name_is_key_id(item->name) && strcmp(item->name, id) != 0)
		return refuse(err, field,
			      "is named like a key id, but is not the one of its key; seal again");
	for (size_t j = 0; j < i; j++)
		if (strcmp((const char *)all->items[j].data, id) == 0)
			return refuse(err, field, "is the same key as %s; seal again",
				      all->items[j].name);
	return 0;
}

static int check_recipients(const struct document_part *part, struct err *err)
{
	if (part->recipients.n == 0)
		return refuse(err, FIELD("spec.parts", part->name, "recipients"),
			      "is missing or empty; seal again");
	if (part->recipients.n > DOCUMENT_STANZAS_MAX)
		return refuse(err, FIELD("spec.parts", part->name, "recipients"),
			      "are more than %d; seal to fewer", DOCUMENT_STANZAS_MAX);
	for (size_t i = 0; i < part->recipients.n; i++)
		if (check_recipient(&part->recipients, i, part->name, err) != 0)
			return -1;
	return 0;
}

static int check_fact(const struct document *d, const char *part, const struct kv_item *item,
		      struct err *err)
{
	const char *const *field = FIELD("spec.parts", part, "facts", item->name);
	int64_t t;

	if (!kind_fact_allowed(d->kind, item->name))
		return refuse(err, field, "is not a fact of kind %s; remove it", d->kind->name);
	if (item->len > KIND_FACT_MAX)
		return refuse(err, field, "has %zu bytes, more than %d; seal again", item->len,
			      KIND_FACT_MAX);
	if (item->len == 0)
		return refuse(err, field, "is empty; seal again");
	if (value(item) == NULL || !name_is_fact(value(item)))
		return refuse(err, field, "is not printable ASCII; seal again");
	if ((strcmp(item->name, "sealed-at") == 0 || strcmp(item->name, "not-after") == 0) &&
	    !clock_parse(value(item), &t))
		return refuse(err, field,
			      "is not a time like \"2026-11-23T08:00:00Z\"; seal again");
	return 0;
}

static int check_facts(const struct document *d, const struct document_part *part, struct err *err)
{
	struct err why = ERR_INIT;

	for (size_t i = 0; i < part->facts.n; i++)
		if (check_fact(d, part->name, &part->facts.items[i], err) != 0)
			return -1;
	if (!kv_has(&part->facts, "sealed-at"))
		return refuse(err, FIELD("spec.parts", part->name, "facts", "sealed-at"),
			      "is missing; seal again");
	if (facts_check(&part->facts, &why) != 0) /* lists and aliases */
		return refuse(err, FIELD("spec.parts", part->name, "facts"), "%s", why.text);
	return 0;
}

static int check_stanzas(const struct age_info *info, size_t recipients, const char *const field[],
			 struct err *err)
{
	if (info->scrypt != 0)
		return refuse(err, field,
			      "is encrypted with a passphrase; a document is sealed to recipients");
	if (info->hybrid != 0)
		return refuse(
		    err, field,
		    "is encrypted to an mlkem768x25519 recipient, which this version does "
		    "not read; update bulla or seal to X25519 recipients");
	if (info->other != 0)
		return refuse(err, field, "has a stanza that is not of type X25519; seal again");
	if (info->stanzas > DOCUMENT_STANZAS_MAX)
		return refuse(err, field, "has %zu stanzas, more than %d; seal to fewer",
			      info->stanzas, DOCUMENT_STANZAS_MAX);
	if (info->x25519 != recipients)
		return refuse(err, field,
			      "is encrypted to %zu recipients, but %zu are listed; seal again",
			      info->x25519, recipients);
	return 0;
}

static int check_age(const struct document_part *part, struct err *err)
{
	const char *const *field = FIELD("spec.parts", part->name, "sealed");
	struct age_info info;
	struct err why = ERR_INIT;

	if (part->age.len == 0)
		return refuse(err, field, "is missing; seal again");
	if (age_inspect(part->age.data, part->age.len, &info, &why) != 0)
		return refuse(err, field, "%s", why.text);
	if (check_stanzas(&info, part->recipients.n, field, err) != 0)
		return -1;
	if (info.plain_len > DOCUMENT_PLAIN_MAX)
		return refuse(err, field, "holds %zu bytes, more than %d; seal less",
			      info.plain_len, DOCUMENT_PLAIN_MAX);
	return 0;
}

static int check_outside(const struct document *d, const struct document_part *part,
			 struct err *err)
{
	if (check_place(d, part, err) != 0 || check_recipients(part, err) != 0)
		return -1;
	return check_facts(d, part, err);
}

int document_check_claims(const struct document *d, const struct document_part *part,
			  struct err *err)
{
	if (check_head(d, err) != 0)
		return -1;
	return check_outside(d, part, err);
}

int document_check_part(const struct document *d, const struct document_part *part, struct err *err)
{
	if (document_check_claims(d, part, err) != 0)
		return -1;
	return check_age(part, err);
}

static size_t kv_size(const struct kv *kv)
{
	size_t sum = kv_bytes(kv);

	for (size_t i = 0; i < kv->n; i++)
		sum += strlen(kv->items[i].name);
	return sum;
}

/* Bytes that any text of this document has at least. */
static size_t least_size(const struct document *d)
{
	size_t sum =
	    strlen(d->name) + strlen(d->namespace) + kv_size(&d->labels) + kv_size(&d->annotations);

	for (size_t i = 0; i < d->n; i++) {
		size_t b64 = (d->parts[i].age.len + 2) / 3 * 4;

		sum += strlen(d->parts[i].name) + kv_size(&d->parts[i].recipients) +
		       kv_size(&d->parts[i].facts) + b64 + b64 / 64;
	}
	for (size_t i = 0; i < d->n_signatures; i++)
		sum += strlen(d->signatures[i]);
	return sum;
}

int document_check(const struct document *d, struct err *err)
{
	if (check_head(d, err) != 0)
		return -1;
	if (d->n == 0)
		return refuse(err, FIELD("spec.parts"), "is missing or empty; nothing is sealed");
	if (d->n > DOCUMENT_PARTS_MAX)
		return refuse(err, FIELD("spec.parts"), "are more than %d; split the document",
			      DOCUMENT_PARTS_MAX);
	for (size_t i = 1; i < d->n; i++)
		if (strcmp(d->parts[i - 1].name, d->parts[i].name) >= 0)
			return refuse(err, FIELD("spec.parts", d->parts[i].name),
				      "stands twice or out of order");
	for (size_t i = 0; i < d->n; i++)
		if (check_outside(d, &d->parts[i], err) != 0 || check_age(&d->parts[i], err) != 0)
			return -1;
	if (least_size(d) > DOCUMENT_MAX)
		return refuse(err, FIELD("spec.parts"),
			      "make the document larger than %d bytes; split it", DOCUMENT_MAX);
	return 0;
}
