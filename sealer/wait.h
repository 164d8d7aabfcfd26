/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --wait: until every cluster says that it applied what Git has (the digest of the document, Ready,
 * of the generation that is there), or that a person must act.  The clusters are watched.
 */
#ifndef BULLA_SEALER_WAIT_H
#define BULLA_SEALER_WAIT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "keys/config.h"
#include "sealer/options.h"

struct err;

#define WAIT_DEFAULT "10m" /* a Kustomization's interval, and then some */

struct wait_options {
	bool wait;
	struct option_list contexts;
	const char *kubeconfig, *agent_namespace, *timeout;
};

/* The rows of a command's option table, for the member `wait` of its struct `type`. */
#define WAIT_OPTIONS(type)                                                                         \
	{ 0,                                                                                       \
	  "wait",                                                                                  \
	  NULL,                                                                                    \
	  "until each --context reports that it is applied",                                       \
	  offsetof(struct type, wait.wait),                                                        \
	  0 },                                                                                     \
	    { 0,                                                                                   \
	      "timeout",                                                                           \
	      "10m",                                                                               \
	      "how long to wait (default: " WAIT_DEFAULT ")",                                      \
	      offsetof(struct type, wait.timeout),                                                 \
	      0 },                                                                                 \
	    { 0,                                                                                   \
	      "context",                                                                           \
	      "[NAME=]CONTEXT",                                                                    \
	      "a cluster, by its kubeconfig context; NAME: the recipient that it is",              \
	      offsetof(struct type, wait.contexts),                                                \
	      OPTION_MANY },                                                                       \
	    { 0,                                                                                   \
	      "kubeconfig",                                                                        \
	      "FILE",                                                                              \
	      "instead of $KUBECONFIG or ~/.kube/config",                                          \
	      offsetof(struct type, wait.kubeconfig),                                              \
	      0 },                                                                                 \
	{                                                                                          \
		'N', "agent-namespace", "NAMESPACE", "where the agent is (default: bulla-system)", \
		    offsetof(struct type, wait.agent_namespace), 0                                 \
	}

/* "90s", "10m", "1h", "2d": a span as kubectl takes it, in milliseconds, at most seven days. */
bool wait_parse_timeout(const char *text, int64_t *ms);

/*
 * Before anything is changed: --wait has a --context, --timeout is a span, names are names.
 * ERR_USAGE.
 */
int wait_check(const struct wait_options *o, struct err *err);

/*
 * Before anything is changed: does each context exist, does its cluster answer, and may what is
 * sealed to these be expected there?  ERR_RECIPIENT when the recipient that a cluster is known to
 * be is none of them, else as wait_run.
 */
struct wait;
struct recipients;
int wait_probe(const struct wait *w, const struct recipients *to, struct err *err);

enum wait_end {
	WAIT_APPLIED, /* nothing is left that waiting can change, and nothing failed */
	WAIT_STALLED, /* an agent says that a person must act */
	WAIT_TIMEOUT,
};

struct wait {
	const struct wait_options *o;
	const json_t *git;	      /* the documents, of sealer/standing.h */
	const char *namespace, *name; /* of all of them that count; NULL: any */
	const char *top;	      /* the repository; NULL: none */
	const struct config *config;  /* of it; NULL: none */
	int64_t soon;		      /* as in struct standing_cluster */
	bool one;		      /* one document: each change of it is a line */
	void (*idle)(void *ctx);      /* called about twice a second while it waits; or NULL */
	void *ctx;
};

/*
 * Wait.  0 with *end, and rows (a new array) as they stand at the end; -1 when a cluster cannot be
 * watched: ERR_USAGE no such context, ERR_REFUSED no right to, and others.
 */
int wait_run(const struct wait *w, enum wait_end *end, json_t **rows, struct err *err);

/*
 * How long a person's deed takes to be seen: what had stalled when the wait began may be mended
 * already.  The kubelet shows a new key to an agent within a minute and a half.
 */
#define WAIT_MENDED_MS 90000

/*
 * The decision, pure.  before: "CLUSTER DOCUMENT" of rows that had stalled when the wait began; one
 * that is seen otherwise is taken out.  patient: less than WAIT_MENDED_MS has passed.  false: wait.
 */
bool wait_is_over(const json_t *rows, json_t *before, bool patient, enum wait_end *end);

/* "eu: web/ghcr is failing: NoKey: ..." for the first rows that are not good.  Appended. */
void wait_explain(const json_t *rows, struct buf *out);

#endif
