/* SPDX-License-Identifier: Apache-2.0 */
/* "bulla:allow" and "bulla:allow=RULE,RULE" in the text (guard/scan.h).  Within guard/ only. */
#ifndef BULLA_GUARD_ALLOW_H
#define BULLA_GUARD_ALLOW_H

#include <stddef.h>
#include <stdint.h>

/*
 * What a line of len bytes allows: one bit for each enum guard_rule_id.  A name that is no rule's
 * allows nothing.
 */
uint32_t allow_rules(const char *line, size_t len);

#endif
