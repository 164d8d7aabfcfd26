/* SPDX-License-Identifier: Apache-2.0 */
/* The kustomization beside a file of sealed documents, for `check`. */
#ifndef BULLA_SEALER_CHECK_KUSTOMIZE_H
#define BULLA_SEALER_CHECK_KUSTOMIZE_H

#include "document/document.h"
#include "sealer/check_base.h"
#include "sealer/findings.h"

/*
 * Read the kustomization in the folder of a file (base->read), when there is one, and add what it
 * makes of these documents.  where: the file, as in its own findings.
 */
void check_kustomize(struct findings *findings, const struct check_base *base,
		     const struct finding *where, const struct document *documents, size_t n);

#endif
