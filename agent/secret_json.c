/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/secret_json.h"

#include <string.h>

#include "base/b64.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/name.h"
#include "base/out.h"

/* The labels and annotations that a Secret is to carry. */
struct marks {
	struct kv labels;
	struct kv annotations;
};

static void put_text(struct buf *out, const char *s)
{
	json_format_string(out, s, strlen(s));
}

static void put_member(struct buf *out, const char *name, const char *value)
{
	put_text(out, name);
	buf_putc(out, ':');
	put_text(out, value);
}

static const char *name_of(const struct secret_json *s)
{
	return s->document->name;
}

static const char *namespace_of(const struct secret_json *s)
{
	return s->namespace != NULL ? s->namespace : s->document->namespace;
}

/* --- marks ------------------------------------------------------------------------------------ */

static void join_names(struct kv *annotations, const char *as, const struct kv *kv)
{
	struct buf names = BUF_INIT;

	for (size_t i = 0; i < kv->n; i++)
		buf_printf(&names, "%s%s", i == 0 ? "" : ",", kv->items[i].name);
	if (kv->n != 0)
		kv_set_str(annotations, as, buf_str(&names));
	buf_clear(&names);
}

static const char *policy_name(const struct document *d, bool adopted)
{
	if (d->policy == POLICY_UNSET && adopted)
		return document_policy_name(POLICY_RETAIN);
	return document_policy_name(document_policy(d));
}

static void marks_make(const struct secret_json *s, bool adopted, struct marks *m)
{
	const struct document *d = s->document;

	*m = (struct marks){ KV_INIT, KV_INIT };
	kv_copy(&m->labels, &d->labels);
	if (!kv_has(&m->labels, SECRET_JSON_WATCH))
		kv_set_str(&m->labels, SECRET_JSON_WATCH, SECRET_JSON_WATCH_VALUE);
	kv_set_str(&m->labels, SECRET_JSON_MANAGED, SECRET_JSON_MANAGER);
	kv_copy(&m->annotations, &d->annotations);
	join_names(&m->annotations, SECRET_JSON_LABELS, &d->labels);
	join_names(&m->annotations, SECRET_JSON_ANNOTATIONS, &d->annotations);
	kv_set_fmt(&m->annotations, SECRET_JSON_OWNER, "%s/%s", d->namespace, d->name);
	kv_set_str(&m->annotations, SECRET_JSON_POLICY, policy_name(d, adopted));
	if (s->document_uid != NULL)
		kv_set_str(&m->annotations, SECRET_JSON_DOCUMENT_UID, s->document_uid);
	if (s->crd_uid != NULL)
		kv_set_str(&m->annotations, SECRET_JSON_CRD_UID, s->crd_uid);
	if (adopted)
		kv_set_str(&m->annotations, SECRET_JSON_ADOPTED, "true");
}

static void marks_clear(struct marks *m)
{
	kv_clear(&m->labels);
	kv_clear(&m->annotations);
}

const char *secret_json_field(const json_t *metadata, const char *name)
{
	return json_string_value(json_object_get(metadata, name));
}

const char *secret_json_annotation(const json_t *metadata, const char *name)
{
	return secret_json_field(json_object_get(metadata, "annotations"), name);
}

bool secret_json_adopted(const json_t *metadata)
{
	const char *mark = secret_json_annotation(metadata, SECRET_JSON_ADOPTED);

	return mark != NULL && strcmp(mark, "true") == 0;
}

static bool names_document(const char *mark, const char *namespace, const char *name)
{
	size_t n = strlen(namespace);

	return mark != NULL && strncmp(mark, namespace, n) == 0 && mark[n] == '/' &&
	       strcmp(mark + n + 1, name) == 0;
}

enum secret_json_mark secret_json_mark(const json_t *metadata, const char *namespace,
				       const char *name)
{
	if (names_document(secret_json_annotation(metadata, SECRET_JSON_OWNER), namespace, name))
		return SECRET_JSON_OURS;
	if (names_document(secret_json_annotation(metadata, SECRET_JSON_ADOPT), namespace, name))
		return SECRET_JSON_ADOPTABLE;
	return SECRET_JSON_FOREIGN;
}

bool secret_json_owner(const json_t *metadata, char **namespace, char **name)
{
	const char *mark = secret_json_annotation(metadata, SECRET_JSON_OWNER);
	const char *slash = mark == NULL ? NULL : strchr(mark, '/');

	if (slash == NULL)
		return false;
	*namespace = mem_strn(mark, (size_t)(slash - mark));
	*name = mem_str(slash + 1);
	if (name_is_label(*namespace) && name_is_subdomain(*name))
		return true;
	mem_free(*namespace);
	mem_free(*name);
	*namespace = *name = NULL;
	return false;
}

/* --- the whole Secret ------------------------------------------------------------------------- */

static void put_texts(struct buf *out, const struct kv *kv)
{
	buf_putc(out, '{');
	for (size_t i = 0; i < kv->n; i++) {
		if (i != 0)
			buf_putc(out, ',');
		put_text(out, kv->items[i].name);
		buf_putc(out, ':');
		json_format_string(out, (const char *)kv->items[i].data, kv->items[i].len);
	}
	buf_putc(out, '}');
}

static void put_data(struct buf *out, const struct kv *data)
{
	buf_putc(out, '{');
	for (size_t i = 0; i < data->n; i++) {
		if (i != 0)
			buf_putc(out, ',');
		put_text(out, data->items[i].name);
		buf_puts(out, ":\"");
		if (b64_encode(out, data->items[i].data, data->items[i].len) < 0)
			out->truncated = true;
		buf_putc(out, '"');
	}
	buf_putc(out, '}');
}

/* One failed put shows in truncated; what was appended before it goes again. */
static int finish(struct buf *out, size_t start, struct err *err)
{
	if (!out->truncated)
		return 0;
	buf_truncate(out, start);
	return err_set(err, ERR_INVALID, "the Secret is too large for a request to the API server");
}

int secret_json_create(const struct secret_json *s, struct buf *out, struct err *err)
{
	size_t start = out->len;
	struct marks m;

	marks_make(s, s->adopted, &m);
	buf_puts(out, "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{");
	put_member(out, "name", name_of(s));
	buf_putc(out, ',');
	put_member(out, "namespace", namespace_of(s));
	buf_puts(out, ",\"labels\":");
	put_texts(out, &m.labels);
	buf_puts(out, ",\"annotations\":");
	put_texts(out, &m.annotations);
	buf_puts(out, "},");
	put_member(out, "type", s->secret->type);
	buf_puts(out, ",\"data\":");
	put_data(out, &s->secret->data);
	buf_putc(out, '}');
	marks_clear(&m);
	return finish(out, start, err);
}

/* --- patches ---------------------------------------------------------------------------------- */

void secret_json_pointer(struct buf *out, const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '~')
			buf_puts(out, "~0");
		else if (*s == '/')
			buf_puts(out, "~1");
		else
			buf_putc(out, (unsigned char)*s);
	}
}

/* Begin an operation: all of it up to the value, or the end. */
static void op_begin(struct buf *out, const char *op, const char *parent, const char *name)
{
	struct buf path = BUF_INIT;

	buf_puts(&path, parent);
	if (name != NULL) {
		buf_putc(&path, '/');
		secret_json_pointer(&path, name);
	}
	if (out->len != 0 && out->data[out->len - 1] == '}')
		buf_putc(out, ',');
	buf_printf(out, "{\"op\":\"%s\",\"path\":", op);
	put_text(out, buf_str(&path));
	buf_clear(&path);
}

static void op_text(struct buf *out, const char *op, const char *parent, const char *name,
		    const char *value)
{
	op_begin(out, op, parent, name);
	buf_puts(out, ",\"value\":");
	put_text(out, value);
	buf_putc(out, '}');
}

static void op_remove(struct buf *out, const char *parent, const char *name)
{
	op_begin(out, "remove", parent, name);
	buf_putc(out, '}');
}

static void put_tests(const struct document *d, const char *type,
		      const struct secret_json_seen *seen, bool adopt, struct buf *out)
{
	char *mark = mem_printf("%s/%s", d->namespace, d->name);

	if (seen->uid != NULL)
		op_text(out, "test", "/metadata/uid", NULL, seen->uid);
	op_text(out, "test", "/metadata/annotations", adopt ? SECRET_JSON_ADOPT : SECRET_JSON_OWNER,
		mark);
	if (type != NULL)
		op_text(out, "test", "/type", NULL, type);
	mem_free(mark);
}

/* Test a list of names; absent where the document gives none. */
static void test_list(struct buf *out, const char *list, const struct marks *m)
{
	const char *names = kv_get_str(&m->annotations, list);

	if (names != NULL) {
		op_text(out, "test", "/metadata/annotations", list, names);
		return;
	}
	op_begin(out, "test", "/metadata/annotations", list);
	buf_puts(out, ",\"value\":null}");
}

/* What is taken for granted of metadata that was never read. */
static void put_guesses(const struct secret_json_seen *seen, const struct marks *m, struct buf *out)
{
	if (seen->lists) {
		test_list(out, SECRET_JSON_LABELS, m);
		test_list(out, SECRET_JSON_ANNOTATIONS, m);
	}
	if (seen->bare) {
		op_begin(out, "test", "/metadata/labels", NULL);
		buf_puts(out, ",\"value\":null}");
	}
}

/* Set ours among the others; a map that is not there yet is made of ours alone. */
static void put_map(struct buf *out, const char *path, const struct kv *kv, bool there)
{
	if (!there) {
		op_begin(out, "add", path, NULL);
		buf_puts(out, ",\"value\":");
		put_texts(out, kv);
		buf_putc(out, '}');
		return;
	}
	for (size_t i = 0; i < kv->n; i++)
		op_text(out, "add", path, kv->items[i].name, (const char *)kv->items[i].data);
}

/*
 * The names in the list that an earlier write left on the Secret that are still in map and not
 * wanted any more.  Anyone who may edit the Secret may have edited the list: nothing that a
 * document could not have set counts, and nothing twice.
 */
static void find_stale(const json_t *metadata, const char *list, const char *map,
		       const struct kv *wanted, struct kv *out)
{
	const char *at = secret_json_annotation(metadata, list);
	const json_t *there = json_object_get(metadata, map);

	while (at != NULL && *at != '\0') {
		size_t n = strcspn(at, ",");
		char *name = mem_strn(at, n);

		if (json_object_get(there, name) != NULL && !kv_has(wanted, name) &&
		    name_is_qualified(name) && name_metadata_refused(name) == NULL)
			kv_set_str(out, name, "");
		mem_free(name);
		at += n + (at[n] == ',' ? 1 : 0);
	}
}

static void remove_stale(struct buf *out, const json_t *metadata, const char *list, const char *map,
			 const struct kv *wanted)
{
	struct kv stale = KV_INIT;
	char *path = mem_printf("/metadata/%s", map);

	find_stale(metadata, list, map, wanted, &stale);
	for (size_t i = 0; i < stale.n; i++)
		op_remove(out, path, stale.items[i].name);
	kv_clear(&stale);
	mem_free(path);
}

static void remove_list(struct buf *out, const json_t *metadata, const char *list,
			const struct marks *m)
{
	if (secret_json_annotation(metadata, list) != NULL && !kv_has(&m->annotations, list))
		op_remove(out, "/metadata/annotations", list);
}

static void put_removals(struct buf *out, const json_t *metadata, const struct marks *m, bool adopt)
{
	remove_stale(out, metadata, SECRET_JSON_LABELS, "labels", &m->labels);
	remove_stale(out, metadata, SECRET_JSON_ANNOTATIONS, "annotations", &m->annotations);
	remove_list(out, metadata, SECRET_JSON_LABELS, m);
	remove_list(out, metadata, SECRET_JSON_ANNOTATIONS, m);
	if (adopt)
		op_remove(out, "/metadata/annotations", SECRET_JSON_ADOPT);
}

int secret_json_patch(const struct secret_json *s, const struct secret_json_seen *seen, bool adopt,
		      struct buf *out, struct err *err)
{
	const json_t *metadata = seen->metadata;
	size_t start = out->len;
	struct marks m;

	marks_make(s, s->adopted || adopt || secret_json_adopted(metadata), &m);
	buf_putc(out, '[');
	put_tests(s->document, s->secret->type, seen, adopt, out);
	if (metadata == NULL)
		put_guesses(seen, &m, out);
	if (seen->resource_version != NULL)
		op_text(out, "replace", "/metadata/resourceVersion", NULL, seen->resource_version);
	op_begin(out, "add", "/data", NULL);
	buf_puts(out, ",\"value\":");
	put_data(out, &s->secret->data);
	buf_putc(out, '}');
	put_map(out, "/metadata/labels", &m.labels,
		metadata == NULL ? !seen->bare
				 : json_object_size(json_object_get(metadata, "labels")) != 0);
	put_map(out, "/metadata/annotations", &m.annotations, true);
	put_removals(out, metadata, &m, adopt);
	buf_putc(out, ']');
	marks_clear(&m);
	return finish(out, start, err);
}

void secret_json_probe(const struct document *d, const struct secret_json_seen *seen, bool adopt,
		       struct buf *out)
{
	buf_putc(out, '[');
	put_tests(d, d->type, seen, adopt, out);
	buf_putc(out, ']');
}

void secret_json_delete(const char *uid, const char *resource_version, struct buf *out)
{
	buf_puts(out, "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"preconditions\":{");
	if (uid != NULL)
		put_member(out, "uid", uid);
	if (uid != NULL && resource_version != NULL)
		buf_putc(out, ',');
	if (resource_version != NULL)
		put_member(out, "resourceVersion", resource_version);
	buf_puts(out, "}}");
}

/* --- comparing -------------------------------------------------------------------------------- */

static bool all_there(const json_t *map, const struct kv *wanted)
{
	for (size_t i = 0; i < wanted->n; i++) {
		const char *value = secret_json_field(map, wanted->items[i].name);

		if (value == NULL || strcmp(value, (const char *)wanted->items[i].data) != 0)
			return false;
	}
	return true;
}

bool secret_json_metadata_right(const struct secret_json *s, const json_t *metadata)
{
	struct kv stale = KV_INIT;
	struct marks m;
	bool right;

	marks_make(s, s->adopted || secret_json_adopted(metadata), &m);
	find_stale(metadata, SECRET_JSON_LABELS, "labels", &m.labels, &stale);
	find_stale(metadata, SECRET_JSON_ANNOTATIONS, "annotations", &m.annotations, &stale);
	right = stale.n == 0 && all_there(json_object_get(metadata, "labels"), &m.labels) &&
		all_there(json_object_get(metadata, "annotations"), &m.annotations);
	kv_clear(&stale);
	marks_clear(&m);
	return right;
}

void secret_json_adopt_command(const struct document *d, const char *namespace, struct buf *out)
{
	char *mark = mem_printf(SECRET_JSON_ADOPT "=%s/%s", d->namespace, d->name);

	buf_puts(out, "kubectl annotate secret ");
	out_shell(out, d->name);
	buf_puts(out, " -n ");
	out_shell(out, namespace != NULL ? namespace : d->namespace);
	buf_putc(out, ' ');
	out_shell(out, mark);
	mem_free(mark);
}
