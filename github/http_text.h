/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in headers: pure readers, for github/http.h, which includes this. */
#ifndef BULLA_GITHUB_HTTP_TEXT_H
#define BULLA_GITHUB_HTTP_TEXT_H

#include <stdbool.h>
#include <stdint.h>

/* "Thu, 26 Nov 2026 10:45:21 GMT" (RFC 9110 5.6.7, the form that must be sent) and nothing else. */
bool http_date(const char *text, int64_t *t);
/* Retry-After: seconds, or such a date.  Milliseconds from now, not negative; -1: not readable. */
int64_t http_retry_after(const char *text, int64_t now);
/*
 * The target of the link with that relation in a Link header (RFC 8288), or NULL: a new string.
 * The first one counts; nothing is resolved or checked here.
 */
char *http_link(const char *text, const char *rel);

#endif
