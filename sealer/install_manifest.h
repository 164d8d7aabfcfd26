/* SPDX-License-Identifier: Apache-2.0 */
/* manifests/install.yaml (CRD, agent, its rights), carried in the program; the Makefile makes it.
 */
#ifndef BULLA_SEALER_INSTALL_MANIFEST_H
#define BULLA_SEALER_INSTALL_MANIFEST_H

#include <stddef.h>

extern const unsigned char install_manifest[]; /* no NUL behind it */
extern const size_t install_manifest_len;

#endif
