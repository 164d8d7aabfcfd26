/* SPDX-License-Identifier: Apache-2.0 */
/* The kustomization beside a file of sealed documents, for `check`. */
#ifndef BULLA_SEALER_CHECK_KUSTOMIZE_H
#define BULLA_SEALER_CHECK_KUSTOMIZE_H

#include "document/document.h"
#include "sealer/findings.h"

/*
 * Read the kustomization in the folder of path, when there is one, and add what it makes of these
 * documents.  Regular files only, no links: the repository is not its user's.
 */
void check_kustomize(struct findings *findings, const char *path, const struct document *documents,
		     size_t n);

#endif
