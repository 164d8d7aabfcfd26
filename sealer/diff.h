/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is different between two versions of a sealed document: outside, and where a key opens both,
 * inside.  Pure.
 */
#ifndef BULLA_SEALER_DIFF_H
#define BULLA_SEALER_DIFF_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "document/seal.h"

enum diff_value {
	DIFF_UNKNOWN,	/* sealed anew; nothing opens both */
	DIFF_SAME,	/* sealed anew, the same value */
	DIFF_OTHER,	/* another value */
	DIFF_UNTOUCHED, /* the same bytes */
};

/* A part that is in one version alone, or that differs. */
struct diff_part {
	const char *name;
	const struct document_part *old, *new; /* NULL: it is not there */
	enum diff_value value;
	struct kind_secret was, is; /* opened, empty where not; wiped by diff_clear */
	char *why;		    /* a version that should open and does not, or NULL */
};

struct diff {
	const struct document *old, *new; /* not owned; one may be NULL */
	bool differs;
	struct diff_part *parts; /* by name */
	size_t n;
};

/*
 * keys may be NULL: nothing is opened.  Of parts with the same bytes nothing is opened either; they
 * are listed when their recipients or facts differ, though they cannot open then.
 */
void diff_make(const struct document *old, const struct document *new, const struct keyring *keys,
	       int64_t now, struct diff *out);
void diff_clear(struct diff *d);

/*
 * {document, change: added|removed|changed|same, kind, fields: {NAME: {old, new}}, parts: [{part,
 * change: added|removed|changed, value: unknown|same|changed|untouched, keys, recipients: {added,
 * removed, changed}, facts: {NAME: {old, new}}, problem}]}; never a value.
 */
json_t *diff_json(const struct diff *d);

/* The same for a person, with the values where they are known and wanted.  Appended, escaped. */
void diff_text(const struct diff *d, bool values, struct buf *out);

#endif
