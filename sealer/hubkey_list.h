/* SPDX-License-Identifier: Apache-2.0 */
/* `bulla deploy-key list`. */
#ifndef BULLA_SEALER_HUBKEY_LIST_H
#define BULLA_SEALER_HUBKEY_LIST_H

#include <stdint.h>

#include "sealer/command.h"

struct err;

int hubkey_list(const struct invocation *in, struct err *err);

#define HUBKEY_SPAN 40
/* "3 d ago", "never, as far as GitHub says"; of Unix seconds, 0: never. */
void hubkey_list_used(int64_t last_used, char text[static HUBKEY_SPAN]);

#endif
