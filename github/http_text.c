/* SPDX-License-Identifier: Apache-2.0 */
#include "github/http_text.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"

#define WAIT_MAX_S 86400

static bool number(const char *text, size_t n, int *out)
{
	*out = 0;
	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		*out = *out * 10 + (text[i] - '0');
	}
	return true;
}

/* RFC 3339 is made of it, and read by the one who knows dates. */
bool http_date(const char *text, int64_t *t)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	static const char days[] = "ThuFriSatSunMonTueWed"; /* 1970-01-01 was a Thursday */
	const char *month;
	int day, year, unused;
	int64_t parsed;
	char *spelled;
	bool ok;

	if (strlen(text) != 29 || text[3] != ',' || text[4] != ' ' || text[7] != ' ' ||
	    text[11] != ' ' || text[16] != ' ' || strcmp(text + 25, " GMT") != 0 ||
	    !number(text + 5, 2, &day) || !number(text + 12, 4, &year) || year < 1970 ||
	    !number(text + 17, 2, &unused))
		return false;
	for (month = months; *month != '\0' && strncmp(month, text + 8, 3) != 0;)
		month += 3;
	if (*month == '\0')
		return false;
	spelled =
	    mem_printf("%04d-%02d-%02dT%.8sZ", year, (int)(month - months) / 3 + 1, day, text + 17);
	ok = clock_parse(spelled, &parsed);
	mem_free(spelled);
	if (!ok)
		return false;
	if (strncmp(days + (parsed / 86400 % 7) * 3, text, 3) != 0)
		return false;
	*t = parsed;
	return true;
}

int64_t http_retry_after(const char *text, int64_t now)
{
	size_t n = strspn(text, "0123456789");
	int seconds;
	int64_t t;

	if (n > 0 && text[n] == '\0') {
		if (n > 6 || !number(text, n, &seconds) || seconds > WAIT_MAX_S)
			return (int64_t)WAIT_MAX_S * 1000;
		return (int64_t)seconds * 1000;
	}
	if (!http_date(text, &t))
		return -1;
	t = t < now ? 0 : t - now;
	return (t > WAIT_MAX_S ? WAIT_MAX_S : t) * 1000;
}

/* --- Link ------------------------------------------------------------------------------------- */

static const char *skip_space(const char *s)
{
	return s + strspn(s, " \t");
}

/* The end of a parameter's value: a quoted string, or a token.  NULL: the quote is not closed. */
static const char *value_end(const char *s)
{
	if (*s != '"')
		return s + strcspn(s, ";, \t");
	for (s++; *s != '\0' && *s != '"'; s++) {
		if (*s == '\\' && s[1] != '\0')
			s++;
	}
	return *s == '"' ? s + 1 : NULL;
}

/* rel holds names separated by spaces, in quotes or not. */
static bool has_relation(const char *value, const char *end, const char *rel)
{
	size_t n = strlen(rel);

	if (*value == '"') {
		value++;
		end--;
	}
	while (value < end) {
		size_t word = strcspn(value, " \"");

		if (word > (size_t)(end - value))
			word = (size_t)(end - value);
		if (word == n && strncasecmp(value, rel, n) == 0)
			return true;
		value += word < (size_t)(end - value) ? word + 1 : word;
	}
	return false;
}

/* The parameters of one link; *at moves behind them.  -1: not readable. */
static int parameters(const char **at, const char *rel, bool *found)
{
	const char *s = skip_space(*at);
	bool seen = false;

	while (*s == ';') {
		const char *name = skip_space(s + 1), *value, *end;
		size_t n = strcspn(name, "=;, \t");

		s = skip_space(name + n);
		if (*s != '=')
			continue;
		value = skip_space(s + 1);
		end = value_end(value);
		if (end == NULL)
			return -1;
		/* a second rel does not count (RFC 8288 3.3) */
		if (n == 3 && strncasecmp(name, "rel", 3) == 0 && !seen) {
			seen = true;
			*found = has_relation(value, end, rel);
		}
		s = skip_space(end);
	}
	*at = s;
	return *s == '\0' || *s == ',' ? 0 : -1;
}

char *http_link(const char *text, const char *rel)
{
	const char *s = text;

	for (;;) {
		const char *end;
		size_t n;
		bool found = false;

		s += strspn(s, " \t,");
		if (*s != '<')
			return NULL;
		end = strchr(s, '>');
		if (end == NULL)
			return NULL;
		n = (size_t)(end - s) - 1;
		text = s + 1;
		s = end + 1;
		if (parameters(&s, rel, &found) != 0)
			return NULL;
		if (found)
			return n == 0 ? NULL : mem_strn(text, n);
	}
}
