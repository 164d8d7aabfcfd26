/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opened Secrets as text, for programs that read them from a pipe.  Appended to out; the caller
 * wipes it.
 */
#ifndef BULLA_SEALER_REVEAL_H
#define BULLA_SEALER_REVEAL_H

#include "base/buf.h"
#include "document/document.h"

struct err;

/* A v1 Secret manifest, as `kubectl apply` takes it. */
int reveal_yaml(const struct document *d, const struct kind_secret *s, struct buf *out,
		struct err *err);
/*
 * NAME='value' lines, as shells and docker compose read them.  ERR_INVALID for a data key that is
 * no variable's name and for a value with bytes that such a file cannot hold.
 */
int reveal_dotenv(const struct document *d, const struct kind_secret *s, struct buf *out,
		  struct err *err);
/* name = "value" lines of a Terraform .tfvars file; the same refusals. */
int reveal_tfvars(const struct document *d, const struct kind_secret *s, struct buf *out,
		  struct err *err);

#endif
