/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kustomization.yaml beside a file makes of the sealed documents in it.  Kustomize applies
 * only the files it lists, and it renames: a document whose name, namespace or spec it changes no
 * longer opens, because they are bound inside.
 *
 * Pure, and no kustomize: it knows the fields named here, as the kustomize reference describes
 * them (kubectl.docs.kubernetes.io, "kustomization").  What it cannot decide (a pattern as a
 * patch's target, a patch in another file) is a warning.
 */
#ifndef BULLA_DOCUMENT_KUSTOMIZE_H
#define BULLA_DOCUMENT_KUSTOMIZE_H

#include <stdbool.h>
#include <stddef.h>

#include "document/document.h"

struct err;

/* The names that kustomize looks for in a folder, in its order; ends with NULL. */
extern const char *const kustomize_names[];

struct kustomize_finding {
	unsigned line; /* of the kustomization */
	bool warning;  /* it may be so; else it is */
	char *text;
};

struct kustomize_findings {
	struct kustomize_finding *items;
	size_t n;
};

#define KUSTOMIZE_FINDINGS_INIT                                                                    \
	{                                                                                          \
		NULL, 0                                                                            \
	}

struct kustomize_input {
	const char *name; /* of the kustomization, for errors */
	const void *text;
	size_t len;
	const char *file; /* the documents' file, as seen from the kustomization's folder */
	const struct document *documents;
	size_t n;
};

/*
 * Findings, by line: the file is not under `resources` (also as "./x.yaml"), or twice; namePrefix,
 * nameSuffix; another namespace; labels or commonLabels that reach into the spec; commonAnnotations
 * that undo DOCUMENT_SUBSTITUTE; patches, patchesJson6902, patchesStrategicMerge and replacements
 * that change a name, the namespace or the spec.
 *
 * ERR_INVALID: not YAML as base/yaml.h wants it, or not a map.  A file of another API group that
 * bears the name has no findings.
 */
int kustomize_check(const struct kustomize_input *in, struct kustomize_findings *out,
		    struct err *err);
void kustomize_clear(struct kustomize_findings *f);

#endif
