/* SPDX-License-Identifier: Apache-2.0 */
#include "document/inner.h"

#include <jansson.h>
#include <stdint.h>
#include <string.h>

#include "base/b64.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/name.h"

#define OWN "bulla.dev/" /* the prefix of Bulla's annotations */
#define SEALED_AT "sealed-at"

/*
 * Members of any object in a plaintext.  kv_set is for few: without this, a plaintext of a
 * megabyte, which anyone can seal, would keep the opener busy for many seconds.
 */
#define MEMBERS_MAX KIND_KEYS_MAX

/* What was read, before it is compared. */
struct inner {
	const char *name;
	const char *namespace;
	const char *type;
	const char *own[4]; /* by enum own_index */
	struct kv labels;
	struct kv annotations;
	struct kv facts; /* with sealed-at */
};

enum own_index { OWN_FORMAT, OWN_KIND, OWN_PART, OWN_RECIPIENTS, OWN_N };

static const char *const own_names[] = {
	[OWN_FORMAT] = "format",
	[OWN_KIND] = "kind",
	[OWN_PART] = "part",
	[OWN_RECIPIENTS] = "recipients",
};

_Static_assert(sizeof(own_names) / sizeof(own_names[0]) == OWN_N, "a name each");
_Static_assert(sizeof(((struct inner *)0)->own) / sizeof(char *) == OWN_N, "a place each");

size_t inner_padded(size_t len)
{
	unsigned e = 0, s = 0;
	size_t mask;

	if (len <= INNER_MIN)
		return INNER_MIN;
	while (len >> e > 1)
		e++;
	while (e >> s > 1)
		s++;
	s++;
	mask = ((size_t)1 << (e - s)) - 1;
	return (len + mask) & ~mask;
}

int inner_pad(struct buf *out)
{
	size_t n = inner_padded(out->len) - out->len;
	unsigned char *at = buf_reserve(out, n);

	if (at == NULL)
		return -1;
	memset(at, ' ', n);
	return 0;
}

/* name=id,name=id in the order of kv */
static void put_recipients(struct buf *out, const struct kv *recipients)
{
	for (size_t i = 0; i < recipients->n; i++)
		buf_printf(out, "%s%s=%s", i == 0 ? "" : ",", recipients->items[i].name,
			   (const char *)recipients->items[i].data);
}

/* "prefix+name":"value", with a comma before it unless it is the first in its object. */
static void put_member(struct buf *out, const char *prefix, const char *name, const void *value,
		       size_t len)
{
	struct buf key = BUF_INIT;

	buf_printf(&key, "%s%s", prefix, name);
	if (out->data[out->len - 1] != '{')
		buf_putc(out, ',');
	json_format_string(out, buf_str(&key), key.len);
	buf_putc(out, ':');
	json_format_string(out, value, len);
	buf_clear(&key);
}

static void put_string(struct buf *out, const char *prefix, const char *name, const char *value)
{
	put_member(out, prefix, name, value, strlen(value));
}

static void put_kv(struct buf *out, const char *prefix, const struct kv *kv)
{
	for (size_t i = 0; i < kv->n; i++)
		put_member(out, prefix, kv->items[i].name, kv->items[i].data, kv->items[i].len);
}

static void put_annotations(struct buf *out, const struct document *d, const char *part,
			    const struct kv *recipients, const struct kv *facts)
{
	struct buf list = BUF_INIT;

	put_recipients(&list, recipients);
	buf_puts(out, ",\"annotations\":{");
	put_string(out, OWN, own_names[OWN_FORMAT], INNER_FORMAT);
	put_string(out, OWN, own_names[OWN_KIND], d->kind->name);
	put_string(out, OWN, own_names[OWN_PART], part);
	put_string(out, OWN, own_names[OWN_RECIPIENTS], buf_str(&list));
	put_kv(out, OWN, facts);
	put_kv(out, "", &d->annotations);
	buf_puts(out, "}");
	buf_clear(&list);
}

static void put_data(struct buf *out, const struct kv *data)
{
	buf_puts(out, ",\"data\":{");
	for (size_t i = 0; i < data->n; i++) {
		if (i != 0)
			buf_putc(out, ',');
		json_format_string(out, data->items[i].name, strlen(data->items[i].name));
		buf_puts(out, ":\"");
		b64_encode(out, data->items[i].data, data->items[i].len); /* needs no escapes */
		buf_putc(out, '"');
	}
	buf_puts(out, "}");
}

int inner_format(const struct document *d, const char *part, const struct kv *recipients,
		 const struct kind_secret *secret, int64_t sealed_at, struct buf *out,
		 struct err *err)
{
	char at[CLOCK_TEXT_SIZE];
	struct kv facts = KV_INIT;

	if (kv_bytes(&secret->data) > KIND_DATA_MAX)
		return err_set(err, ERR_INVALID,
			       "the values have %zu bytes together, more than %d; seal less",
			       kv_bytes(&secret->data), KIND_DATA_MAX);
	clock_format(sealed_at, at);
	kv_copy(&facts, &secret->facts);
	kv_set_str(&facts, SEALED_AT, at);
	buf_puts(out, "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{");
	put_string(out, "", "name", d->name);
	put_string(out, "", "namespace", d->namespace);
	if (d->labels.n != 0) {
		buf_puts(out, ",\"labels\":{");
		put_kv(out, "", &d->labels);
		buf_puts(out, "}");
	}
	put_annotations(out, d, part, recipients, &facts);
	buf_puts(out, "}");
	put_string(out, "", "type", secret->type);
	put_data(out, &secret->data);
	buf_puts(out, "}");
	kv_clear(&facts);
	if (out->truncated)
		return err_set(err, ERR_INTERNAL, "no room for the plaintext");
	return 0;
}

static int malformed(struct err *err, const char *what)
{
	return err_set(err, ERR_INVALID, "the plaintext is not a sealed Secret: %s; seal again",
		       what);
}

static int differs(struct err *err, const char *what)
{
	return err_set(err, ERR_REFUSED,
		       "%s: changed or mixed after sealing; restore the document or seal again",
		       what);
}

static bool is_one_of(const char *name, const char *const names[])
{
	while (*names != NULL && strcmp(*names, name) != 0)
		names++;
	return *names != NULL;
}

/* An object with these members only.  json_only would quote a name from inside. */
static int only(const json_t *v, const char *const names[], const char *what, struct err *err)
{
	const char *key;
	json_t *child;

	json_object_foreach((json_t *)(uintptr_t)v, key,
			    child) if (!is_one_of(key, names)) return malformed(err, what);
	return 0;
}

/* All members of an object, which must be strings. */
static int strings(const json_t *v, struct kv *out, const char *what, struct err *err)
{
	const char *key;
	json_t *child;

	if (!json_is_object(v) || json_object_size(v) > MEMBERS_MAX)
		return malformed(err, what);
	json_object_foreach((json_t *)(uintptr_t)v, key, child)
	{
		if (!json_is_string(child))
			return malformed(err, what);
		kv_set(out, key, json_string_value(child), json_string_length(child));
	}
	return 0;
}

static int read_root(const json_t *v, struct inner *in, struct err *err)
{
	static const char *const names[] = {
		"apiVersion", "kind", "metadata", "type", "data", NULL
	};
	const char *version = json_string_value(json_object_get(v, "apiVersion"));
	const char *kind = json_string_value(json_object_get(v, "kind"));

	if (only(v, names, "it has a field that a sealed Secret has not", err) != 0)
		return -1;
	if (version == NULL || strcmp(version, "v1") != 0)
		return malformed(err, "its apiVersion is not \"v1\"");
	if (kind == NULL || strcmp(kind, "Secret") != 0)
		return malformed(err, "its kind is not \"Secret\"");
	in->type = json_string_value(json_object_get(v, "type"));
	if (in->type == NULL)
		return malformed(err, "its type is missing or no string");
	return 0;
}

static int read_metadata(const json_t *v, struct inner *in, struct err *err)
{
	static const char *const names[] = { "name", "namespace", "labels", "annotations", NULL };
	const json_t *labels = json_object_get(v, "labels");

	if (only(v, names, "its metadata has a field that a sealed Secret has not", err) != 0)
		return -1;
	in->name = json_string_value(json_object_get(v, "name"));
	if (in->name == NULL || !name_is_subdomain(in->name))
		return malformed(err, "its name is missing or not valid");
	in->namespace = json_string_value(json_object_get(v, "namespace"));
	if (in->namespace == NULL || !name_is_label(in->namespace))
		return malformed(err, "its namespace is missing or not valid");
	if (labels != NULL &&
	    strings(labels, &in->labels, "its labels are no map of strings, or too many", err) != 0)
		return -1;
	return 0;
}

static int read_own(const char *name, const char *value, struct inner *in)
{
	for (size_t i = 0; i < OWN_N; i++)
		if (strcmp(own_names[i], name) == 0) {
			in->own[i] = value;
			return 0;
		}
	return -1;
}

/* Sort the annotations into Bulla's own, facts, and the Secret's. */
static int read_annotations(const json_t *v, const struct kind *kind, struct inner *in,
			    struct err *err)
{
	const char *key;
	json_t *child;

	if (json_object_size(v) > MEMBERS_MAX)
		return malformed(err, "its annotations are too many");
	json_object_foreach((json_t *)(uintptr_t)v, key, child)
	{
		const char *name = key + strlen(OWN);
		bool own = strncmp(key, OWN, strlen(OWN)) == 0;

		if (!json_is_string(child))
			return malformed(err, "an annotation is no string");
		if (own && read_own(name, json_string_value(child), in) == 0)
			continue;
		if (own && !kind_fact_allowed(kind, name))
			return malformed(err, "it has an annotation bulla.dev/ that is not known");
		kv_set(own ? &in->facts : &in->annotations, own ? name : key,
		       json_string_value(child), json_string_length(child));
	}
	return 0;
}

/*
 * Before all else: another format may mean something else by the same words.  Then metadata and its
 * annotations are objects.
 */
static int check_format(const json_t *annotations, struct err *err)
{
	const char *format = json_string_value(json_object_get(annotations, OWN "format"));

	if (format == NULL)
		return malformed(err, "the annotation bulla.dev/format is missing");
	if (strcmp(format, INNER_FORMAT) != 0)
		return err_set(err, ERR_INVALID,
			       "the plaintext is of another format than \"%s\"; update bulla",
			       INNER_FORMAT);
	return 0;
}

static bool same(const char *a, const char *b)
{
	return a != NULL && strcmp(a, b) == 0;
}

static int compare_recipients(const struct inner *in, const struct document_part *part,
			      struct err *err)
{
	struct buf list = BUF_INIT;
	int rc = 0;

	put_recipients(&list, &part->recipients);
	if (!same(in->own[OWN_RECIPIENTS], buf_str(&list)))
		rc = differs(err, "the recipients are not those it was sealed to");
	buf_clear(&list);
	return rc;
}

/* kind was compared before the facts were read, because it says which there may be. */
static int compare(const struct inner *in, const struct document *d,
		   const struct document_part *part, struct err *err)
{
	if (!same(in->own[OWN_PART], part->name))
		return differs(err, "the part's name is not the one it was sealed under");
	if (compare_recipients(in, part, err) != 0)
		return -1;
	if (!kv_equal(&in->facts, &part->facts))
		return differs(err, "the facts are not those that were sealed");
	if (!same(in->type, d->type))
		return differs(err, "the Secret's type is not the one that was sealed");
	if (!kv_equal(&in->labels, &d->labels))
		return differs(err, "the Secret's labels are not those that were sealed");
	if (!kv_equal(&in->annotations, &d->annotations))
		return differs(err, "the Secret's annotations are not those that were sealed");
	return 0;
}

static int compare_name(const struct inner *in, const struct document *d, struct err *err)
{
	if (same(in->namespace, d->namespace) && same(in->name, d->name))
		return 0;
	return err_set(err, ERR_REFUSED,
		       "it was sealed for %s/%s, not for %s/%s: moved or renamed after sealing; "
		       "move it back or seal again",
		       in->namespace, in->name, d->namespace, d->name);
}

static int read_data(const json_t *v, struct kv *out, struct err *err)
{
	struct buf bytes = BUF_INIT;
	const char *key, *wrong = NULL;
	size_t sum = 0;
	json_t *child;

	if (!json_is_object(v) || json_object_size(v) == 0)
		return malformed(err, "its data is missing, empty or no object");
	if (json_object_size(v) > MEMBERS_MAX)
		return malformed(err, "its data has more than 256 keys");
	bytes.max = KIND_DATA_MAX + 8; /* b64_decode asks for a little more than it fills */
	json_object_foreach((json_t *)(uintptr_t)v, key, child)
	{
		buf_reset(&bytes);
		if (!name_is_data_key(key))
			wrong = "a key of its data is not valid";
		else if (!json_is_string(child))
			wrong = "a value of its data is no string";
		else if (b64_decode(&bytes, json_string_value(child), json_string_length(child)) !=
			     0 &&
			 !bytes.truncated)
			wrong = "a value of its data is not canonical base64";
		else if (bytes.truncated || bytes.len > KIND_DATA_MAX - sum)
			wrong = "its data has more than 524288 bytes";
		if (wrong != NULL)
			break;
		sum += bytes.len;
		kv_set(out, key, bytes.data, bytes.len);
	}
	buf_clear(&bytes);
	return wrong == NULL ? 0 : malformed(err, wrong);
}

/* Everything but the values, which are read last: only what is meant for d is looked at at all. */
static int read_bound(const json_t *v, const struct document *d, const struct document_part *part,
		      struct inner *in, struct err *err)
{
	const json_t *metadata = json_object_get(v, "metadata");
	const json_t *annotations = json_object_get(metadata, "annotations");
	const char *kind = json_string_value(json_object_get(annotations, OWN "kind"));

	if (check_format(annotations, err) != 0 || read_root(v, in, err) != 0 ||
	    read_metadata(metadata, in, err) != 0 || compare_name(in, d, err) != 0)
		return -1;
	if (!same(kind, d->kind->name))
		return differs(err, "the kind is not the one it was sealed as");
	if (read_annotations(annotations, d->kind, in, err) != 0)
		return -1;
	return compare(in, d, part, err);
}

/* One JSON object that begins at once, and then nothing but spaces. */
static json_t *read_json(const char *text, size_t len, struct err *err)
{
	struct err why = ERR_INIT;
	json_t *v;

	while (len != 0 && text[len - 1] == ' ')
		len--;
	if (len == 0 || text[0] != '{' || text[len - 1] != '}') {
		malformed(err, "it is not one JSON object followed by spaces");
		return NULL;
	}
	v = json_parse(text, len, "the plaintext", &why);
	if (v == NULL)
		err_set(err, why.class, "%s; seal again", why.text);
	return v;
}

int inner_parse(const struct document *d, const struct document_part *part, const void *text,
		size_t len, struct kind_secret *out, struct err *err)
{
	struct inner in = { 0 };
	json_t *v = read_json(text, len, err);
	int rc = -1;

	if (v == NULL || read_bound(v, d, part, &in, err) != 0 ||
	    read_data(json_object_get(v, "data"), &out->data, err) != 0)
		goto out;
	out->type = d->type;
	kv_copy(&out->facts, &in.facts);
	kv_del(&out->facts, SEALED_AT);
	rc = 0;
out:
	if (rc != 0)
		kind_secret_clear(out);
	kv_clear(&in.labels);
	kv_clear(&in.annotations);
	kv_clear(&in.facts);
	json_decref(v);
	return rc;
}
