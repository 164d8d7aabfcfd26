/* SPDX-License-Identifier: Apache-2.0 */
#include "github/wait.h"

#include <poll.h>

#include "base/clock.h"

bool github_wait(int fd, short events, int64_t deadline)
{
	struct pollfd p = { fd, events, 0 };
	int rc;

	do {
		int64_t left = deadline - clock_monotonic_ms();

		if (left <= 0)
			return false;
		rc = poll(&p, 1, left > 1000 ? 1000 : (int)left);
	} while (rc <= 0);
	return true;
}
