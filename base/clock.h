/* SPDX-License-Identifier: Apache-2.0 */
/* Wall-clock time in seconds since 1970 UTC, and its text: RFC 3339 with "Z", whole seconds. */
#ifndef BULLA_BASE_CLOCK_H
#define BULLA_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_TEXT_SIZE 21 /* "2026-11-23T08:00:00Z" and a NUL */

int64_t clock_now(void);
int64_t clock_monotonic_ms(void);
/* One that goes on while the machine is suspended, where there is such a clock. */
int64_t clock_boottime_ms(void);
/* Wait so many milliseconds, whatever signals come. */
void clock_sleep(int64_t ms);
/* The earlier of two times. */
int64_t clock_sooner(int64_t a, int64_t b);
/* How long to wait before another try: first, doubled so many times, but no longer than last. */
int64_t clock_backoff(int64_t first, int64_t last, unsigned doublings);
void clock_format(int64_t t, char text[static CLOCK_TEXT_SIZE]); /* years 0000 to 9999 */
bool clock_parse(const char *text, int64_t *t); /* exactly the form that clock_format makes */

/* --expires: "2027-01-31" (end of that day, UTC), RFC 3339, or "90d", "12h", "2w" from now. */
bool clock_parse_expiry(const char *text, int64_t now, int64_t *t);
/* Days from now to t, rounded down (negative when past). */
int64_t clock_days(int64_t now, int64_t t);

#endif
