/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/manifest.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "base/b64.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/name.h"
#include "document/document.h"

struct reader {
	const char *file;
	struct manifest *out;
	struct notes *notes;
	struct err *err;
};

typedef int read_field(struct reader *r, const struct yaml_node *value);

static int __attribute__((format(printf, 3, 4)))
refuse(const struct reader *r, const struct yaml_node *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_vset(r->err, ERR_INVALID, fmt, ap);
	va_end(ap);
	return err_wrap(r->err, "%s:%u", r->file, at->line);
}

/* --- single fields ---------------------------------------------------------------------------- */

static int expect(struct reader *r, const struct yaml_node *v, const char *field, const char *want)
{
	const char *s = yaml_string(v);

	if (s != NULL && strcmp(s, want) == 0)
		return 0;
	return refuse(r, v, "%s: not \"%s\"; only a Secret can be sealed", field, want);
}

static int read_api_version(struct reader *r, const struct yaml_node *v)
{
	const char *s = yaml_string(v);

	if (s != NULL && strcmp(s, DOCUMENT_API_VERSION) == 0)
		return refuse(r, v, "it is sealed already; 'bulla set' replaces what it holds");
	return expect(r, v, "apiVersion", "v1");
}

static int read_kind(struct reader *r, const struct yaml_node *v)
{
	return expect(r, v, "kind", "Secret");
}

static int read_text(struct reader *r, const struct yaml_node *v, const char *field, char **out)
{
	const char *s = yaml_string(v);

	if (s == NULL || s[0] == '\0')
		return refuse(r, v, "%s: not a string; quote it", field);
	*out = mem_str(s);
	return 0;
}

static int read_type(struct reader *r, const struct yaml_node *v)
{
	return read_text(r, v, "type", &r->out->type);
}

static int read_immutable(struct reader *r, const struct yaml_node *v)
{
	if (v->type == YAML_SCALAR && v->style == YAML_PLAIN && strcmp(v->text, "false") == 0)
		return 0;
	return refuse(r, v, "immutable: such a Secret could never get a new value; remove it");
}

static int read_name(struct reader *r, const struct yaml_node *v)
{
	if (read_text(r, v, "metadata.name", &r->out->name) != 0)
		return -1;
	if (!name_is_subdomain(r->out->name))
		return refuse(r, v, "metadata.name: not an object's name");
	return 0;
}

static int read_namespace(struct reader *r, const struct yaml_node *v)
{
	if (read_text(r, v, "metadata.namespace", &r->out->namespace) != 0)
		return -1;
	if (!name_is_label(r->out->namespace))
		return refuse(r, v, "metadata.namespace: not a namespace's name");
	return 0;
}

static int read_owned(struct reader *r, const struct yaml_node *v)
{
	if (v->type == YAML_LIST && v->n == 0)
		return 0;
	return refuse(
	    r, v,
	    "metadata: another controller owns this Secret (ownerReferences, finalizers or "
	    "deletion); seal it where that controller gets it from");
}

static int read_generated(struct reader *r, const struct yaml_node *v)
{
	return refuse(r, v, "metadata.generateName: a sealed Secret has a fixed name");
}

/* What only the server writes and says nothing of what the Secret is for. */
static int read_nothing(struct reader *r, const struct yaml_node *v)
{
	(void)r;
	(void)v;
	return 0;
}

/* --- labels and annotations ------------------------------------------------------------------- */

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

static bool is_kept(const char *key)
{
	return strchr(key, '/') == NULL || strncmp(key, "app.kubernetes.io/", 18) == 0;
}

/* Does the key belong to Kubernetes itself, so that it says nothing of another owner? */
static bool is_of_kubernetes(const char *key)
{
	size_t n = strcspn(key, "/");
	static const char *const domains[] = { "kubernetes.io", "k8s.io" };

	for (size_t i = 0; i < sizeof(domains) / sizeof(*domains); i++) {
		size_t d = strlen(domains[i]);

		if (n >= d && memcmp(key + n - d, domains[i], d) == 0)
			return true;
	}
	return false;
}

static int read_metadata_key(struct reader *r, const struct yaml_node *key,
			     const struct yaml_node *v, struct kv *out)
{
	const char *reason, *value = yaml_string(v);

	if (!name_is_qualified(key->text))
		return refuse(r, key, "metadata: the key of a label or annotation is none");
	if (value == NULL)
		return refuse(r, v, "metadata: %s is not a string; quote it", key->text);
	if (strcmp(key->text, LAST_APPLIED) == 0)
		return 0; /* it holds the data once more */
	reason = name_metadata_refused(key->text);
	if (reason != NULL && (!is_of_kubernetes(key->text) ||
			       strcmp(key->text, "app.kubernetes.io/managed-by") == 0))
		return refuse(r, key, "metadata: %s: %s; seal it where that gets it from",
			      key->text, reason);
	if (reason != NULL || !is_kept(key->text)) {
		note_add(r->notes, "%s:%u: %s is left out", r->file, key->line, key->text);
		return 0;
	}
	kv_set_str(out, key->text, value);
	return 0;
}

static int read_keys(struct reader *r, const struct yaml_node *v, struct kv *out)
{
	if (v->type != YAML_MAP)
		return refuse(r, v, "metadata: labels and annotations are maps");
	for (size_t i = 0; i < v->n; i++)
		if (read_metadata_key(r, v->keys[i], v->values[i], out) != 0)
			return -1;
	return 0;
}

static int read_labels(struct reader *r, const struct yaml_node *v)
{
	return read_keys(r, v, &r->out->labels);
}

static int read_annotations(struct reader *r, const struct yaml_node *v)
{
	return read_keys(r, v, &r->out->annotations);
}

/* --- data ------------------------------------------------------------------------------------- */

/* As Go's decoder in the API server, line breaks are passed over. */
static int decode(const char *text, size_t len, struct buf *out)
{
	struct buf joined = BUF_INIT;
	int r;

	for (size_t i = 0; i < len; i++)
		if (text[i] != '\n' && text[i] != '\r')
			buf_putc(&joined, (unsigned char)text[i]);
	r = b64_decode(out, buf_str(&joined), joined.len);
	buf_clear(&joined);
	return r;
}

static int read_data(struct reader *r, const struct yaml_node *v)
{
	struct buf value = BUF_INIT;
	int x = 0;

	if (v->type != YAML_MAP)
		return refuse(r, v, "data: not a map");
	for (size_t i = 0; x == 0 && i < v->n; i++) {
		const char *key = v->keys[i]->text, *text = yaml_string(v->values[i]);

		buf_reset(&value);
		if (!name_is_data_key(key))
			x = refuse(r, v->keys[i], "data: key %zu is not a name that a Secret takes",
				   i + 1);
		else if (text == NULL || decode(text, v->values[i]->len, &value) != 0)
			x = refuse(r, v->values[i], "data.%s: not base64", key);
		else if (!kv_has(&r->out->data, key)) /* stringData wins, whichever is first */
			kv_set(&r->out->data, key, buf_str(&value), value.len);
	}
	buf_clear(&value);
	return x;
}

static int read_string_data(struct reader *r, const struct yaml_node *v)
{
	if (v->type != YAML_MAP)
		return refuse(r, v, "stringData: not a map");
	for (size_t i = 0; i < v->n; i++) {
		const struct yaml_node *key = v->keys[i], *value = v->values[i];

		if (!name_is_data_key(key->text))
			return refuse(
			    r, key, "stringData: key %zu is not a name that a Secret takes", i + 1);
		if (yaml_string(value) == NULL)
			return refuse(r, value, "stringData.%s: not a string; quote it", key->text);
		kv_set(&r->out->data, key->text, value->text, value->len);
	}
	return 0;
}

/* --- the object ------------------------------------------------------------------------------- */

struct field {
	const char *name;
	read_field *read;
};

static const struct field metadata_fields[] = {
	{ "name", read_name },
	{ "namespace", read_namespace },
	{ "labels", read_labels },
	{ "annotations", read_annotations },
	{ "ownerReferences", read_owned },
	{ "finalizers", read_owned },
	{ "deletionTimestamp", read_owned },
	{ "deletionGracePeriodSeconds", read_owned },
	{ "generateName", read_generated },
	{ "creationTimestamp", read_nothing },
	{ "generation", read_nothing },
	{ "managedFields", read_nothing },
	{ "resourceVersion", read_nothing },
	{ "selfLink", read_nothing },
	{ "uid", read_nothing },
	{ NULL, NULL },
};

static int read_map(struct reader *r, const struct yaml_node *map, const char *what,
		    const struct field *fields)
{
	if (map->type != YAML_MAP)
		return refuse(r, map, "%s: not a map", what);
	for (size_t i = 0; i < map->n; i++) {
		const struct field *f = fields;

		while (f->name != NULL && strcmp(f->name, map->keys[i]->text) != 0)
			f++;
		if (f->name == NULL)
			return refuse(r, map->keys[i],
				      "%s: a field (number %zu) that a Secret has not", what,
				      i + 1);
		if (f->read(r, map->values[i]) != 0)
			return -1;
	}
	return 0;
}

static int read_metadata(struct reader *r, const struct yaml_node *v)
{
	return read_map(r, v, "metadata", metadata_fields);
}

static const struct field secret_fields[] = {
	{ "apiVersion", read_api_version }, { "kind", read_kind },
	{ "metadata", read_metadata },	    { "type", read_type },
	{ "stringData", read_string_data }, { "data", read_data },
	{ "immutable", read_immutable },    { NULL, NULL },
};

static const struct yaml_node *only_document(const char *file, const struct yaml_stream *s,
					     struct err *err)
{
	const struct yaml_node *root = NULL;
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (s->docs[i].root == NULL)
			continue;
		root = s->docs[i].root;
		n++;
	}
	if (n == 0)
		err_set(err, ERR_INVALID, "%s: holds no manifest", file);
	if (n > 1)
		err_set(err, ERR_INVALID, "%s: holds %zu manifests; seal them one at a time", file,
			n);
	return n == 1 ? root : NULL;
}

static int read_secret(struct reader *r, const struct yaml_node *root)
{
	if (root->type != YAML_MAP || yaml_get(root, "apiVersion") == NULL ||
	    yaml_get(root, "kind") == NULL || yaml_get(root, "metadata") == NULL)
		return refuse(r, root, "not a manifest with apiVersion, kind and metadata");
	if (read_api_version(r, yaml_get(root, "apiVersion")) != 0 ||
	    read_kind(r, yaml_get(root, "kind")) != 0 ||
	    read_map(r, root, "the Secret", secret_fields) != 0)
		return -1;
	if (r->out->name == NULL)
		return refuse(r, root, "metadata.name: missing");
	if (r->out->type == NULL)
		r->out->type = mem_str("Opaque");
	return 0;
}

int manifest_read(const char *file, const struct yaml_node *root, struct manifest *out,
		  struct notes *notes, struct err *err)
{
	struct reader r = { file, out, notes, err };

	if (read_secret(&r, root) == 0)
		return 0;
	manifest_clear(out);
	return -1;
}

int manifest_parse(const char *file, const void *text, size_t len, struct manifest *out,
		   struct notes *notes, struct err *err)
{
	struct yaml_stream stream = { 0 };
	const struct yaml_node *root;
	int x;

	if (yaml_parse(file, text, len, &stream, err) != 0)
		return -1;
	root = only_document(file, &stream, err);
	x = root != NULL ? manifest_read(file, root, out, notes, err) : -1;
	yaml_clear(&stream);
	return x;
}

void manifest_clear(struct manifest *m)
{
	mem_free(m->name);
	mem_free(m->namespace);
	mem_free(m->type);
	kv_clear(&m->data);
	kv_clear(&m->labels);
	kv_clear(&m->annotations);
	*m = (struct manifest)MANIFEST_INIT;
}

void manifest_format(const char *name, const char *namespace, const struct kv *data,
		     struct buf *out)
{
	buf_printf(out, "apiVersion: v1\nkind: Secret\nmetadata:\n  name: \"%s\"\n", name);
	if (namespace != NULL)
		buf_printf(out, "  namespace: \"%s\"\n", namespace);
	buf_printf(out, "type: Opaque\ndata:%s\n", data->n == 0 ? " {}" : "");
	for (size_t i = 0; i < data->n; i++) {
		buf_printf(out, "  \"%s\": \"", data->items[i].name);
		b64_encode(out, data->items[i].data, data->items[i].len);
		buf_puts(out, "\"\n");
	}
}
