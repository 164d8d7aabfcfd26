/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MicroTime, as Leases and Events want it: RFC 3339 in UTC with exactly six digits of a second;
 * none, one or nine digits are refused with 422.
 */
#ifndef BULLA_KUBE_MICROTIME_H
#define BULLA_KUBE_MICROTIME_H

#include <stdint.h>

#define KUBE_MICROTIME_SIZE 28 /* "2026-11-23T08:00:00.000000Z" and a NUL */

/* Microseconds since 1970 UTC. */
int64_t kube_microtime_now(void);
void kube_microtime_format(int64_t us, char text[static KUBE_MICROTIME_SIZE]);

#endif
