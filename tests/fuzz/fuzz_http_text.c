/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a header: a date has one spelling, a pause is bounded, a link stands in the text. */
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <time.h>

#include "github/http_text.h"
#include "github/pat.h"

static void date(const char *text)
{
	char again[64];
	struct tm tm;
	int64_t t;
	time_t as;

	if (!http_date(text, &t))
		return;
	as = (time_t)t;
	must(t >= 0 && gmtime_r(&as, &tm) != NULL);
	must(strftime(again, sizeof(again), "%a, %d %b %Y %H:%M:%S GMT", &tm) == 29);
	must(strcmp(text, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = mem_strn((const char *)data, size), *link = http_link(text, "next");
	int64_t wait = http_retry_after(text, 1795689921), t;

	date(text);
	must(wait >= -1 && wait <= 86400000);
	if (link != NULL)
		must(link[0] != '\0' && strchr(link, '>') == NULL && strstr(text, link) != NULL);
	if (pat_expiry(text, &t))
		must(text[10] == ' ' && text[19] == ' ' && strlen(text) <= 25);
	mem_free(link);
	mem_free(text);
	return 0;
}
