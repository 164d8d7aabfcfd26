/* SPDX-License-Identifier: Apache-2.0 */
/* A YAML value as the JSON value that Kubernetes' own readers make of it. */
#ifndef BULLA_KUBE_YAMLJSON_H
#define BULLA_KUBE_YAMLJSON_H

#include <jansson.h>

#include "base/yaml.h"

/*
 * A new reference.  Plain null, true, false and numbers written as JSON writes them are what they
 * say; all other scalars are strings.  Never fails: the text was checked by yaml_parse.
 */
json_t *yamljson(const struct yaml_node *node);

#endif
