/* SPDX-License-Identifier: Apache-2.0 */
/* What base/yaml.c refuses and libyaml would take: a part of that module, not for others. */
#ifndef BULLA_BASE_YAML_CHECK_H
#define BULLA_BASE_YAML_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Why a text (behind its own byte order mark) is refused, and *at which byte; or NULL.  YAML 1.1
 * breaks lines at three characters where 1.2 does not, a byte order mark is skipped by some readers
 * and kept by others, and a lone carriage return hides text from whoever looks at it.  *ascii: the
 * text holds nothing else.  What is no UTF-8 is libyaml's to refuse.
 */
const char *yaml_check_bytes(const char *text, size_t len, size_t *at, bool *ascii);

#endif
