/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULLA_GITHUB_WAIT_H
#define BULLA_GITHUB_WAIT_H

#include <stdbool.h>
#include <stdint.h>

/* Until fd is ready for events (poll(2)), or has an error to learn; false: the deadline
 * (clock_monotonic_ms) has passed. */
bool github_wait(int fd, short events, int64_t deadline);

#endif
