/* SPDX-License-Identifier: Apache-2.0 */
#include "github/registry_run.h"

#include <stdarg.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "github/registry_say.h"

int registry_run_fail(struct registry_run *run, enum registry_verdict verdict, const char *fmt, ...)
{
	va_list ap;
	char *what;

	va_start(ap, fmt);
	what = mem_vprintf(fmt, ap);
	va_end(ap);
	run->r->verdict = verdict;
	registry_say(run->q->image, run->r, what, run->err);
	mem_free(what);
	return -1;
}

/* "status 403 DENIED" */
static char *status_text(const struct http_answer *a)
{
	char code[REGISTRY_CODE_SIZE];

	registry_code(&a->body, code);
	return mem_printf("status %ld%s%s", a->status, code[0] != '\0' ? " " : "", code);
}

int registry_run_fail_status(struct registry_run *run, enum registry_verdict verdict,
			     const struct http_answer *a, const char *who, const char *why)
{
	char *status = status_text(a), *hint = http_clock_hint(run->http, a);

	registry_run_fail(run, verdict, "%s %s (%s)%s", who, why, status, hint);
	mem_free(status);
	mem_free(hint);
	return -1;
}

/* Where a redirect leads to: its host alone, the rest may hold anything. */
static char *redirect_host(const struct http_answer *a)
{
	const char *to = http_header(a, "location", 0);
	const char *host = to != NULL ? strstr(to, "://") : NULL;

	if (host == NULL)
		return mem_str("another address of its own");
	return mem_strn(host + 3, strcspn(host + 3, "/?#"));
}

int registry_run_fail_common(struct registry_run *run, const struct http_answer *a, const char *who)
{
	const char *wait = http_header(a, "retry-after", 0);
	char *to;

	if (a->status == 429)
		return registry_run_fail(
		    run, REGISTRY_LIMITED, "%s limits how often it is asked (status 429%s%.40s)",
		    who, wait != NULL ? ", Retry-After: " : "", wait != NULL ? wait : "");
	if (a->status >= 500)
		return registry_run_fail_status(run, REGISTRY_DOWN, a, who, "is in trouble");
	if (a->status < 300 || a->status >= 400)
		return 0;
	to = redirect_host(a);
	registry_run_fail(run, REGISTRY_STRANGE,
			  "%s sends on to %.200s (status %ld), which no login follows", who, to,
			  a->status);
	mem_free(to);
	return -1;
}

int registry_run_no_answer(struct registry_run *run, const struct http_answer *a,
			   const struct err *why)
{
	bool odd = a->fault == HTTP_PAGE || a->fault == HTTP_LARGE;

	return registry_run_fail(run, odd ? REGISTRY_STRANGE : REGISTRY_DOWN, "%s", why->text);
}
