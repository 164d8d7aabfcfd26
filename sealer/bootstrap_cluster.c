/* SPDX-License-Identifier: Apache-2.0 */
/* What is applied to the cluster: the agent, the deploy key's document, Flux's own objects. */
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "document/document.h"
#include "sealer/bootstrap.h"
#include "sealer/repo.h"

#define COMPONENTS_MAX ((size_t)16 << 20) /* bytes of gotk-components.yaml */
#define PAUSE_MS 500
#define SOURCE_API "source.toolkit.fluxcd.io/v1"
#define FLUX_API "kustomize.toolkit.fluxcd.io/v1"

static const char *string_of(const json_t *v, const char *name)
{
	return json_string_value(json_object_get(v, name));
}

/* The objects of a file of the repository; NULL without error: there is none. */
static int load(const struct bootstrap *b, const char *below, size_t max, json_t **out,
		struct err *err)
{
	char *path = mem_printf("%s/%s", b->path, below);
	struct buf text = { .max = max };
	bool exists;
	int r = repo_read(b->top, path, max, &text, NULL, &exists, err);

	*out = NULL;
	if (r == 0 && exists) {
		*out = objects_parse(path, &text, err);
		r = *out != NULL ? 0 : -1;
	}
	buf_clear(&text);
	mem_free(path);
	return r;
}

/* "3 of 21 objects are applied" */
static void tell_count(struct step_look *l, const char *what, const struct objects_count *c,
		       bool absent_only)
{
	size_t n = c->absent + (absent_only ? 0 : c->differ);

	if (n == 0)
		step_found(l, false, "%s: all %zu objects are there%s", what, c->n,
			   c->of_flux > 0 ? ", kept by Flux" : "");
	else
		step_found(l, true, "%s: %zu of %zu objects are applied", what, n, c->n);
}

/* --- CRD and agent ---------------------------------------------------------------------------- */

static json_t *agent_objects(const struct bootstrap *b, struct err *err)
{
	return objects_parse(BOOTSTRAP_AGENT_FILE, &b->agent, err);
}

static int look_agent(struct bootstrap *b, struct step_look *l, struct err *err)
{
	json_t *list = agent_objects(b, err);
	struct objects_count count;
	int r = list != NULL ? objects_count(&b->objects, list, &count, err) : -1;

	if (r == 0)
		tell_count(l, "CRD and agent", &count, false);
	json_decref(list);
	return r;
}

static int act_agent(struct bootstrap *b, struct err *err)
{
	json_t *list = agent_objects(b, err);
	int r = list != NULL ? objects_bring(&b->objects, list, false, err) : -1;

	json_decref(list);
	return r;
}

const struct bootstrap_step bootstrap_agent = { "agent", look_agent, act_agent };

/* --- the deploy key's document ---------------------------------------------------------------- */

/* Namespace and document, as they are to be applied; NULL without error: not sealed yet. */
static int document_objects(const struct bootstrap *b, json_t **out, struct err *err)
{
	int r = load(b, BOOTSTRAP_KEY_FILE, DOCUMENT_FILE_MAX, out, err);

	if (r == 0 && *out != NULL)
		json_array_insert_new(*out, 0,
				      json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", "v1", "kind",
						"Namespace", "metadata", "name",
						BOOTSTRAP_NAMESPACE));
	return r;
}

int bootstrap_is_applied(struct bootstrap *b, bool *applied, struct err *err)
{
	struct objects_count count = { 0 };
	json_t *list;
	int r = document_objects(b, &list, err);

	if (r == 0 && list != NULL)
		r = objects_count(&b->objects, list, &count, err);
	*applied = r == 0 && list != NULL && count.absent + count.differ == 0;
	json_decref(list);
	return r;
}

static int look_document(struct bootstrap *b, struct step_look *l, struct err *err)
{
	struct objects_count count = { 0 };
	json_t *list;
	int r = document_objects(b, &list, err);

	if (r == 0 && list != NULL)
		r = objects_count(&b->objects, list, &count, err);
	if (r == 0 && list == NULL)
		step_found(l, true, "the sealed deploy key is applied");
	else if (r == 0)
		tell_count(l, "the sealed deploy key", &count, false);
	json_decref(list);
	return r;
}

static int act_document(struct bootstrap *b, struct err *err)
{
	json_t *list;
	int r = document_objects(b, &list, err);

	if (r == 0)
		r = objects_bring(&b->objects, list, false, err);
	json_decref(list);
	return r;
}

const struct bootstrap_step bootstrap_document = { "document", look_document, act_document };

/* --- Flux ------------------------------------------------------------------------------------- */

static int no_flux(const struct bootstrap *b, struct err *err)
{
	return err_set(
	    err, ERR_INVALID,
	    "context %s: the cluster has no Flux (it knows no GitRepository), and there is no "
	    "%s/" BOOTSTRAP_COMPONENTS_FILE
	    " to bring it: 'flux install --export > %s/" BOOTSTRAP_COMPONENTS_FILE
	    "' in the repository, then run this again; nothing was done",
	    b->o->context, b->path, b->path);
}

/* The components of Flux in the repository; what is to bring its kinds. */
static int components(struct bootstrap *b, json_t **list, struct err *err)
{
	bool source = false, flux = false;
	int r = load(b, BOOTSTRAP_COMPONENTS_FILE, COMPONENTS_MAX, list, err);

	if (r == 0 && *list == NULL) {
		r = objects_served(&b->objects, SOURCE_API, "GitRepository", &source, err);
		if (r == 0)
			r = objects_served(&b->objects, FLUX_API, "Kustomization", &flux, err);
		if (r == 0 && (!source || !flux))
			r = no_flux(b, err);
	}
	return r;
}

static int look_flux(struct bootstrap *b, struct step_look *l, struct err *err)
{
	struct objects_count flux = { 0 }, count = { 0 };
	json_t *parts = NULL, *list = NULL;
	int r = components(b, &parts, err);

	if (r == 0 && parts != NULL)
		r = objects_count(&b->objects, parts, &flux, err);
	if (r == 0)
		r = load(b, "flux-system/gotk-sync.yaml", BOOTSTRAP_FILE_MAX, &list, err);
	if (r == 0 && list != NULL)
		r = objects_count(&b->objects, list, &count, err);
	if (r == 0 && flux.absent > 0)
		step_found(l, true,
			   "%zu of %zu objects of Flux, then GitRepository and "
			   "Kustomization " BOOTSTRAP_SOURCE " are applied",
			   flux.absent, flux.n);
	else if (r == 0 && list == NULL)
		step_found(l, true,
			   "GitRepository and Kustomization " BOOTSTRAP_SOURCE " are applied");
	else if (r == 0)
		tell_count(l, "GitRepository and Kustomization", &count, false);
	json_decref(parts);
	json_decref(list);
	return r;
}

/* Of its components only what is absent: their updates come through the repository. */
static int act_flux(struct bootstrap *b, struct err *err)
{
	json_t *parts = NULL, *list = NULL;
	int r = components(b, &parts, err);

	if (r == 0 && parts != NULL)
		r = objects_bring(&b->objects, parts, true, err);
	if (r == 0)
		r = load(b, "flux-system/gotk-sync.yaml", BOOTSTRAP_FILE_MAX, &list, err);
	if (r == 0)
		r = objects_bring(&b->objects, list, false, err);
	json_decref(parts);
	json_decref(list);
	return r;
}

const struct bootstrap_step bootstrap_flux = { "flux", look_flux, act_flux };

/* --- whether it works ------------------------------------------------------------------------- */

static const json_t *ready_of(const json_t *object)
{
	const json_t *list = json_object_get(json_object_get(object, "status"), "conditions");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *type = string_of(json_array_get(list, i), "type");

		if (type != NULL && strcmp(type, "Ready") == 0)
			return json_array_get(list, i);
	}
	return NULL;
}

/* Is it ready as it is now?  Else why not, in a line; a new string. */
static bool is_ready(const json_t *object, char **why)
{
	const json_t *ready = ready_of(object);
	const char *status = string_of(ready, "status"), *message = string_of(ready, "message");
	json_int_t made =
	    json_integer_value(json_object_get(json_object_get(object, "metadata"), "generation"));
	json_int_t seen = json_integer_value(
	    json_object_get(json_object_get(object, "status"), "observedGeneration"));

	*why = NULL;
	if (object == NULL)
		*why = mem_str("it is not there");
	else if (ready == NULL || seen != made)
		*why = mem_str("nobody has looked at it yet");
	else if (status == NULL || strcmp(status, "True") != 0)
		*why = mem_str(message != NULL ? message : "it is not ready");
	return *why == NULL;
}

static int ask(struct bootstrap *b, const char *version, const char *kind, const char *name,
	       json_t **live, struct err *err)
{
	json_t *wanted = json_pack("{s:s, s:s, s:{s:s, s:s}}", "apiVersion", version, "kind", kind,
				   "metadata", "name", name, "namespace", BOOTSTRAP_NAMESPACE);
	int r = objects_get(&b->objects, wanted, live, err);

	json_decref(wanted);
	return r;
}

int bootstrap_fetches(struct bootstrap *b, bool *ready, struct err *err)
{
	json_t *live = NULL;
	const char *url;
	char *why = NULL;
	int r = ask(b, SOURCE_API, "GitRepository", BOOTSTRAP_SOURCE, &live, err);

	url = string_of(json_object_get(live, "spec"), "url");
	*ready = r == 0 && is_ready(live, &why) && url != NULL && strcmp(url, b->o->url) == 0;
	mem_free(why);
	json_decref(live);
	return r;
}

static const struct awaited {
	const char *version, *kind, *name;
} awaited[] = {
	{ DOCUMENT_API_VERSION, DOCUMENT_KIND, BOOTSTRAP_DOCUMENT },
	{ SOURCE_API, "GitRepository", BOOTSTRAP_SOURCE },
};
#define AWAITED (sizeof(awaited) / sizeof(awaited[0]))

/* The first that is not ready, and why: a new string, NULL when all are. */
static int waits_for(struct bootstrap *b, char **why, struct err *err)
{
	*why = NULL;
	for (size_t i = 0; i < AWAITED; i++) {
		const struct awaited *a = &awaited[i];
		json_t *live = NULL;
		char *text = NULL;
		bool ready;

		if (ask(b, a->version, a->kind, a->name, &live, err) != 0)
			return -1;
		ready = is_ready(live, &text);
		json_decref(live);
		if (!ready)
			*why =
			    mem_printf("%s " BOOTSTRAP_NAMESPACE "/%s: %s", a->kind, a->name, text);
		mem_free(text);
		if (!ready)
			return 0;
	}
	return 0;
}

static int look_ready(struct bootstrap *b, struct step_look *l, struct err *err)
{
	char *why = NULL;
	int r = waits_for(b, &why, err);

	if (r == 0 && why == NULL)
		step_found(l, false, "Flux fetches with the deploy key");
	else if (r == 0)
		step_found(l, b->o->wait, "%s", why);
	mem_free(why);
	return r;
}

static int act_ready(struct bootstrap *b, struct err *err)
{
	int64_t end = clock_monotonic_ms() + b->timeout_ms;
	char *why = NULL, *told = NULL;
	int r = waits_for(b, &why, err);

	while (r == 0 && why != NULL && clock_monotonic_ms() < end) {
		if (told == NULL || strcmp(told, why) != 0)
			out_note("waiting: %s", why);
		mem_replace(&told, why);
		poll(NULL, 0, PAUSE_MS);
		mem_free(why);
		r = waits_for(b, &why, err);
	}
	if (r == 0 && why != NULL)
		r = err_set(err, ERR_FINDINGS, "not ready in time: %s", why);
	mem_free(why);
	mem_free(told);
	return r;
}

const struct bootstrap_step bootstrap_ready = { "ready", look_ready, act_ready };
