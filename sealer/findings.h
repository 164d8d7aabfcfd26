/* SPDX-License-Identifier: Apache-2.0 */
/* What `check` has to say: where, how bad, which rule, what. */
#ifndef BULLA_SEALER_FINDINGS_H
#define BULLA_SEALER_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

struct err;

/* The rules, as they stand in the manual and in JSON. */
enum finding_rule {
	RULE_READ,	    /* the file cannot be read or is not what it must be */
	RULE_CONFLICT,	    /* git left conflict markers */
	RULE_SHAPE,	    /* a sealed document breaks a rule of its format */
	RULE_LIST,	    /* a sealed document inside a List */
	RULE_SUBSTITUTE,    /* Flux could rewrite its facts */
	RULE_DUPLICATE,	    /* the same namespace and name twice */
	RULE_RECIPIENTS,    /* not sealed to whom the rules say */
	RULE_CONFIG,	    /* .bulla/config, or a .bulla/ in the wrong place */
	RULE_EXPIRY,	    /* expired, or soon */
	RULE_KUSTOMIZATION, /* not listed, or names would change */
	RULE_SIZE,	    /* kubectl apply would fail */
	RULE_OPEN,	    /* a key is at hand, and it does not open as it should */
	RULE_READER,	    /* opened; its reader will have something to say */
	RULE_COUNT,
};

extern const char *const finding_rules[RULE_COUNT];

struct finding {
	char *file; /* NULL: of the repository as a whole */
	unsigned line;
	enum finding_rule rule;
	bool warning; /* does not fail the check */
	char *text;
};

struct findings {
	struct finding *items;
	size_t n, cap;
	size_t errors; /* those that are no warnings */
	size_t documents, opened;
};

/* Add one; text may begin with "file:line: ", which is taken off when it names the same file. */
void findings_add(struct findings *f, const struct finding *where, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* By file and line, as a person or a program reads them.  ERR_IO. */
int findings_print_text(struct findings *f, struct err *err);
int findings_print_json(struct findings *f, struct err *err);
void findings_clear(struct findings *f);

#endif
