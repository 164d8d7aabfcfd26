/* SPDX-License-Identifier: Apache-2.0 */
/* Secret manifests as a YAML file of SOPS, encrypted to age recipients: `sops decrypt` opens it. */
#ifndef BULLA_FOREIGN_SOPS_WRITE_H
#define BULLA_FOREIGN_SOPS_WRITE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/kv.h"
#include "keys/age.h"

struct err;

struct sops_secret {
	const char *name, *namespace, *type;
	const struct kv *labels, *annotations, *data;
};

struct sops_write {
	const struct sops_secret *secrets; /* one YAML document each, in this order */
	size_t n;
	const struct age_recipient *recipients;
	size_t n_recipients;
	int64_t now;
};

/*
 * Append the file.  Only the values of data are encrypted (encrypted_regex), with one new data key
 * for all; the MAC covers everything.  ERR_RECIPIENT: nobody; ERR_INVALID: past out's max.
 */
int sops_write(const struct sops_write *w, struct buf *out, struct err *err);

#endif
