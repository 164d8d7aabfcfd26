/* SPDX-License-Identifier: Apache-2.0 */
/* One pull check on its way: what github/registry.c and its parts share; not for others. */
#ifndef BULLA_GITHUB_REGISTRY_RUN_H
#define BULLA_GITHUB_REGISTRY_RUN_H

#include "base/buf.h"
#include "base/notes.h"
#include "github/challenge.h"
#include "github/grant.h"
#include "github/http.h"
#include "github/registry_types.h"

struct err;

struct registry_run {
	const struct registry_question *q;
	struct registry_result *r;
	struct notes *notes;
	struct err *err;
	struct http *http;	 /* the registry */
	struct challenge want;	 /* what it asks for */
	struct buf basic, shown; /* "Basic ...", and what the registry is shown */
	struct grant grant;
	char *manifest; /* "/v2/org/app/manifests/v1" */
};

/* The check ends with this verdict, for this reason (registry_say).  All of these return -1. */
int registry_run_fail(struct registry_run *run, enum registry_verdict verdict, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* "WHO WHY (status 403 DENIED)", and whether our clock is off. */
int registry_run_fail_status(struct registry_run *run, enum registry_verdict verdict,
			     const struct http_answer *a, const char *who, const char *why);
int registry_run_no_answer(struct registry_run *run, const struct http_answer *a,
			   const struct err *why);
/* What means the same whoever was asked for what; 0 (and no end) when it is none of these. */
int registry_run_fail_common(struct registry_run *run, const struct http_answer *a,
			     const char *who);

#endif
