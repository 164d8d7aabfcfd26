/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pull requests of one repository, between two branches of it.  Source: docs.github.com/rest/pulls.
 * A token takes Pull requests (write), and in a private repository Contents (read), or GitHub says
 * that "not all refs are readable".
 */
#ifndef BULLA_GITHUB_PULLS_H
#define BULLA_GITHUB_PULLS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct err;
struct rest;

struct pull {
	int64_t number;
	char *url;	   /* its page: printable ASCII; the number is its end */
	char *head, *base; /* branches; whatever someone called them, escape it */
	char *merge;	   /* the commit by which base got it, hex; NULL: it is not merged */
	bool open;
};

/* One of GitHub's objects.  out is overwritten, and empty on failure: ERR_IO. */
int pull_read(const json_t *v, struct pull *out, struct err *err);
void pull_clear(struct pull *p);

/* The branch that pull requests go to where nothing else is said, a new string; or NULL. */
char *pulls_default(struct rest *r, const char *repository, struct err *err);

/* One by its number. */
int pulls_get(struct rest *r, const char *repository, int64_t number, struct pull *out,
	      struct err *err);

struct pull_new {
	const char *repository; /* "owner/name" (rest_repository) */
	const char *head, *base;
	const char *title, *body;
};

/*
 * The open one from head to base.  ended: the last one, open or not.  *found false (and 0): there
 * is none.
 */
int pulls_find(struct rest *r, const struct pull_new *what, bool ended, struct pull *out,
	       bool *found, struct err *err);

/*
 * Open one; may be run again: one that is open already is taken for done, also when
 * the answer to an earlier try was lost.  ERR_CONFLICT: base has all of head; ERR_REFUSED: no
 * right; ERR_INVALID: there is no such base, or head was not pushed.
 */
int pulls_open(struct rest *r, const struct pull_new *new, struct pull *out, struct err *err);

#endif
