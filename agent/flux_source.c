/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/flux_source.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "kube/client.h"

#define GROUP "/apis/source.toolkit.fluxcd.io/v1"
#define PAGE "250" /* of some KiB each: far below KUBE_ANSWER_MAX */
#define NS INT64_C(1000000000)

static const struct {
	const char *plural, *kind;
} kinds[FLUX_KINDS] = {
	[FLUX_GIT] = { "gitrepositories", "GitRepository" },
	[FLUX_OCI] = { "ocirepositories", "OCIRepository" },
	[FLUX_HELM] = { "helmrepositories", "HelmRepository" },
	[FLUX_BUCKET] = { "buckets", "Bucket" },
};

/* Where in .spec a source names a Secret. */
static const struct {
	const char *in, *ref;
} places[FLUX_SOURCE_REFS] = {
	{ NULL, "secretRef" },	   { NULL, "proxySecretRef" }, { NULL, "certSecretRef" },
	{ "verify", "secretRef" }, { "sts", "secretRef" },     { "sts", "certSecretRef" },
};

const char *flux_source_kind(enum flux_kind kind)
{
	return kinds[kind].kind;
}

static void put_collection(enum flux_kind kind, const char *namespace, struct buf *out)
{
	kube_path_object(out, GROUP, namespace, kinds[kind].plural, NULL);
}

void flux_source_list_path(enum flux_kind kind, const char *namespace, const char *next,
			   struct buf *out)
{
	put_collection(kind, namespace, out);
	buf_puts(out, "?limit=" PAGE);
	if (next == NULL)
		return;
	buf_puts(out, "&continue=");
	kube_path_put(out, next);
}

static const json_t *metadata_of(const json_t *object)
{
	return json_object_get(object, "metadata");
}

const char *flux_source_next(const json_t *page)
{
	const char *next = json_string_value(json_object_get(metadata_of(page), "continue"));

	return next == NULL || *next == '\0' ? NULL : next;
}

void flux_source_path(enum flux_kind kind, const char *namespace, const char *name, struct buf *out)
{
	put_collection(kind, namespace, out);
	buf_puts(out, "/");
	kube_path_put(out, name);
}

static bool has(const char *const *refs, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(refs[i], name) == 0)
			return true;
	return false;
}

size_t flux_source_refs(const json_t *source, const char *refs[static FLUX_SOURCE_REFS])
{
	const json_t *spec = json_object_get(source, "spec");
	size_t n = 0;

	for (size_t i = 0; i < FLUX_SOURCE_REFS; i++) {
		const json_t *in =
		    places[i].in == NULL ? spec : json_object_get(spec, places[i].in);
		const char *name =
		    json_string_value(json_object_get(json_object_get(in, places[i].ref), "name"));

		if (name != NULL && !has(refs, n, name))
			refs[n++] = name;
	}
	return n;
}

bool flux_source_uses(const json_t *source, const char *secret)
{
	const char *refs[FLUX_SOURCE_REFS] = { NULL };

	return has(refs, flux_source_refs(source, refs), secret);
}

const char *flux_source_name(const json_t *source)
{
	return json_string_value(json_object_get(metadata_of(source), "name"));
}

const char *flux_source_version(const json_t *source)
{
	return json_string_value(json_object_get(
	    json_object_get(metadata_of(source), "annotations"), FLUX_SOURCE_VERSION));
}

/* RFC 3339 with nanoseconds: two nudges in one second are two. */
static void format_time(int64_t ns, char text[static 40])
{
	char seconds[CLOCK_TEXT_SIZE];

	clock_format(ns / NS, seconds);
	snprintf(text, 40, "%.19s.%09lldZ", seconds, (long long)(ns % NS));
}

void flux_source_nudge(int64_t ns, const char *version, struct buf *out)
{
	char at[40];
	json_t *patch;

	format_time(ns, at);
	patch = json_pack("{s:{s:{s:s,s:s}}}", "metadata", "annotations", FLUX_SOURCE_REQUESTED, at,
			  FLUX_SOURCE_VERSION, version);
	json_format(out, patch);
	json_decref(patch);
}
