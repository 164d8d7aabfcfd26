/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host field of a known_hosts line, as Flux matches it (fluxcd/pkg ssh/knownhosts): names with
 * "*", "?" and a leading "!", commas between, "[host]:port"; or one hashed name "|1|SALT|HASH".
 * Stricter: no empty names, ports from 1 to 65535, no "host:port", which OpenSSH does not know.
 */
#ifndef BULLA_KINDS_HOSTPAT_H
#define BULLA_KINDS_HOSTPAT_H

#include <stdbool.h>
#include <stddef.h>

#include "kinds/url.h"

/* NULL when the field (one word, len > 0) is well formed, else the reason: a constant. */
const char *hostpat_check(const char *text, size_t len);

/* Does a well formed field match host and port? */
bool hostpat_match(const char *text, size_t len, const struct url *u);

#endif
