/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The opener's own record: one JSON line for each opening asked of it, written before the answer
 * is given.  Fields: time, level, msg ("opening"), namespace, name, digest, kind, parts (how many),
 * keyIds, result ("opened" or the word of the error class).  Nothing that was inside.
 */
#ifndef BULLA_AGENT_AUDIT_H
#define BULLA_AGENT_AUDIT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/kv.h"
#include "document/document.h"

#define AUDIT_LINE_MAX 4096 /* what a pipe takes whole (PIPE_BUF) */
#define AUDIT_WAIT_MS 2000  /* for a reader that does not keep up */

struct audit {
	const struct document *document;
	const struct kv *key_ids;
	enum err_class result;
};

/* Append the line, with its newline.  Longer names and lists are cut. */
void audit_format(const struct audit *a, struct buf *out);

/* Write the line.  ERR_IO when fd does not take it in time: then the answer must not be given. */
int audit_write(int fd, const struct audit *a, struct err *err);

#endif
