/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY ((int64_t)86400)

int64_t clock_now(void)
{
	return (int64_t)time(NULL);
}

static int64_t read_ms(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_monotonic_ms(void)
{
	return read_ms(CLOCK_MONOTONIC);
}

int64_t clock_boottime_ms(void)
{
#ifdef CLOCK_BOOTTIME
	return read_ms(CLOCK_BOOTTIME);
#else
	return read_ms(CLOCK_MONOTONIC); /* which does on macOS */
#endif
}

void clock_sleep(int64_t ms)
{
	struct timespec t = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };

	while (ms > 0 && nanosleep(&t, &t) != 0 && errno == EINTR)
		;
}

int64_t clock_sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t clock_backoff(int64_t first, int64_t last, unsigned doublings)
{
	int64_t wait = first;

	while (doublings-- > 0 && wait < last)
		wait *= 2;
	return wait < last ? wait : last;
}

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar, and back (eras of 400
 * years). */
static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
	int64_t era, yoe, doy;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void date_of(int64_t days, int64_t *y, int64_t *m, int64_t *d)
{
	int64_t era, doe, yoe, doy, mp;

	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	doe = days - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	*d = doy - (153 * mp + 2) / 5 + 1;
	*m = mp < 10 ? mp + 3 : mp - 9;
	*y = yoe + era * 400 + (*m <= 2);
}

void clock_format(int64_t t, char text[static CLOCK_TEXT_SIZE])
{
	int64_t days = (t >= 0 ? t : t - (DAY - 1)) / DAY;
	int64_t rest = t - days * DAY;
	int64_t y, m, d;

	date_of(days, &y, &m, &d);
	if (y < 0 || y > 9999) {
		memcpy(text, y < 0 ? "0000-01-01T00:00:00Z" : "9999-12-31T23:59:59Z",
		       CLOCK_TEXT_SIZE);
		return;
	}
	for (int i = 3; i >= 0; i--, y /= 10)
		text[i] = (char)('0' + y % 10);
	snprintf(text + 4, CLOCK_TEXT_SIZE - 4, "-%02u-%02uT%02u:%02u:%02uZ", (unsigned)m % 100,
		 (unsigned)d % 100, (unsigned)(rest / 3600) % 100, (unsigned)(rest / 60 % 60),
		 (unsigned)(rest % 60));
}

/* n decimal digits at *s; -1 when there are none. */
static int digits(const char **s, int n)
{
	int v = 0;

	for (; n > 0; n--, (*s)++) {
		if (**s < '0' || **s > '9')
			return -1;
		v = v * 10 + (**s - '0');
	}
	return v;
}

static bool literal(const char **s, char c)
{
	if (**s != c)
		return false;
	(*s)++;
	return true;
}

static bool parse_date(const char **s, int64_t *days)
{
	int64_t y2, m2, d2;
	int y = digits(s, 4), m, d;

	if (y < 0 || !literal(s, '-') || (m = digits(s, 2)) < 1 || m > 12 || !literal(s, '-') ||
	    (d = digits(s, 2)) < 1 || d > 31)
		return false;
	*days = days_of(y, m, d);
	date_of(*days, &y2, &m2, &d2); /* the 31st of a short month comes back as another date */
	return y2 == y && m2 == m && d2 == d;
}

bool clock_parse(const char *text, int64_t *t)
{
	int64_t days;
	int h, m, s;

	if (!parse_date(&text, &days) || !literal(&text, 'T') || (h = digits(&text, 2)) < 0 ||
	    h > 23 || !literal(&text, ':') || (m = digits(&text, 2)) < 0 || m > 59 ||
	    !literal(&text, ':') || (s = digits(&text, 2)) < 0 || s > 59 || !literal(&text, 'Z') ||
	    *text != '\0')
		return false;
	*t = days * DAY + (int64_t)h * 3600 + (int64_t)m * 60 + s;
	return true;
}

static bool parse_span(const char *text, int64_t *seconds)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = { { 'h', 3600 }, { 'd', DAY }, { 'w', 7 * DAY } };
	int64_t n = 0;
	const char *at = text;

	for (; *at >= '0' && *at <= '9' && at - text < 5; at++)
		n = n * 10 + (*at - '0');
	if (at == text || n == 0 || at[0] == '\0' || at[1] != '\0')
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (units[i].unit == *at) {
			*seconds = n * units[i].seconds;
			return true;
		}
	}
	return false;
}

bool clock_parse_expiry(const char *text, int64_t now, int64_t *t)
{
	const char *at = text;
	int64_t v;

	if (clock_parse(text, t))
		return true;
	if (parse_span(text, &v)) {
		*t = now + v;
		return true;
	}
	if (parse_date(&at, &v) && *at == '\0') {
		*t = v * DAY + DAY - 1;
		return true;
	}
	return false;
}

int64_t clock_days(int64_t now, int64_t t)
{
	int64_t diff = t - now;

	return (diff >= 0 ? diff : diff - (DAY - 1)) / DAY;
}
