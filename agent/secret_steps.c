/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/secret_steps.h"

#include <string.h>

#include "document/document.h"

#define STEPS_MAX 8 /* someone else is faster than we are: try later */

void secret_steps_begin(struct secret_steps *s, enum secret_step first)
{
	*s = (struct secret_steps){ .step = first };
}

void secret_steps_end(struct secret_steps *s)
{
	json_decref(s->seen);
	s->seen = NULL;
}

/* --- what is asked ---------------------------------------------------------------------------- */

static int format_patch(const struct secret_steps *s, const struct secret_json *what,
			const struct secret_json_seen *made, struct buf *body, struct err *err)
{
	bool adopt = s->step == SECRET_ADOPT || s->step == SECRET_ADOPT_BARE;
	struct secret_json_seen seen = { .bare = s->step == SECRET_ADOPT_BARE };

	if (s->step == SECRET_PATCH_MADE) {
		seen.uid = made->uid;
		seen.resource_version = made->resource_version;
		seen.lists = true;
	} else if (s->step == SECRET_PATCH) {
		seen.uid = secret_json_field(s->seen, "uid");
		seen.resource_version = secret_json_field(s->seen, "resourceVersion");
		seen.metadata = s->seen;
	}
	return secret_json_patch(what, &seen, adopt, body, err);
}

static void format_probe(const struct document *d, struct buf *body)
{
	const struct document owner = { .namespace = d->namespace, .name = d->name };
	const struct secret_json_seen any = { .uid = NULL };

	secret_json_probe(&owner, &any, false, body);
}

static int format(const struct secret_steps *s, const struct secret_json *what,
		  const struct secret_json_seen *made, struct buf *body, struct err *err)
{
	switch (s->step) {
	case SECRET_CREATE:
	case SECRET_TRY:
		return secret_json_create(what, body, err);
	case SECRET_PROBE:
		format_probe(what->document, body);
		return 0;
	case SECRET_DELETE:
		secret_json_delete(secret_json_field(s->seen, "uid"),
				   secret_json_field(s->seen, "resourceVersion"), body);
		return 0;
	default:
		return format_patch(s, what, made, body, err);
	}
}

int secret_steps_request(const struct secret_steps *s, const struct secret_json *what,
			 const struct secret_json_seen *made, struct kube_request *r,
			 struct buf *path, struct buf *body, struct err *err)
{
	bool make = s->step == SECRET_CREATE || s->step == SECRET_TRY;
	const char *namespace =
	    what->namespace != NULL ? what->namespace : what->document->namespace;

	if (format(s, what, made, body, err) != 0)
		return -1;
	kube_path_object(path, KUBE_CORE, namespace, "secrets", make ? NULL : what->document->name);
	if (s->step == SECRET_TRY)
		buf_puts(path, "?dryRun=All");
	r->method = make ? "POST" : s->step == SECRET_DELETE ? "DELETE" : "PATCH";
	r->type = strcmp(r->method, "PATCH") == 0 ? KUBE_JSON_PATCH : KUBE_JSON;
	r->path = buf_str(path);
	r->body = body;
	r->metadata_only = true;
	return 0;
}

/* --- what the server said --------------------------------------------------------------------- */

static bool take_seen(struct secret_steps *s, const struct kube_answer *a)
{
	json_t *metadata = json_object_get(a->object, "metadata");

	if (secret_json_field(metadata, "uid") == NULL ||
	    secret_json_field(metadata, "resourceVersion") == NULL)
		return false;
	json_decref(s->seen);
	s->seen = json_incref(metadata);
	return true;
}

#define NOTHING (-1)

/* What follows from a step that was done; NOTHING: the Secret is as it is to be. */
static int after_success(struct secret_steps *s, const struct kube_answer *a)
{
	if (s->step == SECRET_PROBE && take_seen(s, a))
		return SECRET_PATCH;
	return s->step == SECRET_DELETE || s->step == SECRET_TRY ? SECRET_CREATE : NOTHING;
}

/*
 * A field that cannot be changed is named as such (field.Error of apimachinery); another type fails
 * the patch's own test.  Any other 422, of a webhook for one, is no reason to delete what is there.
 */
static bool is_fixed(const struct kube_answer *a)
{
	return a->status == 422 && (strcmp(a->cause, "FieldValueInvalid") == 0 ||
				    strcmp(a->cause, "FieldValueForbidden") == 0);
}

/* What to try after a step that was refused. */
static int after_refusal(const struct secret_steps *s, const struct kube_answer *a)
{
	if (a->status == 404 && s->step != SECRET_CREATE && s->step != SECRET_TRY)
		return SECRET_CREATE;
	switch (s->step) {
	case SECRET_CREATE:
	case SECRET_DELETE:
		return a->status == 409 ? SECRET_PROBE : NOTHING;
	case SECRET_PATCH_MADE:
		return a->status == 422 || a->status == 409 ? SECRET_PROBE : NOTHING;
	case SECRET_PROBE:
		return kube_test_failed(a) ? SECRET_ADOPT : NOTHING;
	case SECRET_PATCH:
		if (a->status == 409)
			return SECRET_PROBE;
		return kube_test_failed(a) || is_fixed(a) ? SECRET_TRY : NOTHING;
	case SECRET_TRY: /* the server looks at all of it before it says that one is there */
		return a->status == 409 ? SECRET_DELETE : NOTHING;
	case SECRET_ADOPT:
		return kube_test_failed(a) ? SECRET_ADOPT_BARE : NOTHING;
	case SECRET_ADOPT_BARE:
		break;
	}
	return NOTHING;
}

enum secret_steps_verdict secret_steps_answer(struct secret_steps *s, const struct kube_answer *a)
{
	bool done = a->status >= 200 && a->status < 300;
	int next = done ? after_success(s, a) : after_refusal(s, a);

	if (next != NOTHING && ++s->taken < STEPS_MAX) {
		s->step = (enum secret_step)next;
		return SECRET_STEPS_ON;
	}
	if (done && next == NOTHING)
		return SECRET_STEPS_DONE;
	return s->step == SECRET_ADOPT_BARE && kube_test_failed(a) ? SECRET_STEPS_FOREIGN
								   : SECRET_STEPS_REFUSED;
}
