/* SPDX-License-Identifier: Apache-2.0 */
/* `check PATH...`: files and folders as they are. */
#ifndef BULLA_SEALER_CHECK_FILES_H
#define BULLA_SEALER_CHECK_FILES_H

#include "sealer/check.h"
#include "sealer/check_plaintext.h"

/*
 * Check the file or folder at path.  Sealed documents are looked for in YAML files outside of
 * hidden folders; credentials in plain text in every regular file, hidden ones too, but in those
 * that git ignores, which are private on purpose.  The rules and the baseline of each file's
 * repository hold. ERR_IO when path cannot be opened.
 */
int check_files(struct check *c, struct plaintext *plain, const char *path, struct err *err);

#endif
