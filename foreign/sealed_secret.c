/* SPDX-License-Identifier: Apache-2.0 */
#include "foreign/sealed_secret.h"

#include <stdarg.h>
#include <string.h>

#include "base/b64.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/name.h"
#include "foreign/unseal.h"
#include "kinds/kind.h"

#define GROUP "bitnami.com/"
#define API_VERSION "bitnami.com/v1alpha1"
#define KIND "SealedSecret"
#define OWN "sealedsecrets.bitnami.com/"
#define CLUSTER_WIDE "sealedsecrets.bitnami.com/cluster-wide"
#define NAMESPACE_WIDE "sealedsecrets.bitnami.com/namespace-wide"

struct reader {
	const char *file;
	struct sealed_secret_open *o;
	struct sealed_secret *out;
	struct notes *notes;
	struct err *err;
};

static int __attribute__((format(printf, 4, 5)))
refuse(const struct reader *r, enum err_class class, const struct yaml_node *at, const char *fmt,
       ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_vset(r->err, class, fmt, ap);
	va_end(ap);
	return err_wrap(r->err, "%s:%u", r->file, at != NULL ? at->line : 1);
}

/* --- finding fields --------------------------------------------------------------------------- */

static bool is_null(const struct yaml_node *v)
{
	return v == NULL ||
	       (v->type == YAML_SCALAR && v->style == YAML_PLAIN &&
		(v->len == 0 || strcmp(v->text, "null") == 0 || strcmp(v->text, "~") == 0));
}

/* A map below a map, *out NULL when it is absent or null. */
static int get_map(const struct reader *r, const struct yaml_node *map, const char *name,
		   const struct yaml_node **out)
{
	const struct yaml_node *v = map != NULL ? yaml_get(map, name) : NULL;

	*out = NULL;
	if (v == NULL || is_null(v))
		return 0;
	if (v->type != YAML_MAP)
		return refuse(r, ERR_INVALID, v, "%s: not a map", name);
	*out = v;
	return 0;
}

static bool text_is(const struct yaml_node *map, const char *name, const char *want)
{
	const struct yaml_node *v = map != NULL ? yaml_get(map, name) : NULL;
	const char *s = v != NULL ? yaml_string(v) : NULL;

	return s != NULL && strcmp(s, want) == 0;
}

bool sealed_secret_claims(const struct yaml_node *root)
{
	const struct yaml_node *v;
	const char *s;

	if (root == NULL || root->type != YAML_MAP || !text_is(root, "kind", KIND))
		return false;
	v = yaml_get(root, "apiVersion");
	s = v != NULL ? yaml_string(v) : NULL;
	return s != NULL && strncmp(s, GROUP, sizeof(GROUP) - 1) == 0;
}

/* --- metadata --------------------------------------------------------------------------------- */

static int read_names(const struct reader *r, const struct yaml_node *metadata)
{
	const struct yaml_node *name = yaml_get(metadata, "name");
	const struct yaml_node *namespace = yaml_get(metadata, "namespace");
	const char *s = name != NULL ? yaml_string(name) : NULL;

	if (s == NULL || !name_is_subdomain(s))
		return refuse(r, ERR_INVALID, name != NULL ? name : metadata,
			      "metadata.name: missing, or not an object's name");
	r->out->name = mem_str(s);
	if (is_null(namespace)) {
		if (r->o->namespace == NULL)
			return refuse(r, ERR_INVALID, metadata,
				      "metadata.namespace: missing; say with -n where it goes");
		r->out->namespace = mem_str(r->o->namespace);
		return 0;
	}
	s = yaml_string(namespace);
	if (s == NULL || !name_is_label(s))
		return refuse(r, ERR_INVALID, namespace,
			      "metadata.namespace: not a namespace's name");
	r->out->namespace = mem_str(s);
	return 0;
}

/* The label of OAEP: only the exact text "true" counts, and cluster-wide wins. */
static char *make_label(const struct sealed_secret *s, const struct yaml_node *annotations)
{
	if (text_is(annotations, CLUSTER_WIDE, "true"))
		return mem_str("");
	if (text_is(annotations, NAMESPACE_WIDE, "true"))
		return mem_str(s->namespace);
	return mem_printf("%s/%s", s->namespace, s->name);
}

/* --- the template ----------------------------------------------------------------------------- */

static int read_keys(const struct reader *r, const struct yaml_node *map, struct kv *out)
{
	for (size_t i = 0; map != NULL && i < map->n; i++) {
		const char *key = map->keys[i]->text, *value = yaml_string(map->values[i]);

		if (strncmp(key, OWN, sizeof(OWN) - 1) == 0)
			continue; /* for its controller alone */
		if (value == NULL)
			return refuse(r, ERR_INVALID, map->values[i],
				      "spec.template.metadata: a label or annotation (number %zu) "
				      "that is not a string; quote it",
				      i + 1);
		kv_set_str(out, key, value);
	}
	return 0;
}

static int read_template_metadata(const struct reader *r, const struct yaml_node *metadata)
{
	const struct yaml_node *labels, *annotations, *v;

	if (metadata == NULL)
		return 0;
	if (get_map(r, metadata, "labels", &labels) != 0 ||
	    get_map(r, metadata, "annotations", &annotations) != 0 ||
	    read_keys(r, labels, &r->out->labels) != 0 ||
	    read_keys(r, annotations, &r->out->annotations) != 0)
		return -1;
	v = yaml_get(metadata, "finalizers");
	if (!is_null(v) && !(v->type == YAML_LIST && v->n == 0))
		return refuse(r, ERR_INVALID, v,
			      "spec.template.metadata.finalizers: a sealed Secret has none");
	v = yaml_get(metadata, "name");
	if (!is_null(v) && !text_is(metadata, "name", r->out->name))
		note_add(
		    r->notes,
		    "%s:%u: spec.template.metadata.name is left out: the Secret has the name of "
		    "the SealedSecret",
		    r->file, v->line);
	v = yaml_get(metadata, "namespace");
	if (!is_null(v) && !text_is(metadata, "namespace", r->out->namespace))
		note_add(
		    r->notes,
		    "%s:%u: spec.template.metadata.namespace is left out: the Secret has that of "
		    "the SealedSecret",
		    r->file, v->line);
	return 0;
}

/* What is encrypted under the same key wins, as in the controller. */
static int read_template_data(const struct reader *r, const struct yaml_node *data)
{
	for (size_t i = 0; data != NULL && i < data->n; i++) {
		const struct yaml_node *key = data->keys[i], *v = data->values[i];

		if (is_null(v))
			continue;
		if (!name_is_data_key(key->text))
			return refuse(
			    r, ERR_INVALID, key,
			    "spec.template.data: key %zu is not a name that a Secret takes", i + 1);
		if (yaml_string(v) == NULL)
			return refuse(r, ERR_INVALID, v, "spec.template.data.%s: not a string",
				      key->text);
		if (strstr(v->text, "{{") != NULL)
			return refuse(r, ERR_INVALID, v,
				      "spec.template.data.%s: a template ({{ }}), which is not "
				      "evaluated; write the finished value with 'bulla seal'",
				      key->text);
		if (!kv_has(&r->out->data, key->text))
			kv_set(&r->out->data, key->text, v->text, v->len);
	}
	return 0;
}

static int read_template(const struct reader *r, const struct yaml_node *template)
{
	const struct yaml_node *metadata, *data, *type, *immutable;

	if (get_map(r, template, "metadata", &metadata) != 0 ||
	    get_map(r, template, "data", &data) != 0 || read_template_metadata(r, metadata) != 0 ||
	    read_template_data(r, data) != 0)
		return -1;
	type = template != NULL ? yaml_get(template, "type") : NULL;
	if (type != NULL && yaml_string(type) == NULL && !is_null(type))
		return refuse(r, ERR_INVALID, type, "spec.template.type: not a string");
	r->out->type = mem_str(is_null(type) || type->len == 0 ? TYPE_OPAQUE : type->text);
	immutable = template != NULL ? yaml_get(template, "immutable") : NULL;
	r->out->immutable = immutable != NULL && immutable->type == YAML_SCALAR &&
			    immutable->style == YAML_PLAIN && strcmp(immutable->text, "true") == 0;
	if (r->out->immutable)
		note_add(r->notes,
			 "%s:%u: immutable is left out: a sealed Secret can get a new value",
			 r->file, immutable->line);
	return 0;
}

/* --- values ----------------------------------------------------------------------------------- */

/* As Go's decoder, line breaks are passed over. */
static int decode(const struct yaml_node *v, struct buf *out)
{
	struct buf joined = { .max = SEALED_SECRET_VALUE_MAX };
	int r = 0;

	for (size_t i = 0; r == 0 && i < v->len; i++)
		if (v->text[i] != '\n' && v->text[i] != '\r')
			r = buf_putc(&joined, (unsigned char)v->text[i]);
	if (r == 0)
		r = b64_decode(out, buf_str(&joined), joined.len);
	buf_clear(&joined);
	return r;
}

static int explain(const struct reader *r, enum unseal_verdict verdict, const struct yaml_node *v,
		   const char *key)
{
	switch (verdict) {
	case UNSEAL_SHORT:
		return refuse(r, ERR_INVALID, v,
			      "spec.encryptedData.%s: too short for a sealed value", key);
	case UNSEAL_NO_KEY:
		return refuse(
		    r, ERR_NOKEY, v,
		    "spec.encryptedData.%s: no key given opens it for %s/%s: it was sealed "
		    "with another key, or for another name, namespace or scope",
		    key, r->out->namespace, r->out->name);
	case UNSEAL_DAMAGED:
		return refuse(r, ERR_REFUSED, v, "spec.encryptedData.%s: damaged: its tag is wrong",
			      key);
	default:
		return 0;
	}
}

static int read_value(const struct reader *r, struct unseal *u, const struct yaml_node *key,
		      const struct yaml_node *v)
{
	struct buf sealed = BUF_INIT, plain = BUF_INIT;
	int x;

	if (yaml_string(v) == NULL || decode(v, &sealed) != 0)
		x = refuse(r, ERR_INVALID, v, "spec.encryptedData.%s: not base64", key->text);
	else
		x = explain(r, unseal_value(u, sealed.data, sealed.len, &plain), v, key->text);
	if (x == 0)
		kv_set(&r->out->data, key->text, buf_str(&plain), plain.len);
	buf_clear(&sealed);
	buf_clear(&plain);
	return x;
}

static int read_values(const struct reader *r, struct unseal *u, const struct yaml_node *data)
{
	if (data->n > SEALED_SECRET_KEYS_MAX)
		return refuse(r, ERR_INVALID, data, "spec.encryptedData: more than %d values",
			      SEALED_SECRET_KEYS_MAX);
	for (size_t i = 0; i < data->n; i++) {
		if (!name_is_data_key(data->keys[i]->text))
			return refuse(
			    r, ERR_INVALID, data->keys[i],
			    "spec.encryptedData: key %zu is not a name that a Secret takes", i + 1);
		if (read_value(r, u, data->keys[i], data->values[i]) != 0)
			return -1;
	}
	return 0;
}

/* --- the object ------------------------------------------------------------------------------- */

static int read_spec(const struct reader *r, const struct yaml_node *root,
		     const struct yaml_node *annotations)
{
	const struct yaml_node *spec, *data, *template;
	struct unseal u = { .keys = r->o->keys, .first = r->o->first };
	char *label = NULL;
	int x = -1;

	if (get_map(r, root, "spec", &spec) != 0)
		return -1;
	if (spec == NULL)
		return refuse(r, ERR_INVALID, root, "spec: missing");
	if (!is_null(yaml_get(spec, "data")))
		return refuse(r, ERR_INVALID, yaml_get(spec, "data"),
			      "spec.data: the form before sealed-secrets 0.8; run it through "
			      "'kubeseal --re-encrypt' first");
	if (get_map(r, spec, "encryptedData", &data) != 0 ||
	    get_map(r, spec, "template", &template) != 0)
		return -1;
	label = make_label(r->out, annotations);
	u.label = label;
	if ((data == NULL || read_values(r, &u, data) == 0) && read_template(r, template) == 0)
		x = 0;
	r->o->first = u.first;
	mem_free(label);
	return x;
}

static int read_object(const struct reader *r, const struct yaml_node *root)
{
	const struct yaml_node *metadata, *annotations;

	if (!text_is(root, "apiVersion", API_VERSION))
		return refuse(r, ERR_INVALID, root, "apiVersion: not " API_VERSION);
	if (get_map(r, root, "metadata", &metadata) != 0)
		return -1;
	if (metadata == NULL)
		return refuse(r, ERR_INVALID, root, "metadata: missing");
	if (read_names(r, metadata) != 0 || get_map(r, metadata, "annotations", &annotations) != 0)
		return -1;
	return read_spec(r, root, annotations);
}

int sealed_secret_open(const char *file, const struct yaml_node *root, struct sealed_secret_open *o,
		       struct sealed_secret *out, struct notes *notes, struct err *err)
{
	const struct reader r = { file, o, out, notes, err };

	if (read_object(&r, root) == 0)
		return 0;
	sealed_secret_clear(out);
	return -1;
}

void sealed_secret_clear(struct sealed_secret *s)
{
	mem_free(s->name);
	mem_free(s->namespace);
	mem_free(s->type);
	kv_clear(&s->data);
	kv_clear(&s->labels);
	kv_clear(&s->annotations);
	*s = (struct sealed_secret)SEALED_SECRET_INIT;
}

/* --- as a manifest ---------------------------------------------------------------------------- */

static void put_string(struct buf *out, const char *s)
{
	json_format_string(out, s, strlen(s));
}

static void put_map(struct buf *out, const char *name, const struct kv *kv)
{
	buf_printf(out, ",\"%s\":{", name);
	for (size_t i = 0; i < kv->n; i++) {
		buf_puts(out, i > 0 ? "," : "");
		put_string(out, kv->items[i].name);
		buf_puts(out, ":");
		json_format_string(out, (const char *)kv->items[i].data, kv->items[i].len);
	}
	buf_puts(out, "}");
}

int sealed_secret_format(const struct sealed_secret *s, struct buf *out)
{
	buf_puts(out, "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":");
	put_string(out, s->name);
	buf_puts(out, ",\"namespace\":");
	put_string(out, s->namespace);
	put_map(out, "labels", &s->labels);
	put_map(out, "annotations", &s->annotations);
	buf_puts(out, "},\"type\":");
	put_string(out, s->type);
	buf_puts(out, ",\"data\":{");
	for (size_t i = 0; i < s->data.n; i++) {
		const struct kv_item *item = &s->data.items[i];

		buf_printf(out, "%s\"%s\":\"", i > 0 ? "," : "", item->name);
		b64_encode(out, item->data, item->len);
		buf_puts(out, "\"");
	}
	buf_puts(out, "}}\n");
	return out->truncated ? -1 : 0;
}
