/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/microtime.h"

#include <stdio.h>
#include <time.h>

#include "base/clock.h"

#define MILLION 1000000

int64_t kube_microtime_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * MILLION + ts.tv_nsec / 1000;
}

void kube_microtime_format(int64_t us, char text[static KUBE_MICROTIME_SIZE])
{
	int64_t second = us / MILLION, rest = us % MILLION;

	if (rest < 0) {
		second--;
		rest += MILLION;
	}
	clock_format(second, text);
	/* in place of the "Z" */
	snprintf(text + CLOCK_TEXT_SIZE - 2, KUBE_MICROTIME_SIZE - (CLOCK_TEXT_SIZE - 2), ".%06dZ",
		 (int)rest);
}
