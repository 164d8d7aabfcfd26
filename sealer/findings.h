/* SPDX-License-Identifier: Apache-2.0 */
/* What `check` has to say: where, how bad, which rule, what. */
#ifndef BULLA_SEALER_FINDINGS_H
#define BULLA_SEALER_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

struct err;
struct guard_rule;
struct json_t; /* jansson */

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
	RULE_LIVE,	    /* its source refuses it, or could not be asked (--live) */
	RULE_GROWTH,	    /* a range lets more people in, or more through */
	RULE_PLAINTEXT,	    /* a credential in plain text; finding.guard says which */
	RULE_COUNT,
};

struct finding_rule_text {
	const char *name;
	const char *summary; /* one line, as SARIF has it */
};

extern const struct finding_rule_text finding_rules[RULE_COUNT];

struct finding {
	char *file;  /* as people know it from where they are; NULL: of the repository as a whole */
	char *below; /* below the Git top level; NULL: in no repository */
	char *commit;	       /* that has it; NULL: what is in the work tree or the index */
	unsigned line, column; /* 1-based; 0: not known */
	enum finding_rule rule;
	const struct guard_rule *guard; /* of RULE_PLAINTEXT */
	char print[9]; /* guard_hit.print; in the history also of a document; "" else */
	bool warning;  /* does not fail the check */
	char *text;
};

#define FINDINGS_MAX 20000 /* kept and printed; what is beyond is counted */

struct findings {
	struct finding *items;
	size_t n, cap;
	size_t errors;	/* those that are no warnings, of all */
	size_t dropped; /* those beyond FINDINGS_MAX */
	size_t documents, opened;
	size_t files;	       /* searched for credentials in plain text */
	size_t known;	       /* such findings that the baseline has */
	size_t allowed;	       /* ... that a comment allows */
	struct json_t *live;   /* of --live, for JSON; owned, may be NULL */
	size_t links, modules; /* symbolic links and submodules, which are not looked into */
	size_t removed;	       /* files that what is checked takes away */
	const char *nothing;   /* why there may be nothing to check, in a few words, or NULL */
};

/* Add one; text may begin with "file:line: ", which is taken off when it names the same file. */
void findings_add(struct findings *f, const struct finding *where, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The first eight hex digits of SHA-256 of what is no secret, for print. */
void findings_fingerprint(const void *data, size_t len, char print[static 9]);
/* The name of its rule: of RULE_PLAINTEXT the guard's. */
const char *finding_rule_name(const struct finding *item);
/* By file and line; the printing functions do it first. */
void findings_sort(struct findings *f);
/* As a person, a program or a code host reads them (SARIF 2.1.0).  ERR_IO. */
int findings_print_text(struct findings *f, struct err *err);
int findings_print_json(struct findings *f, struct err *err);
int findings_print_sarif(struct findings *f, struct err *err);
void findings_clear(struct findings *f);

#endif
