/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only the outline tells: Kubernetes Secrets, credentials in ConfigMaps, in the environment of
 * containers and in kustomize's generators, kubeconfigs; also in manifests within block scalars.
 * Within guard/ only.
 */
#ifndef BULLA_GUARD_OBJECTS_H
#define BULLA_GUARD_OBJECTS_H

#include <stdbool.h>

#include "guard/hits.h"

/* Is it worth an outline, by its name (may be NULL) and by the words in it? */
bool objects_likely(const char *path, const struct view *v);

/* What of a name decides that: 0 to 2. */
unsigned objects_kind(const char *path);

void objects_find(struct hits *h, const struct view *v);

#endif
