/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sources of Flux's source-controller, as far as the agent has to do with them: which Secrets
 * one names, and the patch by which it is looked at again (flux-kubelet-github.md 1.1, 1.2, 1.5).
 * Pure; no request is sent.
 */
#ifndef BULLA_AGENT_FLUX_SOURCE_H
#define BULLA_AGENT_FLUX_SOURCE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define FLUX_SOURCE_REFS 6 /* Secrets that one source can name */
#define FLUX_SOURCE_REQUESTED "reconcile.fluxcd.io/requestedAt"
#define FLUX_SOURCE_VERSION "bulla.dev/secret-version"

enum flux_kind { FLUX_GIT, FLUX_OCI, FLUX_HELM, FLUX_BUCKET, FLUX_KINDS };

/* "GitRepository" */
const char *flux_source_kind(enum flux_kind kind);

/*
 * Append the path of the sources of a kind in a namespace, by pages; next: what the page before
 * says in metadata.continue, or NULL for the first.
 */
void flux_source_list_path(enum flux_kind kind, const char *namespace, const char *next,
			   struct buf *out);
/* What follows this page, or NULL; borrowed. */
const char *flux_source_next(const json_t *page);
/* Append the path of one source. */
void flux_source_path(enum flux_kind kind, const char *namespace, const char *name,
		      struct buf *out);

/* Which Secrets of its namespace it names, each once, in a fixed order; borrowed.  How many. */
size_t flux_source_refs(const json_t *source, const char *refs[static FLUX_SOURCE_REFS]);
bool flux_source_uses(const json_t *source, const char *secret);

/* Its name, and its annotation FLUX_SOURCE_VERSION; NULL: none.  Borrowed. */
const char *flux_source_name(const json_t *source);
const char *flux_source_version(const json_t *source);

/* Append the merge patch: look again, at the Secrets of this version.  ns: since 1970. */
void flux_source_nudge(int64_t ns, const char *version, struct buf *out);

#endif
