/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's manifest that the program carries, with the image that is to run.  Pure. */
#ifndef BULLA_SEALER_BOOTSTRAP_MANIFEST_H
#define BULLA_SEALER_BOOTSTRAP_MANIFEST_H

#include <stdbool.h>

#include "base/buf.h"

struct err;

/* ERR_USAGE unless it names an image with a tag or a digest: "ghcr.io/barolab/bulla-agent:1.2". */
int bootstrap_manifest_check_image(const char *image, struct err *err);
/* The manifest, appended; the two containers of its Deployment run image. */
void bootstrap_manifest_text(const char *image, struct buf *out);
/* Does a text of it run this image? */
bool bootstrap_manifest_has_image(const struct buf *text, const char *image);

#endif
