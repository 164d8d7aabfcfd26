/* SPDX-License-Identifier: Apache-2.0 */
/* What the guard looks for: one row a rule.  bulla-guard(5) has the table for people. */
#ifndef BULLA_GUARD_RULES_H
#define BULLA_GUARD_RULES_H

#include <stdbool.h>
#include <stddef.h>

#define GUARD_HITS_MAX 1000 /* findings given of one text; the last may say that there are more */

/* In the order of what says most: of two findings in one place the first one stays. */
enum guard_rule_id {
	GUARD_GITHUB_TOKEN,
	GUARD_AGE_IDENTITY,
	GUARD_GCP_KEY,
	GUARD_PRIVATE_KEY,
	GUARD_ENCRYPTED_KEY,
	GUARD_SERVICE_TOKEN,
	GUARD_AWS_KEY,
	GUARD_DOCKER_CONFIG,
	GUARD_KUBECONFIG,
	GUARD_JWT,
	GUARD_URL_PASSWORD,
	GUARD_HTTP_LOGIN,
	GUARD_NETRC,
	GUARD_SECRET,
	GUARD_CONFIGMAP,
	GUARD_ENV,
	GUARD_TERRAFORM,
	GUARD_ASSIGNMENT,
	GUARD_RULES,
};

struct guard_rule {
	const char *name;    /* "github-token"; stable: baselines and comments hold it */
	const char *summary; /* one line: what is found */
	const char *advice;  /* one line: what to do about it */
	/*
	 * The value has so many possible forms that nobody can guess it, so a digest of it may be
	 * shown.  Of any other value not even a digest is (guard_hit.print).
	 */
	bool random;
};

extern const struct guard_rule guard_rules[GUARD_RULES];

/* The rule of a name of len bytes, or NULL. */
const struct guard_rule *guard_rule_find(const char *name, size_t len);

#endif
