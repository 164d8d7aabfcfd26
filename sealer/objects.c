/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/objects.h"

#include <poll.h>
#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/yaml.h"
#include "kube/yamljson.h"
#include "sealer/subset.h"

#define ESTABLISH_MS 60000
#define PAUSE_MS 200
/* What Flux marks the objects of a Kustomization with. */
#define FLUX_LABEL "kustomize.toolkit.fluxcd.io/name"
#define CRD_VERSION "apiextensions.k8s.io/v1"
#define CRD_KIND "CustomResourceDefinition"

void objects_init(struct objects *o, struct cluster *c)
{
	o->cluster = c;
	o->groups = json_object();
}

void objects_clear(struct objects *o)
{
	json_decref(o->groups);
	*o = (struct objects){ NULL, NULL };
}

/* --- reading ---------------------------------------------------------------------------------- */

static const char *string_of(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static const json_t *meta_of(const json_t *object)
{
	return json_object_get(object, "metadata");
}

static bool is_object(const json_t *v)
{
	return string_of(v, "apiVersion") != NULL && string_of(v, "kind") != NULL &&
	       string_of(meta_of(v), "name") != NULL;
}

json_t *objects_parse(const char *name, const struct buf *text, struct err *err)
{
	struct yaml_stream stream = YAML_STREAM_INIT;
	json_t *list = NULL;

	if (yaml_parse(name, text->data, text->len, &stream, err) != 0)
		return NULL;
	list = json_array();
	for (size_t i = 0; i < stream.n; i++) {
		json_t *v = stream.docs[i].root != NULL ? yamljson(stream.docs[i].root) : NULL;

		if (v == NULL)
			continue;
		if (!is_object(v)) {
			err_set(err, ERR_INVALID,
				"%s:%u: not an object of Kubernetes: it has no apiVersion, kind or "
				"metadata.name",
				name, stream.docs[i].line);
			json_decref(v);
			json_decref(list);
			list = NULL;
			break;
		}
		json_array_append_new(list, v);
	}
	yaml_clear(&stream);
	return list;
}

void objects_name(const json_t *object, struct buf *out)
{
	const char *namespace = string_of(meta_of(object), "namespace");

	buf_printf(out, "%s %s%s%s", string_of(object, "kind"), namespace != NULL ? namespace : "",
		   namespace != NULL ? "/" : "", string_of(meta_of(object), "name"));
}

/* --- what the server knows -------------------------------------------------------------------- */

struct asking {
	bool done;
	int r;
	json_t *answer;
	struct err *err;
};

/* A group that is not served is a 404, with or without a Status. */
static void on_resources(void *ctx, const struct kube_answer *a)
{
	struct asking *q = ctx;

	q->done = true;
	if (a->status == 404)
		return;
	if (a->status < 200 || a->status >= 300)
		q->r = kube_error(a, "ask what kinds there are", q->err);
	else if (a->object != NULL)
		q->answer = json_incref((json_t *)(uintptr_t)a->object);
}

static json_t *by_kind(const json_t *answer)
{
	const json_t *list = json_object_get(answer, "resources");
	json_t *kinds = json_object();

	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *one = json_array_get(list, i);
		const char *name = string_of(one, "name"), *kind = string_of(one, "kind");

		if (name != NULL && kind != NULL && strchr(name, '/') == NULL)
			json_object_set(kinds, kind, one);
	}
	return kinds;
}

static int ask_group(struct objects *o, const char *version, struct err *err)
{
	struct asking q = { .err = err };
	struct buf path = BUF_INIT;
	struct kube_request r = { .method = "GET", .idempotent = true };

	buf_puts(&path, strchr(version, '/') != NULL ? "/apis" : "/api");
	for (const char *s = version; *s != '\0'; s += *s == '/') {
		char part[256];
		size_t n = strcspn(s, "/");

		if (n >= sizeof(part)) {
			buf_clear(&path);
			return err_set(err, ERR_INVALID, "an apiVersion is longer than any");
		}
		memcpy(part, s, n);
		part[n] = '\0';
		buf_putc(&path, '/');
		kube_path_put(&path, part);
		s += n;
	}
	r.path = buf_str(&path);
	kube_send(o->cluster->client, &r, on_resources, &q);
	for (kube_work(o->cluster->client); !q.done; kube_work(o->cluster->client))
		kube_wait(o->cluster->client, NULL, 0, -1);
	if (q.r == 0)
		json_object_set_new(o->groups, version,
				    q.answer != NULL ? by_kind(q.answer) : json_null());
	json_decref(q.answer);
	buf_clear(&path);
	return q.r;
}

/* *out: what the server says of the kind, or NULL. */
static int find_kind(struct objects *o, const char *version, const char *kind, const json_t **out,
		     struct err *err)
{
	*out = json_object_get(json_object_get(o->groups, version), kind);
	if (*out == NULL && ask_group(o, version, err) != 0)
		return -1;
	*out = json_object_get(json_object_get(o->groups, version), kind);
	return 0;
}

int objects_served(struct objects *o, const char *version, const char *kind, bool *served,
		   struct err *err)
{
	const json_t *found;
	int r = find_kind(o, version, kind, &found, err);

	*served = r == 0 && found != NULL;
	return r;
}

/* --- one object ------------------------------------------------------------------------------- */

/* The path of an object; *known false when the server does not know its kind. */
static int make_path(struct objects *o, const json_t *object, struct buf *path, bool *known,
		     struct err *err)
{
	const char *version = string_of(object, "apiVersion");
	const char *namespace = string_of(meta_of(object), "namespace");
	struct buf root = BUF_INIT;
	const json_t *kind;
	int r = find_kind(o, version, string_of(object, "kind"), &kind, err);

	*known = r == 0 && kind != NULL;
	if (!*known)
		return r;
	if (!json_is_true(json_object_get(kind, "namespaced")))
	namespace = NULL;
	else if (namespace == NULL) namespace = "default";
	buf_printf(&root, "%s/%s", strchr(version, '/') != NULL ? "/apis" : "/api", version);
	kube_path_object(path, buf_str(&root), namespace, string_of(kind, "name"),
			 string_of(meta_of(object), "name"));
	buf_clear(&root);
	return 0;
}

int objects_get(struct objects *o, const json_t *wanted, json_t **live, struct err *err)
{
	struct buf path = BUF_INIT, what = BUF_INIT;
	bool known, missing;
	struct cluster_request r = {
		.request = { .method = "GET", .idempotent = true },
		.name = string_of(meta_of(wanted), "name"),
		.missing = &missing,
	};
	int ret = make_path(o, wanted, &path, &known, err);

	*live = NULL;
	if (ret == 0 && known) {
		buf_puts(&what, "read ");
		objects_name(wanted, &what);
		r.request.path = buf_str(&path);
		r.what = buf_str(&what);
		ret = cluster_ask(o->cluster, &r, live, err);
	}
	buf_clear(&path);
	buf_clear(&what);
	return ret;
}

int objects_look(struct objects *o, const json_t *wanted, enum objects_state *state,
		 struct err *err)
{
	json_t *live;

	if (objects_get(o, wanted, &live, err) != 0)
		return -1;
	if (live == NULL)
		*state = OBJECTS_ABSENT;
	else if (json_object_get(json_object_get(meta_of(live), "labels"), FLUX_LABEL) != NULL)
		*state = OBJECTS_OF_FLUX;
	else
		*state = subset(wanted, live, SUBSET_EXACT, NULL) ? OBJECTS_THERE : OBJECTS_DIFFERS;
	json_decref(live);
	return 0;
}

int objects_apply(struct objects *o, const json_t *wanted, struct err *err)
{
	struct buf path = BUF_INIT, what = BUF_INIT, body = BUF_INIT;
	struct cluster_request r = {
		.request = { .method = "PATCH",
			     .type = KUBE_APPLY,
			     .body = &body,
			     .metadata_only = true,
			     .idempotent = true },
	};
	bool known;
	int ret = make_path(o, wanted, &path, &known, err);

	buf_puts(&what, "apply ");
	objects_name(wanted, &what);
	r.what = buf_str(&what);
	if (ret == 0 && !known)
		ret = err_set(err, ERR_INVALID, "%s: the cluster knows no kind %s of %s", r.what,
			      string_of(wanted, "kind"), string_of(wanted, "apiVersion"));
	if (ret == 0 && json_format(&body, wanted) != 0)
		ret = err_set(err, ERR_INVALID, "%s: it is too large", r.what);
	if (ret == 0) {
		buf_printf(&path, "?fieldManager=%s&force=true", OBJECTS_MANAGER);
		r.request.path = buf_str(&path);
		ret = cluster_ask(o->cluster, &r, NULL, err);
	}
	buf_clear(&path);
	buf_clear(&what);
	buf_clear(&body);
	return ret;
}

/* --- many ------------------------------------------------------------------------------------- */

int objects_count(struct objects *o, const json_t *list, struct objects_count *out, struct err *err)
{
	*out = (struct objects_count){ .n = json_array_size(list) };
	for (size_t i = 0; i < out->n; i++) {
		enum objects_state state;

		if (objects_look(o, json_array_get(list, i), &state, err) != 0)
			return -1;
		out->absent += state == OBJECTS_ABSENT;
		out->differ += state == OBJECTS_DIFFERS;
		out->of_flux += state == OBJECTS_OF_FLUX;
	}
	return 0;
}

static bool is_crd(const json_t *object)
{
	return strcmp(string_of(object, "kind"), CRD_KIND) == 0 &&
	       strcmp(string_of(object, "apiVersion"), CRD_VERSION) == 0;
}

/* Others need it: a kind, a namespace. */
static bool comes_first(const json_t *object)
{
	return is_crd(object) || (strcmp(string_of(object, "kind"), "Namespace") == 0 &&
				  strcmp(string_of(object, "apiVersion"), "v1") == 0);
}

static bool is_established(const json_t *crd)
{
	const json_t *list = json_object_get(json_object_get(crd, "status"), "conditions");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *c = json_array_get(list, i);
		const char *type = string_of(c, "type"), *status = string_of(c, "status");

		if (type != NULL && status != NULL && strcmp(type, "Established") == 0)
			return strcmp(status, "True") == 0;
	}
	return false;
}

/* "source.toolkit.fluxcd.io/v1" of the first version that a definition has served, appended. */
static void put_version(const json_t *crd, struct buf *out)
{
	const json_t *spec = json_object_get(crd, "spec"),
		     *list = json_object_get(spec, "versions");
	const char *group = string_of(spec, "group"), *name = NULL;

	for (size_t i = 0; name == NULL && i < json_array_size(list); i++)
		if (json_is_true(json_object_get(json_array_get(list, i), "served")))
			name = string_of(json_array_get(list, i), "name");
	if (group != NULL && name != NULL)
		buf_printf(out, "%s/%s", group, name);
}

/* Established is said a moment before the kind is listed. */
static int is_served(struct objects *o, const json_t *crd, bool *served, struct err *err)
{
	const json_t *names = json_object_get(json_object_get(crd, "spec"), "names");
	const char *kind = string_of(names, "kind");
	struct buf version = BUF_INIT;
	json_t *live;
	int r = objects_get(o, crd, &live, err);

	*served = false;
	put_version(crd, &version);
	if (r == 0 && is_established(live) && version.len > 0 && kind != NULL)
		r = objects_served(o, buf_str(&version), kind, served, err);
	json_decref(live);
	buf_clear(&version);
	return r;
}

/* Until the server serves what a definition says. */
static int establish(struct objects *o, const json_t *crd, struct err *err)
{
	int64_t end = clock_monotonic_ms() + ESTABLISH_MS;
	struct buf name = BUF_INIT;
	bool served = false;
	int r = is_served(o, crd, &served, err);

	while (r == 0 && !served && clock_monotonic_ms() < end) {
		poll(NULL, 0, PAUSE_MS);
		r = is_served(o, crd, &served, err);
	}
	objects_name(crd, &name);
	if (r == 0 && !served)
		r = err_set(err, ERR_IO, "%s: the cluster does not establish it within a minute",
			    buf_str(&name));
	buf_clear(&name);
	return r;
}

static int bring_one(struct objects *o, const json_t *object, bool absent_only, struct err *err)
{
	enum objects_state state;

	if (objects_look(o, object, &state, err) != 0)
		return -1;
	if (state == OBJECTS_ABSENT || (state == OBJECTS_DIFFERS && !absent_only))
		return objects_apply(o, object, err);
	return 0;
}

int objects_bring(struct objects *o, const json_t *list, bool absent_only, struct err *err)
{
	size_t n = json_array_size(list);

	for (int first = 1; first >= 0; first--)
		for (size_t i = 0; i < n; i++) {
			const json_t *object = json_array_get(list, i);

			if (comes_first(object) != (first == 1))
				continue;
			if (bring_one(o, object, absent_only, err) != 0 ||
			    (is_crd(object) && establish(o, object, err) != 0))
				return -1;
		}
	return 0;
}
