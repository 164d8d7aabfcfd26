/* SPDX-License-Identifier: Apache-2.0 */
/* What `keys exposure` found, for people and for programs. */
#ifndef BULLA_SEALER_EXPOSURE_REPORT_H
#define BULLA_SEALER_EXPOSURE_REPORT_H

#include <jansson.h>

#include "sealer/exposure.h"

extern const char *const exposure_states[]; /* by enum exposure_state, as in JSON */

/* The list, in the order to act in, to standard output. */
void exposure_print(const struct exposure *e, const struct kv *ids);
/* {keys: [{keyId, name}], complete, credentials: [...], unread: [...]}: a new reference. */
json_t *exposure_json(const struct exposure *e, const struct kv *ids);

#endif
